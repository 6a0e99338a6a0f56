"""Rules on memory, power, heat, load, swap and sleep."""

from __future__ import annotations

from typing import Any

import pytest

from bench.host.limits import Limits
from tests.support.doctor_facts import (
    GB,
    LINUX,
    MAC,
    MAC_AT_QUICK,
    Fault,
    assert_every_yield_reached,
    assert_reported,
    problems,
    with_changes,
)

FAULTS = [
    Fault(
        "memory",
        MAC,
        {"memory_bytes": 6 * GB, "swap_used_bytes": 0},
        "error",
        "needs 6.2 GB of memory; there are 6.0 GB",
        "--profile quick",
    ),
    Fault(
        "memory",
        MAC,
        {"memory_bytes": int(7.0 * GB), "swap_used_bytes": 0},
        "error",
        "needs 9.5 GB for a while; there are only 7.0 GB",
        "--experiment scratch",
    ),
    Fault(
        "memory",
        MAC,
        {"memory_bytes": int(7.2 * GB), "swap_used_bytes": 0},
        "warning",
        "needs 9.5 GB for a while; there are 7.2 GB",
        "quit other programs",
    ),
    Fault(
        "memory",
        MAC,
        {"memory_bytes": 8 * GB, "swap_used_bytes": 0},
        "warning",
        "needs 9.5 GB for a while; there are 8.0 GB",
        "quit other programs",
    ),
    Fault("memory", MAC, {"available_memory_bytes": 5 * GB}, "warning", "5.0 GB are free", "quit other"),
    *(
        Fault(
            "memory",
            MAC,
            {
                "limits": Limits(processors=10, visible=10, memory_bytes=int(limit * GB)),
                "swap_used_bytes": 0,
            },
            level,
            f"this process may use {words}",
            "docker run --memory",
        )
        for limit, level, words in (
            (2.0, "error", "2.0 GB"),
            (7.0, "error", "only 7.0 GB"),
            (9.0, "warning", "9.0 GB"),
        )
    ),
    Fault(
        "processors",
        MAC,
        {"limits": Limits(processors=64, visible=64, quota=2.5)},
        "warning",
        "the time of 2.5 processors. Frameworks start threads for the 64",
        "docker run --cpuset-cpus",
    ),
    Fault(
        "processors",
        LINUX,
        {"limits": Limits(processors=64, visible=16)},
        "warning",
        "allows this process 16 of 64 processors",
        "only results with the same limit",
    ),
    Fault(
        "processors",
        LINUX,
        {"limits": Limits(processors=10, visible=10, processor_seconds=3600)},
        "warning",
        "ends a process after 3,600 s of processor time",
        "ulimit -t unlimited",
    ),
    Fault(
        "processors",
        MAC,
        {"limits": Limits(processors=10, visible=10, niceness=5)},
        "warning",
        "its niceness is 5",
        "zsh's background",
    ),
    Fault("power", MAC, {"power": "battery"}, "warning", "runs on its battery", "plug in"),
    Fault("Low Power Mode", MAC, {"low_power": True}, "error", "Low Power Mode is on", "switch it off"),
    Fault("Low Power Mode", MAC_AT_QUICK, {"low_power": True}, "warning", "quarter slower", "switch it"),
    Fault("heat", MAC, {"thermal": "moderate"}, "warning", "thermal pressure: moderate", "cool down"),
    *(
        Fault("heat", MAC, {"thermal": level}, "error", f"pressure: {level}", "cool down")
        for level in ("heavy", "trapping", "sleeping")
    ),
    Fault("heat", MAC_AT_QUICK, {"thermal": "heavy"}, "warning", "pressure: heavy", "cool down"),
    Fault("load", MAC, {"load": 5.1}, "warning", "load 5.1 on 10 cores", "Activity Monitor"),
    Fault("load", MAC, {"load": 10.1}, "error", "load 10.1 on 10 cores", "quit them"),
    Fault("load", MAC_AT_QUICK, {"load": 30.0}, "warning", "load 30.0", "quit them"),
    Fault("swap", MAC, {"swap_used_bytes": 2 * GB}, "warning", "2.0 GB of it are swapped", "restart"),
    Fault("virtual machine", MAC, {"virtual": True}, "warning", "not comparable", "the Mac itself"),
    Fault("caffeinate", MAC, {"caffeinate": False}, "warning", "keeps a Mac awake", "never sleep"),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_planted_fault_is_found_once_with_its_level_and_its_fix(fault: Fault) -> None:
    assert_reported(fault)


@pytest.mark.parametrize("change", [{"low_power": True}, {"thermal": "heavy"}, {"load": 10.1}])
def test_what_spoils_figures_that_are_compared_is_an_error_in_speed_as_in_full(
    change: dict[str, Any],
) -> None:
    levels = [
        [finding.level for finding in problems(with_changes(MAC, profile=profile, **change))]
        for profile in ("full", "speed", "quick", "smoke")
    ]
    assert levels == [["error"], ["error"], ["warning"], ["warning"]]


def test_every_finding_of_every_rule_is_exercised() -> None:
    assert_every_yield_reached(FAULTS)
