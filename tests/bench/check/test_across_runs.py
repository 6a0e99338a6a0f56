"""Runs of one file that contradict one another are named, and so are those of two computers."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from bench.check.across_runs import (
    one_computer,
    one_run_at_a_time,
    same_batches,
    same_tensors_of_a_weights_file,
)
from bench.records.read import load
from bench.records.types import Interruption, Pause
from tests.support.engines import YARDSTICKS
from tests.support.samples import TENSOR
from tests.support.saved_file import (
    CUT_OFF,
    FALLING,
    LINUX,
    MAC,
    SCRATCH,
    Content,
    make_file,
    make_run,
)
from tests.support.saved_file_edits import (
    OTHER_SHA256,
    SECOND_RUN,
    Change,
    Edits,
    assert_edit_is_named,
    both,
    edit_cases,
    for_each_epoch,
    put,
    reseal,
    runs_of,
    twice,
    violations_of,
)

THIRD_RUN = "benchmarks/2/extra_info"

EDITS: Edits = {
    "cells_are_unique": [
        (put("skipped", twice), "pretrained-torch-cpu-s0: cell stands in this file more"),
    ],
    "same_images": [
        (
            put(f"{SECOND_RUN}/start/data_sha256", OTHER_SHA256),
            "start.data_sha256 is not that of scratch-torch",
        ),
    ],
    "same_first_weights_and_batch": [
        (put(f"{SECOND_RUN}/start/weights_sha256", OTHER_SHA256), "start.weights_sha256 is not that of"),
        (put(f"{SECOND_RUN}/gate/batch_sha256", OTHER_SHA256), "gate.batch_sha256 is not that of"),
    ],
    "same_tensors_of_a_weights_file": [
        (
            both(
                put("run/start/weight_transfer", [to_builtins(TENSOR)]),
                put(
                    f"{SECOND_RUN}/start/weight_transfer",
                    [to_builtins(replace(TENSOR, sha256=OTHER_SHA256))],
                ),
            ),
            "scratch-tensorflow-cpu-s0: start.weight_transfer has another hash of conv1.bias than",
        ),
    ],
    "same_batches": [
        (
            put(f"{SECOND_RUN}/result/batches_sha256", OTHER_SHA256),
            "scratch-tensorflow-cpu-s0: result.batches_sha256 is not that of scratch-torch-cpu-s0",
        ),
        (
            put(f"{THIRD_RUN}/result/batches_sha256", OTHER_SHA256),
            "mistaken-tensorflow-cpu-s0: result.batches_sha256 is not that of scratch-torch-cpu-s0",
        ),
    ],
    "one_computer": [
        (put(f"{THIRD_RUN}/start/device_name", "CPU 2"), "mistaken-.*start.device_name is not that of"),
        (put(f"{THIRD_RUN}/start/versions/numpy", "2.1.0"), "mistaken-.*start.versions is not that of"),
        (put(f"{THIRD_RUN}/start/settings", {"threads": "4"}), "mistaken-.*start.settings is not that"),
        (
            for_each_epoch(SECOND_RUN, "interference/idle_cpu_seconds", lambda seconds: seconds + 5.0),
            "scratch-tensorflow-cpu-s0: epochs.interference counts 4 logical processors, and that of"
            " scratch-torch-cpu-s0 counts 2",
        ),
    ],
    "one_run_at_a_time": [
        (
            put(f"{SECOND_RUN}/before/taken_at", "2026-11-24T12:03:50+00:00"),
            "scratch-tensorflow-cpu-s0: it ran at .*, when scratch-torch-cpu-s0 was still running",
        ),
        (
            put(f"{SECOND_RUN}/after/taken_at", "2026-11-24T12:31:00+00:00"),
            "it ran at .*, when scratch-tensorflow-cpu-s0 was still running",
        ),
    ],
}


@pytest.mark.parametrize(("rule", "change", "sentence"), edit_cases(EDITS))
def test_an_edit_is_named_even_with_a_new_checksum(rule: str, change: Change, sentence: str) -> None:
    assert_edit_is_named(rule, change, sentence)


@pytest.mark.parametrize("source", ["7be5be79" + "0" * 56, "a" * 64])
def test_a_tensor_of_one_weights_file_is_the_same_in_all_runs(source: str) -> None:
    """Whether the second run's file is the same or not; a new head may differ by its seed."""
    cell = replace(SCRATCH, experiment="pretrained")
    runs = [make_run(replace(cell, seed=seed), FALLING) for seed in (0, 1)]
    runs[1]["start"]["weights_source_sha256"] = source
    runs[1]["start"]["weights_origin"] = "user file"
    content = make_file(LINUX, runs, [], [])
    assert list(same_tensors_of_a_weights_file(load(content))) == []
    put(f"{SECOND_RUN}/start/weight_transfer/2/sha256", OTHER_SHA256)(content)
    named = [
        "pretrained-torch-cpu-s1: start.weight_transfer has another hash of conv2.weight than"
        " pretrained-torch-cpu-s0, and the weights file is the same"
    ]
    expected = named if source.startswith("7be5be79") else []
    assert list(same_tensors_of_a_weights_file(load(reseal(content)))) == expected


