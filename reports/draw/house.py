"""The house style of the plots: no display, the light palette, the same bytes every time."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, ParamSpec, TypeVar

import matplotlib as mpl
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.text import Text
from matplotlib.textpath import TextPath
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import Bbox

from alexnet.frameworks.registry import ENGINES
from reports.draw import fonts
from reports.draw.palette import LIGHT
from reports.write.document import Picture, Sentence

WIDTH_INCHES = 6.4
"""Narrow, so that type of 9.5 points can still be read where a page shows the plot small."""
NARROW_INCHES = 3.6
"""Of a picture that is drawn for the width of a telephone."""
SMALL_POINTS = 9.5
STYLE: dict[str, Any] = {
    "font.family": [fonts.FAMILY],
    "font.size": 10.0,
    "axes.titlesize": 10.5,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.titlecolor": LIGHT["ink"],
    "axes.labelsize": SMALL_POINTS,
    "axes.labelcolor": LIGHT["muted"],
    "xtick.labelsize": SMALL_POINTS,
    "ytick.labelsize": SMALL_POINTS,
    "xtick.color": LIGHT["rule"],
    "ytick.color": LIGHT["rule"],
    "xtick.labelcolor": LIGHT["muted"],
    "ytick.labelcolor": LIGHT["muted"],
    "xtick.bottom": True,
    "xtick.major.size": 3.0,
    "ytick.left": False,
    "axes.edgecolor": LIGHT["rule"],
    "axes.facecolor": "none",
    "figure.facecolor": "none",
    "savefig.facecolor": "none",
    "grid.color": LIGHT["rule"],
    "grid.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": LIGHT["ink"],
    "text.parse_math": False,  # a machine may be called $x$
    "legend.fontsize": SMALL_POINTS,
    "legend.frameon": False,
    "legend.labelcolor": LIGHT["ink"],
    "lines.linewidth": 1.6,
    "lines.markersize": 4.5,
    "svg.fonttype": "path",
    "svg.hashsalt": "alexnet-bench",
    "figure.constrained_layout.h_pad": 0.06,
    "figure.constrained_layout.hspace": 0.06,
}
REMARKS = re.compile(r"<!--.*?-->\n?|<metadata>.*?</metadata>\n?", re.DOTALL)

P = ParamSpec("P")
R = TypeVar("R")


def styled(plot: Callable[P, R]) -> Callable[P, R]:
    """The plot drawn in the house style, whatever the reader's own matplotlibrc says."""

    @wraps(plot)
    def inner(*args: P.args, **kwargs: P.kwargs) -> R:
        with mpl.rc_context():
            mpl.rcdefaults()
            mpl.rcParams.update(sns.axes_style("whitegrid"))
            mpl.rcParams.update(STYLE)  # type: ignore[arg-type]  # the names are checked by matplotlib
            return plot(*args, **kwargs)

    return inner


def grid(
    rows: int, columns: int, *, row_inches: float, more_inches: float = 0.7, **shared: Any
) -> tuple[Figure, list[list[Axes]]]:
    """A figure of rows x columns panels, `row_inches` high each, and `more_inches` for the key."""
    figure = Figure(figsize=(WIDTH_INCHES, rows * row_inches + more_inches), layout="constrained")
    return figure, figure.subplots(rows, columns, squeeze=False, **shared).tolist()


def key(figure: Figure, handles: Sequence[Line2D], *, columns: int = 4) -> None:
    """What the marks mean, above all panels: in `columns` at most, and fewer where they have no room."""
    width = 72 * float(figure.get_size_inches()[0])
    labels = [str(handle.get_label()) for handle in handles]
    figure.legend(
        handles=list(handles),
        loc="outside upper left",
        ncols=next((n for n in range(columns, 1, -1) if _key_points(labels, n) <= width), 1),
        columnspacing=1.4,
        handlelength=2.2,
        handletextpad=0.5,
        borderpad=0.1,
        borderaxespad=0.1,
    )


def text_points(label: str) -> float:
    """How wide a small label is drawn, in points."""
    return float(TextPath((0, 0), label, size=SMALL_POINTS).get_extents().width)


def _key_points(labels: Sequence[str], columns: int) -> float:
    """How wide a key of so many columns is, which matplotlib fills one after the other."""
    shares, rest = divmod(len(labels), columns)
    widths, start = 0.0, 0
    for column in range(min(columns, len(labels))):
        end = start + shares + (column < rest)
        widths += max(map(text_points, labels[start:end])) + (2.2 + 0.5 + 1.4) * SMALL_POINTS
        start = end
    return widths


