"""How cells become a table: what nobody measured and what never changes goes into the caption."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from reports.study.compare import Study
from reports.study.shown import Ranked, ranked
from reports.write.document import MOST_MACHINES, Column, RowKind, Sentence, Table, say
from reports.write.words import DASH, count, listed, missing


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column on its way into a table.

    Where every cell says the same, `constant` is the caption's sentence with that text in place of
    {value}, and the column goes; without one it stays. `absent` is what the caption says where every
    cell is a dash: without one the heading is named among what was not measured. `values` are the raw
    values behind the cells, by which a page sorts; a `minor` column goes first where there is no room,
    and a `joined` one only together with the one before it.
    """

    name: str
    cells: Sequence[str]
    align: Literal["left", "right"] = "left"
    constant: str = ""
    absent: Sentence | None = None
    values: Sequence[float] = ()
    minor: bool = False
    joined: bool = False


def text(
    name: str,
    cells: Iterable[str],
    constant: str = "",
    *,
    absent: Sentence | None = None,
    minor: bool = False,
) -> Field:
    """A column of words; an empty cell is a dash."""
    texts = [cell or DASH for cell in cells]
    return Field(name=name, cells=texts, constant=constant, absent=absent, minor=minor)


def figures(
    name: str,
    cells: Iterable[str],
    *,
    constant: str = "",
    absent: Sentence | None = None,
    values: Iterable[float] = (),
    minor: bool = False,
    joined: bool = False,
) -> Field:
    """A column of figures, and the raw values behind them, by which a page sorts."""
    return Field(
        name=name,
        cells=list(cells),
        align="right",
        constant=constant,
        absent=absent,
        values=list(values),
        minor=minor,
        joined=joined,
    )


def line(words: str) -> Sentence:
    """A sentence of words alone."""
    return Sentence((words,))


def table(
    key: str,
    title: str,
    fields: Sequence[Field],
    caption: Sequence[Sentence],
    *,
    kinds: Sequence[RowKind] = (),
    left_out: int = 0,
    frame: pd.DataFrame | None = None,
) -> dict[str, Table]:
    """The table under its key, or nothing where there is no row; `frame` has its raw values."""
    if not fields or not fields[0].cells:
        return {}
    kept, said, unknown = [], list[Sentence](), {"right": list[str](), "left": list[str]()}
    for field in fields:
        # What is no figure of the baseline's, such as its own ratio's verdict, is the same in all else.
        cells = {
            cell
            for place, cell in enumerate(field.cells)
            if cell != DASH or not kinds or kinds[place] != "baseline"
        }
        if set(field.cells) == {DASH}:
            if field.absent is None:
                unknown[field.align].append(field.name)
            elif field.absent.text and field.absent not in said:
                said.append(field.absent)
        elif field.constant and len(cells) == 1 and DASH not in cells:
            said.append(say(field.constant, value=cells.pop()))
        else:
            kept.append(field)
    for align, template in (("right", "Not measured: {names}."), ("left", "Not known: {names}.")):
        if unknown[align]:
            said.append(say(template, names=listed(unknown[align])))
    return {
        key: Table(
            key=key,
            title=title,
            caption=(*caption, *said),
            columns=tuple(map(_column, kept)),
            rows=tuple(zip(*(field.cells for field in kept), strict=True)),
            kinds=tuple(kinds),
            left_out=left_out,
            frame=frame,
        )
    }


def _column(field: Field) -> Column:
    values = tuple(None if missing(value) else float(value) for value in field.values)
    return Column(
        name=field.name, align=field.align, values=values, minor=field.minor, joined=field.joined
    )


def few(study: Study, frame: pd.DataFrame, *, rows: float = math.inf) -> tuple[str, ...]:
    """The machines of a frame that are shown, the ones that matter most first.

    They are the first of `ranked`, at most `MOST_MACHINES`, and so many as have `rows` rows together;
    the first is shown however many rows it has.
    """
    sizes = Counter(frame["machine"])
    names: list[str] = []
    for name in ranked(study, frame["machine"]).order[:MOST_MACHINES]:
        if names and sum(sizes[shown] for shown in (*names, name)) > rows:
            break
        names.append(name)
    return tuple(names)


def which_machines(frame: pd.DataFrame, shown: Iterable[str], study: Study) -> list[Sentence]:
    """A caption's sentence on the machines of a frame, where not all are `shown`."""
    there, names = set(frame["machine"]), set(shown)
    if there == names:
        return []
    return [
        say(
            "Of {machines}, {shown} are shown: {which}.",
            machines=count(len(there), "machine"),
            shown=count(len(names)),
            which=machines_shown(ranked(study, there), len(names)),
        )
    ]


def machines_shown(machines: Ranked, shown: int) -> str:
    """Which of the ranked machines the first so many are: "the baseline and those with …"."""
    base = "it" if machines.baseline else "the baseline"
    fastest, slowest = (name in machines.order[:shown] for name in (machines.fastest, machines.slowest))
    names = ["the baseline"] if machines.baseline else []
    if fastest and machines.fastest == machines.slowest:
        names.append(f"the one that is compared with {base}")
    elif fastest:
        ends = "fastest and the slowest that are" if slowest else "fastest that is"
        names.append(f"the {ends} compared with {base}")
    if shown > len({machines.baseline, machines.fastest, machines.slowest} - {None}):
        names.append("those with the most valid runs")
    return " and ".join(names) if len(names) < 3 else f"{names[0]}, {names[1]}, and {names[2]}"


def kinds_of(frame: pd.DataFrame) -> list[RowKind]:
    """Which rows are of runs that are not valid."""
    kinds: dict[str, RowKind] = {"invalid": "invalid", "failed": "failed"}
    return [kinds.get(validity, "") for validity in frame["validity"]]
