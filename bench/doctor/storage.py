"""Rules on the disk, open files, the data set and the results folder."""

from __future__ import annotations

from alexnet.folders import problem_and_fix
from alexnet.imagenet import TORCHVISION_FILE
from bench.doctor.facts import Facts
from bench.doctor.findings import Finding, Findings, Level, error, gigabytes, warning
from bench.plan.prepare import ELSEWHERE

TEMPORARY = "temporary files"


def open_files(facts: Facts) -> Findings:
    """A process must be able to open hundreds of files."""
    if facts.open_files is not None and facts.open_files < 256:
        message = f"A process may open only {facts.open_files} files here, and frameworks open hundreds."
        yield warning(message, "ulimit -n 4096 (in the same terminal, before the run)")


def disk(facts: Facts) -> Findings:
    """The disk must have room for downloads, checkpoints, results and what is compiled."""
    named = {
        "results/": facts.results,
        "the downloads": facts.cache,
        TEMPORARY: facts.temporary,
    }
    disks = {content: disk for content, disk in named.items() if disk}
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


def temporary(facts: Facts) -> Findings:
    """A folder for temporary files must be writable."""
    if facts.temporary is None:
        yield error("No folder for temporary files can be written to.", "set TMPDIR to one that can")


def data(facts: Facts) -> Findings:
    """CIFAR-10 must be available, and a run to be compared should use the official archive.

    So must the weights be, if the user named a file.
    """
    level: Level = "warning" if facts.is_to_be_compared else "good"
    if facts.data_problem is not None:
        yield error(f"CIFAR-10 cannot be had: {facts.data_problem.problem}.", facts.data_problem.remedy)
    elif facts.data == "folder":
        message = "CIFAR-10 comes from a folder that you named, and only you can vouch for its images."
        fix = "leave out --data-dir and ALEXNET_DATA: the checked archive is downloaded"
        yield Finding(level=level, message=message, fix=fix if level == "warning" else "")
    elif facts.data == "download" and facts.cache_problem:
        problem, fix = facts.cache_problem
        yield warning(
            f"CIFAR-10 is not here yet and cannot be kept: {problem}.",
            f"{fix}, or name a folder with CIFAR-10 by --data-dir",
            error_if=facts.is_to_be_compared,
        )
    elif facts.data == "download":
        message = "CIFAR-10 (170 MB) is not here yet and will be downloaded as the run starts."
        fix = "stay connected until it is there, or name a folder with --data-dir"
        yield Finding(level=level, message=message, fix=fix if level == "warning" else "")
    if facts.weights_problem is not None:
        fix = f"name {TORCHVISION_FILE} of your own, or leave --weights out: then it is downloaded"
        yield error(f"ImageNet's weights cannot be had: {facts.weights_problem}.", fix)


def results(facts: Facts) -> Findings:
    """The results folder must be writable."""
    if facts.results_obstacle:
        problem, fix = problem_and_fix(facts.results_obstacle, ELSEWHERE)
        yield error(f"Nothing can be saved: {problem}.", fix)
