# SPDX-License-Identifier: Apache-2.0
"""Commands of people who run a venue or watch one: devnet, keeper, deploy, reconcile, audit,
journal.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from infold.cli.commands.devnet import devnet
from infold.cli.commands.keeper import keeper
from infold.cli.header import header
from infold.cli.options import (
    API_URL,
    RPC_URL,
    ApiUrl,
    Book,
    JournalPath,
    KeyFile,
    Keystore,
    PasswordFile,
    RpcUrl,
    address_of_text,
    book_in,
    journal_in,
)
from infold.cli.pages.checks import of_audit, of_reconcile
from infold.cli.pages.venues import of_deployed
from infold.cli.terminal import Json, Quiet, complain, finish, progress
from infold.errors import Unavailable

if TYPE_CHECKING:
    from infold.shell.chain import Rpc

BLOCK_WAIT_S = 2.0  # between two looks for a block on a chain with a time of its own

journal_group = typer.Typer(no_args_is_help=True, help="Check a journal, or fold it again.")


def register(app: typer.Typer) -> None:
    """Add these commands to the root."""
    app.command()(devnet)
    app.command()(keeper)
    app.command()(deploy)
    app.command()(reconcile)
    app.command()(audit)
    app.add_typer(journal_group, name="journal")


@journal_group.command("verify")
def journal_verify(path: JournalPath, as_json: Json = False) -> None:
    """Walk the hash chain; names the first place that is damaged."""
    from infold.shell.journal import Journal

    began = time.monotonic()
    path = journal_in(path)
    report = Journal.inspect(path)
    document = {
        **header("journal verify"),
        "path": str(path),
        "groups": report.groups,
        "entries": report.entries,
        "seq": report.seq,
        "hash": report.hash,
        "faults": list(report.faults),
        "seconds": round(time.monotonic() - began, 3),
        "ok": report.ok,
    }
    finish(document, as_json, "journal")


# -- deploying ---------------------------------------------------------------


def deploy(
    plan: Annotated[
        Path, typer.Option("--plan", help="What to deploy; scripts/local.toml is a whole plan.")
    ],
    output: Annotated[
        Path, typer.Option("--output", help="Where to write the address book.")
    ] = Path("book.json"),
    contracts: Annotated[
        Path | None,
        typer.Option("--contracts", help="A checkout's contracts/; found from here if left out."),
    ] = None,
    rpc_url: RpcUrl = RPC_URL,
    key_file: KeyFile = None,
    keystore: Keystore = None,
    password_file: PasswordFile = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Compile a checkout's contracts, deploy them as planned, check what stands there, write the
    address book.
    """
    from infold.cli.options import connect, wallet
    from infold.shell.chain import Sender
    from infold.shell.compiling import find_contracts
    from infold.shell.deploy import RpcDeployer
    from infold.shell.deploy import deploy as carry_out
    from infold.shell.plan import read_plan
    from infold.signing import checksum_address

    began = time.monotonic()
    planned = read_plan(plan)
    rpc = connect(rpc_url)
    chain_id = int(rpc.call("eth_chainId"), 16)
    key = wallet(key_file, keystore, password_file, chain_id)
    sender = Sender(rpc, key.private_key, chain_id)
    with progress(quiet) as steps:
        book = carry_out(
            RpcDeployer(rpc, sender, _miner(rpc)), planned, contracts or find_contracts(), steps.say
        )
    book.write(output)
    document = {
        **header("deploy"),
        "chain_id": chain_id,
        "deployer": str(key),
        "contracts": {name: checksum_address(address) for name, address in book.addresses.items()},
        "book": str(output),
        "seconds": round(time.monotonic() - began, 3),
        "ok": True,
    }
    finish(document, as_json, "deployed", of_deployed)


def _miner(rpc: Rpc) -> Callable[[], None]:
    """How to wait for a block: a development node is asked for one, other chains take time."""
    development = "anvil" in str(rpc.call("web3_clientVersion")).lower()

    def mine() -> None:
        if development:
            rpc.call("evm_mine")
        else:
            time.sleep(BLOCK_WAIT_S)

    return mine


