"""`pytest bench --resume` as a user sees it, on toy workers: what is resumed, what is refused."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from subprocess import Popen
from time import monotonic, sleep
from typing import Any

import pytest
from msgspec.structs import replace

from bench.paths import ROOT
from bench.records.journal import Journal, Line, read
from bench.records.read import load
from bench.session.manifest import Manifest
from bench.session.resume import JOURNAL_NAME, PARTS, SessionRefused, find_unfinished_session
from bench.temporary_folder import LOCK, OF_CHILDREN
from tests.conftest import write_cifar10
from tests.support.toy_hold import HELD_FILE, STOP_ASKED_FILE
from tests.torture import EPOCHS, MACHINE, OPTIONS, Session, comparable_results, uninterrupted

pytestmark = pytest.mark.slow

INTERRUPTED, REFUSED, FAILED = 130, 4, 1
TIMEOUT_SECONDS = 120.0
"""The longest wait for anything on a busy machine before a test fails."""
TOY = f"silence={TIMEOUT_SECONDS}"
CHANGED = "code: bench/worker/training_loop.py has changed"
FIRST, SECOND = "scratch-torch-cpu-s0", "scratch-tensorflow-cpu-s0"


@pytest.fixture(scope="module")
def uninterrupted_results(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The results of an uninterrupted session."""
    return uninterrupted(tmp_path_factory.mktemp("calm"))


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(folder=tmp_path, toy=TOY)
    yield session
    session.kill()


def holding(place: str, more: str = "") -> dict[str, str]:
    """The environment variable that makes toy workers wait at a place (tests/support/toy_hold.py)."""
    return {"TOY": f"{TOY} hold={place} {more}"}


def wait_for_file(session: Session, process: Popen[str], name: str, *, but: int = 0) -> int:
    """Waits for a file that a toy worker other than process `but` wrote; returns its process id."""
    file, deadline = session.folder / name, monotonic() + TIMEOUT_SECONDS
    while True:
        if file.exists() and (process_id := int(file.read_text())) != but:
            return process_id
        assert process.poll() is None, session.output()
        assert monotonic() < deadline, session.output_so_far()
        sleep(0.01)


def start_and_hold(session: Session, place: str, more: str = "") -> Popen[str]:
    """Starts a session and returns once it waits at a place."""
    process = session.start_new(**holding(place, more))
    wait_for_file(session, process, HELD_FILE)
    return process


def run_interrupted(session: Session, number: signal.Signals, at: str = f"{SECOND}:3") -> str:
    """The output of a session that gets one signal, by default in its second cell's third epoch."""
    process = start_and_hold(session, at)
    process.send_signal(number)
    process.wait(TIMEOUT_SECONDS)
    assert process.returncode == (-9 if number == signal.SIGKILL else INTERRUPTED), session.output()
    return session.output()


def resume(session: Session, *arguments: str, status: int = 0) -> str:
    """Resumes the session and returns its output from then on."""
    before = len(session.output())
    process = session.start("--resume", *arguments)
    process.wait(TIMEOUT_SECONDS)
    output = session.output()[before:]
    assert process.returncode == status, output
    return output


def saved(session: Session) -> dict[str, Any]:
    (file,) = session.results()
    content: dict[str, Any] = json.loads(file.read_text())
    return content


