"""`python -m tests.torture`: random faults in sessions, each of which is then resumed.

Each trial is one session on toy workers (tests/support/toy_plugin.py). Faults kill or stop its
processes, fill its disk or damage its files, and `--resume` continues it. At the end it must equal a
session without faults.
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

from bench.check import epochs
from bench.check.integrity import checksum_matches, run_is_in_the_right_list, verdict_follows
from bench.paths import ROOT
from bench.records import consistency
from bench.records.read import load, read
from tests.support.sessions import environment_without

TOY = "step=0.02 silence=4"
MACHINE = "toy"
OPTIONS = ("--profile", "smoke", "--dataset", "synthetic", "--device", "cpu", "--experiment", "scratch")
EPOCHS = 6
PATIENCE_SECONDS = 120.0
ORPHAN_SECONDS = 60.0
EPOCH_FIELDS = (
    "train_loss",
    "train_accuracy",
    "validation_loss",
    "validation_accuracy",
    "learning_rate",
)
RESULT_FIELDS = (
    "epochs",
    "best_epoch",
    "stopped",
    "weights_sha256",
    "test_loss",
    "confusion",
    "data_sha256",
)
RULES: tuple[consistency.Rule, ...] = (
    checksum_matches,
    verdict_follows,
    run_is_in_the_right_list,
    consistency.no_part_is_missing,
    epochs.rounds_match_the_epochs,
    epochs.times_are_in_order,
    epochs.warm_ups_match_the_interruptions,
    consistency.end_follows_from_the_epochs,
    consistency.total_covers_all_epochs,
)
"""The rules of `bench.check` that a toy session obeys too."""


@dataclass(kw_only=True)
class Session:
    """A trial's folder and the `pytest bench` processes in it; `toy` is the workers' TOY variable."""

    folder: Path
    toy: str = TOY
    output_writers: list[subprocess.Popen[bytes]] = field(default_factory=list)
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
        """Starts or resumes a session; its output goes to output.txt."""
        # Through a pipe, so that a session with a full disk can still print.
        with (self.folder / "output.txt").open("a") as file:
            output_writer = subprocess.Popen(["cat"], stdin=subprocess.PIPE, stdout=file)
        self.output_writers.append(output_writer)
        assert output_writer.stdin
        with output_writer.stdin as pipe:
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
        # The lock lies in TMPDIR: a folder of its own gives the session a lock of its own.
        return environment_without({"ALEXNET_DATA"}) | {
            "TOY": self.toy,
            "TMPDIR": str(self.folder),
            "HELD_FOLDER": str(self.folder),
            "COLUMNS": "120",
        }

    def start_new(self, **variables: str) -> subprocess.Popen[str]:
        return self.start(*OPTIONS, "--epochs", str(EPOCHS), "--patience", "4", **variables)

    def start_in_a_terminal(self) -> tuple[subprocess.Popen[bytes], int]:
        """A session in a terminal, and our end of the terminal."""
        ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 50, 140, 0, 0))
        command = self.command(*OPTIONS, "--epochs", str(EPOCHS))
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
        """All that was printed; waits until the processes have closed their output."""
        for output_writer in self.output_writers:
            output_writer.wait()
        return self.output_so_far()

    def kill(self) -> None:
        """Kills the sessions; their workers then end by themselves."""
        for process in self.started:
            process.kill()
            process.wait()

    def ready(self) -> bool:
        """Whether the last process has printed its cells; before that, pytest is still collecting."""
        return self.output_so_far().count("cells, roughly") == len(self.started)

    def runs_folder(self) -> Path | None:
        """The folder of the session's journals, or None before it exists."""
        journals = sorted((self.folder / MACHINE / ".runs").glob("*/session.jsonl"))
        return journals[-1].parent if journals else None

    def results(self) -> list[Path]:
        return sorted((self.folder / MACHINE).glob("*.json"))

    def workers(self, parent: int) -> list[psutil.Process]:
        try:
            children = psutil.Process(parent).children()
            return [child for child in children if "tests.support.toy_worker" in child.cmdline()]
        except psutil.Error:
            return []

    def orphans(self) -> list[int]:
        """The process ids of this trial's workers, whatever their parent is now."""
        orphans = []
        for process in psutil.process_iter():
            try:
                ours = "tests.support.toy_worker" in process.cmdline()
                if ours and process.environ().get("HELD_FOLDER") == str(self.folder):
                    orphans.append(process.pid)
            except psutil.Error:
                continue
        return orphans


