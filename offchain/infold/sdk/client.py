# SPDX-License-Identifier: Apache-2.0
"""The venue's HTTP interface for programs: typed errors, decimals in, documents out.

``Client`` is synchronous and keeps one connection. A refused request raises ``Rejected`` with the
venue's own code; a venue that does not answer raises ``Unavailable``, and the same call may be made
again: an order's hash is its id, so sending it twice never trades twice.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from infold.closable import Closable
from infold.errors import CODES, Rejected, Unavailable
from infold.messages import Cancel, Order, TimeInForce, TriggerKind
from infold.sdk.receipts import ReceiptFile, check_receipt, read_receipt
from infold.sdk.wallet import Wallet
from infold.sdk.wire import cancel_bytes, order_bytes
from infold.signing import Domain, order_hash, signature_bytes
from infold.units import (
    FRACTION_DECIMALS,
    PRICE_DECIMALS,
    SIZE_DECIMALS,
    SLOTS,
    parse_decimal,
)

IOC_LIFETIME_MS = 10_000
GTC_LIFETIME_MS = 86_400_000
MAX_FEE = "0.001"
PAGE = 500  # rows asked for at once: the most a venue gives


@dataclass(frozen=True, slots=True)
class Prepared:
    """A signed order ready to send; ``order_hash`` is its id from now on."""

    order: Order
    order_hash: bytes
    body: bytes
    signature: bytes = bytes(64)


class Client(Closable):
    """One venue. ``receipts`` names a file that keeps what the matcher signs for orders, checked.
    ``transport`` is for tests: any httpx transport, an application in memory say.
    """

    def __init__(
        self,
        url: str,
        *,
        timeout_s: float = 10.0,
        transport: httpx.BaseTransport | None = None,
        receipts: Path | None = None,
    ) -> None:
        self.url = url.rstrip("/")
        self._http = httpx.Client(
            base_url=self.url, timeout=timeout_s, transport=transport, trust_env=False
        )
        self._meta: dict[str, Any] | None = None
        self._receipts = None if receipts is None else ReceiptFile(receipts)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()

    # -- reads ---------------------------------------------------------------

    def meta(self) -> dict[str, Any]:
        """Chain id, contracts, signing domain, scales; asked once."""
        if self._meta is None:
            self._meta = self.get("/v1/meta")
        return self._meta

    def domain(self) -> Domain:
        """What orders are signed under."""
        meta = self.meta()
        return Domain(int(meta["chainId"]), bytes.fromhex(meta["contracts"]["Clearing"][2:]))

    def markets(self) -> list[dict[str, Any]]:
        """Listed markets with their rules."""
        return _rows(self.get("/v1/markets"))

    def market(self, name: str) -> dict[str, Any]:
        """One market's rules; raises ``Rejected`` if it is not listed."""
        for found in self.markets():
            if found["name"] == name:
                return found
        raise Rejected("UNKNOWN_MARKET", "market", f"{name!r} is not listed")

    def account(self, account: int) -> dict[str, Any]:
        """Collateral, equity, margin, positions, epoch."""
        document: dict[str, Any] = self.get("/v1/account", account=account)
        return document

    def orders(self, account: int) -> list[dict[str, Any]]:
        """The account's open orders."""
        return self._pages("/v1/orders", account=account, status="open")

    def refunds(self) -> list[dict[str, Any]]:
        """Fee refunds of every account that earned any."""
        return self.refunds_at()[0]

    def refunds_at(self) -> tuple[list[dict[str, Any]], int]:
        """The same, and a block up to which payments are in the figures for certain."""
        seen = int(self.get("/v1/refunds", limit=1)["block"])
        return self._pages("/v1/refunds"), seen

    def outcome(self, order_hash: str) -> dict[str, Any]:
        """What became of an order, as the venue tells it, and its `fills`; of an open one also how
        `batches` go. Raises ``Rejected`` NOT_FOUND.
        """
        order: dict[str, Any] = self.get(f"/v1/orders/{order_hash}")
        mine = self.fills(order["account"], order["ts"]) if order["filled"] != "0" else []
        order["fills"] = [one for one in mine if one["orderHash"] == order["orderHash"]]
        return order | {"batches": self.batches_now()} if order["open"] else order

    def batches_now(self) -> dict[str, Any] | None:
        """When orders were matched last, and why the next batch waits, if it does; None of a venue
        that does not say.
        """
        found: dict[str, Any] | None = self.get("/v1/meta").get("batches")
        return found

    def fills(self, account: int, since_ms: int = 0) -> list[dict[str, Any]]:
        """The account's fills, oldest first."""
        return self._pages("/v1/fills", account=account, since=since_ms)

    def batches(self) -> list[dict[str, Any]]:
        """All batches, oldest first."""
        return self._pages("/v1/batches")

    # -- orders --------------------------------------------------------------

    def prepare(
        self,
        wallet: Wallet | None,
        *,
        account: int,
        market: str,
        side: str,
        size: str,
        price: str,
        time_in_force: str = "IOC",
        post_only: bool = False,
        reduce_only: bool = False,
        max_fee: str = MAX_FEE,
        trigger: tuple[TriggerKind, str] = (TriggerKind.NONE, "0"),
        expiry_ms: int | None = None,
        slot: int | None = None,
        seq: int | None = None,
        delegated: bool = False,
        now_ms: int | None = None,
    ) -> Prepared:
        """Fill in, sign and spell one order. Without a wallet it is one that its account's owner, a
        contract, approves on chain by its hash; send it when the venue has seen that.

        ``price`` is the limit: a market order is a limit far enough away. Without ``slot`` and
        ``seq`` both come from the clock: a slot no recent order used, a seq that rises with time.
        `Rejected` names the field that cannot be read.
        """
        if side not in ("buy", "sell"):
            raise Rejected("MALFORMED", "side", f"{side!r} is neither buy nor sell")
        try:
            kind = TimeInForce[time_in_force]
        except KeyError:
            raise Rejected(
                "MALFORMED", "timeInForce", f"{time_in_force!r} is none of GTC, IOC, FOK"
            ) from None
        now_ms = time.time_ns() // 1_000_000 if now_ms is None else now_ms
        lifetime_ms = GTC_LIFETIME_MS if kind is TimeInForce.GTC else IOC_LIFETIME_MS
        order = Order(
            account=account,
            market=int(self.market(market)["id"]),
            buy=side == "buy",
            size_e8=parse_decimal(size, SIZE_DECIMALS, "size"),
            limit_price_e8=parse_decimal(price, PRICE_DECIMALS, "price"),
            max_fee_e6=parse_decimal(max_fee, FRACTION_DECIMALS, "maxFee"),
            time_in_force=kind,
            post_only=post_only,
            reduce_only=reduce_only,
            trigger_kind=trigger[0],
            trigger_price_e8=parse_decimal(trigger[1], PRICE_DECIMALS, "triggerPrice"),
            good_after_ms=0,
            expiry_ms=now_ms + lifetime_ms if expiry_ms is None else expiry_ms,
            epoch=int(self.account(account)["epoch"]),
            slot=now_ms % SLOTS if slot is None else slot,
            # Tenths of a second since 2020 rise for 13 years before 32 bits are used up.
            seq=(now_ms - 1_577_836_800_000) // 100 % 2**32 if seq is None else seq,
        )
        domain = self.domain()
        r, vs = wallet.sign_order(order, domain) if wallet else (0, 0)
        body = order_bytes(order, market, r, vs, delegated=delegated)
        return Prepared(order, order_hash(order, domain), body, signature_bytes(r, vs))

    def place(self, *orders: Prepared) -> list[dict[str, Any]]:
        """Send orders; each answer is a receipt or has an ``error``, in order. Raises
        ``Unavailable`` for a receipt that does not bind the matcher; the orders may be open.
        """
        body = b"[" + b",".join(order.body for order in orders) + b"]"
        answers = _results(self._send("POST", "/v1/orders", content=body))
        if self._receipts is not None:
            self._keep(self._receipts, orders, answers)
        return answers

    def _keep(
        self, kept: ReceiptFile, orders: Sequence[Prepared], answers: Sequence[Mapping[str, Any]]
    ) -> None:
        """Check and write down the receipts of a group, those before a bad one too."""
        matcher, domain = bytes.fromhex(self.meta()["matcher"][2:]), self.domain()
        for order, answer in zip(orders, answers, strict=True):
            if answer.get("error"):
                continue
            receipt, now_ms = read_receipt(answer), time.time_ns() // 1_000_000
            check_receipt(receipt, order.order_hash, matcher, domain, now_ms)
            kept.keep(order.order, order.signature, receipt)

    def order(self, wallet: Wallet, **fields: Any) -> dict[str, Any]:
        """Prepare, send and return one order's receipt; raises ``Rejected`` if the venue refuses
        it.
        """
        (answer,) = self.place(self.prepare(wallet, **fields))
        raise_if_refused(answer)
        return answer

    def preview(self, order: Prepared) -> dict[str, Any]:
        """Whether the order would be accepted now, or why not, and the typed data it signs.
        Nothing is placed.
        """
        document: dict[str, Any] = self._send("POST", "/v1/orders/preview", content=order.body)
        return document

    def cancel(
        self, wallet: Wallet, account: int, slot: int, seq: int, *, delegated: bool = False
    ) -> dict[str, Any]:
        """Ask the matcher to stop; only a cancel on chain binds it."""
        cancel = Cancel(account=account, slot=slot, seq=seq)
        r, vs = wallet.sign_cancel(cancel, self.domain())
        body = cancel_bytes(cancel, r, vs, delegated=delegated)
        answer: dict[str, Any] = self._send("POST", "/v1/orders/cancel", content=body)
        return answer

    # -- transport -----------------------------------------------------------

    def get(self, path: str, **parameters: Any) -> Any:
        """Any read of the interface."""
        return self._send(
            "GET", path, params={k: v for k, v in parameters.items() if v is not None}
        )

    def _pages(self, path: str, **parameters: Any) -> list[dict[str, Any]]:
        """A list to its end, page after page; `Unavailable` if a page does not lead on."""
        rows: list[dict[str, Any]] = []
        cursor = 0
        while True:
            document = self.get(path, **parameters, cursor=cursor, limit=PAGE)
            rows += _rows(document)
            following = document.get("nextCursor") if isinstance(document, Mapping) else None
            if following is None:
                return rows
            if int(following) <= cursor:
                raise Unavailable(f"{self.url}{path} leads from page {cursor} back to {following}")
            cursor = int(following)

    def _send(self, method: str, path: str, **how: Any) -> Any:
        if "content" in how:
            how["headers"] = {"content-type": "application/json"}
        try:
            answer = self._http.request(method, path, **how)
            document = answer.json()
        except httpx.HTTPError as error:
            raise Unavailable(
                f"no venue answers at {self.url} ({type(error).__name__});"
                " is `infold devnet` running?"
            ) from None
        except (json.JSONDecodeError, UnicodeDecodeError):
            raise Unavailable(
                f"{self.url}{path} answered {answer.status_code} without JSON"
            ) from None
        if answer.status_code >= 500:
            raise Unavailable(f"{self.url}{path}: {_words(document)}")
        if answer.status_code >= 400:
            raise refusal(document)
        return document


def refusal(problem: Mapping[str, Any]) -> Rejected:
    """A venue's problem document as the exception it stands for; an unknown code stays readable."""
    code = str(problem.get("code", ""))
    message, param = _words(problem), problem.get("param")
    if code not in CODES:
        return Rejected(
            "NOT_FOUND", param, f"the venue refused with {code or 'no code'}: {message}"
        )
    restored = Rejected(code, param)
    restored.message = message or restored.message
    return restored


def raise_if_refused(answer: Mapping[str, Any]) -> None:
    """Raise what one order's answer says, if it says no."""
    problem = answer.get("error")
    if problem:
        raise refusal(problem)


def _words(problem: Any) -> str:
    if not isinstance(problem, Mapping):
        return str(problem)
    return str(problem.get("detail") or problem.get("message") or problem.get("title") or "")


def _rows(document: Any) -> list[dict[str, Any]]:
    rows = document["data"] if isinstance(document, Mapping) else document
    return list(rows)


def _results(document: Any) -> list[dict[str, Any]]:
    if isinstance(document, Mapping):
        document = document.get("results", document.get("data", [document]))
    if isinstance(document, Mapping):
        document = document.get("results", [])
    return list(document)
