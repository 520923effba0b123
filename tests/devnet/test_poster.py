# SPDX-License-Identifier: Apache-2.0
"""One number, one batch: through lost blocks, reorganisations, replacements and signals."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from tests.support.local_orders import an_order

from infold.errors import InvariantBroken
from infold.node import LocalVenue, live_prices
from infold.shell.chain import block
from infold.shell.devnet_config import DevnetConfig
from infold.shell.poster import BatchRefused, Intent, Landed, Lapsed, Poster

pytestmark = pytest.mark.devnet

START_MS = 1_700_000_000_000
ROOT = Path(__file__).resolve().parents[2]


class Caught(BaseException):
    """Ends a batch just before it is posted."""


@pytest.fixture
def venue() -> Iterator[LocalVenue]:
    with LocalVenue(DevnetConfig(start_ms=START_MS, accounts=2, signers=2)) as venue:
        venue.step(START_MS + 1_000, live_prices(venue.config))
        yield venue


def an_intent(venue: LocalVenue, monkeypatch: pytest.MonkeyPatch) -> Intent:
    """A sealed batch that was journalled and not sent."""
    venue.clock_ms = START_MS + 1_000
    caught: list[Intent] = []

    def catch(intent: Intent, deadline_s: float = 60.0) -> Landed:
        caught.append(intent)
        raise Caught

    venue.node.submit(
        [an_order(venue, 0), an_order(venue, 1, side="sell", price="59700")], START_MS + 1_500
    )
    with monkeypatch.context() as patch:
        patch.setattr(venue.node.poster, "post", catch)
        with pytest.raises(Caught):
            venue.step(START_MS + 2_000, live_prices(venue.config))
    return caught[0]


def a_poster(venue: LocalVenue, mine: Callable[[int], None], confirmations: int) -> Poster:
    devnet = venue.devnet
    return Poster(
        devnet.venue,
        devnet.sender(devnet.matcher),
        confirmations=confirmations,
        mine=mine,
        replace_after_s=0.1,
    )


def test_posting_twice_lands_once(venue: LocalVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    intent = an_intent(venue, monkeypatch)
    poster = a_poster(venue, venue.devnet.mine, 0)
    first = poster.post(intent)
    again = poster.post(intent)
    assert (again.transaction, again.block) == (first.transaction, first.block)
    assert (poster.posted, poster.landed) == (1, 1)


def test_other_contents_under_our_number_halt(
    venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = an_intent(venue, monkeypatch)
    poster = a_poster(venue, venue.devnet.mine, 0)
    poster.post(intent)
    other = Intent(
        number=intent.number,
        time_ms=intent.time_ms,
        contents=b"\x01" * 32,
        calldata=intent.calldata,
    )
    with pytest.raises(InvariantBroken, match="other contents"):
        poster.post(other)


def test_a_lost_block_is_healed_by_the_same_bytes(
    venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The block that held the batch vanishes before it is two deep; a replacement carries it."""
    intent = an_intent(venue, monkeypatch)
    rpc = venue.devnet.rpc
    mined: list[int] = []

    def mine(time_ms: int) -> None:
        mined.append(time_ms)
        if len(mined) == 1:
            snapshot = rpc.call("evm_snapshot")
            venue.devnet.mine(time_ms)
            assert rpc.call("evm_revert", snapshot)
        else:
            for _ in range(3):
                venue.devnet.mine(time_ms)

    poster = a_poster(venue, mine, 2)
    landed = poster.post(intent)
    assert landed.number == intent.number
    assert (poster.posted, poster.landed) == (2, 1)
    assert poster.settled_number() == intent.number


def test_a_reorganisation_beyond_the_final_block_halts(
    venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = an_intent(venue, monkeypatch)
    rpc = venue.devnet.rpc
    snapshot = rpc.call("evm_snapshot")

    def mine(time_ms: int) -> None:
        for _ in range(3):
            venue.devnet.mine(time_ms)

    poster = a_poster(venue, mine, 2)
    poster.post(intent)
    poster.check_reorganisation()
    height = block(rpc).number
    venue.devnet.mine(START_MS + 3_000)
    poster.check_reorganisation()
    assert rpc.call("evm_revert", snapshot)
    while block(rpc).number < height:
        venue.devnet.mine(START_MS + 4_000)
    with pytest.raises(InvariantBroken, match="was final and is gone"):
        poster.check_reorganisation()


def test_a_batch_past_its_window_lapses(venue: LocalVenue, monkeypatch: pytest.MonkeyPatch) -> None:
    intent = an_intent(venue, monkeypatch)
    poster = a_poster(venue, venue.devnet.mine, 0)
    venue.devnet.mine(intent.time_ms + 15_000)
    poster.require_live(intent)  # at T + F it may still land
    venue.devnet.mine(intent.time_ms + 16_000)
    with pytest.raises(Lapsed, match="lapsed"):
        poster.post(intent)
    assert poster.posted == 0


def test_a_changed_byte_is_refused_with_the_contracts_words(
    venue: LocalVenue, monkeypatch: pytest.MonkeyPatch
) -> None:
    intent = an_intent(venue, monkeypatch)
    poster = a_poster(venue, venue.devnet.mine, 0)
    changed = bytearray(intent.calldata)
    changed[-1] ^= 1  # the matcher's seal
    bad = Intent(
        number=intent.number,
        time_ms=intent.time_ms,
        contents=intent.contents,
        calldata=bytes(changed),
    )
    with pytest.raises(BatchRefused, match="not the matcher"):
        poster.post(bad)
    assert poster.post(intent).number == intent.number


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_every_process(number: signal.Signals) -> None:
    program = (
        "import json, signal\n"
        "from infold.shell.devnet import Devnet\n"
        "from infold.shell.devnet_config import DevnetConfig\n"
        f"with Devnet(DevnetConfig(start_ms={START_MS}, accounts=0, signers=2)) as devnet:\n"
        "    print(json.dumps([devnet.anvil.pid, *(one.pid for one in devnet.signers)]), "
        "flush=True)\n"
        "    signal.pause()\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", program],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        cwd=ROOT,
        env=os.environ | {"PYTHONPATH": str(ROOT / "offchain")},
    )
    assert process.stdout is not None
    pids = json.loads(process.stdout.readline())
    process.send_signal(number)
    assert process.wait(30) != 0
    process.stdout.close()
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
