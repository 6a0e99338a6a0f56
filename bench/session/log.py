"""What a session notes on disk of itself, and what it knows of an earlier one that it goes on with."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from bench.records.journal import Journal
from bench.records.run import Run
from bench.records.types import Cell, Pause, SkippedCell
from bench.session import resume
from bench.session.manifest import Manifest
from bench.session.resume import EarlierSession, SavedFile, Stopped


@dataclass(kw_only=True)
class SessionLog:
    """The session's own journal. `in_file` are the cells whose result stands in the result file."""

    folder: Path
    earlier: EarlierSession | None = None
    pauses: list[Pause] = field(default_factory=list)
    begun: bool = False
    in_file: set[str] = field(default_factory=set)

    def begin(self, terms: Manifest, *, anyway: bool) -> None:
        """Notes what a session is, or that it goes on. Raises SessionRefused."""
        if self.earlier is None:
            resume.begin(self.folder, terms)
        else:
            pause = resume.go_on(self.earlier, terms, anyway=anyway)
            self.pauses = [*self.earlier.pauses, pause]
            self.in_file = set(self.earlier.saved.cells) if self.earlier.saved else set()
        self.begun = True

    @property
    def accepted(self) -> tuple[str, ...]:
        """What is not as it was when the session began, and was accepted."""
        return self.pauses[-1].differences if self.pauses else ()

    def run_of(self, cell: Cell) -> Run | None:
        """What the earlier session had of a cell: its result, or from where it is to go on."""
        history = self.earlier.histories.get(cell) if self.earlier else None
        return history.run if history else None

    def is_done(self, cell: Cell) -> bool:
        """Whether the earlier session had a cell's result."""
        run = self.run_of(cell)
        return bool(run and run.result)

    def file_to_replace(self, picked: Collection[Cell]) -> str | None:
        """The file that the earlier session saved, if all of its cells are picked: it has one file."""
        if self.earlier and self.earlier.saved and set(self.earlier.histories) <= set(picked):
            return self.earlier.saved.file
        return None

    def note(self, part: str, record: SkippedCell | Stopped | SavedFile) -> None:
        """Adds a line. What cannot be noted is done once more by whoever resumes."""
        if self.begun:
            with suppress(OSError):
                Journal(self.folder / resume.FILE).add(part, record)

    def saved(self, file: str, cells: Collection[str]) -> None:
        """Notes the result file, and whose results stand in it."""
        self.in_file = set(cells)
        self.note("saved", SavedFile(file=file, cells=tuple(sorted(cells))))
