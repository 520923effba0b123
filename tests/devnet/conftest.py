# SPDX-License-Identifier: Apache-2.0
"""Two venues for those who govern, one sealed and one not; every test finds them as deployed."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.support.office import Console, Office

from infold.shell.anvil import Anvil


@pytest.fixture(scope="module")
def offices(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[bool, Office]]:
    with Anvil(automine=True) as one, Anvil(automine=True) as other:
        made = {
            sealed: Office(anvil, tmp_path_factory.mktemp("office"), sealed=sealed)
            for sealed, anvil in ((False, one), (True, other))
        }
        yield made
        for office in made.values():
            office.rpc.close()


@pytest.fixture
def open_console(
    offices: dict[bool, Office], capsys: pytest.CaptureFixture[str]
) -> Iterator[Console]:
    yield from kept_as_it_is(offices[False], capsys)


@pytest.fixture
def console(offices: dict[bool, Office], capsys: pytest.CaptureFixture[str]) -> Iterator[Console]:
    """Of a sealed venue."""
    yield from kept_as_it_is(offices[True], capsys)


def kept_as_it_is(office: Office, capsys: pytest.CaptureFixture[str]) -> Iterator[Console]:
    mark = office.rpc.call("evm_snapshot")
    yield Console(office, capsys)
    office.rpc.call("evm_revert", mark)
