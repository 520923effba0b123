# SPDX-License-Identifier: Apache-2.0
"""Price vectors: signers, each a process of its own, and the collector, which asks k of n of them
for one vector.

How a vector's value is agreed (docs/decisions/0040): the collector first asks every signer what it
sees at T, each answer signed; it then shows all answers to each signer, which recomputes the median
of every market from them, compares it with what it sees itself, and signs that. So nobody outside
the signers chooses a digit: a collector can only drop answers, and the median of the remaining ones
still lies between two honest signers' prices as long as most of those kept are honest.

Anyone may ask, so nobody's asking may spoil another's: a signer's view of T is the same for all,
and it signs over fewer views than there are signers only after a grace. What it signed before it
tells whoever asks, and leaves it for what follows from all views where no vector can come of it.

Who is a signer is the chain's to say, at every T anew (`roster.py`): the collector asks only those
it knows a URL of and who serve, and a signer signs nothing that a view of somebody else went into.
"""

from infold.shell.oracle.collector import Collector, SignerProcess
from infold.shell.oracle.process import read_key_file
from infold.shell.oracle.record import Entry, Record
from infold.shell.oracle.roster import ChainRoster, Quorum, Roster
from infold.shell.oracle.signer import BLOCK_MS, GRACE_MS, Signer, SignRequest
from infold.shell.oracle.sources import Feed, Source
from infold.shell.oracle.views import (
    Abstains,
    Signed,
    SignedOther,
    TooEarly,
    View,
    agreed_prices,
    median,
)

__all__ = [
    "BLOCK_MS",
    "GRACE_MS",
    "Abstains",
    "ChainRoster",
    "Collector",
    "Entry",
    "Feed",
    "Quorum",
    "Record",
    "Roster",
    "SignRequest",
    "Signed",
    "SignedOther",
    "Signer",
    "SignerProcess",
    "Source",
    "TooEarly",
    "View",
    "agreed_prices",
    "median",
    "read_key_file",
]
