"""Host memory is read from the right fields, its peak falls again, and `reads` tells what it is."""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bench.meters.memory import LinuxMemory, MacMemory, host_memory
from bench.records.types import Reads
from bench.records.words import reads_text

STATUS = """\
Name:\tpython
VmPeak:\t 9000000 kB
VmSize:\t 8000000 kB
VmHWM:\t  204800 kB
VmRSS:\t  102400 kB
RssAnon:\t   90000 kB
Threads:\t2
"""
ONLY_ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="there is no /proc here")


def proc(folder: Path, status: str = STATUS) -> Path:
    """A folder like /proc/self, whose clear_refs takes whatever is written."""
    (folder / "status").write_text(status)
    (folder / "clear_refs").touch()
    return folder


def number(reading: int | None) -> int:
    assert reading is not None, "an available counter gives a number"
    return reading


def test_linux_reads_resident_memory_and_its_high_water_mark(tmp_path: Path) -> None:
    memory = LinuxMemory(proc(tmp_path))
    assert memory.reads == Reads(kind="resident memory in the epoch")
    assert memory.reads.measured
    assert reads_text(memory.reads) == "resident memory (VmHWM), the most within the epoch"
    assert memory.now_bytes() == 102_400 * 1024
    assert memory.peak_bytes() == 204_800 * 1024


def test_linux_is_read_anew_each_time(tmp_path: Path) -> None:
    memory = LinuxMemory(proc(tmp_path))
    proc(tmp_path, STATUS.replace("204800", "300000").replace("102400", "200000"))
    assert (memory.now_bytes(), memory.peak_bytes()) == (200_000 * 1024, 300_000 * 1024)


def test_a_reset_asks_linux_for_the_high_water_mark_alone(tmp_path: Path) -> None:
    """proc(5): 5 resets VmHWM; 1 to 4 would clear the bits that pages are aged by."""
    memory = LinuxMemory(proc(tmp_path))
    (tmp_path / "clear_refs").write_text("")
    memory.reset()
    assert (tmp_path / "clear_refs").read_text() == "5"


@pytest.mark.parametrize(
    "status",
    [
        STATUS.replace("VmHWM", "VmOther"),
        STATUS.replace("VmHWM:\t  204800 kB", "VmHWM:\t  unknown"),
        STATUS.replace("VmHWM", "NotVmHWM"),
        "",
    ],
    ids=["no such line", "no number", "another name that ends alike", "empty"],
)
def test_without_a_high_water_mark_linux_measures_nothing(tmp_path: Path, status: str) -> None:
    memory = LinuxMemory(proc(tmp_path, status))
    assert memory.reads == Reads(kind="no resident memory", detail=str(tmp_path / "status"))
    assert not memory.reads.measured
    assert reads_text(memory.reads) == f"{tmp_path / 'status'} has no VmHWM here"


def test_where_there_is_no_proc_linux_measures_nothing(tmp_path: Path) -> None:
    memory = LinuxMemory(tmp_path / "nowhere")
    assert memory.reads.kind == "no resident memory"
    memory.reset()  # which a meter calls without asking first
    assert (memory.now_bytes(), memory.peak_bytes()) == (None, None)


def test_a_field_that_linux_lacks_is_none_and_not_nothing_used(tmp_path: Path) -> None:
    memory = LinuxMemory(proc(tmp_path, STATUS.replace("VmRSS", "VmOther")))
    assert (memory.now_bytes(), memory.peak_bytes()) == (None, 204_800 * 1024)


def test_memory_that_linux_no_longer_tells_is_none_and_costs_no_run(tmp_path: Path) -> None:
    memory = LinuxMemory(proc(tmp_path))
    (tmp_path / "status").unlink()
    (tmp_path / "clear_refs").unlink()
    memory.reset()
    assert (memory.now_bytes(), memory.peak_bytes()) == (None, None)


def test_where_no_reset_is_allowed_linux_says_since_when_its_peak_is(tmp_path: Path) -> None:
    proc(tmp_path)
    (tmp_path / "clear_refs").unlink()
    (tmp_path / "clear_refs").mkdir()  # root may write to any file, but nobody to a folder
    memory = LinuxMemory(tmp_path)
    assert memory.reads == Reads(kind="resident memory since the start")
    assert memory.reads.measured
    assert reads_text(memory.reads) == (
        "resident memory (VmHWM), the most since the process began: no reset allowed"
    )
    memory.reset()
    assert memory.peak_bytes() == 204_800 * 1024


@ONLY_ON_LINUX
def test_on_linux_a_peak_rises_with_what_is_touched_and_falls_after_a_reset() -> None:
    """200 MB of ones: pages are resident once written.

    The kernel counts resident pages in batches, and this process has other things to hold: 20 MB.
    """
    size, tolerance = 200 * 10**6, 20 * 10**6
    memory = LinuxMemory()
    if memory.reads.kind == "resident memory since the start":
        pytest.skip("this kernel does not let the high-water mark be reset")
    memory.reset()
    before = number(memory.peak_bytes())
    assert before > 10**6, "a Python process takes some megabytes"
    held = np.ones(size, np.uint8)
    during = number(memory.peak_bytes())
    assert during - before == pytest.approx(size, abs=tolerance)
    assert number(memory.now_bytes()) - before == pytest.approx(size, abs=tolerance)
    assert held[-1] == 1
    del held
    assert number(memory.peak_bytes()) >= during - tolerance, "the peak stays when memory is given back"
    assert number(memory.now_bytes()) < during - size + tolerance
    memory.reset()
    assert during - number(memory.peak_bytes()) == pytest.approx(size, abs=tolerance)


