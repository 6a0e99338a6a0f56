"""Finding the last unfinished session, reading it from its journals, and resuming it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from alexnet.folders import obstacle, problem_and_fix
from bench.ipc.cell_files import journal_file
from bench.paths import RUNS
from bench.plan.prepare import ELSEWHERE
from bench.records import journal
from bench.records.journal import DamagedLine, Journal, Line
from bench.records.run import Interrupted
from bench.records.types import METHOD, SCHEMA_VERSION, Cell, Pause, Record, SkippedCell
from bench.session.cell_history import CellHistory, read_history
from bench.session.manifest import Manifest

FOLDER_NAME = re.compile(r"\d{8}T\d{6}(-\d+)?-[a-z]+")
"""Of a session's folder: its time, a number within the second, its profile."""
JOURNAL_NAME = "session.jsonl"


class SessionRefused(Exception):
    """A session cannot begin or resume; the message says why and what to do."""


class Stopped(Record, frozen=True, kw_only=True):
    """The end of a session that did not complete all of its cells, and why."""

    why: str


class SavedFile(Record, frozen=True, kw_only=True):
    """The result file, by its name in the machine's folder, and the cells with a result in it."""

    file: str
    cells: tuple[str, ...]


PARTS: dict[str, type[Record]] = {
    "manifest": Manifest,
    "skipped": SkippedCell,
    "pause": Pause,
    "stopped": Stopped,
    "saved": SavedFile,
}
FIRST_EDITION_MANIFEST = "terms"
"""What the first edition's journals call the manifest."""
LAST_COMMITS = {
    FIRST_EDITION_MANIFEST: "bc1f4d1",
    (4, 1): "082a6f1",
    (5, 1): "b67c0eb",
    (6, 1): "0542dcb",
    (7, 1): "28391bc",
    (8, 1): "3109000",
}
"""(Schema, method) of an earlier version -> the last commit that can resume its sessions."""


@dataclass(frozen=True, kw_only=True)
class OlderSession:
    """A session that another version of this suite began, whose records this one cannot go on with.

    `unfinished_cells` are the ids of the cells that have no result in its result file.
    """

    folder: Path
    last_commit: str | None
    unfinished_cells: tuple[str, ...]

    def finished(self) -> bool:
        """Whether every cell was skipped or has a result in the result file."""
        return not self.unfinished_cells

    def unfinished(self) -> list[str]:
        """The ids of the cells without a saved result."""
        return list(self.unfinished_cells)

    def hint(self) -> str:
        """How to finish it, in a sentence."""
        if self.last_commit is None:
            return "finish it with the version of this suite that began it"
        return f"to finish it, git checkout {self.last_commit} and call make resume"


@dataclass(kw_only=True)
class EarlierSession:
    """A session as read from its journals; `interrupted` is where it last stopped.

    `skipped` holds ids of cells, `problems` a sentence for each damaged line.
    """

    folder: Path
    manifest: Manifest
    interrupted: Interrupted
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
        if isinstance(earlier, OlderSession):
            raise SessionRefused(
                f"{folder} was begun by another version of this suite, whose records have another"
                f" format: {earlier.hint()}, or move the folder away"
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
    if isinstance(earlier, OlderSession):
        hint = f"it was begun by another version of this suite: {earlier.hint()}"
    return f"note: the session before this, {folder.name}, has {state}; {hint}"


def _newest_first(runs: Path) -> list[Path]:
    """The folders of all sessions; their names begin with their time.

    A sync service's copy of one (`20261127T101010-quick 2`) is no session.
    """
    folders = (file.parent for file in runs.glob(f"*/{JOURNAL_NAME}"))
    return sorted((folder for folder in folders if FOLDER_NAME.fullmatch(folder.name)), reverse=True)


def _older_session(folder: Path) -> OlderSession | None:
    """The session if another version began it; None if this version did, or if nothing says which."""
    anything = dict.fromkeys((*PARTS, FIRST_EDITION_MANIFEST), dict[str, Any])
    lines = [line for line in journal.read(folder / JOURNAL_NAME, anything) if isinstance(line, Line)]
    manifests = [line for line in lines if line.part in ("manifest", FIRST_EDITION_MANIFEST)]
    if not manifests:
        return None
    manifest, part = manifests[-1].record, manifests[-1].part
    version = (manifest.get("schema"), manifest.get("method", 1))
    if part == "manifest" and version == (SCHEMA_VERSION, METHOD):
        return None
    commit = LAST_COMMITS.get(part if part == FIRST_EDITION_MANIFEST else version)
    try:
        cells = _older_unfinished_cells(manifest, lines)
    except (KeyError, TypeError, AttributeError):  # a later version may have other fields
        cells = ("cells that this version cannot read",)
    return OlderSession(folder=folder, last_commit=commit, unfinished_cells=cells)


def _older_unfinished_cells(manifest: Mapping[str, Any], lines: list[Line]) -> tuple[str, ...]:
    """The ids of the planned cells that were neither saved nor skipped since the last pause."""
    saved, skipped = set[str](), set[str]()
    for line in lines:
        match line.part:
            case "saved":
                saved = set(line.record["cells"])
            case "skipped":
                skipped.add(_older_id(line.record["cell"]))
            case "pause":
                skipped.clear()
    cells = [_older_id(planned["cell"]) for planned in manifest["cells"]]
    return tuple(cell for cell in cells if cell not in saved | skipped)


def _older_id(cell: Mapping[str, Any]) -> str:
    engine, repeat = cell.get("engine", cell.get("framework")), cell.get("repeat")
    name = f"{cell['experiment']}-{engine}-{cell['device']}-s{cell['seed']}"
    return f"{name}-r{repeat}" if repeat else name


def _read_session(folder: Path) -> EarlierSession | OlderSession:
    """Reads all journals of a session. Raises SessionRefused if none of its manifests can be read."""
    if older := _older_session(folder):
        return older
    lines = journal.read(folder / JOURNAL_NAME, PARTS)
    sound = [line for line in lines if isinstance(line, Line)]
    manifests = [line for line in sound if line.part == "manifest"]
    damaged = [
        journal.describe(folder / JOURNAL_NAME, line) for line in lines if isinstance(line, DamagedLine)
    ]
    if not manifests:
        why = damaged[0] if damaged else f"{JOURNAL_NAME} is empty"
        raise SessionRefused(
            f"{folder} cannot be resumed, since nothing in it says any more what the session was"
            f" ({why}). Its cells' records are still there; move the folder away to go on with an older"
            " session"
        )
    earlier = EarlierSession(
        folder=folder,
        manifest=manifests[-1].record,
        interrupted=Interrupted(stopped_at=sound[-1].at, why=None),
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
            f"since {earlier.folder.name} was begun, this has changed:\n  {lines}\n"
            f"undo the changes, or go on all the same with --resume-anyway; the results will say so"
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
        problem = f"{file} cannot be written ({error.strerror})"
        fix = "free some space, or make the file writable"
        if found := obstacle(folder):
            problem, fix = problem_and_fix(found, ELSEWHERE)
        raise SessionRefused(
            f"{problem}, and without {file.name} nothing that is measured would be safe: {fix}"
        ) from error
