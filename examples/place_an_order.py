# SPDX-License-Identifier: Apache-2.0
"""Place one order: `infold devnet --json` prints the URL, an account and its key."""

import sys

from infold.sdk import Client, Wallet

url, account, key_file = sys.argv[1], int(sys.argv[2]), sys.argv[3]
with Client(url) as venue:
    wallet = Wallet.from_key_file(key_file)
    price = venue.market("BTC-USD")["oraclePrice"]
    limit = str(int(float(price) * 1.01))  # at most a percent above the oracle
    receipt = venue.order(
        wallet, account=account, market="BTC-USD", side="buy", size="0.01", price=limit
    )
    print(receipt["orderHash"], "accepted as", receipt["receipt"]["sequence"])
