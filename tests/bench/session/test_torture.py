"""A short torture: whatever strikes a session, nothing that was on disk is lost, and it can go on."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.torture import AT_REST, IN_FLIGHT, Session, Trial, torture, uninterrupted

pytestmark = pytest.mark.slow

FAULTS = 3
"""A taste: test_resume.py has each fault by name, and `make torture` strikes 200 times."""


def test_what_is_struck_at_random_ends_as_the_uninterrupted_session(tmp_path: Path) -> None:
    tally = torture(FAULTS, seed=11, folder=tmp_path)
    assert tally.failures == []
    assert tally.struck.total() >= FAULTS
    assert set(tally.struck) <= {*IN_FLIGHT, *AT_REST}


def test_the_torture_sees_what_is_lost(tmp_path: Path) -> None:
    """A line that was in a journal and is gone, and a session that has learnt something else."""
    (tmp_path / "calm").mkdir()
    wanted = uninterrupted(tmp_path / "calm")
    trial = Trial(seed=0, folder=tmp_path / "calm", wanted=wanted)
    trial.nothing_is_lost()
    trial.equals_the_uninterrupted()
    runs = Session(folder=trial.folder).runs()
    assert runs
    journal = runs / "scratch-torch-cpu-s0.jsonl"
    lines = journal.read_bytes().split(b"\n")
    journal.write_bytes(b"\n".join([*lines[:4], *lines[5:]]))
    with pytest.raises(AssertionError, match="has lost"):
        trial.nothing_is_lost()
    trial.seen = {journal.name: Counter()}
    other = {**wanted, "scratch-torch-cpu-s0": {}}
    with pytest.raises(AssertionError, match="not as if nothing had happened"):
        Trial(seed=0, folder=trial.folder, wanted=other).equals_the_uninterrupted()
