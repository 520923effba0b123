# SPDX-License-Identifier: Apache-2.0
"""Readers of recorded markets: trade files and quote files, one typed stream out.

A file's layout is told by its columns, never by its name; its market is told by its name, never by
its content (unless each row carries a coin). What a file says is checked once, here: after ``read``
every time is an integer number of milliseconds in order, every price and size is finite and
positive, and every size is in base units (coin-margined contracts are converted). Whatever is wrong
raises ``DataFault``, which names the file, the row, the column and what to do.

Layouts (sources: the public dumps' own documentation and the README of the data set):

=====================  ==========================================================================
trades CSV             id, price, qty, quote or base qty, time, buyer is maker[, best match]
aggTrades CSV          id, price, qty, first id, last id, time, buyer is maker[, best match]
bookTicker CSV         update id, bid, bid qty, ask, ask qty, transaction time, event time
Parquet trades         ``trade_ts_ms, price, qty, aggressor`` or ``exch_ts_ms, price, qty, side``
Parquet quotes         ``tx_ts_ms, bid_px, ask_px`` or ``exch_ts_ms, best_bid, best_ask``
Parquet account fills  ``time_ms, account, coin, px, sz, side, oid, crossed``
=====================  ==========================================================================
"""

from __future__ import annotations

import gzip
import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from infold.research.faults import DataFault

Integers = NDArray[np.int64]
Floats = NDArray[np.float64]

# A recorder may interleave two streams within a second; more than that means rows were moved.
JITTER_MS_MAX = 1_000

# Dollars a coin-margined contract stands for: 100 for bitcoin, 10 for every other coin.
CONTRACT_USD = {"BTC": 100.0}
CONTRACT_USD_OTHER = 10.0

_QUOTE_COINS = "usdt|usdc|fdusd|busd|tusd|usd|btc|eth|bnb|eur|try"
_MARKET_IN_NAME = re.compile(
    rf"(?<![a-z0-9])([a-z0-9]{{1,16}}?(?:{_QUOTE_COINS}))(?:_(perp|\d{{6}})(?!\d))?(?![a-z0-9])"
)


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What a report says of a file: its path as given, its data rows, its SHA-256 as stored."""

    path: str
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Trades:
    """Recorded trades in time order: one row per aggressor trade, or one per side of a fill.

    ``side`` is +1 for a buy and -1 for a sell, of the aggressor or, with ``accounts``, of the
    account. ``price`` is quote per base unit, ``size`` is base units. ``market`` indexes
    ``markets``. ``account`` and ``order`` index ``accounts`` and hold order ids; both are None when
    not recorded.
    """

    facts: FileFacts
    markets: tuple[str, ...]
    market: Integers
    time_ms: Integers
    side: Integers
    price: Floats
    size: Floats
    record: Integers
    accounts: tuple[str, ...] | None = None
    account: Integers | None = None
    order: Integers | None = None
    crossed: NDArray[np.bool_] | None = None
    missing_ids: int = 0

    @property
    def span_ms(self) -> tuple[int, int]:
        """First and last time, both included."""
        return int(self.time_ms[0]), int(self.time_ms[-1])


@dataclass(frozen=True, slots=True)
class Quotes:
    """Best bid and ask of one market in time order, quote per base unit."""

    facts: FileFacts
    market: str
    time_ms: Integers
    bid: Floats
    ask: Floats

    @property
    def span_ms(self) -> tuple[int, int]:
        """First and last time, both included."""
        return int(self.time_ms[0]), int(self.time_ms[-1])


# -- names -------------------------------------------------------------------


def market_of(path: Path) -> str:
    """The market a file's name speaks of: ``..._btcusdt_trades.parquet`` is BTCUSDT."""
    found = _MARKET_IN_NAME.findall(path.name.lower())
    if not found:
        raise DataFault(path, "its name holds no market", "say which with --market NAME=FILE")
    pair, contract = found[0]
    return f"{pair}_{contract}".upper() if contract else pair.upper()


