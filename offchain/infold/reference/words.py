# SPDX-License-Identifier: Apache-2.0
"""The words of storage, calldata and logs, packed and unpacked (docs/protocol.md §3, §4).

Each class draws its layout, highest field first. `of(word)` reads a word, `.word` writes it and
raises `Overflow` where a value does not fit its field. Signed fields are two's complement within
their width.
"""

from __future__ import annotations

from typing import NamedTuple

from .faults import Overflow

WORD_MASK = 2**256 - 1


def unsigned(value: int, bits: int, name: str) -> int:
    """`value` itself, if it fits `bits` unsigned bits."""
    if value >> bits:
        raise Overflow(f"words: {name} does not fit {bits} bits: {value}")
    return value


def signed(value: int, bits: int, name: str) -> int:
    """Two's complement of `value` in `bits` bits, if it fits."""
    if not -(1 << (bits - 1)) <= value < 1 << (bits - 1):
        raise Overflow(f"words: {name} does not fit {bits} signed bits: {value}")
    return value & ((1 << bits) - 1)


def to_signed(field: int, bits: int) -> int:
    """The number whose two's complement in `bits` bits is `field`; higher bits are ignored."""
    field &= (1 << bits) - 1
    return field - (1 << bits) if field >> (bits - 1) else field


NEVER_MS = 2**48 - 1


class Account(NamedTuple):
    """owner 160 @96 | collateral i64 @32 | mask u16 @16 | epoch u16 @0."""

    owner: int
    collateral_e6: int
    mask: int
    epoch: int

    @classmethod
    def of(cls, word: int) -> Account:
        return cls(word >> 96, to_signed(word >> 32, 64), word >> 16 & 0xFFFF, word & 0xFFFF)

    @property
    def word(self) -> int:
        return (
            unsigned(self.owner, 160, "account owner") << 96
            | signed(self.collateral_e6, 64, "account collateral") << 32
            | unsigned(self.mask, 16, "account mask") << 16
            | unsigned(self.epoch, 16, "account epoch")
        )


class Position(NamedTuple):
    """market u16 @240 | event u24 @216 | base i64 @152 | quote i88 @64 | funding index i64 @0."""

    market: int
    base_e8: int
    quote_e6: int
    funding_index: int
    event: int = 0

    @classmethod
    def of(cls, word: int) -> Position:
        return cls(
            word >> 240,
            to_signed(word >> 152, 64),
            to_signed(word >> 64, 88),
            to_signed(word, 64),
            word >> 216 & 0xFFFFFF,
        )

    @property
    def word(self) -> int:
        return (
            unsigned(self.market, 16, "position market") << 240
            | unsigned(self.event, 24, "position event") << 216
            | signed(self.base_e8, 64, "position base") << 152
            | signed(self.quote_e6, 88, "position quote") << 64
            | signed(self.funding_index, 64, "position funding index")
        )


class Fill(NamedTuple):
    """prefix u80 @176 | cancel time u48 @128 | cancel seq u32 @96 | filled u64 @32 | seq u32 @0."""

    prefix: int
    cancel_time_ms: int
    cancel_seq: int
    filled_e8: int
    seq: int

    @classmethod
    def of(cls, word: int) -> Fill:
        return cls(
            word >> 176,
            word >> 128 & 0xFFFFFFFFFFFF,
            word >> 96 & 0xFFFFFFFF,
            word >> 32 & 0xFFFFFFFFFFFFFFFF,
            word & 0xFFFFFFFF,
        )

    @property
    def word(self) -> int:
        return (
            unsigned(self.prefix, 80, "fill prefix") << 176
            | unsigned(self.cancel_time_ms, 48, "fill cancel time") << 128
            | unsigned(self.cancel_seq, 32, "fill cancel seq") << 96
            | unsigned(self.filled_e8, 64, "fill filled") << 32
            | unsigned(self.seq, 32, "fill seq")
        )


class Withdrawal(NamedTuple):
    """amount u64 @48 | barrier u48 @0."""

    amount_e6: int
    barrier_ms: int

    @classmethod
    def of(cls, word: int) -> Withdrawal:
        return cls(word >> 48, word & 0xFFFFFFFFFFFF)

    @property
    def word(self) -> int:
        return unsigned(self.amount_e6, 64, "withdrawal amount") << 48 | unsigned(
            self.barrier_ms, 48, "withdrawal barrier"
        )


