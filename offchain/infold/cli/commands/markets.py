# SPDX-License-Identifier: Apache-2.0
"""What can be traded; adding to it is for those who govern (`govern.py`)."""

from __future__ import annotations

import typer

from infold.cli.options import (
    API_URL,
    ApiUrl,
    client,
)
from infold.cli.pages.trading import of_markets
from infold.cli.terminal import Json, show_all

market_group = typer.Typer(no_args_is_help=True, help="What can be traded.")


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.add_typer(market_group, name="market")


@market_group.command("list")
def list_markets(api_url: ApiUrl = API_URL, as_json: Json = False) -> None:
    """Every listed market with its rules and latest oracle price."""
    with client(api_url) as api:
        show_all("market list", "markets", api.markets(), as_json, "markets", of_markets)
