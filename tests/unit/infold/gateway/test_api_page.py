# SPDX-License-Identifier: Apache-2.0
"""`docs/api.md` is whole: every path, field, status and code that a node answers stands in it."""

from __future__ import annotations

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from starlette.routing import Route

import infold
from infold.core.events import OrderCancelled
from infold.dealer.guarding import REASONS
from infold.errors import CODES, InvariantBroken, Rejected, Unavailable
from infold.gateway.problems import problem
from infold.gateway.rest import Gateway
from infold.messages import CancelRequest, OrderRequest
from infold.node.memory import why_expired

OFFCHAIN = Path(infold.__file__).parent
PAGE = (OFFCHAIN.parents[1] / "docs" / "api.md").read_text("utf-8")
VIEWS = sorted((OFFCHAIN / "node" / "views").glob("*.py"))
ROUTED = {"METHOD_NOT_ALLOWED": 405}
"""Told by the router, which has a status of its own."""
EIP712 = {"name", "type", "version", "verifyingContract"}
"""What the standard names inside `domain` and `types`."""


def paths() -> list[tuple[str, str]]:
    node: Any = SimpleNamespace()
    gateway = Gateway(node)
    routes = [route for route in gateway.app.routes if isinstance(route, Route)]
    gateway.close()
    return [
        (method, route.path)
        for route in routes
        for method in sorted(route.methods or ())
        if method != "HEAD"
    ]


def test_every_path_is_listed_and_no_other() -> None:
    listed = re.findall(r"^\| `(GET|POST) (/v1\S*)`", PAGE, re.MULTILINE)
    assert sorted(listed) == sorted(paths())


@pytest.mark.parametrize("view", VIEWS, ids=lambda path: path.stem)
def test_every_field_of_an_answer_is_named(view: Path) -> None:
    fields = set(re.findall(r'^\s+\**\{?"([a-z]\w*)":', view.read_text("utf-8"), re.MULTILINE))
    assert not [field for field in fields - EIP712 if f"`{field}`" not in PAGE]


@pytest.mark.parametrize("body", [OrderRequest, CancelRequest])
def test_every_field_that_is_sent_is_named(body: Any) -> None:
    fields = body.__struct_encode_fields__
    assert len(fields) > 4
    assert not [field for field in fields if f"`{field}`" not in PAGE]


def test_every_code_stands_with_its_status_and_what_to_do() -> None:
    for code, advice in CODES.items():
        status = ROUTED.get(code, problem(Rejected(code))["status"])
        assert f"| `{code}` | {status} | {advice} |" in PAGE
    for error in (Unavailable("later"), InvariantBroken("C1")):
        told = problem(error)
        assert f"| `{told['code']}` | {told['status']} |" in PAGE


def test_every_reason_of_a_cut_curve_is_named() -> None:
    assert REASONS and not [reason for reason in REASONS if f"`{reason}`" not in PAGE]


def test_every_reason_of_an_ended_order_is_named() -> None:
    row: Any = SimpleNamespace(
        accepted_ms=10, signed=SimpleNamespace(order=SimpleNamespace(expiry_ms=20))
    )
    expired = {why_expired(row, before, batch) for before, batch in ((0, 20), (0, 21), (11, 21))}
    cancelled = set(re.findall(r"\b[A-Z][A-Z_]{4,}\b", OrderCancelled.__doc__ or ""))
    assert len(expired) == 3 and len(cancelled) == 5
    assert not [reason for reason in expired | cancelled if f"`{reason}`" not in PAGE]
