"""The saved files that a report is made of: found, read without trust, each run counted once."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from glob import glob  # Path.glob takes no absolute pattern
from pathlib import Path
from typing import Literal

import msgspec

from bench.records.read import MAX_BYTES, ProblemKind, UnreadableFile, read
from bench.records.types import Machine
from reports.data.cache import Cache
from reports.data.saved import SavedFile, SavedRun, saved_file
from reports.data.text import plain

MOST_REASONS = 20
"""Of texts that come out of files, in one error: whoever sent them fills no screen."""
LEAST_FILES_APART = 24
"""Files that have to be read before it pays to start processes for it: each takes half a second."""
FILES_AT_A_TIME = 4
MOST_PROCESSES = 8
"""A process takes 70 MB, and the rows that it sends have to be taken in by one."""


class NoResults(Exception):
    """Nothing that a report could be made of, and why."""


@dataclass(frozen=True, kw_only=True)
class Source:
    """One file; `name` is its folder and its own name, `checksums_fit` is of all its runs."""

    name: str
    sha256: str
    bytes: int
    machine: str
    checksums_fit: bool


LeftOutKind = ProblemKind | Literal["same file", "same run"]


@dataclass(frozen=True, kw_only=True)
class LeftOut:
    """A file or a part of one that is not in the report, and why.

    `cell` is a run's, if it is a run that is left out. `detail` is the file in which the same stands, or
    a sentence on what is wrong.
    """

    name: str
    kind: LeftOutKind
    cell: str | None = None
    detail: str


@dataclass(frozen=True, kw_only=True)
class SourceRun:
    """A run, its machine as the file has it, and the file that it was first found in."""

    run: SavedRun
    machine: Machine
    source: Source


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A cell of a file that was not run, and why."""

    source: Source
    cell: str
    reason: str


@dataclass(frozen=True, kw_only=True)
class Sources:
    """All that was found, in the order of the files' names.

    `files` are what was read of each, by its sha256.
    """

    sources: list[Source] = field(default_factory=list)
    files: dict[str, SavedFile] = field(default_factory=dict)
    runs: list[SourceRun] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    shared_runs: list[tuple[str, str]] = field(default_factory=list)
    """The sha256 of two files that hold the same run, for each such pair."""

    def sessions(self) -> dict[str, str]:
        """File's sha256 -> its session, which is called by one of its files.

        Files that share a run are saves of one session, each as far as it was.
        """
        files_of = {source.sha256: [source.sha256] for source in self.sources}
        session_of = {sha256: sha256 for sha256 in files_of}
        for pair in self.shared_runs:
            first, second = (session_of[sha256] for sha256 in pair)
            if first != second:
                joined = files_of.pop(second)
                files_of[first] += joined
                session_of |= dict.fromkeys(joined, first)
        return session_of


def left_out_text(left_out: LeftOut) -> str:
    """Why a file or a part of one is not in the report."""
    match left_out.kind:
        case "same file":
            why = f"the same bytes as {left_out.detail}, which counts once"
        case "same run":
            why = f"the same run as in {left_out.detail}, which counts once"
        case _:
            why = left_out.detail
    return plain(f"{left_out.cell}: {why}" if left_out.cell else why)


def gather(given: Sequence[str], *, cache: Cache | None = None, processes: int = 1) -> Sources:
    """Reads every file that the names, folders and globs stand for.

    A folder stands for the .json files under it, hidden folders left out. What cannot be used is
    listed in `left_out`, and so is a folder that is closed to this user. What a cache has is not read
    again, and what is read is kept in it. Many files are read by so many processes. Raises NoResults
    where a name stands for nothing, or no run is left.
    """
    sources, names, checksums = Sources(), dict[str, str](), dict[str, Source]()
    paths = _paths(given, sources.left_out)
    with ThreadPoolExecutor(max(1, processes)) as threads:
        hashed = list(threads.map(_hashed, paths))
    outcomes = _read(
        {file.sha256: file for file in hashed if isinstance(file, Hashed)}, cache, processes
    )
    for path, file in zip(paths, hashed, strict=True):
        name = _name(path)
        outcome = file if isinstance(file, Unreadable) else outcomes[file.sha256]
        if isinstance(outcome, Unreadable):
            sources.left_out.append(LeftOut(name=name, kind=outcome.kind, detail=outcome.why))
        elif isinstance(file, Hashed) and file.sha256 in names:
            detail = names[file.sha256]
            sources.left_out.append(LeftOut(name=name, kind="same file", detail=detail))
        elif isinstance(file, Hashed):
            names[file.sha256] = name
            _add(name, file, outcome, sources, checksums)
    if not sources.runs:
        lines = [f"{left_out.name}: {left_out_text(left_out)}" for left_out in sources.left_out]
        lines += [
            f"{skip.source.name}: {skip.cell} was skipped: {skip.reason}" for skip in sources.skipped
        ]
        reasons = "".join(f"\n  {line}" for line in lines[:MOST_REASONS])
        raise NoResults(
            f"there is no run to report on in {plain(', '.join(given))}.{reasons}\n"
            "Name files that `pytest bench` saved, or folders that hold them, such as results/."
        )
    return sources


