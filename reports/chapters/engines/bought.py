"""What precision and compilation buy: each engine beside the one that bears its framework's name."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from statistics import geometric_mean, median
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.chapters.engines.turned import turned
from reports.data.settings import EXPERIMENT_ORDER
from reports.study.accuracy import Accuracies, Comparison, System, accuracies
from reports.study.compare import Study, question
from reports.study.resources import host_memory
from reports.study.speeds import TRUE
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
    *("memory_ratio", "memory_verdict", "compile_seconds", "usual_step_seconds", "runs", "against_runs"),
)
USUAL_STEPS = 10
"""A first step of up to so many usual ones compiles nothing worth telling: every engine's first step
takes memory and chooses kernels."""
NO_ACCURACY = "cannot be told"

Sides = tuple[str, str, str, str, str]
"""(machine, device, experiment, engine, the engine that it is beside)."""


def default_of(name: str) -> str:
    """The engine that bears its framework's name."""
    return ENGINES[name].framework


def frame_of(study: Study) -> pd.DataFrame:
    """One row an engine that is not its framework's default and an experiment, by machine and device.

    Where three machines or more have both engines, their mean has the row and `machine` is empty;
    `machines` is over how many. Ratio and verdict are those of `Study.engines` or `engine_means`, with
    the engine first; `accuracy_…` are shares, from its seeds on all machines; `memory_ratio` is a
    geometric mean over the machines, and its verdict "" of several. Seconds are medians over the
    engine's runs; NaN where something was not measured.
    """
    means = study.main_rows(study.engine_means).to_dict("records")
    means = [row | {"machine": "", "device": ""} for row in means if _is_beside_default(row)]
    over_machines = {(row["experiment"], row["first"], row["second"]) for row in means}
    pairs = [
        row | {"cells": 1}
        for row in study.main_engines.to_dict("records")
        if _is_beside_default(row)
        and (row["experiment"], row["first"], row["second"]) not in over_machines
    ]
    if not means and not pairs:
        return pd.DataFrame(columns=list(COLUMNS))
    judged, memory = accuracies(study), _memory(study)
    by_run = study.frames.runs.set_index("run")[["compile_seconds", "batch_size", "images_per_second"]]
    by_run["usual_step_seconds"] = by_run["batch_size"] / by_run["images_per_second"]
    timed = by_run[["compile_seconds", "usual_step_seconds"]].to_dict("index")
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
                **{
                    name: _middle(timed[run][name] for run in row["first_runs"])
                    for name in ("compile_seconds", "usual_step_seconds")
                },
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


def _middle(values: Iterable[float]) -> float:
    known = [float(value) for value in values if not words.missing(value)]
    return median(known) if known else math.nan


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


def _memory(study: Study) -> dict[Sides, tuple[float, str]]:
    """How many times the memory of its default an engine takes, and what is judged of that."""
    ratios: dict[Sides, tuple[float, str]] = {}
    there = filter(_is_beside_default, host_memory(study).to_dict("records"))
    for row in map(_default_second, there):
        place = (row["machine"], row["device"], row["experiment"], row["first"], row["second"])
        ratios.setdefault(place, (float(row["ratio"]), str(row["verdict"])))
    return ratios


def _memory_of(memory: Mapping[Sides, tuple[float, str]], row: Mapping[Any, Any]) -> dict[str, Any]:
    system = (row["experiment"], row["first"], row["second"])
    there = [
        judged
        for (machine, device, *sides), judged in memory.items()
        if tuple(sides) == system and row["machine"] in ("", machine) and row["device"] in ("", device)
    ]
    if not there:
        return {"memory_ratio": math.nan, "memory_verdict": ""}
    verdict = there[0][1] if len(there) == 1 else ""
    return {"memory_ratio": geometric_mean(ratio for ratio, _ in there), "memory_verdict": verdict}


def bought(study: Study) -> dict[str, Table]:
    """The table `precision_and_compilation`; nothing where each framework was run in one engine."""
    frame = frame_of(study)
    if frame.empty:
        return {}
    return table(KEY, finding(frame), _fields(frame), _caption(frame), frame=frame)


