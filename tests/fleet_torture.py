"""`python -m tests.fleet_torture`: a room of simulated hosts with faults in it, looked after to the end.

Each host is an SSH server on loopback with a home, an environment and a checkout of its own, and
measures a session on toy workers. Workers are killed and stopped, a clock is wrong, a disk is full, a
host leaves and comes back, and the coordinator is killed with its scheduler; `--resume` goes on. At the
end there is one report, every host has the file that it would have had without all that, and no host
has another's.
"""

from __future__ import annotations

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread
from time import monotonic, sleep
from typing import Any

import psutil

from bench.paths import ROOT
from bench.records.read import read
from tests.support.sessions import environment_without
from tests.support.ssh_server import RoomProcess, client_environment
from tests.torture import comparable_results

HOSTS = 20
CHECKOUT = "alexnet-bench"
SAVE_AS = "fleet"
TOY = "step=0.03 silence=60"
SLOW_TOY = "step=0.15 silence=60"
OPTIONS = (
    *(
        "-p",
        "tests.support.toy_plugin",
        "--profile",
        "smoke",
        "--dataset",
        "synthetic",
        "--device",
        "cpu",
    ),
    *("--experiment", "scratch", "--epochs", "6", "--patience", "4", "--ignore-doctor"),
)
ENVIRONMENT = {"PYTHONDONTWRITEBYTECODE": "1", "OMP_NUM_THREADS": "1"}
"""Sums are rounded otherwise with another number of threads."""
PATIENCE_SECONDS = 1200.0
AWAY_SECONDS = 6.0
CLOCK_AHEAD_SECONDS = 3600
DISK_FULL = "ulimit -S -f 0\n"
"""In a login shell's profile: no file can be written to, as on a full disk."""
SHIFTED_CLOCK = f"import time\n_time = time.time\ntime.time = lambda: _time() + {CLOCK_AHEAD_SECONDS}\n"


def git(folder: Path, *arguments: str) -> str:
    """What git prints; its user's own settings have no say."""
    environment = environment_without({}) | {
        "GIT_CONFIG_GLOBAL": "/dev/null",
        "GIT_CONFIG_NOSYSTEM": "1",
    }
    environment = {name: value for name, value in environment.items() if name[:8] != "GIT_DIR"}
    command = [
        "git",
        "-c",
        "user.name=t",
        "-c",
        "user.email=t@example.org",
        "-C",
        str(folder),
        *arguments,
    ]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stdout


def make_checkout(folder: Path) -> Path:
    """A repository with this working tree as its only commit: hosts are given what is committed."""
    listed = git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard", "-z").split("\0")
    for name in filter(None, listed):
        if (ROOT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, folder / name)
    git(folder, "init", "--quiet")
    git(folder, "add", "--all", "--force")
    git(folder, "commit", "--quiet", "--message", "As it is")
    return folder


def link_environment(checkout: Path) -> None:
    """A .venv of links to the one that runs the tests, which make has nothing to do for."""
    folder = checkout / ".venv"
    folder.mkdir()
    for file in Path(sys.prefix).iterdir():
        if file.name != "installed":
            (folder / file.name).symlink_to(file)
    (folder / "installed").touch()


