# SPDX-License-Identifier: Apache-2.0
"""A deployment's plan out of a TOML file, so that every way to deploy carries out the same one.

    owner = "0x..."                 # proposes what governance changes, and may take it back
    guardian = "0x..."              # may stop new risk for a time
    matcher = "0x..."
    signers = ["0x...", "0x..."]    # oracle signers
    threshold = 2                   # how many of them a vector needs
    epoch_ms = 3600000              # between two strikes of the pool's shares
    token = "0x..."                 # collateral, 6 decimals; left out: the test dollar
    delay_s = 691200                # what governance changes waits so long; 8 days are the least
    reward_e6 = 100000000           # what the matcher's bond pays for an order left out
    window_s = 1209600              # to claim it and to answer: 9 to 40 days
    sealed = true                   # false: the deployer changes at once, on devnets

    [[market]]                      # fields as in docs/protocol.md section 3, units in their names
    id = 1
    name = "BTC-USD"
    ...

    [[source]]                      # second price sources, protocol.md section 9; optional
    market = 1
    kind = "aggregator"             # feed; or "pull": feed, price_id, conf_e6; or "mock": price_e8
    feed = "0x..."
    bound_e4 = 100
    age_s = 4000
    strict = false                  # true: only shrink once the source is too old

    [uptime]                        # the sequencer's uptime feed; optional
    feed = "0x..."
    grace_s = 3600

`scripts/local.toml` is a whole one. Every field of a market must be there: a parameter that nobody
thought about is not a default but a mistake. Only `status` may be left out, which is "live" or,
where a market is to be closed, "shrinkOnly".
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

import msgspec

from infold.errors import Misconfigured, system_words
from infold.shell.deploy import (
    CLAIM_S,
    DELAY_S,
    REWARD_E6,
    DeploymentPlan,
    MarketPlan,
    SourcePlan,
    UptimePlan,
)
from infold.words import STATUS_LIVE, STATUS_SHRINK_ONLY, CapsWord, ListingWord, RatesWord

EXAMPLE = "scripts/local.toml"
STATUSES = {"live": STATUS_LIVE, "shrinkOnly": STATUS_SHRINK_ONLY}


class MarketTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One `[[market]]`. Types only: the bounds are Governance's, and it names what it refuses."""

    id: int
    name: str
    tick_e8: int
    im_e6: int
    mm_e6: int
    haircut_e6: int
    tier: int
    h_min_e6: int
    h0_e6: int
    band_e6: int
    move_e6: int
    move_per_s_e6: int
    fee_e6: int
    shift: int
    rate_max_e9: int
    velocity_e9: int
    rebate: int
    slope_e20: int
    residual_cap_e8: int
    position_cap_e8: int
    interest_cap_e8: int
    interest_share: int
    insurance_share: int
    status: Literal["live", "shrinkOnly"] = "live"

    def plan(self) -> MarketPlan:
        """The same as the words that go on chain."""
        values = msgspec.structs.asdict(self) | {"status": STATUSES[self.status]}
        rates = {name: values[name] for name in RatesWord._fields if name in values}
        caps = {name: values[name] for name in CapsWord._fields}
        return MarketPlan(
            market=self.id,
            rates=RatesWord(**rates),
            caps=CapsWord(**caps),
            listing=ListingWord(
                tick_e8=self.tick_e8, name=self.name, insurance_share=self.insurance_share
            ),
        )


class SourceTable(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind"
):
    """One `[[source]]`; its bounds are Oracle's."""

    market: int
    bound_e4: int
    age_s: int
    strict: bool = False

    def plan(self, contract: str, arguments: dict[str, Any]) -> SourcePlan:
        """With the contract that stands for it, and its constructor's arguments."""
        return SourcePlan(
            market=self.market,
            contract=contract,
            arguments=arguments,
            bound_e4=self.bound_e4,
            age_s=self.age_s,
            strict=self.strict,
        )


