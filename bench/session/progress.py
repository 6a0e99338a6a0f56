"""The session's side of its progress file."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import msgspec

from alexnet import durable
from bench.records.progress import PROGRESS_FILE, Progress
from bench.records.types import Run
from bench.records.words import warning_text
from bench.records.write import rejection_text


def write_progress(folder: Path, progress: Progress) -> None:
    """Replaces the file in the session's folder, without waiting for the disk.

    Ignores write errors: nothing depends on it, and what does will name a full disk.
    """
    with suppress(OSError), durable.replacing(folder / PROGRESS_FILE, synced=False) as partial:
        partial.write_bytes(msgspec.json.encode(progress))


def warnings_of(runs: Iterable[Run]) -> list[str]:
    """Why runs have failed or are invalid, and what a reader should know of the others."""
    lines = []
    for run in runs:
        if not run.complete:
            outcome = "is invalid" if run.result else "failed"
            lines.append(f"{run.cell.id} {outcome}: {rejection_text(run)}")
        lines += [f"{run.cell.id}: {warning_text(warning)}" for warning in run.verdict.warnings]
    return lines
