"""What the networks tell apart: each class, the worst and the best, and what they take for what."""

from __future__ import annotations

import pandas as pd

from alexnet.data import CLASSES
from reports import words
from reports.document import Sentence, Table
from reports.study.compare import Study
from reports.tables import classes
from reports.tables.systems import SYSTEM, Systems, named, systems
from reports.typeset import names
from reports.typeset.build import MOST_ROWS, few, figures, fit, line, table, text, which_machines
from reports.typeset.names import ON_DEVICE, ON_MACHINE, claims, percents

SHORT = {"airplane": "plane", "automobile": "car"}
SHOWN_CONFUSIONS = 3


def tables(study: Study) -> dict[str, Table]:
    """Under the keys classes, class_extremes, confusions."""
    return _classes(study) | _extremes(study) | _confusions(study)


def _images(counts: pd.Series[float]) -> Sentence:
    """Over how many images a class's accuracy is, and what one of them is worth."""
    least, most = int(counts.min()), int(counts.max())
    many = words.count(least) if least == most else f"{words.count(least)} to {words.count(most)}"
    return line(
        f"A class has {many} test images, so that one image is {100 / least:.2g} points of its accuracy."
    )


def _classes(study: Study) -> dict[str, Table]:
    frame = classes.per_class(study).dropna(subset=["accuracy"])
    found = systems(frame)
    shown = _shown(study, frame, found)
    if not shown:
        return {}
    keys = pd.DataFrame([named(key) for key in shown])
    by_class = [{row["class"]: row["accuracy"] for row in rows} for rows in shown.values()]
    fields = [
        text("System", names.systems(keys)),
        text("Machine", keys["machine"], ON_MACHINE),
        text("Device", names.devices(keys), ON_DEVICE),
        *(
            figures(SHORT.get(name, name), percents(row.get(name) for row in by_class))
            for name in CLASSES
        ),
    ]
    caption = [
        line("Per cent of the test images of each class that were right, averaged over the seeds."),
        _images(frame["images"]),
        *which_machines(frame, keys["machine"], study),
        *claims(study),
    ]
    left_out = len(found) - len(shown)
    return table("classes", "Accuracy of each class, %", fields, caption, left_out=left_out)


def _shown(study: Study, frame: pd.DataFrame, found: Systems) -> Systems:
    """The systems of so many machines as there is room for, a row each."""
    rows = pd.DataFrame([named(key) for key in found], columns=list(SYSTEM))
    present = few(study, rows, rows=MOST_ROWS)
    return dict([item for item in found.items() if item[0][0] in present][:MOST_ROWS])


def _extremes(study: Study) -> dict[str, Table]:
    frame = classes.extremes(study)
    shown, left_out = fit(frame, study)
    fields = [
        text("System", names.systems(shown)),
        text("Machine", shown["machine"], ON_MACHINE),
        text("Device", names.devices(shown), ON_DEVICE),
        text("Worst class", shown["worst"]),
        figures("Worst, %", percents(shown["worst_accuracy"])),
        text("Best class", shown["best"]),
        figures("Best, %", percents(shown["best_accuracy"])),
        figures(
            "Images a class",
            [words.count(value) for value in shown["images"]],
            constant="{value} test images a class.",
        ),
        text("Runs", names.runs(shown["runs"])),
    ]
    caption = [
        line("Of classes with the same accuracy the first in CIFAR-10's order stands."),
        *which_machines(frame, shown["machine"], study),
        *claims(study),
    ]
    return table("class_extremes", "Worst and best class", fields, caption, left_out=left_out)


def _confusions(study: Study) -> dict[str, Table]:
    frame = classes.confusions(study)
    several = frame["machine"].nunique() > 1
    one = frame[frame["machine"] == few(study, frame)[0]] if several else frame
    chosen = one.groupby(["machine", "device", "experiment", "engine"], sort=False).head(
        SHOWN_CONFUSIONS if len(one) > MOST_ROWS else classes.MOST_CONFUSIONS
    )
    shown = chosen.head(MOST_ROWS)
    fields = [
        text("System", names.systems(shown)),
        text("Machine", shown["machine"], "Shown for {value} alone." if several else ON_MACHINE),
        text("Device", names.devices(shown), ON_DEVICE),
        text("Class", shown["class"]),
        text("Taken for", shown["answer"]),
        figures("Of the class, %", percents(shown["share"])),
        figures("Images", [words.count(value) for value in shown["images"]]),
        text("Runs", names.runs(shown["runs"])),
    ]
    caption = [
        line("The most frequent wrong answers of each system, over all its runs together."),
        *claims(study),
    ]
    return table(
        "confusions", "What is taken for what", fields, caption, left_out=len(frame) - len(shown)
    )
