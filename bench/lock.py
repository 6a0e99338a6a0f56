"""One measuring session at a time on a computer: two would spoil each other's figures."""

from __future__ import annotations

import fcntl
import json
import os
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import IO

from bench.pauses import now


class Busy(Exception):
    """Another session is at work, or may be; the message names it."""


def lock_file() -> Path:
    """The same for every clone and results folder of one user."""
    return Path(tempfile.gettempdir()) / f"alexnet-bench-{os.getuid()}.lock"


class Lock:
    """Held from `take` to `release`. The system takes it from a process that dies, however it dies."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or lock_file()
        self._file: IO[str] | None = None

    def take(self, what: str) -> None:
        """Raises Busy, in a sentence that names who holds it, and where `what` it is."""
        try:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        except OSError as error:
            raise Busy(
                f"whether this computer is measuring already cannot be told, since {self.path} cannot be"
                f" opened ({error.strerror}): remove it, or set TMPDIR to a folder that can be written"
            ) from error
        file = os.fdopen(descriptor, "r+", encoding="utf8", errors="replace")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                raise Busy(_named(file.read(4096))) from None
        self._file = file
        file.truncate(0)
        json.dump({"process": os.getpid(), "since": now(), "what": what}, file)
        file.flush()

    def release(self) -> None:
        if self._file:
            with suppress(OSError):
                self._file.truncate(0)
            self._file.close()
            self._file = None


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
