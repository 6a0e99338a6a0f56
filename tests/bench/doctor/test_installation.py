"""Rules on Python, processor, macOS, packages and environment variables."""

from __future__ import annotations

import pytest

from alexnet.frameworks.registry import VARIABLES
from bench.doctor.facts import Facts
from bench.interpreter import RUN_NATIVELY
from tests.support.doctor_facts import (
    LINUX,
    MAC,
    MAC_BY_NAME,
    Fault,
    assert_every_yield_reached,
    assert_reported,
    packages,
    problems,
    with_changes,
)

FAULTS = [
    Fault("Python", MAC, {"python": "3.13.1"}, "error", "Python 3.13.1", "install Python 3.12"),
    Fault("Python", LINUX, {"python": "3.10.12"}, "error", "need 3.11 or 3.12", ".venv"),
    Fault("Python", MAC, {"python": "3.14.0a1+"}, "error", "Python 3.14.0a1+", "make"),
    Fault(
        "Python", LINUX, {"optimized": True}, "error", "leaves out assertions", "unset PYTHONOPTIMIZE"
    ),
    Fault("Python", MAC, {"traced": True}, "error", "A debugger", "in a terminal"),
    Fault("Python", LINUX, {"traced": True}, "warning", "may watch the runs", "in a terminal"),
    Fault(
        "processor",
        MAC,
        {"architecture": "x86_64", "translated": True, "chip": None, "universal": False},
        "error",
        "(by Rosetta)",
        "install the arm64 Python",
    ),
    Fault(
        "processor",
        MAC,
        {"architecture": "x86_64", "translated": None, "chip": "VirtualApple @ 2.50GHz processor"},
        "error",
        "(by Rosetta)",
        RUN_NATIVELY,
    ),
    Fault(
        "processor",
        MAC,
        {"architecture": "x86_64", "chip": "Intel(R) Core(TM) i9", "gpu": None},
        "error",
        "Intel processor",
        "Apple silicon",
    ),
    Fault("macOS", MAC, {"os": "macOS 13.6.9"}, "error", "macOS 13.6.9 is too old", "update macOS"),
    Fault("macOS", MAC_BY_NAME, {"os": "Mac OS X 10.16"}, "error", "from macOS 14 on", "update macOS"),
    Fault(
        "frameworks",
        MAC,
        {"packages": packages(torch=None)},
        "error",
        "PyTorch cannot run: torch cannot be found",
        "--engine tensorflow",
    ),
    Fault(
        "frameworks",
        LINUX,
        {"packages": packages(tensorflow=None, keras=None)},
        "error",
        "tensorflow and keras cannot be found",
        "--engine torch",
    ),
    Fault(
        "frameworks",
        LINUX,
        {"engines": ("torch", "jax")},
        "error",
        "JAX cannot run: jax and jaxlib cannot be found here.",
        "--editable '.[jax]'; or leave it out with --engine torch",
    ),
    Fault(
        "versions",
        MAC,
        {"packages": packages(torch="2.13.0", numpy="2.0.3.dev1")},
        "warning",
        "torch 2.13.0 (not 2.14.1), numpy 2.0.3.dev1 (not 2.0.2)",
        "make",
    ),
    Fault("versions", MAC, {"packages": packages(keras="3.6.0.dev1")}, "warning", "3.6.0.dev1", "make"),
    *(
        Fault(
            "environment",
            LINUX if variable.platform == "linux" else MAC,
            {"environment": {name: "7"}},
            "warning",
            f"{name} is set to 7: it {variable.effect}.",
            f"unset {name}",
        )
        for name, variable in VARIABLES.items()
    ),
    Fault(
        "environment", LINUX, {"environment": {"OMP_NUM_THREADS": "2"}}, "warning", "threads", "unset"
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_planted_fault_is_found_once_with_its_level_and_its_fix(fault: Fault) -> None:
    assert_reported(fault)


@pytest.mark.parametrize(
    ("facts", "name", "value"),
    [
        (LINUX, "MTL_SHADER_VALIDATION", "1"),
        (LINUX, "VECLIB_MAXIMUM_THREADS", "1"),
        (MAC, "LD_PRELOAD", "/usr/lib/libtcmalloc.so.4"),
        (LINUX, "CUDA_LAUNCH_BLOCKING", "0"),
        (LINUX, "CUDA_LAUNCH_BLOCKING", ""),
        (LINUX, "CUDA_MODULE_LOADING", "LAZY"),  # as NVIDIA's containers set it
    ],
)
def test_what_changes_nothing_here_is_no_finding(facts: Facts, name: str, value: str) -> None:
    assert problems(with_changes(facts, environment={name: value})) == []


def test_every_finding_of_every_rule_is_exercised() -> None:
    assert_every_yield_reached(FAULTS)
