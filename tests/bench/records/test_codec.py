"""Records survive pipes and files unchanged, and what is no record is refused with the reason."""

from __future__ import annotations

import json
import math
from typing import Any, get_args

import pytest
from msgspec import to_builtins
from msgspec.structs import asdict, replace
from msgspec.structs import fields as record_fields

from bench.ipc.messages import (
    Heartbeat,
    Job,
    Record,
    Resumed,
    Trial,
    from_line,
    job_from_json,
    job_to_json,
    to_line,
)
from bench.records.codec import RecordError, build, finite_or_none
from bench.records.types import (
    CheckFailed,
    CutOff,
    Diverged,
    Epoch,
    Failure,
    Gate,
    Interruption,
    Machine,
    NoOtherEngine,
    NoResult,
    OnBattery,
    Pause,
    Plan,
    Result,
    Roofline,
    ThermalPressure,
    Verdict,
    VersionsChanged,
)
from tests.support.samples import (
    CELL,
    CHECK,
    CONDITION,
    EPOCH,
    GATE,
    MACHINE,
    PLAN,
    RESULT,
    ROOFLINE,
    START,
    job,
)

BEAT = Heartbeat(epoch=1, step=20)
RESUMED = Resumed(after_epoch=2, went_back_because="checkpoints are taken less often than epochs end")
FAILURE = Failure(reason="a reason\nof two lines", log_tail="é\n\ttab\u2028and more")
CHECK_FAILED = CheckFailed(check=replace(CHECK, measured=None))
CUT_OFF = CutOff(after_epoch=3, resumed_after=2, seconds=9.0, why=None, went_back_because=None)
REASONS = (NoResult(), CHECK_FAILED, Diverged(epoch=2), VersionsChanged(versions=(("torch", "2.15"),)))
WARNINGS = (CUT_OFF, OnBattery(), ThermalPressure(levels=("heavy",)), NoOtherEngine(engine="torch"))
VERDICT = Verdict(validity="invalid", reasons=REASONS, warnings=WARNINGS)
PAUSE = Pause(
    stopped_at="2026-11-24T12:30:00+00:00",
    why="Ctrl-C",
    resumed_at="2026-11-24T13:30:00+00:00",
    seconds=3600.0,
    differences=("torch: 2.14.2 now, 2.14.1 when it began",),
)
INTERRUPTION = Interruption(
    **asdict(PAUSE), after_epoch=3, resumed_after=2, went_back_because="checkpoints are taken less often"
)
TRIAL = Trial(steps=8, seconds=2.5)
LINES: list[Record] = [GATE, ROOFLINE, START, BEAT, RESUMED, TRIAL, EPOCH, RESULT, FAILURE]
IN_FILES = [CELL, PLAN, MACHINE, VERDICT, CONDITION, PAUSE, INTERRUPTION]


def fields(record: Any) -> Any:
    """A record as it is in a file: objects, lists and plain values."""
    return json.loads(json.dumps(to_builtins(record)))


def test_every_record_that_may_cross_is_tried_here() -> None:
    assert {type(record) for record in LINES} == set(get_args(Record))


@pytest.mark.parametrize("record", LINES, ids=lambda r: type(r).__name__)
def test_a_record_survives_the_pipe(record: Record) -> None:
    line = to_line(record)
    assert len(line.splitlines()) == 1
    assert line.endswith("\n")
    assert from_line(line) == record


@pytest.mark.parametrize("record", [*IN_FILES, *LINES], ids=lambda r: type(r).__name__)
def test_a_record_survives_a_file(record: Any) -> None:
    assert build(type(record), fields(record)) == record


