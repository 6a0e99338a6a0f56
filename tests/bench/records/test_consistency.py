"""A run holds or does not: what its plan and epochs give, what is possible, and for which runs."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import structs

from bench.records import derive, limits
from bench.records.clock import parse_time
from bench.records.consistency import first_contradiction, times_can_be
from bench.records.early_stopping import converged_at, training_end
from bench.records.limits import EARLIEST_TIME, MAX_CLOCK_AHEAD
from bench.records.read import LoadedRun, load
from bench.records.types import SCHEMA_VERSION
from tests.support.samples import EPOCH
from tests.support.saved_file import genuine_content
from tests.support.saved_file_edits import Change, put


def first_run(*changes: Change) -> LoadedRun:
    """The Linux file's first benchmark: patience of two epochs ended it after the fourth."""
    content: Any = json.loads(json.dumps(genuine_content("linux")))
    for change in changes:
        change(content)
    return load(content).runs[0]


def test_every_run_of_a_genuine_file_holds() -> None:
    for name in ("linux", "mac", "interrupted"):
        for run in load(genuine_content(name)).runs:
            assert first_contradiction(run) is None


def test_what_makes_no_run_is_said_before_its_figures() -> None:
    run = first_run(put("run/plan/image_size", 3), put("run/result/best_epoch", 1))
    assert str(first_contradiction(run)).startswith("plan makes no run")


def test_an_invalid_run_may_have_measured_what_cannot_be() -> None:
    ratio = derive.images_per_second(first_run().epochs[-1]) / 1e9
    too_fast = (
        put("run/result/step_images_per_second", 1e9),
        put("run/result/pipeline_ratio", ratio),
    )
    assert "result.step_images_per_second is" in str(first_contradiction(first_run(*too_fast)))
    invalid = put("run/verdict/validity", "invalid")
    assert first_contradiction(first_run(*too_fast, invalid)) is None


def test_an_invalid_run_has_no_end_that_its_epochs_do_not_give() -> None:
    invalid = put("run/verdict/validity", "invalid")
    run = first_run(put("run/result/converged_at", 4), invalid)
    assert first_contradiction(run) == "result.converged_at is 4, and by epochs it is 2"


@pytest.mark.parametrize(
    ("ahead", "holds"), [(MAX_CLOCK_AHEAD, True), (MAX_CLOCK_AHEAD + timedelta(seconds=1), False)]
)
def test_a_time_may_be_a_month_ahead(ahead: timedelta, holds: bool) -> None:
    run = first_run()
    assert run.after
    after = parse_time(run.after.taken_at)
    assert after
    assert (list(times_can_be(run, after - ahead)) == []) == holds


def test_the_earliest_time_is_allowed() -> None:
    for time, holds in ((EARLIEST_TIME, True), (EARLIEST_TIME - timedelta(seconds=1), False)):
        run = first_run(put("run/before/taken_at", time.isoformat()))
        assert (list(times_can_be(run, datetime(2027, 1, 1, tzinfo=UTC))) == []) == holds


@pytest.mark.parametrize("text", ["", "noon", "2026-11-24", "2026-11-24T12:00:00"])
def test_a_time_has_its_zone(text: str) -> None:
    assert parse_time(text) is None


def test_the_end_of_training_follows_from_the_losses() -> None:
    run = first_run()
    end = training_end(run.recipe, run.net.classes, run.epochs)
    assert (end.best_epoch, end.stopped, end.epochs) == (2, "patience", 4)
    cut = training_end(run.recipe, run.net.classes, run.epochs[:3])
    assert (cut.best_epoch, cut.stopped, cut.epochs) == (2, None, 3)
    none = training_end(run.recipe, run.net.classes, [])
    assert (none.best_epoch, none.stopped, none.epochs) == (None, None, 0)
    lost = structs.replace(run.epochs[1], validation_loss=None)
    diverged = training_end(run.recipe, run.net.classes, [run.epochs[0], lost, *run.epochs[2:]])
    assert (diverged.best_epoch, diverged.stopped, diverged.epochs) == (1, "diverged", 2)


