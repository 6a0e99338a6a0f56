"""Ctrl-C and SIGTERM: the first lets the epoch end, the second ends it, what is saved stays whole."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

STATUS = 128 + signal.SIGINT
"""The exit status of an interrupted session, as a shell has it for Ctrl-C."""
_NAMES = {signal.SIGINT: "Ctrl-C", signal.SIGTERM: "SIGTERM"}


class Interrupts:
    """What was asked for by signals since `watching` began: None, or what asked for an end first."""

    def __init__(self) -> None:
        self.requested_by: str | None = None
        self.say: Callable[[str], None] = lambda text: None
        self._stop: Callable[[], None] | None = None
        self._deaf = False
        self._unsaid = False

    def announce(self) -> None:
        """Says what the first signal does; not from its handler, where a terminal may be locked."""
        if self._unsaid:
            self._unsaid = False
            self.say(
                f"{self.requested_by}: this epoch ends, then all is saved."
                f" Once more drops the epoch and ends at once."
            )

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Takes both signals; one that is ignored, as in a script's background, stays ignored."""
        taken = [number for number in _NAMES if signal.getsignal(number) != signal.SIG_IGN]
        before = {number: signal.signal(number, self._take) for number in taken}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    @contextmanager
    def stop_after_epoch(self, stop: Callable[[], None]) -> Iterator[None]:
        """Inside, the first signal calls `stop`, and whoever is inside has to come to an end."""
        self._stop = stop
        if self.requested_by:
            stop()
        try:
            yield
        finally:
            self._stop = None

    def raise_if_requested(self) -> None:
        """Raises KeyboardInterrupt where a gentle stop has come to its end."""
        if self.requested_by and not self._deaf:
            self._deaf = True
            raise KeyboardInterrupt(f"{self.requested_by}: all that was measured is kept")

    def ignore_from_now(self) -> None:
        """From here on signals change nothing: what is to be saved is being saved."""
        self._deaf = True

    def _take(self, number: int, frame: FrameType | None) -> None:
        if self._deaf:
            return
        first = self.requested_by is None
        self.requested_by = self.requested_by or _NAMES[signal.Signals(number)]
        if first and self._stop:
            self._stop()
            self._unsaid = True
            return
        self._deaf = True
        raise KeyboardInterrupt(f"{self.requested_by}: all that was measured is kept")
