# SPDX-License-Identifier: Apache-2.0
"""Options that several commands share, and what they stand for.

Precedence: flag, then ``INFOLD_*`` in the environment, then ``./infold.toml`` (or ``[tool.infold]``
in ``./pyproject.toml``), then ``infold/config.toml`` in the user's configuration folder, then the
default. Keys never come by flag: a flag names a file. ``INFOLD_PRIVATE_KEY`` counts only on chain
31337, the devnet.
"""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from infold.cli.numbers import canonical
from infold.errors import Misconfigured, system_words
from infold.units import AMOUNT_DECIMALS, parse_decimal

if TYPE_CHECKING:
    from infold.sdk.client import Client
    from infold.sdk.wallet import Wallet
    from infold.shell.chain import Rpc, Venue

DEVNET_CHAIN_ID = 31_337

ApiUrl = Annotated[
    str,
    typer.Option("--api-url", envvar="INFOLD_API_URL", help="Where the venue's HTTP interface is."),
]
RpcUrl = Annotated[
    str,
    typer.Option("--rpc-url", "--rpc", envvar="INFOLD_RPC_URL", help="Where the chain's node is."),
]
Book = Annotated[
    Path | None,
    typer.Option(
        "--book",
        envvar="INFOLD_BOOK",
        help="Address book that `infold deploy` wrote; else the venue is asked.",
    ),
]
KeyFile = Annotated[
    Path | None,
    typer.Option("--key-file", envvar="INFOLD_KEY_FILE", help="File with a private key in hex."),
]
Keystore = Annotated[
    str | None,
    typer.Option(
        "--keystore",
        envvar="INFOLD_KEYSTORE",
        help="Encrypted keyfile, by path or by Ape's name for it; the password is in"
        " INFOLD_KEYSTORE_PASSWORD_FILE.",
    ),
]
PasswordFile = Annotated[
    Path | None,
    typer.Option(
        "--password-file",
        envvar="INFOLD_KEYSTORE_PASSWORD_FILE",
        help="File with the keystore's password.",
    ),
]

Account = Annotated[int, typer.Argument(min=0, max=2**32 - 1, help="The account's number.")]
Market = Annotated[
    str, typer.Option("--market", "-m", help="BTC-USD say; see `infold market list`.")
]
Amount = Annotated[
    str, typer.Argument(callback=canonical, help="Collateral as a decimal, 250.5 say.")
]
Mint = Annotated[
    bool,
    typer.Option(
        "--mint", help="Make the test dollars first, and gas for a key that has none; devnets only."
    ),
]

JournalPath = Annotated[
    Path,
    typer.Argument(help="The directory a run got as --keep, or the journal in it."),
]

# Connections opened for the running command; ``app.run`` closes them when it is over.
CONNECTIONS = ExitStack()

API_URL = "http://127.0.0.1:8650"
RPC_URL = "http://127.0.0.1:8545"


# -- configuration files -----------------------------------------------------


def settings(folder: Path) -> dict[str, Any]:
    """What the configuration files say, the nearer file winning."""
    user = Path(typer.get_app_dir("infold")) / "config.toml"
    merged = dict(_toml(user))
    local = folder / "infold.toml"
    if local.is_file():
        merged |= _toml(local)
    else:
        project = _toml(folder / "pyproject.toml").get("tool", {}).get("infold", {})
        merged |= project
    for name in merged:
        if name in ("private_key", "password"):
            raise Misconfigured(
                f"a configuration file holds {name}; name a file with key_file or keystore instead"
            )
    if not isinstance(merged.get("as_json", False), bool):
        raise Misconfigured("as_json in a configuration file is neither true nor false; mend it")
    return merged


def _toml(path: Path) -> Mapping[str, Any]:
    if not path.is_file():
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise Misconfigured(f"{path} is not readable TOML ({error}); mend or remove it") from None


def defaults_for(group: TyperGroup, found: Mapping[str, Any]) -> dict[str, Any]:
    """The settings as click's map of defaults: each for every command that has an option of that
    name.
    """
    defaults: dict[str, Any] = {}
    for name, command in group.commands.items():
        if isinstance(command, TyperGroup):
            defaults[name] = defaults_for(command, found)
        else:
            known = {option.name for option in command.params}
            defaults[name] = {key: value for key, value in found.items() if key in known}
    return defaults


# -- what the options stand for ----------------------------------------------


