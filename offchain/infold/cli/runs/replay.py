# SPDX-License-Identifier: Apache-2.0
"""``infold replay``: a recorded market's orders through the whole venue, in the data's own time."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from infold.cli.header import header
from infold.cli.outputs import must_be_new_directory, must_be_writable, write_output
from infold.cli.runs.dealing import WatchingDesk, replay_dealer
from infold.cli.runs.parameters import pool_capital_e6, recorded_market
from infold.cli.runs.stage import Stage
from infold.cli.runs.traders import plain_order, wire_order
from infold.cli.runs.voyage import Sent, Voyage
from infold.cli.terminal import Steps
from infold.reports.journey import Journey, invariants_joined, joined
from infold.reports.picture import picture
from infold.research.flow import MAX_FEE_E6, Batch, RecordedFlow, recorded_flow, schedule
from infold.research.prices import RecordedPrices, quotes_without_trades
from infold.research.recorded import Quotes, Trades, read_quotes, read_trades, runs_of
from infold.shell.devnet_config import DevnetConfig
from infold.signing import keccak
from infold.units import AMOUNT_DECIMALS, GUARD_MS, format_decimal

# A batch takes 256 records; the rest is room for resting orders.
BATCH_ORDERS_MAX = 240
LEAD_MS = 2_000  # the pool strikes its first shares this long before the first record
EPOCH_MS_MIN, EPOCH_MS_MAX = 10_000, 600_000
DEPOSIT_E6_MIN = 1_000 * 10**6
DRAIN_BATCHES_MAX = 20  # after the last record, until resting orders have expired
# What was admitted and does not settle is what the price ran away from before its batch: 3.5 % on a
# stormy day with a batch every ten seconds. If it is a tenth, the dealer was not there.
FILLED_SHARE_MIN = 0.9
# The dealer's last lot costs 3.2 bp, and a price moves some in a batch: of limits tighter than the
# usual ones nothing is asked.
FILLED_SLIPPAGE_BPS_MIN = 10.0


def run_replay(
    files: Sequence[Path],
    quotes: Sequence[Path],
    overrides: Mapping[Path, str],
    *,
    slippage_bps: float,
    traders: int,
    interval_ms: int,
    seed: int,
    html: Path | None,
    keep: Path | None,
    steps: Steps,
) -> dict[str, Any]:
    """Replay files, each group that overlaps in time as a run of its own; the object the command
    prints.
    """
    began = time.monotonic()
    must_be_writable(html, "--html")
    must_be_new_directory(keep, "--keep")
    steps.say(f"files to read: {len(files) + len(quotes)}")
    trades = [read_trades(path, overrides.get(path)) for path in files]
    books = [read_quotes(path, overrides.get(path)) for path in quotes]
    quotes_without_trades(trades, books)
    for file in trades:
        if file.missing_ids:
            steps.say(
                f"{file.facts.path}: {file.missing_ids} trade ids are missing between the others"
            )
    runs = runs_of(trades)
    journeys: list[Journey] = []
    ends: list[dict[str, Any]] = []
    pools: list[int] = []
    for number, group in enumerate(runs):
        if len(runs) > 1:
            steps.say(
                f"run {number + 1} of {len(runs)}: {', '.join(file.facts.path for file in group)}"
            )
        place = None if keep is None else keep / f"run-{number + 1}" if len(runs) > 1 else keep
        run = _Run(group, books, slippage_bps, traders, interval_ms, seed)
        journey, end = run.sail(steps, place)
        journeys.append(journey)
        ends.append(end)
        pools.append(run.pool_e6)
    document = outcome(seed, slippage_bps, journeys, ends, pools, [*trades, *books], began)
    if html is not None:
        write_output(html, picture("infold replay", document, joined(journeys)), "--html")
        steps.say(f"picture written to {html}")
    return document


class _Run:
    """One group of overlapping files on one venue."""

    def __init__(
        self,
        files: Sequence[Trades],
        books: Sequence[Quotes],
        slippage_bps: float,
        traders: int,
        interval_ms: int,
        seed: int,
    ) -> None:
        self.flow: RecordedFlow = recorded_flow(files, traders=traders, slippage_bps=slippage_bps)
        self.prices = RecordedPrices(self.flow, files, books)
        self.interval_ms = interval_ms
        self.seed = seed
        gross_e8 = [0] * len(self.flow.listings)
        gross_e6 = [0] * len(self.flow.listings)
        low_e8 = [2**63] * len(self.flow.listings)
        high_e8 = [0] * len(self.flow.listings)
        for intent in self.flow.intents:
            market = intent.market
            gross_e8[market] += intent.size_e8
            gross_e6[market] += intent.recorded_e6
            low_e8[market] = min(low_e8[market], intent.recorded_price_e8, intent.limit_price_e8)
            high_e8[market] = max(high_e8[market], intent.recorded_price_e8, intent.limit_price_e8)
        losses = [
            gross * (high - low) // low
            for gross, low, high in zip(gross_e6, low_e8, high_e8, strict=True)
        ]
        self.pool_e6 = pool_capital_e6(losses)
        self.dealers = {
            number + 1: replay_dealer(price_e8, gross, interval_ms / 1_000)
            for number, (price_e8, gross) in enumerate(zip(low_e8, gross_e6, strict=True))
        }
        self.markets = tuple(
            recorded_market(number + 1, listing, low_e8[number], gross_e8[number])
            for number, listing in enumerate(self.flow.listings)
        )

    def sail(self, steps: Steps, keep: Path | None) -> tuple[Journey, dict[str, Any]]:
        """Run it to the end."""
        flow = self.flow
        first_ms, last_ms = flow.span_ms
        epoch_ms = min(EPOCH_MS_MAX, max(EPOCH_MS_MIN, (last_ms - first_ms) // 4 // 1000 * 1000))
        start_ms = first_ms // 1000 * 1000 - LEAD_MS
        steps.say(
            f"{len(flow.intents)} orders of {len(flow.traders)} traders in {len(flow.listings)}"
            f" markets; the pool's capital is {format_decimal(self.pool_e6, AMOUNT_DECIMALS)}, so"
            " that none of its caps binds"
        )
        config = DevnetConfig(
            start_ms=start_ms,
            seed=self.seed,
            markets=self.markets,
            accounts=len(flow.traders),
            collaterals_e6=tuple(
                max(DEPOSIT_E6_MIN, gross_e6) for gross_e6 in flow.gross_e6_by_trader()
            ),
            backstop_e6=max(DEPOSIT_E6_MIN, flow.gross_e6),
            liquidity_e6=self.pool_e6,
            epoch_ms=epoch_ms,
        )
        dealer = WatchingDesk(self.interval_ms / 1_000, self.dealers)
        with Stage(config, dealer, say=steps.say, keep=keep) as stage:
            voyage = Voyage(stage)
            steps.say("the pool strikes its first shares")
            self._close(stage, voyage, start_ms + 1)
            batches = list(schedule(flow.intents, self.interval_ms, BATCH_ORDERS_MAX))
            steps.say(f"{len(batches)} batches")
            for done, batch in enumerate(batches, start=1):
                self._send(stage, voyage, batch)
                self._close(stage, voyage, batch.time_ms)
                steps.at(done, len(batches), "batches")
            self._drain(stage, voyage, batches[-1].time_ms)
            steps.say("reconciling and auditing")
            return voyage.journey, voyage.finish()

    def _close(self, stage: Stage, voyage: Voyage, time_ms: int) -> None:
        prices = self.prices.at(time_ms)
        stage.feed(time_ms, {market + 1: price_e8 for market, price_e8 in prices.items()})
        voyage.close(time_ms)

    def _send(self, stage: Stage, voyage: Voyage, batch: Batch) -> None:
        """Sign and send a batch's orders, at the latest of their times and of the batch before."""
        epoch = 0
        orders = []
        for intent in batch.intents:
            account, wallet = stage.accounts[intent.trader], stage.wallets[intent.trader]
            slot, seq = voyage.slots.take(account)
            market = intent.market + 1
            order = plain_order(
                account=account,
                market=market,
                buy=intent.buy,
                size_e8=intent.size_e8,
                limit_price_e8=intent.limit_price_e8,
                max_fee_e6=MAX_FEE_E6,
                time_in_force=intent.time_in_force,
                expiry_ms=intent.expiry_ms,
                epoch=epoch,
                slot=slot,
                seq=seq,
            )
            raw = wire_order(order, stage.names[market], wallet, stage.domain)
            orders.append(Sent(order, raw, intent.recorded_e6, intent.recorded_price_e8))
        received_ms = min(max(batch.intents[-1].time_ms, stage.time_ms), batch.time_ms - 1)
        voyage.submit(orders, received_ms)

    def _drain(self, stage: Stage, voyage: Voyage, time_ms: int) -> None:
        """Batches after the last record: resting orders fill or expire, and the pool strikes once
        more.
        """
        for _ in range(DRAIN_BATCHES_MAX):
            if not stage.node.state.orders:
                break
            time_ms += self.interval_ms
            self._close(stage, voyage, time_ms)
        epoch_end_ms = stage.node.state.head.epoch_end_ms
        self._close(stage, voyage, max(time_ms + self.interval_ms, epoch_end_ms + GUARD_MS + 1))


