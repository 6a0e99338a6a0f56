"""Who may import whom: the law of the rooms, held for every file."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from bench.paths import ROOT

HOUSES = ("alexnet", "bench", "reports")
FILES = [
    ROOT / "conftest.py",
    *(
        file
        for house in HOUSES
        for file in sorted((ROOT / house).rglob("*.py"))
        if file.stem.isidentifier()  # what macOS and sync services leave beside the code is none
    ),
]
FOLDER = ROOT / "alexnet" / "frameworks"
ORIGINAL_REPORT = (ROOT / "reports" / "original" / "published.py",)
"""What was published in 2025, of the two frameworks that it was of."""
LIBRARIES = {name: set(row.required) for name, row in FRAMEWORKS.items()}
"""Framework -> the packages that its folder alone imports."""
STDLIB_ONLY = ("alexnet.layers", "alexnet.spec", "alexnet.recipe")
READS_FILES = ("bench.check", "reports")
"""What loads no framework and measures nothing: of `bench` it may know the records alone."""

BENCH: dict[str, set[str]] = {
    "interpreter": set(),
    "paths": set(),
    "records": set(),
    "temporary_folder": set(),
    "host": {"paths", "records"},
    "meters": {"host", "records"},
    "ipc": {"interpreter", "paths", "records", "temporary_folder"},
    "check": {"records"},
    "plan": {"host", "interpreter", "paths", "records", "temporary_folder"},
    "hosted_mac": {"check", "host", "paths", "records"},
    "worker": {"host", "ipc", "meters", "records"},
    "gate": {"ipc", "meters", "records", "worker"},
    "doctor": {"host", "interpreter", "ipc", "paths", "plan", "records"},
    "trial": {"ipc", "records", "worker"},
    "session": {"gate", "host", "ipc", "meters", "paths", "plan", "records", "trial"},
    "plugin": {"doctor", "host", "ipc", "plan", "records", "session"},
    "overhead": {"host", "ipc", "meters", "paths", "plan", "records", "worker"},
    "interference": {"overhead", "paths", "records", "worker"},
    "input_work": {"overhead", "worker"},
    "usual_loop": {"host", "meters", "overhead", "records", "worker"},
    "fleet": {"check", "host", "interpreter", "paths", "plan", "records", "session", "temporary_folder"},
    "report_cost": {"paths", "records"},
    "price": set(),
    "scale": set(),
    "test_gate": {"records"},
    "test_train": {"records"},
}
"""Room of `bench` -> the rooms that it imports."""
REPORTS: dict[str, set[str]] = {
    "__main__": {"data", "draw", "render", "report", "study", "write"},
    "report": {"chapters", "study", "write"},
    "render": {"data", "draw", "write"},
    "chapters": {"data", "draw", "original", "study", "write"},
    "original": {"study", "write"},
    "draw": {"data", "write"},
    "write": {"data", "study"},
    "study": {"data", "write"},
    "data": {"write"},
}
"""Room of `reports` -> the rooms that it imports."""


def module(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def imported(file: Path) -> Iterator[str]:
    """The full names of what a file imports, wherever in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file.name} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def room(name: str) -> str:
    """`bench.gate.ask.Gates` is in the room `gate`."""
    return name.split(".")[1]


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_the_import_law_holds(file: Path) -> None:
    house = file.relative_to(ROOT).parts[0]
    names = list(imported(file))
    tops = {name.split(".")[0] for name in names}
    for framework, libraries in LIBRARIES.items():
        if FOLDER / framework not in file.parents:
            assert not tops & libraries
    if house == "alexnet":
        assert not tops & {"bench", "reports", "pytest"}
        assert "time" not in tops
    if module(file).startswith(READS_FILES):
        alien = [n for n in names if n.startswith("bench.") and not n.startswith("bench.records.")]
        assert {name for name in alien if not name.startswith("bench.check.")} == set()
        assert "alexnet.frameworks.registry.backend" not in names
    if module(file) in STDLIB_ONLY:
        assert tops <= {*sys.stdlib_module_names, "alexnet"}
        assert all(name.startswith("alexnet.layers.") for name in names if "alexnet" in name)


