"""A file that plain pytest-benchmark saved for a project that is not ours."""

from __future__ import annotations

from typing import Any

from pytest_benchmark.stats import Stats

SECONDS = (1.2, 1.0, 1.1)


def make_stats() -> dict[str, Any]:
    """The statistics of one benchmark, as pytest-benchmark saves them."""
    stats: Any = Stats()  # type: ignore[no-untyped-call]
    for seconds in SECONDS:
        stats.update(seconds)
    figures: dict[str, Any] = stats.as_dict()
    return figures | {"iterations": 1}


def another_suites_content() -> dict[str, Any]:
    """What pytest-benchmark 4 saves on a Mac: its `machine_info.machine` is a string."""
    return {
        "machine_info": {
            "node": "annas-mac.local",
            "processor": "arm",
            "machine": "arm64",
            "python_compiler": "Clang 15.0.0 (clang-1500.3.9.4)",
            "python_implementation": "CPython",
            "python_implementation_version": "3.12.4",
            "python_version": "3.12.4",
            "python_build": ["main", "Jun  6 2024 18:26:44"],
            "release": "23.5.0",
            "system": "Darwin",
            "cpu": {"arch": "ARM_8", "bits": 64, "count": 10, "brand_raw": "Apple M1 Pro"},
        },
        "commit_info": {"id": "unknown", "time": None, "dirty": False, "project": "sorting"},
        "benchmarks": [
            {
                "group": None,
                "name": "test_sort",
                "fullname": "tests/test_sort.py::test_sort",
                "params": None,
                "param": None,
                "extra_info": {},
                "options": {"disable_gc": False, "timer": "perf_counter", "min_rounds": 5},
                "stats": make_stats(),
            }
        ],
        "datetime": "2026-11-20T09:00:00.000000+00:00",
        "version": "4.0.0",
    }
