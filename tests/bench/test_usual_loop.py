"""The usual loop: the same work as ours, timed in turn, and what is said of it."""

from __future__ import annotations

import json
import math
from functools import cache
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from rich.console import Console

from alexnet.data import DataError
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import WayUnavailable
from alexnet.recipe import EXPERIMENTS
from bench import usual_loop
from bench.host.lock import Lock
from bench.paths import ROOT
from bench.usual_loop import (
    BARE,
    OURS,
    Comparison,
    ComparisonFailed,
    Row,
    loss_line,
    main,
    plan_of,
    table,
)
from tests.support.engines import engines
from tests.support.real_worker import output_of

BATCH, STEPS = 64, 20
FRAMEWORKS = [name for name in registry.FRAMEWORKS if registry.FRAMEWORKS[name].usual_loop]
ENGINE = next(iter(registry.USUAL_LOOPS))


@cache
def answers(engine: str) -> Any:
    return json.loads(output_of("tests.support.usual_worker", engine))


each_framework = pytest.mark.parametrize("engine", engines(FRAMEWORKS))


@pytest.mark.slow
@each_framework
def test_the_usual_loop_trains_the_same_network_in_as_many_steps(engine: str) -> None:
    found = answers(engine)
    ours, usual = found["parameters"]
    assert ours == usual > 1_000_000
    steps, taken = found["steps"]
    assert taken == steps, "an epoch has as many steps as ours, though one more was asked for"
    assert {len(row["seconds"]) for row in found["rows"].values()} == {3}


@pytest.mark.slow
@each_framework
def test_the_usual_loop_learns(engine: str) -> None:
    """Ten classes by chance have a loss of ln 10; the trial of the ways has trained before."""
    for losses in answers(engine)["losses"].values():
        assert losses[-1] < math.log(10) - 0.5
    assert answers(engine)["losses"][usual_rows(engine)[-1]][-1] < 1.5


@pytest.mark.slow
@each_framework
def test_it_also_trains_on_crops_and_flips(engine: str) -> None:
    for steps, loss in answers(engine)["augmented"]:
        assert steps == 10
        assert 2.0 < loss < 3.0


@pytest.mark.slow
@each_framework
def test_its_pixels_are_those_of_the_reference(engine: str) -> None:
    """torchvision resizes uint8, and so rounds to one of 256 values."""
    found = answers(engine)["pixels"]
    assert bool(found) is (engine != "jax")
    for off in found.values():
        assert off < (1.01 / 255 if engine == "torch" else 1e-6)


@pytest.mark.slow
@each_framework
def test_every_way_to_load_images_is_tried_and_the_fastest_taken(engine: str) -> None:
    found = answers(engine)
    assert list(found["tried"]) == found["ways"]
    assert found["tried"][found["way"]] == max(found["tried"].values())


def usual_rows(engine: str) -> list[str]:
    return [name for name in answers(engine)["rows"] if name not in (OURS, BARE)]


class Log:
    """A clock, and which loop trained when; each loop has a speed of its own."""

    def __init__(self) -> None:
        self.now = 0.0
        self.trained: list[str] = []

    def train(self, name: str, seconds: float) -> None:
        self.trained.append(name)
        self.now += seconds


class PaperUsual:
    """A usual loop whose second way to load images is the fastest, and whose third does not work."""

    rows, ways = ("usual", "unread"), ("one", "two", "three")
    SECONDS = {"one": 0.5, "two": 0.25}  # noqa: RUF012 - nobody changes it

    def __init__(self, log: Log, *, parameters: int = 7, steps: int | None = None) -> None:
        self.log, self.parameters, self.most, self.way = log, parameters, steps, "one"

    def use(self, way: str, steps: int) -> None:
        self.way, self.epoch_steps = way, steps

    def train(self, row: str, steps: int) -> tuple[int, float]:
        if self.way not in self.SECONDS:
            raise WayUnavailable("no shared memory")
        self.log.train(row, steps * self.SECONDS[self.way])
        return (steps if self.most is None else min(steps, self.most)), 2.0


