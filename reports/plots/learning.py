"""How the networks learn by epoch, and what the mistaken one remembers by heart."""

from __future__ import annotations

import math
from statistics import median_low

import pandas as pd
from matplotlib.axes import Axes

from alexnet.frameworks.registry import ENGINES
from reports import words
from reports.document import Number, Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.settings import engines_of
from reports.study.compare import Study
from reports.study.learning import last_shared_epoch, main_epochs
from reports.words import count, percent

MEASURES = ("train_loss", "validation_loss", "train_accuracy", "validation_accuracy", "gap")


def curves(study: Study) -> pd.DataFrame:
    """(experiment, engine, epoch) -> `runs`, and each measure's _low, _middle and _high over them.

    It ends with the last epoch that at least half of the runs have.
    """
    epochs = main_epochs(study)
    lengths = epochs.groupby(["experiment", "engine", "run"])["epoch"].max()
    ends = lengths.groupby(["experiment", "engine"]).agg(lambda last: last_shared_epoch(list(last)))
    epochs = epochs.join(ends.rename("end"), on=["experiment", "engine"])
    epochs = epochs[epochs["epoch"] <= epochs["end"]]
    epochs = epochs.assign(gap=epochs["train_accuracy"] - epochs["validation_accuracy"])
    grouped = epochs.groupby(["experiment", "engine", "epoch"])
    values = grouped[list(MEASURES)]
    found = {"_low": values.min(), "_middle": values.median(), "_high": values.max()}
    wide = pd.concat([table.add_suffix(end) for end, table in found.items()], axis=1)
    return wide.assign(runs=grouped["run"].nunique())


def best_epoch(study: Study, experiment: str, engine: str) -> int | None:
    """The middle one of its runs' best epochs."""
    found = pick.of(study.runs, experiment=experiment, engine=engine)["best_epoch"].dropna()
    return None if found.empty else int(median_low(found))


@house.styled
def learning(study: Study) -> Picture | None:
    """One row an experiment, by epoch: validation is thick with marks, training thin; a ring is the
    best epoch, that of the least validation loss.
    """
    table = curves(study)
    if table.empty:
        return None
    experiments = pick.experiments(study.runs)
    figure, axes = house.grid(len(experiments), 2, row_inches=2.15)
    for experiment, (loss, accuracy) in zip(experiments, axes, strict=True):
        for engine in engines_of(pick.of(study.runs, experiment=experiment)):
            curve = table.loc[experiment, engine]
            best = best_epoch(study, experiment, engine)
            for panel, measure in ((loss, "loss"), (accuracy, "accuracy")):
                _line(panel, curve, f"train_{measure}", engine, thin=True)
                _line(panel, curve, f"validation_{measure}", engine, best=best)
        loss.set_title(f"{experiment}: loss")
        accuracy.set_title("accuracy")
        house.percents(accuracy.yaxis)
    for panel in axes[-1]:
        panel.set_xlabel("epoch")
    house.key(
        figure,
        [
            *house.engine_keys(engines_of(study.runs)),
            house.mark("validation", linestyle="-", linewidth=1.8, marker="."),
            house.mark("training", linestyle="-", linewidth=0.9),
            house.mark("best epoch", marker="o", markersize=9, markerfacecolor="none"),
        ],
        columns=5,
    )
    return house.picture(
        learning,
        name="learning",
        title="How loss and accuracy develop",
        here=_learned(study, table),
        alt=_alt(study, table),
        figure=figure,
    )


def _line(
    panel: Axes,
    curve: pd.DataFrame,
    measure: str,
    engine: str,
    *,
    thin: bool = False,
    best: int | None = None,
) -> None:
    """The median over runs with a band from the least to the most, and a ring at the best epoch."""
    colour = LIGHT[engine]
    epochs, middle = curve.index.to_numpy(), curve[f"{measure}_middle"].to_numpy(float)
    low, high = curve[f"{measure}_low"].to_numpy(float), curve[f"{measure}_high"].to_numpy(float)
    if (curve["runs"] > 1).any():
        panel.fill_between(epochs, low, high, color=colour, alpha=0.16, linewidth=0)
    panel.plot(
        epochs,
        middle,
        color=colour,
        linestyle=ENGINES[engine].line,
        linewidth=0.9 if thin else 1.8,
        marker=None if thin and len(epochs) > 1 else ENGINES[engine].marker,
        markersize=2.5 if thin else 4.0,
    )
    if best is not None and best in curve.index:
        panel.plot(
            [best],
            [float(curve.loc[best, f"{measure}_middle"])],
            linestyle="none",
            marker="o",
            markersize=10,
            markerfacecolor="none",
            markeredgecolor=colour,
            markeredgewidth=1.3,
        )
    house.whole(panel.xaxis)


def _learned(study: Study, table: pd.DataFrame) -> tuple[Sentence, ...]:
    found = []
    for experiment in pick.experiments(study.runs):
        parts, sides = [], []
        for engine in engines_of(pick.of(study.runs, experiment=experiment)):
            runs = pick.of(study.runs, experiment=experiment, engine=engine)
            best = best_epoch(study, experiment, engine)
            right = pick.middle(
                runs,
                "validation_accuracy",
                f"validation accuracy at the best epoch, {experiment}, {ENGINES[engine].label}",
                percent,
            )
            if best is not None and right is not None:
                epoch = Number(
                    text=str(best),
                    value=float(best),
                    runs=pick.ids(runs),
                    what=f"best epoch, lower median over runs, {experiment}, {ENGINES[engine].label}",
                )
                parts.append(
                    say(
                        "{epoch} in {engine} (validation accuracy {right})",
                        epoch=epoch,
                        engine=ENGINES[engine].label,
                        right=right,
                    )
                )
                sides.append(runs)
        found += pick.side_by_side(parts, sides, lead=f"In {experiment} the best epoch is ")
    return (*found, *_runs(study, table), say("The axes need not begin at 0."), *pick.modest(study))


