# SPDX-License-Identifier: Apache-2.0
"""`infold keeper` beside a venue whose prices fall: it finds who broke, is paid, stops there."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.support.keeping import DOLLAR, KEEPER, POOR, RICH, Scene, keeping

from infold.cli import app, onchain
from infold.cli.terminal import Exit
from infold.shell.chain import block
from infold.shell.deploy import MarketPlan
from infold.shell.devnet_config import default_market
from infold.units import INSURANCE_ACCOUNT, TREASURY_ACCOUNT

pytestmark = pytest.mark.devnet


def a_market_with_room_for(size_e8: int) -> MarketPlan:
    """The BTC market, of which the pool holds no more than this."""
    plan = default_market(1, "BTC-USD", 60_000.0)
    caps = plan.caps._replace(position_cap_e8=size_e8, residual_cap_e8=size_e8)
    return replace(plan, caps=caps)


@pytest.fixture
def scene(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    request: pytest.FixtureRequest,
) -> Iterator[Scene]:
    terms = getattr(request, "param", {})
    with keeping(tmp_path / "key", capsys, monkeypatch, **terms) as scene:
        yield scene


def test_the_keeper_leaves_who_is_well_alone_and_liquidates_who_is_not(scene: Scene) -> None:
    poor, keeper = scene.account(POOR), scene.account(KEEPER)
    code, found, err = scene.keep("--account", str(keeper))
    assert code == 0 and found["ok"] and found["holders"] >= 2, err
    assert found["fresh"] and found["broken"] == 0 == len(found["liquidations"])

    scene.prices[1] = scene.prices[1] * 96 // 100
    scene.step()
    code, found, err = scene.keep("--account", "999")
    (refused,) = found["refused"]
    assert code == Exit.REVERTED and not found["ok"] and found["liquidations"] == []
    assert (refused["account"], refused["market"], refused["reason"]) == (
        poor,
        "BTC-USD",
        "clearing: unknown account",
    )
    assert f"for account {poor} in BTC-USD reverted" in json.loads(err)["error"]["message"]
    code, found, _ = scene.keep("--account", str(keeper))
    assert code == 0 and found["broken"] == 1
    (done,) = found["liquidations"]
    assert (done["account"], done["market"], done["index"]) == (poor, "BTC-USD", 0)
    assert done["debt_e6"] == "0"
    assert 0 < int(done["size_e8"]) < 10**8
    assert scene.base(poor) == 10**8 - int(done["size_e8"])
    assert scene.cash(keeper) == 10 * DOLLAR + int(done["earned_e6"]) > 10 * DOLLAR
    code, found, _ = scene.keep()
    assert code == 0 and found["broken"] == 0, "it is a quarter above maintenance now"

    scene.step()
    assert scene.venue.node.reconcile().report() == []


def test_fees_go_to_insurance_and_treasury_once_there_are_enough(scene: Scene) -> None:
    """It pays the keeper nothing, whoever names an account too."""
    keeper = scene.account(KEEPER)
    code, found, err = scene.keep("--fees-least", "1000")
    assert code == 0 and found["fees_collected"] == [], err
    assert scene.cash(INSURANCE_ACCOUNT) == 0 == scene.cash(TREASURY_ACCOUNT)

    code, found, err = scene.keep("--account", str(keeper))
    (collected,) = found["fees_collected"]
    assert code == 0 and found["ok"] and collected["market"] == "BTC-USD", err
    parts = int(collected["insurance_e6"]), int(collected["treasury_e6"])
    assert parts == (scene.cash(INSURANCE_ACCOUNT), scene.cash(TREASURY_ACCOUNT))
    assert sum(parts) == int(collected["fees_e6"]) > 10 * DOLLAR and min(parts) > DOLLAR
    assert scene.cash(keeper) == 10 * DOLLAR
    assert scene.keep("--fees-least", "0")[1]["fees_collected"] == []

    scene.step()
    assert scene.venue.node.reconcile().report() == []
    assert app.run(["audit", "--rpc", scene.venue.devnet.rpc.url, "--json"]) == 0


def test_E07_a_debt_is_the_other_sides_first_and_an_old_vector_moves_nobody(scene: Scene) -> None:
    scene.prices[1] = scene.prices[1] * 90 // 100
    scene.step()
    stale_ms = scene.time_ms + 20_000
    scene.venue.devnet.mine(stale_ms)
    code, found, _ = scene.keep()
    assert code == 0 and not found["fresh"] and found["liquidations"] == []

    scene.step()
    code, found, _ = scene.keep()
    (done,) = found["liquidations"]
    rich = scene.account(RICH)
    assert code == 0 and done["deleveraged"] and int(done["debt_e6"]) > 100 * DOLLAR
    assert scene.cash(scene.account(POOR)) == 0 == scene.base(scene.account(POOR))
    assert found["folds"] == [{"account": rich, "market": "BTC-USD", "index": 0}]
    assert scene.base(rich) == 0 and scene.keep()[1]["folds"] == []
    scene.step()
    assert scene.venue.node.reconcile().report() == []


def test_who_asked_to_leave_is_let_out_at_the_appointed_time(scene: Scene) -> None:
    """With the oracle's signers named no batch is needed: the matcher may be silent."""
    devnet, rich = scene.venue.devnet, scene.account(RICH)
    code, _, err = scene.run(RICH, "exit", str(rich), "--market", "ETH-USD")
    assert code == Exit.SETUP and "it holds BTC-USD" in err
    scene.venue.clock_ms += 2_000
    code, asked, err = scene.run(RICH, "exit", str(rich), "-m", "BTC-USD", "--size", "0.25")
    assert code == 0, err
    due_ms = asked["due_ms"]
    assert (asked["index"], asked["size_e8"]) == (0, str(10**8 // 4))
    assert due_ms == block(devnet.rpc).timestamp_s * 1_000 + 60_000
    code, _, err = scene.run(RICH, "exit", str(rich), "-m", "BTC-USD")
    assert code == Exit.REVERTED and "exit pending; one request a place" in err
    whose = {
        "account": rich,
        "market": "BTC-USD",
        "side": "short",
        "index": 0,
        "size_asked_e8": str(10**8 // 4),
    }
    times = {"asked_ms": due_ms - 60_000, "due_ms": due_ms, "appointed_ms": due_ms}
    code, found, _ = scene.keep()
    assert code == 0 and found["ok"] and found["exits"] == []
    early = {"overdue": False, "reason": "its time has not come"}
    assert found["exits_waiting"] == [whose | times | early]

    devnet.write_prices(due_ms, scene.prices)
    devnet.mine(due_ms - 1_000)
    code, found, _ = scene.keep()
    (soon,) = found["exits_waiting"]
    assert code == 0 and not soon["overdue"], "a vector may be a second ahead, none has to be"
    devnet.mine(due_ms + 1_000)
    scene.venue.clock_ms = due_ms + 2_000
    code, found, err = scene.keep()
    assert code == Exit.SETUP and not found["ok"] and found["exits"] == []
    (late,) = found["exits_waiting"]
    assert late["overdue"] and "nobody was asked for signed prices" in late["reason"]
    error = json.loads(err)["error"]
    assert f"the exit of account {rich} from BTC-USD is due since" in error["message"]
    assert error["next"].startswith("pass --signer ADDRESS=URL")

    code, found, err = scene.keep(*scene.signers())
    (out,) = found["exits"]
    assert code == 0 and found["ok"], err
    oracle_e8 = scene.prices[1]
    price_e8 = oracle_e8 * 1_002 // 1_000
    assert out == whose | {
        "time_ms": due_ms,
        "size_done_e8": str(10**8 // 4),
        "oracle_price_e8": str(oracle_e8),
        "taken": [
            {
                "by": "pool",
                "size_e8": str(10**8 // 4),
                "price_e8": str(price_e8),
                "paid_e6": str((price_e8 - oracle_e8) // 4 // 100),
            }
        ],
    }
    assert scene.base(rich) == -3 * 10**8 // 4
    found = scene.keep(*scene.signers())[1]
    assert found["exits"] == found["exits_waiting"] == []


@pytest.mark.parametrize(
    ("scene", "asked", "taken"),
    [
        ({"markets": (a_market_with_room_for(3 * 10**7),)}, "1", {"pool": 3, "other side": 7}),
        ({"markets": (a_market_with_room_for(3 * 10**7),)}, "0.4", {"pool": 3}),
    ],
    indirect=["scene"],
)
def test_what_the_pool_has_no_room_for_is_told_apart(
    scene: Scene, asked: str, taken: dict[str, int]
) -> None:
    """The other side takes the rest of an exit from half of the position at least."""
    devnet, rich = scene.venue.devnet, scene.account(RICH)
    due_ms = scene.run(RICH, "exit", str(rich), "-m", "BTC-USD", "--size", asked)[1]["due_ms"]
    devnet.write_prices(due_ms, scene.prices)
    devnet.mine(due_ms + 1_000)
    scene.venue.clock_ms = due_ms + 2_000
    code, found, err = scene.keep(*scene.signers())
    assert code == 0, err
    (out,) = found["exits"]
    lots = {name: tenths * 10**7 for name, tenths in taken.items()}
    assert {part["by"]: int(part["size_e8"]) for part in out["taken"]} == lots
    assert int(out["size_done_e8"]) == sum(lots.values()) == 10**8 + scene.base(rich)
    assert {int(part["price_e8"]) for part in out["taken"]} == {scene.prices[1] * 1_002 // 1_000}


def test_an_exit_that_missed_its_time_waits_for_the_next_and_says_when(scene: Scene) -> None:
    devnet, rich = scene.venue.devnet, scene.account(RICH)
    asked = scene.run(RICH, "exit", str(rich), "-m", "BTC-USD")[1]
    devnet.mine(asked["due_ms"] + 30_000)
    code, found, err = scene.keep(*scene.signers())
    (late,) = found["exits_waiting"]
    assert code == Exit.UNAVAILABLE and json.loads(err)["error"]["retryable"]
    assert late["overdue"] and late["appointed_ms"] == asked["due_ms"] + 60_000
    assert "within 15 s after" in late["reason"]
    assert scene.keep()[0] == Exit.SETUP, "without signers it would miss the next one as well"


def test_a_venue_that_has_ended_lets_nobody_out_any_more(scene: Scene) -> None:
    """What the account is owed is claimed then: a keeper waits for no exit."""
    venue, rich = scene.venue, scene.account(RICH)
    assert scene.run(RICH, "exit", str(rich), "-m", "BTC-USD")[0] == 0
    venue.clock_ms += 7 * 86_400_000 + 60_000
    venue.devnet.mine(venue.clock_ms)
    assert scene.keep()[1]["exits_waiting"][0]["overdue"]
    code, _, err = scene.run(KEEPER, "wind-down", "start")
    assert code == 0, err
    code, found, err = scene.keep(*scene.signers())
    assert code == 0 and found["ok"] and found["exits_waiting"] == [], err


def test_an_exit_of_a_position_closed_since_is_shown_and_ended_by_anybodys_keeper(
    scene: Scene,
) -> None:
    """It would hold up the exit of whatever has its place now, and no price is needed to end it."""
    venue, rich = scene.venue, scene.account(RICH)
    venue.clock_ms += 2_000
    assert scene.run(RICH, "exit", str(rich), "-m", "BTC-USD")[0] == 0
    scene.trade(RICH, POOR, price="60000", size="1")
    scene.trade(RICH, POOR, market="ETH-USD", price=str(scene.prices[2] // 10**8), size="1")
    told = venue.node.account(rich)
    (position,), (stands,) = told["positions"], told["exits"]
    assert (position["market"], position["index"], position["exit"]) == ("ETH-USD", 0, None)
    assert (stands["market"], stands["index"], stands["closed"]) == ("BTC-USD", 0, True)
    code, _, err = scene.run(RICH, "exit", str(rich), "-m", "ETH-USD")
    assert code == Exit.REVERTED and "keeper ends it, at once: `infold keeper --once`" in err

    code, found, err = scene.keep()
    assert code == 0 and found["ok"] and found["exits"] == found["exits_waiting"] == [], err
    whose = {"account": rich, "market": "BTC-USD", "side": "short", "index": 0}
    why = {"size_asked_e8": str(10**8), "reason": "its position was closed since"}
    assert found["exits_ended"] == [whose | why]
    assert scene.keep()[1]["exits_ended"] == []
    code, asked, err = scene.run(RICH, "exit", str(rich), "-m", "ETH-USD")
    assert code == 0 and asked["market"] == "ETH-USD", err

    scene.step()
    (stands,) = venue.node.account(rich)["exits"]
    assert (stands["market"], stands["closed"]) == ("ETH-USD", False)
    assert venue.node.reconcile().report() == []
    assert app.run(["audit", "--rpc", venue.devnet.rpc.url, "--json"]) == 0


def test_a_key_that_is_used_elsewhere_too_goes_on_from_there(scene: Scene) -> None:
    """A keeper runs for days; its key may pay for something else meanwhile."""
    devnet = scene.venue.devnet
    wallet = devnet.accounts[KEEPER].wallet
    keeper, other = (onchain.Party(devnet.venue, wallet) for _ in range(2))
    before = int(devnet.venue["Dollar"].call("balanceOf", keeper.holder))
    for party in (keeper, other, keeper, other, other, keeper):
        party.send("Dollar", "mint", party.holder, 1)
    assert int(devnet.venue["Dollar"].call("balanceOf", keeper.holder)) == before + 6