def test_ctrl_c_lets_the_epoch_end_saves_and_says_how_to_go_on(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    output = run_interrupted(session, signal.SIGINT)
    assert "Ctrl-C: this epoch ends, then all is saved" in output
    named = f"--machine {MACHINE}"
    assert f'To go on:  pytest bench --resume {named}  (or: make resume ARGS="{named}")' in output
    content = saved(session)
    assert [b["param"] for b in content["benchmarks"]] == ["scratch-torch-cpu-s0"]
    (failure,) = content["failures"]
    assert failure["failure"]["reason"] == "interrupted by Ctrl-C after epoch 3"
    assert len(failure["epochs"]) == 3, "the epoch in progress was dropped"
    output = resume(session)
    assert "(Ctrl-C); 1 of 2 cells have their result" in output
    assert "scratch-torch-cpu-s0 (done)" in output
    assert "scratch-tensorflow-cpu-s0 (cut off after epoch 3)" in output
    assert comparable_results(session.results()[0]) == uninterrupted_results
    content = saved(session)
    run = content["benchmarks"][1]["extra_info"]
    (interruption,) = run["interruptions"]
    assert interruption["why"] == "interrupted by Ctrl-C after epoch 3"
    assert interruption["resumed_after"] == interruption["after_epoch"] == 3
    assert run["verdict"]["validity"] == "valid"
    warning = run["verdict"]["warnings"][0]
    assert (warning["kind"], warning["after_epoch"]) == ("cut off", 3)
    assert warning["why"] == "interrupted by Ctrl-C after epoch 3"
    assert "cut off after epoch 3 (interrupted by Ctrl-C" in output
    (pause,) = content["interruptions"]
    assert (pause["why"], pause["differences"]) == ("Ctrl-C", [])


def test_there_is_one_set_of_rounds_without_the_warm_up_of_either_process(session: Session) -> None:
    run_interrupted(session, signal.SIGINT)
    resume(session)
    whole, parts = saved(session)["benchmarks"]
    assert (whole["stats"]["rounds"], parts["stats"]["rounds"]) == (EPOCHS - 1, EPOCHS - 2)
    epochs = parts["extra_info"]["epochs"]
    assert [epoch["epoch"] for epoch in epochs] == list(range(1, EPOCHS + 1))
    rounds = [epoch["train_seconds"] for epoch in epochs if not epoch["warm_up"]]
    assert parts["stats"]["total"] == pytest.approx(sum(rounds))


def test_ctrl_c_twice_ends_at_once_and_loses_only_that_epoch(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    process = start_and_hold(session, f"{SECOND}:3", "stubborn")
    process.send_signal(signal.SIGINT)
    wait_for_file(session, process, STOP_ASKED_FILE)
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT_SECONDS) == INTERRUPTED, session.output()
    assert "To go on:" in session.output()
    (failure,) = saved(session)["failures"]
    assert failure["failure"]["reason"] == "interrupted by Ctrl-C after epoch 2"
    resume(session)
    assert comparable_results(session.results()[0]) == uninterrupted_results


def test_an_end_during_the_gates_saves_nothing_and_says_how_to_go_on(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    process = start_and_hold(session, f"{SECOND}:gate")
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT_SECONDS) == INTERRUPTED, session.output()
    assert "no result yet: scratch-torch-cpu-s0, scratch-tensorflow-cpu-s0" in session.output()
    assert session.results() == []
    resume(session)
    assert comparable_results(session.results()[0]) == uninterrupted_results


def test_what_a_killed_session_left_is_removed(session: Session) -> None:
    """A reference is 1.6 GB for the largest network, and no gate may take one that is half written."""
    run_interrupted(session, signal.SIGINT)
    (runs,) = (session.folder / MACHINE / ".runs").iterdir()
    for name in ("scratch-s0.reference", "mistaken-s0.reference.part"):
        (runs / name / "gradient").mkdir(parents=True)
    left = session.folder / f"{OF_CHILDREN}left"
    left.mkdir()
    (left / LOCK).touch()
    resume(session)
    assert list(runs.glob("*.reference*")) == []
    assert not left.exists()


def test_ctrl_c_in_the_very_last_epoch_has_the_cell_in_the_file(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    output = run_interrupted(session, signal.SIGINT, at=f"{SECOND}:{EPOCHS}")
    assert "To go on" not in output
    assert comparable_results(session.results()[0]) == uninterrupted_results
    assert "there is nothing to resume" in resume(session, status=REFUSED)


def test_a_resumed_session_killed_before_it_saves_is_not_taken_for_finished(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    """The file of the first session is there, with one result less than the journals."""
    run_interrupted(session, signal.SIGINT)
    process = session.start("--resume", **holding("save"))
    wait_for_file(session, process, HELD_FILE, but=int((session.folder / HELD_FILE).read_text()))
    process.kill()
    process.wait()
    resume(session)
    assert comparable_results(session.results()[0]) == uninterrupted_results


def test_a_result_file_is_not_replaced_by_one_with_less_in_it(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    """The first cell's journal is damaged after it was saved, and its second run is interrupted."""
    run_interrupted(session, signal.SIGINT)
    before = session.results()[0].read_bytes()
    (file,) = session.folder.glob(f"{MACHINE}/.runs/*/scratch-torch-cpu-s0.jsonl")
    lines = file.read_bytes().split(b"\n")
    file.write_bytes(b"\n".join([*lines[:6], b"", *lines[7:]]))
    first_process_id = int((session.folder / HELD_FILE).read_text())
    process = session.start("--resume", **holding(f"{FIRST}:2"))
    wait_for_file(session, process, HELD_FILE, but=first_process_id)
    process.send_signal(signal.SIGINT)
    assert process.wait(TIMEOUT_SECONDS) == INTERRUPTED
    assert session.results()[0].read_bytes() == before
    resume(session)
    assert comparable_results(session.results()[0]) == uninterrupted_results


def test_a_terminal_shows_the_cell_its_epoch_and_what_ctrl_c_does(tmp_path: Path) -> None:
    session = Session(folder=tmp_path, toy=holding(f"{FIRST}:3")["TOY"])
    process, terminal = session.start_in_a_terminal()
    terminal_output = b""
    with suppress(OSError):  # raised on Linux once the session has closed its end
        while part := os.read(terminal, 65536):
            terminal_output += part
            if b"epoch 2/6" in part and b"Ctrl-C" not in terminal_output:
                process.send_signal(signal.SIGINT)  # its third epoch waits for it
    assert process.wait(TIMEOUT_SECONDS) == INTERRUPTED
    os.close(terminal)
    text = terminal_output.decode(errors="replace")
    assert "correctness gate  scratch-torch-cpu-s0" in text
    assert "cell 1 of 2  scratch-torch-cpu-s0" in text
    assert "images/s  loss" in text
    assert "Ctrl-C: this epoch ends, then all is saved." in text


def test_sigterm_is_as_ctrl_c_once(session: Session, uninterrupted_results: dict[str, Any]) -> None:
    output = run_interrupted(session, signal.SIGTERM)
    assert "SIGTERM: this epoch ends, then all is saved" in output
    assert "interrupted by SIGTERM after epoch" in output
    resume(session)
    assert comparable_results(session.results()[0]) == uninterrupted_results


def test_a_killed_session_leaves_no_worker_and_is_gone_on_with(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    run_interrupted(session, signal.SIGKILL)
    deadline = monotonic() + TIMEOUT_SECONDS
    while session.orphans():
        assert monotonic() < deadline, "the worker outlives its session"
        sleep(0.1)
    assert session.results() == []
    output = resume(session)
    assert re.search(r"resuming: \S+, which stopped at \S+; 1 of 2 cells have their result", output)
    assert comparable_results(session.results()[0]) == uninterrupted_results
    (interruption,) = saved(session)["benchmarks"][1]["extra_info"]["interruptions"]
    assert interruption["why"] is None, "a killed session records no reason"


def test_a_session_killed_before_it_could_save_is_only_saved(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    process = start_and_hold(session, "save")
    process.kill()
    process.wait()
    assert session.results() == []
    resume(session)
    assert comparable_results(session.results()[0]) == uninterrupted_results
    output = resume(session, status=REFUSED)
    assert "there is nothing to resume" in output
    assert "every session in it is finished and saved" in output


def test_what_differs_is_refused_field_by_field_or_accepted_and_said(session: Session) -> None:
    run_interrupted(session, signal.SIGKILL)
    runs = session.runs_folder()
    assert runs
    begun_with_other_code(runs)
    output = resume(session, status=REFUSED)
    assert CHANGED in output
    assert "memory: " in output
    assert "--resume-anyway" in output
    output = resume(session, "--resume-anyway")
    assert (
        "resumed anyway, despite a difference: code: bench/worker/training_loop.py has changed" in output
    )
    content = saved(session)
    (pause,) = content["interruptions"]
    assert CHANGED in pause["differences"]
    run = content["benchmarks"][1]["extra_info"]
    assert CHANGED in run["interruptions"][0]["differences"]
    assert {"kind": "resumed despite", "difference": CHANGED} in run["verdict"]["warnings"]
    assert f"it went on although not all was as before: {CHANGED}" in output
    assert content["benchmarks"][0]["extra_info"]["interruptions"] == [], (
        "it was done before the interruption"
    )


def test_after_a_reboot_a_session_goes_on(session: Session) -> None:
    """Linux has 124 KiB less memory, and the driver of the GPU does not answer any more."""
    run_interrupted(session, signal.SIGKILL)
    runs = session.runs_folder()
    assert runs
    (line,) = (line for line in read(runs / JOURNAL_NAME, PARTS) if isinstance(line, Line))
    manifest: Manifest = line.record
    memory = manifest.machine.memory_bytes + 124 * 2**10
    machine = replace(manifest.machine, memory_bytes=memory, gpu="NVIDIA H100", gpu_cores=16_896)
    Journal(runs / JOURNAL_NAME).add("manifest", replace(manifest, machine=machine))
    resume(session)
    content = saved(session)
    (pause,) = content["interruptions"]
    assert pause["differences"] == []
    kept = content["machine_info"]["machine"]
    if manifest.machine.gpu is None:  # what only the first session could read is kept
        assert (kept["gpu"], kept["gpu_cores"]) == ("NVIDIA H100", 16_896)


def begun_with_other_code(runs: Path) -> None:
    """Changes the manifest: another training loop, on a computer with less memory."""
    (line,) = (line for line in read(runs / JOURNAL_NAME, PARTS) if isinstance(line, Line))
    manifest: Manifest = line.record
    machine = replace(manifest.machine, memory_bytes=10**9)
    code = {**manifest.code, "bench/worker/training_loop.py": "0" * 12}
    Journal(runs / JOURNAL_NAME).add("manifest", replace(manifest, machine=machine, code=code))


def test_other_options_are_refused_and_the_first_ones_need_not_be_said_again(session: Session) -> None:
    run_interrupted(session, signal.SIGKILL)
    output = resume(session, "--epochs", "9", status=REFUSED)
    assert f"plan epochs: 9 now, {EPOCHS} when it began" in output
    output = resume(session, "--experiment", "mistaken", status=REFUSED)
    assert "cell scratch-torch-cpu-s0: not asked for now" in output
    output = resume(session, "-k", "torch-cpu", status=REFUSED)
    assert "cell scratch-tensorflow-cpu-s0: not asked for now" in output


def test_the_data_folder_is_remembered_wherever_it_was_named(
    session: Session, random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ALEXNET_DATA names it the first time, nothing the second. Other images are refused."""
    real = ("--profile", "smoke", "--device", "cpu", "--experiment", "scratch", "--epochs", str(EPOCHS))
    variables = holding(f"{SECOND}:3") | {"ALEXNET_DATA": str(random_cifar10)}
    process = session.start(*real, **variables)
    wait_for_file(session, process, HELD_FILE)
    process.kill()
    process.wait()
    others = write_cifar10(session.folder / "others", seed=1)
    output = resume(session, "--data-dir", str(others), status=REFUSED)
    assert "data sha256: " in output
    resume(session)
    plan = saved(session)["benchmarks"][0]["extra_info"]["plan"]
    assert plan["data_provenance"] == "a folder that the user vouches for"


def test_a_begun_cell_with_another_plan_begins_anew_and_a_finished_one_stands(session: Session) -> None:
    run_interrupted(session, signal.SIGKILL)
    resume(session, "--resume-anyway", "--epochs", "4")
    finished, begun = saved(session)["benchmarks"]
    assert len(finished["extra_info"]["epochs"]) == EPOCHS
    assert finished["extra_info"]["plan"]["epochs"] == EPOCHS
    assert len(begun["extra_info"]["epochs"]) == begun["extra_info"]["plan"]["epochs"] == 4
    (interruption,) = begun["extra_info"]["interruptions"]
    assert (interruption["resumed_after"], interruption["went_back_because"]) == (
        0,
        "the checkpoint is of another plan",
    )


def test_a_damaged_checkpoint_costs_the_epochs_and_is_named(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    run_interrupted(session, signal.SIGKILL)
    (file,) = (session.folder).glob(f"{MACHINE}/.runs/*/*.checkpoint.safetensors")
    content = bytearray(file.read_bytes())
    content[-100] ^= 1
    file.write_bytes(content)
    resume(session)
    assert comparable_results(session.results()[0]) == uninterrupted_results
    (interruption,) = saved(session)["benchmarks"][1]["extra_info"]["interruptions"]
    assert interruption["resumed_after"] == 0
    assert (
        "checkpoint.safetensors is damaged: its content has another hash"
        in interruption["went_back_because"]
    )


def test_a_damaged_journal_is_named_and_costs_only_what_stood_there(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    run_interrupted(session, signal.SIGKILL)
    (file,) = (session.folder).glob(f"{MACHINE}/.runs/*/scratch-torch-cpu-s0.jsonl")
    lines = file.read_bytes().split(b"\n")
    broken = lines[6].replace(b"train_loss", b"train_lost")
    file.write_bytes(b"\n".join([*lines[:6], broken, *lines[7:]]))
    output = resume(session)
    assert f"{file.name}, line 7, was passed over: its checksum is not its own" in output
    assert comparable_results(session.results()[0]) == uninterrupted_results
    assert broken in file.read_bytes().split(b"\n"), "a journal is only appended to"


def test_a_session_that_forgot_what_it_was_is_refused_in_a_sentence(session: Session) -> None:
    run_interrupted(session, signal.SIGKILL)
    runs = session.runs_folder()
    assert runs
    (runs / JOURNAL_NAME).write_bytes(b"half a li")
    output = resume(session, status=REFUSED)
    assert "cannot be resumed, since nothing in it says any more what the session was" in output
    assert "line 1, was passed over" in output


def test_a_failed_cell_is_tried_again_and_a_dead_worker_once_at_once(
    session: Session, uninterrupted_results: dict[str, Any]
) -> None:
    process, worker = session.start_new(**holding(f"{FIRST}:2")), 0
    for _ in range(2):
        worker = wait_for_file(session, process, HELD_FILE, but=worker)
        os.kill(worker, signal.SIGKILL)
    assert process.wait(TIMEOUT_SECONDS) == FAILED, session.output()
    (failed,) = saved(session)["failures"]
    assert "the worker was killed after epoch" in failed["failure"]["reason"]
    (retry,) = failed["interruptions"]
    assert "the worker was killed after epoch" in retry["why"]
    resume(session)
    assert comparable_results(session.results()[0]) == uninterrupted_results
    benchmarks = {b["param"]: b["extra_info"] for b in saved(session)["benchmarks"]}
    assert len(benchmarks["scratch-torch-cpu-s0"]["interruptions"]) == 2
    assert benchmarks["scratch-tensorflow-cpu-s0"]["interruptions"] == []


def test_a_second_session_is_refused_and_names_the_first(session: Session) -> None:
    process = start_and_hold(session, f"{FIRST}:2")
    other = Session(folder=session.folder, toy=TOY)
    second = subprocess.run(
        other.command(*OPTIONS),
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
    resume(session)


def test_a_new_session_names_the_unfinished_one(session: Session) -> None:
    output = run_interrupted(session, signal.SIGINT)
    assert "note: the session before" not in output
    process = session.start_new()
    assert process.wait(TIMEOUT_SECONDS) == 0
    output = session.output()[len(output) :]
    assert "note: the session before this, " in output
    assert "has no result yet of scratch-tensorflow-cpu-s0, and keeps 0 MB of checkpoints in " in output
    assert len(session.results()) == 2, "each session has its own file"


@pytest.mark.parametrize("option", ["--resume", "--resume-anyway"])
def test_a_session_of_another_version_is_refused_and_a_new_one_names_it(
    session: Session, option: str
) -> None:
    folder = session.folder / MACHINE / ".runs" / "20261125T100000-smoke"
    cell = {"experiment": "scratch", "framework": "torch", "device": "cpu", "seed": 0}
    manifest: Any = {"schema": 4, "cells": [{"cell": cell, "plan": {}}]}
    Journal(folder / JOURNAL_NAME).add("manifest", manifest)
    hint = "to finish it, git checkout 082a6f1 and call make resume"
    assert hint in " ".join(resume(session, option, status=REFUSED).split())
    process = session.start_new()
    assert process.wait(TIMEOUT_SECONDS) == 0
    output = " ".join(session.output().split())
    assert (
        f"has no result yet of {FIRST}; it was begun by another version of this suite: {hint}" in output
    )
    assert "Traceback" not in output


def test_nothing_begun_is_nothing_to_resume_and_another_machine_is_pointed_to(session: Session) -> None:
    output = resume(session, status=REFUSED)
    assert "no session was begun there" in output
    run_interrupted(session, signal.SIGKILL)
    output = resume(session, "--machine", "other", status=REFUSED)
    assert f"there are sessions of --machine {MACHINE}" in output


def test_a_results_folder_that_cannot_be_written_is_told_before_anything_runs(session: Session) -> None:
    (session.folder / MACHINE).write_text("a file in its place")
    process = session.start_new()
    assert process.wait(TIMEOUT_SECONDS) == REFUSED
    output = session.output()
    assert "nothing can be saved, since" in output
    assert f"{MACHINE} is a file and no folder: move it away" in output


def test_a_folder_without_a_session_is_not_found(tmp_path: Path) -> None:
    (tmp_path / "machine" / ".runs" / "20260101T000000-smoke").mkdir(parents=True)
    with pytest.raises(SessionRefused, match="no session was begun there"):
        find_unfinished_session(tmp_path / "machine" / ".runs")


def test_the_saved_file_of_a_resumed_session_is_read_by_the_check(session: Session) -> None:
    run_interrupted(session, signal.SIGINT)
    resume(session)
    assert load(saved(session)).problems == ()
