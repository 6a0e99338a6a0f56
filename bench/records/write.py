"""A run as it stands in the saved file, sealed, and with nobody's home folder in it."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.records.checksum import run_checksum
from bench.records.run import Run


def why_unfinished(run: Run) -> str | None:
    """Why a run is no benchmark, in a sentence, or None when it is one."""
    if run.failure:
        return run.failure.reason
    return "; ".join(run.verdict.reasons) if run.verdict.validity == "invalid" else None


def extra_info(run: Run) -> dict[str, Any]:
    """A run as it stands in the saved file, but for its seal; docs/results.md explains the fields."""
    parts = (
        "cell",
        "plan",
        "gate",
        "before",
        "start",
        "epochs",
        "interruptions",
        "result",
        "after",
        "verdict",
        "failure",
    )
    return {name: _plain(getattr(run, name)) for name in parts}


def _plain(value: Any) -> Any:
    if isinstance(value, list):
        return [asdict(item) for item in value]
    return asdict(value) if value else None


def with_checksums(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a saved file with the user's home folder out of it, and a seal on every run."""
    content = without_home(content)
    runs = [benchmark["extra_info"] for benchmark in content["benchmarks"]] + content["failures"]
    for run in runs:
        run["seal"] = run_checksum(run, content["machine_info"]["machine"])
    return content


def without_home(value: Any) -> Any:
    """The same JSON value with the user's home folder, which names them, written as ~."""
    match value:
        case str():
            home = str(Path.home())
            return value if home == "/" else re.sub(rf"{re.escape(home)}(?=/|\W|$)", "~", value)
        case dict():
            return {key: without_home(item) for key, item in value.items()}
        case list() | tuple():
            return [without_home(item) for item in value]
    return value
