"""The child's end of the line to its parent: the job comes in, records go out, each is waited for.

A record counts as sent when the parent has it on disk, so no epoch begins before the one before is safe.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread

from bench.ipc.messages import Heartbeat, Record, to_line

ACK, STOP = b"kept\n", b"stop\n"
ORPHANED = 3
"""The exit status of a child whose parent is gone."""


class ParentPipe:
    """Reads stdin in a thread of its own, and ends the process once nobody is at the other end."""

    def __init__(self, pipe: int, stdin: int = 0, leave: Callable[[int], None] = os._exit) -> None:
        self._pipe, self._stdin, self._leave = pipe, stdin, leave
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._stop = Event()
        Thread(target=self._listen, name="parent", daemon=True).start()

    def _listen(self) -> None:
        """Not by sys.stdin, whose lock would still be held when the interpreter ends."""
        pending = b""
        while part := os.read(self._stdin, 65536):
            *lines, pending = (pending + part).split(b"\n")
            for line in lines:
                if line + b"\n" == STOP:
                    self._stop.set()
                else:
                    self._lines.put(line)
        # The device is needed by whoever comes next, and what is not on disk yet is lost anyway.
        self._leave(ORPHANED)

    def job(self) -> str:
        """The first line."""
        return self._lines.get().decode("utf8")

    def send(self, record: Record) -> None:
        """Hands a record to the parent, and returns when it is on disk; a Beat is not waited for.

        Raises BrokenPipeError where the parent is gone.
        """
        line = to_line(record).encode()
        while line:
            line = line[os.write(self._pipe, line) :]
        if not isinstance(record, Heartbeat):
            self._lines.get()

    def stop_asked(self) -> bool:
        """Whether the parent wants no further epoch."""
        return self._stop.is_set()
