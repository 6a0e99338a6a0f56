"""Finding the last session that is not finished, and all that its journals tell of it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.records import journal
from bench.records.journal import Damaged, Journal, Line
from bench.records.run import Interrupted
from bench.records.types import Cell, Pause, SkippedCell
from bench.session.cell_history import CellHistory, read_history
from bench.session.manifest import Manifest

RUNS = ".runs"
FILE = "session.jsonl"


class SessionRefused(Exception):
    """Why a session cannot begin or be gone on with, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """The end of a session that has not carried out all of its cells, and why."""

    why: str


@dataclass(frozen=True, kw_only=True)
class SavedFile:
    """The result file, in the folder of the machine, and the cells whose result stands in it."""

    file: str
    cells: tuple[str, ...]


PARTS = {
    "terms": Manifest,
    "skipped": SkippedCell,
    "pause": Pause,
    "stopped": Stopped,
    "saved": SavedFile,
}


@dataclass(kw_only=True)
class EarlierSession:
    """A session as its journals tell it; `cut` is where it stopped last."""

    folder: Path
    manifest: Manifest
    cut: Interrupted
    saved: SavedFile | None = None
    pauses: list[Pause] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    histories: dict[Cell, CellHistory] = field(default_factory=dict)

    def finished(self) -> bool:
        """Whether nothing of it is left to be done: every result stands in the file."""
        if self.saved is None or self.unfinished():
            return False
        return {cell.id for cell in self.done()} <= set(self.saved.cells)

    def done(self) -> list[Cell]:
        """The cells that have their result."""
        return [cell for cell, history in self.histories.items() if history.run.result]

    def unfinished(self) -> list[str]:
        """The cells that have no result and were not skipped either."""
        runs = [history.run for history in self.histories.values()]
        return [run.cell.id for run in runs if not run.result and run.cell.id not in self.skipped]

    def line(self) -> str:
        """What is being gone on with, for the terminal."""
        why = f" ({self.cut.why})" if self.cut.why else ""
        return (
            f"resuming: {self.folder.name}, which stopped at {self.cut.stopped_at}{why};"
            f" {len(self.done())} of {len(self.histories)} cells have their result"
        )


def _newest_first(runs: Path) -> list[Path]:
    return sorted((file.parent for file in runs.glob(f"*/{FILE}")), reverse=True)


def unfinished_session(runs: Path) -> str | None:
    """A sentence where the last session is not finished, for whoever begins another."""
    try:
        earlier = [_read(folder) for folder in _newest_first(runs)[:1]]
    except (SessionRefused, OSError):
        return None
    if not earlier or earlier[0].finished():
        return None
    folder, unfinished = earlier[0].folder, earlier[0].unfinished()
    size = sum(file.stat().st_size for file in folder.glob("*.safetensors*"))
    kept = f", and keeps {size / 1e6:,.0f} MB of checkpoints in {folder}" if size else ""
    what = f"no result yet of {', '.join(unfinished)}" if unfinished else "results in no file yet"
    return f"note: the session before this, {folder.name}, has {what}{kept}; --resume goes on with it"


def find(runs: Path) -> EarlierSession:
    """The last session under `runs` that is not finished. Raises SessionRefused where there is none."""
    folders = _newest_first(runs)
    for folder in folders:
        try:
            earlier = _read(folder)
        except OSError as error:
            raise SessionRefused(f"{folder} cannot be read: {error}") from error
        if not earlier.finished():
            return earlier
    raise SessionRefused(f"there is nothing to resume in {runs}{_elsewhere(runs, bool(folders))}")


def _elsewhere(runs: Path, any_here: bool) -> str:
    """Where else to look: a machine may have been named when the session began."""
    if any_here:
        return ": every session in it is finished and saved"
    others = sorted({f.parents[2].name for f in runs.parents[1].glob(f"*/{RUNS}/*/{FILE}")})
    named = " or ".join(f"--machine {name}" for name in others)
    return f"; there are sessions of {named}" if others else ": no session was begun there"


def _read(folder: Path) -> EarlierSession:
    """Raises SessionRefused where the session's own journal does not say what it was."""
    lines = journal.read(folder / FILE, PARTS)
    sound = [line for line in lines if isinstance(line, Line)]
    terms = [line.record for line in sound if line.part == "terms"]
    damaged = [journal.describe(folder / FILE, line) for line in lines if isinstance(line, Damaged)]
    if not terms:
        why = damaged[0] if damaged else f"{FILE} is empty"
        raise SessionRefused(
            f"{folder} cannot be resumed, since it does not say any more what it was ({why})."
            f" The records in it are whole; move the folder away to go on with an older session"
        )
    earlier = EarlierSession(
        folder=folder, manifest=terms[-1], cut=Interrupted(stopped_at=sound[-1].at, why=None)
    )
    for line in sound:
        _take(earlier, line)
    for each in earlier.manifest.cells:
        history = read_history(folder / f"{each.cell.id}.jsonl", each.cell, each.plan)
        earlier.histories[each.cell] = history
        earlier.problems += history.problems
    earlier.problems += damaged
    if earlier.cut.why is None:  # nobody was left to note the end: it came after the last line of all
        ends = [history.last_at for history in earlier.histories.values() if history.last_at]
        earlier.cut = Interrupted(stopped_at=max([earlier.cut.stopped_at, *ends]), why=None)
    return earlier


def _take(earlier: EarlierSession, line: Line) -> None:
    record = line.record
    match line.part:
        case "saved":
            earlier.saved = record
        case "skipped":
            earlier.skipped.add(record.cell.id)
        case "pause":
            earlier.pauses.append(record)
            earlier.skipped.clear()
            earlier.cut = Interrupted(stopped_at=line.at, why=None)
        case "stopped":
            earlier.cut = Interrupted(stopped_at=line.at, why=record.why)


def begin(folder: Path, terms: Manifest) -> None:
    """Notes what a session begins with. Raises SessionRefused where that cannot be written."""
    _note(folder, "terms", terms)


def go_on(earlier: EarlierSession, terms: Manifest, *, anyway: bool) -> Pause:
    """Notes that a session goes on. Raises SessionRefused where it differs and nobody accepts it."""
    unlike = terms.differences(earlier.manifest)
    if unlike and not anyway:
        lines = "\n  ".join(unlike)
        raise SessionRefused(
            f"{earlier.folder.name} was begun otherwise:\n  {lines}\n"
            f"put it back as it was, or go on all the same with --resume-anyway; the results will say so"
        )
    pause = earlier.cut.pause(tuple(unlike))
    _note(earlier.folder, "pause", pause)
    if unlike:  # cells that were not asked for now are still the session's
        asked = {each.cell for each in terms.cells}
        others = [each for each in earlier.manifest.cells if each.cell not in asked]
        _note(earlier.folder, "terms", replace(terms, cells=(*terms.cells, *others)))
    return pause


def _note(folder: Path, part: str, record: Manifest | Pause) -> None:
    try:
        Journal(folder / FILE).add(part, record)
    except OSError as error:
        raise SessionRefused(
            f"{folder / FILE} cannot be written ({error.strerror}), and without it nothing that is"
            f" measured would be safe: free some space, or let the folder be written to"
        ) from error
