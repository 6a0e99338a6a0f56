"""What a fleet is and what of it is at home, in `fleet/<id>/fleet.json`: for --resume and --collect."""

from __future__ import annotations

import fcntl
import os
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from alexnet import durable
from bench.fleet.hosts import Host

FILE = "fleet.json"
ID = re.compile(r"\d{8}T\d{6}(-\d+)?")
"""Of a fleet, and of its folder: when it began, and a number within that second."""

What = Literal["measure", "resume", "set up", "collect"]
"""What a fleet is looked after for."""


class FleetError(Exception):
    """A fleet cannot begin or go on; the message says why and what to do."""


class Stored(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A result file that is at home, under its host's name in results/."""

    file: str
    sha256: str
    runs: tuple[str, ...]
    """The checksums of its complete runs: a later file of the same session has them too."""
    final: bool
    """False: a session that goes on has written it, as far as it was."""
    problems: int
    """Its runs that are invalid or failed, and its cells that were skipped."""


class HostRecord(Struct, kw_only=True, forbid_unknown_fields=True):
    """A host, and what is known of its session."""

    host: Host
    is_set_up: bool = False
    """Whether it has this fleet's commit and its environment."""
    stored: list[Stored] = []
    done: bool = False
    """Whether its session has ended and its file is at home."""


class Fleet(Struct, kw_only=True, forbid_unknown_fields=True):
    """One fleet: its hosts, what they measure, and what came home."""

    id: str
    commit: str
    """What each host runs. A session that goes on may not run another one."""
    save_as: str
    measures: bool
    """False: its hosts were set up, and nothing else."""
    hosts: list[HostRecord]


class StateFile:
    """A fleet's record on disk, which is whole at any moment."""

    def __init__(self, folder: Path, fleet: Fleet) -> None:
        self.folder = folder
        self.fleet = fleet

    def save(self) -> None:
        """Writes it down. Raises FleetError where it cannot."""
        content = msgspec.json.format(msgspec.json.encode(self.fleet))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with durable.replacing(self.folder / FILE) as partial:
                partial.write_bytes(content)
        except OSError as error:
            raise FleetError(
                f"{self.folder / FILE} cannot be written ({error.strerror}), and without it `--resume`"
                " would not know the hosts: free some space, or make the folder writable."
            ) from error


def begin(
    fleets: Path, hosts: Sequence[Host], *, commit: str, save_as: str, measures: bool = True
) -> StateFile:
    """A new fleet, in a folder of its own.

    Raises FleetError where it cannot be written, or a name stood for another computer.
    """
    _check_names(fleets, hosts)
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    names = (f"{stamp}{suffix}" for suffix in ("", *(f"-{number}" for number in range(2, 100))))
    name = next(name for name in names if not os.path.lexists(fleets / name))
    fleet = Fleet(
        id=name,
        commit=commit,
        save_as=save_as,
        measures=measures,
        hosts=[HostRecord(host=host) for host in hosts],
    )
    state = StateFile(fleets / name, fleet)
    state.save()
    return state


def _check_names(fleets: Path, hosts: Sequence[Host]) -> None:
    """Raises FleetError for a name whose results at home are another computer's.

    A place in a list is no computer's name: the next list may have another order.
    """
    places = {host.name: _place(host) for host in hosts}
    for folder in _folders(fleets):
        try:
            fleet = msgspec.json.decode((folder / FILE).read_bytes(), type=Fleet)
        except (OSError, msgspec.DecodeError):
            continue  # `last` tells of it, where it matters
        for record in fleet.hosts:
            earlier = record.host
            if record.stored and places.get(earlier.name, _place(earlier)) != _place(earlier):
                raise FleetError(
                    f"{earlier.name} was {earlier.address}{_port(earlier)} in fleet {fleet.id}, and"
                    f" results/{earlier.name} has its results: name it otherwise, as in NAME=ADDRESS. If"
                    f" it is the same computer with a new address, move {folder} away."
                )


def _place(host: Host) -> tuple[str, int]:
    return host.address.lower(), host.port or 22


def _port(host: Host) -> str:
    return f":{host.port}" if host.port else ""


def _folders(fleets: Path) -> list[Path]:
    """Those that have a fleet, the last one last."""
    folders = (folder for folder in fleets.glob("*") if ID.fullmatch(folder.name))
    return [folder for folder in sorted(folders, key=_order) if (folder / FILE).exists()]


def last(fleets: Path) -> StateFile:
    """The fleet that began last and measures. Raises FleetError if there is none, or it is damaged."""
    for folder in reversed(_folders(fleets)):
        try:
            state = StateFile(folder, msgspec.json.decode((folder / FILE).read_bytes(), type=Fleet))
        except (OSError, msgspec.DecodeError) as error:
            raise FleetError(
                f"{folder / FILE} cannot be read ({error}): move {folder} away to go on with an earlier"
                " fleet. What its hosts measured is on them."
            ) from error
        if state.fleet.measures:
            return state
    raise FleetError(f"There is no fleet in {fleets} to go on with: name the hosts of a new one.")


def _order(folder: Path) -> tuple[str, int]:
    stamp, _, number = folder.name.partition("-")
    return stamp, int(number or 1)


@contextmanager
def only_one(fleets: Path) -> Iterator[None]:
    """Lets one coordinator at a time use these fleets.

    Raises FleetError where another one does, or nothing can be written.
    """
    try:
        fleets.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(fleets / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise FleetError(
            f"{fleets} cannot be written ({error.strerror}), and a fleet is kept there: free some space,"
            " or make the folder writable."
        ) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise FleetError(
            f"Another `python -m bench.fleet` uses {fleets}, and two would bring home the same files:"
            " wait for it, or end it with Ctrl-C."
        ) from None
    try:
        yield
    finally:
        os.close(descriptor)
