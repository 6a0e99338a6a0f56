"""What a session was begun with, and how that differs when it is resumed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from msgspec import to_builtins

from bench.records import diff
from bench.records.computer import agreeing_parts
from bench.records.types import Cell, Machine, Plan, Record


class PlannedCell(Record, frozen=True, kw_only=True):
    """A cell and its plan."""

    cell: Cell
    plan: Plan


class Manifest(Record, frozen=True, kw_only=True):
    """What one session was begun with; it stays on this computer.

    `options` are as given, with folders. `code` maps each file that a session imports to its hash.
    """

    schema: int
    method: int
    profile: str
    save_as: str
    options: dict[str, Any]
    cells: tuple[PlannedCell, ...]
    machine: Machine
    data_sha256: str | None
    environment: dict[str, str]
    code: dict[str, str]

    def differences(self, first: Manifest) -> list[str]:
        """What differs from the session's first manifest, field by field."""
        return [
            *_cell_differences(self, first),
            *_field_differences(self, first),
            *_code_differences(self.code, first.code),
        ]


def _cell_differences(now: Manifest, first: Manifest) -> Iterator[str]:
    """Cells in one manifest only, then differences in the plans; equal lines are joined."""
    plans, first_plans = (
        {planned.cell.id: planned.plan for planned in manifest.cells} for manifest in (now, first)
    )
    for cell in {**first_plans, **plans}:
        if cell not in plans:
            yield f"cell {cell}: not asked for now"
        elif cell not in first_plans:
            yield f"cell {cell}: not asked for when it began"
    shared = [cell for cell in plans if cell in first_plans]
    cells_by_line: dict[str, list[str]] = {}
    for cell in shared:
        for line in _diff({"plan": to_builtins(plans[cell])}, {"plan": to_builtins(first_plans[cell])}):
            cells_by_line.setdefault(line, []).append(cell)
    for line, cells in cells_by_line.items():
        yield line if len(cells) == len(shared) else f"{line} ({', '.join(cells)})"


def _field_differences(now: Manifest, first: Manifest) -> list[str]:
    """Differences in machine, data and environment, but for readings that can be of one computer."""

    def compared_fields(manifest: Manifest) -> dict[str, Any]:
        fields = to_builtins(manifest)
        return {name: fields[name] for name in ("machine", "data_sha256", "environment")}

    same = [f"machine.{part}" for part in agreeing_parts(now.machine, first.machine)]
    return _diff(compared_fields(now), compared_fields(first), skip=same)


def _code_differences(now: Mapping[str, str], first: Mapping[str, str]) -> Iterator[str]:
    for file in sorted({**now, **first}):
        if now.get(file) != first.get(file):
            change = "is gone" if file not in now else "is new" if file not in first else "has changed"
            yield f"code: {file} {change}"


def _diff(now: Mapping[str, Any], first: Mapping[str, Any], *, skip: Collection[str] = ()) -> list[str]:
    return diff.diff(now, first, skip=skip, sides=("now", "when it began"))
