"""What precision and compilation buy: each engine beside the one that bears its framework's name."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import geometric_mean
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.chapters.engines.turned import turned
from reports.data.settings import EXPERIMENT_ORDER
from reports.study.accuracy import Accuracies, Comparison, System, accuracies
from reports.study.compare import FLOAT32, Study, question
from reports.study.resources import host_memory
from reports.write import names, words
from reports.write.document import Sentence, Table, say
from reports.write.parts import FEW, engine
from reports.write.table import Field, figures, line, table, text
from reports.write.words import DASH, MINUS

KEY = "precision_and_compilation"
TITLE = "What precision and compilation buy"
COLUMNS = (
    *("setting", "experiment", "engine", "against", "machine", "device", "machines"),
    *("precision", "against_precision", "ratio", "low", "high", "p", "basis", "verdict", "comparisons"),
    *("accuracy_lead", "accuracy_low", "accuracy_high", "accuracy_verdict"),
    *("memory_ratio", "memory_verdict", "compile_seconds", "runs", "against_runs"),
)
NO_ACCURACY = "cannot be told"


def default_of(name: str) -> str:
    """The engine that bears its framework's name."""
    return ENGINES[name].framework


def frame_of(study: Study) -> pd.DataFrame:
    """One row an engine that is not its framework's default and an experiment, by machine and device.

    Where three machines or more have both engines, their mean has the row and `machine` is empty;
    `machines` is over how many. What is in no mean, such as a CPU beside a GPU, has rows of its own.
    Ratio and verdict are those of `Study.engines` or `engine_means`, with the engine first; `accuracy_…`
    are shares, from its seeds on all machines; `memory_ratio` is a geometric mean over the machines, and
    its verdict "" of several. Seconds are medians over the engine's runs; NaN where something was not
    measured.
    """
    means = study.main_rows(study.engine_means).to_dict("records")
    means = [row | {"machine": "", "device": ""} for row in means if _is_beside_default(row)]
    over_machines = {run for row in means for run in row["first_runs"]}
    pairs = [
        row | {"cells": 1}
        for row in study.main_engines.to_dict("records")
        if _is_beside_default(row) and over_machines.isdisjoint(row["first_runs"])
    ]
    if not means and not pairs:
        return pd.DataFrame(columns=list(COLUMNS))
    judged, memory = accuracies(study), _memory(study)
    compiled = study.frames.runs.set_index("run")["compile_seconds"]
    rows = []
    for row in map(_default_second, sorted((*means, *pairs), key=_place)):
        system = str(row["experiment"]), str(row["first"]), str(row["second"])
        rows.append(
            {
                **{name: row[name] for name in ("setting", "experiment", "machine", "device")},
                "engine": row["first"],
                "against": row["second"],
                "machines": row["cells"],
                "precision": _precision(study, row["first_runs"]),
                "against_precision": _precision(study, row["second_runs"]),
                **{name: row[name] for name in JUDGED},
                **_accuracy(judged, *system),
                **_memory_of(memory, row),
                "compile_seconds": float(compiled[list(row["first_runs"])].median()),
                "runs": row["first_runs"],
                "against_runs": row["second_runs"],
            }
        )
    return pd.DataFrame(rows, columns=list(COLUMNS))


JUDGED = ("ratio", "low", "high", "p", "basis", "verdict", "comparisons")


def _is_beside_default(row: Mapping[Any, Any]) -> bool:
    """Whether it is of a framework's default engine and another of its engines."""
    return question(str(row["first"]), str(row["second"])) == "one framework"


def _default_second(row: dict[Any, Any]) -> dict[Any, Any]:
    """The comparison with the framework's default engine as the second."""
    return turned(row) if default_of(str(row["first"])) == row["first"] else row


def _place(row: Mapping[Any, Any]) -> tuple[int, int]:
    """Engine by engine in the registry's order, and its experiments in the report's."""
    order = list(ENGINES)
    sides = [str(row[side]) for side in ("first", "second")]
    own = next(name for name in sides if default_of(name) != name)
    return order.index(own), EXPERIMENT_ORDER.index(str(row["experiment"]))


def _precision(study: Study, runs: Iterable[str]) -> str:
    """How exactly the runs' devices computed, as their gates measured it; empty where none did."""
    return words.listed(sorted({study.precisions[run] for run in runs if run in study.precisions}))


def _accuracy(judged: Accuracies, experiment: str, first: str, second: str) -> dict[str, Any]:
    """The first's mean test accuracy less the second's, as `reports.study.accuracy` judges it."""
    systems: dict[tuple[str, str], System] = {system.name: system for system in judged.systems}
    sides = [systems.get((experiment, name)) for name in (first, second)]
    if sides[0] is None or sides[1] is None:
        return {f"accuracy_{name}": math.nan for name in ("lead", "low", "high")} | {
            "accuracy_verdict": ""
        }
    pair: Comparison = judged.between(sides[0], sides[1])
    return {
        "accuracy_lead": pair.lead,
        "accuracy_low": pair.low,
        "accuracy_high": pair.high,
        "accuracy_verdict": pair.verdict,
    }


