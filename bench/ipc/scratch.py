"""Files in a session's folder that a child leaves for its parent."""

from __future__ import annotations

from pathlib import Path

from bench.ipc.messages import Job


def outputs_file(job: Job) -> Path:
    """Where a gate leaves its answers for the other framework's certificate."""
    return Path(job.scratch_folder) / f"{job.cell.id}.gate.npz"


def remove_checkpoint(folder: Path, cell_id: str) -> None:
    """Removes what a cell's worker left behind for one that goes on with it. Raises OSError."""
    for kind in ("best-", "checkpoint."):
        for file in folder.glob(f"{cell_id}.{kind}*"):
            file.unlink(missing_ok=True)
