"""What an accuracy costs: the seconds and the joules of training that it takes."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from alexnet.frameworks.registry import ENGINES
from reports.document import Number, Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.settings import engines_of
from reports.study.accuracy import accuracies
from reports.study.accuracy import systems as pooled
from reports.study.compare import Study
from reports.words import count, missing, percent, seconds, significant

FEW_PLACES = 4
"""So many are named at their curves."""
MOST_TOLD = 5
"""So many of what nothing beats are told in words."""
WIDE = 12.0
"""Where costs lie farther apart than this, their axis is logarithmic."""


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What is paid: the column of `runs` that holds it, its words, and the axis' unit for so much."""

    column: str
    words: Any
    unit: Any


def _joules(value: Any) -> str:
    return f"{significant(value / 1000)} kJ"


def _hours_or_less(most_seconds: float) -> tuple[str, float]:
    name, _, size = house.unit_of(most_seconds)
    return f"{name} of training", size


TIME = Cost(column="seconds_to_best", words=seconds, unit=_hours_or_less)
ENERGY = Cost(column="joules_to_best_epoch", words=_joules, unit=lambda _: ("kJ", 1000.0))
POINT = ("machine", "device", "experiment", "engine")


def points(study: Study, runs: pd.DataFrame, cost: Cost) -> pd.DataFrame:
    """One row a cell of `runs`: what it costs, and how accurate its system is.

    - cost: the median over the cell's runs of the cost to the best epoch; `runs` are their ids.
    - test_accuracy, half_interval, seeds, accuracy_runs: of the system, on all machines of the study;
      `half_interval` is NaN where the accuracy is not judged, or has too few seeds for an error.
    - front: whether every cheaper row is judged less accurate; False in all where that is not judged.
    """
    judged = accuracies(study)
    scored = study.runs[study.runs["test_accuracy"].notna()]
    systems = judged.systems if study.says_accuracy else pooled(scored)
    by_name = {system.name: system for system in systems}
    drawable = {run for system in systems for run in system.runs}
    there = runs[runs[cost.column].notna() & runs["run"].isin(drawable)]
    grouped = there.groupby(list(POINT), sort=False)
    table = grouped[[cost.column]].median().rename(columns={cost.column: "cost"})
    table["runs"] = grouped["run"].agg(tuple)
    table = table.reset_index()
    of_row = [by_name[name] for name in zip(table["experiment"], table["engine"], strict=True)]
    table["test_accuracy"] = [system.mean for system in of_row]
    table["half_interval"] = [
        system.half_interval if study.says_accuracy else math.nan for system in of_row
    ]
    table["seeds"] = [system.seeds for system in of_row]
    table["accuracy_runs"] = [system.runs for system in of_row]
    costs = [float(value) for value in table["cost"]]
    worth = (
        judged.worth_their_cost(list(zip(costs, of_row, strict=True))) if study.says_accuracy else None
    )
    table["front"] = [False] * len(table) if worth is None else worth
    table = table.sort_values(["cost", "test_accuracy"], ascending=[True, False])
    return table.reset_index(drop=True)


@house.styled
def time_to_accuracy(study: Study) -> Picture | None:
    """Each mark is one experiment's test accuracy, on all machines together, and the training time up to
    its best epoch; up and left is better. The letter is the experiment's first.
    """
    return _picture(study, TIME, time_to_accuracy, "time-to-accuracy", "Accuracy and the time it takes")


@house.styled
def energy_to_accuracy(study: Study) -> Picture | None:
    """Each mark is one experiment's test accuracy, on all machines together, and the energy up to its
    best epoch, as the machine counts it; up and left is better. The letter is the experiment's first.
    """
    return _picture(
        study, ENERGY, energy_to_accuracy, "energy-to-accuracy", "Accuracy and the energy it takes"
    )


