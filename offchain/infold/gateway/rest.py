# SPDX-License-Identifier: Apache-2.0
"""HTTP on loopback: the venue's `/v1`. `Gateway` lists the paths, `/v1/meta` says the rest.

The gateway knows a `VenueNode` and nothing else: it splits bodies into orders, hands their bytes
on, and dresses what comes back. Every call of the node runs on one worker thread, because the node
is single-threaded; submissions that arrive while one group is being committed leave together in the
next, so one sync of the disk acknowledges many.

Errors are `application/problem+json` (RFC 9457) with `code`, `retryable` and `param`; lists answer
`{data, nextCursor}`.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import msgspec
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from infold.errors import InfoldError, Rejected, Unavailable
from infold.gateway.problems import PROBLEM, Json, problem, refusal, respond

BODY_BYTES_MAX = 64 * 1024  # 50 orders of 1,024 bytes, and room
ORDERS_MAX = 50  # of one request: enough for a market maker's refresh, short enough to answer soon
CANCELS_MAX = 50
PAGE_MAX = 500
PAGE_DEFAULT = 100
QUEUE_MAX = 10_000  # orders waiting for a group; beyond that the venue says so instead of growing

_HASH = re.compile(r"^0x[0-9a-fA-F]{64}$")
_log = logging.getLogger("infold.gateway")
T = TypeVar("T")


class VenueNode(Protocol):
    """What the gateway asks of the node. Raises only `InfoldError`s."""

    def now_ms(self) -> int:
        """The venue's time."""

    def submit(self, raw_orders: Sequence[bytes], received_ms: int) -> list[Any]:
        """Per order a receipt, or the `Rejected` that refused it."""

    def cancel(self, raw: bytes, received_ms: int) -> Json:
        """What became of a signed cancel."""

    def preview(self, raw: bytes) -> Json:
        """What an order would be: its digest and what admission says."""

    def receipt_view(self, receipt: Any) -> Json:
        """A receipt as clients read it."""

    def meta(self) -> Json:
        """Chain, contracts, domain, types, scales, limits."""

    def markets(self) -> list[Json]:
        """Trading rules of every market."""

    def orders(self, query: Mapping[str, str], after: int, limit: int) -> list[Json]:
        """Orders with `seq` above `after`, oldest first."""

    def order(self, order_hash: bytes) -> Json:
        """One order. Raises `Rejected` NOT_FOUND."""

    def account(self, account: int) -> Json:
        """One account. Raises `Rejected` UNKNOWN_ACCOUNT."""

    def refunds(self, after: int, limit: int) -> Json:
        """Fee refunds of accounts above a number, in order, under `data`."""

    def fills(self, query: Mapping[str, str], after: int, limit: int) -> list[Json]:
        """Fills with `seq` above `after`, oldest first."""

    def batches(self, after: int, limit: int) -> list[Json]:
        """Batches with a number above `after`, oldest first."""

    def batch(self, number: int) -> Json:
        """One batch. Raises `Rejected` NOT_FOUND."""