@pytest.mark.parametrize("record", [*IN_FILES, *LINES], ids=lambda r: type(r).__name__)
def test_what_is_none_stays_none(record: Any) -> None:
    """All optional fields at once: none becomes 0 or goes missing."""
    hints = {f.name: f.type for f in record_fields(record) if "None" in str(f.type)}
    values: dict[str, Any] = dict.fromkeys(hints)
    empty = type(record)(**(asdict(record) | values))
    assert build(type(empty), fields(empty)) == empty
    if record in LINES:
        assert from_line(to_line(empty)) == empty


def test_what_is_none_within_a_record_stays_none() -> None:
    drift = replace(RESULT.drift, late_images_per_second=None, drift=None)
    result = replace(RESULT, drift=drift)
    assert from_line(to_line(result)) == build(Result, fields(result)) == result


def test_floats_come_back_to_the_last_bit() -> None:
    exact = replace(EPOCH, train_seconds=0.1 + 0.2, train_loss=math.pi * 1e-300)
    again = from_line(to_line(exact))
    assert again == exact


def test_tuples_come_back_as_tuples() -> None:
    result = build(Result, fields(RESULT))
    assert isinstance(result.per_class_accuracy, tuple)
    assert isinstance(result.confusion, tuple)
    assert isinstance(result.confusion[0], tuple)
    gate = build(Gate, fields(GATE))
    assert isinstance(gate.checks, tuple)
    assert isinstance(gate.not_checked, tuple)
    assert hash(gate.checks) == hash(GATE.checks), "a frozen record of tuples can be a key"


def test_a_figure_that_is_none_is_never_nan_in_a_file() -> None:
    assert (
        finite_or_none(float("nan"))
        is finite_or_none(float("inf"))
        is finite_or_none(float("-inf"))
        is None
    )
    assert finite_or_none(0.5) == 0.5
    assert finite_or_none(0.0) == 0.0


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
@pytest.mark.parametrize("record", [EPOCH, GATE, RESULT], ids=["top", "in a list", "nested"])
def test_what_is_no_number_cannot_be_written(record: Record, value: float) -> None:
    planted: dict[str, Any] = {
        "Epoch": {"train_loss": value},
        "Gate": {"checks": (replace(GATE.checks[0], measured=value),)},
        "Result": {"drift": replace(RESULT.drift, drift=value)},
    }
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_line(replace(record, **planted[type(record).__name__]))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{", "this line is no record (it is not JSON: "),
        ("", "this line is no record (it is not JSON: "),
        ("2026-11-24 a warning from a library", "this line is no record (it is not JSON: "),
        ("[1]", "this line is no record of Gate, Roofline, Start, Heartbeat, Resumed"),
        ("3", "this line is no record of"),
        ("null", "this line is no record of"),
        ('{"epoch": 1, "step": 2}', "this line is no record of"),
        ('{"record": "Surprise"}', "this line is no record of"),
        ('{"record": "Cell", "seed": 1}', "this line is no record of"),
        ('{"record": "Condition", "load": 1}', "this line is no record of"),
        ('{"record": 3, "epoch": 1, "step": 2}', "this line is no record of"),
        ('{"record": null, "epoch": 1, "step": 2}', "this line is no record of"),
        ('{"record": ["Heartbeat"], "epoch": 1, "step": 2}', "this line is no record of"),
        ('{"record": {"Heartbeat": 1}, "epoch": 1, "step": 2}', "this line is no record of"),
        ('{"record": "Heartbeat", "epoch": 1}', "Heartbeat: Object missing required field `step`"),
        ('{"record": "Heartbeat"}', "Heartbeat: Object missing required field `epoch`"),
        (
            '{"record": "Heartbeat", "epoch": 1, "step": 2, "mood": 3}',
            "Heartbeat: Object contains unknown field `mood`",
        ),
        (
            '{"record": "Heartbeat", "epoch": "one", "step": 2}',
            "Heartbeat: Expected `int`, got `str` - at `$.epoch`",
        ),
        (
            '{"record": "Heartbeat", "epoch": 1.5, "step": 2}',
            "Heartbeat: Expected `int`, got `float` - at `$.epoch`",
        ),
        (
            '{"record": "Heartbeat", "epoch": null, "step": 2}',
            "Heartbeat: Expected `int`, got `null` - at `$.epoch`",
        ),
        (
            '{"record": "Heartbeat", "epoch": true, "step": 2}',
            "Heartbeat: Expected `int`, got `bool` - at `$.epoch`",
        ),
    ],
)
def test_what_is_no_record_says_why(line: str, message: str) -> None:
    with pytest.raises(RecordError) as caught:
        from_line(line)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_cannot_be_read_either(value: str) -> None:
    """Python's JSON reader accepts them, others do not."""
    line = to_line(ROOFLINE).replace(str(ROOFLINE.flops_per_second), value)
    with pytest.raises(
        RecordError, match=rf"this line is no record \(it holds {value}, which is no JSON"
    ):
        from_line(line)


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        ("[" * 100_000, "it is nested too deep"),
        ("[" * 100_000 + "]" * 100_000, "it is nested too deep"),
        ('{"a": ' * 100_000, "it is nested too deep"),
        ("9" * 5_000, "it holds a whole number of 5000 digits"),
        (str(2**63), "it holds a whole number of 19 digits, and none has over 63 bits"),
        ("1, " * 5_000, "it is not JSON"),
    ],
    ids=[
        "lists without end",
        "lists",
        "objects without end",
        "more digits than Python reads",
        "more bits than a record has",
        "a list without brackets",
    ],
)
def test_a_line_that_python_gives_up_on_is_refused_like_any_other(value: str, reason: str) -> None:
    for read in (from_line, job_from_json):
        with pytest.raises(RecordError, match=rf"this line is no record \({reason}") as caught:
            read('{"record": "Heartbeat", "epoch": ' + value)
        assert len(str(caught.value)) < 300


