"""What captions set side by side was measured side by side, and one quantity has one figure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.records.types import Machine
from reports import typeset
from reports.document import Picture, Table
from reports.frame import frames
from reports.plots import classes, cost, drift, learning, memory, pick, speed
from reports.prose.parts import part_of
from reports.sources import gather
from reports.study import typical
from reports.study.compare import Study, study
from reports.tables import comparisons, glance
from tests.support.report_files import ANNA, BOB, content_of, epochs_of, run_of, write

FILES = dict[str, tuple[Machine, list[dict[str, Any]]]]


def study_of(folder: Path, files: FILES) -> Study:
    for name, (machine, runs) in files.items():
        write(folder, name, content_of(machine, runs))
    return study(frames(gather([str(folder)])))


def run(engine: str, seconds: float, device: str = "mps", **given: Any) -> dict[str, Any]:
    """Nine epochs, the first a warm-up, at a steady speed."""
    return run_of("scratch", engine, epochs_of([1.2 * seconds, *[seconds] * 8]), device=device, **given)


def caption(plot: Callable[[Study], Picture | None], given: Study) -> str:
    picture = plot(given)
    assert picture is not None
    return " ".join(sentence.text for sentence in picture.caption)


def cells(table: Table, column: str) -> list[str]:
    place = [each.name for each in table.columns].index(column)
    return [row[place] for row in table.rows]


@pytest.fixture(scope="module")
def split(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """PyTorch on one machine alone, and TensorFlow on another."""
    return study_of(
        tmp_path_factory.mktemp("split"),
        {"a.json": (ANNA, [run("torch", 100.0)]), "b.json": (BOB, [run("tensorflow", 40.0)])},
    )


@pytest.fixture(scope="module")
def two_devices(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One machine, PyTorch on its GPU and TensorFlow on its CPU."""
    return study_of(
        tmp_path_factory.mktemp("devices"),
        {"a.json": (ANNA, [run("torch", 60.0), run("tensorflow", 1200.0, "cpu")])},
    )


@pytest.mark.parametrize(
    ("plot", "sentences"),
    [
        (
            speed.seconds_per_epoch,
            (
                "A median epoch of scratch takes 1.7 min in PyTorch on anna (Apple GPU).",
                "A median epoch of scratch takes 40.0 s in TensorFlow on bob (Apple GPU).",
            ),
        ),
        (
            memory.memory,
            (
                "GB in PyTorch on anna (Apple GPU).",
                "GB in TensorFlow on bob (Apple GPU).",
            ),
        ),
        (
            cost.accuracy_over_time,
            (
                "min in PyTorch on anna (Apple GPU).",
                "min in TensorFlow on bob (Apple GPU).",
            ),
        ),
        (
            learning.learning,
            (
                ") on anna (Apple GPU).",
                ") on bob (Apple GPU).",
            ),
        ),
        (
            classes.class_accuracy,
            (
                ") on anna (Apple GPU).",
                ") on bob (Apple GPU).",
            ),
        ),
        (
            drift.speed_drift,
            (
                "in PyTorch on anna (Apple GPU), in the median of a machine's runs.",
                "in TensorFlow on bob (Apple GPU), in the median of a machine's runs.",
            ),
        ),
    ],
    ids=["seconds", "memory", "time to the best epoch", "best epoch", "classes", "drift"],
)
def test_engines_that_never_met_have_a_sentence_each(
    split: Study, plot: Callable[[Study], Picture | None], sentences: tuple[str, ...]
) -> None:
    text = caption(plot, split)
    for sentence in sentences:
        assert sentence in text
    assert " in PyTorch and " not in text


def test_a_gpu_and_a_cpu_of_one_machine_have_a_sentence_each(two_devices: Study) -> None:
    text = caption(speed.seconds_per_epoch, two_devices)
    assert "60.0 s in PyTorch on anna (Apple GPU)." in text
    assert "20.0 min in TensorFlow on anna (CPU)." in text


def test_one_figure_of_two_devices_names_them(tmp_path: Path) -> None:
    both = [run("torch", 60.0), run("torch", 1200.0, "cpu")]
    text = caption(speed.seconds_per_epoch, study_of(tmp_path, {"a.json": (ANNA, both)}))
    assert (
        "A median epoch of scratch takes 60.0 s (anna, Apple GPU) to 20.0 min (anna, CPU) in PyTorch."
    ) in text


def test_the_front_names_the_device_of_a_machine_with_two(tmp_path: Path) -> None:
    seeds = [
        run(engine, seconds, device, seed=seed)
        for engine, seconds, device in (("torch", 60.0, "mps"), ("tensorflow", 1200.0, "cpu"))
        for seed in range(3)
    ]
    text = caption(cost.time_to_accuracy, study_of(tmp_path, {"a.json": (ANNA, seeds)}))
    assert "scratch in PyTorch on anna, Apple GPU (" in text


def test_engines_that_met_stay_in_one_sentence(tmp_path: Path) -> None:
    pair = [run("torch", 60.0), run("tensorflow", 80.0)]
    text = caption(speed.seconds_per_epoch, study_of(tmp_path, {"a.json": (ANNA, pair)}))
    assert "A median epoch of scratch takes 60.0 s in PyTorch and 80.0 s in TensorFlow." in text


