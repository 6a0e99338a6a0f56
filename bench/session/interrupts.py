"""Ctrl-C and SIGTERM: the first lets the epoch end, the second drops it; saving is never interrupted."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

EXIT_STATUS = 128 + signal.SIGINT
"""The exit status of an interrupted session: what a shell reports for Ctrl-C."""
_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Interrupts:
    """The signals received inside `handle_signals`. `requested_by` names the first one, or is None."""

    def __init__(self) -> None:
        self.requested_by: str | None = None
        self.notify: Callable[[str], None] = lambda text: None
        self._stop: Callable[[], None] | None = None
        self._ignoring = False
        self._announcement_pending = False

    @contextmanager
    def handle_signals(self) -> Iterator[None]:
        """Handles both signals; one that is ignored, as in a script's background job, stays ignored."""
        handled = [number for number in _NAMES if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._handle) for number in handled}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def stop_after_epoch(self, stop: Callable[[], None]) -> Iterator[None]:
        """Within the context the first signal calls `stop` and does not raise KeyboardInterrupt."""
        self._stop = stop
        if self.requested_by:
            stop()
        try:
            yield
        finally:
            self._stop = None

    def _handle(self, number: int, frame: FrameType | None) -> None:
        if self._ignoring:
            return
        first = self.requested_by is None
        self.requested_by = self.requested_by or _NAMES[signal.Signals(number)]
        if first and self._stop:
            self._stop()
            self._announcement_pending = True
            return
        self._raise()

    def announce(self) -> None:
        """Notifies the user of what the first signal does.

        The handler does not, since it may run while the terminal is locked.
        """
        if self._announcement_pending:
            self._announcement_pending = False
            self.notify(
                f"{self.requested_by}: this epoch ends, then all is saved."
                f" Once more drops the epoch and ends at once."
            )

    def raise_if_requested(self) -> None:
        """Raises KeyboardInterrupt if a signal has come; to be called once the epoch has ended."""
        if self.requested_by and not self._ignoring:
            self._raise()

    def _raise(self) -> None:
        self.ignore_signals()
        raise KeyboardInterrupt(f"{self.requested_by}: all that was measured is kept")

    def ignore_signals(self) -> None:
        """From now on signals do nothing, since results are being saved."""
        self._ignoring = True
