"""What differs from a session's beginning, and what may be otherwise after a reboot."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from bench.records.types import METHOD, SCHEMA_VERSION
from bench.session.manifest import Manifest, PlannedCell
from tests.support.samples import CELL, MACHINE, PLAN

FIRST = Manifest(
    schema=SCHEMA_VERSION,
    method=METHOD,
    profile="smoke",
    save_as="smoke",
    options={},
    cells=(PlannedCell(cell=CELL, plan=PLAN),),
    machine=MACHINE,
    data_sha256="0" * 64,
    environment={},
    code={},
)


def differences(**changes: Any) -> list[str]:
    """What differs now, with these changes to the machine."""
    machine = msgspec.structs.replace(MACHINE, **changes)
    return msgspec.structs.replace(FIRST, machine=machine).differences(FIRST)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"memory_bytes": MACHINE.memory_bytes - 124 * 2**10},
        {"gpu": None, "gpu_cores": None},
        {"model": None, "virtual": None, "cpu_cores": {"cores": 10}},
    ],
    ids=str,
)
def test_after_a_reboot_it_is_the_same_computer(changes: dict[str, Any]) -> None:
    assert differences(**changes) == []


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"memory_bytes": 2**34}, "memory: 16 GiB now, 32 GiB when it began"),
        ({"gpu": "Apple M1 Max"}, "GPU: Apple M1 Max now, Apple M1 Pro when it began"),
        ({"name": "another"}, "machine name: another now, test-machine when it began"),
        ({"os_build": "25B78"}, "system build: 25B78 now, 24G90 when it began"),
        ({"python": "3.12.9"}, "Python: 3.12.9 now, 3.12.8 when it began"),
    ],
)
def test_another_computer_or_other_software_is_a_difference(
    changes: dict[str, Any], sentence: str
) -> None:
    [told] = differences(**changes)
    assert told.removeprefix("machine ") == sentence.removeprefix("machine ")
