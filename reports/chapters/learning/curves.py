"""Loss and accuracy by epoch: a column an experiment, a line an engine."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import fmean, median_low

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from alexnet.frameworks.registry import ENGINES
from reports.chapters.learning import overfitting
from reports.data.settings import engines_of
from reports.draw import house, pick
from reports.draw.palette import LIGHT
from reports.study.compare import Study
from reports.study.learning import Overfitting, last_shared_epoch, main_epochs
from reports.write import words
from reports.write.document import Picture, Sentence
from reports.write.table import line

MEASURES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy")
PANEL_INCHES, SMALL_INCHES = 1.55, 1.1
"""The height of a row of panels; the small one where the runs may claim nothing."""
MOST_NAMED = 4
"""So many engines have their names at their lines; more are told apart in a key."""
LEAST_FALL = 0.05
"""From the first epoch to the last, as a share. Less may be noise: from epoch to epoch a validation loss
varies by up to 4 % (`reports.study.learning`)."""
MOST_ABOVE = 2.0
"""The first training loss is cut off where it is over so many times the largest other loss."""
LINE_POINTS = 12.0
"""Between two names at lines."""


def curves(study: Study) -> pd.DataFrame:
    """(experiment, engine, epoch) -> `runs`, and each measure's _low, _middle and _high over them.

    It ends with the last epoch that at least half of the runs have.
    """
    epochs = main_epochs(study)
    lengths = epochs.groupby(["experiment", "engine", "run"])["epoch"].max()
    ends = lengths.groupby(["experiment", "engine"]).agg(lambda last: last_shared_epoch(list(last)))
    epochs = epochs.join(ends.rename("end"), on=["experiment", "engine"])
    epochs = epochs[epochs["epoch"] <= epochs["end"]]
    grouped = epochs.groupby(["experiment", "engine", "epoch"])
    values = grouped[list(MEASURES)]
    of_end = {"_low": values.min(), "_middle": values.median(), "_high": values.max()}
    wide = pd.concat([table.add_suffix(end) for end, table in of_end.items()], axis=1)
    return wide.assign(runs=grouped["run"].nunique())


def best_epoch(study: Study, experiment: str, engine: str) -> int | None:
    """The middle one of its runs' best epochs, those of the least validation loss."""
    epochs = pick.of(study.runs, experiment=experiment, engine=engine)["best_epoch"].dropna()
    return None if epochs.empty else int(median_low(epochs))


def falling(table: pd.DataFrame) -> str:
    """In which experiments the validation loss ends over `LEAST_FALL` lower than it began.

    With every engine; the others are named too.
    """
    losses = table["validation_loss_middle"].groupby(["experiment", "engine"])
    fell = (losses.last() < (1 - LEAST_FALL) * losses.first()).groupby("experiment").all()
    if table.index.get_level_values("epoch").max() == 1:
        return "One epoch is no curve yet"
    least = f"{100 * LEAST_FALL:g} %"
    if len(fell) == 1:
        falls = "falls" if fell.iloc[0] else f"does not fall by more than {least}"
        return f"The validation loss of {fell.index[0]} {falls}"
    if fell.all():
        return "The validation loss falls in every experiment"
    if not fell.any():
        return f"The validation loss falls by more than {least} in no experiment"
    down, flat = (
        words.listed(pick.experiments(fell[is_down].reset_index())) for is_down in (fell, ~fell)
    )
    return f"The validation loss falls in {down}; in {flat} by less than {least} or not at all"


@house.styled
def picture(study: Study, judgements: Sequence[Overfitting]) -> Picture | None:
    """The curves with the finding on overfitting; small, with what falls, where nothing is claimed."""
    table = curves(study)
    if table.empty:
        return None
    title = overfitting.finding(judgements) if study.says_accuracy else falling(table)
    return Picture(
        key="learning",
        title=title,
        caption=_caption(table),
        alt=f"{title}. {_alt(study, table)}",
        svg=house.svg(_draw(study, judgements, table, narrow=False)),
        narrow_svg=house.svg(_draw(study, judgements, table, narrow=True)),
    )


