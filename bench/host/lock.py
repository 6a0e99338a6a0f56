"""The lock that allows one measuring session at a time: two would slow each other down."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from bench.records.clock import utc_now


class Busy(Exception):
    """Another session holds the lock, or may hold it; the message names its process."""


def lock_file() -> Path:
    """The lock's path: one per user and TMPDIR, whatever the clone or the results folder.

    Raises Busy where no folder for temporary files can be written.
    """
    try:
        folder = tempfile.gettempdir()
    except FileNotFoundError as error:
        raise Busy(
            "no folder for temporary files can be written, so nobody can tell whether this computer is"
            " measuring already: set TMPDIR to one that can"
        ) from error
    return Path(folder) / f"alexnet-bench-{os.getuid()}.lock"


class Lock:
    """Held from `acquire` to `release`. The system releases it when its process dies for any reason."""

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._descriptor: int | None = None

    @property
    def path(self) -> Path:
        """Where it lies. Raises Busy as `lock_file` does."""
        return self._path or lock_file()

    def acquire(self, purpose: str) -> None:
        """Raises Busy if another process, which it names, holds the lock, or may hold it."""
        path = self.path
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise Busy(
                f"{path} cannot be opened ({error.strerror}), so nobody can tell whether this computer"
                " is measuring already: remove it, or set TMPDIR to a folder that can be written"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            content = os.pread(descriptor, 4096, 0)
            os.close(descriptor)
            raise Busy(_busy_message(content.decode("utf8", "replace"))) from None
        except OSError as error:
            os.close(descriptor)
            raise Busy(f"{path} cannot be locked ({error.strerror}): set TMPDIR elsewhere") from error
        self._descriptor = descriptor
        holder = json.dumps({"process": os.getpid(), "since": utc_now(), "what": purpose})
        with suppress(OSError):  # a full disk: the lock is held, but does not name its holder
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, holder.encode(), 0)

    def release(self) -> None:
        """Frees the lock; does nothing if it is not held."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.truncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _busy_message(content: str) -> str:
    """Names the holder as far as the content of the lock file does."""
    try:
        holder = json.loads(content)
        description = f"process {holder['process']} since {holder['since']}: {holder['what']}"
        remedy = f"end it with `kill {holder['process']}`"
    except (ValueError, TypeError, KeyError, RecursionError):
        description, remedy = "a process that has not yet said its name", "end it"
    return (
        f"this computer is measuring already ({description}). Two at once would spoil each other's"
        f" figures: wait, or {remedy}, which saves what it has"
    )
