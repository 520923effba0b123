# SPDX-License-Identifier: Apache-2.0
"""The HTTP door splits, bounds and dresses; what it cannot read it refuses with a code, never with
a traceback.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import httpx
import pytest

from infold.errors import InvariantBroken, Misconfigured, Rejected, Unavailable
from infold.gateway.rest import BODY_BYTES_MAX, ORDERS_MAX, Gateway, split_orders
from infold.gateway.server import Server

HASH = "0x" + "ab" * 32


class PaperNode:
    """A node that remembers what it was given and answers what the test says."""

    def __init__(self) -> None:
        self.groups: list[list[bytes]] = []
        self.fault: Exception | None = None

    def now_ms(self) -> int:
        return 1_700_000_000_000

    def submit(self, raw_orders: Sequence[bytes], received_ms: int) -> list[Any]:
        if self.fault is not None:
            raise self.fault
        self.groups.append(list(raw_orders))
        return [Rejected("PRICE_TICK", "price") if b"bad" in raw else raw for raw in raw_orders]

    def receipt_view(self, receipt: Any) -> dict[str, Any]:
        return {"orderHash": HASH, "echo": receipt.decode()}

    def cancel(self, raw: bytes, received_ms: int) -> dict[str, Any]:
        if b"bad" in raw:
            raise Rejected("NOT_OPEN", "seq")
        return {"cancelled": [HASH]}

    def preview(self, raw: bytes) -> dict[str, Any]:
        return {"orderHash": HASH}

    def meta(self) -> dict[str, Any]:
        return {"chainId": 31337, "limits": {"orderBytes": 1024}}

    def markets(self) -> list[dict[str, Any]]:
        return [{"name": "BTC-USD"}]

    def _rows(self, after: int, limit: int, key: str) -> list[dict[str, Any]]:
        return [{key: number} for number in range(after + 1, 8)][:limit]

    def refunds(self, after: int, limit: int) -> dict[str, Any]:
        return {"data": self._rows(after, limit, "account"), "block": 40}

    def orders(self, query: Mapping[str, str], after: int, limit: int) -> list[dict[str, Any]]:
        return self._rows(after, limit, "seq")

    def fills(self, query: Mapping[str, str], after: int, limit: int) -> list[dict[str, Any]]:
        return self._rows(after, limit, "seq")

    def batches(self, after: int, limit: int) -> list[dict[str, Any]]:
        return self._rows(after, limit, "number")

    def order(self, order_hash: bytes) -> dict[str, Any]:
        raise Rejected("NOT_FOUND", "hash")

    def account(self, account: int) -> dict[str, Any]:
        return {"account": account}

    def batch(self, number: int) -> dict[str, Any]:
        return {"number": number}


class Door:
    """The application called in process, without a socket."""

    def __init__(self) -> None:
        self.node = PaperNode()
        self.gateway = Gateway(self.node)

    def send(self, method: str, path: str, content: bytes = b"") -> httpx.Response:
        return self.send_all([(method, path, content)])[0]

    def send_all(self, requests: Sequence[tuple[str, str, bytes]]) -> list[httpx.Response]:
        async def run() -> list[httpx.Response]:
            transport = httpx.ASGITransport(app=self.gateway.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://infold") as client:
                return await asyncio.gather(
                    *(client.request(method, path, content=body) for method, path, body in requests)
                )

        return asyncio.run(run())


@pytest.fixture
def door() -> Iterator[Door]:
    door = Door()
    yield door
    door.gateway.close()


def test_reads_answer_in_the_documented_shapes(door: Door) -> None:
    assert door.send("GET", "/v1/ping").json() == {}
    assert door.send("GET", "/v1/time").json() == {"ts": 1_700_000_000_000}
    meta = door.send("GET", "/v1/meta").json()
    assert meta["chainId"] == 31337
    assert meta["limits"]["orderBytes"] == 1024 and meta["limits"]["ordersPerRequest"] == ORDERS_MAX
    assert door.send("GET", "/v1/markets").json()["data"] == [{"name": "BTC-USD"}]
    assert door.send("GET", "/v1/account?account=17").json() == {"account": 17}
    assert door.send("GET", "/v1/batches/3").json() == {"number": 3}
    refunds = door.send("GET", "/v1/refunds?cursor=3&limit=2").json()
    rows = [{"account": 4}, {"account": 5}]
    assert refunds == {"data": rows, "block": 40, "nextCursor": "5"}
    assert door.send("GET", "/v1/refunds?cursor=5").json()["nextCursor"] is None


def test_lists_are_paged_by_an_opaque_cursor(door: Door) -> None:
    for path, key in (("/v1/orders", "seq"), ("/v1/fills", "seq"), ("/v1/batches", "number")):
        seen: list[int] = []
        cursor: str | None = "0"
        while cursor is not None:
            page = door.send("GET", f"{path}?limit=3&cursor={cursor}").json()
            seen += [row[key] for row in page["data"]]
            cursor = page["nextCursor"]
        assert seen == [1, 2, 3, 4, 5, 6, 7], path


def test_one_order_is_answered_by_itself_and_many_item_by_item(door: Door) -> None:
    one = door.send("POST", "/v1/orders", b'{"a": 1}')
    assert one.status_code == 200 and one.json()["echo"] == '{"a": 1}'
    many = door.send("POST", "/v1/orders", b'[{"a":1},{"bad":2}]').json()["results"]
    assert many[0]["echo"] == '{"a":1}'
    assert many[1]["error"]["code"] == "PRICE_TICK" and many[1]["error"]["param"] == "price"
    wrapped = door.send("POST", "/v1/orders", b'{"orders":[{"a":1}]}').json()["results"]
    assert len(wrapped) == 1


def test_one_refused_order_is_a_problem_document(door: Door) -> None:
    answer = door.send("POST", "/v1/orders", b'{"bad": 1}')
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == "urn:infold:error:PRICE_TICK"
    assert (body["code"], body["param"], body["retryable"]) == ("PRICE_TICK", "price", False)


def test_orders_that_arrive_together_are_committed_together(door: Door) -> None:
    answers = door.send_all([("POST", "/v1/orders", b'{"n":%d}' % number) for number in range(40)])
    assert [answer.json()["echo"] for answer in answers] == [
        f'{{"n":{number}}}' for number in range(40)
    ]
    assert sum(map(len, door.node.groups)) == 40
    assert len(door.node.groups) < 40


def test_cancels_answer_item_by_item_too(door: Door) -> None:
    assert door.send("POST", "/v1/orders/cancel", b'{"a":1}').json() == {"cancelled": [HASH]}
    assert door.send("POST", "/v1/orders/cancel", b'{"bad":1}').status_code == 409
    many = door.send("POST", "/v1/orders/cancel", b'[{"a":1},{"bad":1}]').json()["results"]
    assert many[0] == {"cancelled": [HASH]} and many[1]["error"]["code"] == "NOT_OPEN"


@pytest.mark.parametrize(
    ("method", "path", "content", "status", "code"),
    [
        ("POST", "/v1/orders", b"", 400, "MALFORMED"),
        ("POST", "/v1/orders", b"{", 400, "MALFORMED"),
        ("POST", "/v1/orders", b"nan", 400, "MALFORMED"),
        ("POST", "/v1/orders", b"\xff\xfe", 400, "MALFORMED"),
        ("POST", "/v1/orders", b"[" * 20_000, 400, "MALFORMED"),
        ("POST", "/v1/orders", b'{"orders":[{}],"more":1}', 400, "MALFORMED"),
        ("POST", "/v1/orders", b'{"orders":{}}', 400, "MALFORMED"),
        ("POST", "/v1/orders", b"[]", 400, "OUT_OF_RANGE"),
        (
            "POST",
            "/v1/orders",
            b"[" + b",".join([b"{}"] * (ORDERS_MAX + 1)) + b"]",
            400,
            "OUT_OF_RANGE",
        ),
        ("POST", "/v1/orders", b" " * (BODY_BYTES_MAX + 1), 413, "TOO_LARGE"),
        ("GET", "/v1/account", b"", 400, "MALFORMED"),
        ("GET", "/v1/account?account=-1", b"", 400, "OUT_OF_RANGE"),
        ("GET", "/v1/account?account=1e3", b"", 400, "OUT_OF_RANGE"),
        ("GET", "/v1/account?account=4294967296", b"", 400, "OUT_OF_RANGE"),
        ("GET", "/v1/orders?cursor=x", b"", 400, "OUT_OF_RANGE"),
        ("GET", "/v1/orders?limit=0", b"", 400, "OUT_OF_RANGE"),
        ("GET", "/v1/orders?limit=501", b"", 400, "OUT_OF_RANGE"),
        ("GET", "/v1/orders?since=yesterday", b"", 400, "OUT_OF_RANGE"),
        ("GET", "/v1/orders/0x12", b"", 400, "MALFORMED"),
        ("GET", "/v1/orders/" + HASH, b"", 404, "NOT_FOUND"),
        ("GET", "/v1/batches/last", b"", 400, "OUT_OF_RANGE"),
        ("GET", "/v2/orders", b"", 404, "NOT_FOUND"),
        ("DELETE", "/v1/meta", b"", 405, "METHOD_NOT_ALLOWED"),
    ],
)
def test_bad_requests_get_a_code(
    door: Door, method: str, path: str, content: bytes, status: int, code: str
) -> None:
    answer = door.send(method, path, content)
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"


def test_an_unavailable_venue_says_that_a_retry_may_help(door: Door) -> None:
    door.node.fault = Unavailable("the disk is full")
    answer = door.send("POST", "/v1/orders", b"{}")
    assert answer.status_code == 503
    assert answer.json()["code"] == "UNAVAILABLE" and answer.json()["retryable"] is True


def test_a_halted_venue_does_not_show_its_inside(door: Door) -> None:
    door.node.fault = InvariantBroken("account 7 became something")
    answer = door.send("POST", "/v1/orders", b"{}")
    assert answer.status_code == 500 and answer.json()["code"] == "HALTED"
    assert "account 7" not in answer.text


@pytest.mark.parametrize("seed", range(3))
def test_random_bytes_never_break_the_door(door: Door, seed: int) -> None:
    dice = random.Random(seed)
    alphabet = b'{}[]",:0123456789.eE-+ \\untrfalsidoc\x00\xff'
    for _ in range(60):
        body = bytes(dice.choice(alphabet) for _ in range(dice.randrange(60)))
        status = door.send("POST", "/v1/orders", body).status_code
        assert status in (200, 400, 413, 422), f"seed={seed} body={body!r}"


def test_splitting_keeps_the_bytes_of_each_order() -> None:
    assert split_orders(b' [ {"a": 1.0} , {"b":[ ]}]') == ([b'{"a": 1.0}', b'{"b":[ ]}'], False)
    assert split_orders(b'{"a":1}') == ([b'{"a":1}'], True)


def test_a_port_in_use_is_said_to_be(door: Door) -> None:
    with Server(door.gateway) as server:
        port = int(server.url.rsplit(":", 1)[1])
        assert httpx.get(server.url + "/v1/ping", trust_env=False).json() == {}
        with pytest.raises(Misconfigured, match=f"port {port}.*cannot be used"):
            Server(door.gateway, port)
