"""`pytest bench --profile speed` on paper workers: its trial, what is written down, how it goes on."""

from __future__ import annotations

import json
import re
import subprocess
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from bench.records.journal import Line, read
from bench.session.manifest import Manifest
from bench.session.resume import JOURNAL_NAME, PARTS
from tests.support import sessions
from tests.support.sessions import FAILED, PASSED, USAGE_ERROR, saved

pytestmark = pytest.mark.slow

SPEED = ("--profile", "speed", "--dataset", "synthetic", "--device", "cpu", "--image-size", "64")


def bench(folder: Path, *arguments: str, paper: str) -> subprocess.CompletedProcess[str]:
    """A session on a computer that may be busy with other work."""
    return sessions.bench(folder, "--ignore-doctor", *arguments, paper=paper)


def manifests(folder: Path) -> list[Manifest]:
    """All manifests of the only session, the first one first."""
    (journal,) = (folder / "test-machine" / ".runs").glob(f"*/{JOURNAL_NAME}")
    lines = [line for line in read(journal, PARTS) if isinstance(line, Line)]
    return [line.record for line in lines if line.part == "manifest"]


def test_the_trial_of_the_fastest_engine_says_how_many_steps_all_have(tmp_path: Path) -> None:
    done = bench(tmp_path, *SPEED, paper="trial=0.5")
    assert done.returncode == PASSED, done.stdout + done.stderr
    content = saved(tmp_path)
    plans = [benchmark["extra_info"]["plan"] for benchmark in content["benchmarks"]]
    assert len(plans) == 6
    assert {plan["steps_per_epoch"] for plan in plans} == {80}, "50 steps of 0.5 s are 25 s"
    assert {(plan["epochs"], plan["patience"]) for plan in plans} == {(7, 7)}
    cells = Counter(benchmark["extra_info"]["cell"]["engine"] for benchmark in content["benchmarks"])
    assert cells == {"torch": 3, "tensorflow": 3}
    (manifest,) = manifests(tmp_path)
    assert {planned.plan.steps_per_epoch for planned in manifest.cells} == {80}
    line = "an epoch of scratch is its first 80 steps (a step in the trial: "
    assert f"{line}torch 500 ms, tensorflow 1,000 ms)" in done.stdout
    assert re.search(
        r"6 cells, roughly .* \(by the trial; what is no training is guessed\)", done.stdout
    )
    summary = done.stdout[done.stdout.index("= AlexNet =") :]
    assert "speed: the first 80 steps of an epoch of 45,000 SYNTHETIC" in summary
    assert "test %" not in summary
    assert "converged" not in summary
    assert not re.search("whole protocol", done.stdout)


def test_where_a_whole_epoch_is_short_it_is_whole(tmp_path: Path) -> None:
    done = bench(tmp_path, *SPEED, "--engine", "torch", "--repeats", "1", paper="trial=0.001")
    assert done.returncode == PASSED, done.stdout + done.stderr
    (benchmark,) = saved(tmp_path)["benchmarks"]
    assert benchmark["extra_info"]["plan"]["steps_per_epoch"] is None
    assert "an epoch of scratch is whole (a step in the trial: torch 1 ms)" in done.stdout


def test_a_session_that_goes_on_keeps_its_steps_and_asks_for_no_trial(tmp_path: Path) -> None:
    first = bench(tmp_path, *SPEED, "--repeats", "1", paper="trial=0.5 scratch-tensorflow=crash")
    assert first.returncode == FAILED
    resumed = bench(tmp_path, "--resume", paper="trial=mute")
    assert resumed.returncode == PASSED, resumed.stdout + resumed.stderr
    assert {planned.plan.steps_per_epoch for planned in manifests(tmp_path)[-1].cells} == {80}
    file = tmp_path / "test-machine" / "0001_speed.json"
    plans = [entry["extra_info"]["plan"] for entry in json.loads(file.read_text())["benchmarks"]]
    assert [plan["steps_per_epoch"] for plan in plans] == [80, 80]
    more = bench(tmp_path, "--resume-anyway", "--repeats", "2", paper="trial=mute")
    assert more.returncode == USAGE_ERROR, "it is finished"


def test_more_repeats_of_a_session_that_goes_on_have_its_steps(tmp_path: Path) -> None:
    bench(tmp_path, *SPEED, "--repeats", "1", paper="trial=0.5 scratch-tensorflow=crash")
    more = bench(tmp_path, "--resume-anyway", "--repeats", "2", paper="trial=mute")
    assert more.returncode == PASSED, more.stdout + more.stderr
    cells = manifests(tmp_path)[-1].cells
    assert [planned.plan.steps_per_epoch for planned in cells] == [80] * 4


def test_a_trial_that_fails_is_a_sentence_and_nothing_begins(tmp_path: Path) -> None:
    done = bench(tmp_path, *SPEED, paper="trial=mute")
    assert done.returncode == USAGE_ERROR
    text = done.stdout + done.stderr
    assert "how many steps an epoch is to have: the device was lost" in text
    assert "such as --steps 80, or leave that engine out by --engine" in text
    assert "Traceback" not in text
    assert not list((tmp_path / "test-machine").glob("*.json"))
    again = bench(tmp_path, "--resume", paper="")
    assert "there is nothing to resume" in again.stdout + again.stderr


def test_steps_that_are_named_need_no_trial(tmp_path: Path) -> None:
    done = bench(tmp_path, *SPEED, "--steps", "12", "--repeats", "1", paper="trial=mute")
    assert done.returncode == PASSED, done.stdout + done.stderr
    plans: list[Any] = [entry["extra_info"]["plan"] for entry in saved(tmp_path)["benchmarks"]]
    assert [plan["steps_per_epoch"] for plan in plans] == [12, 12]
    assert "an epoch of scratch is its first 12 steps\n" in done.stdout


def test_the_gate_alone_and_a_list_of_cells_need_no_trial(tmp_path: Path) -> None:
    done = bench(tmp_path, *SPEED, "--collect-only", "-q", paper="trial=mute")
    assert done.returncode == PASSED, done.stdout + done.stderr
    assert "test_train[scratch-tensorflow-cpu-s0-r2]" in done.stdout