class AggregatorTable(SourceTable, frozen=True, kw_only=True, tag="aggregator"):
    """A Chainlink-style feed."""

    feed: str


class PullTable(SourceTable, frozen=True, kw_only=True, tag="pull"):
    """A Pyth-style feed; `conf_e6` is the widest confidence interval believed, as a share."""

    feed: str
    price_id: str
    conf_e6: int


class MockTable(SourceTable, frozen=True, kw_only=True, tag="mock"):
    """`contracts/dev/Source.vy`, which says what anybody tells it: devnets only."""

    price_e8: int


class UptimeTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`[uptime]`."""

    feed: str
    grace_s: int


class PlanTable(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole file."""

    owner: str
    guardian: str
    matcher: str
    signers: list[str]
    threshold: int
    epoch_ms: int
    market: list[MarketTable]
    token: str | None = None
    delay_s: int = DELAY_S
    reward_e6: int = REWARD_E6
    window_s: int = CLAIM_S
    sealed: bool = True
    source: list[AggregatorTable | PullTable | MockTable] = []
    uptime: UptimeTable | None = None


def read_plan(path: Path) -> DeploymentPlan:
    """The plan in a TOML file. Raises `Misconfigured`, naming the file and what is wrong in it."""
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
        table = msgspec.convert(content, PlanTable)
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"cannot read the plan {path} ({system_words(error)}); {EXAMPLE} is a whole plan"
        ) from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(f"{path}: {error}; {EXAMPLE} is a whole plan") from error
    return DeploymentPlan(
        owner=_address(path, "owner", table.owner),
        guardian=_address(path, "guardian", table.guardian),
        matcher=_address(path, "matcher", table.matcher),
        signers=tuple(_address(path, "signers", signer) for signer in table.signers),
        threshold=table.threshold,
        markets=tuple(market.plan() for market in table.market),
        epoch_ms=table.epoch_ms,
        token=None if table.token is None else _address(path, "token", table.token),
        delay_s=table.delay_s,
        reward_e6=table.reward_e6,
        window_s=table.window_s,
        sealed=table.sealed,
        sources=tuple(_source(path, source) for source in table.source),
        uptime=None
        if table.uptime is None
        else UptimePlan(_address(path, "uptime", table.uptime.feed), table.uptime.grace_s),
    )


def read_market(path: Path) -> MarketPlan:
    """One market's listing, from a TOML file with the fields of a plan's `[[market]]`.
    `Misconfigured` if it is none.
    """
    try:
        table = msgspec.convert(tomllib.loads(path.read_text(encoding="utf-8")), MarketTable)
    except (OSError, UnicodeDecodeError) as error:
        raise Misconfigured(
            f"cannot read the market {path} ({system_words(error)}); name a TOML file"
        ) from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise Misconfigured(
            f"{path}: {error}; a market has the fields of one [[market]] in {EXAMPLE}, on top"
        ) from error
    return table.plan()


def _source(path: Path, table: AggregatorTable | PullTable | MockTable) -> SourcePlan:
    if isinstance(table, MockTable):
        return table.plan("Source", {"price_e8": table.price_e8})
    feed = _address(path, "feed", table.feed)
    if isinstance(table, AggregatorTable):
        return table.plan("Aggregator", {"feed": feed})
    try:
        price_id = bytes.fromhex(table.price_id.removeprefix("0x"))
    except ValueError:
        price_id = b""
    if len(price_id) != 32:
        raise Misconfigured(
            f"{path}: price_id must be 0x and 64 hex digits; it is {table.price_id}"
        )
    return table.plan("Pull", {"feed": feed, "id": price_id, "conf_e6": table.conf_e6})


def _address(path: Path, name: str, text: str) -> bytes:
    """20 bytes. A zero address in a plan is always a slip."""
    try:
        address = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        address = b""
    if len(address) != 20 or not any(address) or not text.startswith("0x") or len(text) != 42:
        raise Misconfigured(f"{path}: {name} must be 0x and 40 hex digits, not zero; it is {text}")
    return address
