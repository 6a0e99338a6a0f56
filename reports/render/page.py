"""The report with clean texts, numbered figures and ids of its own: what every renderer starts from."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import count

from reports.draw.drawing import checked
from reports.render import data
from reports.write.document import Column, Number, Paragraph, Picture, Report, Section, Sentence, Table

NUMBERS = "Numbers in the text"
SPACES = re.compile(r"[\t-\r\x1c-\x1f\x85\u2028\u2029]+")
# Controls, halves of surrogate pairs, what turns the direction of reading, and what is no character.
UNSEEN = re.compile(
    r"[\0-\x08\x0e-\x1b\x7f-\x9f\ud800-\udfff\u202a-\u202e\u2066-\u2069\ufdd0-\ufdef\ufffe\uffff]"
)
UNIT = re.compile(r"(?<=\d) (?=(?:%|s|min|h|[kMG]?B|GiB|J|W|px)(?!\w))")
"""The space between a figure and its unit."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Words that link `to` an id, or bear one themselves; `title` says what they are."""

    text: str
    to: str = ""
    id: str = ""
    title: str = ""


Line = tuple[str | Part, ...]


@dataclass(frozen=True, kw_only=True)
class Row:
    """A table's row; `kind` is the document's, and shown as a label.

    `same` is a row whose first cell says the same as that of the row before, which need not be repeated.
    """

    cells: tuple[Line, ...]
    kind: str = ""
    same: bool = False


@dataclass(frozen=True, kw_only=True)
class Block:
    """A paragraph, table or picture; `lines` are the sentences, of its caption if it has one.

    `file` is where all rows of a table are, as seen from the report; empty where they are in no file.
    `brief` are the places of the rows that stand for all, `left_out` are rows that are not in `rows`.
    """

    kind: str
    lines: tuple[Line, ...]
    id: str = ""
    title: str = ""
    columns: tuple[Column, ...] = ()
    rows: tuple[Row, ...] = ()
    left_out: int = 0
    brief: tuple[int, ...] = ()
    only_in_html: bool = False
    file: str = ""
    alt: str = ""
    svg: str = ""
    narrow_svg: str = ""

    @cached_property
    def grouped(self) -> bool:
        """Whether rows follow each other that say the same in their first cell."""
        return any(row.same for row in self.rows)


@dataclass(frozen=True, kw_only=True)
class Chapter:
    """A section with an id of its own."""

    id: str
    title: str
    blocks: tuple[Block, ...]
    appendix: bool = False


@dataclass(frozen=True, kw_only=True)
class Figure:
    """A figure set large, and what stands under it."""

    line: Line
    lines: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Page:
    """The report with clean texts and ids that are unique; see `page` for its numbers."""

    eyebrow: str
    title: str
    summary: tuple[Block, ...]
    figures: tuple[Figure, ...]
    front: tuple[Block, ...]
    chapters: tuple[Chapter, ...]

    @property
    def pictures(self) -> list[Block]:
        """Every picture, in the order of reading."""
        blocks = [*self.front, *(block for chapter in self.chapters for block in chapter.blocks)]
        return [block for block in blocks if block.kind == "picture"]


def plain(text: str) -> str:
    """One line of text that can be shown; what cannot be shown leaves a mark where it stood."""
    if text.isascii() and text.isprintable():
        return text
    return UNSEEN.sub("\N{REPLACEMENT CHARACTER}", SPACES.sub(" ", text))


def kept_together(text: str) -> str:
    """The text with its figures and their units on one line."""
    return UNIT.sub("\N{NO-BREAK SPACE}", text)


