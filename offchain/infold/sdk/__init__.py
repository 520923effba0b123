# SPDX-License-Identifier: Apache-2.0
"""What a trader's program needs: keys and signatures, the venue's API, the contracts. No numpy, no
Ape.
"""

from infold.sdk.client import Client
from infold.sdk.wallet import Wallet

__all__ = ["Client", "Wallet"]
