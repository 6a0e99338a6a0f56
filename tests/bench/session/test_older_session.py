"""A session that another version of this suite began is left to that version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import to_builtins

from bench.plan.profiles import PROFILES
from bench.records.journal import Journal
from bench.records.types import METHOD, SCHEMA_VERSION, Pause
from bench.session import resume
from bench.session.manifest import Manifest, PlannedCell
from bench.session.open import _new_folder, open_session
from bench.session.resume import (
    FOLDER_NAME,
    JOURNAL_NAME,
    LAST_COMMITS,
    OlderSession,
    SavedFile,
    SessionRefused,
    Stopped,
    find_unfinished_session,
    unfinished_session_note,
)
from tests.bench.plan.test_grid import OPTIONS
from tests.support.samples import CELL, CONDITION, EPOCH, GATE, MACHINE, PLAN, RESULT, START

SECOND = msgspec.structs.replace(CELL, engine="tensorflow")
MANIFEST = Manifest(
    schema=SCHEMA_VERSION,
    method=METHOD,
    profile="quick",
    save_as="quick",
    options={},
    cells=(PlannedCell(cell=CELL, plan=PLAN), PlannedCell(cell=SECOND, plan=PLAN)),
    machine=MACHINE,
    data_sha256=None,
    environment={},
    code={"bench/ledger.py": "0" * 12},
)
PAUSE = Pause(
    stopped_at="2026-11-24T12:00:00+00:00",
    why="Ctrl-C",
    resumed_at="2026-11-24T13:00:00+00:00",
    seconds=3600.0,
    differences=(),
)
NEWEST, OLDEST = "20261125T100000-quick", "20261124T100000-quick"


def of_schema_4(cell: Any) -> dict[str, Any]:
    fields = to_builtins(cell)
    return {"framework": fields["engine"]} | {
        name: fields[name] for name in ("experiment", "device", "seed")
    }


def manifest_of_schema_4() -> dict[str, Any]:
    fields: dict[str, Any] = to_builtins(MANIFEST)
    del fields["method"]
    cells = [{"cell": of_schema_4(cell), "plan": to_builtins(PLAN)} for cell in (CELL, SECOND)]
    return {**fields, "schema": 4, "cells": cells}


def changed(**changes: Any) -> dict[str, Any]:
    return {**to_builtins(MANIFEST), **changes}


FIRST_EDITION = ("terms", manifest_of_schema_4())
SCHEMA_4 = ("manifest", manifest_of_schema_4())
LATER_METHOD = ("manifest", changed(method=METHOD + 1))
OTHERS: dict[str, tuple[tuple[str, dict[str, Any]], str]] = {
    "first edition": (FIRST_EDITION, "to finish it, git checkout bc1f4d1 and call make resume"),
    "schema 4": (SCHEMA_4, "to finish it, git checkout 082a6f1 and call make resume"),
    "schema 5": (
        ("manifest", changed(schema=5, method=1)),
        "to finish it, git checkout b67c0eb and call make resume",
    ),
    "schema 6": (
        ("manifest", changed(schema=6, method=1)),
        "to finish it, git checkout 0542dcb and call make resume",
    ),
    "schema 7": (
        ("manifest", changed(schema=7, method=1)),
        "to finish it, git checkout 28391bc and call make resume",
    ),
    "schema 8": (
        ("manifest", changed(schema=8, method=1)),
        "to finish it, git checkout 3109000 and call make resume",
    ),
    "schema 3": (
        ("manifest", manifest_of_schema_4() | {"schema": 3}),
        "finish it with the version of this suite that began it",
    ),
    "a later schema": (
        ("manifest", changed(schema=SCHEMA_VERSION + 1)),
        "finish it with the version of this suite that began it",
    ),
    "a schema that is no number": (
        ("manifest", changed(schema="five")),
        "finish it with the version of this suite that began it",
    ),
    "another method": (LATER_METHOD, "finish it with the version of this suite that began it"),
    "other fields": (
        ("manifest", {"schema": SCHEMA_VERSION + 1, "method": 1, "grid": []}),
        "finish it with the version of this suite that began it",
    ),
}
"""Version -> the line of its manifest, and what is said of how to finish its session."""


def write(runs: Path, *lines: tuple[str, Any], name: str = NEWEST) -> Path:
    """A session's own journal with these lines."""
    folder = runs / name
    for part, record in lines:
        Journal(folder / JOURNAL_NAME).add(part, record)
    return folder


