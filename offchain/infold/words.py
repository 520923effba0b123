# SPDX-License-Identifier: Apache-2.0
"""Every packed word of the protocol, pack beside unpack (docs/protocol.md sections 2 to 6 and 11).

The protocol's `index` of a position is called `place` here, because a tuple has an `index` already.
A layout lists `name, bits, lowest bit`, `signed` where two's complement. Packing a value outside
its width and unpacking a word with a bit set outside its layout both raise `InvariantBroken`:
either would mean that our arithmetic or our reading of the chain is wrong. Records, which are
packed by the hundred, are written out by hand; a test holds them equal to their layout.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from infold.errors import InvariantBroken
from infold.messages import BatchRecord, Order, TimeInForce, TriggerKind

WORD_BITS: Final = 256
WORD_MASK: Final = (1 << WORD_BITS) - 1


class Field(NamedTuple):
    """One field of a word: its width and its lowest bit."""

    name: str
    bits: int
    shift: int
    signed: bool = False


Layout = tuple[Field, ...]


def pack(layout: Layout, values: Sequence[int]) -> int:
    """Lay `values` out in one word, in the order of `layout`."""
    word = 0
    for (name, bits, shift, signed), value in zip(layout, values, strict=True):
        if signed:
            half = 1 << (bits - 1)
            if not -half <= value < half:
                raise InvariantBroken(f"{name} = {value} does not fit i{bits}")
            word |= (value & ((1 << bits) - 1)) << shift
        else:
            if not 0 <= value < 1 << bits:
                raise InvariantBroken(f"{name} = {value} does not fit u{bits}")
            word |= int(value) << shift
    return word


def unpack(layout: Layout, word: int) -> list[int]:
    """The fields of `word`, in the order of `layout`."""
    values = []
    rest = word
    for _, bits, shift, signed in layout:
        mask = (1 << bits) - 1
        value = word >> shift & mask
        rest &= ~(mask << shift)
        if signed and value >> (bits - 1):
            value -= 1 << bits
        values.append(value)
    if rest:
        raise InvariantBroken(f"word 0x{word:064x} has bits outside its layout: 0x{rest:064x}")
    return values


# -- accounts --------------------------------------------------------------------------------------


class AccountWord(NamedTuple):
    """accounts[account]. `owner` is the address as a number; see `address_bytes`."""

    owner: int = 0
    collateral_e6: int = 0
    mask: int = 0
    epoch: int = 0


ACCOUNT: Final[Layout] = (
    Field("owner", 160, 96),
    Field("collateral_e6", 64, 32, True),
    Field("mask", 16, 16),
    Field("epoch", 16, 0),
)


def pack_account(word: AccountWord) -> int:
    return pack(ACCOUNT, word)


def unpack_account(word: int) -> AccountWord:
    return AccountWord(*unpack(ACCOUNT, word))


class PositionWord(NamedTuple):
    """positions[account * 16 + index]; the backstop's lie at positions[16 + market]."""

    market: int = 0
    base_e8: int = 0
    quote_e6: int = 0
    funding_index: int = 0
    event: int = 0


POSITION: Final[Layout] = (
    Field("market", 16, 240),
    Field("base_e8", 64, 152, True),
    Field("quote_e6", 88, 64, True),
    Field("funding_index", 64, 0, True),
    Field("event", 24, 216),
)


def pack_position(word: PositionWord) -> int:
    return pack(POSITION, word)


def unpack_position(word: int) -> PositionWord:
    return PositionWord(*unpack(POSITION, word))


class FillWord(NamedTuple):
    """fills[account << 8 | slot]. `prefix` is the top 80 bits of the order hash."""

    prefix: int = 0
    cancel_ms: int = 0
    cancel_seq: int = 0
    filled_e8: int = 0
    seq: int = 0


FILL: Final[Layout] = (
    Field("prefix", 80, 176),
    Field("cancel_ms", 48, 128),
    Field("cancel_seq", 32, 96),
    Field("filled_e8", 64, 32),
    Field("seq", 32, 0),
)


