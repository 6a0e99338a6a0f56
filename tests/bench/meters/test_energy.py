"""Energy is counted in joules by part, and what was not measured is never a small number."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from alexnet.frameworks.protocol import Device
from bench.meters import energy
from bench.meters.energy import AppleCounter, EnergyMeter, LinuxCounter
from bench.records import derive
from bench.records.types import Epoch, Joules, Reads
from bench.records.words import reads_text
from tests.support.samples import EPOCH

PARTS = ("cpu_total", "gpu", "gpu_sram", "dram", "ane")


def zeus(**millijoules: int | None) -> SimpleNamespace:
    """The module zeus_apple_silicon with one reading; parts that are not named are None, as there."""
    reading = SimpleNamespace(**{f"{part}_mj": millijoules.get(part) for part in PARTS})
    monitor = SimpleNamespace(get_cumulative_energy=lambda: reading)
    return SimpleNamespace(AppleEnergyMonitor=lambda: monitor)


def test_apples_millijoules_become_joules_by_part() -> None:
    counter = AppleCounter(zeus(cpu_total=12_500, gpu=3_000, gpu_sram=40, dram=700, ane=0))
    assert counter.joules() == {"cpu": 12.5, "gpu": 3.0, "gpu_sram": 0.04, "dram": 0.7, "ane": 0.0}
    assert counter.reads == Reads(kind="ioreport")
    assert counter.reads.measured
    assert reads_text(counter.reads) == (
        "the chip's own estimate by part (IOReport), in windows of 20 s or more"
    )


def test_apples_missing_parts_are_left_out() -> None:
    assert AppleCounter(zeus(gpu=3_000)).joules() == {"gpu": 3.0}


def test_a_mac_without_counters_says_why() -> None:
    def no_monitor() -> None:
        raise RuntimeError("no Energy Model here")

    counter = AppleCounter(SimpleNamespace(AppleEnergyMonitor=no_monitor))
    assert counter.reads == Reads(kind="ioreport unreadable", detail="no Energy Model here")
    assert not counter.reads.measured
    assert counter.joules() == {}
    assert reads_text(counter.reads) == (
        "zeus-apple-silicon cannot read this chip (no Energy Model here)"
    )


def test_a_mac_whose_every_counter_is_missing_says_so() -> None:
    counter = AppleCounter(zeus())
    assert counter.reads == Reads(kind="ioreport without counter")
    assert not counter.reads.measured
    assert reads_text(counter.reads) == "zeus-apple-silicon finds no counter on this chip"


def test_a_mac_that_stops_answering_costs_the_joules_and_not_the_run() -> None:
    library = zeus(cpu_total=12_500, gpu=3_000)
    counter = AppleCounter(library)
    before = counter.joules()

    def lost() -> None:
        raise RuntimeError("IOReport says no")

    library.AppleEnergyMonitor().get_cumulative_energy = lost
    assert counter.joules() == {}
    assert energy.used_between(before, counter.joules(), seconds=60) is None


@pytest.mark.skipif(sys.platform == "darwin", reason="zeus-apple-silicon is installed on a Mac")
def test_where_the_package_is_missing_the_reason_names_it() -> None:
    counter = AppleCounter()
    assert counter.reads.kind == "ioreport unreadable"
    assert not counter.reads.measured
    assert counter.reads.detail.startswith("No module named 'zeus_apple_silicon'")


def zone(powercap: Path, number: str, name: str, microjoules: int | None, *, top: int = 10**9) -> Path:
    """One RAPL zone as sysfs has it; where there are no microjoules the file is not readable."""
    folder = powercap / f"intel-rapl:{number}"
    folder.mkdir(parents=True)
    (folder / "name").write_text(f"{name}\n")
    (folder / "max_energy_range_uj").write_text(f"{top}\n")
    if microjoules is None:
        (folder / "energy_uj").mkdir()  # root may read any file, but nobody a folder
    else:
        (folder / "energy_uj").write_text(f"{microjoules}\n")
    return folder


class Nvml:
    """NVML with so many GPUs; `raises` names the call that does."""

    def __init__(self, millijoules: int = 0, *, raises: str = "", gpus: int = 1) -> None:
        self.millijoules, self.raises, self.gpus = millijoules, raises, gpus

    def _call(self, name: str) -> None:
        if name == self.raises:
            raise RuntimeError("NVML says no")

    def nvmlInit(self) -> None:  # noqa: N802
        self._call("init")

    def nvmlDeviceGetCount(self) -> int:  # noqa: N802
        self._call("count")
        return self.gpus

    def nvmlDeviceGetHandleByIndex(self, index: int) -> str:  # noqa: N802
        self._call("handle")
        return f"GPU {index}"

    def nvmlDeviceGetTotalEnergyConsumption(self, handle: str) -> int:  # noqa: N802
        assert handle == "GPU 0"
        self._call("energy")
        return self.millijoules


NO_GPU = Nvml(raises="init")


def test_linux_reads_packages_memory_and_gpu(tmp_path: Path) -> None:
    zone(tmp_path, "0", "package-0", 5_000_000)
    zone(tmp_path, "0:0", "core", 4_000_000)
    zone(tmp_path, "0:1", "dram", 2_500_000)
    zone(tmp_path, "1", "package-1", 7_000_000)
    zone(tmp_path, "2", "psys", 90_000_000)
    counter = LinuxCounter(tmp_path, Nvml(9_250))
    expected = {"cpu package-0": 5.0, "cpu package-1": 7.0, "dram intel-rapl:0:1": 2.5, "gpu": 9.25}
    assert counter.joules() == expected, "the cores are within their package, and psys is all of it"
    assert counter.reads.kind == "counters"
    assert counter.reads.measured
    assert set(counter.reads.detail.split(", ")) == set(expected)


@pytest.mark.usefixtures("clock")
def test_linux_goes_on_counting_where_rapl_begins_anew(tmp_path: Path) -> None:
    folder = zone(tmp_path, "0", "package-0", 900_000_000, top=1_000_000_000)
    counter = LinuxCounter(tmp_path, NO_GPU)
    before = counter.joules()
    seen = []
    for microjoules in (950_000_000, 50_000_000, 60_000_000, 20_000_000):
        (folder / "energy_uj").write_text(f"{microjoules}\n")
        seen.append(energy.used_between(before, counter.joules(), seconds=60))
    # Joules after 900: 50 more, over the top of 1,000 to 50, 10 more, and once more over the top.
    assert seen == [{"cpu package-0": joules} for joules in (50.0, 150.0, 160.0, 1120.0)]


def rapl_and_gpu(powercap: Path) -> tuple[Path, Nvml, LinuxCounter]:
    """A package that begins anew every 65,536 J, which at 400 W are 163.84 s, and one GPU."""
    folder, nvml = zone(powercap, "0", "package-0", 0, top=65_536_000_000), Nvml(1_000)
    return folder, nvml, LinuxCounter(powercap, nvml)


def test_rapl_that_was_read_too_seldom_is_left_out_of_that_reading(tmp_path: Path, clock: Clock) -> None:
    """In 164 s it may have gone round and further: what it says then could be 65,536 J too little."""
    folder, nvml, counter = rapl_and_gpu(tmp_path)
    readings = []
    for seconds, joules in ((163.0, 60_000), (164.0, 62_000), (100.0, 1_000)):
        clock.sleep(seconds)
        (folder / "energy_uj").write_text(f"{joules * 10**6}\n")
        nvml.millijoules += 5_000
        readings.append(counter.joules())
    assert readings[0] == {"cpu package-0": 60_000.0, "gpu": 6.0}
    assert readings[1] == {"gpu": 11.0}
    assert set(readings[2]) == {"cpu package-0", "gpu"}, "it counts again, from there on"


def test_an_epoch_in_which_rapl_could_turn_unseen_has_no_energy(tmp_path: Path, clock: Clock) -> None:
    """Ten minutes at 110 W are 66,000 J: the counter has been round, and shows 464."""
    folder, nvml, counter = rapl_and_gpu(tmp_path)
    meter = EnergyMeter(counter)
    with meter:
        clock.sleep(600.0)
        (folder / "energy_uj").write_text("464000000\n")
        nvml.millijoules += 60_000_000
    assert meter.joules is None, "464 J for the processor would be a lie"


def test_an_epoch_in_which_rapl_turned_once_at_most_has_its_energy(tmp_path: Path, clock: Clock) -> None:
    folder, nvml, counter = rapl_and_gpu(tmp_path)
    (folder / "energy_uj").write_text("65000000000\n")
    clock.sleep(600.0)  # before the epoch began, however long, nobody needs to have looked
    meter = EnergyMeter(counter)
    with meter:
        clock.sleep(100.0)
        (folder / "energy_uj").write_text("464000000\n")
        nvml.millijoules += 20_000_000
    assert meter.joules == {"cpu package-0": 1_000.0, "gpu": 20_000.0}


def test_where_rapl_is_roots_alone_the_reason_says_so(tmp_path: Path) -> None:
    zone(tmp_path, "0", "package-0", None)
    counter = LinuxCounter(tmp_path, NO_GPU)
    assert counter.joules() == {}
    files = f"{tmp_path}/intel-rapl:*/energy_uj"
    assert counter.reads == Reads(kind="counters for root", detail=files)
    assert not counter.reads.measured
    assert reads_text(counter.reads) == f"{files} is readable by root alone"


@pytest.mark.parametrize("raises", ["init", "handle", "energy", "count"])
def test_linux_without_rapl_and_without_a_gpu_that_counts_says_so(tmp_path: Path, raises: str) -> None:
    """No driver, no GPU, and a GPU before Volta fail in different calls."""
    counter = LinuxCounter(tmp_path / "nowhere", Nvml(raises=raises))
    assert counter.reads == Reads(kind="no counter")
    assert not counter.reads.measured
    assert reads_text(counter.reads) == "neither RAPL nor NVML counts energy here"


def test_a_gpu_alone_is_counted_too(tmp_path: Path) -> None:
    nvml = Nvml(1_000)
    zone(tmp_path, "0", "package-0", None)
    counter = LinuxCounter(tmp_path, nvml)
    assert counter.reads == Reads(kind="counters", detail="gpu")
    assert reads_text(counter.reads) == "gpu, in windows of 20 s or more"
    nvml.millijoules = 4_500
    assert counter.joules() == {"gpu": 4.5}


def test_of_several_gpus_none_is_read(tmp_path: Path) -> None:
    """NVML's first is not always CUDA's: another card's joules would be charged to the run."""
    zone(tmp_path, "0", "package-0", 5_000_000)
    assert LinuxCounter(tmp_path, Nvml(9_250, gpus=2)).joules() == {"cpu package-0": 5.0}
    alone = LinuxCounter(tmp_path / "nowhere", Nvml(9_250, gpus=2))
    assert alone.reads == Reads(kind="no counter")


