"""A missing check or a moved limit is named."""

from __future__ import annotations

import dataclasses
import re

import pytest
from msgspec.structs import replace

from alexnet.frameworks.registry import ENGINES
from bench.check import required_checks
from bench.check.rules import violations
from bench.paths import ROOT
from bench.records import derive
from bench.records.codec import build
from bench.records.read import load, read
from bench.records.types import (
    SCHEMA_VERSION,
    Gate,
    NoOtherEngine,
    NotChecked,
    PlacementUnknown,
    ReferenceDiffers,
    Result,
)
from tests.support.saved_file import (
    CUT_OFF,
    FALLING,
    GATE_CHECKS,
    LINUX,
    SCRATCH,
    Content,
    genuine_content,
    make_file,
    make_run,
    passed_checks,
)
from tests.support.saved_file_edits import (
    Change,
    Edits,
    assert_edit_is_named,
    edit_cases,
    for_each_epoch,
    put,
    reseal,
    set_limit,
    violations_of,
    without,
    without_first,
    without_last,
)

EDITS: Edits = {
    "required_checks_are_present": [
        (put("run/gate/checks", without_first), 'gate.checks has no "layers"'),
        *(
            (put("run/gate/checks", without(name)), f'gate.checks has no "{name}"')
            for name in (
                *("update", "own logits", "dropout", "placement", "nothing left", "same bytes"),
                *("later logits", "momentum", "weight decay", "dropout share", "dropout masks"),
            )
        ),
        (put("run/result/checks", without_last), 'result.checks has no "moved"'),
        (put("run/result/checks/2/upper", 9.0), 'allows 0 to 9 in "disjoint", where it is 0 to 0'),
        (set_limit("dropout", "lower", 0.0), 'allows 0 to 1 in "dropout", where it is 1e-06 to 1'),
        (
            set_limit("twice the work", "lower", 0.5),
            'allows 0.5 to 2.5 in "twice .*, where it is 1.6 to 2.5',
        ),
        (set_limit("twice the work", "upper", 99.0), 'allows 1.6 to 99 in "twice the work", where'),
        (
            set_limit("nothing left", "upper", 50.0),
            'allows 0 to 50 in "nothing left", where it is 0 to 0.1',
        ),
        (set_limit("same bytes", "upper", 2.0), 'allows 0 to 2 in "same bytes", where it is 0 to 0'),
        (set_limit("placement", "upper", 1.0), 'allows 0 to 1 in "placement", where it is 0 to 0'),
        (put("run/result/checks/0/measured", 1.0), "result.checks finite.measured is 1, and"),
        *(
            (put("run/result/checks", without(name)), f'result.checks has no "{name}"')
            for name in ("images", "sets", "clock", "pipeline", "same pixels")
        ),
        (put("run/result/checks/1/measured", 2.0), "result.checks images.measured is 2, and .* 0"),
        (put("run/result/checks/3/measured", 1.0), "result.checks sets.measured is 1, and .* 0"),
        (put("run/start/validation_images", 499), "result.checks sets.measured is 0, and .* 1"),
        (put("run/result/checks/5/measured", 1.001), "result.checks clock.measured is 1.001, and"),
        (
            for_each_epoch("run", "wall_seconds", lambda seconds: 1.03 * seconds),
            "result.checks clock.measured is .*, and .* 0.97",
        ),
        (
            put("run/result/checks/5/upper", 1.1),
            'allows 0.99 to 1.1 in "clock", where it is 0.99 to 1.01',
        ),
        (put("run/result/checks/6/measured", 0.5), "result.checks pipeline.measured is 0.5, and"),
        (put("run/result/checks/6/upper", 9.0), 'allows 0 to 9 in "pipeline", where it is 0 to 1.2'),
        (put("run/result/checks/4/upper", 1.0), 'allows 0 to 1 in "same pixels", where it is 0 to 0'),
        (put("run/result/batches_sha256", None), "result.batches_sha256 is null, and the process that"),
    ],
}


@pytest.mark.parametrize(("rule", "change", "sentence"), edit_cases(EDITS))
def test_an_edit_is_named_even_with_a_new_checksum(rule: str, change: Change, sentence: str) -> None:
    assert_edit_is_named(rule, change, sentence)


