# SPDX-License-Identifier: Apache-2.0
"""What a call is: all of it happens, or nothing."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec, TypeVar

from .faults import Fault
from .outflow import Outflow
from .state import State


class Called:
    """The state that doors change, and the vault: what it accounts for in e6, and its queue."""

    state: State
    accounted_e6: int
    outflow: Outflow

    def take_in(self, amount_e6: int, now_s: int) -> None:
        """`Vault.receive`; tokens are not of this world."""
        self.accounted_e6 += amount_e6
        self.outflow.enter(amount_e6, self.accounted_e6, now_s)

    def pay_out(self, to: int, amount_e6: int, now_s: int) -> None:
        """`Vault.release`: what may not leave yet becomes a ticket and stays accounted for."""
        self.accounted_e6 -= self.outflow.leave(to, amount_e6, self.accounted_e6, now_s)


_Self = TypeVar("_Self", bound=Called)
_Arguments = ParamSpec("_Arguments")
_Result = TypeVar("_Result")


def door(
    method: Callable[Concatenate[_Self, _Arguments], _Result],
) -> Callable[Concatenate[_Self, _Arguments], _Result]:
    """Make a method a call: all of it happens, or a Fault and nothing."""

    @wraps(method)
    def call(self: _Self, /, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> _Result:
        self.state.begin()
        self.outflow.begin()
        accounted_e6 = self.accounted_e6
        try:
            return method(self, *args, **kwargs)
        except Fault:
            self.state.undo()
            self.outflow.undo()
            self.accounted_e6 = accounted_e6
            raise

    return call