def brief(table: Block, most: int) -> Block:
    """Of a table of more rows its brief ones, or so many; those that it leaves out are counted."""
    if table.only_in_html:
        return replace(table, rows=(), lines=(), left_out=table.left_out + len(table.rows))
    if len(table.rows) <= most:
        return table
    places = table.brief or range(most)
    rows = [table.rows[place] for place in places]
    first = [text_of(row.cells[0]) for row in rows]
    shown = tuple(
        replace(row, same=table.grouped and place > 0 and first[place] == first[place - 1])
        for place, row in enumerate(rows)
    )
    return replace(table, rows=shown, left_out=table.left_out + len(table.rows) - len(rows))


def rest(table: Block) -> str:
    """What is said of the rows that are left out; empty where there is none."""
    if not table.left_out:
        return ""
    more = f"{table.left_out:,} {'more ' * bool(table.rows)}row{'s' * (table.left_out > 1)}"
    return f"{more}: {table.file}" if table.file else more


def page(report: Report, *, numbers: bool) -> Page:
    """What a renderer shows, down to the last id.

    With `numbers` each one in a sentence is a link to its row in a last chapter, and the row leads back.
    Without them there is no such chapter: a format that cannot show the links has no use for its rows.
    """
    return _Builder(report, numbers=numbers).page()


class _Builder:
    """Walks a report once, in the order of reading, and hands out numbers and ids."""

    def __init__(self, report: Report, *, numbers: bool) -> None:
        self.report = report
        self.numbers = report.numbers() if numbers else []
        self.next = count(1)
        taken = (f"{letter}{n + 1}" for n in range(len(self.numbers)) for letter in "ns")
        self.taken = {"content", "in-short", *taken}
        self.runs: dict[str, str] = {}
        self.files = set(data.frames(report))

    def page(self) -> Page:
        report = self.report
        summary = tuple(self._block(paragraph) for paragraph in report.summary)
        figures = tuple(
            Figure(line=(self._number(figure.number),), lines=tuple(map(plain, figure.lines)))
            for figure in report.figures
        )
        front = tuple(self._block(block) for block in report.front)
        chapters = [self._chapter(section) for section in report.sections]
        if self.numbers:
            chapters.append(self._appendix())
        # A stable sort: whatever order they came in, appendices stand behind the divider.
        ordered = tuple(sorted(chapters, key=lambda chapter: chapter.appendix))
        return Page(
            eyebrow=plain(report.eyebrow),
            title=plain(report.title),
            summary=summary,
            figures=figures,
            front=front,
            chapters=ordered,
        )

    def _chapter(self, section: Section) -> Chapter:
        name, title = self._id(section.key), plain(section.title)
        blocks = tuple(self._block(block) for block in section.blocks)
        return Chapter(id=name, title=title, blocks=blocks, appendix=section.appendix)

    def _block(self, block: Paragraph | Table | Picture) -> Block:
        if isinstance(block, Paragraph):
            return Block(kind=block.kind, lines=self._lines(block.sentences))
        title, lines = plain(block.title), self._lines(block.caption)
        if isinstance(block, Picture):
            drawn = Block(kind="picture", lines=lines, id=self._id(f"picture-{block.key}"), title=title)
            narrow = checked(block.narrow_svg, name=title) if block.narrow_svg else ""
            svg = checked(block.svg, name=title)
            return replace(drawn, alt=plain(block.alt), svg=svg, narrow_svg=narrow)
        name = self._id(f"table-{block.key}")
        columns = tuple(replace(column, name=plain(column.name)) for column in block.columns)
        return Block(
            kind="table",
            lines=lines,
            id=name,
            title=title,
            columns=columns,
            rows=tuple(self._rows(block)),
            left_out=block.left_out,
            brief=block.brief,
            only_in_html=block.only_in_html,
            file=f"{data.FOLDER}/{block.key}.csv" if block.key in self.files else "",
        )

    def _rows(self, table: Table) -> Iterator[Row]:
        names = [texts[0] for texts in table.rows]
        changes = [n == 0 or name != names[n - 1] for n, name in enumerate(names)]
        # One that comes again further down names no group, and neither does the first of two columns.
        grouped = sum(changes) == len(set(names)) and len(table.columns) > 2
        for index, texts in enumerate(table.rows):
            cells: list[Line] = [(plain(text),) for text in texts]
            if table.key == "runs" and texts[0] not in self.runs:
                self.runs[texts[0]] = self._id(f"run-{texts[0]}")
                cells[0] = (Part(text=plain(texts[0]), id=self.runs[texts[0]]),)
            same = grouped and not changes[index]
            yield Row(cells=tuple(cells), kind=table.kind(index), same=same)

    def _lines(self, sentences: Iterable[Sentence]) -> tuple[Line, ...]:
        return tuple(
            tuple(plain(p) if isinstance(p, str) else self._number(p) for p in sentence.parts)
            for sentence in sentences
        )

    def _number(self, number: Number) -> str | Part:
        if not self.numbers:
            return plain(number.text)
        n = next(self.next)
        return Part(text=plain(number.text), to=f"n{n}", id=f"s{n}", title=plain(number.what))

    def _id(self, wanted: str) -> str:
        """An id that no other part of the page has, made of letters that need no quoting anywhere."""
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", wanted)[:80]
        names = (stem if n == 1 else f"{stem}-{n}" for n in count(1))
        name = next(free for free in names if free and free not in self.taken)
        self.taken.add(name)
        return name

    def _appendix(self) -> Chapter:
        names = ("No.", "Figure", "Unrounded, SI", "What it is", "Runs", "Where it stands")
        columns = tuple(Column(name=n, align="right" if i < 3 else "left") for i, n in enumerate(names))
        reading = "Each figure as the text has it, and the value behind it before it was rounded."
        rows = tuple(self._numbered(n, *entry) for n, entry in enumerate(self.numbers, 1))
        title, name = "Every figure, in the order of reading", self._id("table-numbers")
        table = Block(
            kind="table", id=name, title=title, lines=((reading,),), columns=columns, rows=rows
        )
        return Chapter(id=self._id("numbers"), title=NUMBERS, blocks=(table,), appendix=True)

    def _numbered(self, n: int, place: str, number: Number) -> Row:
        texts = plain(number.text), unrounded(number.value), plain(number.what)
        back = Part(text=str(n), to=f"s{n}", id=f"n{n}")
        runs = shortened(number.runs, self.runs)
        return Row(cells=((back,), *((text,) for text in texts), runs, (plain(place),)))


