# SPDX-License-Identifier: Apache-2.0
"""A signer vouches for what it sees, once a time, and says why where it does not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import msgspec
import pytest
from tests.support.signer_sets import SignerSet

from infold.errors import Misconfigured, Unavailable
from infold.shell.oracle import (
    BLOCK_MS,
    GRACE_MS,
    Abstains,
    Entry,
    Feed,
    Quorum,
    Record,
    Signed,
    SignedOther,
    Signer,
    SignRequest,
    Source,
    TooEarly,
    View,
    agreed_prices,
    median,
)
from infold.shell.oracle.signer import AGE_MS, VIEWS_KEPT
from infold.signing import (
    Domain,
    address_of,
    recover,
    vector_digest,
)
from infold.units import GUARD_MS
from infold.vectors import vector_root
from infold.words import ServiceWord, ThresholdWord

DOMAIN = Domain(31337, b"\x0a" * 20)
KEYS = [bytes([number]) * 32 for number in (1, 2, 3)]
SIGNERS = frozenset(address_of(key) for key in KEYS)
T = 1_700_000_000_000
BITCOIN, ETHER = 1, 2
PRICE = 60_000 * 10**8
NOW_MS = 5_000_000
"""What the signers' clocks say first; T is the data's."""


class Bench:
    """Signers in this process, each with two feeds of its own."""

    def __init__(self, path: Path, ends: ExitStack) -> None:
        self.feeds: list[list[Feed]] = []
        self.signers: list[Signer] = []
        self.set = SignerSet(SIGNERS, 2)
        self.now_ms = NOW_MS
        for number, key in enumerate(KEYS):
            feeds = [Feed(path / f"{number}{letter}") for letter in "ab"]
            for feed in feeds:
                ends.callback(feed.close)
            self.feeds.append(feeds)
            self.signers.append(
                Signer(
                    private_key=key,
                    sources=[Source(feed.path) for feed in feeds],
                    record=Record(path / f"record{number}"),
                    domain=DOMAIN,
                    roster=self.set,
                    clock_ms=lambda: self.now_ms,
                )
            )

    def write(self, time_ms: int, prices_e8: dict[int, int]) -> None:
        for feeds in self.feeds:
            for feed in feeds:
                feed.write(time_ms, prices_e8)

    def write_apart(self, time_ms: int) -> None:
        """Bitcoin, a last digit further from signer to signer: no two subsets' medians agree."""
        for number, feeds in enumerate(self.feeds):
            for feed in feeds:
                feed.write(time_ms, {BITCOIN: PRICE + 10**number})

    def views(self, time_ms: int) -> list[View]:
        return [signer.view(time_ms) for signer in self.signers]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    with ExitStack() as ends:
        bench = Bench(tmp_path, ends)
        yield bench
        for signer in bench.signers:
            signer.record.close()


def test_signers_sign_the_median_of_their_views(bench: Bench) -> None:
    for number, feeds in enumerate(bench.feeds):
        for feed in feeds:
            feed.write(T, {BITCOIN: PRICE + number})
    request = SignRequest(time_ms=T, views=bench.views(T))
    root = vector_root({BITCOIN: PRICE + 1}, 1)
    for signer in bench.signers:
        found, r, vs = signer.sign(request)
        assert found == root
        assert recover(vector_digest(T, 1, root, DOMAIN), r, vs) == signer.address


def test_a_signer_takes_the_latest_price_at_or_before_the_time(bench: Bench) -> None:
    bench.write(T - 10, {BITCOIN: PRICE - 3})
    bench.write(T, {BITCOIN: PRICE})
    bench.write(T + 1, {BITCOIN: PRICE + 3})
    signer = bench.signers[0]
    assert signer.look(T)[0] == {BITCOIN: PRICE}
    assert signer.look(T - 1)[0] == {BITCOIN: PRICE - 3}


def test_a_signer_abstains_when_it_sees_only_one_source(bench: Bench) -> None:
    bench.feeds[0][0].write(T, {BITCOIN: PRICE})
    with pytest.raises(Abstains, match="sees 1 of at least 2 sources"):
        bench.signers[0].view(T)
    bench.feeds[0][1].write(T, {BITCOIN: PRICE})
    assert bench.signers[0].view(T).prices == {"1": str(PRICE)}


