"""The frames as files, for people who make their own tables and plots of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd

from reports import words
from reports.frame import Frames

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""
IN_WORDS: dict[str, Callable[[Any], Any]] = {
    "reasons": lambda kinds: tuple(map(words.reason, kinds)),
    "warnings": lambda kinds: tuple(map(words.warning, kinds)),
    "energy_reads": lambda reads: None if words.missing(reads) else words.reads(reads),
}
"""Column of kinds -> the words for a cell of it."""


def csv(frames: Frames, folder: Path) -> list[Path]:
    """One .csv a frame, without pixels; several values of a cell are joined by "; ".

    A text that a spreadsheet would run gets a ' before it.
    """
    written = []
    for name, frame in _named(frames):
        safe = frame.drop(columns=["pixels"], errors="ignore").copy()
        for column in safe.columns:
            if not pd.api.types.is_numeric_dtype(safe[column]):
                safe[column] = safe[column].map(_as_text)
        written.append(folder / f"{name}.csv")
        safe.to_csv(written[-1], index=False, encoding="utf-8")
    return written


def parquet(frames: Frames, folder: Path) -> list[Path]:
    """One .parquet a frame, with its types: several values are a list; pixels are 32 x 32 x 3 uint8."""
    written = []
    for name, frame in _named(frames):
        written.append(folder / f"{name}.parquet")
        frame.to_parquet(written[-1], index=False)
    return written


def _named(frames: Frames) -> Iterator[tuple[str, pd.DataFrame]]:
    """Name -> frame, its kinds in words."""
    for field in dataclasses.fields(frames):
        frame: pd.DataFrame = getattr(frames, field.name).drop(columns=["record"], errors="ignore")
        kinds = {name: frame[name].map(IN_WORDS[name]) for name in IN_WORDS if name in frame.columns}
        yield field.name, frame.assign(**kinds)


def _as_text(value: object) -> object:
    if isinstance(value, tuple):
        value = "; ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
