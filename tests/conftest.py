# SPDX-License-Identifier: Apache-2.0
"""What holds for every test."""

from __future__ import annotations

from infold.caches import keep_compiled

keep_compiled()
