"""A whole fleet on simulated hosts: Ctrl-C ends each host's epoch, and the next command goes on."""

from __future__ import annotations

import signal
from contextlib import ExitStack
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the extra `fleet` is not installed")

from tests.fleet_torture import SAVE_AS, Classroom, expected_results
from tests.support.ssh_server import RoomProcess

pytestmark = pytest.mark.slow

NAMES = ("mac-01", "mac-02")
ONE_CELL = ("--engine", "torch")


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
