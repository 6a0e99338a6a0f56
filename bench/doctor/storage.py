"""Rules on disk, folders, open files and data."""

from __future__ import annotations

from bench.doctor.facts import (
    Facts,
)
from bench.doctor.findings import Finding, Findings, Level, error, gigabytes, warning


def open_files(facts: Facts) -> Findings:
    """How many files a process may open."""
    if facts.open_files is not None and facts.open_files < 256:
        what = f"A process may open only {facts.open_files} files here, and frameworks open hundreds."
        yield warning(what, "ulimit -n 4096 (in the same terminal, before the run)")


def disk(facts: Facts) -> Findings:
    """Whether downloads, checkpoints and results have room."""
    results, cache = facts.results, facts.cache
    needs = [("results/", results, results.needs_bytes)]
    if results.volume is not None and results.volume == cache.volume:
        needs = [("results/ and of the downloads", results, results.needs_bytes + cache.needs_bytes)]
    else:
        needs += [("the downloads", cache, cache.needs_bytes)]
    for name, disk, need in needs:
        if disk.free_bytes is not None and disk.free_bytes < need:
            free = f"The disk of {name} has {gigabytes(disk.free_bytes)} free"
            fix = "make room: what is in the Trash counts too"
            yield error(f"{free}, and this run needs {gigabytes(need)}.", fix)


def data(facts: Facts) -> Findings:
    """Where the images of CIFAR-10 come from."""
    level: Level = "warning" if facts.profile == "full" else "good"
    if facts.data == "missing":
        what = "The folder named with --data-dir or ALEXNET_DATA does not hold all files of CIFAR-10."
        yield error(what, "name one that holds cifar-10-batches-bin, or none: it is then downloaded")
    elif facts.data == "folder":
        what = "CIFAR-10 comes from a folder that you named, and only you can vouch for its images."
        fix = "leave out --data-dir and ALEXNET_DATA: the checked archive is downloaded"
        yield Finding(level=level, message=what, fix=fix if level == "warning" else "")
    elif facts.data == "download":
        what = "CIFAR-10 (170 MB) is not here yet and will be downloaded as the run starts."
        fix = "stay connected until it is there, or name a folder with --data-dir"
        yield Finding(level=level, message=what, fix=fix if level == "warning" else "")


def results(facts: Facts) -> Findings:
    """Whether results can be written."""
    if not facts.results.writable:
        yield error("The folder results/ cannot be written to.", "chmod -R u+w results")