# -- checking ----------------------------------------------------------------


def audit(
    rpc_url: RpcUrl = RPC_URL,
    clearing: Annotated[
        str | None,
        typer.Option(
            "--clearing",
            envvar="INFOLD_CLEARING",
            help="Address of Clearing, where a chain holds several; goes before --book.",
        ),
    ] = None,
    book: Annotated[
        Path | None,
        typer.Option(
            "--book",
            envvar="INFOLD_BOOK",
            help="Address book of the venue, for its Clearing; else it is looked for.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Replay public calldata and logs with the independent twin and judge the invariants.

    Needs a node and nothing else: no journal of ours, no engine. Exit code 8 if anything is wrong.
    """
    from infold.cli.findings.audits import audit_of
    from infold.shell.chain import AddressBook

    named = None if clearing is None else address_of_text(clearing)
    if named is None and book is not None:
        named = AddressBook.read(book).address("Clearing")
    result = audit_of(rpc_url, named)
    finish({**header("audit"), **result}, as_json, "audit", of_audit)


def reconcile(
    path: JournalPath,
    rpc_url: RpcUrl = RPC_URL,
    api_url: ApiUrl = API_URL,
    book: Book = None,
    as_json: Json = False,
) -> None:
    """Fold the journal and compare every word of it with the chain, to the last bit, at the block
    it has seen. The venue may be running; a devnet's chain ends with it. Without --book the one
    beside the journal is taken, or else the venue is asked.
    """
    from infold.cli.options import venue
    from infold.core.state import chain_words
    from infold.node import replay_state
    from infold.shell.origin import ENDED, BatchLost, require_origin
    from infold.shell.reconcile import reconcile as compare

    began = time.monotonic()
    state, seq, digest, origin = replay_state(journal_in(path))
    try:
        there = venue(rpc_url, api_url, book or book_in(path))
    except Unavailable as silence:
        raise Unavailable(f"{silence}; {ENDED}") from silence
    lost = []
    try:
        if replaced := require_origin(there, origin):
            complain(replaced)
    except BatchLost as without:
        lost.append(str(without).partition("; ")[0])
    result = compare(there, chain_words(state), state.block)
    document = {
        **header("reconcile"),
        "block": result.block,
        "words": result.words,
        "accounts": result.accounts,
        "accounted_e6": str(result.accounted_e6),
        "claims_e6": str(result.claims_e6),
        "balance_e6": str(result.balance_e6),
        "journal": {"seq": seq, "hash": digest},
        "differences": [*lost, *result.report()],
        "seconds": round(time.monotonic() - began, 3),
        "ok": result.ok and not lost,
    }
    finish(document, as_json, "reconcile", of_reconcile)


@journal_group.command("replay")
def journal_replay(path: JournalPath, as_json: Json = False) -> None:
    """Fold the journal's events again, without a chain; prints what state they lead to, and names
    each batch that was not closed on the curves which the dealer had committed to, and each
    commitment that was taken back. No batch is matched again.
    """
    from infold.core.state import chain_words
    from infold.node import Commitments, replay_state
    from infold.signing import keccak

    began = time.monotonic()
    commitments = Commitments()
    state, seq, digest, _ = replay_state(journal_in(path), commitments.watch)
    words = "".join(f"{place}={word:x};" for place, word in sorted(chain_words(state).items()))
    tally = state.tally
    document = {
        **header("journal replay"),
        "journal": {"seq": seq, "hash": digest},
        "block": state.block,
        "batches": state.head.number,
        "accounts": len(state.accounts),
        "orders": {
            "accepted": tally.accepted,
            "open": tally.open,
            "filled": tally.filled,
            "expired": tally.expired,
            "cancelled": tally.cancelled,
            "skipped": tally.skipped,
            "lapsed": tally.lapsed,
        },
        "words_hash": "0x" + keccak(words.encode()).hex(),
        "curves": {
            "committed": commitments.batches,
            "kept": commitments.kept,
        },
        "faults": commitments.faults,
        "seconds": round(time.monotonic() - began, 3),
        "ok": not commitments.faults,
    }
    finish(document, as_json, "journal")