def unrounded(value: float) -> str:
    """All digits that a float has, without the .0 of a whole one."""
    return repr(float(value)).removesuffix(".0")


def shortened(runs: Sequence[str], ids: dict[str, str]) -> Line:
    """R1–R8, R12 instead of nine names; each name that `ids` knows is a link."""
    groups: list[list[str]] = []
    for run in dict.fromkeys(runs):
        if groups and _follows(run, groups[-1][-1]):
            groups[-1].append(run)
        else:
            groups.append([run])
    parts: list[str | Part] = []
    for group in groups:
        names = [group[0], group[-1]] if len(group) > 2 else group
        for place, run in enumerate(names):
            between = "–" if place and len(group) > 2 else ", "
            parts += [between if parts else "", Part(text=plain(run), to=ids.get(run, ""))]
    return tuple(parts[1:]) or ("–",)


def _follows(run: str, before: str) -> bool:
    last = re.fullmatch(r"(\D*)([1-9][0-9]{0,8})", before)
    return last is not None and run == f"{last[1]}{int(last[2]) + 1}"


def lead_in(line: Line) -> tuple[str, Line]:
    """The words of a note that end in a colon, and what follows them: "How sure:" and the sentence."""
    first = line[0] if line and isinstance(line[0], str) else ""
    head, colon, after = first.partition(": ")
    return (f"{head}:", (after, *line[1:])) if colon and len(head) < 30 else ("", line)


def text_of(line: Line) -> str:
    """What a reader sees of a line."""
    return "".join(part if isinstance(part, str) else part.text for part in line)
