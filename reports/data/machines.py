"""Which computer is which: one row each, and a label that two of them never share."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd

from bench.records.computer import BODY, agree, readings
from bench.records.types import Machine
from reports.data.sources import SourceRun
from reports.data.text import plain

COLUMNS = (
    *("machine", "computer", "name", "chip", "model", "cpu_cores", "gpu", "gpu_cores", "device_names"),
    *("memory_bytes", "os", "os_build", "os_builds", "python", "architecture", "translated", "virtual"),
    *("packages", "first_started_at", "last_started_at", "runs", "states", "record"),
)
MOST_LETTERS = 40
"""Of a label, whatever is in it."""
MOST_OF_A_BUILD = 28
"""A kernel's release is longer than a build of macOS: 5.15.153.1-microsoft-standard-WSL2 is cut."""
UNKNOWN_BUILD = "build not known"

Identity = tuple[Hashable, ...]
"""A computer's name and the parts of its body."""
DeviceName = tuple[str, str, str]
"""(engine, device, what the engine calls the device)."""
DeviceNames = frozenset[DeviceName]
"""What the engines of some runs call their devices, the CPU left out."""


def labels(runs: Sequence[SourceRun], *, pool_os_builds: bool = False) -> tuple[list[str], pd.DataFrame]:
    """A label for each run's machine, and a row for each machine, the one measured first on top.

    Computers of one name are told apart by a number, "name", "name (2)", if they differ in body or if
    one engine calls their GPUs by two names; two that differ in neither cannot be. A computer with runs
    under several builds of its system is a machine a build, "name (25B78)"; with `pool_os_builds` it is
    one.

    `computer` is the label without the build, `os_builds` are the builds that a machine's runs were
    under, and `device_names` what the engines call its GPU. System and packages are those of the latest
    run; `states` says how many different ones there were, and `record` is that run's Machine as it was
    saved.
    """
    label_of: dict[int, str] = {}
    rows: list[dict[str, Any]] = []
    taken, numbers = set[str](), Counter[str]()
    for members in _computers(runs):
        by_build: dict[str | None, list[int]] = defaultdict(list)
        for index in members:
            by_build[runs[index].machine.os_build].append(index)
        machines = [members]
        builds = [""]
        if len(by_build) > 1 and not pool_os_builds:
            machines = [by_build[build] for build in _in_order(by_build)]
            builds = _build_texts(by_build)
        computer, names = _free(runs[members[0]].machine.name, builds, taken, numbers)
        for label, machine in zip(names, machines, strict=True):
            label_of |= dict.fromkeys(machine, label)
            rows.append(_row(label, computer, [runs[index] for index in machine]))
    rows.sort(key=lambda row: row["first_started_at"] or LAST)
    return [label_of[index] for index in range(len(runs))], pd.DataFrame(rows, columns=list(COLUMNS))


@dataclass(frozen=True, kw_only=True)
class SeveralBuilds:
    """A computer with runs under several builds of its system, and whether they are one machine."""

    computer: str
    builds: tuple[str, ...]
    pooled: bool


def several_builds(machines: pd.DataFrame) -> list[SeveralBuilds]:
    """The computers with several builds, in the order of the frame `machines`."""
    return [
        SeveralBuilds(computer=str(computer), builds=builds, pooled=len(rows) == 1)
        for computer, rows in machines.groupby("computer", sort=False)
        if len(builds := tuple(build for of_row in rows["os_builds"] for build in of_row)) > 1
    ]


def alike_but_for_gpus(machines: pd.DataFrame) -> list[dict[str, tuple[str, ...]]]:
    """Computers of one name and body: computer -> what its engines call its GPU."""
    groups = []
    for _, body in machines.groupby(["name", *BODY], sort=False, dropna=False):
        if len(body) == 1:
            continue
        names: dict[str, tuple[str, ...]] = {}
        for row in body.itertuples():  # a row for each build, if they are told apart
            names[row.computer] = tuple(sorted({*names.get(row.computer, ()), *row.device_names}))
        if len(names) > 1:
            groups.append(names)
    return groups


