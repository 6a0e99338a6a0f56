"""Differences are named in plain words, and those that do not matter are left out."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from bench.records.diff import diff, diff_conditions, diff_machines, diff_runs
from bench.records.types import Condition, Machine
from tests.support.samples import CONDITION, MACHINE

OURS = replace(
    MACHINE,
    name="anna",
    memory_bytes=17_179_869_184,
    os="macOS 14.6.1",
    os_build="23G93",
    python="3.12.4",
    packages={"torch": "2.14.1", "keras": "3.6.0"},
)
BEFORE = replace(CONDITION, load=1.0, available_memory_bytes=8_000_000_000)


def saved(record: Machine | Condition) -> Any:
    """The record as JSON gives it back."""
    return json.loads(json.dumps(to_builtins(record)))


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ({}, []),
        ({"name": "boris"}, []),
        ({"memory_bytes": 34_359_738_368}, ["memory: 16 GiB here, 32 GiB there"]),
        (
            {"packages": {"torch": "2.13.0", "keras": "3.6.0"}},
            ["package torch: 2.14.1 here, 2.13.0 there"],
        ),
        (
            {"packages": {"keras": "3.6.0", "load": "1.0"}},
            ["package torch: 2.14.1 here, absent there", "package load: absent here, 1.0 there"],
        ),
        (
            {"gpu": None, "gpu_cores": None},
            ["GPU: Apple M1 Pro here, unknown there", "GPU cores: 16 here, unknown there"],
        ),
        (
            {"cpu_cores": {"performance": 12, "efficiency": 4}},
            ["CPU cores: 8 performance and 2 efficiency here, 12 performance and 4 efficiency there"],
        ),
        ({"cpu_cores": {"cores": 10}}, ["CPU cores: 8 performance and 2 efficiency here, 10 there"]),
        ({"cpu_cores": {"efficiency": 2, "performance": 8}}, []),
        (
            {"os": "macOS 15.1", "os_build": "24B83"},
            ["system: macOS 14.6.1 here, macOS 15.1 there", "system build: 23G93 here, 24B83 there"],
        ),
        (
            {"architecture": "x86_64", "translated": True},
            ["architecture: arm64 here, x86_64 there", "translated by Rosetta: no here, yes there"],
        ),
    ],
)
def test_two_machines_differ_in_words(changes: dict[str, Any], sentences: list[str]) -> None:
    assert diff_machines(to_builtins(OURS), saved(replace(OURS, **changes))) == sentences


def test_a_virtual_mac_is_no_machine_to_compare_with() -> None:
    runner = replace(OURS, name="runner", model="VirtualMac2,1", virtual=True, gpu_cores=None)
    sentence = "runner is a virtual Mac: its figures are not comparable"
    model = "model: MacBookPro18,3 here, VirtualMac2,1 there"
    cores = "GPU cores: 16 here, unknown there"
    assert diff_machines(to_builtins(OURS), saved(runner)) == [sentence, model, cores]
    assert diff_machines(to_builtins(runner), saved(OURS))[0] == sentence
    assert diff_machines(to_builtins(runner), saved(replace(runner, name="another"))) == []


def test_a_virtual_machine_that_is_no_mac_is_a_difference_like_others() -> None:
    linux = replace(OURS, os="Debian GNU/Linux 12 (bookworm)", model=None)
    sentences = diff_machines(to_builtins(linux), to_builtins(replace(linux, virtual=True)))
    assert sentences == ["virtual machine: no here, yes there"]


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        (
            {
                "taken_at": "2026-11-24T13:00:00+00:00",
                "swapped_in_bytes": 10**9,
                "swapped_out_bytes": 10**9,
            },
            [],
        ),
        ({"power": "battery"}, ["power source: mains before, battery after"]),
        ({"low_power": True}, ["low power mode: no before, yes after"]),
        ({"thermal": "heavy"}, ["heat: nominal before, heavy after"]),
        ({"thermal": None}, ["heat: nominal before, unknown after"]),
        ({"load": 1.3}, []),  # over 25 %, and nobody would notice
        ({"load": 1.7}, ["programs at work (load): 1 before, 1.7 after"]),
        ({"available_memory_bytes": 6_000_000_000}, []),  # 25 %
        ({"available_memory_bytes": 5_900_000_000}, ["free memory: 8.0 GB before, 5.9 GB after"]),
        ({"available_memory_bytes": 10_700_000_000}, ["free memory: 8.0 GB before, 10.7 GB after"]),
        ({"swap_used_bytes": 400_000_000}, []),
        ({"swap_used_bytes": 2_000_000_000}, ["memory moved to disk: 0 GB before, 2.0 GB after"]),
    ],
)
def test_two_conditions_differ_in_words(changes: dict[str, Any], sentences: list[str]) -> None:
    assert diff_conditions(to_builtins(BEFORE), saved(replace(BEFORE, **changes))) == sentences


def test_a_condition_of_another_schema_is_compared_as_far_as_it_goes() -> None:
    assert diff_conditions(
        to_builtins(BEFORE), {"power": "mains", "load": None}, sides=("here", "there")
    ) == [
        "low power mode: no here, absent there",
        "heat: nominal here, absent there",
        "programs at work (load): 1 here, unknown there",
        "free memory: 8.0 GB here, absent there",
        "memory moved to disk: 0 GB here, absent there",
    ]


@pytest.mark.parametrize(
    ("ours", "theirs", "sentence"),
    [
        ((1, (2, None)), [1, [2, None]], None),
        (1, 1.0, None),
        (1, True, "x: 1 here, yes there"),
        (None, "", "x: unknown here, empty there"),
        ((), [1, 2], "x: none here, 1, 2 there"),
        (1_234_567, 5, "x: 1,234,567 here, 5 there"),
        (0.123456, 0.5, "x: 0.1235 here, 0.5 there"),
        (0.123456, 0.123457, "x: 0.123456 here, 0.123457 there"),  # not twice the same
        ({}, {"a": 1}, "x a: absent here, 1 there"),
        ({"a": {"b_c": 1}}, {"a": {"b_c": 2}}, "x a b c: 1 here, 2 there"),
        ({"a": 1}, None, "x: a 1 here, unknown there"),
        ("yes", True, "x: 'yes' here, True there"),
    ],
)
def test_any_two_values_differ_in_words(ours: Any, theirs: Any, sentence: str | None) -> None:
    assert diff({"x": ours}, {"x": theirs}) == ([sentence] if sentence else [])


def test_a_number_says_its_unit() -> None:
    ours = {
        "train_seconds": 1.2345,
        "total_seconds": 12_345.6,
        "peak_host_bytes": 2_000_000,
        "a_bytes": 10**9,
    }
    theirs = {
        "train_seconds": 0.5,
        "total_seconds": 5,
        "peak_host_bytes": 3 * 10**9,
        "a_bytes": 10**9 + 1,
    }
    assert diff(ours, theirs) == [
        "train: 1.23 s here, 0.5 s there",
        "total: 12,346 s here, 5 s there",
        "peak host: 2.0 MB here, 3.0 GB there",
        "a: 1,000,000,000 bytes here, 1,000,000,001 bytes there",
    ]


def test_what_is_skipped_is_skipped_with_all_that_is_in_it() -> None:
    ours, theirs = {"a": {"b": 1, "c": 1}, "ab": 1}, {"a": {"b": 2, "c": 2}, "ab": 2}
    assert diff(ours, theirs, skip=["a"]) == ["ab: 1 here, 2 there"]
    assert diff(ours, theirs, skip=["a.b", "ab"]) == ["a c: 1 here, 2 there"]


def test_two_runs_differ_in_what_they_were_and_not_in_what_came_out() -> None:
    plan = {"image_size": 224, "seed": 0}
    start = {"schema": 2, "started_at": "12:00", "versions": {"torch": "2.14.1"}, "device_name": "mps"}
    ours = {"plan": plan, "start": start, "before": saved(BEFORE), "result": {"epochs": 3}}
    theirs = {
        "plan": {**plan, "image_size": 64},
        "start": {**start, "started_at": "13:00", "versions": {"torch": "2.13.0"}},
        "before": saved(replace(BEFORE, power="battery")),
        "result": {"epochs": 4},
    }
    sentences = ["plan image size: 224 here, 64 there", "versions torch: 2.14.1 here, 2.13.0 there"]
    assert diff_runs(ours, theirs) == [*sentences, "power source: mains here, battery there"]
    assert diff_runs(ours, {**theirs, "before": None}) == sentences
    assert diff_runs(ours, ours) == []
