# SPDX-License-Identifier: Apache-2.0
"""`infold bench gas`: what `settle` costs, by receipts from a node that keeps mainnet's cap on a
transaction.

Every case is a real batch on an own anvil: three oracle signers of three, the matcher's seal,
owners' signatures, margin, funding that is not zero, logs. The set-up batches before it leave the
accounts as its name says. Figures are per order and hold everything, the transaction's own 21,000
and its calldata too. They follow from the seed alone.

`ground.py` settles batches on a devnet, `cases.py` says which are measured, `budget.py` holds them
against what is committed, `run.py` does all three.
"""