def is_coin_margined(market: str, path: Path) -> bool:
    """Whether sizes are contracts: those of ``BTCUSD_PERP`` are, of ``BTCUSDT`` not."""
    if re.search(r"USD_(PERP|\d{6})$", market) or re.search(
        r"(?<![a-z])coinm?-?m(?![a-z])", path.name.lower()
    ):
        return True
    try:
        return re.search(r"USD_(PERP|\d{6})$", market_of(path)) is not None
    except DataFault:
        return False


def contract_usd(market: str) -> float:
    """Dollars one coin-margined contract stands for."""
    return next(
        (usd for coin, usd in CONTRACT_USD.items() if market.startswith(coin)), CONTRACT_USD_OTHER
    )


# -- reading -----------------------------------------------------------------


def read(path: Path, market: str | None = None) -> Trades | Quotes:
    """Read one file of any known layout; ``market`` overrides the name told by the file's name."""
    content, sha256 = _content(path)
    if path.name.lower().endswith(".parquet"):
        frame, first_row = _parquet(path, content), 1
        layout = _named_layout(frame.columns)
    else:
        frame, first_row = _csv(path, content)
        layout = _named_layout(frame.columns) or _numbered_layout(frame)
    if layout is None:
        columns = ", ".join(frame.columns[:12]) or "none"
        raise DataFault(
            path,
            f"no known layout has the columns {columns}",
            "trades need a time, price, size and side, quotes a time, bid and ask;"
            " `infold replay --help` lists the layouts",
        )
    if frame.height == 0:
        raise DataFault(path, "it holds no rows", "fetch it again or leave it out")
    facts = FileFacts(str(path), frame.height, sha256)
    return layout(_Sheet(path, frame, first_row, facts, market))


def read_trades(path: Path, market: str | None = None) -> Trades:
    """Read a file that must hold trades."""
    found = read(path, market)
    if isinstance(found, Quotes):
        raise DataFault(path, "it holds quotes, not trades", "pass it with --quotes")
    return found


def read_quotes(path: Path, market: str | None = None) -> Quotes:
    """Read a file that must hold quotes."""
    found = read(path, market)
    if isinstance(found, Trades):
        raise DataFault(path, "it holds trades, not quotes", "pass it without --quotes")
    return found


def _content(path: Path) -> tuple[bytes, str]:
    """The file's bytes, unpacked, and the SHA-256 of the file as it lies on disk."""
    try:
        stored = path.read_bytes()
    except FileNotFoundError:
        raise DataFault(path, "no such file", "check the path or set INFOLD_DATA") from None
    except OSError as error:
        raise DataFault(
            path, f"cannot be read ({error.strerror})", "check its permissions"
        ) from None
    sha256 = hashlib.sha256(stored).hexdigest()
    try:
        if stored[:2] == b"\x1f\x8b":
            return gzip.decompress(stored), sha256
        if stored[:4] == b"PK\x03\x04":
            with zipfile.ZipFile(io.BytesIO(stored)) as archive:
                members = [name for name in archive.namelist() if not name.endswith("/")]
                if len(members) != 1:
                    raise DataFault(
                        path, f"the archive holds {len(members)} files", "pack one file an archive"
                    )
                return archive.read(members[0]), sha256
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise DataFault(path, f"the archive is damaged ({error})", "fetch it again") from None
    return stored, sha256


def _parquet(path: Path, content: bytes) -> pl.DataFrame:
    try:
        return pl.read_parquet(io.BytesIO(content))
    except (pl.exceptions.PolarsError, OSError) as error:
        first_line = str(error).splitlines()[0][:120]
        raise DataFault(
            path, f"not a whole Parquet file ({first_line})", "fetch it again"
        ) from None


