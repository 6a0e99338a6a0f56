"""What a record costs its worker, timed on a real pipe and a real journal."""

from __future__ import annotations

import sys
from pathlib import Path
from time import sleep

import pytest

from bench.overhead import records
from bench.overhead.records import TIMES, RecordsFailed, record_seconds
from bench.records.journal import Line, read
from bench.records.progress import PROGRESS_FILE
from bench.records.types import Epoch
from tests.support.samples import EPOCH, job


def test_each_record_reaches_the_journal_before_the_next_is_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow = 0.005
    monkeypatch.setattr("bench.records.journal.sync", lambda descriptor: sleep(slow))
    sent, heartbeat = record_seconds(job(str(tmp_path)), EPOCH, tmp_path)
    lines = read(tmp_path / "records.jsonl", {"epochs": Epoch})
    assert [line.record for line in lines if isinstance(line, Line)] == TIMES * [EPOCH]
    assert (tmp_path / PROGRESS_FILE).exists(), "what a session writes besides is in its price"
    assert slow < sent, "the worker waits for the disk"
    assert 0 < heartbeat < sent, "and for nothing at a heartbeat"


def test_a_worker_that_ends_early_is_a_sentence(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(records, "COMMAND", (sys.executable, "-c", "import sys; sys.exit(3)"))
    with pytest.raises(RecordsFailed, match="ended with status 3 before it had sent its records"):
        record_seconds(job(str(tmp_path)), EPOCH, tmp_path)


def test_a_folder_that_is_none_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(RecordsFailed, match=r"could not be timed: .*nowhere"):
        record_seconds(job(str(tmp_path)), EPOCH, tmp_path / "nowhere")