def _draw(
    study: Study, judgements: Sequence[Overfitting], table: pd.DataFrame, *, narrow: bool
) -> Figure:
    experiments = pick.experiments(study.runs)
    inches = PANEL_INCHES if study.says_accuracy else SMALL_INCHES
    figure, panels = _panels(experiments, inches, narrow=narrow)
    for experiment, pair in panels.items():
        for engine in engines_of(pick.of(study.runs, experiment=experiment)):
            curve = table.loc[experiment, engine]
            best = best_epoch(study, experiment, engine)
            for panel, measure in zip(pair, ("loss", "accuracy"), strict=True):
                _line(panel, curve, f"train_{measure}", engine, thin=True)
                _line(panel, curve, f"validation_{measure}", engine, best=best)
    if study.says_accuracy:
        _mark_rises(panels, judgements, table)
    if (top := loss_limit(table)) is not None:
        for loss, _ in panels.values():
            loss.set_ylim(top=top)
    figure.supxlabel("epoch", fontsize=house.SMALL_POINTS, color=LIGHT["muted"])
    _key(figure, panels, table, engines_of(study.runs), narrow=narrow)
    return figure


Panels = dict[str, tuple[Axes, Axes]]
"""Experiment -> the panels of its loss and its accuracy."""


def _panels(experiments: Sequence[str], row_inches: float, *, narrow: bool) -> tuple[Figure, Panels]:
    """A column an experiment, its loss above its accuracy; on a narrow page, or of one alone, a row."""
    in_rows = narrow or len(experiments) == 1
    rows, columns = (len(experiments), 2) if in_rows else (2, len(experiments))
    width = house.NARROW_INCHES if narrow else house.WIDTH_INCHES
    height = rows * row_inches * (1.3 if rows == 1 else 1.0) + (1.0 if narrow else 0.7)
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots(
        rows, columns, squeeze=False, sharex=True, sharey="col" if in_rows else "row"
    ).tolist()
    pairs = axes if in_rows else list(zip(*axes, strict=True))
    panels: Panels = {name: (pair[0], pair[1]) for name, pair in zip(experiments, pairs, strict=True)}
    for experiment, (loss, accuracy) in panels.items():
        for panel in (loss, accuracy):
            panel.margins(x=0.06, y=0.1)  # a ring at the last epoch or the least loss stays inside
        loss.set_title(f"{experiment}: loss" if in_rows else experiment)
        if in_rows:
            accuracy.set_title("accuracy", color=LIGHT["muted"], weight="normal")
    first_loss, first_accuracy = panels[experiments[0]]
    if not in_rows:
        first_loss.set_ylabel("loss")
        first_accuracy.set_ylabel("accuracy")
    house.whole(first_loss.xaxis)
    first_loss.xaxis.set_major_locator(MaxNLocator(4, steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    house.percents(first_accuracy.yaxis)
    return figure, panels


def _line(
    panel: Axes,
    curve: pd.DataFrame,
    measure: str,
    engine: str,
    *,
    thin: bool = False,
    best: int | None = None,
) -> None:
    """The median over runs, of validation with a band from the least to the most, and the best epoch."""
    colour = LIGHT[engine]
    epochs, middle = curve.index.to_numpy(), curve[f"{measure}_middle"].to_numpy(float)
    if not thin and (curve["runs"] > 1).any():
        low, high = (curve[f"{measure}_{end}"].to_numpy(float) for end in ("low", "high"))
        panel.fill_between(epochs, low, high, color=colour, alpha=0.16, linewidth=0)
    panel.plot(
        epochs,
        middle,
        color=colour,
        linestyle=ENGINES[engine].line,
        linewidth=0.8 if thin else 1.8,
        marker=ENGINES[engine].marker if len(epochs) == 1 else None,
    )
    if best is not None and best in curve.index:
        panel.plot(
            [best],
            [float(curve.loc[best, f"{measure}_middle"])],
            linestyle="none",
            marker="o",
            markersize=7,
            markerfacecolor="none",
            markeredgecolor=colour,
            markeredgewidth=1.3,
            clip_on=False,
        )


def loss_limit(table: pd.DataFrame) -> float | None:
    """Where the axis of losses ends, if a first epoch's training loss would flatten all the rest."""
    later = table[table.index.get_level_values("epoch") > 1]
    others = [table["validation_loss_high"].max(), later["train_loss_middle"].max()]
    top = max((float(value) for value in others if math.isfinite(value)), default=0.0)
    return 1.1 * top if 0 < MOST_ABOVE * top < table["train_loss_middle"].max() else None


def _mark_rises(panels: Panels, judgements: Sequence[Overfitting], table: pd.DataFrame) -> None:
    """At the end of a loss that rose again, by how much: the largest of the runs' rises."""
    for experiment, (loss, _) in panels.items():
        rises = [
            rise.rise
            for judgement in judgements
            if judgement.experiment == experiment and judgement.kind == "overfitted"
            for rise in judgement.risen
        ]
        if not rises:
            continue
        ends = [
            (int(curve.index.get_level_values("epoch")[-1]), float(curve.iloc[-1]))
            for _, curve in table.loc[experiment]["validation_loss_middle"].dropna().groupby("engine")
        ]
        low, high = (words.number(value, ".0f", 100) for value in (min(rises), max(rises)))
        end = max(ends, key=lambda end: end[1])
        has_room = end[0] < 0.65 * loss.get_xlim()[1]
        label = loss.annotate(
            f"+{high} %" if low == high else f"+{low}–{high} %",
            end,
            xytext=(3, 0) if has_room else (0, 5),
            textcoords="offset points",
            ha="left" if has_room else "right",
            va="center" if has_room else "bottom",
            fontsize=house.SMALL_POINTS,
            color=LIGHT["bad"],
        )
        label.set_in_layout(False)  # it may reach into the room between two panels


def _key(
    figure: Figure, panels: Panels, table: pd.DataFrame, engines: Sequence[str], *, narrow: bool
) -> None:
    """The kinds of lines above all panels; the engines at the last lines, if they are all there."""
    handles = [
        house.mark("validation", linestyle="-", linewidth=1.8),
        house.mark("training", linestyle="-", linewidth=0.8),
        house.mark("best epoch", marker="o", markersize=7, markerfacecolor="none"),
    ]
    experiment = list(panels)[-1]
    there = {name for name in engines if (experiment, name) in table.index.droplevel("epoch")}
    if len(engines) > 1 and not narrow and len(there) == len(engines) <= MOST_NAMED:
        ends = {
            name: float(table.loc[experiment, name]["validation_accuracy_middle"].iloc[-1])
            for name in engines
        }
        _name_lines(figure, panels[experiment][1], ends)
    elif len(engines) > 1:
        handles = [*house.engine_keys(engines), *handles]
    house.key(figure, handles, columns=3 if narrow else min(len(handles), 5))


def _name_lines(figure: Figure, panel: Axes, ends: dict[str, float]) -> None:
    """The engines' names right of the panel, one below the other in the order of `ends`.

    They stand about the middle of their lines' ends, as far as the panel has room.
    """
    height = 72 * figure.get_size_inches()[1] * panel.get_position().height
    bottom, top = panel.get_ylim()
    gap = LINE_POINTS / height
    whole = gap * (len(ends) - 1)
    middle = (fmean(ends.values()) - bottom) / (top - bottom)
    first = min(1.0, max(middle + whole / 2, whole))
    for place, name in enumerate(ends):
        panel.annotate(
            ENGINES[name].label,
            (1, first - gap * place),
            xycoords="axes fraction",
            xytext=(5, 0),
            textcoords="offset points",
            va="center",
            fontsize=house.SMALL_POINTS,
            color=LIGHT[name],
        )


def _caption(table: pd.DataFrame) -> tuple[Sentence, ...]:
    lines = "A line is one run."
    if table["runs"].max() > 1:
        lines = (
            "A line is the median of the runs, up to the last epoch that half of them have; a band goes"
            " from the least to the most."
        )
    if loss_limit(table) is None:
        return (line(lines),)
    return line(lines), line("Training losses of first epochs are higher than their panels.")


def _alt(study: Study, table: pd.DataFrame) -> str:
    """Each experiment's validation accuracy at both ends of its curves, over its engines."""
    parts = []
    for experiment in pick.experiments(study.runs):
        of_engine = table.loc[experiment]["validation_accuracy_middle"].groupby("engine")
        first, last = (_range(ends) for ends in (of_engine.first(), of_engine.last()))
        epochs = words.count(int(of_engine.size().max()), "epoch")
        parts.append(f"{experiment}: from {first} to {last} of the validation images right in {epochs}")
    return f"Curves of loss and accuracy by epoch. {'; '.join(parts)}."


def _range(shares: pd.Series[float]) -> str:
    low, high = (words.percent(float(share)) for share in (shares.min(), shares.max()))
    return low if low == high else f"{low.removesuffix(' %')}–{high}"
