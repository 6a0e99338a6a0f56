"""Edits of a genuine saved file, and the test that a rule names what was edited."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from typing import Any

from msgspec import to_builtins

from bench.check import rules
from bench.records.checksum import run_checksum
from bench.records.consistency import PRECONDITIONS
from bench.records.read import load
from tests.support.saved_file import (
    CUT_OFF,
    GATE_CHECKS,
    Content,
    genuine_content,
    make_benchmark,
)

Change = Callable[[Content], None]
Edits = dict[str, list[tuple[Change, str]]]
"""Rule -> edits of the Linux file, each with a pattern of the sentence that names its field."""

OTHER_SHA256 = "f" * 64
LAST_EPOCH = "run/epochs/3"
SECOND_RUN = "benchmarks/1/extra_info"


def violations_of(content: Any) -> list[str]:
    return rules.violations(load(content))


def put(path: str, value: Any) -> Change:
    """Puts a value, or what a function makes of the old one; `run` is the first benchmark's run."""
    keys: list[Any] = [int(key) if key.isdigit() else key for key in path.split("/")]
    if keys[0] == "run":
        keys[:1] = ["benchmarks", 0, "extra_info"]

    def change(content: Content) -> None:
        parent: Any = content
        for key in keys[:-1]:
            parent = parent[key]
        parent[keys[-1]] = value(parent[keys[-1]]) if callable(value) else value

    return change


def for_each_epoch(run: str, path: str, value: Callable[[Any], Any]) -> Change:
    """Puts into all epochs of a run what a function makes of the old value."""
    epochs = range(len(genuine_content("linux")["benchmarks"][0]["extra_info"]["epochs"]))
    changes = [put(f"{run}/epochs/{epoch}/{path}", value) for epoch in epochs]

    def change(content: Content) -> None:
        for one in changes:
            one(content)

    return change


def both(first: Change, second: Change) -> Change:
    def change(content: Content) -> None:
        first(content)
        second(content)

    return change


def move(source: str, target: str) -> Change:
    """Moves the first run between `benchmarks` and `failures`."""

    def change(content: Content) -> None:
        run = content[source].pop(0)
        content[target].insert(0, run["extra_info"] if source == "benchmarks" else make_benchmark(run))

    return change


def set_limit(name: str, side: str, value: float) -> Change:
    """Moves a limit of one of the gate's checks in the first benchmark."""
    return put(f"run/gate/checks/{GATE_CHECKS.index(name)}/{side}", value)


def interrupt(**changes: Any) -> Change:
    """Says of the first benchmark that it was cut off after its second epoch."""
    return put("run/interruptions", [to_builtins(CUT_OFF) | changes])


def without_last(items: list[Any]) -> list[Any]:
    return items[:-1]


def without_first(items: list[Any]) -> list[Any]:
    return items[1:]


def without(name: str) -> Callable[[list[Content]], list[Content]]:
    """All checks but one."""
    return lambda checks: [check for check in checks if check["name"] != name]


def twice(value: Any) -> Any:
    return 2 * value


def runs_of(content: Content) -> list[Content]:
    runs: list[Content] = [benchmark["extra_info"] for benchmark in content["benchmarks"]]
    failures: list[Content] = content["failures"]
    return runs + failures


def reseal(content: Content) -> Content:
    """Gives every run the checksum of what is in it now."""
    for run in runs_of(content):
        run["checksum"] = run_checksum(run, content["machine_info"]["machine"])
    return content


def edit_cases(edits: Edits) -> list[tuple[str, Change, str]]:
    """Rule, change and sentence of each edit, as parameters of a test."""
    return [(rule, change, sentence) for rule in edits for change, sentence in edits[rule]]


def assert_edit_is_named(rule: str, change: Change, sentence: str) -> None:
    """The edit breaks the checksum; with a new checksum the rule names it, and so does the command."""
    content = genuine_content("linux")
    change(content)
    resealed = reseal(copy.deepcopy(content))
    if [run["checksum"] for run in runs_of(content)] != [run["checksum"] for run in runs_of(resealed)]:
        assert any("checksum does not fit" in found for found in violations_of(content))
    edited = content if rule == "checksum_matches" else resealed
    file = load(edited)
    by_rule = {file_rule.__name__: list(file_rule(file)) for file_rule in rules.FILE_RULES}
    by_rule |= {run_rule.__name__: [] for run_rule in rules.RULES}
    applied = rules.RULES
    if rule in {run_rule.__name__ for run_rule in (*rules.ALWAYS, *PRECONDITIONS)}:
        applied = (*rules.ALWAYS, *PRECONDITIONS)
    for run in file.runs:
        for run_rule in applied:
            by_rule[run_rule.__name__] += [f"{run.cell.id}: {found}" for found in run_rule(run)]
    named = [found for found in by_rule[rule] if re.search(sentence, found)]
    assert named, by_rule
    assert set(named) <= set(violations_of(edited)), by_rule
    if rule != "checksum_matches":
        assert by_rule["checksum_matches"] == []
