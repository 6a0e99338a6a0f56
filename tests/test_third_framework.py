"""A third framework is one folder and one line: a made-up one goes through everything to the report."""

from __future__ import annotations

import csv
import filecmp
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest

from bench.paths import ROOT
from tests.support.sessions import DEAD_PROXY, environment_without

ABACUS = ROOT / "tests" / "support" / "abacus"
FOLDER, REGISTRY = Path("alexnet/frameworks/abacus"), Path("alexnet/frameworks/registry.py")
COPIED = ("alexnet", "bench", "reports", "conftest.py")
ROOMY = """import shutil
shutil.disk_usage = lambda path, usage=shutil.disk_usage(".")._replace(free=10**11): usage
"""
"""The copy's sitecustomize.py: what the doctor says is no matter of this computer's disk."""
LAST_ROW, ROW = '        "tensorflow",\n', '        "abacus",\n'
ENGINES = ("torch", "tensorflow", "abacus")

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project with Abacus in it."""
    copy = tmp_path_factory.mktemp("copy")
    without_caches = shutil.ignore_patterns("__pycache__")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, copy / name, ignore=without_caches)
        else:
            shutil.copy(source, copy)
    shutil.copytree(ABACUS, copy / FOLDER, ignore=without_caches)
    text = (copy / REGISTRY).read_text()
    assert text.count(LAST_ROW) == 1
    (copy / REGISTRY).write_text(text.replace(LAST_ROW, LAST_ROW + ROW))
    (copy / "sitecustomize.py").write_text(ROOMY)
    return copy


def call(copy: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs Python in the copy, offline, with folders of its own."""
    environment = environment_without({"ALEXNET_DATA", "NO_PROXY", "no_proxy"})
    environment |= dict.fromkeys(("HTTPS_PROXY", "HTTP_PROXY", "https_proxy"), DEAD_PROXY)
    environment |= {"PYTHONPATH": str(copy), "TMPDIR": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"XDG_CACHE_HOME": str(copy / "cache"), "OMP_NUM_THREADS": str(os.cpu_count())}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=copy,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


SESSION = (
    *("-m", "pytest", "bench", "--profile", "smoke", "--dataset", "synthetic", "--device", "cpu"),
    *("--engine", ",".join(ENGINES), "--experiment", "scratch", "--machine", "Test Machine"),
    *("--train-images", "160", "--batch-size", "32"),
    "--ignore-doctor",
)


@pytest.fixture(scope="module")
def session(copy: Path) -> subprocess.CompletedProcess[str]:
    """A session of three engines, each with its own gate and worker."""
    return call(copy, *SESSION)


@pytest.fixture(scope="module")
def file(copy: Path, session: subprocess.CompletedProcess[str]) -> Path:
    """The result file of the session."""
    assert session.returncode == 0, session.stdout + session.stderr
    (file,) = (copy / "results" / "test-machine").glob("*.json")
    return file


@pytest.fixture(scope="module")
def runs(file: Path) -> dict[str, Any]:
    """Engine -> its run in the result file."""
    benchmarks = json.loads(file.read_text())["benchmarks"]
    return {run["extra_info"]["cell"]["engine"]: run["extra_info"] for run in benchmarks}


def differing_files(ours: Path, theirs: Path) -> Iterator[Path]:
    """Files and folders that are not the same in both, by their path in `theirs`, without caches."""
    comparison = filecmp.dircmp(ours, theirs, ignore=["__pycache__"])
    yield from (theirs / name for name in (*comparison.left_only, *comparison.right_only))
    yield from (
        theirs / name for name in filecmp.cmpfiles(ours, theirs, comparison.common_files, False)[1]
    )
    for name in comparison.common_dirs:
        yield from differing_files(ours / name, theirs / name)


def test_the_difference_is_one_folder_and_one_line(copy: Path) -> None:
    found: set[Path] = set()
    for name in COPIED:
        if (ROOT / name).is_dir():
            found |= set(differing_files(ROOT / name, copy / name))
        else:
            assert (ROOT / name).read_bytes() == (copy / name).read_bytes()
    assert found == {copy / FOLDER, copy / REGISTRY}
    lines = (copy / REGISTRY).read_text().splitlines(keepends=True)
    lines.remove(ROW)
    assert "".join(lines) == (ROOT / REGISTRY).read_text()


def test_the_doctor_diagnoses_it(copy: Path) -> None:
    done = call(copy, "-m", "bench.doctor", "--engine", "abacus", "--device", "mps")
    assert "Traceback" not in done.stderr
    assert done.returncode == 1
    assert "mps was asked for" in done.stdout
    done = call(copy, "-m", "bench.doctor", "--engine", "abacus", "--device", "cpu")
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_gates_of_all_three_pass_against_one_reference(runs: dict[str, Any]) -> None:
    assert tuple(runs) == ENGINES
    for run in runs.values():
        checks = {check["name"]: check for check in run["gate"]["checks"]}
        assert run["gate"]["not_checked"] == []
        assert run["verdict"]["validity"] == "valid"
        assert checks["same bytes"]["measured"] == 0
        assert checks["logits"]["measured"] < 1e-5
        assert run["gate"]["precision"] == "float32"
        assert checks["precision"]["measured"] >= checks["precision"]["lower"]


def test_all_three_began_alike(runs: dict[str, Any]) -> None:
    for part, field in (("start", "weights_sha256"), ("start", "data_sha256"), ("gate", "batch_sha256")):
        assert len({run[part][field] for run in runs.values()}) == 1


def test_the_terminal_shows_all_three(session: subprocess.CompletedProcess[str]) -> None:
    for engine in ENGINES:
        assert f"scratch-{engine}-cpu-s0" in session.stdout


def test_its_file_holds(copy: Path, file: Path) -> None:
    done = call(copy, "-m", "bench.check", str(file))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3 runs: 3 valid, 0 invalid, 0 failed; 0 skipped; all of it holds" in done.stdout


def test_the_report_compares_every_pair(copy: Path, file: Path) -> None:
    arguments = ("-m", "reports", str(file), "--format", "html,md", "--out", str(copy / "report"))
    done = call(copy, *arguments, "--csv", str(copy / "frames"))
    assert done.returncode == 0, done.stdout + done.stderr
    report = (copy / "report" / "report.md").read_text()
    for label in ("PyTorch", "TensorFlow", "Abacus"):
        assert label in report
    with (copy / "report" / "report-data" / "pairs.csv").open(newline="") as stream:
        pairs = {(row["first"], row["second"]) for row in csv.DictReader(stream)}
    assert pairs == {*combinations(ENGINES, 2)}
    with (copy / "frames" / "runs.csv").open(newline="") as stream:
        assert [row["engine"] for row in csv.DictReader(stream)] == list(ENGINES)
