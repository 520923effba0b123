# SPDX-License-Identifier: Apache-2.0
"""No claim without a command that exists, and the page shows the list as it is."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest
from typer.testing import CliRunner

import audit
from infold.cli.app import app

CLAIMS = audit.claims()
MAKEFILE = (audit.ROOT / "Makefile").read_text()
TARGETS = set(re.findall(r"^([a-z]+):", MAKEFILE, re.MULTILINE))
INVARIANTS = (audit.ROOT / "docs" / "invariants.md").read_text()


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claims_command_exists(name: str) -> None:
    program, *rest = shlex.split(CLAIMS[name]["command"])
    if program == "make":
        assert rest[0] in TARGETS
    elif program == "infold":
        assert CliRunner().invoke(app, [*rest, "--help"]).exit_code == 0
    else:
        assert program in ("pytest", "python")
        paths = [word for word in rest if not word.startswith("-")]
        assert paths and all((audit.ROOT / path).exists() for path in paths)


@pytest.mark.parametrize("name", CLAIMS)
def test_a_claim_rests_on_invariants_that_are_listed(name: str) -> None:
    assert CLAIMS[name]["rests"]
    for mark in CLAIMS[name]["rests"]:
        assert f"\n| {mark} |" in INVARIANTS


def test_the_page_shows_the_list() -> None:
    text = audit.PAGE.read_text("utf-8")
    assert audit.page(text, CLAIMS) == text, "python tools/audit.py --write"


def test_a_page_without_a_place_for_the_table_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        audit.page("# Security\n", CLAIMS)


def test_a_claim_that_is_none_is_told_with_those_there_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit, match="2"):
        audit.main(["--only", "sizes", "lint"])
    said = capsys.readouterr().err
    assert "no such claim: lint; tests/claims.toml has no-robbery, attacks" in said


def test_the_example_in_the_list_of_targets_names_claims() -> None:
    (shown,) = re.findall(r'^audit: .*ARGS="--only ([^"]+)"', MAKEFILE, re.MULTILINE)
    assert set(shown.split()) <= set(CLAIMS)


def test_what_was_measured_is_noted_once_and_a_failure_never() -> None:
    text = '[one]\nclaim = "a"\naudit = true\n\n[two]\nclaim = "b"\n'
    good = [{"name": "one", "ok": True, "said": "5 passed"}]
    for result in ([*good, {"name": "two", "ok": False, "said": "1 failed"}], good):
        text = audit.noted(text, result, "abc", "2026-01-02")
    read = tomllib.loads(text)
    assert read["one"]["last"] == "2026-01-02, abc: 5 passed"
    assert "last" not in read["two"]
    assert text.count("last = ") == 1


def test_the_report_counts_what_failed() -> None:
    rows = [
        {"name": "one", "command": "make one", "ok": True, "code": 0, "seconds": 1, "said": "a|b"},
        {"name": "two", "command": "make two", "ok": False, "code": 2, "seconds": 1, "said": ""},
    ]
    written = audit.report(rows, "abc")
    assert "2 commands, 1 failed: two." in written
    assert "| ok | one | `make one` | 1 | a/b |" in written
    assert "**failed (2)**" in written


def test_arguments_of_the_audit_are_not_its_claims(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(audit, "BUILD", tmp_path)
    monkeypatch.setenv("ARGS", "--record")
    monkeypatch.setenv("MAKEFLAGS", " -- ARGS=--record")
    assert audit.run("echo", 'echo "<$ARGS$MAKEFLAGS>"')["said"] == "<>"
