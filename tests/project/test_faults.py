"""The list of planted faults holds together: each can be planted, and each test that it names exists."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests import faults
from tests.faults import FAULTS, PAGE, ROOT, Fault


@cache
def functions(file: str) -> set[str]:
    tree = ast.parse((ROOT / file).read_text(encoding="utf-8"))
    return {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.name)
def test_a_fault_can_be_planted_and_its_tests_are_there(fault: Fault) -> None:
    assert (ROOT / fault.file).read_text(encoding="utf-8").count(fault.old) == 1
    assert fault.new != fault.old
    assert fault.tests
    for test in fault.tests:
        file, name = test.split("::")
        assert name in functions(file), test


def test_no_two_faults_have_a_name_or_a_claim_in_common() -> None:
    for values in ([fault.name for fault in FAULTS], [fault.claim for fault in FAULTS]):
        assert [value for value, times in Counter(values).items() if times > 1] == []


def test_the_page_is_what_the_command_writes() -> None:
    assert (ROOT / PAGE).read_text(encoding="utf-8") == faults.page(), "python -m tests.faults --write"


def test_a_copy_has_its_fault_and_is_what_python_imports(tmp_path: Path) -> None:
    (fault,) = (fault for fault in FAULTS if fault.name == "parameters")
    faults.plant(fault, tmp_path)
    script = "import alexnet.spec, bench\nprint(alexnet.spec.__file__, bench.__file__)"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    said = subprocess.check_output([sys.executable, "-c", script], cwd="/", env=environment, text=True)
    assert said.split() == [str(tmp_path / "alexnet/spec.py"), str(tmp_path / "bench/__init__.py")]
    ours, copy = ((at / fault.file).read_text(encoding="utf-8") for at in (ROOT, tmp_path))
    assert copy == ours.replace(fault.old, fault.new) != ours


def test_a_fault_is_named_only_where_each_of_its_tests_failed() -> None:
    (fault,) = (fault for fault in FAULTS if fault.name == "clock-waits")
    one, other = fault.tests
    assert faults.line(fault, [one, other]) == f"clock-waits: named by {one}, {other}"
    assert faults.line(fault, [one]) == f"clock-waits: NOT NAMED by {other} (but by {one})"
    assert faults.line(fault, []) == f"clock-waits: NOT NAMED by {one}, {other}"


def test_what_broke_in_collecting_names_nothing() -> None:
    said = (
        "ERROR tests/alexnet/test_spec.py - ImportError\n"
        "FAILED tests/alexnet/test_spec.py::test_one[a b] - assert\n"
        "ERROR tests/bench/gate/test_gate.py::test_two - assert\n"
        "    FAILED tests/alexnet/test_spec.py::test_three\n"
    )
    assert faults.FAILED.findall(said) == [
        "tests/alexnet/test_spec.py::test_one",
        "tests/bench/gate/test_gate.py::test_two",
    ]
