"""The written report before it has a format: sections of sentences, tables and pictures, all plain text.

Nothing in here is markup: whatever a file says, a renderer shows as the text that it is.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from string import Formatter
from typing import Literal

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
    """A table's column: its heading, and which way its cells lean."""

    name: str
    align: Literal["left", "right"] = "left"


RowKind = Literal["", "published", "invalid", "failed", "baseline"]


@dataclass(frozen=True, kw_only=True)
class Table:
    """Cells as text. `kinds` has one entry a row: what makes a row unlike the others.

    `caption` says how to read it; `left_out` is the number of rows that are too many for a page.
    """

    key: str
    title: str
    caption: tuple[Sentence, ...]
    columns: tuple[Column, ...]
    rows: tuple[tuple[str, ...], ...]
    kinds: tuple[RowKind, ...] = ()
    left_out: int = 0

    def kind(self, row: int) -> RowKind:
        return self.kinds[row] if self.kinds else ""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A plot as SVG in the light palette, its text as paths. `alt` says what it shows without seeing it.

    `caption` says how to read it and what it shows here.
    """

    key: str
    title: str
    caption: tuple[Sentence, ...]
    alt: str
    svg: str


Block = Paragraph | Table | Picture


@dataclass(frozen=True, kw_only=True)
class Section:
    """A chapter; `key` is its anchor, and an appendix is set smaller and after the contents' end."""

    key: str
    title: str
    blocks: tuple[Block, ...]
    appendix: bool = False


@dataclass(frozen=True, kw_only=True)
class Report:
    """Everything that a reader is told. `facts` are (label, text) lines under the title."""

    title: str
    subtitle: str
    facts: tuple[tuple[str, str], ...]
    summary: tuple[Paragraph, ...]
    sections: tuple[Section, ...]

    def sentences(self) -> Iterator[tuple[str, Sentence]]:
        """Every sentence in the order of reading, with the title of where it stands."""
        for paragraph in self.summary:
            yield from (("In short", sentence) for sentence in paragraph.sentences)
        for section in self.sections:
            for block in section.blocks:
                found = block.sentences if isinstance(block, Paragraph) else block.caption
                yield from ((section.title, sentence) for sentence in found)

    def numbers(self) -> list[tuple[str, Number]]:
        """Every number of every sentence, in the order of reading, which numbers them from 1."""
        return [(place, number) for place, each in self.sentences() for number in each.numbers]


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
