"""Rules on the disk, open files, the data set and the results folder."""

from __future__ import annotations

from bench.doctor.facts import Facts
from bench.doctor.findings import Finding, Findings, Level, error, gigabytes, warning

TEMPORARY = "temporary files"


def open_files(facts: Facts) -> Findings:
    """A process must be able to open hundreds of files."""
    if facts.open_files is not None and facts.open_files < 256:
        message = f"A process may open only {facts.open_files} files here, and frameworks open hundreds."
        yield warning(message, "ulimit -n 4096 (in the same terminal, before the run)")


def disk(facts: Facts) -> Findings:
    """The disk must have room for downloads, checkpoints, results and what is compiled."""
    disks = {
        "results/": facts.results,
        "the downloads": facts.cache,
        TEMPORARY: facts.compiled,
    }
    volumes: dict[object, list[str]] = {}
    for content, disk in disks.items():
        if disk.needs_bytes:  # one of unknown volume shares it with no other
            volumes.setdefault(content if disk.volume is None else disk.volume, []).append(content)
    for contents in volumes.values():
        disk = disks[contents[0]]
        needed_bytes = sum(disks[content].needs_bytes for content in contents)
        if disk.free_bytes is not None and disk.free_bytes < needed_bytes:
            elsewhere = "; or set TMPDIR to a folder of another disk" if TEMPORARY in contents else ""
            yield error(
                f"The disk of {' and of '.join(contents)} has {gigabytes(disk.free_bytes)} free, and"
                f" this run needs {gigabytes(needed_bytes)}.",
                f"make room: what is in the Trash counts too{elsewhere}",
            )


def data(facts: Facts) -> Findings:
    """CIFAR-10 must be available, and a run to be compared should use the official archive."""
    level: Level = "warning" if facts.is_to_be_compared else "good"
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