@ONLY_ON_LINUX
def test_this_system_has_a_counter_of_its_own() -> None:
    memory = host_memory()
    assert isinstance(memory, LinuxMemory)
    assert memory.reads.measured


class Library:
    """libSystem's two calls: bytes at the offsets where xnu's rusage_info_v4 has them."""

    def __init__(self, *, resets: int | None = 0, fails: bool = False) -> None:
        self.fails = fails
        self.fields = {72: 3 * 10**9, 240: 7 * 10**9, 280: 5 * 10**9}
        self.resets: list[int] = []

        def reset(pid: int) -> int:
            assert resets is not None
            self.resets.append(pid)
            return resets

        if resets is not None:
            self.proc_reset_footprint_interval = reset

    def proc_pid_rusage(self, pid: int, flavor: int, buffer: Any) -> int:
        assert (pid, flavor, ctypes.sizeof(buffer)) == (os.getpid(), 4, 296)
        if self.fails:
            return -1
        for offset in range(16, 296, 8):
            struct.pack_into("<Q", buffer, offset, self.fields.get(offset, 10**18 + offset))
        return 0


def test_macos_reads_the_footprint_and_the_most_since_the_reset() -> None:
    library = Library()
    memory = MacMemory(library)
    assert memory.reads == Reads(kind="footprint in the epoch")
    assert memory.reads.measured
    assert reads_text(memory.reads) == "physical footprint, the most within the epoch"
    assert memory.now_bytes() == 3 * 10**9
    assert memory.peak_bytes() == 5 * 10**9
    library.resets.clear()
    memory.reset()
    assert library.resets == [os.getpid()]


@pytest.mark.parametrize("resets", [None, -1], ids=["no such call", "a call that fails"])
def test_where_no_reset_is_allowed_macos_falls_back_on_the_lifetime(resets: int | None) -> None:
    memory = MacMemory(Library(resets=resets))
    assert memory.reads == Reads(kind="footprint since the start")
    assert memory.reads.measured
    assert reads_text(memory.reads) == (
        "physical footprint, the most since the process began: no reset allowed"
    )
    assert (memory.now_bytes(), memory.peak_bytes()) == (3 * 10**9, 7 * 10**9)
    memory.reset()
    assert memory.peak_bytes() == 7 * 10**9


def test_a_mac_that_tells_nothing_measures_nothing() -> None:
    memory = MacMemory(Library(fails=True))
    assert memory.reads == Reads(kind="no footprint")
    assert not memory.reads.measured
    assert reads_text(memory.reads) == "proc_pid_rusage gives this process nothing"
    memory.reset()
    assert (memory.now_bytes(), memory.peak_bytes()) == (None, None)


def test_memory_that_macos_no_longer_tells_is_none_and_costs_no_run() -> None:
    library = Library()
    memory = MacMemory(library)
    library.fails = True
    memory.reset()
    assert (memory.now_bytes(), memory.peak_bytes()) == (None, None)


@pytest.mark.parametrize(
    ("interval", "peak"), [(0, 3 * 10**9), (2 * 10**9, 3 * 10**9), (4 * 10**9, 4 * 10**9)]
)
def test_a_peak_is_never_less_than_what_is_there(interval: int, peak: int) -> None:
    """Older kernels begin an interval at nothing, whatever the process holds."""
    library = Library()
    library.fields[280] = interval
    assert MacMemory(library).peak_bytes() == peak


def test_the_calls_are_looked_for_in_the_process_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """Since macOS 11 libSystem is no file on the disk; every process has it loaded."""
    opened: list[Any] = []

    def load(*name: Any) -> Library:
        opened.append(name)
        return Library()

    monkeypatch.setattr(ctypes, "CDLL", load)
    assert MacMemory().peak_bytes() == 5 * 10**9
    assert opened == [(None,)]


def test_a_footprint_beyond_four_gigabytes_is_not_cut() -> None:
    library = Library()
    library.fields = {72: 2**40 + 1, 280: 2**40 + 3}
    memory = MacMemory(library)
    assert (memory.now_bytes(), memory.peak_bytes()) == (2**40 + 1, 2**40 + 3)


@pytest.mark.skipif(sys.platform != "darwin", reason="libSystem is macOS's")
def test_on_macos_a_peak_rises_with_what_is_touched_and_falls_after_a_reset() -> None:
    """As on Linux; macOS may compress what is idle, which 200 MB just written are not."""
    size, tolerance = 200 * 10**6, 20 * 10**6
    memory = host_memory()
    if memory.reads.kind == "footprint since the start":
        pytest.skip("this macOS does not let the peak be reset")
    memory.reset()
    before = number(memory.peak_bytes())
    held = np.ones(size, np.uint8)
    during = number(memory.peak_bytes())
    assert during - before == pytest.approx(size, abs=tolerance)
    assert held[-1] == 1
    del held
    memory.reset()
    assert during - number(memory.peak_bytes()) == pytest.approx(size, abs=tolerance)
