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
NOBODY = "http://127.0.0.1:9"  # a proxy that answers no one: the machine is as good as offline


def without_pytests(unwanted: Collection[str]) -> dict[str, str]:
    """The environment but for what is unwanted and what pytest tells its own children.

    A session that believes itself in a process of pytest-xdist measures nothing.
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
    environment = without_pytests({"ALEXNET_DATA", "NO_PROXY", "no_proxy"})
    proxies = ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy")
    environment |= dict.fromkeys(proxies, NOBODY) | {"PAPER": paper or ""}
    environment |= {"XDG_CACHE_HOME": str(folder / "cache"), "TORCH_HOME": str(folder / "torch")}
    environment |= {"TMPDIR": str(folder)}  # where the lock lies: a session of one's own is none of ours
    return command, environment


def bench(
    folder: Path, *arguments: str, paper: str | None = None, **variables: str
) -> subprocess.CompletedProcess[str]:
    """Runs `pytest bench` offline, saving into `folder`; with `paper`, on workers of paper."""
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
    """The one file that a session saved."""
    (file,) = (folder / "test-machine").glob("0001_*.json")
    content: dict[str, Any] = json.loads(file.read_text())
    return content


SYNTHETIC = ("--profile", "smoke", "--dataset", "synthetic", "--device", "cpu")
