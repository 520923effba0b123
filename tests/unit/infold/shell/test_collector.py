# SPDX-License-Identifier: Apache-2.0
"""A collector gets its vector from k honest signers, whatever the others answer, and however."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from tests.support.signer_sets import SignerSet

from infold.closable import Closable
from infold.errors import Unavailable
from infold.shell.oracle import (
    Collector,
    Entry,
    Feed,
    Record,
    Signed,
    Signer,
    SignRequest,
    Source,
    asking,
    signer,
)
from infold.shell.oracle.process import server_of
from infold.signing import Domain, address_of, recover, vector_digest
from infold.words import ServiceWord

DOMAIN = Domain(31337, b"\x0a" * 20)
KEYS = [bytes([number]) * 32 for number in range(1, 18)]
ODD = address_of(bytes([18]) * 32)
T = 1_700_000_000_000
BITCOIN = 1
PRICE = 60_000 * 10**8
DRIPS_MAX = 3_000


class Odd(Closable):
    """A signer's port that begins an answer and then sends blanks, ever so slowly, or at once."""

    def __init__(self, head: bytes, pause_s: float) -> None:
        self._head, self._pause_s = head, pause_s
        self._ended = threading.Event()
        self.gave_up = threading.Event()
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    def _serve(self) -> None:
        try:
            connection, _ = self._socket.accept()
        except OSError:
            return
        with connection:
            connection.recv(1 << 16)
            try:
                connection.sendall(self._head)
                for _ in range(DRIPS_MAX):
                    connection.sendall(b" " * (1 if self._pause_s else 1 << 10))
                    if self._ended.wait(self._pause_s):
                        return
            except OSError:
                pass
        self.gave_up.set()

    def close(self) -> None:
        """Stop dripping."""
        self._ended.set()
        self._socket.close()
        self._thread.join()


class Ground:
    """Honest signers served by this process, and a collector; all see one price."""

    def __init__(self, path: Path, ends: ExitStack) -> None:
        self._path = path
        self._ends = ends
        self.set = SignerSet((), 2)
        self.urls: dict[bytes, str] = {}
        self.signers: list[Signer] = []

    def sign_with(self, *keys: bytes) -> None:
        """Signers, each of whom sees a last digit of its own."""
        for key in keys:
            feeds = [Feed(self._path / f"source{key[0]}{letter}") for letter in "ab"]
            for feed in feeds:
                feed.write(T, {BITCOIN: PRICE + key[0] ** 2})
                feed.close()
            signer = Signer(
                private_key=key,
                sources=[Source(feed.path) for feed in feeds],
                record=Record(self._path / f"record{key[0]}"),
                domain=DOMAIN,
                roster=self.set,
            )
            self._ends.callback(signer.record.close)
            self.signers.append(signer)
            server = server_of(signer, "127.0.0.1", 0)
            self._ends.callback(server.server_close)
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            self._ends.callback(thread.join)
            self._ends.callback(server.shutdown)
            self.add(signer.address, f"http://127.0.0.1:{server.server_address[1]}")

    def add(self, who: bytes, url: str) -> None:
        self.urls[who] = url
        self.set.service[who] = ServiceWord(from_ms=1)

    def collector(self) -> Collector:
        collector = Collector(self.urls, self.set, DOMAIN)
        self._ends.callback(collector.close)
        return collector

    def split(self, *shown: tuple[int, ...]) -> None:
        """As a stranger does once the grace is over: have each signer sign over other views."""
        views = [one.view(T) for one in self.signers]
        for one, places in zip(self.signers, shown, strict=False):
            later_ms = one.clock_ms() + signer.GRACE_MS
            one.clock_ms = lambda later_ms=later_ms: later_ms
            one.sign(SignRequest(time_ms=T, views=[views[place] for place in places]))


@pytest.fixture
def ground(tmp_path: Path) -> Iterator[Ground]:
    with ExitStack() as ends:
        yield Ground(tmp_path, ends)


@pytest.fixture(autouse=True)
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A collector that waits for everybody, however slow this machine is."""
    monkeypatch.setattr(asking, "GRACE_MS", 1 << 40)


@pytest.fixture
def lenient(patient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Signers that soon sign over fewer views than all."""
    monkeypatch.setattr(signer, "GRACE_MS", 20)


