"""Records on disk as they come: one JSON line each, appended, synced, never changed again.

A line is {"at": UTC time, "part": what it is, "record": its fields, "crc32": over the three before}. A
reader passes over what is torn or damaged, and says so.
"""

from __future__ import annotations

import dataclasses
import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from alexnet.durable import sync, sync_folder
from bench.records.codec import RecordError, build, now, parse


@dataclass(frozen=True, kw_only=True)
class Line:
    """One sound line: when it was written, what it is, and the record."""

    at: str
    part: str
    record: Any


@dataclass(frozen=True, kw_only=True)
class Damaged:
    """A line that is no record any more, and why."""

    number: int
    why: str


class Journal:
    """A file that only grows."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, part: str, record: Any) -> None:
        """Returns when the record is on the disk. Raises OSError where it cannot be."""
        line = to_line(part, record).encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            # What a cut left without its end must not swallow the line that follows.
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            while line:
                line = line[os.write(descriptor, line) :]
            sync(descriptor)
        finally:
            os.close(descriptor)
        if not size:  # the folders may be as new as the file
            for folder in self.path.parents[:2]:
                sync_folder(folder)


def to_line(part: str, record: Any) -> str:
    """The line of one record, its newline included."""
    fields = {"at": now(), "part": part, "record": dataclasses.asdict(record)}
    return json.dumps(fields | {"crc32": _crc32(fields)}, allow_nan=False) + "\n"


def _crc32(fields: Mapping[str, Any]) -> str:
    text = json.dumps([fields[name] for name in ("at", "part", "record")], allow_nan=False)
    return f"{zlib.crc32(text.encode()):08x}"


def read(path: Path, kinds: Mapping[str, Any]) -> list[Line | Damaged]:
    """Every line in its order, `kinds` being part -> record class. Raises OSError."""
    lines = path.read_bytes().split(b"\n")
    return [_line(number, line, kinds) for number, line in enumerate(lines, 1) if line]


def _line(number: int, line: bytes, kinds: Mapping[str, Any]) -> Line | Damaged:
    try:
        fields = parse(line.decode("utf8"))
        if not isinstance(fields, dict) or set(fields) != {"at", "part", "record", "crc32"}:
            return Damaged(number=number, why="it is no line of a journal")
        if fields["crc32"] != _crc32(fields):
            return Damaged(number=number, why="its checksum is not its own")
        part = str(fields["part"])
        if part not in kinds:
            return Damaged(number=number, why=f"there is no part {part!r} in this schema")
        if datetime.fromisoformat(fields["at"]).tzinfo is None:
            return Damaged(number=number, why="its time has no zone")
        record = build(kinds[part], fields["record"])
    except UnicodeDecodeError:
        return Damaged(number=number, why="it is no text")
    except (RecordError, ValueError, TypeError, RecursionError) as error:
        return Damaged(number=number, why=str(error))
    return Line(at=fields["at"], part=part, record=record)


def describe(path: Path, damaged: Damaged) -> str:
    """A damaged line in a sentence."""
    return f"{path.name}, line {damaged.number}, was passed over: {damaged.why}"
