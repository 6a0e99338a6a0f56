"""The systems at a glance, with what the original report had of each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pandas as pd

from reports import published, words
from reports.document import Sentence, Table, say
from reports.study.compare import Study
from reports.tables import glance as glances
from reports.tables.systems import Row
from reports.tables.wording import system
from reports.typeset import names
from reports.typeset.build import MOST_ROWS, few, figures, kinds_of, line, table, text, which_machines
from reports.typeset.names import ON_MACHINE, claims, no_energy, percents, significant

NUMBERS = {8: "eight"}
NOT_YET = "not yet"
CONVERGED = "Converged at: {value}, in every run."
PUBLISHED_ROWS = 5
LEAST_MACHINES = 3
"""The baseline, the fastest and the slowest, however many rows each has."""


def tables(study: Study) -> dict[str, Table]:
    """Under the key glance."""
    frame = glances.glance(study)
    own = frame[frame["kind"] == ""]
    count = len(set(zip(own["experiment"], own["engine"], strict=True)))
    machines = few(study, own, rows=MOST_ROWS - PUBLISHED_ROWS, at_least=LEAST_MACHINES)
    shown = frame[frame["machine"].isin(machines) | (frame["kind"] == "published")]
    several = shown.loc[shown["kind"] == "", "machine"].nunique() > 1
    rows = shown.to_dict("records")
    fields = [
        text("System", [_named(row, several) for row in rows]),
        text("Machine", shown["machine"], ON_MACHINE),
        text("Device", _devices(shown), "Device of the runs here: {value}."),
        figures("Parameters, M", [words.number(v, ".1f", 1e-6) for v in shown["parameters"]]),
        figures("Epochs", [words.number(v, "g") for v in shown["epochs"]]),
        figures("Converged at", [_converged(row) for row in rows], constant=CONVERGED),
        figures("s/epoch", _bounded(rows, "seconds_per_epoch", lambda value: significant([value])[0])),
        *([] if several else [figures("images/s", significant(shown["images_per_second"]))]),
        figures("In total", _totals(rows)),
        figures("Memory, GB", [words.gigabytes(v, "") for v in shown["grown_host_bytes"]]),
        *(
            []
            if several
            else [figures("J/image", significant(shown["joules_per_image"]), absent=no_energy(study))]
        ),
        figures("Validation, %", percents(shown["validation_accuracy"])),
        figures("Test, %", [_test(row) for row in rows]),
        text("Runs, remarks", [_remark(row) for row in rows]),
    ]
    caption = [
        line("Each system is one experiment in one framework; all figures are of its valid runs."),
        line(
            "Converged at is the epoch of the lowest validation loss where training ended by itself;"
            " “not yet” means that the cap of epochs was met first."
        ),
        line(
            "Speed, memory and energy pool the runs as the comparisons do; memory is the host's peak"
            " over what the framework's import took."
        ),
        line(
            "Validation and test accuracy are of the best epoch's weights, averaged over the seeds, the"
            " lowest and highest seed in brackets."
        ),
        *which_machines(own, machines, study),
        *_none_valid(study),
        *_about_published(study),
        *claims(study),
    ]
    return table(
        "glance",
        f"The {NUMBERS.get(count, count)} systems at a glance",
        fields,
        caption,
        kinds=kinds_of(shown),
        left_out=len(frame) - len(shown),
    )


def _none_valid(study: Study) -> list[Sentence]:
    return [] if len(study.runs) else [line("No run is valid, so that there is nothing to compare.")]


def _about_published(study: Study) -> list[Sentence]:
    said = say(
        "Published rows are the original report's, on one M1 Pro at 224 px; nothing of them was"
        " measured here."
    )
    if study.runs.empty:  # what failed may well be of the original's own setting
        return [said]
    if study.says_accuracy and study.setting["image_size"] == published.IMAGE_SIZE:
        return [said]
    return [said, line("The other rows are of another setting, and not to be compared with them.")]


def _devices(frame: pd.DataFrame) -> list[str]:
    """The device of each row; where all that were run share one, it stands for the rest too."""
    found = names.devices(frame)
    used = {name for name, kind in zip(found, frame["kind"], strict=True) if not kind} - {words.DASH}
    return [*used] * len(found) if len(used) == 1 else found


def _named(row: Row, several: bool) -> str:
    name = system(row["experiment"], row["engine"])
    return name if several or not row["kind"] else f"{name} ({row['machine']})"


def _converged(row: Row) -> str:
    if row["kind"] or row["state"] != "valid":
        return words.DASH
    if not row["converged_runs"]:
        return NOT_YET
    some = row["converged_runs"] < row["valid_runs"]
    part = f" ({row['converged_runs']:g} of {row['valid_runs']:g} runs)" if some else ""
    return f"{row['converged_at']:g}{part}"


def _bounded(rows: Sequence[Row], column: str, form: Callable[[Any], str]) -> list[str]:
    """The figures in a form, each published one behind the word that it was published with."""
    found = []
    for row in rows:
        cell = form(row[column])
        if row["kind"] and cell != words.DASH:
            figure = published.figure(row["experiment"], row["engine"], column)
            cell = f"{figure.bound} {_as_said(figure, cell)}".strip()
        found.append(cell)
    return found


def _totals(rows: Sequence[Row]) -> list[str]:
    """How long all epochs took, and how many these were: other numbers of epochs take other times."""
    totals = _bounded(rows, "total_seconds", words.seconds)
    return [
        cell if cell == words.DASH else f"{cell} {_epochs(row)}"
        for cell, row in zip(totals, rows, strict=True)
    ]


def _epochs(row: Row) -> str:
    count = published.epochs(row["experiment"], row["engine"]) if row["kind"] else row["epochs"]
    if words.missing(count):
        return "(of how many epochs is not said)"
    return f"of {count:g} epoch{'s' * (count != 1)}"


def _as_said(figure: published.Figure, cell: str) -> str:
    """A published duration with no more digits than it had: whole hours or minutes."""
    if figure.what != "total_seconds":
        return cell
    return f"{figure.value / 3600:g} h" if figure.value % 3600 == 0 else f"{figure.value / 60:g} min"


def _test(row: Row) -> str:
    mean = words.number(row["test_accuracy"], ".1f", 100)
    if row["kind"] or words.missing(row["test_low"]) or row["seeds"] < 2:
        return mean
    return f"{mean} ({100 * row['test_low']:.1f}–{100 * row['test_high']:.1f})"


def _remark(row: Row) -> str:
    if row["kind"]:
        return str(row["says"])
    shown = names.runs([row["runs"]])[0]
    if row["state"] != "valid":
        return f"{row['state']}: {shown}" if shown else str(row["state"])
    rest = int(row["all_runs"] - row["valid_runs"])
    return f"{shown}; {rest} not valid" if rest else shown
