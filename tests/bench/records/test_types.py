"""The bounds and the fields of every record, the parts of a run, and what tells cells apart."""

from __future__ import annotations

import json
import math
from typing import Annotated, Any, get_args, get_origin, get_type_hints

import pytest
from msgspec import Meta, to_builtins
from msgspec.structs import fields, replace

from alexnet.frameworks.registry import ENGINES
from bench.ipc.messages import Heartbeat, Resumed
from bench.records import types
from bench.records.codec import RecordError, build, to_json
from bench.records.types import (
    SCHEMA_VERSION,
    Cell,
    Condition,
    Epoch,
    Failure,
    Gate,
    Interruption,
    Machine,
    NotChecked,
    Pause,
    Plan,
    Reason,
    Record,
    Result,
    Run,
    RunWarning,
    SkippedCell,
    Start,
    Verdict,
    record_types,
)
from tests.support.samples import (
    ARITHMETIC,
    CELL,
    CHECK,
    CONDITION,
    EPOCH,
    GATE,
    INTERFERENCE,
    MACHINE,
    PICTURES,
    PLAN,
    RESULT,
    ROOFLINE,
    START,
    TENSOR,
)
from tests.support.saved_file import CUT_OFF, genuine_content
from tests.support.saved_file_edits import (
    LAST_EPOCH,
    Change,
    interrupt,
    put,
    reseal,
    violations_of,
)

PAUSE = Pause(**{name: getattr(CUT_OFF, name) for name in Pause.__struct_fields__})
RUN: Run = build(Run, genuine_content("linux")["benchmarks"][0]["extra_info"])
RECORDS: list[Any] = [
    *(CELL, PLAN, MACHINE, CONDITION, ROOFLINE, CHECK, GATE, START, TENSOR, EPOCH, RESULT, RESULT.drift),
    *(PICTURES, PAUSE, CUT_OFF, RUN, ARITHMETIC, replace(INTERFERENCE, gpu_share=0.0)),
    Failure(reason="killed", log_tail=""),
    Verdict(validity="valid", reasons=(), warnings=()),
    SkippedCell(cell=CELL, plan=PLAN, reason="no weights"),
    types.Reads(kind="counters", detail="RAPL"),
]

COUNTS, NATURAL = (1, 10**15), (0, 2**63 - 1)
SECONDS, POSITIVE, NOT_NEGATIVE = (1e-7, 1e9), (5e-324, 1e30), (0.0, 1e308)
LOSS, SHARE = (-1e-4, 1e39), (0.0, 1.0)
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("epoch", "stage", "epochs", "patience", "batch_size", "steps_per_epoch"), COUNTS),
    **dict.fromkeys(("images", "train_images", "validation_images", "test_images"), COUNTS),
    **dict.fromkeys(("parameters", "forward_flops", "probe_flops", "memory_bytes"), COUNTS),
    **dict.fromkeys(("peak_host_bytes", "peak_device_bytes", "baseline_host_bytes"), COUNTS),
    **dict.fromkeys(("best_epoch", "converged_at", "method"), COUNTS),
    **dict.fromkeys(("train_seconds", "evaluate_seconds", "best_weights_seconds"), SECONDS),
    **dict.fromkeys(("checkpoint_seconds", "probe_seconds", "total_seconds"), SECONDS),
    **dict.fromkeys(("step_seconds", "first_step_seconds"), SECONDS),
    **dict.fromkeys(("train_loss", "validation_loss", "test_loss"), LOSS),
    **dict.fromkeys(("train_accuracy", "validation_accuracy", "test_accuracy"), SHARE),
    **dict.fromkeys(("per_class_accuracy", "shares"), SHARE),  # each of them
    **dict.fromkeys(("step_images_per_second", "epoch_images_per_second"), POSITIVE),
    **dict.fromkeys(("early_images_per_second", "late_images_per_second"), POSITIVE),
    **dict.fromkeys(("flops_per_second", "achieved_flops_per_second", "bytes_per_second"), POSITIVE),
    **dict.fromkeys(("pipeline_ratio", "roofline_share"), POSITIVE),
    **dict.fromkeys(("joules_per_epoch", "joules_per_image", "joules_to_best_epoch"), POSITIVE),
    **dict.fromkeys(("energy_joules", "idle_watts"), POSITIVE),  # each part
    **dict.fromkeys(("load", "seconds", "feed_seconds"), NOT_NEGATIVE),
    **dict.fromkeys(("available_memory_bytes", "swap_used_bytes"), NATURAL),
    **dict.fromkeys(("swapped_in_bytes", "swapped_out_bytes", "seed", "repeat"), NATURAL),
    **dict.fromkeys(("after_epoch", "resumed_after"), NATURAL),
    **dict.fromkeys(("busy_cpu_seconds", "idle_cpu_seconds", "own_cpu_seconds"), NOT_NEGATIVE),
    **dict.fromkeys(("stolen_cpu_seconds",), NOT_NEGATIVE),
    "gpu_share": SHARE,
    "mantissa_bits": (0.0, 23.0),  # each of them
    "image_size": (1, 4096),
    "shape": COUNTS,  # each of them
    "schema": (SCHEMA_VERSION, SCHEMA_VERSION),
}
"""Field -> its lowest and highest value that a record may have."""
WITHIN = {
    "energy_joules": "gpu",
    "idle_watts": "gpu",
    "per_class_accuracy": 0,
    "shares": 0,
    "mantissa_bits": "sum",
    "shape": 0,
}
"""Field -> where in it the value stands, of the fields that hold several."""
UNBOUNDED = (NOT_NEGATIVE, NATURAL)
"""Ranges without an upper bound of their own."""


