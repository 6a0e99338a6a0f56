"""The cells in one table: all of a few, and of many those of which there is something to say."""

from __future__ import annotations

import pandas as pd

from reports.write import words
from reports.write.document import Sentence, Table
from reports.write.names import ON_DEVICE, devices, engines
from reports.write.table import Field, figures, line, table, text

MOST_CELLS = 16
"""So many cells have a row."""


def steadiness_table(frame: pd.DataFrame) -> dict[str, Table]:
    """Nothing where every cell was steady; what changed most comes first."""
    if not frame["is_remarked"].any():
        return {}
    few = len(frame) <= MOST_CELLS
    shown = frame if few else frame[frame["is_remarked"]]
    disturbed = frame["disturbed_epochs"] / frame["steady_epochs"]
    order = pd.DataFrame({"drift": frame["largest_drift"].abs(), "disturbed": disturbed})
    order = order.loc[shown.index].sort_values(["drift", "disturbed"], ascending=False, kind="stable")
    shown = shown.loc[order.index].head(MOST_CELLS)
    fields = [
        text("Experiment", shown["experiment"]),
        text("Engine", engines(shown["engine"]), "Engine: {value}."),
        *(
            [text("Machine", shown["machine"], "All rows are of {value}.")]
            if frame["machine"].nunique() > 1
            else []
        ),
        text("Device", devices(shown), ON_DEVICE),
        _percents("Change, %", shown["largest_drift"]),
        _percents("Kernel, %", shown["largest_probe_drift"], minor=True),
        *_counts(shown),
        _shares("Input %", shown["pipeline_ratio"]),
        _shares("Roofline %", shown["roofline_share"]),
    ]
    title = "Steadiness by experiment" if few else "The cells that were not steady throughout"
    left_out = len(frame) - len(shown)
    return table("steadiness", title, fields, list(_reading(shown)), left_out=left_out, frame=frame)


def _percents(name: str, changes: pd.Series[float], *, minor: bool = False) -> Field:
    cells = [words.signed_percent(change).removesuffix(" %") for change in changes]
    return figures(name, cells, absent=line(""), values=changes, minor=minor)


def _shares(name: str, shares: pd.Series[float]) -> Field:
    cells = [words.number(share, ".0f", 100) for share in shares]
    return figures(name, cells, absent=line(""), values=shares, minor=True)


def _counts(shown: pd.DataFrame) -> list[Field]:
    """The epochs that were disturbed or slow, where some were."""
    fields = []
    for name, column in (("Disturbed", "disturbed_epochs"), ("Slow", "slow_epochs")):
        if shown[column].any():
            cells = [
                f"{count:,.0f} of {whole:,.0f}"
                for count, whole in zip(shown[column], shown["steady_epochs"], strict=True)
            ]
            fields.append(figures(name, cells, values=shown[column] / shown["steady_epochs"]))
    return fields


def _reading(shown: pd.DataFrame) -> list[Sentence]:
    sentences = []
    changes = [
        column
        for column, name in (("Change", "largest_drift"), ("Kernel", "largest_probe_drift"))
        if shown[name].notna().any()
    ]
    if "Change" in changes:
        sentences.append("Change is from the first third of the timed epochs to the last.")
    if "Kernel" in changes:
        sentences.append(
            "Kernel is the change of the reference kernel's speed from before training to the end. The"
            " kernel is a fixed piece of work, timed between the epochs: it tells whether the device"
            " itself slowed."
        )
    if changes:
        sentences.append(
            f"Of several runs, the largest change, up or down, is shown for {' and '.join(changes)}, and"
            " the median for Input % and Roofline %."
        )
    if shown["disturbed_epochs"].any():
        sentences.append("Disturbed epochs, whose time other work took, are in no rate.")
    if shown["slow_epochs"].any():
        sentences.append("Slow epochs, over 10 % longer than the median for no known reason, count.")
    sentences.append(
        "Input % is the speed as a share of the speed without input, on one batch that stays on the"
        " device. Roofline % is the speed as a share of the most that the device's arithmetic and memory"
        " allow, as both were measured."
    )
    return [line(sentence) for sentence in sentences]
