# SPDX-License-Identifier: Apache-2.0
"""Price vectors: the signer, a process of its own, and the collector, which asks k of n signers for
one vector.

    python -m infold.shell.oracle --key-file KEY --record FILE --source A --source B
        --listen 127.0.0.1:0 --chain-id 31337 --oracle 0x... --signer 0x... --signer 0x... --k 2

How a vector's value is agreed (docs/decisions/0040): the collector first asks every signer what it
sees at T, each answer signed; it then shows all answers to each signer, which recomputes the median
of every market from them, compares it with what it sees itself, and signs that. So nobody outside
the signers chooses a digit: a collector can only drop answers, and the median of the remaining ones
still lies between two honest signers' prices as long as most of those kept are honest.

A signer abstains from a market when fewer than two of its sources have a fresh price or two of them
disagree, and from the vector when nothing is left, when the median is far from its own, or when it
has signed another vector for this T: it writes T and root to its record, on disk, before the
signature leaves.

A source is a file a feeder appends lines to, their times never falling:

    {"time_ms": 1700000000000, "prices": {"1": "6000000000000"}}
"""

from __future__ import annotations

import argparse
import bisect
import fcntl
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import TracebackType
from typing import Any

import httpx
import msgspec

from infold.errors import InfoldError, Misconfigured, Unavailable
from infold.messages import PriceVector
from infold.shell.anvil import STOP_DEADLINE_S
from infold.signing import (
    Domain,
    address_of,
    keccak,
    recover,
    sign,
    vector_digest,
    vector_openings,
    vector_root,
)

# 0.5 %: sources of liquid markets differ by a few basis points; more means one of them is wrong
TOLERANCE_E6 = 5_000
STALE_MS = 10_000  # less than the window F, so that a vector that is signed can still be used
SOURCES_MIN = 2
PRICE_E8_MAX = (1 << 64) - 1
MARKET_MAX = 255
KEPT_POINTS = 4096  # prices a market and source are remembered for: an hour at one a second
BODY_BYTES_MAX = 1 << 20  # 16 signers' views of 255 markets are about 100 KB
READY_DEADLINE_S = 30.0
ANSWER_DEADLINE_S = 5.0


