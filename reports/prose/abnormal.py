"""How steady the runs were: drift, warnings, interruptions, feeding the data, the roofline."""

from __future__ import annotations

import pandas as pd

from bench.records.limits import MAX_DRIFT, MIN_DRIFT_EPOCHS
from bench.records.types import RunWarning
from reports import words
from reports.document import Paragraph, Sentence
from reports.prose.parts import (
    Part,
    between,
    cell,
    cut,
    decimal,
    extremes,
    ids,
    of_runs,
    paragraph,
    part_of,
    put,
    several,
    share,
)
from reports.study.compare import Study
from reports.tables.conditions import IN_OTHER_SENTENCES


def steadiness(study: Study) -> tuple[Paragraph, ...]:
    """The valid runs of the main setting."""
    runs = study.runs
    if runs.empty:
        return ()
    speed = [*drift(runs), _probe(runs), _sustained(runs)]
    rest = [*_warnings(runs), interrupted(runs)]
    return (
        paragraph(*speed) + paragraph(*rest, kind="note") + paragraph(_feeding(runs), *_roofline(runs))
    )


def drift(runs: pd.DataFrame) -> list[Sentence]:
    """Runs that ended slower or faster than they began, beyond 5 %, and on which of several machines."""
    measured = runs.dropna(subset=["drift"])
    if measured.empty:
        return [
            put(
                "No run has {least} timed epochs, so nothing is known of drift.",
                least=str(MIN_DRIFT_EPOCHS),
            )
        ]
    found = []
    for word, own in (
        ("slower", measured[measured["drift"] < -MAX_DRIFT]),
        ("faster", measured[measured["drift"] > MAX_DRIFT]),
    ):
        if len(own):
            place = own["drift"].abs().idxmax()
            top = own.loc[place]
            value = share(abs(top["drift"]), f"drift of a run, {word}", [top["run"]])
            template = (
                "{n} with {least} timed epochs or more ended over 5 % {word} than {it} began{machines}:"
                " {cell}{by}."
            )
            if len(own) > 1:
                template = template.replace("{cell}", "most of all {cell}")
            found.append(
                put(
                    template,
                    n=part_of(ids(own), ids(measured), f"over 5 % {word}", start=True),
                    word=word,
                    least=str(MIN_DRIFT_EPOCHS),
                    it="it" if len(own) == 1 else "they",
                    machines=_on_machines(own, measured),
                    cell=cell(top, several(runs)),
                    by=put(", by {value}", value=value),
                )
            )
    if not found:
        template = (
            "No run with {least} timed epochs or more ended over 5 % slower or faster than it began"
            " ({n})."
        )
        number = of_runs(ids(measured), "with a drift")
        found.append(put(template, n=number, least=str(MIN_DRIFT_EPOCHS)))
    return found


def _on_machines(drifted: pd.DataFrame, measured: pd.DataFrame) -> Sentence:
    """How many runs of each machine drifted, the most first; nothing of one run, or of one machine."""
    if len(drifted) == 1 or not several(measured):
        return put("")
    by_machine = {str(name): group for name, group in drifted.groupby("machine", sort=False)}
    pieces: list[Part] = [
        put(
            "{n} on {machine}",
            n=part_of(ids(group), ids(measured[measured["machine"] == name]), "drifted"),
            machine=name,
        )
        for name, group in sorted(by_machine.items(), key=lambda item: -len(item[1]))
    ]
    return put(", {machines}", machines=cut(pieces, "machines"))


def _probe(runs: pd.DataFrame) -> Sentence | None:
    slowed = runs[runs["probe_drift"].astype(float) < -MAX_DRIFT]
    if slowed.empty:
        return None
    return put(
        "By the reference kernel, the device itself was over 5 % slower at the end of {n}: {cells}.",
        n=of_runs(ids(slowed), "device slowed"),
        cells=_cells(slowed, several(runs)),
    )


