# SPDX-License-Identifier: Apache-2.0
"""`infold govern` tells made what is made, and nothing else."""

from __future__ import annotations

import pytest
from tests.support.office import SOURCE, Console

pytestmark = pytest.mark.devnet

DELAY_S = 8 * 86_400
OTHER, ZERO = "0x" + "ab" * 20, "0x" + "00" * 20


@pytest.mark.parametrize(
    ("change", "refusal"),
    [
        (f"oracle_signer {OTHER} false", "signers: not a signer; nothing to retire"),
        (f"attester {OTHER} false", "signers: not a signer; nothing to retire"),
        (f"price_source 1 {ZERO} 0 0 false", "oracle: no source; nothing to take away"),
        (f"price_source 250 {ZERO} 0 0 false", "oracle: market out of range"),
        ("oracle_threshold 300", "governance: threshold out of range"),
    ],
)
def test_nothing_is_taken_away_that_never_was(
    open_console: Console, change: str, refusal: str
) -> None:
    """A mistyped key of a signer must not be told retired."""
    for who in ("deployer", "owner"):
        code, _, said = open_console.run(who, "govern", *change.split())
        assert code == 7 and refusal in said
    code, _, said = open_console.run("guardian", "govern", *change.split(), "--execute")
    assert code == 3 and "is not scheduled" in said


def test_what_was_taken_away_is_told_so(open_console: Console) -> None:
    for given, away in (
        (f"attester {OTHER} true", f"attester {OTHER} false"),
        (f"price_source 1 {SOURCE} 500 3600 false", f"price_source 1 {ZERO} 0 0 false"),
    ):
        open_console.run("deployer", "govern", *given.split())
        open_console.office.travel(60)
        assert open_console.run("deployer", "govern", *away.split())[1]["events"]
        code, gone, _ = open_console.run("deployer", "govern", *away.split())
        assert (code, gone["made_earlier"], gone["events"]) == (0, True, [])


def test_what_waits_and_was_made_at_once_meanwhile_is_not_made_again(open_console: Console) -> None:
    govern = ("govern", "oracle_threshold", "1")
    assert open_console.run("owner", *govern)[1]["state"] == "waiting"
    assert open_console.run("deployer", *govern)[1]["events"] == ["ThresholdSet"]
    open_console.office.travel(60)
    code, stands, _ = open_console.run("deployer", *govern)
    assert (code, stands["state"], stands["events"]) == (0, "made", [])
    assert stands["made_earlier"] and stands["at_once"]
    assert open_console.run("owner", *govern)[1]["state"] == "waiting", "its own still waits"
    assert open_console.run("deployer", *govern, "--again")[1]["events"] == ["ThresholdSet"]


def make(console: Console, *govern: str) -> None:
    """Make a change through the timelock, and wait until it is in force."""
    assert console.run("owner", *govern)[1]["state"] == "waiting"
    console.office.travel(DELAY_S)
    assert console.run("guardian", *govern, "--execute")[1]["state"] == "made"
    console.office.travel(60)


@pytest.mark.parametrize(
    ("change", "undone"),
    [
        (f"oracle_signer {OTHER} true", f"oracle_signer {OTHER} false"),
        ("oracle_threshold 3", "oracle_threshold 1"),
        ("outflow 100000 1000000000000 10000000000", "outflow 50000 100000000000 10000000000"),
        ("bond_terms 2000000 864000", "bond_terms 1000000 864000"),
    ],
)
def test_what_was_made_and_undone_is_not_told_made(
    console: Console, change: str, undone: str
) -> None:
    """A stolen key that serves again must not be told retired."""
    there, back = ("govern", *change.split()), ("govern", *undone.split())
    make(console, *there)
    make(console, *back)
    code, _, said = console.run("guardian", *there, "--execute")
    assert code == 3 and "is not scheduled; run it once without --execute" in said
    make(console, *there)
    assert console.run("owner", *there)[1]["made_earlier"]
    code, waits, _ = console.run("owner", *back)
    assert (code, waits["state"], waits["made_earlier"]) == (0, "waiting", False)


def test_a_proposal_that_stands_again_is_not_told_withdrawn(console: Console) -> None:
    book = console.office.venue.book
    parts = ["0x" + book.address(name).hex() for name in ("Clearing", "Vault")]
    propose, withdraw = ("govern", "propose_parts", *parts), ("govern", "withdraw_parts")
    code, _, said = console.run("owner", *withdraw)
    assert code == 7 and "vault: nothing proposed" in said
    for change in (propose, withdraw, propose):
        make(console, *change)
        assert console.run("owner", *change)[1]["made_earlier"]
    code, waits, _ = console.run("owner", *withdraw)
    assert (code, waits["state"], waits["made_earlier"]) == (0, "waiting", False)


def test_a_payment_of_the_bond_announced_again_is_not_told_given_up(console: Console) -> None:
    announce, give_up = ("bond", "announce", OTHER, "5"), ("bond", "announce", OTHER, "0")
    for change in (announce, give_up):
        make(console, *change)
        assert console.run("owner", *change)[1]["made_earlier"]
    assert console.run("owner", *announce, "--again")[1]["state"] == "waiting"
    console.office.travel(DELAY_S)
    console.run("guardian", *announce, "--execute")
    code, waits, _ = console.run("owner", *give_up)
    assert (code, waits["state"], waits["made_earlier"]) == (0, "waiting", False)