@pytest.mark.usefixtures("clock")
def test_a_gpu_that_is_lost_costs_the_joules_and_not_the_run(tmp_path: Path) -> None:
    folder, nvml = zone(tmp_path, "0", "package-0", 5_000_000), Nvml(1_000)
    counter = LinuxCounter(tmp_path, nvml)
    before = counter.joules()
    (folder / "energy_uj").write_text("65000000\n")
    nvml.raises = "energy"
    after = counter.joules()
    assert after == {"cpu package-0": 65.0}
    assert energy.used_between(before, after, seconds=60) is None, "the processor alone is not the run"


def test_this_systems_counter_either_counts_or_says_why_not() -> None:
    counter = energy.counter()
    assert counter.reads.measured == bool(counter.joules())
    assert reads_text(counter.reads)


def test_too_short_a_window_gives_nothing() -> None:
    before, after = {"cpu": 1.0}, {"cpu": 500.0}
    assert energy.used_between(before, after, seconds=19.9) is None
    assert energy.used_between(before, after, seconds=20.0) == {"cpu": 499.0}


@pytest.mark.parametrize(
    ("before", "after", "used"),
    [
        ({"cpu": 5.0, "gpu": 1.0}, {"cpu": 5.0, "gpu": 9.0}, {"gpu": 8.0}),
        ({"cpu": 5.0}, {"cpu": 5.0}, None),
        ({"cpu": 5.0, "dram": 1.0}, {"cpu": 6.0}, {"cpu": 1.0}),
        ({"cpu": 5.0}, {"cpu": 6.0, "gpu": 9.0}, {"cpu": 1.0}),
        ({"cpu": 5.0, "gpu": 7.0}, {"cpu": 6.0, "gpu": 3.0}, {"cpu": 1.0}),
        ({}, {}, None),
        ({}, {"cpu": 5.0}, None),
    ],
    ids=["frozen", "all frozen", "memory vanished", "new", "fell", "nothing", "nothing before"],
)
def test_a_part_that_cannot_have_counted_is_left_out(
    before: Joules, after: Joules, used: Joules | None
) -> None:
    assert energy.used_between(before, after, seconds=60) == used


