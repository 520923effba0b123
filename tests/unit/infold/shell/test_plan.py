# SPDX-License-Identifier: Apache-2.0
"""The deployment plan's file: the shipped one is whole, and every slip is named."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from infold.errors import Misconfigured
from infold.shell.plan import read_plan

LOCAL = Path(__file__).resolve().parents[4] / "scripts" / "local.toml"


Write = Callable[[str, str], Path]


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write the shipped plan with one replacement; its path."""

    def written(old: str, new: str) -> Path:
        text = LOCAL.read_text(encoding="utf-8")
        assert old in text
        path = tmp_path / "plan.toml"
        path.write_text(text.replace(old, new, 1), encoding="utf-8")
        return path

    return written


def test_the_shipped_plan_is_read_field_by_field() -> None:
    plan = read_plan(LOCAL)
    assert plan.owner.hex() == "f39fd6e51aad88f6f4ce6ab8827279cfffb92266"
    assert (plan.threshold, len(plan.signers), plan.token) == (2, 3, None)
    assert plan.guardian.hex() == "9965507d1a55bcc2695c58ba16fb37d819b0a4dc"
    assert (plan.delay_s, plan.sealed) == (691_200, True)
    bitcoin, ether = plan.markets
    assert (bitcoin.market, bitcoin.listing.name, bitcoin.listing.tick_e8) == (
        1,
        "BTC-USD",
        10_000_000,
    )
    assert (bitcoin.rates.im_e6, bitcoin.rates.mm_e6, bitcoin.rates.status) == (50_000, 25_000, 1)
    assert bitcoin.caps.residual_cap_e8 == 5 * 10**8
    assert ether.market == 2


def test_a_market_is_closed_by_its_status(write: Write) -> None:
    path = write("insurance_share", 'status = "shrinkOnly"\ninsurance_share')
    assert [market.rates.status for market in read_plan(path).markets] == [2, 1]
    with pytest.raises(Misconfigured, match=r"'closed'.*status"):
        read_plan(write("insurance_share", 'status = "closed"\ninsurance_share'))


def test_no_seal_and_a_token_of_ones_own(write: Write) -> None:
    assert not read_plan(write("delay_s = 691_200", "sealed = false")).sealed
    token = "0x" + "ab" * 20
    plan = read_plan(write("threshold = 2", f'threshold = 2\ntoken = "{token}"'))
    assert plan.token == bytes.fromhex("ab" * 20)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("threshold = 2", "threshold = two", "local.toml"),
        ("threshold = 2", "", "threshold"),
        ("threshold = 2", 'threshold = "2"', "threshold"),
        ("threshold = 2", "threshold = 2\nthreshhold = 3", "threshhold"),
        ("mm_e6 = 25_000", "", "mm_e6"),
        ("mm_e6 = 25_000", "mm_e6 = 2.5", "mm_e6"),
        ("shift = 40", "", "shift"),
        ("0x9965507", "0x996550", "guardian"),
        ("0x7099797", "0x709979", "matcher"),
        ("0x7099797", "1x7099797", "matcher"),
        ("0x7099797", "0xg099797", "matcher"),
        ("0x70997970C51812dc3A010C7d01b50e0d17dc79C8", "0x" + "0" * 40, "not zero"),
        ("0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC", "0x", "signers"),
    ],
)
def test_a_slip_is_named(write: Write, old: str, new: str, said: str) -> None:
    with pytest.raises(Misconfigured, match=r"plan\.toml") as failure:
        read_plan(write(old, new))
    assert said in str(failure.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(Misconfigured, match=r"nothing\.toml"):
        read_plan(tmp_path / "nothing.toml")


SOURCES = """
[[source]]
market = 1
kind = "aggregator"
feed = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC"
bound_e4 = 100
age_s = 4_000

[[source]]
market = 2
kind = "pull"
feed = "0x90F79bf6EB2c4f870365E785982E1f101E93b906"
price_id = "0x00000000000000000000000000000000000000000000000000000000000000ff"
conf_e6 = 5_000
bound_e4 = 200
age_s = 60
strict = true

[[source]]
market = 3
kind = "mock"
price_e8 = 7
bound_e4 = 10
age_s = 30

[uptime]
feed = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65"
grace_s = 3_600
"""


def test_second_sources_are_adapters_with_their_arguments(write: Write) -> None:
    assert read_plan(LOCAL).sources == () and read_plan(LOCAL).uptime is None
    path = write("", "")
    path.write_text(LOCAL.read_text("utf-8") + SOURCES, "utf-8")
    plan = read_plan(path)
    feed, pull, mock = plan.sources
    assert (feed.contract, feed.arguments) == (
        "Aggregator",
        {"feed": bytes.fromhex("3C44CdDdB6a900fa2b585dd299e03d12FA4293BC")},
    )
    assert (feed.market, feed.bound_e4, feed.age_s, feed.strict) == (1, 100, 4_000, False)
    assert pull.contract == "Pull" and pull.strict
    assert pull.arguments["id"] == (255).to_bytes(32, "big") and pull.arguments["conf_e6"] == 5_000
    assert (mock.contract, mock.arguments) == ("Source", {"price_e8": 7})
    assert plan.uptime is not None and plan.uptime.grace_s == 3_600


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('kind = "aggregator"', 'kind = "oracle"', "oracle"),
        ('kind = "aggregator"', "", "kind"),
        ("0x3C44", "0x3C", "feed"),
        ("00000000ff", "ff", "price_id"),
        ("00000000ff", "0000000zff", "price_id"),
        ("conf_e6 = 5_000", "", "conf_e6"),
        ("0x15d3", "0x15", "uptime"),
    ],
)
def test_a_slip_in_a_source_is_named(tmp_path: Path, old: str, new: str, said: str) -> None:
    path = tmp_path / "plan.toml"
    assert old in SOURCES
    path.write_text(LOCAL.read_text("utf-8") + SOURCES.replace(old, new, 1), "utf-8")
    with pytest.raises(Misconfigured, match=r"plan\.toml") as failure:
        read_plan(path)
    assert said in str(failure.value)
