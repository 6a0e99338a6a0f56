"""Which classes a system tells apart, and what it takes them for."""

from __future__ import annotations

from collections import Counter, defaultdict

import pandas as pd

from reports.study.compare import Study
from reports.tables.systems import SYSTEM, Row, ids, named, over_seeds, systems

MOST_CONFUSIONS = 5
PER_CLASS = (*SYSTEM, "class", "accuracy", "images", "seeds", "runs")
EXTREMES = (
    *SYSTEM,
    *("images", "worst", "worst_accuracy", "best", "best_accuracy", "seeds", "runs"),
)
CONFUSIONS = (*SYSTEM, "class", "answer", "images", "of", "share", "runs")


def _of_main(study: Study, frame: pd.DataFrame, *columns: str) -> pd.DataFrame:
    valid = frame[(frame["setting"] == study.main) & (frame["validity"] == "valid")]
    return valid[[*SYSTEM, "run", *columns]]


def per_class(study: Study) -> pd.DataFrame:
    """One row a system and class: the share of right answers, averaged within a seed, then over seeds.

    `images` are the test images of the class in one run.
    """
    rows: list[Row] = []
    for key, found in systems(
        _of_main(study, study.frames.classes, "seed", "class", "accuracy", "images")
    ).items():
        by_class: dict[str, list[Row]] = defaultdict(list)
        for row in found:
            by_class[row["class"]].append(row)
        for name, of_class in by_class.items():
            spread = over_seeds(of_class, "accuracy")
            rows.append(
                named(key)
                | {"class": name, "accuracy": spread.mean, "images": of_class[0]["images"]}
                | {"seeds": spread.seeds, "runs": ids(of_class)}
            )
    return pd.DataFrame(rows, columns=list(PER_CLASS))


def extremes(study: Study) -> pd.DataFrame:
    """One row a system: its worst and its best class."""
    rows: list[Row] = []
    for key, found in systems(per_class(study).dropna(subset=["accuracy"])).items():
        worst = min(found, key=lambda row: row["accuracy"])
        best = max(found, key=lambda row: row["accuracy"])
        rows.append(
            named(key)
            | {"images": worst["images"], "seeds": worst["seeds"], "runs": worst["runs"]}
            | {"worst": worst["class"], "worst_accuracy": worst["accuracy"]}
            | {"best": best["class"], "best_accuracy": best["accuracy"]}
        )
    return pd.DataFrame(rows, columns=list(EXTREMES))


def confusions(study: Study, most: int = MOST_CONFUSIONS) -> pd.DataFrame:
    """The most frequent wrong answers of each system, over all its valid runs.

    `images` were taken for `answer`, `share` of the `of` test images of the class, runs added up.
    """
    rows: list[Row] = []
    for key, found in systems(
        _of_main(study, study.frames.confusion, "class", "answer", "images")
    ).items():
        pairs, of_class = Counter[tuple[str, str]](), Counter[str]()
        for row in found:
            of_class[row["class"]] += int(row["images"])
            if row["class"] != row["answer"]:
                pairs[row["class"], row["answer"]] += int(row["images"])
        rows += [
            named(key)
            | {"class": name, "answer": answer, "images": images, "of": of_class[name]}
            | {"share": images / of_class[name], "runs": ids(found)}
            for (name, answer), images in pairs.most_common(most)
            if images
        ]
    return pd.DataFrame(rows, columns=list(CONFUSIONS))
