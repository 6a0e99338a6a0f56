"""Which engines a test runs, and with which marks."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import pytest

from alexnet.frameworks.registry import ENGINES
from bench.plan.engines import obstacles

YARDSTICKS = ("torch", "tensorflow")
"""The engines that `make test` runs; `make test-engines` runs the others."""


def engines(names: Iterable[str] = tuple(ENGINES)) -> list[Any]:
    """A parameter for each engine. One that the CPU here cannot run is skipped, with the reason."""
    reasons = obstacles("cpu")
    parameters = []
    for name in names:
        marks = [] if name in YARDSTICKS else [pytest.mark.engines]
        if why := reasons[name]:
            marks.append(pytest.mark.skip(reason=f"{name}: {why}"))
        parameters.append(pytest.param(name, marks=marks))
    return parameters
