# SPDX-License-Identifier: Apache-2.0
"""`infold market add`, `govern`, `halt` and `resume`, as those who govern run them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.office import KEYS, MARKET, SOURCE, Console

from infold.cli.layout import clock
from infold.errors import Unavailable
from infold.shell.chain import Rpc
from infold.shell.governing import setters
from infold.signing import address_of, checksum_address
from infold.units import WINDOW_MS
from infold.utc import moment
from infold.words import unpack_limits

pytestmark = pytest.mark.devnet

DELAY_S, LIFE_S, REST_S = 8 * 86_400, 7 * 86_400, 14 * 86_400
OTHER, ZERO = "0x" + "ab" * 20, "0x" + "00" * 20
AT_ONCE = [
    "guardian " + OTHER,
    "matcher " + OTHER,
    f"attester {OTHER} true",
    "attester_threshold 0",
    f"oracle_signer {OTHER} true",
    "oracle_threshold 1",
    f"price_source 1 {SOURCE} 500 3600 false",
    f"uptime {ZERO} 0",
]
"""A change by each setter of Governance that takes plain arguments."""


# -- at once -----------------------------------------------------------------


def test_the_deployer_of_an_open_venue_lists_a_market_at_once(open_console: Console) -> None:
    office = open_console.office
    code, made, _ = open_console.run("deployer", "market", "add", office.market_file(fee_e6=77))
    assert (code, made["state"], made["ready_s"]) == (0, "made", 0)
    assert "MarketSet" in made["events"]
    assert office.fee_e6(3) == 77
    code, _, said = open_console.run("deployer", "market", "add", office.market_file(fee_e6=78))
    assert code == 7 and "change pending" in said and "18 s" in said
    office.travel(60)
    assert "made" in open_console.page("deployer", "market", "add", office.market_file(fee_e6=78))
    assert office.fee_e6(3) == 78


def test_caps_that_no_capital_suits_are_set_and_said(open_console: Console) -> None:
    """With all other markets' caps at the last prices; one nobody priced needs `--price`."""
    add = ("market", "add", open_console.office.market_file())
    code, made, said = open_console.run("deployer", *add)
    assert code == 0 and said == "" and made["day_bound"]["unpriced"] == [1, 2, 3]
    open_console.office.travel(60)
    code, made, said = open_console.run("deployer", *add, "--price", "2500")
    assert code == 0 and made["state"] == "made"
    assert "these caps suit a pool of $4" in said and "it has $0.00" in said
    assert made["day_bound"]["share"] is None and not made["day_bound"]["held"]
    assert open_console.run("deployer", *add, "--price", "dear")[0] == 5


def test_a_market_beyond_a_bound_is_refused_by_its_name(open_console: Console) -> None:
    file = open_console.office.market_file(fee_e6=10_001)
    code, _, said = open_console.run("deployer", "market", "add", file)
    assert code == 7 and "governance: fee out of range" in said


def test_a_market_file_with_a_slip_is_named(open_console: Console, tmp_path: Path) -> None:
    file = tmp_path / "market.toml"
    for text in (MARKET + "feee = 1\n", "id = 3\n", "id = \n"):
        file.write_text(text)
        code, _, said = open_console.run("deployer", "market", "add", str(file))
        assert code == 3 and "market.toml" in said
    assert open_console.run("deployer", "market", "add", str(tmp_path / "none.toml"))[0] == 3


def test_keys_and_thresholds_are_set_by_name(open_console: Console) -> None:
    code, made, _ = open_console.run("deployer", "govern", "guardian", OTHER)
    assert (code, made["state"], made["change"]) == (0, "made", "set_guardian")
    guardian = open_console.office.venue["Governance"].call("guardian")
    assert guardian.lower() == OTHER
    assert open_console.run("deployer", "govern", "attester", OTHER, "true")[0] == 0
    assert open_console.run("deployer", "govern", "oracle_threshold", "3")[0] == 0


def test_the_venues_own_money_is_moved_by_name(open_console: Console) -> None:
    code, made, _ = open_console.run("deployer", "govern", "spend", "2", "0")
    assert (code, made["state"], made["change"]) == (0, "made", "spend")
    code, _, said = open_console.run("deployer", "govern", "withdraw_backstop", "1")
    assert code == 7 and "clearing: not enough collateral" in said