def _memory(study: Study) -> list[dict[Any, Any]]:
    """How many times the memory of its default an engine takes, and what is judged of that, by place."""
    return [*map(_default_second, filter(_is_beside_default, host_memory(study).to_dict("records")))]


def _memory_of(memory: Sequence[Mapping[Any, Any]], row: Mapping[Any, Any]) -> dict[str, Any]:
    """Of the comparisons of memory those of the runs that the row is of."""
    sides = [set(row[name]) for name in ("first_runs", "second_runs")]
    there = [
        judged
        for judged in memory
        if not (sides[0].isdisjoint(judged["first_runs"]) or sides[1].isdisjoint(judged["second_runs"]))
    ]
    if not there:
        return {"memory_ratio": math.nan, "memory_verdict": ""}
    return {
        "memory_ratio": geometric_mean(judged["ratio"] for judged in there),
        "memory_verdict": str(there[0]["verdict"]) if len(there) == 1 else "",
    }


def bought(study: Study) -> dict[str, Table]:
    """The table `precision_and_compilation`; nothing where each framework was run in one engine."""
    frame = frame_of(study)
    if frame.empty:
        return {}
    runs = study.runs
    is_alone = len(runs[["machine", "device"]].drop_duplicates()) == 1
    return table(KEY, finding(frame), _fields(frame, is_alone=is_alone), _caption(frame), frame=frame)


def finding(frame: pd.DataFrame) -> str:
    """Which engines are faster than their framework's own, wherever both met, and which are slower.

    A comparison of too few epochs is none, unless there is no other.
    """
    enough = frame[frame["verdict"] != "too few epochs"]
    verdicts: dict[str, list[Any]] = {}
    for row in (frame if enough.empty else enough).itertuples():
        verdicts.setdefault(str(row.engine), []).append(row)
    faster = [name for name, rows in verdicts.items() if all(row.verdict == "faster" for row in rows)]
    slower = [name for name, rows in verdicts.items() if all(row.verdict == "slower" for row in rows)]
    if len(verdicts) == 1:
        [(name, rows)] = verdicts.items()
        return _of_one(name, rows)
    costs = f"; {_slower(slower)}" if slower else ""
    if not faster:
        return f"No precision and no compilation is known to be faster everywhere{costs}"
    if len(faster) > FEW:
        ends = _span([row.ratio for name in faster for row in verdicts[name]])
        return (
            f"{len(faster)} of {len(verdicts)} engines train {ends} times as fast as their framework's"
            f" own{costs}"
        )
    leads = [
        f"{engine(name)}{' trains' * (name == faster[0])} {_span([row.ratio for row in verdicts[name]])}"
        for name in faster
    ]
    own = engine(default_of(faster[0])) if len(faster) == 1 else "their framework's own engine"
    return f"{words.listed(leads)} times as fast as {own}{costs}"


def _of_one(name: str, rows: Sequence[Any]) -> str:
    sides = engine(name), engine(default_of(name))
    kinds = Counter(row.verdict for row in rows)
    if kinds["faster"] == len(rows):
        return f"{sides[0]} trains {_span([row.ratio for row in rows])} times as fast as {sides[1]}"
    if kinds["slower"] == len(rows):
        return f"{sides[1]} trains {_span([1 / row.ratio for row in rows])} times as fast as {sides[0]}"
    if kinds["same"] == len(rows):
        return f"{sides[0]} and {sides[1]} are equally fast"
    decided = [
        f"{word} in {kinds[verdict]}"
        for verdict, word in (("faster", "faster"), ("slower", "slower"), ("same", "as fast"))
        if kinds[verdict]
    ]
    if not decided:
        return f"Whether {sides[0]} is faster than {sides[1]} is not decided"
    rest = len(rows) - sum(kinds[verdict] for verdict in ("faster", "slower", "same"))
    decided += [f"not decided in {rest}"] * bool(rest)
    return f"Beside {sides[1]}, of {len(rows)} comparisons {sides[0]} is {words.listed(decided)}"


def _slower(engines: Sequence[str]) -> str:
    if len(engines) == 1:
        return f"{engine(engines[0])} is slower than {engine(default_of(engines[0]))}"
    named = words.listed([engine(name) for name in engines])
    if len(engines) > FEW:
        named = f"{len(engines)} engines"
    return f"{named} are slower than their framework's own"


