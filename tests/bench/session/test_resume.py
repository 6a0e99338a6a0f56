"""`pytest bench --resume` as a user meets it, on workers of toy size: what goes on, what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from subprocess import Popen
from time import monotonic, sleep
from typing import Any

import pytest

from bench.paths import ROOT
from bench.records.journal import Journal, Line, read
from bench.records.read import load
from bench.session.manifest import Manifest
from bench.session.resume import FILE, PARTS, SessionRefused, find
from tests.conftest import write_cifar10
from tests.support.toy_hold import ASKED, HELD
from tests.torture import EPOCHS, MACHINE, PICKED, Session, learnt, uninterrupted

pytestmark = pytest.mark.slow

INTERRUPTED, REFUSED, FAILED = 130, 4, 1
PATIENCE_SECONDS = 120.0
"""How long anything may take on a busy machine before a test gives up."""
TOY = f"silence={PATIENCE_SECONDS}"
CHANGED = "code: bench/worker/training_loop.py has changed"
FIRST, SECOND = "scratch-torch-cpu-s0", "scratch-tensorflow-cpu-s0"


@pytest.fixture(scope="module")
def wanted(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What a session learns that nobody interrupts."""
    return uninterrupted(tmp_path_factory.mktemp("calm"))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    made = Session(folder=tmp_path, toy=TOY)
    yield made
    made.kill()


def holding(place: str, more: str = "") -> dict[str, str]:
    """The variable that makes a session's toys wait at a place (tests/support/toy_hold.py)."""
    return {"TOY": f"{TOY} hold={place} {more}"}


def until(session: Session, process: Popen[str], name: str, *, but: int = 0) -> int:
    """Waits until a toy other than `but` has left this file; returns the toy's process id."""
    file, deadline = session.folder / name, monotonic() + PATIENCE_SECONDS
    while True:
        if file.exists() and (held := int(file.read_text())) != but:
            return held
        assert process.poll() is None, session.output()
        assert monotonic() < deadline, session.output_so_far()
        sleep(0.01)


def held(session: Session, place: str, more: str = "") -> Popen[str]:
    """A session that waits at a place."""
    process = session.first(**holding(place, more))
    until(session, process, HELD)
    return process


def interrupted(session: Session, number: signal.Signals, at: str = f"{SECOND}:3") -> str:
    """A session that is struck once, in its second cell's third epoch, and what it printed."""
    process = held(session, at)
    process.send_signal(number)
    process.wait(PATIENCE_SECONDS)
    assert process.returncode == (-9 if number == signal.SIGKILL else INTERRUPTED), session.output()
    return session.output()


def resumed(session: Session, *arguments: str, status: int = 0) -> str:
    """What going on printed."""
    before = len(session.output())
    process = session.start("--resume", *arguments)
    process.wait(PATIENCE_SECONDS)
    said = session.output()[before:]
    assert process.returncode == status, said
    return said


def saved(session: Session) -> dict[str, Any]:
    (file,) = session.results()
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def test_ctrl_c_lets_the_epoch_end_saves_and_says_how_to_go_on(
    session: Session, wanted: dict[str, Any]
) -> None:
    said = interrupted(session, signal.SIGINT)
    assert "Ctrl-C: this epoch ends, then all is saved" in said
    named = f"--machine {MACHINE}"
    assert f'To go on:  pytest bench --resume {named}  (or: make resume ARGS="{named}")' in said
    content = saved(session)
    assert [b["param"] for b in content["benchmarks"]] == ["scratch-torch-cpu-s0"]
    (cut,) = content["failures"]
    assert cut["failure"]["reason"] == "interrupted by Ctrl-C after epoch 3"
    assert len(cut["epochs"]) == 3, "the epoch in progress was dropped"
    said = resumed(session)
    assert "(Ctrl-C); 1 of 2 cells have their result" in said
    assert "scratch-torch-cpu-s0 (done)" in said
    assert "scratch-tensorflow-cpu-s0 (cut off after epoch 3)" in said
    assert learnt(session.results()[0]) == wanted
    content = saved(session)
    run = content["benchmarks"][1]["extra_info"]
    (interruption,) = run["interruptions"]
    assert interruption["why"] == "interrupted by Ctrl-C after epoch 3"
    assert interruption["resumed_after"] == interruption["after_epoch"] == 3
    assert run["verdict"]["validity"] == "valid"
    assert "cut off after epoch 3 (interrupted by Ctrl-C" in run["verdict"]["warnings"][0]
    (pause,) = content["interruptions"]
    assert (pause["why"], pause["differences"]) == ("Ctrl-C", [])


