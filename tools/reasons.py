#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Which test trips which reason: every assert of a contract has words, and every word a test.

    python tools/reasons.py            where each stands, and the first test that met it
    python tools/reasons.py --json     {"clearing: no price": {"at": [...], "test": "..."}, ...}

Reads the reasons from the contracts' syntax trees, runs the tests of the contracts, and notes what
their calls were refused with. A reason nobody met fails, and so does an assert without one.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Generator
from contextlib import redirect_stdout
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "offchain")]

import pytest  # noqa: E402
import vyper.ast as vy_ast  # noqa: E402
from tests.support import evm  # noqa: E402

CONTRACTS: Final = ROOT / "contracts"
TESTS: Final = ("tests/unit/contracts", "tests/attacks")
NO_REASON: Final = "(no reason)"


def reasons() -> dict[str, list[str]]:
    """Where each reason stands, as `file:line`; asserts without one under `NO_REASON`."""
    found: dict[str, list[str]] = {}
    for path in sorted(CONTRACTS.rglob("*.vy")):
        if "dev" in path.parts:
            continue
        for node in vy_ast.parse_to_ast(path.read_text()).get_descendants(vy_ast.Assert):
            words = node.msg.value if isinstance(node.msg, vy_ast.Str) else NO_REASON
            found.setdefault(words, []).append(f"{path.relative_to(CONTRACTS)}:{node.lineno}")
    return found


class _Watch:
    """Notes the test in which a reason was met first."""

    def __init__(self) -> None:
        self.tests: dict[str, str] = {}

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Generator[None, None, None]:
        evm.tripped.clear()
        yield
        for reason in evm.tripped:
            self.tests.setdefault(reason, item.nodeid)


def main(arguments: list[str]) -> int:
    """Print the map; 1 if a reason has no test or an assert no reason."""
    parser = argparse.ArgumentParser(description="Which test trips which reason.")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    watch = _Watch()
    given = ["-q", "--no-header", "-p", "no:cacheprovider", *TESTS]
    with redirect_stdout(sys.stderr):  # the map alone is stdout's, whoever reads it
        ended = pytest.ExitCode(pytest.main(given, plugins=[watch]))
    if ended is not pytest.ExitCode.OK:
        how = ended.name.lower().replace("_", " ")
        print(f"{how}: no map of what they trip", file=sys.stderr)
        return 1
    found = reasons()
    missing = [words for words in found if words not in watch.tests]
    if options.json:
        print(
            json.dumps(
                {words: {"at": at, "test": watch.tests.get(words)} for words, at in found.items()}
            )
        )
    else:
        for words, at in sorted(found.items()):
            print(f"{words:48} {', '.join(at):40} {watch.tests.get(words, 'NO TEST')}")
        print(f"{len(found)} reasons, {len(missing)} without a test")
    return 1 if missing else 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
