"""Every comparison of two engines as a row: the ratio, what it rests on, and its verdict."""

from __future__ import annotations

from dataclasses import replace
from math import log
from typing import Any

import pandas as pd

from bench.records.types import SPEED
from reports.chapters.engines.finding import engines_in
from reports.chapters.engines.multiples import reference_engine
from reports.chapters.engines.turned import turned
from reports.data.settings import EXPERIMENT_ORDER
from reports.study import typical
from reports.study.compare import Study, question
from reports.write import names, words
from reports.write.document import Sentence, Table, say
from reports.write.parts import AT_THE_RATE, engine
from reports.write.ratios import repeated
from reports.write.table import Field, figures, line, table, text

MOST_ROWS, MANY_ROWS = 500, 40
"""Rows on the page; and of more than so many only a page that folds them has any."""
QUESTIONS = {
    "frameworks": "how the engines that bear their frameworks' names compare",
    "one framework": "how another engine compares with that of its framework",
    "others": "how any two others compare",
}
"""What `question` says of two engines, in words."""


def comparisons(study: Study) -> pd.DataFrame:
    """`Study.engines`, with the seconds an epoch of those runs of both sides that were compared."""
    seconds = typical.figures(study.frames.valid)
    frame = study.engines.copy()
    for side in ("first", "second"):
        frame[f"{side}_seconds_per_epoch"] = [
            typical.of_runs([seconds[run] for run in runs]) for runs in frame[f"{side}_runs"]
        ]
    return frame


def means(study: Study) -> dict[str, Table]:
    """The table `engine_means`: over the machines, of three or more; by experiment."""
    frame = study.engine_means
    shown = study.main_rows(frame)
    if shown.empty:
        return {}
    reference = _reference(study)
    rows = pd.DataFrame([_turned(row, reference) for row in shown.to_dict("records")])
    rows = rows.sort_values(
        "experiment", key=lambda column: column.map(EXPERIMENT_ORDER.index), kind="stable"
    )
    places = list(rows.itertuples())
    fields = [
        text("Experiment", rows["experiment"], "Experiment: {value}."),
        text("First", names.engines(rows["first"]), "The first is {value}."),
        text("Second", names.engines(rows["second"]), "The second is {value}."),
        figures("Ratio", [words.times(row.ratio) for row in places], values=rows["ratio"]),
        figures("Interval", map(_interval, places), absent=line("")),
        figures("Least to most", [words.interval(row.least, row.most) for row in places]),
        figures("Machines", map(words.count, rows["cells"]), constant="Each is of {value} machines."),
        text("Verdict", [names.lead(row, engine(row.first), engine(row.second)) for row in places]),
    ]
    caption = [
        line(
            "The ratio is the geometric mean over machines of the first's speed as a multiple of the"
            " second's; least and most are of single machines."
        )
    ]
    if rows["p"].notna().any():
        caption.append(line("The interval is the mean's, of 95 %."))
    if (rows["basis"] == "out of turn").any():
        caption.append(
            line("There is no interval where the same engine was run first on most machines.")
        )
    return table("engine_means", "Engine against engine, over machines", fields, caption, frame=frame)


def _interval(mean: Any) -> str:
    """The 95 % interval of a mean. Its range has a column of its own."""
    return words.DASH if words.missing(mean.p) else words.interval(mean.low, mean.high)


def pairs(study: Study) -> dict[str, Table]:
    """The table `pairs`: the main setting first, by experiment, the largest lead first.

    Where means over machines sum it up, or it is long, only a page that folds it has it.
    """
    frame = comparisons(study)
    if frame.empty:
        return {}
    reference = _reference(study)
    in_order = sorted(
        (_turned(row, reference) for row in frame.to_dict("records")),
        key=lambda row: (
            row["setting"] != study.main,
            row["setting"],
            EXPERIMENT_ORDER.index(row["experiment"]),
            -round(abs(log(row["ratio"])), 9),
        ),
    )
    shown = pd.DataFrame(in_order[:MOST_ROWS])
    made = table(
        "pairs",
        "Engine against engine",
        _fields(shown, frame, reference),
        [*_caption(frame, reference), *_cut_epochs(study, shown)],
        left_out=len(frame) - len(shown),
        frame=frame,
    )
    is_summed_up = not study.main_rows(study.engine_means).empty or len(frame) > MANY_ROWS
    return {name: replace(each, only_in_html=is_summed_up) for name, each in made.items()}