def _cells(runs: pd.DataFrame, machines: bool) -> Sentence:
    names = [cell(each, machines) for each in runs.to_dict("records")]
    return cut(list(dict.fromkeys(names)), "cells")


def _sustained(runs: pd.DataFrame) -> Sentence | None:
    """The rate of the last third of the timed epochs as a multiple of the first third's.

    The two ends are of runs, and named by their machines where several differ.
    """
    both = runs.dropna(subset=["late_images_per_second", "early_images_per_second"])
    if both.empty:
        return None
    ratio = both["late_images_per_second"] / both["early_images_per_second"]
    what = "last third's rate as a multiple of the first third's"
    low, high = both.loc[ratio.idxmin()], both.loc[ratio.idxmax()]
    least = decimal(ratio.min(), f"{what}; least", [low["run"]])
    largest = decimal(ratio.max(), f"{what}; largest", [high["run"]])
    ends = between(least, largest)
    if several(both) and least.text != largest.text:
        ends = put(
            "{least} ({low}) to {largest} ({high})",
            least=least,
            largest=largest,
            low=str(low["machine"]),
            high=str(high["machine"]),
        )
    return put(
        "A run's rate at its end, the median of the last third of its timed epochs, is {ends} times that"
        " of the first third.",
        ends=ends,
    )


def _warnings(runs: pd.DataFrame) -> list[Sentence]:
    """Each other warning with how many runs have it."""
    found: dict[RunWarning, list[str]] = {}
    for run, warnings in zip(runs["run"], runs["warnings"], strict=True):
        for warning in dict.fromkeys(warnings):
            if not isinstance(warning, IN_OTHER_SENTENCES):
                found.setdefault(warning, []).append(run)
    told: list[Part] = [
        put("{warning} ({n})", warning=words.warning(warning), n=of_runs(own, "with a warning"))
        for warning, own in sorted(found.items(), key=lambda item: -len(item[1]))
    ]
    return [put("Warnings in the files: {told}.", told=cut(told, "warnings"))] if told else []


def interrupted(runs: pd.DataFrame) -> Sentence | None:
    """Runs that were cut off and went on."""
    own = runs[runs["interruptions"].astype(float) > 0]
    if own.empty:
        return None
    return put(
        "{n} {were} cut off and resumed, and the computer had time to cool down in between: {cells}.",
        n=of_runs(ids(own), "interrupted"),
        were="was" if len(own) == 1 else "were",
        cells=_cells(own, several(runs)),
    )


def _feeding(runs: pd.DataFrame) -> Sentence | None:
    ends = extremes(runs, "pipeline_ratio")
    if ends is None:
        return None
    low, high = ends
    numbers = [
        decimal(each["pipeline_ratio"], "last epoch's rate over that of a resident batch", [each["run"]])
        for each in ends
    ]
    over = ", and over 1 is that noise alone" if high["pipeline_ratio"] > 1 else ""
    template = (
        "The last epoch ran at {low} ({cell}) to {high} times the rate of the same step on a batch that"
        " lay on the device already: under 1 is what feeding the data costs, give or take the noise of"
        " two timings{over}."
    )
    if numbers[0].text == numbers[1].text:
        template = template.replace("{low} ({cell}) to ", "")
    return put(template, low=numbers[0], high=numbers[1], cell=cell(low, several(runs)), over=over)


def _roofline(runs: pd.DataFrame) -> list[Sentence]:
    ends = extremes(runs, "roofline_share")
    if ends is None:
        return []
    numbers = [share(each["roofline_share"], "share of the roofline", [each["run"]], 0) for each in ends]
    found = [
        put("Of what the measured roofline allows, the runs reached {ends}.", ends=between(*numbers)),
    ]
    over = runs[runs["roofline_share"].astype(float) > 1]
    if len(over):
        found.append(
            put(
                "A share over 100 % ({n}) says that the roofline came out too low, not that a run beat"
                " its device.",
                n=of_runs(ids(over), "over the roofline"),
            )
        )
    return found
