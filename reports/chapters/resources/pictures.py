"""Bars of memory and of energy, the least first."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from statistics import geometric_mean

import pandas as pd
from matplotlib.figure import Figure

from reports.chapters.resources.finding import finding
from reports.chapters.resources.frame import IMAGE, Compared
from reports.data.settings import EXPERIMENT_ORDER, engines_of
from reports.draw import bars, house
from reports.draw.bars import Bar, Row
from reports.study.resources import CARD, HOST
from reports.write import words
from reports.write.document import Picture, Sentence, say
from reports.write.parts import engine, not_shown
from reports.write.table import line
from reports.write.words import DEVICES

MOST_BARS = 28
FEW_MACHINES, MOST_MACHINES = 4, 12
"""So many machines have a bar an engine, and so many a line of marks: of more, those that take the least
energy and the one that takes the most."""


def memory_picture(frame: pd.DataFrame, compared: Compared) -> Picture | None:
    """Bars by experiment and engine, over all machines; None where no run has a figure."""
    frame = frame.assign(**{CARD: frame[CARD].where(frame["device"] == "cuda")})
    shown = frame[frame[[HOST, CARD]].notna().any(axis=1)]
    if shown.empty:
        return None
    panels = [column for column in (HOST, CARD) if shown[column].notna().any()]
    rows = _sorted(
        Row(group=group, engine=engine, bars=tuple(_bar(cells, column) for column in panels))
        for group, engine, cells in _by_experiment(shown)
    )
    rows, which = _few(rows)
    titles = [MEMORY_PANELS[column] for column in panels] if CARD in panels else []
    caption = [
        say(
            "The peak within the training epochs, less what the process held once its framework was"
            " imported{pooled}.",
            pooled=": the mean over machines" if shown["machine"].nunique() > 1 else "",
        ),
        *which,
    ]
    draw = partial(bars.draw, titles=titles)
    return _picture("memory", _memory_title(shown, compared), rows, caption, unit="GB", draw=draw)


MEMORY_PANELS = {HOST: "the process", CARD: "on the graphics card"}


def _memory_title(shown: pd.DataFrame, compared: Compared) -> str:
    for pairs, what in ((compared.card, "card memory"), (compared.host, "memory")):
        if len(pairs):
            return finding(pairs, what)
    column = HOST if shown[HOST].notna().any() else CARD
    return f"Training takes {_ends(shown[column] / 1e9)} GB{_apart(shown)}"


def energy_picture(frame: pd.DataFrame, compared: Compared) -> Picture | None:
    """Bars of the joules an image: by experiment, or of several machines by machine in one of these."""
    shown = frame[frame[IMAGE].notna()]
    if shown.empty:
        return None
    caption = [
        line(
            "Joules an image: the chip's or board's own estimate for processor and GPU together, idle"
            " draw included."
        )
    ]
    draw: Callable[..., Figure] = bars.draw
    if shown["machine"].nunique() == 1:
        groups = _by_experiment(shown)
        rows = _sorted(
            Row(group=group, engine=engine, bars=(_bar(cells, IMAGE),))
            for group, engine, cells in groups
        )
        rows, which = _few(rows)
        caption += which
    else:
        experiment = _most_measured(shown)
        rows, left_out = _fitting(_sorted(_by_machine(shown[shown["experiment"] == experiment])))
        caption.append(say("The experiment is {name}.", name=experiment))
        if len({row.group for row in rows}) > FEW_MACHINES:
            draw = bars.draw_marks
        if left_out:
            what = "machines that the picture of energy has no room for"
            caption.append(not_shown(left_out, what, "{n} between {are} not shown."))
    title = (
        finding(compared.energy, "energy")
        if len(compared.energy)
        else f"An image takes {_ends(shown[IMAGE])} J{_apart(shown)}"
    )
    return _picture("energy", title, rows, caption, unit="J", draw=draw)


@house.styled
def _picture(
    key: str,
    title: str,
    rows: Sequence[Row],
    caption: list[Sentence],
    *,
    unit: str,
    draw: Callable[..., Figure],
) -> Picture:
    """The picture of bars in a unit, as `draw` of `reports.draw.bars` draws it, wide and narrow."""
    if any(bar and bar.is_range for row in rows for bar in row.bars):
        caption = [*caption, line("A thin line goes from the least to the most of the runs.")]
    in_words = "; ".join(
        f"{row.group}, {engine(row.engine)} {' and '.join(bar.text for bar in row.bars if bar)} {unit}"
        for row in rows
    )
    return Picture(
        key=key,
        title=title,
        caption=tuple(caption),
        alt=f"{key.capitalize()}: {in_words}.",
        svg=house.svg(draw(rows, unit=unit)),
        narrow_svg=house.svg(draw(rows, unit=unit, narrow=True)),
    )


def _bar(cells: pd.DataFrame, column: str) -> Bar | None:
    """What stands for the cells of an engine, one a machine; joules or gigabytes."""
    size = 1.0 if column == IMAGE else 1e9
    measured = cells[cells[column].notna()]
    if measured.empty:
        return None
    value = geometric_mean(measured[column]) / size
    low, high = (
        (float(measured[f"least_{column}"].min()), float(measured[f"largest_{column}"].max()))
        if column != CARD
        else (math.nan, math.nan)
    )
    digits = words.significant(value) if column == IMAGE else words.number(value, ",.2f")
    return Bar(value=value, low=low / size, high=high / size, text=digits)


def _by_experiment(frame: pd.DataFrame) -> Iterator[tuple[str, str, pd.DataFrame]]:
    """A group's name, an engine and its cells: experiment by experiment on one kind of device, in order.

    Of several machines those count that ran every engine of the experiment, so that means are of the
    same machines; engines that met on none have a group each, which names its machines.
    """
    several_devices = frame["device"].nunique() > 1
    in_report = frame["experiment"].map(EXPERIMENT_ORDER.index).sort_values(kind="stable")
    for (experiment, device), rows in frame.loc[in_report.index].groupby(
        ["experiment", "device"], sort=False
    ):
        name = f"{experiment}, {DEVICES[str(device)]}" if several_devices else str(experiment)
        machines = [set(cells["machine"]) for _, cells in rows.groupby("engine")]
        shared = set.intersection(*machines)
        groups = {name: rows[rows["machine"].isin(shared)]}
        if not shared:
            groups = {
                f"{name}, {_machines(cells)}": cells for _, cells in rows.groupby("engine", sort=False)
            }
        for group, cells in groups.items():
            for name in engines_of(cells):
                yield group, name, cells[cells["engine"] == name]


def _machines(cells: pd.DataFrame) -> str:
    names = cells["machine"].unique()
    return str(names[0]) if len(names) == 1 else words.count(len(names), "machine")


def _by_machine(frame: pd.DataFrame) -> Iterator[Row]:
    """The cells of one experiment: a group a machine, or a device of one that has two."""
    for (machine, device), cells in frame.groupby(["machine", "device"], sort=False):
        two = frame.loc[frame["machine"] == machine, "device"].nunique() > 1
        group = f"{machine}, {DEVICES[str(device)]}" if two else str(machine)
        for name in engines_of(cells):
            yield Row(group=group, engine=name, bars=(_bar(cells[cells["engine"] == name], IMAGE),))


def _sorted(rows: Iterable[Row]) -> list[Row]:
    """The group with the least bar first, and in each group the least bar.

    Bars that read the same keep the order in which they came.
    """
    groups: dict[str, list[Row]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row)
    ordered = [sorted(group, key=_size) for group in groups.values()]
    return [row for group in sorted(ordered, key=lambda group: _size(group[0])) for row in group]


def _few(rows: list[Row]) -> tuple[list[Row], list[Sentence]]:
    """Of more bars than have room those of the first experiment, and what the caption says of that."""
    if len(rows) <= MOST_BARS:
        return rows, []
    groups = {row.group for row in rows}
    first = next(name for name in EXPERIMENT_ORDER if any(group.startswith(name) for group in groups))
    kept = [row for row in rows if row.group.startswith(first)]
    if kept == rows:
        return rows, []
    return kept, [say("The experiment is {name}; the others are in the table.", name=first)]


def _size(row: Row) -> float:
    """As it is written at the bars, so that no difference sorts them which nobody sees."""
    return sum(float(bar.text.replace(",", "")) for bar in row.bars if bar)


def _fitting(rows: list[Row]) -> tuple[list[Row], int]:
    """The rows of so many groups as there is room for, the last group among them, and those left out."""
    groups = list(dict.fromkeys(row.group for row in rows))
    if len(groups) <= MOST_MACHINES:
        return rows, 0
    kept = {*groups[: MOST_MACHINES - 1], groups[-1]}
    return [row for row in rows if row.group in kept], len(groups) - MOST_MACHINES


def _most_measured(frame: pd.DataFrame) -> str:
    """The experiment that most devices of machines have a figure of, the first of these."""
    devices = {
        name: frame.loc[frame["experiment"] == name, ["machine", "device"]].drop_duplicates().shape[0]
        for name in EXPERIMENT_ORDER
    }
    return max(EXPERIMENT_ORDER, key=lambda name: devices[name])


def _ends(values_shown: pd.Series[float]) -> str:
    ends = [words.significant(end) for end in (values_shown.min(), values_shown.max())]
    return " to ".join(dict.fromkeys(ends))


def _apart(frame: pd.DataFrame) -> str:
    """What a title without a comparison adds where there are several engines."""
    return "; no two engines were measured side by side" if frame["engine"].nunique() > 1 else ""
