#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runtime code size of every deployable contract against its limit.

python tools/sizes.py            a table
python tools/sizes.py --check    prints only what is too large; exit 1 if anything is
python tools/sizes.py --json     {"Clearing": {"bytes": n, "limit": n}, ...}
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from vyper.exceptions import VyperException

from build_abi import compile_contracts
from compiler import CONTRACTS, deployable

CODE_BYTES_MAX = 24_576  # EIP-170: a chain refuses to store more
LIMITS = {
    # Options are still to come into the one core: 1,576 bytes are kept for them.
    "Clearing": 23_000,
}


def sizes(contracts: Path) -> dict[str, dict[str, int]]:
    """Contract name to its runtime bytes and its limit, test contracts left out."""
    paths = [path for path in deployable(contracts) if path.parent == contracts]
    return {
        contract.name: {
            "bytes": contract.runtime_bytes,
            "limit": LIMITS.get(contract.name, CODE_BYTES_MAX),
        }
        for contract in compile_contracts(paths, contracts)
    }


def main(arguments: list[str]) -> int:
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
                mark = "  TOO LARGE" if name in large else ""
                print(f"{name:12} {row['bytes']:6,} of {row['limit']:6,} bytes{mark}")
    return 1 if large else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
