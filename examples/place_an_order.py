# SPDX-License-Identifier: Apache-2.0
"""Place one order: buys 0.01 BTC at most a percent above the oracle.

    python examples/place_an_order.py URL ACCOUNT KEY_FILE

`make devnet` prints the venue's URL, accounts and their keys; KEY_FILE holds one of these keys.
"""

import sys

from infold.errors import InfoldError
from infold.sdk import Client, Wallet


def main(url: str, account: str, key_file: str) -> None:
    """Buy, and print the receipt's number."""
    with Client(url) as venue:
        wallet = Wallet.from_key_file(key_file)
        price = venue.market("BTC-USD")["oraclePrice"]
        limit = str(int(float(price) * 1.01))
        receipt = venue.order(
            wallet, account=int(account), market="BTC-USD", side="buy", size="0.01", price=limit
        )
        print(receipt["orderHash"], "accepted as", receipt["receipt"]["sequence"])


if __name__ == "__main__":
    if len(sys.argv) != 4 or not sys.argv[2].isdecimal():
        sys.exit(__doc__)
    try:
        main(*sys.argv[1:])
    except InfoldError as error:  # its words say what to do next
        sys.exit(str(error))
