"""No code decides by a sentence: with nonsense for words, verdicts, findings and frames stay."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from bench.check.__main__ import main as check_main
from bench.check.rules import FILE_RULES, RULES
from bench.doctor.diagnosis import diagnose
from bench.records import words
from bench.records.read import LoadedFile, load, read
from bench.records.types import CutOff, Reads, Verdict
from bench.records.verdict import judge
from reports.__main__ import main as report_main
from reports.data.frame import Frames, frames
from reports.data.sources import gather
from reports.write import words as report_words
from tests.support.doctor_facts import LINUX, MAC, with_changes
from tests.support.nonsense import NONSENSE, swap
from tests.support.sessions import FAILED, SYNTHETIC, bench, saved

SAMPLES = Path(__file__).parent / "bench" / "records" / "samples"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The samples, an edited one, and files that cannot be used, each in its own way."""
    for sample in sorted(SAMPLES.glob("*.json")):
        shutil.copy(sample, tmp_path)
    edited = json.loads((SAMPLES / "version-5.json").read_text())
    runs = [*edited["benchmarks"], *edited["failures"]]
    for run in runs:
        run.get("extra_info", run)["verdict"]["warnings"] = [{"kind": "on battery"}]
    edited["benchmarks"][0]["extra_info"]["epochs"][1]["train_seconds"] = -1.0
    (tmp_path / "edited.json").write_text(json.dumps(edited))
    (tmp_path / "copy.json").write_bytes((SAMPLES / "version-5.json").read_bytes())
    (tmp_path / "other.json").write_text(json.dumps(edited | {"schema": 3}))
    (tmp_path / "none.json").write_text("not JSON; counts once")
    return tmp_path


def files(folder: Path) -> dict[str, LoadedFile]:
    return {f.name: load(read(f)) for f in sorted(folder.glob("*.json")) if f.name != "none.json"}


def verdicts(loaded: dict[str, LoadedFile]) -> dict[tuple[str, str], Verdict]:
    return {(n, run.cell.id): judge(run, run.machine) for n, file in loaded.items() for run in file.runs}


def findings(loaded: dict[str, LoadedFile]) -> dict[tuple[str, ...], int]:
    """(file, cell, rule) -> how many things the rule finds wrong."""
    of_runs: dict[tuple[str, ...], int] = {
        (name, run.cell.id, rule.__name__): len(list(rule(run)))
        for name, file in loaded.items()
        for run in file.runs
        for rule in RULES
    }
    of_files: dict[tuple[str, ...], int] = {
        (name, rule.__name__): len(list(rule(file)))
        for name, file in loaded.items()
        for rule in FILE_RULES
    }
    problems: dict[tuple[str, ...], int] = {
        (name, problem.kind, str(number)): 1
        for name, file in loaded.items()
        for number, problem in enumerate(file.problems)
    }
    return {**of_runs, **of_files, **problems}


COMPUTERS = {
    "a healthy Mac": MAC,
    "a virtual Linux": LINUX,
    "one with many faults": with_changes(
        MAC,
        python="3.9.0",
        packages={},
        power="battery",
        low_power=True,
        thermal="heavy",
        load=9.0,
        available_memory_bytes=10**8,
        open_files=10,
        caffeinate=False,
        data="missing",
        environment={"KERAS_BACKEND": "torch"},
        refusals={"torch": "whatever it said"},
    ),
}


def levels() -> dict[str, list[str]]:
    """Computer -> the levels of the doctor's findings."""
    return {name: [f.level for f in diagnose(facts)] for name, facts in COMPUTERS.items()}


def everything(folder: Path) -> dict[str, Any]:
    """What must not change, and the words that must."""
    loaded = files(folder)
    statuses = {file.name: check_main([str(file)]) for file in sorted(folder.glob("*.json"))}
    reports = {
        name: report_main([str(folder / name), "--format", "md", "--out", str(folder / "out")])
        for name in (
            *(sample.name for sample in sorted(SAMPLES.glob("*.json"))),
            *("edited.json", "other.json", "none.json"),
        )
    }
    return {
        "verdicts": verdicts(loaded),
        "findings": findings(loaded),
        "levels": levels(),
        "check's exit status": statuses,
        "report's exit status": reports,
    }


def as_dict(made: Frames) -> dict[str, pd.DataFrame]:
    return {field.name: getattr(made, field.name) for field in dataclasses.fields(made)}


def test_verdicts_findings_frames_and_exit_statuses_stay(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before, frames_before = everything(folder), as_dict(frames(gather([str(folder)])))
    capsys.readouterr()
    swap(monkeypatch.setattr)
    after, frames_after = everything(folder), as_dict(frames(gather([str(folder)])))
    assert NONSENSE in capsys.readouterr().out, "the words were swapped"
    assert after == before
    assert set(before["check's exit status"].values()) == {0, 1, 2}
    assert {level for found in before["levels"].values() for level in found} == {
        "good",
        "warning",
        "error",
    }
    assert len(set(before["report's exit status"].values())) == 2
    for name, frame in frames_before.items():
        pd.testing.assert_frame_equal(frame, frames_after[name], obj=name)
    assert set(frames_before["left_out"]["kind"]) >= {"same file", "other version", "not a record"}


def test_the_words_themselves_are_nonsense_then(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that the other test swaps what it means to swap."""
    swap(monkeypatch.setattr)
    cut_off = CutOff(after_epoch=1, resumed_after=1, seconds=1.0, why=None, went_back_because=None)
    assert words.warning_text(cut_off) == words.reads_text(Reads(kind="no counter")) == NONSENSE
    assert report_words.warning(cut_off) == NONSENSE
    assert {f.message for f in diagnose(MAC) if f.level != "good"} <= {NONSENSE}


def untimed(part: Any) -> Any:
    """Without how long each interruption was: two sessions' clocks differ, whatever their words."""
    if isinstance(part, dict) and "warnings" in part:
        kept = [{k: v for k, v in warning.items() if k != "seconds"} for warning in part["warnings"]]
        return part | {"warnings": kept}
    return part


@pytest.mark.slow
def test_a_session_saves_the_same_with_nonsense_for_words(tmp_path: Path) -> None:
    """Its gates, its exit status, and where each run is saved."""
    paper = (
        "scratch-torch=wrong scratch-tensorflow=diverge mistaken-torch=crash mistaken-tensorflow=mute"
    )
    contents = []
    for name, plugin in (("words", ()), ("nonsense", ("-p", "tests.support.nonsense"))):
        folder = tmp_path / name
        folder.mkdir()
        done = bench(folder, *SYNTHETIC, *plugin, paper=paper)
        assert done.returncode == FAILED, done.stdout + done.stderr
        assert (NONSENSE in done.stdout) == bool(plugin), done.stdout
        contents.append(saved(folder))
    for content in contents:
        assert content["benchmarks"]
        assert content["failures"]
    ids = [[entry["param"] for entry in content["benchmarks"]] for content in contents]
    assert ids[0] == ids[1]
    runs = [
        [*(entry["extra_info"] for entry in content["benchmarks"]), *content["failures"]]
        for content in contents
    ]
    for ours, theirs in zip(*runs, strict=True):
        for part in ("cell", "gate", "verdict", "start", "epochs", "result", "failure"):
            assert untimed(ours[part]) == untimed(theirs[part]), (ours["cell"], part)
