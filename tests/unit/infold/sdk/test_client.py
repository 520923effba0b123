# SPDX-License-Identifier: Apache-2.0
"""The SDK against a venue in memory: what it sends, and how it takes a refusal."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from infold.core.reading import Context, decode_cancel, decode_order
from infold.errors import Misconfigured, Rejected, Unavailable
from infold.gateway.problems import problem
from infold.messages import TimeInForce, TriggerKind
from infold.sdk import Client, Wallet
from infold.signing import Domain, checksum_address

KEY = bytes(31) + b"\x07"
CLEARING = bytes(range(20))
NOW_MS = 1_800_000_000_123
CONTEXT = Context(Domain(31_337, CLEARING), {"BTC-USD": 3})

Handler = Callable[[httpx.Request], httpx.Response]


class Venue:
    """Answers reads with fixed documents and keeps what was sent."""

    def __init__(self, orders: Handler | None = None) -> None:
        self.sent: list[httpx.Request] = []
        self._orders = orders

    def __call__(self, request: httpx.Request) -> httpx.Response:
        self.sent.append(request)
        path = request.url.path
        documents: dict[str, Any] = {
            "/v1/meta": {"chainId": 31_337, "contracts": {"Clearing": checksum_address(CLEARING)}},
            "/v1/markets": {"data": [{"id": 3, "name": "BTC-USD", "tick": "0.1"}]},
            "/v1/account": {"account": 17, "epoch": 2, "positions": []},
            "/v1/refunds": {"data": [{"account": 17}], "block": 40, "nextCursor": None},
        }
        if path in documents:
            return httpx.Response(200, json=documents[path])
        if self._orders is not None:
            return self._orders(request)
        return httpx.Response(200, json={"results": [{"orderHash": "0x00"}]})


def a_client(venue: Venue) -> Client:
    return Client("http://venue", transport=httpx.MockTransport(venue))


def an_order(client: Client, **changes: Any) -> Any:
    fields: dict[str, Any] = {
        "account": 17,
        "market": "BTC-USD",
        "side": "buy",
        "size": "0.5",
        "price": "60000.1",
        "now_ms": NOW_MS,
    }
    return client.prepare(changes.pop("wallet", Wallet(KEY)), **(fields | changes))


def test_a_prepared_order_is_what_admission_decodes() -> None:
    with a_client(Venue()) as client:
        prepared = an_order(
            client,
            time_in_force="GTC",
            post_only=True,
            trigger=(TriggerKind.AT_OR_BELOW, "59000"),
        )
    signed = decode_order(prepared.body, CONTEXT)
    assert signed.order == prepared.order and signed.order_hash == prepared.order_hash
    assert signed.signer == Wallet(KEY).address
    order = signed.order
    assert (order.market, order.size_e8, order.limit_price_e8) == (3, 50_000_000, 6_000_010_000_000)
    assert (order.time_in_force, order.post_only, order.epoch) == (TimeInForce.GTC, True, 2)
    assert order.trigger_price_e8 == 59_000 * 10**8 and order.expiry_ms > NOW_MS


def test_refunds_come_with_a_block_they_surely_hold() -> None:
    with a_client(Venue()) as client:
        assert client.refunds_at() == ([{"account": 17}], 40)
        assert client.refunds() == [{"account": 17}]


def test_an_order_without_a_wallet_waits_for_its_approval() -> None:
    with a_client(Venue()) as client:
        prepared = an_order(client, wallet=None)
    signed = decode_order(prepared.body, CONTEXT)
    assert signed.approved and signed.order_hash == prepared.order_hash


def test_an_immediate_order_lives_ten_seconds() -> None:
    with a_client(Venue()) as client:
        assert an_order(client).order.expiry_ms == NOW_MS + 10_000


def test_seqs_rise_with_the_clock_within_a_slot() -> None:
    with a_client(Venue()) as client:
        first, later = an_order(client).order, an_order(client, now_ms=NOW_MS + 25_600).order
    assert first.slot == later.slot and later.seq > first.seq


def test_orders_travel_together_and_answers_keep_their_order() -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(
            200, json={"results": [{"n": n} for n, _ in enumerate(json.loads(request.content))]}
        )

    with a_client(Venue(answer)) as client:
        assert client.place(an_order(client), an_order(client, slot=9)) == [{"n": 0}, {"n": 1}]


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"size": "0.50"}, "size"),
        ({"price": "1e5"}, "price"),
        ({"max_fee": "-1"}, "maxFee"),
        ({"side": "long"}, "side"),
        ({"time_in_force": "DAY"}, "timeInForce"),
        ({"market": "TULIP"}, "market"),
    ],
)
def test_a_wrong_word_or_number_is_refused_before_it_is_signed(
    changes: dict[str, Any], param: str
) -> None:
    venue = Venue()
    with a_client(venue) as client, pytest.raises(Rejected) as caught:
        an_order(client, **changes)
    assert caught.value.param == param
    assert all(request.method == "GET" for request in venue.sent)


def test_a_long_list_is_read_to_its_end() -> None:
    def pages(request: httpx.Request) -> httpx.Response:
        after = int(request.url.params["cursor"])
        assert request.url.params["account"] == "17"
        rows = [{"seq": seq} for seq in range(after + 1, min(after + 3, 6))]
        return httpx.Response(
            200, json={"data": rows, "nextCursor": str(after + 2) if rows else None}
        )

    with a_client(Venue(pages)) as client:
        assert [row["seq"] for row in client.orders(17)] == [1, 2, 3, 4, 5]
        assert [row["seq"] for row in client.fills(17)] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize(("filled", "numbers"), [("0.5", [2, 4]), ("0", [])])
def test_what_became_of_an_order_has_its_own_fills_alone(filled: str, numbers: list[int]) -> None:
    order = {"orderHash": "0xab", "account": 17, "ts": NOW_MS, "filled": filled, "open": False}

    def answers(request: httpx.Request) -> httpx.Response:
        if request.url.path == "/v1/orders/0xab":
            return httpx.Response(200, json=order)
        asked = request.url.params
        assert (request.url.path, asked["account"]) == ("/v1/fills", "17")
        assert asked["since"] == str(NOW_MS), "no fill is older than its order"
        rows = [{"seq": seq, "orderHash": "0xab" if seq % 2 == 0 else "0xcd"} for seq in range(5)]
        return httpx.Response(200, json={"data": rows[1:], "nextCursor": None})

    with a_client(Venue(answers)) as client:
        found = client.outcome("0xab")
    assert {name: found[name] for name in order} == order
    assert [fill["seq"] for fill in found["fills"]] == numbers


def test_of_an_open_order_the_venue_is_asked_how_batches_go() -> None:
    order = {"orderHash": "0xab", "account": 17, "ts": NOW_MS, "filled": "0", "open": True}
    with a_client(Venue(lambda _: httpx.Response(200, json=order))) as client:
        assert client.outcome("0xab") == order | {"fills": [], "batches": None}


def test_a_list_that_leads_in_a_circle_is_unavailable() -> None:
    circle = Venue(lambda _: httpx.Response(200, json={"data": [{"seq": 9}], "nextCursor": "9"}))
    with a_client(circle) as client, pytest.raises(Unavailable, match="back to 9"):
        client.batches()


def test_a_refused_order_raises_with_the_venues_code() -> None:
    problem = {"code": "PRICE_TICK", "param": "price", "detail": "the tick is 0.1"}
    venue = Venue(lambda request: httpx.Response(200, json={"results": [{"error": problem}]}))
    with a_client(venue) as client, pytest.raises(Rejected, match=r"the tick is 0\.1") as caught:
        client.order(Wallet(KEY), account=17, market="BTC-USD", side="buy", size="1", price="1")
    assert (caught.value.code, caught.value.param) == ("PRICE_TICK", "price")


def test_an_order_at_a_venue_that_ended_says_what_is_left_to_do() -> None:
    """The door's own words for it, as the SDK raises them."""
    body = problem(Rejected("WOUND_DOWN", None, "no batch settles any more"))
    assert (body["status"], body["retryable"]) == (410, False)
    venue = Venue(lambda request: httpx.Response(200, json={"results": [{"error": body}]}))
    with a_client(venue) as client, pytest.raises(Rejected, match="infold wind-down claim") as told:
        client.order(Wallet(KEY), account=17, market="BTC-USD", side="buy", size="1", price="1")
    assert told.value.code == "WOUND_DOWN"


