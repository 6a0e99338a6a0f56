"""The parent with workers that crash, hang, are killed, send garbage, resume, or just work."""

from __future__ import annotations

import json
import signal
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import psutil
import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from bench.ipc.messages import Heartbeat, Record, to_line
from bench.records.run import Interrupted, SessionRun
from bench.records.types import Failure
from bench.session.cell_runner import CellRunner
from bench.session.interrupts import Interrupts
from bench.worker.checkpoint import Checkpoints
from tests.support.samples import CELL, PLAN, RESULT, START, job
from tests.support.scripted_child import EPOCHS, NO_CHECKPOINT, PREAMBLE

GOOD = """
pipe.write(START)
for line in EPOCHS:
    pipe.write(line)
pipe.write(RESULT)
"""


ONE_THEN_REST = """
begin()
if known is None:
    pipe.write(EPOCHS[0])
    os.kill(os.getpid(), signal.SIGKILL)
for line in EPOCHS[len(known):]:
    pipe.write(line)
pipe.write(RESULT)
"""


def cell_runner(tmp_path: Path, script: str, **changes: Any) -> CellRunner:
    """A runner that allows a minute of silence, then three times the length of the last epoch.

    So the script of a worker that hangs sends a quick epoch first: a busy machine then still has a
    minute to start it.
    """
    return CellRunner(
        **{
            "run": SessionRun.of_cell(CELL, PLAN),
            "job": job(str(tmp_path)),
            "folder": tmp_path,
            "expected_epoch_seconds": 20.0,
            "command": [sys.executable, "-c", PREAMBLE + textwrap.dedent(script)],
            "min_timeout_seconds": 20.0,
            **changes,
        }
    )


def run_cell(
    tmp_path: Path, script: str, *, timeout_seconds: float = 20.0, **changes: Any
) -> tuple[SessionRun, list[Record]]:
    seen: list[Record] = []
    runner = cell_runner(
        tmp_path, script, on_record=seen.append, min_timeout_seconds=timeout_seconds, **changes
    )
    runner.run_to_end()
    return runner.run, seen


JOURNAL, LOG = "scratch-torch-cpu-s0.jsonl", "scratch-torch-cpu-s0.log"
BEGINNING = ["plan", "before", "start"]


def on_disk(tmp_path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines()]


def journal(tmp_path: Path) -> list[str]:
    return [line["part"] for line in on_disk(tmp_path)]


def test_a_good_worker_gives_its_records_and_its_rounds(tmp_path: Path) -> None:
    run, seen = run_cell(tmp_path, GOOD)
    assert run.failure is None
    assert (run.start, run.result) == (START, RESULT)
    assert [epoch.epoch for epoch in run.epochs] == [1, 2, 3]
    assert len(seen) == 5
    assert journal(tmp_path) == [*BEGINNING, "epochs", "epochs", "epochs", "after", "result"]
    records = {line["part"]: line["record"] for line in on_disk(tmp_path)}
    assert records["plan"] == to_builtins(PLAN)
    assert (run.before is None, run.after is None, run.interruptions) == (False, False, [])
    for part in ("before", "start", "after", "result"):
        assert records[part] == json.loads(json.dumps(to_builtins(getattr(run, part))))
    ticks = [run.clock()]
    for _ in run.epochs:
        run.replay()
        ticks.append(run.clock())
    assert ticks == [0, 1, 3, 6], "a round is an epoch's training seconds on the worker's clock"


def test_the_job_reaches_the_worker(tmp_path: Path) -> None:
    """The second worker gets a tuple of the epochs on disk, here empty, and not None."""
    run, _ = run_cell(tmp_path, "print(job, end=''); sys.exit(3)")
    assert run.failure
    first, second = map(json.loads, run.failure.log_tail.splitlines())
    assert first == to_builtins(job(str(tmp_path)))
    assert second == first | {"saved_epochs": []}


