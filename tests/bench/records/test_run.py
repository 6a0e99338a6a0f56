"""A session's run as it is saved: which parts, whether it is complete, and why if it is not."""

from __future__ import annotations

import json
from typing import Any

import pytest
from msgspec.structs import replace

from bench.records.codec import build
from bench.records.run import Interrupted, SessionRun
from bench.records.types import (
    METHOD,
    SCHEMA_VERSION,
    Diverged,
    Failure,
    ImagesChanged,
    NotBegun,
    Run,
    Verdict,
)
from bench.records.write import extra_info, rejection_text
from tests.support.samples import CELL, CONDITION, EPOCH, GATE, PLAN, RESULT, START

VALID = Verdict(validity="valid", reasons=(), warnings=())
INVALID = Verdict(validity="invalid", reasons=(Diverged(epoch=2), ImagesChanged()), warnings=())
KILLED = Failure(reason="the worker was killed", log_tail="")
WHOLE: dict[str, Any] = {
    "gate": GATE,
    "before": CONDITION,
    "start": START,
    "epochs": [EPOCH],
    "result": RESULT,
    "after": CONDITION,
    "verdict": VALID,
}


def run(**changes: Any) -> SessionRun:
    return replace(SessionRun.of_cell(CELL, PLAN), **(WHOLE | changes))


def test_a_run_that_has_not_begun_says_so() -> None:
    new = SessionRun.of_cell(CELL, PLAN)
    assert (new.schema, new.method) == (SCHEMA_VERSION, METHOD)
    assert new.verdict == Verdict(validity="invalid", reasons=(NotBegun(),), warnings=())
    assert not new.complete
    assert rejection_text(new) == "it did not begin"


def test_two_runs_share_no_list() -> None:
    first, second = SessionRun.of_cell(CELL, PLAN), SessionRun.of_cell(CELL, PLAN)
    first.epochs.append(EPOCH)
    assert (second.epochs, second.interruptions) == ([], [])


@pytest.mark.parametrize(
    ("changes", "complete"),
    [
        ({}, True),
        ({"verdict": INVALID}, False),
        ({"result": None}, False),
        ({"failure": KILLED}, False),
    ],
    ids=["complete", "invalid", "no result", "failed"],
)
def test_a_benchmark_is_valid_with_a_result_and_without_a_failure(
    changes: dict[str, Any], complete: bool
) -> None:
    assert run(**changes).complete is complete


def test_a_failure_is_told_before_the_reasons_of_the_verdict() -> None:
    assert rejection_text(run(verdict=INVALID, failure=KILLED)) == "the worker was killed"
    assert rejection_text(run(verdict=INVALID)) == (
        "diverged at epoch 2: a loss not finite, or rising beyond all bounds;"
        " the images in memory at the end are not those at the beginning"
    )


def test_what_is_saved_are_the_parts_of_a_run_without_its_checksum() -> None:
    interrupted = Interrupted(stopped_at="2026-11-24T12:00:00+00:00", why=None)
    saved = extra_info(run(interrupted=interrupted))
    assert list(saved) == [name for name in Run.__struct_fields__ if name != "checksum"]
    again = build(Run, json.loads(json.dumps(saved)) | {"checksum": "f" * 64})
    assert (again.cell, again.start, again.epochs, again.result) == (CELL, START, [EPOCH], RESULT)
    assert again.complete
