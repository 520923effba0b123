# SPDX-License-Identifier: Apache-2.0
"""Every attack begins on the same stage."""

from tests.support.staged import kept_stage as kept_stage
from tests.support.staged import stage as stage