def deposit_e6(amount: str) -> int:
    """Collateral to pay in, e6, from a decimal."""
    found = parse_decimal(amount, AMOUNT_DECIMALS, "amount")
    if not found:
        raise typer.BadParameter("a deposit is more than nothing", param_hint="AMOUNT")
    return found


def journal_in(directory: Path) -> Path:
    """The journal of a run's directory, or the directory itself if it is one."""
    inner = directory / "journal"
    return inner if inner.is_dir() else directory


def book_in(directory: Path) -> Path | None:
    """The address book beside a run's journal, if one was kept there."""
    from infold.shell.chain import BOOK_NAME

    folder = directory if (directory / "journal").is_dir() else directory.parent
    book = folder / BOOK_NAME
    return book if book.is_file() else None


def client(api_url: str, receipts: Path | None = None) -> Client:
    """The venue; ``receipts`` keeps what it signs for orders."""
    from infold.sdk.client import Client

    return Client(api_url, receipts=receipts)


def wallet(
    key_file: Path | None, keystore: str | None, password_file: Path | None, chain_id: int
) -> Wallet:
    """The caller's key, from the one place that was named."""
    from infold.sdk.wallet import Wallet

    if key_file is not None:
        return Wallet.from_key_file(key_file)
    if keystore is not None:
        return Wallet.from_keystore(keystore_path(keystore), password(password_file))
    if chain_id == DEVNET_CHAIN_ID:
        from infold.config import read_secret

        try:
            return Wallet.from_hex(read_secret("env:INFOLD_PRIVATE_KEY"), "INFOLD_PRIVATE_KEY")
        except Misconfigured:
            raise Misconfigured(
                "no key was named; give --key-file FILE or --keystore NAME"
                " (or INFOLD_PRIVATE_KEY, on a devnet)"
            ) from None
    raise Misconfigured(
        f"no key was named; on chain {chain_id} give --key-file FILE or --keystore NAME"
    )


def keystore_path(name: str) -> Path:
    """A keyfile by its path, or by the name of an Ape account. Raises `Misconfigured` with the
    names there are.
    """
    direct = Path(name).expanduser()
    if direct.is_file():
        return direct
    folders = [folder / "accounts" for folder in (Path(".ape"), Path.home() / ".ape")]
    for folder in folders:
        found = folder / f"{name}.json"
        if found.is_file():
            return found
    known = sorted({file.stem for folder in folders for file in folder.glob("*.json")})
    raise Misconfigured(
        f"no keystore {name!r}: neither a file nor an account of Ape"
        f" ({', '.join(known) or 'none there'})"
    )


def password(path: Path | None, *, new: bool = False) -> str:
    """A keystore's password, from its file or from the keyboard; a `new` one is asked for twice."""
    if path is not None:
        try:
            return path.read_text(encoding="utf-8").rstrip("\r\n")
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(
                f"the password file {path} cannot be read ({system_words(error)}); name another"
            ) from None
    if not sys.stdin.isatty():
        raise Misconfigured(
            "the keystore needs a password; name its file with --password-file or in"
            " INFOLD_KEYSTORE_PASSWORD_FILE"
        )
    return str(
        typer.prompt("Keystore password", hide_input=True, err=True, confirmation_prompt=new)
    )


def address_of_text(text: str) -> bytes:
    """20 bytes from 0x and 40 hex digits."""
    try:
        address = bytes.fromhex(text.removeprefix("0x"))
    except ValueError:
        address = b""
    if len(address) != 20:
        raise typer.BadParameter(f"{text!r} is no address: 0x and 40 hex digits")
    return address


def venue(rpc_url: str, api_url: str, book: Path | None) -> Venue:
    """The contracts, at the addresses of a book or of the venue's own word."""
    from infold.shell.chain import AddressBook, Venue

    if book is not None:
        return Venue(connect(rpc_url), AddressBook.read(book))
    with client(api_url) as venue_api:
        meta = venue_api.meta()
    addresses = {name: bytes.fromhex(address[2:]) for name, address in meta["contracts"].items()}
    known = AddressBook(int(meta["chainId"]), int(meta["firstBlock"]), addresses)
    return Venue(connect(rpc_url), known)


def connect(rpc_url: str) -> Rpc:
    """A connection to a node, closed when the command is over."""
    from infold.shell.chain import Rpc

    rpc = Rpc(rpc_url)
    CONNECTIONS.callback(rpc.close)
    return rpc