def finding(frame: pd.DataFrame) -> str:
    """Which engines are faster than their framework's own, wherever both met, and which are slower."""
    verdicts: dict[str, list[Any]] = {}
    for row in frame.itertuples():
        verdicts.setdefault(str(row.engine), []).append(row)
    faster = [name for name, rows in verdicts.items() if all(row.verdict == "faster" for row in rows)]
    slower = [name for name, rows in verdicts.items() if all(row.verdict == "slower" for row in rows)]
    if len(verdicts) == 1:
        [(name, rows)] = verdicts.items()
        return _of_one(name, rows)
    costs = f"; {_named(slower)} {'is' if len(slower) == 1 else 'are'} slower" if slower else ""
    if not faster:
        return f"No precision and no compilation is known to be faster everywhere{costs}"
    if len(faster) > FEW:
        ends = _span([row.ratio for name in faster for row in verdicts[name]])
        return (
            f"{len(faster)} of {len(verdicts)} engines train {ends} times as fast as their framework's"
            f" own{costs}"
        )
    leads = [f"{engine(name)} {_span([row.ratio for row in verdicts[name]])}" for name in faster]
    if len(faster) == 1:
        own = engine(default_of(faster[0]))
        name, ends = engine(faster[0]), _span([row.ratio for row in verdicts[faster[0]]])
        return f"{name} trains {ends} times as fast as {own}{costs}"
    return f"{words.listed(leads)} times as fast as their framework's own engine{costs}"


def _of_one(name: str, rows: Sequence[Any]) -> str:
    sides = engine(name), engine(default_of(name))
    kinds = Counter(row.verdict for row in rows)
    if kinds["faster"] == len(rows):
        return f"{sides[0]} trains {_span([row.ratio for row in rows])} times as fast as {sides[1]}"
    if kinds["slower"] == len(rows):
        return f"{sides[1]} trains {_span([1 / row.ratio for row in rows])} times as fast as {sides[0]}"
    if kinds["same"] == len(rows):
        return f"{sides[0]} and {sides[1]} are equally fast"
    return f"Whether {sides[0]} is faster than {sides[1]} is not decided everywhere"


def _named(engines: Sequence[str]) -> str:
    if len(engines) > FEW:
        return f"{len(engines)} engines"
    return words.listed([engine(name) for name in engines])


def _span(values: Iterable[float]) -> str:
    ordered = sorted(values)
    return " to ".join(dict.fromkeys(words.times(end) for end in (ordered[0], ordered[-1])))


def _fields(frame: pd.DataFrame) -> list[Field]:
    rows = list(frame.itertuples())
    several = (frame["machine"] == "").any() or frame["machine"].nunique() > 1
    machines = [f"mean of {row.machines:,}" if row.machine == "" else row.machine for row in rows]
    devices = [words.DEVICES.get(row.device, DASH) for row in rows]
    constant = "" if any(cell != NO_ACCURACY for cell in map(_points, rows)) else TOO_LITTLE
    compiled = figures(
        "Compilation",
        map(_compilation, rows),
        values=frame["compile_seconds"],
        constant="Compilation: {value}, by a first step that is no longer than ten usual ones."
        if set(map(_compilation, rows)) == {"none"}
        else "",
        absent=line("How long compilation took was not recorded."),
    )
    return [
        text("Engine", names.engines(frame["engine"]), "The engine is {value}."),
        *([] if set(frame["against_precision"]) <= {"", TRUE} else [text("Beside", map(_beside, rows))]),
        text("Experiment", frame["experiment"], "The experiment is {value}."),
        *([text("Machine", machines, EACH_MEAN)] if several else []),
        *([text("Device", devices, minor=True)] if frame["device"].nunique() > 1 else []),
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
    precision = f", {row.against_precision}" if row.against_precision not in ("", TRUE) else ""
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
    """The seconds of compilation; none where the first step is no longer than ten usual ones."""
    if words.missing(row.compile_seconds):
        return DASH
    usual = row.usual_step_seconds
    if not words.missing(usual) and row.compile_seconds <= (USUAL_STEPS - 1) * usual:
        return "none"
    return words.seconds(row.compile_seconds)


def _caption(frame: pd.DataFrame) -> list[Sentence]:
    rows = list(frame.itertuples())
    sentences = [
        say(
            "{title}: × is the engine's figure as a multiple of that of the engine which bears its"
            " framework's name, from runs side by side.",
            title=TITLE,
        )
    ]
    if (frame["p"].isna() & frame["low"].notna()).any():
        sentences.append(line("In brackets is the range of what was seen, which is no 95 % interval."))
    if (frame["machine"] == "").any():
        sentences.append(line("A mean is over machines that have both engines."))
    if any(not words.missing(row.accuracy_low) for row in rows):
        sentences.append(line("Accuracy is a difference of means over seeds ± half its 95 % interval."))
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
    compiled = {_compilation(row) for row in rows} - {DASH}
    if compiled - {"none"}:
        none = " (none: no longer than ten usual steps)" if "none" in compiled else ""
        sentences.append(
            say(
                "Compilation is how much longer a process's first step takes than the usual one{none};"
                " it is in no speed.",
                none=none,
            )
        )
    return sentences