def _runs(study: Study, table: pd.DataFrame) -> tuple[Sentence, ...]:
    most = int(table["runs"].max())
    if most == 1:
        return ()
    least = int(table["runs"].min())
    median = say(
        "A line is the median of {runs}, its band goes from the least to the most of them.",
        runs=count(most, "run") if least == most else f"{least:,} to {most:,} runs",
    )
    lengths = study.runs.groupby(["experiment", "engine"])["epochs"].nunique()
    if lengths.max() == 1:
        return (median,)
    return (median, say("A line ends where fewer than half of its runs are left."))


def _alt(study: Study, table: pd.DataFrame) -> str:
    parts = []
    for experiment, engine in pick.groups(study.runs):
        curve = table.loc[experiment, engine]
        first, last = (curve["validation_accuracy_middle"].iloc[i] for i in (0, -1))
        parts.append(
            f"{experiment} in {ENGINES[engine].label}: from {percent(float(first))} to"
            f" {percent(float(last))} of the validation images right in {count(len(curve), 'epoch')}"
        )
    return f"Curves of loss and accuracy by epoch. {'; '.join(parts)}."


@house.styled
def overfitting(study: Study) -> Picture | None:
    """Above, how much more of the training images than of the validation images is right, by epoch;
    below, the validation loss. Overfitting is where both rise.
    """
    experiments = [e for e in ("scratch", "mistaken") if e in set(study.runs["experiment"])]
    if "mistaken" not in experiments:
        return None
    table = curves(study)
    figure, axes = house.grid(2, len(experiments), row_inches=2.3, sharey="row")
    for column, experiment in enumerate(experiments):
        above, below = axes[0][column], axes[1][column]
        for engine in engines_of(pick.of(study.runs, experiment=experiment)):
            curve = table.loc[experiment, engine]
            best = best_epoch(study, experiment, engine)
            _line(above, curve, "gap", engine, best=best)
            _line(below, curve, "validation_loss", engine, best=best)
        above.axhline(0, color=LIGHT["muted"], linewidth=0.8)
        above.set_title(f"{experiment}: gap in points")
        below.set_title(f"{experiment}: validation loss")
        below.set_xlabel("epoch")
        house.whole(above.xaxis)
        house.whole(below.xaxis)
        house.percents(above.yaxis, unit="")
        for panel in (above, below):
            panel.tick_params(labelleft=column == 0)
    house.key(
        figure,
        [
            *house.engine_keys(engines_of(study.runs)),
            house.mark("best epoch", marker="o", markersize=9, markerfacecolor="none"),
        ],
    )
    here = _overfitted(study, table, experiments)
    return house.picture(
        overfitting,
        name="overfitting",
        title="Does the mistaken network overfit?",
        here=(*here, *_runs(study, table), *pick.modest(study)),
        figure=figure,
        alt=f"Gap between training and validation accuracy, and validation loss, by epoch. "
        f"{' '.join(sentence.text for sentence in here)}",
    )


def _overfitted(study: Study, table: pd.DataFrame, experiments: list[str]) -> tuple[Sentence, ...]:
    """The gap after the curve's last epoch, and how far the validation loss has risen again by then."""
    found = []
    for experiment in experiments:
        parts, sides = [], []
        for engine in engines_of(pick.of(study.runs, experiment=experiment)):
            curve = table.loc[experiment, engine]
            side = pick.of(study.runs, experiment=experiment, engine=engine)
            name = f"{experiment}, {ENGINES[engine].label}"
            parts.append(_gap(curve, name, side, engine))
            sides.append(side)
        found += pick.side_by_side(parts, sides, lead=f"The gap of {experiment} is ")
    return (
        *found,
        say("Training accuracy is counted as the epoch trains, with dropout where the network has it."),
    )


def _gap(curve: pd.DataFrame, name: str, runs: pd.DataFrame, engine: str) -> Sentence:
    """The medians over the runs that have the curve's last epoch."""
    last = int(curve.index[-1])
    there = pick.ids(runs[runs["epochs"] >= last])
    gap, loss, least = (
        float(value)
        for value in (
            curve["gap_middle"].iloc[-1],
            curve["validation_loss_middle"].iloc[-1],
            curve["validation_loss_middle"].min(),
        )
    )
    points = Number(
        text=words.points(gap),
        value=gap,
        runs=there,
        what=f"training less validation accuracy, {name}, epoch {last}, median over runs",
    )
    head = say(
        "{gap} in {engine} after epoch {last}",
        gap=points,
        last=str(last),
        engine=ENGINES[engine].label,
    )
    if math.isnan(loss):
        return head
    tail = say(
        ", with a validation loss of {loss} (at its least {least})",
        loss=Number(
            text=f"{loss:.2f}",
            value=loss,
            runs=there,
            what=f"validation loss, {name}, epoch {last}, median over runs",
        ),
        least=Number(
            text=f"{least:.2f}",
            value=least,
            runs=pick.ids(runs),
            what=f"least validation loss of any epoch's median over runs, {name}",
        ),
    )
    return Sentence((*head.parts, *tail.parts))
