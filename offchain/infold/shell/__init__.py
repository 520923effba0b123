# SPDX-License-Identifier: Apache-2.0
"""The venue's hands in the world: files, processes, the chain. Decides nothing, imports only the
base.
"""
