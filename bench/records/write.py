"""Runs as they are saved: fields, checksum, and no home folder in them."""

from __future__ import annotations

import re
from dataclasses import asdict
from pathlib import Path
from typing import Any

from bench.records.checksum import run_checksum
from bench.records.run import Run


def rejection_reason(run: Run) -> str | None:
    """Why a run is saved among the failures, in a sentence; None if it is a benchmark."""
    if run.failure:
        return run.failure.reason
    return "; ".join(run.verdict.reasons) if run.verdict.validity == "invalid" else None


def extra_info(run: Run) -> dict[str, Any]:
    """A run as it is saved, without its checksum; docs/results.md explains the fields."""
    fields = (
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
    return {name: _to_builtins(getattr(run, name)) for name in fields}


def _to_builtins(value: Any) -> Any:
    if isinstance(value, list):
        return [asdict(item) for item in value]
    return asdict(value) if value else None


def with_checksums(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a saved file without the user's home folder, and with a checksum in every run."""
    content = without_home(content)
    runs = [benchmark["extra_info"] for benchmark in content["benchmarks"]] + content["failures"]
    for run in runs:
        run["seal"] = run_checksum(run, content["machine_info"]["machine"])
    return content


def without_home(value: Any) -> Any:
    """The same JSON value with the user's home folder, which has their name in it, written as ~."""
    match value:
        case str():
            home = str(Path.home())
            return value if home == "/" else re.sub(rf"{re.escape(home)}(?=/|\W|$)", "~", value)
        case dict():
            return {key: without_home(item) for key, item in value.items()}
        case list() | tuple():
            return [without_home(item) for item in value]
    return value