def bounded_fields(record: Any) -> list[str]:
    """The fields of a record with a bound in their type, or in the type of what they hold."""
    hints = get_type_hints(type(record), include_extras=True)
    return [name for name, hint in hints.items() if has_bounds(hint)]


def has_bounds(hint: Any) -> bool:
    if get_origin(hint) is Annotated:
        return any(isinstance(extra, Meta) for extra in get_args(hint)[1:])
    return any(has_bounds(argument) for argument in get_args(hint))


def plain(record: Any) -> Any:
    """The record as JSON gives it back."""
    return json.loads(to_json(record))


def with_value(record: Any, name: str, value: Any) -> Any:
    """The record's fields as JSON has them, with this value in or within a field."""
    given = plain(record)
    if name not in WITHIN:
        return given | {name: value}
    held = given[name] or {}
    held[WITHIN[name]] = value
    return given | {name: held}


CASES = [(record, name) for record in RECORDS for name in bounded_fields(record)]
IDS = [f"{type(record).__name__}.{name}" for record, name in CASES]


def test_every_record_that_is_saved_is_tried_here() -> None:
    saved = {
        kind for kind in vars(types).values() if isinstance(kind, type) and issubclass(kind, Record)
    }
    kinds = {kind for kind in saved if issubclass(kind, types.Kind)}
    assert {type(record) for record in RECORDS} == {Run, *saved} - kinds - {Record}
    assert kinds - {types.Kind} == {*get_args(Reason), *get_args(RunWarning)}
    assert {*get_args(NotChecked)} < {*get_args(RunWarning)}


def test_the_bounded_fields_are_those_of_the_table() -> None:
    assert {name for _, name in CASES} == set(RANGES)


@pytest.mark.parametrize(("record", "name"), CASES, ids=IDS)
def test_a_value_out_of_bounds_is_refused_with_its_path(record: Any, name: str) -> None:
    lower, upper = RANGES[name]
    whole = isinstance(lower, int)
    outside: list[float] = [lower - 1 if whole else math.nextafter(lower, -math.inf), -(10**9)]
    if RANGES[name] not in UNBOUNDED:
        outside.append(upper + 1 if whole else math.nextafter(upper, math.inf))
    outside += [] if whole else [math.nan, -math.inf]
    for value in outside:
        with pytest.raises(RecordError) as caught:
            build(type(record), with_value(record, name, value))
        assert str(caught.value).startswith(f"{type(record).__name__}: Expected `")
        assert f" - at `$.{name}" in str(caught.value), value


