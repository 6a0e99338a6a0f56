"""Bars from zero in named groups, or marks of many groups, with their values: no axis is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.frameworks.registry import ENGINES
from reports.draw import house
from reports.draw.palette import LIGHT

BAR_INCHES, BETWEEN_INCHES = 0.185, 0.085
"""The height of a bar with its share of white, and the room between groups."""
THICK = 0.74
"""A bar's own share of that."""
LANE_INCHES, NAME_INCHES = 0.23, 0.17
"""The height of a group's marks, and of its name where that stands above them."""
MOST_LETTERS = 34


@dataclass(frozen=True, kw_only=True)
class Bar:
    """A value, its text without the unit, and the ends of what was seen of it; NaN of one run."""

    value: float
    text: str
    low: float = math.nan
    high: float = math.nan

    @property
    def end(self) -> float:
        return self.value if math.isnan(self.high) else max(self.value, self.high)

    @property
    def is_range(self) -> bool:
        """Whether the ends lie visibly apart: by 1 % of the value."""
        return self.high - self.low > 0.01 * self.value


@dataclass(frozen=True, kw_only=True)
class Row:
    """An engine's bars, one a panel, None where there is no figure. Rows of a group stand together."""

    group: str
    engine: str
    bars: tuple[Bar | None, ...]


def draw(rows: Sequence[Row], *, unit: str, titles: Sequence[str] = (), narrow: bool = False) -> Figure:
    """A panel for each place of `Row.bars`, under its title. Engines are named where there are several.

    `narrow` is for a telephone: groups have their names above their bars and not beside them.
    """
    groups = [list(of_group) for _, of_group in groupby(rows, lambda row: row.group)]
    engines = len({row.engine for row in rows}) > 1
    above = narrow and (engines or max(len(row.group) for row in rows) > 14)
    lanes, axis, y = dict[int, float](), list[tuple[float, float]](), 0.0
    headings: list[tuple[float, str]] = []
    for group in groups:
        headings.append((y + BAR_INCHES / 2, group[0].group))
        y += BAR_INCHES if above else 0
        axis.append((y, y + BAR_INCHES * len(group)))
        for row in group:
            lanes[id(row)] = y + BAR_INCHES / 2
            y += BAR_INCHES
        y += BETWEEN_INCHES
    width = house.NARROW_INCHES if narrow else house.WIDTH_INCHES
    figure = Figure(figsize=(width, y + 0.1 + 0.25 * bool(titles)), layout="constrained")
    panels = figure.subplots(1, len(rows[0].bars), sharey=True, squeeze=False)[0].tolist()
    longest = max((bar.end for row in rows for bar in row.bars if bar), default=1.0)
    for place, panel in enumerate(panels):
        _panel(panel, [(row, lanes[id(row)], row.bars[place]) for row in rows], longest, unit)
        for ends in axis:
            panel.plot([0, 0], ends, color=LIGHT["muted"], linewidth=1.2, clip_on=False)
        panel.set_title(titles[place] if titles else "", fontsize=house.SMALL_POINTS, weight="normal")
    panels[0].set_ylim(y - BETWEEN_INCHES, 0)
    _names(panels[0], rows, lanes, headings, engines=engines, above=above)
    return figure


def _panel(
    panel: Axes, bars: Sequence[tuple[Row, float, Bar | None]], longest: float, unit: str
) -> None:
    for row, y, bar in bars:
        if bar is None:
            continue
        panel.barh(y, bar.value, height=THICK * BAR_INCHES, color=LIGHT[row.engine], linewidth=0)
        if bar.is_range:
            panel.plot([bar.low, bar.high], [y, y], color=LIGHT["ink"], linewidth=1.0)
        _beside(panel, y, f"{bar.text} {unit}", -4, x=bar.end, ha="left")
    _bare(panel, longest)


def _bare(panel: Axes, longest: float) -> None:
    """From zero, without axis, ticks or grid."""
    panel.set_xlim(0, longest)
    panel.set_xticks([])
    panel.set_yticks([])
    panel.grid(visible=False)
    for spine in panel.spines.values():
        spine.set_visible(False)


def _names(
    panel: Axes,
    rows: Sequence[Row],
    lanes: dict[int, float],
    headings: Sequence[tuple[float, str]],
    *,
    engines: bool,
    above: bool,
) -> None:
    """Engines beside their bars in their hue, and groups left of them or above."""
    left = 0.0
    if engines:
        for row in rows:
            label = ENGINES[row.engine].label
            left = max(left, house.text_points(label))
            _beside(panel, lanes[id(row)], label, 5, color=LIGHT[row.engine])
    offset = left + 16 if left else 5
    for y, name in headings:
        shown = house.cut(name, MOST_LETTERS)
        if above:
            _beside(panel, y, shown, left + 5, ha="left", weight="bold")
        else:
            _beside(panel, y, shown, offset, weight="bold" if engines else "normal")


def draw_marks(rows: Sequence[Row], *, unit: str, narrow: bool = False) -> Figure:
    """One line a group, with a mark an engine, and right of them their values in the order of the marks.

    Of the rows' bars the first is drawn, which all have.
    """
    groups = [list(of_group) for _, of_group in groupby(rows, lambda row: row.group)]
    inches = LANE_INCHES + (NAME_INCHES if narrow else 0)
    width = house.NARROW_INCHES if narrow else house.WIDTH_INCHES
    figure = Figure(figsize=(width, inches * len(groups) + 0.4), layout="constrained")
    panel = figure.subplots()
    longest = max(bar.end for row in rows if (bar := row.bars[0]))
    for place, group in enumerate(groups):
        y = place * inches + inches - LANE_INCHES / 2
        marked = sorted(
            ((bar, row.engine) for row in group if (bar := row.bars[0])), key=lambda mark: mark[0].value
        )
        end = max(bar.end for bar, _ in marked)
        panel.plot([0, end], [y, y], color=LIGHT["rule"], linewidth=1.0, zorder=1)
        for bar, engine in marked:
            look: dict[str, Any] = {"color": LIGHT[engine], "marker": ENGINES[engine].marker}
            if bar.is_range:
                panel.plot([bar.low, bar.high], [y, y], color=LIGHT[engine], linewidth=1.0, zorder=2)
            panel.plot([bar.value], [y], markersize=6, zorder=3, clip_on=False, **look)
        values = " · ".join(bar.text for bar, _ in marked)
        _beside(panel, y, f"{values} {unit}", -7, x=end, ha="left")
        name = house.cut(group[0].group, MOST_LETTERS)
        if narrow:
            _beside(panel, y - (LANE_INCHES + NAME_INCHES) / 2 + 0.02, name, 0, ha="left", weight="bold")
        else:
            _beside(panel, y, name, 6, weight="bold")
    panel.set_ylim(inches * len(groups), 0)
    _bare(panel, longest)
    there = {row.engine for row in rows}
    engines = [name for name in ENGINES if name in there]
    if len(engines) > 1:
        house.key(figure, house.engine_keys(engines, line=False), columns=2 if narrow else 4)
    return figure


def _beside(
    panel: Axes, y: float, label: str, left_points: float, *, x: float = 0.0, **look: Any
) -> None:
    """A text that ends, or with another `ha` begins, so far left of a point, the axis for one."""
    usual: dict[str, Any] = {"ha": "right", "va": "center", "color": LIGHT["ink"]}
    panel.annotate(
        label,
        (x, y),
        xytext=(-left_points, 0),
        textcoords="offset points",
        annotation_clip=False,
        fontsize=house.SMALL_POINTS,
        **usual | look,
    )