def _cut_epochs(study: Study, shown: pd.DataFrame) -> list[Sentence]:
    table = study.frames.settings
    cut = table.loc[table["profile"] == SPEED, "setting"]
    return [line(AT_THE_RATE)] if shown["setting"].isin(cut).any() else []


def _reference(study: Study) -> str | None:
    """Of two engines the one that is named second, as in the picture; None of more."""
    if len(engines_in(study.engines)) > 2:
        return None
    main = study.main_rows(study.engines)
    return reference_engine(study.engines if main.empty else main)


def _turned(row: dict[str, Any], reference: str | None) -> dict[str, Any]:
    """The row with the reference second, or without one with the faster engine first."""
    if row["first"] != reference if reference else row["ratio"] >= 1:
        return row
    return turned(row)


def _fields(shown: pd.DataFrame, frame: pd.DataFrame, reference: str | None) -> list[Field]:
    rows = list(shown.itertuples())
    heads = (engine(rows[0].first), engine(rows[0].second)) if reference else ("First", "Second")
    seconds = [shown[f"{side}_seconds_per_epoch"] for side in ("first", "second")]
    unit = words.seconds_unit(max(column.max() for column in seconds))
    return [
        *([text("Setting", shown["setting"])] if frame["setting"].nunique() > 1 else []),
        text("Experiment", shown["experiment"], "Experiment: {value}."),
        *([text("Machine", shown["machine"])] if frame["machine"].nunique() > 1 else []),
        *([text("Device", names.devices(shown))] if frame["device"].nunique() > 1 else []),
        *([] if reference else [text("First", names.engines(shown["first"]))]),
        *([] if reference else [text("Second", names.engines(shown["second"]))]),
        *(
            figures(
                f"{head}, {unit.name}",
                [words.significant(value / unit.seconds) for value in column],
                values=column,
                minor=True,
                joined=place > 0,
            )
            for place, (head, column) in enumerate(zip(heads, seconds, strict=True))
        ),
        figures("Ratio", [words.times(row.ratio) for row in rows], values=shown["ratio"]),
        figures("Interval", [names.ends(row) for row in rows], absent=line("")),
        text(
            "Evidence",
            [names.repeats(row, repeated(row)) for row in rows],
            "Evidence: {value}.",
            minor=True,
        ),
        text("Verdict", [names.lead(row, engine(row.first), engine(row.second)) for row in rows]),
        text("Note", map(other_versions, rows), absent=line("")),
    ]


def other_versions(row: Any) -> str:
    """Which engine is not the row's setting's own, since its version or its precision is another."""
    sides = ((row.first, row.first_setting), (row.second, row.second_setting))
    return ", ".join(
        f"{engine(name)} as in setting {letter}" for name, letter in sides if letter != row.setting
    )


def _caption(frame: pd.DataFrame, reference: str | None) -> list[Sentence]:
    sides = ("the first", "the second")
    if reference:
        [other] = [name for name in engines_in(frame) if name != reference]
        sides = engine(other), engine(reference)
    sentences = [
        say(
            "Times are of an epoch; the ratio is {first}'s speed as a multiple of {second}'s.",
            first=sides[0],
            second=sides[1],
        )
    ]
    if (frame["p"].isna() & frame["low"].notna()).any():
        sentences.append(line("In brackets is the range of what was seen, which is no 95 % interval."))
    asked = {question(*sides) for sides in zip(frame["first"], frame["second"], strict=True)}
    if len(asked) > 1:
        questions = [text for name, text in QUESTIONS.items() if name in asked]
        sentences.append(say("Judged apart: {questions}.", questions=words.listed(questions)))
    if frame["setting"].nunique() > 1:
        sentences.append(line("Do not compare rows of different settings with each other."))
    return sentences
