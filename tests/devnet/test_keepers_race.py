# SPDX-License-Identifier: Apache-2.0
"""A keeper whose chain moves under it: others are faster, what it sent is dropped, blocks are
replaced.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from tests.support.keeping import KEEPER, POOR, RICH, Scene, keeping

from infold.cli import onchain
from infold.cli.commands import keeper
from infold.cli.commands.letting_out import MarketNames
from infold.cli.onchain import Party
from infold.errors import Unavailable
from infold.shell.chain import Log, Reverted, block, calldata_of
from infold.shell.exits import PendingExit, Vector
from infold.shell.keeper import Watch

pytestmark = pytest.mark.devnet


@pytest.fixture
def scene(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Scene]:
    with keeping(tmp_path / "key", capsys, monkeypatch) as scene:
        yield scene


def exit_now_due(scene: Scene) -> int:
    """The rich one's account, whose exit's time has come; prices are written for it."""
    devnet, rich = scene.venue.devnet, scene.account(RICH)
    code, asked, err = scene.run(RICH, "exit", str(rich), "-m", "BTC-USD")
    assert code == 0, err
    due_ms = asked["due_ms"]
    devnet.write_prices(due_ms, scene.prices)
    devnet.mine(due_ms + 1_000)
    scene.venue.clock_ms = due_ms + 2_000
    return rich


class Liquidations(Watch):
    """What a keeper watches that lets nobody out."""

    def pending_exits(self) -> list[PendingExit]:
        return []


def another_look(scene: Scene, kind: type[Watch], vector: Vector | None = None) -> dict[str, Any]:
    """What another keeper's look does; the vector is what it lets people out at."""
    devnet = scene.venue.devnet
    silent = SimpleNamespace(say=lambda *_: None, at=lambda *_: None)
    party = Party(devnet.venue, devnet.accounts[POOR].wallet)
    names = MarketNames(devnet.venue["Clearing"])
    collect = None if vector is None else lambda _: vector
    return keeper.look(kind(devnet.venue), party, names, 0, collect, silent).found


def meanwhile(monkeypatch: pytest.MonkeyPatch, deed: Callable[[Vector], None]) -> None:
    """Let something happen between the signers' answer and what is done by it."""
    whole = keeper._collector

    def hindered(*arguments: Any) -> Callable[[int], Vector] | None:
        collect = whole(*arguments)
        assert collect is not None

        def collected(time_ms: int) -> Vector:
            vector = collect(time_ms)
            deed(vector)
            return vector

        return collected

    monkeypatch.setattr(keeper, "_collector", hindered)


