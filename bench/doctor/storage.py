"""Rules on the disk, open files, the data set and the results folder."""

from __future__ import annotations

from bench.doctor.facts import Facts
from bench.doctor.findings import Finding, Findings, Level, error, gigabytes, warning


def open_files(facts: Facts) -> Findings:
    """A process must be able to open hundreds of files."""
    if facts.open_files is not None and facts.open_files < 256:
        message = f"A process may open only {facts.open_files} files here, and frameworks open hundreds."
        yield warning(message, "ulimit -n 4096 (in the same terminal, before the run)")


def disk(facts: Facts) -> Findings:
    """The disk must have room for downloads, checkpoints and results."""
    results, cache = facts.results, facts.cache
    needs = [("results/", results, results.needs_bytes)]
    if results.volume is not None and results.volume == cache.volume:
        needs = [("results/ and of the downloads", results, results.needs_bytes + cache.needs_bytes)]
    else:
        needs += [("the downloads", cache, cache.needs_bytes)]
    for content, disk, needed_bytes in needs:
        if disk.free_bytes is not None and disk.free_bytes < needed_bytes:
            yield error(
                f"The disk of {content} has {gigabytes(disk.free_bytes)} free, and this run needs"
                f" {gigabytes(needed_bytes)}.",
                "make room: what is in the Trash counts too",
            )


def data(facts: Facts) -> Findings:
    """CIFAR-10 must be available, and a full run should use the official archive."""
    level: Level = "warning" if facts.profile == "full" else "good"
    if facts.data == "missing":
        message = "The folder named with --data-dir or ALEXNET_DATA does not hold all files of CIFAR-10."
        yield error(message, "name one that holds cifar-10-batches-bin, or none: it is then downloaded")
    elif facts.data == "folder":
        message = "CIFAR-10 comes from a folder that you named, and only you can vouch for its images."
        fix = "leave out --data-dir and ALEXNET_DATA: the checked archive is downloaded"
        yield Finding(level=level, message=message, fix=fix if level == "warning" else "")
    elif facts.data == "download":
        message = "CIFAR-10 (170 MB) is not here yet and will be downloaded as the run starts."
        fix = "stay connected until it is there, or name a folder with --data-dir"
        yield Finding(level=level, message=message, fix=fix if level == "warning" else "")


def results(facts: Facts) -> Findings:
    """The results folder must be writable."""
    if not facts.results.writable:
        yield error("The folder results/ cannot be written to.", "chmod -R u+w results")