@pytest.mark.parametrize(("house", "rooms"), [("bench", BENCH), ("reports", REPORTS)])
def test_the_rooms_import_what_the_table_says_and_nothing_more(
    house: str, rooms: dict[str, set[str]]
) -> None:
    imports: dict[str, set[str]] = {}
    for file in (file for file in FILES if module(file).startswith(f"{house}.")):
        here = room(module(file))
        others = {room(name) for name in imported(file) if name.startswith(f"{house}.")}
        imports.setdefault(here, set()).update(others - {here})
    assert imports == rooms


def test_imports_between_the_rooms_of_bench_go_one_way() -> None:
    assert list(TopologicalSorter(BENCH).static_order()), "it raises CycleError for a circle"


def test_a_renderer_knows_the_document_and_no_judgement() -> None:
    """Of what chapters are written with it takes the document and the words for amounts."""
    files = (file for file in FILES if module(file).startswith("reports.render"))
    names = {name for file in files for name in imported(file) if name.startswith("reports.write.")}
    assert {name.split(".")[2] for name in names} <= {"document", "words"}


@pytest.mark.parametrize("house", HOUSES)
def test_no_files_import_each_other_in_a_circle(house: str) -> None:
    files = {module(file): file for file in FILES if file.relative_to(ROOT).parts[0] == house}
    graph = {
        name: {n if n in files else n.rpartition(".")[0] for n in imported(file)} & set(files) - {name}
        for name, file in files.items()
    }
    assert list(TopologicalSorter(graph).static_order())


@pytest.mark.parametrize(
    "file",
    [file for file in FILES if FOLDER not in file.parents and file not in ORIGINAL_REPORT],
    ids=lambda f: str(f.relative_to(ROOT)),
)
def test_no_framework_or_engine_is_named_outside_its_folder(file: Path) -> None:
    """What differs between them stands in their rows."""
    constants = {n.value for n in ast.walk(ast.parse(file.read_text())) if isinstance(n, ast.Constant)}
    assert not constants & {*FRAMEWORKS, *ENGINES}


def test_the_law_is_a_lint_rule_too() -> None:
    settings = (ROOT / "pyproject.toml").read_text()
    for name in sorted(set().union(*LIBRARIES.values())):
        assert f'"{name}".msg' in settings


def test_the_report_loads_nothing_that_measures() -> None:
    """It reads files, on any computer, also where no framework is installed."""
    script = "import sys, reports.__main__\nprint(*sys.modules)"
    loaded = set(subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True).split())
    assert not loaded & {"pytest", "psutil"}.union(*LIBRARIES.values())
    assert not {name for name in loaded if name.startswith(("bench.worker", "bench.session"))}


def test_reading_and_judging_load_no_chapter_and_no_plot() -> None:
    """The processes that read files side by side start faster, and take less memory."""
    script = (
        "import sys, reports.data.cache, reports.data.files, reports.data.frame\n"
        "import reports.study.compare, reports.study.learning, reports.study.resources\n"
        "print(*sys.modules)"
    )
    loaded = set(subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True).split())
    assert not loaded & {"matplotlib", "seaborn", "jinja2", "typst"}
    rooms = {room(name) for name in loaded if name.startswith("reports.")}
    assert rooms == {"data", "study", "write"}


def test_the_parent_loads_no_framework() -> None:
    """Both in one process crash, and either would take memory from the cell that is measured."""
    script = (
        "import sys, conftest, bench.session.session, bench.worker.job, bench.gate.checks\n"
        "import bench.check.rules, bench.doctor.diagnosis\n"
        "print(*({'torch', 'tensorflow', 'keras', 'torchvision'} & set(sys.modules)))"
    )
    loaded = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True)
    assert loaded.strip() == ""
