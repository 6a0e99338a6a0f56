"""A run is recalled from its journal as far as that is sound, and never with what did not happen."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from bench.records.journal import Journal, to_line
from bench.records.run import Interrupted
from bench.records.types import Epoch, Failure, Interruption
from bench.session.cell_history import CellHistory, read_history
from tests.support.samples import CELL, CONDITION, EPOCH, GATE, PLAN, RESULT, ROOFLINE, START

Lines = Sequence[tuple[str, Any]]
AFTER = replace(CONDITION, taken_at="2026-11-24T14:00:00+00:00")
KILLED = Failure(reason="the worker was killed after epoch 3", log_tail="")
CRASHED = Failure(reason="the worker died of SIGSEGV after epoch 4", log_tail="")
BEGUN = [("plan", PLAN), ("before", CONDITION), ("start", START)]


@pytest.fixture(autouse=True)
def at(monkeypatch: pytest.MonkeyPatch) -> None:
    """A line a minute from noon on, and no waiting for the disk."""
    minutes = count()
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def now() -> str:
        return (noon + timedelta(minutes=next(minutes))).isoformat()

    monkeypatch.setattr("bench.records.journal.now", now)
    monkeypatch.setattr("bench.records.journal.sync", lambda descriptor: None)


def minute(number: int) -> str:
    """When line `number`, from 1, was written."""
    return f"2026-11-24T12:{number - 1:02}:00+00:00"


def epochs(attempt: int, *numbers: int) -> list[tuple[str, Epoch]]:
    """No two attempts learn quite the same."""
    return [
        ("epochs", replace(EPOCH, epoch=number, train_loss=attempt + number / 100)) for number in numbers
    ]


def went_on(after_epoch: int, resumed_after: int) -> tuple[str, Interruption]:
    interruption = Interruption(
        stopped_at="2026-11-24T12:00:00+00:00",
        why=None,
        resumed_at="2026-11-24T12:05:00+00:00",
        seconds=300.0,
        differences=(),
        after_epoch=after_epoch,
        resumed_after=resumed_after,
        setback=None,
    )
    return "interruptions", interruption


def result(number: int) -> tuple[str, Any]:
    return "result", replace(RESULT, epochs=number)


def recalled(tmp_path: Path, lines: Lines, *, spoilt: int | None = None) -> CellHistory:
    """What is recalled of a journal, whose line `spoilt`, from 1, is damaged."""
    path = tmp_path / "cell.jsonl"
    for part, record in lines:
        Journal(path).add(part, record)
    if spoilt:
        text = path.read_bytes().split(b"\n")
        text[spoilt - 1] = text[spoilt - 1].replace(b"record", b"rekord", 1)
        path.write_bytes(b"\n".join(text))
    return read_history(path, CELL, PLAN)


def records(lines: Lines) -> list[Any]:
    return [record for _, record in lines]


def test_a_cell_without_a_journal_has_not_begun(tmp_path: Path) -> None:
    (tmp_path / "empty.jsonl").touch()
    for name in ("missing.jsonl", "empty.jsonl"):
        history = read_history(tmp_path / name, CELL, PLAN)
        run = history.run
        assert (run.cell, run.plan) == (CELL, PLAN)
        assert (run.gate, run.before, run.start, run.epochs, run.result) == (None, None, None, [], None)
        assert (run.interrupted, run.failure, history.last_at, history.problems) == (
            None,
            None,
            None,
            [],
        )


def test_a_journal_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError):
        read_history(tmp_path, CELL, PLAN)


def test_a_whole_run_is_recalled_whole(tmp_path: Path) -> None:
    plan = replace(PLAN, data_provenance="another than the one expected")
    trained = epochs(1, 1, 2, 3)
    lines = [("gate", GATE), ("roofline", ROOFLINE), ("plan", plan), *BEGUN[1:], *trained]
    history = recalled(tmp_path, [*lines, ("after", AFTER), result(3)])
    run = history.run
    assert (run.gate, run.plan, run.before, run.start) == (GATE, plan, CONDITION, START)
    assert run.epochs == records(trained)
    assert (run.after, run.result) == (AFTER, RESULT)
    assert (run.interrupted, run.failure, run.interruptions) == (None, None, [])
    assert history.rooflines == {("torch", "cpu"): ROOFLINE}
    assert (history.problems, history.last_at) == ([], minute(10))


@pytest.mark.parametrize("trained", [0, 1, 3])
def test_a_run_that_was_cut_off_is_to_go_on_from_its_last_epoch(tmp_path: Path, trained: int) -> None:
    learnt = epochs(1, *range(1, trained + 1))
    run = recalled(tmp_path, [*BEGUN, *learnt]).run
    assert run.epochs == records(learnt)
    assert run.interrupted == Interrupted(stopped_at=minute(3 + trained), why=None)
    assert (run.result, run.failure) == (None, None)


def test_a_gate_alone_is_no_run_that_has_begun(tmp_path: Path) -> None:
    history = recalled(tmp_path, [("gate", GATE), ("roofline", ROOFLINE)])
    assert history.run.gate == GATE
    assert history.run.interrupted is None


def test_a_run_that_failed_says_why_it_stopped(tmp_path: Path) -> None:
    learnt = epochs(1, 1, 2)
    run = recalled(tmp_path, [*BEGUN, *learnt, ("after", AFTER), ("failure", KILLED)]).run
    assert (run.epochs, run.after) == (records(learnt), AFTER)
    assert run.failure == KILLED
    assert run.interrupted == Interrupted(stopped_at=minute(7), why=KILLED.reason)


def test_a_run_that_failed_again_before_it_went_on_stopped_where_it_stopped_first(
    tmp_path: Path,
) -> None:
    """As the session itself has it: the pause begins where the last epoch ended, not with an attempt."""
    ended: Lines = [("after", AFTER), ("failure", KILLED), ("after", AFTER), ("failure", CRASHED)]
    run = recalled(tmp_path, [*BEGUN, *epochs(1, 1, 2), *ended]).run
    assert run.failure == CRASHED
    assert run.interrupted == Interrupted(stopped_at=minute(7), why=KILLED.reason)


def test_a_run_that_failed_and_went_on_has_the_epochs_of_both_attempts(tmp_path: Path) -> None:
    first, second = epochs(1, 1, 2, 3), epochs(2, 3, 4)
    failed: Lines = [("after", AFTER), ("failure", KILLED)]
    lines = [*BEGUN, *first, *failed, went_on(3, 2), *second]
    run = recalled(tmp_path, lines).run
    assert run.epochs == records([*first[:2], *second])
    assert run.interruptions == records([went_on(3, 2)])
    assert (run.before, run.start) == (CONDITION, START)
    assert (run.failure, run.after) == (None, None)
    assert run.interrupted == Interrupted(stopped_at=minute(11), why=None)
    run = recalled(tmp_path, [("after", AFTER), result(4)]).run
    assert run.result == replace(RESULT, epochs=4)
    assert (run.interrupted, run.failure, run.after) == (None, None, AFTER)
    assert run.interruptions == records([went_on(3, 2)])


def test_a_run_that_begins_anew_has_nothing_of_its_first_attempt(tmp_path: Path) -> None:
    lines = [*BEGUN, *epochs(1, 1, 2), ("after", AFTER), ("failure", KILLED), went_on(2, 0)]
    run = recalled(tmp_path, lines).run
    assert (run.before, run.start, run.epochs, run.after, run.failure) == (None, None, [], None, None)
    other, second = replace(START, device_name="another CPU"), epochs(2, 1, 2, 3)
    run = recalled(tmp_path, [("plan", PLAN), ("before", AFTER), ("start", other), *second]).run
    assert (run.before, run.start, run.epochs) == (AFTER, other, records(second))
    assert run.interruptions == records([went_on(2, 0)])
    assert run.interrupted == Interrupted(stopped_at=minute(14), why=None)


def test_a_gap_in_the_epochs_ends_what_is_believed(tmp_path: Path) -> None:
    trained = epochs(1, 1, 2, 4, 5)
    run = recalled(tmp_path, [*BEGUN, *trained, ("after", AFTER), result(4)]).run
    assert run.epochs == records(trained[:2])
    assert (run.result, run.after) == (None, None)
    assert run.interrupted == Interrupted(stopped_at=minute(9), why=None)


@pytest.mark.parametrize("numbers", [(1, 2, 2, 3), (1, 2, 1, 2, 3), (0, 1, 2), (2, 3)])
def test_epochs_in_another_order_end_what_is_believed(tmp_path: Path, numbers: Sequence[int]) -> None:
    run = recalled(tmp_path, [*BEGUN, *epochs(1, *numbers), result(3)]).run
    assert [epoch.epoch for epoch in run.epochs] in ([], [1], [1, 2])
    assert run.result is None
    assert run.interrupted


def test_a_damaged_line_ends_what_is_believed_and_is_told(tmp_path: Path) -> None:
    trained = epochs(1, 1, 2, 3)
    history = recalled(tmp_path, [*BEGUN, *trained, ("after", AFTER), result(3)], spoilt=5)
    assert history.run.epochs == records(trained[:1])
    assert history.run.result is None
    assert history.run.interrupted == Interrupted(stopped_at=minute(8), why=None)
    [told] = history.problems
    assert told.startswith("cell.jsonl, line 5, was passed over: ")


@pytest.mark.parametrize("spoilt", [1, 2, 3])
def test_no_epoch_is_believed_of_a_beginning_that_is_damaged(tmp_path: Path, spoilt: int) -> None:
    run = recalled(tmp_path, [*BEGUN, *epochs(1, 1, 2, 3), result(3)], spoilt=spoilt).run
    assert (run.epochs, run.result) == ([], None)


def test_a_failure_is_known_even_after_a_damaged_line(tmp_path: Path) -> None:
    lines = [*BEGUN, *epochs(1, 1, 2), ("after", AFTER), ("failure", KILLED)]
    run = recalled(tmp_path, lines, spoilt=5).run
    assert run.failure == KILLED
    assert run.interrupted == Interrupted(stopped_at=minute(7), why=KILLED.reason)
    assert len(run.epochs) == 1


def test_where_a_run_went_on_from_a_known_epoch_it_is_believed_again(tmp_path: Path) -> None:
    first, second = epochs(1, 1, 2, 3), epochs(2, 2, 3)
    lines = [*BEGUN, *first, went_on(3, 1), *second, ("after", AFTER), result(3)]
    run = recalled(tmp_path, lines, spoilt=5).run
    assert run.epochs == records([*first[:1], *second])
    assert (run.result, run.interrupted) == (RESULT, None)


def test_where_a_run_went_on_from_an_unknown_epoch_it_is_not_believed(tmp_path: Path) -> None:
    first, second = epochs(1, 1, 2, 3), epochs(2, 4)
    lines = [*BEGUN, *first, went_on(3, 3), *second, ("after", AFTER), result(4)]
    run = recalled(tmp_path, lines, spoilt=5).run
    assert run.epochs == records(first[:1])
    assert (run.result, run.interruptions) == (None, [])
    assert run.interrupted == Interrupted(stopped_at=minute(10), why=None)


def test_after_a_damaged_line_a_new_beginning_is_believed(tmp_path: Path) -> None:
    failed: Lines = [("after", AFTER), ("failure", KILLED)]
    second = epochs(2, 1, 2, 3)
    lines = [*BEGUN, *epochs(1, 1, 2), *failed, went_on(2, 0), *BEGUN, *second]
    for spoilt in range(1, 9):
        folder = tmp_path / str(spoilt)
        run = recalled(folder, lines, spoilt=spoilt).run
        assert run.epochs == records(second), spoilt
        run = recalled(folder, [("after", AFTER), result(3)]).run
        assert (run.result, run.interrupted, run.failure) == (RESULT, None, None), spoilt


def test_a_new_beginning_alone_has_nothing_of_the_attempt_before(tmp_path: Path) -> None:
    lines = [*BEGUN, *epochs(1, 1, 2), ("after", AFTER), went_on(2, 0), ("plan", PLAN)]
    run = recalled(tmp_path, lines, spoilt=7).run
    assert (run.before, run.start, run.epochs, run.after) == (None, None, [], None)


def test_no_epoch_is_believed_before_a_start(tmp_path: Path) -> None:
    assert recalled(tmp_path / "1", [*BEGUN[:2], *epochs(1, 1, 2)]).run.epochs == []
    lines = [*BEGUN, *epochs(1, 1, 2), went_on(2, 0), *BEGUN[:2], *epochs(2, 1, 2)]
    assert recalled(tmp_path / "2", lines).run.epochs == []


def test_epochs_that_were_trained_once_more_are_not_taken_from_the_attempt_before(
    tmp_path: Path,
) -> None:
    """The line that says so is damaged, the epochs after it are there, and the run went on from them."""
    first, second, third = epochs(1, 1, 2, 3), epochs(2, 2, 3), epochs(3, 4)
    lines = [*BEGUN, *first, went_on(3, 1), *second, went_on(3, 3), *third, ("after", AFTER), result(4)]
    history = recalled(tmp_path, lines, spoilt=7)
    assert len(history.problems) == 1
    assert history.run.epochs in ([], records(first[:1]), records([*first[:1], *second, *third]))


@pytest.mark.parametrize("number", [2, 4, 0])
def test_a_result_of_another_number_of_epochs_is_not_believed(tmp_path: Path, number: int) -> None:
    trained = epochs(1, 1, 2, 3)
    run = recalled(tmp_path, [*BEGUN, *trained, ("after", AFTER), result(number)]).run
    assert run.epochs == records(trained)
    assert run.result is None
    assert run.interrupted == Interrupted(stopped_at=minute(8), why=None)


WHOLE = [
    ("gate", GATE),
    ("roofline", ROOFLINE),
    *BEGUN,
    *epochs(1, 1, 2),
    ("after", AFTER),
    ("failure", KILLED),
    went_on(2, 0),
    *BEGUN,
    *epochs(2, 1, 2, 3),
    went_on(3, 1),
    *epochs(3, 2, 3),
    ("after", AFTER),
    ("failure", CRASHED),
    went_on(3, 3),
    *epochs(4, 4),
    ("after", AFTER),
    result(4),
]
"""Anew after a crash, set back after a power cut, and gone on with after another crash."""


def trained(lines: Lines) -> list[Epoch]:
    """The epochs of a run after these lines, none of which is damaged."""
    known: list[Epoch] = []
    for part, record in lines:
        match part:
            case "plan":
                known = []
            case "interruptions":
                known = known[: record.resumed_after]
            case "epochs":
                known = [*known, record]
    return known


def believed(path: Path, text: bytes) -> CellHistory:
    """Recalls such a journal; whatever was done to it, it makes no epoch up and no result."""
    path.write_bytes(text)
    history = read_history(path, CELL, PLAN)
    run = history.run
    assert [epoch.epoch for epoch in run.epochs] == list(range(1, len(run.epochs) + 1))
    assert all(("epochs", epoch) in WHOLE for epoch in run.epochs)
    assert run.start == (START if run.epochs else run.start)
    if run.result:
        assert ("result", run.result) == WHOLE[-1]
        assert run.epochs == trained(WHOLE), "a result is that of its own epochs"
        assert run.interrupted is None
    return history


def test_the_journal_of_a_run_of_many_attempts_is_recalled_whole(tmp_path: Path) -> None:
    run = believed(tmp_path / "cell.jsonl", b"".join(to_line(*each).encode() for each in WHOLE)).run
    assert run.result == replace(RESULT, epochs=4)
    assert [epoch.train_loss for epoch in run.epochs] == [2.01, 3.02, 3.03, 4.04]
    assert [each.resumed_after for each in run.interruptions] == [0, 1, 3]


def test_wherever_a_journal_is_cut_all_that_was_on_disk_is_recalled(tmp_path: Path) -> None:
    lines = [to_line(*each).encode() for each in WHOLE]
    text = b"".join(lines)
    draw = random.Random(4)
    ends = [len(b"".join(lines[:n])) for n in range(len(lines) + 1)]
    for cut in [*ends, *(draw.randrange(len(text)) for _ in range(200))]:
        on_disk = WHOLE[: text[:cut].count(b"\n") + (cut + 1 in ends)]
        history = believed(tmp_path / "cell.jsonl", text[:cut])
        assert history.run.epochs == trained(on_disk), cut
        assert (history.run.result is None) == (len(on_disk) < len(WHOLE)), cut
        if history.run.epochs and not history.run.result:
            assert history.run.interrupted, cut


def test_no_flipped_bit_makes_up_an_epoch_or_a_result(tmp_path: Path) -> None:
    text = b"".join(to_line(*each).encode() for each in WHOLE)
    draw = random.Random(5)
    wrong = []
    for _ in range(300):
        position, bit = draw.randrange(len(text)), draw.randrange(8)
        flipped = bytearray(text)
        flipped[position] ^= 1 << bit
        try:
            believed(tmp_path / "cell.jsonl", bytes(flipped))
        except AssertionError as error:
            wrong.append((position, bit, str(error).splitlines()[0]))
    assert wrong == []
