"""Every kind that the records know has its place in the report, and no text decides which."""

from __future__ import annotations

from pathlib import Path
from typing import Any, get_args

import pytest

from bench.records.types import (
    CutOff,
    DeviceSlowedDown,
    LowPowerMode,
    NoOtherEngine,
    OnBattery,
    PlacementUnknown,
    ReferenceDiffers,
    ResumedDespite,
    RunWarning,
    SlowedDown,
    SwappedIn,
    ThermalPressure,
    Translated,
    VirtualMac,
)
from reports.data.settings import assign
from reports.data.sources import LeftOutKind, gather
from reports.study.conditions import FLAGS, flags
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, write

NO_CONDITION = {ResumedDespite, PlacementUnknown, NoOtherEngine, ReferenceDiffers}
"""Warnings that are not about the state of the computer: `cut off` stands beside the first."""
CUT_OFF = CutOff(after_epoch=2, resumed_after=2, seconds=5.0, why=None, went_back_because=None)


def row(*warnings: RunWarning, **fields: Any) -> dict[str, Any]:
    calm = {"power": "mains", "low_power": False, "thermal": "nominal", "interruptions": 0}
    return {"warnings": warnings, **calm, **fields}


def test_every_kind_of_warning_is_a_flag_or_known_to_be_none() -> None:
    assert set(FLAGS) | NO_CONDITION == set(get_args(RunWarning))
    assert not set(FLAGS) & NO_CONDITION


@pytest.mark.parametrize(
    ("warning", "flag"),
    [
        (DeviceSlowedDown(share=0.3), "the device slowed down"),
        (SwappedIn(bytes=2 * 10**8), "too little memory"),
        (SlowedDown(share=0.1), "slowed down"),
        (OnBattery(), "on battery"),
        (LowPowerMode(), "low power mode"),
        (ThermalPressure(levels=("heavy",)), "heat"),
        (CUT_OFF, "cut off and resumed"),
        (VirtualMac(), "virtual Mac"),
        (Translated(), "translated by Rosetta"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_run_in_bad_condition_has_its_flag(warning: RunWarning, flag: str) -> None:
    """A device that slowed down and a run that swapped passed for good ones."""
    assert flags(row(warning)) == (flag,)


def test_a_condition_that_stands_in_two_places_is_one_flag() -> None:
    assert flags(row(OnBattery(), power="battery", thermal="heavy")) == ("on battery", "heat")
    assert flags(row(PlacementUnknown(why="whatever"))) == ()
    assert flags(row()) == ()


def test_what_is_left_out_has_its_kind(tmp_path: Path) -> None:
    good = content_of(ANNA, [run_of("scratch", "torch", epochs_of((100.0,) * 3))])
    write(tmp_path, "a/0001_good.json", good)
    write(tmp_path, "a/0002_copy.json", good)
    write(tmp_path, "a/0003_same_run.json", good | {"version": "another"})
    write(tmp_path, "a/0004_other_version.json", good | {"schema": 3})
    write(tmp_path, "a/0005_other_suite.json", {"benchmarks": []})
    broken = content_of(ANNA, [run_of("scratch", "tensorflow", epochs_of((100.0,) * 3))])
    broken["benchmarks"][0]["extra_info"]["epochs"][0]["train_seconds"] = -1.0
    write(tmp_path, "a/0006_broken.json", broken)
    (tmp_path / "a" / "0007_gone.json").symlink_to("nowhere")
    later = content_of(ANNA, [run_of("augmented", "torch", epochs_of((100.0,) * 3))])
    later["benchmarks"][0]["extra_info"]["cell"]["engine"] = "abacus"
    write(tmp_path, "a/0008_later.json", later)
    kinds = {item.name.split("_", 1)[1]: item.kind for item in gather([str(tmp_path)]).left_out}
    assert kinds == {
        "copy.json": "same file",
        "same_run.json": "same run",
        "other_version.json": "other version",
        "other_suite.json": "not a result file",
        "broken.json": "not a record",
        "gone.json": "unreadable",
        "later.json": "unknown engine",
    }
    every = {kind for part in get_args(LeftOutKind) for kind in (get_args(part) or (part,))}
    assert set(kinds.values()) == every


def test_runs_of_two_methods_never_share_a_letter() -> None:
    """What the clock covers has changed between them, so their figures are not of one kind."""
    runs = [
        {
            **dict.fromkeys(("image_size", "test_images", "train_images", "batch_size", "seed"), 1),
            **dict.fromkeys(("epochs_cap", "patience"), 1),
            "profile": "full",
            "dataset": "cifar10",
            "learning_rates": (0.001,),
            "epoch_length": "whole",
            "variant": "standard",
            "experiment": "scratch",
            "engine": "torch",
            "machine": machine,
            "validity": "valid",
            "says_nothing": None,
            "weights_origin": "he-uniform",
            "framework_version": "2.14",
            "data_sha256": "0",
            "method": method,
            "precision": "float32",
        }
        for machine, method in (("anna", 1), ("bob", 1), ("carl", 2))
    ]
    letters, table = assign(runs)
    assert letters == ["A", "A", "B"]
    assert table["differs"][1] == ("method of measuring: 2 instead of 1 (scratch)",)
