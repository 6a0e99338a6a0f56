"""A run is rebuilt from its journal as far as the journal is sound, and nothing is made up."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

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
    """Gives each line the next minute from noon on, and skips syncing to disk."""
    minutes = count()
    noon = datetime(2026, 11, 24, 12, tzinfo=UTC)

    def now() -> str:
        return (noon + timedelta(minutes=next(minutes))).isoformat()

    monkeypatch.setattr("bench.records.journal.utc_now", now)
    monkeypatch.setattr("bench.records.journal.sync", lambda descriptor: None)


def minute(number: int) -> str:
    """When line `number`, from 1, was written."""
    return f"2026-11-24T12:{number - 1:02}:00+00:00"


def epochs(attempt: int, *numbers: int) -> list[tuple[str, Epoch]]:
    """Journal lines of epochs, whose losses differ between attempts."""
    return [
        ("epochs", replace(EPOCH, epoch=number, train_loss=attempt + number / 100)) for number in numbers
    ]


def resumption(after_epoch: int, resumed_after: int) -> tuple[str, Interruption]:
    interruption = Interruption(
        stopped_at="2026-11-24T12:00:00+00:00",
        why=None,
        resumed_at="2026-11-24T12:05:00+00:00",
        seconds=300.0,
        differences=(),
        after_epoch=after_epoch,
        resumed_after=resumed_after,
        went_back_because=None,
    )
    return "interruptions", interruption


def result(number: int) -> tuple[str, Any]:
    return "result", replace(RESULT, epochs=number)


def read_lines(tmp_path: Path, lines: Lines, *, damaged_line: int | None = None) -> CellHistory:
    """Appends the lines to a journal, damages line `damaged_line` (from 1) if given, and reads it."""
    path = tmp_path / "cell.jsonl"
    for part, record in lines:
        Journal(path).add(part, record)
    if damaged_line:
        text = path.read_bytes().split(b"\n")
        text[damaged_line - 1] = text[damaged_line - 1].replace(b"record", b"rekord", 1)
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
    history = read_lines(tmp_path, [*lines, ("after", AFTER), result(3)])
    run = history.run
    assert (run.gate, run.plan, run.before, run.start) == (GATE, plan, CONDITION, START)
    assert run.epochs == records(trained)
    assert (run.after, run.result) == (AFTER, RESULT)
    assert (run.interrupted, run.failure, run.interruptions) == (None, None, [])
    assert history.rooflines == {("torch", "cpu"): ROOFLINE}
    assert (history.problems, history.last_at) == ([], minute(10))


@pytest.mark.parametrize("trained", [0, 1, 3])
def test_a_run_that_was_cut_off_is_to_go_on_from_its_last_epoch(tmp_path: Path, trained: int) -> None:
    epoch_lines = epochs(1, *range(1, trained + 1))
    run = read_lines(tmp_path, [*BEGUN, *epoch_lines]).run
    assert run.epochs == records(epoch_lines)
    assert run.interrupted == Interrupted(stopped_at=minute(3 + trained), why=None)
    assert (run.result, run.failure) == (None, None)


def test_a_gate_alone_is_no_run_that_has_begun(tmp_path: Path) -> None:
    history = read_lines(tmp_path, [("gate", GATE), ("roofline", ROOFLINE)])
    assert history.run.gate == GATE
    assert history.run.interrupted is None


def test_a_run_that_failed_says_why_it_stopped(tmp_path: Path) -> None:
    epoch_lines = epochs(1, 1, 2)
    run = read_lines(tmp_path, [*BEGUN, *epoch_lines, ("after", AFTER), ("failure", KILLED)]).run
    assert (run.epochs, run.after) == (records(epoch_lines), AFTER)
    assert run.failure == KILLED
    assert run.interrupted == Interrupted(stopped_at=minute(7), why=KILLED.reason)


def test_a_run_that_failed_again_before_it_went_on_stopped_where_it_stopped_first(
    tmp_path: Path,
) -> None:
    """As in the session itself: the pause begins after the last epoch, not with a failed attempt."""
    ended: Lines = [("after", AFTER), ("failure", KILLED), ("after", AFTER), ("failure", CRASHED)]
    run = read_lines(tmp_path, [*BEGUN, *epochs(1, 1, 2), *ended]).run
    assert run.failure == CRASHED
    assert run.interrupted == Interrupted(stopped_at=minute(7), why=KILLED.reason)


def test_a_run_that_failed_and_went_on_has_the_epochs_of_both_attempts(tmp_path: Path) -> None:
    first, second = epochs(1, 1, 2, 3), epochs(2, 3, 4)
    failed: Lines = [("after", AFTER), ("failure", KILLED)]
    lines = [*BEGUN, *first, *failed, resumption(3, 2), *second]
    run = read_lines(tmp_path, lines).run
    assert run.epochs == records([*first[:2], *second])
    assert run.interruptions == records([resumption(3, 2)])
    assert (run.before, run.start) == (CONDITION, START)
    assert (run.failure, run.after) == (None, None)
    assert run.interrupted == Interrupted(stopped_at=minute(11), why=None)
    run = read_lines(tmp_path, [("after", AFTER), result(4)]).run
    assert run.result == replace(RESULT, epochs=4)
    assert (run.interrupted, run.failure, run.after) == (None, None, AFTER)
    assert run.interruptions == records([resumption(3, 2)])


def test_a_run_that_begins_anew_has_nothing_of_its_first_attempt(tmp_path: Path) -> None:
    lines = [*BEGUN, *epochs(1, 1, 2), ("after", AFTER), ("failure", KILLED), resumption(2, 0)]
    run = read_lines(tmp_path, lines).run
    assert (run.before, run.start, run.epochs, run.after, run.failure) == (None, None, [], None, None)
    other, second = replace(START, device_name="another CPU"), epochs(2, 1, 2, 3)
    run = read_lines(tmp_path, [("plan", PLAN), ("before", AFTER), ("start", other), *second]).run
    assert (run.before, run.start, run.epochs) == (AFTER, other, records(second))
    assert run.interruptions == records([resumption(2, 0)])
    assert run.interrupted == Interrupted(stopped_at=minute(14), why=None)


def test_a_gap_in_the_epochs_ends_what_is_believed(tmp_path: Path) -> None:
    trained = epochs(1, 1, 2, 4, 5)
    run = read_lines(tmp_path, [*BEGUN, *trained, ("after", AFTER), result(4)]).run
    assert run.epochs == records(trained[:2])
    assert (run.result, run.after) == (None, None)
    assert run.interrupted == Interrupted(stopped_at=minute(9), why=None)


@pytest.mark.parametrize("numbers", [(1, 2, 2, 3), (1, 2, 1, 2, 3), (0, 1, 2), (2, 3)])
def test_epochs_in_another_order_end_what_is_believed(tmp_path: Path, numbers: Sequence[int]) -> None:
    run = read_lines(tmp_path, [*BEGUN, *epochs(1, *numbers), result(3)]).run
    assert [epoch.epoch for epoch in run.epochs] in ([], [1], [1, 2])
    assert run.result is None
    assert run.interrupted


def test_a_damaged_line_ends_what_is_believed_and_is_told(tmp_path: Path) -> None:
    trained = epochs(1, 1, 2, 3)
    history = read_lines(tmp_path, [*BEGUN, *trained, ("after", AFTER), result(3)], damaged_line=5)
    assert history.run.epochs == records(trained[:1])
    assert history.run.result is None
    assert history.run.interrupted == Interrupted(stopped_at=minute(8), why=None)
    [problem] = history.problems
    assert problem.startswith("cell.jsonl, line 5, was passed over: ")


@pytest.mark.parametrize("damaged_line", [1, 2, 3])
def test_no_epoch_is_believed_of_a_beginning_that_is_damaged(tmp_path: Path, damaged_line: int) -> None:
    run = read_lines(tmp_path, [*BEGUN, *epochs(1, 1, 2, 3), result(3)], damaged_line=damaged_line).run
    assert (run.epochs, run.result) == ([], None)


def test_a_failure_is_known_even_after_a_damaged_line(tmp_path: Path) -> None:
    lines = [*BEGUN, *epochs(1, 1, 2), ("after", AFTER), ("failure", KILLED)]
    run = read_lines(tmp_path, lines, damaged_line=5).run
    assert run.failure == KILLED
    assert run.interrupted == Interrupted(stopped_at=minute(7), why=KILLED.reason)
    assert len(run.epochs) == 1


def test_where_a_run_went_on_from_a_known_epoch_it_is_believed_again(tmp_path: Path) -> None:
    first, second = epochs(1, 1, 2, 3), epochs(2, 2, 3)
    lines = [*BEGUN, *first, resumption(3, 1), *second, ("after", AFTER), result(3)]
    run = read_lines(tmp_path, lines, damaged_line=5).run
    assert run.epochs == records([*first[:1], *second])
    assert (run.result, run.interrupted) == (RESULT, None)


def test_where_a_run_went_on_from_an_unknown_epoch_it_is_not_believed(tmp_path: Path) -> None:
    first, second = epochs(1, 1, 2, 3), epochs(2, 4)
    lines = [*BEGUN, *first, resumption(3, 3), *second, ("after", AFTER), result(4)]
    run = read_lines(tmp_path, lines, damaged_line=5).run
    assert run.epochs == records(first[:1])
    assert (run.result, run.interruptions) == (None, [])
    assert run.interrupted == Interrupted(stopped_at=minute(10), why=None)


def test_after_a_damaged_line_a_new_beginning_is_believed(tmp_path: Path) -> None:
    failed: Lines = [("after", AFTER), ("failure", KILLED)]
    second = epochs(2, 1, 2, 3)
    lines = [*BEGUN, *epochs(1, 1, 2), *failed, resumption(2, 0), *BEGUN, *second]
    for damaged_line in range(1, 9):
        folder = tmp_path / str(damaged_line)
        run = read_lines(folder, lines, damaged_line=damaged_line).run
        assert run.epochs == records(second), damaged_line
        run = read_lines(folder, [("after", AFTER), result(3)]).run
        assert (run.result, run.interrupted, run.failure) == (RESULT, None, None), damaged_line


def test_a_new_beginning_alone_has_nothing_of_the_attempt_before(tmp_path: Path) -> None:
    lines = [*BEGUN, *epochs(1, 1, 2), ("after", AFTER), resumption(2, 0), ("plan", PLAN)]
    run = read_lines(tmp_path, lines, damaged_line=7).run
    assert (run.before, run.start, run.epochs, run.after) == (None, None, [], None)


def test_no_epoch_is_believed_before_a_start(tmp_path: Path) -> None:
    assert read_lines(tmp_path / "1", [*BEGUN[:2], *epochs(1, 1, 2)]).run.epochs == []
    lines = [*BEGUN, *epochs(1, 1, 2), resumption(2, 0), *BEGUN[:2], *epochs(2, 1, 2)]
    assert read_lines(tmp_path / "2", lines).run.epochs == []


def test_epochs_that_were_trained_once_more_are_not_taken_from_the_attempt_before(
    tmp_path: Path,
) -> None:
    """The line that resumed the run is damaged, and a later one resumes from the epochs after it."""
    first, second, third = epochs(1, 1, 2, 3), epochs(2, 2, 3), epochs(3, 4)
    lines = [
        *BEGUN,
        *first,
        resumption(3, 1),
        *second,
        resumption(3, 3),
        *third,
        ("after", AFTER),
        result(4),
    ]
    history = read_lines(tmp_path, lines, damaged_line=7)
    assert len(history.problems) == 1
    assert history.run.epochs in ([], records(first[:1]), records([*first[:1], *second, *third]))


@pytest.mark.parametrize("number", [2, 4, 1])
def test_a_result_of_another_number_of_epochs_is_not_believed(tmp_path: Path, number: int) -> None:
    trained = epochs(1, 1, 2, 3)
    run = read_lines(tmp_path, [*BEGUN, *trained, ("after", AFTER), result(number)]).run
    assert run.epochs == records(trained)
    assert run.result is None
    assert run.interrupted == Interrupted(stopped_at=minute(8), why=None)


def test_a_figure_out_of_bounds_is_a_damaged_line(tmp_path: Path) -> None:
    """The bounds of a record hold for a journal too."""
    trained = epochs(1, 1, 2, 3)
    history = read_lines(tmp_path, [*BEGUN, *trained, ("after", AFTER), result(0)])
    assert (history.run.epochs, history.run.result) == (records(trained), None)
    assert history.run.interrupted == Interrupted(stopped_at=minute(7), why=None)
    [problem] = history.problems
    assert problem.startswith("cell.jsonl, line 8, was passed over: ")
    assert "Result: Expected `int` >= 1 - at `$.epochs`" in problem


WHOLE = [
    ("gate", GATE),
    ("roofline", ROOFLINE),
    *BEGUN,
    *epochs(1, 1, 2),
    ("after", AFTER),
    ("failure", KILLED),
    resumption(2, 0),
    *BEGUN,
    *epochs(2, 1, 2, 3),
    resumption(3, 1),
    *epochs(3, 2, 3),
    ("after", AFTER),
    ("failure", CRASHED),
    resumption(3, 3),
    *epochs(4, 4),
    ("after", AFTER),
    result(4),
]
"""Begun anew after a kill, set back to epoch 1 by a power cut, resumed after epoch 3 after a crash."""


def trained(lines: Lines) -> list[Epoch]:
    """The epochs of a run after these undamaged lines."""
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


def read_text(path: Path, text: bytes) -> CellHistory:
    """Reads WHOLE after damage of any kind, and asserts that no epoch and no result is made up."""
    path.write_bytes(text)
    history = read_history(path, CELL, PLAN)
    run = history.run
    assert [epoch.epoch for epoch in run.epochs] == list(range(1, len(run.epochs) + 1))
    assert all(("epochs", epoch) in WHOLE for epoch in run.epochs)
    assert run.start == (START if run.epochs else run.start)
    if run.result:
        assert ("result", run.result) == WHOLE[-1]
        assert run.epochs == trained(WHOLE), "a result needs all of its epochs"
        assert run.interrupted is None
    return history


def test_the_journal_of_a_run_of_many_attempts_is_recalled_whole(tmp_path: Path) -> None:
    run = read_text(tmp_path / "cell.jsonl", b"".join(to_line(*line).encode() for line in WHOLE)).run
    assert run.result == replace(RESULT, epochs=4)
    assert [epoch.train_loss for epoch in run.epochs] == [2.01, 3.02, 3.03, 4.04]
    assert [interruption.resumed_after for interruption in run.interruptions] == [0, 1, 3]


def test_wherever_a_journal_is_cut_all_that_was_on_disk_is_recalled(tmp_path: Path) -> None:
    lines = [to_line(*line).encode() for line in WHOLE]
    text = b"".join(lines)
    draw = random.Random(4)
    ends = [len(b"".join(lines[:n])) for n in range(len(lines) + 1)]
    for cut in [*ends, *(draw.randrange(len(text)) for _ in range(200))]:
        on_disk = WHOLE[: text[:cut].count(b"\n") + (cut + 1 in ends)]
        history = read_text(tmp_path / "cell.jsonl", text[:cut])
        assert history.run.epochs == trained(on_disk), cut
        assert (history.run.result is None) == (len(on_disk) < len(WHOLE)), cut
        if history.run.epochs and not history.run.result:
            assert history.run.interrupted, cut


def test_no_flipped_bit_makes_up_an_epoch_or_a_result(tmp_path: Path) -> None:
    text = b"".join(to_line(*line).encode() for line in WHOLE)
    draw = random.Random(5)
    wrong = []
    for _ in range(300):
        position, bit = draw.randrange(len(text)), draw.randrange(8)
        flipped = bytearray(text)
        flipped[position] ^= 1 << bit
        try:
            read_text(tmp_path / "cell.jsonl", bytes(flipped))
        except AssertionError as error:
            wrong.append((position, bit, str(error).splitlines()[0]))
    assert wrong == []