class Terms(NamedTuple):
    """appointed u1 @255 | fold u1 @254 | spread u1 @253 | price u64 @160 | bounty u64 @96 |
    charge u64 @32 | keeper u32 @0: of an `apply`. `price` is the pool's lean (e6), of a spread the
    other side's price (e8); `bounty` of a fold is an event field.
    """

    price: int
    bounty_e6: int
    charge_e6: int
    keeper: int
    appointed: bool = False
    fold: bool = False
    spread: bool = False

    @classmethod
    def of(cls, word: int) -> Terms:
        field = 2**64 - 1
        money = (word >> 160 & field, word >> 96 & field, word >> 32 & field)
        flags = (bool(word >> place & 1) for place in (255, 254, 253))
        return cls(*money, word & 0xFFFFFFFF, *flags)


class Deleveraging(NamedTuple):
    """closed u64 @192 | long u1 @191 | total u63 @128 | price u64 @64 | funding index i64 @0."""

    closed_e8: int
    long: int
    total_e8: int
    price_e8: int
    funding_index: int

    @classmethod
    def of(cls, word: int) -> Deleveraging:
        return cls(
            word >> 192,
            word >> 191 & 1,
            word >> 128 & 2**63 - 1,
            word >> 64 & 2**64 - 1,
            to_signed(word, 64),
        )

    @property
    def word(self) -> int:
        return (
            unsigned(self.closed_e8, 64, "deleveraging closed") << 192
            | unsigned(self.long, 1, "deleveraging side") << 191
            | unsigned(self.total_e8, 63, "deleveraging total") << 128
            | unsigned(self.price_e8, 64, "deleveraging price") << 64
            | signed(self.funding_index, 64, "deleveraging funding index")
        )


class Events(NamedTuple):
    """last of the shorts u24 @48 | last of the longs u24 @24 | last u24 @0."""

    shorts: int
    longs: int
    last: int

    @classmethod
    def of(cls, word: int) -> Events:
        return cls(word >> 48, word >> 24 & 0xFFFFFF, word & 0xFFFFFF)

    @property
    def word(self) -> int:
        return (
            unsigned(self.shorts, 24, "deleveragings of shorts") << 48
            | unsigned(self.longs, 24, "deleveragings of longs") << 24
            | unsigned(self.last, 24, "deleveragings")
        )


class Exit(NamedTuple):
    """long u1 @248 | market u8 @240 | done u48 @112 | asked u48 @64 | size u64 @0; times in ms."""

    long: int
    market: int
    done_ms: int
    asked_ms: int
    size_e8: int

    @classmethod
    def of(cls, word: int) -> Exit:
        time = 2**48 - 1
        return cls(
            word >> 248,
            word >> 240 & 0xFF,
            word >> 112 & time,
            word >> 64 & time,
            word & 2**64 - 1,
        )

    @property
    def word(self) -> int:
        return (
            unsigned(self.long, 1, "exit long") << 248
            | unsigned(self.market, 8, "exit market") << 240
            | unsigned(self.done_ms, 48, "exit done") << 112
            | unsigned(self.asked_ms, 48, "exit asked") << 64
            | unsigned(self.size_e8, 64, "exit size")
        )


class Delegate(NamedTuple):
    """8 markets u16 @128 | notional_e6 u64 @64 | expiry u48 @0."""

    markets: int
    notional_e6: int
    expiry_ms: int

    @classmethod
    def of(cls, word: int) -> Delegate:
        return cls(word >> 128, word >> 64 & 0xFFFFFFFFFFFFFFFF, word & 0xFFFFFFFFFFFF)

    @property
    def word(self) -> int:
        return (
            unsigned(self.markets, 128, "delegate markets") << 128
            | unsigned(self.notional_e6, 64, "delegate notional") << 64
            | unsigned(self.expiry_ms, 48, "delegate expiry")
        )

    def covers(self, market: int) -> bool:
        """Whether the market is one of the eight listed."""
        return any(self.markets >> 16 * place & 0xFFFF == market for place in range(8))


