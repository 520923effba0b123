# SPDX-License-Identifier: Apache-2.0
"""Price vectors: signers, each a process of its own, and the collector, which asks k of n of them
for one vector.

How a vector's value is agreed (docs/decisions/0040): the collector first asks every signer what it
sees at T, each answer signed; it then shows all answers to each signer, which recomputes the median
of every market from them, compares it with what it sees itself, and signs that. So nobody outside
the signers chooses a digit: a collector can only drop answers, and the median of the remaining ones
still lies between two honest signers' prices as long as most of those kept are honest.

Anyone may ask, so nobody's asking may spoil another's: a signer's view of T is the same for all,
and it signs over fewer views than there are signers only after a grace.

Who is a signer is the chain's to say, at every T anew (`roster.py`): the collector asks only those
it knows a URL of and who serve, and a signer signs nothing that a view of somebody else went into.
"""

from infold.shell.oracle.collector import Collector, SignerProcess
from infold.shell.oracle.process import read_key_file
from infold.shell.oracle.roster import ChainRoster, Quorum, Roster
from infold.shell.oracle.signer import (
    BLOCK_MS,
    GRACE_MS,
    Abstains,
    Record,
    Signer,
    SignRequest,
    TooEarly,
    View,
    agreed_prices,
    median,
)
from infold.shell.oracle.sources import Feed, Source

__all__ = [
    "BLOCK_MS",
    "GRACE_MS",
    "Abstains",
    "ChainRoster",
    "Collector",
    "Feed",
    "Quorum",
    "Record",
    "Roster",
    "SignRequest",
    "Signer",
    "SignerProcess",
    "Source",
    "TooEarly",
    "View",
    "agreed_prices",
    "median",
    "read_key_file",
]
