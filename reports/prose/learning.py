"""What converged, overfitted and was learnt; nothing of accuracy where the runs cannot say it."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from reports import words
from reports.document import Paragraph, Sentence
from reports.prose.accuracies import accuracies
from reports.prose.parts import (
    between,
    engine,
    figure,
    ids,
    paragraph,
    part_of,
    put,
    row,
    share,
)
from reports.study.compare import Study
from reports.study.learning import MIN_RISE, MIN_RISE_OF_ONE_SEED, Overfitting, OverfittingKind, Rise
from reports.study.learning import overfitting as judge_overfitting


def learning(study: Study) -> tuple[Paragraph, ...]:
    """The valid runs of the main setting."""
    runs = study.runs
    if runs.empty:
        return ()
    found = paragraph(*convergence(runs))
    if not study.says_accuracy:
        return found + paragraph(no_accuracy(study))
    return found + paragraph(*overfitting(study)) + paragraph(*accuracies(study))


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


def overfitting(study: Study) -> list[Sentence]:
    """Which experiments overfitted, of which it cannot be told, and what the word means here."""
    judgements = judge_overfitting(study.runs, study.frames.epochs)
    told = [
        put(
            "The experiment {name} overfitted: in {n} the validation loss rose again, by {rise}, while"
            " the training loss went on falling.",
            name=name,
            n=risen_runs(same),
            rise=_rises([rise for judgement in same for rise in judgement.risen]),
        )
        for name, same in named(judgements, "overfitted")
    ]
    unknown = [name for name, _ in named(judgements, "not judged")]
    if not told and any(judgement.kind != "not judged" for judgement in judgements):
        told.append(put("No experiment overfitted."))
    if unknown:
        told.append(
            put(
                "No run of {names} has more than three epochs and all its losses, so that nothing is"
                " said of overfitting there.",
                names=row(unknown),
            )
        )
    several, one = words.percent(MIN_RISE, 0), words.percent(MIN_RISE_OF_ONE_SEED, 0)
    definition = put(
        "An experiment counts as overfitted if, with more than half of its seeds in a framework, the"
        " validation loss of the last two epochs is on average at least {several} over that of the three"
        " around its minimum ({one} where there is one seed), three epochs or more follow the minimum,"
        " and the training loss went on falling.",
        several=several,
        one=one,
    )
    return [*told, definition]


def named(
    judgements: Sequence[Overfitting], kind: OverfittingKind
) -> list[tuple[str, list[Overfitting]]]:
    """The judgements of a kind with their names: an experiment, or one with an engine.

    The experiment alone where all of its engines were judged so.
    """
    names = []
    for experiment in dict.fromkeys(judgement.experiment for judgement in judgements):
        of_experiment = [each for each in judgements if each.experiment == experiment]
        same = [judgement for judgement in of_experiment if judgement.kind == kind]
        if same and len(same) == len(of_experiment):
            names.append((experiment, same))
        else:
            names += [(f"{experiment} with {engine(each.engine)}", [each]) for each in same]
    return names


def risen_runs(judgements: Sequence[Overfitting]) -> Sentence:
    """In how many of the runs that were judged the validation loss rose."""
    risen = [rise.run for judgement in judgements for rise in judgement.risen]
    runs = [run for judgement in judgements for run in judgement.runs]
    return part_of(risen, runs, "overfitted")


def _rises(rises: Sequence[Rise]) -> Sentence:
    runs, shares = [rise.run for rise in rises], [rise.rise for rise in rises]
    return between(
        share(min(shares), "least rise of the validation loss", runs, 0),
        share(max(shares), "largest rise of the validation loss", runs, 0),
    )
