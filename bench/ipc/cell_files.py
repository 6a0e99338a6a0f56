"""The files of one cell in the session's folder that more than one room knows."""

from __future__ import annotations

from pathlib import Path

from bench.ipc.messages import Job


def journal_file(folder: Path, cell_id: str) -> Path:
    """The journal of a cell's records."""
    return folder / f"{cell_id}.jsonl"


def outputs_file(job: Job) -> Path:
    """Where a gate process saves its outputs, to be compared with another engine's."""
    return Path(job.session_folder) / f"{job.cell.id}.gate.npz"


def remove_checkpoint(folder: Path, cell_id: str) -> None:
    """Removes a cell's checkpoint and best weights. Raises OSError."""
    for kind in ("best-", "checkpoint."):
        for file in folder.glob(f"{cell_id}.{kind}*"):
            file.unlink(missing_ok=True)
