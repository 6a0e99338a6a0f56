"""The report's heart in a terminal: the glance table, the verdicts, and what the summary says."""

from __future__ import annotations

from collections.abc import Iterator

import rich.box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table as Grid
from rich.text import Text

from reports import prose, typeset
from reports.document import Paragraph, Table
from reports.study.compare import Study

SHOWN = ("glance", "frameworks", "machines", "means")
STYLES = {"": "", "published": "italic dim", "invalid": "dim", "failed": "dim", "baseline": "bold"}


def show(study: Study, console: Console) -> None:
    """Prints every part as text: what a file says is never taken for markup."""
    for part in _parts(study):
        console.print(part)


def _parts(study: Study) -> Iterator[RenderableType]:
    told = prose.sections(study)
    yield from map(_paragraph, told["summary"])
    tables = typeset.tables(study)
    yield from (_grid(tables[key]) for key in SHOWN if key in tables)
    yield from map(_paragraph, told["apart"])


def _paragraph(paragraph: Paragraph) -> RenderableType:
    text = Text()
    for sentence in paragraph.sentences:
        for part in sentence.parts:
            text.append(part) if isinstance(part, str) else text.append(part.text, style="bold")
        text.append(" ")
    text.rstrip()
    return Padding(text, (0, 0, 1, 0))


def _grid(table: Table) -> RenderableType:
    grid = Grid(
        title=Text(table.title, style="bold"),
        title_justify="left",
        caption=Text(" ".join(sentence.text for sentence in table.caption)),
        caption_justify="left",
        box=rich.box.SIMPLE_HEAD,
    )
    for column in table.columns:
        grid.add_column(Text(column.name), justify=column.align)
    for number, row in enumerate(table.rows):
        grid.add_row(*map(Text, row), style=STYLES[table.kind(number)])
    if table.left_out:
        grid.add_row(Text(f"… and {table.left_out:,} more rows"))
    return grid