def _computers(runs: Sequence[SourceRun]) -> list[list[int]]:
    """The runs' places, computer by computer, the one measured first on top."""
    body_of = _bodies({_identity(entry.machine) for entry in runs})
    bodies: dict[Identity, list[int]] = defaultdict(list)
    for index, entry in enumerate(runs):
        bodies[body_of[_identity(entry.machine)]].append(index)
    computers = [
        (_first([runs[index] for index in members]), str(identity), str(sorted(names)), members)
        for identity, of_body in bodies.items()
        for names, members in _by_gpu(runs, of_body)
    ]
    return [members for *_, members in sorted(computers, key=lambda computer: computer[:3])]


def _identity(machine: Machine) -> Identity:
    return (machine.name, *readings(machine).values())


def _bodies(identities: Collection[Identity]) -> dict[Identity, Identity]:
    """Each computer's identity -> one that stands for it and for those that are the same computer's.

    What may be of either of two computers is one of its own.
    """
    named: dict[Hashable, list[list[Identity]]] = defaultdict(list)
    for identity in sorted(identities, key=lambda parts: (parts.count(None), str(parts))):
        groups = named[identity[0]]
        alike = [group for group in groups if all(_is_alike(identity, other) for other in group)]
        if len(alike) == 1:
            alike[0].append(identity)
        else:
            groups.append([identity])
    every = [group for groups in named.values() for group in groups]
    return {identity: group[0] for group in every for identity in group}


def _is_alike(one: Identity, other: Identity) -> bool:
    """Whether no part of the body of two computers of one name says that they are two."""
    return all(agree(*pair) for pair in zip(BODY, one[1:], other[1:], strict=True))


def _by_gpu(runs: Sequence[SourceRun], members: list[int]) -> Iterator[tuple[DeviceNames, list[int]]]:
    """The runs of one name and body, parted where an engine names two GPUs; the names, and the runs.

    Each engine has names of its own for a GPU (TensorFlow on Metal has its plug-in's), so two engines'
    names are no contradiction. Runs that name no GPU go with those measured first.
    """
    by_names: dict[DeviceNames, list[int]] = defaultdict(list)
    for names, unit in _units(runs, members):
        by_names[names] += unit
    nameless = by_names.pop(frozenset(), [])
    gpus = [
        (frozenset().union(*group), [index for names in group for index in by_names[names]])
        for group in _of_one_gpu(by_names)
    ] or [(frozenset[DeviceName](), [])]
    gpus.sort(key=lambda gpu: (_first([runs[index] for index in gpu[1]]), sorted(gpu[0])))
    gpus[0][1].extend(nameless)
    yield from gpus


def _units(runs: Sequence[SourceRun], members: list[int]) -> Iterator[tuple[DeviceNames, list[int]]]:
    """The runs of each file, and what they name; those of a file that names two GPUs one by one."""
    files: dict[str, list[int]] = defaultdict(list)
    for index in members:
        files[runs[index].source.sha256].append(index)
    for of_file in files.values():
        parts = [of_file]
        if _contradict([_device_names([runs[index] for index in of_file])]):
            parts = [[index] for index in of_file]
        for part in parts:
            yield _device_names([runs[index] for index in part]), part


def _device_names(runs: Sequence[SourceRun]) -> DeviceNames:
    return frozenset(
        (str(entry.run["engine"]), str(entry.run["device"]), entry.run.gpu)
        for entry in runs
        if entry.run.gpu is not None
    )


def _contradict(sets: Collection[DeviceNames]) -> bool:
    """Whether an engine has two names for one kind of device."""
    every = frozenset().union(*sets)
    return len({(engine, device) for engine, device, _ in every}) < len(every)