@pytest.mark.parametrize(("record", "name"), CASES, ids=IDS)
def test_the_bounds_themselves_are_within(record: Any, name: str) -> None:
    for value in RANGES[name]:
        given = with_value(record, name, value)
        assert plain(build(type(record), given)) == given


EDITS: list[tuple[Change, str]] = [
    (put(f"{LAST_EPOCH}/train_seconds", -1.0), r"`float` >= 1e-07 - at `$.epochs[3].train_seconds`"),
    (put(f"{LAST_EPOCH}/train_seconds", 0), r"`float` >= 1e-07 - at `$.epochs[3].train_seconds`"),
    (put(f"{LAST_EPOCH}/train_seconds", 2e9), r"`float` <= 1000000000.0 - at `$.epochs[3].train_sec"),
    (put(f"{LAST_EPOCH}/train_accuracy", 1.5), r"`float` <= 1.0 - at `$.epochs[3].train_accuracy`"),
    (put(f"{LAST_EPOCH}/validation_loss", -0.5), r" >= -0.0001 - at `$.epochs[3].validation_loss`"),
    (put(f"{LAST_EPOCH}/peak_host_bytes", 0), r"`int` >= 1 - at `$.epochs[3].peak_host_bytes`"),
    (put(f"{LAST_EPOCH}/probe_seconds", 0.0), r" >= 1e-07 - at `$.epochs[3].probe_seconds`"),
    (put(f"{LAST_EPOCH}/energy_joules", {"gpu": -3.0}), r" > 0.0 - at `$.epochs[3].energy_joules[...]`"),
    (put("run/start/roofline/flops_per_second", 0.0), " > 0.0 - at `$.start.roofline.flops_per_second`"),
    (put("run/before/load", -1.0), "`float` >= 0.0 - at `$.before.load`"),
    (put(f"{LAST_EPOCH}/best_weights_seconds", -1.0), r"at `$.epochs[3].best_weights_seconds`"),
    (put(f"{LAST_EPOCH}/checkpoint_seconds", 0.0), r"at `$.epochs[3].checkpoint_seconds`"),
    (interrupt(after_epoch=-1), r"`int` >= 0 - at `$.interruptions[0].after_epoch`"),
    (interrupt(resumed_after=-1), r"`int` >= 0 - at `$.interruptions[0].resumed_after`"),
    (interrupt(seconds=-30.0), r"`float` >= 0.0 - at `$.interruptions[0].seconds`"),
    (put("run/cell/seed", -1), "`int` >= 0 - at `$.cell.seed`"),
    (put("run/plan/batch_size", 0), "`int` >= 1 - at `$.plan.batch_size`"),
    (put("run/plan/image_size", 10**9), "`int` <= 4096 - at `$.plan.image_size`"),
    (put("machine_info/machine/memory_bytes", 0), "machine_info.machine: Machine: Expected `int` >= 1"),
]


@pytest.mark.parametrize(("change", "sentence"), EDITS)
def test_a_figure_out_of_bounds_is_a_violation_whatever_its_checksum(
    change: Change, sentence: str
) -> None:
    content = genuine_content("linux")
    change(content)
    for edited in (content, reseal(content)):
        named = [found for found in violations_of(edited) if sentence in found]
        assert len(named) == 1, violations_of(edited)


ROUND = [*RECORDS, Heartbeat(epoch=1, step=2), Resumed(after_epoch=0, went_back_because=None)]
ROUND_IDS = [type(record).__name__ for record in ROUND]


@pytest.mark.parametrize("record", ROUND, ids=ROUND_IDS)
def test_a_field_too_many_is_refused_by_its_name(record: Any) -> None:
    with pytest.raises(RecordError, match="Object contains unknown field `mood`"):
        build(type(record), plain(record) | {"mood": 3})


