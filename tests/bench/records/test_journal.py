"""A record in a journal is read back exactly, or reported as damaged."""

from __future__ import annotations

import errno
import json
import os
import random
import zlib
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from bench.records import journal
from bench.records.journal import DamagedLine, Journal, Line
from bench.records.types import Check, Epoch, Failure, Interruption, NoResult, OnBattery, Verdict
from bench.session.cell_history import PARTS
from tests.support.samples import CELL, CONDITION, EPOCH, GATE, PLAN, RESULT, ROOFLINE, START

FAILURE = Failure(reason="ein Grund\nin zwei Zeilen: J*J* ½ \u2028 🦘", log_tail='\x00 "quoted" \\ \t')
INTERRUPTION = Interruption(
    stopped_at="2026-11-24T12:00:00+00:00",
    why=None,
    resumed_at="2026-11-24T13:00:00+00:00",
    seconds=3600.0,
    after_epoch=3,
    resumed_after=2,
    went_back_because="its checkpoint is damaged",
    differences=("another torch", "¼ of the memory"),
)
VERDICT = Verdict(validity="invalid", reasons=(NoResult(),), warnings=(OnBattery(),))
TRUE_FLOATS = replace(
    EPOCH,
    train_seconds=0.1 + 0.2,
    learning_rate=5e-324,
    train_loss=1e39,
    train_accuracy=-0.0,
    validation_accuracy=1 / 3,
    energy_joules={"gpu": 1e-300, "ä": 2.0**-1074},
)
NOTHING = replace(
    RESULT,
    best_epoch=None,
    test_loss=None,
    per_class_accuracy=None,
    confusion=None,
    weights_sha256=None,
    drift=replace(RESULT.drift, drift=None),
    checks=(Check(name="", measured=None, lower=-0.0, upper=1e22, description=""),),
)
RECORDS: list[tuple[str, Any]] = [
    ("cell", CELL),
    ("plan", PLAN),
    ("plan", replace(PLAN, train_images=None, data_provenance="größer")),
    ("gate", GATE),
    ("roofline", ROOFLINE),
    ("before", CONDITION),
    ("start", START),
    ("epochs", EPOCH),
    ("epochs", TRUE_FLOATS),
    ("interruptions", INTERRUPTION),
    ("after", CONDITION),
    ("result", RESULT),
    ("result", NOTHING),
    ("verdict", VERDICT),
    ("failure", FAILURE),
]
SMALL: list[tuple[str, Any]] = [("failure", FAILURE), ("epochs", TRUE_FLOATS), ("roofline", ROOFLINE)]
NEW = ("failure", Failure(reason="added afterwards", log_tail=""))


@pytest.fixture
def swift(monkeypatch: pytest.MonkeyPatch) -> None:
    """No sync to disk: hundreds of lines would take a Mac seconds."""
    monkeypatch.setattr(journal, "sync", lambda descriptor: None)


def put(path: Path, records: list[tuple[str, Any]]) -> bytes:
    for part, record in records:
        Journal(path).add(part, record)
    return path.read_bytes()


def exact(part: str, record: Any) -> tuple[str, str]:
    """A record to compare exactly: -0.0 is not 0.0, and a list is no tuple."""
    return part, repr(record)


def sound(path: Path) -> list[tuple[str, str]]:
    lines = journal.read(path, PARTS)
    return [exact(line.part, line.record) for line in lines if isinstance(line, Line)]


def damaged(path: Path) -> list[DamagedLine]:
    return [line for line in journal.read(path, PARTS) if isinstance(line, DamagedLine)]


def with_checksum(part: Any, record: Any, *, at: Any = "2026-11-24T12:00:00+00:00") -> str:
    """A line with the right checksum, whatever is in it."""
    fields = {"at": at, "part": part, "record": record}
    crc32 = zlib.crc32(json.dumps([at, part, record]).encode())
    return json.dumps({**fields, "crc32": f"{crc32:08x}"})


def test_every_kind_of_record_comes_back_to_the_bit(tmp_path: Path) -> None:
    assert {part for part, _ in RECORDS} == set(PARTS)
    path = tmp_path / "cell.jsonl"
    put(path, RECORDS)
    assert sound(path) == [exact(*entry) for entry in RECORDS]
    assert damaged(path) == []


def test_a_line_is_as_the_documentation_says_and_has_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal, "utc_now", lambda: "2026-11-24T12:00:00+00:00")
    path = tmp_path / "cell.jsonl"
    text = put(path, [("failure", FAILURE)])
    assert text.decode("ascii") == with_checksum("failure", to_builtins(FAILURE)) + "\n"
    [line] = journal.read(path, PARTS)
    assert line == Line(at="2026-11-24T12:00:00+00:00", part="failure", record=FAILURE)


