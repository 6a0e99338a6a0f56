"""What a session says of itself while it runs: a small file beside its journals, for who watches it."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import msgspec

from alexnet import durable

PROGRESS_FILE = "progress.json"
SO_FAR_FILE = "so-far.json"
"""The results of the cells that are done, as a result file, until the session saves its own."""
STARTED_BY = "ALEXNET_BENCH_STARTED_BY"
"""Environment variable: a word by which who starts a session finds it among the others."""


class Progress(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far a session has come.

    `cell` is the id of the cell that is measured, None between cells, and `epoch` the last one that it
    has ended: 0 while its gate runs. `epochs` is the most that it trains. `cells_done` have a result or
    were skipped, of the `cells` that were picked. `seconds_left` is an estimate. `warnings` are
    sentences. `saved` is the name of the session's result file, None before there is one. `started_by`
    is the word in STARTED_BY.
    """

    cell: str | None
    epoch: int
    epochs: int
    cells_done: int
    cells: int
    seconds_left: float
    warnings: tuple[str, ...]
    saved: str | None
    started_by: str | None


def write_progress(folder: Path, progress: Progress) -> None:
    """Replaces the file in the session's folder, without waiting for the disk.

    Ignores write errors: nothing depends on it, and what does will name a full disk.
    """
    with suppress(OSError), durable.replacing(folder / PROGRESS_FILE, synced=False) as partial:
        partial.write_bytes(msgspec.json.encode(progress))