def _csv(path: Path, content: bytes) -> tuple[pl.DataFrame, int]:
    """All cells as text, and the line number of the first data row."""
    first, _, _ = content.partition(b"\n")
    if not first.strip():
        raise DataFault(path, "it is empty", "fetch it again or leave it out")
    if b"\x00" in content[:65_536]:
        raise DataFault(path, "it is neither text, gzip, zip nor Parquet", "fetch it again")
    cells = first.decode("utf-8", "replace").strip().split(",")
    has_header = not _is_number(cells[0])
    try:
        frame = pl.read_csv(io.BytesIO(content), has_header=has_header, infer_schema=False)
    except pl.exceptions.NoDataError:
        raise DataFault(path, "it holds no rows", "fetch it again or leave it out") from None
    except pl.exceptions.PolarsError as error:
        for number, line in enumerate(content.splitlines(), start=1):
            if line.count(b",") + 1 != len(cells):
                raise DataFault(
                    path,
                    f"{line.count(b',') + 1} cells where the first line has {len(cells)}",
                    "the file is damaged there; fetch it again",
                    row=number,
                ) from None
        first_line = str(error).splitlines()[0][:120]
        raise DataFault(path, f"not readable as CSV ({first_line})", "fetch it again") from None
    return frame.rename(
        {name: name.strip().lower() for name in frame.columns}
    ), 2 if has_header else 1


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


# -- one file's columns, checked ---------------------------------------------


@dataclass(frozen=True, slots=True)
class _Sheet:
    """A file's table and the checks every layout shares."""

    path: Path
    frame: pl.DataFrame
    first_row: int
    facts: FileFacts
    override: str | None

    @property
    def market(self) -> str:
        """The override, else what the file's name says."""
        return self.override or market_of(self.path)

    def fault(self, problem: str, mend: str, index: int, column: str) -> DataFault:
        """A fault at a row given by its index in the table."""
        return DataFault(self.path, problem, mend, row=self.first_row + index, column=column)

    def _whole(self, column: str, dtype: type[pl.DataType], kind: str) -> pl.Series:
        stored = self.frame[column]
        values = (
            stored.str.strip_chars().cast(dtype, strict=False)
            if stored.dtype == pl.String
            else stored
        )
        if values.dtype != dtype:
            values = values.cast(dtype, strict=False)
        empty = values.is_null().arg_true()
        if len(empty):
            index = int(empty[0])
            shown = stored[index]
            problem = "the cell is empty" if shown in (None, "") else f"{shown!r} is not {kind}"
            raise self.fault(problem, "the row is damaged; fetch the file again", index, column)
        return values

    def integers(self, column: str) -> Integers:
        """A column of whole numbers."""
        return self._whole(column, pl.Int64, "a whole number").to_numpy().astype(np.int64)

    def amounts(self, column: str) -> Floats:
        """A column of finite, positive numbers: prices and sizes."""
        values = self._whole(column, pl.Float64, "a number").to_numpy().astype(np.float64)
        bad = np.flatnonzero(~np.isfinite(values) | (values <= 0))
        if bad.size:
            index = int(bad[0])
            raise self.fault(
                f"{values[index]} is not a positive number",
                "a price or size must be above zero; the row is damaged",
                index,
                column,
            )
        return values

    def _odd(self, stored: pl.Series, index: int, expected: str, column: str) -> DataFault:
        """A cell that is none of the words it may be."""
        shown = stored[index]
        problem = "the cell is empty" if shown in (None, "") else f"{shown!r} is {expected}"
        return self.fault(problem, "the row is damaged; fetch the file again", index, column)

    def flags(self, column: str) -> NDArray[np.bool_]:
        """A column of true and false, in any of the spellings the dumps use."""
        stored = self.frame[column]
        if stored.dtype == pl.Boolean:
            if stored.null_count():
                raise self.fault(
                    "the cell is empty", "fetch the file again", _first_null(stored), column
                )
            return stored.to_numpy().astype(np.bool_)
        text = stored.cast(pl.String).str.strip_chars().str.to_lowercase()
        values = text.replace_strict(
            {"true": True, "1": True, "false": False, "0": False},
            default=None,
            return_dtype=pl.Boolean,
        )
        if values.null_count():
            index = _first_null(values)
            raise self._odd(stored, index, "neither true nor false", column)
        return values.to_numpy().astype(np.bool_)

    def sides(self, column: str) -> Integers:
        """A column of +1 and -1, or of buy and sell."""
        stored = self.frame[column]
        if stored.dtype == pl.String:
            values = stored.str.to_lowercase().replace_strict(
                {"buy": 1, "b": 1, "1": 1, "+1": 1, "sell": -1, "a": -1, "s": -1, "-1": -1},
                default=None,
                return_dtype=pl.Int64,
            )
        else:
            values = stored.cast(pl.Int64, strict=False)
            values = values.to_frame("s").select(pl.when(pl.col("s").abs() == 1).then(pl.col("s")))[
                "s"
            ]
        if values.null_count():
            index = _first_null(values)
            raise self._odd(stored, index, "neither buy nor sell", column)
        return values.to_numpy().astype(np.int64)

    def labels(self, column: str) -> tuple[tuple[str, ...], Integers]:
        """A column of names as sorted distinct names and their indices."""
        stored = self.frame[column].cast(pl.String)
        empty = stored.is_null() | (stored == "")
        if empty.any():
            raise self.fault(
                "the cell is empty", "fetch the file again", int(empty.arg_true()[0]), column
            )
        names, codes = np.unique(stored.to_numpy().astype(str), return_inverse=True)
        return tuple(str(name) for name in names), codes.astype(np.int64)

    def times_ms(self, column: str) -> Integers:
        """A column of times in milliseconds; micro- and nanoseconds are told by their magnitude."""
        stored = self.frame[column]
        if isinstance(stored.dtype, pl.Datetime):
            if stored.null_count():
                raise self.fault(
                    "the time is empty", "fetch the file again", _first_null(stored), column
                )
            return stored.dt.epoch("ms").to_numpy().astype(np.int64)
        raw = self.integers(column)
        # 1e12 ms is September 2001, 1e14 ms the year 5138: each unit has its own two decades.
        for scale, low, high in (
            (1, 10**11, 10**14),
            (10**3, 10**14, 10**17),
            (10**6, 10**17, 10**19),
        ):
            if low <= int(raw[0]) < high:
                bad = np.flatnonzero((raw < low) | (raw >= min(high, 2**63 - 1)))
                if bad.size:
                    index = int(bad[0])
                    raise self.fault(
                        f"{raw[index]} is not a time like the first row's",
                        "the row is damaged",
                        index,
                        column,
                    )
                return raw // scale
        raise self.fault(
            f"{raw[0]} is not a time since 1970 in ms, us or ns", "fetch the file again", 0, column
        )

    def order_of(self, time_ms: Integers, column: str) -> Integers:
        """Row indices by rising time, equal times in file order; refuses rows that were moved."""
        latest = np.maximum.accumulate(time_ms)
        late = np.flatnonzero(latest - time_ms > JITTER_MS_MAX)
        if late.size:
            index = int(late[0])
            raise self.fault(
                f"{int((latest - time_ms)[index])} ms earlier than a row before it",
                "rows are out of order; sort the file by time or fetch it again",
                index,
                column,
            )
        return np.argsort(time_ms, kind="stable").astype(np.int64)

    def missing_ids(self, column: str) -> int:
        """How many ids the file skips; ids that repeat or fall are damage."""
        step = np.diff(self.integers(column))
        bad = np.flatnonzero(step <= 0)
        if bad.size:
            index = int(bad[0]) + 1
            problem = (
                "the id repeats" if step[index - 1] == 0 else "the id is lower than the one before"
            )
            raise self.fault(
                problem, "rows are doubled or out of order; fetch the file again", index, column
            )
        return int((step - 1).sum())


