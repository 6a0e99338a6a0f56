"""Chapters with more engines than there is room for: what they group, turn, leave out and say."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as replace_row
from pathlib import Path

import pandas as pd
import pytest
from msgspec.structs import replace

from alexnet.frameworks import registry
from reports.chapters import method
from reports.chapters.engines import multiples
from reports.chapters.learning import accuracy
from reports.chapters.learning.levels import levels_table
from reports.chapters.networks import transfer
from reports.chapters.resources.frame import Compared, cells
from reports.chapters.resources.pictures import MOST_BARS, memory_picture
from reports.study.accuracy import judge, systems
from reports.study.compare import Study
from reports.study.resources import card_memory, energy, host_memory
from reports.write.document import Table
from tests.support.precisions import HALF, WARP, timed_run
from tests.support.report_files import ANNA, KNOTS, LOOM, add_engines
from tests.support.report_study import saved, saved_runs

EXTRA = replace_row(
    HALF,
    name="torch-third",
    label="PyTorch third",
    light_hue="#70608f",
    dark_hue="#cdbdee",
    marker="8",
    line=(0, (9.0, 3.0)),
    shape="⯄",
)
ENGINES = ("torch", KNOTS.name, HALF.name, EXTRA.name, "tensorflow", LOOM.name, WARP.name)
ORDER = ("torch", "tensorflow", LOOM.name, KNOTS.name, HALF.name, EXTRA.name, WARP.name)
"""As the patched registry has them."""
EXPERIMENTS = ("scratch", "mistaken", "augmented", "pretrained")


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM, KNOTS, HALF, EXTRA, WARP)
        yield


@pytest.fixture(scope="module")
def given(made_up: None, tmp_path_factory: pytest.TempPathFactory) -> Study:
    """One machine with seven engines in four experiments, the n-th of n + 9 seconds and n + 1 GB."""
    runs = [
        timed_run(
            engine,
            10.0 + place,
            precision=registry.ENGINES[engine].precision,
            experiment=experiment,
            gigabytes=2.0 + place,
        )
        for experiment in EXPERIMENTS
        for place, engine in enumerate(ENGINES)
    ]
    return saved_runs(tmp_path_factory.mktemp("results"), *runs)


def captions(table: Table) -> str:
    return " ".join(sentence.text for sentence in table.caption)


def test_a_framework_whose_engines_lay_tensors_out_alike_has_one_column(given: Study) -> None:
    heads = [column.name for column in transfer(given)["transfer"].columns]
    assert heads == [
        *("Tensor", "Shape", "In the weights file"),
        *("In PyTorch", "In TensorFlow", "In Loom", "sha256"),
    ]


def test_accuracies_of_many_engines_have_a_row_an_engine(given: Study) -> None:
    judged = judge(systems(given.runs))
    table = accuracy.accuracies_table(judged, given)["accuracies"]
    assert {column.name for column in table.columns} == {"Engine", *EXPERIMENTS}
    assert [row[0] for row in table.rows] == [registry.ENGINES[name].label for name in ORDER]
    by_name = {system.name: system for system in judged.systems}
    heads = [column.name for column in table.columns]
    for row in table.rows:
        [engine] = [name for name in ORDER if registry.ENGINES[name].label == row[0]]
        for experiment in EXPERIMENTS:
            mean = by_name[experiment, engine].mean
            assert row[heads.index(experiment)] == f"{100 * mean:.1f}"


def test_levels_of_many_engines_are_of_those_in_float32(given: Study) -> None:
    table = levels_table(given)["time_to_reach"]
    assert len(table.rows) + table.left_out == 28
    heads = [column.name for column in table.columns]
    shown = {row[heads.index("Engine")] for row in table.rows}
    assert shown == {"PyTorch", "PyTorch knots", "TensorFlow", "Loom"}
    assert "The engines are those in float32." in captions(table)


def test_bars_of_more_than_have_room_are_of_one_experiment(given: Study) -> None:
    compared = Compared(host=host_memory(given), card=card_memory(given), energy=energy(given))
    frame = cells(given, compared)
    assert len(frame) == 28 == MOST_BARS
    whole = memory_picture(frame, compared)
    assert whole is not None
    assert "mistaken" in whole.alt
    twice = frame.assign(device="cuda")
    more = memory_picture(pd.concat([frame, twice], ignore_index=True), compared)
    assert more is not None
    assert "mistaken" not in more.alt
    assert "The experiment is scratch; the others are in the table." in " ".join(
        sentence.text for sentence in more.caption
    )


def test_multiples_are_of_an_engine_in_float32(given: Study) -> None:
    """Though another is the slowest of all."""
    rows = given.main_engines
    assert multiples.reference_engine(rows) == LOOM.name
    picture = multiples.picture(given)
    assert picture is not None
    assert "as multiples of Loom's" in picture.alt


def test_of_more_engines_than_are_drawn_those_in_float32_are(
    given: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(multiples, "MOST_ROWS", 20)
    picture = multiples.picture(given)
    assert picture is not None
    assert "PyTorch knots" in picture.alt
    assert "half" not in picture.alt
    assert "Drawn are the engines in float32." in [sentence.text for sentence in picture.caption]


def test_a_machine_without_a_gpu_beside_one_with_has_a_dash(tmp_path: Path) -> None:
    bare = replace(ANNA, name="rack", gpu=None, gpu_cores=None, chip="AMD EPYC")
    sides = [(ANNA, "mps"), (bare, "cpu")]
    files = [(machine, [timed_run("torch", 10.0, device=device)]) for machine, device in sides]
    section = method.chapter(saved(tmp_path, *files))
    assert section is not None
    [table] = [b for b in section.blocks if isinstance(b, Table) and b.key == "computers"]
    at = [column.name for column in table.columns].index("GPU")
    assert {row[0]: row[at] for row in table.rows}["rack"] == "–"