def test_there_is_one_set_of_rounds_without_the_warm_up_of_either_process(session: Session) -> None:
    interrupted(session, signal.SIGINT)
    resumed(session)
    whole, parts = saved(session)["benchmarks"]
    assert (whole["stats"]["rounds"], parts["stats"]["rounds"]) == (EPOCHS - 1, EPOCHS - 2)
    epochs = parts["extra_info"]["epochs"]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, EPOCHS + 1))
    rounds = [epoch["train_seconds"] for epoch in epochs if not epoch["warm_up"]]
    assert parts["stats"]["total"] == pytest.approx(sum(rounds))


def test_ctrl_c_twice_ends_at_once_and_loses_only_that_epoch(
    session: Session, wanted: dict[str, Any]
) -> None:
    process = held(session, f"{SECOND}:3", "stubborn")
    process.send_signal(signal.SIGINT)
    until(session, process, ASKED)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == INTERRUPTED, session.output()
    assert "To go on:" in session.output()
    (cut,) = saved(session)["failures"]
    assert cut["failure"]["reason"] == "interrupted by Ctrl-C after epoch 2"
    resumed(session)
    assert learnt(session.results()[0]) == wanted


def test_an_end_during_the_gates_saves_nothing_and_says_how_to_go_on(
    session: Session, wanted: dict[str, Any]
) -> None:
    process = held(session, f"{SECOND}:gate")
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == INTERRUPTED, session.output()
    assert "no result yet: scratch-torch-cpu-s0, scratch-tensorflow-cpu-s0" in session.output()
    assert session.results() == []
    resumed(session)
    assert learnt(session.results()[0]) == wanted


def test_ctrl_c_in_the_very_last_epoch_has_the_cell_in_the_file(
    session: Session, wanted: dict[str, Any]
) -> None:
    said = interrupted(session, signal.SIGINT, at=f"{SECOND}:{EPOCHS}")
    assert "To go on" not in said
    assert learnt(session.results()[0]) == wanted
    assert "there is nothing to resume" in resumed(session, status=REFUSED)


def test_a_resumed_session_killed_before_it_saves_is_not_taken_for_finished(
    session: Session, wanted: dict[str, Any]
) -> None:
    """Its file of before is there, and has one result less than the journals."""
    interrupted(session, signal.SIGINT)
    process = session.start("--resume", **holding("save"))
    until(session, process, HELD, but=int((session.folder / HELD).read_text()))
    process.kill()
    process.wait()
    resumed(session)
    assert learnt(session.results()[0]) == wanted


def test_a_result_file_is_not_replaced_by_one_with_less_in_it(
    session: Session, wanted: dict[str, Any]
) -> None:
    """The first cell's journal is damaged after it was saved, and its second run interrupted."""
    interrupted(session, signal.SIGINT)
    before = session.results()[0].read_bytes()
    (file,) = session.folder.glob(f"{MACHINE}/.runs/*/scratch-torch-cpu-s0.jsonl")
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join([*lines[:6], b"", *lines[7:]]))
    before_it = int((session.folder / HELD).read_text())
    process = session.start("--resume", **holding(f"{FIRST}:2"))
    until(session, process, HELD, but=before_it)
    process.send_signal(signal.SIGINT)
    assert process.wait(PATIENCE_SECONDS) == INTERRUPTED
    assert session.results()[0].read_bytes() == before
    resumed(session)
    assert learnt(session.results()[0]) == wanted


def test_a_terminal_shows_the_cell_its_epoch_and_what_ctrl_c_does(tmp_path: Path) -> None:
    session = Session(folder=tmp_path, toy=holding(f"{FIRST}:3")["TOY"])
    process, terminal = session.first_in_a_terminal()
    shown = b""
    with suppress(OSError):  # Linux's answer when nobody is left at the other end
        while part := os.read(terminal, 65536):
            shown += part
            if b"epoch 2/6" in part and b"Ctrl-C" not in shown:
                process.send_signal(signal.SIGINT)  # its third epoch waits for it
    assert process.wait(PATIENCE_SECONDS) == INTERRUPTED
    os.close(terminal)
    text = shown.decode(errors="replace")
    assert "correctness gate  scratch-torch-cpu-s0" in text
    assert "cell 1 of 2  scratch-torch-cpu-s0" in text
    assert "images/s  loss" in text
    assert "Ctrl-C: this epoch ends, then all is saved." in text


def test_sigterm_is_as_ctrl_c_once(session: Session, wanted: dict[str, Any]) -> None:
    said = interrupted(session, signal.SIGTERM)
    assert "SIGTERM: this epoch ends, then all is saved" in said
    assert "interrupted by SIGTERM after epoch" in said
    resumed(session)
    assert learnt(session.results()[0]) == wanted


