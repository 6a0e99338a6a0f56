"""What stands outside the comparisons, and why: other settings, invalid runs, unusable files."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pandas as pd

from alexnet.data import DATASETS
from reports import words
from reports.document import Paragraph, Sentence
from reports.prose.parts import (
    LISTED,
    Part,
    cell,
    cut,
    figure,
    ids,
    of_runs,
    paragraph,
    put,
    row,
    several,
)
from reports.sources import LeftOutKind
from reports.study.compare import Study

LEFT_OUT: dict[LeftOutKind, str] = {
    "same file": "the same as another, counted once",
    "same run": "the same as another, counted once",
    "unreadable": "unreadable",
    "not a result file": "not a result file",
    "other version": "saved by another version of the suite",
    "not a record": "figures or fields that cannot be",
    "unknown engine": "of an engine that this version does not have",
}


def apart(study: Study) -> tuple[Paragraph, ...]:
    """All files and runs, not the main setting's alone."""
    return (
        paragraph(*_settings(study))
        + paragraph(*_bad(study, "invalid"), *_bad(study, "failed"), _skipped(study), kind="note")
        + paragraph(_left_out(study), _seals(study), user_weights(study), kind="note")
    )


def _settings(study: Study) -> list[Sentence]:
    table = study.frames.settings
    if len(table) < 2:
        return []
    runs = dict(iter(study.frames.runs.groupby("setting", sort=False)))
    told = [_setting(each, runs[each["setting"]]) for each in table.head(LISTED).to_dict("records")]
    more = len(table) - LISTED
    found = [
        put(
            "The runs are of {n}, and only runs of the same one are compared.",
            n=figure(len(table), "settings; all", ids(study.frames.runs), "setting"),
        ),
        *told,
    ]
    if more > 0:
        rest = study.frames.runs[~study.frames.runs["setting"].isin(table.head(LISTED)["setting"])]
        found.append(
            put("{n} more are not described here.", n=figure(more, "settings; further ones", ids(rest)))
        )
    return found


def _setting(each: dict[str, Any], runs: pd.DataFrame) -> Sentence:
    size = figure(each["image_size"], "image size, pixels a side", ids(runs), "pixel")
    known = runs["test_images"].dropna()
    images = figure(known.iloc[0], "test images", ids(runs), "test image") if len(known) else None
    return put(
        "Setting {letter} is the {profile} profile, {dataset} at {size} a side{images} ({runs})"
        "{differs}.",
        letter=each["setting"],
        profile=str(each["profile"]),
        dataset=DATASETS.get(each["dataset"], each["dataset"]),
        size=size,
        images=put(" with {n}", n=images) if images else "",
        runs=of_runs(ids(runs), "of a setting"),
        differs=put(", and differs in {what}", what="; ".join(each["differs"]))
        if each["differs"]
        else "",
    )


def _bad(study: Study, validity: str) -> list[Sentence]:
    """Each with its reason, as far as the page allows."""
    runs = study.frames.runs
    own = runs[runs["validity"] == validity]
    if own.empty:
        return []
    counted: dict[tuple[str, str], list[str]] = {}
    for each in own.to_dict("records"):
        key = (cell(each, several(runs)), "; ".join(words.reasons(each)) or "no reason is given")
        counted.setdefault(key, []).append(each["run"])
    told: list[Part] = [
        put("{cell} ({why})", cell=name, why=why)
        if len(mine) == 1
        else put("{cell}, {n} ({why})", cell=name, n=of_runs(mine, validity), why=why)
        for (name, why), mine in counted.items()
    ]
    verb = {"invalid": ("is invalid", "are invalid"), "failed": ("failed", "failed")}[validity]
    return [
        put(
            "{n} {verb} and {stand} in no comparison: {told}.",
            n=of_runs(ids(own), validity),
            verb=verb[len(own) > 1],
            stand="stands" if len(own) == 1 else "stand",
            told=cut(told, f"{validity} runs"),
        )
    ]


def _skipped(study: Study) -> Sentence | None:
    table = study.frames.skipped
    if table.empty:
        return None
    reasons = Counter(table["reason"])
    told: list[Part] = [
        put("{why} ({n})", why=why, n=figure(n, "skipped cells with one reason", (), "cell"))
        for why, n in reasons.most_common()
    ]
    return put(
        "{n} {were} skipped: {told}.",
        n=figure(len(table), "skipped cells", (), "cell"),
        were="was" if len(table) == 1 else "were",
        told=cut(told, "reasons"),
    )


def _left_out(study: Study) -> Sentence | None:
    table = study.frames.left_out
    if table.empty:
        return None
    kinds = Counter(LEFT_OUT[kind] for kind in table["kind"])
    told: list[Part] = [
        put("{kind} ({n})", kind=kind, n=figure(n, "left out for one kind of reason", ()))
        for kind, n in kinds.most_common()
    ]
    return put(
        "{n} could not be used: {told}.",
        n=figure(
            len(table),
            "files or parts of files left out",
            (),
            "file or part of one",
            "files or parts of files",
        ),
        told=row(told),
    )


def _seals(study: Study) -> Sentence | None:
    table = study.frames.sources
    broken = table[~table["checksums_fit"].astype(bool)]
    if broken.empty:
        return None
    runs = study.frames.runs
    mine = ids(runs[runs["sha256"].isin(broken["sha256"])])
    return put(
        "The seals of {n} do not fit: something in {it} was changed after it was saved ({names}).",
        n=figure(len(broken), "files; seals do not fit", mine, "file"),
        it="it" if len(broken) == 1 else "them",
        names=cut(list(broken["name"]), "files"),
    )


def user_weights(study: Study) -> Sentence | None:
    """Pretrained runs whose first weights nobody has proven to be ImageNet's."""
    valid = study.frames.valid
    own = valid[(valid["experiment"] == "pretrained") & (valid["weights_origin"] != "torchvision")]
    if own.empty:
        return None
    return put(
        "{n} of pretrained started from a user's file, which nothing proves to hold the published"
        " ImageNet weights: nothing is claimed of what pretraining is worth.",
        n=of_runs(ids(own), "weights of a user's file"),
    )
