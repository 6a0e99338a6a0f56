"""A part of a saved file that is no record of this schema is named, and so is a file of another one."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from bench.records.read import Problem, ProblemKind, UnreadableFile, load, read
from bench.records.types import SCHEMA_VERSION
from tests.support.another_suite import another_suites_content
from tests.support.saved_file import Content, genuine_content, saved_text
from tests.support.saved_file_edits import put

DELETED = object()


def edited(path: str, value: Any) -> Content:
    """The Linux file with another value at a path, or without the field there."""
    content = genuine_content("linux")
    if value is DELETED:
        *outer, last = path.split("/")
        change = put("/".join(outer), lambda old: {k: v for k, v in old.items() if k != last})
        change(content)
    else:
        put(path, value)(content)
    return content


@pytest.mark.parametrize(
    ("path", "value", "sentence"),
    [
        ("run/schema", 8, r"^scratch-torch-cpu-s0: Run: Expected `int` >= 9 - at `\$.schema`$"),
        ("run/schema", 10, r"^scratch-torch-cpu-s0: Run: Expected `int` <= 9 - at `\$.schema`$"),
        ("run/schema", "new", r"Run: Expected `int`, got `str` - at `\$.schema`"),
        ("run/schema", DELETED, "Run: Object missing required field `schema`"),
        ("run/method", 0, r"Run: Expected `int` >= 1 - at `\$.method`"),
        ("run/method", DELETED, "Run: Object missing required field `method`"),
        ("run/start/schema", 4, r"Object contains unknown field `schema` - at `\$.start`"),
        ("run/mood", 3, "^scratch-torch-cpu-s0: Run: Object contains unknown field `mood`$"),
        ("run/epochs/1/mood", 3, r"Object contains unknown field `mood` - at `\$.epochs\[1\]`"),
        ("run/epochs/1/train_seconds", "2", r"Expected `float`, got `str`.*epochs\[1\].train_seconds"),
        ("run/epochs/1/epoch", 2.0, r"Expected `int`, got `float` - at `\$.epochs\[1\].epoch`"),
        ("run/result/drift", DELETED, "missing required field `drift`"),
        ("run/gate", DELETED, "Run: Object missing required field `gate`"),
        ("run/cell", 5, r"benchmarks\[0\].extra_info: Run: Expected `object`, got `int`.*`\$.cell`"),
        ("run/cell/engine", "abacus", 'there is no engine "abacus" in this version of the suite'),
        ("run/cell/framework", "torch", r"Object contains unknown field `framework` - at `\$.cell`"),
        ("run/verdict/warnings", ["hot"], r"Expected `object`, got `str` .*\$.verdict.warnings\[0\]"),
        (
            "run/verdict/warnings",
            [{"kind": "full moon"}],
            r"Invalid value 'full moon' - at `\$.verdict.warnings\[0\].kind`",
        ),
        ("run/gate/not_checked", [{"kind": "on battery"}], r"Invalid value 'on battery' - at"),
        ("run/start/meters/time", "a clock", r"Expected `object`, got `str` - at `\$.start.meters"),
        ("benchmarks/0/extra_info", 5, r"benchmarks\[0\].extra_info: Run: Expected `object`, got `int`"),
        ("benchmarks/0", None, r"benchmarks\[0\].extra_info: Run: Expected `object`, got `null`"),
        ("failures/0", [], r"failures\[0\]: Run: Expected `object`, got `array`"),
        (
            "skipped/0/reason",
            DELETED,
            r"skipped\[0\]: SkippedCell: Object missing required field `reason`",
        ),
        ("failures", None, "failures is no list"),
        ("skipped", {}, "skipped is no list"),
        ("interruptions", None, "interruptions is no list"),
        (
            "interruptions",
            [{}],
            r"interruptions\[0\]: Pause: Object missing required field `stopped_at`",
        ),
        ("run/interruptions", DELETED, "Run: Object missing required field `interruptions`"),
        ("run/interruptions", [{}], r"Object missing required field .* `\$.interruptions\[0\]`"),
        ("run/epochs/1/warm_up", 1, r"Expected `bool`, got `int` - at `\$.epochs\[1\].warm_up`"),
        ("machine_info/machine", DELETED, "machine_info.machine: Machine: Expected `object`"),
        (
            "machine_info/machine/chip",
            DELETED,
            "machine_info.machine: Machine: Object missing required field `chip`",
        ),
    ],
)
def test_what_is_no_record_of_this_schema_is_named(path: str, value: Any, sentence: str) -> None:
    problems = load(edited(path, value)).problems
    assert any(re.search(sentence, problem.text) for problem in problems), problems
    unknown_engine = path.endswith("engine") and isinstance(value, str)
    kind = "unknown engine" if unknown_engine else "not a record"
    assert {problem.kind for problem in problems} == {kind}


def test_the_other_runs_of_a_file_are_read_all_the_same() -> None:
    everything, rest = load(genuine_content("linux")), load(edited("run/mood", 3))
    assert [run.cell for run in rest.runs] == [run.cell for run in everything.runs[1:]]
    assert rest.skipped == everything.skipped


def other_version(version: int) -> Content:
    return genuine_content("linux") | {"schema": version}


def of_version_3() -> Content:
    """As versions up to 4 said it: in the start of each run, and nowhere else."""
    content = genuine_content("linux")
    del content["schema"]
    for run in [*(benchmark["extra_info"] for benchmark in content["benchmarks"]), *content["failures"]]:
        del run["schema"]
        if run["start"]:
            run["start"]["schema"] = 3
    return content


@pytest.mark.parametrize(
    ("content", "version", "reader"),
    [
        (of_version_3, 3, "an earlier version"),
        (lambda: other_version(1), 1, "an earlier version"),
        (lambda: other_version(3), 3, "an earlier version"),
        (lambda: other_version(SCHEMA_VERSION + 1), 10, "a later version of this suite"),
    ],
    ids=["3, said by its runs", "1", "3", "10"],
)
def test_a_file_of_another_schema_is_one_problem(content: Any, version: int, reader: str) -> None:
    file = load(content())
    assert file.machine == "vm"
    assert (file.runs, file.skipped) == ((), ())
    text = f"it has version {version} of the schema, and this reads 4 to 9: read it with {reader}"
    assert file.problems == (Problem(kind="other version", text=text),)


@pytest.mark.parametrize("schema", ["five", None, 5.5, True])
def test_a_schema_that_is_no_version_is_another_version(schema: Any) -> None:
    (problem,) = load(genuine_content("linux") | {"schema": schema}).problems
    assert problem.kind == "other version"
    assert problem.text == f"its schema is {json.dumps(schema)}, which is no version"


@pytest.mark.parametrize(
    ("write", "kind", "text"),
    [
        (None, "unreadable", "there is no such file"),
        ("folder", "unreadable", "this is no file"),
        (b"hello", "not a result file", "it is not JSON"),
        (b"\xff\xfe{}", "not a result file", "it is not JSON"),
        (b"[" * 40 + b"]" * 40, "not a result file", "it is nested deeper than 32 levels"),
    ],
    ids=["none", "a folder", "words", "not UTF-8", "deep"],
)
def test_a_file_that_cannot_be_read_says_which_kind_of_thing_it_is(
    write: bytes | str | None, kind: ProblemKind, text: str, tmp_path: Path
) -> None:
    path = tmp_path / "sent.json"
    if isinstance(write, bytes):
        path.write_bytes(write)
    elif write:
        path.mkdir()
    with pytest.raises(UnreadableFile, match=text) as caught:
        read(path)
    assert caught.value.kind == kind


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_a_file_is_read_however_windows_saved_it(encoding: str, tmp_path: Path) -> None:
    """PowerShell's > and Notepad write UTF-16, or put a byte order mark first (jqlang/jq#2351)."""
    path = tmp_path / "sent.json"
    path.write_text(saved_text("linux"), encoding=encoding)
    assert read(path) == genuine_content("linux")


@pytest.mark.parametrize("machine", ["arm64", None, ["arm64"], 5])
def test_a_file_of_another_suite_is_told_as_such(machine: Any) -> None:
    content = another_suites_content()
    content["machine_info"]["machine"] = machine
    with pytest.raises(UnreadableFile, match=r"^another suite saved it with pytest-benchmark") as caught:
        load(content)
    assert caught.value.kind == "not a result file"


def test_a_file_of_ours_whose_machine_is_damaged_is_no_other_suites() -> None:
    problems = load(edited("machine_info/machine", "arm64")).problems
    assert [problem.kind for problem in problems] == ["not a record"]


@pytest.mark.parametrize("content", [[], {}, {"machine_info": {}}, {"benchmarks": []}])
def test_another_json_value_is_not_a_result_file(content: Any) -> None:
    with pytest.raises(UnreadableFile) as caught:
        load(content)
    assert caught.value.kind == "not a result file"
