"""A temporary folder that goes with its owner, even with one that is killed."""

from __future__ import annotations

import fcntl
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import mkdtemp

LOCK = "lock"
OF_CHILDREN = "alexnet-child-"
"""The prefix of the folders of the suite's child processes."""


@contextmanager
def temporary_folder(prefix: str, place: Path) -> Iterator[Path]:
    """An empty folder of mode 0700 in a folder of that prefix in `place`, removed on leaving.

    A killed process removes nothing, so what others left under the same prefix is removed first. Raises
    OSError.
    """
    _remove_abandoned(prefix, place)
    outer = Path(mkdtemp(prefix=prefix, dir=place))
    try:
        # Renamed once it is locked, so that nobody takes the folder for an abandoned one before.
        with (outer / f"{LOCK}.new").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            inner = outer / "files"
            inner.mkdir(mode=0o700)
            Path(lock.name).rename(outer / LOCK)
            yield inner
    finally:
        shutil.rmtree(outer, ignore_errors=True)


def _remove_abandoned(prefix: str, place: Path) -> None:
    """Removes the folders of processes that were killed: those whose lock nobody holds."""
    for lock_file in place.glob(f"{prefix}*/{LOCK}"):
        # Held by a living process, made by another user, or gone by now.
        with suppress(OSError), lock_file.open() as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock_file.parent, ignore_errors=True)