def pack_fill(word: FillWord) -> int:
    return pack(FILL, word)


def unpack_fill(word: int) -> FillWord:
    return FillWord(*unpack(FILL, word))


def hash_prefix(order_hash: bytes) -> int:
    """The first 80 bits of an order hash, as the fill word keeps them."""
    return int.from_bytes(order_hash[:10], "big")


class WithdrawalWord(NamedTuple):
    """withdrawals[account]."""

    amount_e6: int = 0
    barrier_ms: int = 0


WITHDRAWAL: Final[Layout] = (Field("amount_e6", 64, 48), Field("barrier_ms", 48, 0))


def pack_withdrawal(word: WithdrawalWord) -> int:
    return pack(WITHDRAWAL, word)


def unpack_withdrawal(word: int) -> WithdrawalWord:
    return WithdrawalWord(*unpack(WITHDRAWAL, word))


class DelegateWord(NamedTuple):
    """delegates[account][key]. `markets` is the packed list; see `delegate_markets`."""

    markets: int = 0
    notional_e6: int = 0
    expiry_ms: int = 0


DELEGATE: Final[Layout] = (
    Field("markets", 128, 128),
    Field("notional_e6", 64, 64),
    Field("expiry_ms", 48, 0),
)


def pack_delegate(word: DelegateWord) -> int:
    return pack(DELEGATE, word)


def unpack_delegate(word: int) -> DelegateWord:
    return DelegateWord(*unpack(DELEGATE, word))


def pack_delegate_markets(markets: Sequence[int]) -> int:
    """Up to 8 market ids as 8 u16, the first in the lowest 16 bits; 0 marks a free place."""
    if len(markets) > 8:
        raise InvariantBroken(f"a delegate names at most 8 markets, not {len(markets)}")
    packed = 0
    for place, market in enumerate(markets):
        if not 0 <= market < 1 << 16:
            raise InvariantBroken(f"market = {market} does not fit u16")
        packed |= market << 16 * place
    return packed


def delegate_markets(packed: int) -> tuple[int, ...]:
    """The markets of a packed list, free places left out."""
    places = (packed >> 16 * place & 0xFFFF for place in range(8))
    return tuple(market for market in places if market)


class HeadWord(NamedTuple):
    """head: the last batch and the pool's epoch."""

    number: int = 0
    time_ms: int = 0
    epoch: int = 0
    epoch_end_ms: int = 0
    bucket_e6: int = 0


HEAD: Final[Layout] = (
    Field("number", 64, 192),
    Field("time_ms", 48, 144),
    Field("epoch", 32, 112),
    Field("epoch_end_ms", 48, 64),
    Field("bucket_e6", 64, 0),
)


def pack_head(word: HeadWord) -> int:
    return pack(HEAD, word)


def unpack_head(word: int) -> HeadWord:
    return HeadWord(*unpack(HEAD, word))


NEVER_MS: Final = 2**48 - 1
"""The time in the head of a venue that was wound down, and the barrier of what is paid never."""


class LimitsWord(NamedTuple):
    """limits: the pool's capital at its last strike, what all strikes moved to account 0, and the
    halt: in batches of `halted_from_ms` < T <= `halted_until_ms` every market only shrinks.
    """

    struck_e6: int = 0
    halted_until_ms: int = 0
    halted_from_ms: int = 0
    capital_e6: int = 0

    def halts(self, time_ms: int) -> bool:
        """Whether a batch at `time_ms` may only shrink positions."""
        return self.halted_from_ms < time_ms <= self.halted_until_ms


LIMITS: Final[Layout] = (
    Field("struck_e6", 96, 160, signed=True),
    Field("halted_until_ms", 48, 112),
    Field("halted_from_ms", 48, 64),
    Field("capital_e6", 64, 0),
)


def pack_limits(word: LimitsWord) -> int:
    return pack(LIMITS, word)


def unpack_limits(word: int) -> LimitsWord:
    return LimitsWord(*unpack(LIMITS, word))