def test_noise_on_stdout_and_stderr_goes_to_the_log_alone(tmp_path: Path) -> None:
    noise = (
        'print("{not a record}"); print("warning!", file=sys.stderr); os.system("echo from a child")\n'
    )
    run, _ = run_cell(tmp_path, noise + textwrap.dedent(GOOD))
    assert run.failure is None
    log = (tmp_path / LOG).read_text()
    assert {"{not a record}", "warning!", "from a child"} <= set(log.splitlines())


def test_a_crash_keeps_the_epochs_before_it_and_the_end_of_the_log(tmp_path: Path) -> None:
    script = """
        begin()
        if known is None:
            pipe.write(EPOCHS[0])
        print("last words of the", "first" if known is None else "second")
        sys.exit(7)
    """
    run, _ = run_cell(tmp_path, script)
    assert run.failure
    assert run.failure.reason == "the worker ended with status 7 after epoch 1, without a result"
    assert run.failure.log_tail.splitlines() == ["last words of the first", "last words of the second"]
    assert run.epochs == EPOCHS[:1]
    died = ["after", "failure"]
    assert journal(tmp_path) == [*BEGINNING, "epochs", *died, "interruptions", *died]


def test_a_worker_killed_by_the_system_is_told_from_a_crash(tmp_path: Path) -> None:
    run, _ = run_cell(tmp_path, "begin(); os.kill(os.getpid(), signal.SIGKILL)")
    assert run.failure
    assert "was killed before its first epoch ended" in run.failure.reason
    assert "memory" in run.failure.reason
    run, _ = run_cell(tmp_path, "os.kill(os.getpid(), signal.SIGSEGV)")
    assert run.failure
    assert "died of SIGSEGV" in run.failure.reason


def test_a_worker_that_hangs_is_stopped_with_all_its_children(tmp_path: Path) -> None:
    began = monotonic()
    run, _ = run_cell(
        tmp_path,
        """
        if not os.fork():
            pipe.close()
            time.sleep(600)
        begin()
        print(os.getpid(), flush=True)
        pipe.write(QUICK)
        time.sleep(600)
        """,
        timeout_seconds=0.5,
    )
    assert monotonic() - began < 100, "its first minute was waited for, not three of its epochs"
    assert run.failure
    assert "no sign of life" in run.failure.reason
    pids = run.failure.log_tail.split()
    assert len(set(pids)) == 2, "it was tried twice"
    assert not any(psutil.pid_exists(int(pid)) for pid in pids)


def test_a_stopped_worker_counts_as_hanging(tmp_path: Path) -> None:
    script = "begin(); pipe.write(QUICK); os.kill(os.getpid(), signal.SIGSTOP)"
    run, _ = run_cell(tmp_path, script, timeout_seconds=0.5)
    assert run.failure
    assert "no sign of life" in run.failure.reason


def test_a_slow_worker_that_has_shown_slow_epochs_is_waited_for(tmp_path: Path) -> None:
    """After an epoch of 3 s, 9 s of silence are allowed, whatever was expected."""
    script = "pipe.write(START); pipe.write(EPOCHS[2]); time.sleep(2); pipe.write(RESULT)"
    run, _ = run_cell(tmp_path, script, timeout_seconds=0.5)
    assert run.failure is None


def test_what_is_no_record_ends_the_cell_with_the_line(tmp_path: Path) -> None:
    run, _ = run_cell(tmp_path, 'begin(); pipe.write("gibberish\\n"); time.sleep(60)')
    assert run.failure
    assert "gibberish" in run.failure.reason


def test_a_result_stands_though_the_framework_crashes_on_its_way_out(tmp_path: Path) -> None:
    run, _ = run_cell(tmp_path, GOOD + "\npipe.flush(); os.kill(os.getpid(), signal.SIGSEGV)")
    assert run.failure is None
    assert run.result == RESULT


@pytest.mark.parametrize("way_out", ["time.sleep(60)", "pipe.write('x\\n'); time.sleep(60)"])
def test_a_result_stands_though_its_worker_never_ends(tmp_path: Path, way_out: str) -> None:
    script = GOOD.replace("for line in EPOCHS", "for line in [QUICK]")
    run, _ = run_cell(tmp_path, f"{script}\n{way_out}", timeout_seconds=0.5)
    assert (run.failure, run.result) == (None, RESULT)


