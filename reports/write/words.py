"""Figures and kinds as a reader sees them: units and rounding at the edge, "–" where there is none."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.records.types import Reads, Reason, RunWarning
from bench.records.words import memory_text, reads_text, reason_text, warning_text
from reports.data.sources import LeftOut, left_out_text
from reports.data.text import plain

DASH, MINUS = "–", "\N{MINUS SIGN}"
DEVICES = {"mps": "Apple GPU", "cuda": "NVIDIA GPU", "cpu": "CPU"}


def reasons(run: Any) -> tuple[str, ...]:
    """Why a run of the frame `runs` is invalid or failed, in sentences."""
    if not missing(run["failure"]):
        return (plain(run["failure"]),)
    return tuple(map(reason, run["reasons"]))


def reason(kind: Reason) -> str:
    """Why a run is invalid, in a sentence."""
    return plain(reason_text(kind))


def warning(kind: RunWarning) -> str:
    """What a reader should know of a run, in a sentence."""
    return plain(warning_text(kind))


def reads(meter: Reads) -> str:
    """What a meter reads, or why it reads nothing."""
    return plain(reads_text(meter))


def left_out(row: Any) -> str:
    """Why a row of the frame `left_out` is not in the report, in a sentence."""
    cell = None if missing(row.cell) else row.cell
    return left_out_text(LeftOut(name=row.name, kind=row.kind, cell=cell, detail=row.detail))


def missing(value: Any) -> bool:
    """Whether this is what a frame has where nothing was measured."""
    return value is None or (isinstance(value, float) and math.isnan(value))


def number(value: Any, form: str, scale: float = 1.0) -> str:
    """The value times `scale` in Python's format, or a dash. What rounds to zero has no sign."""
    return DASH if missing(value) else _unsigned_zero(format(value * scale, form))


def _unsigned_zero(figure: str) -> str:
    """The figure, without its sign if it reads as zero."""
    return figure if figure.strip("+-0.,") else figure.lstrip("+-")


def percent(share: Any, digits: int = 1) -> str:
    """A share as per cent: 0.6828 is "68.3 %"."""
    return DASH if missing(share) else f"{number(share, f'.{digits}f', 100)} %"


def signed_percent(share: Any) -> str:
    """A change as per cent with its sign, a minus as wide as a plus: "+2.0 %", "−6.2 %", "0.0 %"."""
    return DASH if missing(share) else f"{number(share, '+.1f', 100)} %".replace("-", MINUS)


def points(share: Any, digits: int = 1) -> str:
    """A difference of shares in percentage points: "12.5 points", "−0.3 points"."""
    return DASH if missing(share) else f"{number(share, f'.{digits}f', 100)} points".replace("-", MINUS)


def seconds(value: Any) -> str:
    """A duration as a person says it: "5.90 s", "2.1 min", "4.4 h"."""
    if missing(value):
        return DASH
    if value < 10:
        return f"{value:.2f} s"
    if value < 90:
        return f"{value:.1f} s"
    return f"{value / 60:.1f} min" if value < 90 * 60 else f"{value / 3600:.1f} h"


@dataclass(frozen=True)
class TimeUnit:
    """A unit that a column of durations is in: its sign, and its seconds."""

    name: str
    seconds: float


def seconds_unit(longest: Any) -> TimeUnit:
    """The unit in which durations up to this are read best."""
    if missing(longest) or longest < 600:
        return TimeUnit("s", 1.0)
    return TimeUnit("min", 60.0) if longest < 600 * 60 else TimeUnit("h", 3600.0)


def rate(images_per_second: Any) -> str:
    """Images a second: whole above a hundred, else three digits."""
    if missing(images_per_second):
        return DASH
    return f"{images_per_second:,.0f}" if images_per_second >= 100 else significant(images_per_second)


def seconds_range(low: float, high: float) -> str:
    """Two durations in one unit, that of the longer as `seconds` has it: "1.2 to 2.8 min"."""
    ending = seconds(high)
    figure, unit = ending.rsplit(" ", 1)
    size = {"s": 1, "min": 60, "h": 3600}[unit]
    digits = len(figure.partition(".")[2])
    return f"{low / size:.{digits}f} to {ending}"


def gigabytes(value: Any, unit: str = " GB") -> str:
    """Memory that was used, in GB (10^9 bytes) to the nearest ten million; `unit` may be a heading's."""
    return DASH if missing(value) else f"{value / 1e9:,.2f}{unit}"


def gibibytes(value: Any) -> str:
    """Memory that a computer has, in GiB with the unit."""
    return DASH if missing(value) else memory_text(value)


def count(value: Any, noun: str | None = None, plural: str | None = None) -> str:
    """A whole number with thousands separated, and its noun in the right number."""
    if missing(value):
        return DASH
    text = f"{int(value):,}"
    return text if noun is None else f"{text} {noun if value == 1 else plural or noun + 's'}"


def times(value: Any) -> str:
    """A ratio: "1.07" to two digits after the point, or three where it is below 0.1."""
    return DASH if missing(value) else f"{value:.2f}" if value >= 0.1 else f"{value:.3f}"


def interval(low: Any, high: Any) -> str:
    """Both ends of a ratio's interval, or a dash."""
    return DASH if missing(low) or missing(high) else f"{times(low)}–{times(high)}"


def significant(value: Any, digits: int = 3) -> str:
    """So many significant digits, without an exponent, thousands separated."""
    if missing(value):
        return DASH
    if value == 0:
        return "0"
    value = float(f"{value:.{digits - 1}e}")  # 99.96 is 100, which has one place fewer
    places = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:,.{places}f}"


def listed(items: Sequence[str]) -> str:
    """Words in a row: "a", "a and b", "a, b and c"."""
    if len(items) < 2:
        return "".join(items)
    return f"{', '.join(items[:-1])} and {items[-1]}"