def test_a_signer_abstains_from_one_market_and_serves_the_others(bench: Bench) -> None:
    bench.feeds[0][0].write(T, {BITCOIN: PRICE, ETHER: 5})
    bench.feeds[0][1].write(T, {BITCOIN: PRICE})
    view = bench.signers[0].view(T)
    assert view.prices == {"1": str(PRICE)}
    assert "sees 1" in view.abstained["2"]


def test_a_signer_abstains_when_sources_disagree_beyond_tolerance(bench: Bench) -> None:
    bench.feeds[0][0].write(T, {BITCOIN: PRICE})
    bench.feeds[0][1].write(T, {BITCOIN: PRICE * 1005 // 1000})
    assert bench.signers[0].look(T)[0] != {}
    bench.feeds[0][1].write(T + 1, {BITCOIN: PRICE * 1005 // 1000 + 1})
    with pytest.raises(Abstains, match="sources disagree"):
        bench.signers[0].view(T + 1)


def test_a_signer_abstains_when_a_source_is_stale(bench: Bench) -> None:
    bench.write(T, {BITCOIN: PRICE})
    assert bench.signers[0].view(T + 10_000).prices
    with pytest.raises(Abstains, match="10001 ms old"):
        bench.signers[0].view(T + 10_001)


@pytest.mark.parametrize(
    "line",
    [
        b"garbage",
        b'{"time_ms": 1, "prices": {"1": 5}}',
        b'{"time_ms": 1, "prices": {"1": "-5"}}',
        b'{"time_ms": 1, "prices": {"1": "0"}}',
        b'{"time_ms": 1, "prices": {"0": "5"}}',
        b'{"time_ms": 1, "prices": {"256": "5"}}',
        b'{"time_ms": 1, "prices": {"1": "18446744073709551616"}}',
        b'{"time_ms": NaN, "prices": {}}',
        b'{"time_ms": 1, "prices": {"01": "5"}}',
    ],
)
def test_a_damaged_line_ends_a_source(bench: Bench, line: bytes) -> None:
    bench.feeds[0][0].path.write_bytes(line + b"\n")
    bench.feeds[0][1].write(T, {BITCOIN: PRICE})
    with pytest.raises(Abstains, match="damaged line"):
        bench.signers[0].view(T)


def test_a_source_going_back_in_time_is_no_source(bench: Bench) -> None:
    bench.write(T, {BITCOIN: PRICE})
    bench.feeds[0][0].write(T - 1, {BITCOIN: PRICE})
    with pytest.raises(Abstains, match="goes back in time"):
        bench.signers[0].view(T)


def test_half_a_line_waits_for_its_end(bench: Bench) -> None:
    bench.write(T, {BITCOIN: PRICE})
    path = bench.feeds[0][0].path
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"time_ms": %d, ' % (T + 1))
    assert bench.signers[0].look(T)[0] == {BITCOIN: PRICE}
    assert bench.signers[0].sources[0].offset == len(whole)


def test_a_signer_never_signs_two_vectors_for_one_time(bench: Bench, tmp_path: Path) -> None:
    bench.write_apart(T)
    views = bench.views(T)
    signer = bench.signers[0]
    first = signer.sign(SignRequest(time_ms=T, views=views))
    assert signer.sign(SignRequest(time_ms=T, views=views)) == first
    other = SignRequest(time_ms=T, views=views[:2])
    bench.now_ms += GRACE_MS
    with pytest.raises(Abstains, match="signed another vector"):
        signer.sign(other)
    signer.record.close()
    signer.record = Record(tmp_path / "record0")  # the memory survives a restart
    with pytest.raises(Abstains, match="signed another vector"):
        signer.sign(other)
    assert signer.sign(SignRequest(time_ms=T, views=views)) == first


def test_a_record_forgets_a_torn_line_and_refuses_damage(tmp_path: Path) -> None:
    path = tmp_path / "record"
    record = Record(path)
    entry = Entry(b"\x01" * 32, 2, [b"\x02" * 20], final=True)
    record.write(T, entry)
    record.close()
    with path.open("ab") as file:
        file.write(b'{"time_ms": 17')
    record = Record(path)
    assert record.entries == {T: entry}
    with pytest.raises(Misconfigured, match="is in use"):
        Record(path)
    record.close()
    path.write_bytes(b"nonsense\n" + path.read_bytes())
    with pytest.raises(Misconfigured, match="damaged at line 1"):
        Record(path)


def test_a_signer_refuses_views_it_cannot_trust(bench: Bench) -> None:
    bench.write(T, {BITCOIN: PRICE})
    views = bench.views(T)
    signer = bench.signers[0]
    for shown, reason in (
        (views[:1], "was shown 1 views"),
        ([views[0], views[0]], "two views of one signer"),
        (
            [views[0], View(time_ms=T, prices=views[1].prices, abstained={}, r="0x5", vs="0x6")],
            "view|signer",
        ),
        (
            [views[0], View(time_ms=T, prices={"1": "x"}, abstained={}, r="0x5", vs="0x6")],
            "malformed",
        ),
        (
            [
                views[0],
                View(time_ms=T, prices={"1": "7"}, abstained={}, r=views[1].r, vs=views[1].vs),
            ],
            "no signer",
        ),
    ):
        with pytest.raises(Abstains, match=reason):
            signer.sign(SignRequest(time_ms=T, views=shown))


def test_a_signer_refuses_a_median_far_from_what_it_sees(bench: Bench) -> None:
    for feed in bench.feeds[0]:
        feed.write(T, {BITCOIN: PRICE})
    for feeds in bench.feeds[1:]:
        for feed in feeds:
            feed.write(T, {BITCOIN: PRICE * 2})
    request = SignRequest(time_ms=T, views=bench.views(T))
    with pytest.raises(Abstains, match="is agreed at"):
        bench.signers[0].sign(request)
    assert bench.signers[1].sign(request)[0] == vector_root({BITCOIN: PRICE * 2}, 1)


def test_a_signer_keeps_to_its_clock_where_it_has_one(bench: Bench) -> None:
    signer = bench.signers[0]
    signer.skew_ms = 5_000
    bench.write(T, {BITCOIN: PRICE})
    with pytest.raises(Abstains, match="from its clock"):
        signer.view(T)


def test_medians_round_down_and_need_k_views() -> None:
    assert median([3]) == 3
    assert median([3, 6]) == 4
    assert median([9, 1, 5]) == 5
    assert agreed_prices([{1: 3, 2: 7}, {1: 6}], 2) == {1: 4}


def test_a_signer_signs_nothing_a_view_of_somebody_retired_went_into(bench: Bench) -> None:
    bench.write(T, {BITCOIN: PRICE})
    request = SignRequest(time_ms=T, views=bench.views(T))
    del bench.set.service[bench.signers[2].address]
    with pytest.raises(Abstains, match="no signer then"):
        bench.signers[0].sign(request)
    rest = SignRequest(time_ms=T, views=request.views[:2])
    assert bench.signers[0].sign(rest)[0] == vector_root({BITCOIN: PRICE}, 1)
    many = SignRequest(time_ms=T, views=request.views[:1] * 17)
    with pytest.raises(Abstains, match="17 views, at most 16"):
        bench.signers[0].sign(many)


def test_a_signer_that_cannot_ask_who_serves_abstains(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Why is its operator's to know, once an outage: a node's URL may have a key in it."""
    bench.write(T, {BITCOIN: PRICE})
    request = SignRequest(time_ms=T, views=bench.views(T))

    def silent(time_ms: int, whom: object) -> Quorum:
        raise Unavailable("node at http://node/v3/SECRET did not answer")

    for outages in (1, 2):
        with monkeypatch.context() as node:
            node.setattr(bench.set, "at", silent)
            for _ in range(2):
                with pytest.raises(Abstains, match="who serves") as told:
                    bench.signers[0].sign(request)
                assert "SECRET" not in str(told.value)
        assert caplog.text.count("SECRET") == outages
        bench.signers[0].sign(request)


# -- anyone may ask ----------------------------------------------------------


def test_the_view_a_signer_gave_first_stands(bench: Bench) -> None:
    bench.write(T, {BITCOIN: PRICE})
    signer = bench.signers[0]
    first = signer.view(T)
    for feed in bench.feeds[0]:
        feed.write(T, {BITCOIN: PRICE + 1})
    assert signer.view(T) == first
    assert signer.view(T + 1).prices == {"1": str(PRICE + 1)}


def test_no_flood_of_questions_makes_a_signer_forget_a_view(bench: Bench) -> None:
    """It would give another, and the grace would begin anew."""
    bench.write_apart(T)
    signer, views = bench.signers[0], bench.views(T)
    for time_ms in range(T + 1, T + VIEWS_KEPT + 2):
        signer.view(time_ms)
    for feed in bench.feeds[0]:
        feed.write(T, {BITCOIN: PRICE + 7})
    bench.now_ms += GRACE_MS
    assert signer.view(T) == views[0]
    assert signer.sign(SignRequest(time_ms=T, views=views[:2]))


def test_what_is_forgotten_is_not_asked_for_again(bench: Bench) -> None:
    bench.write(T, {BITCOIN: PRICE})
    signer = bench.signers[0]
    for time_ms in range(T, T + VIEWS_KEPT):
        signer.view(time_ms)
    later = T + AGE_MS + VIEWS_KEPT
    bench.feeds[0][0].write(later, {BITCOIN: PRICE})  # one source alone outdates nothing
    assert signer.view(T)
    bench.feeds[0][1].write(later, {BITCOIN: PRICE})
    signer.view(later)
    assert len(signer._given) == 1
    with pytest.raises(Abstains, match=f"more than {AGE_MS} ms before what its sources tell"):
        signer.view(T)


def test_a_stranger_who_shows_each_signer_other_views_spends_nothing(bench: Bench) -> None:
    bench.write_apart(T)
    views = bench.views(T)
    for signer, pair in zip(bench.signers, ((0, 1), (1, 2), (2, 0)), strict=True):
        with pytest.raises(TooEarly, match="2 views, and more signers serve") as early:
            signer.sign(SignRequest(time_ms=T, views=[views[place] for place in pair]))
        assert early.value.wait_ms == GRACE_MS
    request = SignRequest(time_ms=T, views=bench.views(T))
    assert len({signer.sign(request)[0] for signer in bench.signers}) == 1


def test_fewer_views_are_signed_after_a_grace(bench: Bench) -> None:
    """Somebody is down: the others wait for it once, and then k suffice."""
    bench.write_apart(T)
    request = SignRequest(time_ms=T, views=bench.views(T)[:2])
    bench.now_ms += GRACE_MS - 1
    with pytest.raises(TooEarly) as early:
        bench.signers[0].sign(request)
    assert early.value.wait_ms == 1
    bench.now_ms += 1
    first = bench.signers[0].sign(request)
    bench.now_ms = NOW_MS
    assert bench.signers[0].sign(request) == first  # what was signed is no choice any more


def split(bench: Bench, *pairs: tuple[int, int]) -> tuple[SignRequest, list[Signed]]:
    """Have the signers sign over other views each, after the grace; all views, and what was signed,
    as they say when they are asked to sign over all.
    """
    bench.write_apart(T)
    whole = SignRequest(time_ms=T, views=bench.views(T))
    bench.now_ms += GRACE_MS
    said = []
    for signer, pair in zip(bench.signers, pairs, strict=False):
        signer.sign(SignRequest(time_ms=T, views=[whole.views[place] for place in pair]))
        with pytest.raises(SignedOther, match="signed another vector") as other:
            signer.sign(whole)
        said.append(other.value.signed)
    return whole, said


def test_what_nothing_can_come_of_is_left_for_what_follows_from_all(
    bench: Bench, tmp_path: Path
) -> None:
    whole, said = split(bench, (0, 1), (1, 2), (2, 0))
    first = bench.signers[0]
    for few in (said[:2], [said[0], said[1], said[1]]):
        with pytest.raises(SignedOther):  # the third may still sign what the first one did
            first.sign(msgspec.structs.replace(whole, others=few))
    told = msgspec.structs.replace(whole, others=said)
    assert len({signer.sign(told)[0] for signer in bench.signers}) == 1
    back = SignRequest(time_ms=T, views=whole.views[:2], others=said)
    with pytest.raises(SignedOther):  # and for nothing else after that, nor by a restart
        first.sign(back)
    assert first.record.entries[T].final
    first.record.close()
    first.record = Record(tmp_path / "record0")
    with pytest.raises(SignedOther):
        first.sign(back)


def test_what_follows_from_all_views_is_never_left(bench: Bench) -> None:
    """Not even for another such: a signer that was restarted may have given a second view."""
    bench.write_apart(T)
    first, second, third = bench.signers
    first.sign(SignRequest(time_ms=T, views=bench.views(T)))
    bench.now_ms += GRACE_MS
    second.sign(SignRequest(time_ms=T, views=bench.views(T)[:2]))
    third._given.clear()
    for feed in bench.feeds[2]:
        feed.write(T, {BITCOIN: PRICE + 7})
    whole = SignRequest(time_ms=T, views=bench.views(T))
    bench.now_ms += GRACE_MS
    third.sign(SignRequest(time_ms=T, views=whole.views[1:]))
    said = []
    for signer in (second, third):
        with pytest.raises(SignedOther) as other:
            signer.sign(whole)
        said.append(other.value.signed)
    with pytest.raises(SignedOther):
        first.sign(msgspec.structs.replace(whole, others=said))


def test_what_follows_from_all_views_is_final_where_it_is_what_was_signed(bench: Bench) -> None:
    """The median of two may be that of all: who signed it has nothing new to sign."""
    bench.write(T, {BITCOIN: PRICE})
    signer, whole = bench.signers[0], SignRequest(time_ms=T, views=bench.views(T))
    bench.now_ms += GRACE_MS
    fewer = msgspec.structs.replace(whole, views=whole.views[:2])
    first = signer.sign(fewer)
    assert not signer.record.entries[T].final
    assert signer.sign(whole) == first and signer.record.entries[T].final
    assert signer.sign(fewer) == first and signer.record.entries[T].final


def test_what_a_vector_may_have_come_of_stays(bench: Bench) -> None:
    """Two of three signed it: whoever had them do so holds a vector."""
    whole, said = split(bench, (0, 1), (0, 1))
    third = bench.signers[2].sign(whole)
    said.append(Signed(over=_all_of(bench), r=hex(third[1]), vs=hex(third[2])))
    told = msgspec.structs.replace(whole, others=said)
    for signer in bench.signers[:2]:
        with pytest.raises(SignedOther):
            signer.sign(told)


def test_signatures_that_prove_nothing_are_refused(bench: Bench) -> None:
    whole, said = split(bench, (0, 1), (1, 2), (2, 0))
    for forged in (
        msgspec.structs.replace(said[1], over=_all_of(bench)[:1]),
        msgspec.structs.replace(said[1], over=_all_of(bench)[:1] * 2),
        msgspec.structs.replace(said[1], over=["0x" + "ab" * 20]),
        msgspec.structs.replace(said[1], r="0xzz"),
    ):
        with pytest.raises(Abstains, match="a signature is"):
            bench.signers[0].sign(msgspec.structs.replace(whole, others=[said[0], forged]))
    strange = msgspec.structs.replace(said[1], over=_all_of(bench))  # recovers to nobody known
    with pytest.raises(SignedOther):
        bench.signers[0].sign(msgspec.structs.replace(whole, others=[strange, said[2]]))


def _all_of(bench: Bench) -> list[str]:
    return ["0x" + signer.address.hex() for signer in bench.signers]


def test_the_grace_begins_anew_with_a_signer_that_was_restarted(bench: Bench) -> None:
    bench.write_apart(T)
    views = bench.views(T)
    forgetful = bench.signers[0]
    forgetful._given.clear()
    bench.now_ms += 10 * GRACE_MS
    with pytest.raises(TooEarly):
        forgetful.sign(SignRequest(time_ms=T, views=views[:2]))
    forgetful.sign(SignRequest(time_ms=T, views=views))


def test_a_signer_signs_only_over_the_view_it_gave(bench: Bench) -> None:
    bench.write(T, {BITCOIN: PRICE})
    views = bench.views(T)
    signer = bench.signers[0]
    with pytest.raises(Abstains, match="not shown its own view"):
        signer.sign(SignRequest(time_ms=T, views=views[1:]))
    signer._given.clear()
    for feed in bench.feeds[0]:
        feed.write(T, {BITCOIN: PRICE + 1})
    signer.view(T)
    with pytest.raises(Abstains, match="another view of its own"):
        signer.sign(SignRequest(time_ms=T, views=views))


def test_one_who_is_about_to_retire_is_missed_until_then(bench: Bench) -> None:
    """The chain counts it no more, though it serves."""
    bench.write_apart(T)
    bench.write_apart(T + 1)
    signer, retiring = bench.signers[0], bench.signers[2].address
    signer.sign(SignRequest(time_ms=T, views=bench.views(T)))
    bench.set.service[retiring] = ServiceWord(from_ms=1, until_ms=T + 1)
    fewer = SignRequest(time_ms=T + 1, views=bench.views(T + 1)[:2])
    with pytest.raises(TooEarly):
        signer.sign(fewer)
    del bench.set.service[retiring]
    signer.sign(fewer)


def test_who_is_shown_one_who_retires_knows_that_more_serve(bench: Bench) -> None:
    """Also one that was started just now and has met nobody."""
    bench.write_apart(T)
    bench.set.service[bench.signers[2].address] = ServiceWord(from_ms=1, until_ms=T + 1)
    fewer = SignRequest(time_ms=T, views=bench.views(T)[1:])
    with pytest.raises(TooEarly):
        bench.signers[1].sign(fewer)


def test_where_k_is_half_all_views_are_needed(bench: Bench) -> None:
    """The other half could sign another vector of that T."""
    bench.write_apart(T)
    whole = SignRequest(time_ms=T, views=bench.views(T))
    bench.now_ms += GRACE_MS
    fourth = b"\xab" * 20
    bench.set.service[fourth] = ServiceWord(from_ms=1)
    with pytest.raises(Abstains, match="3 views of 4, and k is 2, no more than half"):
        bench.signers[0].sign(whole)
    del bench.set.service[fourth]
    assert bench.signers[0].sign(msgspec.structs.replace(whole, views=whole.views[:2]))


def test_a_signer_sees_no_time_that_is_not_over(bench: Bench) -> None:
    signer = bench.signers[0]
    signer.skew_ms, bench.now_ms = 5_000, T - 20
    bench.write(T - 30, {BITCOIN: PRICE})
    with pytest.raises(TooEarly, match="not over") as early:
        signer.view(T)
    bench.write(T, {BITCOIN: PRICE + 1})
    bench.now_ms += early.value.wait_ms
    assert signer.view(T).prices == {"1": str(PRICE + 1)}


# -- whose word who serves is ------------------------------------------------


def test_a_signer_abstains_while_its_node_is_stuck(bench: Bench) -> None:
    """A key retired since would count for it."""
    bench.write(T, {BITCOIN: PRICE})
    request = SignRequest(time_ms=T, views=bench.views(T))
    bench.set.block_ms = T - GUARD_MS - BLOCK_MS - 1
    with pytest.raises(Abstains, match="latest block is 5001 ms older than T; let the node"):
        bench.signers[0].sign(request)
    bench.set.block_ms += 1
    assert bench.signers[0].sign(request)


def test_a_signer_knows_the_least_k_whatever_its_node_says(bench: Bench) -> None:
    bench.write(T, {BITCOIN: PRICE})
    signer = bench.signers[0]
    request = SignRequest(time_ms=T, views=bench.views(T))
    signer.k_min, bench.set.threshold = 2, ThresholdWord(new=1, old=1)
    with pytest.raises(Abstains, match="says that 1 must sign, its operator 2"):
        signer.sign(request)
    bench.set.threshold = ThresholdWord(new=2, old=2)
    assert signer.sign(request)
