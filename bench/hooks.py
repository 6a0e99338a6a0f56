"""pytest-benchmark's own hooks: what it saves and compares gets our records and our words."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict
from typing import Any

import pytest

from bench import differences, machine
from bench.saving import with_checksums
from bench.session import Session

SESSION = pytest.StashKey[Session]()


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Puts our own account of the machine beside pytest-benchmark's."""
    machine_info["machine"] = asdict(machine.describe(config.option.machine))
    del machine_info["node"]  # the host's full name, which is often its owner's
    for name in [name for name in machine_info["cpu"] if name.startswith("hz_actual")]:
        del machine_info["cpu"][name]  # the clock of one instant, which would make machines differ


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Adds the cells that failed or were skipped, which pytest-benchmark leaves out."""
    if session := config.stash.get(SESSION, None):
        session.in_order(output_json["benchmarks"])
        output_json.update(session.not_measured())
        output_json.update(with_checksums(output_json))


@pytest.hookimpl(wrapper=True)
def pytest_benchmark_compare_machine_info(
    benchmarksession: Any, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> Generator[None]:
    """Says in words what differs between the machines; pytest-benchmark would print both as dicts."""
    saved = compared_benchmark["machine_info"]
    ours, theirs = machine_info.get("machine"), saved.get("machine")
    lines = differences.diff_machines(ours, theirs) if ours and theirs else ["saved by another suite"]
    for line in lines:
        benchmarksession.logger.info(f"this machine against the saved one: {line}", newline=False)
    compared_benchmark["machine_info"] = machine_info  # what it compares, and finds equal
    try:
        yield
    finally:
        compared_benchmark["machine_info"] = saved