@pytest.mark.parametrize("name", required_checks.LIMITS_OF_PRECISIONS)
def test_the_limit_of_another_precision_is_named(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    """The file's engine promises float32; in a lower precision its limits would be too narrow."""
    coarse = dataclasses.replace(ENGINES["torch"], precision="bfloat16")
    content = genuine_content("linux")
    assert not [line for line in violations(load(content)) if f'"{name}"' in line]
    monkeypatch.setitem(ENGINES, "torch", coarse)
    named = [line for line in violations(load(content)) if f'in "{name}", where it is 0 to' in line]
    assert named


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            *required_checks.GATE_CHECKS,
            *required_checks.DROPOUT_CHECKS,
            *required_checks.RESULT_CHECKS,
            *required_checks.LIMITS,
            *required_checks.LIMITS_OF_PRECISIONS,
            "placement",
        }
    ),
)
def test_what_a_valid_run_must_have_passed_is_really_asked(name: str) -> None:
    """A misspelt name would leave a limit unchecked, or make every valid run a violation."""
    files = (*ROOT.glob("bench/gate/*.py"), *ROOT.glob("bench/worker/*.py"))
    text = "".join(file.read_text() for file in files)
    assert re.search(rf'(name=|_at_most\(\s*)"{name}"|"{name}": \(', text)


def file_without_check(dropped: str, *, not_checked: tuple[NotChecked, ...]) -> Content:
    """A file of one valid run whose gate lacks a check and says what it could not check."""
    gate = build(Gate, make_run(SCRATCH, FALLING)["gate"])
    checks = tuple(check for check in passed_checks(*GATE_CHECKS) if check.name != dropped)
    run = make_run(SCRATCH, FALLING, gate=replace(gate, checks=checks, not_checked=not_checked))
    assert run["verdict"]["validity"] == "valid"
    return make_file(LINUX, [run], [], [])


def test_where_a_step_runs_may_be_unknown_if_the_gate_says_so() -> None:
    unknown = (PlacementUnknown(why="TensorFlow has recorded no graph of the step"),)
    assert violations_of(file_without_check("placement", not_checked=unknown)) == []
    for not_checked in ((), (NoOtherEngine(engine="torch"),)):
        content = file_without_check("placement", not_checked=not_checked)
        assert violations_of(content) == ['scratch-torch-cpu-s0: gate.checks has no "placement"']
    violations = violations_of(file_without_check("own logits", not_checked=unknown))
    assert any('no "own logits"' in sentence for sentence in violations)


NEW_IN_6 = required_checks.NOT_IN_VERSION[5]
NEW_IN_5 = required_checks.NOT_IN_VERSION[4]


@pytest.mark.parametrize(
    "alone", [NoOtherEngine(engine="torch"), ReferenceDiffers(engine="tensorflow", device="cpu")]
)
def test_what_came_later_is_excused_by_the_files_version_and_by_nothing_in_it(alone: NotChecked) -> None:
    """A gate of version 4 says why two frameworks were not compared, which excuses nobody today."""
    for name in ("later logits", "momentum", "dropout masks", "same bytes", "protocol", "later rate"):
        content = file_without_check(name, not_checked=(alone,))
        assert violations_of(content) == [f'scratch-torch-cpu-s0: gate.checks has no "{name}"']


def gate_of(*, not_checked: tuple[NotChecked, ...] = (), more: tuple[str, ...] = ()) -> Gate:
    gate = build(Gate, make_run(SCRATCH, FALLING)["gate"])
    return replace(gate, checks=passed_checks(*GATE_CHECKS, *more), not_checked=not_checked)


def test_each_version_is_excused_what_came_after_it() -> None:
    assert required_checks.excused_checks(6, gate_of()) == set()
    assert required_checks.excused_checks(6, gate_of(more=("one network",))) == set()
    assert required_checks.excused_checks(5, gate_of()) == NEW_IN_6
    assert required_checks.excused_checks(4, gate_of()) == NEW_IN_5 | NEW_IN_6
    assert not NEW_IN_5 & NEW_IN_6


def test_the_first_files_of_version_5_have_gates_of_version_4() -> None:
    """They compared two frameworks, or say why they did not."""
    alone = gate_of(not_checked=(NoOtherEngine(engine="torch"),))
    assert required_checks.excused_checks(5, alone) == NEW_IN_5 | NEW_IN_6 | {"same bytes"}
    both = gate_of(more=("one network",))
    assert required_checks.excused_checks(5, both) == NEW_IN_5 | NEW_IN_6


def test_the_version_is_that_of_the_file_as_it_was_saved() -> None:
    for version in (4, 5, 6):
        file = load(read(ROOT / f"tests/bench/records/samples/version-{version}.json"))
        assert {run.file_version for run in file.runs} == {version}
    assert {run.file_version for run in load(genuine_content("linux")).runs} == {SCHEMA_VERSION}


