# SPDX-License-Identifier: Apache-2.0
"""A place a command cannot write to is refused in one line, and before the work."""

from __future__ import annotations

from pathlib import Path

import pytest

from infold.cli import app as application
from infold.cli.outputs import must_be_new_directory, must_be_writable, write_output
from infold.cli.terminal import Exit
from infold.errors import Misconfigured


def a_directory(path: Path) -> Path:
    path.mkdir()
    return path


@pytest.mark.parametrize("report", ["best-execution", "pnl", "oracle", "risk"])
def test_a_report_refuses_an_unwritable_page_before_it_reads_the_journal(
    report: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "nowhere" / "page.html"
    assert application.run(["report", report, str(tmp_path), "--html", str(place)]) == Exit.SETUP
    said = capsys.readouterr().err
    assert f"{place} cannot be written" in said and "--html" in said


@pytest.mark.parametrize("name", ["demo", "replay"])
def test_a_run_refuses_an_unwritable_picture_before_it_begins(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    arguments = [name, "-q", *(["missing.csv"] if name == "replay" else [])]
    assert application.run([*arguments, "--html", str(tmp_path)]) == Exit.SETUP
    assert "it is a directory" in capsys.readouterr().err
    used = tmp_path / "used"
    used.write_text("")
    assert application.run([*arguments, "--keep", str(used)]) == Exit.SETUP
    assert f"{used} is a file; name a new directory with --keep" in capsys.readouterr().err


def test_calibrate_refuses_an_unwritable_file_of_parameters(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "nowhere" / "parameters.json"
    assert application.run(["calibrate", "-q", "missing.csv", "--out", str(place)]) == Exit.SETUP
    said = capsys.readouterr().err
    assert f"there is no directory {place.parent}" in said and "--out" in said


def test_a_directory_to_keep_files_in_is_new_and_lies_on_no_file(tmp_path: Path) -> None:
    must_be_new_directory(None, "--keep")
    must_be_new_directory(tmp_path / "new" / "deep", "--keep")
    must_be_new_directory(a_directory(tmp_path / "empty"), "--keep")
    with pytest.raises(Misconfigured, match="is not empty; name a new directory with --keep"):
        must_be_new_directory(tmp_path, "--keep")
    file = tmp_path / "file"
    file.write_text("")
    with pytest.raises(Misconfigured, match="is a file"):
        must_be_new_directory(file / "within", "--keep")


def test_what_the_disk_refuses_in_the_end_is_told_too(tmp_path: Path) -> None:
    place = tmp_path / "page.html"
    must_be_writable(place, "--html")
    write_output(place, "é", "--html")
    assert place.read_text(encoding="utf-8") == "é"
    with pytest.raises(Misconfigured, match=r"Is a directory.*--html"):
        write_output(tmp_path, b"", "--html")