def test_a_long_line_that_is_no_record_is_not_quoted_whole() -> None:
    with pytest.raises(RecordError) as caught:
        from_line("x" * 100_000)
    assert len(str(caught.value)) < 200


def changed(record: Any, path: tuple[str | int, ...], value: Any) -> Any:
    """The record's fields, with another value at a path of keys and indices."""
    changed_fields = parent = fields(record)
    for key in path[:-1]:
        parent = parent[key]
    parent[path[-1]] = value
    return changed_fields


@pytest.mark.parametrize(
    ("record", "path", "value", "message"),
    [
        (
            RESULT,
            ("drift", "drift"),
            "fast",
            "Result: Expected `float | null`, got `str` - at `$.drift.drift`",
        ),
        (
            RESULT,
            ("drift", "early_images_per_second"),
            0.0,
            "Result: Expected `float` > 0.0 - at `$.drift.early_images_per_second`",
        ),
        (RESULT, ("drift", "mood"), 1, "Result: Object contains unknown field `mood` - at `$.drift`"),
        (RESULT, ("drift",), {"drift": 0.1}, "Result: Object missing required field"),
        (RESULT, ("drift",), None, "Result: Expected `object`, got `null` - at `$.drift`"),
        (RESULT, ("confusion", 2, 3), "5", "Result: Expected `int`, got `str` - at `$.confusion[2][3]`"),
        (RESULT, ("stopped",), "bored", "Result: Invalid enum value 'bored' - at `$.stopped`"),
        (
            GATE,
            ("checks", 0, "upper"),
            None,
            "Gate: Expected `float`, got `null` - at `$.checks[0].upper`",
        ),
        (
            GATE,
            ("checks", 0, "mood"),
            1,
            "Gate: Object contains unknown field `mood` - at `$.checks[0]`",
        ),
        (GATE, ("checks",), [{"name": "x"}], "Gate: Object missing required field"),
        (
            START,
            ("roofline", "mood"),
            1,
            "Start: Object contains unknown field `mood` - at `$.roofline`",
        ),
        (
            START,
            ("idle_watts",),
            {"cpu": "5"},
            "Start: Expected `float`, got `str` - at `$.idle_watts[...]`",
        ),
        (EPOCH, ("energy_joules",), [1.0], "Epoch: Expected `object | null`, got `array` - at"),
        (MACHINE, ("cpu_cores",), {"performance": 8.5}, "Machine: Expected `int`, got `float` - at"),
        (CONDITION, ("thermal",), "tepid", "Condition: Invalid enum value 'tepid' - at `$.thermal`"),
    ],
)
def test_a_field_that_is_not_as_it_should_be_is_named(
    record: Any, path: tuple[str | int, ...], value: Any, message: str
) -> None:
    with pytest.raises(RecordError) as caught:
        build(type(record), changed(record, path, value))
    assert str(caught.value).startswith(message)


