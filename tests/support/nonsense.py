"""Replaces every function that makes words by one that makes nonsense.

As a plugin, `pytest -p tests.support.nonsense`, it does so for a whole session.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

import bench.doctor.condition
import bench.doctor.gpu
import bench.doctor.installation
import bench.doctor.storage
import bench.records.words
import bench.records.write
import reports.data.sources
import reports.write.words
from bench.doctor import findings
from bench.doctor.findings import Finding

NONSENSE = "not measured: it ended against the schema; counts once, not JSON; cut off, on battery"
"""It has the words by which code once told kinds apart."""
HOUSES = ("bench", "reports", "conftest")


def makers() -> dict[Callable[..., Any], Callable[..., Any]]:
    """Function that makes words -> its replacement, which takes and gives the same types."""

    def text(*arguments: Any) -> str:
        return NONSENSE

    def texts(*arguments: Any) -> tuple[str, ...]:
        return (NONSENSE,)

    def warning(message: str, fix: str, *, error_if: bool = False) -> Finding:
        return Finding(level="error" if error_if else "warning", message=NONSENSE, fix=NONSENSE)

    def error(message: str, fix: str) -> Finding:
        return Finding(level="error", message=NONSENSE, fix=NONSENSE)

    functions: list[Callable[..., Any]] = [
        function
        for _, function in inspect.getmembers(bench.records.words, inspect.isfunction)
        if function.__module__ == bench.records.words.__name__
    ]
    functions += [reports.write.words.reason, reports.write.words.warning, reports.write.words.reads]
    functions += [reports.write.words.left_out, reports.data.sources.left_out_text]
    functions += [bench.records.write.rejection_text]
    return {
        **dict.fromkeys(functions, text),
        reports.write.words.reasons: texts,
        findings.warning: warning,
        findings.error: error,
    }


def swap(replace: Callable[[ModuleType, str, Any], None]) -> None:
    """Calls `replace(module, name, nonsense)` for every name of such a function in every module."""
    replacements = makers()
    for module in [m for name, m in sys.modules.items() if name.split(".")[0] in HOUSES]:
        for name, value in list(vars(module).items()):
            if inspect.isfunction(value) and value in replacements:
                replace(module, name, replacements[value])


def pytest_configure() -> None:
    """All modules are loaded now."""
    swap(setattr)
