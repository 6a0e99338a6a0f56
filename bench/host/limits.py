"""How much of the computer this process may use, where a container or a job scheduler limits it."""

from __future__ import annotations

import os
import resource
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.host.linux import read_kernel_file

CGROUPS = Path("/sys/fs/cgroup")
OWN_CGROUPS = Path("/proc/self/cgroup")


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What this process may use of `processors`, the computer's logical ones. None is no limit.

    `visible` are those that it may run on, which frameworks see and start a thread for each. `quota` is
    the processor time that it gets, in seconds a second. `memory_bytes` is the least of all limits on
    memory, `processor_seconds` the time after which the system ends a process. With a `niceness` above 0
    other programs go first.
    """

    processors: int
    visible: int
    quota: float | None = None
    memory_bytes: int | None = None
    processor_seconds: int | None = None
    niceness: int = 0

    @property
    def usable_processors(self) -> float:
        """How many processors' time the process can get."""
        return self.visible if self.quota is None else min(self.quota, self.visible)

    def settings(self) -> dict[str, str]:
        """What a result says of them; nothing where there is no limit."""
        settings = {}
        if self.usable_processors < self.processors:
            settings["processor_limit"] = f"{self.usable_processors:g} of {self.processors}"
        if self.memory_bytes is not None:
            settings["memory_limit"] = f"{self.memory_bytes / 1e9:.1f} GB"
        if self.niceness > 0:
            settings["niceness"] = str(self.niceness)
        return settings


def current_limits() -> Limits:
    """The limits now: of cgroups, versions 1 and 2, of processor affinity, of `ulimit` and of `nice`."""
    processors = os.cpu_count() or 1
    own = read_kernel_file(OWN_CGROUPS) or ""
    of_process = (resource.getrlimit(kind)[0] for kind in (resource.RLIMIT_AS, resource.RLIMIT_DATA))
    memory = (*_memory_limits(own), *(limit for limit in of_process if limit != resource.RLIM_INFINITY))
    # Version 1 of cgroups has no word for "no limit": it gives the largest number of pages.
    less = [limit for limit in memory if limit < psutil.virtual_memory().total]
    seconds, _ = resource.getrlimit(resource.RLIMIT_CPU)
    return Limits(
        processors=processors,
        visible=len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else processors,
        quota=min(_quotas(own), default=None),
        memory_bytes=min(less, default=None),
        processor_seconds=None if seconds == resource.RLIM_INFINITY else seconds,
        niceness=os.nice(0),
    )


def _memory_limits(own: str) -> Iterator[int]:
    for folder in _folders(own, "memory"):
        for name in ("memory.max", "memory.high", "memory.limit_in_bytes"):
            if (limit := _number(read_kernel_file(folder / name))) is not None:
                yield limit


def _quotas(own: str) -> Iterator[float]:
    for folder in _folders(own, "cpu"):
        quota, _, period = (read_kernel_file(folder / "cpu.max") or "").partition(" ")
        yield from _share(quota, period)
        quota, period = (
            read_kernel_file(folder / name) or "" for name in ("cpu.cfs_quota_us", "cpu.cfs_period_us")
        )
        yield from _share(quota, period)


def _share(quota: str, period: str) -> Iterator[float]:
    """`quota` microseconds of `period`; nothing for "max" and for -1, which are no limit."""
    allowed, of = _number(quota), _number(period)
    if allowed and of:
        yield allowed / of


def _number(text: str | None) -> int | None:
    return int(text) if text and text.isdecimal() else None


def _folders(own: str, controller: str) -> Iterator[Path]:
    """The folders of the process's cgroup and of those around it, which limit it too.

    `own` has a line `ID:CONTROLLERS:PATH` for each hierarchy, where version 2 names no controller.
    Within a container the path may be that of the host, which does not exist there: the outermost folder
    is then the container's own.
    """
    for line in own.splitlines():
        _, _, rest = line.partition(":")
        controllers, _, path = rest.partition(":")
        if controllers and controller not in controllers.split(","):
            continue
        root = CGROUPS / controller if controllers else CGROUPS
        inner = root / path.strip("/")
        yield from (folder for folder in (inner, *inner.parents) if folder.is_relative_to(root))