def test_many_places_are_counted(split: Study) -> None:
    assert pick.where(split.runs) == "on anna (Apple GPU) and bob (Apple GPU)"
    more = split.runs.iloc[[0, 1, 1]].assign(machine=["a", "b", "b"], device=["cuda", "cuda", "cpu"])
    assert pick.where(more) == "on 2 machines (NVIDIA GPU and CPU)"


@pytest.fixture(scope="module")
def repeated(tmp_path_factory: pytest.TempPathFactory) -> Study:
    """Three runs of PyTorch, two of them in one session: 100 s and 144 s, and 480 s in another."""
    return study_of(
        tmp_path_factory.mktemp("repeated"),
        {
            "1.json": (
                ANNA,
                [run("torch", 100.0), run("torch", 144.0, seed=1), run("tensorflow", 120.0)],
            ),
            "2.json": (ANNA, [run("torch", 480.0, seed=2), run("tensorflow", 120.0, seed=2)]),
        },
    )


def test_seconds_an_epoch_are_one_figure_wherever_they_stand(repeated: Study) -> None:
    """The mean is geometric: sqrt(100 x 144) is 120 s of one session, sqrt(120 x 480) 240 s of both.
    Their arithmetic median is 144 s.
    """
    torch = repeated.runs[repeated.runs["engine"] == "torch"]
    assert typical.seconds_per_epoch(torch) == pytest.approx(240.0)
    row = glance.glance(repeated)
    own = row[(row["experiment"] == "scratch") & (row["engine"] == "torch") & (row["kind"] == "")]
    assert own["seconds_per_epoch"].tolist() == pytest.approx([240.0])
    assert comparisons.engines(repeated)["first_seconds_per_epoch"].tolist() == pytest.approx([240.0])
    assert cells(typeset.tables(repeated)["frameworks"], "PyTorch, s/epoch") == ["240"]
    picture = speed.seconds_per_epoch(repeated)
    assert picture is not None
    numbers = [number for sentence in picture.caption for number in sentence.numbers]
    [shown] = [number for number in numbers if len(number.runs) == 3]
    assert shown.value == pytest.approx(240.0)
    assert shown.what.startswith("geometric mean over 3 runs: ")
    assert "takes 4.0 min in PyTorch and 2.0 min in TensorFlow" in caption(
        speed.seconds_per_epoch, repeated
    )


def test_the_quotient_of_two_seconds_is_the_ratio_beside_them(repeated: Study) -> None:
    [row] = comparisons.engines(repeated).to_dict("records")
    quotient = row["second_seconds_per_epoch"] / row["first_seconds_per_epoch"]
    assert row["ratio"] == pytest.approx(quotient)


def test_memory_is_in_one_unit_wherever_it_stands(two_devices: Study) -> None:
    tables = typeset.tables(two_devices)
    [grown] = {*cells(tables["glance"], "Memory, GB")} - {"–"}
    assert cells(tables["resources"], "Grown by, GB") == [grown, grown]
    assert f"takes {grown} GB in PyTorch" in caption(memory.memory, two_devices)
    assert not [
        column.name
        for table in tables.values()
        for column in table.columns
        if "MB" in column.name and table.key not in {"sources", "networks"}
    ]


def test_memory_of_several_runs_is_one_figure_wherever_it_stands(tmp_path: Path) -> None:
    """2 GB and 8 GB of two sessions are 4 GB: their geometric mean."""
    files: FILES = {}
    for number, grown in enumerate((2e9, 8e9)):
        epochs = [replace(each, peak_host_bytes=int(1e9 + grown)) for each in epochs_of([60.0] * 6)]
        start = {"baseline_host_bytes": 10**9}
        both = run_of("scratch", "torch", epochs, seed=number, start=start)
        files[f"{number}.json"] = (ANNA, [both])
    given = study_of(tmp_path, files)
    tables = typeset.tables(given)
    assert "4.00" in cells(tables["glance"], "Memory, GB")
    assert cells(tables["resources"], "Grown by, GB") == ["4.00"]
    assert "takes 4.00 GB in PyTorch" in caption(memory.memory, given)


def test_a_computers_memory_is_told_alike_as_field_and_as_difference(split: Study) -> None:
    tables = typeset.tables(split)
    [anna, bob] = cells(tables["computers"], "Memory")
    assert f"memory: {bob} on bob, {anna} on anna" in cells(tables["differences"], "Difference")


def test_a_cell_has_no_seed(split: Study) -> None:
    runs = typeset.tables(split)["runs"]
    assert "Cell and seed" in [column.name for column in runs.columns]
    assert "A cell is experiment, framework and device; a run is a cell with its seed." in " ".join(
        sentence.text for sentence in runs.caption
    )


@pytest.mark.parametrize(
    ("own", "every", "start", "text"),
    [
        (2, 2, False, "both runs"),
        (2, 2, True, "Both runs"),
        (1, 2, False, "1 of 2 runs"),
        (3, 3, False, "all 3 runs"),
        (1, 1, True, "The one run"),
    ],
)
def test_so_many_runs_of_so_many(own: int, every: int, start: bool, text: str) -> None:
    names = [f"R{n + 1}" for n in range(every)]
    sentence = part_of(names[:own], names, "converged", start=start)
    assert sentence.text == text
    assert all(number.runs and set(number.runs) <= set(names) for number in sentence.numbers)
