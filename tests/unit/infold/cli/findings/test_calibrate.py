# SPDX-License-Identifier: Apache-2.0
"""`infold calibrate` on small files as a user would give them."""

from __future__ import annotations

import json
import math
import random
from pathlib import Path

import msgspec
import pytest
from tests.support.recorded_market import Invented, invented

from infold.cli import app as application
from infold.cli.commands.devnet import calibrated, correlated
from infold.cli.terminal import Exit
from infold.dealer.params import PERPETUAL, SPOT_FX, DealerParameters
from infold.errors import Misconfigured
from infold.research.calibration.market import load_parameters

FOUND = invented(300)


def binance_files(folder: Path, found: Invented = FOUND) -> tuple[Path, Path, Path]:
    """Trades, bookTicker and klines as the public dump has them for futures."""
    trades = folder / "BTCUSDT-trades-2024-08-08.csv"
    rows = zip(found.trade_ms, found.side, found.price, found.size, strict=True)
    trades.write_text(
        "id,price,qty,quote_qty,time,is_buyer_maker\n"
        + "\n".join(
            f"{n},{price!r},{size!r},{price * size!r},{time},{'false' if side > 0 else 'true'}"
            for n, (time, side, price, size) in enumerate(rows)
        )
    )
    quotes = folder / "BTCUSDT-bookTicker-2024-08-08.csv"
    tops = zip(found.time_ms, found.mid, found.bid_size, found.ask_size, strict=True)
    quotes.write_text(
        "update_id,best_bid_price,best_bid_qty,best_ask_price,best_ask_qty,transaction_time,"
        "event_time\n"
        + "\n".join(
            f"{n},{mid - 0.25!r},{bid!r},{mid + 0.25!r},{ask!r},{time},{time + 3}"
            for n, (time, mid, bid, ask) in enumerate(tops)
        )
    )
    bars = folder / "ETHUSDT-1h-2024-08.csv"
    bars.write_text(
        "\n".join(
            f"{1_722_470_400_000 + 3_600_000 * n},100,{101 + n % 5},{99 - n % 3},100,7,"
            f"{1_722_470_400_000 + 3_600_000 * n + 3_599_999},700,5,3,300,0"
            for n in range(1_000)
        )
    )
    return trades, quotes, bars


def run(*arguments: object) -> int:
    return application.run(["calibrate", "-q", *(str(one) for one in arguments)])


