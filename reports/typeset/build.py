"""How cells become a table: what nobody measured and what never changes goes into the caption."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from reports.document import MOST_MACHINES, Column, RowKind, Sentence, Table, say
from reports.study.compare import Study
from reports.study.shown import ranked
from reports.tables.wording import machines_shown
from reports.words import DASH, count, listed

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
        # What is no figure of the baseline's, such as its own ratio's verdict, is the same in all else.
        bare = {place for place in own if kinds and kinds[place] == "baseline"}
        cells = {field.cells[place] for place in own if place not in bare or field.cells[place] != DASH}
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


def few(
    study: Study, frame: pd.DataFrame, *, rows: float = math.inf, at_least: int = 1
) -> tuple[str, ...]:
    """The machines of a frame that are shown, the ones that matter most first.

    They are the first of `ranked`, at most `MOST_MACHINES`, and so many as have `rows` rows together;
    `at_least` so many are shown however many rows they have.
    """
    sizes = Counter(frame["machine"])
    names: list[str] = []
    for name in ranked(study, frame["machine"]).order[:MOST_MACHINES]:
        if len(names) >= at_least and sum(sizes[each] for each in (*names, name)) > rows:
            break
        names.append(name)
    return tuple(names)


def fit(frame: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, int]:
    """The rows that are shown, and how many are not: of few machines, and so many as a page holds."""
    shown = frame
    if "machine" in frame:
        shown = frame[frame["machine"].isin(few(study, frame, rows=MOST_ROWS))]
    shown = shown.head(MOST_ROWS)
    return shown, len(frame) - len(shown)


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


def ranking(means: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, int, list[Sentence]]:
    """The means in rows, the fastest machine on top, how many are not shown, and a sentence on these.

    Each setting's baseline has a row of its own with a ratio of 1 and nothing else. The main setting
    comes first: of more machines than `MOST_ROWS` its fastest, its slowest and the baseline are shown;
    other settings follow as far as there is room.
    """
    bases = means[["baseline", "setting"]].drop_duplicates()
    rows = pd.concat([means, bases.assign(machine=bases["baseline"], ratio=1.0)])
    rows = rows.sort_values("ratio", ascending=False, kind="stable")
    main, others = (rows[(rows["setting"] == study.main) == side] for side in (True, False))
    others = others.sort_values("setting", kind="stable")
    between, half = len(main) - MOST_ROWS, MOST_ROWS // 2
    sentences = []
    if between > 0:
        rank = pd.Series(range(len(main)), index=main.index)
        middle = (rank >= half) & (rank < len(main) - half) & (main["machine"] != main["baseline"])
        sentences.append(
            say(
                "Shown are the {fastest} fastest, the {slowest} slowest and the baseline; {between}"
                " between them are not.",
                fastest=count(half),
                slowest=count(half),
                between=count(int(middle.sum()), "machine"),
            )
        )
        main = main[~middle.to_numpy()]
    shown = pd.concat([main, others.head(max(0, MOST_ROWS - len(main)))])
    compared = int((shown["machine"] != shown["baseline"]).sum())
    return shown, len(means) - compared, sentences


def kinds_of(frame: pd.DataFrame) -> list[RowKind]:
    """Published rows, and those of systems or runs that are not valid."""
    column = "state" if "state" in frame else "validity"
    kinds: dict[str, RowKind] = {"published": "published", "invalid": "invalid", "failed": "failed"}
    return [kinds.get(value, "") for value in frame[column]]
