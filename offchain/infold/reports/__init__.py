# SPDX-License-Identifier: Apache-2.0
"""Reports: facts in, one document out. They know no engine, no chain and no network."""
