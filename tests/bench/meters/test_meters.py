"""The time meter is innermost, and whatever cannot be measured is None with a reason."""

from __future__ import annotations

from contextlib import ExitStack
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import structs

from bench.meters import energy
from bench.meters.energy import EnergyMeter
from bench.meters.memory import DeviceMemoryMeter, HostMemoryMeter
from bench.meters.meters import Meters
from bench.meters.time import TimeMeter
from bench.records.types import Interference, Joules, Reads, ReadsKind
from bench.records.words import reads_text

COST_SECONDS = 100.0
"""What each fake costs on the fake clock: far more than the work, so that it would show."""


class Clock:
    """A perf_counter that moves when something is done, and a log of what was."""

    def __init__(self) -> None:
        self.now = 0.0
        self.log: list[str] = []

    def __call__(self) -> float:
        return self.now

    def does(self, what: str, seconds: float = COST_SECONDS) -> None:
        self.log.append(what)
        self.now += seconds


class PaperMemory:
    def __init__(self, clock: Clock, *, available: bool = True) -> None:
        self.clock, self.there = clock, available
        kind: ReadsKind = "footprint in the epoch" if available else "no footprint"
        self.reads = Reads(kind=kind)

    def now_bytes(self) -> int | None:
        return 500 if self.there else None

    def peak_bytes(self) -> int | None:
        self.clock.does("memory peak")
        return 700 if self.there else None

    def reset(self) -> None:
        self.clock.does("memory reset")


class PaperCounter:
    """Ten watts by the clock's time."""

    def __init__(self, clock: Clock, *, available: bool = True) -> None:
        self.clock, self.there = clock, available
        self.reads = Reads(kind="counters", detail="cpu") if available else Reads(kind="no counter")

    def joules(self) -> Joules:
        now = self.clock.now
        self.clock.does("energy", 0.0)
        return {"cpu": 10.0 * now} if self.there else {}


class PaperBackend:
    def __init__(self, clock: Clock, *, device: str = "cuda", peak: int | None = 900) -> None:
        self.clock, self.device, self.peak = clock, device, peak

    def peak_device_bytes(self) -> int | None:
        self.clock.does("device peak")
        return self.peak

    def reset_peak_device_bytes(self) -> None:
        self.clock.does("device reset")


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr("bench.meters.time.perf_counter", fake)
    monkeypatch.setattr("bench.meters.energy.perf_counter", fake)
    monkeypatch.setattr("bench.meters.interference.perf_counter", fake)
    monkeypatch.setattr("bench.meters.interference.sleep", lambda seconds: fake.does("wait", seconds))
    return fake


def paper_times(clock: Clock) -> SimpleNamespace:
    """Four processors, three of them idle."""
    now = clock.now
    clock.does("processors")
    return SimpleNamespace(user=now, nice=0.0, system=0.0, idle=3 * now)


def paper_use(clock: Clock) -> float:
    clock.does("gpu use")
    return 0.25


