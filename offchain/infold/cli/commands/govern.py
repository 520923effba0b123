# SPDX-License-Identifier: Apache-2.0
"""Commands of those who govern a venue: change it, halt it, see that it is what it should be."""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import typer

from infold.cli.caller import Caller, on_chain
from infold.cli.commands.markets import market_group
from infold.cli.findings.caps import day_bound
from infold.cli.header import header
from infold.cli.numbers import canonical
from infold.cli.onchain import Party, named
from infold.cli.options import (
    RPC_URL,
    RpcUrl,
    connect,
)
from infold.cli.pages.checks import of_verify
from infold.cli.pages.governing import of_change, of_halt
from infold.cli.terminal import Json, Quiet, complain, finish, progress, show
from infold.errors import Misconfigured
from infold.units import PRICE_DECIMALS, parse_decimal

if TYPE_CHECKING:
    from infold.shell.chain import Log

HALT_S_MAX = 72 * 3_600
NO_ROLE = "access_control: account is missing role"


class Asked(NamedTuple):
    """What a change's options ask for."""

    execute: bool
    cancel: bool
    again: bool = False


Execute = Annotated[
    bool, typer.Option("--execute", help="Make what was scheduled and is due; any key may.")
]
Cancel = Annotated[
    bool, typer.Option("--cancel", help="Take back what was scheduled; a canceller's key.")
]
Again = Annotated[
    bool, typer.Option("--again", help="Schedule it once more, though it was made before.")
]


def register(app: typer.Typer) -> None:
    """Add these commands to the root, and to the group of markets."""
    app.command()(govern)
    app.command()(halt)
    app.command()(resume)
    app.command()(verify)
    market_group.command("add")(add_market)


# -- changes -----------------------------------------------------------------


@on_chain
def add_market(
    caller: Caller,
    file: Annotated[
        Path, typer.Argument(help="TOML with the fields of a [[market]] of scripts/local.toml.")
    ],
    price: Annotated[
        str,
        typer.Option(
            "--price",
            callback=canonical,
            help="What it trades at, for a look at its caps before any batch.",
        ),
    ] = "0",
    execute: Execute = False,
    cancel: Cancel = False,
    again: Again = False,
    as_json: Json = False,
) -> None:
    """List a market, or change one that is listed: at once by the deployer of a venue that is not
    sealed, else scheduled by a proposer, and executed by anyone with --execute once it is due.

    Says so if its caps, with those of all markets, let a day take more than half a percent of the
    pool's capital; they are set all the same.
    """
    from infold.shell.deploy import market_parameters
    from infold.shell.plan import read_market

    planned = read_market(file)
    price_e8 = parse_decimal(price, PRICE_DECIMALS, "price")
    party = caller.party()
    bound = day_bound(party.venue, planned, price_e8)
    if said := bound.warning():
        complain(said)
    parameters = market_parameters(party.venue["Governance"].abi, planned)
    bring_on(
        party,
        "set_market",
        (planned.market, parameters),
        Asked(execute=execute, cancel=cancel, again=again),
        as_json,
        more={"day_bound": bound.document()},
    )


@on_chain
def govern(
    caller: Caller,
    what: Annotated[str, typer.Argument(help="What to set, such as matcher or oracle_signer.")],
    values: Annotated[
        list[str] | None, typer.Argument(help="Its values: 0x addresses, numbers, true or false.")
    ] = None,
    execute: Execute = False,
    cancel: Cancel = False,
    again: Again = False,
    as_json: Json = False,
) -> None:
    """Change a key, a threshold, the vault's limits and parts or the bond's terms by a setter, or
    move money of the venue's own (spend, withdraw_backstop, pass_on), as `infold market add`
    changes a market. What was made before is told so, and scheduled once more with --again.

    A venue that is not sealed, as a devnet is, obeys its deployer's key at once, without delay; the
    vault's and the bond's changes wait there too.
    """
    from infold.shell.governing import parse_arguments, setters, warning_of

    party = caller.party()
    known = setters(party.venue)
    if what not in known:
        raise Misconfigured(f"nothing sets {what}; what can be set: {', '.join(sorted(known))}")
    setter = known[what]
    arguments = tuple(parse_arguments(what, setter.inputs, values or []))
    asked = Asked(execute=execute, cancel=cancel, again=again)
    if not cancel and (said := warning_of(party.venue, setter.function, arguments)):
        complain(said)
    bring_on(party, setter.function, arguments, asked, as_json, setter.contract)


