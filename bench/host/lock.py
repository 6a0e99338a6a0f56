"""One measuring session at a time on a computer: two would spoil each other's figures."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from bench.records.codec import now


class Busy(Exception):
    """Another session is at work, or may be; the message names it."""


def lock_file() -> Path:
    """The same for every clone and results folder of one user, as long as TMPDIR is."""
    return Path(tempfile.gettempdir()) / f"alexnet-bench-{os.getuid()}.lock"


class Lock:
    """Held from `take` to `release`. The system takes it from a process that dies, however it dies."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or lock_file()
        self._descriptor: int | None = None

    def take(self, what: str) -> None:
        """Raises Busy, in a sentence that names who holds it, and where `what` it is."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise Busy(
                f"whether this computer is measuring already cannot be told, since {self.path} cannot be"
                f" opened ({error.strerror}): remove it, or set TMPDIR to a folder that can be written"
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 4096, 0)
            os.close(descriptor)
            raise Busy(_named(holder.decode("utf8", "replace"))) from None
        except OSError as error:
            os.close(descriptor)
            raise Busy(
                f"{self.path} cannot be locked ({error.strerror}): set TMPDIR elsewhere"
            ) from error
        self._descriptor = descriptor
        name = json.dumps({"process": os.getpid(), "since": now(), "what": what})
        with suppress(OSError):  # a full disk: it is held all the same, by nobody's name
            os.truncate(descriptor, 0)
            os.pwrite(descriptor, name.encode(), 0)

    def release(self) -> None:
        """Lets the next one in."""
        if self._descriptor is not None:
            with suppress(OSError):
                os.truncate(self._descriptor, 0)
            os.close(self._descriptor)
            self._descriptor = None


def _named(text: str) -> str:
    """Who holds the lock, as far as the file says."""
    try:
        holder = json.loads(text)
        who = f"process {holder['process']} since {holder['since']}: {holder['what']}"
        end = f"end it with `kill {holder['process']}`"
    except (ValueError, TypeError, KeyError, RecursionError):
        who, end = "a process that has not yet said its name", "end it"
    return (
        f"this computer is measuring already ({who}). Two at once would spoil each other's figures:"
        f" wait, or {end}, which saves what it has"
    )
