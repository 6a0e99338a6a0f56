"""Ratios of speeds with their intervals on a logarithmic axis, and a line where both are as fast."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from reports.palette import LIGHT
from reports.plots import house
from reports.words import interval, missing, times

ONE_COLUMN = 30
"""So many lines are stacked with their figures; more are set in two columns, close and without."""
ROW_INCHES, CLOSE_INCHES = 0.3, 0.225
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
    """A ratio with the ends of its interval, or of the range that was seen; NaN of one run each.

    Without an interval the mark is hollow, and a range is a thin line.
    """

    ratio: float
    low: float
    high: float
    is_interval: bool
    colour: str = LIGHT["ink"]
    marker: str = "D"

    @property
    def text(self) -> str:
        return times(self.ratio) + (f" ({interval(self.low, self.high)})" if self.is_interval else "")


@dataclass(frozen=True, kw_only=True)
class Block:
    """A heading, and under it rows of a label and one or more marks."""

    title: str
    rows: tuple[tuple[str, tuple[Mark, ...]], ...]

    def height(self, *, close: bool) -> float:
        """In lines, the heading with them."""
        return bool(self.title) + sum(_height(marks, close=close) for _, marks in self.rows)


def _height(marks: tuple[Mark, ...], *, close: bool) -> float:
    return 1.0 if close else 0.3 + 0.7 * max(1, len(marks))


def forest(blocks: Sequence[Block], *, label: str) -> Figure:
    """All blocks below one another, or close in two columns; every column has the same axis."""
    columns = _columns(blocks)
    close = len(columns) > 1
    tallest = max(sum(block.height(close=close) for block in column) for column in columns)
    figure, axes = house.grid(
        1,
        len(columns),
        row_inches=(CLOSE_INCHES if close else ROW_INCHES) * tallest + 0.3,
        more_inches=0.65,
        sharex=True,
    )
    for panel, column in zip(axes[0], columns, strict=True):
        _stack(panel, column, close=close)
        panel.set_ylim(tallest, 0)
    figure.supxlabel(label, fontsize=house.SMALL_POINTS, color=LIGHT["muted"])
    marks = [mark for block in blocks for _, marks in block.rows for mark in marks]
    _axis(axes[0][0], marks, most=4 if close else 6)
    return figure


def _columns(blocks: Sequence[Block]) -> list[list[Block]]:
    if len(blocks) == 1 or sum(block.height(close=False) for block in blocks) <= ONE_COLUMN:
        return [list(blocks)]
    heights = [block.height(close=True) for block in blocks]
    best = min(range(1, len(blocks)), key=lambda cut: max(sum(heights[:cut]), sum(heights[cut:])))
    return [list(blocks[:best]), list(blocks[best:])]


def _stack(panel: Axes, blocks: Sequence[Block], *, close: bool) -> None:
    y, headings = 0.0, list[int]()
    ticks: list[tuple[float, str]] = []
    for block in blocks:
        if block.title:
            headings.append(len(ticks))
            ticks.append((y + 0.6, block.title))
            y += 1
        for label, marks in block.rows:
            height = _height(marks, close=close)
            ticks.append((y + height / 2, label))
            for place, mark in enumerate(marks):
                lift = (place + 0.5 - len(marks) / 2) * (0.4 if close else 0.7)
                _draw(panel, mark, y + height / 2 + lift, close=close)
            y += height
            panel.axhline(y, color=LIGHT["rule"], linewidth=0.5)
    panel.set_yticks([y for y, _ in ticks], [label for _, label in ticks], color=LIGHT["ink"])
    for heading in headings:
        panel.get_yticklabels()[heading].set_fontweight("bold")
    panel.axvline(1, color=LIGHT["muted"], linewidth=1.0, zorder=1)
    panel.grid(visible=False, axis="y")
    panel.spines["left"].set_visible(False)


def _draw(panel: Axes, mark: Mark, y: float, *, close: bool) -> None:
    if not missing(mark.low):
        width = 1.4 if close else 2.0
        panel.plot(
            [mark.low, mark.high],
            [y, y],
            color=mark.colour,
            linewidth=width if mark.is_interval else 0.8,
            solid_capstyle="butt",
        )
    panel.plot(
        [mark.ratio],
        [y],
        marker=mark.marker,
        markersize=4.0 if close else 5.5,
        color=mark.colour,
        markerfacecolor=mark.colour if mark.is_interval else LIGHT["paper"],
        markeredgewidth=1.2,
    )
    if not close:
        panel.text(
            1.02,
            y,
            mark.text,
            transform=panel.get_yaxis_transform(),
            va="center",
            fontsize=house.SMALL_POINTS - 0.5,
            color=mark.colour,
        )


def _axis(panel: Axes, marks: Sequence[Mark], *, most: int) -> None:
    """Logarithmic and at least from 1/1.1 to 1.1; ticks at numbers that are easily read."""
    ends = [v for m in marks for v in (m.ratio, m.low, m.high) if not math.isnan(v)]
    low, high = min(1 / 1.1, *ends) / 1.05, max(1.1, *ends) * 1.05
    panel.set_xscale("log")
    panel.set_xlim(low, high)
    within = (
        [tick for tick in ticks if low <= tick <= high]
        for ticks in TICKS
        if ticks[0] < 1.35 * low and ticks[-1] > high / 1.35
    )
    panel.xaxis.set_major_locator(FixedLocator(next((t for t in within if len(t) <= most), [1.0])))
    panel.xaxis.set_minor_locator(NullLocator())
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:.6g}"))
