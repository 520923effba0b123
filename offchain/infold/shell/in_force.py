# SPDX-License-Identifier: Apache-2.0
"""Whether what a setter would set is set already, and since when, by storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from infold.shell.chain import Venue
from infold.words import (
    SourceWord,
    pack_source,
    parameter_place,
    unpack_clock,
    unpack_readings,
    unpack_service,
    unpack_threshold,
)


class Setting(NamedTuple):
    """The newest value: `stands` if it is the one that is asked about, in force or about to be;
    `since_ms` is from when it serves, 0 where a value counts at once and nothing notes when.
    """

    stands: bool
    since_ms: int = 0


def setting_of(venue: Venue, function: str, arguments: Sequence[Any]) -> Setting | None:
    """How what a function of Governance, the vault or the bond sets stands; None of one that leaves
    nothing by which it could be told.
    """
    match function, *arguments:
        case "set_market", market, parameters:
            return _market(venue, market, parameters)
        case "set_matcher", matcher:
            old, new = venue["Seals"].calls("matcher_words", [[0], [1]])
            return Setting(_word(matcher) == new, old >> 160)
        case "set_attester", key, live:
            return _service(venue, "Seals", key, live)
        case "set_oracle_signer", key, live:
            return _service(venue, "Oracle", key, live)
        case "set_attester_threshold", threshold:
            return _threshold(venue, "Seals", threshold)
        case "set_oracle_threshold", threshold:
            return _threshold(venue, "Oracle", threshold)
        case "set_price_source", market, *terms:
            return _source(venue, market, *terms)
        case "set_uptime", feed, grace_s:
            return Setting(venue["Oracle"].call("uptime_word") == _word(feed) << 32 | grace_s)
        case "set_guardian", guardian:
            return Setting(_word(venue["Governance"].call("guardian")) == _word(guardian))
        case "set_outflow", *limits:
            return Setting(list(venue["Vault"].call("outflow_limits")) == limits)
        case "set_terms", *terms:
            bond = venue["Bond"]
            return Setting([bond.call("reward_e6"), bond.call("window_s")] == terms)
        case "announce_withdrawal", _, 0:
            return Setting(venue["Bond"].call("withdrawal")[1] == 0)
        case "propose_parts", *parts:
            # What is in force answers only where nothing else is proposed: that would be forgotten.
            proposed = _parts(venue, "proposed_")
            told = proposed if any(proposed) else _parts(venue)
            return Setting(told == [_word(part) for part in parts])
        case "replace_parts", *parts:
            return Setting(_parts(venue) == [_word(part) for part in parts])
        case "withdraw_parts", *_:
            return Setting(venue["Vault"].call("replaced_from_s") == 0)
    return None


def _market(venue: Venue, market: int, parameters: Sequence[Any]) -> Setting:
    """By the newest parameters: `words` refuses those that break a bound, which never stood."""
    clearing = venue["Clearing"]
    clock = unpack_clock(int(clearing.call("market_words", market * 8)))
    place = parameter_place(market, clock.version)
    found = clearing.calls("parameter_words", [[place + at] for at in range(3)])
    wanted = venue["Governance"].call("words", parameters)
    return Setting(tuple(found) == tuple(wanted), clock.activation_s * 1000)


def _service(venue: Venue, contract: str, key: str, live: bool) -> Setting:
    """A key that never served is not retired: nobody who mistypes one may be told that it is."""
    word = unpack_service(int(venue[contract].call("service", key)))
    serves = word.until_ms == 0
    return Setting(word.from_ms != 0 and serves == live, max(word))


def _threshold(venue: Venue, contract: str, threshold: int) -> Setting:
    word = unpack_threshold(int(venue[contract].call("threshold")))
    return Setting(word.new == threshold, word.activation_ms)


def _source(
    venue: Venue, market: int, source: str, bound_e4: int, age_s: int, strict: bool
) -> Setting:
    """None is a source taken away only of a market that had one, as with keys."""
    oracle = venue["Oracle"]
    activation_s = unpack_readings(int(oracle.call("readings", market))).activation_s
    wanted = 0
    if _word(source):
        wanted = pack_source(SourceWord(_word(source), age_s, bound_e4, int(strict)))
    stands = oracle.call("source_of", market) == wanted and activation_s != 0
    return Setting(stands, activation_s * 1000)


def _parts(venue: Venue, prefix: str = "") -> list[int]:
    """What the vault obeys, or is told to obey next; zeros for no proposal."""
    return [_word(venue["Vault"].call(prefix + name)) for name in ("clearing", "recovery")]


def _word(address: str) -> int:
    return int(address, 16)
