"""Sessions on toy workers that bench/fleet/remote.py starts, in folders of a test's own."""

from __future__ import annotations

import os
import signal
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

import msgspec
import pytest

from bench.fleet import remote
from bench.fleet.remote import Order, Status
from tests.support.toy_hold import HELD_FILE
from tests.torture import EPOCHS, OPTIONS

MACHINE = "mac-01"
PATIENCE_SECONDS = 120.0
"""The longest wait for anything on a busy machine before a test fails."""
STEADY = "step=0.01"
"""Steps of which the most is a sleep take the same time on a busy machine, so that runs are valid."""
FIRST, SECOND = "scratch-torch-cpu-s0", "scratch-tensorflow-cpu-s0"
TOY_OPTIONS = (
    *("-p", "tests.support.toy_plugin", "-q"),
    *(*OPTIONS, "--epochs", str(EPOCHS), "--patience", "4"),
)


@dataclass(frozen=True, kw_only=True)
class Host:
    """A host's results, temporary folder and environment, for which this process answers."""

    folder: Path
    patch: pytest.MonkeyPatch

    @classmethod
    def here(cls, folder: Path, patch: pytest.MonkeyPatch) -> Host:
        patch.setattr(remote, "PLACE", remote.Place(machine=MACHINE, results=folder / "results"))
        patch.setattr(tempfile, "tempdir", str(folder))  # the lock of all sessions lies there
        patch.setenv("TMPDIR", str(folder))
        patch.setenv("HELD_FOLDER", str(folder))
        host = cls(folder=folder, patch=patch)
        host.hold()
        return host

    def hold(self, place: str | None = None, more: str = "") -> None:
        """The next session waits at a place (tests/support/toy_hold.py)."""
        (self.folder / HELD_FILE).unlink(missing_ok=True)
        held = f"hold={place}" if place else ""
        self.patch.setenv("TOY", f"{STEADY} silence={PATIENCE_SECONDS} {held} {more}")

    def start(self, *, fleet: str = "f1", resume: bool = False) -> Status:
        return answered(remote.start(order(fleet=fleet, resume=resume)))

    def status(self) -> Status:
        return answered(remote.status(b""))

    def stop(self, how: bytes) -> Status:
        return answered(remote.stop(how))

    def until(self, holds: Callable[[Status], object]) -> Status:
        """The first status of which something holds."""
        deadline = monotonic() + PATIENCE_SECONDS
        while not holds(status := self.status()):
            assert monotonic() < deadline, status
            sleep(0.05)
        return status

    def until_file(self, name: str) -> None:
        """Waits for a file that a toy worker writes."""
        deadline = monotonic() + PATIENCE_SECONDS
        while not (self.folder / name).exists():
            assert monotonic() < deadline, self.status()
            sleep(0.02)

    def until_ended(self) -> Status:
        return self.until(lambda status: status.state != "running")

    def kill(self) -> None:
        """Ends what a failed test has left running."""
        state = remote.PLACE.state
        if state.exists():
            kept = msgspec.json.decode(state.read_bytes(), type=remote.State)
            if kept.process and self.status().state == "running":
                os.killpg(kept.process, signal.SIGKILL)
                self.until_ended()
        for child in remote._children:
            child.wait()


def order(
    *,
    fleet: str = "f1",
    machine: str = MACHINE,
    options: tuple[str, ...] = TOY_OPTIONS,
    resume: bool = False,
) -> bytes:
    wanted = Order(fleet=fleet, machine=machine, save_as="class", options=options, resume=resume)
    return msgspec.json.encode(wanted)


def answered(payload: bytes) -> Status:
    return msgspec.json.decode(payload, type=Status)