def _picture(study: Study, cost: Cost, plot: Any, name: str, title: str) -> Picture | None:
    shown = pick.Shown(study)
    table = points(study, shown.runs, cost)
    if table.empty:
        return None
    unit, size = cost.unit(float(table["cost"].max()))
    figure, [[panel]] = house.grid(1, 1, row_inches=3.5)
    front = table[table["front"]]
    panel.step(
        front["cost"] / size,
        front["test_accuracy"],
        where="post",
        color=LIGHT["highlight"],
        linewidth=2.5,
        zorder=2,
    )
    for row in table.itertuples():
        at = row.cost / size, row.test_accuracy
        if not missing(row.half_interval):
            panel.errorbar(
                *at,
                yerr=row.half_interval,
                color=LIGHT[row.engine],
                elinewidth=1.2,
                capsize=3,
                zorder=2.5,
            )
        panel.plot(
            *at,
            marker=ENGINES[row.engine].marker,
            markersize=11,
            color=LIGHT[row.engine],
            markeredgecolor=LIGHT["paper"],
            markeredgewidth=0.8,
            linestyle="none",
            zorder=3,
        )
        panel.text(
            *at,
            row.experiment[0],
            color=LIGHT["paper"],
            ha="center",
            va="center_baseline",
            fontsize=8.5,
            weight="bold",
            zorder=4,
        )
    _axes(panel, table["cost"] / size, f"{unit} to the best epoch")
    if len(shown.places) > 1:
        _name_machines(panel, table, size, shown)
    panel.set_title(
        "     ".join(f"{e[0]} {e}" for e in pick.experiments(table)),
        weight="normal",
        fontsize=house.SMALL_POINTS,
        color=LIGHT["muted"],
    )
    house.key(figure, house.engine_keys(engines_of(table), line=False))
    here = (*_of_seeds(table), *_of_line(study, table, cost))
    return house.picture(
        plot,
        name=name,
        title=title,
        figure=figure,
        here=(*here, say("The axis of accuracy need not begin at 0."), *shown.rest, *pick.modest(study)),
        alt=f"Points of test accuracy over {unit} to the best epoch. {' '.join(s.text for s in here)}",
    )


def _name_machines(panel: Axes, table: pd.DataFrame, size: float, shown: pick.Shown) -> None:
    """The machine of each mark on the line; without a line, of the first mark of each, of a few."""
    names = {(place.machine, place.device): place.line for place in shown.places}
    marks = table[table["front"]]
    if marks.empty and len(shown.places) <= FEW_PLACES:
        marks = table.groupby(["machine", "device"], sort=False).head(1)
    house.name_points(
        panel,
        [
            (row.cost / size, row.test_accuracy, names[row.machine, row.device])
            for row in marks.itertuples()
        ],
    )


def _axes(panel: Axes, costs: pd.Series[float], label: str) -> None:
    low, high = float(costs.min()), float(costs.max())
    if low > 0 and high / low > WIDE:
        panel.set_xscale("log")
        panel.set_xlim(low / 2.2, high * 1.4)
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_minor_locator(NullLocator())
        label += " (logarithmic)"
    else:
        panel.set_xlim(0, 1.1 * high)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    panel.set_xlabel(label)
    panel.set_ylabel("test accuracy")
    panel.margins(y=0.12)
    house.percents(panel.yaxis)


def _of_seeds(table: pd.DataFrame) -> tuple[Sentence, ...]:
    """Over how many seeds the accuracies are means, and what the bars are."""
    runs = tuple(dict.fromkeys(run for ids in table["accuracy_runs"] for run in ids))
    fewest, most = int(table["seeds"].min()), int(table["seeds"].max())
    numbers = [
        Number(text=text, value=float(value), runs=runs, what=f"{name} seeds of a mark's accuracy")
        for name, value, text in (
            ("fewest", fewest, f"{fewest}"),
            ("most", most, count(most, "seed")),
        )
    ]
    sentences = [
        say(f"Each accuracy is {'of' if most == 1 else 'the mean over'} {{seeds}}.", seeds=numbers[1])
        if fewest == most
        else say("Each accuracy is the mean over {low} to {high}.", low=numbers[0], high=numbers[1])
    ]
    if table["half_interval"].notna().any():
        sentences.append(say("A bar is the 95 % interval of a mean of three seeds or more."))
    return tuple(sentences)


def _of_line(study: Study, table: pd.DataFrame, cost: Cost) -> tuple[Sentence, ...]:
    """What the line joins, or why there is none; a machine's device is named where it has two."""
    front, parts = table[table["front"]], []
    if front.empty:
        if not study.says_accuracy:
            return ()
        return (
            say(
                "There is no line through the best marks: with fewer than three seeds it is not known"
                " which these are."
            ),
        )
    devices = Counter(machine for machine, _ in pick.places(table))
    for row in front.iloc[pick.spread(len(front), MOST_TOLD)].itertuples():
        name = f"{row.experiment}, {ENGINES[row.engine].label}"
        parts.append(
            say(
                "{experiment} in {engine} on {machine} ({right} in {cost})",
                experiment=row.experiment,
                engine=ENGINES[row.engine].label,
                machine=pick.site(row.machine, row.device) if devices[row.machine] > 1 else row.machine,
                right=Number(
                    text=percent(row.test_accuracy),
                    value=row.test_accuracy,
                    runs=row.accuracy_runs,
                    what=f"test accuracy, mean over seeds, {name}",
                ),
                cost=Number(
                    text=cost.words(row.cost),
                    value=row.cost,
                    runs=row.runs,
                    what=f"{cost.column}, median over runs, {name}, {row.machine}",
                ),
            )
        )
    more = say(" and {others} more", others=count(len(front) - len(parts)))
    end = more.parts if len(front) > len(parts) else ()
    lead = "Nothing beats " if len(front) == 1 else "The line joins those that nothing beats: "
    return (
        say("A mark beats another if it takes less and is not judged less accurate."),
        Sentence((*pick.listed(parts, lead=lead, end="").parts, *end, ".")),
    )


