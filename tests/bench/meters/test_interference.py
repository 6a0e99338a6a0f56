"""Others' use of processors and GPU, from recorded readings: what cannot be read is None, never 0."""

from __future__ import annotations

import os
import resource
from collections.abc import Sequence
from contextlib import suppress
from time import process_time
from types import SimpleNamespace
from typing import Any, NamedTuple

import psutil
import pytest

from bench.meters import interference
from bench.meters.interference import (
    IDLE_SECONDS,
    SECONDS_BETWEEN,
    GpuUseMeter,
    ProcessorMeter,
    ProcessorSeconds,
)
from bench.records.types import Reads


class Linux(NamedTuple):
    """What psutil.cpu_times() has on Linux."""

    user: float = 0.0
    nice: float = 0.0
    system: float = 0.0
    idle: float = 0.0
    iowait: float = 0.0
    irq: float = 0.0
    softirq: float = 0.0
    steal: float = 0.0
    guest: float = 0.0
    guest_nice: float = 0.0


class Mac(NamedTuple):
    """What it has on macOS."""

    user: float
    nice: float
    system: float
    idle: float


LINUX = Linux(
    user=34_535.64,
    nice=2_608.13,
    system=6_445.19,
    idle=21_039.03,
    iowait=247.86,
    softirq=43.56,
    steal=182.35,
)
"""Read on a virtual machine with Linux 6.18, 2026-11-26."""


class Computer:
    """A computer whose counters are set by the test; the suite's own begin at ten seconds each."""

    def __init__(self, system: Any) -> None:
        self.system = system
        self.own, self.children, self.parent = 10.0, 10.0, 10.0
        self.parent_error: Exception | None = None

    def cpu_times(self) -> Any:
        if isinstance(self.system, Exception):
            raise self.system
        return self.system

    def getrusage(self, who: int) -> Any:
        seconds = self.own if who == resource.RUSAGE_SELF else self.children
        return SimpleNamespace(ru_utime=seconds - 1.0, ru_stime=1.0)

    def process(self, pid: int) -> Any:
        assert pid == os.getppid()
        return SimpleNamespace(cpu_times=self._parent_times)

    def _parent_times(self) -> Any:
        if self.parent_error:
            raise self.parent_error
        return SimpleNamespace(
            user=self.parent - 2.0, system=2.0, children_user=500.0, children_system=500.0
        )


def computer(monkeypatch: pytest.MonkeyPatch, system: Any) -> Computer:
    paper = Computer(system)
    monkeypatch.setattr(psutil, "cpu_times", paper.cpu_times)
    monkeypatch.setattr(psutil, "Process", paper.process)
    monkeypatch.setattr(resource, "getrusage", paper.getrusage)
    return paper


def later(times: Any, /, **added: float) -> Any:
    return times._replace(**{name: getattr(times, name) + value for name, value in added.items()})


def measured(meter: ProcessorMeter) -> tuple[float | None, ...]:
    seconds = meter.seconds
    return seconds.busy, seconds.idle, seconds.own, seconds.stolen


def about(*values: float | None) -> Any:
    return tuple(value if value is None else pytest.approx(value, abs=1e-9) for value in values)


def test_linux_counts_busy_idle_and_stolen_and_no_guest_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A guest's seconds are in user already, and those of one with nice in nice."""
    paper = computer(monkeypatch, LINUX)
    meter = ProcessorMeter()
    with meter:
        paper.system = later(
            LINUX,
            user=4.0,
            nice=0.5,
            system=0.25,
            irq=0.125,
            softirq=0.0625,
            idle=3.0,
            iowait=2.0,
            steal=0.75,
            guest=4.0,
            guest_nice=0.5,
        )
        paper.own, paper.children, paper.parent = 13.0, 10.5, 10.25
    assert measured(meter) == about(4.9375, 5.0, 3.75, 0.75)
    assert meter.reads == Reads(
        kind="processor times", detail="user, nice, system, irq, softirq, idle, iowait, steal"
    )


