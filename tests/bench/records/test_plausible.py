"""What cannot be is named: clocks that part, accuracies that do not fit, memory and power."""

from __future__ import annotations

import math
from typing import Any

import pytest
from msgspec.structs import replace

from bench.records.plausible import (
    clock_ratio,
    implausible_memory,
    implausible_power,
    max_accuracy_difference,
    must_have_learnt,
    over_chance,
)
from bench.records.types import Epoch, ImplausibleMemory, Reads
from tests.support.samples import CELL, EPOCH, START

PARAMETERS = START.parameters
BASELINE = START.baseline_host_bytes or 0
IN_THE_EPOCH = {"host memory": Reads(kind="resident memory in the epoch")}

CLOCKS: dict[str, tuple[list[tuple[float, float | None]], float | None]] = {
    "right": ([(100.0, 100.0)] * 3, 1.0),
    "slow": ([(97.0, 100.0)] * 3, 0.97),
    "fast": ([(103.0, 100.0)] * 3, 1.03),
    "slow in two long epochs, as if slept in": ([(970.0, 1000.0)] * 2, 0.97),
    "slept in one of three": ([(10.0, 10.0), (10.0, 10.0), (10.0, 3610.0)], 1.0),
    "slept in one of two": ([(10.0, 10.0), (10.0, 3610.0)], 1.0),
    "slept in the only one": ([(10.0, 3610.0)], None),
    "slept in both": ([(10.0, 3610.0), (10.0, 70.0)], None),
    "slept in two of three": ([(10.0, 10.0), (10.0, 3610.0), (10.0, 70.0)], 1.0),
    "the time was set back": ([(10.0, -3590.0), (10.0, 10.0)], 1.0),
    "slow in one short epoch": ([(9.7, 10.0)], 0.97),
    "no time of day": ([(100.0, None)] * 3, None),
    "too short": ([(1.9, 1.9)], None),
    "short ones together": ([(0.97, 1.0)] * 11, 0.97),
    "short ones together are too short": ([(0.97, 1.0)] * 10, None),
    "slept in a short one": ([*[(0.5, 0.5)] * 20, (0.5, 600.5)], 1.0),
    "a long one is better than short ones": ([*[(0.1, 0.13)] * 9, (9.0, 9.0)], 1.0),
    "no epochs": ([], None),
}
"""Seconds of epochs by their own clock and by the time of day, and what they come to."""


@pytest.mark.parametrize("name", CLOCKS)
def test_the_clock_is_held_against_the_time_of_day(name: str) -> None:
    seconds, ratio = CLOCKS[name]
    epochs: list[Epoch] = [replace(EPOCH, train_seconds=a, wall_seconds=b) for a, b in seconds]
    assert clock_ratio(epochs) == (None if ratio is None else pytest.approx(ratio, rel=1e-12))


def test_four_standard_errors_over_chance() -> None:
    assert over_chance(1000) == pytest.approx(0.1 + 4 * math.sqrt(0.09 / 1000))


def test_two_samples_of_one_share_are_five_standard_errors_apart_at_most() -> None:
    given = {"test_images": 10_000, "validation_images": 5_000}
    allowed = max_accuracy_difference(0.74, 0.71, **given)
    assert allowed == pytest.approx(5 * math.sqrt(0.73 * 0.27 * (1 / 10_000 + 1 / 5_000)) + 0.02)
    assert max_accuracy_difference(1.0, 1.0, **given) == 0.02


@pytest.mark.parametrize(("epochs", "images", "learnt"), [(2, 10_000, True), (1, 19_999, False)])
def test_accuracy_is_asked_once_a_run_can_have_learnt(epochs: int, images: int, learnt: bool) -> None:
    assert must_have_learnt([replace(EPOCH, images=images)] * epochs) is learnt


