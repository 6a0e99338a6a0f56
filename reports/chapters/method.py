"""How it was measured: on what, by which protocol and rules, and what the report cannot know."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from alexnet.data import DATASETS
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from bench.records.limits import MAX_TAKEN_CPU_SHARE, MIN_FREE_CPUS
from bench.records.types import (
    LowPowerMode,
    Machine,
    NotChecked,
    OnBattery,
    RunWarning,
    ThermalPressure,
)
from bench.records.words import not_checked_text
from reports.chapters.front.shown import all_rows, in_chart
from reports.data.machines import alike_but_for_gpus, several_builds
from reports.data.settings import EXPERIMENT, engines_of
from reports.data.text import plain
from reports.study.accuracy import CLEAR_LEAD
from reports.study.compare import Study
from reports.study.conditions import FLAGS, OF_THE_SPEED, conditions, gates
from reports.study.ratios import CLEAR, LEAST_EPOCHS, LEAST_REPEATS, SAME
from reports.write import words
from reports.write.document import Block, Paragraph, Section, Sentence, Table
from reports.write.names import EXPERIMENTS, joined, known
from reports.write.names import runs as run_names
from reports.write.parts import between, cut, decimal, figure, ids, of_runs, paragraph, put, row
from reports.write.table import Field, few, figures, line, table, text, which_machines

NAMES = {"keras": "Keras"}
UNUSED = "torchvision"
"""The package that only the first weights come from; it computes nothing."""
STATES = {
    "power": "on battery",
    "low_power": "in low power mode",
    "thermal": "under thermal pressure",
}
"""What a column of a run's condition may say against it."""
KINDS: dict[str, type[RunWarning]] = {
    "power": OnBattery,
    "low_power": LowPowerMode,
    "thermal": ThermalPressure,
}
OF_ENGINES = (
    "It takes {repeats} or more runs of each engine in one session, in turn (Welch's t), or {repeats} or"
    " more sessions with both (Student's t on the differences)."
)
OVER_MACHINES = (
    "It takes {repeats} or more machines that measured both engines, and not the same one first on most"
    " of them. Each machine's own ratio counts once (Student's t), so it speaks of machines like these."
)
OF_MACHINES = "It takes {repeats} or more sessions of each machine (Welch's t on the sessions' means)."
VERDICTS = {
    "faster": "We call one side faster when its whole interval is on that side of 1 and its lead is"
    " {same} or more. That must hold among all comparisons of one question (Holm).",
    "faster, no interval": "Without an interval, we call one side faster only when it led by more than"
    " {clear} times in all that was seen.",
    "same": "We call both sides the same when the whole interval lies within {same} of 1.",
    "ahead, level": "Without an interval, a smaller lead is called ahead, and one under {same} level."
    " Neither decides anything.",
    "not decided": "The interval reaches to both sides of 1, or the lead is under {same}. Or the"
    " comparison would be decided on its own, and is not among so many.",
    "too few epochs": "A side has fewer than {least} timed epochs. So few decide nothing.",
    "more accurate": "We call one side more accurate by {repeats} or more seeds of each (Welch's t with"
    " the error of the test images added), all pairs judged together (Holm).",
    "more accurate, few seeds": "With fewer seeds, we call one side more accurate only when it leads by"
    " over {points} points.",
}
"""A word of a comparison -> when it is said; the numbers are the rules' own."""
MOST_CONDITIONS = 12
"""Rows of conditions on the page; the frame has them all."""


def chapter(study: Study) -> Section | None:
    """The protocol, the machines and their conditions, the gate's result, the rules of judging."""
    if study.frames.runs.empty:
        return None
    condition, gate = conditions(study), gates(study)
    blocks: list[Block] = [
        *paragraph(_images(study)),
        *_machines(study).values(),
        *_recipes(study).values(),
        *_measuring(study, gate),
        *paragraph(*_state(study, condition)),
        *_conditions(study, condition).values(),
        *_judging(study).values(),
        *_unknown(),
    ]
    return Section(
        key="method",
        title="How it was measured",
        blocks=tuple(blocks),
        data={"conditions": condition, "gates": gate},
    )