def outcome(
    seed: int,
    slippage_bps: float,
    journeys: Sequence[Journey],
    ends: Sequence[Mapping[str, Any]],
    pools: Sequence[int],
    files: Sequence[Trades | Quotes],
    began: float,
) -> dict[str, Any]:
    """The object a replay prints: its runs joined, `ok` if they add up and filled enough."""
    whole = journeys[0] if len(journeys) == 1 else joined(list(journeys))
    recorded = whole.recorded_e6()
    share = recorded["settled"] / recorded["admitted"] if recorded["admitted"] else 0.0
    share_min = filled_share_min(slippage_bps)
    invariants = invariants_joined([end["invariants"] for end in ends])
    reconciled = all(end["reconciled"] for end in ends)
    # what recorded flow never led to, a liquidation say, was not checked: shown, and no fault
    held = all(one["held"] for one in invariants.values())
    audited = all(end["audited"] for end in ends)
    accounts = sum(end["accounts"] for end in ends)
    return {
        **header("replay", seed),
        **whole.document(),
        "accounts": accounts,
        "markets": sum(end["markets"] for end in ends),
        "recorded": {
            "admitted_e6": str(recorded["admitted"]),
            "settled_e6": str(recorded["settled"]),
            "share": share,
            "share_min": share_min,
        },
        "pool_capital_e6": str(max(pools)),
        "files": [
            {"path": file.facts.path, "rows": file.facts.rows, "sha256": file.facts.sha256}
            for file in files
        ],
        "reconciled": reconciled,
        "invariants": invariants,
        "chain": _chain(ends),
        "journal": _journal(ends),
        "runs": len(ends),
        "seconds": round(time.monotonic() - began, 3),
        "ok": reconciled and audited and held and share >= share_min,
    }


def filled_share_min(slippage_bps: float) -> float:
    """The share of what was admitted that must settle for a replay to be ok."""
    return FILLED_SHARE_MIN if slippage_bps >= FILLED_SLIPPAGE_BPS_MIN else 0.0


def _chain(ends: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One run's chain, or all of them: blocks added up, state hashes hashed together."""
    if len(ends) == 1:
        return dict(ends[0]["chain"])
    digest = keccak("".join(end["chain"]["state_hash"] for end in ends).encode())
    return {
        "chain_id": ends[0]["chain"]["chain_id"],
        "blocks": sum(end["chain"]["blocks"] for end in ends),
        "state_hash": "0x" + digest.hex(),
    }


def _journal(ends: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """One run's journal, or all of them, likewise."""
    if len(ends) == 1:
        return dict(ends[0]["journal"])
    digest = keccak("".join(end["journal"]["hash"] for end in ends).encode())
    return {"seq": sum(end["journal"]["seq"] for end in ends), "hash": digest.hex()}