def two_runs(cuts: Sequence[Interruption] = (), pauses: Sequence[Pause] = ()) -> Content:
    """Two runs of one engine. The first was cut off after its second epoch; its session paused."""
    first = make_run(SCRATCH, FALLING, interruptions=list(cuts), warm_ups=(1, 3) if cuts else (1,))
    second = make_run(replace(SCRATCH, experiment="mistaken"), FALLING)
    return make_file(LINUX, [first, second], [], []) | {"interruptions": to_builtins(list(pauses))}


PAUSE = Pause(
    stopped_at="2026-11-24T12:06:00+00:00",
    why="Ctrl-C",
    resumed_at="2026-11-24T12:08:00+00:00",
    seconds=120.0,
    differences=("numpy: 2.0.2 before, 2.1.0 now",),
)


@pytest.mark.parametrize(
    ("cuts", "pauses", "holds"),
    [
        ((), (), False),
        ((), (PAUSE,), True),
        ((), (replace(PAUSE, differences=()),), False),
        ((), (replace(PAUSE, resumed_at="2026-11-24T13:00:00+00:00", seconds=3240.0),), False),
        ((replace(CUT_OFF, differences=("numpy",)),), (), True),
        ((CUT_OFF,), (), False),
    ],
    ids=[
        "never paused",
        "after a pause with differences",
        "after a pause without",
        "before the pause",
        "a run that was resumed despite them",
        "a run that was resumed",
    ],
)
def test_versions_may_differ_only_where_the_file_says_so(
    cuts: Sequence[Interruption], pauses: Sequence[Pause], holds: bool
) -> None:
    content = two_runs(cuts, pauses)
    assert violations_of(content) == []
    for part in ("start", "result"):
        content["benchmarks"][1]["extra_info"][part]["versions"]["numpy"] = "2.1.0"
    found = violations_of(reseal(content))
    assert (found == []) is holds, found
    assert all("start.versions is not that of" in sentence for sentence in found)


def test_two_computers_in_one_file_are_named_though_each_run_holds() -> None:
    """A run of another Mac, sealed anew: its processors and its times tell."""
    ours, theirs = two_runs(), two_runs()
    stranger = theirs["benchmarks"][1]
    for epoch in stranger["extra_info"]["epochs"]:
        epoch["interference"]["idle_cpu_seconds"] += 8 * epoch["train_seconds"]
    stranger["extra_info"]["before"]["taken_at"] = "2026-11-24T11:58:00+00:00"
    ours["benchmarks"][1] = stranger
    found = violations_of(reseal(ours))
    assert len(found) == 2, found
    assert "counts 10 logical processors, and that of scratch-torch-cpu-s0 counts 2" in found[0]
    assert "one cell at a time" in found[1]


