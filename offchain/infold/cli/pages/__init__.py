# SPDX-License-Identifier: Apache-2.0
"""What people read of each command's object: the figures that matter, grouped, in plain lines.

`--json` has the whole object; nothing here changes it. A file for each thing one reads about.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]
Page = Callable[[Document], list[str]]
Rows = Callable[[Sequence[Document]], list[str]]
Line = tuple[str, str | Sequence[str]]