@pytest.mark.parametrize("change", AT_ONCE)
def test_what_acts_at_once_says_where_it_stands_when_asked_again(
    open_console: Console, change: str
) -> None:
    """By any key, and with --execute, as a change that waits is asked for."""
    govern = ("govern", *change.split())
    code, made, _ = open_console.run("deployer", *govern)
    assert (code, made["state"]) == (0, "made")
    assert made["at_once"] and not made["sealed"]
    for who, more in (("deployer", ()), ("owner", ()), ("guardian", ("--execute",))):
        code, stands, _ = open_console.run(who, *govern, *more)
        assert (code, stands["state"], stands["events"]) == (0, "made", [])
        assert stands["made_earlier"] and stands["at_once"]
    assert "not sealed: acts at once, no delay" in open_console.page("owner", *govern)
    code, _, said = open_console.run("owner", *govern, "--cancel")
    assert code == 3 and "without --cancel to see where it stands" in said


def test_every_setter_that_acts_at_once_is_tried(open_console: Console) -> None:
    known = setters(open_console.office.venue)
    own = {name for name, one in known.items() if one.function.startswith("set_")}
    own -= {name for name, one in known.items() if one.contract != "Governance"}
    assert own == {change.split()[0] for change in AT_ONCE}


def test_a_market_that_was_set_at_once_is_told_too(open_console: Console) -> None:
    add = ("market", "add", open_console.office.market_file(fee_e6=77))
    assert open_console.run("deployer", *add)[1]["events"] != []
    code, stands, _ = open_console.run("guardian", *add)
    assert (code, stands["state"], stands["made_earlier"]) == (0, "made", True)


def test_what_is_set_once_more_at_once_is_asked_for(open_console: Console) -> None:
    guardian = ("govern", "guardian", OTHER)
    open_console.run("deployer", *guardian)
    code, again, _ = open_console.run("deployer", *guardian, "--again")
    assert (code, again["events"]) == (0, ["GuardianSet"])


def test_a_second_change_says_when_it_may_be_made(open_console: Console) -> None:
    open_console.run("deployer", "govern", "matcher", OTHER)
    seals = open_console.office.venue["Seals"]
    free_ms = (seals.call("matcher_words", 0) >> 160) + WINDOW_MS
    other = ("govern", "matcher", OTHER.replace("a", "c"))
    code, _, said = open_console.run("deployer", *other)
    assert code == 7 and "seals: change pending; try again" in said
    assert f"after {moment(free_ms)}" in said
    open_console.office.travel(20)
    assert open_console.run("deployer", *other)[1]["state"] == "made"


def test_who_may_not_make_a_change_at_once_is_told_who_may(open_console: Console) -> None:
    deployer = checksum_address(address_of(KEYS["deployer"]))
    for more, wanted in (((), 7), (("--execute",), 3)):
        code, _, said = open_console.run("guardian", "govern", "matcher", OTHER, *more)
        assert code == wanted and f"its deployer's key, {deployer}, which makes it at once" in said
    code, waits, _ = open_console.run("owner", "govern", "matcher", OTHER)
    assert (code, waits["state"], waits["at_once"]) == (0, "waiting", False)
    assert "deployer's key makes this at once" in open_console.page(
        "guardian", "govern", "matcher", OTHER
    )


def test_the_vault_and_the_bond_obey_the_timelock_alone(open_console: Console) -> None:
    for change in ("outflow 100000 1000000000000 10000000000", "bond_terms 2000000 864000"):
        code, waits, _ = open_console.run("owner", "govern", *change.split())
        assert (code, waits["state"], waits["sealed"]) == (0, "waiting", False)
        page = open_console.page("guardian", "govern", *change.split())
        assert "obeys the timelock alone: this waits all the same" in page


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("king", OTHER), "nothing sets king"),
        (("market", OTHER), "nothing sets market"),
        (("matcher",), "takes matcher (address)"),
        (("matcher", "0x12"), "matcher is no address: '0x12'; give 0x and 40 hex digits"),
        (("matcher", "0x" + "zz" * 20), "matcher is no address"),
        (("attester", OTHER, "yes"), "live is no bool: 'yes'; give true or false"),
        (("oracle_threshold", "1_0"), "threshold is no uint256"),
    ],
)
def test_what_cannot_be_set_is_named(
    open_console: Console, arguments: tuple[str, ...], said: str
) -> None:
    code, _, heard = open_console.run("deployer", "govern", *arguments)
    assert code == 3 and said in heard


