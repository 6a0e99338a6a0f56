"""The parent against workers that crash, hang, are killed, babble, or do as they should."""

from __future__ import annotations

import json
import sys
import textwrap
from dataclasses import asdict, replace
from pathlib import Path
from time import monotonic

import psutil
import pytest

from bench.run import Examined, Run, carry_out, examine
from bench.wire import Record, to_line
from tests.samples import CELL, EPOCH, GATE, PLAN, RESULT, ROOFLINE, START, job

PREAMBLE = f"""
import os, signal, sys, time
job = sys.stdin.read()
pipe = os.fdopen(int(sys.argv[1]), "w", buffering=1)
START = {to_line(START)!r}
EPOCHS = {[to_line(replace(EPOCH, epoch=n, train_seconds=float(n))) for n in (1, 2, 3)]!r}
RESULT = {to_line(RESULT)!r}
GATE = {to_line(GATE)!r}
ROOFLINE = {to_line(ROOFLINE)!r}
"""

GOOD = """
pipe.write(START)
for line in EPOCHS:
    pipe.write(line)
pipe.write(RESULT)
"""


def carry(tmp_path: Path, script: str, *, silence: float = 20.0) -> tuple[Run, list[Record]]:
    seen: list[Record] = []
    run = Run(cell=CELL, plan=PLAN)
    carry_out(
        run,
        job(str(tmp_path)),
        folder=tmp_path,
        expected_epoch_seconds=0.0,
        on_record=seen.append,
        command=[sys.executable, "-c", PREAMBLE + textwrap.dedent(script)],
        min_silence_seconds=silence,
    )
    return run, seen


def journal(tmp_path: Path) -> list[str]:
    lines = (tmp_path / "scratch-torch-cpu-s0.jsonl").read_text().splitlines()
    return [json.loads(line)["record"] for line in lines]


def test_a_good_worker_gives_its_records_and_its_rounds(tmp_path: Path) -> None:
    run, seen = carry(tmp_path, GOOD)
    assert run.failure is None
    assert (run.start, run.result) == (START, RESULT)
    assert [epoch.epoch for epoch in run.epochs] == [1, 2, 3]
    assert len(seen) == 5
    assert journal(tmp_path) == ["Condition", "Start", "Epoch", "Epoch", "Epoch", "Result", "Condition"]
    ticks = [run.clock()]
    for _ in run.epochs:
        run.replay()
        ticks.append(run.clock())
    assert ticks == [0, 1, 3, 6], "a round is an epoch's training seconds on the worker's clock"


def test_the_job_reaches_the_worker(tmp_path: Path) -> None:
    run, _ = carry(tmp_path, "print(job); sys.exit(3)")
    assert run.failure
    assert json.loads(run.failure.log_tail) == asdict(job(str(tmp_path)))


def test_noise_on_stdout_and_stderr_goes_to_the_log_alone(tmp_path: Path) -> None:
    noise = (
        'print("{not a record}"); print("warning!", file=sys.stderr); os.system("echo from a child")\n'
    )
    run, _ = carry(tmp_path, noise + textwrap.dedent(GOOD))
    assert run.failure is None
    log = (tmp_path / "scratch-torch-cpu-s0.log").read_text()
    assert {"{not a record}", "warning!", "from a child"} <= set(log.splitlines())


def test_a_crash_keeps_the_epochs_before_it_and_the_end_of_the_log(tmp_path: Path) -> None:
    run, _ = carry(
        tmp_path, 'pipe.write(START); pipe.write(EPOCHS[0]); print("last words"); sys.exit(7)'
    )
    assert run.failure
    assert run.failure.reason == "the worker ended with status 7 after epoch 1, without a result"
    assert run.failure.log_tail == "last words"
    assert len(run.epochs) == 1
    assert journal(tmp_path) == ["Condition", "Start", "Epoch", "Condition", "Failure"]


