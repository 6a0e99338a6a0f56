"""The first page's chart: images per second, a lane a machine or an engine, values at the marks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, MaxNLocator

from alexnet.frameworks.registry import ENGINES
from reports.chapters.front.shown import FEW_ROWS, MOST_LANES, Row, Shown
from reports.draw import house
from reports.draw.palette import LIGHT
from reports.study.speeds import Speed
from reports.write.words import missing, rate, seconds, times

LANE, ROW, BESIDE, NAME = 0.28, 0.42, 0.14, 0.2
"""Inches: a lane, a row of one lane, the room between rows of several, and a name over its lanes."""
MULTIPLE_POINTS = 56.0
"""Of the multiples at the right edge."""
NARROW_INCHES, WIDE_INCHES, NAMES_INCHES = 3.6, 7.6, 1.9
"""Of the chart, and of the rows' names beside it."""


def draw(shown: Shown, *, narrow: bool) -> Figure:
    """The chart for a wide page, or for a telephone's."""
    lanes = _lanes(shown, narrow=narrow)
    height = sum(lane.inches for lane in lanes)
    width = NARROW_INCHES if narrow else WIDE_INCHES
    figure = Figure(figsize=(width, height + 0.75), layout="constrained")
    panel = figure.subplots()
    most = max(_end(speed) for speed in shown.speeds)
    has_multiples = any(row.times for row in shown.rows)
    y = 0.0
    for lane in lanes:
        _lane(panel, lane, y + lane.middle, narrow=narrow)
        y += lane.inches
    panel.set_ylim(y, 0)
    room = _room(shown, has_multiples=has_multiples, narrow=narrow)
    beside = MULTIPLE_POINTS if has_multiples and not narrow else 0.0
    panel.set_xlim(0, most * max(room, _room_for_words(lanes, most, narrow=narrow, beside=beside)))
    _names(panel, lanes, narrow=narrow)
    if has_multiples and not narrow:
        _multiples(panel, lanes)
    _axis(panel, shown, most, narrow=narrow)
    engines = [name for name in ENGINES if name in {speed.engine for speed in shown.speeds}]
    if not _engine_lanes(shown):
        house.key(figure, house.engine_keys(engines, line=False), columns=3 if narrow else 6)
    return figure


def _room(shown: Shown, *, has_multiples: bool, narrow: bool) -> float:
    """The axis as a multiple of its longest lane, so that there is room for the words beside that."""
    if narrow:
        return 2.0 if _engine_lanes(shown) and has_multiples else 1.75
    if not has_multiples:
        return 1.64
    return 2.3 if _engine_lanes(shown) else 1.95


def _room_for_words(lanes: Sequence[Lane], most: float, *, narrow: bool, beside: float) -> float:
    """The axis as a multiple of its longest lane, so that each lane's words end in the picture.

    `beside` is the room at the right edge, in points, that is for something else.
    """
    points = 72 * (NARROW_INCHES - 0.2 if narrow else WIDE_INCHES - NAMES_INCHES)
    needed = []
    for lane in lanes:
        words_share = (house.text_points(_words(lane, narrow=narrow)) + 12 + beside) / points
        needed.append(max(map(_end, lane.speeds)) / most / max(1 - words_share, 0.3))
    return max(needed)


@dataclass(frozen=True, kw_only=True)
class Lane:
    """A line of the chart: its row, the speeds on it, its height and where its marks are, in inches."""

    row: Row
    speeds: Sequence[Speed]
    inches: float
    middle: float
    is_first: bool


def _engine_lanes(shown: Shown) -> bool:
    return len(shown.rows) <= FEW_ROWS and shown.lanes <= MOST_LANES


def _lanes(shown: Shown, *, narrow: bool) -> list[Lane]:
    over = NAME if narrow else 0.0
    lanes: list[Lane] = []
    for row in shown.rows:
        if not _engine_lanes(shown):
            height = 0.22 + over if narrow else ROW
            lanes.append(
                Lane(
                    row=row,
                    speeds=row.speeds,
                    inches=height,
                    middle=over + (height - over) / 2,
                    is_first=True,
                )
            )
            continue
        for place, speed in enumerate(row.speeds):
            first, last = place == 0, place == len(row.speeds) - 1
            above = over if first else 0.0
            lanes.append(
                Lane(
                    row=row,
                    speeds=[speed],
                    inches=above + LANE + (BESIDE if last else 0.0),
                    middle=above + LANE / 2,
                    is_first=first,
                )
            )
    return lanes


def _end(speed: Speed) -> float:
    return speed.value if missing(speed.high) else max(speed.value, speed.high)


