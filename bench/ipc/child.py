"""The child's end: it reads its job, sends records, and waits for the parent to acknowledge each.

The parent acknowledges a record once it is on disk, so no epoch begins before the last one is safe.
"""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Callable
from queue import SimpleQueue
from threading import Event, Thread

from bench.ipc.messages import Heartbeat, Record, to_line

ACK, STOP = b"ack\n", b"stop\n"
ORPHANED = 3
"""The exit status of a child whose parent has died."""


def end_process(status: int) -> None:
    """Ends this process at once, once its output is written.

    A framework that is taken down in order takes a second for it, and all of its records are on disk.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    # What a framework's C and C++ have printed into a file is kept back too.
    ctypes.CDLL(None).fflush(None)
    os._exit(status)


class ParentPipe:
    """Reads stdin in its own thread, and exits the process when the parent closes it or dies.

    `pipe` and `stdin` are file descriptors.
    """

    def __init__(
        self, pipe: int, stdin: int = 0, exit_process: Callable[[int], None] = os._exit
    ) -> None:
        self._pipe, self._stdin, self._exit_process = pipe, stdin, exit_process
        self._lines: SimpleQueue[bytes] = SimpleQueue()
        self._stop = Event()
        Thread(target=self._listen, name="parent", daemon=True).start()

    def _listen(self) -> None:
        """Uses os.read: this thread would still hold sys.stdin's lock when the interpreter exits."""
        pending = b""
        while chunk := os.read(self._stdin, 65536):
            *lines, pending = (pending + chunk).split(b"\n")
            for line in lines:
                if line + b"\n" == STOP:
                    self._stop.set()
                else:
                    self._lines.put(line)
        # Exits at once: the next session needs the device, and unsaved records are lost anyway.
        self._exit_process(ORPHANED)

    def job(self) -> str:
        """The first line: the job as JSON. Waits for it."""
        return self._lines.get().decode("utf8")

    def send(self, record: Record) -> None:
        """Sends a record and waits until the parent has it on disk; for a Heartbeat, does not wait.

        Raises BrokenPipeError if the parent has died.
        """
        line = to_line(record).encode()
        while line:
            line = line[os.write(self._pipe, line) :]
        if not isinstance(record, Heartbeat):
            self._lines.get()

    def stop_requested(self) -> bool:
        """Whether the parent asked for a stop after this epoch."""
        return self._stop.is_set()
