#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Prove what holds of all inputs, on the bytecode that is deployed (proofs/README.md).

    make prove                               every statement
    python tools/prove.py --match Rounding   the statements of one contract
    python tools/prove.py --json             [{"statement": ..., "holds": true, "seconds": ...}]

Statements are Solidity functions `check_…` under proofs/src; halmos runs each on symbolic inputs
against Vyper bytecode. It needs versions Ape cannot live with, so it has an environment of its own:
`.venv-prove` from requirements/prove.txt and proofs/node_modules from their locks, made on first
use. A statement that is refuted or not decided in time fails.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any, Final

from bootstrap import ROOT, digest_of
from compiler import CONTRACTS, compiler_data

PROOFS: Final = ROOT / "proofs"
ENVIRONMENT: Final = ROOT / ".venv-prove"
DEPLOYED: Final = ("Clearing", "Rules", "Pool", "Delegates", "Seals", "Timelock")
TIMEOUT_S: Final = 60
BY_NUMBERS: Final = ("Rounding", "Shares")
"""Contracts whose statements divide: decided over whole numbers, the others bit by bit."""


def set_up() -> None:
    """The prover's environment, made again when a lock has changed."""
    locks = digest_of(
        ROOT / "requirements" / "prove.txt",
        ROOT / "requirements" / "node.txt",
        PROOFS / "package-lock.json",
    )
    stamp = ENVIRONMENT / "infold-prove"
    if stamp.exists() and stamp.read_text() == locks:
        return
    print("setting the prover up in .venv-prove", file=sys.stderr)
    shutil.rmtree(ENVIRONMENT, ignore_errors=True)
    _run([sys.executable, "-m", "venv", str(ENVIRONMENT)])
    pip = [str(ENVIRONMENT / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check"]
    for lock in ("prove.txt", "node.txt"):
        _run([*pip, "--require-hashes", "--no-deps", "-r", str(ROOT / "requirements" / lock)])
    _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], PROOFS)
    stamp.write_text(locks)


def _run(command: list[str], folder: Path = ROOT) -> None:
    """`SystemExit` with what the program said if it fails."""
    done = subprocess.run(
        command, cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    if done.returncode:
        words = (done.stderr or done.stdout)[-2_000:]
        raise SystemExit(f"{' '.join(command[:3])} … failed:\n{words}")


def _environment() -> dict[str, str]:
    forge = PROOFS / "node_modules" / "@foundry-rs" / "forge-linux-amd64" / "bin"
    path = os.pathsep.join((str(ENVIRONMENT / "bin"), str(forge), os.environ.get("PATH", "")))
    return {**os.environ, "PATH": path, "NODE_PATH": str(PROOFS / "node_modules")}


def write_code() -> None:
    """proofs/src/Code.sol: init code of the probe and the contracts, as this tree compiles it."""
    sources = {"PROBE": PROOFS / "Probe.vy"}
    sources |= {name.upper(): CONTRACTS / f"{name}.vy" for name in DEPLOYED}
    lines = [
        "// SPDX-License-Identifier: AGPL-3.0-only",
        "// Made by tools/prove.py. Do not edit.",
        "pragma solidity 0.8.30;",
        "",
        "library Code {",
    ]
    for name, path in sources.items():
        code = compiler_data(path, CONTRACTS).bytecode.hex()
        lines.append(f'    bytes internal constant {name} = hex"{code}";')
    (PROOFS / "src" / "Code.sol").write_text("\n".join([*lines, "}", ""]))


def contracts() -> list[str]:
    """The contracts that hold statements, by file and place."""
    return [
        name
        for path in sorted((PROOFS / "src").glob("*.t.sol"))
        for name in re.findall(r"^contract (\w+) is Proving", path.read_text(), re.MULTILINE)
    ]


def prove(contract: str) -> list[dict[str, Any]]:
    """Run one contract's statements; `SystemExit` with the prover's words if it found none."""
    with tempfile.TemporaryDirectory() as folder:
        found = Path(folder) / "found.json"
        command = [
            *("halmos", "--root", str(PROOFS), "--contract", contract, "--no-status"),
            *("--storage-layout", "generic", "--solver-timeout-assertion", str(TIMEOUT_S * 1_000)),
            *("--loop", "20", "--json-output", str(found)),
        ]
        if contract in BY_NUMBERS:
            python = ENVIRONMENT / "bin" / "python"
            command += ["--solver-command", f"{python} {PROOFS / 'cvc5_solver.py'}"]
        done = subprocess.run(
            command, cwd=PROOFS, env=_environment(), capture_output=True, text=True, check=False
        )
        if not found.exists():
            raise SystemExit(f"the prover found nothing:\n{(done.stdout + done.stderr)[-3_000:]}")
        results = json.loads(found.read_text())["test_results"]
    return [
        {
            "statement": f"{contract}.{result['name'].split('(')[0].removeprefix('check_')}",
            "holds": result["exitcode"] == 0,
            "paths": result["num_paths"][0],
            "seconds": round(result["time"][0], 2),
        }
        for each in results.values()
        for result in each
    ]


def main(arguments: list[str]) -> int:
    """Prove what is asked for; 1 if a statement was not proven."""
    parser = argparse.ArgumentParser(description="Symbolic proofs on the contracts' bytecode.")
    parser.add_argument("--match", default="", help="only contracts whose name has this in it")
    parser.add_argument("--json", action="store_true", help="one JSON list")
    options = parser.parse_args(arguments)
    set_up()
    write_code()
    results = []
    for contract in (name for name in contracts() if options.match in name):
        for result in prove(contract):
            results.append(result)
            if not options.json:
                verdict = "proven" if result["holds"] else "NOT PROVEN"
                print(
                    f"{verdict:10} {result['statement']:60} {result['paths']:4} paths"
                    f" {result['seconds']:7.2f} s",
                    flush=True,
                )
    proven = sum(result["holds"] for result in results)
    if options.json:
        print(json.dumps(results))
    else:
        print(f"{proven} of {len(results)} statements proven")
    return 0 if results and proven == len(results) else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