# -- markets ---------------------------------------------------------------------------------------


class ClockWord(NamedTuple):
    """market_words[market * 8 + 0]. The funding index scales by 2**shift."""

    funding_index: int = 0
    rate_e9: int = 0
    price_e8: int = 0
    time_ms: int = 0
    activation_s: int = 0
    version: int = 0
    flags: int = 0

    def version_at(self, time_ms: int) -> int:
        """The version of parameters that serves `time_ms`; `version` is the newest."""
        return self.version if time_ms > self.activation_s * 1000 else 1 - self.version


CLOCK: Final[Layout] = (
    Field("funding_index", 64, 192, True),
    Field("rate_e9", 32, 160, True),
    Field("price_e8", 64, 96),
    Field("time_ms", 48, 48),
    Field("activation_s", 32, 16),
    Field("version", 8, 8),
    Field("flags", 8, 0),
)
FLAG_INCOMING: Final = 1


def pack_clock(word: ClockWord) -> int:
    return pack(CLOCK, word)


def unpack_clock(word: int) -> ClockWord:
    return ClockWord(*unpack(CLOCK, word))


class PoolWord(NamedTuple):
    """market_words[market * 8 + 1], and `incoming` at + 4: base and quote of the pool's side."""

    base_e8: int = 0
    quote_e6: int = 0


POOL: Final[Layout] = (Field("base_e8", 64, 192, True), Field("quote_e6", 88, 104, True))


def pack_pool(word: PoolWord) -> int:
    return pack(POOL, word)


def unpack_pool(word: int) -> PoolWord:
    return PoolWord(*unpack(POOL, word))


# What recovery handed the pool lies like what the pool holds; two names, because two things.
IncomingWord = PoolWord
pack_incoming = pack_pool
unpack_incoming = unpack_pool
# And so does what deleveragings closed and nobody has folded yet.
TransitWord = PoolWord
pack_transit = pack_pool
unpack_transit = unpack_pool


class DeleveragedWord(NamedTuple):
    """market_words[market * 8 + 6]: the event of each side's last deleveraging, and of the last."""

    shorts: int = 0
    longs: int = 0
    last: int = 0


DELEVERAGED: Final[Layout] = (Field("shorts", 24, 48), Field("longs", 24, 24), Field("last", 24, 0))


def pack_deleveraged(word: DeleveragedWord) -> int:
    return pack(DELEVERAGED, word)


def unpack_deleveraged(word: int) -> DeleveragedWord:
    return DeleveragedWord(*unpack(DELEVERAGED, word))


class MeterWord(NamedTuple):
    """market_words[market * 8 + 2]. `recent_e8` is what the pool sold of late,
    `earned_e6` what its spread has brought in less rebates.
    """

    bucket_e6: int = 0
    recent_e8: int = 0
    open_interest_e8: int = 0
    earned_e6: int = 0


METER: Final[Layout] = (
    Field("bucket_e6", 64, 192),
    Field("recent_e8", 64, 128, True),
    Field("open_interest_e8", 64, 64),
    Field("earned_e6", 64, 0),
)


def pack_meter(word: MeterWord) -> int:
    return pack(METER, word)


def unpack_meter(word: int) -> MeterWord:
    return MeterWord(*unpack(METER, word))


class LedgerWord(NamedTuple):
    """market_words[market * 8 + 3]."""

    realised_e6: int = 0
    fees_e6: int = 0
    pot_e6: int = 0


LEDGER: Final[Layout] = (
    Field("realised_e6", 88, 168, True),
    Field("fees_e6", 80, 88),
    Field("pot_e6", 88, 0, True),
)


def pack_ledger(word: LedgerWord) -> int:
    return pack(LEDGER, word)


def unpack_ledger(word: int) -> LedgerWord:
    return LedgerWord(*unpack(LEDGER, word))


# -- market parameters -----------------------------------------------------------------------------


