"""What was measured: runs, machines, images, the condition of the computers, the correctness gate."""

from __future__ import annotations

from typing import Any

import pandas as pd

from alexnet.data import DATASETS
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from reports.document import Number, Paragraph, Sentence
from reports.machines import alike_but_for_gpus, several_builds
from reports.prose.parts import (
    FEW,
    Part,
    between,
    cut,
    decimal,
    figure,
    ids,
    of_runs,
    paragraph,
    put,
    row,
)
from reports.study.compare import Study
from reports.words import gibibytes, listed, missing

EXPERIMENTS = {
    "scratch": "AlexNet from random weights",
    "mistaken": "the larger network that the original report built by accident",
    "augmented": "AlexNet with random flips and crops",
    "pretrained": "torchvision's AlexNet from weights given to it",
}


def measured(study: Study) -> tuple[Paragraph, ...]:
    """All runs in the first sentences, the main setting's valid ones in the others."""
    return (
        paragraph(_counts(study), _when(study), _experiments(study))
        + paragraph(*_machines(study))
        + paragraph(_images(study), *_condition(study), *_gate(study))
    )


def _counts(study: Study) -> Sentence:
    runs = study.frames.runs
    told: list[Part] = []
    for validity in ("valid", "invalid", "failed"):
        own = runs[runs["validity"] == validity]
        if len(own):
            told.append(
                put("{n} {word}", n=figure(len(own), f"runs; {validity}", ids(own)), word=validity)
            )
        elif validity == "valid":
            told.append("none valid")
    skipped = len(study.frames.skipped)
    if skipped:
        told.append(put("{n} skipped", n=figure(skipped, "skipped cells", (), "cell")))
    alike = len(runs) > 0 and runs["validity"].nunique() == 1 and not skipped
    kind = f"{runs['validity'].iloc[0]} run" if alike else "run"
    return put(
        "The report is made of {runs} from {files} of {machines}{told}.",
        runs=of_runs(ids(runs), "all", kind),
        files=figure(len(study.frames.sources), "files; read", ids(runs), "file"),
        machines=figure(len(study.frames.machines), "machines; all", ids(runs), "machine"),
        told="" if alike else put(": {it}", it=row(told)),
    )


def _when(study: Study) -> Sentence | None:
    days = sorted(str(each)[:10] for each in study.frames.runs["started_at"].dropna())
    if not days:
        return None
    it = "It was" if len(study.frames.runs) == 1 else "They were"
    if days[0] == days[-1]:
        return put("{it} started on {day} (UTC).", it=it, day=days[0])
    return put("{it} started between {first} and {last} (UTC).", it=it, first=days[0], last=days[-1])


def _experiments(study: Study) -> Sentence | None:
    names = [name for name in EXPERIMENTS if name in set(study.frames.runs["experiment"])]
    told = [
        put(
            "{name} trains {what}" if number == 0 else "{name} {what}", name=name, what=EXPERIMENTS[name]
        )
        for number, name in enumerate(names)
    ]
    return (
        put(
            "The experiment {told}." if len(told) == 1 else "Of the experiments, {told}.", told=row(told)
        )
        if told
        else None
    )


def _machines(study: Study) -> list[Sentence]:
    table = study.frames.machines
    alike = [*_other_gpus(table), *_builds(table)]
    if len(table) <= FEW:
        return [_machine(each, study) for each in table.to_dict("records")] + alike + _versions(study)
    chips = table["chip"].dropna()
    runs = ids(study.frames.runs)
    low, high = (
        _gibibytes(getattr(table["memory_bytes"], end)(), f"{end} memory of a machine", runs)
        for end in ("min", "max")
    )
    return [
        put(
            "The {n} have {chips} and {memory} of memory.",
            n=figure(len(table), "machines; all", runs, "machine"),
            chips=figure(chips.nunique(), "different chips", runs, "kind of chip", "kinds of chip"),
            memory=between(low, high),
        ),
        *alike,
        *_versions(study),
    ]


def _other_gpus(table: pd.DataFrame) -> list[Sentence]:
    """The computers that only what their engines call their GPUs tells apart."""
    sentences = []
    for computers in alike_but_for_gpus(table):
        named = [
            put("{computer} with {gpu}", computer=computer, gpu=listed(gpus))
            for computer, gpus in computers.items()
        ]
        sentences.append(
            put(
                "{named} have one name and the same parts: their frameworks' names for the GPU tell them"
                " apart.",
                named=cut(named, "computers of one name"),
            )
        )
    return sentences


