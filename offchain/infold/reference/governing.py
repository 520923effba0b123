# SPDX-License-Identifier: Apache-2.0
"""What governance may do to a venue and when, judged from Clearing's logs alone: C14 of
docs/invariants.md, bounds and barriers of docs/protocol.md §10. Who said so is not asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from .arithmetic import GUARD_MS, WINDOW_MS
from .history import Event
from .invariants import Finding, finding
from .words import Caps, Clock, Limits, Rates

HALT_MS_MAX = 72 * 3_600_000
REST_MS = 14 * 86_400_000
_SLOPE_SCALE = 10**20
_SIZE_MAX = 2**60 - 1
_NAME_BITS = 192

#: field of the rates or caps word -> least and most; joint bounds are in `_joint`.
BOUNDS: dict[str, tuple[int, int]] = {
    "im_e6": (2_501, 10**6),
    "mm_e6": (2_500, 10**6 - 1),
    "haircut_e6": (0, 10**6),
    "h_min_e6": (10, 50_000),
    "h0_e6": (0, 50_000),
    "band_e6": (10, 100_000),
    "move_e6": (1_000, 500_000),
    "move_per_s_e6": (0, 10_000),
    "fee_e6": (0, 10_000),
    "shift": (20, 90),
    "tier": (0, 15),
    "status": (1, 2),
    "rate_max_e9": (0, 100_000_000),
    "velocity_e9": (0, 1_000_000_000),
    "rebate": (0, 15),
    "slope_e20": (0, 2**64 - 1),
    "residual_cap_e8": (0, _SIZE_MAX),
    "position_cap_e8": (1, _SIZE_MAX),
    "interest_share": (0, 15),
    "interest_cap_e8": (0, _SIZE_MAX),
}
_TICK_E8_MAX = 10**14


@dataclass(slots=True)
class Governed:
    """What was set before: each market's funding scale, name and last change; the last halt."""

    scales: dict[int, int] = field(default_factory=dict)
    names: dict[int, int] = field(default_factory=dict)
    changed_ms: dict[int, int] = field(default_factory=dict)
    halt: Limits = field(default_factory=lambda: Limits(0, 0, 0, 0))


def invariant_C14_governance_keeps_its_bounds(
    event: Event, time_s: int, governed: Governed
) -> Finding:
    """One log of Clearing in a block of this stamp; nothing to check but `MarketSet`, `HaltSet`."""
    words = [word for word in event.arguments if isinstance(word, int)]
    if event.name == "MarketSet":
        return finding(1, list(_market_broken(words, time_s * 1000, governed)))
    if event.name == "HaltSet":
        return finding(1, list(_halt_broken(Limits.of(words[0]), time_s * 1000, governed)))
    return finding(0, [])


def _market_broken(words: list[int], now_ms: int, governed: Governed) -> Iterator[str]:
    market, clock, rates_word, caps_word, listing = words
    rates, caps = Rates.of(rates_word), Caps.of(caps_word)
    if not 1 <= market <= 255:
        yield f"market {market} is out of range"
    values = rates._asdict() | caps._asdict()
    for part, (least, most) in BOUNDS.items():
        if not least <= values[part] <= most:
            yield f"market {market}: {part} {values[part]} is not within {least} .. {most}"
    yield from (f"market {market}: {text}" for text in _joint(rates, caps))
    yield from (f"market {market}: {text}" for text in _listing_broken(listing))

    name = listing & (1 << _NAME_BITS) - 1
    if governed.names.setdefault(market, name) != name:
        yield f"market {market}: its name changed"
    if governed.scales.setdefault(market, rates.shift) != rates.shift:
        yield f"market {market}: its funding scale changed"

    activation_ms = Clock.of(clock).activation_s * 1000
    if activation_ms != now_ms + GUARD_MS:
        yield f"market {market}: set at {now_ms}, in force from {activation_ms}"
    if now_ms <= governed.changed_ms.get(market, -WINDOW_MS) + WINDOW_MS:
        yield f"market {market}: changed at {now_ms} while a batch in flight needs what was before"
    governed.changed_ms[market] = activation_ms


def _joint(rates: Rates, caps: Caps) -> Iterator[str]:
    if rates.mm_e6 >= rates.im_e6:
        yield f"maintenance {rates.mm_e6} is not below initial margin {rates.im_e6}"
    if rates.h_min_e6 + rates.h0_e6 > rates.band_e6:
        yield f"h_min {rates.h_min_e6} and h0 {rates.h0_e6} leave the band {rates.band_e6}"
    if caps.slope_e20 * (caps.residual_cap_e8 + 2 * caps.position_cap_e8) // 2 > _SLOPE_SCALE:
        yield f"slope {caps.slope_e20} bends a price by more than itself at the caps"


def _listing_broken(listing: int) -> Iterator[str]:
    tick_e8 = listing >> _NAME_BITS & _SIZE_MAX
    if not 1 <= tick_e8 <= _TICK_E8_MAX:
        yield f"tick_e8 {tick_e8} is not within 1 .. {_TICK_E8_MAX}"
    name = (listing & (1 << _NAME_BITS) - 1).to_bytes(24, "big").rstrip(b"\0")
    if not name or not all(32 < letter < 127 for letter in name):
        yield f"its name {name!r} is not plain ASCII"


def _halt_broken(told: Limits, now_ms: int, governed: Governed) -> Iterator[str]:
    before, governed.halt = governed.halt, told
    first, last = told.halted_from_ms, told.halted_until_ms
    if last < now_ms + GUARD_MS:
        yield f"a halt's end {last} was moved to before what may be in flight at {now_ms}"
    if last > now_ms + HALT_MS_MAX:
        yield f"halted until {last}, more than 72 h from {now_ms}"
    if first == before.halted_from_ms:
        if last > before.halted_until_ms:
            yield f"a halt until {before.halted_until_ms} was drawn out to {last}"
        return
    if first < now_ms + GUARD_MS:
        yield f"halted from {first} on, told only at {now_ms}"
    if before.halted_until_ms and now_ms <= before.halted_until_ms + REST_MS:
        yield f"halted at {now_ms}, within 14 days of the last halt's end {before.halted_until_ms}"
