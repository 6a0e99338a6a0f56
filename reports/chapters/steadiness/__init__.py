"""Whether the speed holds: what slowed down, what disturbed it, and what it could have been."""

from __future__ import annotations

import pandas as pd

from bench.records.limits import MAX_DRIFT, MIN_DRIFT_EPOCHS
from bench.records.types import ResumedDespite, ThermalPressure
from reports.chapters.steadiness.frame import cells, drifted, measured
from reports.chapters.steadiness.picture import speed_picture
from reports.chapters.steadiness.table import steadiness_table
from reports.study.compare import Study
from reports.write.document import Number, Section, Sentence
from reports.write.parts import (
    between,
    cell,
    cut,
    extremes,
    ids,
    of_runs,
    paragraph,
    part_of,
    put,
    several,
    share,
)
from reports.write.words import signed_percent

LEAST_COST = 0.005
"""The share of the speed from which on the cost of feeding the data reads as more than nothing."""


def chapter(study: Study) -> Section | None:
    """The valid runs of the main setting. None where there is none."""
    runs = study.runs
    if runs.empty:
        return None
    frame = cells(study)
    picture = speed_picture(study)
    tables = steadiness_table(frame)
    in_table = any(not table.left_out for table in tables.values())
    beside = None if in_table else efficiency(runs)
    blocks = (
        *(() if picture is None else (picture,)),
        *paragraph(*_speed(runs), beside, _over_the_roofline(runs)),
        *paragraph(*_notes(runs), kind="note"),
        *tables.values(),
    )
    data = {} if tables else {"steadiness": frame}
    return Section(key="steadiness", title="Steadiness", blocks=blocks, data=data)


def _speed(runs: pd.DataFrame) -> list[Sentence]:
    """How far speeds changed, but for what the picture's title says of those beyond 5 %."""
    known = measured(runs)
    if known.empty:
        return [
            put(
                "No run has {least} timed epochs, so nothing is known of drift.",
                least=str(MIN_DRIFT_EPOCHS),
            ),
            *_kernel(runs),
        ]
    beyond = drifted(runs)
    steady = known.drop(beyond.index)
    sentences = _causes(beyond)
    if len(steady):
        sentences.append(
            put(
                "The other {n}{enough} changed by {ends}."
                if len(beyond)
                else "The speed holds: from the first third of the timed epochs to the last, {n}{enough}"
                " changed by {ends}.",
                n="run" if len(beyond) and len(steady) == 1 else of_runs(ids(steady), "with a drift"),
                enough=f" with {MIN_DRIFT_EPOCHS} timed epochs or more" * (len(known) < len(runs)),
                ends=_ends(steady, "drift", "change from the first third to the last"),
            )
        )
    return [*sentences, *_kernel(runs.drop(beyond.index))]


def _ends(runs: pd.DataFrame, column: str, what: str) -> Sentence:
    """From the least to the most of a change, a share."""
    ends = extremes(runs, column)
    assert ends, "the runs have it"
    return between(
        *(
            Number(
                text=signed_percent(run[column]),
                value=float(run[column]),
                what=what,
                runs=(run["run"],),
            )
            for run in ends
        )
    )


def _causes(beyond: pd.DataFrame) -> list[Sentence]:
    """What is known of why runs slowed down; nothing of those that ended faster."""
    slower = beyond[beyond["drift"] < 0]
    if slower.empty:
        return []
    hot = slower[[_is_hot(warnings) for warnings in slower["warnings"]]]
    device = slower[slower["probe_drift"].astype(float) < -MAX_DRIFT]
    causes = [
        put(template, n=part_of(ids(runs), ids(slower), which))
        for runs, which, template in (
            (hot, "hot", "The computer was under thermal pressure in {n} that slowed down."),
            (
                device,
                "device slowed",
                "The reference kernel slowed by over 5 % in {n} that slowed down.",
            ),
        )
        if len(runs)
    ]
    if causes or slower["probe_drift"].isna().any():
        return causes
    return [
        put(
            "In {n} that slowed down the reference kernel changed by {ends}, so the device itself is not"
            " known to have slowed.",
            n=part_of(ids(slower), ids(slower), "slowed down"),
            ends=_ends(slower, "probe_drift", "change of the reference kernel"),
        )
    ]


