"""Which classes are told apart: accuracy by class, and what the images were taken for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
import seaborn as sns
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from alexnet.data import CLASSES
from alexnet.frameworks.registry import ENGINES
from reports.document import Number, Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.rows import ANSWERS
from reports.settings import engines_of
from reports.study.compare import Study
from reports.words import count, percent

FAINTEST, STRONGEST = 0.03, 0.5
"""How opaque the cells of 0 and of 100 % are: the page's ink stays legible on them, dark or light."""

LEAST = 0.005
"""Smaller shares of a confusion are left without a figure."""
MOST_LYING = 8
"""The names of so many columns lie side by side; those of more stand upright."""


def counts(study: Study) -> pd.DataFrame:
    """(experiment, engine, class, answer) -> test images, summed over the main setting's runs."""
    found = study.frames.confusion
    own = found[(found["validity"] == "valid") & (found["setting"] == study.main)]
    return own.groupby(["experiment", "engine", "class", "answer"])["images"].sum().reset_index()


def accuracies(study: Study) -> pd.DataFrame:
    """Class x (experiment, engine): the share of all its runs' test images that was right."""
    table = counts(study)
    if table.empty:
        return pd.DataFrame()
    sums = table.groupby(["experiment", "engine", "class"])["images"].sum()
    right = table[table["class"] == table["answer"]].groupby(["experiment", "engine", "class"])
    share = (right["images"].sum() / sums).unstack("class")
    there = pick.groups(table)
    return share.reindex(index=pd.MultiIndex.from_tuples(there), columns=list(CLASSES)).T


def matrix(table: pd.DataFrame, experiment: str, engine: str) -> pd.DataFrame:
    """Class x answer: shares of the class's images; a column for "none of the ten" where one can be."""
    own = pick.of(table, experiment=experiment, engine=engine)
    wide = own.pivot_table(index="class", columns="answer", values="images", aggfunc="sum")
    wide = wide.reindex(index=list(CLASSES), columns=[a for a in ANSWERS if a in wide.columns])
    return wide.div(wide.sum(axis=1), axis=0)


@house.styled
def class_accuracy(study: Study) -> Picture | None:
    """The share of each class's test images that was taken for what it is, in per cent."""
    table = accuracies(study)
    if table.empty:
        return None
    many = table.shape[1] > MOST_LYING
    figure = Figure(figsize=(house.WIDTH_INCHES, 5.6 if many else 4.6), layout="constrained")
    panel = figure.subplots()
    for engine in engines_of(study.runs):
        others = np.broadcast_to(table.columns.get_level_values(1) != engine, table.shape)
        _heat(panel, table, engine, others | table.isna(), size=7 if many else 9.5)
    panel.set_xticks(
        [i + 0.5 for i in range(table.shape[1])],
        [ENGINES[name].label for _, name in table.columns],
        rotation=90 if many else 0,
        fontsize=8.5,
    )
    panel.xaxis.tick_top()
    panel.tick_params(length=0, labelcolor=LIGHT["ink"])
    _rules(panel, *table.shape)
    named = list(table.columns.get_level_values(0))
    for experiment in dict.fromkeys(named):
        first, wide = named.index(experiment), named.count(experiment)
        panel.text(
            first + wide / 2,
            -3 if many else -0.75,
            experiment,
            ha="center",
            weight="bold",
            fontsize=house.SMALL_POINTS,
        )
        if first:
            panel.axvline(first, color=LIGHT["muted"], linewidth=1.2)
    here = tuple(_extremes(study, table))
    return house.picture(
        class_accuracy,
        name="class-accuracy",
        title="Accuracy by class",
        here=(*here, *_pooled(study), *pick.modest(study)),
        figure=figure,
        alt=f"Accuracy of ten classes by experiment and framework. {' '.join(s.text for s in here)}",
    )


def _heat(panel: Axes, table: pd.DataFrame, engine: str, mask: Any, *, size: float) -> None:
    """Cells with their per cent, the more opaque the nearer to 1; where `mask` is true, none."""
    red, green, blue = to_rgb(LIGHT[engine])
    shades = LinearSegmentedColormap.from_list(
        engine, [(red, green, blue, FAINTEST), (red, green, blue, STRONGEST)]
    )
    sns.heatmap(
        table,
        ax=panel,
        cmap=shades,
        vmin=0,
        vmax=1,
        cbar=False,
        mask=mask,
        fmt=".0f",
        annot=100 * table,
        annot_kws={"size": size, "color": LIGHT["ink"]},
        linewidths=0,
    )
    panel.set(xlabel="", ylabel="")
    panel.tick_params(axis="y", rotation=0, labelcolor=LIGHT["ink"])