def test_a_record_that_is_no_object_says_so() -> None:
    with pytest.raises(RecordError, match="Plan: Expected `object`, got `array`"):
        build(Plan, [1, 2])


def test_whole_numbers_will_do_for_fractions() -> None:
    """Another JSON writer leaves out the .0 of a float."""
    roofline = build(Roofline, {"flops_per_second": 200, "bytes_per_second": 36.5})
    assert roofline == Roofline(flops_per_second=200.0, bytes_per_second=36.5)


def test_a_dictionary_may_have_any_keys() -> None:
    """Parts, packages and kinds of core are data, not fields."""
    machine = replace(MACHINE, packages={"jax": "1"}, cpu_cores={"super": 4, "performance": 8})
    assert build(Machine, fields(machine)) == machine


@pytest.mark.parametrize("saved_epochs", [None, (), (EPOCH, replace(EPOCH, epoch=2))])
@pytest.mark.parametrize("roofline", [None, ROOFLINE])
@pytest.mark.parametrize("idle_watts", [None, {"cpu": 1.5, "gpu": 0.25}])
def test_a_job_reaches_its_worker(
    roofline: Roofline | None,
    idle_watts: dict[str, float] | None,
    saved_epochs: tuple[Epoch, ...] | None,
) -> None:
    given = replace(
        job("a folder/é\n"), roofline=roofline, idle_watts=idle_watts, saved_epochs=saved_epochs
    )
    line = job_to_json(given)
    assert (line.count("\n"), line[-1]) == (1, "\n"), "the worker reads one line"
    assert job_from_json(line) == given


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("mood",), 1, "Job: Object contains unknown field `mood`"),
        (("cell", "mood"), 1, "Job: Object contains unknown field `mood` - at `$.cell`"),
        (("cell", "device"), "tpu", "Job: Invalid enum value 'tpu' - at `$.cell.device`"),
        (("plan", "epochs"), "3", "Job: Expected `int`, got `str` - at `$.plan.epochs`"),
        (("saved_epochs",), [{"epoch": 1}], "Job: Object missing required field"),
    ],
)
def test_a_job_with_other_fields_is_refused(
    path: tuple[str | int, ...], value: Any, message: str
) -> None:
    with pytest.raises(RecordError) as caught:
        job_from_json(json.dumps(changed(job("x"), path, value)))
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "this line is no record (it is not JSON: "),
        ("no job", "this line is no record (it is not JSON: "),
        ('{"cell": {"seed": NaN}}', "this line is no record (it holds NaN, which is no JSON"),
        ("[1, 2]", "Job: Expected `object`, got `array`"),
        ("null", "Job: Expected `object`, got `null`"),
    ],
)
def test_what_is_no_job_says_why(text: str, message: str) -> None:
    with pytest.raises(RecordError) as caught:
        job_from_json(text)
    assert str(caught.value).startswith(message)


def test_a_job_that_lacks_a_field_is_refused() -> None:
    given = fields(job("x"))
    del given["plan"]
    with pytest.raises(RecordError, match="Job: Object missing required field `plan`"):
        build(Job, given)