def test_a_mac_has_no_steal_and_says_none(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = computer(monkeypatch, Mac(user=100.0, nice=0.0, system=50.0, idle=1000.0))
    meter = ProcessorMeter()
    with meter:
        paper.system = Mac(user=104.0, nice=0.0, system=51.0, idle=1003.0)
    assert measured(meter) == about(5.0, 3.0, 0.0, None)
    assert meter.reads == Reads(kind="processor times", detail="user, nice, system, idle")


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        # 2^32 ticks of 10 ms: the counters of macOS begin again.
        ({"idle": -(2**32) / 100 + 3.0, "user": 4.0}, (4.0, None, 0.0, 0.0)),
        ({"user": -(2**32) / 100 + 4.0, "idle": 3.0}, (None, 3.0, 0.0, 0.0)),
        ({"steal": -0.01, "user": 4.0, "idle": 3.0}, (4.0, 3.0, 0.0, None)),
        # What was waiting turns out to have been idle: nothing is lost.
        ({"iowait": -0.5, "idle": 3.5, "user": 4.0}, (4.0, 3.0, 0.0, 0.0)),
    ],
    ids=["idle wraps", "user wraps", "steal falls", "iowait falls"],
)
def test_what_goes_backwards_is_none(
    changes: dict[str, float], expected: tuple[float | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = computer(monkeypatch, LINUX._replace(user=1e8, idle=1e8))
    meter = ProcessorMeter()
    with meter:
        paper.system = later(paper.system, **changes)
    busy, idle, own, stolen = expected
    assert measured(meter) == tuple(
        value if value is None else pytest.approx(value, abs=1e-6) for value in (busy, idle, own, stolen)
    )


def test_own_seconds_that_go_backwards_are_none(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = computer(monkeypatch, LINUX)
    meter = ProcessorMeter()
    with meter:
        paper.system = later(LINUX, user=4.0)
        paper.own = 5.0
    assert measured(meter) == about(4.0, 0.0, None, 0.0)


@pytest.mark.parametrize(
    "error",
    [
        PermissionError("/proc/stat"),
        ValueError("couldn't parse /proc/stat"),
        TypeError("scputimes() missing 4 arguments"),
    ],
)
def test_counters_that_cannot_be_read_are_none_with_the_reason(
    error: Exception, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = computer(monkeypatch, error)
    meter = ProcessorMeter()
    with meter:
        paper.own = 12.0
        paper.system = LINUX
    assert measured(meter) == about(None, None, 2.0, None)
    assert meter.reads.kind == "no processor times"
    assert str(error) in meter.reads.detail


def test_counters_lost_within_an_epoch_are_none_in_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = computer(monkeypatch, LINUX)
    meter = ProcessorMeter()
    with meter:
        paper.system = later(LINUX, user=4.0, idle=1.0)
    assert measured(meter) == about(4.0, 1.0, 0.0, 0.0)
    with meter:
        paper.system = PermissionError("/proc/stat")
    assert measured(meter) == about(None, None, 0.0, None)
    with meter:
        paper.system = later(LINUX, user=9.0)
    assert measured(meter) == about(None, None, 0.0, None), "it has an end and no beginning"


def test_a_sandbox_that_answers_with_zeros_has_measured_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    computer(monkeypatch, Linux())
    meter = ProcessorMeter()
    with meter:
        pass
    assert meter.reads == Reads(kind="no processor times", detail="all of them are 0")
    assert measured(meter) == about(None, None, 0.0, None)


def test_counters_that_stand_still_have_measured_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = computer(monkeypatch, LINUX)
    meter = ProcessorMeter()
    with meter:
        paper.own = 12.0
    assert measured(meter) == about(None, None, 2.0, None)


@pytest.mark.parametrize("error", [psutil.NoSuchProcess(1), psutil.AccessDenied(1), OSError("gone")])
@pytest.mark.parametrize("when", ["from the start", "within"])
def test_a_parent_that_cannot_be_read_is_left_out(
    error: Exception, when: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper = computer(monkeypatch, LINUX)
    if when == "from the start":
        paper.parent_error = error
    meter = ProcessorMeter()
    with meter:
        paper.system = later(LINUX, user=4.0)
        paper.own, paper.parent, paper.parent_error = 13.0, 11.0, error
    assert measured(meter) == about(4.0, 0.0, 3.0, 0.0)


def test_a_parent_that_ended_before_the_meter_was_made_is_left_out(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    paper = computer(monkeypatch, LINUX)

    def gone(pid: int) -> None:
        raise psutil.NoSuchProcess(pid)

    monkeypatch.setattr(psutil, "Process", gone)
    meter = ProcessorMeter()
    with meter:
        paper.system = later(LINUX, user=4.0)
        paper.own, paper.parent = 13.0, 11.0
    assert measured(meter) == about(4.0, 0.0, 3.0, 0.0)


def test_the_parents_other_children_are_not_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    """A gate that it waits for while this worker trains would be counted twice over."""
    paper = computer(monkeypatch, LINUX)
    meter = ProcessorMeter()
    with meter:
        paper.system = later(LINUX, user=4.0)
        paper.parent = 10.5
    assert meter.seconds.own == pytest.approx(0.5), "the five hundred of its children stay out"


def test_a_reading_is_of_the_last_epoch_also_after_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    paper = computer(monkeypatch, LINUX)
    meter = ProcessorMeter()
    assert meter.seconds == ProcessorSeconds(), "there is no reading yet"
    with suppress(KeyError), meter:
        paper.system = later(paper.system, user=4.0)
        raise KeyError
    assert measured(meter) == about(4.0, 0.0, 0.0, 0.0)
    with meter:
        paper.system = later(paper.system, user=1.0)
    assert measured(meter) == about(1.0, 0.0, 0.0, 0.0)


def test_on_this_computer_work_of_this_process_is_its_own() -> None:
    """Nothing else is asserted: what others do meanwhile is their affair."""
    meter = ProcessorMeter()
    with meter:
        began = process_time()
        while process_time() - began < 0.3:
            pass
    parts = measured(meter)
    assert all(part is None or part >= 0.0 for part in parts)
    assert meter.seconds.own is not None
    assert meter.seconds.own >= 0.25


class Gpu:
    """A GPU on a clock of its own: what it says in turn (the last repeats), and what was done to it."""

    def __init__(self, readings: Sequence[float | None], *, read_seconds: float = 0.0) -> None:
        self.readings, self.read_seconds = list(readings), read_seconds
        self.now = 0.0
        self.log: list[str] = []

    def clock(self) -> float:
        return self.now

    def read(self) -> float | None:
        self.now += self.read_seconds
        self.log.append("read")
        return self.readings.pop(0) if len(self.readings) > 1 else self.readings[0]

    def synchronize(self) -> None:
        self.log.append("synchronize")

    def sleep(self, seconds: float) -> None:
        self.log.append("wait")
        self.now += seconds


def meter_of(gpu: Gpu, monkeypatch: pytest.MonkeyPatch) -> GpuUseMeter:
    monkeypatch.setattr(interference, "perf_counter", gpu.clock)
    monkeypatch.setattr(interference, "sleep", gpu.sleep)
    meter = GpuUseMeter(gpu.read, gpu.synchronize)
    gpu.log.clear()
    return meter


def train(meter: GpuUseMeter, gpu: Gpu, seconds: float) -> float | None:
    with meter:
        gpu.log.append("train")
        gpu.now += seconds
    return meter.share


IDLE = ["synchronize", "read", "wait", "read", "wait", "read", "wait", "read"]


def test_the_gpu_is_read_before_the_epoch_after_it_was_left_idle(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """At first it still shows the worker's own work, and right after the epoch it does again."""
    gpu = Gpu([0.98, 0.97, 0.03, 0.03, 0.03, 0.99])
    meter = meter_of(gpu, monkeypatch)
    assert meter.reads == Reads(kind="device utilization")
    assert train(meter, gpu, 60.0) == 0.03
    assert gpu.log == [*IDLE, "train", "read"]
    assert gpu.now == IDLE_SECONDS + 2 * SECONDS_BETWEEN + 60.0
    assert IDLE_SECONDS >= 2 * 1.0, "two of NVML's longest periods: one may begin with the worker's work"


def test_of_several_readings_the_lowest_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """A burst of drawing is no user of the GPU; one that works all the time is in all of them."""
    gpu = Gpu([0.9, 0.9, 1.0, 0.04, 0.3, 0.9])
    assert train(meter_of(gpu, monkeypatch), gpu, 60.0) == 0.04
    gpu = Gpu([0.9, 0.9, 1.0, 0.5, 0.7, 0.9])
    assert train(meter_of(gpu, monkeypatch), gpu, 60.0) == 0.5


def test_an_idle_gpu_is_nought_and_not_none(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu([0.9, 0.9, 0.0, 0.0, 0.0, 0.9])
    assert train(meter_of(gpu, monkeypatch), gpu, 60.0) == 0.0


@pytest.mark.parametrize("after", [0.0, None])
def test_a_counter_that_shows_nothing_right_after_an_epoch_has_measured_nothing(
    after: float | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu([0.0, 0.0, 0.0, 0.0, 0.0, after])
    assert train(meter_of(gpu, monkeypatch), gpu, 60.0) is None


def test_a_gpu_that_cannot_be_read_costs_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu([None, 0.5])
    meter = meter_of(gpu, monkeypatch)
    assert meter.reads == Reads(kind="no device utilization")
    assert train(meter, gpu, 60.0) is None
    assert gpu.log == ["train"]


def test_a_gpu_that_is_lost_is_none_from_then_on(monkeypatch: pytest.MonkeyPatch) -> None:
    gpu = Gpu([0.9, 0.9, 0.1, 0.1, 0.1, 0.9, 0.9, 0.1, None])
    meter = meter_of(gpu, monkeypatch)
    assert train(meter, gpu, 600.0) == 0.1
    assert train(meter, gpu, 600.0) is None
    assert train(meter, gpu, 600.0) is None


def test_the_gpu_is_read_first_and_then_as_often_as_it_costs_one_per_cent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Five readings of half a second and three seconds of waiting are due again after 550 s.

    In between an epoch has the latest one.
    """
    gpu = Gpu([0.9, 0.9, *[0.25] * 3, 0.9, 0.9, *[0.5] * 3, 0.9], read_seconds=0.5)
    meter = meter_of(gpu, monkeypatch)
    shares, counts = [], []
    for seconds in (1.0, 200.0, 348.5, 0.6, 10.0):
        gpu.log.clear()
        shares.append(train(meter, gpu, seconds))
        counts.append(gpu.log.count("read"))
    assert shares == [0.25, 0.25, 0.25, 0.25, 0.5]
    assert counts == [5, 0, 0, 0, 5]


@pytest.mark.parametrize("epoch_seconds", [0.5, 15.0, 110.0])
def test_reading_the_gpu_costs_no_more_than_one_per_cent(
    epoch_seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    gpu = Gpu([0.25], read_seconds=0.02)
    meter = meter_of(gpu, monkeypatch)
    train(meter, gpu, epoch_seconds)
    began = gpu.now
    gpu.log.clear()
    for _ in range(2000):
        train(meter, gpu, epoch_seconds)
    assert "synchronize" in gpu.log
    assert gpu.now - began <= 1.01 * 2000 * epoch_seconds + 1e-6