def _rules(panel: Axes, rows: int, columns: int) -> None:
    """Thin lines about all cells, since faint ones do not end clearly."""
    panel.grid(visible=False)
    panel.hlines(range(rows + 1), 0, columns, color=LIGHT["rule"], linewidth=0.5)
    panel.vlines(range(columns + 1), 0, rows, color=LIGHT["rule"], linewidth=0.5)


def _pooled(study: Study) -> tuple[Sentence, ...]:
    most = int(study.runs.groupby(["experiment", "engine"])["run"].nunique().max())
    return (say("The images of all runs are taken together."),) if most > 1 else ()


def _extremes(study: Study, table: pd.DataFrame) -> Iterator[Sentence]:
    """By experiment, the classes with the most and with the fewest right answers."""
    for experiment in dict.fromkeys(table.columns.get_level_values(0)):
        parts, sides = [], []
        for engine, shares in table[experiment].items():
            sides.append(pick.of(study.runs, experiment=experiment, engine=engine))
            runs = pick.ids(sides[-1])
            ends = (shares.idxmax(), shares.idxmin())
            high, low = (
                Number(
                    text=percent(float(shares[name])),
                    value=float(shares[name]),
                    runs=runs,
                    what=f"share of {name} test images right, {experiment}, {ENGINES[engine].label}",
                )
                for name in ends
            )
            parts.append(
                say(
                    "{engine} knows {best} best ({high}) and {worst} worst ({low})",
                    engine=ENGINES[engine].label,
                    best=ends[0],
                    worst=ends[1],
                    high=high,
                    low=low,
                )
            )
        yield from pick.side_by_side(parts, sides, lead=f"In {experiment} ")


@house.styled
def confusion(study: Study, experiment: str) -> Picture | None:
    """A row is what an image shows, a column what it was taken for, in per cent of the row: right
    answers are on the diagonal. Shares under half a per cent are left without a figure.
    """
    table = pick.of(counts(study), experiment=experiment)
    engines = engines_of(table)
    if not engines:
        return None
    figure, axes = house.panels(
        len(engines), row_inches=3.4 if len(engines) > 1 else 4.6, more_inches=0.5, sharey=True
    )
    here: list[Sentence] = []
    for engine, panel in zip(engines, axes, strict=True):
        shares = matrix(table, experiment, engine)
        _heat(panel, shares, engine, shares < LEAST, size=7.5 if len(engines) > 1 else 9)
        panel.set_title(ENGINES[engine].label)
        panel.set_xticks([i + 0.5 for i in range(shares.shape[1])], list(shares.columns), rotation=90)
        panel.set_xlabel("what it was taken for")
        _rules(panel, *shares.shape)
        panel.tick_params(length=0, labelcolor=LIGHT["ink"])
        here += _confused(study, table, experiment, engine)
    for panel in axes[::2]:
        panel.set_ylabel("what it is")
    return house.picture(
        confusion,
        name=f"confusion-{experiment}",
        title=f"What was taken for what: {experiment}",
        here=(*here, *_pooled(study), *pick.modest(study)),
        figure=figure,
        alt=f"Confusion matrices of {experiment}. {' '.join(sentence.text for sentence in here)}",
    )


def _confused(study: Study, table: pd.DataFrame, experiment: str, engine: str) -> Iterator[Sentence]:
    """The pair that is mixed up most."""
    own = pick.of(table, engine=engine)
    wrong = own[own["class"] != own["answer"]]
    if wrong.empty or not wrong["images"].max():
        return
    most = wrong.loc[wrong["images"].idxmax()]
    images = int(own.loc[own["class"] == most["class"], "images"].sum())
    runs = pick.ids(pick.of(study.runs, experiment=experiment, engine=engine))
    name = f"{experiment}, {ENGINES[engine].label}"
    yield say(
        "In {engine} the most frequent mistake is {thing} taken for {answer}: {wrong} of {images}.",
        engine=ENGINES[engine].label,
        thing=str(most["class"]),
        answer=str(most["answer"]),
        wrong=Number(
            text=count(most["images"], "image"),
            value=float(most["images"]),
            runs=runs,
            what=f"test images of {most['class']} taken for {most['answer']}, {name}",
        ),
        images=Number(
            text=count(images),
            value=float(images),
            runs=runs,
            what=f"test images of {most['class']}, {name}",
        ),
    )