class Head(NamedTuple):
    """number u64 @192 | time u48 @144 | epoch u32 @112 | epoch end u48 @64 | bucket u64 @0."""

    number: int
    time_ms: int
    epoch: int
    epoch_end_ms: int
    bucket_e6: int

    @classmethod
    def of(cls, word: int) -> Head:
        return cls(
            word >> 192,
            word >> 144 & 0xFFFFFFFFFFFF,
            word >> 112 & 0xFFFFFFFF,
            word >> 64 & 0xFFFFFFFFFFFF,
            word & 0xFFFFFFFFFFFFFFFF,
        )

    @property
    def word(self) -> int:
        return (
            unsigned(self.number, 64, "batch number") << 192
            | unsigned(self.time_ms, 48, "batch time") << 144
            | unsigned(self.epoch, 32, "pool epoch") << 112
            | unsigned(self.epoch_end_ms, 48, "pool epoch end") << 64
            | unsigned(self.bucket_e6, 64, "global bucket")
        )


class Limits(NamedTuple):
    """struck i96 @160 | halted until u48 @112 | halted from u48 @64 | pool capital u64 @0."""

    struck_e6: int
    halted_until_ms: int
    halted_from_ms: int
    capital_e6: int

    @classmethod
    def of(cls, word: int) -> Limits:
        return cls(
            to_signed(word >> 160, 96),
            word >> 112 & 0xFFFFFFFFFFFF,
            word >> 64 & 0xFFFFFFFFFFFF,
            word & 0xFFFFFFFFFFFFFFFF,
        )

    @property
    def word(self) -> int:
        return (
            signed(self.struck_e6, 96, "struck") << 160
            | unsigned(self.halted_until_ms, 48, "halted until") << 112
            | unsigned(self.halted_from_ms, 48, "halted from") << 64
            | unsigned(self.capital_e6, 64, "pool capital")
        )


class Clock(NamedTuple):
    """index i64 @192 | rate i32 @160 | price u64 @96 | time u48 @48 | activation_s u32 @16 |
    version u8 @8 | flags u8 @0.
    """

    funding_index: int
    rate_e9: int
    price_e8: int
    time_ms: int
    activation_s: int
    version: int
    incoming: bool
    deleveraged: bool = False

    @classmethod
    def of(cls, word: int) -> Clock:
        return cls(
            to_signed(word >> 192, 64),
            to_signed(word >> 160, 32),
            word >> 96 & 0xFFFFFFFFFFFFFFFF,
            word >> 48 & 0xFFFFFFFFFFFF,
            word >> 16 & 0xFFFFFFFF,
            word >> 8 & 0xFF,
            bool(word & 1),
            bool(word & 2),
        )

    @property
    def word(self) -> int:
        return (
            signed(self.funding_index, 64, "funding index") << 192
            | signed(self.rate_e9, 32, "funding rate") << 160
            | unsigned(self.price_e8, 64, "market price") << 96
            | unsigned(self.time_ms, 48, "market time") << 48
            | unsigned(self.activation_s, 32, "parameter activation") << 16
            | unsigned(self.version, 8, "parameter version") << 8
            | int(self.incoming)
            | int(self.deleveraged) << 1
        )


class Holding(NamedTuple):
    """base i64 @192 | quote i88 @104: the pool's word of a market, its incoming and its
    transit word.
    """

    base_e8: int
    quote_e6: int

    @classmethod
    def of(cls, word: int) -> Holding:
        return cls(to_signed(word >> 192, 64), to_signed(word >> 104, 88))

    @property
    def word(self) -> int:
        return (
            signed(self.base_e8, 64, "pool base") << 192
            | signed(self.quote_e6, 88, "pool quote") << 104
        )


class Meter(NamedTuple):
    """bucket u64 @192 | recent i64 @128 | open interest u64 @64 | earned u64 @0."""

    bucket_e6: int
    recent_e8: int
    open_interest_e8: int
    earned_e6: int

    @classmethod
    def of(cls, word: int) -> Meter:
        mask = 0xFFFFFFFFFFFFFFFF
        return cls(word >> 192, to_signed(word >> 128, 64), word >> 64 & mask, word & mask)

    @property
    def word(self) -> int:
        return (
            unsigned(self.bucket_e6, 64, "market bucket") << 192
            | signed(self.recent_e8, 64, "recent residual") << 128
            | unsigned(self.open_interest_e8, 64, "open interest") << 64
            | unsigned(self.earned_e6, 64, "earned spread")
        )


