"""What a session was begun with, and what of it differs when another goes on with it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from bench.paths import ROOT
from bench.records import diff
from bench.records.types import Cell, Machine, Plan

CODE = ("conftest.py", "alexnet/**/*.py", "bench/**/*.py")


@dataclass(frozen=True, kw_only=True)
class PlannedCell:
    """A cell and how much of the protocol it runs."""

    cell: Cell
    plan: Plan


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """What one session was begun with; it stays on this computer.

    `options` are as they were given, with folders; `code` has a hash of each of this project's files.
    """

    schema: int
    profile: str
    save_as: str
    options: dict[str, Any]
    cells: tuple[PlannedCell, ...]
    machine: Machine
    data_sha256: str | None
    environment: dict[str, str]
    code: dict[str, str]

    def differences(self, first: Manifest) -> list[str]:
        """What differs from the first session's, field by field."""
        return [*_cells(self, first), *_fields(self, first), *_code(self.code, first.code)]


def code_hashes() -> dict[str, str]:
    """File -> the first digits of its sha256, of all that measures."""
    files = sorted(file for pattern in CODE for file in ROOT.glob(pattern))
    return {
        str(file.relative_to(ROOT)): hashlib.sha256(file.read_bytes()).hexdigest()[:12] for file in files
    }


def _cells(now: Manifest, first: Manifest) -> Iterator[str]:
    ours, theirs = ({each.cell.id: each.plan for each in terms.cells} for terms in (now, first))
    for cell in {**theirs, **ours}:
        if cell not in ours:
            yield f"cell {cell}: not asked for now"
        elif cell not in theirs:
            yield f"cell {cell}: not asked for when it began"
    shared = [cell for cell in ours if cell in theirs]
    found: dict[str, list[str]] = {}
    for cell in shared:
        for line in _between({"plan": asdict(ours[cell])}, {"plan": asdict(theirs[cell])}):
            found.setdefault(line, []).append(cell)
    for line, cells in found.items():
        yield line if len(cells) == len(shared) else f"{line} ({', '.join(cells)})"


def _fields(now: Manifest, first: Manifest) -> list[str]:
    def compared(terms: Manifest) -> dict[str, Any]:
        fields = asdict(terms)
        return {name: fields[name] for name in ("schema", "machine", "data_sha256", "environment")}

    return _between(compared(now), compared(first))


def _code(now: Mapping[str, str], first: Mapping[str, str]) -> Iterator[str]:
    for file in sorted({**now, **first}):
        if now.get(file) != first.get(file):
            how = "is gone" if file not in now else "is new" if file not in first else "has changed"
            yield f"code: {file} {how}"


def _between(now: Mapping[str, Any], first: Mapping[str, Any]) -> list[str]:
    return diff.diff(now, first, sides=("now", "when it began"))
