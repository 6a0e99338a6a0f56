"""The summary's figures: what was not measured is a dash, and no memory is counted twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alexnet import Device
from bench import screen
from bench.records import Drift, Verdict
from bench.run import Run
from tests.samples import CELL, EPOCH, PLAN, RESULT, START

VALID = Verdict(validity="valid", reasons=(), warnings=())


class OneRun:
    """As much of a session as the summary asks for."""

    skipped = ()

    def __init__(self, device: Device = "cpu", **result: Any) -> None:
        cell = replace(CELL, device=device)
        self.runs = [Run(cell=cell, plan=PLAN, start=START, epochs=[EPOCH, replace(EPOCH, epoch=2)],
                         result=replace(RESULT, **result), verdict=VALID)]  # fmt: skip

    def setting(self) -> str:
        return "one computer"

    def data_line(self) -> str:
        return "synthetic"


def shown(session: Any) -> dict[str, str]:
    """Column -> text of the only line."""
    table = screen.summary(session)
    return {str(column.header): str(next(iter(column.cells))) for column in table.columns}


@pytest.mark.parametrize(
    ("device", "host", "card", "text"),
    [
        ("cuda", 10**9, 3 * 10**9, "500 + 3,000"),
        ("cuda", 10**9, None, "500"),
        ("mps", 10**9, 3 * 10**9, "500"),  # in the very memory that the host's figure counts
        ("cpu", 10**9, None, "500"),
    ],
)
def test_only_a_cards_own_memory_is_added(
    device: Device, host: int, card: int | None, text: str
) -> None:
    """500 MB were there before the framework's import."""
    assert shown(OneRun(device, peak_host_bytes=host, peak_device_bytes=card))["MB"] == text


def test_a_drift_is_shown_only_where_there_is_one() -> None:
    assert shown(OneRun())["drift"] == "-1%"
    alone = Drift(
        cold_images_per_second=320.0, sustained_images_per_second=None, drift=None, probe_drift=-0.5
    )
    assert "drift" not in shown(OneRun(drift=alone)), "a column that nobody measured is left out"