def _images(study: Study) -> Sentence | None:
    runs = study.runs
    if runs.empty:
        return None
    amounts = {
        name: between(
            *(figure(getattr(runs[name], end)(), f"{end} {name}", ids(runs)) for end in ("min", "max"))
        )
        for name in ("train_images", "validation_images", "test_images")
    }
    return put(
        "The report is about the {profile} profile: {dataset} ({origin}) at {size} pixels a side,"
        " {train_images} images for training, {validation_images} for validation and {test_images} for"
        " the test.",
        profile=str(study.setting["profile"]),
        dataset=DATASETS.get(study.setting["dataset"], "images"),
        origin=cut(list(dict.fromkeys(runs["provenance"])), "origins", 2),
        size=figure(study.setting["image_size"], "image size, pixels a side", ids(runs)),
        **amounts,
    )


def _machines(study: Study) -> dict[str, Table]:
    """A row a machine, or of the only one a row a part."""
    frame = study.frames.machines
    named, which = _shown(study, frame)
    shown = frame[frame["machine"].isin(named)]
    rows = shown.to_dict("records")
    columns = {
        "Chip": [known(row["chip"]) for row in rows],
        "GPU": [_gpu(row) for row in rows],
        "Memory": [words.gibibytes(row["memory_bytes"]) for row in rows],
        "System": [_system(row) for row in rows],
        "Versions": [_versions(row["record"], study) for row in rows],
        "Runs": [words.count(row["runs"]) for row in rows],
        "Measured, UTC": [_days(row) for row in rows],
    }
    caption = [
        *([line("As the latest run of each found it.")] if max(frame["states"]) > 1 else []),
        *which,
        *_changed(shown),
        *_other_gpus(frame),
        *_builds(frame),
    ]
    if len(frame) == 1:
        parts = {name: cells[0] for name, cells in columns.items() if cells[0] != words.DASH}
        fields = [text("Machine", parts), text(str(rows[0]["machine"]), parts.values())]
        return table("computers", "The machine", fields, caption, frame=frame)
    fields = [
        text("Machine", shown["machine"]),
        text("Chip", columns["Chip"], "The chip of all is {value}."),
        text("GPU", columns["GPU"], "The GPU of all: {value}."),
        figures("Memory", columns["Memory"], constant="Each has {value} of memory."),
        text("System", columns["System"], "All run {value}."),
        text("Versions", columns["Versions"], "All have {value}."),
        figures("Runs", columns["Runs"]),
        text("Measured, UTC", columns["Measured, UTC"], "All were measured on {value} (UTC)."),
    ]
    left_out = len(frame) - len(shown)
    return table("computers", "The machines", fields, caption, left_out=left_out, frame=frame)


def _shown(study: Study, frame: pd.DataFrame) -> tuple[Sequence[str], list[Sentence]]:
    """Of many machines those of the first page's chart, and what the caption says of that."""
    named = few(study, frame)
    on_the_first_page = [speed.machine for speed in in_chart(all_rows(study)).speeds]
    if len(named) == len(frame) or not on_the_first_page:
        return named, which_machines(frame, named, study)
    sentence = put(
        "Of {machines}, {shown} are shown: those in the first page's chart.",
        machines=words.count(len(frame), "machine"),
        shown=words.count(len(set(on_the_first_page))),
    )
    return on_the_first_page, [sentence]


def _gpu(machine: dict[str, Any]) -> str:
    """A name that is not the chip's, and how many cores, as far as either is known."""
    unnamed = words.missing(machine["gpu"]) or machine["gpu"] == machine["chip"]
    name = "" if unnamed else str(machine["gpu"])
    cores = "" if words.missing(machine["gpu_cores"]) else words.count(machine["gpu_cores"], "core")
    return ", ".join(part for part in (name, cores) if part) or words.DASH


