"""The files of one cell in the session's folder that more than one room knows."""

from __future__ import annotations

from pathlib import Path

from bench.records.types import Cell


def journal_file(folder: Path, cell_id: str) -> Path:
    """The journal of a cell's records."""
    return folder / f"{cell_id}.jsonl"


def reference_file(folder: Path, cell: Cell) -> Path:
    """The reference's outputs that all gates of an experiment and a seed share."""
    return folder / f"{cell.experiment}-s{cell.seed}.reference.npz"


def remove_checkpoint(folder: Path, cell_id: str) -> None:
    """Removes a cell's checkpoint and best weights. Raises OSError."""
    for kind in ("best-", "checkpoint."):
        for file in folder.glob(f"{cell_id}.{kind}*"):
            file.unlink(missing_ok=True)
