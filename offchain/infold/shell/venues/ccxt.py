# SPDX-License-Identifier: Apache-2.0
"""Hedging at an exchange through ccxt. Off unless somebody constructs it; `connect` reads the keys
from where they are kept.

What ccxt raises is sorted by one question: may the order be there? Only refusals that an exchange
gives before it takes an order count as refused; every other error leaves the order in doubt
(`Unavailable`), and whoever sent it asks by client id. The client id is the exchange's own field
for it, so a copy of an open order is refused there as a duplicate, and reported as the order it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from infold.config import read_secret
from infold.errors import Misconfigured, Unavailable
from infold.outside import (
    OutsideBalance,
    OutsideOrder,
    OutsidePosition,
    OutsideQuote,
    OutsideReport,
    Standing,
)

LOTS: Final = Decimal(10**8)
MONEY: Final = Decimal(10**6)
TIMEOUT_MS: Final = 5_000
DEPTH_LEVELS: Final = 5
"""The fewest that every large exchange serves."""
STANDINGS: Final = {
    "open": Standing.OPEN,
    "closed": Standing.FILLED,
    "canceled": Standing.CANCELLED,
    "expired": Standing.CANCELLED,
    "rejected": Standing.REFUSED,
}


def connect(
    name: str,
    exchange: str,
    symbols: Mapping[int, str],
    now_ms: Callable[[], int],
    *,
    key: str,
    secret: str,
    sandbox: bool = True,
    environment: Mapping[str, str] | None = None,
) -> CcxtVenue:
    """A venue by ccxt's name of an exchange; `key` and `secret` say where those are kept
    (`env:NAME`, `file:PATH`). The exchange's test network unless `sandbox` is False.

    `Misconfigured` if ccxt is not installed, does not know the exchange, or a secret is missing.
    """
    try:
        import ccxt
    except ImportError as error:
        raise Misconfigured("ccxt is not installed; install infold[outside]") from error
    if exchange not in ccxt.exchanges:
        raise Misconfigured(f"ccxt knows no exchange {exchange!r}; see `ccxt.exchanges`")
    settings = {
        "apiKey": read_secret(key, environment),
        "secret": read_secret(secret, environment),
        "timeout": TIMEOUT_MS,
        "enableRateLimit": True,
        "options": {"fetchCurrencies": False},  # wallets and their networks are not our business
    }
    client = getattr(ccxt, exchange)(settings)
    if sandbox:
        client.set_sandbox_mode(True)
    return CcxtVenue(name, client, symbols, now_ms)


class CcxtVenue:
    """One account at an exchange. `client` is ccxt's, `symbols` its names for our markets (linear
    perpetuals, `BTC/USDT:USDT`), `now_ms` stamps what the exchange does not.
    """

    def __init__(
        self, name: str, client: Any, symbols: Mapping[int, str], now_ms: Callable[[], int]
    ) -> None:
        self.name = name
        self._client = client
        self._symbols = dict(symbols)
        self._now_ms = now_ms

    def place(self, order: OutsideOrder) -> OutsideReport:
        """Send an order: market, or limit that is filled at once or cancelled, or post-only."""
        import ccxt

        market = self._market(order.market)
        amount = abs(order.size_e8) / LOTS / _contract(market)
        params: dict[str, Any] = {"clientOrderId": order.client_id}
        price = None
        if order.limit_price_e8:
            price = float(Decimal(order.limit_price_e8) / LOTS)
            params |= {"postOnly": True} if order.resting else {"timeInForce": "IOC"}
        try:
            found = self._client.create_order(
                market["symbol"],
                "market" if price is None else "limit",
                "buy" if order.size_e8 > 0 else "sell",
                float(amount),
                price,
                params,
            )
        except ccxt.BaseError as error:
            if not isinstance(error, _refusals(ccxt)):
                raise self._unavailable(error) from error
            return self._refused(order, error)
        return self._report(order.client_id, found, market)

    def _refused(self, order: OutsideOrder, error: Exception) -> OutsideReport:
        """A refusal, unless it is the refusal of a copy of an order that is there.

        Exchanges say "duplicate" under many codes, so every refusal is looked into: once more than
        needed costs a request, once less an order counted as never executed.
        """
        known = self.order(order.market, order.client_id)
        if known is not None:
            return known
        if "duplicate" in _words(error).lower():
            raise Unavailable(f"{self.name} does not show the order it has: {_words(error)}")
        return OutsideReport(
            client_id=order.client_id, standing=Standing.REFUSED, reason=_words(error)
        )

    def order(self, market: int, client_id: str) -> OutsideReport | None:
        """What became of an order."""
        import ccxt

        listed = self._market(market)
        try:
            found = self._client.fetch_order(None, listed["symbol"], {"clientOrderId": client_id})
        except ccxt.OrderNotFound:
            return None
        except ccxt.BaseError as error:
            raise self._unavailable(error) from error
        return self._report(client_id, found, listed)

    def cancel(self, market: int, client_id: str) -> OutsideReport | None:
        """Take back what is not filled. An order that is not open any more is asked for."""
        import ccxt

        listed = self._market(market)
        try:
            found = self._client.cancel_order(None, listed["symbol"], {"clientOrderId": client_id})
        except ccxt.OrderNotFound:
            return self.order(market, client_id)
        except ccxt.BaseError as error:
            raise self._unavailable(error) from error
        return self._report(client_id, found, listed)

    def position(self, market: int) -> OutsidePosition:
        """What the exchange says we hold; both sides together in hedge mode."""
        import ccxt

        listed = self._market(market)
        try:
            found = self._client.fetch_positions([listed["symbol"]])
        except ccxt.BaseError as error:
            raise self._unavailable(error) from error
        total = Decimal(0)
        for one in found:
            if one["symbol"] == listed["symbol"]:
                side = -1 if one["side"] == "short" else 1
                total += side * abs(_decimal(one["contracts"])) * _contract(listed)
        return OutsidePosition(
            venue=self.name, market=market, size_e8=_lots(total), time_ms=self._now_ms()
        )

    def balance(self, market: int) -> OutsideBalance:
        """What the exchange says our account is worth in the market's settlement currency."""
        import ccxt

        listed = self._market(market)
        try:
            found = self._client.fetch_balance({"type": "swap"})
        except ccxt.BaseError as error:
            raise self._unavailable(error) from error
        total = _decimal(found["total"].get(listed["settle"]))
        return OutsideBalance(
            venue=self.name,
            equity_e6=int((total * MONEY).to_integral_value(ROUND_FLOOR)),
            time_ms=self._now_ms(),
        )

    def quote(self, market: int) -> OutsideQuote:
        """The best level of either side."""
        import ccxt

        listed = self._market(market)
        try:
            book = self._client.fetch_order_book(listed["symbol"], DEPTH_LEVELS)
        except ccxt.BaseError as error:
            raise self._unavailable(error) from error
        if not book["bids"] or not book["asks"]:
            raise Unavailable(f"{self.name} quotes one side only, or none")
        (bid, bid_size), (ask, ask_size) = book["bids"][0][:2], book["asks"][0][:2]
        contract = _contract(listed)
        return OutsideQuote(
            venue=self.name,
            market=market,
            bid_price_e8=int((_decimal(bid) * LOTS).to_integral_value(ROUND_FLOOR)),
            ask_price_e8=int((_decimal(ask) * LOTS).to_integral_value(ROUND_CEILING)),
            bid_size_e8=_lots(_decimal(bid_size) * contract),
            ask_size_e8=_lots(_decimal(ask_size) * contract),
            time_ms=int(book.get("timestamp") or self._now_ms()),
        )

    def _market(self, market: int) -> dict[str, Any]:
        """ccxt's description of one of our markets; loads the exchange's listings once."""
        import ccxt

        symbol = self._symbols.get(market)
        if symbol is None:
            raise Misconfigured(f"{self.name} has no symbol for market {market}; name one")
        try:
            self._client.load_markets()
            found: dict[str, Any] = self._client.market(symbol)
        except ccxt.BadSymbol:
            raise Misconfigured(f"{self.name} lists no {symbol}") from None
        except ccxt.BaseError as error:
            raise self._unavailable(error) from error
        if not found.get("linear"):
            raise Misconfigured(f"{symbol} is not linear: its lots are not the base asset's")
        return found

    def _report(
        self, client_id: str, found: Mapping[str, Any], market: Mapping[str, Any]
    ) -> OutsideReport:
        sells = found.get("side") == "sell"
        filled = _lots(_decimal(found.get("filled")) * _contract(market))
        cost = _decimal(found.get("cost"))
        rounding = ROUND_FLOOR if sells else ROUND_CEILING
        standing = STANDINGS.get(str(found.get("status")))
        if standing is None:
            raise Unavailable(f"{self.name} says {found.get('status')!r} of {client_id}")
        return OutsideReport(
            client_id=client_id,
            standing=standing,
            filled_e8=-filled if sells else filled,
            paid_e6=int((cost * MONEY).to_integral_value(rounding)),
            fee_e6=_fee_e6(found, market, cost),
        )

    def _unavailable(self, error: Exception) -> Exception:
        import ccxt

        if isinstance(error, ccxt.AuthenticationError):
            return Misconfigured(f"{self.name} does not accept our key: {_words(error)}")
        return Unavailable(f"{self.name}: {type(error).__name__}: {_words(error)}")


