# SPDX-License-Identifier: Apache-2.0
"""Starting signers, and asking k of n of them for one price vector."""

from __future__ import annotations

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import msgspec

from infold.closable import Closable
from infold.errors import Misconfigured, Unavailable, Unpriced, printable
from infold.messages import PriceVector
from infold.shell.anvil import STOP_DEADLINE_S
from infold.shell.oracle.asking import Answer, Asker, Refusals
from infold.shell.oracle.roster import Quorum, Roster
from infold.shell.oracle.signer import STALE_MS, TOLERANCE_E6, VIEWS_MAX
from infold.shell.oracle.views import (
    Abstains,
    Reading,
    Signed,
    View,
    agreed_prices,
    read_signed,
    read_view,
)
from infold.signing import Domain, checksum_address
from infold.vectors import chunks_for, opened_for, vector_openings, vector_root

READY_DEADLINE_S = 30.0


class SignerProcess(Closable):
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
        rpc_url: str,
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
            "--rpc-url",
            rpc_url,
            "--chain-id",
            str(domain.chain_id),
            "--oracle",
            "0x" + domain.verifying_contract.hex(),
            "--stale-ms",
            str(stale_ms),
            "--tolerance-e6",
            str(tolerance_e6),
        ]
        for source in sources:
            command += ["--source", str(source)]
        if skew_ms is not None:
            command += ["--skew-ms", str(skew_ms)]
        package_root = str(Path(__file__).parents[3])
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
        """Wait for its one line, so that several signers start side by side. `Misconfigured` if it
        says that it was told wrong, `Unavailable` if it does not start for another reason.
        """
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