@pytest.mark.parametrize(
    "script",
    [
        "pipe.write(START); pipe.write(RESUMED[0] if known is None else RESUMED[3]); time.sleep(60)",
        "if known is None: sys.exit(3)\npipe.write(RESUMED[0]); time.sleep(60)",
        "pipe.write(START)\nif known is None: pipe.write(EPOCHS[0]); sys.exit()\npipe.write(RESUMED[3])",
    ],
    ids=["unasked", "before its start", "beyond what is known"],
)
def test_who_goes_on_from_nowhere_is_stopped_and_says_so(tmp_path: Path, script: str) -> None:
    run, _ = run_cell(tmp_path, script)
    assert run.failure
    assert "nothing was to go on from epoch" in run.failure.reason


def test_half_a_record_at_the_end_is_no_record(tmp_path: Path) -> None:
    run, _ = run_cell(tmp_path, "begin(); pipe.write(EPOCHS[0][:40]); pipe.flush(); os._exit(0)")
    assert run.failure
    assert run.failure.reason == (
        "the worker ended with status 0 before its first epoch ended, without a result"
    )
    assert run.epochs == []
    assert "epochs" not in journal(tmp_path)


def test_an_interrupt_of_the_parent_leaves_no_worker(tmp_path: Path) -> None:
    def interrupt(record: Record) -> None:
        raise KeyboardInterrupt

    runner = cell_runner(
        tmp_path,
        "print(os.getpid(), flush=True); pipe.write(START); time.sleep(60)",
        on_record=interrupt,
    )
    with pytest.raises(KeyboardInterrupt):
        runner.run_to_end()
    pids = (tmp_path / LOG).read_text().split()
    assert len(pids) == 1, "an interrupted run is not retried"
    assert not psutil.pid_exists(int(pids[0]))
    assert runner.run.failure
    assert runner.run.failure.reason == "interrupted by the session before its first epoch ended"
    assert journal(tmp_path) == [*BEGINNING, "after", "failure"]


def test_a_worker_that_died_once_is_tried_again_and_goes_on(tmp_path: Path) -> None:
    run, seen = run_cell(tmp_path, "print(json.dumps(known), flush=True)\n" + ONE_THEN_REST)
    assert run.failure is None
    assert (run.start, run.result, run.epochs) == (START, RESULT, EPOCHS)
    jobs = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert jobs == [None, [to_builtins(EPOCHS[0])]], "the second worker gets the epochs on disk"
    (interruption,) = run.interruptions
    assert interruption.why == (
        "the worker was killed after epoch 1; the system does that when memory runs out"
    )
    assert (
        interruption.after_epoch,
        interruption.resumed_after,
        interruption.went_back_because,
        interruption.differences,
    ) == (1, 1, None, ())
    assert interruption.stopped_at <= interruption.resumed_at
    assert 0 <= interruption.seconds < 60
    assert journal(tmp_path) == [
        *BEGINNING,
        "epochs",
        *("after", "failure"),
        "interruptions",
        *("epochs", "epochs"),
        *("after", "result"),
    ]
    noted = [line["record"] for line in on_disk(tmp_path) if line["part"] == "interruptions"]
    assert noted == [json.loads(json.dumps(to_builtins(interruption)))]
    assert [type(record).__name__ for record in seen] == [
        *("Start", "Epoch", "Start", "Resumed", "Epoch", "Epoch", "Result")
    ]


def test_the_rounds_of_a_run_that_went_on_are_without_both_warm_ups(tmp_path: Path) -> None:
    warm = to_line(replace(EPOCHS[1], warm_up=True))
    run, _ = run_cell(tmp_path, f"EPOCHS[1] = {warm!r}\n" + ONE_THEN_REST)
    assert [epoch.epoch for epoch in run.timed_epochs()] == [3]
    ticks = [run.clock()]
    for _ in run.epochs:
        run.replay()
        ticks.append(run.clock())
    assert ticks == [0, 1, 3, 6], "the warm-ups first, the round last"


