# SPDX-License-Identifier: Apache-2.0
"""What a case may cost and a contract may weigh: the committed figures, and the judgement."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from infold.bench.gas.ground import Figure
from infold.errors import Misconfigured
from infold.shell.compiling import find_contracts

CODE_BYTES_MAX: Final = 24_576
"""EIP-170."""
WORSE: Final = 1.02
"""A case without a budget of its own may cost this much more than what is committed."""
BUDGET_FILE: Final = Path("tests") / "bench" / "gas.json"


def read_budget(path: Path | None = None) -> dict[str, Any]:
    """The committed figures. Raises `Misconfigured` if they are missing or damaged."""
    path = path or find_contracts().parent / BUDGET_FILE
    try:
        budget: dict[str, Any] = json.loads(path.read_text("utf-8"))
        for part in ("per_order_max", "measured", "bytes_max"):
            if not all(value > 0 for value in budget[part].values()):
                raise ValueError(f"{part} must be above 0")
    except FileNotFoundError as error:
        raise Misconfigured(f"no gas budget at {path}; run in a checkout") from error
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Misconfigured(
            f"gas budget {path} is damaged ({error}); take it from git again"
        ) from error
    return budget


def judge(cases: dict[str, Figure], budget: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each case beside its limit: a budget of its own, or 2% above what is committed.

    Raises `Misconfigured` for a case without either.
    """
    judged = {}
    for name, figure in cases.items():
        if name in budget["per_order_max"]:
            limit = int(budget["per_order_max"][name])
        elif name in budget["measured"]:
            limit = int(budget["measured"][name] * WORSE)
        else:
            raise Misconfigured(f"no figure for {name} in {BUDGET_FILE}; commit the measured one")
        judged[name] = {
            "orders": figure.orders,
            "gas": figure.gas,
            "per_order": figure.per_order,
            "limit": limit,
            "ok": figure.per_order <= limit,
        }
    return judged


def weigh(sizes: Mapping[str, int], budget: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Each contract's bytes beside its limit: its own, or what a chain stores at most."""
    limits = {name: budget["bytes_max"].get(name, CODE_BYTES_MAX) for name in sizes}
    return {
        name: {"bytes": size, "limit": limits[name], "ok": size <= limits[name]}
        for name, size in sizes.items()
    }