def _first_null(values: pl.Series) -> int:
    return int(values.is_null().arg_true()[0])


def _one_market(
    sheet: _Sheet, *, ids: str | None, time: str, price: str, size: Floats, side: Integers
) -> Trades:
    """Trades of a file that speaks of one market."""
    missing = sheet.missing_ids(ids) if ids else 0
    time_ms = sheet.times_ms(time)
    order = sheet.order_of(time_ms, time)
    record = sheet.integers(ids) if ids else np.arange(len(time_ms), dtype=np.int64)
    return Trades(
        facts=sheet.facts,
        markets=(sheet.market,),
        market=np.zeros(len(order), dtype=np.int64),
        time_ms=time_ms[order],
        side=side[order],
        price=sheet.amounts(price)[order],
        size=size[order],
        record=record[order],
        missing_ids=missing,
    )


def _base_size(sheet: _Sheet, price: str, size: str) -> Floats:
    """Sizes in base units: contracts of coin-margined markets become coins at the row's price."""
    amounts = sheet.amounts(size)
    if not is_coin_margined(sheet.market, sheet.path):
        return amounts
    return amounts * contract_usd(sheet.market) / sheet.amounts(price)


def _quotes(sheet: _Sheet, time_ms: Integers, time: str, bid: str, ask: str) -> Quotes:
    order = sheet.order_of(time_ms, time)
    bids, asks = sheet.amounts(bid), sheet.amounts(ask)
    crossed = np.flatnonzero(bids > asks)
    if crossed.size:
        raise sheet.fault("the bid is above the ask", "the row is damaged", int(crossed[0]), bid)
    return Quotes(sheet.facts, sheet.market, time_ms[order], bids[order], asks[order])