def test_a_code_it_does_not_know_stays_readable() -> None:
    venue = Venue(
        lambda request: httpx.Response(422, json={"code": "FROM_THE_FUTURE", "detail": "why"})
    )
    with a_client(venue) as client, pytest.raises(Rejected, match="FROM_THE_FUTURE: why"):
        client.place(an_order(client))


@pytest.mark.parametrize(
    "answer",
    [
        lambda request: httpx.Response(503, json={"code": "UNAVAILABLE", "detail": "busy"}),
        lambda request: httpx.Response(200, content=b"<html>"),
    ],
)
def test_a_venue_that_cannot_serve_is_unavailable(answer: Handler) -> None:
    with a_client(Venue(answer)) as client, pytest.raises(Unavailable):
        client.place(an_order(client))


def test_a_venue_that_is_not_there_is_unavailable() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("refused", request=request)

    with Client("http://venue", transport=httpx.MockTransport(refuse)) as client:
        with pytest.raises(Unavailable, match="infold devnet"):
            client.markets()


def test_a_cancel_is_what_admission_decodes() -> None:
    venue = Venue(lambda request: httpx.Response(200, json={"cancelled": []}))
    with a_client(venue) as client:
        client.cancel(Wallet(KEY), 17, 4, 99)
    signed = decode_cancel(venue.sent[-1].content, CONTEXT)
    assert (signed.cancel.account, signed.cancel.slot, signed.cancel.seq) == (17, 4, 99)
    assert signed.signer == Wallet(KEY).address


# -- keys --------------------------------------------------------------------


def test_a_key_never_shows_itself() -> None:
    wallet = Wallet(KEY)
    assert KEY.hex() not in repr(wallet) + str(wallet)
    assert str(wallet) == checksum_address(wallet.address)


def test_a_key_file_gives_its_wallet_and_a_wrong_one_says_so(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_text("0x" + KEY.hex() + "\n")
    assert Wallet.from_key_file(path).address == Wallet(KEY).address
    for content in ("", "0x12", "0x" + "00" * 32, "zz" * 32):
        path.write_text(content)
        with pytest.raises(Misconfigured, match="not 64 hex digits of a private key"):
            Wallet.from_key_file(path)
    with pytest.raises(Misconfigured, match="does not exist"):
        Wallet.from_key_file(tmp_path / "none")


def test_a_keystore_round_trip_needs_its_password(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ETH_ACCOUNT_KDF", "pbkdf2")
    path = tmp_path / "key.json"
    Wallet(KEY).to_keystore(path, "open sesame")
    assert path.stat().st_mode & 0o077 == 0, "nobody else may read it"
    assert Wallet.from_keystore(path, "open sesame").address == Wallet(KEY).address
    with pytest.raises(Misconfigured, match="check the password"):
        Wallet.from_keystore(path, "wrong")
    with pytest.raises(Misconfigured, match="exists already"):
        Wallet(KEY).to_keystore(path, "other")
    path.write_text("{")
    with pytest.raises(Misconfigured, match="not JSON"):
        Wallet.from_keystore(path, "open sesame")