def parameter_place(market: int, version: int) -> int:
    """Where in `parameter_words` a market's rates of a version lie; its caps follow, its listing
    follows them.
    """
    return market * 8 + version * 4


STATUS_UNLISTED: Final = 0
STATUS_LIVE: Final = 1
STATUS_SHRINK_ONLY: Final = 2


class RatesWord(NamedTuple):
    """parameter_words[market * 8 + version * 4 + 0].

    Margin rates grow with notional beyond 2**tier times $29,515; `rebate` is in sixteenths.
    """

    im_e6: int = 0
    mm_e6: int = 0
    haircut_e6: int = 0
    h_min_e6: int = 0
    h0_e6: int = 0
    band_e6: int = 0
    move_e6: int = 0
    move_per_s_e6: int = 0
    fee_e6: int = 0
    shift: int = 0
    tier: int = 0
    status: int = 0
    rate_max_e9: int = 0
    velocity_e9: int = 0
    rebate: int = 0


RATES: Final[Layout] = (
    Field("im_e6", 20, 236),
    Field("mm_e6", 20, 216),
    Field("haircut_e6", 20, 196),
    Field("h_min_e6", 20, 176),
    Field("h0_e6", 20, 156),
    Field("band_e6", 20, 136),
    Field("move_e6", 20, 116),
    Field("move_per_s_e6", 16, 100),
    Field("fee_e6", 16, 84),
    Field("shift", 8, 76),
    Field("tier", 4, 72),
    Field("status", 4, 68),
    Field("rate_max_e9", 32, 36),
    Field("velocity_e9", 32, 4),
    Field("rebate", 4, 0),
)


def pack_rates(word: RatesWord) -> int:
    return pack(RATES, word)


def unpack_rates(word: int) -> RatesWord:
    return RatesWord(*unpack(RATES, word))


INTEREST_SHARE_OPEN: Final = 15
"""The interest share that leaves open interest to its cap."""


class CapsWord(NamedTuple):
    """parameter_words[market * 8 + version * 4 + 1].

    Open interest may be worth 2**(interest_share - 4) times the pool's capital.
    """

    slope_e20: int = 0
    residual_cap_e8: int = 0
    position_cap_e8: int = 0
    interest_share: int = 0
    interest_cap_e8: int = 0


CAPS: Final[Layout] = (
    Field("slope_e20", 64, 192),
    Field("residual_cap_e8", 64, 128),
    Field("position_cap_e8", 64, 64),
    Field("interest_share", 4, 60),
    Field("interest_cap_e8", 60, 0),
)


def pack_caps(word: CapsWord) -> int:
    return pack(CAPS, word)


def unpack_caps(word: int) -> CapsWord:
    return CapsWord(*unpack(CAPS, word))


class ListingWord(NamedTuple):
    """parameter_words[market * 8 + version * 4 + 2]. `name` is text; `insurance_share` is in
    sixteenths of the fees.
    """

    tick_e8: int = 0
    name: str = ""
    insurance_share: int = 0


LISTING: Final[Layout] = (
    Field("insurance_share", 4, 252),
    Field("tick_e8", 60, 192),
    Field("name", 192, 0),
)
NAME_BYTES: Final = 24


def pack_listing(word: ListingWord) -> int:
    if not word.name.isascii() or "\0" in word.name or len(word.name) > NAME_BYTES:
        raise InvariantBroken(f"a market's name is at most {NAME_BYTES} ASCII characters")
    name = int.from_bytes(word.name.encode("ascii").ljust(NAME_BYTES, b"\0"), "big")
    return pack(LISTING, (word.insurance_share, word.tick_e8, name))


def unpack_listing(word: int) -> ListingWord:
    insurance_share, tick_e8, name = unpack(LISTING, word)
    text = name.to_bytes(NAME_BYTES, "big").rstrip(b"\0")
    if not text.isascii() or b"\0" in text:
        raise InvariantBroken(f"word 0x{word:064x} holds no ASCII name")
    return ListingWord(tick_e8, text.decode("ascii"), insurance_share)