class Collector:
    """Asks those signers who serve at a time for its vector. `signers` maps the addresses of all
    that may come to serve to their URLs; `quorum` is what `require` found last.
    """

    def __init__(self, signers: dict[bytes, str], roster: Roster, domain: Domain) -> None:
        self._signers = dict(
            sorted(signers.items())
        )  # signatures go to the contract by ascending address
        self._roster = roster
        self.quorum = Quorum(frozenset(), 0, 0, 0)
        self._domain = domain
        self._asker = Asker(self._signers)

    def collect(self, time_ms: int, required: Sequence[int] = ()) -> PriceVector:
        """The signed vector of T that prices every required market.

        Raises `Unavailable`, naming who abstained and why, if fewer than k sign; `Unpriced`, which
        is one, if a required market has no price.
        """
        serving, k, *_ = self.require(time_ms)
        refusals = {who: "does not serve then" for who in self._signers if who not in serving}
        views, prices = self._views(time_ms, serving, k, refusals)
        agreed = agreed_prices(list(prices.values()), k)
        missing = [market for market in required if market not in agreed]
        if len(views) < k or not agreed or missing:
            for who, view in views.items():
                reasons = "; ".join(
                    f"market {market} {why}" for market, why in view.abstained.items()
                )
                if reasons:
                    refusals[who] = reasons
            if len(views) < k:
                what = f"{len(views)} of {k} views"
                raise Unavailable(_refusal(time_ms, what, refusals))
            what = f"no price for market {', '.join(map(str, missing)) or 'any'}"
            raise Unpriced(_refusal(time_ms, what, refusals), missing)
        agreed, pairs = self._signed_by_k(time_ms, views, prices, serving, k, refusals)
        missing = [market for market in required if market not in agreed]
        if missing:
            what = f"signed already without market {', '.join(map(str, missing))}"
            raise Unavailable(_refusal(time_ms, what, refusals))
        chunks, opened = chunks_for(agreed), opened_for(agreed)
        return PriceVector(
            time_ms=time_ms,
            chunks=chunks,
            opened=opened,
            prices=agreed,
            openings=vector_openings(agreed, chunks, opened),
            signatures=pairs,
            root=vector_root(agreed, chunks),
        )

    def _signed_by_k(
        self,
        time_ms: int,
        views: Mapping[bytes, View],
        prices: Mapping[bytes, dict[int, int]],
        serving: Collection[bytes],
        k: int,
        refusals: Refusals,
    ) -> tuple[dict[int, int], list[tuple[int, int]]]:
        """The prices of the one vector k signers sign, and their signatures by ascending address.

        They follow from all views, unless another asker had k of them sign over fewer before. Where
        it had each sign something else, all are shown that, and leave it. Raises `Unavailable`.
        """
        shown = ["0x" + who.hex() for who in views]
        body = {"time_ms": time_ms, "views": [msgspec.to_builtins(one) for one in views.values()]}
        found: dict[bytes, tuple[Reading, Signed]] = {}

        def take(who: bytes, answer: Answer) -> str:
            other = answer.get("signed")
            try:
                if other is None:
                    signed = Signed(over=shown, r=answer["r"], vs=answer["vs"])
                else:
                    signed = msgspec.convert(other, Signed)
                told = msgspec.convert(answer.get("views", []), list[View])[:VIEWS_MAX]
                theirs = dict(read_view(view, time_ms, self._domain) for view in told)
                if not theirs.keys() <= set(serving):
                    return "signed over a view of somebody who is no signer then"
                read = read_signed(signed, time_ms, {**prices, **theirs}, k, self._domain)
            except (msgspec.MsgspecError, Abstains, KeyError, TypeError) as error:
                return f"signed something else ({error})"
            if read.who != who:
                return "signed something else"
            found[who] = read, signed
            return "" if other is None else str(answer.get("reason", "signed something else"))

        self._asker.ask("/sign", body, views, take, k, refusals)
        most = _most(found)
        others = [who for who, (read, _) in found.items() if read.over != list(views)]
        if len(most) < k and others:
            evidence = [msgspec.to_builtins(signed) for _, signed in found.values()]
            self._asker.ask("/sign", body | {"others": evidence}, others, take, k, refusals)
            most = _most(found)
        if len(most) < k:
            what = f"{len(most)} of {k} signatures"
            raise Unavailable(_refusal(time_ms, what, refusals))
        signed = [found[who][1] for who in most]
        return found[most[0]][0].prices, [(int(one.r, 16), int(one.vs, 16)) for one in signed]

    def _views(
        self, time_ms: int, serving: Collection[bytes], k: int, refusals: Refusals
    ) -> tuple[dict[bytes, View], dict[bytes, dict[int, int]]]:
        """What those who serve see at T, signed, and the same as prices; both by ascending
        address, of the first that a vector has room for.
        """
        views: dict[bytes, View] = {}
        prices: dict[bytes, dict[int, int]] = {}

        def take(who: bytes, answer: Answer) -> str:
            try:
                view = msgspec.convert(answer, View)
                signer, seen = read_view(view, time_ms, self._domain)
            except (msgspec.MsgspecError, Abstains) as error:
                return f"answered nonsense ({error})"
            if signer != who:
                return "answered with another signer's view"
            views[who], prices[who] = view, seen
            return ""

        self._asker.ask("/view", {"time_ms": time_ms}, serving, take, k, refusals)
        shown = sorted(views)[:VIEWS_MAX]
        return {who: views[who] for who in shown}, {who: prices[who] for who in shown}

    def require(self, time_ms: int) -> Quorum:
        """Who of the known signers serves at T, by the chain, and how many must sign. Raises
        `Unavailable` if they are too few: governance may put a known one in service any time.
        """
        self.quorum = self._roster.at(time_ms, self._signers)
        serving, k, *_ = self.quorum
        if len(serving) < k:
            others = [who for who in self._signers if who not in serving]
            naming = (
                "put one of these in service (infold govern oracle_signer ADDRESS true), or "
                if others
                else ""
            )
            raise Unavailable(
                f"{k} oracle signers must sign a vector of {time_ms}, and of the"
                f" {len(self._signers)} whose URL is known here {len(serving)} may by the chain:"
                f" {_named(serving)}, not {_named(others)}; {naming}start again with the URLs of"
                " those that serve"
            )
        return self.quorum

    def close(self) -> None:
        """Close the connections."""
        self._asker.close()


def _most(found: Mapping[bytes, tuple[Reading, Signed]]) -> list[bytes]:
    """Who signed the root that most signed, by ascending address."""
    by_root: dict[bytes, list[bytes]] = {}
    for who, (read, _) in sorted(found.items()):
        by_root.setdefault(read.root, []).append(who)
    return max(by_root.values(), key=len, default=[])


def _refusal(time_ms: int, what: str, refusals: dict[bytes, str]) -> str:
    who = "; ".join(
        f"0x{address.hex()} {printable(why)}" for address, why in sorted(refusals.items())
    )
    return (
        f"no price vector for {time_ms}: {what}. Abstained: {who or 'nobody'}. Retry with a "
        "later time"
    )


def _named(whom: Iterable[bytes]) -> str:
    return ", ".join(checksum_address(who) for who in sorted(whom)) or "none"