def _of_one_gpu(sets: Collection[DeviceNames]) -> list[set[DeviceNames]]:
    """The sets that can be of one GPU together, and never two that contradict each other.

    A set that goes with two that contradict each other goes with those that have one of its names, also
    from another engine, since CUDA gives all frameworks one name. Where that does not settle it, the set
    stands by itself: which GPU it is of cannot be known.
    """
    near: dict[DeviceNames, set[DeviceNames]] = {}
    for names in sets:
        alike = {other for other in sets if other != names and not _contradict([names, other])}
        if _contradict(alike):
            words = {name for *_, name in names}
            alike = {other for other in alike if words & {name for *_, name in other}}
        near[names] = set() if _contradict(alike) else alike
    groups: list[set[DeviceNames]] = []
    left = set(sets)
    while left:
        group, border = set[DeviceNames](), {left.pop()}
        while border:
            group |= border
            border = {other for names in border for other in near[names] if names in near[other]} - group
        left -= group
        groups += [{names} for names in group] if _contradict(group) else [group]
    return groups


LAST = "9999"
"""Sorts after every time."""


def _first(group: Sequence[SourceRun]) -> str:
    """The earliest time of a group; what has none comes last."""
    return min((entry.run.began for entry in group if entry.run.began), default=LAST)


def _in_order(builds: Collection[str | None]) -> list[str | None]:
    """By their names; the one that is not known comes last."""
    return sorted(builds, key=lambda build: (build is None, build or ""))


def _build_texts(builds: Collection[str | None]) -> list[str]:
    """What labels call the builds of one computer, in order: short, no two alike."""
    names: list[str] = []
    for build in _in_order(builds):
        text = plain(build or "", MOST_OF_A_BUILD) or UNKNOWN_BUILD
        name, number = text, 1
        while name in names:
            number += 1
            name = _ended(text, f" ({number})", MOST_OF_A_BUILD)
        names.append(name)
    return names


def _free(
    name: str, builds: Sequence[str], taken: set[str], numbers: Counter[str]
) -> tuple[str, list[str]]:
    """A computer's label, and one for each build, "" where builds are not told apart.

    Adds them to `taken`, and to `numbers` the number that the name's last computer has.
    """
    text = plain(name, MOST_LETTERS) or "unnamed"
    while True:
        numbers[text] += 1
        suffix = f" ({numbers[text]})" if numbers[text] > 1 else ""
        computer = _ended(text, suffix, MOST_LETTERS)
        ends = [f"{suffix} ({build})" if build else suffix for build in builds]
        names = [_ended(text, end, MOST_LETTERS) for end in ends]
        if not taken & {computer, *names}:
            taken |= {computer, *names}
            return computer, names


def _ended(text: str, end: str, most: int) -> str:
    """The text and its end, in so many letters at most: it is the text that is cut."""
    return f"{plain(text, most - len(end))}{end}"


def _row(label: str, computer: str, group: Sequence[SourceRun]) -> dict[str, Any]:
    times = sorted(entry.run.began for entry in group if entry.run.began)
    # One record for all runs of a file: its text, which is long, is made once.
    states = {key: str(machine) for key, machine in {id(e.machine): e.machine for e in group}.items()}
    newest = max(group, key=lambda entry: (entry.run.began, states[id(entry.machine)])).machine
    fields = {name: _told(getattr(newest, name)) for name in COLUMNS if hasattr(newest, name)}
    builds = {entry.machine.os_build for entry in group}
    return fields | {
        "machine": label,
        "computer": computer,
        "cpu_cores": tuple(
            f"{number} {plain(kind, 20)}" if kind != "cores" else str(number)
            for kind, number in (newest.cpu_cores or {}).items()
        ),
        "device_names": tuple(
            sorted({plain(name, 60) or "unnamed" for *_, name in _device_names(group)})
        ),
        "os_builds": tuple(_build_texts(builds)),
        "packages": tuple(f"{plain(k, 40)} {plain(v, 40)}" for k, v in newest.packages.items()),
        "first_started_at": times[0] if times else None,
        "last_started_at": times[-1] if times else None,
        "runs": len(group),
        "states": len({*states.values()}),
        "record": newest,
    }


def _told(value: Any) -> Any:
    return plain(value, 80) if isinstance(value, str) else value
