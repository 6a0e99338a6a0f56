"""A run of the project's own tests leaves nothing behind in the checkout."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from bench.paths import ROOT
from tests.support.sessions import environment_without


@pytest.mark.slow
@pytest.mark.parametrize("options", [(), ("-n", "1", "--dist", "loadfile")], ids=["one", "several"])
def test_a_run_of_the_tests_leaves_the_checkout_as_it_was(
    tmp_path: Path, options: tuple[str, ...]
) -> None:
    """Python's and pytest's own caches are switched off here."""
    for name in ("alexnet", "bench", "reports", "tests"):
        shutil.copytree(ROOT / name, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("conftest.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    before = sorted(tmp_path.rglob("*"))
    command = [sys.executable, "-B", "-m", "pytest", "-p", "no:cacheprovider", *options]
    done = subprocess.run(
        [*command, "tests/alexnet/test_score.py"],
        cwd=tmp_path,
        env=environment_without(()) | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert sorted(tmp_path.rglob("*")) == before
