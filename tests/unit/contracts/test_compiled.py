# SPDX-License-Identifier: Apache-2.0
"""What is kept of a compilation stands for all of its source."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.support import compiler


def test_a_contract_for_tests_is_compiled_anew_when_a_module_it_imports_changes(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(compiler, "CONTRACTS", tmp_path)
    module = tmp_path / "modules" / "vectors.vy"
    module.parent.mkdir()
    probe = compiler.ROOT / "tests" / "support" / "contracts" / "VectorsProbe.vy"
    kept = set()
    for source in ("# one\n", "# another\n"):
        module.write_text(source)
        kept.add(compiler._fingerprint(probe))
    assert len(kept) == 2
