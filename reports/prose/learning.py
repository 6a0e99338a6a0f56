"""What converged, overfitted and was learnt; nothing of accuracy where the runs cannot say it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import pandas as pd

from reports.compare import Study
from reports.document import Number, Paragraph, Sentence
from reports.prose.parts import (
    Part,
    between,
    cut,
    engine,
    figure,
    ids,
    of_runs,
    paragraph,
    part_of,
    points,
    put,
    row,
    share,
)

RISE = 0.05
"""By which the last validation loss must be over the lowest for a run to count as overfitted."""
MOST_ERRORS = 3
"""Standard errors beyond which two accuracies are called different."""
Side = tuple[str, pd.DataFrame]
"""An engine and its runs."""


def learning(study: Study) -> tuple[Paragraph, ...]:
    """The valid runs of the main setting."""
    runs = study.runs
    if runs.empty:
        return ()
    found = paragraph(*convergence(runs))
    if not study.says_accuracy:
        return found + paragraph(no_accuracy(study))
    return found + paragraph(*overfitting(study)) + paragraph(*_accuracies(study))


def no_accuracy(study: Study) -> Sentence:
    """Why nothing is claimed of accuracy."""
    runs = study.runs
    if study.setting["dataset"] != "cifar10":
        return put(
            "Nothing is claimed of accuracy or overfitting: the images are synthetic, made to be timed."
        )
    train, test = (
        between(
            *(figure(getattr(runs[name], end)(), f"{end} {name}", ids(runs)) for end in ("min", "max"))
        )
        for name in ("train_images", "test_images")
    )
    return put(
        "Nothing is claimed of accuracy or overfitting: {profile} runs that train on {train} images and"
        " score {test} time an epoch, and are not the whole protocol by which to judge what is learnt.",
        profile=str(study.setting["profile"]),
        train=train,
        test=test,
    )


def convergence(runs: pd.DataFrame) -> list[Sentence]:
    """By experiment: how many runs ended by patience, at which epoch, and how many met their cap."""
    told: list[Sentence] = []
    capped: dict[str, list[pd.DataFrame]] = {}
    for experiment, group in runs.groupby("experiment", sort=False):
        done, rest = (group[(group["stopped"] == "patience") == yes] for yes in (True, False))
        if done.empty:
            capped.setdefault(_epochs(group, "epochs").text, []).append(group)
            continue
        ending = put(" and {n} met the cap of epochs first", n=figure(len(rest), "runs; cap", ids(rest)))
        template = "In {experiment}, {done} converged (best epoch {epochs}){rest}."
        told.append(
            put(
                template,
                experiment=str(experiment),
                done=part_of(ids(done), ids(group), "converged"),
                epochs=_epochs(done, "converged_at"),
                rest=ending if len(rest) else "",
            )
        )
    some = bool(told)
    if capped:
        told.append(_capped(list(capped.values()), some))
    if some:
        told.append(
            put(
                "A run counts as converged if it ended because its validation loss had not improved for"
                " as many epochs as its recipe has patience."
            )
        )
    return told


def _capped(groups: Sequence[Sequence[pd.DataFrame]], others: bool) -> Sentence:
    """Experiments of which no run converged, those of as many epochs together."""
    pieces = []
    for number, same in enumerate(groups):
        experiments = row([str(group["experiment"].iloc[0]) for group in same])
        epochs = _epochs(pd.concat(list(same)), "epochs", "" if number else "epoch")
        pieces.append(put("{epochs} in {experiments}", epochs=epochs, experiments=experiments))
    beginning = "No other run converged" if others else "No run converged"
    return put("{beginning} before its cap of epochs: {told}.", beginning=beginning, told=row(pieces))


def _epochs(group: pd.DataFrame, column: str, noun: str = "") -> Sentence:
    low, high = group[column].min(), group[column].max()
    first = figure(low, f"min {column}", ids(group), noun if low == high else "")
    return between(first, figure(high, f"max {column}", ids(group), noun))


@dataclass(frozen=True, kw_only=True)
class Overfitted:
    """A run whose validation loss rose again: from which epoch on, and by how much until the end."""

    run: str
    best_epoch: int
    rise: float


def overfitted(study: Study) -> list[Overfitted]:
    """Runs of the main setting whose validation loss ended RISE over its lowest, as training's fell."""
    every = study.frames.epochs
    mine = every[every["run"].isin(study.runs["run"])]
    last = mine.groupby("run", sort=False).tail(1).set_index("run")
    known = mine.dropna(subset=["validation_loss"])
    lowest = known.groupby("run", sort=False)["validation_loss"].idxmin()
    best = known.loc[lowest].set_index("run")
    last = last.loc[best.index]
    rise = last["validation_loss"] / best["validation_loss"] - 1
    over = (rise >= RISE) & (best["validation_loss"] > 0) & (last["train_loss"] < best["train_loss"])
    return [
        Overfitted(run=str(run), best_epoch=int(best.at[run, "epoch"]), rise=float(rise[run]))
        for run in best.index[over]
    ]