class PaperOurs:
    """Our side of the comparison: ten steps of 0.125 s, of four images each."""

    steps_per_epoch = 10
    net = SimpleNamespace(parameters=7)
    recipe = SimpleNamespace(batch_size=4)
    dataset = SimpleNamespace(train=SimpleNamespace(images=[0] * 40, labels=[0] * 40))

    def __init__(self, log: Log) -> None:
        self.log = log
        self.trainer = SimpleNamespace(
            synchronize=lambda: None,
            to_device=lambda images, labels: (images, labels),
            step=lambda batch, rate: self.log.train(BARE, 0.0625),
            pop_metrics=lambda: (1.5, 0.5),
        )
        self.meters = SimpleNamespace(time=SimpleNamespace(seconds=0.0))

    def measure(self, number: int) -> int:
        self.log.train(f"{OURS} {number}", 1.25)
        self.meters.time.seconds = 1.25
        return 40


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> Log:
    log = Log()
    monkeypatch.setattr("bench.meters.time.perf_counter", lambda: log.now)
    return log


def comparison(log: Log, **usual: Any) -> Comparison:
    ours: Any = PaperOurs(log)
    return Comparison(ours=ours, usual=PaperUsual(log, **usual))


def test_every_loop_trains_once_a_round_and_the_first_place_moves_on(log: Log) -> None:
    found = comparison(log)
    rows = found.rows(3)
    epochs = [name for at, name in enumerate(log.trained) if name != BARE or log.trained[at - 1] != BARE]
    assert epochs == [
        *("usual", "unread", f"{OURS} 1", BARE),  # in which engines compile
        *("unread", f"{OURS} 2", BARE, "usual"),
        *(f"{OURS} 3", BARE, "usual", "unread"),
        *(BARE, "usual", "unread", f"{OURS} 4"),
    ]
    assert log.trained.count(BARE) == 4 * 10, "as many steps as an epoch has"
    assert rows == {
        "usual": Row(seconds=[5.0] * 3, losses=[2.0] * 3),
        "unread": Row(seconds=[5.0] * 3, losses=[2.0] * 3),
        OURS: Row(seconds=[1.25] * 3, losses=[1.5] * 3),
        BARE: Row(seconds=[0.625] * 3, losses=[None] * 3),
    }


def test_the_fastest_way_is_kept_and_one_that_fails_is_said(log: Log) -> None:
    found = comparison(log)
    way, tried = found.fastest_way()
    assert (way, tried) == ("two", {"one": 8.0, "two": 16.0, "three": "no shared memory"})
    assert isinstance(found.usual, PaperUsual)
    assert (found.usual.way, found.usual.epoch_steps) == ("two", 10)