def test_a_run_of_20_000_images_must_have_learnt() -> None:
    """The genuine files' runs are too short for it."""
    content = genuine_content("linux")
    for epoch in content["benchmarks"][0]["extra_info"]["epochs"]:
        epoch["images"] = 5000
    found = violations_of(reseal(content))
    assert 'scratch-torch-cpu-s0: result.checks has no "learnt"' in found


def with_check(name: str, measured: float, lower: float, upper: float) -> Change:
    check = {"name": name, "measured": measured, "lower": lower, "upper": upper, "description": "so"}
    return put("run/result/checks", lambda checks: [*checks, check])


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (with_check("learnt", 0.28, 0.1, 1.0), "checks learnt.lower is 0.1, and .* 0.1536"),
        (with_check("learnt", 0.3, 0.154, 1.0), "checks learnt.measured is 0.3, and .* 0.28"),
        (with_check("validation", 0.2, 0.0, 0.15), "validation.measured is 0.2, and .* 0.13"),
        (with_check("validation", 0.13, 0.0, 1.0), "validation.upper is 1, and .* 0.1"),
    ],
)
def test_limits_that_depend_on_the_run_follow_from_it(change: Change, sentence: str) -> None:
    content = genuine_content("linux")
    change(content)
    found = violations_of(reseal(content))
    assert any(re.search(sentence, violation) for violation in found), found


def test_a_process_that_trained_no_epoch_has_no_batches() -> None:
    cut = replace(CUT_OFF, after_epoch=4, resumed_after=4)
    content = make_file(LINUX, [make_run(SCRATCH, FALLING, interruptions=[cut])], [], [])
    assert violations_of(content) == []
    result = content["benchmarks"][0]["extra_info"]["result"]
    assert "same pixels" not in {check["name"] for check in result["checks"]}
    result["batches_sha256"] = "4" * 64
    (found,) = violations_of(reseal(content))
    assert "result.batches_sha256 is" in found
    assert "the process that made the result trained no epoch" in found


def test_steps_that_were_disturbed_are_not_asked_for_the_pipeline() -> None:
    """The file itself says whether they were: by what ran while they were timed."""
    content = make_file(LINUX, [make_run(SCRATCH, FALLING, steps_disturbed=True)], [], [])
    assert violations_of(content) == []
    run = content["benchmarks"][0]["extra_info"]
    result = build(Result, run["result"])
    assert "pipeline" not in {check.name for check in result.checks}
    assert derive.step_disturbances(result, "cpu") == ("other programs",)
    reading = run["result"]["step_interference"]
    reading["own_cpu_seconds"] = reading["busy_cpu_seconds"]
    run["verdict"]["warnings"] = []
    assert violations_of(reseal(content)) == [
        "scratch-torch-cpu-s0: result.pipeline_ratio is 1.55555556, and a valid run has at most 1.2",
        'scratch-torch-cpu-s0: result.checks has no "pipeline"',
    ]


def test_steps_that_were_disturbed_do_not_testify() -> None:
    content = genuine_content("linux")
    run = content["benchmarks"][0]["extra_info"]
    run["result"]["step_interference"]["own_cpu_seconds"] -= 1.0
    run["verdict"]["warnings"] = [{"kind": "steps disturbed", "by": ["other programs"]}]
    (found,) = violations_of(reseal(content))
    assert found.startswith('scratch-torch-cpu-s0: result.checks has "pipeline", and by result.step_int')


def test_a_file_before_version_7_cannot_waive_the_pipeline() -> None:
    content = read(ROOT / "tests/bench/records/samples/version-6.json")
    run = content["benchmarks"][0]["extra_info"]
    run["result"]["checks"] = without("pipeline")(run["result"]["checks"])
    assert violations_of(reseal(content)) == ['scratch-torch-cpu-s0: result.checks has no "pipeline"']


def test_a_clock_is_asked_only_where_an_epoch_can_tell() -> None:
    content = genuine_content("linux")
    run = content["benchmarks"][0]["extra_info"]
    run["result"]["checks"] = without("clock")(run["result"]["checks"])
    assert violations_of(reseal(content)) == ['scratch-torch-cpu-s0: result.checks has no "clock"']
    for epoch in run["epochs"]:
        epoch["wall_seconds"] = None
    assert violations_of(reseal(content)) == []


def test_a_limit_of_version_4_that_was_widened_is_named() -> None:
    content = read(ROOT / "tests/bench/records/samples/version-4.json")
    (check,) = [
        check
        for check in content["benchmarks"][0]["extra_info"]["gate"]["checks"]
        if check["name"] == "one network"
    ]
    check["most"] = 1e-3
    assert any(
        'allows 0 to 0.001 in "one network", where it is 0 to 1e-09' in sentence
        for sentence in violations(load(content))
    )
