# SPDX-License-Identifier: Apache-2.0
"""What people read of keys: one that was written, and one that an account was opened for."""

from __future__ import annotations

import shlex

from infold.cli.layout import dollars, pairs
from infold.cli.pages import Document


def of_keystore(found: Document) -> list[str]:
    """Where the key lies, and how commands are told of it."""
    named, word = shlex.quote(found["path"]), found["password_file"]
    use = ["infold account open 500 --mint \\", f"  --keystore {named}"]
    kept = [f"export INFOLD_KEYSTORE={named}"]
    if word is not None:
        use[-1] += f" --password-file {shlex.quote(word)}"
        kept.append(f"export INFOLD_KEYSTORE_PASSWORD_FILE={shlex.quote(word)}")
    return pairs(
        [
            ("path", found["path"]),
            ("address", found["address"]),
            ("an account for it", use),
            ("for every command", kept),
        ]
    )


def of_opened(found: Document) -> list[str]:
    """The account, and whose it is: a key may come from the environment unnoticed."""
    key = str(found["key"])
    if key == "INFOLD_PRIVATE_KEY":
        key += ", since neither --key-file nor --keystore was given"
    return pairs(
        [
            ("account", str(found["account"])),
            ("owner", found["owner"]),
            ("its key", key),
            ("paid in", dollars(found["amount_e6"])),
            ("to see it", f"infold account show {found['account']}"),
        ]
    )
