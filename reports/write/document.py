"""The written report before it has a format: sections of sentences, tables and pictures, all plain text.

Nothing in here is markup: whatever a file says, a renderer shows as the text that it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from string import Formatter
from typing import Literal

import pandas as pd

MOST_MACHINES = 12
"""Machines that one table or plot shows."""


@dataclass(frozen=True, kw_only=True)
class Number:
    """A figure as a sentence has it, and where it comes from.

    `text` is what the reader sees, unit included; `value` the unrounded figure in SI units, `what` says
    which statistic of what it is, and `runs` the ids of the runs that it was made of (R1, R2 …).
    """

    text: str
    value: float
    what: str
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Sentence:
    """Words and numbers in the order in which they are read; no part brings its own markup."""

    parts: tuple[str | Number, ...]

    @property
    def text(self) -> str:
        return "".join(part if isinstance(part, str) else part.text for part in self.parts)

    @property
    def numbers(self) -> tuple[Number, ...]:
        return tuple(part for part in self.parts if isinstance(part, Number))


@dataclass(frozen=True)
class Paragraph:
    """Sentences that belong together; `kind` note is set apart as a warning to the reader."""

    sentences: tuple[Sentence, ...]
    kind: Literal["text", "note"] = "text"


@dataclass(frozen=True, kw_only=True)
class Column:
    """A table's column: its heading, and which way its cells lean.

    `values` are the raw values of its cells, by which a page sorts; without them the cells' texts are
    read as numbers. A `minor` column goes first where a format has no room for all, and with one that is
    `joined` the one before it goes too.
    """

    name: str
    align: Literal["left", "right"] = "left"
    values: tuple[float | None, ...] = field(default=(), compare=False, repr=False)
    minor: bool = False
    joined: bool = False


RowKind = Literal["", "invalid", "failed", "baseline"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cells as text. `kinds` has one entry a row: what makes a row unlike the others.

    `caption` says how to read it; `left_out` is the number of rows that are too many for a page.
    `frame` has all rows as raw values in SI units, for the files beside the report; None where the table
    holds words alone. A table that is `only_in_html` is a count of its rows in the other formats, which
    say where the rows are. `brief` are the places of the rows that stand for all where a format shows
    few; without them these are the first.
    """

    key: str
    title: str
    caption: tuple[Sentence, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    kinds: tuple[RowKind, ...] = ()
    left_out: int = 0
    frame: pd.DataFrame | None = field(default=None, compare=False, repr=False)
    only_in_html: bool = False
    brief: tuple[int, ...] = ()

    def kind(self, row: int) -> RowKind:
        return self.kinds[row] if self.kinds else ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A plot as SVG in the light palette, its text as paths. `alt` says what it shows without seeing it.

    `caption` says how to read it. `narrow_svg` is the same drawn for the width of a telephone, if it is.
    """

    key: str
    title: str
    caption: tuple[Sentence, ...]
    alt: str
    svg: str
    narrow_svg: str = ""


Block = Paragraph | Table | Picture


@dataclass(frozen=True, kw_only=True)
class Section:
    """A chapter; `key` is its anchor, and an appendix is set smaller and after the contents' end.

    `data` has frames for the files beside the report that are of no table on the page.
    """

    key: str
    title: str
    blocks: tuple[Block, ...]
    appendix: bool = False
    data: Mapping[str, pd.DataFrame] = field(default_factory=dict, compare=False, repr=False)


@dataclass(frozen=True, kw_only=True)
class KeyFigure:
    """A figure of the first page, set large; `lines` under it say of what it is."""

    number: Number
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that a reader is told.

    The first page has the `eyebrow` (what was measured and when), the finding as `title`, `summary`
    under it, the key `figures`, and the blocks of `front`. `data` are the frames beside the report, as
    raw values under their names.
    """

    title: str
    summary: tuple[Paragraph, ...]
    sections: tuple[Section, ...]
    eyebrow: str = ""
    figures: tuple[KeyFigure, ...] = ()
    front: tuple[Block, ...] = ()
    data: Mapping[str, pd.DataFrame] = field(default_factory=dict, compare=False, repr=False)

    @property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks, of the first page and of the chapters."""
        return (*self.front, *(block for section in self.sections for block in section.blocks))

    def sentences(self) -> Iterator[tuple[str, Sentence]]:
        """Every sentence in the order of reading, with the title of where it stands."""
        for paragraph in self.summary:
            yield from (("In short", sentence) for sentence in paragraph.sentences)
        for key in self.figures:
            yield "In short", Sentence((key.number, f" {', '.join(key.lines)}"))
        for title, blocks in (
            ("In short", self.front),
            *((section.title, section.blocks) for section in self.sections),
        ):
            for block in blocks:
                sentences = block.sentences if isinstance(block, Paragraph) else block.caption
                yield from ((title, sentence) for sentence in sentences)

    def numbers(self) -> list[tuple[str, Number]]:
        """Every number of every sentence, in the order of reading, which numbers them from 1."""
        return [(place, number) for place, sentence in self.sentences() for number in sentence.numbers]


def say(template: str, **parts: str | Number) -> Sentence:
    """The sentence of a template such as "{machine} takes {seconds} an epoch.".

    What is put in is never read as a template itself. Raises KeyError for a part that is not given.
    """
    found: list[str | Number] = []
    for text, name, _, _ in Formatter().parse(template):
        if text:
            found.append(text)
        if name is not None:
            found.append(parts[name])
    return Sentence(tuple(found))
