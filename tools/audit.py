#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What an auditor runs first, in one go and one report; and docs/security.md's table of claims.

    make audit                           every claim's command, to .build/audit/report.md and .json
    python tools/audit.py --only sizes   so many of them
    python tools/audit.py --record       note in tests/claims.toml what was measured, when and where
    python tools/audit.py --write        make the table in docs/security.md anew; run nothing
    python tools/audit.py --sample 60    how many faults the mutants' sample has; 0 for none

Claims and their commands are listed in `tests/claims.toml`. A command that fails does not stop the
others. Each one's whole output is kept beside the report.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import subprocess
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
CLAIMS: Final = ROOT / "tests" / "claims.toml"
PAGE: Final = ROOT / "docs" / "security.md"
BUILD: Final = ROOT / ".build" / "audit"
BEGIN: Final = "<!-- made by tools/audit.py from tests/claims.toml -->"
END: Final = "<!-- end -->"
MADE: Final = ("ARGS", "MAKEFLAGS", "MAKELEVEL", "MAKEOVERRIDES", "MFLAGS")
"""What `make audit ARGS=...` would hand down to the `make` of a claim."""
WORDS_MAX: Final = 110
"""Of what a command said last, in the report: one line of a table."""


def claims() -> dict[str, dict[str, Any]]:
    """All claims, by name."""
    return tomllib.loads(CLAIMS.read_text("utf-8"))


def table(listed: Mapping[str, Mapping[str, Any]]) -> str:
    """The claims as docs/security.md shows them."""
    lines = ["| claim | rests on | command | last run |", "|---|---|---|---|"]
    for claim in listed.values():
        rests, last = ", ".join(claim["rests"]), claim.get("last", "not recorded")
        lines.append(f"| {claim['claim']} | {rests} | `{claim['command']}` | {last} |")
    return "\n".join(lines)


def page(text: str, listed: Mapping[str, Mapping[str, Any]]) -> str:
    """The page with its table made anew; `ValueError` if it has no place for one."""
    head, found, rest = text.partition(BEGIN)
    _, ended, tail = rest.partition(END)
    if not found or not ended:
        raise ValueError(f"{PAGE.name} has no place for the table: {BEGIN} ... {END}")
    return f"{head}{BEGIN}\n\n{table(listed)}\n\n{END}{tail}"


def run(name: str, command: str) -> dict[str, Any]:
    """One command: how it ended, how long it took, and what it said last."""
    begun = time.monotonic()
    kept = {name: value for name, value in os.environ.items() if name not in MADE}
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=ROOT,
        env=kept | {"PATH": f"{ROOT / '.venv' / 'bin'}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    (BUILD / f"{name}.txt").write_text(done.stdout + done.stderr)
    said = [line.strip(" =") for line in done.stdout.splitlines() if line.strip(" =")]
    said = said or [line.strip() for line in done.stderr.splitlines() if line.strip()]
    return {
        "name": name,
        "command": command,
        "ok": done.returncode == 0,
        "code": done.returncode,
        "seconds": round(time.monotonic() - begun, 1),
        "said": re.sub(r" in \d.*$", "", said[-1])[:WORDS_MAX] if said else "",
    }


def report(results: Sequence[Mapping[str, Any]], commit: str) -> str:
    """The report, for people."""
    failed = [result["name"] for result in results if not result["ok"]]
    lines = [
        "# Audit",
        "",
        f"Commit {commit}; {len(results)} commands, {len(failed)} failed"
        + (f": {', '.join(failed)}." if failed else "."),
        "",
        "| | claim | command | seconds | what it said last |",
        "|---|---|---|---|---|",
    ]
    for result in results:
        mark = "ok" if result["ok"] else f"**failed ({result['code']})**"
        said = result["said"].replace("|", "/")
        lines.append(
            f"| {mark} | {result['name']} | `{result['command']}` | {result['seconds']} | {said} |"
        )
    return "\n".join([*lines, "", "Each command's whole output stands beside this page.", ""])


def noted(text: str, results: Sequence[Mapping[str, Any]], commit: str, day: str) -> str:
    """The list of claims with what was just measured; a claim that failed is not noted."""
    for result in results:
        if not result["ok"]:
            continue
        said = json.dumps(f"{day}, {commit}: {result['said']}")
        pattern = rf"\[{re.escape(result['name'])}\]\n(?:(?!\[|last = ).+\n)*(?:last = .*\n)?"
        if place := re.search(pattern, text):
            entry = re.sub(r"last = .*\n", "", place.group())
            text = f"{text[: place.start()]}{entry}last = {said}\n{text[place.end() :]}"
    return text


def main(arguments: list[str]) -> int:
    """Run what is asked for; 1 if anything failed."""
    parser = argparse.ArgumentParser(description="What an auditor runs first.")
    parser.add_argument("--only", nargs="+", help="the claims to try, by name")
    parser.add_argument("--sample", type=int, default=60, help="mutants to judge at the end")
    parser.add_argument("--record", action="store_true", help="note what was measured")
    parser.add_argument("--write", action="store_true", help="make docs/security.md anew")
    parser.add_argument("--json", action="store_true", help="one JSON object")
    options = parser.parse_args(arguments)
    listed = claims()
    if options.write:
        PAGE.write_text(page(PAGE.read_text("utf-8"), listed), "utf-8")
        return 0
    if unknown := set(options.only or ()) - set(listed):
        parser.error(
            f"no such claim: {', '.join(sorted(unknown))}; {CLAIMS.relative_to(ROOT)} has"
            f" {', '.join(listed)}"
        )
    chosen = {
        name: claim["command"]
        for name, claim in listed.items()
        if (name in options.only if options.only else claim["audit"])
    }
    if options.sample and not options.only:
        chosen["mutants"] = f"python tools/mutants.py --sample {options.sample}"
    commands = {name: claim["command"] for name, claim in listed.items()}  # a sample is no claim's
    BUILD.mkdir(parents=True, exist_ok=True)
    commit = subprocess.run(
        ["git", "rev-parse", "--short=12", "HEAD"],
        cwd=ROOT,
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    results: list[dict[str, Any]] = []
    for name, command in chosen.items():
        print(f"[{len(results) + 1}/{len(chosen)}] {name}: {command}", file=sys.stderr, flush=True)
        results.append(run(name, command))
        mark = "ok" if results[-1]["ok"] else "FAILED"
        line = f"        {mark}, {results[-1]['seconds']} s: {results[-1]['said']}"
        print(line, file=sys.stderr, flush=True)
    ok = all(result["ok"] for result in results)
    document = {"commit": commit, "results": results, "ok": ok}
    (BUILD / "report.json").write_text(json.dumps(document, indent=1) + "\n")
    (BUILD / "report.md").write_text(report(results, commit))
    if options.record:
        day = datetime.now(UTC).date().isoformat()
        whole = [result for result in results if result["command"] == commands[result["name"]]]
        CLAIMS.write_text(noted(CLAIMS.read_text("utf-8"), whole, commit, day), "utf-8")
        PAGE.write_text(page(PAGE.read_text("utf-8"), claims()), "utf-8")
    print(json.dumps(document) if options.json else (BUILD / "report.md").read_text())
    return 0 if ok else 1


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