class View(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What one signer sees at T: price_e8 by market, signed; and why it abstains from the markets
    it leaves out.
    """

    time_ms: int
    prices: dict[str, str]
    abstained: dict[str, str]
    r: str
    vs: str


class SignRequest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The views a signer is asked to agree on."""

    time_ms: int
    views: list[View]


class Line(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One line of a source."""

    time_ms: int
    prices: dict[str, str]


class Abstains(InfoldError):
    """A signer's refusal, with its reason."""


def view_digest(time_ms: int, prices_e8: dict[int, int], domain: Domain) -> bytes:
    """What a signer signs under its view. Not an EIP-712 struct: no contract ever accepts it."""
    root = vector_root(prices_e8, 8)
    return keccak(b"infold view" + domain.separator + time_ms.to_bytes(8, "big") + root)


def median(values: Sequence[int]) -> int:
    """The middle value; of two middle ones the mean, rounded down."""
    ordered = sorted(values)
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) // 2


def agreed_prices(views: Sequence[dict[int, int]], k: int) -> dict[int, int]:
    """The vector that follows from some views: the median of each market that at least k of them
    price.
    """
    markets = sorted({market for view in views for market in view})
    seen = {market: [view[market] for view in views if market in view] for market in markets}
    return {market: median(prices) for market, prices in seen.items() if len(prices) >= k}


def parse_prices(prices: dict[str, str]) -> dict[int, int]:
    """Market and price_e8 as numbers. Raises ValueError on anything but plain integers in range."""
    parsed = {}
    for market, price in prices.items():
        if not (market.isascii() and market.isdigit() and price.isascii() and price.isdigit()):
            raise ValueError(
                f"market {market[:20]!r} at {price[:30]!r} is not a pair of whole numbers"
            )
        number = int(market)
        if (
            not 1 <= number <= MARKET_MAX
            or not 1 <= int(price[:30]) <= PRICE_E8_MAX
            or str(number) != market
        ):
            raise ValueError(f"market {market[:20]} at {price[:30]} is out of range")
        parsed[number] = int(price)
    return parsed


# -- what a signer sees ----------------------------------------------------------------------------


@dataclass(slots=True)
class Source:
    """One price feed, read as it grows."""

    path: Path
    offset: int = 0
    last_ms: int = 0
    fault: str = ""
    times: dict[int, list[int]] = field(default_factory=dict)
    prices: dict[int, list[int]] = field(default_factory=dict)

    def refresh(self) -> None:
        """Take in the whole lines appended since the last look. A line that makes no sense ends the
        source for good.
        """
        if self.fault:
            return
        try:
            with self.path.open("rb") as file:
                size = os.fstat(file.fileno()).st_size
                if size < self.offset:
                    self.fault = "was cut"
                    return
                if size == self.offset:
                    return
                file.seek(self.offset)
                content = file.read(size - self.offset)
        except OSError as error:
            self.fault = f"cannot be read ({error.strerror})"
            return
        whole = content.rfind(b"\n") + 1
        for text in content[:whole].splitlines():
            try:
                line = msgspec.json.decode(text, type=Line)
                prices = parse_prices(line.prices)
            except (msgspec.MsgspecError, ValueError) as error:
                self.fault = f"has a damaged line after byte {self.offset} ({error})"
                return
            if line.time_ms < self.last_ms:
                self.fault = f"goes back in time, from {self.last_ms} to {line.time_ms}"
                return
            self.last_ms = line.time_ms
            for market, price in prices.items():
                self._keep(market, line.time_ms, price)
        self.offset += whole

    def _keep(self, market: int, time_ms: int, price_e8: int) -> None:
        times, prices = self.times.setdefault(market, []), self.prices.setdefault(market, [])
        times.append(time_ms)
        prices.append(price_e8)
        if len(times) > 2 * KEPT_POINTS:
            del times[:KEPT_POINTS], prices[:KEPT_POINTS]

    def at(self, market: int, time_ms: int) -> tuple[int, int] | None:
        """Time and price of the latest line at or before T, or None."""
        times = self.times.get(market, [])
        place = bisect.bisect_right(times, time_ms) - 1
        return None if place < 0 else (times[place], self.prices[market][place])


class Record:
    """Which root was signed for which T, on disk before any signature leaves. One process at a
    time.
    """

    def __init__(self, path: Path) -> None:
        self._file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(self._file)
            raise Misconfigured(
                f"record {path} is in use: one signer process a key and record"
            ) from error
        self.roots: dict[int, str] = {}
        content = path.read_bytes()
        whole = content.rfind(b"\n") + 1
        if whole != len(content):
            os.ftruncate(self._file, whole)  # a line torn by a crash: its signature never left
        for number, text in enumerate(content[:whole].splitlines(), 1):
            try:
                line = json.loads(text)
                self.roots[int(line["time_ms"])] = str(line["root"])
            except (ValueError, KeyError, TypeError) as error:
                raise Misconfigured(
                    f"record {path} is damaged at line {number}; retire this key, it may have "
                    "signed what the record lost"
                ) from error

    def close(self) -> None:
        """Close the file and give its lock back."""
        os.close(self._file)

    def claim(self, time_ms: int, root: bytes) -> None:
        """Write down that this root is signed for T. Raises `Abstains` if another one was."""
        earlier = self.roots.get(time_ms)
        if earlier is not None:
            if earlier != root.hex():
                raise Abstains(f"signed another vector for {time_ms} before")
            return
        line = json.dumps({"time_ms": time_ms, "root": root.hex()}) + "\n"
        try:
            os.write(self._file, line.encode())
            os.fdatasync(self._file)
        except OSError as error:
            raise Abstains(f"cannot write its record ({error.strerror})") from error
        self.roots[time_ms] = root.hex()


@dataclass(slots=True)
class Signer:
    """One oracle signer: a key, sources of its own, and a memory of what it signed."""

    private_key: bytes
    sources: list[Source]
    record: Record
    domain: Domain
    signers: frozenset[bytes]
    k: int
    tolerance_e6: int = TOLERANCE_E6
    stale_ms: int = STALE_MS
    skew_ms: int | None = None
    """How far T may lie from this machine's clock; None where time is the data's."""

    @property
    def address(self) -> bytes:
        """The signer's address."""
        return address_of(self.private_key)

    def look(self, time_ms: int) -> tuple[dict[int, int], dict[int, str]]:
        """Own price_e8 by market at T, and why the other markets have none."""
        for source in self.sources:
            source.refresh()
        prices: dict[int, int] = {}
        reasons: dict[int, str] = {}
        for market in sorted({market for source in self.sources for market in source.times}):
            fresh, why = [], []
            for source in self.sources:
                point = source.at(market, time_ms)
                if source.fault:
                    why.append(f"{source.path.name} {source.fault}")
                elif point is None:
                    why.append(f"{source.path.name} has no price")
                elif time_ms - point[0] > self.stale_ms:
                    why.append(f"{source.path.name} is {time_ms - point[0]} ms old")
                else:
                    fresh.append(point[1])
            if len(fresh) < SOURCES_MIN:
                reasons[market] = (
                    f"sees {len(fresh)} of at least {SOURCES_MIN} sources: "
                    f"{', '.join(why) or 'no other is given'}"
                )
            elif (max(fresh) - min(fresh)) * 1_000_000 > min(fresh) * self.tolerance_e6:
                reasons[market] = f"sources disagree: {min(fresh)} and {max(fresh)}"
            else:
                prices[market] = median(fresh)
        return prices, reasons

    def view(self, time_ms: int) -> View:
        """What it sees at T, signed. Raises `Abstains` when it sees nothing it can vouch for."""
        self._check_clock(time_ms)
        prices, reasons = self.look(time_ms)
        if not prices:
            raise Abstains(
                "; ".join(f"market {market} {why}" for market, why in reasons.items())
                or "no source has a price"
            )
        r, vs = sign(view_digest(time_ms, prices, self.domain), self.private_key)
        return View(
            time_ms=time_ms,
            prices={str(market): str(price) for market, price in prices.items()},
            abstained={str(market): why for market, why in reasons.items()},
            r=hex(r),
            vs=hex(vs),
        )

    def sign(self, request: SignRequest) -> tuple[bytes, int, int]:
        """Root and signature of the vector that follows from the views. Raises `Abstains`."""
        time_ms = request.time_ms
        self._check_clock(time_ms)
        views: dict[bytes, dict[int, int]] = {}
        for view in request.views:
            who, prices = read_view(view, time_ms, self.domain)
            if who not in self.signers:
                raise Abstains("was shown a view of somebody who is no signer")
            if who in views:
                raise Abstains("was shown two views of one signer")
            views[who] = prices
        if len(views) < self.k:
            raise Abstains(f"was shown {len(views)} views, at least {self.k} are needed")
        agreed = agreed_prices(list(views.values()), self.k)
        own, reasons = self.look(time_ms)
        if not agreed:
            raise Abstains("no market is priced by enough views")
        for market, price in agreed.items():
            if market not in own:
                raise Abstains(f"market {market} {reasons.get(market, 'is unknown to it')}")
            if abs(price - own[market]) * 1_000_000 > own[market] * self.tolerance_e6:
                raise Abstains(f"market {market} is agreed at {price}, it sees {own[market]}")
        chunks = max(agreed) // 32 + 1
        root = vector_root(agreed, chunks)
        self.record.claim(time_ms, root)
        r, vs = sign(vector_digest(time_ms, chunks, root, self.domain), self.private_key)
        return root, r, vs

    def _check_clock(self, time_ms: int) -> None:
        if not 0 < time_ms < 1 << 48:
            raise Abstains("T is out of range")
        if self.skew_ms is not None:
            ahead_ms = time_ms - time.time_ns() // 1_000_000
            if abs(ahead_ms) > self.skew_ms:
                raise Abstains(
                    f"T lies {ahead_ms} ms from its clock; at most {self.skew_ms} are allowed"
                )


def read_view(view: View, time_ms: int, domain: Domain) -> tuple[bytes, dict[int, int]]:
    """Who signed a view, and its prices. Raises `Abstains` if it is not a view of this T."""
    try:
        prices = parse_prices(view.prices)
        who = recover(view_digest(view.time_ms, prices, domain), int(view.r, 16), int(view.vs, 16))
    except (ValueError, OverflowError) as error:
        raise Abstains(f"a view is malformed ({error})") from error
    if view.time_ms != time_ms or who is None:
        raise Abstains("a view is of another time or not signed")
    return who, prices


# -- the signer's process --------------------------------------------------------------------------


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = (
        1 << 16
    )  # header and body leave in one packet, else each answer waits for a delayed acknowledgement
    disable_nagle_algorithm = True
    timeout = 60
    signer: Signer
    lock = threading.Lock()

    def do_POST(self) -> None:
        """`/view` and `/sign`."""
        try:
            length = int(self.headers.get("content-length", ""))
        except ValueError:
            self.close_connection = True
            return self._answer(411, {"reason": "send a content-length"})
        if not 0 < length <= BODY_BYTES_MAX:
            self.close_connection = True
            return self._answer(413, {"reason": f"send at most {BODY_BYTES_MAX} bytes"})
        body = self.rfile.read(length)
        try:
            with self.lock:
                if self.path == "/view":
                    request = msgspec.json.decode(body, type=dict[str, int])
                    return self._answer(
                        200, msgspec.to_builtins(self.signer.view(request.get("time_ms", 0)))
                    )
                if self.path == "/sign":
                    root, r, vs = self.signer.sign(msgspec.json.decode(body, type=SignRequest))
                    return self._answer(200, {"root": root.hex(), "r": hex(r), "vs": hex(vs)})
        except msgspec.MsgspecError as error:
            return self._answer(400, {"reason": f"malformed request: {error}"})
        except Abstains as error:
            return self._answer(409, {"reason": str(error)})
        return self._answer(404, {"reason": "post to /view or /sign"})

    def _answer(self, status: int, content: dict[str, Any]) -> None:
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Requests are not logged: the record is what matters."""


def read_key_file(path: Path) -> bytes:
    """A hexadecimal private key from a file only its owner may read. Raises `Misconfigured`, never
    showing the content.
    """
    try:
        mode = path.stat().st_mode & 0o777
        text = path.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"key file {path} cannot be read; name a file with one hexadecimal private key"
        ) from error
    if mode & 0o077:
        raise Misconfigured(
            f"key file {path} is open to others (mode {mode:o}); run: chmod 600 {path}"
        )
    try:
        key = bytes.fromhex(text.removeprefix("0x"))
        address_of(key)
    except ValueError as error:
        raise Misconfigured(
            f"key file {path} does not hold one hexadecimal private key of 32 bytes"
        ) from error
    return key


def _address(text: str) -> bytes:
    address = bytes.fromhex(text.removeprefix("0x"))
    if len(address) != 20:
        raise ValueError("an address has 20 bytes")
    return address


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one signer until it is told to stop or its standard input closes. Prints one line when it
    listens.
    """
    parser = argparse.ArgumentParser(prog="python -m infold.shell.oracle", description=main.__doc__)
    parser.add_argument("--key-file", type=Path, required=True)
    parser.add_argument("--record", type=Path, required=True)
    parser.add_argument("--source", type=Path, action="append", required=True)
    parser.add_argument("--listen", default="127.0.0.1:0")
    parser.add_argument("--chain-id", type=int, required=True)
    parser.add_argument("--oracle", type=_address, required=True)
    parser.add_argument("--signer", type=_address, action="append", required=True)
    parser.add_argument("--k", type=int, required=True)
    parser.add_argument("--tolerance-e6", type=int, default=TOLERANCE_E6)
    parser.add_argument("--stale-ms", type=int, default=STALE_MS)
    parser.add_argument("--skew-ms", type=int)
    given = parser.parse_args(arguments)
    host, _, port = given.listen.rpartition(":")
    if host != "127.0.0.1" or not port.isdigit():
        parser.error(
            "--listen takes 127.0.0.1:PORT; put a proxy in front to be reached from elsewhere"
        )
    try:
        signer = Signer(
            private_key=read_key_file(given.key_file),
            sources=[Source(path) for path in given.source],
            record=Record(given.record),
            domain=Domain(given.chain_id, given.oracle),
            signers=frozenset(given.signer),
            k=given.k,
            tolerance_e6=given.tolerance_e6,
            stale_ms=given.stale_ms,
            skew_ms=given.skew_ms,
        )
        if signer.address not in signer.signers:
            raise Misconfigured(
                "this key is not among the --signer addresses; add it or give the right key file"
            )
        server = ThreadingHTTPServer(
            (host, int(port)), type("Handler", (_Handler,), {"signer": signer})
        )
    except Misconfigured as error:
        print(error, file=sys.stderr)
        return 3
    except OSError as error:
        print(
            f"port {port} cannot be used ({error.strerror}); choose another with --listen",
            file=sys.stderr,
        )
        return 3
    server.daemon_threads = True
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: threading.Thread(target=server.shutdown).start())
    threading.Thread(target=_end_with_parent, args=(server,), daemon=True).start()
    print(
        json.dumps({"address": "0x" + signer.address.hex(), "port": server.server_address[1]}),
        flush=True,
    )
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    return 0