@dataclass(kw_only=True)
class Classroom:
    """The teacher's checkout and the room; `start` runs the coordinator."""

    folder: Path
    room: RoomProcess
    formats: str = "md"
    toy: Mapping[str, str] = field(default_factory=dict)
    """Host -> its workers' TOY variable, where it is another one."""

    def __post_init__(self) -> None:
        self.teacher = self.folder / "teacher"
        self.lines: list[tuple[float, str]] = []
        """When each line of the coordinators came, and the line."""

    def furnish(self) -> None:
        """Gives the teacher and each host a checkout with an environment."""
        self.teacher.mkdir()
        make_checkout(self.teacher)
        for name in self.room.names:
            home = self.room.home(name)
            git(self.folder, "clone", "--quiet", "--shared", str(self.teacher), str(home / CHECKOUT))
            link_environment(home / CHECKOUT)
            self.set_environment(name)

    def set_environment(self, name: str, **variables: str) -> None:
        self.room.set_environment(name, TOY=self.toy.get(name, TOY), **ENVIRONMENT, **variables)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """A coordinator, whose lines are read as they come."""
        environment = client_environment(self.room.user_home) | {"FLEET_FORMATS": self.formats}
        for name in [name for name in environment if name.startswith("PYTEST_")]:
            del environment[name]
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.fleet_toy", *arguments],
            cwd=self.teacher,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        Thread(target=self._read, args=(process,), daemon=True).start()
        return process

    def start_new(self, *options: str) -> subprocess.Popen[str]:
        """A fleet of all hosts."""
        return self.start(*map(self.room.word, self.room.names), *OPTIONS, *options)

    def _read(self, process: subprocess.Popen[str]) -> None:
        assert process.stdout
        with process.stdout as stream:
            for line in stream:
                self.lines.append((monotonic(), line.rstrip("\n")))

    def text(self) -> str:
        """All that the coordinators printed."""
        return "\n".join(line for _, line in list(self.lines))

    def wait_for(self, pattern: str, *, process: subprocess.Popen[str] | None = None) -> float:
        """When the first line came that begins so; waits for it."""
        deadline = monotonic() + PATIENCE_SECONDS
        while True:
            if times := [time for time, line in list(self.lines) if re.match(pattern, line)]:
                return times[0]
            ended = process is not None and process.poll() is not None
            assert not ended, f"it ended without {pattern!r}:\n{self.text()[-4000:]}"
            assert monotonic() < deadline, f"no {pattern!r}:\n{self.text()[-4000:]}"
            sleep(0.1)

    def end(self, process: subprocess.Popen[str]) -> int:
        """Its exit status, once it has ended by itself."""
        try:
            return process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"it hangs:\n{self.text()[-4000:]}") from None

    def processes(self, name: str, word: str) -> list[psutil.Process]:
        """A host's processes with this word on their command line."""
        found = []
        for process in psutil.process_iter():
            try:
                if word in process.cmdline() and process.environ().get("HOME") == str(
                    self.room.home(name)
                ):
                    found.append(process)
            except psutil.Error:
                continue
        return found

    def worker(self, name: str) -> psutil.Process:
        """The Dask worker of a host."""
        deadline = monotonic() + 60
        while not (found := self.processes(name, "bench.fleet.worker")):
            assert monotonic() < deadline, f"{name} has no worker"
            sleep(0.1)
        return found[-1]

    def kill_all(self) -> None:
        """Ends what is left of the hosts' sessions."""
        homes = {str(self.room.home(name)) for name in self.room.names}
        for process in psutil.process_iter():
            try:
                if process.environ().get("HOME") in homes:
                    process.kill()
            except psutil.Error:
                continue

    # What must hold at the end

    def check(self, expected: Mapping[str, Any]) -> None:
        """Nothing lost, nothing moved, one report of all. Raises AssertionError."""
        names = self.room.names
        for name in names:
            here = sorted((self.teacher / "results" / name).glob("*.json"))
            there = sorted((self.room.home(name) / CHECKOUT / "results" / name).glob("*.json"))
            assert [file.name for file in here] == [f"0001_{SAVE_AS}.json"], (name, here)
            assert len(there) == 1, (name, there)
            assert here[0].read_bytes() == there[0].read_bytes(), (
                f"{name} has another file than came home"
            )
            assert read(here[0])["machine_info"]["machine"]["name"] == name
            assert comparable_results(here[0]) == expected, f"{name} is not as if nothing had happened"
            others = {path.name for path in (self.room.home(name) / CHECKOUT / "results").iterdir()}
            assert others == {name}, f"{name} has measured for {others - {name}}"
            sessions = list(
                (self.room.home(name) / CHECKOUT / "results" / name).glob(".runs/*/session.jsonl")
            )
            assert len(sessions) == 1, (name, sessions)
        assert {path.name for path in (self.teacher / "results").iterdir()} == set(names)
        assert (self.teacher / "report" / "report.md").exists()
        fleets = list((self.teacher / "fleet").glob("2*"))
        assert len(fleets) == 1, fleets
        assert not list(fleets[0].glob("incoming-*"))
        homes = [self.room.home(name) for name in names]
        # The lock of sessions stays: who removed it could let two measure at once.
        left = [path for home in homes for path in (home / "tmp").iterdir() if path.suffix != ".lock"]
        assert not left, f"a worker has left behind: {[str(path) for path in left]}"


def expected_results(classroom: Classroom, name: str, *options: str) -> dict[str, Any]:
    """The outcome of the same session without a fleet, on one host, which is then as it was."""
    checkout = classroom.room.home(name) / CHECKOUT
    # As the hosts' commands have it: a variable of OpenBLAS's would round other sums otherwise.
    environment = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
    environment |= {**ENVIRONMENT, "TMPDIR": str(classroom.folder), "HOME": str(classroom.folder)}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "bench", *OPTIONS, *options, "--machine", name, "-q"],
        cwd=checkout,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    (file,) = (checkout / "results" / name).glob("0001_*.json")
    results = comparable_results(file)
    shutil.rmtree(checkout / "results")
    return results


@dataclass(kw_only=True)
class Faults:
    """Which hosts are struck, and by what."""

    killed: Sequence[str] = ()
    hung: Sequence[str] = ()
    wrong_clock: Sequence[str] = ()
    full_disk: Sequence[str] = ()
    away: Sequence[str] = ()

    def kinds(self) -> Iterator[str]:
        """What was done, in words."""
        for kind, names in vars(self).items():
            if names:
                yield f"{len(names)} {kind.replace('_', ' ')}"