# -- calldata --------------------------------------------------------------------------------------


class SettleHead(NamedTuple):
    """The head of `settle`; without `number` (zero) also that of a vector presented elsewhere."""

    number: int = 0
    time_ms: int = 0
    chunks: int = 0
    opened: int = 0


SETTLE_HEAD: Final[Layout] = (
    Field("number", 64, 64),
    Field("time_ms", 48, 16),
    Field("chunks", 8, 8),
    Field("opened", 8, 0),
)


def pack_settle_head(word: SettleHead) -> int:
    return pack(SETTLE_HEAD, word)


def unpack_settle_head(word: int) -> SettleHead:
    return SettleHead(*unpack(SETTLE_HEAD, word))


class PriceWord(NamedTuple):
    """One market of a batch's price list."""

    market: int = 0
    price_e8: int = 0
    gross_e8: int = 0


PRICE: Final[Layout] = (
    Field("market", 16, 240),
    Field("price_e8", 64, 176),
    Field("gross_e8", 64, 112),
)


def pack_price(word: PriceWord) -> int:
    return pack(PRICE, word)


def unpack_price(word: int) -> PriceWord:
    return PriceWord(*unpack(PRICE, word))


# -- the order record ------------------------------------------------------------------------------

RECORD_ORDER: Final[Layout] = (
    Field("account", 32, 224),
    Field("slot", 8, 216),
    Field("market", 16, 200),
    Field("place", 4, 196),
    Field("flags", 12, 184),
    Field("epoch", 16, 168),
    Field("seq", 32, 136),
    Field("max_fee_e6", 16, 120),
    Field("expiry_ms", 48, 72),
    Field("size_e8", 64, 8),
)
RECORD_TERMS: Final[Layout] = (
    Field("limit_price_e8", 64, 192),
    Field("fill_e8", 64, 128),
    Field("trigger_price_e8", 64, 64),
    Field("good_after_ms", 48, 16),
)
FLAG_BUY: Final = 1
FLAG_POST_ONLY: Final = 2
FLAG_REDUCE_ONLY: Final = 4
FLAG_DELEGATED: Final = 1 << 7
FLAG_APPROVED: Final = 1 << 8


class UnpackedRecord(NamedTuple):
    """A record read back: the order, and what the matcher added to it."""

    order: Order
    place: int
    fill_e8: int
    delegated: bool
    r: int
    vs: int
    approved: bool = False


def pack_record(
    order: Order,
    place: int,
    fill_e8: int,
    delegated: bool,
    r: int,
    vs: int,
    approved: bool = False,
) -> BatchRecord:
    """An order's four words; `place` is the account's position index (0..15), `fill_e8` in lots.

    The order was admitted, so its fields fit their widths; what the matcher adds is checked here.
    """
    if not 0 <= place < 16 or not 0 <= fill_e8 < 1 << 64:
        raise InvariantBroken(f"place = {place} or fill_e8 = {fill_e8} does not fit a record")
    flags = (
        order.buy
        | order.post_only << 1
        | order.reduce_only << 2
        | order.time_in_force << 3
        | order.trigger_kind << 5
        | delegated << 7
        | approved << 8
    )
    return BatchRecord(
        order=order.account << 224
        | order.slot << 216
        | order.market << 200
        | place << 196
        | flags << 184
        | order.epoch << 168
        | order.seq << 136
        | order.max_fee_e6 << 120
        | order.expiry_ms << 72
        | order.size_e8 << 8,
        terms=order.limit_price_e8 << 192
        | fill_e8 << 128
        | order.trigger_price_e8 << 64
        | order.good_after_ms << 16,
        r=r,
        vs=vs,
    )


