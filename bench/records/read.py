"""A saved result file as records: read without trust, and refused in a sentence."""

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
from bench.records.checksum import run_checksum
from bench.records.codec import RecordError, build
from bench.records.recipe import recipe_of
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
    """A run where it stands: pytest-benchmark's part of it, None among the failures, and its machine."""

    machine: Machine
    benchmark: Mapping[str, Any] | None
    computed_checksum: str

    @cached_property
    def net(self) -> Network:
        """Raises IllegalNetwork, as `plan_makes_a_run` finds first."""
        return network(EXPERIMENTS[self.cell.experiment].variant, image_size=self.plan.image_size)

    @cached_property
    def recipe(self) -> Recipe:
        """The recipe as bench/worker/ runs it."""
        return recipe_of(self.cell, self.plan)


@dataclass(frozen=True, kw_only=True)
class LoadedFile:
    """A file: its runs as far as they are records of this schema, and in words what is not."""

    machine: str
    runs: tuple[LoadedRun, ...]
    skipped: tuple[SkippedCell, ...]
    problems: tuple[str, ...]


Problems = Iterator[str]


def as_text(value: Any) -> str:
    """A value as a sentence has it, cut where it is long."""
    text = f"{value:.9g}" if isinstance(value, float) else json.dumps(value, default=str)
    return text if len(text) <= 72 else f"{text[:60]}…"


MOST_BYTES = 200_000_000
MOST_DEPTH = 32  # a saved file has eight


class UnreadableFile(Exception):
    """A file that cannot be asked anything, and why."""


class _NoFigure(ValueError):
    """JSON that Python reads and that is none, or says two things at once."""


def read(path: Path) -> Any:
    """The JSON value of a file. Raises Unreadable, in a sentence, for whatever is none."""
    try:
        if not path.is_file():
            raise UnreadableFile("there is no such file" if not path.exists() else "this is no file")
        if (size := path.stat().st_size) > MOST_BYTES:
            raise UnreadableFile(f"it has {size:,} bytes, and no result file has over {MOST_BYTES:,}")
        content = json.loads(
            path.read_text("utf8"),
            parse_constant=_refused,
            parse_float=_finite,
            parse_int=_whole,
            object_pairs_hook=_once,
        )
    except OSError as error:
        raise UnreadableFile(f"it cannot be read: {error.strerror}") from error
    except RecursionError:
        raise UnreadableFile(f"it is nested deeper than {MOST_DEPTH} levels") from None
    except _NoFigure as error:
        raise UnreadableFile(str(error)) from None
    except ValueError as error:  # UnicodeDecodeError, JSONDecodeError
        raise UnreadableFile(f"it is not JSON: {error}") from error
    _limit_depth(content)
    return content


def _refused(text: str) -> Any:
    raise _NoFigure(f"it holds {text}, which is no JSON and no figure")


def _finite(text: str) -> float:
    value = float(text)
    return value if math.isfinite(value) else _refused(text[:20])


def _whole(text: str) -> int:
    if len(text) > 20 or not -(2**63) <= int(text) < 2**63:
        raise _NoFigure(f"it holds a whole number of {len(text)} digits, and none has over 63 bits")
    return int(text)


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        twice = next(key for key, times in Counter(key for key, _ in pairs).items() if times > 1)
        raise _NoFigure(f"one object in it has the key {as_text(twice)} twice")
    return found


def _limit_depth(content: Any) -> None:
    """Level by level, since whoever nests that deep wants a recursion to fail."""
    level = [content]
    for _ in range(MOST_DEPTH):
        level = [
            inner
            for value in level
            if isinstance(value, dict | list)
            for inner in (value.values() if isinstance(value, dict) else value)
        ]
    if level:
        raise UnreadableFile(f"it is nested deeper than {MOST_DEPTH} levels")


def load(content: Any) -> LoadedFile:
    """The records of a file. Raises Unreadable where it is not one that pytest-benchmark saved."""
    if not isinstance(content, dict):
        raise UnreadableFile("it is no object, and so no file that pytest-benchmark saved")
    if not isinstance(content.get("machine_info"), dict) or not isinstance(
        content.get("benchmarks"), list
    ):
        raise UnreadableFile(
            "it lacks machine_info or benchmarks, and so is no file of pytest-benchmark"
        )
    amiss: list[str] = []
    own = content["machine_info"].get("machine")
    machine = _build_or_note(Machine, own, "machine_info.machine", amiss)
    lists = {name: content.get(name) for name in ("failures", "skipped", "interruptions")}
    amiss += [f"{name} is no list" for name, value in lists.items() if not isinstance(value, list)]
    failures, skipped, pauses = (value if isinstance(value, list) else [] for value in lists.values())
    entries: list[tuple[str, Any, Any]] = []
    for index, benchmark in enumerate(content["benchmarks"]):
        given = benchmark if isinstance(benchmark, dict) else {}
        entries.append((f"benchmarks[{index}].extra_info", given, given.get("extra_info")))
    entries += [(f"failures[{index}]", None, raw) for index, raw in enumerate(failures)]
    others = [sentence for where, _, raw in entries for sentence in _other_schema(where, raw)]
    if others:  # its machine is of that schema as well
        return LoadedFile(machine=_name(own), runs=(), skipped=(), problems=tuple(others))
    runs = []
    for where, benchmark, raw in entries:
        run = _build_or_note(SavedRun, raw, _named(where, raw), amiss)
        if run and machine:
            due = {
                "machine": machine,
                "benchmark": benchmark,
                "computed_checksum": run_checksum(raw, own),
            }
            runs.append(LoadedRun(**{f.name: getattr(run, f.name) for f in fields(run)}, **due))
    for index, raw in enumerate(pauses):
        _build_or_note(Pause, raw, f"interruptions[{index}]", amiss)
    skips = [
        _build_or_note(SkippedCell, raw, f"skipped[{index}]", amiss) for index, raw in enumerate(skipped)
    ]
    return LoadedFile(
        machine=_name(own),
        runs=tuple(runs),
        skipped=tuple(skip for skip in skips if skip),
        problems=tuple(amiss),
    )


def _build_or_note(kind: Any, raw: Any, where: str, amiss: list[str]) -> Any:
    """The record, or None and a sentence more in `amiss`."""
    try:
        return build(kind, raw)
    except RecordError as error:
        amiss.append(f"{where}: {error}")
        return None


def _other_schema(where: str, raw: Any) -> Problems:
    start = raw.get("start") if isinstance(raw, dict) else None
    if isinstance(start, dict) and "schema" in start and start["schema"] != SCHEMA_VERSION:
        yield (
            f"{_named(where, raw)}: start.schema is {as_text(start['schema'])}, and this reads version"
            f" {SCHEMA_VERSION} alone: check it with the version of this suite that saved it"
        )


def _named(where: str, raw: Any) -> str:
    """The cell's id, or where it stands if even that cannot be read."""
    try:
        return str(build(Cell, raw["cell"]).id)
    except (RecordError, KeyError, TypeError):
        return where


def _name(machine: Any) -> str:
    return str(machine.get("name")) if isinstance(machine, dict) else "unknown"
