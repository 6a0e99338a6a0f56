"""Files of every version from 4 on are read as this version has them."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest

from bench.check.across_runs import one_run_at_a_time
from bench.check.rules import violations
from bench.records import derive
from bench.records.codec import RecordError
from bench.records.read import LoadedFile, LoadedRun, load, read
from bench.records.types import (
    SCHEMA_VERSION,
    CutOff,
    DeviceSlowedDown,
    Disturbed,
    Diverged,
    GateNotRun,
    LowPowerMode,
    NoOtherEngine,
    NoResult,
    OnBattery,
    PlacementUnknown,
    Reads,
    ReferenceDiffers,
    ResumedDespite,
    Slept,
    StepsDisturbed,
    SwappedIn,
    ThermalPressure,
)
from bench.records.upgrade import OLDEST_VERSION, file_version, upgraded, upgraded_run
from tests.support.saved_file import linux_file

SAMPLES = Path(__file__).parent / "samples"
VERSIONS = range(OLDEST_VERSION, SCHEMA_VERSION + 1)


def sample(version: int) -> Any:
    return read(SAMPLES / f"version-{version}.json")


def edited_sample(version: int, path: tuple[Any, ...], value: Any) -> Any:
    """A sample with another value at a path of keys and indices in its first run."""
    content = sample(version)
    fields = content["benchmarks"][0]["extra_info"]
    for name in path[:-1]:
        fields = fields[name]
    fields[path[-1]] = value
    return content


def violations_of(file: LoadedFile) -> list[str]:
    """What bench.check finds, but for the times of the runs.

    The samples of versions 4 and 5 were made with one time for all of them, which bench.check names.
    """
    at_one_time = {*one_run_at_a_time(file)}
    assert bool(at_one_time) == (file.runs[0].file_version < 6)
    return [sentence for sentence in violations(file) if sentence not in at_one_time]


def run_of(file: LoadedFile, cell: str) -> LoadedRun:
    (run,) = [run for run in file.runs if run.cell.id == cell]
    return run


@pytest.mark.parametrize("version", VERSIONS)
def test_a_sample_of_every_version_holds(version: int) -> None:
    content = sample(version)
    assert file_version(content) == version
    file = load(content)
    assert file.problems == ()
    assert violations_of(file) == []
    assert {run.schema for run in file.runs} == {SCHEMA_VERSION}
    assert {run.method for run in file.runs} == {1 if version < 9 else 2}
    assert len(file.runs) == (8 if version < 8 else 9)
    assert [skipped.cell.id for skipped in file.skipped] == ["pretrained-torch-cpu-s0"]


@pytest.mark.parametrize("version", [4, 5])
def test_the_sentences_of_a_sample_are_kinds(version: int) -> None:
    file = load(sample(version))
    alone, off = run_of(file, "scratch-torch-cpu-s3"), run_of(file, "scratch-torch-cpu-s4")
    assert alone.start is not None
    assert alone.gate is not None
    assert alone.gate.not_checked == (
        PlacementUnknown(why="torch says so on MPS alone"),
        NoOtherEngine(engine="torch"),
    )
    assert alone.start.meters == {
        "host memory": Reads(kind="resident memory since the start"),
        "device memory": Reads(kind="host memory is the device's"),
        "energy": Reads(kind="counters for root", detail="/sys/class/powercap/intel-rapl:*/energy_uj"),
        "time": Reads(kind="perf counter"),
    }
    cut, despite, *_ = alone.verdict.warnings
    assert cut == CutOff(
        after_epoch=2,
        resumed_after=2,
        seconds=30.0,
        why="the worker was killed after epoch 2; the system does that when memory runs out",
        went_back_because=None,
    )
    assert despite == ResumedDespite(difference="code: bench/x.py has changed")
    assert {type(warning) for warning in off.verdict.warnings} == {
        DeviceSlowedDown,
        OnBattery,
        LowPowerMode,
        ThermalPressure,
        SwappedIn,
        ReferenceDiffers,
    }
    assert ReferenceDiffers(engine="tensorflow", device="cpu") in off.verdict.warnings
    assert ThermalPressure(levels=("heavy",)) in off.verdict.warnings
    assert SwappedIn(bytes=200_000_000) in off.verdict.warnings


def test_what_version_6_has_is_read() -> None:
    """The fourth run had other programs beside its second epoch, and its computer slept in the third."""
    file = load(sample(6))
    alone, off = run_of(file, "scratch-torch-cpu-s3"), run_of(file, "scratch-torch-cpu-s4")
    assert alone.gate is not None
    assert alone.gate.not_checked == (PlacementUnknown(why="torch says so on MPS alone"),)
    assert alone.gate.precision == "float32"
    assert alone.gate.arithmetic is not None
    assert alone.start is not None
    assert alone.start.meters["processors"].kind == "processor times"
    assert alone.verdict.warnings[2:] == (PlacementUnknown(why="torch says so on MPS alone"),)
    slower, disturbed, slept, *others = off.verdict.warnings
    assert isinstance(slower, DeviceSlowedDown)
    assert isinstance(slept, Slept)
    assert (slower.share, slept.seconds) == pytest.approx((1 / 3, 600.0))
    assert disturbed == Disturbed(epochs=2, of=3, by=("other programs", "sleep"))
    assert others == [
        OnBattery(),
        LowPowerMode(),
        ThermalPressure(levels=("heavy",)),
        SwappedIn(bytes=200_000_000),
    ]
    assert off.result is not None
    assert off.result.batches_sha256 == "4" * 64


def test_what_version_7_has_is_read() -> None:
    """Other programs disturbed the bare steps of the fourth run, so that it has no check `pipeline`."""
    file = load(sample(7))
    sound, off = run_of(file, "scratch-torch-cpu-s0"), run_of(file, "scratch-torch-cpu-s4")
    for run, by in ((sound, ()), (off, ("other programs",))):
        assert run.verdict.validity == "valid"
        assert run.result is not None
        assert run.result.step_seconds is not None
        assert derive.step_disturbances(run.result, "cpu") == by
        names = [check.name for check in run.result.checks]
        assert ("pipeline" in names) == (not by)
        assert ("same pixels" in names) == (run.result.batches_sha256 is not None)
    assert off.result is not None
    assert off.result.pipeline_ratio > 1.2
    assert StepsDisturbed(by=("other programs",)) in off.verdict.warnings
    assert not any(isinstance(warning, StepsDisturbed) for warning in sound.verdict.warnings)


def test_what_version_8_has_is_read() -> None:
    file = load(sample(8))
    start = run_of(file, "pretrained-tensorflow-cpu-s0").start
    assert start is not None
    assert start.weight_transfer is not None
    tensors = {tensor.name: (tensor.source, tensor.layout) for tensor in start.weight_transfer}
    assert len(tensors) == 16
    assert tensors["conv1.weight"] == ("features.0.weight", "OIHW -> HWIO")
    assert tensors["fc8.weight"] == (None, "transposed")
    drawn = run_of(file, "scratch-torch-cpu-s0").start
    assert drawn is not None
    assert drawn.weight_transfer is None


@pytest.mark.parametrize("version", VERSIONS)
def test_invalid_and_failed_runs_keep_their_reasons(version: int) -> None:
    file = load(sample(version))
    assert run_of(file, "augmented-torch-cpu-s0").verdict.reasons == (Diverged(epoch=2),)
    assert run_of(file, "augmented-torch-cpu-s1").verdict.reasons == (GateNotRun(), NoResult())
    failure = run_of(file, "augmented-tensorflow-cpu-s0").failure
    assert failure is not None
    assert failure.reason == "the worker was killed by signal 9"


@pytest.mark.parametrize("version", VERSIONS)
def test_an_edit_in_a_file_of_any_version_is_seen(version: int) -> None:
    content = sample(version)
    content["benchmarks"][0]["extra_info"]["result"]["test_loss"] = 1.0
    (found,) = violations_of(load(content))
    assert found.startswith("scratch-torch-cpu-s0: checksum does not fit")


def test_a_verdict_of_version_4_that_does_not_follow_is_seen() -> None:
    """Its reasons follow from the rest of the run; whether it is valid is what the file says."""
    content = sample(4)
    content["failures"][0]["verdict"] = {"validity": "valid", "reasons": [], "warnings": []}
    assert violations(load(content))[1] == (
        'augmented-torch-cpu-s0: verdict.validity is "valid", and the file itself gives "invalid"'
    )


@pytest.mark.parametrize("version", [1, 2, 3, SCHEMA_VERSION + 1])
def test_other_versions_are_refused_with_the_version_that_reads_them(version: int) -> None:
    content = linux_file() | {"schema": version}
    file = load(content)
    (problem,) = file.problems
    assert problem.kind == "other version"
    assert f"version {version}" in problem.text
    assert ("later version" in problem.text) == (version > SCHEMA_VERSION)
    assert file.runs == ()
    with pytest.raises(RecordError, match=f"version {version}"):
        upgraded(content, version)


def test_a_run_of_another_version_than_its_file_is_no_record() -> None:
    content = linux_file()
    content["benchmarks"][0]["extra_info"]["schema"] = SCHEMA_VERSION + 1
    (problem,) = load(content).problems
    assert problem.kind == "not a record"
    assert problem.text.startswith("scratch-torch-cpu-s0: Run: Expected `int` <= 9 - at `$.schema`")


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("start", "meters", "energy"), "measured by feeling"),
        (("gate", "not_checked"), ["whatever it was"]),
        (("cell",), None),
        (("gate", "checks"), [{"name": "logits"}]),
        (("verdict",), "valid"),
        (("interruptions",), {}),
    ],
    ids=lambda value: str(value)[:20],
)
def test_a_damaged_run_of_version_4_is_a_problem_and_no_crash(path: tuple[str, ...], value: Any) -> None:
    content = edited_sample(4, path, value)
    file = load(content)
    assert len(file.runs) == 7
    (problem,) = file.problems
    assert problem.kind == "not a record"


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (
            ("epochs", 0, "train_accuracy"),
            1.5,
            "Expected `float` <= 1.0 - at `$.epochs[0].train_accuracy`",
        ),
        (("start", "meters"), {"time": "by feeling"}, "a sentence that version 4 never wrote"),
        (("method",), 9, "a run of version 4 has the fields"),
        (("cell", "repeat"), 3, "a cell of version 4 has experiment, framework, device and seed"),
        (("cell", "framework"), "abacus", "there is no engine 'abacus' here"),
    ],
)
def test_what_is_wrong_with_a_run_of_version_4_is_said(
    path: tuple[Any, ...], value: Any, why: str
) -> None:
    content = edited_sample(4, path, value)
    (problem,) = load(content).problems
    assert why in problem.text
    where = "benchmarks[0].extra_info" if path[0] == "cell" else "scratch-torch-cpu-s0"
    assert problem.text.startswith(f"{where}: ")


def test_a_machine_of_version_4_that_is_no_record_is_the_only_problem() -> None:
    content = sample(4)
    content["machine_info"]["machine"]["memory_bytes"] = "much"
    (problem,) = load(content).problems
    assert problem.text.startswith("machine_info.machine: Machine: Expected `int`")


def test_a_file_of_version_4_in_which_no_run_started_is_read() -> None:
    """Nothing in it says its version."""
    content = sample(4)
    never = [run for run in content["failures"] if run["start"] is None]
    content |= {"benchmarks": [], "failures": never}
    assert len(never) == 2
    assert file_version(content) == 4
    file = load(content)
    assert file.problems == ()
    assert [run.cell.id for run in file.runs] == [
        "augmented-tensorflow-cpu-s0",
        "augmented-torch-cpu-s1",
    ]
    assert len(file.skipped) == 1
    assert violations(file) == []


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("schema",), 4, "its schema is 4, and its file's is 5"),
        (
            ("epochs", 0, "wall_seconds"),
            2.0,
            "wall_seconds is in a file before version 6, which has no such field",
        ),
        (("gate", "precision"), "TF32", "precision is in a file before version 6"),
        (("result", "drift"), {"drift": 0.0}, "result.drift of version 5 has cold_images_per_second"),
        (("epochs",), None, "it is no part of version 5 (TypeError: this is no list)"),
        (("epochs", 0, "train_accuracy"), 1.5, "Expected `float` <= 1.0 - at `$.epochs[0]."),
    ],
)
def test_what_is_wrong_with_a_run_of_version_5_is_said(
    path: tuple[Any, ...], value: Any, why: str
) -> None:
    content = edited_sample(5, path, value)
    file = load(content)
    assert len(file.runs) == 7
    (problem,) = file.problems
    assert why in problem.text
    assert problem.text.startswith("scratch-torch-cpu-s0: ")


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("schema",), 5, "its schema is 5, and its file's is 6"),
        (
            ("result", "step_seconds"),
            2.0,
            "step_seconds is in a file before version 7, which has no such field",
        ),
        (("result",), "none", "it is no part of version 6 (TypeError"),
        (("epochs", 0, "train_accuracy"), 1.5, "Expected `float` <= 1.0 - at `$.epochs[0]."),
    ],
)
def test_what_is_wrong_with_a_run_of_version_6_is_said(
    path: tuple[Any, ...], value: Any, why: str
) -> None:
    file = load(edited_sample(6, path, value))
    assert len(file.runs) == 7
    (problem,) = file.problems
    assert why in problem.text
    assert problem.text.startswith("scratch-torch-cpu-s0: ")


@pytest.mark.parametrize("version", [4, 5, 6])
def test_before_version_7_nothing_was_read_of_the_bare_step(version: int) -> None:
    """So nothing disturbed it, and the check that it is held against is not waived."""
    run = run_of(load(sample(version)), "scratch-torch-cpu-s0")
    assert run.result is not None
    assert (run.result.step_seconds, run.result.step_interference) == (None, None)
    assert derive.step_disturbances(run.result, "cpu") == ()


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        (("schema",), 7, "its schema is 7, and its file's is 8"),
        (
            ("plan", "steps_per_epoch"),
            40,
            "steps_per_epoch is in a file before version 9, which has no such field",
        ),
        (("plan",), None, "it is no part of version 8 (TypeError"),
    ],
)
def test_what_is_wrong_with_a_run_of_version_8_is_said(
    path: tuple[Any, ...], value: Any, why: str
) -> None:
    (problem,) = load(edited_sample(8, path, value)).problems
    assert why in problem.text
    assert problem.text.startswith("scratch-torch-cpu-s0: ")


@pytest.mark.parametrize("version", range(OLDEST_VERSION, 9))
def test_before_version_9_every_epoch_was_whole(version: int) -> None:
    file = load(sample(version))
    plans = [run.plan for run in file.runs] + [skipped.plan for skipped in file.skipped]
    assert {plan.steps_per_epoch for plan in plans} == {None}


def test_the_drift_of_version_5_is_derived_anew() -> None:
    """It compared one epoch with a third, which is not what version 6 has."""
    saved = sample(5)["benchmarks"][0]["extra_info"]["result"]["drift"]
    assert saved["cold_images_per_second"] > 0
    result = run_of(load(sample(5)), "scratch-torch-cpu-s0").result
    assert result is not None
    figures = result.drift.early_images_per_second, result.drift.late_images_per_second
    assert (*figures, result.drift.drift) == (None, None, None), "three epochs count"
    assert result.drift.probe_drift == saved["probe_drift"]


def test_every_sentence_of_version_4s_meters_is_known() -> None:
    """What a Mac, a GPU or a locked Linux wrote, as version 4's meters had it."""
    sentences = {
        "physical footprint, the most within the epoch": Reads(kind="footprint in the epoch"),
        "physical footprint, the most since the process began: no reset allowed": Reads(
            kind="footprint since the start"
        ),
        "not measured: proc_pid_rusage gives this process nothing": Reads(kind="no footprint"),
        "not measured: /proc/self/status has no VmHWM here": Reads(
            kind="no resident memory", detail="/proc/self/status"
        ),
        "the framework's own counter of its tensors": Reads(kind="framework counter"),
        "not measured: under Metal, TensorFlow's counter returns zeros": Reads(
            kind="no framework counter"
        ),
        "the chip's own estimate by part (IOReport), in windows of 20 s or more": Reads(kind="ioreport"),
        "not measured: zeus-apple-silicon finds no counter on this chip": Reads(
            kind="ioreport without counter"
        ),
        "not measured: zeus-apple-silicon cannot read this chip (no (such) group)": Reads(
            kind="ioreport unreadable", detail="no (such) group"
        ),
        "cpu package-0, gpu, in windows of 20 s or more": Reads(
            kind="counters", detail="cpu package-0, gpu"
        ),
        "not measured: neither RAPL nor NVML counts energy here": Reads(kind="no counter"),
    }
    for sentence, reads in sentences.items():
        content = sample(4)
        content["benchmarks"][0]["extra_info"]["start"]["meters"] = {"meter": sentence}
        start = run_of(load(content), "scratch-torch-cpu-s0").start
        assert start is not None
        assert start.meters == {"meter": reads}


def test_one_run_is_upgraded_on_its_own() -> None:
    """As pytest-benchmark's comparison has it, without the file around it."""
    saved = sample(4)["benchmarks"][0]["extra_info"]
    before = copy.deepcopy(saved)
    run = upgraded_run(saved)
    assert saved == before, "the original is left as it was"
    assert run["cell"] == {
        "experiment": "scratch",
        "engine": "torch",
        "device": "cpu",
        "seed": 0,
        "repeat": 0,
    }
    assert "schema" not in run["start"]
    assert upgraded_run({"start": {"schema": 3}}) == {"start": {"schema": 3}}
    assert upgraded_run({}) == {}


def test_the_samples_are_as_they_were_saved() -> None:
    """A sample is what that version wrote: nobody mends it when the schema rises."""
    assert {file.name for file in SAMPLES.glob("*")} == {f"version-{v}.json" for v in VERSIONS}
    run = json.loads((SAMPLES / "version-4.json").read_text())["benchmarks"][0]["extra_info"]
    assert run["seal"] == run_of(load(sample(4)), "scratch-torch-cpu-s0").computed_checksum
