"""An append-only file of records: one JSON line each, synced to disk before `add` returns.

A line is {"at": UTC time, "part": its kind, "record": its fields, "crc32": of the three before}. The
reader skips torn and damaged lines, and reports them.
"""

from __future__ import annotations

import json
import os
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from alexnet.durable import sync, sync_folder
from bench.records.clock import utc_now
from bench.records.codec import RecordError, build, parse


@dataclass(frozen=True, kw_only=True)
class Line:
    """One intact line: when it was written, its kind, and the record."""

    at: str
    part: str
    record: Any


@dataclass(frozen=True, kw_only=True)
class DamagedLine:
    """A line that cannot be read as a record, and why."""

    number: int
    why: str


class Journal:
    """Appends to one file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def add(self, part: str, record: msgspec.Struct) -> None:
        """Appends a record, and returns when it is on the disk. Raises OSError if it cannot."""
        line = to_line(part, record).encode()
        self.path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
        try:
            # A torn line, left by an interruption, must not run into the new one.
            size = os.fstat(descriptor).st_size
            if size and os.pread(descriptor, 1, size - 1) != b"\n":
                line = b"\n" + line
            while line:
                line = line[os.write(descriptor, line) :]
            sync(descriptor)
        finally:
            os.close(descriptor)
        if not size:  # a new file: its name, and its folder's, must be on the disk as well
            for folder in self.path.parents[:2]:
                sync_folder(folder)


def to_line(part: str, record: msgspec.Struct) -> str:
    """The line of one record, with its newline."""
    fields = {"at": utc_now(), "part": part, "record": msgspec.to_builtins(record)}
    return json.dumps(fields | {"crc32": _crc32(fields)}, allow_nan=False) + "\n"


def _crc32(fields: Mapping[str, Any]) -> str:
    text = json.dumps([fields[name] for name in ("at", "part", "record")], allow_nan=False)
    return f"{zlib.crc32(text.encode()):08x}"


def read(path: Path, kinds: Mapping[str, type[Any]]) -> list[Line | DamagedLine]:
    """All lines in order; `kinds` maps each part to its record class. Raises OSError."""
    lines = path.read_bytes().split(b"\n")
    return [_parse_line(number, line, kinds) for number, line in enumerate(lines, 1) if line]


def _parse_line(number: int, line: bytes, kinds: Mapping[str, type[Any]]) -> Line | DamagedLine:
    try:
        fields = parse(line.decode("utf8"))
        if not isinstance(fields, dict) or set(fields) != {"at", "part", "record", "crc32"}:
            return DamagedLine(number=number, why="it is no line of a journal")
        if fields["crc32"] != _crc32(fields):
            return DamagedLine(number=number, why="its checksum is not its own")
        part = str(fields["part"])
        if part not in kinds:
            return DamagedLine(number=number, why=f"there is no part {part!r} in this schema")
        if datetime.fromisoformat(fields["at"]).tzinfo is None:
            return DamagedLine(number=number, why="its time has no zone")
        record = build(kinds[part], fields["record"])
    except UnicodeDecodeError:
        return DamagedLine(number=number, why="it is no text")
    except (RecordError, ValueError, TypeError, RecursionError) as error:
        return DamagedLine(number=number, why=str(error))
    return Line(at=fields["at"], part=part, record=record)


def describe(path: Path, damaged: DamagedLine) -> str:
    """A sentence on a damaged line."""
    return f"{path.name}, line {damaged.number}, was passed over: {damaged.why}"
