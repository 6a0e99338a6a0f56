"""Sessions of the first edition, whose manifests name files that were renamed since."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from bench.records.journal import Journal
from bench.records.types import SCHEMA_VERSION
from bench.session.manifest import Manifest, PlannedCell
from bench.session.resume import (
    JOURNAL_NAME,
    SavedFile,
    SessionRefused,
    Stopped,
    find_unfinished_session,
    unfinished_session_note,
)
from tests.support.samples import CELL, CONDITION, EPOCH, GATE, MACHINE, PLAN, RESULT, START

MANIFEST = Manifest(
    schema=SCHEMA_VERSION,
    profile="quick",
    save_as="quick",
    options={},
    cells=(PlannedCell(cell=CELL, plan=PLAN),),
    machine=MACHINE,
    data_sha256=None,
    environment={},
    code={"bench/ledger.py": "0" * 12},
)


def write_session(runs: Path, part: str, *, finished: bool) -> Path:
    """Writes the journals of a session with one cell."""
    folder = runs / "20261125T100000-quick"
    session_journal, cell_journal = Journal(folder / JOURNAL_NAME), Journal(folder / f"{CELL.id}.jsonl")
    session_journal.add(part, MANIFEST)
    cell_journal.add("plan", PLAN)
    cell_journal.add("before", CONDITION)
    if finished:
        cell_journal.add("gate", GATE)
        cell_journal.add("start", START)
        for number in range(1, RESULT.epochs + 1):
            cell_journal.add("epochs", replace(EPOCH, epoch=number))
        cell_journal.add("after", CONDITION)
        cell_journal.add("result", RESULT)
        session_journal.add("saved", SavedFile(file="0001_quick.json", cells=(CELL.id,)))
    else:
        session_journal.add("stopped", Stopped(why="Ctrl-C"))
    return folder


def test_an_unfinished_session_is_refused_with_the_commit_that_can_finish_it(tmp_path: Path) -> None:
    runs = tmp_path / "a-mac" / ".runs"
    folder = write_session(runs, "terms", finished=False)
    with pytest.raises(SessionRefused) as refused:
        find_unfinished_session(runs)
    assert str(folder) in str(refused.value)
    assert "git checkout bc1f4d1 and call make resume" in str(refused.value)


def test_the_note_to_a_new_session_names_the_commit(tmp_path: Path) -> None:
    write_session(tmp_path / ".runs", "terms", finished=False)
    note = unfinished_session_note(tmp_path / ".runs")
    assert note
    assert "git checkout bc1f4d1 and call make resume" in note
    assert "--resume goes on" not in note


def test_a_session_of_this_edition_is_found(tmp_path: Path) -> None:
    folder = write_session(tmp_path / "a-mac" / ".runs", "manifest", finished=False)
    assert find_unfinished_session(tmp_path / "a-mac" / ".runs").folder == folder


def test_a_finished_session_is_not_reported(tmp_path: Path) -> None:
    runs = tmp_path / "a-mac" / ".runs"
    write_session(runs, "terms", finished=True)
    assert unfinished_session_note(runs) is None
    with pytest.raises(SessionRefused, match="every session in it is finished and saved"):
        find_unfinished_session(runs)