def _refusals(ccxt: Any) -> tuple[type[Exception], ...]:
    """Errors an exchange gives instead of taking an order."""
    return (
        ccxt.InsufficientFunds,
        ccxt.InvalidOrder,
        ccxt.BadRequest,
        ccxt.ArgumentsRequired,
        ccxt.OperationRejected,
        ccxt.NotSupported,
    )


def _fee_e6(found: Mapping[str, Any], market: Mapping[str, Any], cost: Decimal) -> int:
    """The fee the exchange names in the quote currency; else its listed rate on the cost, up."""
    named = [fee for fee in found.get("fees") or [found.get("fee")] if fee and fee.get("cost")]
    if named and all(fee.get("currency") == market["quote"] for fee in named):
        total = sum((_decimal(fee["cost"]) for fee in named), Decimal(0))
    else:
        rate = market.get("maker" if found.get("postOnly") else "taker")
        total = cost * _decimal(rate)
    return int((total * MONEY).to_integral_value(ROUND_CEILING))


def _contract(market: Mapping[str, Any]) -> Decimal:
    return _decimal(market.get("contractSize") or 1)


def _decimal(value: object) -> Decimal:
    """ccxt gives numbers as floats or texts, and None where there is none."""
    return Decimal(0) if value is None else Decimal(str(value))


def _lots(size: Decimal) -> int:
    return int((size * LOTS).to_integral_value(ROUND_HALF_EVEN))


def _words(error: Exception) -> str:
    return str(error)[:200]