def _system(machine: dict[str, Any]) -> str:
    name = known(machine["os"])
    return f"{name}, a virtual machine" if machine["virtual"] is True else name


def _versions(machine: Machine, study: Study) -> str:
    """Python, each framework that was run, and the packages that it computes with."""
    frameworks = [FRAMEWORKS[name] for name in _frameworks(study)]
    labels = {
        package: info.label if package == info.name else NAMES.get(package, package)
        for info in frameworks
        for package in (*info.required, *info.packages)
        if package != UNUSED
    }
    packages = [
        f"{label} {plain(machine.packages[package], 40)}"
        for package, label in labels.items()
        if package in machine.packages
    ]
    return ", ".join([f"Python {plain(machine.python, 40)}", *packages])


def _frameworks(study: Study) -> list[str]:
    return list(dict.fromkeys(ENGINES[name].framework for name in engines_of(study.frames.runs)))


def _days(machine: dict[str, Any]) -> str:
    """The first and the last day of its runs, in UTC."""
    times = (machine["first_started_at"], machine["last_started_at"])
    days = [str(time)[:10] for time in times if not words.missing(time)]
    return " to ".join(dict.fromkeys(days)) or words.DASH


def _changed(shown: pd.DataFrame) -> list[Sentence]:
    changed = list(shown.loc[shown["states"] > 1, "machine"])
    if not changed:
        return []
    return [
        put(
            "Between its runs the system or the packages changed on {names}.",
            names=cut(changed, "machines whose system or packages changed"),
        )
    ]


def _other_gpus(machines: pd.DataFrame) -> list[Sentence]:
    """The computers that only what their engines call their GPUs tells apart."""
    sentences = []
    for computers in alike_but_for_gpus(machines):
        named = [
            put("{computer} with {gpu}", computer=computer, gpu=words.listed(gpus))
            for computer, gpus in computers.items()
        ]
        sentences.append(
            put(
                "{named} have one name and the same parts: their engines' names for the GPU tell them"
                " apart.",
                named=cut(named, "computers of one name"),
            )
        )
    return sentences


def _builds(machines: pd.DataFrame) -> list[Sentence]:
    """Which computers have runs under several builds of their systems, and what was made of that."""
    templates = {
        True: "{computers} {has} runs under several builds of {its}, and they are pooled.",
        False: "{computers} {has} runs under several builds of {its}: the same computer is a machine of"
        " this report for each build (--pool-os-builds makes them one).",
    }
    sentences = []
    for pooled, template in templates.items():
        named = [
            put("{computer} ({builds})", computer=found.computer, builds=cut(found.builds, "builds"))
            for found in several_builds(machines)
            if found.pooled is pooled
        ]
        if named:
            sentences.append(
                put(
                    template,
                    computers=cut(named, "computers with several builds"),
                    has="has" if len(named) == 1 else "have",
                    its="its system" if len(named) == 1 else "their systems",
                )
            )
    return sentences


def recipes(study: Study) -> pd.DataFrame:
    """One row a setting and way to train an experiment, and how many runs went that way."""
    names = ["setting", "experiment", *EXPERIMENT, "weights_origin"]
    runs = study.frames.runs
    began = runs[runs["data_sha256"].notna()]
    return began.groupby(names, sort=False, dropna=False).size().reset_index(name="runs")


def _recipes(study: Study) -> dict[str, Table]:
    """How the valid runs of the main setting were trained; the frame has every setting's."""
    frame = recipes(study)
    names = [name for name in frame.columns if name != "runs"]
    shown = study.runs[names].drop_duplicates()
    fields = [
        text("Experiment", shown["experiment"]),
        text("What it trains", [EXPERIMENTS[name] for name in shown["experiment"]]),
        figures("Images a batch", [words.count(size) for size in shown["batch_size"]]),
        figures("Epochs at most", [words.count(cap) for cap in shown["epochs_cap"]]),
        figures("Patience", [words.count(patience) for patience in shown["patience"]]),
        figures("Learning rate", joined(shown["learning_rates"], ", then ")),
    ]
    caption = [
        line(
            "All by SGD with momentum 0.9. Patience is how many epochs without a better validation loss"
            " end a run."
        )
    ]
    return table("recipes", "How each experiment is trained", fields, caption, frame=frame)