def _end_with_parent(server: ThreadingHTTPServer) -> None:
    """Whoever started us holds our standard input; when it is gone, so are we."""
    while os.read(0, 4096):
        pass
    server.shutdown()


# -- starting signers and asking them --------------------------------------------------------------


class SignerProcess:
    """A signer started by us, ended by its process id. Raises `Misconfigured` or `Unavailable` with
    what it said.
    """

    def __init__(
        self,
        *,
        key_file: Path,
        record: Path,
        sources: Sequence[Path],
        domain: Domain,
        signers: Sequence[bytes],
        k: int,
        skew_ms: int | None = None,
        stale_ms: int = STALE_MS,
        tolerance_e6: int = TOLERANCE_E6,
    ) -> None:
        command = [
            sys.executable,
            "-m",
            "infold.shell.oracle",
            "--key-file",
            str(key_file),
            "--record",
            str(record),
            "--chain-id",
            str(domain.chain_id),
            "--oracle",
            "0x" + domain.verifying_contract.hex(),
            "--k",
            str(k),
            "--stale-ms",
            str(stale_ms),
            "--tolerance-e6",
            str(tolerance_e6),
        ]
        for source in sources:
            command += ["--source", str(source)]
        for address in signers:
            command += ["--signer", "0x" + address.hex()]
        if skew_ms is not None:
            command += ["--skew-ms", str(skew_ms)]
        package_root = str(Path(__file__).parents[2])
        paths = [package_root, *filter(None, os.environ.get("PYTHONPATH", "").split(os.pathsep))]
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(dict.fromkeys(paths))},
        )
        self.address = b""
        self.url = ""

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    def wait_ready(self) -> None:
        """Wait for its one line, so that several signers start side by side."""
        assert self._process.stdout is not None and self._process.stderr is not None
        with selectors.DefaultSelector() as selector:
            selector.register(self._process.stdout, selectors.EVENT_READ)
            heard = selector.select(READY_DEADLINE_S)
        line = self._process.stdout.readline() if heard else b""
        if not line:
            code = self._process.poll()
            if heard:
                code = self._process.wait(STOP_DEADLINE_S)
            said = (
                self._process.stderr.read().decode(errors="replace").strip()
                if code is not None
                else "nothing"
            )
            raise (Misconfigured if code == 3 else Unavailable)(
                f"oracle signer did not start: {said[-400:]}"
            )
        ready = json.loads(line)
        self.address = bytes.fromhex(ready["address"][2:])
        self.url = f"http://127.0.0.1:{ready['port']}"

    def close(self) -> None:
        """End it and wait for it. Safe to call twice."""
        if self._process.poll() is None:
            self._process.terminate()
            try:
                self._process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                pipe.close()

    def __enter__(self) -> SignerProcess:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