def unpack_record(record: BatchRecord) -> UnpackedRecord:
    """The order inside a record. Flag values no order can carry raise `InvariantBroken`."""
    account, slot, market, place, flags, epoch, seq, max_fee_e6, expiry_ms, size_e8 = unpack(
        RECORD_ORDER, record.order
    )
    limit_price_e8, fill_e8, trigger_price_e8, good_after_ms = unpack(RECORD_TERMS, record.terms)
    time_in_force = flags >> 3 & 3
    trigger_kind = flags >> 5 & 3
    if flags >> 9 or time_in_force == 3 or trigger_kind == 3:
        raise InvariantBroken(f"flags 0x{flags:03x} name no order")
    order = Order(
        account=account,
        market=market,
        buy=bool(flags & FLAG_BUY),
        size_e8=size_e8,
        limit_price_e8=limit_price_e8,
        max_fee_e6=max_fee_e6,
        time_in_force=TimeInForce(time_in_force),
        post_only=bool(flags & FLAG_POST_ONLY),
        reduce_only=bool(flags & FLAG_REDUCE_ONLY),
        trigger_kind=TriggerKind(trigger_kind),
        trigger_price_e8=trigger_price_e8,
        good_after_ms=good_after_ms,
        expiry_ms=expiry_ms,
        epoch=epoch,
        slot=slot,
        seq=seq,
    )
    return UnpackedRecord(
        order,
        place,
        fill_e8,
        bool(flags & FLAG_DELEGATED),
        record.r,
        record.vs,
        bool(flags & FLAG_APPROVED),
    )


# -- pool shares -----------------------------------------------------------------------------------


class ExitWord(NamedTuple):
    """exits[account * 16 + index] of `Recovery`; times in ms."""

    long: int = 0
    market: int = 0
    done_ms: int = 0
    asked_ms: int = 0
    size_e8: int = 0


EXIT: Final[Layout] = (
    Field("long", 1, 248),
    Field("market", 8, 240),
    Field("done_ms", 48, 112),
    Field("asked_ms", 48, 64),
    Field("size_e8", 64, 0),
)


def pack_exit(word: ExitWord) -> int:
    return pack(EXIT, word)


def unpack_exit(word: int) -> ExitWord:
    return ExitWord(*unpack(EXIT, word))


def is_exit_of(asked: ExitWord, position: PositionWord) -> bool:
    """Whether an exit was asked for of the position at its place, not of one closed since: another
    one there has another market or side, or lacks the exit bit of its event field.
    """
    side = asked.market, asked.long
    return bool(position.event & 1) and side == (position.market, int(position.base_e8 > 0))


class RequestsWord(NamedTuple):
    """lp_requests[epoch]."""

    deposits_e6: int = 0
    redeems: int = 0


REQUESTS: Final[Layout] = (Field("deposits_e6", 64, 128), Field("redeems", 128, 0))


def pack_requests(word: RequestsWord) -> int:
    return pack(REQUESTS, word)


def unpack_requests(word: int) -> RequestsWord:
    return RequestsWord(*unpack(REQUESTS, word))


class StrikeWord(NamedTuple):
    """strikes[epoch]. `supply` is the one before the strike; `returned` is 0 or 1; `paid_e6` is for
    all redemptions of the epoch together.
    """

    returned: int = 0
    nav_e6: int = 0
    supply: int = 0
    paid_e6: int = 0


STRIKE: Final[Layout] = (
    Field("returned", 1, 192),
    Field("nav_e6", 64, 128),
    Field("supply", 128, 0),
    Field("paid_e6", 63, 193),
)


def pack_strike(word: StrikeWord) -> int:
    return pack(STRIKE, word)


def unpack_strike(word: int) -> StrikeWord:
    return StrikeWord(*unpack(STRIKE, word))


# -- signer sets -----------------------------------------------------------------------------------


class ServiceWord(NamedTuple):
    """service[key] of Oracle and Seals: serves from < T <= until; until 0 means no end."""

    from_ms: int = 0
    until_ms: int = 0


SERVICE: Final[Layout] = (Field("from_ms", 48, 48), Field("until_ms", 48, 0))


def pack_service(word: ServiceWord) -> int:
    return pack(SERVICE, word)


def unpack_service(word: int) -> ServiceWord:
    return ServiceWord(*unpack(SERVICE, word))


