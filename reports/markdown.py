"""The report as GitHub Markdown, with its pictures beside it as files for dark and for light pages."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from markupsafe import Markup

from reports import palette
from reports.document import Report
from reports.html import templates
from reports.page import Block, Line, page, plain, text_of

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


def render(report: Report, *, pictures: str = "pictures") -> str:
    """Markdown that shows each text as it is; `pictures` is the folder of `files`, as seen from it."""
    environment = templates()
    # With autoescape on, macros and filters return Markup, and everything else comes through here.
    environment.finalize = lambda value: (
        value if isinstance(value, Markup) else Markup(escape(str(value)))
    )
    environment.filters.update(cell=_cell, together=_together, file=_file)
    template = environment.get_template("report.md.jinja")
    return template.render(page=page(report, numbers=False), pictures=quote(pictures)).strip() + "\n"


def files(report: Report, *, pictures: str = "pictures") -> dict[str, str]:
    """File name, as seen from the Markdown file -> SVG, dark and light, of every picture."""
    found = {}
    for chapter in page(report, numbers=False).chapters:
        for block in chapter.blocks:
            if block.kind == "picture":
                found[f"{pictures}/{_file(block)}-light.svg"] = block.svg
                found[f"{pictures}/{_file(block)}-dark.svg"] = palette.dark(block.svg)
    return found


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
