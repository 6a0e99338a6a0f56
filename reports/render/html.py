"""The report as one HTML page that asks no host for anything."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import unescape
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape
from matplotlib.markers import MarkerStyle

from alexnet.frameworks.registry import ENGINES
from reports.draw import palette
from reports.render import data
from reports.render.page import Block, Line, kept_together, lead_in, page, rest, text_of
from reports.write.document import Report

TEMPLATES = Path(__file__).parent / "templates"
REFERENCES = re.compile(r"""(\sid=["']|href=["']#|url\(["']?#)""")
SHEETS = re.compile(r"<style[^>]*>(.*?)</style>", re.DOTALL)
STYLED = re.compile(r'\sstyle="([^"]*)"')
MARKERS = {"o": "dot", "s": "square", "D": "diamond", "^": "up", "v": "down"}
"""Matplotlib's mark of an engine -> the class of its likeness in a table; others are cut out."""
ROWS_AT_ONCE = 20
"""Rows of a longer table that its script shows at first."""


def render(report: Report) -> str:
    """One HTML file that asks no host for anything; ValueError where a picture would.

    Its policy lets the browser apply its one style sheet and run its one script, known by their hashes,
    and load nothing. Without the script all is there to be read; with it tables sort and filter.
    """
    document = page(report, numbers=True)
    environment = templates()
    # A macro's result is Markup, and was here before.
    environment.finalize = lambda value: (
        kept_together(value) if isinstance(value, str) and not isinstance(value, Markup) else value
    )
    pictures = _Pictures()
    environment.filters.update(
        inlined=pictures.inlined,
        measure=_measure,
        rest=rest,
        mark=_mark,
        lead_in=lead_in,
        text=text_of,
    )
    environment.globals["rows_at_once"] = ROWS_AT_ONCE
    body = environment.get_template("report.html.jinja").render(
        page=document, frames=_as_json(data.embedded(report)), has_data=bool(data.frames(report))
    )
    style = _colours() + _text("report.css") + pictures.sheet()
    script = _text("report.js")
    return environment.get_template("page.html.jinja").render(
        title=document.title,
        body=Markup(body),
        style=Markup(style),
        script=Markup(script),
        policy="; ".join(
            (
                "default-src 'none'",
                f"style-src '{_hash(style)}'",
                f"script-src '{_hash(script)}'",
                "img-src data:",
                "base-uri 'none'",
                "form-action 'none'",
            )
        ),
    )


def templates() -> Environment:
    """Where every text is escaped unless it says that it is markup, and no name may be missing."""
    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.loader = FileSystemLoader(TEMPLATES)
    return environment


class _Pictures:
    """Pictures as parts of a page: in its colours, with ids of their own, and styled by its sheet.

    A style attribute would need a hole in the page's policy, so each distinct one becomes a class.
    """

    def __init__(self) -> None:
        self.classes: dict[str, str] = {}
        self.sheets: dict[str, None] = {}

    def inlined(self, picture: Block, svg: str, twin: str = "") -> Markup:
        """The SVG with its name; `twin` sets the ids of a second drawing of the same picture apart."""
        svg = REFERENCES.sub(rf"\g<1>{picture.id}{twin}.", palette.themed(svg))
        for sheet in SHEETS.findall(svg):
            self.sheets[sheet.strip()] = None
        svg = STYLED.sub(self._as_class, SHEETS.sub("", svg))
        return Markup(f'<svg role="img" aria-label="{escape(picture.alt)}"{svg.removeprefix("<svg")}')

    def _as_class(self, styled: re.Match[str]) -> str:
        style = unescape(styled[1]).strip()
        if set(style) & set("{}<>"):
            raise ValueError(f"a picture may not hold the style {style!r}")
        return f' class="{self.classes.setdefault(style, f"k{len(self.classes)}")}"'

    def sheet(self) -> str:
        """The style sheet of all pictures, weaker than the classes of their parts."""
        # Matplotlib's own sheet has one rule for everything that is drawn.
        rules = [sheet.replace("*{", ":where(.picture svg *){") for sheet in self.sheets]
        rules += [f".{name}{{{style}}}" for style, name in self.classes.items()]
        return "\n".join(rules)


def _text(name: str) -> str:
    return (TEMPLATES / name).read_text(encoding="utf-8")


def _colours() -> str:
    """The palette as CSS variables, light and dark, and each engine's mark in its colour."""
    light, dark = (
        " ".join(f"--{name}: {colour};" for name, colour in colours.items())
        for colours in (palette.LIGHT, palette.DARK)
    )
    marks = "".join(
        f".e-{name}{{background:var(--{name}){_outline(engine.marker)}}}\n"
        for name, engine in ENGINES.items()
    )
    return (
        f":root {{ {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n{marks}"
    )


def _outline(marker: str) -> str:
    """The style of a mark whose likeness has no class of its own: matplotlib's outline of it."""
    if marker in MARKERS:
        return ""
    style = MarkerStyle(marker)
    [outline] = style.get_path().transformed(style.get_transform()).to_polygons()
    corners = np.asarray(outline, dtype=float)
    low, high = corners.min(axis=0), corners.max(axis=0)
    middle, size = (low + high) / 2, float((high - low).max())
    places = (corners - middle) / size * (1, -1) + 0.5
    points = ", ".join(f"{100 * x:.0f}% {100 * y:.0f}%" for x, y in places)
    return f";clip-path:polygon({points})"


def _hash(text: str) -> str:
    """What a policy calls a style sheet or a script."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"


def _as_json(texts: dict[str, str]) -> Markup | None:
    """JSON that no text in it can end, as `</script` ends an element wherever it stands."""
    return Markup(json.dumps(texts).replace("<", "\\u003c")) if texts else None


def _mark(cell: Line) -> Markup:
    """The mark of the engine that a cell names; nothing for any other text."""
    name = text_of(cell)
    engine = next((engine for engine in ENGINES.values() if engine.label == name), None)
    if engine is None:
        return Markup()
    return Markup(f'<i class="mark {MARKERS.get(engine.marker, "cut")} e-{engine.name}"></i>')


def _measure(table: Block) -> list[str]:
    """A class for each column: short ones stay on one line, long ones get room to wrap in."""
    cells = zip(*(row.cells for row in table.rows), strict=True)
    lengths = [max(len(text_of(cell)) for cell in column) for column in cells]
    return ["short" if length <= 32 else "long" if length > 44 else "" for length in lengths]