def _span(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return " to ".join(dict.fromkeys(words.times(end) for end in (ordered[0], ordered[-1])))


def _fields(frame: pd.DataFrame, *, is_alone: bool) -> list[Field]:
    """The columns; `is_alone`: the report is about one device of one machine."""
    rows = list(frame.itertuples())
    machines = [f"mean of {row.machines:,}" if row.machine == "" else row.machine for row in rows]
    devices = [words.DEVICES.get(row.device, DASH) for row in rows]
    constant = "" if any(cell != NO_ACCURACY for cell in map(_points, rows)) else TOO_LITTLE
    compiled = figures(
        "Compilation",
        map(_compilation, rows),
        values=frame["compile_seconds"],
        absent=line("How long compilation took was not recorded.")
        if any(ENGINES[row.engine].compiler for row in rows)
        else line("None of these engines is compiled."),
    )
    return [
        text("Engine", names.engines(frame["engine"]), "The engine is {value}."),
        *(
            []
            if set(frame["against_precision"]) <= {"", FLOAT32}
            else [text("Beside", map(_beside, rows))]
        ),
        text("Experiment", frame["experiment"], "The experiment is {value}."),
        *(
            []
            if is_alone
            else [
                text("Machine", machines, names.ON_MACHINE if frame["machine"].all() else EACH_MEAN),
                text("Device", devices, names.ON_DEVICE if frame["device"].all() else "", minor=True),
            ]
        ),
        text(
            "Computed in",
            frame["precision"],
            "As measured, all computed in {value}.",
            absent=line("How exactly the devices computed was not measured."),
        ),
        figures("Speed ×", [words.times(row.ratio) for row in rows], values=frame["ratio"]),
        figures("Interval", [names.ends(row) for row in rows], absent=line(""), minor=True),
        text("Verdict", [_verdict(row) for row in rows]),
        figures(
            "Accuracy, points",
            map(_points, rows),
            values=100 * frame["accuracy_lead"],
            constant=constant,
        ),
        figures(
            "Memory ×",
            [_memory_cell(row) for row in rows],
            values=frame["memory_ratio"],
            minor=True,
        ),
        compiled,
    ]


EACH_MEAN = "Each figure is the {value} machines."
TOO_LITTLE = (
    "The difference in test accuracy {value}: that takes three seeds of each, and runs of the whole"
    " protocol."
)


def _beside(row: Any) -> str:
    """The framework's default engine, with its precision where that is not float32."""
    precision = f", {row.against_precision}" if row.against_precision not in ("", FLOAT32) else ""
    return f"{engine(row.against)}{precision}"


def _verdict(row: Any) -> str:
    """Who is faster; by how much stands in the ratio's column."""
    if row.verdict in ("faster", "slower", "not decided among many"):
        return str(row.verdict)
    return names.verdict(row)


def _points(row: Any) -> str:
    """The difference in test accuracy with half its interval; of few seeds one that is clear."""
    if words.missing(row.accuracy_lead) or row.accuracy_verdict == "too few seeds":
        return NO_ACCURACY
    lead = words.number(row.accuracy_lead, "+.1f", 100).replace("-", MINUS)
    if words.missing(row.accuracy_low):
        return lead
    half = (row.accuracy_high - row.accuracy_low) / 2
    mark = ", decided" if row.accuracy_verdict in ("ahead", "behind") else ""
    return f"{lead} ± {words.number(half, '.1f', 100)}{mark}"


def _memory_cell(row: Any) -> str:
    decided = row.memory_verdict in ("faster", "slower", "same")
    return words.times(row.memory_ratio) + "?" * (row.memory_verdict != "" and not decided)


def _compilation(row: Any) -> str:
    """The seconds of compilation of an engine that is compiled."""
    return words.seconds(row.compile_seconds) if ENGINES[row.engine].compiler else DASH


def _caption(frame: pd.DataFrame) -> list[Sentence]:
    rows = list(frame.itertuples())
    sentences = [
        say(
            "{title}: × is the engine's figure as a multiple of that of the engine which bears its"
            " framework's name.",
            title=TITLE,
        )
    ]
    if (frame["p"].isna() & frame["low"].notna()).any():
        sentences.append(line("In brackets is the range of what was seen, which is no 95 % interval."))
    if (frame["machine"] == "").any():
        sentences.append(line("A mean is over machines that have both engines."))
    if any(not words.missing(row.accuracy_low) for row in rows):
        sentences.append(
            line(
                "Accuracy is the difference of the means over all seeds and machines, ± half of its 95 %"
                " interval."
            )
        )
        if not set(frame["accuracy_verdict"]) & {"ahead", "behind"}:
            sentences.append(line("None of these differences is decided."))
    if any(_memory_cell(row).endswith("?") for row in rows):
        sentences.append(line("A ratio of memory with a ? after it is not decided."))
    if "not decided among many" in set(frame["verdict"]):
        sentences.append(
            say(
                "Not decided among many: of {n} judged together.",
                n=words.count(frame["comparisons"].max(), "comparison"),
            )
        )
    if {_compilation(row) for row in rows} - {DASH}:
        sentences.append(
            line(
                "Compilation is by how much a process's first step takes longer than a usual step, in an"
                " engine that is compiled. No speed includes it."
            )
        )
    return sentences
