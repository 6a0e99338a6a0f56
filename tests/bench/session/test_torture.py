"""A short torture: whatever strikes a session, nothing that was on disk is lost, and it can go on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.torture import FILE_FAULTS, PROCESS_FAULTS, Session, Trial, torture, uninterrupted

pytestmark = pytest.mark.slow

FAULTS = 3
"""A taste: test_resume.py has each fault by name, and `make torture` strikes 200 times."""


def test_what_is_struck_at_random_ends_as_the_uninterrupted_session(tmp_path: Path) -> None:
    tally = torture(FAULTS, seed=11, folder=tmp_path)
    assert tally.failures == []
    assert tally.injected.total() >= FAULTS
    assert set(tally.injected) <= {*PROCESS_FAULTS, *FILE_FAULTS}


def test_the_torture_sees_what_is_lost(tmp_path: Path) -> None:
    """A line that was in a journal and is gone, and a session that has learnt something else."""
    (tmp_path / "calm").mkdir()
    wanted = uninterrupted(tmp_path / "calm")
    trial = Trial(seed=0, folder=tmp_path / "calm", expected=wanted)
    trial.check_nothing_is_lost()
    trial.check_outcome()
    runs = Session(folder=trial.folder).runs_folder()
    assert runs
    journal = runs / "scratch-torch-cpu-s0.jsonl"
    lines = journal.read_bytes().split(b"\n")
    journal.write_bytes(b"\n".join([*lines[:4], *lines[5:]]))
    with pytest.raises(AssertionError, match="has lost"):
        trial.check_nothing_is_lost()
    trial.journal_lines = {journal.name: Counter()}
    other = {**wanted, "scratch-torch-cpu-s0": {}}
    with pytest.raises(AssertionError, match="not as if nothing had happened"):
        Trial(seed=0, folder=trial.folder, expected=other).check_outcome()