def _measuring(study: Study, gate: pd.DataFrame) -> tuple[Paragraph, ...]:
    engines = len(engines_of(study.frames.runs))
    which = {1: "Every run starts", 2: "Both engines start"}.get(engines, "All engines start")
    same = (
        "from the same weights and sees the same batches in the same order"
        if engines == 1
        else "from the same weights and see the same batches in the same order; only dropout's masks are"
        " each one's own"
    )
    texts = (
        "The process that trains times each epoch. It waits for the device before its clock starts and"
        " before it stops. Validation and checkpoints are outside that time.",
        "The first epoch of a process, and the first of a later stage, is a warm-up. It is recorded, and"
        " counts in no rate unless there is no other epoch.",
        "A disturbed epoch is left out of the rate too. It is one in which other programs or a virtual"
        " machine's host took over {taken} of the processors' time, others used the GPU, or the computer"
        " slept. Beside a run on a GPU other programs may take more, as long as {free} processors stay"
        " free. If all epochs of a run were disturbed, their rate is shown, and decides nothing.",
        "Each run is a process of its own, and runs follow one another.",
        f"{which} {same}. The seed sets weights, order, crops and flips.",
    )
    numbers = {"taken": f"{100 * MAX_TAKEN_CPU_SHARE:g} %", "free": f"{MIN_FREE_CPUS:g}"}
    timing, process = texts[:3], texts[3:]
    return (
        *paragraph(*(put(text, **numbers) for text in timing)),
        *paragraph(*map(put, process), _gate(study, gate), _not_checked(study)),
    )


def _gate(study: Study, gate: pd.DataFrame) -> Sentence | None:
    """What the correctness gate is, and whether all was passed."""
    runs = study.frames.runs
    asked = runs.dropna(subset=["gate_checks"])
    if asked.empty:
        return put("The correctness gate was not asked.")
    total, passed = int(asked["gate_checks"].sum()), int(asked["gate_passed"].sum())
    failed = gate[gate["passed"] < gate["checks"]]
    result = put("all were passed")
    if total > passed:
        names = list(dict.fromkeys(name for checks in failed["failed"] for name in checks))
        result = put(
            "{n} of {runs} {were} not passed ({names}), and such a run is invalid",
            n=figure(total - passed, "gate checks not passed", ids(asked), "check"),
            were="was" if total - passed == 1 else "were",
            runs=of_runs(ids(failed), "with a check not passed"),
            names=cut(names, "checks not passed"),
        )
    return put(
        "Before the first epoch a correctness gate compares what the device computes with a reference in"
        " numpy and float64, by {n} of {runs}: {result}.",
        n=figure(total, "gate checks", ids(asked), "check"),
        runs=of_runs(ids(asked), "with a gate"),
        result=result,
    )


def _not_checked(study: Study) -> Sentence | None:
    """What gates could not check, and of how many runs."""
    runs = study.frames.runs
    open_points: dict[str, list[str]] = {}
    for run, warnings in zip(runs["run"], runs["warnings"], strict=True):
        for warning in warnings:
            if isinstance(warning, NotChecked):
                open_points.setdefault(plain(not_checked_text(warning)), []).append(run)
    if not open_points:
        return None
    pieces = [
        put("{what} ({n})", what=what, n=of_runs(of_what, "with something not checked"))
        for what, of_what in open_points.items()
    ]
    return put("Not checked: {what}.", what=cut(pieces, "things not checked"))


