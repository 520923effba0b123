# SPDX-License-Identifier: Apache-2.0
"""Governance of a whole venue, before and after sealing."""

from __future__ import annotations

from tests.support.evm import a_key

STRANGER = a_key("stranger")
