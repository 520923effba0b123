# SPDX-License-Identifier: Apache-2.0
"""Run something that uses Ape, beside the tests: it lives in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
APE_S_MAX = 300  # Ape alone takes 15 s to start on an idle machine


def ape(folder: Path, url: str, *command: str) -> subprocess.CompletedProcess[str]:
    """A command with Ape's data in a folder of ours, at a node of ours."""
    environment = {
        **os.environ,
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT / "offchain"),
        "APE_DATA_FOLDER": str(folder / "ape"),
        "APE_FOUNDRY_HOST": url,
    }
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        timeout=APE_S_MAX,
    )


def script_says(folder: Path, url: str, script: str, given: Any, mark: str) -> Any:
    """What a script prints as JSON after its mark; it finds what it is given, as JSON, in the file
    that its first argument names.
    """
    path, file = folder / "script.py", folder / "given.json"
    path.write_text(script, "utf-8")
    file.write_text(json.dumps(given), "utf-8")
    done = ape(folder, url, sys.executable, str(path), str(file))
    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    (line,) = [line for line in done.stdout.splitlines() if line.startswith(f"{mark} ")]
    return json.loads(line.removeprefix(f"{mark} "))