class Collector:
    """Asks the signers for the vector of a time. `signers` maps addresses to URLs."""

    def __init__(self, signers: dict[bytes, str], k: int, domain: Domain) -> None:
        self._signers = dict(
            sorted(signers.items())
        )  # signatures go to the contract by ascending address
        self._k = k
        self._domain = domain
        self._client = httpx.Client(timeout=ANSWER_DEADLINE_S, trust_env=False)
        self._threads = ThreadPoolExecutor(
            max_workers=max(1, len(signers)), thread_name_prefix="oracle"
        )

    def collect(self, time_ms: int, required: Sequence[int] = ()) -> PriceVector:
        """The signed vector of T that prices every required market.

        Raises `Unavailable`, naming who abstained and why, if fewer than k sign or a required
        market has no price.
        """
        refusals: dict[bytes, str] = {}
        views: dict[bytes, View] = {}
        prices: dict[bytes, dict[int, int]] = {}
        for who, answer in self._ask(
            "/view", {"time_ms": time_ms}, list(self._signers), refusals
        ).items():
            try:
                view = msgspec.convert(answer, View)
                signer, seen = read_view(view, time_ms, self._domain)
            except (msgspec.MsgspecError, Abstains) as error:
                refusals[who] = f"answered nonsense ({error})"
                continue
            if signer != who:
                refusals[who] = "answered with another signer's view"
                continue
            views[who], prices[who] = view, seen
        agreed = agreed_prices(list(prices.values()), self._k)
        missing = [market for market in required if market not in agreed]
        if len(views) < self._k or not agreed or missing:
            for who, view in views.items():
                reasons = "; ".join(
                    f"market {market} {why}" for market, why in view.abstained.items()
                )
                if reasons:
                    refusals[who] = reasons
            what = f"{len(views)} of {self._k} views"
            if len(views) >= self._k:
                what = f"no price for market {', '.join(map(str, missing)) or 'any'}"
            raise self._refused(time_ms, what, refusals)
        chunks = max(agreed) // 32 + 1
        root = vector_root(agreed, chunks)
        digest = vector_digest(time_ms, chunks, root, self._domain)
        signatures: dict[bytes, tuple[int, int]] = {}
        body = {"time_ms": time_ms, "views": [msgspec.to_builtins(view) for view in views.values()]}
        for who, answer in self._ask("/sign", body, list(views), refusals).items():
            try:
                pair = int(answer["r"], 16), int(answer["vs"], 16)
                recovered = recover(digest, *pair)
            except (KeyError, ValueError, TypeError, OverflowError) as error:
                refusals[who] = f"answered nonsense ({error})"
                continue
            if recovered == who:
                signatures[who] = pair
            else:
                refusals[who] = "signed something else"
        if len(signatures) < self._k:
            raise self._refused(time_ms, f"{len(signatures)} of {self._k} signatures", refusals)
        opened = 0
        for market in agreed:
            opened |= 1 << market // 32
        return PriceVector(
            time_ms=time_ms,
            chunks=chunks,
            opened=opened,
            prices=agreed,
            openings=vector_openings(agreed, chunks, opened),
            signatures=[signatures[who] for who in sorted(signatures)],
            root=root,
        )

    def _refused(self, time_ms: int, what: str, refusals: dict[bytes, str]) -> Unavailable:
        who = "; ".join(f"0x{address.hex()} {why}" for address, why in sorted(refusals.items()))
        return Unavailable(
            f"no price vector for {time_ms}: {what}. Abstained: {who or 'nobody'}. Retry with a "
            "later time"
        )

    def _ask(
        self, path: str, body: dict[str, Any], whom: Sequence[bytes], refusals: dict[bytes, str]
    ) -> dict[bytes, dict[str, Any]]:
        content = json.dumps(body).encode()
        answers = {}
        for who, (answer, refusal) in zip(
            whom,
            self._threads.map(lambda who: self._ask_one(self._signers[who] + path, content), whom),
            strict=True,
        ):
            if refusal:
                refusals[who] = refusal
            else:
                answers[who] = answer
        return answers

    def _ask_one(self, url: str, content: bytes) -> tuple[dict[str, Any], str]:
        try:
            response = self._client.post(url, content=content)
            answer = response.json()
        except (httpx.HTTPError, ValueError) as error:
            return {}, f"did not answer ({type(error).__name__})"
        if not isinstance(answer, dict) or response.status_code != 200:
            return {}, str(
                answer.get("reason", response.status_code)
                if isinstance(answer, dict)
                else "answered nonsense"
            )
        return answer, ""

    def close(self) -> None:
        """Close the connections."""
        self._threads.shutdown(wait=True)
        self._client.close()


class Feed:
    """A source's writer: what a feeder process appends. One line a time."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._file = path.open("ab", buffering=0)

    def write(self, time_ms: int, prices_e8: dict[int, int]) -> None:
        """Append the prices at a time, in one write."""
        line = {
            "time_ms": time_ms,
            "prices": {str(market): str(price) for market, price in prices_e8.items()},
        }
        self._file.write(json.dumps(line).encode() + b"\n")

    def close(self) -> None:
        """Close the file."""
        self._file.close()


if __name__ == "__main__":
    sys.exit(main())
