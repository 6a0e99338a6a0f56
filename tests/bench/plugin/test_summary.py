"""The summary's figures: a dash for what was not measured, and no memory counted twice."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from alexnet.frameworks.protocol import Device
from bench.plan.prepare import Source
from bench.plugin import summary
from bench.records.run import Run
from bench.records.types import Drift, Verdict
from tests.support.samples import CELL, EPOCH, MACHINE, PLAN, RESULT, START

VALID = Verdict(validity="valid", reasons=(), warnings=())


class OneRun:
    """As much of a session as the summary asks for."""

    skipped = ()
    profile, machine = "smoke", MACHINE
    source = Source(dataset="synthetic", folder=None, provenance="made by this suite")

    def __init__(self, device: Device = "cpu", **result: Any) -> None:
        cell = replace(CELL, device=device)
        second = replace(EPOCH, epoch=2, warm_up=False)
        self.picked, self.plans = [cell], {cell: PLAN}
        self.runs = [
            Run(
                cell=cell,
                plan=PLAN,
                start=START,
                epochs=[EPOCH, second],
                result=replace(RESULT, **result),
                verdict=VALID,
            )
        ]


def only_row(session: Any) -> dict[str, str]:
    """Column -> text of the only row."""
    table = summary.summary_table(session)
    return {str(column.header): str(next(iter(column.cells))) for column in table.columns}


@pytest.mark.parametrize(
    ("device", "host", "card", "text"),
    [
        ("cuda", 10**9, 3 * 10**9, "500 + 3,000"),
        ("cuda", 10**9, None, "500"),
        ("mps", 10**9, 3 * 10**9, "500"),  # the host's figure counts the same memory
        ("cpu", 10**9, None, "500"),
    ],
)
def test_only_a_cards_own_memory_is_added(
    device: Device, host: int, card: int | None, text: str
) -> None:
    """500 MB were there before the framework's import."""
    assert only_row(OneRun(device, peak_host_bytes=host, peak_device_bytes=card))["MB"] == text


def test_shares_are_whole_percents() -> None:
    row = only_row(OneRun(pipeline_ratio=0.94, roofline_share=0.574))
    assert (row["input %"], row["roofline %"]) == ("94", "57")


def test_a_drift_is_shown_only_where_there_is_one() -> None:
    assert only_row(OneRun())["drift"] == "-1%"
    alone = Drift(
        cold_images_per_second=320.0, sustained_images_per_second=None, drift=None, probe_drift=-0.5
    )
    assert "drift" not in only_row(OneRun(drift=alone)), "a column that nobody measured is left out"


def test_the_title_says_what_every_figure_stands_under() -> None:
    session: Any = OneRun()
    assert summary.summary_table(session).title == (
        "smoke: 640 SYNTHETIC training images at 64 px; torch on cpu; test-machine\n"
        "data: SYNTHETIC images, made by this suite"
    )


def test_the_cells_are_in_the_grids_order_whenever_each_was_run() -> None:
    """A resumed session has its finished cells before the others."""
    session: Any = OneRun()
    (done,) = session.runs
    late = replace(done, cell=replace(CELL, seed=1))
    session.runs, session.plans = [done, late], {late.cell: PLAN, done.cell: PLAN}
    names = summary.summary_table(session).columns[0].cells
    assert list(names) == ["scratch-torch-cpu-s1", "scratch-torch-cpu-s0"]
