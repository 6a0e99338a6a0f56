"""The session's own journal, and the earlier session that it resumes."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.records.journal import Journal
from bench.records.progress import SO_FAR_FILE
from bench.records.run import SessionRun
from bench.records.types import Cell, Pause, SkippedCell
from bench.session import resume
from bench.session.manifest import Manifest
from bench.session.resume import EarlierSession, SavedFile, Stopped


@dataclass(kw_only=True)
class SessionLog:
    """The session's own journal.

    `saved_cells` are the ids of the cells with a result in the result file, which is `saved_file`.
    """

    folder: Path
    earlier: EarlierSession | None = None
    pauses: list[Pause] = field(default_factory=list)
    begun: bool = False
    saved_cells: set[str] = field(default_factory=set)
    saved_file: str | None = None

    def begin(self, manifest: Manifest, *, anyway: bool) -> None:
        """Writes the manifest of a new session, or the pause of a resumed one. Raises SessionRefused."""
        if self.earlier is None:
            resume.add_line(self.folder, "manifest", manifest)
        else:
            pause = resume.resume_session(self.earlier, manifest, anyway=anyway)
            self.pauses = [*self.earlier.pauses, pause]
            if self.earlier.saved:
                self.saved_cells = set(self.earlier.saved.cells)
                self.saved_file = self.earlier.saved.file
        self.begun = True

    @property
    def accepted_differences(self) -> tuple[str, ...]:
        """What differs from the session's beginning and was accepted by --resume-anyway."""
        return self.pauses[-1].differences if self.pauses else ()

    def earlier_run(self, cell: Cell) -> SessionRun | None:
        """The earlier session's run of a cell, done or interrupted; None if there is no such session."""
        history = self.earlier.histories.get(cell) if self.earlier else None
        return history.run if history else None

    def is_done(self, cell: Cell) -> bool:
        """Whether the earlier session has a cell's result."""
        run = self.earlier_run(cell)
        return bool(run and run.result)

    def file_to_replace(self, picked: Collection[Cell]) -> str | None:
        """The file that the earlier session saved, if all of that session's cells are picked."""
        if self.earlier and self.earlier.saved and set(self.earlier.histories) <= set(picked):
            return self.earlier.saved.file
        return None

    def add(self, part: str, record: SkippedCell | Stopped | SavedFile) -> None:
        """Adds a line. Ignores write errors: a resumed session can do without it."""
        if self.begun:
            with suppress(OSError):
                Journal(self.folder / resume.JOURNAL_NAME).add(part, record)

    def add_saved_file(self, file: str, cells: Collection[str]) -> None:
        """Adds the name of the result file and the ids of the cells with a result in it.

        It takes the place of what was saved so far.
        """
        self.saved_cells, self.saved_file = set(cells), file
        self.add("saved", SavedFile(file=file, cells=tuple(sorted(cells))))
        with suppress(OSError):
            (self.folder / SO_FAR_FILE).unlink(missing_ok=True)
