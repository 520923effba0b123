# SPDX-License-Identifier: Apache-2.0
"""Each check of the doctor in health and in sickness, and that every failing line has its mend."""

from __future__ import annotations

import platform
import shutil
import sys
from pathlib import Path

import pytest

from infold.cli.findings import doctor
from infold.cli.findings.doctor import Check


def program(folder: Path, name: str, says: str, code: int = 0) -> None:
    """A program on PATH that prints `says` and exits with `code`."""
    path = folder / name
    path.write_text(f"#!{sys.executable}\nprint({says!r})\nraise SystemExit({code})\n")
    path.chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An otherwise empty PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


@pytest.mark.parametrize("says", ["0.4.3", "0.4.3+commit.bff19ea2"])
def test_the_pinned_vyper_passes(path: Path, says: str) -> None:
    program(path, "vyper", says)
    assert doctor.check_vyper().ok


@pytest.mark.parametrize(("says", "code"), [("0.4.30", 0), ("0.3.10", 0), ("0.4.3", 1), ("", 0)])
def test_another_vyper_fails_and_is_named(path: Path, says: str, code: int) -> None:
    program(path, "vyper", says, code)
    check = doctor.check_vyper()
    assert not check.ok and str(path) in check.mend


def test_a_missing_program_sends_the_reader_to_the_set_up(path: Path) -> None:
    for check in (doctor.check_vyper(), doctor.check_anvil()):
        assert not check.ok and "make setup" in check.mend


def test_anvil_is_read_from_its_first_line(path: Path) -> None:
    program(path, "anvil", "anvil Version: 1.7.1\nCommit SHA: 4072e48")
    assert doctor.check_anvil().ok
    program(path, "anvil", "anvil Version: 1.6.0-nightly\nCommit SHA: 1.7.1")
    assert not doctor.check_anvil().ok


def test_an_unsupported_python_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    assert doctor.check_python().ok
    monkeypatch.setattr(platform, "python_version", lambda: "3.13.0")
    check = doctor.check_python()
    assert not check.ok and "3.12" in check.mend


def test_running_outside_the_environment_fails(tmp_path: Path) -> None:
    assert not doctor.check_environment(tmp_path).ok
    (tmp_path / ".venv").symlink_to(sys.prefix)
    assert doctor.check_environment(tmp_path).ok


def tool(root: Path, name: str, says: str, code: int) -> None:
    (root / "tools").mkdir(exist_ok=True)
    (root / "tools" / name).write_text(f"print({says!r})\nraise SystemExit({code})\n")


def test_set_up_and_abi_ask_the_tools_of_the_checkout(tmp_path: Path) -> None:
    tool(tmp_path, "bootstrap.py", "set-up is unfinished: anvil", 1)
    tool(tmp_path, "build_abi.py", "Vault.json is out of date", 1)
    set_up, abi = doctor.check_set_up(tmp_path), doctor.check_abi(tmp_path)
    assert not set_up.ok and "anvil" in set_up.found and set_up.mend == "make setup"
    assert not abi.ok and "Vault.json" in abi.found and "make abi" in abi.mend
    tool(tmp_path, "bootstrap.py", "", 0)
    tool(tmp_path, "build_abi.py", "", 0)
    assert doctor.check_set_up(tmp_path).ok and doctor.check_abi(tmp_path).ok


def test_node_is_only_looked_at_while_the_set_up_is_unfinished(tmp_path: Path, path: Path) -> None:
    tool(tmp_path, "build_abi.py", "", 0)
    for code, wanted in ((0, False), (1, True)):
        tool(tmp_path, "bootstrap.py", "", code)
        names = {check.name for check in doctor.checks(tmp_path, None)}
        assert ("node" in names) is wanted


def test_a_full_disk_fails_sooner_before_the_set_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage._replace(free=2**30))
    assert doctor.check_disk(tmp_path, set_up=True).ok
    assert not doctor.check_disk(tmp_path, set_up=False).ok


def test_data_is_optional_but_must_exist_when_named(tmp_path: Path) -> None:
    assert doctor.check_data(None).note
    assert doctor.check_data(tmp_path).ok
    missing = doctor.check_data(tmp_path / "nothing")
    assert not missing.ok and "INFOLD_DATA" in missing.mend


def test_a_wheel_is_not_asked_for_a_checkout() -> None:
    assert {check.name for check in doctor.checks(None, None)} == {"python", "loopback", "data"}


def test_this_checkout_is_found() -> None:
    assert doctor.checkout() == Path(__file__).resolve().parents[5]


def test_the_report_prints_a_mend_below_each_failing_line() -> None:
    found = [Check("disk", False, "full", "free some"), Check("node", True, "none", note=True)]
    assert doctor.failed(found)
    assert list(doctor.lines(found)) == [
        "FAIL  disk         full",
        "                   mend: free some",
        "ok    node         none",
    ]
    assert not doctor.failed(found[1:])


def test_long_lines_of_the_report_are_folded_under_their_place() -> None:
    from dataclasses import asdict

    found = Check("environment", False, " ".join(["running"] * 20), "mend it")
    lines = doctor.told({"checks": [asdict(found)]})
    assert max(map(len, lines)) <= 100 and lines[0].startswith("FAIL  environment  running")
    assert lines[1].startswith(" " * 19 + "running") and "mend: mend it" in lines[-1]


def test_the_report_as_an_object_has_the_usual_head() -> None:
    report = doctor.examine()
    assert {"command", "version", "seed", "seconds", "ok", "checks"} == set(report)