class ThresholdWord(NamedTuple):
    """threshold of Oracle and Seals: the old one serves T <= activation. In Oracle, bit m of
    `sourced` is set while market m has a second source.
    """

    new: int = 0
    old: int = 0
    activation_ms: int = 0
    sourced: int = 0


THRESHOLD: Final[Layout] = (
    Field("new", 8, 56),
    Field("old", 8, 48),
    Field("activation_ms", 48, 0),
    Field("sourced", 192, 64),
)


def pack_threshold(word: ThresholdWord) -> int:
    return pack(THRESHOLD, word)


def unpack_threshold(word: int) -> ThresholdWord:
    return ThresholdWord(*unpack(THRESHOLD, word))


class SourceWord(NamedTuple):
    """Oracle.source_of[market]: a second source, how old its word may be, how far a vector may
    differ from it, and whether it doubts every price once it is too old.
    """

    source: int = 0
    age_s: int = 0
    bound_e4: int = 0
    strict: int = 0


SOURCE: Final[Layout] = (
    Field("source", 160, 96),
    Field("age_s", 32, 16),
    Field("bound_e4", 15, 1),
    Field("strict", 1, 0),
)


def pack_source(word: SourceWord) -> int:
    return pack(SOURCE, word)


def unpack_source(word: int) -> SourceWord:
    return SourceWord(*unpack(SOURCE, word))


class ReadingsWord(NamedTuple):
    """Oracle.readings[market]: what the second source said last, and before; the one before serves
    T <= activation.
    """

    price_e8: int = 0
    until_s: int = 0
    bound_e4: int = 0
    strict: int = 0
    before_price_e8: int = 0
    before_until_s: int = 0
    before_bound_e4: int = 0
    before_strict: int = 0
    activation_s: int = 0


READINGS: Final[Layout] = (
    Field("price_e8", 64, 192),
    Field("until_s", 32, 160),
    Field("bound_e4", 15, 145),
    Field("strict", 1, 144),
    Field("before_price_e8", 64, 80),
    Field("before_until_s", 32, 48),
    Field("before_bound_e4", 15, 33),
    Field("before_strict", 1, 32),
    Field("activation_s", 32, 0),
)


def pack_readings(word: ReadingsWord) -> int:
    return pack(READINGS, word)


def unpack_readings(word: int) -> ReadingsWord:
    return ReadingsWord(*unpack(READINGS, word))


# -- logs ------------------------------------------------------------------------------------------


class SettledHead(NamedTuple):
    """AccountSettled.head."""

    account: int = 0
    fills: int = 0
    positions: int = 0
    account_follows: int = 0


SETTLED_HEAD: Final[Layout] = (
    Field("account", 32, 0),
    Field("fills", 8, 32),
    Field("positions", 8, 40),
    Field("account_follows", 1, 48),
)


def pack_settled_head(word: SettledHead) -> int:
    return pack(SETTLED_HEAD, word)


def unpack_settled_head(word: int) -> SettledHead:
    return SettledHead(*unpack(SETTLED_HEAD, word))


class SettledFill(NamedTuple):
    """One fill in AccountSettled.words; `filled_e8` is cumulative."""

    slot: int = 0
    place: int = 0
    seq: int = 0
    filled_e8: int = 0
    prefix: int = 0


SETTLED_FILL: Final[Layout] = (
    Field("slot", 8, 248),
    Field("place", 4, 244),
    Field("seq", 32, 144),
    Field("filled_e8", 64, 80),
    Field("prefix", 80, 0),
)


def pack_settled_fill(word: SettledFill) -> int:
    return pack(SETTLED_FILL, word)


def unpack_settled_fill(word: int) -> SettledFill:
    return SettledFill(*unpack(SETTLED_FILL, word))


# -- helpers ---------------------------------------------------------------------------------------


def address_bytes(address: int) -> bytes:
    """A 160-bit number as 20 bytes."""
    return address.to_bytes(20, "big")
