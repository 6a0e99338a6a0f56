"""The first page's table: a row a machine and engine, or of one machine an experiment and engine."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pandas as pd

from reports.chapters.front.shown import Shown, cell_of, in_chart
from reports.study.accuracy import judged_systems
from reports.study.compare import Study, is_for_speed_alone
from reports.study.ratios import LEAST_EPOCHS
from reports.study.resources import HOST, joules, peaks
from reports.study.resources import values as pooled
from reports.write import names, words
from reports.write.document import Sentence, Table, say
from reports.write.parts import AT_THE_RATE, engine
from reports.write.table import Field, figures, line, table, text

MOST_BRIEF = 24
"""Rows that stand for all: two engines on each of the machines that the chart has room for."""
COLUMNS = (
    *("machine", "device", "experiment", "engine", "precision"),
    *("images_per_second", "low", "high", "basis"),
    *(
        "repeats",
        "epochs",
        "seconds_per_epoch",
        "times_baseline",
        "scratch_accuracy",
        "pretrained_accuracy",
    ),
    *("memory_bytes", "joules_per_image"),
)


def first_table(study: Study, shown: Shown) -> dict[str, Table]:
    """Under the key front: seconds, images per second, accuracy, memory, energy, and how sure."""
    frame = frame_of(study, shown)
    if frame.empty:
        return {}
    rows = list(frame.itertuples())
    of_machines = shown.experiment is not None
    unit = words.seconds_unit(frame["seconds_per_epoch"].max())
    fields = [
        text("Machine", [row.name for row in shown.rows for _ in row.speeds])
        if of_machines
        else text("Experiment", frame["experiment"], "All in the experiment {value}."),
        text("Engine", [engine(row.engine) for row in rows], "Engine: {value}."),
        *([] if of_machines or frame["precision"].nunique() < 2 else [_precision(frame)]),
        figures(
            f"Epoch, {unit.name}",
            [words.significant(row.seconds_per_epoch / unit.seconds) for row in rows],
            values=frame["seconds_per_epoch"],
        ),
        figures(
            "Images/s",
            [words.rate(row.images_per_second) for row in rows],
            values=frame["images_per_second"],
        ),
        *([_baseline(frame)] if of_machines else []),
        *_accuracies(study, frame, of_machines=of_machines),
        figures("Memory, GB", [words.gigabytes(row.memory_bytes, "") for row in rows], minor=True),
        figures(
            "J/image",
            [words.significant(row.joules_per_image) for row in rows],
            absent=NO_ENERGY,
            minor=True,
        ),
        figures("How sure", [how_sure(row) for row in rows]),
    ]
    caption = [*_reading(study, shown), *_accuracy_note(study)]
    title = "Every machine and engine" if of_machines else "Every experiment and engine"
    made = table("front", title, fields, caption, frame=frame)
    return {key: replace(each, brief=_brief(shown)) for key, each in made.items()}


def _brief(shown: Shown) -> tuple[int, ...]:
    """The places of the rows that stand for all where few are shown: of the chart's rows, in float32.

    Where these are still many, the first of each.
    """
    kept = {row.name for row in (in_chart(shown) if shown.experiment else shown).rows}
    rows = [(row, speed) for row in shown.rows for speed in row.speeds]
    places = [
        place
        for place, (row, speed) in enumerate(rows)
        if row.name in kept and speed.is_exact is row.speeds[0].is_exact
    ]
    if len(places) > MOST_BRIEF:
        places = [place for place in places if rows[place][1] is rows[place][0].speeds[0]]
    return tuple(places)


NO_ENERGY = line("Energy was not measured.")


def _precision(frame: pd.DataFrame) -> Field:
    return text("Computed in", frame["precision"])


def _baseline(frame: pd.DataFrame) -> Field:
    return figures(
        "× baseline",
        [words.times(value) for value in frame["times_baseline"]],
        absent=line("No machine is compared with the baseline in this experiment."),
        values=frame["times_baseline"],
    )


def frame_of(study: Study, shown: Shown) -> pd.DataFrame:
    """One row a cell of the first page, raw values in SI units; NaN where something was not measured."""
    memory = pooled(peaks(study, HOST))
    energy = pooled(joules(study, "joules_per_image"))
    accuracy = _accuracy_by_system(study)
    rows = []
    for row in shown.rows:
        for speed, times in zip(row.speeds, row.times or (math.nan,) * len(row.speeds), strict=True):
            cell = cell_of(study, speed)
            rows.append(
                {
                    "machine": speed.machine,
                    "device": speed.device,
                    "experiment": speed.experiment,
                    "engine": speed.engine,
                    "precision": speed.precision,
                    "images_per_second": speed.value,
                    "low": speed.low,
                    "high": speed.high,
                    "basis": speed.basis,
                    "repeats": speed.repeats,
                    "epochs": speed.epochs,
                    "seconds_per_epoch": speed.seconds_per_epoch,
                    "times_baseline": times,
                    **{
                        f"{name}_accuracy": accuracy.get((name, speed.engine), math.nan)
                        for name in ("scratch", "pretrained")
                    },
                    "accuracy": accuracy.get((speed.experiment, speed.engine), math.nan),
                    "memory_bytes": memory.get(cell, math.nan),
                    "joules_per_image": energy.get(cell, math.nan),
                }
            )
    return pd.DataFrame(rows, columns=[*COLUMNS, "accuracy"])


def _accuracy_by_system(study: Study) -> dict[tuple[str, str], float]:
    """(experiment, engine) -> mean test accuracy over the seeds, on all machines."""
    return {system.name: system.mean for system in judged_systems(study)}


def _accuracies(study: Study, frame: pd.DataFrame, *, of_machines: bool) -> list[Field]:
    if not of_machines:
        absent = line("") if is_for_speed_alone(study) else None
        return [figures("Test, %", names.percents(frame["accuracy"]), absent=absent)]
    return [
        figures("scratch, %", names.percents(frame["scratch_accuracy"]), absent=line("")),
        figures("pretrained, %", names.percents(frame["pretrained_accuracy"]), absent=line("")),
    ]


def how_sure(row: Any) -> str:
    """To how much a speed is known: "±1.1 %, 3 runs", or what was seen of it."""
    if row.epochs < LEAST_EPOCHS:
        return "too few epochs"
    if row.basis == "seen":
        return "one run" if row.repeats == 1 else f"{row.repeats} runs, no interval"
    half = math.expm1(math.log(row.high / row.low) / 2)
    noun = "session" if row.basis == "sessions" else "run"
    known = f"±{words.percent(half)}" if half < 1 else "within a factor of more than 2"
    return f"{known}, {words.count(row.repeats, noun)}"


def _reading(study: Study, shown: Shown) -> list[Sentence]:
    sentences = [line(AT_THE_RATE)] if is_for_speed_alone(study) else []
    if shown.experiment is not None:
        sentences.append(
            say(
                "Seconds, images and memory are of {experiment}; × baseline is the speed as a multiple"
                " of the same engine's on {baseline}.",
                experiment=shown.experiment,
                baseline=study.baseline or "the baseline",
            )
        )
        sentences += _seeds(study)
        if shown.without:
            sentences.append(
                say(
                    "Without a run of {experiment}: {machines}.",
                    experiment=shown.experiment,
                    machines=words.listed(shown.without),
                )
            )
    sentences.append(
        line(
            "± is half of the speed's 95 % interval, which takes three runs or three sessions. Memory is"
            " the peak in training, less what the process held once its framework was imported."
        )
    )
    return sentences


def _seeds(study: Study) -> list[Sentence]:
    """Over how many seeds the accuracies are means."""
    counts = {system.seeds for system in judged_systems(study)}
    if not counts:
        return []
    if counts == {1}:
        return [line("Accuracies are of one seed, and the same for an engine on every machine.")]
    return [line("Accuracies are means over seeds, and the same for an engine on every machine.")]


def _accuracy_note(study: Study) -> list[Sentence]:
    if study.says_accuracy or is_for_speed_alone(study):
        return []
    return [line("The runs are not the whole protocol: do not quote these accuracies.")]
