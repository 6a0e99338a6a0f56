"""The files of one cell in the session's folder that more than one room knows."""

from __future__ import annotations

import shutil
from pathlib import Path

from bench.records.types import Cell


def journal_file(folder: Path, cell_id: str) -> Path:
    """The journal of a cell's records."""
    return folder / f"{cell_id}.jsonl"


def reference_folder(folder: Path, cell: Cell) -> Path:
    """The folder of the reference's outputs that all gates of an experiment and a seed share."""
    return folder / f"{cell.experiment}-s{cell.seed}.reference"


def partial_reference(folder: Path) -> Path:
    """The name of a reference's folder while it is written."""
    return folder.with_name(f"{folder.name}.part")


def remove_references(folder: Path) -> None:
    """Removes all references, also those that a gate was writing as it died."""
    for reference in folder.glob("*.reference*"):
        if reference.is_dir():
            shutil.rmtree(reference, ignore_errors=True)
        else:  # the one file that an older session kept
            reference.unlink(missing_ok=True)


def remove_checkpoint(folder: Path, cell_id: str) -> None:
    """Removes a cell's checkpoint and best weights. Raises OSError."""
    for kind in ("best-", "checkpoint."):
        for file in folder.glob(f"{cell_id}.{kind}*"):
            file.unlink(missing_ok=True)
