# SPDX-License-Identifier: AGPL-3.0-only
"""The solver for statements about divisions: cvc5, reading bit vectors as whole numbers.

halmos calls it with a file of SMT-LIB and reads what it prints. Bit by bit, a division by a
constant of 256 bits is out of every solver's reach; as a number it takes a fraction of a second.
"""

from __future__ import annotations

import sys

import cvc5


def main(path: str) -> None:
    """Answer every command of the file."""
    terms = cvc5.TermManager()
    solver = cvc5.Solver(terms)
    solver.setOption("solve-bv-as-int", "iand")
    solver.setOption("produce-models", "true")
    parser = cvc5.InputParser(solver)
    parser.setFileInput(cvc5.InputLanguage.SMT_LIB_2_6, path)
    symbols = parser.getSymbolManager()
    while not (command := parser.nextCommand()).isNull():
        print(command.invoke(solver, symbols), end="", flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