@pytest.mark.parametrize("lost", ["cpu package-0", "cpu package-1", "gpu"])
def test_where_a_part_that_computes_vanished_nothing_is_left_to_say(lost: str) -> None:
    before = {"cpu package-0": 5.0, "cpu package-1": 6.0, "gpu": 7.0, "dram intel-rapl:0:1": 1.0}
    after = {part: joules + 10.0 for part, joules in before.items() if part != lost}
    assert energy.used_between(before, after, seconds=60) is None


@pytest.mark.parametrize("device", ["mps", "cuda"])
def test_on_a_gpu_the_headline_needs_the_processor_that_feeds_it(device: Device) -> None:
    whole = {"cpu": 10.0, "gpu": 20.0, "gpu_sram": 1.0, "dram": 5.0, "ane": 3.0}
    assert derive.processor_and_gpu_joules(whole, device) == 30.0
    for missing in ("cpu", "gpu"):
        left = {part: joules for part, joules in whole.items() if part != missing}
        assert derive.processor_and_gpu_joules(left, device) is None
    assert derive.processor_and_gpu_joules({}, device) is None


def test_on_the_cpu_the_headline_needs_no_gpu() -> None:
    assert derive.processor_and_gpu_joules({"cpu": 10.0}, "cpu") == 10.0
    assert derive.processor_and_gpu_joules({"cpu": 10.0, "gpu": 2.0, "dram": 5.0}, "cpu") == 12.0, (
        "on one chip"
    )
    for parts in ({"gpu": 20.0}, {"dram": 5.0}, {}):
        assert derive.processor_and_gpu_joules(parts, "cpu") is None, (
            "a processor that was not counted did the work"
        )