def _builds(table: pd.DataFrame) -> list[Sentence]:
    """Which computers have runs under several builds of their systems, and what was made of that."""
    templates = {
        True: "{computers} {has} runs under several builds of {its}, and they are pooled.",
        False: "{computers} {has} runs under several builds of {its}: the same computer is a machine of"
        " this report for each build (--pool-os-builds makes them one).",
    }
    sentences = []
    for pooled, template in templates.items():
        named = [
            put("{computer} ({builds})", computer=each.computer, builds=cut(each.builds, "builds"))
            for each in several_builds(table)
            if each.pooled is pooled
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


def _gibibytes(value: float, what: str, runs: tuple[str, ...]) -> Number:
    return Number(text=gibibytes(value), value=float(value), what=what, runs=runs)


def _machine(each: dict[str, Any], study: Study) -> Sentence:
    runs = study.frames.runs
    mine = ids(runs[runs["machine"] == each["machine"]])
    memory = _gibibytes(each["memory_bytes"], f"memory of a machine; {each['machine']}", mine)
    return put(
        "{machine}{virtual} has {chip}{gpu}, {memory} of memory and {os}.",
        machine=each["machine"],
        virtual=", a virtual machine," if each["virtual"] is True else "",
        chip=_article(each["chip"]) if each["chip"] else "a chip that it does not name",
        gpu=_gpu(each, mine),
        memory=memory,
        os=each["os"] or "a system that it does not name",
    )


def _gpu(each: dict[str, Any], runs: tuple[str, ...]) -> Part:
    if not each["gpu"]:
        return ""
    own = "" if each["gpu"] == each["chip"] else put(", the GPU {gpu}", gpu=each["gpu"])
    if missing(each["gpu_cores"]):
        return own
    cores = figure(each["gpu_cores"], f"GPU cores; {each['machine']}", runs, "GPU core")
    return put("{own} with {n}", own=own, n=cores)


def _article(name: str) -> str:
    return f"an {name}" if name[:1] in "AEIO" else f"a {name}"


def _versions(study: Study) -> list[Sentence]:
    runs = study.frames.runs
    told: list[Part] = []
    for info in FRAMEWORKS.values():
        engines = [row.name for row in ENGINES.values() if row.framework == info.name]
        own = runs[runs["engine"].isin(engines)]
        found = list(dict.fromkeys(own["framework_version"].dropna()))
        if found:
            told.append(put("{name} {versions}", name=info.label, versions=cut(found, "versions", 3)))
    return [put("The runs used {told}.", told=row(told))] if told else []


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
    origins = list(dict.fromkeys(runs["provenance"]))
    return put(
        "What follows is about {runs} of the {profile} profile: {dataset} ({origin}) at {size} pixels a"
        " side, {train_images} images for training, {validation_images} for validation and {test_images}"
        " for the test.",
        runs=figure(len(runs), "runs; valid in the main setting", ids(runs), "valid run"),
        profile=str(study.setting["profile"]),
        dataset=DATASETS.get(study.setting["dataset"], "images"),
        origin=cut(origins, "origins", 2),
        size=figure(study.setting["image_size"], "image size, pixels a side", ids(runs)),
        **amounts,
    )


def _condition(study: Study) -> list[Sentence]:
    runs = study.runs
    if runs.empty:
        return []
    told: list[Part] = []
    for test, words in (
        (runs["power"] == "mains", "on mains power"),
        (runs["power"] == "battery", "on battery"),
        (runs["power"].isna(), "on power that the system says nothing of"),
        (runs["low_power"].eq(True), "in low power mode"),
        (runs["thermal"].notna() & (runs["thermal"] != "nominal"), "under thermal pressure"),
    ):
        if test.any():
            number = figure(int(test.sum()), f"runs; {words}", ids(runs[test]), "" if told else "run")
            told.append(put("{n} {words}" if told else "{n} began {words}", n=number, words=words))
    load = runs["load"].dropna()
    found = [put("{told}.", told=row(told))]
    if len(load):
        low, high = (
            decimal(getattr(load, end)(), f"{end} load before a run", ids(runs), 1)
            for end in ("min", "max")
        )
        found.append(put("The load average before a run was {ends}.", ends=between(low, high)))
    unknown = [
        words
        for name, words in (("low_power", "low power mode"), ("thermal", "thermal pressure"))
        if runs[name].isna().all()
    ]
    if unknown:
        found.append(put("Not known there: {told}.", told=row(unknown)))
    return found


def _gate(study: Study) -> list[Sentence]:
    runs = study.frames.runs
    asked = runs.dropna(subset=["gate_checks"])
    if asked.empty:
        return [put("The correctness gate was not asked.")] if len(runs) else []
    total, passed = int(asked["gate_checks"].sum()), int(asked["gate_passed"].sum())
    low, high = (
        figure(getattr(asked["gate_checks"], end)(), f"{end} gate checks of a run", ids(asked))
        for end in ("min", "max")
    )
    result = (
        put("all were passed")
        if passed == total
        else put("{n} were passed", n=figure(passed, "gate checks passed", ids(asked)))
    )
    each = put(", {ends} each", ends=between(low, high)) if len(asked) > 1 else ""
    template = "Before the first epoch the correctness gate made {n} of {runs}{each}; {result}."
    number = figure(total, "gate checks", ids(asked), "check")
    runs_asked = of_runs(ids(asked), "with a gate")
    return [put(template, n=number, runs=runs_asked, each=each, result=result)]
