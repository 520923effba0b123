# SPDX-License-Identifier: Apache-2.0
"""Signers as processes of their own: who serves signs, and who cannot start says why."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from tests.support.signer_sets import OracleNode, SignerSet

from infold.errors import Misconfigured, Unavailable
from infold.shell.chain import Contract, Rpc, load_abi
from infold.shell.oracle import ChainRoster, Collector, Feed, SignerProcess, read_key_file
from infold.signing import Domain, address_of, checksum_address, recover, vector_digest
from infold.words import ServiceWord, ThresholdWord

DOMAIN = Domain(31337, b"\x0a" * 20)
KEYS = [bytes([number]) * 32 for number in (1, 2, 3)]
SIGNERS = frozenset(address_of(key) for key in KEYS)
T = 1_700_000_000_000
BITCOIN = 1
PRICE = 60_000 * 10**8


class Signers:
    """Signers as processes of their own beside a node that says who of them serves; k is 2."""

    def __init__(self, path: Path, ends: ExitStack) -> None:
        self.set = SignerSet(SIGNERS, 2)
        self.node = ends.enter_context(OracleNode(self.set))
        self.feeds = [Feed(path / letter) for letter in "ab"]
        for feed in self.feeds:
            ends.callback(feed.close)
        self.processes = []
        for number, key in enumerate(KEYS):
            key_file = path / f"key{number}"
            key_file.write_text(key.hex())
            key_file.chmod(0o600)
            process = SignerProcess(
                key_file=key_file,
                record=path / f"signed{number}",
                sources=[feed.path for feed in self.feeds],
                domain=DOMAIN,
                rpc_url=self.node.url,
            )
            self.processes.append(ends.enter_context(process))
        for process in self.processes:
            process.wait_ready()
        rpc = Rpc(self.node.url)
        ends.callback(rpc.close)
        roster = ChainRoster(Contract(rpc, load_abi("Oracle"), DOMAIN.verifying_contract))
        urls = {process.address: process.url for process in self.processes}
        self.collector = Collector(urls, roster, DOMAIN)
        ends.callback(self.collector.close)

    def signed_by(self, time_ms: int) -> list[bytes]:
        """Who signs a vector of T, in the order of its signatures."""
        vector = self.collector.collect(time_ms, [BITCOIN])
        digest = vector_digest(time_ms, vector.chunks, vector.root, DOMAIN)
        found = [recover(digest, r, vs) for r, vs in vector.signatures]
        return [who for who in found if who is not None]


@pytest.fixture
def signers(tmp_path: Path) -> Iterator[Signers]:
    with ExitStack() as ends:
        yield Signers(tmp_path, ends)


def test_processes_sign_until_too_few_are_left(signers: Signers) -> None:
    """Three real signers; the collector names who is missing and why."""
    collector = signers.collector
    for feed in signers.feeds:
        feed.write(T, {BITCOIN: PRICE, 40: 7})
    vector = collector.collect(T, [BITCOIN, 40])
    assert vector.prices == {BITCOIN: PRICE, 40: 7}
    assert (vector.chunks, vector.opened) == (2, 3)
    assert signers.signed_by(T) == sorted(SIGNERS)

    with pytest.raises(Unavailable, match=r"no price for market 9\. Abstained: nobody"):
        collector.collect(T, [9])
    signers.feeds[0].write(T + 1, {BITCOIN: PRICE * 2})
    with pytest.raises(Unavailable, match="market 1 sources disagree"):
        collector.collect(T + 1, [BITCOIN])

    signers.processes[0].close()
    assert len(collector.collect(T, [BITCOIN]).signatures) == 2
    signers.processes[1].close()
    with pytest.raises(Unavailable, match=r"1 of 2 views.*did not answer"):
        collector.collect(T, [BITCOIN])


def test_who_serves_at_a_time_signs_it_and_nobody_else(signers: Signers) -> None:
    """By the chain, while all run: the first retires after T, the last comes in later."""
    retired, _, late = (process.address for process in signers.processes)
    for feed in signers.feeds:
        feed.write(T, {BITCOIN: PRICE})
    signers.set.service[retired] = ServiceWord(from_ms=1, until_ms=T)
    signers.set.service[late] = ServiceWord(from_ms=T + 1)
    assert signers.signed_by(T) == sorted(SIGNERS - {late})
    assert signers.signed_by(T + 2) == sorted(SIGNERS - {retired})
    assert signers.collector.quorum[:3] == (SIGNERS - {retired}, 2, 2)
    with pytest.raises(Unavailable, match="2 oracle signers must sign") as few:
        signers.collector.collect(T + 1, [BITCOIN])
    said = str(few.value)
    assert (
        "of the 3 whose URL is known here 1 may by the chain" in said
        and "infold govern oracle_signer" in said
    )
    assert checksum_address(retired) in said and checksum_address(late) in said

    signers.set.threshold = ThresholdWord(new=3, old=2, activation_ms=T + 2)
    assert len(signers.signed_by(T + 2)) == 2
    with pytest.raises(Unavailable, match="3 oracle signers must sign"):
        signers.collector.collect(T + 3, [BITCOIN])


def test_key_files_must_be_private_and_whole(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("0x" + KEYS[0].hex() + "\n")
    path.chmod(0o600)
    assert read_key_file(path) == KEYS[0]
    path.chmod(0o644)
    with pytest.raises(Misconfigured, match="chmod 600"):
        read_key_file(path)
    path.chmod(0o600)
    for content in ("", "zz", "00" * 32, "11" * 31):
        path.write_text(content)
        with pytest.raises(Misconfigured, match="does not hold") as caught:
            read_key_file(path)
        assert "11" * 31 not in str(caught.value)
    with pytest.raises(Misconfigured, match="cannot be read"):
        read_key_file(tmp_path / "none")


def test_a_signer_that_cannot_start_says_why(tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    key_file.write_text(KEYS[0].hex())

    def start(rpc_url: str, domain: Domain = DOMAIN) -> SignerProcess:
        return SignerProcess(
            key_file=key_file,
            record=tmp_path / "signed",
            sources=[tmp_path / "a"],
            domain=domain,
            rpc_url=rpc_url,
        )

    with OracleNode(SignerSet(SIGNERS, 2)) as node:
        key_file.chmod(0o644)
        with start(node.url) as process, pytest.raises(Misconfigured, match="chmod 600"):
            process.wait_ready()
        key_file.chmod(0o600)
        elsewhere = Domain(1, DOMAIN.verifying_contract)
        with start(node.url, elsewhere) as process, pytest.raises(Misconfigured, match="chain 31"):
            process.wait_ready()
    with start(node.url) as process, pytest.raises(Unavailable, match="check that it runs"):
        process.wait_ready()
