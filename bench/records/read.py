"""Reads a saved result file as records. The file is not trusted: what is wrong becomes a sentence."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal, TypeVar

from msgspec import structs

from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import EXPERIMENTS, Recipe
from alexnet.spec import Network, network
from bench.records.cell_recipe import recipe_of
from bench.records.checksum import run_checksum
from bench.records.codec import RecordError, build, parse
from bench.records.types import Cell, Machine, Pause, Run, SkippedCell
from bench.records.upgrade import Damaged, file_version, upgraded

Problems = Iterator[str]
"""Sentences, each on one thing that is wrong, beginning with the path of the field."""

MAX_BYTES = 200_000_000
MAX_DEPTH = 32  # a saved file has eight levels

ProblemKind = Literal[
    "unreadable",  # a file that the system does not give
    "not a result file",  # one that this suite did not save
    "other version",  # one of another schema
    "not a record",  # a part whose fields or figures cannot be
    "unknown engine",  # a run of an engine that this version does not have
]


class UnreadableFile(Exception):
    """A file that cannot be checked at all, and why."""

    def __init__(self, text: str, kind: ProblemKind = "not a result file") -> None:
        super().__init__(text)
        self.kind = kind


class LoadedRun(Run, kw_only=True, dict=True):
    """A run with its machine and its entry in pytest-benchmark's list, None if it is a failure.

    `file_version` is the schema of the file as it was saved, before it was upgraded.
    """

    file_version: int
    machine: Machine
    benchmark: dict[str, Any] | None
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
class Problem:
    """What is wrong with a part of a file, in a sentence, and which kind of thing that is."""

    kind: ProblemKind
    text: str


@dataclass(frozen=True, kw_only=True)
class LoadedFile:
    """The runs of a file that are records of this schema, and what is wrong with each other part.

    `pauses` are where its session stopped and was resumed.
    """

    machine: str
    runs: tuple[LoadedRun, ...]
    skipped: tuple[SkippedCell, ...]
    pauses: tuple[Pause, ...]
    problems: tuple[Problem, ...]


def format_value(value: Any) -> str:
    """A value as it stands in a sentence; a long one is cut."""
    text = f"{value:.9g}" if isinstance(value, float) else json.dumps(value, default=str)
    return text if len(text) <= 72 else f"{text[:60]}…"


def read(path: Path) -> Any:
    """The JSON value in a file. Raises UnreadableFile, with a sentence, for anything else."""
    try:
        if not path.is_file():
            text = "there is no such file" if not path.exists() else "this is no file"
            raise UnreadableFile(text, "unreadable")
        if (size := path.stat().st_size) > MAX_BYTES:
            raise UnreadableFile(f"it has {size:,} bytes, and no result file has over {MAX_BYTES:,}")
        raw = path.read_bytes()
        # Windows' programs save JSON in UTF-16, or begin it with a byte order mark.
        content = parse(raw.decode(json.detect_encoding(raw)))
    except OSError as error:
        raise UnreadableFile(f"it cannot be read: {error.strerror}", "unreadable") from error
    except RecordError as error:
        raise UnreadableFile(str(error)) from error
    except UnicodeDecodeError as error:
        raise UnreadableFile(f"it is not JSON: {error}") from error
    _check_depth(content)
    return content


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


def require_benchmarks(content: Any) -> None:
    """Raises UnreadableFile if pytest-benchmark did not save the content, for whatever suite."""
    if not isinstance(content, dict):
        raise UnreadableFile("it is no object, and so no file that pytest-benchmark saved")
    if not isinstance(content.get("machine_info"), dict) or not isinstance(
        content.get("benchmarks"), list
    ):
        raise UnreadableFile(
            "it lacks machine_info or benchmarks, and so is no file of pytest-benchmark"
        )


def load(content: Any) -> LoadedFile:
    """The records of a file. Raises UnreadableFile if this suite did not save it."""
    require_benchmarks(content)
    raw_machine = content["machine_info"].get("machine")
    # pytest-benchmark's own value is a string, such as "arm64". Files before version 5 have no schema.
    if "schema" not in content and not isinstance(raw_machine, dict):
        raise UnreadableFile(
            "another suite saved it with pytest-benchmark: it has no record of the computer and no"
            " schema"
        )
    name = str(raw_machine.get("name")) if isinstance(raw_machine, dict) else "unknown"
    lists = ("failures", "skipped", "interruptions")
    problems = [
        Problem(kind="not a record", text=f"{key} is no list")
        for key in lists
        if not isinstance(content.get(key), list)
    ]
    content = content | {key: [] for key in lists if not isinstance(content.get(key), list)}
    checksums = [run_checksum(raw, raw_machine) for _, _, raw in _runs(content)]
    try:
        version = file_version(content)
        content = upgraded(content, version)
    except RecordError as error:
        # The machine has the other schema too, so its problems would say nothing more.
        problem = Problem(kind="other version", text=str(error))
        return LoadedFile(machine=name, runs=(), skipped=(), pauses=(), problems=(problem,))
    machine = _build_or_report(Machine, raw_machine, "machine_info.machine", problems)
    runs = []
    for (where, benchmark, raw), checksum in zip(_runs(content), checksums, strict=True):
        run = _build_or_report(Run, raw, _cell_id(raw) or where, problems)
        if run and machine:
            parts = structs.asdict(run)
            runs.append(
                LoadedRun(
                    **parts,
                    file_version=version,
                    machine=machine,
                    benchmark=benchmark,
                    computed_checksum=checksum,
                )
            )
    pauses = [
        _build_or_report(Pause, raw, f"interruptions[{index}]", problems)
        for index, raw in enumerate(content["interruptions"])
    ]
    skipped_cells = [
        _build_or_report(SkippedCell, raw, f"skipped[{index}]", problems)
        for index, raw in enumerate(content["skipped"])
    ]
    return LoadedFile(
        machine=name,
        runs=tuple(runs),
        skipped=tuple(cell for cell in skipped_cells if cell),
        pauses=tuple(pause for pause in pauses if pause),
        problems=tuple(problems),
    )


def _runs(content: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any] | None, Any]]:
    """(where it stands, its benchmark, the run) of every run; a failure has no benchmark."""
    for index, item in enumerate(content["benchmarks"]):
        benchmark = item if isinstance(item, dict) else {}
        yield f"benchmarks[{index}].extra_info", benchmark, benchmark.get("extra_info")
    for index, raw in enumerate(content["failures"]):
        yield f"failures[{index}]", None, raw


T = TypeVar("T")


def _build_or_report(kind: type[T], raw: Any, where: str, problems: list[Problem]) -> T | None:
    """The record; or None, and what is wrong is added to the problems."""
    if isinstance(raw, Damaged):
        problems.append(Problem(kind="not a record", text=f"{raw.where or where}: {raw.why}"))
        return None
    try:
        return build(kind, raw)
    except RecordError as error:
        unknown = _unknown_engine(raw)
        if unknown is not None:
            text = f"{where}: there is no engine {format_value(unknown)} in this version of the suite"
            problems.append(Problem(kind="unknown engine", text=text))
        else:
            problems.append(Problem(kind="not a record", text=f"{where}: {error}"))
        return None


def _unknown_engine(raw: Any) -> str | None:
    """The engine of a run or a skipped cell, if this version has none of that name."""
    cell = raw.get("cell") if isinstance(raw, dict) else None
    engine = cell.get("engine") if isinstance(cell, dict) else None
    return engine if isinstance(engine, str) and engine not in ENGINES else None


def _cell_id(raw: Any) -> str | None:
    """The id of a run's cell, or None if even the cell cannot be read."""
    try:
        return build(Cell, raw["cell"]).id
    except (RecordError, KeyError, TypeError):
        return None
