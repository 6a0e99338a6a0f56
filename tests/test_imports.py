"""Who may import whom: the law of the rooms, held for every file."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from bench.process import ROOT

ROOMS = ("alexnet", "bench", "reports")
FILES = [ROOT / "conftest.py", *(f for room in ROOMS for f in sorted((ROOT / room).rglob("*.py")))]
TORCH, TENSORFLOW = {"torch", "torchvision"}, {"tensorflow", "keras"}
READING = {
    *("bench.records", "bench.wire", "bench.saved", "bench.ranges"),  # what a file holds
    *("bench.rates", "bench.energy", "bench.differences"),  # what follows from it, defined once
    *("alexnet.spec", "alexnet.recipe", "alexnet.layers", "alexnet.data", "alexnet.durable"),
}
"""What `reports` may know of the other rooms: what a saved file means, and nothing that measures."""
STDLIB_ONLY = ("layers.py", "spec.py", "recipe.py")


def imported(file: Path) -> Iterator[str]:
    """The full names of the modules that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_the_import_law_holds(file: Path) -> None:
    room = file.relative_to(ROOT).parts[0]
    names = list(imported(file))
    tops = {name.split(".")[0] for name in names}
    if not file.name.startswith("torch_"):
        assert not tops & TORCH
    if not file.name.startswith("tensorflow_"):
        assert not tops & TENSORFLOW
    if room == "alexnet":
        assert not tops & {"bench", "reports", "pytest"}
        assert "time" not in tops
    if room == "reports":
        ours = [name for name in names if name.startswith(("bench.", "alexnet."))]
        modules = {".".join(name.split(".")[:2]) for name in ours}
        assert modules <= READING, modules - READING
    if room == "alexnet" and file.name in STDLIB_ONLY:
        assert tops <= {*sys.stdlib_module_names, "alexnet"}
        assert all(name.startswith("alexnet.layers.") for name in names if "alexnet" in name)


def test_the_law_is_a_lint_rule_too() -> None:
    settings = (ROOT / "pyproject.toml").read_text()
    for name in sorted(TORCH | TENSORFLOW):
        assert f'"{name}".msg' in settings


def test_the_report_loads_nothing_that_measures() -> None:
    """It reads files, on any computer, also where no framework is installed."""
    script = "import sys, reports.__main__\nprint(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True).split())
    assert not loaded & (TORCH | TENSORFLOW | {"pytest", "psutil", "bench.worker", "bench.session"})


def test_the_parent_loads_no_framework() -> None:
    """Both in one process crash, and either would take memory from the cell that is measured."""
    script = (
        "import sys, conftest, bench.session, bench.worker, bench.gate, bench.check, bench.doctor\n"
        "print(*({'torch', 'tensorflow', 'keras', 'torchvision'} & set(sys.modules)))"
    )
    loaded = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True)
    assert loaded.strip() == ""
