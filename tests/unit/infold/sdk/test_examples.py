# SPDX-License-Identifier: Apache-2.0
"""The examples tell their user what is wrong in words: no traceback for a wrong path."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[4] / "examples").glob("*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
@pytest.mark.parametrize(
    ("account", "said"), [("17", "does not exist; give the path"), ("mine", "KEY_FILE")]
)
def test_a_slip_is_told_in_words(
    example: Path, account: str, said: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", [str(example), "http://there", account, str(tmp_path / "no")])
    with pytest.raises(SystemExit, match=said):
        runpy.run_path(str(example), run_name="__main__")