# -- layouts -----------------------------------------------------------------

_Layout = Callable[[_Sheet], Trades | Quotes]


def _trades_csv(price: str, size: str, time: str, maker: str, ids: str) -> _Layout:
    def reader(sheet: _Sheet) -> Trades:
        buyer_is_maker = sheet.flags(maker)
        return _one_market(
            sheet,
            ids=ids,
            time=time,
            price=price,
            size=_base_size(sheet, price, size),
            side=np.where(buyer_is_maker, -1, 1).astype(np.int64),
        )

    return reader


def _trades_2024(sheet: _Sheet) -> Trades:
    return _one_market(
        sheet,
        ids="trade_id" if "trade_id" in sheet.frame.columns else None,
        time="trade_ts_ms",
        price="price",
        size=_base_size(sheet, "price", "qty"),
        side=sheet.sides("aggressor"),
    )


def _trades_2026(sheet: _Sheet) -> Trades:
    return _one_market(
        sheet,
        ids="trade_id" if "trade_id" in sheet.frame.columns else None,
        time="exch_ts_ms",
        price="price",
        size=_base_size(sheet, "price", "qty"),
        side=sheet.sides("side"),
    )


def _account_fills(order_ids: str, time: str) -> _Layout:
    def reader(sheet: _Sheet) -> Trades:
        markets, market = sheet.labels("coin")
        accounts, account = sheet.labels("account")
        time_ms = sheet.times_ms(time)
        order = sheet.order_of(time_ms, time)
        return Trades(
            facts=sheet.facts,
            markets=markets,
            market=market[order],
            time_ms=time_ms[order],
            side=sheet.sides("side")[order],
            price=sheet.amounts("px")[order],
            size=sheet.amounts("sz")[order],
            record=order,
            accounts=accounts,
            account=account[order],
            order=sheet.integers(order_ids)[order],
            crossed=sheet.flags("crossed")[order],
        )

    return reader


def _quotes_at(time: str, bid: str, ask: str) -> _Layout:
    def reader(sheet: _Sheet) -> Quotes:
        return _quotes(sheet, sheet.times_ms(time), time, bid, ask)

    return reader


def _quotes_2024(sheet: _Sheet) -> Quotes:
    """Quotes whose exchange time may be missing: spot streams carry only an update id."""
    if sheet.frame["tx_ts_ms"].null_count() < sheet.frame.height:
        return _quotes(sheet, sheet.times_ms("tx_ts_ms"), "tx_ts_ms", "bid_px", "ask_px")
    depth = sheet.path.with_name(sheet.path.name.replace("_bbo", "_l2diff"))
    if depth == sheet.path or not depth.is_file():
        raise DataFault(
            sheet.path,
            "its rows carry no exchange time",
            f"put the depth file {depth.name} beside it: update ids there have times",
            column="tx_ts_ms",
        )
    updates = _parquet(depth, depth.read_bytes())
    if not {"last_update_id", "tx_ts_ms"} <= set(updates.columns):
        raise DataFault(
            depth, "it has no last_update_id and tx_ts_ms", "fetch the depth file again"
        )
    known = (
        updates.select("last_update_id", "tx_ts_ms")
        .drop_nulls()
        .unique("last_update_id")
        .sort("last_update_id")
    )
    if known.height == 0:
        raise DataFault(
            depth, "none of its updates has a time", "fetch the depth file again", column="tx_ts_ms"
        )
    ids, times = known["last_update_id"].to_numpy(), known["tx_ts_ms"].to_numpy()
    # The update that contains a quote is the first whose last id is not below the quote's.
    place = np.minimum(np.searchsorted(ids, sheet.integers("update_id")), len(ids) - 1)
    return _quotes(sheet, times[place].astype(np.int64), "update_id", "bid_px", "ask_px")


