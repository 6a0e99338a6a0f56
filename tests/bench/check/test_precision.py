"""The word for a gate's precision and its checks follow from the bits that it measured."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.check.__main__ import main, report
from bench.check.precision import unlike_precisions
from bench.records.codec import build
from bench.records.read import load
from bench.records.types import Arithmetic, Cell, Gate
from tests.support.samples import ARITHMETIC
from tests.support.saved_file import FALLING, LINUX, SCRATCH, Content, make_file, make_run
from tests.support.saved_file_edits import (
    Change,
    Edits,
    assert_edit_is_named,
    edit_cases,
    put,
    set_limit,
    violations_of,
)


def without_sum(bits: Content) -> Content:
    return {name: value for name, value in bits.items() if name != "sum"}


MEASURED = "run/gate/arithmetic"
EDITS: Edits = {
    "precision_follows_from_the_arithmetic": [
        (
            put("run/gate/precision", "TF32"),
            'gate.precision is "TF32", and the file itself gives "float32"',
        ),
        (
            put(f"{MEASURED}/mantissa_bits/sum", 10.0),
            'gate.precision is "float32", and the file itself gives "TF32"',
        ),
        (
            put(f"{MEASURED}/mantissa_bits/sum", 18.0),
            "gate.checks precision.measured is 19.25, and the file itself gives 18",
        ),
        (put(MEASURED, None), 'gate.precision is "float32", and the file itself gives null'),
        (put(MEASURED, None), 'gate.arithmetic is null, and gate.checks has "range"'),
        (put(f"{MEASURED}/mantissa_bits", without_sum), 'gate.arithmetic.mantissa_bits has no "sum"'),
        (put(f"{MEASURED}/mantissa_bits/magic", 20.0), 'mantissa_bits has "magic", which no gate has'),
        (
            put(f"{MEASURED}/lost_powers", [20]),
            "gate.checks range.measured is 0, and the file itself gives 1",
        ),
        (put(f"{MEASURED}/lost_powers", [3]), r"lost_powers are not some of \[-20, 20\], each once"),
        (
            put(f"{MEASURED}/lost_powers", [20, 20]),
            r"lost_powers are not some of \[-20, 20\], each once",
        ),
        (
            set_limit("precision", "lower", 5.0),
            "gate.checks precision.lower is 5, and the file itself gives 17",
        ),
        (
            set_limit("range", "upper", 2.0),
            "gate.checks range.upper is 2, and the file itself gives 0",
        ),
    ],
}


@pytest.mark.parametrize(("rule", "change", "sentence"), edit_cases(EDITS))
def test_an_edit_is_named_even_with_a_new_checksum(rule: str, change: Change, sentence: str) -> None:
    assert_edit_is_named(rule, change, sentence)


def run_in(cell: Cell, arithmetic: Arithmetic, precision: Any) -> Content:
    """A run whose gate measured this. Its checks are those of a gate that measured float32."""
    gate = build(Gate, make_run(cell, FALLING)["gate"])
    return make_run(cell, FALLING, gate=replace(gate, arithmetic=arithmetic, precision=precision))


TEN_BITS = Arithmetic(mantissa_bits=dict.fromkeys(ARITHMETIC.mantissa_bits, 10.0), lost_powers=())


def test_an_engine_that_gives_less_than_it_promises_cannot_be_valid() -> None:
    """With passed checks that do not say what was measured, the file does not hold."""
    found = violations_of(make_file(LINUX, [run_in(SCRATCH, TEN_BITS, "TF32")], [], []))
    assert any("gate.checks precision.measured is 19.25, and" in sentence for sentence in found)


def test_runs_of_one_experiment_in_unlike_precisions_are_a_warning(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = replace(SCRATCH, seed=1)
    alike = make_file(LINUX, [make_run(SCRATCH, FALLING), make_run(other, FALLING)], [], [])
    assert list(unlike_precisions(load(alike))) == []
    runs = [make_run(SCRATCH, FALLING), run_in(other, TEN_BITS, "TF32")]
    file = tmp_path / "unlike.json"
    file.write_text(json.dumps(make_file(LINUX, runs, [], [])))
    main([str(file)])
    assert (
        "  warning: the runs of scratch computed in unlike precisions: float32 in"
        " scratch-torch-cpu-s0; TF32 in scratch-torch-cpu-s1\n" in capsys.readouterr().out
    )


def test_unlike_experiments_and_unknown_precisions_are_no_warning() -> None:
    """Files from before version 6 do not say in which precision they computed."""
    mistaken = replace(SCRATCH, experiment="mistaken")
    before_version_6 = build(Gate, make_run(SCRATCH, FALLING)["gate"])
    unknown = replace(before_version_6, arithmetic=None, precision=None)
    runs = [
        run_in(mistaken, TEN_BITS, "TF32"),
        make_run(SCRATCH, FALLING),
        make_run(replace(SCRATCH, seed=1), FALLING, gate=unknown),
    ]
    file = load(make_file(LINUX, runs, [], []))
    assert len(file.runs) == len(runs)
    assert not any("unlike precisions" in line for line in report(file, []))