def saved(*cells: str) -> tuple[str, SavedFile]:
    return "saved", SavedFile(file="0001_quick.json", cells=cells)


def skipped(cell: Mapping[str, Any]) -> tuple[str, dict[str, Any]]:
    return "skipped", {"cell": cell, "plan": to_builtins(PLAN), "reason": "no weights"}


STOPPED = ("stopped", Stopped(why="Ctrl-C"))


@pytest.mark.parametrize("version", OTHERS)
def test_an_unfinished_session_is_refused_with_what_can_finish_it(version: str, tmp_path: Path) -> None:
    line, hint = OTHERS[version]
    runs = tmp_path / "a-mac" / ".runs"
    folder = write(runs, line, STOPPED)
    with pytest.raises(SessionRefused) as refused:
        find_unfinished_session(runs)
    assert str(refused.value) == (
        f"{folder} was begun by another version of this suite, whose records have another format:"
        f" {hint}, or move the folder away"
    )


@pytest.mark.parametrize("version", OTHERS)
@pytest.mark.parametrize("anyway", [False, True], ids=["--resume", "--resume-anyway"])
def test_it_is_not_gone_on_with_even_anyway(version: str, anyway: bool, tmp_path: Path) -> None:
    """Figures of another method are never pooled, and records of another schema are not read."""
    line, hint = OTHERS[version]
    folder = write(tmp_path / "a-mac" / ".runs", line, STOPPED)
    before = (folder / JOURNAL_NAME).read_bytes()
    options = replace(OPTIONS, machine="a-mac", resume=True, resume_anyway=anyway)
    with pytest.raises(SessionRefused) as refused:
        open_session(options, tmp_path)
    assert hint in str(refused.value)
    assert (folder / JOURNAL_NAME).read_bytes() == before


@pytest.mark.parametrize("version", OTHERS)
def test_the_note_to_a_new_session_names_what_can_finish_it(version: str, tmp_path: Path) -> None:
    line, hint = OTHERS[version]
    folder = write(tmp_path / ".runs", line, STOPPED)
    (folder / "scratch-torch-cpu-s0.checkpoint.safetensors").write_bytes(bytes(3_000_000))
    note = unfinished_session_note(tmp_path / ".runs")
    cells = "scratch-torch-cpu-s0, scratch-tensorflow-cpu-s0"
    if version == "other fields":
        cells = "cells that this version cannot read"
    assert note == (
        f"note: the session before this, {folder.name}, has no result yet of {cells}, and keeps 3 MB of"
        f" checkpoints in {folder}; it was begun by another version of this suite: {hint}"
    )
    assert "--resume goes on" not in note


@pytest.mark.parametrize("version", [version for version in OTHERS if version != "other fields"])
@pytest.mark.parametrize(
    "ending",
    [
        [saved("scratch-torch-cpu-s0", "scratch-tensorflow-cpu-s0")],
        [saved("scratch-torch-cpu-s0"), skipped(of_schema_4(SECOND))],
        [skipped(to_builtins(CELL)), skipped(to_builtins(SECOND))],
        [
            STOPPED,
            saved("scratch-torch-cpu-s0"),
            ("pause", PAUSE),
            saved("scratch-torch-cpu-s0", "scratch-tensorflow-cpu-s0"),
        ],
    ],
    ids=["saved", "one skipped", "all skipped", "resumed"],
)
def test_a_finished_one_is_passed_over(
    version: str, ending: list[tuple[str, Any]], tmp_path: Path
) -> None:
    runs = tmp_path / "a-mac" / ".runs"
    write(runs, OTHERS[version][0], *ending)
    assert unfinished_session_note(runs) is None
    with pytest.raises(SessionRefused, match="every session in it is finished and saved"):
        find_unfinished_session(runs)
    ours = write(runs, ("manifest", MANIFEST), STOPPED, name=OLDEST)
    assert find_unfinished_session(runs).folder == ours


@pytest.mark.parametrize(
    ("ending", "cells"),
    [
        ([], ["scratch-torch-cpu-s0", "scratch-tensorflow-cpu-s0"]),
        ([saved("scratch-torch-cpu-s0")], ["scratch-tensorflow-cpu-s0"]),
        ([skipped(of_schema_4(CELL))], ["scratch-tensorflow-cpu-s0"]),
        (
            [skipped(of_schema_4(CELL)), ("pause", PAUSE)],
            ["scratch-torch-cpu-s0", "scratch-tensorflow-cpu-s0"],
        ),
    ],
    ids=["none", "one saved", "one skipped", "skipped before a pause"],
)
def test_the_cells_without_a_result_are_named(
    ending: list[tuple[str, Any]], cells: list[str], tmp_path: Path
) -> None:
    runs = tmp_path / ".runs"
    write(runs, SCHEMA_4, *ending, STOPPED)
    note = unfinished_session_note(runs)
    assert note
    assert f"has no result yet of {', '.join(cells)};" in note


