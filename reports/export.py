"""The frames and the tables' rows as files, for people who make their own tables and plots of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from bench.records.types import Reads
from reports import audit, words
from reports.study.compare import Study
from reports.tables import (
    classes,
    comparisons,
    conditions,
    glance,
    network,
    origins,
    resources,
    steadiness,
    time_to_reach,
)

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
TABLES: Mapping[str, Callable[[Study], pd.DataFrame]] = {
    "glance": glance.glance,
    "frameworks": comparisons.engines,
    "machines": comparisons.machines,
    "means": comparisons.means,
    "differences": comparisons.differences,
    "time_to_reach": time_to_reach.time_to_reach,
    "steadiness": steadiness.steadiness,
    "resources": resources.resources,
    "classes": classes.per_class,
    "class_extremes": classes.extremes,
    "confusions": classes.confusions,
    "networks": network.networks,
    "layers": network.layers,
    "changes": lambda _: network.changes(),
    "computers": conditions.machines,
    "conditions": conditions.runs,
    "gates": conditions.gates,
    "audit": audit.audit,
    "settings": origins.settings,
    "recipes": origins.recipes,
    "others": glance.others,
    "apart": origins.apart,
    "skipped": origins.skipped,
    "left_out": origins.left_out,
    "runs": origins.runs,
    "sources": origins.sources,
}
"""Key of a table of the report -> the frame with all its rows, also those that the page leaves out."""
FOLDER = "tables"
"""Where the tables' frames lie: some have the name of a frame of the files, and other rows."""


def _in_words(cell: Any) -> Any:
    """A kind as its sentence, and several as a tuple of theirs; anything else as it is."""
    if isinstance(cell, tuple):
        return tuple(map(_in_words, cell))
    if words.missing(cell):
        return None
    return words.reads(cell) if isinstance(cell, Reads) else cell


IN_WORDS: dict[str, Callable[[Any], Any]] = {
    "reasons": lambda kinds: tuple(map(words.reason, kinds)),
    "warnings": lambda kinds: tuple(map(words.warning, kinds)),
    "energy_reads": _in_words,
}
"""Column of kinds -> the words for a cell of it."""


def csv(study: Study, folder: Path) -> list[Path]:
    """One .csv a frame, without pixels, and one a table in the folder `tables`; returns their paths.

    Several values of a cell are joined by "; ". A text that a spreadsheet would run gets a ' before it.
    """
    written = []
    for name, frame in _named(study):
        safe = frame.drop(columns=["pixels"], errors="ignore").copy()
        for column in safe.columns:
            if not pd.api.types.is_numeric_dtype(safe[column]):
                safe[column] = safe[column].map(_as_text)
        written.append(_file(folder, f"{name}.csv"))
        safe.to_csv(written[-1], index=False, encoding="utf-8")
    return written


def parquet(study: Study, folder: Path) -> list[Path]:
    """The same as .parquet, with types: several values are a list; pixels are 32 x 32 x 3 uint8."""
    written = []
    for name, frame in _named(study):
        written.append(_file(folder, f"{name}.parquet"))
        frame.to_parquet(written[-1], index=False)
    return written


def _file(folder: Path, name: str) -> Path:
    """The path of a file, whose folder is made."""
    file = folder / name
    file.parent.mkdir(parents=True, exist_ok=True)
    return file


def _named(study: Study) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name -> frame, its kinds in words: those of the files first, then those of the tables."""
    for field in dataclasses.fields(study.frames):
        yield field.name, _readable(getattr(study.frames, field.name))
    for key, frame in TABLES.items():
        yield f"{FOLDER}/{key}", _readable(frame(study))


def _readable(frame: pd.DataFrame) -> pd.DataFrame:
    frame = frame.drop(columns=["record"], errors="ignore")
    return frame.assign(
        **{name: frame[name].map(form) for name, form in IN_WORDS.items() if name in frame}
    )


def _as_text(value: object) -> object:
    if isinstance(value, tuple):
        value = "; ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