@pytest.fixture
def short_grace(lenient: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(asking, "GRACE_MS", 20)


def test_all_who_serve_sign_at_once(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for anything: a grace without end would not be noticed."""
    monkeypatch.setattr(signer, "GRACE_MS", 1 << 40)
    ground.sign_with(*KEYS[:3])
    assert len(ground.collector().collect(T, [BITCOIN]).signatures) == 3


@pytest.mark.parametrize(
    ("shown", "signed_by"),
    [
        (((0, 1), (1, 2), (2, 0)), 3),
        (((0, 1), (1, 2)), 3),
        (((0, 1),), 2),
        (((0, 1), (0, 1)), 2),
        (((0, 1), (0, 1), (1, 2)), 2),
    ],
)
def test_a_stranger_who_was_first_spends_nothing(
    ground: Ground, shown: tuple[tuple[int, ...], ...], signed_by: int
) -> None:
    """Where a vector came of it, that is the one of T; else all leave what they signed."""
    ground.sign_with(*KEYS[:3])
    ground.split(*shown)
    collector = ground.collector()
    vector = collector.collect(T, [BITCOIN])
    assert len(vector.signatures) == signed_by
    digest = vector_digest(T, vector.chunks, vector.root, DOMAIN)
    found = [recover(digest, r, vs) for r, vs in vector.signatures]
    assert None not in found and found == sorted(found)  # type: ignore[type-var]
    assert collector.collect(T, [BITCOIN]).root == vector.root


def test_who_gives_a_second_view_hides_no_vector(ground: Ground) -> None:
    """Two have signed over the first: they show it, and the collector needs no other."""
    ground.sign_with(*KEYS[:3])
    ground.split((0, 1, 2), (0, 1, 2))
    *_, third = ground.signers
    third._given.clear()
    for source in third.sources:
        feed = Feed(source.path)
        feed.write(T, {BITCOIN: PRICE + 2})
        feed.close()
    vector = ground.collector().collect(T, [BITCOIN])
    assert {one.record.entries[T].root for one in ground.signers[:2]} == {vector.root}
    assert len(vector.signatures) == 2


def test_addresses_need_no_prefix(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a signer writes for the views it signed over, no collector ends by it."""
    ground.sign_with(*KEYS[:3])
    ground.split((0, 1), (0, 1))
    told = Signer._signed

    def bare(self: Signer, time_ms: int, entry: Entry) -> Signed:
        signed = told(self, time_ms, entry)
        return msgspec.structs.replace(signed, over=[who[2:] for who in signed.over])

    monkeypatch.setattr(Signer, "_signed", bare)
    assert len(ground.collector().collect(T, [BITCOIN]).signatures) == 2


@pytest.mark.usefixtures("lenient")
def test_no_signer_has_its_cookies_sent_to_others(ground: Ground) -> None:
    """They would be longer than what an honest one reads."""
    ground.sign_with(*KEYS[:2])
    cookie = b"set-cookie: a=" + b"x" * (1 << 16)
    with Odd(b"HTTP/1.1 409 No\r\n" + cookie + b"\r\ncontent-length: 2\r\n\r\n{}", 0) as odd:
        ground.add(ODD, odd.url)
        assert len(ground.collector().collect(T, [BITCOIN]).signatures) == 2


@pytest.mark.parametrize(
    ("wait_ms", "pause_s"),
    [
        (1_000, 1.0),
        (0, asking.PAUSE_S_MIN),
        (10**400, asking.ANSWER_DEADLINE_S),
        (-1, asking.ANSWER_DEADLINE_S),
        (None, asking.ANSWER_DEADLINE_S),
    ],
)
def test_a_wait_is_neither_none_nor_endless(wait_ms: object, pause_s: float) -> None:
    assert asking.pause_for({"wait_ms": wait_ms}) == pause_s


@pytest.mark.usefixtures("short_grace")
def test_one_who_drips_holds_nobody(ground: Ground) -> None:
    ground.sign_with(*KEYS[:2])
    with Odd(b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", 0.01) as odd:
        ground.add(ODD, odd.url)
        collector = ground.collector()
        assert len(collector.collect(T, [BITCOIN]).signatures) == 2
        assert not odd.gave_up.is_set()
        ground.set.threshold = ground.set.threshold._replace(new=3, old=3)
        with pytest.raises(Unavailable, match=f"0x{ODD.hex()} still answers an earlier question"):
            collector.collect(T, [BITCOIN])


@pytest.mark.usefixtures("short_grace")
def test_too_long_an_answer_is_none(ground: Ground) -> None:
    ground.sign_with(KEYS[0])
    with Odd(b"HTTP/1.1 200 OK\r\ncontent-length: 3072000\r\n\r\n", 0) as odd:
        ground.add(ODD, odd.url)
        with pytest.raises(Unavailable, match=rf"0x{ODD.hex()} did not answer \(ReadError\)"):
            ground.collector().collect(T, [BITCOIN])


@pytest.mark.usefixtures("lenient")
def test_seventeen_serve_and_a_vector_carries_sixteen(ground: Ground) -> None:
    """More than the contract takes: after a grace, since one is always left out."""
    ground.sign_with(*KEYS)
    ground.set.threshold = ground.set.threshold._replace(new=9, old=9)
    assert len(ground.collector().collect(T, [BITCOIN]).signatures) == 16


@pytest.mark.usefixtures("short_grace")
@pytest.mark.parametrize("url", ["http://127.0.0.1:1,0xAB=http://127.0.0.1:2", "http://[::1", ""])
def test_a_url_that_is_none_keeps_nobody_from_signing(ground: Ground, url: str) -> None:
    ground.sign_with(*KEYS[:2])
    ground.add(ODD, url)
    assert len(ground.collector().collect(T, [BITCOIN]).signatures) == 2