class Ledger(NamedTuple):
    """realised i88 @168 | fees u80 @88 | pot i88 @0."""

    realised_e6: int
    fees_e6: int
    pot_e6: int

    @classmethod
    def of(cls, word: int) -> Ledger:
        return cls(to_signed(word >> 168, 88), word >> 88 & (1 << 80) - 1, to_signed(word, 88))

    @property
    def word(self) -> int:
        return (
            signed(self.realised_e6, 88, "realised quote") << 168
            | unsigned(self.fees_e6, 80, "fees") << 88
            | signed(self.pot_e6, 88, "funding pot")
        )


class Rates(NamedTuple):
    """Fractions in e6 where the name says so; the word is drawn in docs/protocol.md §3."""

    im_e6: int
    mm_e6: int
    haircut_e6: int
    h_min_e6: int
    h0_e6: int
    band_e6: int
    move_e6: int
    move_per_s_e6: int
    fee_e6: int
    shift: int
    tier: int
    status: int
    rate_max_e9: int
    velocity_e9: int
    rebate: int

    @classmethod
    def of(cls, word: int) -> Rates:
        fraction = (1 << 20) - 1
        return cls(
            word >> 236 & fraction,
            word >> 216 & fraction,
            word >> 196 & fraction,
            word >> 176 & fraction,
            word >> 156 & fraction,
            word >> 136 & fraction,
            word >> 116 & fraction,
            word >> 100 & 0xFFFF,
            word >> 84 & 0xFFFF,
            word >> 76 & 0xFF,
            word >> 72 & 0xF,
            word >> 68 & 0xF,
            word >> 36 & 0xFFFFFFFF,
            word >> 4 & 0xFFFFFFFF,
            word & 0xF,
        )

    @property
    def word(self) -> int:
        return (
            unsigned(self.im_e6, 20, "initial margin") << 236
            | unsigned(self.mm_e6, 20, "maintenance margin") << 216
            | unsigned(self.haircut_e6, 20, "haircut") << 196
            | unsigned(self.h_min_e6, 20, "h_min") << 176
            | unsigned(self.h0_e6, 20, "h0") << 156
            | unsigned(self.band_e6, 20, "band") << 136
            | unsigned(self.move_e6, 20, "move") << 116
            | unsigned(self.move_per_s_e6, 16, "move per second") << 100
            | unsigned(self.fee_e6, 16, "fee") << 84
            | unsigned(self.shift, 8, "funding shift") << 76
            | unsigned(self.tier, 4, "margin tier") << 72
            | unsigned(self.status, 4, "status") << 68
            | unsigned(self.rate_max_e9, 32, "rate bound") << 36
            | unsigned(self.velocity_e9, 32, "rate velocity") << 4
            | unsigned(self.rebate, 4, "rebate")
        )


class Caps(NamedTuple):
    """slope_e20 64 @192 | residual_cap_e8 64 @128 | position_cap_e8 64 @64 | interest share 4 @60 |
    interest_cap_e8 60 @0.
    """

    slope_e20: int
    residual_cap_e8: int
    position_cap_e8: int
    interest_share: int
    interest_cap_e8: int

    @classmethod
    def of(cls, word: int) -> Caps:
        mask = (1 << 64) - 1
        return cls(
            word >> 192,
            word >> 128 & mask,
            word >> 64 & mask,
            word >> 60 & 0xF,
            word & (1 << 60) - 1,
        )

    @property
    def word(self) -> int:
        return (
            unsigned(self.slope_e20, 64, "slope") << 192
            | unsigned(self.residual_cap_e8, 64, "residual cap") << 128
            | unsigned(self.position_cap_e8, 64, "position cap") << 64
            | unsigned(self.interest_share, 4, "interest share") << 60
            | unsigned(self.interest_cap_e8, 60, "interest cap")
        )


class Requests(NamedTuple):
    """deposits u64 @128 | redeems u128 @0."""

    deposits_e6: int
    redeems: int

    @classmethod
    def of(cls, word: int) -> Requests:
        return cls(word >> 128, word & (1 << 128) - 1)

    @property
    def word(self) -> int:
        return unsigned(self.deposits_e6, 64, "requested deposits") << 128 | unsigned(
            self.redeems, 128, "requested redemptions"
        )


class Claim(NamedTuple):
    """What a controller has claimed of a request: returned u1 @192 | assets u64 @128 | shares u128
    @0.
    """

    returned: bool
    assets_e6: int
    shares: int

    @classmethod
    def of(cls, word: int) -> Claim:
        return cls(bool(word >> 192), word >> 128 & (1 << 64) - 1, word & (1 << 128) - 1)

    @property
    def word(self) -> int:
        return (
            int(self.returned) << 192
            | unsigned(self.assets_e6, 64, "claimed assets") << 128
            | unsigned(self.shares, 128, "claimed shares")
        )