@dataclass(kw_only=True)
class Outcome:
    """What came of it, with seconds and bytes as measured."""

    hosts: int
    faults: tuple[str, ...]
    setup_seconds: float
    start_seconds: float
    """From the first connection until the last session was started."""
    worker_bytes: int
    """Resident memory of the largest worker."""
    seconds: float

    def lines(self) -> list[str]:
        return [
            f"{self.hosts} hosts, {', '.join(self.faults)}, the coordinator killed once:"
            " 0 results lost, 0 moved, one report",
            f"checked and set up in {self.setup_seconds:.1f} s, all sessions started after"
            f" {self.start_seconds:.1f} s, {self.worker_bytes / 1e6:.0f} MB a worker at most;"
            f" {self.seconds:.0f} s in all",
        ]


def torture(folder: Path, names: Sequence[str], faults: Faults, *, formats: str = "md") -> Outcome:
    """Runs a fleet with these faults. Raises AssertionError if anything is lost or moved."""
    began = monotonic()
    with ExitStack() as stack:
        room = stack.enter_context(RoomProcess(folder / "room", names))
        # Those that are struck measure longer, so that they are struck while they measure.
        slow = dict.fromkeys((*faults.killed, *faults.hung, *faults.away), SLOW_TOY)
        classroom = Classroom(folder=folder, room=room, formats=formats, toy=slow)
        stack.callback(classroom.kill_all)
        classroom.furnish()
        expected = expected_results(classroom, names[0])
        for name in faults.wrong_clock:
            shim = folder / f"clock-{name}"
            shim.mkdir()
            (shim / "sitecustomize.py").write_text(SHIFTED_CLOCK)
            classroom.set_environment(name, PYTHONPATH=str(shim))
        setup_began = monotonic()
        process = classroom.start(*map(room.word, names), "--setup-only")
        assert classroom.end(process) == 0, classroom.text()
        setup_seconds = monotonic() - setup_began
        shutil.rmtree(classroom.teacher / "fleet")
        classroom.lines.clear()

        for name in faults.full_disk:
            (room.home(name) / ".profile").write_text(DISK_FULL)
        first = classroom.start_new()
        start_seconds = _started(classroom, names, faults, first)
        worker_bytes = max(classroom.worker(name).memory_info().rss for name in _sound(names, faults))
        for name in faults.killed:
            classroom.worker(name).kill()
        for name in faults.hung:
            classroom.worker(name).suspend()
        for name in faults.away:
            room.do("refuse", name)
        sleep(AWAY_SECONDS)
        for name in faults.away:
            room.do("accept", name)
        for name in (*faults.killed, *faults.hung, *faults.away):
            classroom.wait_for(f"{name}: lost", process=first)
        for name in faults.wrong_clock:
            classroom.wait_for(f"{name}: .*clock is 60 min ahead", process=first)
        for name in faults.full_disk:
            classroom.wait_for(
                f"{name}: failed; .*(disk is full|No usable temporary dir)", process=first
            )
            (room.home(name) / ".profile").unlink()
        first.send_signal(signal.SIGKILL)
        first.wait()
        second = classroom.start("--resume")
        assert classroom.end(second) == 0, classroom.text()[-6000:]
        classroom.check(expected)
    return Outcome(
        hosts=len(names),
        faults=tuple(faults.kinds()),
        setup_seconds=setup_seconds,
        start_seconds=start_seconds,
        worker_bytes=worker_bytes,
        seconds=monotonic() - began,
    )


def _sound(names: Sequence[str], faults: Faults) -> list[str]:
    return [name for name in names if name not in faults.full_disk]


def _started(
    classroom: Classroom, names: Sequence[str], faults: Faults, process: subprocess.Popen[str]
) -> float:
    """Seconds from the first connection to the last start of a session."""
    began = classroom.wait_for(f"{names[0]}: connecting", process=process)
    ends = [classroom.wait_for(f"{name}: running", process=process) for name in _sound(names, faults)]
    return max(ends) - began


def faults_for(names: Sequence[str]) -> Faults:
    """The faults of the long form: three killed, and one each of the others."""
    return Faults(
        killed=names[1:4],
        hung=names[4:5],
        wrong_clock=names[5:6],
        full_disk=names[6:7],
        away=names[7:8],
    )


def main() -> int:
    """Prints what came of it. Returns 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.fleet_torture", description=__doc__)
    parser.add_argument("--hosts", type=int, default=HOSTS)
    asked = parser.parse_args()
    names = [f"mac-{place:02}" for place in range(1, asked.hosts + 1)]
    folder = Path(tempfile.mkdtemp(prefix="fleet-torture-"))
    try:
        outcome = torture(folder, names, faults_for(names), formats="html,md,pdf")
    except AssertionError as error:
        print(f"{folder}: {error}")  # the folder is kept
        return 1
    print("\n".join(outcome.lines()))
    shutil.rmtree(folder)
    return 0


if __name__ == "__main__":
    sys.exit(main())
