"""Which classes were told best and worst, and what was taken for what."""

from __future__ import annotations

import math

import pandas as pd

from reports.document import Paragraph, Sentence
from reports.prose.parts import Part, figure, ids, of_runs, paragraph, points, put, share
from reports.study.accuracy import judged_runs
from reports.study.compare import Study


def classes(study: Study) -> tuple[Paragraph, ...]:
    """By experiment, all valid runs of the main setting together; of quick runs a warning alone."""
    if study.runs.empty:
        return ()
    if not study.says_accuracy:
        return paragraph(_noise(study))
    found: list[Sentence] = []
    for experiment, group in judged_runs(study).groupby("experiment", sort=False):
        found += _told(study, str(experiment), group)
    return paragraph(*found)


def _noise(study: Study) -> Sentence | None:
    """How little a class of so few test images says."""
    table = study.frames.classes
    mine = table[table["run"].isin(study.runs["run"])]
    if mine.empty or study.setting["dataset"] != "cifar10":
        return None
    images = int(mine["images"].min())
    if images == 0:
        return None
    error = points(0.5 / math.sqrt(images), "largest standard error of a class's share", ids(mine), 1)
    return put(
        "Of single classes these runs say little: {n} of a class give a share with a standard error"
        " of up to {error}, and the networks were not trained to the end.",
        n=figure(images, "fewest test images of a class", ids(mine), "test image"),
        error=error,
    )


def _told(study: Study, experiment: str, group: pd.DataFrame) -> list[Sentence]:
    table = study.frames.classes
    mine = table[table["run"].isin(group["run"])]
    if mine.empty:
        return []
    means = mine.groupby("class", sort=False)["accuracy"].mean()
    runs = ids(mine)
    best, worst = str(means.idxmax()), str(means.idxmin())
    numbers = [
        share(means[name], f"mean share of right answers; {name}, {experiment}", runs)
        for name in (best, worst)
    ]
    count = of_runs(runs, experiment)
    ending = put("means of {n}", n=count) if len(runs) > 1 else count
    return [
        put(
            "In {experiment}, {best} is recognised best ({a}) and {worst} worst ({b}){confusion}; {n}.",
            experiment=experiment,
            best=best,
            a=numbers[0],
            worst=worst,
            b=numbers[1],
            confusion=_confusion(study, group),
            n=ending,
        )
    ]


def _confusion(study: Study, group: pd.DataFrame) -> Part:
    """The wrong answer that was given most often."""
    table = study.frames.confusion
    own = table[table["run"].isin(group["run"])]
    wrong = own[own["class"] != own["answer"]]
    counts = wrong.groupby(["class", "answer"], sort=False)["images"].sum()
    if counts.empty or not counts.max():
        return ""
    taken, answer = counts.idxmax()
    own = own[own["class"] == taken]
    value = float(counts.max() / own["images"].sum())
    template = ", and {taken} is most often taken for {answer} ({share} of its test images)"
    what = f"share of a class's test images with one wrong answer; {taken} for {answer}"
    return put(template, taken=str(taken), answer=str(answer), share=share(value, what, ids(own)))