@pytest.mark.parametrize(
    ("dies", "why"),
    [
        ("sys.exit(7)", "the worker ended with status 7 after epoch 1, without a result"),
        ("pipe.write('gibberish\\n'); time.sleep(60)", "this line is no record (it is not JSON"),
        ("time.sleep(60)", "the worker gave no sign of life for"),
    ],
    ids=["crash", "gibberish", "silence"],
)
def test_whatever_may_have_been_chance_is_tried_again(tmp_path: Path, dies: str, why: str) -> None:
    script = f"""
        begin()
        if known is None:
            pipe.write(QUICK); {dies}
        pipe.write(RESULT)
    """
    run, _ = run_cell(tmp_path, script, timeout_seconds=0.5 if dies.startswith("time.sleep") else 20.0)
    assert run.failure is None
    assert run.result == RESULT
    (interruption,) = run.interruptions
    assert str(interruption.why).startswith(why)


def test_a_worker_that_died_before_it_had_begun_is_tried_again(tmp_path: Path) -> None:
    script = "sys.exit(9) if known is None else begin()\n" + GOOD.replace("pipe.write(START)", "")
    run, _ = run_cell(tmp_path, script)
    assert run.failure is None
    assert (run.start, run.epochs) == (START, EPOCHS)
    (interruption,) = run.interruptions
    assert (interruption.after_epoch, interruption.resumed_after) == (0, 0)
    beginning = ["plan", "before", "after", "failure", "interruptions", *BEGINNING]
    assert journal(tmp_path) == [*beginning, "epochs", "epochs", "epochs", "after", "result"]


def test_a_worker_that_dies_twice_has_failed(tmp_path: Path) -> None:
    script = """
        print("tried", flush=True)
        begin()
        pipe.write(EPOCHS[len(known or [])])
        os.kill(os.getpid(), signal.SIGKILL)
    """
    run, _ = run_cell(tmp_path, script)
    assert run.failure
    assert run.failure.reason.startswith("the worker was killed after epoch 2")
    assert run.failure.log_tail == "tried\ntried"
    assert (run.result, run.epochs) == (None, EPOCHS[:2])
    assert [interruption.after_epoch for interruption in run.interruptions] == [1]
    assert journal(tmp_path)[-2:] == ["after", "failure"]
    assert "result" not in journal(tmp_path)


def test_what_a_worker_gives_as_its_own_reason_is_not_tried_again(tmp_path: Path) -> None:
    """The reason would be the same again: a missing file, an impossible number."""
    run, _ = run_cell(
        tmp_path, "print('tried', flush=True); begin(); pipe.write(FAILURE); time.sleep(60)"
    )
    assert run.failure == Failure(reason="no such weights", log_tail="tried")
    assert (run.result, run.interruptions) == (None, [])
    assert journal(tmp_path) == [*BEGINNING, "after", "failure"]


def test_a_worker_that_begins_anew_takes_back_the_epochs_and_says_why(tmp_path: Path) -> None:
    script = """
        pipe.write(START)
        if known is None:
            pipe.write(EPOCHS[0]); pipe.write(EPOCHS[1]); sys.exit(7)
        pipe.write(BEGUN_ANEW)
        for line in EPOCHS:
            pipe.write(line)
        pipe.write(RESULT)
    """
    run, _ = run_cell(tmp_path, script)
    assert run.failure is None
    assert run.epochs == EPOCHS
    (interruption,) = run.interruptions
    assert (interruption.after_epoch, interruption.resumed_after, interruption.went_back_because) == (
        2,
        0,
        NO_CHECKPOINT,
    )
    first, second = journal(tmp_path)[:8], journal(tmp_path)[8:]
    assert first == [*BEGINNING, "epochs", "epochs", "after", "failure", "interruptions"]
    assert second == [*BEGINNING, "epochs", "epochs", "epochs", "after", "result"]
    befores = [line["record"] for line in on_disk(tmp_path) if line["part"] == "before"]
    assert run.before
    assert befores[1] == to_builtins(run.before), "the computer's condition at the second start"


