"""The report as a PDF, set by Typst, whose template reads every text as data and none as source."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby

import typst

from reports.document import Report
from reports.html import TEMPLATES
from reports.page import Block, Chapter, Line, page, text_of

POINTS_PER_MM = 72 / 25.4
PORTRAIT = (210 - 2 * 25) * POINTS_PER_MM
LANDSCAPE = (297 - 2 * 18) * POINTS_PER_MM
"""Widths of text on A4 in points; the template's margins are these."""

SIZES = (9.0, 8.5, 8.0, 7.5, 7.0)
"""Sizes of a table's type in points, the first that fits wins, upright before landscape."""

SMALLEST = 6.0
GUTTER = 1.1
"""Space between two columns, in em."""

LONGEST = 22.0
"""A column wants no more than this, in em: longer texts wrap."""

UNBROKEN = 18.0
"""Words of more em may be broken anywhere in running text, since no line could hold two of them."""

MOST, MOST_NAMED = 500, 80
"""Characters of a cell or link, and of a heading, which stands on every page and must leave room."""

BREAK = "\N{ZERO WIDTH SPACE}"
NARROW, WIDE = "iljtfrI.,:;'|!()[]/- ", "mwMWOQ%@&—"


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How a table is set: size of type and widths of columns in points, and which way the page lies."""

    size: float
    widths: tuple[float, ...]
    landscape: bool


def render(report: Report) -> bytes:
    """A PDF that is the same, byte for byte, wherever and whenever it is made."""
    document = page(report, numbers=False)
    chapters = [_shown(chapter) for chapter in document.chapters]
    shown = {
        "title": breakable(document.title),
        "running": _cut(document.title, 50),
        "subtitle": breakable(document.subtitle),
        "facts": [[breakable(label), breakable(text)] for label, text in document.facts],
        "summary": [_block(block) for block in document.summary],
        "chapters": chapters,
    }
    return typst.compile(
        (TEMPLATES / "report.typ").read_bytes(),
        sys_inputs={"report": json.dumps(shown, default=vars)},
        ignore_system_fonts=True,
        timestamp=0,
    )


def _shown(chapter: Chapter) -> dict[str, object]:
    """The chapter as leaves: blocks that follow each other on pages which lie the same way."""
    lies = [layout(block).landscape for block in chapter.blocks]
    for place in range(len(lies) - 2, -1, -1):
        # Words before a wide table share its page: alone they would leave one nearly empty.
        if lies[place + 1] and all(
            each.kind in ("text", "note") for each in chapter.blocks[: place + 1]
        ):
            lies[place] = True
    leaves = []
    for landscape, pairs in groupby(zip(lies, chapter.blocks, strict=True), key=lambda pair: pair[0]):
        leaves.append({"landscape": landscape, "blocks": [_block(block) for _, block in pairs]})
    leaves = leaves or [{"landscape": False, "blocks": []}]
    title = breakable(chapter.title)
    return {"id": chapter.id, "title": title, "appendix": chapter.appendix, "leaves": leaves}


def _block(block: Block) -> dict[str, object]:
    lines = tuple(_broken(line, UNBROKEN, most=None) for line in block.lines)
    columns: Sequence[object] = ()
    rows = block.rows
    found = layout(block)
    if rows:
        room = [width / found.size - GUTTER for width in found.widths]
        rows = tuple(replace(row, cells=tuple(map(_broken, row.cells, room))) for row in rows)
        columns = [
            {"name": breakable(_cut(column.name, MOST_NAMED), em), "align": column.align}
            for column, em in zip(block.columns, room, strict=True)
        ]
    shown = replace(block, lines=lines, rows=rows, title=breakable(block.title))
    # Typst's best line breaks take minutes where a word goes on for pages.
    endless = any(len(word) > MOST for line in block.lines for word in text_of(line).split(" "))
    settings = {"size": found.size, "widths": found.widths, "endless": endless}
    more = f"{block.left_out:,}" if block.left_out else ""
    return vars(shown) | settings | {"columns": columns, "left_out": more}


def layout(table: Block) -> Layout:
    """Widths that add up to a page at most: smaller type comes first, then landscape, then wrapping."""
    wanted = [_wanted(column) for column in _columns(table)]
    if not wanted:
        return Layout(size=SIZES[0], widths=(), landscape=False)
    for landscape, width in ((False, PORTRAIT), (True, LANDSCAPE)):
        for size in SIZES:
            if (natural := sum(wanted) * size) <= width:
                # A table that nearly fills the page fills it; a small one stays as narrow as it is.
                stretch = width / natural if natural > 0.7 * width else 1
                widths = tuple(em * size * stretch for em in wanted)
                return Layout(size=size, widths=widths, landscape=landscape)
    # Columns that ask for little get it, the others share what is left.
    left, shares = LANDSCAPE, [0.0] * len(wanted)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    for place, column in enumerate(order):
        shares[column] = min(wanted[column] * SMALLEST, left / (len(order) - place))
        left -= shares[column]
    return Layout(size=SMALLEST, widths=tuple(shares), landscape=True)


def _columns(table: Block) -> Iterator[list[str]]:
    """Each column's texts, its heading first, and the label that a row's kind adds to its first cell."""
    for index, column in enumerate(table.columns if table.rows else ()):
        texts = [text_of(row.cells[index]) for row in table.rows]
        if index == 0:
            texts = [f"{text} {row.kind}" for text, row in zip(texts, table.rows, strict=True)]
        # A baseline's bold is a tenth wider.
        bold = any(row.kind == "baseline" for row in table.rows)
        texts = [f"{text}{'n' * (len(text) // 10)}" for text in texts] if bold else texts
        yield [column.name, *texts]


def _wanted(texts: list[str]) -> float:
    """The em that a column wants: all of a short text, of a long one as much as its longest word."""
    heading, *cells = texts
    longest = max(_width(text) for text in cells)
    words = max(_width(word) for text in texts for word in text.split(" "))
    return min(max(longest, min(_width(heading), 6.0), min(words, 14.0)), LONGEST) + GUTTER


def _width(text: str) -> float:
    """About how many em a text takes in the PDF's serif: rather more than it does."""
    found = 0.0
    for character in text[:200]:
        if character in NARROW:
            found += 0.34
        elif character in WIDE or character.isupper():
            found += 0.76
        elif character.isascii():
            found += 0.52
        else:
            found += 1.0 if unicodedata.east_asian_width(character) in "WF" else 0.62
    return found


def breakable(text: str, room: float = UNBROKEN) -> str:
    """The text with a place to break after each character of a word that takes more than `room` em."""
    if len(text) <= room:  # no character takes more than one
        return text
    words = ((word, _width(word) > room) for word in text.split(" "))
    return " ".join(BREAK.join(word) if broken else word for word, broken in words)


def _broken(line: Line, room: float, most: int | None = MOST) -> Line:
    """The line with places to break; words of more than `most` characters, and links, end in dots."""
    return tuple(
        breakable(_cut(part, most), room)
        if isinstance(part, str)
        else replace(part, text=breakable(_cut(part.text, MOST), room))
        for part in line
    )


def _cut(text: str, most: int | None) -> str:
    return text if most is None or len(text) <= most else text[: most - 1] + "…"
