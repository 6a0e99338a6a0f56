"""The words of a report, for tests that read it: put together without drawing."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from typing import Any

import pandas as pd

from reports import report as written
from reports.data.files import readable
from reports.draw import house
from reports.render import data
from reports.study.compare import Study
from reports.write.document import Block, Paragraph, Report, Sentence, Table

FRONT = "front"
"""The key of the first page, beside those of the chapters."""


def put_together(study: Study) -> Report:
    """The report as it is, but for its drawings, which take most of its time and hold no word."""
    with house.without_drawing():
        return written.report(study)


def sentences(report: Report) -> dict[str, list[Sentence]]:
    """Chapter's key -> its sentences in the order of reading, captions among them."""
    first = [sentence for paragraph in report.summary for sentence in paragraph.sentences]
    found = {FRONT: [*first, *sentences_of(report.front)]}
    for section in report.sections:
        found[section.key] = sentences_of(section.blocks)
    return found


def sentences_of(blocks: Sequence[Block]) -> list[Sentence]:
    """The sentences of blocks in the order of reading, captions among them."""
    return [
        sentence
        for block in blocks
        for sentence in (block.sentences if isinstance(block, Paragraph) else block.caption)
    ]


def text(report: Report, key: str | None = None) -> str:
    """All sentences of a chapter, or of the whole report."""
    return " ".join(
        sentence.text
        for name, found in sentences(report).items()
        if key in (None, name)
        for sentence in found
    )


def tables(report: Report) -> dict[str, Table]:
    """Key -> table, of the first page and of all chapters."""
    return {block.key: block for block in report.blocks if isinstance(block, Table)}


def whole_text(report: Report) -> str:
    """All that the report says but for its tables' cells: titles, and the sentences under them."""
    figures = [f"{each.number.text}: {'; '.join(each.lines)}" for each in report.figures]
    lines = [report.eyebrow, report.title, *_told(report.summary), *figures, *_told(report.front)]
    for section in report.sections:
        lines += ["", f"[{section.title}]", *_told(section.blocks)]
    return "\n".join(lines) + "\n"


def _told(blocks: Sequence[Block]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, Paragraph):
            yield " ".join(sentence.text for sentence in block.sentences)
        else:
            yield f"{type(block).__name__}: {block.title}"
            yield from (f"  {sentence.text}" for sentence in block.caption)


MOST_SHOWN = 12
"""Rows of a frame whose values a text has one by one."""


def frames_text(report: Report) -> str:
    """The frames beside a report, as their files have them: a line a column, floats in four digits.

    Columns of one value come first, in one line. Of many rows there are the first three and, for all of
    them, the sum or how many different values there are.
    """
    parts = []
    for name, frame in data.frames(report).items():
        shown = readable(frame).drop(columns="bytes", errors="ignore")  # they change with each new field
        columns = {column: [_value(value) for value in shown[column]] for column in shown}
        same = {column: cells[0] for column, cells in columns.items() if len({*cells}) == 1}
        lines = [f"[{name}] {len(shown)} rows"]
        if same:
            text = "each: " + ", ".join(f"{column}={cell}" for column, cell in same.items())
            lines += textwrap.wrap(text, 105, break_on_hyphens=False, break_long_words=False)
        for column, cells in columns.items():
            if column not in same:
                lines.append(f"{column}: {_cells(cells, shown[column])}")
        parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n"


def _cells(cells: list[str], values: pd.Series[Any]) -> str:
    if len(cells) <= MOST_SHOWN:
        return " | ".join(cells)
    is_number = pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)
    rest = f"sum {values.sum():.4g}" if is_number else f"{len({*cells})} different"
    return f"{' | '.join(cells[:3])} … {rest}"


def _value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    text = " ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
    return re.sub(r"\b[0-9a-f]{64}\b", "SHA256", text)
