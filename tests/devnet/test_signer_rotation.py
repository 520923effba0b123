# SPDX-License-Identifier: Apache-2.0
"""Keys change while a venue runs: it asks those oracle signers who serve, and goes on; a node that
is the matcher no more waits until it is again.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from infold.cli import app
from infold.cli.terminal import Exit
from infold.errors import Unavailable
from infold.node import BatchOutcome, LocalVenue, live_prices, local
from infold.node.postponement import UNSERVED, UNSIGNED, Unsigned
from infold.shell.devnet_config import DevnetConfig
from infold.signing import checksum_address

pytestmark = pytest.mark.devnet

START_MS = 1_800_000_000_000
EPOCH_MS = 20_000
UNKNOWN = b"\xab" * 20


class Rotation:
    """A venue of two of three signers and a spare one; each batch ends an epoch and so lands."""

    def __init__(self, venue: LocalVenue) -> None:
        self.venue = venue
        self.first, self.second, self.third, self.spare = (
            signer.address for signer in venue.devnet.signers
        )

    def batch(self) -> list[str]:
        """Land a batch; who serves by then, as the venue tells it."""
        time_ms = self.venue.clock_ms + EPOCH_MS + 4_000
        assert self.venue.step(time_ms, live_prices(self.venue.config)).number is not None
        found: list[str] = self.venue.node.meta()["oracle"]["signers"]
        return found

    def govern(self, signer: bytes, *, live: bool) -> None:
        devnet = self.venue.devnet
        devnet.call(
            devnet.funder,
            "Governance",
            "set_oracle_signer",
            signer,
            live,
            time_ms=self.venue.clock_ms + 1_000,
        )


@pytest.fixture
def rotation() -> Iterator[Rotation]:
    config = DevnetConfig(start_ms=START_MS, accounts=1, epoch_ms=EPOCH_MS, spare_signers=1)
    with LocalVenue(config) as venue:
        yield Rotation(venue)


def named(*signers: bytes) -> list[str]:
    return [checksum_address(signer) for signer in sorted(signers)]


def test_batches_go_on_while_signers_change(rotation: Rotation) -> None:
    first, second, third, spare = rotation.first, rotation.second, rotation.third, rotation.spare
    assert rotation.batch() == named(first, second, third)
    rotation.govern(first, live=False)
    assert rotation.batch() == named(second, third)
    rotation.govern(spare, live=True)
    assert rotation.batch() == named(second, third, spare)
    rotation.govern(second, live=False)
    assert rotation.batch() == named(third, spare)
    assert rotation.venue.node.reconcile().report() == []

    # Enough serve by the chain, and of one of the two nobody has told this venue the URL.
    rotation.govern(UNKNOWN, live=True)
    rotation.govern(third, live=False)
    with pytest.raises(Unavailable, match="2 oracle signers must sign") as few:
        rotation.batch()
    said = str(few.value)
    assert f"of the 4 whose URL is known here 1 may by the chain: {named(spare)[0]}, not" in said
    assert ", ".join(named(first, second, third)) in said
    assert not rotation.venue.node.halted
    rotation.govern(first, live=True)
    assert rotation.batch() == named(first, spare)


def test_a_keeper_is_told_of_signers_by_the_environment(
    rotation: Rotation, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """As a devnet prints them, a line each, spare ones too. Too few who serve are told at once,
    and keep nobody from being liquidated.
    """
    devnet = rotation.venue.devnet
    rotation.batch()
    shown = devnet.view("")
    every = [*shown["oracle_signers"], *shown["spare_signers"]]
    lines = [f"  {one['address']}={one['url']}" for one in every]
    keep = ["keeper", "--once", "--quiet", "--rpc-url", devnet.rpc.url, "--book", shown["book"]]
    keep += ["--key-file", f"{shown['key_files']}/matcher"]
    monkeypatch.setenv("INFOLD_SIGNERS", "\n".join(["", *lines, ""]))
    assert app.run(keep) == 0
    assert capsys.readouterr().err == ""
    monkeypatch.setenv("INFOLD_SIGNERS", "\n".join(lines[2:]))
    assert app.run(keep) == 0
    said = capsys.readouterr().err
    assert "2 oracle signers must sign" in said and every[3]["address"] in said
    assert "put one of these in service" in said
    monkeypatch.setenv("INFOLD_SIGNERS", f"{lines[2].strip()},")
    assert app.run(keep) == 0
    said = capsys.readouterr().err
    assert "not none; start again with the URLs of those that serve" in said
    monkeypatch.setenv("INFOLD_SIGNERS", lines[2].replace("http://127", "http//127"))
    assert app.run(keep) == Exit.USAGE
    assert "http://HOST:PORT" in capsys.readouterr().err


def test_postponed_batches_are_told_ever_more_seldom(
    rotation: Rotation, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Each reason by itself, and once more when they go on: a line a second would bury what else
    is said.
    """
    venue, stopped, tried = rotation.venue, threading.Event(), list[int]()
    told: list[dict[str, object]] = []

    few, node = Unsigned("too few sign {}"), Unavailable("http://node/KEY refused market 5")
    reasons = [few] * 9 + [few, node] * 4

    def step(time_ms: int, *_: object) -> BatchOutcome:
        told.append(venue.node.meta()["batches"])
        if len(tried) < len(reasons):
            tried.append(time_ms)
            reason = reasons[len(tried) - 1]
            raise type(reason)(str(reason).format(time_ms))
        stopped.set()
        return BatchOutcome(time_ms)

    monkeypatch.setattr(venue, "batch_interval_ms", 1)
    monkeypatch.setattr(venue, "step", step)
    monkeypatch.setattr(local, "POSTPONED_EVERY", 12)
    venue.run_live(stopped)
    said = [one.getMessage() for one in caplog.records if one.name == "infold.node"]
    assert [line.split()[0] for line in said] == ["BATCH_POSTPONED"] * 8 + ["BATCHES_GO_ON"]
    counts = [(line.split("count=")[1].split()[0], "market 5" in line) for line in said]
    assert counts[:4] == [(count, False) for count in ("1", "2", "4", "8")]
    assert counts[4:6] == [("1", True), ("2", True)]
    assert counts[6:] == [("12", False), ("4", True), ("17", False)]
    fine = dict.fromkeys(("matched", "settled", "kind", "reason")) | {"postponed": 0}
    assert told[0] == fine and "KEY" in caplog.text
    assert told[1] == fine | {"postponed": 1} | UNSIGNED._asdict()
    assert told[-1] == fine | {"postponed": 17} | UNSERVED._asdict()
    assert venue.node.meta()["batches"] == told[0], "nothing waits any more"


def test_a_node_whose_key_is_the_matchers_no_more_waits_for_its_own(rotation: Rotation) -> None:
    rotation.batch()
    devnet = rotation.venue.devnet
    own = devnet.matcher.address

    def name(matcher: bytes) -> None:
        at_ms = rotation.venue.clock_ms + 1_000
        devnet.call(devnet.funder, "Governance", "set_matcher", matcher, time_ms=at_ms)

    name(UNKNOWN)
    with pytest.raises(Unavailable, match="start it with the new key") as other:
        rotation.batch()
    said = str(other.value)
    assert checksum_address(UNKNOWN) in said and checksum_address(own) in said
    assert not rotation.venue.node.halted
    name(own)
    rotation.batch()
    assert rotation.venue.node.reconcile().report() == []
