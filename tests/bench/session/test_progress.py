"""What a session says while it runs: how far it has come, and the results of the cells that are done."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from subprocess import Popen
from time import monotonic, sleep

import msgspec
import pytest

from bench.records.progress import (
    PROGRESS_FILE,
    SO_FAR_FILE,
    STARTED_BY,
    Progress,
    write_progress,
)
from bench.records.read import load, read
from reports.data.sources import NoResults, gather
from tests.support.toy_hold import HELD_FILE
from tests.torture import EPOCHS, MACHINE, RULES, Session

FIRST, SECOND = "scratch-torch-cpu-s0", "scratch-tensorflow-cpu-s0"
TIMEOUT_SECONDS = 120.0
TOY = f"step=0.01 silence={TIMEOUT_SECONDS}"
"""Steps of which the most is a sleep take the same time on a busy machine, so that runs are valid."""
PROGRESS = Progress(
    cell=FIRST,
    epoch=1,
    epochs=6,
    cells_done=0,
    cells=2,
    seconds_left=1.5,
    warnings=(),
    saved=None,
    started_by=None,
)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    session = Session(folder=tmp_path, toy=TOY)
    yield session
    session.kill()


def held_at(session: Session, place: str) -> Popen[str]:
    """A new session that waits at a place."""
    process = session.start_new(TOY=f"{TOY} hold={place}", **{STARTED_BY: "a word"})
    deadline = monotonic() + TIMEOUT_SECONDS
    while not (session.folder / HELD_FILE).exists():
        assert process.poll() is None, session.output()
        assert monotonic() < deadline
        sleep(0.01)
    return process


def folder_of(session: Session) -> Path:
    folder = session.runs_folder()
    assert folder
    return folder


def progress_of(session: Session) -> Progress:
    return msgspec.json.decode((folder_of(session) / PROGRESS_FILE).read_bytes(), type=Progress)


def ended(session: Session, process: Popen[str]) -> int:
    assert process.wait(TIMEOUT_SECONDS) is not None
    session.output()
    return process.returncode


def test_it_is_written_whole_and_a_disk_that_fails_is_no_matter(tmp_path: Path) -> None:
    write_progress(tmp_path, PROGRESS)
    assert [file.name for file in tmp_path.iterdir()] == [PROGRESS_FILE]
    assert msgspec.json.decode((tmp_path / PROGRESS_FILE).read_bytes(), type=Progress) == PROGRESS
    write_progress(tmp_path / "gone", PROGRESS)
    assert not (tmp_path / "gone").exists()


@pytest.mark.slow
def test_it_says_cell_epoch_and_time_left_and_has_the_results_of_the_cells_that_are_done(
    session: Session,
) -> None:
    process = held_at(session, f"{SECOND}:3")
    folder = folder_of(session)
    while (progress := progress_of(session)).epoch < 2:
        sleep(0.01)
    assert (progress.cell, progress.epoch, progress.epochs) == (SECOND, 2, EPOCHS)
    assert (progress.cells_done, progress.cells) == (1, 2)
    assert progress.seconds_left > 0
    assert (progress.saved, progress.started_by) == (None, "a word")

    so_far = folder / SO_FAR_FILE
    kept = read(so_far)
    file = load(kept)
    assert (file.problems, [run.cell.id for run in file.runs]) == ((), [FIRST])
    violations = [sentence for run in file.runs for rule in RULES for sentence in rule(run)]
    assert violations == []
    with pytest.raises(NoResults, match="stands for no file"):  # it is none of this computer's sessions
        gather([str(session.folder / MACHINE)])

    os.kill(process.pid, signal.SIGINT)
    assert ended(session, process) == 130
    assert not so_far.exists(), "the session's own file has taken its place"
    (saved,) = session.results()
    assert json.loads(saved.read_bytes())["benchmarks"] == kept["benchmarks"]
    progress = progress_of(session)
    assert (progress.cell, progress.cells_done, progress.saved) == (None, 1, saved.name)
    assert any(SECOND in warning for warning in progress.warnings)

    assert ended(session, session.start("--resume")) == 0
    progress = progress_of(session)
    assert (progress.cells_done, progress.seconds_left, progress.saved) == (2, 0.0, saved.name)
    assert progress.started_by is None


@pytest.mark.slow
def test_a_session_that_goes_on_has_no_fewer_results_so_far_than_it_had(session: Session) -> None:
    process = held_at(session, f"{SECOND}:3")
    so_far = folder_of(session) / SO_FAR_FILE
    before = so_far.stat()
    process.kill()
    ended(session, process)
    assert so_far.exists()
    (session.folder / HELD_FILE).unlink()
    process = session.start("--resume", TOY=f"{TOY} hold={SECOND}:4")
    deadline = monotonic() + TIMEOUT_SECONDS
    while not (session.folder / HELD_FILE).exists():
        assert process.poll() is None, session.output()
        assert monotonic() < deadline
        assert [run.cell.id for run in load(read(so_far)).runs][:1] == [FIRST]
        sleep(0.05)
    assert so_far.stat().st_mtime_ns > before.st_mtime_ns, "it is as the session that goes on would save"
    process.kill()
    ended(session, process)


@pytest.mark.slow
def test_a_session_that_is_refused_leaves_what_the_earlier_one_said(session: Session) -> None:
    process = held_at(session, f"{FIRST}:3")
    process.kill()
    ended(session, process)
    before = (folder_of(session) / PROGRESS_FILE).read_bytes()
    assert ended(session, session.start("--resume", "--epochs", "9")) == 4
    assert (folder_of(session) / PROGRESS_FILE).read_bytes() == before
