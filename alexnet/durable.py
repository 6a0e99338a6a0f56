"""Atomic file writes that survive a power cut."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def sync(descriptor: int) -> None:
    """Waits until everything written to an open file is on the disk itself."""
    full_sync = getattr(fcntl, "F_FULLFSYNC", None)
    if full_sync is not None:
        # macOS's fsync only hands the bytes to the drive, which may keep them in its cache (man 2
        # fsync). Network file systems do not support F_FULLFSYNC.
        with suppress(OSError):
            fcntl.fcntl(descriptor, full_sync)
            return
    os.fsync(descriptor)


@contextmanager
def replacing(path: Path, *, synced: bool = True) -> Iterator[Path]:
    """A temporary path to write to. It replaces `path` at the end, or is deleted after an error.

    Without `synced` a power cut may leave it damaged, and it does not wait for the disk: for what can
    be made again, and is checked when it is read.
    """
    partial = path.with_name(path.name + ".part")
    try:
        yield partial
        if synced:
            with partial.open("rb") as file:
                sync(file.fileno())  # or the disk would write it later, perhaps during a timed epoch
        partial.replace(path)
        if synced:
            sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Waits until a folder's file names are on the disk; syncing a file leaves out its name."""
    with suppress(OSError):  # some file systems cannot sync a folder and do not need it
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)
