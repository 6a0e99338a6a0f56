"""Every kind of `Reads` is a meter's, and it is measured exactly where the meter has a reading."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from bench.meters.energy import AppleCounter, LinuxCounter
from bench.meters.interference import GpuUseMeter, ProcessorMeter
from bench.meters.memory import DeviceMemoryMeter, LinuxMemory, MacMemory
from bench.meters.time import TimeMeter
from bench.records import codec
from bench.records.types import NotMeasuredKind, Reads, ReadsKind
from bench.records.words import reads_text
from tests.bench.meters.test_energy import NO_GPU, zeus, zone
from tests.bench.meters.test_memory import Library, proc


def without_reset(folder: Path) -> Path:
    proc(folder)
    (folder / "clear_refs").unlink()
    (folder / "clear_refs").mkdir()
    return folder


def device_memory(device: str, peak: int | None) -> DeviceMemoryMeter:
    backend: Any = SimpleNamespace(
        device=device, peak_device_bytes=lambda: peak, reset_peak_device_bytes=lambda: None
    )
    return DeviceMemoryMeter(backend)


def unreadable() -> SimpleNamespace:
    def no_monitor() -> None:
        raise RuntimeError("no Energy Model here")

    return SimpleNamespace(AppleEnergyMonitor=no_monitor)


def processors(error: Exception | None = None) -> ProcessorMeter:
    ticks = count(1)

    def cpu_times() -> SimpleNamespace:
        if error:
            raise error
        return SimpleNamespace(user=next(ticks), idle=next(ticks))

    return ProcessorMeter(cpu_times)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.meters.interference.sleep", lambda seconds: None)


def rapl(folder: Path, microjoules: int | None) -> LinuxCounter:
    zone(folder, "0", "package-0", microjoules)
    return LinuxCounter(folder, NO_GPU)


SOURCES: dict[ReadsKind, Callable[[Path], Any]] = {
    "perf counter": lambda folder: TimeMeter(lambda: None),
    "resident memory in the epoch": lambda folder: LinuxMemory(proc(folder)),
    "resident memory since the start": lambda folder: LinuxMemory(without_reset(folder)),
    "no resident memory": LinuxMemory,
    "footprint in the epoch": lambda folder: MacMemory(Library()),
    "footprint since the start": lambda folder: MacMemory(Library(resets=None)),
    "no footprint": lambda folder: MacMemory(Library(fails=True)),
    "framework counter": lambda folder: device_memory("cuda", 900),
    "no framework counter": lambda folder: device_memory("mps", None),
    "host memory is the device's": lambda folder: device_memory("cpu", None),
    "ioreport": lambda folder: AppleCounter(zeus(cpu_total=12_500)),
    "ioreport without counter": lambda folder: AppleCounter(zeus()),
    "ioreport unreadable": lambda folder: AppleCounter(unreadable()),
    "counters": lambda folder: rapl(folder, 5_000_000),
    "counters for root": lambda folder: rapl(folder, None),
    "no counter": lambda folder: LinuxCounter(folder, NO_GPU),
    "processor times": lambda folder: processors(),
    "no processor times": lambda folder: processors(PermissionError("/proc/stat")),
    "device utilization": lambda folder: GpuUseMeter(lambda: 0.03, lambda: None),
    "no device utilization": lambda folder: GpuUseMeter(lambda: None, lambda: None),
}
"""Kind -> a meter, or the source of one, that is of this kind."""


def reading(source: Any) -> Any:
    """What there is to read; None or nothing where the source has no reading."""
    if hasattr(source, "joules"):
        return source.joules()
    if isinstance(source, LinuxMemory | MacMemory):
        return source.peak_bytes()
    with source:
        pass
    match source:
        case TimeMeter():
            return source.seconds
        case ProcessorMeter():
            return source.seconds.busy
        case GpuUseMeter():
            return source.share
        case _:
            return source.peak_bytes


def test_there_is_a_meter_of_every_kind() -> None:
    assert set(SOURCES) == set(get_args(ReadsKind))
    assert set(SOURCES) > set(get_args(NotMeasuredKind))


@pytest.mark.parametrize("kind", SOURCES)
def test_a_kind_is_measured_where_its_meter_has_a_reading(kind: ReadsKind, tmp_path: Path) -> None:
    source = SOURCES[kind](tmp_path)
    assert source.reads.kind == kind
    assert source.reads.measured == (reading(source) not in (None, {}))


@pytest.mark.parametrize("kind", SOURCES)
def test_what_a_meter_reads_comes_back_from_a_record_and_has_a_sentence(
    kind: ReadsKind, tmp_path: Path
) -> None:
    reads: Reads = SOURCES[kind](tmp_path).reads
    assert codec.build(Reads, codec.parse(codec.to_json(reads))) == reads
    sentence = reads_text(reads)
    assert reads.detail in sentence
    assert len(sentence) > len(reads.detail)
    assert "{" not in sentence