_NAMED: tuple[tuple[frozenset[str], _Layout], ...] = tuple(
    (frozenset(columns.split()), layout)
    for columns, layout in (
        ("account coin px sz side time_ms oid crossed", _account_fills("oid", "time_ms")),
        (
            "account coin px sz side ts_utc_minute order_id crossed",
            _account_fills("order_id", "ts_utc_minute"),
        ),
        ("trade_ts_ms price qty aggressor", _trades_2024),
        ("exch_ts_ms price qty side", _trades_2026),
        ("tx_ts_ms update_id bid_px ask_px", _quotes_2024),
        ("exch_ts_ms best_bid best_ask", _quotes_at("exch_ts_ms", "best_bid", "best_ask")),
        ("ts_utc best_bid best_ask", _quotes_at("ts_utc", "best_bid", "best_ask")),
        (
            "best_bid_price best_ask_price transaction_time",
            _quotes_at("transaction_time", "best_bid_price", "best_ask_price"),
        ),
        (
            "best_bid_price best_ask_price event_time",
            _quotes_at("event_time", "best_bid_price", "best_ask_price"),
        ),
        (
            "agg_trade_id price quantity transact_time is_buyer_maker",
            _trades_csv("price", "quantity", "transact_time", "is_buyer_maker", "agg_trade_id"),
        ),
        (
            "id price qty time is_buyer_maker",
            _trades_csv("price", "qty", "time", "is_buyer_maker", "id"),
        ),
        (
            "id price qty time isbuyermaker",
            _trades_csv("price", "qty", "time", "isbuyermaker", "id"),
        ),
        (
            "aggtradeid price quantity timestamp isbuyermaker",
            _trades_csv("price", "quantity", "timestamp", "isbuyermaker", "aggtradeid"),
        ),
        ("a p q t m", _trades_csv("p", "q", "t", "m", "a")),
    )
)


def _named_layout(columns: Iterable[str]) -> _Layout | None:
    present = set(columns)
    return next((layout for needed, layout in _NAMED if needed <= present), None)


def _numbered_layout(frame: pl.DataFrame) -> _Layout | None:
    """The layout of a CSV without a header, told by its width and where true and false stand."""
    names = frame.columns
    if frame.height == 0:
        return None
    flags = [_is_flag(frame[name][0]) for name in names]
    times = [_is_time(frame[name][0]) for name in names]
    shape = (len(names), tuple(i for i, flag in enumerate(flags) if flag))
    columns = {
        (6, (5,)): (1, 2, 4, 5),  # futures trades
        (7, (5, 6)): (1, 2, 4, 5),  # spot trades
        (7, (6,)): (1, 2, 5, 6),  # futures aggTrades
        (8, (6, 7)): (1, 2, 5, 6),  # spot aggTrades
    }.get(shape)
    if columns is not None and times[columns[2]]:
        price, size, time, maker = (names[i] for i in columns)
        return _trades_csv(price, size, time, maker, names[0])
    if shape == (7, ()) and times[5]:
        return _quotes_at(names[5], names[1], names[3])
    return None


def _is_flag(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip().lower() in ("true", "false")


def _is_time(cell: object) -> bool:
    return isinstance(cell, str) and cell.strip().isdigit() and 12 <= len(cell.strip()) <= 19


# -- runs --------------------------------------------------------------------


def runs_of(files: Sequence[Trades]) -> list[list[Trades]]:
    """Group files whose spans overlap, directly or through others; each group is one run."""
    groups: list[list[Trades]] = []
    latest_ms = 0
    for file in sorted(files, key=lambda trades: (trades.span_ms, trades.facts.path)):
        first_ms, last_ms = file.span_ms
        if groups and first_ms <= latest_ms:
            groups[-1].append(file)
            latest_ms = max(latest_ms, last_ms)
        else:
            groups.append([file])
            latest_ms = last_ms
    return groups