def test_a_killed_session_leaves_no_worker_and_is_gone_on_with(
    session: Session, wanted: dict[str, Any]
) -> None:
    interrupted(session, signal.SIGKILL)
    deadline = monotonic() + PATIENCE_SECONDS
    while session.orphans():
        assert monotonic() < deadline, "the worker outlives its session"
        sleep(0.1)
    assert session.results() == []
    said = resumed(session)
    assert re.search(r"resuming: \S+, which stopped at \S+; 1 of 2 cells have their result", said)
    assert learnt(session.results()[0]) == wanted
    (interruption,) = saved(session)["benchmarks"][1]["extra_info"]["interruptions"]
    assert interruption["why"] is None, "nobody was left to say it"


def test_a_session_killed_before_it_could_save_is_only_saved(
    session: Session, wanted: dict[str, Any]
) -> None:
    process = held(session, "save")
    process.kill()
    process.wait()
    assert session.results() == []
    resumed(session)
    assert learnt(session.results()[0]) == wanted
    said = resumed(session, status=REFUSED)
    assert "there is nothing to resume" in said
    assert "every session in it is finished and saved" in said


def test_what_differs_is_refused_field_by_field_or_accepted_and_said(session: Session) -> None:
    interrupted(session, signal.SIGKILL)
    runs = session.runs()
    assert runs
    begun_with_other_code(runs)
    said = resumed(session, status=REFUSED)
    assert CHANGED in said
    assert "memory: " in said
    assert "--resume-anyway" in said
    said = resumed(session, "--resume-anyway")
    assert (
        "resumed anyway, though not all is as it was: code: bench/worker/training_loop.py has changed"
        in said
    )
    content = saved(session)
    (pause,) = content["interruptions"]
    assert CHANGED in pause["differences"]
    run = content["benchmarks"][1]["extra_info"]
    assert CHANGED in run["interruptions"][0]["differences"]
    assert any(CHANGED in line for line in run["verdict"]["warnings"])
    assert content["benchmarks"][0]["extra_info"]["interruptions"] == [], "it was done before"


def begun_with_other_code(runs: Path) -> None:
    """As if it had been begun with another training loop, on a computer with less memory."""
    (line,) = (line for line in read(runs / FILE, PARTS) if isinstance(line, Line))
    terms: Manifest = line.record
    machine = replace(terms.machine, memory_bytes=8 * 10**9)
    code = {**terms.code, "bench/worker/training_loop.py": "0" * 12}
    Journal(runs / FILE).add("terms", replace(terms, machine=machine, code=code))


def test_other_options_are_refused_and_the_first_ones_need_not_be_said_again(session: Session) -> None:
    interrupted(session, signal.SIGKILL)
    said = resumed(session, "--epochs", "9", status=REFUSED)
    assert f"plan epochs: 9 now, {EPOCHS} when it began" in said
    said = resumed(session, "--experiment", "mistaken", status=REFUSED)
    assert "cell scratch-torch-cpu-s0: not asked for now" in said
    said = resumed(session, "-k", "torch-cpu", status=REFUSED)
    assert "cell scratch-tensorflow-cpu-s0: not asked for now" in said


