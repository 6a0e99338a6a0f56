"""The report as GitHub Markdown, with its pictures beside it as files for dark and for light pages."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from reports.draw import palette
from reports.render.html import templates
from reports.render.page import Block, Line, Row, brief, page, plain, rest, text_of
from reports.write.document import Report

# Characters that mean something in the middle of a line, and text that stands for each as itself. The
# dollar opens GitHub's formulas, where no backslash helps; a pipe would end a cell, even in code.
MEANING = {character: f"\\{character}" for character in "\\`*_[]~#"}
MEANING |= {"<": "&lt;", ">": "&gt;", "&": "&amp;", "|": "&#124;", "$": "<span>$</span>"}
TABLE = str.maketrans(MEANING)
# A text that begins like this is a list, a rule or a heading's underline.
OPENING = re.compile(r"^(\d{1,9}(?=[.)])|(?=[-+=]))")
# GitHub makes links and smileys of these though nobody asked: a comment breaks them, and is not shown.
LINKED = re.compile(
    r"(?<=:)(?=//)|(?<=\bwww)(?=\.)|(?<=\w)(?=@\w)|(?<=:)(?=[a-z+-][\w+-]*:)", re.IGNORECASE
)
MOST_LINES = 400
ROWS = (20, 12, 8, 5)
"""Rows of a table: so many, and fewer where the whole has more than `MOST_LINES`."""


def render(report: Report, *, pictures: str = "pictures") -> str:
    """Markdown that shows each text as it is; `pictures` is the folder of `files`, as seen from it.

    It has contents at its top. Of a long table it shows a few rows, and says where the others are.
    """
    environment = templates()
    # With autoescape on, macros and filters return Markup, and everything else comes through here.
    environment.finalize = lambda value: (
        value if isinstance(value, Markup) else Markup(escape(str(value)))
    )
    environment.filters.update(cell=_cell, together=_together, file=_file, first=_first, code=_code)
    template = environment.get_template("report.md.jinja")
    document = page(report, numbers=False)
    titles = [_heading(chapter.title, chapter.appendix) for chapter in document.chapters]
    anchors = _anchors([document.title, *titles])[1:]
    text = ""
    for most in ROWS:
        environment.filters.update(brief=lambda table, most=most: brief(table, most), rest=rest)
        text = template.render(
            page=document,
            headings=list(zip(document.chapters, titles, anchors, strict=True)),
            pictures=quote(pictures),
        )
        text = re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"
        if text.count("\n") <= MOST_LINES:
            break
    return text


def files(report: Report, *, pictures: str = "pictures") -> dict[str, str]:
    """File name, as seen from the Markdown file -> SVG, dark and light, of every picture."""
    drawn = {}
    for picture in page(report, numbers=False).pictures:
        drawn[f"{pictures}/{_file(picture)}-light.svg"] = picture.svg
        drawn[f"{pictures}/{_file(picture)}-dark.svg"] = palette.dark(picture.svg)
    return drawn


def _heading(title: str, appendix: bool) -> str:
    return f"Appendix: {title}" if appendix else title


def _anchors(headings: Sequence[str]) -> list[Markup]:
    """What GitHub calls the headings of a page, in their order: a second of one name gets a number."""
    anchors, times = [], Counter[str]()
    for heading in headings:
        name = re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")
        anchors.append(Markup(quote(f"{name}-{times[name]}" if times[name] else name)))
        times[name] += 1
    return anchors


def _first(row: Row) -> Line:
    """A row's first cell; empty where it says the same as that of the row above."""
    return ("",) if row.same else row.cells[0]


def _code(text: str) -> Markup:
    """The part of a text behind its last colon as code: the path of a file."""
    words, colon, path = text.rpartition(": ")
    return Markup(f"{words}: `{path}`" if colon else text)


def escape(text: str) -> str:
    """Markdown that shows `text` as it is, in one line, wherever a line or a cell may begin with it."""
    return OPENING.sub(r"\1\\", _inner(plain(text).strip()))


def _inner(text: str) -> str:
    return "<!-- -->".join(part.translate(TABLE) for part in LINKED.split(text))


def _cell(line: Line) -> Markup:
    """In a cell no line begins, so that -4 % needs no backslash."""
    return Markup(_inner(plain(text_of(line)).strip()))


def _together(lines: tuple[Line, ...]) -> str:
    return " ".join(text_of(line) for line in lines)


def _file(picture: Block) -> Any:
    return Markup(picture.id.removeprefix("picture-"))