def test_processors_of_short_epochs_and_of_those_slept_in_are_not_counted() -> None:
    content = two_runs()
    for epoch in content["benchmarks"][1]["extra_info"]["epochs"]:
        epoch["interference"]["idle_cpu_seconds"] += 10.0
        epoch["wall_seconds"] += 9.0
    assert list(one_computer(load(content))) == []
    for epoch in content["benchmarks"][1]["extra_info"]["epochs"]:
        epoch["wall_seconds"] -= 9.0
    assert len(list(one_computer(load(content)))) == 1
    for epoch in content["benchmarks"][1]["extra_info"]["epochs"]:
        epoch["train_seconds"] = 1.9
    assert list(one_computer(load(content))) == []


OTHERS_AT = {"during the pause": ("12:02:00", True), "while it ran": ("12:03:45", False)}


@pytest.mark.parametrize("when", OTHERS_AT)
def test_another_cell_may_run_while_one_is_paused(when: str) -> None:
    """Its session was resumed for another cell first, as by -k."""
    time, holds = OTHERS_AT[when]
    cut = replace(CUT_OFF, resumed_at="2026-11-24T12:03:30+00:00", seconds=150.0)
    content = two_runs([cut])
    other = content["benchmarks"][1]["extra_info"]
    other["before"]["taken_at"] = other["start"]["started_at"] = f"2026-11-24T{time}+00:00"
    other["after"]["taken_at"] = "2026-11-24T12:03:00+00:00" if holds else "2026-11-24T12:09:00+00:00"
    found = list(one_run_at_a_time(load(content)))
    assert (found == []) is holds, found


def test_a_run_that_began_anew_has_the_times_of_its_last_attempt() -> None:
    cut = replace(
        CUT_OFF,
        stopped_at="2026-11-24T11:00:00+00:00",
        resumed_at="2026-11-24T12:00:01+00:00",
        seconds=3601.0,
        resumed_after=0,
        went_back_because="no checkpoint had been taken yet",
    )
    content = two_runs([cut])
    assert list(one_run_at_a_time(load(content))) == []
    content["benchmarks"][1]["extra_info"]["before"]["taken_at"] = "2026-11-24T12:01:00+00:00"
    assert len(list(one_run_at_a_time(load(content)))) == 1


def test_two_frameworks_may_have_two_names_for_one_gpu() -> None:
    """Apple's plugin calls it METAL, where torch knows the chip's name."""
    mps = replace(SCRATCH, device="mps")
    runs = [make_run(replace(mps, engine=name), FALLING, machine=MAC, seconds=30) for name in YARDSTICKS]
    content = make_file(MAC, runs, [], [])
    content["benchmarks"][1]["extra_info"]["start"]["device_name"] = "METAL"
    assert violations_of(reseal(content)) == []


def test_runs_may_overlap_by_as_much_as_a_clock_is_set_back() -> None:
    content = two_runs()
    content["benchmarks"][1]["extra_info"]["before"]["taken_at"] = "2026-11-24T12:04:01+00:00"
    assert list(one_run_at_a_time(load(content))) == []
    content["benchmarks"][1]["extra_info"]["before"]["taken_at"] = "2026-11-24T12:03:59+00:00"
    assert len(list(one_run_at_a_time(load(content)))) == 1


def test_batches_of_another_epoch_are_not_compared() -> None:
    """After a resume the hash is of the first epoch of the new process."""
    content = two_runs([CUT_OFF])
    for run in runs_of(content)[:1]:
        run["result"]["batches_sha256"] = OTHER_SHA256
    assert list(same_batches(load(content))) == []
    content = two_runs()
    runs_of(content)[0]["result"]["batches_sha256"] = OTHER_SHA256
    assert len(list(same_batches(load(content)))) == 1