def _lane(panel: Axes, lane: Lane, y: float, *, narrow: bool) -> None:
    speeds = lane.speeds
    panel.plot([0, speeds[0].value], [y, y], color=LIGHT["rule"], linewidth=1.2, zorder=1)
    for speed in speeds:
        colour = LIGHT[speed.engine]
        if not missing(speed.low):
            panel.plot(
                [speed.low, speed.high],
                [y, y],
                color=colour,
                linewidth=3.2 if speed.has_interval else 1.0,
                alpha=0.55 if speed.has_interval else 1.0,
                solid_capstyle="butt",
                zorder=2,
            )
        panel.plot(
            [speed.value],
            [y],
            marker=ENGINES[speed.engine].marker,
            markersize=7,
            color=colour,
            markerfacecolor=colour if speed.has_interval else LIGHT["paper"],
            markeredgewidth=1.5,
            zorder=3,
        )
    is_other = _is_other(lane)
    panel.annotate(
        _words(lane, narrow=narrow),
        (max(map(_end, speeds)), y),
        xytext=(8, 0),
        textcoords="offset points",
        va="center",
        fontsize=house.SMALL_POINTS - (1 if narrow else 0),
        color=LIGHT["muted" if is_other else "ink"],
    ).set_in_layout(False)


def _is_other(lane: Lane) -> bool:
    """Whether it has no engine that computes in float32."""
    return not any(speed.is_exact for speed in lane.speeds)


def _words(lane: Lane, *, narrow: bool) -> str:
    """What stands beside a lane: its first speed, and what that is in seconds or as a multiple."""
    first = lane.speeds[0]
    engine = f"{ENGINES[first.engine].label} " if len(lane.speeds) == 1 else ""
    speed_text = f"{engine}{rate(first.value)}/s"
    is_other = _is_other(lane)
    ending = (first.precision or ENGINES[first.engine].precision) if is_other else "an epoch"
    beside = _multiple(lane.row, first)
    if not narrow:
        beside = f"{seconds(first.seconds_per_epoch)}{' ·' if is_other else ''} {ending}"
    return f"{speed_text} · {beside}" if beside else speed_text


def _spans(lanes: Sequence[Lane]) -> list[tuple[Row, float, float]]:
    """Each row with where its lanes begin and end."""
    spans: list[tuple[Row, float, float]] = []
    y = 0.0
    for lane in lanes:
        if lane.is_first:
            spans.append((lane.row, y, y))
        y += lane.inches
        spans[-1] = (*spans[-1][:2], y)
    return spans


def _names(panel: Axes, lanes: Sequence[Lane], *, narrow: bool) -> None:
    """Each row's name beside the middle of its lanes with the detail under it, or narrow above them."""
    panel.set_yticks([])
    for row, start, end in _spans(lanes):
        if narrow:
            panel.annotate(
                house.cut(row.name, 40),
                (0, start),
                xytext=(0, -3),
                textcoords="offset points",
                va="top",
                fontsize=8.5,
                weight="bold",
            )
            continue
        middle = (start + end - (BESIDE if end - start > 1.01 * ROW else 0)) / 2
        beside: dict[str, Any] = {
            "textcoords": "offset points",
            "ha": "right",
            "va": "center",
            "annotation_clip": False,
        }
        panel.annotate(
            house.cut(row.name, 34),
            (0, middle),
            xytext=(-8, 5 if row.detail else 0),
            weight="bold",
            **beside,
        )
        panel.annotate(
            house.cut(row.detail, 40),
            (0, middle),
            xytext=(-8, -7),
            fontsize=8.0,
            color=LIGHT["muted"],
            **beside,
        )


def _multiple(row: Row, speed: Speed) -> str:
    """How many times as fast it is as the same engine on the baseline, as far as that is known."""
    if not row.times:
        return ""
    if row.is_baseline:
        return "baseline" if speed is row.speeds[0] else ""
    ratio = row.times[row.speeds.index(speed)]
    return "" if missing(ratio) else f"{times(ratio)}×"


def _multiples(panel: Axes, lanes: Sequence[Lane]) -> None:
    """At the right edge, of each lane's first engine."""
    y = 0.0
    for lane in lanes:
        text = _multiple(lane.row, lane.speeds[0])
        panel.text(
            1.0,
            y + lane.middle,
            text,
            transform=panel.get_yaxis_transform(),
            ha="right",
            va="center",
            weight="normal" if lane.row.is_baseline else "bold",
            fontsize=house.SMALL_POINTS if lane.row.is_baseline else 11.0,
            color=LIGHT["muted"] if lane.row.is_baseline else LIGHT["ink"],
        )
        y += lane.inches


def _axis(panel: Axes, shown: Shown, most: float, *, narrow: bool) -> None:
    what = f" in {shown.experiment}" if shown.experiment else ""
    panel.set_xlabel(f"images per second{what}", loc="left")
    ticks = MaxNLocator(nbins=3 if narrow else 5, steps=[1, 2, 2.5, 5, 10]).tick_values(0, most)
    panel.set_xticks([tick for tick in ticks if 0 <= tick <= 1.02 * most])
    panel.spines["bottom"].set_bounds(0, most)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
    panel.grid(visible=False, axis="y")
    panel.spines["left"].set_visible(False)
