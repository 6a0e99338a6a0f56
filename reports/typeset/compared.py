"""Engine with engine and machine with machine, with intervals and verdicts in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pandas as pd

from reports import words
from reports.document import RowKind, Sentence, Table, say
from reports.prose.ratios import repeated
from reports.study.compare import Study
from reports.study.ratios import CLEAR, LEAST_EPOCHS
from reports.tables import comparisons
from reports.typeset import names
from reports.typeset.build import figures, fit, line, ranking, table, text, which_machines
from reports.typeset.names import ON_DEVICE, ON_MACHINE, significant

EVIDENCE = line(
    "An interval is where the ratio lies with 95 % confidence, over runs in turn in one session or over"
    " sessions; a range in brackets is what was seen, and no interval. Without an interval only a lead"
    f" above {CLEAR:.2f} is a verdict."
)
UNREMARKABLE = line("Of no run's conditions there is anything to note.")
SILENT = line("")


def tables(study: Study) -> dict[str, Table]:
    """Under the keys frameworks, machines, means, differences."""
    return _engines(study) | _machines(study) | _means(study) | _differences(study)


def _main_first(frame: pd.DataFrame, study: Study) -> pd.DataFrame:
    order = {letter: place for place, letter in enumerate(study.frames.settings["setting"])}
    places = frame["setting"].map(order).where(frame["setting"] != study.main, -1)
    return frame.assign(place=places).sort_values("place", kind="stable").drop(columns="place")


def _engines(study: Study) -> dict[str, Table]:
    shown, left_out = fit(_main_first(comparisons.engines(study), study), study)
    rows = list(shown.itertuples())
    first, second = names.engines(shown["first"]), names.engines(shown["second"])
    one_pair = len({*zip(first, second, strict=True)}) == 1
    sides = (first[0], second[0]) if one_pair else ("First", "Second")
    fields = [
        text("Setting", shown["setting"], "All of setting {value}."),
        text("Machine", shown["machine"], ON_MACHINE),
        text("Device", names.devices(shown), ON_DEVICE),
        text("Experiment", names.experiments(shown)),
        *([] if one_pair else [text("First", first), text("Second", second)]),
        figures(f"{sides[0]}, s/epoch", significant(shown["first_seconds_per_epoch"])),
        figures(f"{sides[1]}, s/epoch", significant(shown["second_seconds_per_epoch"])),
        figures("Ratio", [words.times(row.ratio) for row in rows]),
        figures("Interval", [names.ends(row) for row in rows], absent=SILENT),
        text(
            "Rests on",
            [names.repeats(row, repeated(row)) for row in rows],
            "What was repeated: {value}.",
        ),
        text("Verdict", [names.lead(*each) for each in zip(rows, first, second, strict=True)]),
        text("Conditions", names.joined(shown["conditions"]), absent=UNREMARKABLE),
        text("Runs", names.runs((*row.first_runs, *row.second_runs) for row in rows)),
    ]
    caption = [
        line(
            "Both frameworks start from the same weights and see the same pixels in the same order."
            if one_pair
            else "All frameworks start from the same weights and see the same pixels in the same order."
        ),
        say(
            "The ratio is {first}'s speed as a multiple of {second}'s: over 1 {first} is the faster."
            if one_pair
            else "The ratio is the first's speed as a multiple of the second's: over 1 the first is the"
            " faster.",
            first=sides[0],
            second=sides[1],
        ),
        EVIDENCE,
        *_settings(shown),
    ]
    title = "Framework against framework"
    return table("frameworks", title, fields, caption, left_out=left_out)


def _settings(frame: pd.DataFrame) -> list[Sentence]:
    if frame["setting"].nunique() < 2:
        return []
    return [line("Rows of different settings are not to be compared with each other.")]


def _machines(study: Study) -> dict[str, Table]:
    frame = comparisons.machines(study)
    shown, left_out = fit(_main_first(frame, study), study)
    rows = list(shown.itertuples())
    fields = [
        text("Setting", shown["setting"], "All of setting {value}."),
        text("Machine", shown["machine"]),
        text("Device", _both_devices(shown), "Device: {value}."),
        text("System", names.systems(shown)),
        figures("Ratio", [words.times(row.ratio) for row in rows]),
        figures("Interval", [names.ends(row) for row in rows], absent=SILENT),
        text("Rests on", [names.repeats(row, "session") for row in rows], "What was repeated: {value}."),
        text("Verdict", [names.lead(row, row.machine, row.baseline) for row in rows]),
        text("Conditions", names.joined(shown["conditions"]), absent=UNREMARKABLE),
        text("Runs", names.runs((*row.machine_runs, *row.baseline_runs) for row in rows)),
    ]
    caption = [
        _baseline(study),
        line("A GPU is compared with a GPU and a CPU with a CPU."),
        *which_machines(frame, shown["machine"], study),
        EVIDENCE,
        *_settings(shown),
    ]
    return table("machines", "Machine against machine", fields, caption, left_out=left_out)


def _baseline(study: Study) -> Sentence:
    return say(
        "The ratio is the machine's speed as a multiple of the baseline's, {machine}: over 1 it is"
        " the faster.",
        machine=str(study.baseline),
    )


def _both_devices(frame: pd.DataFrame) -> list[str]:
    own, theirs = names.devices(frame), [words.DEVICES[name] for name in frame["baseline_device"]]
    return [
        one if one == other else f"{one} against {other}" for one, other in zip(own, theirs, strict=True)
    ]


def _means(study: Study) -> dict[str, Table]:
    shown, left_out, between = ranking(comparisons.means(study), study)
    rows = list(shown.itertuples())
    kinds: list[RowKind] = ["baseline" if row.machine == row.baseline else "" for row in rows]

    def of_others(form: Callable[[Any], str]) -> list[str]:
        """What is said of a comparison, and a dash in the baseline's own row."""
        pairs = zip(rows, kinds, strict=True)
        return [words.DASH if kind == "baseline" else form(row) for row, kind in pairs]

    fields = [
        text("Setting", shown["setting"], "All of setting {value}."),
        text("Machine", shown["machine"]),
        figures("Systems in common", of_others(lambda row: words.count(row.cells + row.short_cells))),
        figures(
            "Left out",
            of_others(lambda row: words.count(row.short_cells) if row.short_cells else words.DASH),
            absent=SILENT,
        ),
        figures("Ratio", [words.times(row.ratio) for row in rows]),
        figures("Interval", of_others(names.ends), absent=SILENT),
        text(
            "Rests on",
            of_others(lambda row: names.repeats(row, "session")),
            "What was repeated: {value}.",
        ),
        text("Verdict", of_others(lambda row: names.lead(row, row.machine, row.baseline))),
    ]
    caption = [
        _baseline(study),
        line("Each is the geometric mean over the systems that both have, the fastest machine first."),
        *between,
        line(f"Systems with fewer than {LEAST_EPOCHS} timed epochs on a side are left out of it."),
        line("Machines with other systems in common have other means: compare them system by system."),
        EVIDENCE,
        *_settings(shown),
    ]
    title = "Machine against machine, all systems together"
    return table("means", title, fields, caption, kinds=kinds, left_out=left_out)


def _differences(study: Study) -> dict[str, Table]:
    shown, left_out = fit(comparisons.differences(study), study)
    fields = [
        text("Machine", shown["machine"], "The machine is {value}."),
        text("Difference", [cell or "nothing but the name" for cell in shown["difference"]]),
    ]
    caption = [
        say("Field by field, against the baseline, {machine}.", machine=str(study.baseline)),
        line("Each machine is as its latest run found it."),
    ]
    return table("differences", "What differs between the machines", fields, caption, left_out=left_out)
