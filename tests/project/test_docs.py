"""What README and docs say exists: commands run, options are there, every field is explained."""

from __future__ import annotations

import dataclasses
import inspect
import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from msgspec import Struct

from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from alexnet.recipe import EXPERIMENTS
from bench.paths import ROOT
from bench.plan.options import OPTIONS
from bench.records import codec
from bench.records import types as records
from bench.records.types import SCHEMA_VERSION, NotChecked, Reason, Run, RunWarning
from reports.data.frame import Frames, frames
from reports.data.sources import gather
from reports.render import data
from reports.study.compare import study
from reports.write import names
from tests import options_page
from tests.support import report_text
from tests.support.report_files import two_machines
from tests.support.saved_file import genuine_content

README = (ROOT / "README.md").read_text()
COMPARING = (ROOT / "docs" / "comparing.md").read_text()
NETWORKS = (ROOT / "docs" / "adding-a-network.md").read_text()
RESULTS = (ROOT / "docs" / "results.md").read_text()
REPORT = (ROOT / "docs" / "report.md").read_text()


def commands(text: str) -> list[str]:
    blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    lines = [line.split("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [line for line in lines if line]


def test_the_readme_is_short() -> None:
    assert len(README.splitlines()) <= 100
    assert [line for line in README.splitlines() if len(line) > 140] == []


def test_a_first_look_comes_before_speed_and_the_whole_night() -> None:
    profiles = re.findall(r'make bench ARGS="--profile (\w+)', "\n".join(commands(README)))
    assert profiles == ["smoke", "speed", "full"]
    assert commands(README)[0].startswith("git clone ")


@pytest.mark.parametrize("command", [c for c in commands(README) if c.startswith("make ")])
def test_the_readmes_make_commands_are_good(command: str) -> None:
    """make takes them, and pytest their options."""
    words = shlex.split(command)
    dry_run = [*words, "--dry-run", "--always-make"]
    subprocess.run(dry_run, cwd=ROOT, check=True, capture_output=True)
    [given] = [word.partition("=")[2] for word in words if word.startswith("ARGS=")]
    pytest_on = [sys.executable, "-m", "pytest", "bench", "-p", "no:cacheprovider", "--version"]
    subprocess.run([*pytest_on, *shlex.split(given)], cwd=ROOT, check=True, capture_output=True)


@pytest.mark.parametrize(
    "command", [c for c in commands(README + NETWORKS) if "-m alexnet" in c and "slim" not in c]
)
def test_the_pages_commands_run(command: str) -> None:
    arguments = shlex.split(command)
    assert arguments[0] == ".venv/bin/python"
    subprocess.run([sys.executable, *arguments[1:]], cwd=ROOT, check=True, capture_output=True)


def test_pytest_benchmark_compares_files_from_elsewhere(tmp_path: Path) -> None:
    """In pytest-benchmark's table, in the checkout, with a whole path beside its own files."""
    [command] = [line for line in commands(COMPARING) if "pytest-benchmark compare" in line]
    checkout, home = tmp_path / "checkout", tmp_path / "home"
    scripts = Path(sys.executable).parent
    for name in ("conftest.py", "alexnet", "bench", "reports"):
        (checkout / name).parent.mkdir(exist_ok=True)
        (checkout / name).symlink_to(ROOT / name)
    (checkout / ".venv").mkdir()
    (checkout / ".venv" / "bin").symlink_to(scripts)
    (home / "Downloads").mkdir(parents=True)
    content = genuine_content("mac")
    for benchmark in content["benchmarks"]:
        benchmark |= {"fullname": benchmark["name"], "group": "scratch"}
    for file in ("mac/0001_quick.json", "mac/0002_quick.json"):
        (checkout / "results" / file).parent.mkdir(parents=True, exist_ok=True)
        (checkout / "results" / file).write_text(json.dumps(content))
    (home / "Downloads" / "theirs.json").write_text(json.dumps(content))
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=checkout,
        env=os.environ | {"HOME": str(home)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for source in ("0001_quick", "0002_quick", "theirs"):
        assert source in done.stdout


def test_the_report_shows_files_from_elsewhere(tmp_path: Path) -> None:
    [command] = re.findall(r"`\.venv/bin/python (-m reports show [^`]+)`", COMPARING)
    (tmp_path / "Downloads").mkdir()
    (tmp_path / "results").mkdir()
    for name, machine in {"results/0001_quick.json": "mac", "Downloads/theirs.json": "linux"}.items():
        (tmp_path / name).write_text(json.dumps(genuine_content(machine)))
    done = subprocess.run(
        ["bash", "-c", f'"$PYTHON" {command}'],
        cwd=tmp_path,
        env=os.environ | {"HOME": str(tmp_path), "PYTHON": sys.executable, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    for machine in ("mac", "linux"):
        assert genuine_content(machine)["machine_info"]["machine"]["name"] in done.stdout


def test_every_command_accepts_all_letters() -> None:
    """A terminal in latin-1 or ASCII lacks letters that a command may print."""
    files = (file for room in ("alexnet", "bench", "reports") for file in (ROOT / room).rglob("*.py"))
    commands = [text for file in files if "ArgumentParser(" in (text := file.read_text("utf8"))]
    assert len(commands) > 10
    assert [text for text in commands if "accept_all_letters()" not in text] == []


@pytest.mark.parametrize(
    "target", ["bench", "doctor", "test", "test-fast", "test-engines", "check", "format", "help"]
)
def test_the_makefile_has_its_targets(target: str) -> None:
    command = ["make", "--dry-run", "--always-make", target]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_page_of_engines_has_each_with_what_its_row_says() -> None:
    page = (ROOT / "docs" / "engines.md").read_text()
    rows = re.findall(
        r"^\| `([\w-]+)` \| (\w+) \| ([\w.–]+) \| ([^|]+) \| [^|]+ \|$", page, re.MULTILINE
    )
    assert [name for name, *_ in rows] == list(ENGINES)
    labels: dict[str, Device] = {"Apple's GPU": "mps", "CUDA": "cuda", "CPU": "cpu"}
    for name, precision, compiler, devices in rows:
        engine = ENGINES[name]
        assert (precision, compiler) == (engine.precision, engine.compiler or "–")
        never = {*engine.not_on, *FRAMEWORKS[engine.framework].never_on}
        assert {labels[device] for device in devices.split(", ")} == {*labels.values()} - never


def test_the_page_of_options_has_the_tables_that_the_code_gives() -> None:
    text = options_page.PAGE.read_text()
    assert text == options_page.page(text), "python -m tests.options_page"
    assert re.findall(r"^\| `(--[\w-]+)` \|", text, re.MULTILINE)[: len(OPTIONS)] == list(OPTIONS)


@pytest.mark.parametrize("page", ["README.md", "docs/options.md"])
def test_a_page_names_no_option_that_is_not_there(page: str) -> None:
    others = set(re.findall(r"--[a-z][a-z-]+", (ROOT / page).read_text())) - set(OPTIONS)
    named = {name for name in others if not name.startswith("--benchmark-")}
    assert named <= {"--help", "--collect-only"}


def test_every_experiment_is_told_in_the_readme_and_in_the_report() -> None:
    assert re.findall(r"^\| `(\w+)` \| .+ \| .+ \|$", README, re.MULTILINE)[-len(EXPERIMENTS) :] == list(
        EXPERIMENTS
    )
    assert list(names.EXPERIMENTS) == list(EXPERIMENTS)


@pytest.mark.parametrize(
    "page",
    [
        "README.md",
        *("docs/adding-a-framework.md", "docs/adding-a-network.md"),
        *("docs/comparing.md", "docs/evidence.md", "docs/install.md", "docs/options.md"),
    ],
)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    text = (ROOT / page).read_text()
    paths = set(re.findall(r"`((?:alexnet|bench|reports|tests|docs)/[\w./-]+\.\w+)`", text))
    assert {path for path in paths if not (ROOT / path).is_file()} <= {"tests/support/loom_faults.py"}


@pytest.mark.parametrize(
    "kind",
    [kind for kind in vars(records).values() if inspect.isclass(kind) and issubclass(kind, Struct)],
)
def test_every_field_of_every_record_is_explained(kind: type[Struct]) -> None:
    explained = set(re.findall(r"`(\w+)`", RESULTS))
    fields = set(kind.__struct_fields__)
    assert fields <= explained, fields - explained


@pytest.mark.parametrize("union", [Reason, RunWarning, NotChecked])
def test_every_kind_is_explained(union: Any) -> None:
    explained = set(re.findall(r"`([a-z ]+)`", RESULTS))
    kinds = {kind.__struct_config__.tag for kind in get_args(union)}
    assert kinds <= explained, kinds - explained


def test_the_example_is_made_of_records() -> None:
    (example,) = re.findall(r"^```json\n(.*?)^```", RESULTS, re.MULTILINE | re.DOTALL)
    run = codec.build(Run, json.loads(example)["extra_info"])
    assert run.complete
    assert run.schema == SCHEMA_VERSION
    assert f"version **{SCHEMA_VERSION}**" in RESULTS


def first_column(header: str) -> set[str]:
    """What stands in code in the first cells of a table of the page on the report."""
    table = REPORT.partition(f"{header}\n")[2].partition("\n\n")[0]
    return {
        name for line in table.splitlines() for name in re.findall(r"`([^`]+)`", line.split(" | ")[0])
    }


def test_the_page_on_the_report_has_its_options() -> None:
    command = [sys.executable, "-m", "reports", "--help"]
    told = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    options = set(re.findall(r"--[a-z-]+", told)) - {"--help"}
    assert {name.split()[0] for name in first_column("| option | |")} - {"RESULTS…"} == options


def test_the_page_on_the_report_has_its_frames() -> None:
    named = {field.name for field in dataclasses.fields(Frames)}
    assert first_column("| frame | one row is |") == named


def test_the_page_on_the_report_has_the_files_beside_it(tmp_path: Path) -> None:
    made = frames(gather([str(two_machines(tmp_path))]))
    beside = set(data.frames(report_text.put_together(study(made, None))))
    assert len(beside) > 15
    assert beside <= first_column("| `report-data/…` | one row is |")


def test_nothing_is_left_to_fill_in() -> None:
    for file in (*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")):
        assert "@@" not in Path(file).read_text(), file
