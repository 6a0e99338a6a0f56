"""What each part of measuring takes, and that no meter is left out."""

from __future__ import annotations

from typing import Any

import pytest

from bench.meters.interference import GpuUseMeter
from bench.meters.meters import Meters
from bench.overhead import parts
from bench.overhead.meters import PAUSE_SECONDS, CountedMeters
from bench.overhead.parts import ALONE, BETWEEN, WITHIN, Length, as_due, meter_parts, share
from bench.worker.batch_digests import BatchDigests
from tests.support.paper_overhead import (
    KERNEL_SECONDS,
    STEPS,
    WAIT_SECONDS,
    Clock,
    PaperRun,
    backend,
    use_as_clock,
    use_meters,
)
from tests.support.samples import EPOCH

SHORT, LONG = Length(name="short", seconds=4.0, steps=2), Length(name="long", seconds=500.0, steps=250)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    use_as_clock(clock, monkeypatch)
    return clock


def counted(run: PaperRun, epochs: int = 2) -> CountedMeters:
    """The run's meters after so many epochs."""
    run.meters = meters = CountedMeters(run.backend, run.trainer.synchronize)
    for number in range(1, 1 + epochs):
        run.measure(number)
    return meters


def test_a_meter_counts_what_entering_and_leaving_takes(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_meters(clock, monkeypatch, memory=0.5, energy=0.25)
    meters = counted(PaperRun(clock))
    assert {name: meter.seconds for name, meter in meters.counted.items()} == {
        "memory": [1.0, 1.0],
        "energy": [0.5, 0.5],
        "time": [0.0, 0.0],  # its wait for the device is what any clock needs
    }
    assert meters.time.seconds == 8.0 + WAIT_SECONDS, "it has waited, or this shows nothing"
    assert [(part.name, part.place, part.seconds) for part in meter_parts(meters)] == [
        ("memory", BETWEEN, 1.0),
        ("energy", BETWEEN, 0.5),
        ("time", BETWEEN, 0.0),
    ]


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_every_meter_of_a_run_is_in_the_table(device: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that a run holds and does not enter is missing as well."""
    monkeypatch.setattr("bench.meters.meters.gpu_use", lambda device: 0.25)
    monkeypatch.setattr("bench.meters.interference.sleep", lambda seconds: None)
    meters = CountedMeters(backend(device), lambda: None)
    held = {id(part) for part in vars(meters).values() if hasattr(part, "reads")}
    assert {id(meter.meter) for meter in meters.counted.values()} == held
    assert len(held) == (5 if device == "cpu" else 6)
    for meter in meters.all().values():
        with meter:
            pass
    assert [part.name for part in meter_parts(meters)] == list(meters.all())
    assert list(meters.all()) == list(Meters(backend(device), lambda: None).all())
    assert all(meter.seconds for meter in meters.counted.values())


def test_what_comes_after_the_time_meter_is_within_its_clock(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    use_meters(clock, monkeypatch, memory=0.5)
    before = Meters.all
    monkeypatch.setattr(Meters, "all", lambda self: dict(reversed(before(self).items())))
    places = {part.name: part.place for part in meter_parts(counted(PaperRun(clock)))}
    assert places == {"time": BETWEEN, "memory": WITHIN}


def gpu_meters(clock: Clock, monkeypatch: pytest.MonkeyPatch, read_seconds: float) -> CountedMeters:
    """Meters of a GPU whose use by others takes so long to read."""

    def use(device: str) -> float:
        clock.does(read_seconds)
        return 0.25

    monkeypatch.setattr("bench.meters.meters.gpu_use", use)
    monkeypatch.setattr("bench.meters.interference.sleep", clock.does)
    monkeypatch.setattr("bench.meters.interference.perf_counter", clock)
    run = PaperRun(clock)
    run.backend = backend("cuda")
    return counted(run, epochs=3)


def test_the_pause_for_the_gpus_use_is_apart_from_its_reads(
    clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Five reads in the first epoch, and none in the next two, which are too short."""
    meters = gpu_meters(clock, monkeypatch, 0.125)
    assert meters.pauses() == [PAUSE_SECONDS, 0.0, 0.0]
    read, alone, *_ = meter_parts(meters)
    assert (read.name, read.place, read.seconds) == ("gpu use", BETWEEN, 5 * 0.125)
    assert (alone.name, alone.place, alone.seconds) == ("GPU left alone", ALONE, PAUSE_SECONDS)
    assert alone.seconds_in(LONG) == PAUSE_SECONDS
    assert alone.seconds_in(SHORT) == PAUSE_SECONDS / 91, "3.625 s are 1 % of 362.5 s"
    assert share([read, alone], LONG) == 0.625 / 500, "the limit holds for what is no pause"


def test_how_often_a_costly_measurement_is_due_is_what_the_meter_does(clock: Clock) -> None:
    """The meter itself decides; here it is counted how often."""

    def readings_an_epoch(seconds: float) -> float:
        pauses: list[float] = []

        def pause(seconds: float) -> None:
            pauses.append(seconds)
            clock.does(seconds)

        meter = GpuUseMeter(lambda: 0.25, lambda: None)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("bench.meters.interference.perf_counter", clock)
            patch.setattr("bench.meters.interference.sleep", pause)
            for _ in range(600):
                with meter:
                    clock.does(seconds)
        return sum(pauses) / PAUSE_SECONDS / 600

    for seconds in (5.0, 25.0, 75.0, 200.0, 300.0, 900.0):
        epoch = Length(name="", seconds=seconds, steps=1)
        assert as_due(PAUSE_SECONDS)(epoch) == pytest.approx(readings_an_epoch(seconds))


def test_records_kernel_and_digests_stand_beside_the_meters(
    clock: Clock, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    use_meters(clock, monkeypatch, memory=0.5)
    monkeypatch.setattr(parts, "record_seconds", lambda job, epoch, folder: (0.25, 0.125))
    batches: list[tuple[int, int]] = []

    def add(self: BatchDigests, images: Any, labels: Any) -> None:
        batches.append((len(images), len(labels)))
        clock.does(0.0625)

    monkeypatch.setattr(BatchDigests, "add", add)
    run: Any = PaperRun(clock)
    meters = counted(run)
    found = {part.name: part for part in parts.parts_of(run, meters, EPOCH, tmp_path)}
    assert batches == [(64, 64)] * STEPS
    assert {name: (part.place, part.seconds_in(LONG)) for name, part in found.items()} == {
        "heartbeats": (WITHIN, 250 * 0.125),  # one in two seconds
        "warm-up's digests": (WITHIN, 250 * 0.0625),
        "memory": (BETWEEN, 1.0),
        "time": (BETWEEN, 0.0),
        "reference kernel": (BETWEEN, KERNEL_SECONDS),
        "epoch's record": (BETWEEN, 0.25),
    }
    assert found["reference kernel"].seconds_in(SHORT) == KERNEL_SECONDS / 2, "0.0625 s are 1 % of 6.25"
