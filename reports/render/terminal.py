"""The report in a terminal: the finding, the first page's table, the verdicts, and what is apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

import rich.box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.padding import Padding
from rich.segment import Segment, Segments
from rich.table import Table as Grid
from rich.text import Text

from reports.render.page import Block, Line, Row, brief, page, plain, rest, text_of
from reports.write import words
from reports.write.document import Column, Report

CHAPTERS = ("engines", "machines", "apart")
"""The chapters that are shown after the first page, by their keys."""
ROWS = 24
LONGEST = 34
"""A column of words wants no more than this many letters: longer texts wrap."""
BETWEEN = 2
"""Spaces between two columns."""
INDENT = "  "
MEASURE = 100
"""Words are set no wider than this: longer lines are hard to read."""
THE_WHOLE = "The whole report: python -m reports RESULTS… --out DIR"
STYLES = {"": "", "invalid": "dim", "failed": "dim", "baseline": "bold"}

Shown = tuple[list[str], str]
"""A row's cells, and its style."""


def show(report: Report, console: Console) -> None:
    """Prints every part as text: what a file says is never taken for markup.

    The last line is how to write the whole report.
    """
    for part in (*_parts(report, console.width), Text(THE_WHOLE, style="dim")):
        is_words = isinstance(part, Padding)
        width = min(console.width, MEASURE) if is_words else console.width
        lines = console.render_lines(part, console.options.update(width=width), pad=False)
        console.print(Segments([piece for line in lines for piece in (*_trimmed(line), Segment.line())]))


def _trimmed(line: Sequence[Segment]) -> Sequence[Segment]:
    """A line without the blanks at its end, which rich fills it up with."""
    pieces = list(line)
    while pieces and not pieces[-1].text.rstrip():
        pieces.pop()
    return [*pieces[:-1], *(Segment(last.text.rstrip(), last.style) for last in pieces[-1:])]


def _parts(report: Report, width: int) -> Iterator[RenderableType]:
    document = page(report, numbers=False)
    if document.eyebrow:
        yield _words(document.eyebrow, "dim", below=0)
    yield _words(document.title, "bold")
    blocks: list[Block] = [*document.summary, *document.front]
    keys = [section.key for section in report.sections]
    by_key = dict(zip(_ordered(keys, report), document.chapters, strict=True))
    for block in blocks:
        yield from _block(block, width)
    for key in CHAPTERS:
        if key in by_key:
            yield _words(by_key[key].title, "bold underline")
            for block in by_key[key].blocks:
                yield from _block(block, width)


def _ordered(keys: Sequence[str], report: Report) -> list[str]:
    """The keys as a page has its chapters: appendices last."""
    appendix = {section.key for section in report.sections if section.appendix}
    return sorted(keys, key=lambda key: key in appendix)


def _block(block: Block, width: int) -> Iterator[RenderableType]:
    if block.kind in ("text", "note"):
        yield Padding(_sentences(block.lines), (0, 0, 1, 0))
    elif block.kind == "table" and block.rows and not block.only_in_html:
        yield _table(brief(block, ROWS), width)
        yield Text()


def _words(text: str, style: str, below: int = 1) -> RenderableType:
    return Padding(Text(plain(text), style=style), (0, 0, below, 0))


def _sentences(lines: Iterable[Line]) -> Text:
    """The sentences, their figures bold."""
    text = Text()
    for line in lines:
        for part in line:
            text.append(part) if isinstance(part, str) else text.append(part.text, style="bold")
        text.append(" ")
    text.rstrip()
    return text


def _table(table: Block, width: int) -> RenderableType:
    """The table with the columns that there is room for; the others are named under it.

    Where it is too wide, the name that several rows have in common stands over them instead of in a
    column, then minor columns go, then the last ones. What is joined goes together.
    """
    widths = [_width(table, place) for place in range(len(table.columns))]
    stacked = table.grouped and _total(widths) > width
    places = list(range(1 if stacked else 0, len(widths)))
    widths[places[0]] += len(INDENT) * stacked
    dropped: list[int] = []
    while len(places) > 2 and _total([widths[place] for place in places]) > width:
        minor = [place for place in places[1:] if table.columns[place].minor]
        last = minor[-1] if minor else places[-1]
        gone = {last, last - 1} if table.columns[last].joined else {last}
        dropped += [place for place in places[1:] if place in gone]
        places = [places[0], *(place for place in places[1:] if place not in gone)]
    columns = [(table.columns[place], widths[place]) for place in places]
    # No file is named: there is none beside a terminal.
    notes = [f"and {more}." for more in [rest(replace(table, file=""))] if more]
    notes += [text_of(line) for line in table.lines]
    if dropped:
        names = [table.columns[place].name for place in sorted(dropped)]
        has_commas = any("," in name for name in names) and len(names) > 2
        listed = "; ".join(names) if has_commas else words.listed(names)
        notes.append(f"There is no room here for {listed}.")
    return Group(
        Text(table.title, style="bold"),
        *(_stacks(table, columns, places) if stacked else [_grid(columns, _rows(table, places))]),
        *([Text(" ".join(notes), style="dim")] if notes else []),
    )


def _rows(table: Block, places: Sequence[int]) -> Iterator[Shown]:
    for row in table.rows:
        cells = [text_of(row.cells[place]) for place in places]
        yield ["" if row.same else cells[0], *cells[1:]], STYLES[row.kind]


def _stacks(
    table: Block, columns: Sequence[tuple[Column, int]], places: Sequence[int]
) -> Iterator[RenderableType]:
    """The headings, then each group under its name."""
    yield _grid(columns, [])
    groups: list[list[Row]] = []
    for row in table.rows:
        if not row.same:
            groups.append([])
        groups[-1].append(row)
    for group in groups:
        yield Text(text_of(group[0].cells[0]), style="bold")
        texts = [[text_of(row.cells[place]) for place in places] for row in group]
        styles = [STYLES[row.kind] for row in group]
        rows = [[INDENT + cells[0], *cells[1:]] for cells in texts]
        yield _grid(columns, zip(rows, styles, strict=True), headed=False)


def _grid(
    columns: Sequence[tuple[Column, int]], rows: Iterable[Shown], *, headed: bool = True
) -> RenderableType:
    grid = Grid(
        box=rich.box.SIMPLE_HEAD,
        show_edge=False,
        show_header=headed,
        padding=(0, BETWEEN - 1, 0, 0),  # and one that the box has
        pad_edge=False,
    )
    for column, width in columns:
        grid.add_column(Text(column.name), justify=column.align, min_width=width, max_width=width)
    for cells, style in rows:
        grid.add_row(*map(Text, cells), style=style)
    return grid


def _width(table: Block, place: int) -> int:
    """Of the longest cell, and of the heading in two lines; words want no more than `LONGEST`."""
    column = table.columns[place]
    cells = max(cell_len(text_of(row.cells[place])) for row in table.rows)
    return max(_heading(column.name), cells if column.align == "right" else min(cells, LONGEST))


def _heading(name: str) -> int:
    """How wide two lines of a heading are, or its one word."""
    parts = name.split(" ")
    splits = [(" ".join(parts[:n]), " ".join(parts[n:])) for n in range(1, len(parts) + 1)]
    return min(max(map(cell_len, split)) for split in splits)


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + BETWEEN * (len(widths) - 1)