def processors() -> int:
    """How many processes may read at a time on this computer."""
    usable = getattr(os, "sched_getaffinity", None)  # macOS has none
    return min(MOST_PROCESSES, len(usable(0)) if usable else os.cpu_count() or 1)


def _name(path: Path) -> str:
    """What a file or folder is called: its folder and its own name."""
    return plain("/".join(path.parts[-2:]), 120)


def _paths(given: Sequence[str], left_out: list[LeftOut]) -> list[Path]:
    """The files that the names stand for; folders that are closed are added to `left_out`."""
    paths: dict[Path, None] = {}
    for name in given:
        met, closed = _met(name)
        matches: list[Path] = []
        for match in met:
            files, closed_inside = _inside(match)
            matches += files
            closed += closed_inside
        left_out += closed
        if not (matches or closed):
            raise NoResults(
                f"{plain(name)} stands for no file: name a .json that `pytest bench` saved, a folder"
                " that holds some, or a glob such as 'results/*/*.json'"
            )
        paths.update(dict.fromkeys(matches))
    return list(paths)


def _met(name: str) -> tuple[list[Path], list[LeftOut]]:
    """The files and folders that a name or a glob meets, and closed folders where it may meet more."""
    try:
        if Path(name).exists():
            return [Path(name)], []
    except OSError as error:  # in a closed folder, or of too long a name
        return [], [_closed(error, "this file")]
    closed: list[LeftOut] = []
    for folder in sorted(glob(str(Path(name).parent), recursive=True)):  # noqa: PTH207
        try:
            os.scandir(folder).close()
        except (NotADirectoryError, FileNotFoundError):  # a file, or a link to nothing
            continue
        except OSError as error:
            closed.append(_closed(error))
    return [Path(match) for match in sorted(glob(name, recursive=True))], closed  # noqa: PTH207


def _inside(match: Path) -> tuple[list[Path], list[LeftOut]]:
    """A folder stands for its files, by itself or where a glob met it; and the closed folders in it."""
    if not os.path.isdir(match):  # noqa: PTH112 Path's own raises in a closed folder
        return [match], []
    files: list[Path] = []
    closed: list[LeftOut] = []
    for folder, folders, names in os.walk(match, onerror=lambda error: closed.append(_closed(error))):
        folders[:] = [name for name in folders if not name.startswith(".")]
        shown = (name for name in names if name.endswith(".json") and not name.startswith("."))
        files += [Path(folder) / name for name in shown]
    return sorted(files), closed


def _closed(error: OSError, what: str = "this folder") -> LeftOut:
    """That a folder gives no list of its files, or that a file cannot even be looked for."""
    why = f"{what} cannot be read: {error.strerror}"
    return LeftOut(name=_name(Path(error.filename)), kind="unreadable", detail=why)


@dataclass(frozen=True, kw_only=True)
class Hashed:
    """A file with the sha256 of its bytes."""

    path: Path
    sha256: str
    bytes: int
    modified_ns: int

    def is_as_it_was(self) -> bool:
        """Whether nothing was written to it since."""
        with suppress(OSError):
            facts = self.path.stat()
            return (facts.st_size, facts.st_mtime_ns) == (self.bytes, self.modified_ns)
        return False


