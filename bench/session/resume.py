"""Finding the last unfinished session, reading it from its journals, and resuming it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from bench.ipc.cell_files import journal_file
from bench.records import journal
from bench.records.journal import DamagedLine, Journal, Line
from bench.records.run import Interrupted
from bench.records.types import Cell, Pause, SkippedCell
from bench.session.cell_history import CellHistory, read_history
from bench.session.manifest import Manifest

RUNS = ".runs"
JOURNAL_NAME = "session.jsonl"


class SessionRefused(Exception):
    """A session cannot begin or resume; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Stopped:
    """The end of a session that did not complete all of its cells, and why."""

    why: str


@dataclass(frozen=True, kw_only=True)
class SavedFile:
    """The result file, by its name in the machine's folder, and the cells with a result in it."""

    file: str
    cells: tuple[str, ...]


FIRST_EDITION_MANIFEST, FIRST_EDITION_LAST_COMMIT = "terms", "bc1f4d1"
"""First-edition journals call the manifest `terms`; the commit is the last that can resume them."""
PARTS = {
    "manifest": Manifest,
    FIRST_EDITION_MANIFEST: Manifest,
    "skipped": SkippedCell,
    "pause": Pause,
    "stopped": Stopped,
    "saved": SavedFile,
}


@dataclass(kw_only=True)
class EarlierSession:
    """A session as read from its journals; `interrupted` is where it last stopped.

    `skipped` holds ids of cells, `problems` a sentence for each damaged line.
    """

    folder: Path
    manifest: Manifest
    interrupted: Interrupted
    by_first_edition: bool = False
    saved: SavedFile | None = None
    pauses: list[Pause] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)
    problems: list[str] = field(default_factory=list)
    histories: dict[Cell, CellHistory] = field(default_factory=dict)

    def finished(self) -> bool:
        """Whether every cell has a result or was skipped, and every result is in the result file."""
        if self.saved is None or self.unfinished():
            return False
        return {cell.id for cell in self.done()} <= set(self.saved.cells)

    def done(self) -> list[Cell]:
        """The cells with a result."""
        return [cell for cell, history in self.histories.items() if history.run.result]

    def unfinished(self) -> list[str]:
        """The ids of the cells that have no result and were not skipped."""
        runs = [history.run for history in self.histories.values()]
        return [run.cell.id for run in runs if not run.result and run.cell.id not in self.skipped]

    def summary_line(self) -> str:
        """One line for the terminal: what is resumed, where it stopped, how many cells are done."""
        why = f" ({self.interrupted.why})" if self.interrupted.why else ""
        return (
            f"resuming: {self.folder.name}, which stopped at {self.interrupted.stopped_at}{why};"
            f" {len(self.done())} of {len(self.histories)} cells have their result"
        )


def find_unfinished_session(runs: Path) -> EarlierSession:
    """The last unfinished session in `runs`. Raises SessionRefused if there is none to resume."""
    folders = _newest_first(runs)
    for folder in folders:
        try:
            earlier = _read_session(folder)
        except OSError as error:
            raise SessionRefused(f"{folder} cannot be read: {error}") from error
        if earlier.finished():
            continue
        if earlier.by_first_edition:
            raise SessionRefused(
                f"{folder} was begun by the first edition of this suite, whose files had other names:"
                f" {_first_edition_hint()}, or move the folder away"
            )
        return earlier
    if folders:
        hint = ": every session in it is finished and saved"
    else:  # --machine may have been given when the session began
        machines = {file.parents[2].name for file in runs.parents[1].glob(f"*/{RUNS}/*/{JOURNAL_NAME}")}
        options = " or ".join(f"--machine {name}" for name in sorted(machines))
        hint = f"; there are sessions of {options}" if options else ": no session was begun there"
    raise SessionRefused(f"there is nothing to resume in {runs}{hint}")


def unfinished_session_note(runs: Path) -> str | None:
    """A note to the user who begins another session while the last one is unfinished."""
    try:
        folders = _newest_first(runs)
        earlier = _read_session(folders[0]) if folders else None
    except (SessionRefused, OSError):
        return None
    if earlier is None or earlier.finished():
        return None
    folder, unfinished = earlier.folder, earlier.unfinished()
    checkpoint_bytes = sum(file.stat().st_size for file in folder.glob("*.safetensors*"))
    state = f"no result yet of {', '.join(unfinished)}" if unfinished else "results in no file yet"
    if checkpoint_bytes:
        state += f", and keeps {checkpoint_bytes / 1e6:,.0f} MB of checkpoints in {folder}"
    hint = "--resume goes on with it"
    if earlier.by_first_edition:
        hint = f"it was begun by the first edition: {_first_edition_hint()}"
    return f"note: the session before this, {folder.name}, has {state}; {hint}"