@pytest.mark.parametrize("record", ROUND, ids=ROUND_IDS)
def test_a_field_too_few_is_refused_by_its_name(record: Any) -> None:
    given = plain(record)
    for field in fields(record):
        rest = {name: value for name, value in given.items() if name != field.name}
        if field.required:
            with pytest.raises(RecordError, match=f"missing required field `{field.name}`"):
                build(type(record), rest)
        else:
            assert (type(record), field.name) in (
                *((Cell, "repeat"), (types.Reads, "detail")),
                (Epoch, "first_step_seconds"),
            )
            assert getattr(build(type(record), rest), field.name) == field.default


def test_a_record_is_frozen_and_a_run_is_not() -> None:
    for record in RECORDS:
        name = type(record).__struct_fields__[0]
        if isinstance(record, Run):
            setattr(record, name, getattr(record, name))
        else:
            with pytest.raises(AttributeError, match="immutable"):
                setattr(record, name, getattr(record, name))


def test_the_parts_of_a_run_that_are_records_are_known_by_their_type() -> None:
    assert record_types(Run) == {
        "cell": Cell,
        "plan": Plan,
        "gate": Gate,
        "before": Condition,
        "start": Start,
        "epochs": Epoch,
        "interruptions": Interruption,
        "result": Result,
        "after": Condition,
        "verdict": Verdict,
        "failure": Failure,
    }


def test_a_subclass_adds_its_own_parts() -> None:
    class WithMachine(Run, kw_only=True):
        machine: Machine

    assert record_types(WithMachine) == record_types(Run) | {"machine": Machine}


@pytest.mark.parametrize("kind", [*get_args(Reason), *get_args(RunWarning)])
def test_a_kind_is_told_by_its_name_in_words(kind: type[types.Kind]) -> None:
    name = kind.__name__
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name).strip()
    assert kind.__struct_config__.tag_field == "kind"
    assert kind.__struct_config__.tag == words


def test_two_kinds_that_are_pinned_since_files_have_them() -> None:
    assert to_builtins(types.OnBattery()) == {"kind": "on battery"}
    assert to_builtins(types.SwappedIn(bytes=5)) == {"kind": "swapped in", "bytes": 5}


def test_an_engine_that_is_not_here_is_no_cells() -> None:
    sentence = f"there is no engine 'abacus' here; there are {', '.join(ENGINES)}"
    with pytest.raises(ValueError, match=sentence):
        replace(CELL, engine="abacus")
    with pytest.raises(RecordError, match=f"^Cell: {sentence}$"):
        build(Cell, to_builtins(CELL) | {"engine": "abacus"})
    for engine in ENGINES:
        assert replace(CELL, engine=engine).engine == engine


def test_a_cell_of_a_file_has_one_engine_and_no_framework() -> None:
    assert CELL.id == "scratch-torch-cpu-s0"
    assert to_builtins(CELL) == {
        "experiment": "scratch",
        "engine": "torch",
        "device": "cpu",
        "seed": 0,
        "repeat": 0,
    }


def test_a_repeat_is_in_the_id_from_the_second_on() -> None:
    assert [replace(CELL, repeat=repeat).id for repeat in (0, 1, 12)] == [
        "scratch-torch-cpu-s0",
        "scratch-torch-cpu-s0-r1",
        "scratch-torch-cpu-s0-r12",
    ]


def test_all_repeats_have_the_first_in_common() -> None:
    cell = replace(CELL, seed=3)
    assert cell.first_repeat == cell
    assert replace(cell, repeat=2).first_repeat == cell
    assert len({replace(cell, repeat=repeat) for repeat in (0, 1, 1)}) == 2, "they are different cells"


def test_no_two_cells_have_one_id_and_none_is_a_prefix_of_another_but_for_repeats() -> None:
    cells = [
        Cell(experiment=e, engine=f, device=d, seed=s, repeat=r)
        for e in ("scratch", "mistaken")
        for f in ("torch", "tensorflow")
        for d in ("cpu", "mps")
        for s in range(3)
        for r in range(3)
    ]
    ids = [cell.id for cell in cells]
    assert "scratch-torch-mps-s0" in ids
    assert len(set(ids)) == len(cells)
    prefixes = [(a, b) for a in cells for b in cells if a != b and b.id.startswith(a.id)]
    assert {(a.repeat, b.first_repeat == a) for a, b in prefixes} == {(0, True)}
