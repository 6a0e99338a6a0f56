"""Which Pythons can run the suite and why others cannot, and what its own Pythons are spared."""

from __future__ import annotations

import ast
import importlib
import json
import platform
import subprocess
import sys
import sysconfig
from pathlib import Path
from types import ModuleType

import pytest

from bench import interpreter
from bench.interpreter import RUN_NATIVELY, problem
from bench.ipc.parent import worker_process
from bench.paths import ROOT
from bench.plan import prepare
from tests.support.samples import job

PATIENCE_SECONDS = 60.0
OLDEST = (3, 7)
"""The oldest Python that is told why it will not do; an older one only fails."""


def test_this_python_will_do() -> None:
    assert problem() == ""
    command = [sys.executable, "bench/interpreter.py"]
    assert subprocess.run(command, cwd=ROOT, capture_output=True, check=True).stdout == b""


def test_old_pythons_can_read_the_file() -> None:
    ast.parse((ROOT / "bench" / "interpreter.py").read_text(), feature_version=OLDEST)


@pytest.mark.parametrize("version", ["3.9.6", "3.10.12", "3.13.1", "3.14.0a1+"])
def test_another_version_is_named(version: str, monkeypatch: pytest.MonkeyPatch) -> None:
    numbers = tuple(int(number) for number in version.split(".")[:2])
    monkeypatch.setattr(sys, "version_info", (*numbers, 0, "final", 0))
    monkeypatch.setattr(platform, "python_version", lambda: version)
    assert problem() == f"it is Python {version}"


def test_what_a_python_was_built_without_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    """As by pyenv on a computer without the headers, or by Debian without python3-venv."""
    imported = importlib.import_module

    def without(name: str) -> ModuleType:
        if name in ("lzma", "ensurepip"):
            raise ModuleNotFoundError(f"No module named '_{name}'")
        return imported(name)

    monkeypatch.setattr(importlib, "import_module", without)
    assert problem() == "it lacks ensurepip (Debian: python3-venv), lzma (Debian: liblzma-dev)"


def mac(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, machine: str, built_for: str, arm64: str
) -> None:
    """A Python on a Mac, where `sysctl` prints `arm64`, or fails if that is empty. Not seen on a Mac."""
    sysctl = tmp_path / "sysctl"
    sysctl.write_text(f"#!/bin/sh\n[ -n '{arm64}' ] && echo '{arm64}'\n")
    sysctl.chmod(0o755)
    monkeypatch.setattr(interpreter, "APPLE_SILICON", (str(sysctl),))
    monkeypatch.setattr(sys, "platform", "darwin")
    monkeypatch.setattr(platform, "machine", lambda: machine)
    monkeypatch.setattr(sysconfig, "get_platform", lambda: f"macosx-11.0-{built_for}")


@pytest.mark.parametrize(
    ("machine", "built_for", "arm64", "told"),
    [
        ("arm64", "universal2", "1", ""),
        ("arm64", "arm64", "1", ""),
        ("x86_64", "universal2", "1", RUN_NATIVELY),
        ("x86_64", "x86_64", "1", "(Rosetta), where it finds no GPU: install the arm64 Python"),
        ("x86_64", "universal2", "", "needs a Mac with Apple silicon"),
        ("x86_64", "x86_64", "0", "needs a Mac with Apple silicon"),
    ],
)
def test_a_rosetta_terminal_is_not_told_to_install_the_python_that_it_has(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    *,
    machine: str,
    built_for: str,
    arm64: str,
    told: str,
) -> None:
    mac(monkeypatch, tmp_path, machine=machine, built_for=built_for, arm64=arm64)
    assert problem().endswith(told)
    assert bool(problem()) == bool(told)
    assert ("install" in problem()) == ("install" in told)


def test_a_mac_without_sysctl_counts_as_one_with_an_intel_processor(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    mac(monkeypatch, tmp_path, machine="x86_64", built_for="universal2", arm64="1")
    monkeypatch.setattr(interpreter, "APPLE_SILICON", ("/nowhere/sysctl",))
    assert "Intel" in problem()


def test_a_debugger_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "gettrace", lambda: None)
    monkeypatch.delitem(sys.modules, "pydevd", raising=False)
    assert not interpreter.is_traced()
    monkeypatch.setitem(sys.modules, "pydevd", ModuleType("pydevd"))
    assert interpreter.is_traced()
    monkeypatch.delitem(sys.modules, "pydevd")
    monkeypatch.setattr(sys, "gettrace", lambda: print)
    assert interpreter.is_traced()


LEFT_BEHIND = {
    "PYTHONINSPECT": "1",
    "PYTHONIOENCODING": "ascii",
    "PYTHONSAFEPATH": "1",
    "PYTHONWARNINGS": "error",
}
CHILD = """
import json, sys, warnings
sys.stdin.readline()
warnings.warn("all the same")
import bench.paths
flags = sys.flags.inspect, sys.flags.safe_path
print("\\N{CHECK MARK}", json.dumps([*flags, sys.stdout.encoding, str(bench.paths.ROOT)]), flush=True)
"""


def test_what_a_shell_has_left_does_not_change_a_worker(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LEFT_BEHIND.items():
        monkeypatch.setenv(name, value)
    log_file, command = tmp_path / "log", [sys.executable, "-c", CHILD]
    with log_file.open("w") as log, worker_process(job(str(tmp_path)), command, log) as child:
        assert child.process.wait(PATIENCE_SECONDS) == 0, log_file.read_text(encoding="utf-8")
    mark, told = log_file.read_text(encoding="utf-8").splitlines()[-1].split(" ", 1)
    assert mark == "✓"
    assert json.loads(told) == [0, False, "utf-8", str(ROOT)]


def test_what_a_shell_has_left_does_not_change_who_is_asked_for_devices(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """`python -m alexnet` prints letters that no ASCII terminal has, and imports from this checkout."""
    for name, value in LEFT_BEHIND.items():
        monkeypatch.setenv(name, value)
    status, told, problems = prepare._run_alexnet("standard")
    assert (status, problems) == (0, "")
    assert "–" in told