@pytest.mark.parametrize(
    ("device", "meters", "peak", "least"),
    [
        ("mps", {}, BASELINE, None),
        ("mps", {}, BASELINE - 1, BASELINE),
        ("cpu", IN_THE_EPOCH, BASELINE // 2, None),
        ("cpu", IN_THE_EPOCH, BASELINE // 2 - 1, BASELINE // 2),
        ("cuda", IN_THE_EPOCH, BASELINE // 2, None),
    ],
    ids=["at the baseline", "below it", "half is paged out", "more than half", "on a GPU"],
)
def test_a_host_peak_below_what_the_process_began_with_is_named(
    device: Any, meters: dict[str, Reads], peak: int, least: int | None
) -> None:
    """Linux takes resident pages from a process; a footprint has them all."""
    cell, start = replace(CELL, device=device), replace(START, meters=meters)
    epochs = [replace(EPOCH, peak_host_bytes=peak - 1), replace(EPOCH, peak_host_bytes=peak)]
    found = list(implausible_memory(cell, start, epochs))
    expected = [] if least is None else [ImplausibleMemory(of="host", bytes=peak, least_bytes=least)]
    assert found == expected


@pytest.mark.parametrize("device", ["cpu", "mps", "cuda"])
def test_weights_and_velocities_are_in_the_memory_of_their_device(device: Any) -> None:
    cell, start = replace(CELL, device=device), replace(START, baseline_host_bytes=None)
    where: Any = "device" if device == "cuda" else "host"
    least = 8 * PARAMETERS

    def found(nbytes: int | None) -> list[ImplausibleMemory]:
        peaks: dict[str, Any] = {"peak_host_bytes": None, "peak_device_bytes": None}
        epochs = [replace(EPOCH, **peaks | {f"peak_{where}_bytes": nbytes})]
        return list(implausible_memory(cell, start, epochs))

    assert found(None) == found(least) == []
    assert found(least - 1) == [ImplausibleMemory(of=where, bytes=least - 1, least_bytes=least)]


def test_where_the_head_alone_was_trained_the_weights_are_all_that_must_be_there() -> None:
    cell = replace(CELL, experiment="pretrained", device="cuda")
    epochs = [replace(EPOCH, peak_device_bytes=4 * PARAMETERS)]
    assert list(implausible_memory(cell, START, epochs)) == []
    epochs += [replace(EPOCH, epoch=2, stage=2, peak_device_bytes=4 * PARAMETERS)]
    assert len(list(implausible_memory(cell, START, epochs))) == 1


def test_a_run_that_has_not_begun_or_is_of_no_experiment_does_no_harm() -> None:
    epochs = [replace(EPOCH, peak_host_bytes=1)]
    assert list(implausible_memory(CELL, None, epochs)) == []
    assert list(implausible_memory(CELL, START, [])) == []
    unknown = replace(CELL, experiment="unheard of")
    assert len(list(implausible_memory(unknown, START, epochs))) == 1


@pytest.mark.parametrize(
    ("device", "parts", "watts"),
    [
        ("mps", {"cpu": 50.0, "gpu": 450.0, "dram": 1e9}, None),
        ("mps", {"cpu": 50e3, "gpu": 450e3}, 5000.0),
        ("mps", {"cpu": 0.05, "gpu": 0.45}, 0.005),
        ("cpu", {"cpu": 0.0}, 0.0),
        ("cpu", {"gpu": 1e9}, None),
        ("cuda", {"gpu": 700e3}, 7000.0),
        ("cuda", {"gpu": 70e3}, None),
        ("mps", None, None),
    ],
    ids=["it can be", "too much", "too little", "none", "not its own", "a GPU", "a GPU can", "unknown"],
)
def test_watts_that_no_computer_draws_are_named(
    device: Any, parts: dict[str, float] | None, watts: float | None
) -> None:
    """Over the epochs that were measured; of 100 s each."""
    epochs = [
        replace(EPOCH, train_seconds=100.0, energy_joules=parts),
        replace(EPOCH, train_seconds=100.0, energy_joules=None),
    ]
    found = list(implausible_power(replace(CELL, device=device), epochs))
    assert [kind.watts for kind in found] == ([] if watts is None else [pytest.approx(watts)])