def test_without_any_way_the_comparison_fails(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(PaperUsual, "SECONDS", {})
    with pytest.raises(ComparisonFailed, match="no shared memory"):
        comparison(log).fastest_way()


def test_another_network_or_fewer_steps_are_no_comparison(log: Log) -> None:
    comparison(log).check()
    with pytest.raises(ComparisonFailed, match="trains 8 parameters and ours 7"):
        comparison(log, parameters=8).check()
    with pytest.raises(ComparisonFailed, match="took 9 steps where ours takes 10"):
        comparison(log, steps=9).rows(3)


ROWS = {
    "usual": Row(seconds=[4.0, 4.0, 5.0, 4.0], losses=[2.5, 2.4, 2.3, 2.2]),
    OURS: Row(seconds=[2.0, 2.0, 2.0, 2.0], losses=[2.6, 2.5, 2.4, 2.3]),
    BARE: Row(seconds=[1.6, 1.6, 2.0, 1.6], losses=[None] * 4),
}


def test_the_table_has_each_loop_beside_ours() -> None:
    out = StringIO()
    Console(file=out, width=80).print(table(ROWS, 1280))
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines[1][:6] == ["usual", "320", "272", "to", "320", "0.473"]
    assert lines[2] == [OURS, "640", "640", "to", "640", "1", "–"]
    assert lines[3][:2] == ["bare", "step"]
    assert loss_line(ROWS).endswith(": usual 2.500 and 2.200; ours 2.600 and 2.300")


@pytest.mark.parametrize("experiment", usual_loop.TRAINED)
def test_an_epoch_has_just_so_many_steps(experiment: str) -> None:
    batch_size = EXPERIMENTS[experiment].recipe.batch_size
    for steps in range(1, 21):
        plan = plan_of(experiment, steps=steps, image_size=64, data_folder=None)
        assert plan.train_images
        assert (plan.train_images % 10, plan.train_images // batch_size) == (0, steps)
        assert plan.dataset == "synthetic"
    assert plan_of(experiment, steps=1, image_size=64, data_folder=Path("x")).dataset == "cifar10"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--steps", "0"], "an epoch has 1 to 703 of 64 images"),
        (["--steps", "704"], "an epoch has 1 to 703 of 64 images"),
        (["--rounds", "2"], "3 or more are needed to say anything"),
        (["--json", "/nowhere/at/all.json"], "there is no folder /nowhere/at"),
        (["--experiment", "pretrained"], "invalid choice: 'pretrained'"),
        (["--engine", "mlx"], "invalid choice: 'mlx'"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_a_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.usefixtures("lock_path")
def test_a_folder_that_is_not_cifar_10_is_refused_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    error = DataError(f"{tmp_path} is empty", "fill it")
    monkeypatch.setattr(usual_loop, "prepare_training", lambda *a, **k: (_ for _ in ()).throw(error))
    with pytest.raises(SystemExit):
        main(["--data-dir", str(tmp_path)])
    assert f"{tmp_path} is empty" in capsys.readouterr().err


@pytest.mark.usefixtures("lock_path")
def test_the_command_prints_the_table_and_writes_the_raw_seconds(
    log: Log, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    found = comparison(log)
    ours: Any = found.ours
    plan = plan_of("scratch", steps=10, image_size=64, data_folder=None)
    cell = SimpleNamespace(engine=ENGINE, device="cpu", experiment="scratch", seed=0)
    ours.job = SimpleNamespace(cell=cell, plan=plan)
    monkeypatch.setenv("HOME", "/home/quillfeather")
    flags = f"--a=/home/quillfeather/d --b={ROOT}/e"
    start = {"device_name": "CPU", "data_sha256": "ab", "versions": {"x": "1"}}
    ours.start = SimpleNamespace(**start, settings={"XLA_FLAGS": flags})
    monkeypatch.setattr(usual_loop, "prepare", lambda *args, **kwargs: found)
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    # Rounds that are equal to the bit have no interval: each epoch takes a little longer.
    trained = log.train
    monkeypatch.setattr(log, "train", lambda name, s: trained(name, s * (1 + len(log.trained) / 1e4)))
    file = tmp_path / "out.json"
    assert main(["--engine", ENGINE, "--json", str(file), "--rounds", "4"]) == 0
    out = capsys.readouterr().out
    assert "two: 16 images/s on a few steps (taken)" in out
    assert "three: no shared memory" in out
    assert registry.USUAL_LOOPS[ENGINE] in out
    saved = json.loads(file.read_text())
    assert {name: len(row["seconds"]) for name, row in saved["rows"].items()} == {
        "usual": 4,
        "unread": 4,
        OURS: 4,
        BARE: 4,
    }
    assert saved["way"] == "two"
    assert saved["parameters"] == {"ours": 7, "usual": 7}
    assert saved["versions"] == {"x": "1"}
    assert saved["settings"] == {"XLA_FLAGS": "--a=~/d --b=<checkout>/e"}
    assert saved["machine"]["python"]


@pytest.mark.usefixtures("lock_path")
def test_loops_that_differ_end_with_a_sentence_and_free_the_lock(
    log: Log, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(usual_loop, "prepare", lambda *args, **kwargs: comparison(log, parameters=8))
    assert main([]) == 1
    assert "not the same network" in capsys.readouterr().err
    Lock().acquire("a second one")
