"""What a container, a job scheduler or `ulimit` allows: both versions of cgroups, and affinity."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest

from bench.host import limits
from bench.host.limits import Limits, current_limits
from bench.paths import ROOT

GB = 10**9
NO_LIMIT = "9223372036854771712"
"""What version 1 gives where there is none: the largest number of pages."""


@pytest.fixture
def computer(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The folder of the cgroups of a computer of 64 processors and 64 GB, without limits so far."""
    root = tmp_path / "cgroup"
    root.mkdir()
    monkeypatch.setattr(limits, "CGROUPS", root)
    monkeypatch.setattr(limits, "OWN_CGROUPS", tmp_path / "own")
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: set(range(64)), raising=False)
    monkeypatch.setattr(psutil, "virtual_memory", lambda: SimpleNamespace(total=64 * GB))
    unlimited = (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
    monkeypatch.setattr(resource, "getrlimit", lambda kind: unlimited)
    monkeypatch.setattr(os, "nice", lambda more: 0)
    return root


def plant(root: Path, own: str, files: dict[str, str]) -> None:
    """Writes which cgroups the process is in, and files of cgroups."""
    (root.parent / "own").write_text(own)
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(f"{content}\n")


@pytest.mark.usefixtures("computer")
def test_without_limits_nothing_is_said() -> None:
    assert current_limits() == Limits(processors=64, visible=64)
    assert current_limits().settings() == {}


def test_a_container_of_version_2_has_its_limits_in_its_outermost_folder(computer: Path) -> None:
    files = {"memory.max": str(2 * GB), "memory.high": "max", "cpu.max": "200000 100000"}
    plant(computer, "0::/\n", files)
    assert current_limits() == Limits(processors=64, visible=64, quota=2.0, memory_bytes=2 * GB)
    assert current_limits().settings() == {"processor_limit": "2 of 64", "memory_limit": "2.0 GB"}


def test_the_least_of_all_folders_around_a_service_counts(computer: Path) -> None:
    plant(
        computer,
        "0::/user.slice/mine.scope\n",
        {
            "user.slice/memory.max": str(8 * GB),
            "user.slice/cpu.max": "max 100000",
            "user.slice/mine.scope/memory.max": "max",
            "user.slice/mine.scope/memory.high": str(3 * GB),
            "user.slice/mine.scope/cpu.max": "150000 100000",
        },
    )
    assert current_limits() == Limits(processors=64, visible=64, quota=1.5, memory_bytes=3 * GB)


OWN_1 = (
    "4:memory:/docker/abc\n3:cpu,cpuacct:/docker/abc\n2:cpuset:/docker/abc\n1:name=systemd:/docker/abc\n"
)


def test_a_container_of_version_1_is_named_by_a_path_of_its_host(computer: Path) -> None:
    """Which does not exist within it."""
    plant(
        computer,
        OWN_1,
        {
            "memory/memory.limit_in_bytes": str(2 * GB),
            "cpu/cpu.cfs_quota_us": "50000",
            "cpu/cpu.cfs_period_us": "100000",
        },
    )
    assert current_limits() == Limits(processors=64, visible=64, quota=0.5, memory_bytes=2 * GB)
    assert current_limits().settings()["processor_limit"] == "0.5 of 64"


def test_a_job_of_version_1_has_its_own_folder(computer: Path) -> None:
    plant(
        computer,
        OWN_1,
        {
            "memory/memory.limit_in_bytes": NO_LIMIT,
            "memory/docker/abc/memory.limit_in_bytes": str(4 * GB),
            "cpu/docker/abc/cpu.cfs_quota_us": "-1",
            "cpu/docker/abc/cpu.cfs_period_us": "100000",
        },
    )
    assert current_limits() == Limits(processors=64, visible=64, memory_bytes=4 * GB)


def test_a_limit_above_the_memory_is_none(computer: Path) -> None:
    plant(computer, "0::/\n", {"memory.max": str(65 * GB), "cpu.max": "nonsense"})
    assert current_limits() == Limits(processors=64, visible=64)


def test_what_a_process_may_not_run_on_is_counted(
    computer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By taskset, a cpuset or a job scheduler."""
    monkeypatch.setattr(os, "sched_getaffinity", lambda process: {0, 1, 2, 3}, raising=False)
    plant(computer, "0::/\n", {"cpu.max": "800000 100000"})
    assert current_limits().usable_processors == 4
    assert current_limits().settings() == {"processor_limit": "4 of 64"}


@pytest.mark.usefixtures("computer")
def test_a_system_without_affinity_and_cgroups_has_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """As macOS."""
    monkeypatch.delattr(os, "sched_getaffinity")
    assert current_limits() == Limits(processors=64, visible=64)


LIMITED_SHELL = (
    'ulimit -t 3600; ulimit -v 4000000; exec nice -n 5 "$0" -c \'from bench.host.limits import'
    " current_limits as now; print(now().processor_seconds, now().memory_bytes, now().niceness)'"
)


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no limit on addresses")
def test_the_limits_of_a_shell_are_read() -> None:
    told = subprocess.check_output(["sh", "-c", LIMITED_SHELL, sys.executable], cwd=ROOT, text=True)
    assert told.split() == ["3600", str(4_000_000 * 1024), str(min(os.nice(0) + 5, 19))]


def test_a_process_that_lets_others_go_first_says_so() -> None:
    """zsh, the Mac's shell, starts what is sent to its background so."""
    assert Limits(processors=8, visible=8, niceness=5).settings() == {"niceness": "5"}
