"""How cells become a table: what nobody measured and what never changes goes into the caption."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from reports.compare import Study
from reports.document import MOST_MACHINES, Column, RowKind, Sentence, Table, say
from reports.words import DASH, listed

MOST_ROWS = 60


@dataclass(frozen=True, kw_only=True)
class Field:
    """A column on its way into a table.

    Where every cell says the same, `constant` is the caption's sentence with that text in place of
    {value}, and the column goes; without one it stays. `absent` is what the caption says where every
    cell is a dash: without one the heading is named among what was not measured.
    """

    name: str
    cells: Sequence[str]
    align: Literal["left", "right"] = "left"
    constant: str = ""
    absent: Sentence | None = None


def text(
    name: str, cells: Iterable[str], constant: str = "", *, absent: Sentence | None = None
) -> Field:
    """A column of words; an empty cell is a dash."""
    return Field(name=name, cells=[cell or DASH for cell in cells], constant=constant, absent=absent)


def figures(
    name: str, cells: Iterable[str], *, constant: str = "", absent: Sentence | None = None
) -> Field:
    """A column of figures."""
    return Field(name=name, cells=list(cells), align="right", constant=constant, absent=absent)


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
) -> dict[str, Table]:
    """The table under its key, or nothing where there is no row."""
    if not fields or not fields[0].cells:
        return {}
    own = [place for place in range(len(fields[0].cells)) if not kinds or kinds[place] != "published"]
    kept, said, unknown = [], list[Sentence](), {"right": list[str](), "left": list[str]()}
    for field in fields:
        cells = {field.cells[place] for place in own}
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
            columns=tuple(Column(name=field.name, align=field.align) for field in kept),
            rows=tuple(zip(*(field.cells for field in kept), strict=True)),
            kinds=tuple(kinds),
            left_out=left_out,
        )
    }


def few(study: Study, frame: pd.DataFrame, most: int = MOST_MACHINES) -> list[str]:
    """The machines of a frame that are shown: the baseline, then those that were measured first."""
    present = set(frame["machine"])
    names = [name for name in study.frames.machines["machine"] if name in present]
    return sorted(names, key=lambda name: name != study.baseline)[:most]


def fit(frame: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, int]:
    """The rows that are shown, and how many are not: of few machines, and so many as a page holds."""
    shown = frame[frame["machine"].isin(few(study, frame))] if "machine" in frame else frame
    shown = shown.head(MOST_ROWS)
    return shown, len(frame) - len(shown)


def kinds_of(frame: pd.DataFrame) -> list[RowKind]:
    """Published rows, and those of systems or runs that are not valid."""
    column = "state" if "state" in frame else "validity"
    kinds: dict[str, RowKind] = {"published": "published", "invalid": "invalid", "failed": "failed"}
    return [kinds.get(value, "") for value in frame[column]]