def test_binance_files_become_parameters_a_desk_reads(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trades, quotes, bars = binance_files(tmp_path)
    out = tmp_path / "parameters.json"
    done = run(trades, "--quotes", quotes, "--bars", bars, "--fee-bp", 2, "--out", out, "--json")
    assert done == Exit.OK
    document = json.loads(capsys.readouterr().out)
    assert [one["market"] for one in document["markets"]] == ["BTCUSDT", "ETHUSDT"]
    btc, eth = document["markets"]
    assert set(btc["parameters"]) == set(DealerParameters.__struct_fields__)
    assert {"hedge_impact_bp_day_per_m", "risk_aversion"} <= set(btc["assumed"])
    assert "sizes_m" in eth["assumed"] and btc["impact"]["gains_bp_per_m"][2] > 0.0
    names = [one["name"] for one in btc["estimates"]]
    assert names[0] == "volatility_bp" and "impact_explained_later" in names
    assert 0 < btc["margins"]["maintenance_e6"] < btc["margins"]["initial_e6"]
    written = load_parameters(out.read_bytes())
    assert written["BTCUSDT"].hedge_spread_bp == btc["parameters"]["hedge_spread_bp"] > 2.0
    assert [file["path"] for file in document["files"]] == [str(p) for p in (trades, quotes, bars)]


def two_markets(folder: Path, lag_ms: int = 0) -> tuple[Path, Path]:
    """A thousand hours of klines of two markets that share half of what moves them."""
    dice = random.Random(5)
    moves = [dice.gauss(0.0, 0.005) for _ in range(1_000)]
    paths = []
    for name, begin_ms in (("BTCUSDT", 0), ("ETHUSDT", lag_ms)):
        price, rows = 100.0, []
        for n, shared in enumerate(moves):
            close = price * math.exp(shared + dice.gauss(0.0, 0.005))
            high, low = max(price, close) * 1.001, min(price, close) * 0.999
            time_ms = 1_722_470_400_000 + begin_ms + 3_600_000 * n
            end_ms = time_ms + 3_599_999
            rows.append(f"{time_ms},{price!r},{high!r},{low!r},{close!r},7,{end_ms},700,5,3,300,0")
            price = close
        paths.append(folder / f"{name}-1h-2024-08.csv")
        paths[-1].write_text("\n".join(rows))
    return paths[0], paths[1]


def test_markets_recorded_together_give_the_correlation_a_desk_takes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = two_markets(tmp_path)
    out = tmp_path / "parameters.json"
    named = [f"{coin}-USD={coin}USDT-1h-2024-08.csv" for coin in ("BTC", "ETH")]
    names = ("--market", named[0], "--market", named[1])
    assert run("--bars", first, "--bars", second, *names, "--out", out, "--json") == Exit.OK
    told = json.loads(capsys.readouterr().out)["correlation"]
    assert told["markets"] == ["BTC-USD", "ETH-USD"]
    assert (told["moves"], told["step_ms"]) == (999, 3_600_000)
    assert told["matrix"][0][1] == pytest.approx(0.5, abs=0.08)
    assert 0.0 < told["shrinkage"] < 0.02
    # Ids of the venue may stand in another order than names of the file.
    numbers = {"ETH-USD": 2, "BTC-USD": 5}
    beside = correlated(out, numbers)
    assert beside is not None and beside.markets == (2, 5)
    assert beside.leans({5: 1.0})[2].drift_bp < 0.0 == beside.leans({2: 0.0})[5].drift_bp
    assert run("--bars", first, "--bars", second, *names) == Exit.OK
    assert "common moves" in capsys.readouterr().out


def test_markets_of_different_times_have_no_correlation_and_it_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    first, second = two_markets(tmp_path, lag_ms=950 * 3_600_000)
    out = tmp_path / "parameters.json"
    assert run("--bars", first, "--bars", second, "--out", out, "--json") == Exit.OK
    document = json.loads(capsys.readouterr().out)
    assert document["correlation"] is None
    assert "fewer than 60" in document["left_out"]["correlation"]
    assert set(json.loads(out.read_bytes())) == {"BTCUSDT", "ETHUSDT"}


@pytest.mark.parametrize(
    ("markets", "matrix", "problem"),
    [
        (["BTC-USD", "ETH-USD"], [[1, 0.5], [0.4, 1]], "must be symmetric"),
        (["BTC-USD", "ETH-USD"], [[1, 1.5], [1.5, 1]], "must lie in -1..1"),
        (["BTC-USD", "ETH-USD"], [[2, 0.5], [0.5, 1]], "must lie in -1..1"),
        (["BTC-USD", "ETH-USD"], [[1, 0.5]], "must be 2 by 2"),
        (["BTC-USD", "ETH-USD"], [[1, 0.5], [0.5]], "must be 2 by 2"),
        (["BTC-USD", "ETH-USD"], [[1, None], [None, 1]], "no parameters by market"),
        (["BTC-USD", "BTC-USD"], [[1, 0.5], [0.5, 1]], "it correlates BTC-USD, BTC-USD"),
        (["BTC-USD", "SOL-USD"], [[1, 0.5], [0.5, 1]], "has parameters of BTC-USD, ETH-USD"),
        (
            ["BTC-USD", "ETH-USD", "XRP-USD"],
            [[1, 0.9, -0.9], [0.9, 1, 0.9], [-0.9, 0.9, 1]],
            "negative variance",
        ),
    ],
)
def test_a_matrix_that_is_none_is_refused(
    tmp_path: Path, markets: list[str], matrix: list[list[object]], problem: str
) -> None:
    path = tmp_path / "dealer.json"
    known = dict.fromkeys(("BTC-USD", "ETH-USD", "XRP-USD")[: max(len(markets), 2)], PERPETUAL)
    path.write_bytes(
        msgspec.json.encode(known | {"correlation": {"markets": markets, "matrix": matrix}})
    )
    numbers = {"BTC-USD": 1, "ETH-USD": 2, "SOL-USD": 3, "XRP-USD": 5}
    with pytest.raises(Misconfigured, match=f"how markets correlate: .*{problem}"):
        correlated(path, numbers)
    assert calibrated(path, numbers)[1] == PERPETUAL


def test_a_file_without_correlations_has_no_neighbours(tmp_path: Path) -> None:
    path = tmp_path / "dealer.json"
    path.write_bytes(msgspec.json.encode({"ETH-USD": SPOT_FX}))
    assert correlated(path, {"ETH-USD": 2}) is None


def test_people_read_parameters_estimates_and_what_was_assumed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trades, quotes, _ = binance_files(tmp_path)
    assert run(trades, "--quotes", quotes) == Exit.OK
    page = capsys.readouterr().out
    for wanted in ("BTCUSDT", "volatility_bp", "margins proposed", "95 % interval", "assumed:",
                   "risk_aversion", "sha256", "ok yes"):  # fmt: skip
        assert wanted in page
    assert max(map(len, page.splitlines())) <= 100


def test_damage_is_refused_with_its_line_and_time_and_oddities_are_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trades, quotes, _ = binance_files(tmp_path)
    lines = quotes.read_text().splitlines()
    cells = lines[40].split(",")
    crossed = [*lines[:40], ",".join([*cells[:3], "1.0", *cells[4:]]), *lines[41:]]
    quotes.write_text("\n".join(crossed))
    assert run(trades, "--quotes", quotes) == Exit.SETUP
    complaint = capsys.readouterr().err
    assert "row 41" in complaint and "2024-08-08T" in complaint
    assert "the bid is above the ask" in complaint
    quotes.write_text("\n".join([*lines[:900], *lines[1_000:]]))  # ten seconds are missing
    assert run(trades, "--quotes", quotes, "--json") == Exit.OK
    found = json.loads(capsys.readouterr().out)
    flags = {flag["kind"]: flag for flag in found["files"][1]["flags"]}
    assert (flags["gap"]["count"], flags["gap"]["row"]) == (1, 901)


def test_a_market_given_twice_is_refused_with_both_files(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trades, _, _ = binance_files(tmp_path)
    copy = tmp_path / "again-btcusdt.csv"
    copy.write_text(trades.read_text())
    assert run(trades, copy) == Exit.USAGE
    assert "both hold BTCUSDT" in capsys.readouterr().err
    assert run(trades, copy, "--market", f"OTHER={copy.name}", "--json") == Exit.OK
    markets = json.loads(capsys.readouterr().out)["markets"]
    assert [one["market"] for one in markets] == ["BTCUSDT", "OTHER"]


def test_files_too_short_to_say_anything_are_refused_with_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    trades, _, _ = binance_files(tmp_path, invented(20))
    assert run(trades) == Exit.SETUP
    assert "too few for volatility_bp" in capsys.readouterr().err
    assert run() == Exit.USAGE
    assert "give trades, --quotes or --bars. Add --help" in capsys.readouterr().err


def test_the_help_says_which_files_to_fetch(capsys: pytest.CaptureFixture[str]) -> None:
    assert application.run(["calibrate", "--help"]) == Exit.OK
    page = capsys.readouterr().out
    for wanted in ("BTCUSDT-trades", "bookTicker", "klines", "--out", "assumed"):
        assert wanted in page


def test_a_devnet_takes_what_calibrate_wrote_by_the_names_it_lists(tmp_path: Path) -> None:
    path = tmp_path / "dealer.json"
    path.write_bytes(msgspec.json.encode({"ETH-USD": SPOT_FX}))
    assert calibrated(path, {"BTC-USD": 1, "ETH-USD": 2}) == {2: SPOT_FX}
    with pytest.raises(Misconfigured, match="speaks of ETH-USD, which the venue does not list"):
        calibrated(path, {"BTC-USD": 1})
    path.write_text("[]")
    with pytest.raises(Misconfigured, match="is no file of `infold calibrate --out`"):
        calibrated(path, {"BTC-USD": 1})