def _newest_first(runs: Path) -> list[Path]:
    """The folders of all sessions; their names begin with their time."""
    return sorted((file.parent for file in runs.glob(f"*/{JOURNAL_NAME}")), reverse=True)


def _first_edition_hint() -> str:
    return f"to finish it, git checkout {FIRST_EDITION_LAST_COMMIT} and call make resume"


def _read_session(folder: Path) -> EarlierSession:
    """Reads all journals of a session. Raises SessionRefused if none of its manifests can be read."""
    lines = journal.read(folder / JOURNAL_NAME, PARTS)
    sound = [line for line in lines if isinstance(line, Line)]
    manifests = [line for line in sound if line.part in ("manifest", FIRST_EDITION_MANIFEST)]
    damaged = [
        journal.describe(folder / JOURNAL_NAME, line) for line in lines if isinstance(line, DamagedLine)
    ]
    if not manifests:
        why = damaged[0] if damaged else f"{JOURNAL_NAME} is empty"
        raise SessionRefused(
            f"{folder} cannot be resumed, since it does not say any more what it was ({why})."
            f" The records in it are whole; move the folder away to go on with an older session"
        )
    earlier = EarlierSession(
        folder=folder,
        manifest=manifests[-1].record,
        interrupted=Interrupted(stopped_at=sound[-1].at, why=None),
        by_first_edition=manifests[-1].part == FIRST_EDITION_MANIFEST,
    )
    for line in sound:
        _apply(earlier, line)
    for planned in earlier.manifest.cells:
        history = read_history(journal_file(folder, planned.cell.id), planned.cell, planned.plan)
        earlier.histories[planned.cell] = history
        earlier.problems += history.problems
    earlier.problems += damaged
    if earlier.interrupted.why is None:  # killed, so it stopped after the last line of any journal
        times = [history.last_at for history in earlier.histories.values() if history.last_at]
        stopped_at = max([earlier.interrupted.stopped_at, *times])
        earlier.interrupted = Interrupted(stopped_at=stopped_at, why=None)
    return earlier


def _apply(earlier: EarlierSession, line: Line) -> None:
    """Updates the session by one line of its own journal."""
    record = line.record
    match line.part:
        case "saved":
            earlier.saved = record
        case "skipped":
            earlier.skipped.add(record.cell.id)
        case "pause":
            earlier.pauses.append(record)
            earlier.skipped.clear()
            earlier.interrupted = Interrupted(stopped_at=line.at, why=None)
        case "stopped":
            earlier.interrupted = Interrupted(stopped_at=line.at, why=record.why)


def resume_session(earlier: EarlierSession, manifest: Manifest, *, anyway: bool) -> Pause:
    """Adds the pause that ends now to the session's journal, and returns it.

    Raises SessionRefused if something differs, unless `anyway`, and if the journal cannot be written.
    """
    differences = manifest.differences(earlier.manifest)
    if differences and not anyway:
        lines = "\n  ".join(differences)
        raise SessionRefused(
            f"{earlier.folder.name} was begun otherwise:\n  {lines}\n"
            f"put it back as it was, or go on all the same with --resume-anyway; the results will say so"
        )
    pause = earlier.interrupted.pause(tuple(differences))
    add_line(earlier.folder, "pause", pause)
    if differences:  # cells that were not picked now still belong to the session
        picked = {planned.cell for planned in manifest.cells}
        others = [planned for planned in earlier.manifest.cells if planned.cell not in picked]
        add_line(earlier.folder, "manifest", replace(manifest, cells=(*manifest.cells, *others)))
    return pause


def add_line(folder: Path, part: str, record: Manifest | Pause) -> None:
    """Adds a line to a session's journal. Raises SessionRefused if it cannot be written."""
    file = folder / JOURNAL_NAME
    try:
        Journal(file).add(part, record)
    except OSError as error:
        raise SessionRefused(
            f"{file} cannot be written ({error.strerror}), and without it nothing that is"
            f" measured would be safe: free some space, or make the folder writable"
        ) from error
