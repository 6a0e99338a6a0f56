"""`python -m tests.torture`: sessions killed, stopped, filled up and damaged at random, then resumed.

Every trial is one session on workers of toy size (tests/support/toy_plugin.py). Faults strike it,
`--resume` goes on with it, and in the end it must be what a session is that nothing ever struck.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import pty
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import termios
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import psutil

from bench.check import epochs, training
from bench.check.rules import Rule
from bench.check.run import checksum_fits, nothing_is_missing, stands_in_its_place, verdict_follows
from bench.paths import ROOT
from bench.records.read import load, read
from tests.support.sessions import without_pytests

TOY = "step=0.02 silence=4"
MACHINE = "toy"
PICKED = ("--profile", "smoke", "--dataset", "synthetic", "--device", "cpu", "--experiment", "scratch")
EPOCHS = 6
PATIENCE_SECONDS = 120.0
ORPHAN_SECONDS = 60.0
LEARNT = ("train_loss", "train_accuracy", "validation_loss", "validation_accuracy", "learning_rate")
ENDED = ("epochs", "best_epoch", "stopped", "weights_sha256", "test_loss", "confusion", "data_sha256")
RULES: tuple[Rule, ...] = (
    checksum_fits,
    verdict_follows,
    stands_in_its_place,
    nothing_is_missing,
    epochs.rounds_are_the_epochs,
    epochs.time_went_on,
    epochs.warm_ups_are_the_processes_firsts,
    training.end_follows_from_the_epochs,
    epochs.total_holds_all_epochs,
)
"""Those of `bench.check` that hold of a toy too."""


@dataclass(kw_only=True)
class Session:
    """A trial's folder, and how `pytest bench` is started in it; `toy` is what its workers are told."""

    folder: Path
    toy: str = TOY
    keepers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def command(self, *arguments: str) -> list[str]:
        command = [
            sys.executable,
            "-m",
            "pytest",
            str(ROOT / "bench"),
            "-p",
            "tests.support.toy_plugin",
            "-q",
        ]
        return [*command, "--machine", MACHINE, f"--benchmark-storage=file://{self.folder}", *arguments]

    def start(self, *arguments: str, **variables: str) -> subprocess.Popen[str]:
        """Begins a session, or goes on with one; what it prints is in output.txt."""
        # Through a pipe: a full disk must not be what keeps a session from saying so.
        with (self.folder / "output.txt").open("a") as file:
            keeper = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
        self.keepers.append(keeper)
        assert keeper.stdin
        with keeper.stdin as pipe:
            process = subprocess.Popen(
                self.command(*arguments),
                cwd=ROOT,
                env=self.environment() | variables,
                stdout=pipe,
                stderr=subprocess.STDOUT,
                text=True,
            )
        self.started.append(process)
        return process

    def environment(self) -> dict[str, str]:
        # A folder for temporary files of its own is a lock of its own.
        return without_pytests({"ALEXNET_DATA"}) | {
            "TOY": self.toy,
            "TMPDIR": str(self.folder),
            "COLUMNS": "120",
        }

    def first(self, **variables: str) -> subprocess.Popen[str]:
        return self.start(*PICKED, "--epochs", str(EPOCHS), "--patience", "4", **variables)

    def first_in_a_terminal(self) -> tuple[subprocess.Popen[bytes], int]:
        """A session that has a terminal, and the other end of that."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 140, 0, 0))
        command = self.command(*PICKED, "--epochs", str(EPOCHS))
        environment = self.environment() | {"TERM": "xterm-256color"}
        with os.fdopen(theirs, "wb", buffering=0) as end:
            process = subprocess.Popen(
                command, cwd=ROOT, env=environment, stdin=end, stdout=end, stderr=end
            )
        return process, ours

    def output_so_far(self) -> str:
        file = self.folder / "output.txt"
        return file.read_text(errors="replace") if file.exists() else ""

    def output(self) -> str:
        """All that was printed; waits for the end of it."""
        for keeper in self.keepers:
            keeper.wait()
        return self.output_so_far()

    def kill(self) -> None:
        """Ends what is left of it; its workers leave by themselves."""
        for process in self.started:
            process.kill()
            process.wait()

    def ready(self) -> bool:
        """Whether the last one has told which cells it has; before that, pytest is still at work."""
        return self.output_so_far().count("cells, roughly") == len(self.started)

    def runs(self) -> Path | None:
        """The folder of the session's journals, once there is one."""
        found = sorted((self.folder / MACHINE / ".runs").glob("*/session.jsonl"))
        return found[-1].parent if found else None

    def results(self) -> list[Path]:
        return sorted((self.folder / MACHINE).glob("*.json"))

    def workers(self, parent: int) -> list[psutil.Process]:
        try:
            children = psutil.Process(parent).children()
            return [child for child in children if "tests.support.toy_worker" in child.cmdline()]
        except psutil.Error:
            return []

    def orphans(self) -> list[int]:
        """Workers of this trial, whoever has them now."""
        found = []
        for process in psutil.process_iter():
            try:
                ours = "tests.support.toy_worker" in process.cmdline()
                if ours and process.environ().get("TMPDIR") == str(self.folder):
                    found.append(process.pid)
            except psutil.Error:
                continue
        return found