@dataclass(kw_only=True)
class Trial:
    """One session, the faults injected into it, and the journal lines last seen on disk."""

    seed: int
    folder: Path
    expected: dict[str, Any]
    injected: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    resumed: int = 0
    journal_lines: dict[str, Counter[bytes]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.session = Session(folder=self.folder)

    def run(self, faults: int) -> int:
        """Runs a session with up to `faults` rounds of faults. Raises AssertionError for any loss."""
        process = self.session.start_new()
        for _ in range(faults):
            self._inject_process_fault(process)
            self._check_end(process)
            for _ in range(self.random.randrange(3)):
                self._inject_file_fault()
            if self.refused:
                return self.injected.total()
            process = self.session.start("--resume")
            self.resumed += 1
        self._finish(process)
        return self.injected.total()

    def _inject_process_fault(self, process: subprocess.Popen[str]) -> None:
        name = self.random.choice(list(PROCESS_FAULTS))
        while process.poll() is None and not self.session.ready():
            sleep(0.05)
        sleep(self.random.uniform(0.0, 5.0))
        if process.poll() is None and PROCESS_FAULTS[name](self, process):
            self.injected[name] += 1

    def _check_end(self, process: subprocess.Popen[str]) -> None:
        """Waits for the end of a session and checks what must hold however it ended."""
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
        self.check_nothing_is_lost()

    def check_nothing_is_lost(self) -> None:
        """Every journal line seen before is still there, and every result file can be read."""
        for file in self.session.results():
            saved = load(read(file))
            assert not saved.problems, saved.problems
        runs = self.session.runs_folder()
        for journal in sorted(runs.glob("*.jsonl")) if runs else ():
            lines = Counter(journal.read_bytes().split(b"\n")[:-1])
            lost = self.journal_lines.get(journal.name, Counter()) - lines
            assert not lost, f"{journal.name} has lost {lost}"
            self.journal_lines[journal.name] = lines

    def _inject_file_fault(self) -> None:
        runs = self.session.runs_folder()
        if runs is None:
            return
        name = self.random.choice(list(FILE_FAULTS))
        files = [file for file in sorted(runs.glob(FILE_FAULTS[name][0])) if file.stat().st_size]
        if files:
            file = self.random.choice(files)
            FILE_FAULTS[name][1](self.random, file)
            self.injected[name] += 1
            if file.suffix == ".jsonl":  # lines that this fault removed are not expected
                lines = Counter(file.read_bytes().split(b"\n")[:-1])
                self.journal_lines[file.name] = self.journal_lines.get(file.name, Counter()) & lines

    def _finish(self, process: subprocess.Popen[str]) -> None:
        """Resumes until the session is complete, then compares its outcome."""
        for _ in range(6):
            self._check_end(process)
            if process.returncode == 0:
                break
            if process.returncode == REFUSED:
                self._check_refusal()
                return
            process = self.session.start("--resume")
            self.resumed += 1
        assert process.returncode == 0, self.session.output()[-3000:]
        self.check_outcome()

    def _check_refusal(self) -> None:
        """A session is refused if it is complete, or if its manifest is damaged."""
        last_lines = self.session.output().splitlines()[-3:]
        if any("there is nothing to resume" in line for line in last_lines):
            self.check_outcome()
            return
        assert any("cannot be resumed" in line for line in last_lines), last_lines
        self.refused += 1

    def check_outcome(self) -> None:
        file = self.session.results()[-1]
        assert comparable_results(file) == self.expected, f"{file} is not as if nothing had happened"
        for run in load(read(file)).runs:
            violations = [sentence for rule in RULES for sentence in rule(run)]
            assert not violations, violations
        runs = self.session.runs_folder()
        assert runs
        assert not list(runs.glob("*.safetensors*")), "checkpoints are left over"

    def restore(self) -> None:
        """Restores the results folder after `results folder gone`."""
        runs = self.folder / MACHINE / ".runs"
        away = self.folder / "away"
        if away.exists():
            runs.unlink(missing_ok=True)
            away.rename(runs)


REFUSED = 4


def comparable_results(file: Path) -> dict[str, Any]:
    """All of a result file that interruptions must not change."""
    content = read(file)
    assert not content["failures"], content["failures"]
    return {
        benchmark["param"]: {
            "epochs": [
                [epoch[name] for name in EPOCH_FIELDS] for epoch in benchmark["extra_info"]["epochs"]
            ],
            "result": [benchmark["extra_info"]["result"][name] for name in RESULT_FIELDS],
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
                    return False  # the worker had already ended
                return True
            sleep(0.02)
        return False

    return send


def _folder_gone(trial: Trial, process: subprocess.Popen[str]) -> bool:
    """As when a volume is unmounted; a read-only folder would give root no error."""
    runs = trial.folder / MACHINE / ".runs"
    if not runs.is_dir():
        return False
    runs.rename(trial.folder / "away")
    runs.write_text("")
    return True


def _second(trial: Trial, process: subprocess.Popen[str]) -> bool:
    if not (trial.folder / MACHINE / ".runs").exists():
        return False
    # A folder of its own, in case the first session has already ended.
    elsewhere = f"--benchmark-storage=file://{trial.folder / 'second'}"
    done = subprocess.run(
        trial.session.command(*OPTIONS, elsewhere),
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


PROCESS_FAULTS: dict[str, Callable[[Trial, subprocess.Popen[str]], bool]] = {
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
if sys.platform == "linux":  # only Linux can set the limits of another process

    def _fill(process: psutil.Process) -> None:
        """Forbids the process to extend any file, as on a full disk."""
        process.rlimit(psutil.RLIMIT_FSIZE, (0, process.rlimit(psutil.RLIMIT_FSIZE)[1]))

    def _fill_parent(trial: Trial, process: subprocess.Popen[str]) -> bool:
        _fill(psutil.Process(process.pid))
        return True

    PROCESS_FAULTS |= {"worker's disk full": _to_a_worker(_fill), "session's disk full": _fill_parent}


def _cut(rng: random.Random, file: Path) -> None:
    os.truncate(file, rng.randrange(file.stat().st_size))


def _cut_last(rng: random.Random, file: Path) -> None:
    """Cuts the file within its last line, as a power failure does."""
    content = file.read_bytes()
    last = content.rstrip(b"\n").rfind(b"\n") + 1
    os.truncate(file, rng.randrange(last, len(content)))


def _flip(rng: random.Random, file: Path) -> None:
    offset = rng.randrange(file.stat().st_size)
    with file.open("r+b") as content:
        content.seek(offset)
        byte = content.read(1)[0] ^ (1 << rng.randrange(8))
        content.seek(offset)
        content.write(bytes([byte]))


def _rubbish(rng: random.Random, file: Path) -> None:
    file.with_name(file.name + ".part").write_bytes(rng.randbytes(100))


FILE_FAULTS: dict[str, tuple[str, Callable[[random.Random, Path], None]]] = {
    "journal cut": ("*-s0.jsonl", _cut),
    "journal's last line cut": ("*-s0.jsonl", _cut_last),
    "journal's bit flipped": ("*-s0.jsonl", _flip),
    "session's journal cut": ("session.jsonl", _cut_last),
    "session's journal flipped": ("session.jsonl", _flip),
    "checkpoint cut": ("*.checkpoint.safetensors", _cut),
    "checkpoint flipped": ("*.checkpoint.safetensors", _flip),
    "checkpoint gone": ("*.checkpoint.safetensors", lambda rng, file: file.unlink()),
    "best weights cut": ("*.best-*.safetensors", _cut),
    "best weights flipped": ("*.best-*.safetensors", _flip),
    "half a file left over": ("*.checkpoint.safetensors", _rubbish),
}


def uninterrupted(folder: Path) -> dict[str, Any]:
    """The outcome of a session without faults; its long default timeout suits busy machines."""
    session = Session(folder=folder, toy="")
    process = session.start_new()
    assert process.wait() == 0, session.output()
    session.output()
    return comparable_results(session.results()[0])


@dataclass(kw_only=True)
class Tally:
    """The faults of all trials and what came of them."""

    injected: Counter[str] = field(default_factory=Counter)
    trials: int = 0
    resumed: int = 0
    refused: int = 0
    failures: list[str] = field(default_factory=list)

    def add(self, trial: Trial) -> None:
        self.injected += trial.injected
        self.trials += 1
        self.resumed += trial.resumed
        self.refused += trial.refused

    def lines(self) -> list[str]:
        total = self.injected.total()
        return [
            *(f"{times:5}  {name}" for name, times in sorted(self.injected.items())),
            f"{total} faults in {self.trials} sessions, {self.resumed} times resumed:"
            f" {self.trials - self.refused - len(self.failures)} ended as the uninterrupted one,"
            f" {self.refused} refused with a sentence, {len(self.failures)} failed",
            *self.failures,
        ]


def torture(faults: int, *, seed: int, folder: Path, jobs: int = 1) -> Tally:
    """Runs trials until so many faults were injected; keeps the folder of a failed trial."""
    # A shell starts background jobs with Ctrl-C ignored, and children inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    (folder / "calm").mkdir()
    expected, tally, rng = uninterrupted(folder / "calm"), Tally(), random.Random(seed)
    with ThreadPoolExecutor(jobs) as pool:

        def run_trial(number: int) -> Trial:
            trial = Trial(seed=number, folder=folder / f"trial-{number}", expected=expected)
            trial.folder.mkdir()
            try:
                trial.run(faults=1 + number % 3)
                shutil.rmtree(trial.folder)
            except AssertionError as error:
                tally.failures.append(f"trial {number} in {trial.folder}: {error}")
            return trial

        while tally.injected.total() < faults and not tally.failures:
            for trial in pool.map(run_trial, [rng.randrange(10**6) for _ in range(jobs * 2)]):
                tally.add(trial)
    return tally


def main() -> int:
    """Prints the faults and what came of them. Returns 1 if anything was lost."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture", description=__doc__)
    parser.add_argument("--faults", type=int, default=200, metavar="N", help="default: 200")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, metavar="N", help="at once")
    options = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="torture-"))
    tally = torture(options.faults, seed=options.seed, folder=folder, jobs=options.jobs)
    print("\n".join(tally.lines()))
    if not tally.failures:
        shutil.rmtree(folder)
    return int(bool(tally.failures))


if __name__ == "__main__":
    sys.exit(main())
