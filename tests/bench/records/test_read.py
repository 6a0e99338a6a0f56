"""A part of a saved file that is no record of this schema is named."""

from __future__ import annotations

import re
from typing import Any

import pytest

from bench.records.read import load
from tests.support.saved_file import genuine_content
from tests.support.saved_file_edits import put

DELETED = object()


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("run/start/schema", 1, "torch-cpu-s0: start.schema is 1, and this reads version 4 alone"),
        ("run/start/schema", 2, "torch-cpu-s0: start.schema is 2, and this reads version 4 alone"),
        ("run/start/schema", "new", 'start.schema is "new", and this reads version 4 alone'),
        ("run/start/schema", DELETED, "missing required field `schema`"),
        ("run/mood", 3, "scratch-torch-cpu-s0: SavedRun has no field mood"),
        ("run/epochs/1/mood", 3, r"there is no field SavedRun.epochs\[1\].mood"),
        ("run/epochs/1/train_seconds", "2", r"Expected `float`, got `str`.*epochs\[1\].train_seconds"),
        ("run/epochs/1/epoch", 2.0, r"Expected `int`, got `float` - at `\$.epochs\[1\].epoch`"),
        ("run/result/drift", DELETED, "missing required field `drift`"),
        ("run/gate", DELETED, "SavedRun lacks its field gate"),
        ("run/cell", 5, r"benchmarks\[0\].extra_info: SavedRun"),
        ("benchmarks/0/extra_info", 5, r"benchmarks\[0\].extra_info: SavedRun is an object, not 5"),
        ("benchmarks/0", None, r"benchmarks\[0\].extra_info: SavedRun is an object"),
        ("failures/0", [], r"failures\[0\]: SavedRun is an object"),
        ("skipped/0/reason", DELETED, r"skipped\[0\]: SkippedCell lacks its field reason"),
        ("failures", None, "failures is no list"),
        ("skipped", {}, "skipped is no list"),
        ("interruptions", None, "interruptions is no list"),
        ("interruptions", [{}], r"interruptions\[0\]: Pause lacks its field differences, resumed_at"),
        ("run/interruptions", DELETED, "SavedRun lacks its field interruptions"),
        ("run/interruptions", [{}], r"Object missing required field .* `\$.interruptions\[0\]`"),
        ("run/epochs/1/warm_up", 1, r"Expected `bool`, got `int` - at `\$.epochs\[1\].warm_up`"),
        ("machine_info/machine", DELETED, "machine_info.machine: Machine is an object"),
        ("machine_info/machine/chip", DELETED, "machine_info.machine: Machine lacks its field chip"),
    ],
)
def test_what_is_no_record_of_this_schema_is_named(path: str, value: Any, sentence: str) -> None:
    content = genuine_content("linux")
    if value is DELETED:
        *outer, last = path.split("/")
        put("/".join(outer), lambda old: {k: v for k, v in old.items() if k != last})(content)
    else:
        put(path, value)(content)
    problems = load(content).problems
    assert any(re.search(sentence, problem) for problem in problems), problems