def test_a_repeat_of_another_method_is_known_by_its_id(tmp_path: Path) -> None:
    cells = [{"cell": to_builtins(CELL) | {"repeat": n}, "plan": to_builtins(PLAN)} for n in (0, 1)]
    line = ("manifest", changed(method=METHOD + 1, cells=cells))
    write(tmp_path / ".runs", line, saved("scratch-torch-cpu-s0"), STOPPED)
    note = unfinished_session_note(tmp_path / ".runs")
    assert note
    assert "no result yet of scratch-torch-cpu-s0-r1; it was begun" in note


def test_the_last_manifest_counts(tmp_path: Path) -> None:
    """One that was resumed anyway has several."""
    write(tmp_path / ".runs", SCHEMA_4, ("manifest", MANIFEST), STOPPED)
    assert not isinstance(find_unfinished_session(tmp_path / ".runs"), OlderSession)


def test_only_commits_of_other_versions_are_named() -> None:
    assert LAST_COMMITS == {
        "terms": "bc1f4d1",
        (4, 1): "082a6f1",
        (5, 1): "b67c0eb",
        (6, 1): "0542dcb",
        (7, 1): "28391bc",
        (8, 1): "3109000",
    }
    assert (SCHEMA_VERSION, METHOD) not in LAST_COMMITS


def test_a_session_of_this_version_is_found(tmp_path: Path) -> None:
    folder = write(tmp_path / "a-mac" / ".runs", ("manifest", MANIFEST), STOPPED)
    earlier = find_unfinished_session(tmp_path / "a-mac" / ".runs")
    assert (earlier.folder, earlier.manifest) == (folder, MANIFEST)
    assert earlier.unfinished() == ["scratch-torch-cpu-s0", "scratch-tensorflow-cpu-s0"]
    note = unfinished_session_note(tmp_path / "a-mac" / ".runs")
    assert note
    assert note.endswith("; --resume goes on with it")


@pytest.mark.parametrize("name", [f"{NEWEST} 2", f"{NEWEST} copy", f"{NEWEST} (1)"])
def test_a_copy_of_a_session_is_none(name: str, tmp_path: Path) -> None:
    """A sync service leaves one beside the folder, with a name that comes after the folder's own."""
    write(tmp_path, ("manifest", MANIFEST), STOPPED, name=name)
    with pytest.raises(SessionRefused, match="there is nothing to resume"):
        find_unfinished_session(tmp_path)
    ours = write(tmp_path, ("manifest", MANIFEST), STOPPED)
    assert find_unfinished_session(tmp_path).folder == ours


def test_every_new_folder_is_known_for_one(tmp_path: Path) -> None:
    for profile in PROFILES:
        for _ in range(2):  # the second within a second has a number
            folder = _new_folder(tmp_path, profile)
            folder.mkdir()
            assert FOLDER_NAME.fullmatch(folder.name)


def test_a_finished_session_of_this_version_is_not_reported(tmp_path: Path) -> None:
    runs = tmp_path / "a-mac" / ".runs"
    folder = write(runs, ("manifest", MANIFEST))
    for cell in (CELL, SECOND):
        journal = Journal(folder / f"{cell.id}.jsonl")
        for part, record in (("gate", GATE), ("plan", PLAN), ("before", CONDITION), ("start", START)):
            journal.add(part, record)
        for number in range(1, RESULT.epochs + 1):
            journal.add("epochs", msgspec.structs.replace(EPOCH, epoch=number))
        journal.add("after", CONDITION)
        journal.add("result", RESULT)
    assert find_unfinished_session(runs).unfinished() == [], "its results are in no file yet"
    write(runs, saved(CELL.id, SECOND.id))
    assert unfinished_session_note(runs) is None
    with pytest.raises(SessionRefused, match="every session in it is finished and saved"):
        find_unfinished_session(runs)


def test_each_part_of_a_sessions_journal_is_a_record() -> None:
    assert set(resume.PARTS) == {"manifest", "skipped", "pause", "stopped", "saved"}
