# SPDX-License-Identifier: Apache-2.0
"""Who calls, and where: the options that every command on chain takes, declared once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec

from infold.cli import options
from infold.cli.options import (
    API_URL,
    RPC_URL,
    ApiUrl,
    Book,
    KeyFile,
    Keystore,
    PasswordFile,
    RpcUrl,
)

if TYPE_CHECKING:
    from infold.cli.onchain import Party
    from infold.sdk.client import Client
    from infold.sdk.wallet import Wallet
    from infold.shell.chain import Venue

_Own = ParamSpec("_Own")


@dataclass(frozen=True)
class Caller:
    """What the options name. Nothing is opened before it is asked for, so that a slip in a
    command's own arguments is told without a venue.
    """

    api_url: ApiUrl = API_URL
    rpc_url: RpcUrl = RPC_URL
    book: Book = None
    key_file: KeyFile = None
    keystore: Keystore = None
    password_file: PasswordFile = None

    def client(self) -> Client:
        """The venue's node."""
        return options.client(self.api_url)

    def venue(self) -> Venue:
        """The venue's contracts."""
        return options.venue(self.rpc_url, self.api_url, self.book)

    def wallet(self, chain_id: int) -> Wallet:
        """The key."""
        return options.wallet(self.key_file, self.keystore, self.password_file, chain_id)

    def key_named(self) -> str:
        """Where the key came from, as `options.wallet` looks for it."""
        if self.key_file is not None:
            return str(self.key_file)
        return self.keystore or "INFOLD_PRIVATE_KEY"

    def party(self) -> Party:
        """The key at the contracts."""
        from infold.cli.onchain import Party

        there = self.venue()
        return Party(there, self.wallet(there.book.chain_id))


def on_chain(command: Callable[Concatenate[Caller, _Own], None]) -> Callable[..., None]:
    """Give a command the caller's options beside its own, and the caller as its first argument."""
    _, *own = inspect.signature(command, eval_str=True).parameters.values()
    kinds = inspect.get_annotations(Caller, eval_str=True)
    given = [
        inspect.Parameter(
            field.name,
            inspect.Parameter.KEYWORD_ONLY,
            default=field.default,
            annotation=kinds[field.name],
        )
        for field in fields(Caller)
    ]
    taken = [*(each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in own), *given]

    @wraps(command)
    def run(**arguments: Any) -> None:
        caller = Caller(**{field.name: arguments.pop(field.name) for field in fields(Caller)})
        command(caller, **arguments)  # type: ignore[call-arg]

    run.__signature__ = inspect.Signature(taken)  # type: ignore[attr-defined]
    run.__annotations__ = {each.name: each.annotation for each in taken}
    return run
