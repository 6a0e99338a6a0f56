"""`make` finds a Python that runs, and says in a sentence when there is none."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS, default_engines
from bench.paths import ROOT

BROKEN = "#!/bin/sh\nexit 127\n"  # a version manager's stub for a Python that is not installed
# Passes the version check; its `-m venv` makes a .venv whose Python succeeds at everything.
WORKING = """#!/bin/sh
case "$*" in
  *venv*) mkdir -p .venv/bin; echo "$0" > used
          printf '#!/bin/sh\\necho "$@" >> calls\\n' > .venv/bin/python; chmod +x .venv/bin/python;;
  --version) echo "Python 3.11.7";;
esac
"""


PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def brought_by(extra: str, platform: str) -> set[str]:
    """The extras that an extra of this project consists of on a platform."""
    parts = [Requirement(line) for line in EXTRAS[extra]]
    assert {part.name for part in parts} == {PROJECT["name"]}
    there = [p for p in parts if p.marker is None or p.marker.evaluate({"sys_platform": platform})]
    return {name for part in there for name in part.extras}


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose PATH has only the tools that make needs."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "make", "touch", "mkdir", "chmod", "printf", "uname"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or pytest.fail(f"no {tool} here"))
    return tmp_path


def install(checkout: Path, name: str, script: str) -> None:
    file = checkout / "bin" / name
    file.write_text(script)
    file.chmod(0o755)


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    # The variables of an outer `make test` are in the environment of its children.
    outer = ("MAKE", "NAME", "ARGS", "RESULTS", "OUT", "FRAMEWORKS")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(outer)}
    environment["PATH"] = str(checkout / "bin")
    command = [str(checkout / "bin" / "make"), *arguments]
    return subprocess.run(
        command, cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


def test_a_stub_is_passed_over_for_a_python_that_runs(checkout: Path) -> None:
    install(checkout, "python3.12", BROKEN)
    install(checkout, "python3.11", WORKING)
    done = make(checkout, "bench", "NAME=mine", "ARGS=--profile smoke")
    assert done.returncode == 0, done.stderr
    assert (checkout / "used").read_text().strip().endswith("python3.11")
    calls = (checkout / "calls").read_text().splitlines()
    assert calls[-2] == "-m pytest bench --benchmark-save=mine --profile smoke"
    assert calls[-1] == "-m reports results --out report"
    assert any("--constraint constraints.txt --editable .[default,dev]" in c for c in calls)


@pytest.mark.parametrize("target", ["bench", "resume"])
def test_a_session_that_failed_is_written_up_and_still_fails(checkout: Path, target: str) -> None:
    install(checkout, "python3", WORKING)
    assert make(checkout, target).returncode == 0
    python = checkout / ".venv" / "bin" / "python"
    python.write_text('#!/bin/sh\necho "$@" >> calls\ncase "$*" in *pytest*) exit 7;; esac\n')
    (checkout / "calls").unlink()
    done = make(checkout, target)
    assert done.returncode != 0
    assert "Error 7" in done.stderr
    assert (checkout / "calls").read_text().splitlines()[-1] == "-m reports results --out report"


def test_a_report_is_of_what_is_named(checkout: Path) -> None:
    install(checkout, "python3", WORKING)
    make(checkout, "report", "RESULTS=mine yours/*.json", "OUT=there", "ARGS=--baseline me")
    calls = (checkout / "calls").read_text().splitlines()
    assert calls[-1] == "-m reports mine yours/*.json --out there --baseline me"


def test_it_installs_once(checkout: Path) -> None:
    install(checkout, "python3", WORKING)
    for _ in range(2):
        assert make(checkout, "test").returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert sum("pip" in call for call in calls) == 2
    assert calls.count("-m pytest -n 2 --dist loadfile --no-loadscope-reorder -m not engines") == 2


def test_the_frameworks_that_are_installed_can_be_named(checkout: Path) -> None:
    """Each of them is an extra of pyproject.toml, else pip only warns."""
    install(checkout, "python3", WORKING)
    assert make(checkout, "bench", "FRAMEWORKS=tensorflow-cuda").returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert any("--editable .[tensorflow-cuda,dev]" in call for call in calls)
    of_frameworks = {info.pip_extra for info in FRAMEWORKS.values()}
    assert of_frameworks | {"tensorflow-cuda", "jax-cuda", "default", "engines", "dev"} == set(EXTRAS)


def test_the_fast_tests_are_those_that_are_not_slow(checkout: Path) -> None:
    install(checkout, "python3", WORKING)
    make(checkout, "test-fast", "ARGS=-q")
    calls = (checkout / "calls").read_text().splitlines()
    assert (
        calls[-1]
        == "-m pytest -n 2 --dist loadfile --no-loadscope-reorder -m not slow and not engines -q"
    )


@pytest.mark.parametrize("platform", ["darwin", "linux"])
def test_what_is_installed_is_what_a_session_runs_unasked(platform: str) -> None:
    """MLX on Macs alone."""
    frameworks = {ENGINES[name].framework for name in default_engines(platform)}
    assert brought_by("default", platform) == {FRAMEWORKS[name].pip_extra for name in frameworks}


def test_the_tests_of_the_engines_have_every_framework() -> None:
    expected = {info.pip_extra for info in FRAMEWORKS.values()}
    assert brought_by("engines", sys.platform) == expected


def test_the_tests_of_the_other_engines_install_their_frameworks_once(checkout: Path) -> None:
    install(checkout, "python3", WORKING)
    for _ in range(2):
        assert make(checkout, "test-engines").returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert sum(",engines,dev]" in call for call in calls) == 1
    assert calls[-1] == "-m pytest -n 2 --dist loadfile --no-loadscope-reorder -m engines -rs"


def test_no_python_is_a_sentence(checkout: Path) -> None:
    install(checkout, "python3.12", BROKEN)
    install(checkout, "python3", BROKEN)
    done = make(checkout, "test")
    assert done.returncode != 0
    assert "No Python 3.11 or 3.12 runs here" in done.stderr
    assert "https://www.python.org/downloads/" in done.stderr
    assert not (checkout / ".venv").exists()