def engine_keys(engines: Sequence[str], *, line: bool = True) -> list[Line2D]:
    """One entry an engine, as its lines or its points are drawn."""
    keys = []
    for engine in map(ENGINES.__getitem__, engines):
        dashes: Any = engine.line if line else "none"
        look = {"color": LIGHT[engine.name], "marker": engine.marker, "linestyle": dashes}
        keys.append(Line2D([], [], label=engine.label, **look))
    return keys


def mark(label: str, **look: Any) -> Line2D:
    """An entry of the key."""
    return Line2D([], [], label=label, **{"linestyle": "none", "color": LIGHT["muted"]} | look)


def percents(axis: Any, *, unit: str = " %") -> None:
    """Shares as per cent along this axis, at steps of 1, 2, 5 or 10."""
    axis.set_major_locator(MaxNLocator(nbins=5, steps=[1, 2, 5, 10]))

    def label(share: float, _: int | None) -> str:
        rounded = round(100 * share, 6) or 0.0  # -0.0 would have a sign
        return minus(f"{rounded:g}{unit}")

    axis.set_major_formatter(FuncFormatter(label))


def minus(number: str) -> str:
    """With the sign that is as wide as a plus."""
    return number.replace("-", "\N{MINUS SIGN}")


def unit_of(most_seconds: float) -> tuple[str, str, float]:
    """The unit in which times up to this are drawn: its name, its sign, and its seconds."""
    for name, sign, size in (("hours", "h", 3600.0), ("minutes", "min", 60.0)):
        if most_seconds >= 5 * size:
            return name, sign, size
    return "seconds", "s", 1.0


def whole(axis: Any, *, most: int = 6) -> None:
    """Whole numbers alone along this axis."""
    axis.set_major_locator(MaxNLocator(nbins=most, integer=True, min_n_ticks=1))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def text(label: str) -> str:
    """A text on one line, with the code point of each letter that no font of this computer draws."""
    line = " ".join(label.split())
    _families.update(dict.fromkeys(font.family for font in fonts.fallbacks(line)))
    return fonts.drawable(line)


_families: dict[str, None] = {}
"""Families that the texts so far need besides matplotlib's own."""


def cut(label: str, most: int) -> str:
    """A drawable text of so many letters at most, cut in its middle: the ends tell machines apart."""
    line = text(label)
    if len(line) <= most:
        return line
    tail = most // 3
    return f"{line[: most - tail - 1].rstrip()}…{line[len(line) - tail :].lstrip()}"


_is_drawing = ContextVar("_is_drawing", default=True)


@contextmanager
def without_drawing() -> Iterator[None]:
    """Pictures made meanwhile have no drawing, which takes most of a report's time and holds no word."""
    token = _is_drawing.set(False)
    try:
        yield
    finally:
        _is_drawing.reset(token)


def svg(figure: Figure) -> str:
    """The figure as SVG, its ground transparent, without date, remarks or the names of files' texts."""
    if not _is_drawing.get():
        return "<svg></svg>"
    if _families:
        # Texts that exist have a font each; those of ticks are made while the figure is drawn.
        families = [fonts.FAMILY, *_families]
        mpl.rcParams["font.family"] = families
        for label in figure.findobj(Text):
            label.set_fontfamily(families)
    _settle(figure)
    out = io.StringIO()
    figure.savefig(out, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return REMARKS.sub("", out.getvalue())


def _settle(figure: Figure) -> None:
    """Lays the figure out, with places of the axes that the last digits of the solution do not move.

    They were seen to differ between two drawings of one report.
    """
    engine = figure.get_layout_engine()
    if engine is None:
        return
    figure.set_dpi(72)  # as SVG is drawn
    engine.execute(figure)
    figure.set_layout_engine("none")
    for axes in figure.axes:
        for which in ("original", "active"):
            place = axes.get_position(original=which == "original").bounds
            axes.set_position(Bbox.from_bounds(*(round(share, 5) for share in place)), which=which)


def picture(
    plot: Callable[..., Any],
    *,
    name: str,
    title: str,
    here: Sequence[Sentence],
    alt: str,
    figure: Figure,
    narrow: Figure | None = None,
    reading: str | None = None,
) -> Picture:
    """The picture of a figure, and of the same drawn narrow.

    `here` says what it shows, and `reading`, or else the plot's docstring, how to read it.
    """
    how = " ".join((plot.__doc__ or "").split("\n\n")[0].split()) if reading is None else reading
    return Picture(
        key=name,
        title=title,
        caption=(*((Sentence((how,)),) if how else ()), *here),
        alt=alt,
        svg=svg(figure),
        narrow_svg="" if narrow is None else svg(narrow),
    )
