#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runtime code size of every deployable contract against its limit.

python tools/sizes.py            a table, and how much the fullest has left
python tools/sizes.py --check    prints only what is too large; exit 1 if anything is
python tools/sizes.py --json     {"Clearing": {"bytes": n, "limit": n}, ...}

A chain's limit holds for all; `bytes_max` of tests/bench/gas.json may set a lower one: options are
still to come into the one core.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from vyper.exceptions import VyperException

from build_abi import compile_contracts
from compiler import CONTRACTS, ROOT, deployable

CODE_BYTES_MAX = 24_576  # EIP-170: a chain refuses to store more
BUDGET = ROOT / "tests" / "bench" / "gas.json"


def sizes(contracts: Path) -> dict[str, dict[str, int]]:
    """Contract name to its runtime bytes and its limit, test contracts left out."""
    paths = [path for path in deployable(contracts) if path.parent.name != "dev"]
    lower = json.loads(BUDGET.read_text())["bytes_max"]
    return {
        contract.name: {
            "bytes": contract.runtime_bytes,
            "limit": lower.get(contract.name, CODE_BYTES_MAX),
        }
        for contract in compile_contracts(paths, contracts)
    }


def _left(row: dict[str, int]) -> int:
    return row["limit"] - row["bytes"]


def main(arguments: list[str]) -> int:
    """Print; 1 if anything is too large or does not compile."""
    parser = argparse.ArgumentParser(description="Contract sizes against their limits.")
    parser.add_argument("--check", action="store_true", help="print only what is too large")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    try:
        table = sizes(CONTRACTS)
    except VyperException as error:
        print(f"a contract does not compile:\n{error}", file=sys.stderr)
        return 1
    large = {name for name, row in table.items() if row["bytes"] > row["limit"]}
    if options.json:
        print(json.dumps(table))
    else:
        for name, row in table.items():
            if name in large or not options.check:
                mark = "TOO LARGE" if name in large else f"{_left(row):6,} left"
                print(f"{name:12} {row['bytes']:6,} of {row['limit']:6,} bytes  {mark}")
        if not options.check:
            name, row = max(table.items(), key=lambda item: item[1]["bytes"])
            rest = CODE_BYTES_MAX - row["bytes"]
            print(
                f"{len(table)} contracts; the largest, {name}, leaves {rest:,} of a chain's limit"
            )
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