class Gateway:
    """The application, and the one thread on which the node runs."""

    def __init__(self, node: VenueNode) -> None:
        self._node = node
        self._worker = ThreadPoolExecutor(max_workers=1, thread_name_prefix="infold-node")
        self._waiting: list[tuple[bytes, asyncio.Future[Any]]] = []
        self._drainer: asyncio.Task[None] | None = None
        routes = [
            ("/v1/ping", "GET", self._ping),
            ("/v1/time", "GET", self._time),
            ("/v1/meta", "GET", self._meta),
            ("/v1/markets", "GET", self._markets),
            ("/v1/orders", "POST", self._submit),
            ("/v1/orders/preview", "POST", self._preview),
            ("/v1/orders/cancel", "POST", self._cancel),
            ("/v1/orders", "GET", self._orders),
            ("/v1/orders/{hash}", "GET", self._order),
            ("/v1/account", "GET", self._account),
            ("/v1/refunds", "GET", self._refunds),
            ("/v1/fills", "GET", self._fills),
            ("/v1/batches", "GET", self._batches),
            ("/v1/batches/{number}", "GET", self._batch),
        ]
        self.app = Starlette(
            routes=[
                Route(path, _guarded(endpoint), methods=[method])
                for path, method, endpoint in routes
            ],
            exception_handlers={HTTPException: _http_problem},
        )

    def run(self, work: Callable[[], T]) -> T:
        """Do something with the node on its thread, from any other thread."""
        return self._worker.submit(work).result()

    def close(self) -> None:
        """End the node's thread when it has done what it was given."""
        self._worker.shutdown(wait=True)

    async def _on_node(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._worker, work)

    # -- reads -------------------------------------------------------------------------------------

    async def _ping(self, _request: Request) -> Response:
        return respond({})

    async def _time(self, _request: Request) -> Response:
        return respond({"ts": self._node.now_ms()})

    async def _meta(self, _request: Request) -> Response:
        limits = {"ordersPerRequest": ORDERS_MAX, "bodyBytes": BODY_BYTES_MAX, "page": PAGE_MAX}
        meta = await self._on_node(self._node.meta)
        return respond(meta | {"limits": limits | meta.get("limits", {})})

    async def _markets(self, _request: Request) -> Response:
        return respond({"data": await self._on_node(self._node.markets), "nextCursor": None})

    async def _account(self, request: Request) -> Response:
        account = _whole(request.query_params.get("account"), "account", 32)
        return respond(await self._on_node(lambda: self._node.account(account)))

    async def _orders(self, request: Request) -> Response:
        return await self._page(request, self._node.orders)

    async def _refunds(self, request: Request) -> Response:
        after, limit = _cursor(dict(request.query_params))
        found = await self._on_node(lambda: self._node.refunds(after, limit))
        rows = found["data"]
        following = str(rows[-1]["account"]) if len(rows) == limit else None
        return respond(found | {"nextCursor": following})

    async def _fills(self, request: Request) -> Response:
        return await self._page(request, self._node.fills)

    async def _page(
        self, request: Request, read: Callable[[Mapping[str, str], int, int], list[Json]]
    ) -> Response:
        query = dict(request.query_params)
        after, limit = _cursor(query)
        for name in ("account", "since", "until"):
            if name in query:
                _whole(query[name], name, 48)
        rows = await self._on_node(lambda: read(query, after, limit))
        return respond(
            {"data": rows, "nextCursor": str(rows[-1]["seq"]) if len(rows) == limit else None}
        )

    async def _order(self, request: Request) -> Response:
        text = request.path_params["hash"]
        if not _HASH.match(text):
            raise Rejected("MALFORMED", "hash", "an order hash is 0x and 64 hex digits")
        return respond(await self._on_node(lambda: self._node.order(bytes.fromhex(text[2:]))))

    async def _batches(self, request: Request) -> Response:
        after, limit = _cursor(dict(request.query_params))
        rows = await self._on_node(lambda: self._node.batches(after, limit))
        return respond(
            {"data": rows, "nextCursor": str(rows[-1]["number"]) if len(rows) == limit else None}
        )

    async def _batch(self, request: Request) -> Response:
        number = _whole(request.path_params["number"], "number", 63)
        return respond(await self._on_node(lambda: self._node.batch(number)))

    # -- writes ------------------------------------------------------------------------------------

    async def _submit(self, request: Request) -> Response:
        raws, single = split_orders(await _body(request))
        if len(self._waiting) + len(raws) > QUEUE_MAX:
            raise Unavailable("too many orders are waiting; retry in a second")
        loop = asyncio.get_running_loop()
        futures = [loop.create_future() for _ in raws]
        self._waiting += zip(raws, futures, strict=True)
        if self._drainer is None:
            self._drainer = loop.create_task(self._drain())
        results = [self._result(await future) for future in futures]
        if not single:
            return respond({"results": results})
        (only,) = results
        if "error" in only:
            return respond(only["error"], only["error"]["status"], PROBLEM)
        return respond(only)

    async def _drain(self) -> None:
        """Hand what waits to the node, group after group."""
        group: list[tuple[bytes, asyncio.Future[Any]]] = []
        try:
            while self._waiting:
                group, self._waiting = self._waiting, []
                for (_, future), result in zip(group, await self._admit(group), strict=True):
                    if not future.done():
                        future.set_result(result)
        finally:
            self._drainer = None
            for _, future in [*group, *self._waiting]:
                future.cancel()

    async def _admit(self, group: list[tuple[bytes, asyncio.Future[Any]]]) -> list[Any]:
        raws = [raw for raw, _ in group]
        try:
            return await self._on_node(lambda: self._node.submit(raws, self._node.now_ms()))
        except InfoldError as error:
            return [error] * len(group)

    def _result(self, result: Any) -> Json:
        if isinstance(result, InfoldError):
            return {"error": problem(result)}
        return self._node.receipt_view(result)

    async def _preview(self, request: Request) -> Response:
        body = await _body(request)
        return respond(await self._on_node(lambda: self._node.preview(body)))

    async def _cancel(self, request: Request) -> Response:
        raws, single = split_orders(await _body(request), CANCELS_MAX)
        results: list[Json] = []
        for raw in raws:
            try:
                results.append(await self._cancel_one(raw))
            except Rejected as error:
                if single:
                    raise
                results.append({"error": problem(error)})
        return respond(results[0] if single else {"results": results})

    async def _cancel_one(self, raw: bytes) -> Json:
        return await self._on_node(lambda: self._node.cancel(raw, self._node.now_ms()))


