"""A missing check or a moved limit is named."""

from __future__ import annotations

import re

import pytest
from msgspec.structs import replace

from bench.check import required_checks
from bench.check.rules import violations
from bench.paths import ROOT
from bench.records.codec import build
from bench.records.read import load, read
from bench.records.types import Gate, NoOtherEngine, NotChecked, PlacementUnknown, ReferenceDiffers
from tests.support.saved_file import (
    FALLING,
    GATE_CHECKS,
    LINUX,
    SCRATCH,
    Content,
    make_file,
    make_run,
    passed_checks,
)
from tests.support.saved_file_edits import (
    Change,
    Edits,
    assert_edit_is_named,
    edit_cases,
    put,
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
    ],
}


@pytest.mark.parametrize(("rule", "change", "sentence"), edit_cases(EDITS))
def test_an_edit_is_named_even_with_a_new_checksum(rule: str, change: Change, sentence: str) -> None:
    assert_edit_is_named(rule, change, sentence)


@pytest.mark.parametrize(
    "name",
    sorted(
        {
            *required_checks.GATE_CHECKS,
            *required_checks.DROPOUT_CHECKS,
            *required_checks.RESULT_CHECKS,
            *required_checks.LIMITS,
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


@pytest.mark.parametrize(
    "alone", [NoOtherEngine(engine="torch"), ReferenceDiffers(engine="tensorflow", device="cpu")]
)
def test_a_gate_of_version_4_need_not_have_what_came_later(alone: NotChecked) -> None:
    """It says why two frameworks were not compared, or has a check of that comparison."""
    later = (*required_checks.NOT_IN_VERSION_4 - {"images"}, "same bytes")
    for name in later:
        assert violations_of(file_without_check(name, not_checked=(alone,))) == []
        content = file_without_check(name, not_checked=(PlacementUnknown(why="no graph"),))
        assert violations_of(content) == [f'scratch-torch-cpu-s0: gate.checks has no "{name}"']


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