def bring_on(
    party: Party,
    function: str,
    arguments: tuple[Any, ...],
    asked: Asked,
    as_json: bool,
    contract: str = "Governance",
    more: Mapping[str, Any] | None = None,
) -> None:
    """Send a change's next transaction, and print where it stands then."""
    from infold.shell.chain import Reverted
    from infold.shell.governing import find_change, next_step, rehearse, scheduling

    change = find_change(party.venue, party.address, function, *arguments, contract=contract)
    step = next_step(change, **asked._asdict())
    state, ready_s, identity = change.state, change.ready_s, change.id
    earlier = step is None and change.is_over
    if earlier:
        state, identity = "made", change.made or change.id
    logs: list[Log] = []
    if step is not None:
        try:
            if step.function == "schedule":
                rehearse(party.venue, change)
            logs = party.send(step.contract, step.function, *step.arguments)
        except Reverted as refusal:
            if refusal.reason == NO_ROLE and step.function == "schedule":
                raise Reverted(NO_ROLE, "Timelock.schedule", scheduling(change)) from None
            if step.function == "cancel":
                raise
            raise party.refused(refusal.reason, contract, function, arguments) from None
        state = {"schedule": "waiting", "cancel": "cancelled"}.get(step.function, "made")
    if state == "waiting":
        ready_s = int(party.venue["Timelock"].call("get_timestamp", change.id))
    document = {
        **header("govern"),
        "change": function,
        "contract": contract,
        "calldata": "0x" + change.operation.payload.hex(),
        "operation": "0x" + identity.hex(),
        "state": state,
        "ready_s": ready_s if state in ("waiting", "due") else 0,
        "sealed": change.sealed,
        "at_once": change.state == "open" or (earlier and change.obeys_deployer),
        "made_earlier": earlier,
        "events": [log.name for log in logs],
        **(more or {}),
    }
    show(document, as_json, function.removeprefix("set_"), of_change)


# -- halts -------------------------------------------------------------------


@on_chain
def halt(
    caller: Caller,
    duration_s: Annotated[
        int,
        typer.Option(
            "--duration-s", min=60, max=HALT_S_MAX, help="How long; it also ends by `resume`."
        ),
    ] = HALT_S_MAX,
    as_json: Json = False,
) -> None:
    """Let every market only shrink, by the guardian's key: not again until 14 days after its end.

    Withdrawals, cancels, reductions, liquidations and claims go on.
    """
    party = caller.party()
    _show_halt("halt", party.send("Governance", "halt", duration_s), as_json)


@on_chain
def resume(
    caller: Caller,
    as_json: Json = False,
) -> None:
    """End a halt 3 s from now, by the guardian's key."""
    party = caller.party()
    _show_halt("resume", party.send("Governance", "resume"), as_json)


def _show_halt(command: str, logs: list[Log], as_json: bool) -> None:
    told = named([log for log in logs if log.contract == "Governance"], "HaltSet")
    document = {**header(command), "from_ms": told["from_ms"], "until_ms": told["until_ms"]}
    show(document, as_json, command, of_halt)


# -- what stands there -------------------------------------------------------


def verify(
    plan: Annotated[
        Path, typer.Option("--plan", help="What was deployed; scripts/local.toml is a whole plan.")
    ],
    book: Annotated[
        Path, typer.Option("--book", envvar="INFOLD_BOOK", help="What `infold deploy` wrote.")
    ] = Path("book.json"),
    contracts: Annotated[
        Path | None,
        typer.Option("--contracts", help="A checkout's contracts/; found from here if left out."),
    ] = None,
    rpc_url: RpcUrl = RPC_URL,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compare deployed code, roles, keys and parameters with this repository and a plan.

    Exit code 8, and each difference by its name, if anything is not as planned.
    """
    from infold.shell.chain import AddressBook
    from infold.shell.compiling import find_contracts
    from infold.shell.plan import read_plan
    from infold.shell.verify import verify as compare

    began = time.monotonic()
    with progress(quiet) as steps:
        verdict = compare(
            connect(rpc_url),
            AddressBook.read(book),
            read_plan(plan),
            contracts or find_contracts(),
            steps.say,
        )
    document = {
        **header("verify"),
        **verdict.report(),
        "seconds": round(time.monotonic() - began, 3),
    }
    finish(document, as_json, "verify", of_verify)