def test_a_worker_killed_by_the_system_is_told_from_a_crash(tmp_path: Path) -> None:
    run, _ = carry(tmp_path, "pipe.write(START); os.kill(os.getpid(), signal.SIGKILL)")
    assert run.failure
    assert "was killed before its first epoch ended" in run.failure.reason
    assert "memory" in run.failure.reason
    run, _ = carry(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")
    assert run.failure
    assert "died of SIGSEGV" in run.failure.reason


def test_a_worker_that_hangs_is_stopped_with_all_its_children(tmp_path: Path) -> None:
    began = monotonic()
    run, _ = carry(
        tmp_path,
        """
        if not os.fork():
            pipe.close()
            time.sleep(60)
        pipe.write(START)
        print(os.getpid(), flush=True)
        time.sleep(60)
        """,
        silence=1.0,
    )
    assert monotonic() - began < 20
    assert run.failure
    assert "no sign of life" in run.failure.reason
    assert not psutil.pid_exists(int(run.failure.log_tail))


def test_a_stopped_worker_counts_as_hanging(tmp_path: Path) -> None:
    run, _ = carry(tmp_path, "pipe.write(START); os.kill(os.getpid(), signal.SIGSTOP)", silence=1.0)
    assert run.failure
    assert "no sign of life" in run.failure.reason


def test_a_slow_worker_that_has_shown_slow_epochs_is_waited_for(tmp_path: Path) -> None:
    """An epoch that took 3 s allows 9 s of silence, whatever was expected before."""
    script = "pipe.write(START); pipe.write(EPOCHS[2]); time.sleep(2); pipe.write(RESULT)"
    run, _ = carry(tmp_path, script, silence=1.0)
    assert run.failure is None


def test_what_is_no_record_ends_the_cell_with_the_line(tmp_path: Path) -> None:
    run, _ = carry(tmp_path, 'pipe.write(START); pipe.write("gibberish\\n"); time.sleep(60)')
    assert run.failure
    assert "gibberish" in run.failure.reason


def test_a_result_stands_though_the_framework_crashes_on_its_way_out(tmp_path: Path) -> None:
    run, _ = carry(tmp_path, GOOD + "\npipe.flush(); os.kill(os.getpid(), signal.SIGSEGV)")
    assert run.failure is None
    assert run.result == RESULT


def test_half_a_record_at_the_end_is_no_record(tmp_path: Path) -> None:
    run, _ = carry(tmp_path, "pipe.write(START); pipe.write(EPOCHS[0][:40]); pipe.flush(); os._exit(0)")
    assert run.failure
    assert run.epochs == []


def test_an_interrupt_of_the_parent_leaves_no_worker(tmp_path: Path) -> None:
    def interrupt(record: Record) -> None:
        raise KeyboardInterrupt

    script = "print(os.getpid(), flush=True); pipe.write(START); time.sleep(60)"
    run = Run(cell=CELL, plan=PLAN)
    with pytest.raises(KeyboardInterrupt):
        carry_out(
            run,
            job(str(tmp_path)),
            folder=tmp_path,
            expected_epoch_seconds=0.0,
            on_record=interrupt,
            command=[sys.executable, "-c", PREAMBLE + script],
        )
    assert not psutil.pid_exists(int((tmp_path / "scratch-torch-cpu-s0.log").read_text()))
    assert run.failure
    assert run.failure.reason == "interrupted before its first epoch ended"
    assert journal(tmp_path) == ["Condition", "Start", "Condition", "Failure"]


def test_leftover_weights_of_a_failed_cell_are_removed(tmp_path: Path) -> None:
    (tmp_path / "scratch-torch-cpu-s0.best.safetensors").write_bytes(b"232 MB")
    carry(tmp_path, "sys.exit(1)")
    assert not list(tmp_path.glob("*.safetensors"))


def ask(tmp_path: Path, script: str, *, silence: float = 20.0) -> Examined:
    command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(script)]
    return examine(job(str(tmp_path)), folder=tmp_path, command=command, silence_seconds=silence)


def test_a_gate_gives_its_verdict_and_the_roofline(tmp_path: Path) -> None:
    asked = ask(tmp_path, "print('noise'); pipe.write(ROOFLINE); pipe.write(GATE)")
    assert asked == Examined(gate=GATE, roofline=ROOFLINE, reason="")
    assert (tmp_path / "scratch-torch-cpu-s0.gate.log").read_text() == "noise\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sys.exit(3)", "the worker ended with status 3 before it had answered, without a result"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the worker died of SIGSEGV before it had answered"),
        ("time.sleep(60)", "the worker gave no sign of life"),
        ("pipe.write('nonsense\\n')", "this line is not JSON"),
    ],
)
def test_a_gate_that_gives_no_verdict_says_why(tmp_path: Path, script: str, reason: str) -> None:
    asked = ask(tmp_path, script, silence=1.0 if "sleep" in script else 20.0)
    assert asked.gate is None
    assert asked.reason.startswith(reason)