def test_who_returns_from_add_has_the_line_on_disk_and_a_new_file_its_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "new" / "cell.jsonl"
    calls: list[tuple[str, int]] = []

    def note(what: str) -> None:
        calls.append((what, path.read_bytes().count(b"\n")))

    def sync(descriptor: int) -> None:
        assert os.fstat(descriptor).st_ino == path.stat().st_ino
        note("bytes")

    monkeypatch.setattr(journal, "sync", sync)
    monkeypatch.setattr(journal, "sync_folder", lambda folder: note(f"names in {folder.name}"))
    put(path, SMALL[:2])
    assert calls == [("bytes", 1), ("names in new", 1), (f"names in {tmp_path.name}", 1), ("bytes", 2)]


@pytest.mark.usefixtures("swift")
def test_wherever_it_is_cut_the_whole_lines_are_read_and_the_next_one_too(tmp_path: Path) -> None:
    path = tmp_path / "cell.jsonl"
    text = put(path, SMALL)
    ends = [n for n, byte in enumerate(text) if byte == ord("\n")]
    assert len(ends) == len(SMALL)
    for cut in range(len(text) + 1):
        path.write_bytes(text[:cut])
        whole = [exact(*entry) for entry, end in zip(SMALL, ends, strict=True) if end <= cut]
        torn = cut not in (0, *ends, *(end + 1 for end in ends))
        assert sound(path) == whole, cut
        assert [line.number for line in damaged(path)] == [len(whole) + 1] * torn, cut
        after = put(path, [NEW])
        assert after.startswith(text[:cut]), cut
        assert sound(path) == [*whole, exact(*NEW)], cut
        assert len(damaged(path)) == torn, cut


@pytest.mark.usefixtures("swift")
def test_no_flipped_bit_makes_another_record_of_one(tmp_path: Path) -> None:
    path = tmp_path / "cell.jsonl"
    text = put(path, [*SMALL, ("interruptions", INTERRUPTION)])
    written = sound(path)
    draw = random.Random(3)
    for position in range(len(text)):
        flipped = bytearray(text)
        flipped[position] ^= 1 << draw.randrange(8)
        path.write_bytes(flipped)
        hit = text[:position].count(b"\n")
        gone = 2 if text[position] == ord("\n") else 1  # without its end a line runs into the next one
        if sound(path) == written:  # 1e-05 and 1E-05 are the same
            assert damaged(path) == [], position
        else:
            assert sound(path) == written[:hit] + written[hit + gone :], position
            assert {line.number for line in damaged(path)} <= {hit + 1, hit + 2}, position
            assert damaged(path), position


EPOCH_FIELDS = to_builtins(EPOCH)
NESTED = to_builtins(ROOFLINE) | {"more": 1}
HOSTILE: dict[str, str | bytes] = {
    "no JSON": "Traceback (most recent call last):",
    "no text": b"\xff\xfe\x00",
    "a mark of the byte order": "\ufeff" + with_checksum("epochs", EPOCH_FIELDS),
    "two records": with_checksum("epochs", EPOCH_FIELDS) + with_checksum("epochs", EPOCH_FIELDS),
    "a list": "[1, 2]",
    "null": "null",
    "deep lists": "[" * 100_000,
    "deep objects": '{"at":' * 100_000,
    "an integer of 5,000 digits": '{"at": "", "part": "", "crc32": "", "record": ' + "1" * 5000 + "}",
    "another key": with_checksum("epochs", EPOCH_FIELDS)[:-1] + ', "more": 1}',
    "a key too few": '{"at": "", "part": "", "record": {}}',
    "another checksum": with_checksum("epochs", EPOCH_FIELDS).replace('"images": 640', '"images": 641'),
    "a number for a checksum": '{"at": "", "part": "epochs", "record": {}, "crc32": 5}',
    "NaN": with_checksum("epochs", EPOCH_FIELDS | {"train_loss": float("nan")}),
    "infinity": with_checksum("epochs", EPOCH_FIELDS | {"train_loss": float("-inf")}),
    "a float out of range": with_checksum("epochs", EPOCH_FIELDS).replace("2.3,", "1e999,"),
    "an integer that is no float": with_checksum("epochs", EPOCH_FIELDS | {"train_seconds": 10**400}),
    "an unknown part": with_checksum("surprise", EPOCH_FIELDS),
    "a list for a part": with_checksum(["epochs"], EPOCH_FIELDS),
    "an object for a part": with_checksum({"epochs": 1}, EPOCH_FIELDS),
    "null for a part": with_checksum(None, EPOCH_FIELDS),
    "another part": with_checksum("plan", EPOCH_FIELDS),
    "a list for a record": with_checksum("epochs", [EPOCH_FIELDS]),
    "null for a record": with_checksum("epochs", None),
    "a field too many": with_checksum("epochs", EPOCH_FIELDS | {"more": 1}),
    "half a character in a field": with_checksum("epochs", EPOCH_FIELDS | {"\ud800": 1}),
    "a field too few": with_checksum("failure", {"reason": "why"}),
    "a field of another type": with_checksum("epochs", EPOCH_FIELDS | {"images": "640"}),
    "an object in a map of words": with_checksum(
        "start", to_builtins(START) | {"versions": {"torch": {}}}
    ),
    "a nested field too many": with_checksum("start", to_builtins(START) | {"roofline": NESTED}),
    "a number for a time": with_checksum("epochs", EPOCH_FIELDS, at=5),
    "a word for a time": with_checksum("epochs", EPOCH_FIELDS, at="yesterday"),
    "a time of no zone": with_checksum("epochs", EPOCH_FIELDS, at="2026-11-24T12:00:00"),
}


