"""A fleet that is interrupted: every host saves, no key stays, and the next command goes on."""

from __future__ import annotations

import asyncio
import errno
import io
import os
import signal
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

pytest.importorskip("distributed", reason="the extra `fleet` is not installed")

from bench.fleet import run
from bench.fleet.certificates import Certificates
from bench.fleet.hosts import Host
from bench.fleet.state import begin
from tests.fleet_torture import SAVE_AS, Classroom, expected_results
from tests.support.ssh_server import RoomProcess

NAMES = ("mac-01", "mac-02")
ONE_CELL = ("--engine", "torch")


class ClosedTerminal(io.StringIO):
    """Takes nothing any more."""

    def write(self, text: str) -> int:
        raise OSError(errno.EIO, os.strerror(errno.EIO))


@pytest.mark.parametrize("is_terminal", [True, False])
def test_a_terminal_that_is_closed_leaves_the_hosts_and_no_key(
    is_terminal: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys: list[Path] = []
    heard: list[int] = []

    class NoCluster:
        def __init__(self, certificates: Certificates, fleet: str) -> None:
            keys.append(certificates.folder)

        async def __aenter__(self) -> NoCluster:
            return self

        async def __aexit__(self, *_: object) -> None:
            assert keys[0].exists()

    class HangsUp:
        def __init__(self, **_: Any) -> None:
            pass

        async def run(self) -> None:
            os.kill(os.getpid(), signal.SIGHUP)
            await asyncio.sleep(20)

    monkeypatch.setattr(run, "Cluster", NoCluster)
    monkeypatch.setattr(run, "Watch", HangsUp)
    hosts = [Host(name="mac-01", address="there")]
    state = begin(tmp_path / "fleet", hosts, commit="c", save_as="fleet")
    console = Console(file=ClosedTerminal(), force_terminal=is_terminal)
    before = signal.signal(signal.SIGHUP, lambda number, _: heard.append(number))
    try:
        fleet = run.run_fleet(state, "measure", console, results=tmp_path, report=tmp_path)
        assert asyncio.run(fleet) == run.INTERRUPTED
    finally:
        signal.signal(signal.SIGHUP, before)
    assert heard == [], "it was taken by nobody"
    assert not keys[0].exists()


@pytest.mark.slow
def test_ctrl_c_lets_every_host_save_and_resume_goes_on(tmp_path: Path) -> None:
    with ExitStack() as stack:
        room = stack.enter_context(RoomProcess(tmp_path / "room", NAMES))
        toy = dict.fromkeys(NAMES, "step=0.06 silence=60")  # long enough for Ctrl-C
        classroom = Classroom(folder=tmp_path, room=room, formats="list", toy=toy)
        stack.callback(classroom.kill_all)
        classroom.furnish()
        expected = expected_results(classroom, NAMES[0], *ONE_CELL)
        first = classroom.start_new(*ONE_CELL)
        for name in NAMES:
            classroom.wait_for(f"{name}: running; 1/1", process=first)
        first.send_signal(signal.SIGINT)
        assert classroom.end(first) == 130, classroom.text()
        text = classroom.text()
        assert "Ctrl-C: every host ends its epoch and saves" in text
        for name in NAMES:
            assert f"{name}: stopped; `python -m bench.fleet --resume` goes on with it" in text
            assert not classroom.processes(name, "bench.fleet.worker")
        collecting = classroom.start("--collect")
        assert classroom.end(collecting) == 1, "nobody is done"
        second = classroom.start("--resume")
        assert classroom.end(second) == 0, classroom.text()
        classroom.check(expected)
        third = classroom.start("--resume")
        assert classroom.end(third) == 0, "there is nothing to do"
        assert len(list((classroom.teacher / "results" / NAMES[0]).iterdir())) == 1
        assert (classroom.teacher / "results" / NAMES[0] / f"0001_{SAVE_AS}.json").exists()
