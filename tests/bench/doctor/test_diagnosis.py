"""All rules together: every topic is tested, and nothing is reported without a reason."""

from __future__ import annotations

import dataclasses
from typing import Any, get_args, get_type_hints

import pytest
from msgspec.structs import fields, replace

from bench.doctor.diagnosis import RULES, diagnose
from bench.doctor.facts import Disk, Facts
from bench.records.types import Condition, Machine
from tests.bench.doctor import test_condition, test_gpu, test_installation, test_storage
from tests.support.doctor_facts import (
    CUDA,
    GB,
    LINUX,
    MAC,
    MAC_AT_QUICK,
    MAC_BY_NAME,
    MAC_CPU,
    PINS,
    disk,
    packages,
    problems,
    with_changes,
)


def test_every_rule_has_a_planted_fault() -> None:
    modules = (test_condition, test_gpu, test_installation, test_storage)
    assert {fault.topic for module in modules for fault in module.FAULTS} == set(RULES)


@pytest.mark.parametrize(
    "healthy",
    [MAC, LINUX, MAC_AT_QUICK, MAC_CPU, MAC_BY_NAME, CUDA],
    ids=["mac", "linux", "quick", "cpu", "mps", "cuda"],
)
def test_a_healthy_computer_gives_no_warning(healthy: Facts) -> None:
    assert problems(healthy) == []


@pytest.mark.parametrize(
    "facts",
    [
        with_changes(
            LINUX, environment={"PYTORCH_MPS_FAST_MATH": "1", "TF_MTL_ENABLE_LAYER_PRINT": "1"}
        ),
        with_changes(MAC, environment={"KERAS_BACKEND": "tensorflow", "OMP_NUM_THREADS": ""}),
        with_changes(MAC, engines=("torch",), packages=packages(tensorflow=None, keras=None)),
        with_changes(MAC, engines=("torch",), packages=packages(tensorflow_metal="1.1.0"), pins={}),
        with_changes(MAC_CPU, packages=packages(tensorflow_metal=None)),
        with_changes(MAC_CPU, packages=packages(keras="3.15.1"), pins={}),
        with_changes(MAC_CPU, os="macOS 13.6"),
        with_changes(LINUX, packages=packages(tensorflow="2.21.0", keras="3.15.1"), pins={}),
        with_changes(LINUX, data="folder"),
        with_changes(LINUX, data="download"),
        with_changes(MAC, data="synthetic"),
        with_changes(MAC, devices={}),
        with_changes(MAC, results=disk(4 * GB, 3 * GB), cache=disk(4 * GB, 2 * GB, volume=2)),
    ],
)
def test_what_does_not_matter_here_is_not_reported(facts: Facts) -> None:
    assert problems(facts) == []


def optional_fields(record: Any) -> dict[str, Any]:
    """Every field of the record that may be None, as None."""
    hints = get_type_hints(record)
    names = [field.name for field in fields(record)]
    return {name: None for name in names if type(None) in get_args(hints[name])}


@pytest.mark.parametrize("base", [MAC, LINUX, CUDA, MAC_BY_NAME])
def test_what_is_not_known_is_no_fault(base: Facts) -> None:
    unknown = dataclasses.replace(
        base,
        machine=replace(base.machine, **optional_fields(Machine)),
        condition=replace(base.condition, **optional_fields(Condition)),
        results=Disk(free_bytes=None, needs_bytes=GB, volume=None),
        cache=Disk(free_bytes=None, needs_bytes=GB, volume=None),
        open_files=None,
        pins={},
        devices={},
    )
    assert problems(unknown) == []


@pytest.mark.parametrize("version", ["", "+", "unknown", "2.18.1+cpu", "3.6.0.dev1", "3.14.0a1+", "1!2"])
@pytest.mark.parametrize("base", [MAC, LINUX, MAC_BY_NAME])
def test_odd_versions_never_raise(version: str, base: Facts) -> None:
    diagnose(with_changes(base, python=version, packages=dict.fromkeys(PINS, version), os=version))
    diagnose(
        with_changes(base, packages={}, pins=dict.fromkeys(PINS, version), cpu_cores={}, memory_bytes=0)
    )