def test_a_worker_that_goes_on_without_saying_from_where_is_refused(tmp_path: Path) -> None:
    for goes_on in ("EPOCHS[1]", "RESULT"):
        script = f"""
            pipe.write(START)
            if known is None:
                pipe.write(EPOCHS[0]); sys.exit(7)
            pipe.write({goes_on}); time.sleep(60)
        """
        run, _ = run_cell(tmp_path, script)
        assert run.failure
        assert run.failure.reason.startswith("the worker went on without saying from which epoch")
        assert run.failure.reason.endswith(
            "at the attempt before: the worker ended with status 7 after epoch 1, without a result"
        )
        assert (run.epochs, run.result, run.interruptions) == (EPOCHS[:1], None, [])


OTHER_CPU = """
if known is None:
    pipe.write(START); pipe.write(EPOCHS[0]); sys.exit(7)
pipe.write(OTHER_START); pipe.write(RESUMED[1]); pipe.write(RESULT)
"""


def test_a_run_does_not_go_on_where_it_would_be_another(tmp_path: Path) -> None:
    run, _ = run_cell(tmp_path, OTHER_CPU)
    assert run.failure
    assert "CPU" in run.failure.reason
    assert "when it began" in run.failure.reason
    assert run.failure.reason.endswith("To go on all the same: --resume-anyway")
    assert (run.result, run.interruptions) == (None, [])


def test_a_run_that_goes_on_all_the_same_says_what_was_accepted(tmp_path: Path) -> None:
    python = "Python: 3.12.8 now, 3.12.7 when it began"
    run = replace(SessionRun.of_cell(CELL, PLAN), start=START, epochs=EPOCHS[:1])
    run.interrupted = Interrupted(stopped_at="2026-11-24T12:00:00+00:00", why="Ctrl-C")
    run_cell(tmp_path, OTHER_CPU, accepted_differences=(python,), run=run)
    assert run.failure is None
    assert run.start == START, "the first worker's record is kept"
    (interruption,) = run.interruptions
    assert len(interruption.differences) == 2
    assert interruption.differences[0] == python
    assert "another CPU now" in interruption.differences[1]


def test_a_worker_that_is_tried_again_has_nothing_to_do_with_what_was_accepted(tmp_path: Path) -> None:
    """The run began in this session, so the accepted differences do not apply to it."""
    run, _ = run_cell(
        tmp_path, OTHER_CPU, accepted_differences=("Python: 3.12.8 now, 3.12.7 when it began",)
    )
    (interruption,) = run.interruptions
    assert len(interruption.differences) == 1
    assert "another CPU now" in interruption.differences[0]


def test_every_record_but_a_heartbeat_is_acknowledged_once_it_is_on_disk(tmp_path: Path) -> None:
    script = f"""
        def send(line):
            pipe.write(line)
            answer = os.read(0, 100).decode().strip()
            with open({str(tmp_path / JOURNAL)!r}) as file:
                print(answer, json.loads(file.readlines()[-1])["part"], flush=True)

        send(START)
        for epoch in EPOCHS:
            pipe.write(BEAT); pipe.write(BEAT)
            send(epoch)
        send(RESULT)
        print("more:", select.select([0], [], [], 0.3)[0], flush=True)
    """
    run, seen = run_cell(tmp_path, script)
    assert run.failure is None
    assert (tmp_path / LOG).read_text().splitlines() == [
        "ack start",
        *["ack epochs"] * 3,
        "ack result",
        "more: []",
    ]
    assert len([record for record in seen if isinstance(record, Heartbeat)]) == 6, (
        "heartbeats are passed on"
    )
    assert len(journal(tmp_path)) == 8, "heartbeats are not saved"


STOPS_WHEN_ASKED = """
print(os.getpid(), flush=True)
begin()
pipe.write(EPOCHS[0])
while (line := sys.stdin.readline()) != "stop\\n":
    assert line == "ack\\n", line
pipe.write(EPOCHS[1])
"""


def press(number: signal.Signals, times: int = 1) -> Callable[[Record], None]:
    """A callback that sends this process a signal once the first epoch has come."""

    def on_record(record: Record) -> None:
        if record == EPOCHS[0]:
            for _ in range(times):
                signal.raise_signal(number)

    return on_record


@pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")], ids=["int", "term"]
)
def test_a_worker_is_asked_to_stop_and_its_epoch_is_kept(
    tmp_path: Path, number: signal.Signals, name: str
) -> None:
    interrupts = Interrupts()
    runner = cell_runner(tmp_path, STOPS_WHEN_ASKED, interrupts=interrupts, on_record=press(number))
    with interrupts.handle_signals():
        runner.run_to_end()
    assert runner.run.failure
    assert runner.run.failure.reason == f"interrupted by {name} after epoch 2"
    assert len((tmp_path / LOG).read_text().split()) == 1, "an interrupted run is not retried"
    assert (runner.run.epochs, runner.run.interruptions) == (EPOCHS[:2], [])
    assert journal(tmp_path) == [*BEGINNING, "epochs", "epochs", "after", "failure"]


def test_a_second_ctrl_c_drops_the_epoch_and_leaves_no_worker(tmp_path: Path) -> None:
    interrupts = Interrupts()
    runner = cell_runner(
        tmp_path,
        STOPS_WHEN_ASKED.replace("pipe.write(EPOCHS[1])", "time.sleep(60)"),
        interrupts=interrupts,
        on_record=press(signal.SIGINT, times=2),
    )
    with (
        interrupts.handle_signals(),
        pytest.raises(KeyboardInterrupt, match="all that was measured is kept"),
    ):
        runner.run_to_end()
    assert not psutil.pid_exists(int((tmp_path / LOG).read_text()))
    assert runner.run.failure
    assert runner.run.failure.reason == "interrupted by Ctrl-C after epoch 1"
    assert journal(tmp_path) == [*BEGINNING, "epochs", "after", "failure"]


def test_records_that_cannot_be_kept_fail_the_cell_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / JOURNAL).mkdir()
    run, seen = run_cell(tmp_path, GOOD)
    assert run.failure
    assert run.failure.reason.startswith(
        "the worker could not be started, or its records not kept: [Errno 21] Is a directory"
    )
    assert (run.result, run.interruptions, seen) == (None, [], [])


def test_a_disk_that_is_full_in_the_middle_fails_the_cell_and_keeps_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner = cell_runner(tmp_path, "print(os.getpid(), flush=True)\n" + GOOD)
    add = runner.journal.add

    def full(part: str, record: Any) -> None:
        if record == EPOCHS[1]:
            raise OSError(28, "No space left on device")
        add(part, record)

    monkeypatch.setattr(runner.journal, "add", full)
    runner.run_to_end()
    assert runner.run.failure
    assert runner.run.failure.reason.endswith("[Errno 28] No space left on device")
    assert runner.run.epochs == EPOCHS[:1], "an epoch that is not on disk is not in the run"
    pids = (tmp_path / LOG).read_text().split()
    assert len(pids) == 1
    assert not psutil.pid_exists(int(pids[0]))


def write_weights(tmp_path: Path) -> list[Path]:
    """Writes a checkpoint, best weights, a half-written checkpoint, and another cell's best weights."""
    net: Any = None
    checkpoints = Checkpoints(job=job(str(tmp_path)), net=net, start=START)
    half = checkpoints.file.with_name(checkpoints.file.name + ".part")
    other = tmp_path / "scratch-torch-cpu-s01.best-0001.safetensors"
    files = [checkpoints.best_file(2), checkpoints.file, half, other]
    for file in files:
        file.write_bytes(b"232 MB")
    return files


def test_weights_and_checkpoint_are_removed_once_the_result_is_on_disk(tmp_path: Path) -> None:
    *files, other = write_weights(tmp_path)
    run, _ = run_cell(tmp_path, GOOD)
    assert run.result
    assert [file for file in files if file.exists()] == []
    assert other.exists(), "another cell's weights are still needed"


def test_weights_and_checkpoint_of_a_failed_cell_stay_for_whoever_goes_on(tmp_path: Path) -> None:
    files = write_weights(tmp_path)
    run, _ = run_cell(tmp_path, "sys.exit(1)")
    assert run.failure
    assert all(file.exists() for file in files)