def _is_hot(warnings: tuple[object, ...]) -> bool:
    return any(isinstance(warning, ThermalPressure) for warning in warnings)


def _kernel(runs: pd.DataFrame) -> list[Sentence]:
    """Runs whose device slowed down, by the reference kernel, where the run itself did not."""
    slowed = runs[runs["probe_drift"].astype(float) < -MAX_DRIFT]
    if slowed.empty:
        return []
    names = [cell(run, several(runs)) for run in slowed.to_dict("records")]
    return [
        put(
            "By the reference kernel, a fixed piece of work that is timed between the epochs, the device"
            " itself was over 5 % slower at the end of {n}: {cells}.",
            n=of_runs(ids(slowed), "device slowed"),
            cells=cut(list(dict.fromkeys(names)), "cells"),
        )
    ]


def efficiency(runs: pd.DataFrame) -> Sentence | None:
    """What feeding the data costs at most, and how much of the roofline the runs reach."""
    cost, reached = _cost_of_feeding(runs), _share_of_the_roofline(runs)
    if cost and reached:
        return put(
            "Feeding the data costs {cost}, and the runs reach {reached} of the measured roofline, the"
            " most that the device's arithmetic and memory allow.",
            cost=cost,
            reached=reached,
        )
    if reached:
        return put(
            "The runs reach {reached} of the measured roofline, the most that the device's arithmetic"
            " and memory allow.",
            reached=reached,
        )
    return put("Feeding the data costs {cost}.", cost=cost) if cost else None


def _cost_of_feeding(runs: pd.DataFrame) -> Sentence | None:
    ends = extremes(runs, "pipeline_ratio")
    if ends is None:
        return None
    slowest, _ = ends
    cost = 1 - float(slowest["pipeline_ratio"])
    if cost < LEAST_COST:
        return put("no speed that two timings could tell")
    return put(
        "{n} of the speed at most ({cell})",
        n=share(cost, "largest cost of feeding the data", [slowest["run"]], 0),
        cell=cell(slowest, several(runs)),
    )


def _share_of_the_roofline(runs: pd.DataFrame) -> Sentence | None:
    ends = extremes(runs, "roofline_share")
    if ends is None:
        return None
    numbers = [share(run["roofline_share"], "share of the roofline", [run["run"]], 0) for run in ends]
    return between(*numbers)


def _over_the_roofline(runs: pd.DataFrame) -> Sentence | None:
    over = runs[runs["roofline_share"].astype(float) > 1]
    if over.empty:
        return None
    return put(
        "A share of the roofline over 100 % ({n}) says that the roofline was measured too low, not that"
        " a run beat its device.",
        n=of_runs(ids(over), "over the roofline"),
    )


def _notes(runs: pd.DataFrame) -> list[Sentence]:
    """What makes a speed unlike the others: wholly disturbed, cut off, or resumed on another footing."""
    disturbed = runs[
        (runs["disturbed_epochs"] > 0) & (runs["disturbed_epochs"] == runs["steady_epochs"])
    ]
    cut_off = runs[runs["interruptions"].astype(float) > 0]
    sentences = []
    if len(disturbed):
        sentences.append(
            put(
                "In {n} every epoch that counts was disturbed, so {whose} nothing.",
                n=of_runs(ids(disturbed), "disturbed throughout"),
                whose="its speed decides" if len(disturbed) == 1 else "their speeds decide",
            )
        )
    if len(cut_off):
        sentences.append(
            put(
                "{n} {were} cut off and resumed, and the computer could cool down in between.",
                n=of_runs(ids(cut_off), "interrupted"),
                were="was" if len(cut_off) == 1 else "were",
            )
        )
    differences: dict[str, list[str]] = {}
    for run, warnings in zip(runs["run"], runs["warnings"], strict=True):
        for warning in warnings:
            if isinstance(warning, ResumedDespite):
                differences.setdefault(warning.difference, []).append(run)
    if differences:
        pieces = [
            put("{what} ({n})", what=what, n=of_runs(list(dict.fromkeys(names)), "resumed despite"))
            for what, names in differences.items()
        ]
        sentences.append(
            put(
                "Some went on although not all was as before: {pieces}.",
                pieces=cut(pieces, "differences"),
            )
        )
    return sentences
