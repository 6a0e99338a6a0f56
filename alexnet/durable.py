"""Files that are there whole or not at all, and that a power cut does not take back."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


def sync(descriptor: int) -> None:
    """Returns when what was written through a file's descriptor is on the disk itself."""
    full = getattr(fcntl, "F_FULLFSYNC", None)
    if full is not None:
        # macOS's fsync only hands the bytes to the drive, which may keep them in its own memory (man 2
        # fsync). Network file systems do not know the stronger one.
        with suppress(OSError):
            fcntl.fcntl(descriptor, full)
            return
    os.fsync(descriptor)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name to write to, which takes the place of `path` at the end, or is gone if that failed."""
    partial = path.with_name(path.name + ".part")
    try:
        yield partial
        with partial.open("rb") as file:
            sync(file.fileno())  # or the disk would write it later, during somebody's clock
        partial.replace(path)
        sync_folder(path.parent)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def sync_folder(folder: Path) -> None:
    """Returns when the names of a folder's files are on the disk, which their own sync leaves out."""
    with suppress(OSError):  # some file systems sync no folder, and have the file all the same
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            sync(descriptor)
        finally:
            os.close(descriptor)
