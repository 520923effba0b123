# SPDX-License-Identifier: Apache-2.0
"""One signer, as a process: see `process.py`."""

import sys

from infold.shell.oracle.process import main

if __name__ == "__main__":
    sys.exit(main())