class Unreadable(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Why a file is none that can be read."""

    kind: ProblemKind
    why: str


def _hashed(path: Path) -> Hashed | Unreadable:
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            read(path)  # says why not, before a device or a disk image is hashed
        with path.open("rb") as stream:
            facts = os.fstat(stream.fileno())
            sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
        size, modified_ns = facts.st_size, facts.st_mtime_ns
        return Hashed(path=path, sha256=sha256, bytes=size, modified_ns=modified_ns)
    except (UnreadableFile, OSError) as error:
        return _unreadable(error)


def _unreadable(error: UnreadableFile | OSError) -> Unreadable:
    if isinstance(error, UnreadableFile):
        return Unreadable(kind=error.kind, why=plain(error))
    return Unreadable(kind="unreadable", why=plain(f"it cannot be read: {error.strerror or error}"))


def _read(
    files: Mapping[str, Hashed], cache: Cache | None, processes: int
) -> dict[str, SavedFile | Unreadable]:
    """sha256 -> what the file holds, or why it cannot be read."""
    outcomes: dict[str, SavedFile | Unreadable] = {}
    if cache is not None:
        outcomes |= {sha256: kept for sha256 in files if (kept := cache.load(sha256)) is not None}
    missing = [file for sha256, file in files.items() if sha256 not in outcomes]
    read_now = _outcomes([file.path for file in missing], processes)
    pixels: dict[str, bytes] = {}
    for file, outcome in zip(missing, read_now, strict=True):
        outcomes[file.sha256] = outcome
        if isinstance(outcome, SavedFile):
            # The files of one data set show the same images, which are in memory once.
            shared = {key: pixels.setdefault(key, shown) for key, shown in outcome.pixels.items()}
            outcomes[file.sha256] = saved = msgspec.structs.replace(outcome, pixels=shared)
            if cache is not None and file.is_as_it_was():
                cache.save(file.sha256, saved)
    if cache is not None and missing:
        cache.trim()
    return outcomes


def _outcomes(paths: Sequence[Path], processes: int) -> Iterator[SavedFile | Unreadable]:
    """What the files hold, in their order; where processes cannot be had, all is read in this one."""
    read_apart = 0
    if processes > 1 and len(paths) >= LEAST_FILES_APART:
        # What fork copies may hold the locks of threads, and macOS's own libraries forbid it.
        context = multiprocessing.get_context("spawn")
        with suppress(BrokenProcessPool, OSError, ImportError), ExitStack() as stack:
            pool = ProcessPoolExecutor(processes, mp_context=context, initializer=_ignore_ctrl_c)
            stack.callback(pool.shutdown, cancel_futures=True)
            for packed in pool.map(_packed, paths, chunksize=FILES_AT_A_TIME):
                path = paths[read_apart]
                read_apart += 1
                yield _unpacked(packed) if packed is not None else _outcome(path)
    yield from map(_outcome, paths[read_apart:])


def _ignore_ctrl_c() -> None:
    """The process that is asked for the report says that it was interrupted, and ends the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _outcome(path: Path) -> SavedFile | Unreadable:
    try:
        return saved_file(path)
    except (UnreadableFile, OSError) as error:
        return _unreadable(error)


def _packed(path: Path) -> bytes | None:
    """What a file holds as one process hands it to another; None for text that is no Unicode."""
    with suppress(UnicodeEncodeError):
        return msgspec.msgpack.encode(_outcome(path))
    return None


def _unpacked(packed: bytes) -> SavedFile | Unreadable:
    return msgspec.msgpack.decode(packed, type=SavedFile | Unreadable)


def _add(
    name: str, file: Hashed, saved: SavedFile, found: Sources, checksums: dict[str, Source]
) -> None:
    source = Source(
        name=name,
        sha256=file.sha256,
        bytes=file.bytes,
        machine=saved.machine_name,
        checksums_fit=saved.checksums_fit,
    )
    found.sources.append(source)
    found.files[file.sha256] = saved
    found.left_out.extend(
        LeftOut(name=name, kind=problem.kind, detail=plain(problem.text)) for problem in saved.problems
    )
    for run in saved.runs:
        if earlier := checksums.get(run.checksum):
            found.shared_runs.append((earlier.sha256, source.sha256))
            detail = "this file" if earlier.name == name else earlier.name
            found.left_out.append(LeftOut(name=name, kind="same run", cell=run.cell, detail=detail))
        elif isinstance(run, SavedRun) and saved.machine is not None:
            checksums[run.checksum] = source
            found.runs.append(SourceRun(run=run, machine=saved.machine, source=source))
        elif not isinstance(run, SavedRun):
            found.left_out.append(LeftOut(name=name, kind="not a record", cell=run.cell, detail=run.why))
    found.skipped.extend(
        Skipped(source=source, cell=cell, reason=reason) for cell, reason in saved.skipped
    )