# -- behind the timelock -----------------------------------------------------


def test_a_sealed_venue_schedules_waits_and_lets_anyone_execute(console: Console) -> None:
    office, add = console.office, ("market", "add", console.office.market_file(fee_e6=77))
    code, scheduled, _ = console.run("owner", *add)
    assert (code, scheduled["state"]) == (0, "waiting")
    identity = bytes.fromhex(scheduled["operation"][2:])
    ready_s = office.venue["Timelock"].call("get_timestamp", identity)
    assert scheduled["ready_s"] == ready_s
    assert console.run("owner", *add)[1] == {**scheduled, "events": []}, "asked again: it waits"
    assert "--execute it from" in console.page("owner", *add)
    code, _, said = console.run("guardian", *add, "--execute")
    assert code == 3 and f"waits until {clock(ready_s * 1000)[:19]} UTC" in said

    office.travel(DELAY_S)
    assert "due" in console.page("guardian", *add)
    code, made, _ = console.run("guardian", *add, "--execute")
    assert (code, made["state"]) == (0, "made")
    assert office.fee_e6(3) == 77
    office.travel(60)
    for who in ("owner", "guardian"):  # asked where it stands, it schedules nothing
        code, stands, _ = console.run(who, *add)
        assert (code, stands["state"], stands["events"]) == (0, "made", [])
        assert stands["made_earlier"] and stands["operation"] == scheduled["operation"]
    assert "made earlier" in console.page("owner", *add)
    code, _, said = console.run("guardian", *add, "--execute")
    assert code == 3 and "with --again" in said
    code, again, _ = console.run("owner", *add, "--again")
    assert again["state"] == "waiting" and again["operation"] != scheduled["operation"]
    assert console.run("owner", *add)[1]["operation"] == again["operation"]


def test_a_bound_is_told_before_the_delay_and_nothing_is_scheduled(console: Console) -> None:
    add = ("market", "add", console.office.market_file(fee_e6=10_001))
    code, _, said = console.run("owner", *add)
    assert code == 7 and "governance: fee out of range" in said
    code, _, said = console.run("owner", *add, "--execute")
    assert code == 3 and "is not scheduled" in said