def test_the_data_folder_is_remembered_wherever_it_was_named(
    session: Session, random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By ALEXNET_DATA the first time, and by nobody the second; other images are named as other."""
    real = ("--profile", "smoke", "--device", "cpu", "--experiment", "scratch", "--epochs", str(EPOCHS))
    variables = holding(f"{SECOND}:3") | {"ALEXNET_DATA": str(random_cifar10)}
    process = session.start(*real, **variables)
    until(session, process, HELD)
    process.kill()
    process.wait()
    others = write_cifar10(session.folder / "others", seed=1)
    said = resumed(session, "--data-dir", str(others), status=REFUSED)
    assert "data sha256: " in said
    resumed(session)
    plan = saved(session)["benchmarks"][0]["extra_info"]["plan"]
    assert plan["data_provenance"] == "a folder that the user vouches for"


def test_a_begun_cell_with_another_plan_begins_anew_and_a_finished_one_stands(session: Session) -> None:
    interrupted(session, signal.SIGKILL)
    resumed(session, "--resume-anyway", "--epochs", "4")
    finished, begun = saved(session)["benchmarks"]
    assert len(finished["extra_info"]["epochs"]) == EPOCHS
    assert finished["extra_info"]["plan"]["epochs"] == EPOCHS
    assert len(begun["extra_info"]["epochs"]) == begun["extra_info"]["plan"]["epochs"] == 4
    (interruption,) = begun["extra_info"]["interruptions"]
    assert (interruption["resumed_after"], interruption["setback"]) == (
        0,
        "the checkpoint is of another plan",
    )


def test_a_damaged_checkpoint_costs_the_epochs_and_is_named(
    session: Session, wanted: dict[str, Any]
) -> None:
    interrupted(session, signal.SIGKILL)
    (file,) = (session.folder).glob(f"{MACHINE}/.runs/*/*.checkpoint.safetensors")
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    resumed(session)
    assert learnt(session.results()[0]) == wanted
    (interruption,) = saved(session)["benchmarks"][1]["extra_info"]["interruptions"]
    assert interruption["resumed_after"] == 0
    assert "checkpoint.safetensors is damaged: its hash is not its own" in interruption["setback"]


def test_a_damaged_journal_is_named_and_costs_only_what_stood_there(
    session: Session, wanted: dict[str, Any]
) -> None:
    interrupted(session, signal.SIGKILL)
    (file,) = (session.folder).glob(f"{MACHINE}/.runs/*/scratch-torch-cpu-s0.jsonl")
    lines = file.read_bytes().split(b"\n")
    broken = lines[6].replace(b"train_loss", b"train_lost")
    file.write_bytes(b"\n".join([*lines[:6], broken, *lines[7:]]))
    said = resumed(session)
    assert f"{file.name}, line 7, was passed over: its checksum is not its own" in said
    assert learnt(session.results()[0]) == wanted
    assert broken in file.read_bytes().split(b"\n"), "a journal is only ever added to"


def test_a_session_that_forgot_what_it_was_is_refused_in_a_sentence(session: Session) -> None:
    interrupted(session, signal.SIGKILL)
    runs = session.runs()
    assert runs
    (runs / FILE).write_bytes(b"half a li")
    said = resumed(session, status=REFUSED)
    assert "cannot be resumed, since it does not say any more what it was" in said
    assert "line 1, was passed over" in said


def test_a_failed_cell_is_tried_again_and_a_dead_worker_once_at_once(
    session: Session, wanted: dict[str, Any]
) -> None:
    process, worker = session.first(**holding(f"{FIRST}:2")), 0
    for _ in range(2):
        worker = until(session, process, HELD, but=worker)
        os.kill(worker, signal.SIGKILL)
    assert process.wait(PATIENCE_SECONDS) == FAILED, session.output()
    (failed,) = saved(session)["failures"]
    assert "the worker was killed after epoch" in failed["failure"]["reason"]
    (retry,) = failed["interruptions"]
    assert "the worker was killed after epoch" in retry["why"]
    resumed(session)
    assert learnt(session.results()[0]) == wanted
    benchmarks = {b["param"]: b["extra_info"] for b in saved(session)["benchmarks"]}
    assert len(benchmarks["scratch-torch-cpu-s0"]["interruptions"]) == 2
    assert benchmarks["scratch-tensorflow-cpu-s0"]["interruptions"] == []


def test_a_second_session_is_refused_and_names_the_first(session: Session) -> None:
    process = held(session, f"{FIRST}:2")
    other = Session(folder=session.folder, toy=TOY)
    second = subprocess.run(
        other.command(*PICKED),
        cwd=ROOT,
        env=session.environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    assert second.returncode == REFUSED
    assert f"this computer is measuring already (process {process.pid} since" in second.stderr
    assert str(session.folder / MACHINE) in second.stderr
    process.kill()
    process.wait()
    resumed(session)


def test_whoever_begins_another_session_is_told_what_was_left_behind(session: Session) -> None:
    said = interrupted(session, signal.SIGINT)
    assert "note: the session before" not in said
    process = session.first()
    assert process.wait(PATIENCE_SECONDS) == 0
    said = session.output()[len(said) :]
    assert "note: the session before this, " in said
    assert "has no result yet of scratch-tensorflow-cpu-s0, and keeps 0 MB of checkpoints in " in said
    assert len(session.results()) == 2, "it is another session's file"


def test_nothing_begun_is_nothing_to_resume_and_another_machine_is_pointed_to(session: Session) -> None:
    said = resumed(session, status=REFUSED)
    assert "no session was begun there" in said
    interrupted(session, signal.SIGKILL)
    said = resumed(session, "--machine", "other", status=REFUSED)
    assert f"there are sessions of --machine {MACHINE}" in said


def test_a_results_folder_that_cannot_be_written_is_told_before_anything_runs(session: Session) -> None:
    (session.folder / MACHINE).write_text("a file in its place")
    process = session.first()
    assert process.wait(PATIENCE_SECONDS) == REFUSED
    assert "without it nothing that is measured would be safe" in session.output()


def test_a_folder_without_a_session_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "machine" / ".runs" / "20260101T000000-smoke").mkdir(parents=True)
    with pytest.raises(SessionRefused, match="no session was begun there"):
        find(tmp_path / "machine" / ".runs")


def test_the_saved_file_of_a_resumed_session_is_read_by_the_check(session: Session) -> None:
    interrupted(session, signal.SIGINT)
    resumed(session)
    assert load(saved(session)).problems == ()
