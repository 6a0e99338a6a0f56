"""The frames of two machines and both engines, figure by figure; who may be compared with whom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

from bench.records.types import METHOD, CheckFailed
from reports.data.frame import IDENTITY, Frames, frames
from reports.data.settings import assign
from reports.data.sources import gather
from reports.study import compare
from tests.support.report_files import (
    ANNA,
    BOB,
    FULL,
    IMAGES,
    JITTER,
    KNOTS,
    add_engines,
    content_of,
    epochs_of,
    run_of,
    two_machines,
    write,
)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Frames:
    return frames(gather([str(two_machines(tmp_path_factory.mktemp("results")))]))


def run(made: Frames, **what: Any) -> Any:
    """The row of the only run that is like this."""
    rows = made.runs
    for name, value in what.items():
        rows = rows[rows[name] == value]
    assert len(rows) == 1, rows
    return rows.iloc[0]


def test_every_run_is_a_row_with_its_id(made: Frames) -> None:
    assert list(made.runs["run"]) == [f"R{number}" for number in range(1, 23)]
    assert list(made.runs["machine"]) == ["anna"] * 12 + ["bob"] * 10
    assert made.runs["validity"].value_counts().to_dict() == {"valid": 20, "failed": 1, "invalid": 1}
    for frame in (made.epochs, made.classes, made.confusion, made.pictures, made.gates):
        assert tuple(frame.columns[: len(IDENTITY)]) == IDENTITY
        assert set(frame["run"]) <= set(made.runs["run"])


def test_the_figures_of_one_run(made: Frames) -> None:
    row = run(made, machine="anna", cell="scratch-torch-mps-s0", setting="A")
    seconds = [100.0 * each for each in JITTER]
    assert row["epochs"] == 8
    assert row["timed_epochs"] == 7
    assert row["seconds_per_epoch"] == pytest.approx(100.0)
    assert row["images_per_second"] == pytest.approx(IMAGES / 100.0)
    assert row["train_seconds"] == pytest.approx(sum(seconds))
    assert row["best_epoch"] == row["converged_at"] == 7  # one epoch of patience
    assert row["seconds_to_best"] == pytest.approx(sum(seconds[:7]))
    assert row["total_seconds"] == pytest.approx(sum(seconds) + 8 + 30)
    assert row["peak_host_bytes"] == 2_007_000_000
    assert row["grown_host_bytes"] == 1_507_000_000
    assert row["joules_per_epoch"] == pytest.approx(3000.0)  # dram's 5 J are no part of it
    assert row["joules_per_image"] == pytest.approx(3000.0 / IMAGES)
    assert row["joules_to_best_epoch"] == pytest.approx(7 * 3000.0)
    assert row["gpu_joules_per_epoch"] == pytest.approx(2250.0)
    assert row["validation_accuracy"] == pytest.approx(0.56)
    assert row["train_accuracy"] == pytest.approx(0.59)
    assert row["test_accuracy"] == pytest.approx(0.545)
    assert row["parameters"] == 58_322_314
    early, late = ((IMAGES / a + IMAGES / b) / 2 for a, b in (seconds[1:3], seconds[-2:]))
    assert row["early_images_per_second"] == pytest.approx(early)
    assert row["late_images_per_second"] == pytest.approx(late)
    assert row["drift"] == pytest.approx(late / early - 1)
    assert (row["power"], row["thermal"], row["low_power"]) == ("mains", "nominal", False)


def test_two_clones_of_one_computer_are_one_machine_and_their_engines_are_compared(
    tmp_path: Path,
) -> None:
    """As on CUDA, where each framework has a clone and packages of its own."""
    for engine, version in (("torch", "2.14.1"), ("tensorflow", "2.18.1")):
        clone = replace(ANNA, packages={engine: version})
        run_of_clone = run_of("scratch", engine, epochs_of([100.0] * 8), device="cuda")
        write(tmp_path / engine, "results/anna/0001.json", content_of(clone, [run_of_clone]))
    sources = [str(tmp_path / engine / "results") for engine in ("torch", "tensorflow")]
    study = compare.study(frames(gather(sources)))
    assert list(study.frames.machines["machine"]) == ["anna"]
    assert set(study.runs["engine"]) == {"torch", "tensorflow"}
    (pair,) = study.engines.to_dict("records")
    assert (pair["first"], pair["second"]) == ("torch", "tensorflow")
    assert pair["ratio"] == pytest.approx(1.0)


def test_a_run_that_failed_keeps_its_epochs_and_has_no_result(made: Frames) -> None:
    row = run(made, machine="anna", cell="pretrained-tensorflow-mps-s0")
    assert (row["validity"], row["reasons"]) == ("failed", ())
    assert row["failure"] == "its worker was killed by signal 9"
    assert row["epochs"] == 8
    assert row[["test_accuracy", "best_epoch", "total_seconds"]].isna().all()
    assert len(made.epochs[made.epochs["run"] == row["run"]]) == 8


def test_an_invalid_run_is_kept_with_its_reasons(made: Frames) -> None:
    row = run(made, machine="bob", cell="pretrained-tensorflow-mps-s0")
    assert row["validity"] == "invalid"
    [reason] = row["reasons"]
    assert isinstance(reason, CheckFailed)
    assert (reason.check.name, reason.check.measured) == ("logits", 0.3)
    assert pd.isna(row["failure"])
    assert row["run"] not in set(made.valid["run"])


def test_epochs_say_which_of_them_count(made: Frames) -> None:
    one = made.epochs[made.epochs["run"] == "R1"]
    assert list(one["timed"]) == [False] + [True] * 7
    assert list(one["train_seconds"]) == pytest.approx([100.0 * each for each in JITTER])
    assert list(one["elapsed_train_seconds"])[-1] == pytest.approx(sum(100.0 * each for each in JITTER))
    assert list(one["elapsed_joules"])[-1] == pytest.approx(8 * 3000.0)
    tuned = made.epochs[
        made.epochs["run"] == run(made, machine="bob", cell="pretrained-torch-mps-s0")["run"]
    ]
    assert list(tuned["timed"]) == [False] * 4 + [True] * 4  # of the last stage, all but its first


def test_classes_and_confusion_count_the_test_images(made: Frames) -> None:
    classes = made.classes[made.classes["run"] == "R1"]
    assert list(classes["accuracy"]) == pytest.approx([0.5 + 0.01 * i for i in range(10)])
    assert set(classes["images"]) == {1000}
    confusion = made.confusion[made.confusion["run"] == "R1"]
    assert confusion["images"].sum() == 10_000
    wrong = confusion[(confusion["class"] == "cat") & (confusion["answer"] == "deer")]
    assert list(wrong["images"]) == [470]
    mistaken = made.confusion[made.confusion["experiment"] == "mistaken"]
    assert "none of the ten" in set(mistaken["answer"])


def test_layers_add_up_to_the_law(made: Frames) -> None:
    law = {
        "standard": 58_322_314,
        "extra-dense": 62_388_354,
        "mistaken": 202_839_952,
        "torchvision": 57_044_810,
    }
    at_224 = made.layers[made.layers["image_size"] == 224]
    assert at_224.groupby("variant")["parameters"].sum().to_dict() == law


def test_pictures_are_the_same_for_both_engines(made: Frames) -> None:
    shown = made.pictures[made.pictures["run"].isin(["R1", "R3"])]
    assert len(shown) == 20
    assert shown.groupby("position")["pixels"].nunique().eq(1).all()
    first = shown.iloc[0]
    assert (first["class"], first["answer"], first["share"]) == ("airplane", "airplane", 0.5)
    assert first["pixels"] == bytes([10]) * 3072


def test_full_runs_are_a_and_quick_ones_are_apart(made: Frames) -> None:
    assert list(made.settings["setting"]) == ["A", "B"]
    assert list(made.settings["profile"]) == ["full", "quick"]
    assert list(made.settings["valid"]) == [18, 2]
    assert set(made.runs[made.runs["profile"] == "quick"]["setting"]) == {"B"}


def settings_of(folder: Path, *runs: dict[str, Any]) -> tuple[list[str], Frames]:
    """The letter of each run, in the order given, each in a file of its own."""
    for number, each in enumerate(runs):
        write(folder, f"{number:03}.json", content_of(ANNA if number % 2 else BOB, [each]))
    made = frames(gather([str(folder)]))
    letters = dict(zip(made.runs["file"], made.runs["setting"], strict=True))
    return [letters[f"{folder.name}/{number:03}.json"] for number in range(len(runs))], made


def scratch(
    seconds: float = 5.0,
    engine: str = "torch",
    *,
    losses: list[float | None] | None = None,
    method: int = METHOD,
    precision: str | None = "float32",
    **more: Any,
) -> dict[str, Any]:
    """A run of five epochs; `more` are of `run_of`."""
    run = run_of("scratch", engine, epochs_of([9.0, *[seconds] * 4], losses=losses), **more)
    run["method"] = method
    run["gate"]["precision"] = precision
    return run


APART: dict[str, tuple[dict[str, Any], str]] = {
    "epochs": ({"plan": replace(FULL, epochs=5)}, "epochs at most: 5 instead of 20 (scratch)"),
    "patience": (
        {"plan": replace(FULL, patience=2), "losses": [2.0, 1.9, 1.8, 1.81, 1.82]},
        "epochs of patience: 2 instead of 1 (scratch)",
    ),
    "training images": ({"start": {"data_sha256": "7" * 64}}, "the images themselves (scratch)"),
    "version": (
        {"start": {"versions": {"torch": "2.13.0+cu126"}}},
        "framework version: 2.13.0 instead of 2.14.1 (scratch with PyTorch)",
    ),
    "method": ({"method": 1}, "method of measuring: 1 instead of 2 (scratch)"),
    "precision": (
        {"precision": "TF32"},
        "precision as measured: TF32 instead of float32 (scratch with PyTorch)",
    ),
    "precision that is not known": (
        {"precision": None},
        "precision as measured: not known instead of float32 (scratch with PyTorch)",
    ),
    "weights": (
        {"start": {"weights_origin": "user file"}},
        "where the first weights are from: user file instead of he-uniform (scratch)",
    ),
}


@pytest.mark.parametrize("kind", APART)
def test_what_differs_in_one_thing_is_apart_and_the_thing_is_named(tmp_path: Path, kind: str) -> None:
    more, words = APART[kind]
    letters, made = settings_of(tmp_path, scratch(), scratch(6.0), scratch(7.0, **more))
    assert letters == ["A", "A", "B"]
    assert list(made.settings["differs"]) == [(), (words,)]


def test_another_batch_size_or_rate_is_another_setting(tmp_path: Path) -> None:
    batch = scratch(7.0)
    batch["plan"]["batch_size"] = 32
    batch["start"]["steps_per_epoch"] = IMAGES // 32
    letters, made = settings_of(tmp_path, scratch(), scratch(6.0), batch)
    assert letters == ["A", "A", "B"]
    assert list(made.settings["differs"]) == [(), ("images a batch: 32 instead of 64 (scratch)",)]
    rows: list[Any] = made.runs[made.runs["setting"] == "A"].to_dict("records")
    rows = [row | {"says_nothing": None} for row in rows]
    letters, table = assign([*rows, rows[0] | {"learning_rates": ("0.01",)}])
    assert letters == ["A", "A", "B"]
    assert list(table["differs"]) == [(), ("learning rates: 0.01 instead of 0.001 (scratch)",)]


@pytest.mark.parametrize(
    "plan",
    [
        replace(FULL, image_size=64),
        replace(FULL, dataset="synthetic"),
        replace(FULL, profile="quick"),
    ],
)
def test_another_size_profile_or_data_set_is_another_setting(tmp_path: Path, plan: Any) -> None:
    letters, _ = settings_of(tmp_path, scratch(6.0, plan=plan), scratch(7.0, plan=plan), scratch())
    assert letters == ["B", "B", "A"]  # the fullest profile is A, also where it has fewer runs


def test_builds_of_one_version_engines_and_seeds_do_not_part(tmp_path: Path) -> None:
    letters, _ = settings_of(
        tmp_path,
        scratch(),
        scratch(6.0, start={"versions": {"torch": "2.14.1+cu126"}}),
        scratch(7.0, engine="tensorflow"),
        scratch(8.0, seed=1, start={"data_sha256": "5" * 64}),  # another seed draws another split
    )
    assert letters == ["A"] * 4


def test_another_minor_version_is_pooled_with_none(tmp_path: Path) -> None:
    letters, made = settings_of(
        tmp_path, scratch(), scratch(6.0, start={"versions": {"torch": "2.14.0"}}), scratch(7.0)
    )
    assert letters == ["A", "B", "A"]
    assert sorted(cell[:4] for cell in compare.samples(made)) == [
        ("anna", "B", "scratch", "torch"),
        ("bob", "A", "scratch", "torch"),
    ]


def test_a_version_is_held_against_its_own_framework_and_a_precision_against_its_own_engine(
    tmp_path: Path,
) -> None:
    """TensorFlow's precision, TF32 as well, hid that torch's was another."""
    runs = []
    for experiment in ("scratch", "mistaken"):
        for engine, precision in (("torch", "float32"), ("tensorflow", "TF32")):
            for seed in (0, 1):
                run = run_of(experiment, engine, epochs_of([9.0, *[5.0] * 4]), seed=seed)
                run["gate"]["precision"] = precision
                runs.append(run)
        other = run_of(experiment, "torch", epochs_of([9.0, *[6.0] * 4]), seed=2)
        other["gate"]["precision"] = "TF32"
        other["start"]["versions"]["torch"] = "2.13.0"
        runs.append(other)
    write(tmp_path, "0001.json", content_of(ANNA, runs))
    made = frames(gather([str(tmp_path)]))
    assert list(made.settings["differs"]) == [
        (),
        (
            "framework version: 2.13.0 instead of 2.14.1 (scratch and mistaken with PyTorch)",
            "precision as measured: TF32 instead of float32 (scratch and mistaken with PyTorch)",
        ),
    ]


def test_a_run_that_is_not_valid_is_no_usual_way(tmp_path: Path) -> None:
    failed = scratch(8.0, failure="no memory", start={"versions": {"torch": "2.12.0"}}, seed=1)
    other = scratch(7.0, start={"versions": {"torch": "2.13.0"}})
    letters, made = settings_of(tmp_path, scratch(), scratch(6.0), other, failed)
    assert letters == ["A", "A", "B", "A"]
    assert made.settings["differs"][1] == (
        "framework version: 2.13.0 instead of 2.14.1 (scratch with PyTorch)",
    )


def test_repeats_of_a_cell_are_runs_of_one_sample(tmp_path: Path) -> None:
    runs = [scratch(5.0 + number, repeat=number) for number in range(3)]
    letters, made = settings_of(tmp_path, *runs)
    assert letters == ["A"] * 3
    assert list(made.runs["repeat"]) == [1, 0, 2]  # the second file is anna's, the others are bob's
    assert made.runs["cell"].iloc[0] == "scratch-torch-mps-s0-r1"
    assert {len(sample.runs) for sample in compare.samples(made).values()} == {1, 2}


def test_a_second_engine_of_a_framework_has_its_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_engines(monkeypatch, KNOTS)
    later = scratch(7.0, engine=KNOTS.name, start={"versions": {"torch": "3.0.0"}})
    letters, made = settings_of(tmp_path, scratch(), scratch(6.0, seed=1), later)
    assert letters == ["A", "A", "B"]  # both are of one framework, whose versions differ
    assert set(made.runs["framework_version"]) == {"2.14.1", "3.0.0"}


def test_a_run_that_was_cut_short_parts_nothing(tmp_path: Path) -> None:
    """Its learning rates are those of its first stage alone."""
    fine = run_of("pretrained", "torch", epochs_of([9.0] * 5))
    failed = run_of("pretrained", "torch", epochs_of([9.0] * 5), failure="no memory", seed=1)
    failed["epochs"] = failed["epochs"][:1]
    letters, _ = settings_of(tmp_path, fine, failed)
    assert letters == ["A", "A"]


def test_a_run_that_never_began_parts_nothing(tmp_path: Path) -> None:
    failed = scratch(failure="no memory") | {"start": None, "epochs": [], "gate": None}
    letters, made = settings_of(tmp_path, scratch(), failed)
    assert letters == ["A", "A"]
    assert set(made.runs["validity"]) == {"valid", "failed"}
