# SPDX-License-Identifier: Apache-2.0
"""The command line as a user meets it: help everywhere, exit codes, one document on stdout."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup

from infold.cli import app as application
from infold.cli.commands.study import overrides
from infold.cli.failures import of_error, tell
from infold.cli.options import defaults_for, settings
from infold.cli.terminal import Exit, exit_code_of, show, show_all
from infold.errors import InvariantBroken, Misconfigured, Rejected, Unavailable, Undecided
from infold.shell.journal import Journal


def commands(group: object, prefix: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    yield prefix
    if isinstance(group, TyperGroup):
        for name, command in group.commands.items():
            yield from commands(command, (*prefix, name))


ALL = sorted(commands(typer.main.get_command(application.app)))
NAMED_IN_THE_README = (
    "demo|calibrate|devnet|deploy|account|deposit|withdraw|"
    "order place|order cancel|order list|order preview|"
    "position|lp deposit|lp redeem|lp show|lp position|refunds show|market list|"
    "replay|reconcile|audit|journal verify|journal replay|"
    "bench gas|bench admission|bench auction|doctor"
)


@pytest.mark.parametrize("command", ALL, ids=" ".join)
def test_every_command_explains_itself_and_cuts_no_name_off(
    command: tuple[str, ...],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 80)
    assert application.run([*command, "--help"]) == Exit.OK
    explained = capsys.readouterr().out
    assert "Usage" in explained and "…" not in explained


@pytest.mark.parametrize("name", NAMED_IN_THE_README.split("|"))
def test_the_promised_commands_exist(name: str) -> None:
    assert tuple(name.split()) in ALL


@pytest.mark.parametrize("command", [(), ("order",), ("order", "place")])
def test_help_is_a_word_too(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    assert application.run(["help", *command]) == Exit.OK
    asked = capsys.readouterr().out
    assert application.run([*command, "--help"]) == Exit.OK
    assert asked == capsys.readouterr().out and "Usage" in asked


def test_the_version_is_printed(capsys: pytest.CaptureFixture[str]) -> None:
    assert application.run(["--version"]) == Exit.OK
    assert capsys.readouterr().out.startswith("infold ")


@pytest.mark.parametrize(
    "arguments",
    [
        ["nonsense"],
        ["demo", "--seed", "x"],
        ["order", "place", "2"],
        ["replay"],
        ["withdraw", "2"],
        ["bench"],
    ],
    ids=" ".join,
)
def test_wrong_usage_leaves_with_2_and_an_empty_stdout(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert application.run(arguments) == Exit.USAGE
    written = capsys.readouterr()
    assert arguments == ["bench"] or (written.out == "" and written.err)


def test_wrong_usage_is_told_in_sentences(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments, said in (
        (["bench"], "no command was named. Add --help"),
        (["order", "cancel", "2"], "with --all. Add --help"),
        (["replay"], "'files'. Add --help"),
        (["order", "place", "2", "-m", "X", "--side", "hold", "--size", "1"], "'buy', 'sell'"),
    ):
        assert application.run(arguments) == Exit.USAGE
        assert said in capsys.readouterr().err


def test_a_negative_number_is_not_called_an_unknown_option(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert application.run(["deposit", "17", "-5"]) == Exit.USAGE
    assert "-5 is read as an option: no number here is below zero. Add --help" in (
        capsys.readouterr().err
    )


def failed(capsys: pytest.CaptureFixture[str]) -> dict[str, object]:
    """The one object of a failure, on the stream that is not data."""
    written = capsys.readouterr()
    assert written.out == ""
    document = json.loads(written.err.splitlines()[-1])
    assert list(document) == ["error"]
    error: dict[str, object] = document["error"]
    assert list(error) == ["exit", "code", "message", "next", "param", "retryable"]
    return error


def test_with_json_a_failure_is_an_object_that_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert application.run(["withdraw", "2", "--json"]) == Exit.USAGE
    usage = failed(capsys)
    assert (usage["exit"], usage["code"], usage["retryable"]) == (2, "USAGE", False)
    assert "add --help" in str(usage["next"])

    assert application.run(["replay", str(tmp_path / "btcusdt.csv"), "--json", "-q"]) == Exit.SETUP
    setup = failed(capsys)
    assert (setup["exit"], setup["code"]) == (3, "SETUP") and "INFOLD_DATA" in str(setup["next"])

    silent = ["market", "list", "--api-url", "http://127.0.0.1:9", "--json"]
    assert application.run(silent) == Exit.UNAVAILABLE
    away = failed(capsys)
    assert (away["exit"], away["code"], away["retryable"]) == (6, "UNAVAILABLE", True)
    assert "infold devnet" in str(away["next"])

    assert application.run([*silent[:-1], "--", "--json"]) == Exit.USAGE
    assert capsys.readouterr().err.startswith("infold: "), "a value is not an option"


def test_a_file_that_asks_for_json_has_failures_as_objects_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    away = ["market", "list", "--api-url", "http://127.0.0.1:9"]
    settings_file = tmp_path / "infold.toml"
    settings_file.write_text("as_json = true\n")
    assert application.run(away) == Exit.UNAVAILABLE
    assert failed(capsys)["code"] == "UNAVAILABLE"
    for slip in (["withdraw", "2"], ["nonsense"]):
        assert application.run(slip) == Exit.USAGE
        assert failed(capsys)["code"] == "USAGE"

    settings_file.write_text("as_json = false\n")
    assert application.run(away) == Exit.UNAVAILABLE
    assert capsys.readouterr().err.startswith("infold: ")
    for odd, said in (("as_json = ", "not readable TOML"), ('as_json = "yes"', "neither true nor")):
        settings_file.write_text(odd)
        assert application.run(away) == Exit.SETUP
        told = capsys.readouterr().err
        assert told.startswith("infold: ") and said in told


def test_what_may_be_made_already_is_not_called_worth_a_retry() -> None:
    assert of_error(Unavailable("the node did not answer")).retryable
    failure = of_error(Undecided("sent as 0x12, not mined; look for it before sending again"))
    assert (failure.exit, failure.retryable) == (Exit.UNAVAILABLE, False)
    assert failure.next == "look for it before sending again"


def test_a_rejection_s_object_has_its_own_code_and_field(
    capsys: pytest.CaptureFixture[str],
) -> None:
    from infold.shell.chain import Reverted

    assert tell(of_error(Rejected("PRICE_TICK", "price", "5 is off")), True) == Exit.REJECTED
    rejected = failed(capsys)
    assert (rejected["code"], rejected["param"]) == ("PRICE_TICK", "price")
    assert (
        rejected["message"] == "PRICE_TICK (price): 5 is off; round the price to the market's tick"
    )
    assert rejected["next"] == "round the price to the market's tick"
    for mend, said in (("", "nothing: the key is one already"), ("do it later", "do it later")):
        refusal = Reverted("signers: already a signer", "eth_call", mend)
        assert tell(of_error(refusal), True) == Exit.REVERTED
        reverted = failed(capsys)
        assert (reverted["code"], reverted["next"]) == ("REVERTED", said)
    assert tell(of_error(Reverted("", "Vault.pull")), True) == Exit.REVERTED
    assert failed(capsys)["next"] is None


def test_a_paragraph_of_help_is_not_broken_where_its_source_is(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("typer.rich_utils.MAX_WIDTH", 400)
    assert application.run(["reconcile", "--help"]) == Exit.OK
    assert "to the last bit, at the block it has seen." in capsys.readouterr().out


def test_missing_data_leaves_with_3_and_says_what_to_do(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert application.run(["replay", str(tmp_path / "btcusdt.csv"), "--json", "-q"]) == Exit.SETUP
    written = capsys.readouterr()
    assert written.out == "" and "no such file" in written.err and "INFOLD_DATA" in written.err


def test_a_venue_that_does_not_answer_leaves_with_6(capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        application.run(["market", "list", "--api-url", "http://127.0.0.1:9", "--json"])
        == Exit.UNAVAILABLE
    )
    written = capsys.readouterr()
    assert written.out == "" and "infold devnet" in written.err


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Rejected("PRICE_TICK", "price"), Exit.REJECTED),
        (Rejected("NOT_THE_SIGNER", "signature"), Exit.SIGNATURE),
        (Misconfigured("x"), Exit.SETUP),
        (Unavailable("x"), Exit.UNAVAILABLE),
        (InvariantBroken("x"), Exit.CHECK_FAILED),
    ],
)
def test_exit_codes_say_whose_turn_it_is(error: Rejected, code: Exit) -> None:
    assert exit_code_of(error) == code


def test_a_revert_leaves_with_7() -> None:
    from infold.shell.chain import Reverted

    assert exit_code_of(Reverted("clearing: withdrawal pending", "x")) == Exit.REVERTED


def test_json_is_one_document_and_a_table_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    show({"a": 1, "b": {"c": "2"}}, True)
    assert json.loads(capsys.readouterr().out) == {"a": 1, "b": {"c": "2"}}
    show({"a": 12345, "b": {"c": 0.5}, "d": [{"e": True}]}, False, "title")
    table = capsys.readouterr().out
    assert "12,345" in table and "b c" in table and "d 1 e" in table


def test_a_journal_is_found_in_the_directory_of_its_run(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Journal(tmp_path / "journal", b"31337:0x") as journal:
        journal.append([b"{}"])
        for place in (tmp_path, tmp_path / "journal"):
            assert application.run(["journal", "verify", str(place), "--json"]) == Exit.OK
            assert json.loads(capsys.readouterr().out)["entries"] == 1
    assert application.run(["journal", "verify", str(tmp_path / "other")]) == Exit.SETUP
    assert "no journal at" in capsys.readouterr().err


def test_a_list_is_an_object_too(capsys: pytest.CaptureFixture[str]) -> None:
    for listed in ([{"slot": 1}], []):
        show_all("order list", "orders", listed, True, "open orders", lambda rows: [])
        found = json.loads(capsys.readouterr().out)
        assert found["orders"] == listed and found["command"] == "order list"


def test_figures_that_are_not_numbers_are_never_printed() -> None:
    with pytest.raises(ValueError, match="Out of range"):
        show({"a": float("nan")}, True)


def test_starting_up_imports_neither_numpy_nor_polars_nor_ape() -> None:
    heavy = ("numpy", "polars", "ape", "numba", "web3")
    check = f"import sys, infold.cli.app; print([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# -- configuration -----------------------------------------------------------


def test_a_setting_is_the_default_of_every_command_that_knows_it() -> None:
    root = typer.main.get_command(application.app)
    assert isinstance(root, TyperGroup)
    defaults = defaults_for(root, {"api_url": "http://x", "seed": 4, "unknown": 1})
    assert defaults["order"]["place"] == {"api_url": "http://x"}
    assert defaults["demo"] == {"seed": 4}


def test_the_nearer_file_wins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "user"))
    (tmp_path / "user" / "infold").mkdir(parents=True)
    (tmp_path / "user" / "infold" / "config.toml").write_text(
        'api_url = "user"\nrpc_url = "user"\n'
    )
    (tmp_path / "pyproject.toml").write_text('[tool.infold]\napi_url = "project"\n')
    assert settings(tmp_path) == {"api_url": "project", "rpc_url": "user"}
    (tmp_path / "infold.toml").write_text('api_url = "local"\n')
    assert settings(tmp_path) == {"api_url": "local", "rpc_url": "user"}


def test_a_key_in_a_configuration_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "infold.toml").write_text('private_key = "0x00"\n')
    with pytest.raises(Misconfigured, match="key_file or keystore"):
        settings(tmp_path)


def test_flag_beats_environment_beats_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "infold.toml").write_text('api_url = "http://127.0.0.1:1/file"\n')
    monkeypatch.chdir(tmp_path)
    for environment, flag, used in (
        ("", [], "file"),
        ("http://127.0.0.1:1/env", [], "env"),
        ("http://127.0.0.1:1/env", ["--api-url", "http://127.0.0.1:1/flag"], "flag"),
    ):
        monkeypatch.setenv("INFOLD_API_URL", environment)
        assert application.run(["market", "list", *flag]) == Exit.UNAVAILABLE
        assert f"/{used}" in capsys.readouterr().err


def test_a_file_named_twice_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert application.run(["replay", "a/x.csv", "b/y.csv", "a/../a/x.csv"]) == Exit.USAGE
    assert "a/../a/x.csv is named twice" in capsys.readouterr().err


def test_market_overrides_name_one_of_the_files() -> None:
    files = [Path("a/x.csv"), Path("b/y.csv")]
    assert overrides(["BTC=x.csv", "ETH=b/y.csv"], files) == {files[0]: "BTC", files[1]: "ETH"}
    for pair in ("BTC", "=x.csv", "BTC=z.csv", "B TC=x.csv"):
        with pytest.raises(typer.BadParameter):
            overrides([pair], files)


def test_a_deposit_of_nothing_is_refused_before_anything_is_asked(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert application.run(["deposit", "17", "0"]) == Exit.USAGE
    assert "a deposit is more than nothing" in capsys.readouterr().err
