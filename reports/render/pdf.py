"""The report as a PDF, set by Typst, whose template reads every text as data and none as source."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import typst

from reports.draw import fonts
from reports.render.html import TEMPLATES
from reports.render.page import Block, Chapter, Line, brief, kept_together, lead_in, page, rest, text_of
from reports.write.document import Report

ROWS = 40
"""Rows of a table on a page, at most; the files beside the report have all."""
FIRST_ROWS = 20
"""Of the first page's table, which is to end on it."""
COLUMNS = 12
"""Columns that a page can hold in a type that is still read."""
UNBROKEN, UNBROKEN_CELL = 30, 10
"""Words of up to so many letters are never broken: the first in running text and in cells of sentences,
the second in other cells."""
SENTENCE = 60
"""Letters of a cell that is read like running text, and whose lines break."""
MOST, MOST_NAMED, MOST_WORD = 500, 80, 150
"""Characters of a cell or link, of a heading, which stands on every page, and of a word in a cell."""

BREAK = "\N{ZERO WIDTH SPACE}"


def render(report: Report) -> bytes:
    """A PDF, upright throughout, that is the same, byte for byte, wherever and whenever it is made.

    A letter that the fonts of Typst and of matplotlib do not have is set in a font of this computer, or
    stands as its code point, so that only there two computers may differ.
    """
    document = page(report, numbers=False)
    shown = {
        "eyebrow": _text(document.eyebrow),
        "title": _text(document.title),
        "running": _text(_cut_after_word(document.title, MOST_NAMED)),
        "summary": [_block(block) for block in document.summary],
        "figures": [
            {"line": _line(figure.line), "lines": [*map(_text, figure.lines)]}
            for figure in document.figures
        ],
        "front": [_block(block) for block in document.front],
        "chapters": [_chapter(chapter) for chapter in document.chapters],
    }
    text = json.dumps(shown, default=vars, ensure_ascii=False)
    found = fonts.fallbacks(text)
    families = ["Libertinus Serif", fonts.FAMILY, *(font.family for font in found)]
    return typst.compile(
        TEMPLATES / "report.typ",
        sys_inputs={"report": fonts.drawable(text), "families": json.dumps(families)},
        font_paths=[path.parent for path in (fonts.PATH, *(font.path for font in found))],
        ignore_system_fonts=True,
        timestamp=0,
    )


def _chapter(chapter: Chapter) -> dict[str, Any]:
    blocks = [_block(block) for block in chapter.blocks]
    title = _text(chapter.title)
    return {"id": chapter.id, "title": title, "appendix": chapter.appendix, "blocks": blocks}


def _block(block: Block) -> dict[str, Any]:
    shown = (
        brief(block, FIRST_ROWS if block.id == "table-front" else ROWS)
        if block.kind == "table"
        else block
    )
    columns = shown.columns[:COLUMNS]
    head, first = lead_in(shown.lines[0]) if block.kind == "note" and shown.lines else ("", ())
    lines = tuple(map(_line, (first, *shown.lines[1:]) if head else shown.lines))
    wraps = [
        any(len(text_of(row.cells[place])) > SENTENCE for row in shown.rows)
        for place in range(len(columns))
    ]
    rows = [
        {
            "kind": row.kind,
            "same": row.same,
            "cells": [
                _cell(cell, UNBROKEN if is_words else UNBROKEN_CELL)
                for cell, is_words in zip(row.cells, wraps, strict=False)
            ],
            "tight": [_cell(cell, UNBROKEN_CELL) for cell in row.cells[:COLUMNS]],
        }
        for row in shown.rows
    ]
    heads = [
        {
            "name": _breakable(_cut(column.name, MOST_NAMED), UNBROKEN_CELL),
            "align": column.align,
            "wraps": is_words,
        }
        for column, is_words in zip(columns, wraps, strict=True)
    ]
    words, _, path = rest(shown).rpartition(": ")
    if more := len(shown.columns) - len(columns):
        words = f"{words}{' and ' * bool(words)}{more} more column{'s' * (more > 1)}"
    # Typst's best line breaks take minutes where a word goes on for pages.
    endless = any(len(word) > MOST for line in block.lines for word in text_of(line).split(" "))
    return {
        "kind": block.kind,
        "id": block.id,
        "title": _text(block.title),
        "head": _text(head),
        "lines": lines,
        "columns": heads,
        "rows": rows,
        "grouped": shown.grouped,
        "endless": endless,
        "rest": words or path,
        "file": path if words else "",
        "alt": block.alt,
        "svg": block.svg,
    }


def _line(line: Line, unbroken: int = UNBROKEN, most: int | None = None) -> Line:
    """The line with places to break; words of more than `most` characters, and links, end in dots."""
    return tuple(
        _breakable(_cut(part, most), unbroken)
        if isinstance(part, str)
        else replace(part, text=_breakable(_cut(part.text, MOST_WORD), unbroken))
        for part in line
    )


def _cell(line: Line, unbroken: int) -> Line:
    """A cell with places to break in words of more than so many letters, and none that fills a page."""
    short = tuple(
        " ".join(_cut(word, MOST_WORD) for word in part.split(" ")) if isinstance(part, str) else part
        for part in line
    )
    return _line(short, unbroken, MOST)


def _text(text: str) -> str:
    return _breakable(text, UNBROKEN)


def _breakable(text: str, unbroken: int) -> str:
    """The text with a place to break after each letter of a word of more than so many."""
    text = kept_together(text)
    if len(text) <= unbroken:
        return text
    return " ".join(BREAK.join(word) if len(word) > unbroken else word for word in text.split(" "))


def _cut(text: str, most: int | None) -> str:
    return text if most is None or len(text) <= most else text[: most - 1] + "…"


def _cut_after_word(text: str, most: int) -> str:
    """The text, or so many of its letters as end with a word, and dots; a long first word is cut."""
    if len(text) <= most:
        return text
    head, _, _ = text[:most].rpartition(" ")
    return f"{head.rstrip(' ,;:')}…" if head.strip(" ,;:") else _cut(text, most)