def test_an_exit_whose_position_is_closed_while_signers_are_asked_has_ended(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A debt falls on who wants to leave: the other side is deleveraged, and folds."""
    rich = exit_now_due(scene)

    def deleverage(_: Vector) -> None:
        scene.prices[1] = scene.prices[1] * 90 // 100
        scene.time_ms = scene.venue.clock_ms - 21_000
        scene.step()
        found = another_look(scene, Liquidations)
        assert found["liquidations"] and found["folds"] and scene.base(rich) == 0

    meanwhile(monkeypatch, deleverage)
    code, found, err = scene.keep(*scene.signers())
    assert code == 0 and found["ok"] and found["exits"] == [] == found["refused"], err
    (ended,) = found["exits_ended"]
    assert (ended["account"], ended["reason"]) == (rich, "its position was closed since")
    assert scene.keep(*scene.signers())[1]["exits_ended"] == []


def test_an_exit_that_another_keeper_carries_out_first_is_nobodys_failure(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    rich = exit_now_due(scene)

    def let_out(vector: Vector) -> None:
        assert another_look(scene, Watch, vector)["exits"] and scene.base(rich) == 0

    meanwhile(monkeypatch, let_out)
    code, found, err = scene.keep(*scene.signers())
    assert code == 0 and found["ok"] and found["refused"] == [], err
    assert found["exits"] == found["exits_ended"] == found["exits_waiting"] == []


def test_what_a_node_drops_holds_up_nothing_that_is_sent_later(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A keeper runs for days, through its node's restarts."""
    devnet = scene.venue.devnet
    party = Party(devnet.venue, devnet.accounts[KEEPER].wallet)
    before = int(devnet.venue["Dollar"].call("balanceOf", party.holder))
    party.send("Dollar", "mint", party.holder, 1)
    mining, now_s = onchain.time, [0.0]

    def drop(_: float) -> None:
        devnet.rpc.call("anvil_dropAllTransactions")
        now_s[0] += onchain.RECEIPT_DEADLINE_S

    losing = SimpleNamespace(monotonic=lambda: now_s[0], sleep=drop)
    monkeypatch.setattr(onchain, "time", losing)
    with pytest.raises(Unavailable, match="not mined within 60 s"):
        party.send("Dollar", "mint", party.holder, 1)
    monkeypatch.setattr(onchain, "time", mining)
    for _ in range(2):
        party.send("Dollar", "mint", party.holder, 1)
    assert int(devnet.venue["Dollar"].call("balanceOf", party.holder)) == before + 3


def test_what_stands_in_a_replaced_block_is_forgotten_and_what_replaced_it_is_seen(
    scene: Scene,
) -> None:
    """An exit, say, that is asked for again: its block's number was read before."""
    devnet, rich = scene.venue.devnet, scene.account(RICH)
    before = devnet.rpc.call("evm_snapshot")
    for who in (RICH, POOR):
        scene.run(who, "exit", str(scene.account(who)), "-m", "BTC-USD", "--size", "0.25")
    watch = Watch(devnet.venue)
    watch.follow()
    assert set(watch.exits) == {(rich, 0), (scene.account(POOR), 0)}

    devnet.rpc.call("evm_revert", before)
    scene.venue.clock_ms += 1_000
    assert scene.run(RICH, "exit", str(rich), "-m", "BTC-USD", "--size", "0.5")[0] == 0
    with pytest.raises(Unavailable, match="the node is behind, or blocks are being replaced"):
        watch.follow()
    while block(devnet.rpc).number < watch.block:
        devnet.mine(scene.venue.clock_ms)
    watch.follow()
    (asked,) = watch.exits.values()
    assert asked.size_e8 == 10**8 // 2 and watch.vector is not None


def test_what_was_logged_is_looked_at_even_where_a_node_fails_in_between(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    devnet, failing = scene.venue.devnet, ["eth_getTransactionByHash", "batch"]
    call, batch = devnet.rpc.call, devnet.rpc.batch

    def answer(method: str, *params: Any) -> Any:
        if failing[-1:] == [method]:
            raise Unavailable(failing.pop())
        return batch(*params) if method == "batch" else call(method, *params)

    monkeypatch.setattr(devnet.rpc, "call", answer)
    monkeypatch.setattr(devnet.rpc, "batch", lambda requests: answer("batch", requests))
    watch = Watch(devnet.venue)
    for _ in range(2):
        with pytest.raises(Unavailable):
            watch.follow()
    watch.follow()
    assert watch.vector_ms == scene.time_ms
    assert watch.holders >= {scene.account(POOR), scene.account(RICH)}


def test_a_batch_whose_block_was_replaced_meanwhile_is_looked_for_again(scene: Scene) -> None:
    with pytest.raises(Unavailable, match="its block was replaced; look again"):
        calldata_of(scene.venue.devnet.rpc, b"\xab" * 32)


def test_nothing_is_sent_behind_what_is_not_mined(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each look would send the same again, and all of it would be mined and paid."""
    devnet = scene.venue.devnet
    rpc, holder = devnet.rpc, "0x" + devnet.accounts[KEEPER].wallet.address.hex()

    def sent(tag: str) -> int:
        return int(rpc.call("eth_getTransactionCount", holder, tag), 16)

    before, now_s, mining = sent("latest"), [0.0], onchain.time

    def wait(_: float) -> None:
        now_s[0] += onchain.RECEIPT_DEADLINE_S

    stuck = SimpleNamespace(monotonic=lambda: now_s[0], sleep=wait)
    monkeypatch.setattr(onchain, "time", stuck)
    code, found, err = scene.keep()
    (left,) = found["fees_left"]
    assert code == 6 and not found["ok"] and found["fees_collected"] == [], err
    assert left["market"] == "BTC-USD" and "not mined within 60 s" in left["reason"]
    for _ in range(2):
        code, found, err = scene.keep()
        assert code == 6 and f"wait to be mined, from nonce {before} on" in err and not found
    party = Party(devnet.venue, devnet.accounts[KEEPER].wallet)
    for said in ("not mined within 60 s", "nothing is sent behind them"):
        with pytest.raises(Unavailable, match=said):
            party.send("Dollar", "mint", party.holder, 1)
    assert sent("pending") == before + 2 and sent("latest") == before
    monkeypatch.setattr(onchain, "time", mining)
    devnet.mine(scene.venue.clock_ms + 1_000)
    party.send("Dollar", "mint", party.holder, 1)
    assert sent("latest") == before + 3


def test_fees_that_cannot_be_collected_hide_no_liquidation_and_wait_for_it(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent = Party.send

    def send(self: Party, contract: str, function: str, *arguments: Any) -> list[Log]:
        if function == "collect_fees":
            raise Reverted("clearing: no", "Clearing.collect_fees")
        return sent(self, contract, function, *arguments)

    monkeypatch.setattr(Party, "send", send)
    scene.prices[1] = scene.prices[1] * 945 // 1_000
    scene.step()
    code, found, err = scene.keep()
    assert code == 0 and found["liquidations"] and found["fees_left"] == [], err
    code, found, err = scene.keep()
    assert code == 7 and "collect_fees reverted: clearing: no" in err
    assert [row["market"] for row in found["fees_left"]] == ["BTC-USD"] and not found["ok"]
