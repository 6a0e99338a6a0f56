"""Reads a saved result file as records. The file is not trusted: what is wrong becomes a sentence."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from alexnet.recipe import EXPERIMENTS, Recipe
from alexnet.spec import Network, network
from bench.records.cell_recipe import recipe_of
from bench.records.checksum import run_checksum
from bench.records.codec import RecordError, build
from bench.records.types import (
    SCHEMA_VERSION,
    Cell,
    Condition,
    Epoch,
    Failure,
    Gate,
    Interruption,
    Machine,
    Pause,
    Plan,
    Result,
    SkippedCell,
    Start,
    Verdict,
)

Problems = Iterator[str]
"""Sentences, each on one thing that is wrong, beginning with the path of the field."""

MAX_BYTES = 200_000_000
MAX_DEPTH = 32  # a saved file has eight levels


class UnreadableFile(Exception):
    """A file that cannot be checked at all, and why."""


class _ValueNotAllowed(ValueError):
    """A value that Python reads from JSON and that no saved file has."""


@dataclass(frozen=True, kw_only=True)
class SavedRun:
    """One run, field by field as docs/results.md explains it."""

    cell: Cell
    plan: Plan
    gate: Gate | None
    before: Condition | None
    start: Start | None
    epochs: tuple[Epoch, ...]
    interruptions: tuple[Interruption, ...]
    result: Result | None
    after: Condition | None
    verdict: Verdict
    failure: Failure | None
    seal: str


@dataclass(frozen=True, kw_only=True)
class LoadedRun(SavedRun):
    """A run with its machine and its entry in pytest-benchmark's list, None if it is a failure."""

    machine: Machine
    benchmark: Mapping[str, Any] | None
    computed_checksum: str

    @cached_property
    def net(self) -> Network:
        """The network that was trained. Raises IllegalNetwork if the plan cannot be run."""
        return network(EXPERIMENTS[self.cell.experiment].variant, image_size=self.plan.image_size)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe as the worker ran it."""
        return recipe_of(self.cell, self.plan)


@dataclass(frozen=True, kw_only=True)
class LoadedFile:
    """The runs of a file that are records of this schema, and a sentence on each part that is not."""

    machine: str
    runs: tuple[LoadedRun, ...]
    skipped: tuple[SkippedCell, ...]
    problems: tuple[str, ...]


def format_value(value: Any) -> str:
    """A value as it stands in a sentence; a long one is cut."""
    text = f"{value:.9g}" if isinstance(value, float) else json.dumps(value, default=str)
    return text if len(text) <= 72 else f"{text[:60]}…"


def read(path: Path) -> Any:
    """The JSON value in a file. Raises UnreadableFile, with a sentence, for anything else."""
    try:
        if not path.is_file():
            raise UnreadableFile("there is no such file" if not path.exists() else "this is no file")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise UnreadableFile(f"it has {size:,} bytes, and no result file has over {MAX_BYTES:,}")
        content = json.loads(
            path.read_text("utf8"),
            parse_constant=_reject_constant,
            parse_float=_parse_float,
            parse_int=_parse_int,
            object_pairs_hook=_dict_without_duplicates,
        )
    except OSError as error:
        raise UnreadableFile(f"it cannot be read: {error.strerror}") from error
    except RecursionError:
        raise UnreadableFile(f"it is nested deeper than {MAX_DEPTH} levels") from None
    except _ValueNotAllowed as error:
        raise UnreadableFile(str(error)) from None
    except ValueError as error:  # UnicodeDecodeError, JSONDecodeError
        raise UnreadableFile(f"it is not JSON: {error}") from error
    _check_depth(content)
    return content


def _reject_constant(text: str) -> Any:
    raise _ValueNotAllowed(f"it holds {text}, which is no JSON and no figure")


def _parse_float(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _reject_constant(text[:20])


def _parse_int(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        raise _ValueNotAllowed(
            f"it holds a whole number of {len(text)} digits, and none has over 63 bits"
        )
    return int(text)


def _dict_without_duplicates(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) < len(pairs):
        key = next(key for key, count in Counter(key for key, _ in pairs).items() if count > 1)
        raise _ValueNotAllowed(f"one object in it has the key {format_value(key)} twice")
    return fields


def _check_depth(content: Any) -> None:
    # Level by level: a recursion would overflow on a file that is made to be deep.
    level = [content]
    for _ in range(MAX_DEPTH):
        level = [
            child
            for value in level
            if isinstance(value, dict | list)
            for child in (value.values() if isinstance(value, dict) else value)
        ]
    if level:
        raise UnreadableFile(f"it is nested deeper than {MAX_DEPTH} levels")


def load(content: Any) -> LoadedFile:
    """The records of a file. Raises UnreadableFile if pytest-benchmark did not save it."""
    if not isinstance(content, dict):
        raise UnreadableFile("it is no object, and so no file that pytest-benchmark saved")
    if not isinstance(content.get("machine_info"), dict) or not isinstance(
        content.get("benchmarks"), list
    ):
        raise UnreadableFile(
            "it lacks machine_info or benchmarks, and so is no file of pytest-benchmark"
        )
    problems: list[str] = []
    raw_machine = content["machine_info"].get("machine")
    machine = _build_or_report(Machine, raw_machine, "machine_info.machine", problems)
    name = str(raw_machine.get("name")) if isinstance(raw_machine, dict) else "unknown"
    lists = {key: content.get(key) for key in ("failures", "skipped", "interruptions")}
    problems += [f"{key} is no list" for key, value in lists.items() if not isinstance(value, list)]
    failures, skipped, pauses = (value if isinstance(value, list) else [] for value in lists.values())
    entries: list[tuple[str, Any, Any]] = []  # where a run stands, its benchmark, the run
    for index, item in enumerate(content["benchmarks"]):
        benchmark = item if isinstance(item, dict) else {}
        entries.append((f"benchmarks[{index}].extra_info", benchmark, benchmark.get("extra_info")))
    entries += [(f"failures[{index}]", None, raw) for index, raw in enumerate(failures)]
    if other_schema := [text for where, _, raw in entries for text in _other_schema(where, raw)]:
        # The machine has the other schema too, so its problems would say nothing more.
        return LoadedFile(machine=name, runs=(), skipped=(), problems=tuple(other_schema))
    runs = []
    for where, benchmark, raw in entries:
        run = _build_or_report(SavedRun, raw, _cell_id(raw) or where, problems)
        if run and machine:
            saved_fields = {field.name: getattr(run, field.name) for field in fields(run)}
            checksum = run_checksum(raw, raw_machine)
            runs.append(
                LoadedRun(
                    **saved_fields, machine=machine, benchmark=benchmark, computed_checksum=checksum
                )
            )
    for index, raw in enumerate(pauses):
        _build_or_report(Pause, raw, f"interruptions[{index}]", problems)
    skipped_cells = [
        _build_or_report(SkippedCell, raw, f"skipped[{index}]", problems)
        for index, raw in enumerate(skipped)
    ]
    return LoadedFile(
        machine=name,
        runs=tuple(runs),
        skipped=tuple(cell for cell in skipped_cells if cell),
        problems=tuple(problems),
    )


def _build_or_report(kind: Any, raw: Any, where: str, problems: list[str]) -> Any:
    """The record; or None, and a sentence is added to the problems."""
    try:
        return build(kind, raw)
    except RecordError as error:
        problems.append(f"{where}: {error}")
        return None


def _other_schema(where: str, raw: Any) -> Problems:
    start = raw.get("start") if isinstance(raw, dict) else None
    if isinstance(start, dict) and "schema" in start and start["schema"] != SCHEMA_VERSION:
        yield (
            f"{_cell_id(raw) or where}: start.schema is {format_value(start['schema'])}, and this reads"
            f" version {SCHEMA_VERSION} alone: check it with the version of this suite that saved it"
        )


def _cell_id(raw: Any) -> str | None:
    """The id of a run's cell, or None if even the cell cannot be read."""
    try:
        return str(build(Cell, raw["cell"]).id)
    except (RecordError, KeyError, TypeError):
        return None
