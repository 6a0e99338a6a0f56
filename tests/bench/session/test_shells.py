"""`pytest bench` with what shells, notebooks and other projects leave in the environment."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.paths import ROOT
from tests.support.sessions import (
    PASSED,
    SYNTHETIC,
    USAGE_ERROR,
    bench,
    command_and_environment,
    environment_without,
    saved,
)
from tests.torture import Session

pytestmark = pytest.mark.slow

ONE_CELL = (*SYNTHETIC, "-k", "scratch-torch")


@pytest.mark.parametrize(
    "variables",
    [
        {"PYTHONIOENCODING": "ascii"},
        {"PYTHONIOENCODING": "latin-1"},
        {"PYTHONDEVMODE": "1"},
        {"PYTHONWARNDEFAULTENCODING": "1"},
        {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
        {"LC_ALL": "xx_YY.UTF-8", "LANGUAGE": "de"},
        {"FORCE_COLOR": "1", "TERM": "dumb", "COLUMNS": "20"},
        {"GIT_DIR": "/nowhere"},
        {"MAKEFLAGS": "-j8", "PYTHONSTARTUP": "/nowhere", "PYTHONUNBUFFERED": "1"},
    ],
    ids=" ".join,
)
def test_a_session_runs_all_the_same(tmp_path: Path, variables: dict[str, str]) -> None:
    done = bench(tmp_path, *ONE_CELL, paper="", **variables)
    assert done.returncode == PASSED, done.stdout + done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert [entry["param"] for entry in saved(tmp_path)["benchmarks"]] == ["scratch-torch-cpu-s0"]
    assert done.stdout.isascii() or not {"PYTHONIOENCODING", "PYTHONUTF8"} & set(variables)


def test_a_folder_for_temporary_files_that_is_gone_is_passed_over(tmp_path: Path) -> None:
    """As TMPDIR of a job that has ended. TEMP is the next that Python tries."""
    gone = {"TMPDIR": str(tmp_path / "gone"), "TEMP": str(tmp_path)}
    assert bench(tmp_path, *ONE_CELL, paper="", **gone).returncode == PASSED


@pytest.mark.parametrize(
    ("variables", "sentence"),
    [
        ({"PYTHONOPTIMIZE": "1"}, "Python leaves out assertions (-O, or PYTHONOPTIMIZE)"),
        ({"PYTHONOPTIMIZE": "2"}, "unset PYTHONOPTIMIZE"),
        ({"PYTEST_ADDOPTS": "-n 2"}, "Leave out -n, in PYTEST_ADDOPTS too"),
        ({"PYTEST_ADDOPTS": "--benchmark-disable"}, "nothing would be saved"),
        ({"PYTEST_ADDOPTS": "--cov=theirs"}, "unrecognized arguments: --cov=theirs"),
        ({"PYTEST_XDIST_WORKER": "gw0"}, "unset PYTEST_XDIST_WORKER"),
    ],
    ids=lambda value: " ".join(value.values()) if isinstance(value, dict) else "",
)
def test_what_would_spoil_a_session_is_refused_in_a_sentence(
    tmp_path: Path, variables: dict[str, str], sentence: str
) -> None:
    done = bench(tmp_path, *ONE_CELL, paper="", **variables)
    assert done.returncode == USAGE_ERROR, done.stdout + done.stderr
    assert sentence in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not list((tmp_path / "test-machine").glob("*.json"))


@pytest.mark.parametrize(
    "variables", [{"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, {"PYTEST_ADDOPTS": "-p no:benchmark"}]
)
def test_without_pytest_benchmark_nothing_begins(tmp_path: Path, variables: dict[str, str]) -> None:
    command, environment = command_and_environment(tmp_path, *ONE_CELL, paper="")
    its_own = [argument for argument in command if argument.startswith("--benchmark")]
    done = subprocess.run(
        [argument for argument in command if argument not in its_own],
        cwd=ROOT,
        env=environment | variables,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == USAGE_ERROR, done.stdout + done.stderr
    assert "unset PYTEST_DISABLE_PLUGIN_AUTOLOAD, and leave out -p no:benchmark" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr


def test_tests_whose_helpers_would_assert_nothing_are_refused() -> None:
    done = subprocess.run(
        [sys.executable, "-O", "-m", "pytest", "tests/alexnet/test_score.py"],
        cwd=ROOT,
        env=environment_without(()),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == USAGE_ERROR
    assert "unset PYTHONOPTIMIZE" in done.stderr


@pytest.mark.skipif(
    not hasattr(os, "sched_getaffinity") or (os.cpu_count() or 1) < 2,
    reason="no processor can be taken away here",
)
def test_a_result_says_that_it_had_a_part_of_the_processors(tmp_path: Path) -> None:
    """As taskset, a container or a job scheduler gives one."""
    all_of_them = os.sched_getaffinity(0)
    session = Session(folder=tmp_path, toy="silence=120")
    os.sched_setaffinity(0, {min(all_of_them)})
    try:
        assert session.start_new().wait(120) == PASSED, session.output()
        session.output()  # its writer ends too
    finally:
        os.sched_setaffinity(0, all_of_them)
        session.kill()
    (file,) = session.results()
    assert f'"processor_limit": "1 of {os.cpu_count()}"' in file.read_text()
