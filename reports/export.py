"""The frames as files, for people who make their own tables and plots of them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path

import pandas as pd

from reports.frame import Frames

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


def csv(frames: Frames, folder: Path) -> list[Path]:
    """One .csv a frame, without pixels. A text that a spreadsheet would run gets a ' before it."""
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
    """One .parquet a frame, with its types; pixels are bytes, 32 x 32 x 3 uint8."""
    written = []
    for name, frame in _named(frames):
        written.append(folder / f"{name}.parquet")
        frame.to_parquet(written[-1], index=False)
    return written


def _named(frames: Frames) -> Iterator[tuple[str, pd.DataFrame]]:
    for field in dataclasses.fields(frames):
        yield field.name, getattr(frames, field.name).drop(columns=["record"], errors="ignore")


def _as_text(value: object) -> object:
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
