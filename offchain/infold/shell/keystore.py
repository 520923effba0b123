# SPDX-License-Identifier: Apache-2.0
"""Private keys out of keystores: eth-account's JSON files (v3) and Ape's, which are the same by
another name.

The password comes from a file named by the caller (`INFOLD_KEYSTORE_PASSWORD_FILE`) or from a
prompt the caller hands in; never from an argument. No message shows a key or a password.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from eth_account import Account

from infold.errors import Misconfigured


def find_keystore(name: str, ape_folder: Path | None = None) -> Path:
    """The keystore file of a name: a path as it is, else an account of Ape's.

    `ape_folder` is Ape's data folder (`APE_DATA_FOLDER`), `~/.ape` if not given.
    """
    path = Path(name).expanduser()
    if path.is_file():
        return path
    folder = (ape_folder or Path.home() / ".ape") / "accounts"
    candidate = folder / f"{name}.json"
    if "/" not in name and candidate.is_file():
        return candidate
    known = sorted(file.stem for file in folder.glob("*.json")) if folder.is_dir() else []
    raise Misconfigured(
        f"no keystore {name!r}: give a file, or one of Ape's accounts in {folder} "
        f"({', '.join(known) or 'none there'})"
    )


def read_password(
    password_file: Path | None, prompt: Callable[[str], str] | None, name: str
) -> str:
    """The password of a keystore: the file's first line, else what the prompt returns."""
    if password_file is not None:
        try:
            return password_file.read_text("utf-8").split("\n", 1)[0]
        except (OSError, UnicodeDecodeError) as error:
            raise Misconfigured(
                f"password file {password_file} cannot be read; check INFOLD_KEYSTORE_PASSWORD_FILE"
            ) from error
    if prompt is None:
        raise Misconfigured(
            "a keystore needs a password: set INFOLD_KEYSTORE_PASSWORD_FILE to a file that holds it"
        )
    return prompt(f"Password of {name}: ")


def unlock(path: Path, password: str) -> bytes:
    """The private key in a keystore; `Misconfigured` on a damaged file or a wrong password."""
    try:
        content = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Misconfigured(
            f"keystore {path} cannot be read; name an eth-account or Ape keystore (JSON, version 3)"
        ) from error
    if not isinstance(content, dict) or not ({"crypto", "Crypto"} & content.keys()):
        raise Misconfigured(
            f"{path} is not a keystore; name an eth-account or Ape keystore (JSON, version 3)"
        )
    try:
        return bytes(Account.decrypt(content, password))
    except ValueError as error:
        raise Misconfigured(f"keystore {path} does not open with this password") from error
    except (KeyError, TypeError, NotImplementedError) as error:
        raise Misconfigured(
            f"keystore {path} is damaged or of a version that is not 3; restore a copy"
        ) from error


def private_key(
    name: str,
    *,
    password_file: Path | None = None,
    prompt: Callable[[str], str] | None = None,
    ape_folder: Path | None = None,
) -> bytes:
    """The private key (32 bytes) behind a keystore's path or an Ape account's name."""
    path = find_keystore(name, ape_folder)
    return unlock(path, read_password(password_file, prompt, path.name))