def test_the_hostile_lines_are_hostile_in_one_way_each(tmp_path: Path) -> None:
    path = tmp_path / "cell.jsonl"
    path.write_text(with_checksum("epochs", EPOCH_FIELDS))
    assert sound(path) == [exact("epochs", EPOCH)]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_is_passed_over_and_its_neighbours_are_read(tmp_path: Path, name: str) -> None:
    path = tmp_path / "cell.jsonl"
    line = HOSTILE[name]
    before = put(path, [("plan", PLAN)])
    path.write_bytes(before + (line if isinstance(line, bytes) else line.encode()) + b"\n")
    put(path, [NEW])
    assert sound(path) == [exact("plan", PLAN), exact(*NEW)]
    [bad] = damaged(path)
    sentence = journal.describe(path, bad)
    assert sentence.startswith("cell.jsonl, line 2, was passed over: ")
    assert len(sentence) < 1000


def test_an_empty_file_has_no_lines_and_a_missing_one_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "empty").touch()
    assert journal.read(tmp_path / "empty", PARTS) == []
    with pytest.raises(FileNotFoundError):
        journal.read(tmp_path / "missing", PARTS)


def test_what_is_in_a_journal_is_never_changed_again(tmp_path: Path) -> None:
    path = tmp_path / "cell.jsonl"
    before = b""
    for entry in RECORDS:
        after = put(path, [entry])
        assert after.startswith(before)
        assert len(after) > len(before)
        before = after


def test_two_who_write_in_turn_keep_each_others_lines(tmp_path: Path) -> None:
    path = tmp_path / "cell.jsonl"
    first, second = Journal(path), Journal(path)
    for n in (1, 2, 3):
        first.add("epochs", replace(EPOCH, epoch=2 * n - 1))
        second.add("epochs", replace(EPOCH, epoch=2 * n))
    records = [line.record for line in journal.read(path, {"epochs": Epoch}) if isinstance(line, Line)]
    assert [record.epoch for record in records] == [1, 2, 3, 4, 5, 6]


def test_what_is_no_number_is_not_written(tmp_path: Path) -> None:
    path = tmp_path / "cell.jsonl"
    before = put(path, SMALL)
    with pytest.raises(ValueError, match="not JSON compliant"):
        Journal(path).add("epochs", replace(EPOCH, train_loss=float("nan")))
    assert path.read_bytes() == before


def test_a_journal_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "cell.jsonl").mkdir()
    with pytest.raises(IsADirectoryError):
        Journal(tmp_path / "cell.jsonl").add("plan", PLAN)
    (tmp_path / "file").touch()
    with pytest.raises(OSError, match="file"):
        Journal(tmp_path / "file" / "cell.jsonl").add("plan", PLAN)


def test_a_full_disk_is_an_error_and_the_next_line_is_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "cell.jsonl"
    put(path, [("plan", PLAN)])
    write, calls = os.write, iter(range(9))

    def full(descriptor: int, data: bytes) -> int:
        if next(calls):
            raise OSError(errno.ENOSPC, "no space left")
        return write(descriptor, data[:40])

    with monkeypatch.context() as patch:
        patch.setattr(os, "write", full)
        with pytest.raises(OSError, match="no space left"):
            Journal(path).add("epochs", EPOCH)
    put(path, [NEW])
    assert sound(path) == [exact("plan", PLAN), exact(*NEW)]
    assert len(damaged(path)) == 1