@dataclass(kw_only=True)
class Trial:
    """One session, what has struck it, and what of its journals was seen on disk."""

    seed: int
    folder: Path
    wanted: dict[str, Any]
    struck: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    resumed: int = 0
    seen: dict[str, Counter[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.session = Session(folder=self.folder)

    def strike(self, faults: int) -> int:
        """A session with so many faults or a few less; raises AssertionError where it loses anything."""
        process = self.session.first()
        for _ in range(faults):
            self._in_flight(process)
            self._ended(process)
            for _ in range(self.random.randrange(3)):
                self._at_rest()
            if self.refused:
                return self.struck.total()
            process = self.session.start("--resume")
            self.resumed += 1
        self._finish(process)
        return self.struck.total()

    def _in_flight(self, process: subprocess.Popen[str]) -> None:
        name = self.random.choice(list(IN_FLIGHT))
        while process.poll() is None and not self.session.ready():
            sleep(0.05)
        sleep(self.random.uniform(0.0, 5.0))
        if process.poll() is None and IN_FLIGHT[name](self, process):
            self.struck[name] += 1

    def _ended(self, process: subprocess.Popen[str]) -> None:
        """What must hold whenever a session has ended, however it did."""
        deadline = monotonic() + PATIENCE_SECONDS
        try:
            process.wait(PATIENCE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            raise AssertionError(f"it hangs: {self.session.output()[-2000:]}") from None
        self.restore()
        deadline = monotonic() + ORPHAN_SECONDS
        while orphans := self.session.orphans():
            assert monotonic() < deadline, f"orphans: {orphans}"
            sleep(0.2)
        output = self.session.output()
        for word in ("Traceback", "INTERNALERROR"):
            assert word not in output, output[-3000:]
        self.nothing_is_lost()

    def nothing_is_lost(self) -> None:
        """Every line that was seen in a journal is still there; every result file can be read."""
        for file in self.session.results():
            saved = load(read(file))
            assert not saved.problems, saved.problems
        runs = self.session.runs()
        for journal in sorted(runs.glob("*.jsonl")) if runs else ():
            lines = Counter(journal.read_bytes().split(b"\n")[:-1])
            lost = self.seen.get(journal.name, Counter()) - lines
            assert not lost, f"{journal.name} has lost {lost}"
            self.seen[journal.name] = lines

    def _at_rest(self) -> None:
        runs = self.session.runs()
        if runs is None:
            return
        name = self.random.choice(list(AT_REST))
        files = [file for file in sorted(runs.glob(AT_REST[name][0])) if file.stat().st_size]
        if files:
            file = self.random.choice(files)
            AT_REST[name][1](self.random, file)
            self.struck[name] += 1
            if file.suffix == ".jsonl":  # what we took ourselves is not missed
                lines = Counter(file.read_bytes().split(b"\n")[:-1])
                self.seen[file.name] = self.seen.get(file.name, Counter()) & lines

    def _finish(self, process: subprocess.Popen[str]) -> None:
        """Resumes until there is nothing left to do, then compares."""
        for _ in range(6):
            self._ended(process)
            if process.returncode == 0:
                break
            if process.returncode == REFUSED:
                self._was_refused()
                return
            process = self.session.start("--resume")
            self.resumed += 1
        assert process.returncode == 0, self.session.output()[-3000:]
        self.equals_the_uninterrupted()

    def _was_refused(self) -> None:
        """Because there was nothing left, or because a session does not know any more what it was."""
        said = self.session.output().splitlines()[-3:]
        if any("there is nothing to resume" in line for line in said):
            self.equals_the_uninterrupted()
            return
        assert any("cannot be resumed" in line for line in said), said
        self.refused += 1

    def equals_the_uninterrupted(self) -> None:
        file = self.session.results()[-1]
        assert learnt(file) == self.wanted, f"{file} is not as if nothing had happened"
        for run in load(read(file)).runs:
            found = [sentence for rule in RULES for sentence in rule(run)]
            assert not found, found
        runs = self.session.runs()
        assert runs
        assert not list(runs.glob("*.safetensors*")), "checkpoints stay behind"

    def restore(self) -> None:
        """Gives the results folder back after `folder gone`."""
        runs = self.folder / MACHINE / ".runs"
        away = self.folder / "away"
        if away.exists():
            runs.unlink(missing_ok=True)
            away.rename(runs)


REFUSED = 4


def learnt(file: Path) -> dict[str, Any]:
    """All of a result file that must not depend on when it was interrupted."""
    content = read(file)
    assert not content["failures"], content["failures"]
    return {
        benchmark["param"]: {
            "epochs": [[epoch[name] for name in LEARNT] for epoch in benchmark["extra_info"]["epochs"]],
            "result": [benchmark["extra_info"]["result"][name] for name in ENDED],
        }
        for benchmark in content["benchmarks"]
    }


def _signals(*numbers: signal.Signals) -> Callable[[Trial, subprocess.Popen[str]], bool]:
    def send(trial: Trial, process: subprocess.Popen[str]) -> bool:
        for number in numbers:
            process.send_signal(number)
            sleep(trial.random.uniform(0.0, 0.3))
        return True

    return send


def _to_a_worker(act: Callable[[psutil.Process], Any]) -> Callable[[Trial, subprocess.Popen[str]], bool]:
    def send(trial: Trial, process: subprocess.Popen[str]) -> bool:
        deadline = monotonic() + 5
        while monotonic() < deadline:
            if workers := trial.session.workers(process.pid):
                sleep(trial.random.uniform(0.0, 1.0))
                try:
                    act(workers[0])
                except (psutil.Error, OSError):
                    return False  # it had ended already
                return True
            sleep(0.02)
        return False

    return send


def _folder_gone(trial: Trial, process: subprocess.Popen[str]) -> bool:
    """As when a volume is taken out; a folder that turns read-only gives root no error."""
    runs = trial.folder / MACHINE / ".runs"
    if not runs.is_dir():
        return False
    runs.rename(trial.folder / "away")
    runs.write_text("")
    return True


def _second(trial: Trial, process: subprocess.Popen[str]) -> bool:
    if not (trial.folder / MACHINE / ".runs").exists():
        return False
    elsewhere = f"--benchmark-storage=file://{trial.folder / 'second'}"  # should it come too late
    done = subprocess.run(
        trial.session.command(*PICKED, elsewhere),
        cwd=ROOT,
        env=trial.session.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    if process.poll() is not None:
        return False
    assert done.returncode == REFUSED, done.stdout
    assert f"process {process.pid}" in done.stderr, done.stderr
    return True


IN_FLIGHT: dict[str, Callable[[Trial, subprocess.Popen[str]], bool]] = {
    "session killed": _signals(signal.SIGKILL),
    "Ctrl-C": _signals(signal.SIGINT),
    "Ctrl-C twice": _signals(signal.SIGINT, signal.SIGINT),
    "Ctrl-C, then killed": _signals(signal.SIGINT, signal.SIGKILL),
    "SIGTERM": _signals(signal.SIGTERM),
    "worker killed": _to_a_worker(lambda worker: worker.kill()),
    "worker stopped": _to_a_worker(lambda worker: worker.suspend()),
    "results folder gone": _folder_gone,
    "a second session": _second,
}
if sys.platform == "linux":  # elsewhere nobody sets another process's limits

    def _fill(process: psutil.Process) -> None:
        """From now on no file of it grows, as if the disk were full."""
        process.rlimit(psutil.RLIMIT_FSIZE, (0, process.rlimit(psutil.RLIMIT_FSIZE)[1]))

    def _fill_parent(trial: Trial, process: subprocess.Popen[str]) -> bool:
        _fill(psutil.Process(process.pid))
        return True

    IN_FLIGHT |= {"worker's disk full": _to_a_worker(_fill), "session's disk full": _fill_parent}


def _cut(chance: random.Random, file: Path) -> None:
    os.truncate(file, chance.randrange(file.stat().st_size))


def _cut_last(chance: random.Random, file: Path) -> None:
    """Within the last line, as a power cut does."""
    content = file.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    os.truncate(file, chance.randrange(last, len(content)))


def _flip(chance: random.Random, file: Path) -> None:
    at = chance.randrange(file.stat().st_size)
    with file.open("r+b") as content:
        content.seek(at)
        byte = content.read(1)[0] ^ (1 << chance.randrange(8))
        content.seek(at)
        content.write(bytes([byte]))


def _rubbish(chance: random.Random, file: Path) -> None:
    file.with_name(file.name + ".part").write_bytes(chance.randbytes(100))


AT_REST: dict[str, tuple[str, Callable[[random.Random, Path], None]]] = {
    "journal cut": ("*-s0.jsonl", _cut),
    "journal's last line cut": ("*-s0.jsonl", _cut_last),
    "journal's bit flipped": ("*-s0.jsonl", _flip),
    "session's journal cut": ("session.jsonl", _cut_last),
    "session's journal flipped": ("session.jsonl", _flip),
    "checkpoint cut": ("*.checkpoint.safetensors", _cut),
    "checkpoint flipped": ("*.checkpoint.safetensors", _flip),
    "checkpoint gone": ("*.checkpoint.safetensors", lambda chance, file: file.unlink()),
    "best weights cut": ("*.best-*.safetensors", _cut),
    "best weights flipped": ("*.best-*.safetensors", _flip),
    "half a file left over": ("*.checkpoint.safetensors", _rubbish),
}


def uninterrupted(folder: Path) -> dict[str, Any]:
    """What a session learns that nothing strikes; on a busy machine too, no worker counts as hanging."""
    session = Session(folder=folder, toy="")
    process = session.first()
    assert process.wait() == 0, session.output()
    session.output()
    return learnt(session.results()[0])


@dataclass(kw_only=True)
class Tally:
    """What struck, and what came of it."""

    struck: Counter[str] = field(default_factory=Counter)
    trials: int = 0
    resumed: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, trial: Trial) -> None:
        self.struck += trial.struck
        self.trials += 1
        self.resumed += trial.resumed
        self.refused += trial.refused

    def lines(self) -> list[str]:
        total = self.struck.total()
        return [
            *(f"{times:5}  {name}" for name, times in sorted(self.struck.items())),
            f"{total} faults in {self.trials} sessions, {self.resumed} times resumed:"
            f" {self.trials - self.refused - len(self.failures)} ended as the uninterrupted one,"
            f" {self.refused} refused with a sentence, {len(self.failures)} failed",
            *self.failures,
        ]


def torture(faults: int, *, seed: int, folder: Path, jobs: int = 1) -> Tally:
    """Trials until so many faults have struck; each trial's folder is kept where it failed."""
    # Whoever runs this in the background may have Ctrl-C ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    (folder / "calm").mkdir()
    wanted, tally, chance = uninterrupted(folder / "calm"), Tally(), random.Random(seed)
    with ThreadPoolExecutor(jobs) as pool:

        def one(number: int) -> Trial:
            trial = Trial(seed=number, folder=folder / f"trial-{number}", wanted=wanted)
            trial.folder.mkdir()
            try:
                trial.strike(faults=1 + number % 3)
                shutil.rmtree(trial.folder)
            except AssertionError as error:
                tally.failures.append(f"trial {number} in {trial.folder}: {error}")
            return trial

        while tally.struck.total() < faults and not tally.failures:
            for trial in pool.map(one, [chance.randrange(10**6) for _ in range(jobs * 2)]):
                tally.add(trial)
    return tally


def main() -> int:
    """Prints what struck and what came of it; 1 where anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--faults", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    given = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    tally = torture(given.faults, seed=given.seed, folder=folder, jobs=given.jobs)
    print("\n".join(tally.lines()))
    if not tally.failures:
        shutil.rmtree(folder)
    return int(bool(tally.failures))


if __name__ == "__main__":
    sys.exit(main())
