# SPDX-License-Identifier: Apache-2.0
"""Reports: facts in, one document out. They know nothing of the engine, the chain or the network."""
