"""The table, the pairs, and what is said where measuring takes more than it may."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from alexnet.frameworks import registry
from bench.overhead import __main__ as command
from bench.overhead import parts
from bench.overhead.count import MAX_SHARE, Count, Pairs, plan_of
from bench.overhead.parts import BETWEEN, Length, Part
from bench.records.types import SPEED
from tests.support.engines import engines
from tests.support.paper_overhead import Clock, PaperRun, use_as_clock, use_meters
from tests.support.real_worker import output_of

ENGINE = next(iter(registry.ENGINES))
EVEN = Pairs(metered=[1.01, 1.0, 0.99], bare=[1.0, 1.0, 1.0], epochs=[10.0])


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, lock_path: Path) -> PaperRun:
    clock = Clock()
    use_as_clock(clock, monkeypatch)
    use_meters(clock, monkeypatch, memory=0.0, energy=0.0)
    monkeypatch.setattr(parts, "record_seconds", lambda job, epoch, folder: (0.0, 0.0))
    paper = PaperRun(clock)
    monkeypatch.setattr(command, "prepare_training", lambda *args, **kwargs: paper)
    # Pairs that are equal to the bit have no interval: each epoch takes a little longer.
    measure = paper.measure

    def slower_and_slower(number: int) -> int:
        clock.does(len(paper.log) ** 2 / 2**17)
        return measure(number)

    monkeypatch.setattr(paper, "measure", slower_and_slower)
    return paper


def run_command(tmp_path: Path) -> int:
    return command.main([ENGINE, "--pairs", "6"], tmp_path / "results")


def test_what_takes_little_is_in_the_table_and_allowed(
    run: PaperRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_command(tmp_path) == 0
    out = capsys.readouterr().out
    assert f"{ENGINE} on a paper processor: epochs of 10 steps of 64 images at 224 px" in out
    lines = [re.split(r"  +", line.strip()) for line in out.splitlines()]
    rows = {name: cells for name, *cells in lines if cells and cells[-1].endswith("%")}
    assert list(rows) == [
        *("within the clock", "heartbeats", "warm-up's digests"),
        *("between epochs", "memory", "energy", "time", "reference kernel", "epoch's record"),
        "both, 0.5% allowed",
    ]
    assert rows["reference kernel"] == ["0.062500", "0.625%", "0.250%", "0.004%"]
    assert rows["both, 0.5% allowed"] == ["0.062500", "0.625%", "0.250%", "0.004%"]
    assert "this, 10.0 s" in out
    assert "speed, 25.0 s" in out
    assert "full, 1,757.5 s" in out, "703 steps of 2.5 s"
    assert "energy reads nothing here: neither RAPL nor NVML counts energy here" in out
    assert not list((tmp_path / "results").iterdir())


def test_epochs_come_in_pairs_that_alternate(run: PaperRun, tmp_path: Path) -> None:
    run_command(tmp_path)
    assert run.log[:5] == [(1, 3), (2, 1), (2, 3), (3, 3), (3, 1)]
    assert len(run.log) == 1 + 2 * 6


def test_a_slow_meter_is_named_and_gives_status_1(
    run: PaperRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    use_meters(run.clock, monkeypatch, memory=0.0, energy=0.0625)
    assert run_command(tmp_path) == 1
    out = capsys.readouterr().out
    assert (
        "Measuring takes 0.75% of an epoch of speed, and 0.5% is allowed. Its dearest part is energy:"
        " 0.125 s.\n" in out
    )
    assert "epoch of full, and" not in out, "there it takes 0.01 %"


def test_a_price_that_was_not_counted_shows_in_the_pairs(
    run: PaperRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run.hidden = 1.0
    assert run_command(tmp_path) == 1
    out = capsys.readouterr().out
    assert "The pairs say more than was counted" in out
    assert "Measuring takes" not in out


@pytest.mark.parametrize(("step_seconds", "speed"), [(1.0, 25.0), (0.01, 7.03)])
def test_an_epoch_of_speed_is_no_longer_than_one_of_full(step_seconds: float, speed: float) -> None:
    this = Length(name="this", seconds=4 * step_seconds, steps=4)
    found = Count(parts=[], this=this, pairs=EVEN, reads={})
    assert found.speed.seconds == pytest.approx(speed)
    assert found.speed.steps == round(speed / step_seconds)
    assert found.full.seconds == pytest.approx(703 * step_seconds)
    assert found.full.steps == 703


@pytest.mark.parametrize(("seconds", "complaints"), [(0.124, 0), (0.126, 1), (3.52, 2)])
def test_both_profiles_are_held_to_the_limit(seconds: float, complaints: int) -> None:
    this = Length(name="this", seconds=1.0, steps=1)
    part = Part(name="x", place=BETWEEN, seconds=seconds)
    found = Count(parts=[part], this=this, pairs=EVEN, reads={})
    assert len(found.complaints()) == complaints
    assert MAX_SHARE * 25 == 0.125
    assert MAX_SHARE * 703 == 3.515


def test_the_plan_is_that_of_speed() -> None:
    plan = plan_of(7)
    assert (plan.profile, plan.image_size, plan.train_images, plan.steps_per_epoch) == (
        SPEED,
        224,
        None,
        7,
    )


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--steps", "0"], "an epoch has 1 to 703 of 64 images"),
        (["--steps", "704"], "an epoch has 1 to 703 of 64 images"),
        (["--pairs", "2"], "3 or more are needed to say anything"),
    ],
)
def test_what_cannot_be_counted_is_refused_in_a_sentence(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main([ENGINE, *arguments])
    assert ended.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize("engine", engines(registry.FRAMEWORKS))
def test_an_engine_is_counted(engine: str, tmp_path: Path) -> None:
    found: Any = output_of("tests.support.overhead_worker", engine, str(tmp_path))
    lines = [line.split() for line in found.splitlines()]
    assert [name for name, *_ in lines] == [
        *("heartbeats", "warm-up's", "host", "device", "energy", "processors", "time"),
        *("reference", "epoch's", "pairs"),
    ]
    assert all(0 < float(line[-1]) < 5 for line in lines)