class Strike(NamedTuple):
    """paid u63 @193 | returned u1 @192 | nav u64 @128 | supply before u128 @0."""

    returned: bool
    nav_e6: int
    supply: int
    paid_e6: int

    @classmethod
    def of(cls, word: int) -> Strike:
        return cls(
            bool(word >> 192 & 1),
            word >> 128 & (1 << 64) - 1,
            word & (1 << 128) - 1,
            word >> 193,
        )

    @property
    def word(self) -> int:
        return (
            unsigned(self.paid_e6, 63, "paid redemptions") << 193
            | int(self.returned) << 192
            | unsigned(self.nav_e6, 64, "net asset value") << 128
            | unsigned(self.supply, 128, "share supply")
        )


class PriceWord(NamedTuple):
    """market u16 @240 | price u64 @176 | gross u64 @112 | zero @0."""

    market: int
    price_e8: int
    gross_e8: int
    rest: int

    @classmethod
    def of(cls, word: int) -> PriceWord:
        mask = (1 << 64) - 1
        return cls(word >> 240, word >> 176 & mask, word >> 112 & mask, word & (1 << 112) - 1)

    @property
    def word(self) -> int:
        return (
            unsigned(self.market, 16, "market") << 240
            | unsigned(self.price_e8, 64, "clearing price") << 176
            | unsigned(self.gross_e8, 64, "gross") << 112
            | unsigned(self.rest, 112, "rest of a price word")
        )


class SettleHead(NamedTuple):
    """number u64 @64 | time u48 @16 | chunks u8 @8 | opened u8 @0; bits above 128 are `rest`."""

    number: int
    time_ms: int
    chunks: int
    opened: int
    rest: int

    @classmethod
    def of(cls, word: int) -> SettleHead:
        return cls(
            word >> 64 & (1 << 64) - 1,
            word >> 16 & 0xFFFFFFFFFFFF,
            word >> 8 & 0xFF,
            word & 0xFF,
            word >> 128,
        )

    @property
    def word(self) -> int:
        return (
            self.rest << 128
            | unsigned(self.number, 64, "batch number") << 64
            | unsigned(self.time_ms, 48, "batch time") << 16
            | unsigned(self.chunks, 8, "chunks") << 8
            | unsigned(self.opened, 8, "opened chunks")
        )


class SettledHead(NamedTuple):
    """Topic of `AccountSettled`: account u32 @0 | fills u8 @32 | positions u8 @40 | account word
    follows u1 @48.
    """

    account: int
    fills: int
    positions: int
    account_follows: bool

    @classmethod
    def of(cls, word: int) -> SettledHead:
        return cls(word & 0xFFFFFFFF, word >> 32 & 0xFF, word >> 40 & 0xFF, bool(word >> 48 & 1))

    @property
    def word(self) -> int:
        return (
            unsigned(self.account, 32, "account")
            | unsigned(self.fills, 8, "fills") << 32
            | unsigned(self.positions, 8, "positions") << 40
            | int(self.account_follows) << 48
        )


class SettledFill(NamedTuple):
    """One fill in `Filled` and `AccountSettled`: slot u8 @248 | index u4 @244 | account u32 @208 |
    seq u32 @144 | filled u64 @80 | prefix u80 @0.
    """

    slot: int
    place: int
    account: int
    seq: int
    filled_e8: int
    prefix: int

    @classmethod
    def of(cls, word: int) -> SettledFill:
        return cls(
            word >> 248,
            word >> 244 & 0xF,
            word >> 208 & 0xFFFFFFFF,
            word >> 144 & 0xFFFFFFFF,
            word >> 80 & (1 << 64) - 1,
            word & (1 << 80) - 1,
        )

    @property
    def word(self) -> int:
        return (
            unsigned(self.slot, 8, "slot") << 248
            | unsigned(self.place, 4, "index") << 244
            | unsigned(self.account, 32, "account") << 208
            | unsigned(self.seq, 32, "seq") << 144
            | unsigned(self.filled_e8, 64, "filled") << 80
            | unsigned(self.prefix, 80, "prefix")
        )
