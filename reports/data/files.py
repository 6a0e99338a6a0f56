"""A frame as CSV or Parquet that a spreadsheet or another program may read without harm."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from bench.records.types import Reads
from reports.write import words

FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet takes for the beginning of a formula."""


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


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame without whole records, its kinds in words."""
    frame = frame.drop(columns=["record"], errors="ignore")
    return frame.assign(
        **{name: frame[name].map(form) for name, form in IN_WORDS.items() if name in frame}
    )


def csv_text(frame: pd.DataFrame) -> str:
    """CSV of a readable frame, without pixels.

    Several values of a cell are joined by "; ". A text that a spreadsheet would run gets a ' before it.
    """
    safe = frame.drop(columns=["pixels"], errors="ignore").copy()
    for column in safe.columns:
        cells = safe[column]
        if isinstance(cells.dtype, pd.StringDtype):
            is_formula = cells.str.startswith(FORMULA).fillna(False).astype(bool)
            safe[column] = cells.where(~is_formula, "'" + cells)
        elif not pd.api.types.is_numeric_dtype(cells):
            safe[column] = cells.map(_as_text)
    return str(safe.to_csv(index=False))


def _as_text(value: object) -> object:
    if isinstance(value, tuple):
        value = "; ".join(map(str, value))
    return f"'{value}" if isinstance(value, str) and value.startswith(FORMULA) else value
