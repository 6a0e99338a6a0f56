"""The findings that matter most, in a few sentences."""

from __future__ import annotations

from alexnet.data import DATASETS
from bench.records.limits import MAX_DRIFT
from reports import words
from reports.document import Paragraph, Sentence
from reports.prose import learning, machines
from reports.prose.accuracies import best_accuracy
from reports.prose.frameworks import unlike_precisions
from reports.prose.headline import speeds
from reports.prose.parts import (
    FEW,
    Part,
    cut,
    figure,
    ids,
    of_runs,
    paragraph,
    part_of,
    put,
    row,
)
from reports.study.compare import Study
from reports.study.learning import overfitting
from reports.tables.resources import gpu_alone


def summary(study: Study) -> tuple[Paragraph, ...]:
    """Which framework and machine is faster, what was learnt, what is missing, what it rests on."""
    runs = study.runs
    if runs.empty:
        return paragraph(*_nothing(study), kind="note")
    return (
        paragraph(*speeds(study), unlike_precisions(study), *_machines(study))
        + paragraph(*_learning(study))
        + paragraph(_abnormal(study), _weights(study), _what(study))
    )


def _nothing(study: Study) -> list[Sentence]:
    """Why there is no finding."""
    runs = study.frames.runs
    told: list[Part] = []
    for validity, template in (("failed", "{n} failed"), ("invalid", "{n} invalid")):
        own = runs[runs["validity"] == validity]
        if len(own):
            told.append(put(template, n=figure(len(own), f"runs; {validity}", ids(own))))
    skipped = len(study.frames.skipped)
    if skipped:
        told.append(put("{n} skipped", n=figure(skipped, "skipped cells", ())))
    template = "No run is valid, so nothing is compared and nothing is claimed{told}."
    found = [put(template, told=put(": {it}", it=row(told)) if told else "")]
    texts = map(words.reasons, runs.to_dict("records"))
    reasons = list(dict.fromkeys("; ".join(text) for text in texts if text))
    if reasons:
        found.append(put("The reasons are: {told}.", told=cut(reasons, "reasons", 3, "; ")))
    return found


def _what(study: Study) -> Sentence:
    runs, setting = study.runs, study.setting
    names = list(dict.fromkeys(runs["machine"]))
    return put(
        "All this rests on {runs} of the {profile} profile: AlexNet on {dataset} at {size} pixels a"
        " side, on {machines}.",
        runs=figure(len(runs), "runs; valid in the main setting", ids(runs), "valid run"),
        profile=str(setting["profile"]),
        dataset=DATASETS.get(setting["dataset"], "images"),
        size=figure(setting["image_size"], "image size, pixels a side", ids(runs)),
        machines=row(names)
        if len(names) <= FEW
        else figure(len(names), "machines; with valid runs", ids(runs), "machine"),
    )


def _machines(study: Study) -> list[Sentence]:
    """The first sentence of the machines' section, of the main setting."""
    if len(study.frames.machines) < 2:
        return []
    mine = study.means[study.means["setting"] == study.main]
    if mine.empty:
        return []
    first = machines.machines(study)[0].sentences
    return list(first[: 1 if len(mine) <= FEW else 2])


def _learning(study: Study) -> list[Sentence]:
    runs = study.runs
    done = runs[runs["stopped"] == "patience"]
    if done.empty:
        found = [put("No run converged before its cap of epochs.")]
    else:
        found = [
            put(
                "{done} converged before the cap of epochs.",
                done=part_of(ids(done), ids(runs), "converged", start=True),
            )
        ]
    if not study.says_accuracy:
        images = (
            "These are synthetic images"
            if study.setting["dataset"] != "cifar10"
            else put(
                "These {profile} runs are not the whole protocol", profile=str(study.setting["profile"])
            )
        )
        return [*found, put("{it}: nothing is claimed of accuracy or overfitting.", it=images)]
    overfitted = learning.named(overfitting(runs, study.frames.epochs), "overfitted")
    if overfitted:
        found.append(
            put(
                "The {experiments} {names} overfitted ({n}).",
                experiments="experiment" if len(overfitted) == 1 else "experiments",
                names=row([name for name, _ in overfitted]),
                n=learning.risen_runs([judgement for _, same in overfitted for judgement in same]),
            )
        )
    best = best_accuracy(study)
    return [*found, best] if best else found


def _abnormal(study: Study) -> Sentence | None:
    runs, every = study.runs, study.frames.runs
    told: list[Part] = []
    for own, one, many in (
        (every[every["validity"] == "invalid"], "{n} is invalid", "{n} are invalid"),
        (every[every["validity"] == "failed"], "{n} failed", "{n} failed"),
        (
            runs[runs["drift"].astype(float) < -MAX_DRIFT],
            "{n} ended over 5 % slower than it began",
            "{n} ended over 5 % slower than they began",
        ),
        (
            runs[runs["interruptions"].astype(float) > 0],
            "{n} was cut off and resumed",
            "{n} were cut off and resumed",
        ),
        (
            runs[runs["disturbed_epochs"].astype(float) > 0],
            "{n} had epochs that were disturbed",
            "{n} had epochs that were disturbed",
        ),
        (runs[runs["power"] == "battery"], "{n} began on battery", "{n} began on battery"),
    ):
        if len(own):
            template = one if len(own) == 1 else many
            what = f"runs; {template.removeprefix('{n} ')}"
            told.append(put(template, n=figure(len(own), what, ids(own), "" if told else "run")))
    energy = "the processor's energy" if len(gpu_alone(runs)) else "energy"
    told += [
        put("{it} was not measured", it=name)
        for column, name in (("joules_per_epoch", energy), ("grown_host_bytes", "memory"))
        if runs[column].isna().all()
    ]
    left_out = len(study.frames.left_out)
    if left_out:
        number = figure(
            left_out,
            "files or parts of files left out",
            (),
            "file or part of a file",
            "files or parts of files",
        )
        told.append(put("{n} could not be used", n=number))
    return put("Of note: {told}.", told=row(told)) if told else None


def _weights(study: Study) -> Sentence | None:
    """A word of caution on runs with weights that nobody has proven to be the published ones."""
    runs = study.runs
    own = runs[(runs["experiment"] == "pretrained") & (runs["weights_origin"] != "torchvision")]
    if own.empty:
        return None
    return put(
        "{n} of pretrained began with a user's file: nothing is claimed of ImageNet weights.",
        n=of_runs(ids(own), "weights of a user's file"),
    )