def test_the_headline_is_of_every_package() -> None:
    whole = {"cpu package-0": 10.0, "cpu package-1": 20.0, "gpu": 40.0, "dram intel-rapl:0:1": 5.0}
    assert derive.processor_and_gpu_joules(whole, "cuda") == 70.0
    del whole["gpu"]
    assert derive.processor_and_gpu_joules(whole, "cpu") == 30.0
    assert derive.processor_and_gpu_joules(whole, "cuda") is None


@pytest.mark.parametrize("system", ["darwin", "linux"])
def test_the_headline_of_a_record_is_the_same_on_whatever_computer_reads_it(
    monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    assert derive.processor_and_gpu_joules({"cpu": 10.0}, "cpu") == 10.0
    assert derive.processor_and_gpu_joules({"gpu": 10.0}, "cuda") is None


class Source:
    """A counter that draws 10 W in the processor and 2.5 W in the GPU, by the fake clock's time."""

    def __init__(self, now: Callable[[], float], *, available: bool = True) -> None:
        self.now, self.there = now, available
        self.reads = Reads(kind="counters", detail="cpu") if available else Reads(kind="no counter")

    def joules(self) -> Joules:
        assert self.there, "a counter that is not there was read"
        return {"cpu": 3.0 + 10.0 * self.now(), "gpu": 2.5 * self.now(), "dram": 0.0}


class Clock:
    """A perf_counter that only `sleep` moves, by so much longer than it was asked for."""

    def __init__(self) -> None:
        self.now, self.late = 100.0, 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds + self.late


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    fake = Clock()
    monkeypatch.setattr("bench.meters.energy.perf_counter", fake)
    monkeypatch.setattr("bench.meters.energy.time.sleep", fake.sleep)
    return fake


def test_the_idle_draw_is_watts_by_part(clock: Clock) -> None:
    assert energy.idle_watts(Source(clock)) == pytest.approx({"cpu": 10.0, "gpu": 2.5}, rel=1e-12)
    assert clock.slept == [20.0], "the shortest window, and no more waiting than that"


def test_a_sleep_that_lasts_longer_does_not_make_the_idle_draw_larger(clock: Clock) -> None:
    """On a very busy computer: 20 s asked for, 32 s slept."""
    clock.late = 12.0
    assert energy.idle_watts(Source(clock)) == pytest.approx({"cpu": 10.0, "gpu": 2.5}, rel=1e-12)


def test_the_idle_draw_is_none_in_too_short_a_window(clock: Clock) -> None:
    assert energy.idle_watts(Source(clock), seconds=19.0) is None


def test_the_idle_draw_is_none_where_a_processor_was_lost_meanwhile(clock: Clock) -> None:
    readings = [{"cpu": 5.0, "gpu": 1.0}, {"cpu": 300.0}]
    source: Any = SimpleNamespace(reads=Reads(kind="counters"), joules=lambda: readings.pop(0))
    assert energy.idle_watts(source) is None
    assert clock.slept == [20.0]


def test_the_idle_draw_is_none_where_nothing_counts(clock: Clock) -> None:
    assert energy.idle_watts(Source(clock, available=False)) is None
    assert clock.slept == [], "nobody waits 20 s for nothing"


def test_the_idle_draw_is_none_where_every_part_stands_still(clock: Clock) -> None:
    assert energy.idle_watts(Source(lambda: 5.0)) is None


def epochs(*joules: float | None) -> list[Epoch]:
    """Epochs of 640 images whose headline is as given."""
    return [
        replace(
            EPOCH,
            epoch=i,
            warm_up=i == 1,
            energy_joules=None if j is None else {"cpu package-0": j, "dram x": 9.0},
        )
        for i, j in enumerate(joules, 1)
    ]


def test_a_runs_energy_is_the_median_of_its_steady_epochs() -> None:
    run_energy = derive.run_energy(epochs(900.0, 60.0, 64.0, 128.0), best_epoch=3, device="cpu")
    assert run_energy.per_epoch == 64.0, "without the first epoch, and without memory"
    assert run_energy.per_image == 0.1
    assert run_energy.to_best_epoch == 900.0 + 60.0 + 64.0, (
        "to get there, the first epoch was needed too"
    )


def test_one_missing_epoch_leaves_no_total() -> None:
    run_energy = derive.run_energy(epochs(900.0, None, 64.0, 70.0), best_epoch=3, device="cpu")
    assert (run_energy.per_epoch, run_energy.per_image, run_energy.to_best_epoch) == (None, None, None)


def test_a_missing_epoch_that_is_not_needed_does_no_harm() -> None:
    assert derive.run_energy(epochs(None, 60.0, 64.0), best_epoch=2, device="cpu").per_epoch == 62.0
    assert (
        derive.run_energy(epochs(900.0, 60.0, None), best_epoch=2, device="cpu").to_best_epoch == 960.0
    )


def test_a_run_without_a_best_epoch_has_no_energy_to_it() -> None:
    assert derive.run_energy(epochs(900.0, 60.0), best_epoch=None, device="cpu").to_best_epoch is None


def test_an_unmeasured_run_has_no_energy() -> None:
    run_energy = derive.run_energy(epochs(None, None), best_epoch=2, device="cpu")
    assert (run_energy.per_epoch, run_energy.per_image, run_energy.to_best_epoch) == (None, None, None)


@pytest.mark.parametrize("device", ["cpu", "mps"])
def test_on_a_mac_whose_processor_is_frozen_a_run_has_no_energy(device: Device) -> None:
    gpu_alone: Any = {"gpu": 50.0, "dram": 3.0}
    frozen = [replace(epoch, energy_joules=gpu_alone) for epoch in epochs(1.0, 1.0, 1.0)]
    run_energy = derive.run_energy(frozen, best_epoch=2, device=device)
    assert (run_energy.per_epoch, run_energy.per_image, run_energy.to_best_epoch) == (None, None, None)


def test_a_run_on_a_gpu_that_was_not_counted_has_no_energy() -> None:
    """As with several GPUs, or one before Volta: the processor alone would look frugal."""
    run_energy = derive.run_energy(epochs(900.0, 60.0, 64.0), best_epoch=2, device="cuda")
    assert (run_energy.per_epoch, run_energy.per_image, run_energy.to_best_epoch) == (None, None, None)


def test_a_run_on_a_gpu_is_charged_with_gpu_and_processor() -> None:
    both = [
        replace(epoch, energy_joules={"cpu package-0": 60.0, "gpu": 580.0, "dram x": 9.0})
        for epoch in epochs(1.0, 1.0, 1.0)
    ]
    run_energy = derive.run_energy(both, best_epoch=2, device="cuda")
    assert (run_energy.per_epoch, run_energy.per_image, run_energy.to_best_epoch) == (640.0, 1.0, 1280.0)
