"""`pytest bench` in a process of its own: offline, with a folder and a lock of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Collection
from pathlib import Path
from typing import Any

from bench.paths import ROOT

PASSED, FAILED, USAGE_ERROR, INTERRUPTED = 0, 1, 4, 130
DEAD_PROXY = "http://127.0.0.1:9"  # nothing listens there, so the session is offline


def environment_without(unwanted: Collection[str]) -> dict[str, str]:
    """The environment without the unwanted variables and pytest's own.

    With pytest-xdist's variables, a session takes itself for one of its workers and measures nothing.
    """
    return {
        name: value
        for name, value in os.environ.items()
        if name not in unwanted and not name.startswith("PYTEST_")
    }


def command_and_environment(
    folder: Path, *arguments: str, paper: str | None
) -> tuple[list[str], dict[str, str]]:
    plugin = [] if paper is None else ["-p", "tests.support.paper_plugin"]
    command = [sys.executable, "-m", "pytest", "bench", *plugin, "--machine", "Test Machine"]
    command += [f"--benchmark-storage=file://{folder}", *arguments]
    environment = environment_without({"ALEXNET_DATA", "NO_PROXY", "no_proxy"})
    proxies = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
    environment |= dict.fromkeys(proxies, DEAD_PROXY) | {"PAPER": paper or ""}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "TORCH_HOME": str(folder / "torch")}
    # The lock lies in TMPDIR, so a session outside the tests does not conflict.
    environment |= {"TMPDIR": str(folder), "HELD_FOLDER": str(folder)}
    return command, environment


def bench(
    folder: Path, *arguments: str, paper: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs `pytest bench` offline, saving into `folder`; with `paper`, on paper workers."""
    command, environment = command_and_environment(folder, *arguments, paper=paper)
    return subprocess.run(
        command,
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env=environment | variables,
    )


def saved(folder: Path) -> dict[str, Any]:
    """The content of the only file that a session saved."""
    (file,) = (folder / "test-machine").glob("0001_*.json")
    content: dict[str, Any] = json.loads(file.read_text())
    return content


SYNTHETIC = ("--profile", "smoke", "--dataset", "synthetic", "--device", "cpu")