def paper_meters(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> Meters:
    monkeypatch.setattr("bench.meters.memory.host_memory", lambda: PaperMemory(clock))
    monkeypatch.setattr("bench.meters.energy.counter", lambda: PaperCounter(clock))
    monkeypatch.setattr("psutil.cpu_times", lambda: paper_times(clock))
    monkeypatch.setattr("bench.meters.meters.gpu_use", lambda device: paper_use(clock))
    backend: Any = PaperBackend(clock)
    meters = Meters(backend, lambda: clock.does("synchronize", 0.5))
    clock.log.clear()
    return meters


def measure(meters: Meters, clock: Clock, work_seconds: float) -> None:
    """As an epoch is measured: all of them around one line."""
    with ExitStack() as stack:
        for meter in meters.all().values():
            stack.enter_context(meter)
        clock.does("work", work_seconds)


def test_the_time_meter_is_entered_last_and_left_first(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    measure(paper_meters(clock, monkeypatch), clock, 2.0)
    before, after = (
        [
            *("synchronize", "gpu use", *("wait", "gpu use") * 3),  # so nothing is measured yet
            *("memory reset", "device reset", "energy", "energy", "processors", "synchronize"),
        ],
        ["synchronize", "processors", "energy", "device peak", "memory peak", "gpu use"],
    )
    assert clock.log == [*before, "work", *after]


def test_nothing_of_the_others_is_in_the_time(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    meters = paper_meters(clock, monkeypatch)
    measure(meters, clock, 2.0)
    assert clock.now > 3 * COST_SECONDS, "the others cost time, or this test shows nothing"
    assert meters.time.seconds == 2.5, "the work, and the wait for the device at its end"


def test_every_meter_has_its_reading_afterwards(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    meters = paper_meters(clock, monkeypatch)
    measure(meters, clock, 30.0)
    assert meters.host.peak_bytes == 700
    assert meters.device.peak_bytes == 900
    counted = 30.0 + 2 * 0.5
    joules = 10.0 * (counted + 2 * COST_SECONDS)
    assert meters.energy.joules == {"cpu": joules}, "the work, both waits, and the processors' readings"
    assert meters.interference().busy_cpu_seconds == counted + COST_SECONDS
    measure(meters, clock, 50.0)
    assert meters.time.seconds == 50.5, "a meter can be used again"
    assert meters.energy.joules == {"cpu": joules + 10.0 * 20.0}


def test_what_else_ran_is_one_record_of_both_meters(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    meters = paper_meters(clock, monkeypatch)
    measure(meters, clock, 30.0)
    seconds = 30.0 + 2 * 0.5 + COST_SECONDS
    read = meters.interference()
    assert read.own_cpu_seconds is not None
    assert read == Interference(
        busy_cpu_seconds=seconds,
        idle_cpu_seconds=3 * seconds,
        own_cpu_seconds=read.own_cpu_seconds,  # this process's own, which no fake sets
        stolen_cpu_seconds=None,
        gpu_share=0.25,
    )


def test_on_the_cpu_no_gpu_is_waited_for(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("bench.meters.meters.gpu_use", asked.append)
    backend: Any = PaperBackend(clock, device="cpu")
    meters = Meters(backend, lambda: None)
    measure(meters, clock, 30.0)
    assert "gpu use" not in meters.all()
    assert meters.interference().gpu_share is None
    assert not asked
    assert "wait" not in clock.log


def test_a_sleeping_computer_shows_in_the_time_of_day_alone(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A Mac's perf_counter stands still while it sleeps."""
    day = Clock()
    monkeypatch.setattr("bench.meters.time.time", day)
    with TimeMeter(lambda: None) as time:
        clock.does("work", 4.0)
        day.does("work and sleep", 3604.0)
    assert (time.seconds, time.wall_seconds) == (4.0, 3604.0)


def test_the_time_of_day_is_read_right_beside_the_clock(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On the far side of a wait for the device it would seem to have slept."""
    monkeypatch.setattr("bench.meters.time.time", clock)
    with TimeMeter(lambda: clock.does("synchronize", 50.0)) as time:
        clock.does("work", 4.0)
    assert time.seconds == time.wall_seconds == 54.0, "the work and the wait at its end, in both"


def test_every_meter_says_what_it_reads(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    meters = paper_meters(clock, monkeypatch).all()
    assert {name: meter.reads for name, meter in meters.items()} == {
        "gpu use": Reads(kind="device utilization"),
        "host memory": Reads(kind="footprint in the epoch"),
        "device memory": Reads(kind="framework counter"),
        "energy": Reads(kind="counters", detail="cpu"),
        "processors": Reads(kind="processor times", detail="user, nice, system, idle"),
        "time": Reads(kind="perf counter"),
    }
    assert all(meter.reads.measured for meter in meters.values())
    assert reads_text(meters["device memory"].reads) == "the framework's own counter of its tensors"
    assert reads_text(meters["time"].reads) == (
        "the worker's perf_counter, device synchronised before start and stop"
    )


def test_on_this_computer_every_meter_measures_or_says_why_not() -> None:
    backend: Any = PaperBackend(Clock(), device="cpu", peak=None)
    meters = Meters(backend, lambda: None)
    assert meters.device.reads == Reads(kind="host memory is the device's")
    with ExitStack() as stack:
        for meter in meters.all().values():
            stack.enter_context(meter)
    assert meters.time.seconds >= 0.0
    assert meters.device.peak_bytes is None
    assert meters.energy.joules is None, "nothing is counted in less than 20 s"
    assert meters.host.reads.measured == (meters.host.peak_bytes is not None)
    assert all(part is None or part >= 0 for part in structs.astuple(meters.interference()))
    assert meters.energy.reads.measured == bool(energy.counter().joules())
    for name, meter in meters.all().items():
        assert reads_text(meter.reads), name


def test_the_time_waits_for_work_before_the_start_and_within(clock: Clock) -> None:
    """A device that is behind: what was given to it before does not count, what is given now does."""
    behind = [7.0]

    def synchronize() -> None:
        clock.does("synchronize", behind.pop() if behind else 0.0)

    with TimeMeter(synchronize) as time:
        clock.does("calls", 0.25)
        behind.append(3.0)
    assert time.seconds == 3.25


def test_the_time_is_there_after_an_error_too(clock: Clock) -> None:
    time = TimeMeter(lambda: clock.does("synchronize", 1.0))
    with pytest.raises(KeyError, match="planted"), time:
        raise KeyError("planted")
    assert time.seconds == 1.0


def test_host_memory_that_cannot_be_read_is_none(clock: Clock) -> None:
    meter = HostMemoryMeter(PaperMemory(clock, available=False))
    assert meter.baseline_bytes() is None
    with meter:
        pass
    assert meter.peak_bytes is None


def test_host_memory_that_is_lost_within_an_epoch_is_none_and_not_the_epochs_before(
    clock: Clock,
) -> None:
    source = PaperMemory(clock)
    meter = HostMemoryMeter(source)
    with meter:
        pass
    assert meter.peak_bytes == 700
    with meter:
        source.there = False
    assert meter.peak_bytes is None


def test_the_meter_of_the_baseline_is_the_meter_of_the_epochs(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker takes its baseline before it has what the other meters need."""
    monkeypatch.setattr("bench.meters.energy.counter", lambda: PaperCounter(clock))
    host = HostMemoryMeter(PaperMemory(clock))
    backend: Any = PaperBackend(clock)
    meters = Meters(backend, lambda: clock.does("synchronize", 0.5), host)
    measure(meters, clock, 2.0)
    assert host.peak_bytes == 700


def test_host_memory_is_reset_before_and_read_after(clock: Clock) -> None:
    meter = HostMemoryMeter(PaperMemory(clock))
    assert meter.baseline_bytes() == 500
    assert meter.peak_bytes is None, "there is no reading yet"
    with meter:
        clock.does("work")
    assert clock.log == ["memory reset", "work", "memory peak"]


@pytest.mark.parametrize(
    ("device", "kind", "words"),
    [
        (
            "cpu",
            "host memory is the device's",
            "on the CPU the host's memory is the device's",
        ),
        (
            "mps",
            "no framework counter",
            "the framework's own counter gives nothing on this device",
        ),
    ],
)
def test_device_memory_that_cannot_be_read_is_none(
    clock: Clock, device: str, kind: ReadsKind, words: str
) -> None:
    backend: Any = PaperBackend(clock, device=device, peak=None)
    meter = DeviceMemoryMeter(backend)
    assert meter.reads == Reads(kind=kind)
    assert not meter.reads.measured
    assert reads_text(meter.reads) == words
    with meter:
        pass
    assert meter.peak_bytes is None


def test_energy_that_cannot_be_read_is_none(clock: Clock) -> None:
    meter = EnergyMeter(PaperCounter(clock, available=False))
    with meter:
        clock.does("work", 60.0)
    assert meter.joules is None


@pytest.mark.parametrize("lost_at_the_end", [True, False], ids=["lost within", "found within"])
def test_energy_that_is_counted_at_one_end_alone_is_none(clock: Clock, lost_at_the_end: bool) -> None:
    source = PaperCounter(clock, available=lost_at_the_end)
    meter = EnergyMeter(source)
    with meter:
        clock.does("work", 60.0)
        source.there = not lost_at_the_end
    assert meter.joules is None


def test_energy_of_an_epoch_under_twenty_seconds_is_none(clock: Clock) -> None:
    meter = EnergyMeter(PaperCounter(clock))
    with meter:
        clock.does("work", 19.0)
    assert meter.joules is None
    with meter:
        clock.does("work", 20.0)
    assert meter.joules == {"cpu": 200.0}
    with meter:
        clock.does("work", 19.0)
    assert meter.joules is None, "the epoch before must not stand for this one"