def split_orders(body: bytes, most: int = ORDERS_MAX) -> tuple[list[bytes], bool]:
    """The bytes of each object of a body, and whether it was one object: an object, a list, or
    `{"orders": [...]}`. `Rejected` if it is none of these, empty, or more than `most`.
    """
    start = body.lstrip()[:1]
    try:
        if start == b"[":
            items = msgspec.json.decode(body, type=list[msgspec.Raw])
        elif start == b"{":
            outer = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            if "orders" not in outer and "cancels" not in outer:
                return [body], True
            if len(outer) != 1:
                raise Rejected("MALFORMED", None, "nothing may stand beside the list")
            items = msgspec.json.decode(next(iter(outer.values())), type=list[msgspec.Raw])
        else:
            raise Rejected("MALFORMED", None, "the body is no JSON object or list")
    except msgspec.MsgspecError as error:
        raise Rejected("MALFORMED", None, str(error)) from None
    except RecursionError:
        raise Rejected("MALFORMED", None, "the body is nested too deep") from None
    if not 1 <= len(items) <= most:
        raise Rejected("OUT_OF_RANGE", None, f"{len(items)} items; send 1 to {most} at once")
    return [bytes(item) for item in items], False


def _guarded(
    endpoint: Callable[[Request], Awaitable[Response]],
) -> Callable[[Request], Awaitable[Response]]:
    async def answer(request: Request) -> Response:
        try:
            return await endpoint(request)
        except InfoldError as error:
            if not isinstance(error, Rejected | Unavailable):
                _log.error("HALTED path=%s error=%s", request.url.path, error)
            return refusal(error)

    return answer


async def _http_problem(_request: Request, error: Exception) -> Response:
    """Unknown paths and methods, in the same shape as every other refusal."""
    status = error.status_code if isinstance(error, HTTPException) else 500
    code = {404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED"}.get(status, "MALFORMED")
    body = problem(Rejected(code, None, getattr(error, "detail", "")))
    return respond(body | {"status": status}, status, PROBLEM)


async def _body(request: Request) -> bytes:
    """The whole body, refused as soon as it grows too long."""
    parts: list[bytes] = []
    length = 0
    try:
        async for part in request.stream():
            length += len(part)
            if length > BODY_BYTES_MAX:
                raise Rejected("TOO_LARGE", None, f"at most {BODY_BYTES_MAX} bytes are read")
            parts.append(part)
    except ClientDisconnect as error:
        raise Unavailable("the client left before its request was whole") from error
    return b"".join(parts)


def _whole(text: str | None, param: str, bits: int) -> int:
    """A query's whole number below 2^bits."""
    if text is None:
        raise Rejected("MALFORMED", param, f"{param} is missing")
    if not text.isascii() or not text.isdigit() or len(text) > 20 or int(text) >> bits:
        raise Rejected("OUT_OF_RANGE", param, f"{param} must be a whole number below 2^{bits}")
    return int(text)


def _cursor(query: Mapping[str, str]) -> tuple[int, int]:
    after = _whole(query.get("cursor", "0"), "cursor", 63)
    limit = _whole(query.get("limit", str(PAGE_DEFAULT)), "limit", 31)
    if not 1 <= limit <= PAGE_MAX:
        raise Rejected("OUT_OF_RANGE", "limit", f"limit must be 1 to {PAGE_MAX}")
    return after, limit