def overfitting(study: Study) -> list[Sentence]:
    """By experiment, and what the word means here."""
    found = {each.run: each for each in overfitted(study)}
    definition = (
        "A run counts as overfitted if its last validation loss is at least 5 % over its lowest while"
        " its training loss went on falling."
    )
    if not found:
        return [put("No run overfitted."), put(definition)]
    told: list[Sentence] = []
    for experiment, group in study.runs.groupby("experiment", sort=False):
        mine = [found[run] for run in group["run"] if run in found]
        if not mine:
            continue
        runs = tuple(each.run for each in mine)
        low, high = (end(mine, key=lambda each: each.best_epoch) for end in (min, max))
        rises = sorted(each.rise for each in mine)
        told.append(
            put(
                "{n} of {experiment} overfitted from epoch {epochs} on, where the validation loss was"
                " lowest: it ended {rise} higher.",
                n=part_of(runs, ids(group), "overfitted", start=True),
                experiment=str(experiment),
                epochs=between(
                    figure(low.best_epoch, "min best epoch by validation loss", runs),
                    figure(high.best_epoch, "max best epoch by validation loss", runs),
                ),
                rise=between(
                    share(rises[0], "least rise of the validation loss", runs, 0),
                    share(rises[-1], "largest rise of the validation loss", runs, 0),
                ),
            )
        )
    return [*told, put(definition)]


def judged(study: Study) -> pd.DataFrame:
    """The main setting's runs whose accuracy may be told: none with weights of unknown origin."""
    runs = study.runs
    known = (runs["experiment"] != "pretrained") | (runs["weights_origin"] == "torchvision")
    return runs[known & runs["test_accuracy"].notna()]


def _accuracies(study: Study) -> list[Sentence]:
    told: list[Part] = []
    apart: list[Apart] = []
    for experiment, group in judged(study).groupby("experiment", sort=False):
        sides = {str(name): own for name, own in group.groupby("engine", sort=False)}
        pieces = row([_accuracy(name, own) for name, own in sides.items()])
        told.append(put("{experiment} {pieces}", experiment=str(experiment), pieces=pieces))
        apart += [_apart(str(experiment), pair) for pair in combinations(sides.items(), 2)]
    if not told:
        return []
    found = [put("Test accuracy, with the best epoch's weights: {told}.", told=row(told, "; ", "; "))]
    for far, template in (
        (
            False,
            "The frameworks are apart by {told}, within three standard errors of a share ({error}"
            " each).",
        ),
        (
            True,
            "They are apart by {told}, more than three standard errors of a share ({error} each): one"
            " framework learnt more, or something else sets the runs apart.",
        ),
    ):
        some = [each for each in apart if each.far == far]
        if some:
            pieces = _differences(some, name_pairs=len({each.engines for each in apart}) > 1)
            errors = sorted((each.error for each in some), key=lambda error: error.value)
            found.append(put(template, told=pieces, error=between(errors[0], errors[-1])))
    return found


def _differences(apart: Sequence[Apart], *, name_pairs: bool) -> Sentence:
    """Each difference with its experiment; of several pairs, the largest with the pair's names."""
    if not name_pairs:
        return row([put("{n} in {it}", n=each.difference, it=each.experiment) for each in apart])
    pieces: list[Part] = [
        put(
            "{n} in {it} ({first} and {second})",
            n=each.difference,
            it=each.experiment,
            first=each.engines[0],
            second=each.engines[1],
        )
        for each in sorted(apart, key=lambda each: -each.difference.value)
    ]
    return cut(pieces, "differences of mean test accuracies")


def _accuracy(name: str, own: pd.DataFrame) -> Sentence:
    values, runs = own["test_accuracy"].astype(float), ids(own)
    which = f"{engine(name)}, {own['experiment'].iloc[0]}"
    mean = share(values.mean(), f"mean test accuracy; {which}", runs, 2)
    if len(own) == 1:
        return put("{mean} with {name} (a single run)", mean=mean, name=engine(name))
    count = of_runs(runs, which)
    least = share(values.min(), f"least test accuracy; {which}", runs, 2)
    largest = share(values.max(), f"largest test accuracy; {which}", runs, 2)
    if least.text == largest.text:
        return put("{mean} with {name} (each of {n})", mean=mean, name=engine(name), n=count)
    return put(
        "{mean} with {name} (mean of {n} from {low} to {high})",
        mean=mean,
        name=engine(name),
        n=count,
        low=least,
        high=largest,
    )


@dataclass(frozen=True, kw_only=True)
class Apart:
    """How far two engines' mean accuracies are apart, beside one standard error of a share."""

    experiment: str
    engines: tuple[str, str]
    difference: Number
    error: Number

    @property
    def far(self) -> bool:
        return self.difference.value > MOST_ERRORS * self.error.value


def _apart(experiment: str, sides: tuple[Side, Side]) -> Apart:
    means = [float(own["test_accuracy"].mean()) for _, own in sides]
    both = pd.concat([own for _, own in sides])
    right, images = sum(means) / 2, float(both["test_images"].min())
    error = math.sqrt(right * (1 - right) / images)
    what = "difference of the mean test accuracies"
    return Apart(
        experiment=experiment,
        engines=(engine(sides[0][0]), engine(sides[1][0])),
        difference=points(abs(means[0] - means[1]), f"{what}; {experiment}", ids(both)),
        error=points(error, f"standard error of a share of the test images; {experiment}", ids(both)),
    )