def test_a_bound_is_told_by_a_node_that_stamps_no_other_block(
    console: Console, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = Rpc.call

    def call(rpc: Rpc, method: str, *params: Any) -> Any:
        if method == "eth_call" and len(params) > 2:
            raise Unavailable("node refused eth_call: too many arguments")
        return asked(rpc, method, *params)

    monkeypatch.setattr(Rpc, "call", call)
    add = ("market", "add", console.office.market_file(fee_e6=10_001))
    code, _, said = console.run("owner", *add)
    assert code == 7 and "governance: fee out of range" in said
    add = ("market", "add", console.office.market_file(fee_e6=77))
    assert console.run("owner", *add)[1]["state"] == "waiting"


def test_only_a_proposer_schedules(console: Console) -> None:
    for who in ("deployer", "guardian"):
        code, _, said = console.run(who, "govern", "matcher", OTHER)
        assert code == 7 and "proposer's key" in said


def test_what_waits_may_be_taken_back(console: Console) -> None:
    change = ("govern", "matcher", OTHER)
    code, _, said = console.run("owner", *change, "--cancel")
    assert code == 3 and "nothing to cancel" in said
    console.run("owner", *change)
    assert console.run("guardian", *change, "--cancel")[0] == 7
    code, cancelled, _ = console.run("owner", *change, "--cancel")
    assert (code, cancelled["state"]) == (0, "cancelled")
    assert console.run("owner", *change, "--execute")[0] == 3


def test_what_passed_its_time_is_cancelled_and_scheduled_anew(console: Console) -> None:
    change = ("govern", "matcher", OTHER)
    console.run("owner", *change)
    console.office.travel(DELAY_S + LIFE_S + 1)
    code, _, said = console.run("owner", *change, "--execute")
    assert code == 3 and "--cancel it" in said
    assert console.run("owner", *change, "--cancel")[1]["state"] == "cancelled"
    assert console.run("owner", *change)[1]["state"] == "waiting"


def test_a_change_that_waits_may_follow_one_that_was_just_made(console: Console) -> None:
    """By when it is due, the one before is long in force."""
    for key in (OTHER, OTHER.replace("a", "c")):
        console.run("owner", "govern", "matcher", key)
    console.office.travel(DELAY_S)
    assert console.run("owner", "govern", "matcher", OTHER, "--execute")[1]["state"] == "made"
    third = ("govern", "matcher", OTHER.replace("a", "d"))
    assert console.run("owner", *third)[1]["state"] == "waiting"
    second = ("govern", "matcher", OTHER.replace("a", "c"), "--execute")
    code, _, said = console.run("owner", *second)
    assert code == 7 and "seals: change pending; try again" in said and " UTC" in said


def test_parts_are_proposed_before_they_are_replaced(console: Console) -> None:
    """The replacement is scheduled beforehand, and says from when the vault obeys it."""
    vault, book = console.office.venue["Vault"], console.office.venue.book
    parts = ["0x" + book.address(name).hex() for name in ("Clearing", "Recovery")]
    replace_parts = ("govern", "replace_parts", *parts)
    code, _, said = console.run("owner", *replace_parts)
    assert code == 7 and "vault: nothing proposed; `infold govern propose_parts` comes" in said
    propose_parts = ("govern", "propose_parts", *parts)
    console.run("owner", *propose_parts)
    console.office.travel(DELAY_S)
    assert console.run("owner", *propose_parts, "--execute")[1]["state"] == "made"
    assert console.run("owner", *replace_parts)[1]["state"] == "waiting"
    console.office.travel(DELAY_S)
    code, _, said = console.run("owner", *replace_parts, "--execute")
    from_ms = vault.call("replaced_from_s") * 1000
    assert code == 7 and "Vault.replace_parts reverted: vault: too early" in said
    assert f"after {moment(from_ms)}" in said
    console.office.travel(REST_S - DELAY_S)
    assert console.run("owner", *replace_parts, "--execute")[1]["state"] == "made"
    assert vault.call("replaced_from_s") == 0


# -- halts -------------------------------------------------------------------


def test_the_guardian_halts_and_resumes(console: Console) -> None:
    clearing = console.office.venue["Clearing"]
    for who in ("owner", "deployer"):
        code, _, said = console.run(who, "halt")
        assert code == 7 and "guardian's key" in said
    code, told, _ = console.run("guardian", "halt", "--duration-s", "3600")
    limits = unpack_limits(clearing.call("limits"))
    assert code == 0 and told["until_ms"] - told["from_ms"] == 3_597_000
    assert (limits.halted_from_ms, limits.halted_until_ms) == (told["from_ms"], told["until_ms"])
    console.office.travel(60)
    code, ended, _ = console.run("guardian", "resume")
    assert code == 0 and told["from_ms"] < ended["until_ms"] < told["until_ms"]
    console.office.travel(60)
    code, _, said = console.run("guardian", "resume")
    assert code == 7 and "nothing: markets are open" in said
    code, _, said = console.run("guardian", "halt")
    free_ms = (console.office.venue["Governance"].call("halted_until_s") + REST_S) * 1000
    assert code == 7 and "14 days" in said and f"after {moment(free_ms)}" in said
    console.office.travel(REST_S)
    assert "markets shrink only" in console.page("guardian", "halt")


def test_a_halt_is_a_minute_to_72_hours(console: Console) -> None:
    for duration_s in ("59", "259201"):
        assert console.run("guardian", "halt", "--duration-s", duration_s)[0] == 2
