# SPDX-License-Identifier: Apache-2.0
"""Place one order: buys 0.01 BTC at most a percent above the oracle.

    python examples/place_an_order.py URL ACCOUNT KEY_FILE

`make devnet` prints the venue's URL, accounts and their keys; KEY_FILE holds one of these keys.
"""

import sys

from infold.sdk import Client, Wallet

if len(sys.argv) != 4:
    sys.exit(__doc__)
url, account, key_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with Client(url) as venue:
    wallet = Wallet.from_key_file(key_file)
    price = venue.market("BTC-USD")["oraclePrice"]
    limit = str(int(float(price) * 1.01))
    receipt = venue.order(
        wallet, account=account, market="BTC-USD", side="buy", size="0.01", price=limit
    )
    print(receipt["orderHash"], "accepted as", receipt["receipt"]["sequence"])
