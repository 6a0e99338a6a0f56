"""What sentences are put together from: figures with their runs, lists of things, names."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal, cast

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.write import words
from reports.write.document import Number, Paragraph, Sentence, say

Part = str | Number | Sentence

FEW = 3
"""Up to so many machines are told one by one; of more, a sentence tells how many and the extremes."""
LISTED = 4
"""So many of anything else are named before the rest is only counted."""
AT_THE_RATE = (
    "The profile speed times the first steps of an epoch. The seconds are those of a whole epoch at"
    " that rate."
)


def put(template: str, **parts: Part) -> Sentence:
    """As `say`, and a part may be a piece of a sentence itself."""
    whole = say(template, **cast("dict[str, str | Number]", parts))
    return joined(whole.parts)


def joined(parts: Iterable[Part]) -> Sentence:
    """The parts one after the other."""
    return Sentence(
        tuple(
            inner for part in parts for inner in (part.parts if isinstance(part, Sentence) else (part,))
        )
    )


def row(pieces: Sequence[Part], last: str = " and ", before: str = ", ") -> Sentence:
    """Things in a row: a, b and c."""
    found: list[Part] = []
    for place, piece in enumerate(pieces):
        if place:
            found.append(last if place == len(pieces) - 1 else before)
        found.append(piece)
    return joined(found)


def cut(pieces: Sequence[Part], what: str, most: int = LISTED, last: str = " and ") -> Sentence:
    """The first ones in a row, and how many more there are; `what` says of what."""
    if len(pieces) <= most:
        return row(pieces, last)
    more = figure(len(pieces) - most, f"further ones, not named; {what}", ())
    return row([*pieces[:most], put("{more} more", more=more)], last)


def paragraph(
    *sentences: Sentence | None, kind: Literal["text", "note"] = "text"
) -> tuple[Paragraph, ...]:
    """One paragraph of those that there are, or none."""
    there = tuple(sentence for sentence in sentences if sentence is not None)
    return (Paragraph(there, kind),) if there else ()


def ids(frame: pd.DataFrame) -> tuple[str, ...]:
    """The runs that rows of a frame are of, each once."""
    return tuple(dict.fromkeys(frame["run"]))


def figure(value: float, what: str, runs: Iterable[str], noun: str = "", plural: str = "") -> Number:
    """A whole number, with its noun in the right number."""
    text = words.count(value, noun or None, plural or None)
    return Number(text=text, value=float(value), what=what, runs=tuple(runs))


def not_shown(count: int, what: str, template: str) -> Sentence:
    """How many machines a picture has no room for; the template has places for `n` and `are`."""
    number = figure(count, what, (), "machine")
    return put(template, n=number, are="is" if count == 1 else "are")


def of_runs(runs: Sequence[str], which: str, noun: str = "run") -> Number:
    """How many runs there are."""
    return figure(len(runs), f"runs; {which}", runs, noun)


def part_of(own: Sequence[str], every: Sequence[str], which: str, start: bool = False) -> Sentence:
    """So many runs of so many: "2 of 4 runs", "all 4 runs", "both runs", "the one run"."""
    whole = of_runs(every, "of which")
    if len(own) < len(every):
        return put("{n} of {all}", n=figure(len(own), f"runs; {which}", own), all=whole)
    if len(every) == 1:
        return put("The one run" if start else "the one run")
    if len(every) == 2:
        return put("{both}", both=replace(whole, text="Both runs" if start else "both runs"))
    return put("{each} {all}", each="All" if start else "all", all=whole)


def share(value: float, what: str, runs: Iterable[str], digits: int = 1) -> Number:
    """A share as per cent."""
    return Number(text=words.percent(value, digits), value=float(value), what=what, runs=tuple(runs))


def points(value: float, what: str, runs: Iterable[str], digits: int = 2) -> Number:
    """A difference of shares, or a standard error of one, in percentage points."""
    return Number(text=words.points(value, digits), value=float(value), what=what, runs=tuple(runs))


def decimal(value: float, what: str, runs: Iterable[str], digits: int = 2) -> Number:
    """A number without a unit."""
    text = words.number(value, f".{digits}f")
    return Number(text=text, value=float(value), what=what, runs=tuple(runs))


def gigabytes(value: float, what: str, runs: Iterable[str]) -> Number:
    """Memory that was used."""
    return Number(text=words.gigabytes(value), value=float(value), what=what, runs=tuple(runs))


def between(low: Number, high: Number) -> Sentence:
    """A range: "3 to 11", "15 or 16", or "3" where both read the same."""
    if low.text == high.text:
        return put("{low}", low=low)
    neighbours = low.text.isdigit() and high.value == low.value + 1
    return put("{low} or {high}" if neighbours else "{low} to {high}", low=low, high=high)


def extremes(frame: pd.DataFrame, column: str) -> tuple[Any, Any] | None:
    """The rows with the least and the most of a column, or None where nothing was measured."""
    there = frame.dropna(subset=[column])
    if there.empty:
        return None
    places = there[column].astype(float)
    return there.loc[places.idxmin()], there.loc[places.idxmax()]


def engine(name: Hashable) -> str:
    """What a reader calls an engine."""
    return ENGINES[str(name)].label


def cell(run: Any, machines: bool) -> str:
    """What a run was, in words: "scratch with PyTorch on anna"; without the machine if there is one."""
    name = f"{run['experiment']} with {engine(run['engine'])}"
    return f"{name} on {run['machine']}" if machines else name


def several(frame: pd.DataFrame) -> bool:
    """Whether the rows are of more than one machine."""
    return int(frame["machine"].nunique()) > 1