def _state(study: Study, condition: pd.DataFrame) -> list[Sentence]:
    """What is known of the computers beside the table of conditions."""
    runs = study.frames.runs
    sentences = []
    load = runs["load"].dropna()
    if len(load):
        low, high = (
            decimal(getattr(load, end)(), f"{end} load before a run", ids(runs), 1)
            for end in ("min", "max")
        )
        sentences.append(
            put(
                "Before a run {ends} processes wanted the processor (the load average).",
                ends=between(low, high),
            )
        )
    flagged = {flag for flags in condition["flags"] for flag in flags}
    known_of = [column for column in STATES if runs[column].notna().any()]
    never = [STATES[column] for column in known_of if FLAGS[KINDS[column]] not in flagged]
    unknown = [STATES[column] for column in STATES if column not in known_of]
    if never:
        sentences.append(put("No run was {states}.", states=row(never, " or ")))
    if unknown:
        sentences.append(
            put("The system does not say whether a run was {states}.", states=row(unknown, " or "))
        )
    return sentences


def _conditions(study: Study, condition: pd.DataFrame) -> dict[str, Table]:
    """The runs whose condition was not good, those alike in one row."""
    frame = condition.assign(
        flags=[tuple(flag for flag in flags if flag not in OF_THE_SPEED) for flags in condition["flags"]]
    )
    flagged = frame[frame["flags"].map(len) > 0]
    rows = [
        {"machine": machine, "flags": flags, "runs": tuple(alike["run"])}
        for (machine, flags), alike in flagged.groupby(["machine", "flags"], sort=False)
    ]
    rows.sort(key=lambda alike: -len(alike["runs"]))
    shown = rows[:MOST_CONDITIONS]
    machine = Field(name="Machine", cells=[alike["machine"] for alike in shown])
    several = len(study.frames.machines) > 1
    fields = [
        text("Condition", [", ".join(alike["flags"]) for alike in shown]),
        *([machine] if several else []),
        figures("Runs", [words.count(len(alike["runs"])) for alike in shown]),
        text("Which", run_names(alike["runs"] for alike in shown)),
    ]
    number = words.count(len(flagged), "run")
    title = f"The condition of {number} was not good"
    caption = [line("What is on record of the computer before, during and after a run.")]
    return table("conditions", title, fields, caption, left_out=len(rows) - len(shown))


def _judging(study: Study) -> dict[str, Table]:
    """What the words of a comparison stand for; nothing where there is nothing to compare."""
    engines = len(engines_of(study.frames.runs)) > 1
    machines = len(study.frames.machines) > 1
    if not engines and not machines:
        return {}
    several = len(study.frames.machines) >= LEAST_REPEATS
    meanings = {
        "95 % interval": "Of 100 intervals made in this way, 95 hold the true ratio.",
        **({"interval of engines": OF_ENGINES} if engines else {}),
        **({"interval over machines": OVER_MACHINES} if engines and several else {}),
        **({"interval of machines": OF_MACHINES} if machines else {}),
        **VERDICTS,
    }
    numbers = {
        "repeats": str(LEAST_REPEATS),
        "clear": f"{CLEAR:.2f}",
        "least": str(LEAST_EPOCHS),
        "same": f"{100 * SAME:g} %",
        "points": f"{100 * CLEAR_LEAD:g}",
    }
    caption = [
        line(
            "A run's rate is the median of its timed epochs. A session's is the geometric mean of its"
            " runs, and a machine's that of its sessions. Memory and energy are judged by the same"
            " rules."
        )
    ]
    fields = [
        text("Word", meanings),
        text("What it says", [meaning.format(**numbers) for meaning in meanings.values()]),
    ]
    return table("verdicts", "What the words of a comparison stand for", fields, caption)


def _unknown() -> tuple[Paragraph, ...]:
    return paragraph(
        put(
            "The report cannot know how warm the room was, or whether one name is one computer in every"
            " file. Of files before version 6 it knows only the load average, and not whether other work"
            " ran in an epoch."
        )
    )
