"""Records cross the pipe unchanged, and what is no record is refused by name."""

from __future__ import annotations

import dataclasses
import json

import pytest

from bench.records import (
    Beat,
    Cell,
    Epoch,
    Failure,
    RecordError,
    Result,
    Start,
    build,
    finite,
    from_line,
    to_line,
)
from tests.samples import EPOCH, RESULT, START

FAILURE = Failure(reason="a reason\nof two lines", log_tail="é\n\ttab")


@pytest.mark.parametrize(
    "record",
    [START, Beat(epoch=1, step=20), EPOCH, RESULT, FAILURE],
    ids=lambda r: type(r).__name__,
)
def test_a_record_survives_the_pipe(record: Start | Beat | Epoch | Result | Failure) -> None:
    line = to_line(record)
    assert line.count("\n") == 1
    assert from_line(line) == record


def test_a_figure_that_is_none_is_never_nan_in_a_file() -> None:
    assert finite(float("nan")) is finite(float("inf")) is None
    assert finite(0.5) == 0.5
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_line(dataclasses.replace(EPOCH, train_loss=float("nan")))


@pytest.mark.parametrize(
    ("line", "match"),
    [
        ("{", "not JSON"),
        ("[1]", "no record"),
        ('{"record": "Surprise"}', "no record of Start, Beat"),
        ('{"record": "Beat", "epoch": 1}', "Beat lacks its field step"),
        (
            '{"record": "Beat", "epoch": 1, "step": 2, "mood": 3}',
            "Beat has no field mood; it has epoch",
        ),
    ],
)
def test_what_is_no_record_says_why(line: str, match: str) -> None:
    with pytest.raises(RecordError, match=match):
        from_line(line)


def test_no_cell_id_is_a_prefix_of_another() -> None:
    ids = [
        Cell(experiment=e, framework=f, device=d, seed=s).id
        for e in ("scratch", "mistaken")
        for f in ("torch", "tensorflow")
        for d in ("cpu", "mps")
        for s in range(3)
    ]
    assert "scratch-torch-mps-s0" in ids
    assert not [(a, b) for a in ids for b in ids if a != b and b.startswith(a)]


def test_tuples_come_back_as_tuples() -> None:
    again = build(Result, json.loads(json.dumps(dataclasses.asdict(RESULT))))
    assert again == RESULT
    assert isinstance(again.confusion[0], tuple)
