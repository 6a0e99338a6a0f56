"""The report as one HTML page that asks no host for anything."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from reports import palette
from reports.document import Report
from reports.page import Block, page, text_of

TEMPLATES = Path(__file__).parent / "templates"
REFERENCES = re.compile(r"""(\sid=["']|href=["']#|url\(["']?#)""")


def render(report: Report) -> str:
    """One HTML file that asks no host for anything; ValueError where a picture would."""
    environment = templates()
    environment.filters.update(inlined=inlined, measure=_measure)
    styles = Markup((TEMPLATES / "report.css").read_text(encoding="utf-8"))
    template = environment.get_template("report.html.jinja")
    return template.render(
        page=page(report, numbers=True), light=palette.LIGHT, dark=palette.DARK, styles=styles
    )


def templates() -> Environment:
    """Where every text is escaped unless it says that it is markup, and no name may be missing."""
    found = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    found.loader = FileSystemLoader(TEMPLATES)
    return found


def inlined(picture: Block) -> Markup:
    """The picture as a part of the page: in its colours, with its name, and with ids of its own."""
    svg = REFERENCES.sub(rf"\g<1>{picture.id}.", palette.themed(picture.svg))
    svg = svg.replace("*{", f"#{picture.id} *{{")  # matplotlib's style sheet is for its own drawing
    return Markup(f'<svg role="img" aria-label="{escape(picture.alt)}"{svg.removeprefix("<svg")}')


def _measure(table: Block) -> list[str]:
    """A class for each column: short ones stay on one line, long ones get room to wrap in."""
    cells = zip(*(row.cells for row in table.rows), strict=True)
    lengths = [max(len(text_of(cell)) for cell in column) for column in cells]
    return ["short" if length <= 32 else "long" if length > 44 else "" for length in lengths]
