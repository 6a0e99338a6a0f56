"""The saved files that a report is made of: found, read without trust, each run counted once."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from glob import glob  # Path.glob takes no absolute pattern
from pathlib import Path
from typing import Literal

from alexnet.data import CLASSES
from bench.records.consistency import first_contradiction
from bench.records.read import MAX_BYTES, LoadedRun, ProblemKind, UnreadableFile, load, read
from bench.records.types import Pictures, SkippedCell

MOST_LETTERS, MOST_REASONS = 300, 20
"""Of a text that comes out of a file, and of such texts in an error: whoever sent it fills no screen."""


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
    """A run and the file that it was first found in."""

    run: LoadedRun
    source: Source


@dataclass(frozen=True, kw_only=True)
class Sources:
    """All that was found, in the order of the files' names."""

    sources: list[Source] = field(default_factory=list)
    runs: list[SourceRun] = field(default_factory=list)
    skipped: list[tuple[Source, SkippedCell]] = field(default_factory=list)
    left_out: list[LeftOut] = field(default_factory=list)
    shared_runs: list[tuple[str, str]] = field(default_factory=list)
    """The sha256 of two files that hold the same run, for each such pair."""

    def sessions(self) -> dict[str, str]:
        """File's sha256 -> its session, which is called by one of its files.

        Files that share a run are saves of one session, each as far as it was.
        """
        session_of = {source.sha256: source.sha256 for source in self.sources}
        for pair in self.shared_runs:
            first, second = (session_of[sha256] for sha256 in pair)
            if first != second:
                joined = {sha256 for sha256, session in session_of.items() if session == second}
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


def plain(text: object, most: int = MOST_LETTERS) -> str:
    """A file's text on one line, without what cannot be printed, cut where it is long."""
    printable = "".join(c if c.isprintable() else " " for c in str(text))
    line = " ".join(printable.encode("utf-8", "replace").decode("utf-8").split())
    return line if len(line) <= most else f"{line[: most - 1]}…"


def moment(text: str) -> str | None:
    """The time that a file gives in ISO 8601, in UTC; None for what is none."""
    try:
        return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="seconds")
    except (ValueError, OverflowError):
        return None


def gather(given: Sequence[str]) -> Sources:
    """Reads every file that the names, folders and globs stand for.

    A folder stands for the .json files under it, hidden folders left out. What cannot be used is
    listed in `left_out`. Raises NoResults where a name stands for nothing, or no run is left.
    """
    found, hashes, checksums = Sources(), dict[str, str](), dict[str, Source]()
    for path in _paths(given):
        _add(path, found, hashes, checksums)
    if not found.runs:
        told = [f"{each.name}: {left_out_text(each)}" for each in found.left_out]
        told += [
            f"{source.name}: {plain(skip.cell.id)} was skipped: {plain(skip.reason)}"
            for source, skip in found.skipped
        ]
        reasons = "".join(f"\n  {line}" for line in told[:MOST_REASONS])
        raise NoResults(
            f"there is no run to report on in {plain(', '.join(given))}.{reasons}\n"
            "Name files that `pytest bench` saved, or folders that hold them, such as results/."
        )
    return found


def _paths(given: Sequence[str]) -> list[Path]:
    paths: dict[Path, None] = {}
    for name in given:
        whole = Path(name)
        if whole.is_dir():
            matches = [p for p in sorted(whole.rglob("*.json")) if _shown(p.relative_to(whole))]
        elif whole.exists():
            matches = [whole]
        else:
            matches = [Path(match) for match in sorted(glob(name, recursive=True))]  # noqa: PTH207
            matches = [inner for match in matches for inner in _inside(match)]
        if not matches:
            raise NoResults(
                f"{plain(name)} stands for no file: name a .json that `pytest bench` saved, a folder"
                " that holds some, or a glob such as 'results/*/*.json'"
            )
        paths.update(dict.fromkeys(matches))
    return list(paths)


def _inside(match: Path) -> Iterator[Path]:
    """A folder that a glob met stands for its files, as it does by itself."""
    if match.is_dir():
        yield from (p for p in sorted(match.rglob("*.json")) if _shown(p.relative_to(match)))
    else:
        yield match


def _shown(path: Path) -> bool:
    return not any(part.startswith(".") for part in path.parts)


def _add(path: Path, found: Sources, hashes: dict[str, str], checksums: dict[str, Source]) -> None:
    name = plain("/".join(path.parts[-2:]), 120)
    try:
        if not path.is_file() or path.stat().st_size > MAX_BYTES:
            read(path)  # says why not, before a device or a disk image is hashed
        sha256 = _sha256(path)
        if sha256 in hashes:
            found.left_out.append(LeftOut(name=name, kind="same file", detail=hashes[sha256]))
            return
        saved = load(read(path))
    except UnreadableFile as error:
        found.left_out.append(LeftOut(name=name, kind=error.kind, detail=plain(error)))
        return
    except OSError as error:
        detail = plain(error.strerror or error)
        found.left_out.append(LeftOut(name=name, kind="unreadable", detail=detail))
        return
    hashes[sha256] = name
    source = Source(
        name=name,
        sha256=sha256,
        bytes=path.stat().st_size,
        machine=plain(saved.machine, 60),
        checksums_fit=all(run.checksum == run.computed_checksum for run in saved.runs),
    )
    found.sources.append(source)
    found.left_out.extend(
        LeftOut(name=name, kind=problem.kind, detail=plain(problem.text)) for problem in saved.problems
    )
    for run in saved.runs:
        if earlier := checksums.get(run.computed_checksum):
            found.shared_runs.append((earlier.sha256, source.sha256))
        if unusable := _unusable(run, name, checksums):
            found.left_out.append(unusable)
        else:
            checksums[run.computed_checksum] = source
            found.runs.append(SourceRun(run=run, source=source))
    found.skipped.extend((source, skip) for skip in saved.skipped)


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _unusable(run: LoadedRun, name: str, checksums: dict[str, Source]) -> LeftOut | None:
    """Why a run that is a record cannot be used: figures that cannot be, or that stood elsewhere."""
    cell = plain(run.cell.id)
    if earlier := checksums.get(run.computed_checksum):
        there = earlier.name
        detail = "this file" if there == name else there
        return LeftOut(name=name, kind="same run", cell=cell, detail=detail)
    if wrong := next(_impossible(run), None):
        detail = f"{wrong} (python -m bench.check says all that is wrong with a file)"
        return LeftOut(name=name, kind="not a record", cell=cell, detail=plain(detail))
    return None


def _impossible(run: LoadedRun) -> Iterator[str]:
    """What cannot be drawn of a run, or is not what its plan and its epochs give."""
    if (contradiction := first_contradiction(run)) is not None:
        yield contradiction
    elif run.result is not None and (pictures := run.result.pictures) is not None:
        yield from _impossible_pictures(pictures)


def _impossible_pictures(pictures: Pictures) -> Iterator[str]:
    lengths = {len(getattr(pictures, name)) for name in ("positions", "labels", "answers", "shares")}
    labels, answers = range(len(CLASSES)), range(len(CLASSES) + 1)
    known = {*pictures.labels} <= {*labels} and {*pictures.answers} <= {*answers}
    if len(lengths) > 1 or not known:
        yield "result.pictures do not go with their labels and answers"
    try:
        pictures.images()
    except ValueError as error:
        yield f"result.pictures cannot be: {error}"