def test_only_patience_is_convergence() -> None:
    assert [converged_at(3, stopped) for stopped in ("patience", "cap", "diverged")] == [3, None, None]


def test_the_ratio_to_the_bare_step_is_of_the_last_undisturbed_epoch() -> None:
    last = structs.replace(EPOCH, epoch=3, train_seconds=2.0)
    slept = structs.replace(EPOCH, epoch=4, train_seconds=1.0, wall_seconds=600.0)
    ratio = derive.pipeline_ratio([EPOCH, last, slept], "cpu", step_images_per_second=400.0)
    assert ratio == pytest.approx(640 / 2.0 / 400.0)


def test_what_epochs_took_has_all_that_they_timed() -> None:
    whole = structs.replace(
        EPOCH,
        train_seconds=2.0,
        evaluate_seconds=0.5,
        best_weights_seconds=0.25,
        checkpoint_seconds=0.125,
    )
    bare = structs.replace(whole, best_weights_seconds=None, checkpoint_seconds=None)
    assert derive.recorded_seconds([whole, bare]) == pytest.approx(2.875 + 2.5)


def test_a_peak_is_the_largest_of_those_that_were_measured() -> None:
    epochs = [
        structs.replace(EPOCH, peak_host_bytes=host, peak_device_bytes=None) for host in (3, None, 7, 5)
    ]
    assert derive.peak_host_bytes(epochs) == 7
    assert derive.peak_device_bytes(epochs) is None


def test_limits_that_decide_which_epochs_count_are_those_of_the_schema() -> None:
    """A file's figures were derived with the limits of its schema.

    Whoever changes one raises SCHEMA_VERSION and lets bench/records/upgrade.py derive the results of
    earlier files anew: else every honest file of before contradicts itself, and no report takes it.
    """
    assert SCHEMA_VERSION == 9
    assert {
        "MAX_TAKEN_CPU_SHARE": limits.MAX_TAKEN_CPU_SHARE,
        "CPU_SLACK_SECONDS": limits.CPU_SLACK_SECONDS,
        "MIN_FREE_CPUS": limits.MIN_FREE_CPUS,
        "MAX_TAKEN_BESIDE_GPU": limits.MAX_TAKEN_BESIDE_GPU,
        "MAX_GPU_SHARE": limits.MAX_GPU_SHARE,
        "MAX_SECONDS_APART": limits.MAX_SECONDS_APART,
        "MIN_DRIFT_EPOCHS": limits.MIN_DRIFT_EPOCHS,
    } == {
        "MAX_TAKEN_CPU_SHARE": 0.01,
        "CPU_SLACK_SECONDS": 0.05,
        "MIN_FREE_CPUS": 2.0,
        "MAX_TAKEN_BESIDE_GPU": 0.1,
        "MAX_GPU_SHARE": 0.1,
        "MAX_SECONDS_APART": 5.0,
        "MIN_DRIFT_EPOCHS": 6,
    }


def test_a_peak_of_too_little_memory_is_no_reason_to_lose_a_run() -> None:
    """How a system counts a GPU's buffers is not known everywhere: that is a warning, and a gap."""
    least = 21_622_154 * 8
    for peak, holds in ((least // 2, True), (least // 50, True), (least // 200, False)):
        run = first_run(*(put(f"run/epochs/{i}/peak_host_bytes", peak) for i in range(4)))
        run = structs.replace(run, result=None)
        assert (first_contradiction(run) is None) == holds, peak


def test_an_invalid_run_keeps_its_place_whatever_its_clock_said() -> None:
    early = put("run/start/started_at", "2019-11-24T12:00:00+00:00")
    assert "before 2020" in str(first_contradiction(first_run(early)))

    def invalid(content: Any) -> None:
        content["benchmarks"][0]["extra_info"]["verdict"]["validity"] = "invalid"

    assert first_contradiction(first_run(early, invalid)) is None
