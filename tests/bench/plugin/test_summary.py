"""The summary's figures: a dash for what was not measured, and no memory counted twice."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from alexnet.frameworks.protocol import Device
from bench.paths import ROOT
from bench.plan.prepare import Source
from bench.plugin import summary
from bench.records.read import load, read
from bench.records.run import SessionRun
from bench.records.types import (
    CheckFailed,
    Diverged,
    Drift,
    Failure,
    NoOtherEngine,
    OnBattery,
    Reads,
    SkippedCell,
    Verdict,
)
from tests.support.samples import CELL, CHECK, EPOCH, GATE, INTERFERENCE, MACHINE, PLAN, RESULT, START

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
            replace(
                SessionRun.of_cell(cell, PLAN),
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
        early_images_per_second=None, late_images_per_second=None, drift=None, probe_drift=-0.5
    )
    assert "drift" not in only_row(OneRun(drift=alone)), "a column that nobody measured is left out"


def test_the_title_says_what_every_figure_stands_under() -> None:
    session: Any = OneRun()
    assert summary.conditions(session) == (
        "smoke: 640 SYNTHETIC training images at 64 px; torch on cpu; test-machine\n"
        "data: SYNTHETIC images, made by this suite"
    )


def test_a_run_for_speed_alone_has_no_accuracy_and_no_convergence() -> None:
    session: Any = OneRun()
    assert {"test %", "converged"} <= set(only_row(session))
    session.runs[0].plan = replace(PLAN, profile="speed")
    assert not {"test %", "converged"} & set(only_row(session))
    assert only_row(session)["images/s"] == "320"


def test_the_title_says_where_epochs_are_cut_short() -> None:
    session: Any = OneRun()
    (cell,) = session.plans
    session.plans[cell] = replace(PLAN, profile="speed", train_images=None, steps_per_epoch=80)
    session.profile = "speed"
    assert summary.conditions(session).startswith(
        "speed: the first 80 steps of an epoch of 45,000 SYNTHETIC training images at 64 px;"
    )


def test_the_title_says_how_exactly_the_cells_computed() -> None:
    session: Any = OneRun()
    (run,) = session.runs
    run.gate = GATE
    assert summary.conditions(session).endswith("\nprecision as measured: float32")
    coarse = replace(run, cell=replace(CELL, seed=1), gate=replace(GATE, precision="TF32"))
    session.runs, session.plans = [run, coarse], {run.cell: PLAN, coarse.cell: PLAN}
    assert summary.conditions(session).endswith(
        "\nprecision as measured is not the same: float32 in scratch-torch-cpu-s0; TF32 in"
        " scratch-torch-cpu-s1"
    )


def test_disturbed_epochs_are_counted_and_are_in_no_rate() -> None:
    session: Any = OneRun()
    (run,) = session.runs
    busy = replace(INTERFERENCE, own_cpu_seconds=3.0)
    slow = replace(EPOCH, epoch=3, warm_up=False, train_seconds=4.0, interference=busy)
    assert "disturbed" not in only_row(session), "a column without any figure is left out"
    run.epochs = [*run.epochs, slow]
    row = only_row(session)
    assert (row["disturbed"], row["s/epoch"]) == ("1 of 2", "2.00")
    run.epochs = [run.epochs[0], slow]
    row = only_row(session)
    assert (row["disturbed"], row["s/epoch"]) == ("1 of 1", "4.00")


def test_a_share_of_steps_that_were_disturbed_is_not_shown() -> None:
    """It would say that the epoch was faster than its own steps."""
    busy = replace(INTERFERENCE, own_cpu_seconds=3.0)
    sound: Any = OneRun(pipeline_ratio=1.02)
    assert only_row(sound)["input %"] == "102"
    disturbed: Any = OneRun(pipeline_ratio=1.47, step_interference=busy)
    assert "input %" not in only_row(disturbed), "a column without any figure is left out"
    (run,), (other,) = sound.runs, disturbed.runs
    other.cell = replace(CELL, seed=1)
    sound.runs, sound.plans = [run, other], {run.cell: PLAN, other.cell: PLAN}
    table = summary.summary_table(sound)
    (column,) = [column for column in table.columns if column.header == "input %"]
    assert list(column.cells) == ["102", summary.DASH]
    assert "A dash: every try at that step was disturbed" in summary.legend(table)


def lines_in(session: Any, width: int, *, is_terminal: bool) -> list[str]:
    text = summary.summary_text(session, width=width, colour=False, is_terminal=is_terminal)
    return text.splitlines()


def test_in_a_file_words_keep_to_the_width_and_the_row_is_whole() -> None:
    session: Any = OneRun()
    lines = lines_in(session, 60, is_terminal=False)
    _, row = [line for line in lines if len(line) > 60]  # below the names of the columns
    assert [part.strip() for part in row.split("  ") if part.strip()] == list(only_row(session).values())


def test_eighty_columns_have_room_for_the_longest_cell_with_energy_and_a_cards_memory() -> None:
    session: Any = OneRun("cuda", joules_per_image=0.31, peak_host_bytes=2 * 10**9)
    session.runs[0].result = replace(session.runs[0].result, peak_device_bytes=10**10)
    cell = replace(CELL, experiment="pretrained", engine="tensorflow-bf16", device="cuda", repeat=1)
    session.runs[0].cell, session.picked, session.plans = cell, [cell], {cell: PLAN}
    lines = lines_in(session, 80, is_terminal=True)
    assert max(map(len, lines)) <= 80
    assert column_names(lines) == ["cell", "epochs", "images/s", "MB", "test %"]


def column_names(lines: list[str]) -> list[str]:
    (names,) = [line for line in lines if line.startswith(" cell")]
    return [name.strip() for name in names.split("  ") if name.strip()]


def test_a_narrow_terminal_goes_without_minor_columns_and_says_so() -> None:
    session: Any = OneRun()
    whole = lines_in(session, 120, is_terminal=True)
    assert whole == lines_in(session, 120, is_terminal=False)
    width = 1 + max(len(line) for line in whole if line.startswith((" cell", " scratch")))
    assert 80 < width < 120
    narrow = ["input %", "roofline %", "drift", "M"]
    for room, missing in ((width, []), (width - 1, ["M"]), (80, narrow)):
        lines = lines_in(session, room, is_terminal=True)
        assert max(map(len, lines)) <= room
        assert column_names(lines) == [name for name in column_names(whole) if name not in missing]
        said = [line for line in lines if line.startswith("in a wider window")]
        assert said == [f"in a wider window, and in the report: {', '.join(missing)}"] * bool(missing)
    assert not any(line.startswith("roofline %:") for line in lines)


def test_the_cells_are_in_the_grids_order_whenever_each_was_run() -> None:
    """A resumed session has its finished cells before the others."""
    session: Any = OneRun()
    (done,) = session.runs
    done.gate = GATE
    late = replace(done, cell=replace(CELL, seed=1), gate=replace(GATE, precision="TF32"))
    session.runs, session.plans = [done, late], {late.cell: PLAN, done.cell: PLAN}
    names = summary.summary_table(session).columns[0].cells
    assert list(names) == ["scratch-torch-cpu-s1", "scratch-torch-cpu-s0"]
    assert summary.conditions(session).endswith(
        "TF32 in scratch-torch-cpu-s1; float32 in scratch-torch-cpu-s0"
    )


def test_reasons_warnings_and_meters_without_a_reading_are_told_in_words() -> None:
    session: Any = OneRun()
    (valid,) = session.runs
    meters = {"time": Reads(kind="perf counter"), "energy": Reads(kind="no counter")}
    start = replace(START, meters=meters)
    valid = replace(
        valid,
        start=start,
        verdict=replace(VALID, warnings=(OnBattery(), NoOtherEngine(engine="torch"))),
    )
    bad = CheckFailed(check=replace(CHECK, measured=0.9))
    invalid = replace(
        valid,
        cell=replace(CELL, seed=1),
        verdict=Verdict(validity="invalid", reasons=(bad, Diverged(epoch=2)), warnings=()),
    )
    failed = replace(
        invalid,
        cell=replace(CELL, seed=2),
        result=None,
        failure=Failure(reason="the worker was killed", log_tail="the last words"),
    )
    session.plans = {run.cell: PLAN for run in (valid, invalid, failed)}
    session.runs, session.warnings = [failed, valid, invalid], {"it may fall asleep"}
    session.skipped = [SkippedCell(cell=replace(CELL, seed=3), plan=PLAN, reason="no weights")]
    description = "the compiled logits on cpu, against the reference in float64"
    assert summary.explanations(session) == [
        "scratch-torch-cpu-s1 is invalid:"
        f" logits: 0.9 where 2.4e-05 at most is allowed ({description});"
        " diverged at epoch 2: a loss not finite, or rising beyond all bounds",
        "scratch-torch-cpu-s2 failed: the worker was killed",
        "    the last words",
        "scratch-torch-cpu-s0, note: on battery",
        "scratch-torch-cpu-s0, note: not checked: torch against another engine: none was run",
        "energy not measured: neither RAPL nor NVML counts energy here",
        "it may fall asleep",
        "scratch-torch-cpu-s3 skipped: no weights",
    ]


def test_a_saved_run_of_an_earlier_schema_differs_in_its_conditions_alone() -> None:
    content = read(ROOT / "tests" / "bench" / "records" / "samples" / "version-4.json")
    entry = content["benchmarks"][0]
    session: Any = OneRun()
    session.runs = [load(content).runs[0]]
    assert summary.saved_differences(session, {"0001_old.json": {"train": entry}}) == []
    entry["extra_info"]["plan"]["epochs"] += 1
    assert summary.saved_differences(session, {"a/0001_old.json": {"train": entry}}) == [
        "compared: plan epochs: 4 here, 5 there (in 0001_old.json): scratch-torch-cpu-s0"
    ]
    (run,) = session.runs
    late, theirs = replace(run, cell=replace(run.cell, seed=1)), dict(entry)
    theirs["param"] = late.cell.id
    session.runs, session.plans = [run, late], {late.cell: PLAN, run.cell: PLAN}
    (line,) = summary.saved_differences(session, {"f.json": {"train": entry, "again": theirs}})
    assert line.endswith("scratch-torch-cpu-s1, scratch-torch-cpu-s0"), "the grid's order"


def test_a_saved_run_that_cannot_be_upgraded_has_another_method() -> None:
    content = read(ROOT / "tests" / "bench" / "records" / "samples" / "version-4.json")
    session: Any = OneRun()
    session.runs = [load(content).runs[0]]
    entry = content["benchmarks"][0]
    entry["extra_info"]["start"]["schema"] = 3
    assert summary.saved_differences(session, {"0001_old.json": {"train": entry}}) == [
        "compared: method: 1 here, unknown there (in 0001_old.json): scratch-torch-cpu-s0",
        "compared: plan steps per epoch: unknown here, absent there (in 0001_old.json):"
        " scratch-torch-cpu-s0",
    ]