@house.styled
def accuracy_over_time(study: Study) -> Picture | None:
    """Validation accuracy over the training time since the start, evaluation not counted. A line is a
    run, from its first epoch to its last; the ring is its best epoch, that of the least validation loss.
    """
    shown = pick.Shown(study)
    if shown.epochs.empty:
        return None
    named = pick.experiments(shown.runs)
    figure, axes = house.panels(len(named), row_inches=2.5)
    lanes = shown.runs.groupby(list(POINT), sort=False)
    each = max(1, pick.limit(len(lanes)) // int(shown.runs["epochs"].max()))
    for experiment, panel in zip(named, axes, strict=True):
        cells = pick.of(shown.runs, experiment=experiment).groupby(list(POINT), sort=False)
        runs = pd.concat([own.iloc[pick.spread(len(own), each)] for _, own in cells])
        epochs = shown.epochs[shown.epochs["run"].isin(runs["run"])]
        unit, _, size = house.unit_of(float(epochs["elapsed_train_seconds"].max()))
        by_run = dict(tuple(epochs.groupby("run", sort=False)))
        ends = [
            (*_curve(panel, by_run[run.run], run, size), (run.machine, run.device))
            for run in runs.itertuples()
        ]
        panel.set_title(experiment)
        panel.set_xlabel(f"{unit} of training")
        panel.set_xlim(left=0)
        _name_ends(panel, ends, shown)
        house.percents(panel.yaxis)
    house.key(
        figure,
        [
            *house.engine_keys(engines_of(shown.runs)),
            house.mark("best epoch", marker="o", markersize=9, markerfacecolor="none"),
        ],
    )
    reached = pick.by_engine(
        shown.runs,
        "seconds_to_best",
        "training seconds to the best epoch",
        seconds,
        "The best epoch of {} is reached after ",
    )
    drawn = (say("At most {runs} of each kind are drawn.", runs=count(each, "run")),)
    here = (
        *(drawn if lanes["run"].count().max() > each else ()),
        say("The axes of accuracy need not begin at 0."),
    )
    return house.picture(
        accuracy_over_time,
        name="accuracy-over-time",
        title="Accuracy over training time",
        here=(*reached, *here, *shown.rest, *pick.modest(study)),
        figure=figure,
        alt="Curves of validation accuracy over training time. "
        + " ".join(sentence.text for sentence in reached),
    )


def _curve(panel: Axes, epochs: pd.DataFrame, run: Any, size: float) -> tuple[float, float]:
    """Draws one run; where it ends, as (x, y)."""
    colour, marker = LIGHT[run.engine], ENGINES[run.engine].marker
    x = epochs["elapsed_train_seconds"].to_numpy(float) / size
    y = epochs["validation_accuracy"].to_numpy(float)
    panel.plot(
        x,
        y,
        color=colour,
        linestyle=ENGINES[run.engine].line,
        linewidth=1.2,
        marker=marker if len(x) == 1 else None,
    )
    if not missing(run.best_epoch):
        best = int(run.best_epoch) - 1
        panel.plot(
            x[best],
            y[best],
            marker="o",
            markersize=8,
            markerfacecolor="none",
            markeredgecolor=colour,
            markeredgewidth=1.2,
            linestyle="none",
        )
    return float(x[-1]), float(y[-1])


def _name_ends(panel: Axes, ends: list[tuple[float, float, Any]], shown: pick.Shown) -> None:
    """Each device's name at the end of its longest curve, where there are few of them."""
    if not 1 < len(shown.places) <= FEW_PLACES:
        return
    points = []
    for place in shown.places:
        own = [(x, y) for x, y, where in ends if where == (place.machine, place.device)]
        points += [(*max(own), place.line)] if own else []
    house.name_points(panel, points)
