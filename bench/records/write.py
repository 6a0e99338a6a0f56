"""Runs as they are saved: fields and checksum."""

from __future__ import annotations

from typing import Any

from msgspec import to_builtins

from bench.records.checksum import run_checksum
from bench.records.types import Run
from bench.records.words import reason_text


def rejection_text(run: Run) -> str:
    """Why a run that is not complete stands among the failures."""
    if run.failure:
        return run.failure.reason
    return "; ".join(map(reason_text, run.verdict.reasons))


def extra_info(run: Run) -> dict[str, Any]:
    """A run as it is saved, without its checksum; docs/results.md explains the fields."""
    names = [name for name in Run.__struct_fields__ if name != "checksum"]
    return {name: to_builtins(getattr(run, name)) for name in names}


def with_checksums(content: dict[str, Any]) -> dict[str, Any]:
    """The content of a saved file with a checksum in every run."""
    runs = [benchmark["extra_info"] for benchmark in content["benchmarks"]] + content["failures"]
    for run in runs:
        run["checksum"] = run_checksum(run, content["machine_info"]["machine"])
    return content
