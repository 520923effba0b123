# SPDX-License-Identifier: Apache-2.0
"""Signers are named in whatever way people part them, and a mistyped one is told at once."""

from __future__ import annotations

import pytest
import typer

from infold.cli.signers import signers_of_texts

ONE, TWO = "0x" + "11" * 20, "0x" + "22" * 20
URLS = {bytes([0x11]) * 20: "http://127.0.0.1:1", bytes([0x22]) * 20: "https://b.example/oracle"}


@pytest.mark.parametrize(
    "texts",
    [
        [f"{ONE}=http://127.0.0.1:1", f"{TWO}=https://b.example/oracle"],
        [f"{ONE}=http://127.0.0.1:1,{TWO}=https://b.example/oracle"],
        [f"{ONE}=http://127.0.0.1:1,", f"{TWO}=https://b.example/oracle,"],
        [f"\n {ONE}=http://127.0.0.1:1 ,\n {TWO}=https://b.example/oracle/\n"],
        [f"{ONE}=http://127.0.0.1:1", f"{TWO}=https://b.example/oracle,{ONE}=http://127.0.0.1:1"],
    ],
    ids=["apart", "commas", "commas and blanks", "lines", "the same twice"],
)
def test_signers_are_parted_by_blanks_and_commas(texts: list[str]) -> None:
    assert signers_of_texts(texts) == URLS


def test_nobody_named_is_nobody() -> None:
    assert signers_of_texts([]) == signers_of_texts([" , "]) == {}


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("http://127.0.0.1:1", "is not ADDRESS=URL"),
        ("0x11=http://127.0.0.1:1", "is no address"),
        (f"{ONE}=", "is no URL: http://HOST:PORT"),
        (f"{ONE}=127.0.0.1:8545", "is no URL"),
        (f"{ONE}=localhost:8545", "is no URL: http://HOST:PORT"),
        (f"{ONE}=ftp://127.0.0.1:1", "is no URL: http://HOST:PORT"),
        (f"{ONE}=http://", "is no URL: http://HOST:PORT"),
        (f"{ONE}=http://127.0.0.1:http", "is no URL"),
        (f"{ONE}=http://a.example,{ONE}=http://b.example", "named with two URLs; leave one out"),
    ],
)
def test_a_mistyped_signer_is_told_before_it_is_needed(text: str, why: str) -> None:
    with pytest.raises(typer.BadParameter, match=why):
        signers_of_texts([text])
