"""Ratios of speeds on a logarithmic axis, a lane each, and a line where both are as fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from reports.draw import house
from reports.draw.palette import LIGHT

WIDE_INCHES, NARROW_INCHES = house.WIDTH_INCHES, 3.6
LINE_INCHES = 0.25
LANE, BESIDE, HEADING, UNDER = 0.68, 0.42, 1.1, 0.5
"""Lines: a lane, the room between two rows, a block's heading, and dots under a mark."""
TICK = "|"
"""A marker that dots may stand around, since it covers none."""
NARROW_LETTERS, NARROW_POINTS = 22, 8.0
"""Of a row's label where the picture is narrow."""
TICKS = (
    (0.8, 0.9, 0.95, 1.0, 1.05, 1.1, 1.2, 1.3),
    (0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.25, 1.5),
    (0.5, 0.6, 0.8, 1.0, 1.25, 1.5, 2.0),
    (0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 3.0, 4.0),
    (0.125, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
    (0.01, 0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
    *(tuple(10.0**power for power in range(-9 * step, 9 * step + 1, step)) for step in (1, 3, 9)),
)
"""From fine to coarse; the first that reaches as far as the axis with few ticks is taken."""


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A ratio, the ends of its interval or of the range that was seen (NaN: none), and its words.

    A thick bar is an interval, a thin line a range; a mark that decides nothing is hollow.
    """

    ratio: float
    low: float = math.nan
    high: float = math.nan
    is_interval: bool = False
    is_decided: bool = True
    colour: str = LIGHT["ink"]
    marker: str = "D"
    text: str = ""

    @property
    def ends(self) -> tuple[float, ...]:
        return tuple(end for end in (self.ratio, self.low, self.high) if not math.isnan(end))


@dataclass(frozen=True, kw_only=True)
class Row:
    """A label, its marks below one another, and small dots of the first: around a tick, or under it."""

    label: str
    marks: tuple[Mark, ...]
    dots: tuple[Mark, ...] = ()

    @property
    def lines(self) -> float:
        return BESIDE + LANE * len(self.marks) + self.under

    @property
    def under(self) -> float:
        """Lines for the dots under the first mark."""
        return UNDER if self.dots and self.marks[0].marker != TICK else 0.0

    @property
    def ends(self) -> tuple[float, ...]:
        return tuple(end for mark in (*self.marks, *self.dots) for end in mark.ends)


@dataclass(frozen=True, kw_only=True)
class Block:
    """A heading, or none where it is empty, and the rows under it."""

    title: str
    rows: tuple[Row, ...]

    @property
    def lines(self) -> float:
        return HEADING * bool(self.title) + sum(row.lines for row in self.rows)


def forest(blocks: Sequence[Block], *, label: str, reference: str, narrow: bool = False) -> Figure:
    """The blocks below one another; `reference` is written at the line where the ratio is 1."""
    lines = sum(block.lines for block in blocks)
    width = NARROW_INCHES if narrow else WIDE_INCHES
    figure = Figure(figsize=(width, LINE_INCHES * lines + 0.85), layout="constrained")
    panel = figure.subplots()
    _stack(panel, blocks, narrow=narrow)
    panel.set_ylim(lines, 0)
    panel.set_xlabel(label)
    panel.annotate(
        house.cut(reference, 24 if narrow else 40),
        (1, 0),
        xytext=(0, 3),
        textcoords="offset points",
        ha="center",
        fontsize=house.SMALL_POINTS - 0.5,
        color=LIGHT["muted"],
        annotation_clip=False,
    )
    ends = [end for block in blocks for row in block.rows for end in row.ends]
    _axis(panel, ends, most=4 if narrow else 7)
    return figure


def _stack(panel: Axes, blocks: Sequence[Block], *, narrow: bool) -> None:
    y, headings = 0.0, list[int]()
    ticks: list[tuple[float, str]] = []
    for block in blocks:
        if block.title:
            headings.append(len(ticks))
            ticks.append((y + 0.6 * HEADING, block.title))
            y += HEADING
        for row in block.rows:
            name = house.cut(row.label, NARROW_LETTERS) if narrow else row.label
            ticks.append((y + row.lines / 2, name))
            _row(panel, row, y)
            y += row.lines
            panel.axhline(y, color=LIGHT["rule"], linewidth=0.5, zorder=0)
    panel.set_yticks([place for place, _ in ticks], [name for _, name in ticks], color=LIGHT["ink"])
    if narrow:
        panel.tick_params(axis="y", labelsize=NARROW_POINTS)
    for heading in headings:
        panel.get_yticklabels()[heading].set_fontweight("bold")
    panel.axvline(1, color=LIGHT["muted"], linewidth=1.0, zorder=1)
    panel.grid(visible=False, axis="y")
    panel.spines["left"].set_visible(False)


def _row(panel: Axes, row: Row, top: float) -> None:
    for place, mark in enumerate(row.marks):
        y = top + BESIDE / 2 + LANE * (place + 0.5) + row.under * (place > 0)
        dots = row.dots if place == 0 else ()
        _scatter(panel, dots, y + row.under * 1.1)
        _bar(panel, mark, y)
        is_tick = mark.marker == TICK
        size, width = (13.0, 2.2) if is_tick else (6.5, 1.3)
        _marks(panel, mark, [mark.ratio], [y], size=size, width=width)
        panel.annotate(
            mark.text,
            (max(end for part in (mark, *dots) for end in part.ends), y),
            xytext=(7, 0),
            textcoords="offset points",
            va="center",
            fontsize=house.SMALL_POINTS,
            color=mark.colour,
            annotation_clip=False,
        )


def _scatter(panel: Axes, dots: Sequence[Mark], y: float) -> None:
    """The golden ratio's multiples scatter the dots evenly, and the same way every time."""
    spread = 0.7 * LANE if len(dots) > 1 else 0.0
    lifted = [(dot, y + spread * ((number * 0.618034) % 1 - 0.5)) for number, dot in enumerate(dots)]
    looks: dict[tuple[str, str, bool], list[tuple[Mark, float]]] = {}
    for dot, height in lifted:
        looks.setdefault((dot.colour, dot.marker, dot.is_decided), []).append((dot, height))
    for alike in looks.values():
        ratios, heights = [dot.ratio for dot, _ in alike], [height for _, height in alike]
        _marks(panel, alike[0][0], ratios, heights, size=3.6, width=0.9)


def _bar(panel: Axes, mark: Mark, y: float) -> None:
    if math.isnan(mark.low):
        return
    panel.plot(
        [mark.low, mark.high],
        [y, y],
        color=mark.colour,
        linewidth=3.2 if mark.is_interval else 1.0,
        alpha=0.55 if mark.is_interval else 1.0,
        solid_capstyle="butt",
        zorder=2,
    )


def _marks(
    panel: Axes, look: Mark, xs: Sequence[float], ys: Sequence[float], *, size: float, width: float
) -> None:
    panel.plot(
        xs,
        ys,
        linestyle="none",
        marker=look.marker,
        markersize=size,
        color=look.colour,
        markerfacecolor=look.colour if look.is_decided else LIGHT["paper"],
        markeredgewidth=width,
        zorder=3,
    )


def _axis(panel: Axes, ends: Sequence[float], *, most: int) -> None:
    """Logarithmic and at least from 1/1.1 to 1.1; ticks at numbers that are easily read."""
    low, high = min(1 / 1.1, *ends), max(1.1, *ends)
    margin = max(1.03, (high / low) ** 0.03)
    low, high = low / margin, high * margin
    panel.set_xscale("log")
    panel.set_xlim(low, high)
    within = (
        [tick for tick in ticks if low <= tick <= high]
        for ticks in TICKS
        if ticks[0] < 1.25 * low and ticks[-1] > high / 1.2
    )
    panel.xaxis.set_major_locator(FixedLocator(next((t for t in within if len(t) <= most), [1.0])))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
