"""The experiment with a competitor: it competes as asked, and the limit is read off its table."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

import psutil
import pytest
from msgspec.structs import replace
from rich.console import Console

from alexnet.frameworks import registry
from alexnet.frameworks.protocol import DeviceUnavailable
from bench import interference
from bench.host.lock import Lock
from bench.interference import (
    SLICE_SECONDS,
    ExperimentFailed,
    Pair,
    Timing,
    compete,
    competitor,
    concluded,
    limit,
    main,
    measure_pairs,
    share_at,
)
from bench.records import derive
from bench.records.types import Interference, Reads

READING = Interference(
    busy_cpu_seconds=7.0,
    idle_cpu_seconds=0.5,
    own_cpu_seconds=6.25,
    stolen_cpu_seconds=0.5,
    gpu_share=None,
)


@pytest.mark.parametrize(
    ("reading", "share"),
    [
        (READING, 1.25 / 8.0),
        (replace(READING, stolen_cpu_seconds=None), 0.75 / 7.5),
        (replace(READING, own_cpu_seconds=7.25), 0.5 / 8.0),  # ticks are coarser than its own time
        (replace(READING, own_cpu_seconds=None), None),
        (replace(READING, busy_cpu_seconds=None), None),
        (replace(READING, idle_cpu_seconds=None), None),
    ],
)
def test_the_share_is_of_all_processors_time(reading: Interference, share: float | None) -> None:
    use = derive.processor_use(reading, 4.0)
    assert (use and use.taken_share) == (share and pytest.approx(share))


class Time:
    """A clock that a busy loop moves by a microsecond a look, and a sleep by its seconds."""

    def __init__(self) -> None:
        self.now = self.slept = 0.0

    def __call__(self) -> float:
        self.now += 1e-6
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds
        self.slept += seconds


@pytest.mark.parametrize("busy_share", [0.01, 0.2, 1.0])
def test_a_competitor_is_busy_for_its_share_of_every_slice(
    busy_share: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    time, parents = Time(), iter([7] * 100 + [1])
    monkeypatch.setattr(interference, "perf_counter", time)
    monkeypatch.setattr(interference, "sleep", time.sleep)
    monkeypatch.setattr(os, "getppid", lambda: next(parents))
    compete(busy_share, 7)
    assert time.now == pytest.approx(100 * SLICE_SECONDS, rel=1e-3)
    assert 1 - time.slept / time.now == pytest.approx(busy_share, abs=1e-3)


def test_a_competitor_whose_parent_is_gone_ends() -> None:
    compete(1.0, parent=-1)


def children() -> list[psutil.Process]:
    return psutil.Process().children()


def test_a_competitor_works_within_the_context_and_is_gone_after_it() -> None:
    before = {child.pid for child in children()}
    with competitor(1.0):
        (process,) = [child for child in children() if child.pid not in before]
        began = sum(process.cpu_times()[:2])
        deadline = monotonic() + 60
        while sum(process.cpu_times()[:2]) < began + 0.05 and monotonic() < deadline:
            sleep(0.01)
        assert sum(process.cpu_times()[:2]) >= began + 0.05, "it has worked"
    assert not process.is_running()


def test_a_competitor_that_does_not_begin_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("false"))
    with pytest.raises(ExperimentFailed, match="before it began"), competitor(0.5):
        raise AssertionError("nothing is timed beside it")


def kill(process: psutil.Process) -> None:
    process.kill()
    process.wait(60)


def test_a_competitor_that_dies_is_an_error() -> None:
    before = {child.pid for child in children()}
    with pytest.raises(ExperimentFailed, match="ended early"), competitor(0.01):
        kill(*[child for child in children() if child.pid not in before])


class PaperRun:
    """Epochs of four seconds, longer by twice the share that its competitor takes of two processors."""

    def __init__(self) -> None:
        self.busy_share, self.log = 0.0, []  # type: float, list[tuple[int, float]]
        self.meters: Any = SimpleNamespace(time=SimpleNamespace(seconds=0.0), interference=self.reading)

    @contextmanager
    def competitor(self, busy_share: float) -> Iterator[None]:
        self.busy_share = busy_share
        yield
        self.busy_share = 0.0

    def measure(self, number: int) -> int:
        self.log.append((number, self.busy_share))
        self.meters.time.seconds = 4.0 * (1 + self.busy_share)
        return 1280

    def reading(self) -> Interference:
        both = 2 * self.meters.time.seconds
        others = both * self.busy_share / 2
        return replace(
            READING,
            busy_cpu_seconds=both,
            idle_cpu_seconds=0.0,
            own_cpu_seconds=both - others,
            stolen_cpu_seconds=None,
        )


@pytest.fixture
def paper(monkeypatch: pytest.MonkeyPatch) -> Any:
    run = PaperRun()
    monkeypatch.setattr(interference, "competitor", run.competitor)
    return run


def test_every_competitor_has_its_pairs_of_the_same_epoch_in_alternate_order(paper: Any) -> None:
    measured = measure_pairs(paper, [5.0, 50.0], 2)
    assert paper.log == [
        (1, 0.0),  # compiles
        *((2, 0.05), (2, 0.0), (3, 0.5), (3, 0.0)),
        *((4, 0.0), (4, 0.05), (5, 0.0), (5, 0.5)),
    ]
    assert {percent: len(pairs) for percent, pairs in measured.items()} == {5.0: 2, 50.0: 2}
    for pair in measured[50.0]:
        assert pair.alone == Timing(seconds=4.0, taken_share=0.0)
        assert pair.beside.seconds == 6.0
        assert pair.beside.taken_share == pytest.approx(0.25)
        assert pair.slowdown == 0.5
    # Where a share is taken of both processors, the epoch is longer by twice that share.
    assert limit(measured) == pytest.approx(0.01)


def test_an_epoch_without_processor_times_is_an_error(paper: Any) -> None:
    paper.meters.interference = lambda: replace(READING, busy_cpu_seconds=None)
    with pytest.raises(ExperimentFailed, match="could not be read"):
        measure_pairs(paper, [1.0], 1)


@pytest.mark.parametrize(
    ("points", "share"),
    [
        ([(0.1, 0.04)], 0.05),
        ([(0.02, 0.01), (0.04, 0.02), (0.5, 2.0)], 0.04),  # far more is no part of the line
        ([(0.01, 0.022), (0.02, 0.016), (0.03, 0.034)], 0.02 / (0.00156 / 0.0014)),  # noise
        ([(0.02, -0.01), (0.04, 0.03)], 0.02 / (0.001 / 0.002)),  # noise may make it shorter
        ([(0.1, 0.02)], 0.1),
        ([(0.1, 0.0199)], None),
        ([(0.2, 0.5)], None),  # nothing is known of small ones
        ([], None),
    ],
)
def test_the_limit_lies_on_the_line_that_fits_the_competitors(
    points: list[tuple[float, float]], share: float | None
) -> None:
    assert share_at(0.02, points) == (share if share is None else pytest.approx(share))


def pairs(slowdown: float, *, taken: float, alone: float = 0.0005) -> list[Pair]:
    return 3 * [
        Pair(
            alone=Timing(seconds=4.0, taken_share=alone),
            beside=Timing(seconds=4.0 * (1 + slowdown), taken_share=taken),
        )
    ]


@pytest.mark.parametrize(
    ("measured", "words", "found"),
    [
        (
            {1.0: pairs(0.01, taken=0.005), 2.0: pairs(0.03, taken=0.01)},
            "An epoch is 2% longer where others take 0.71% (fitted).\n",
            True,
        ),
        ({1.0: pairs(0.01, taken=0.005)}, "Beside none of them an epoch was 2% longer.\n", False),
        (
            {1.0: pairs(0.01, taken=0.5, alone=0.3), 2.0: pairs(0.03, taken=0.6, alone=0.3)},
            "Others took 30.00% while there was no competitor: nothing follows. Repeat it on an idle"
            " computer.\n",
            False,
        ),
    ],
)
def test_what_follows_is_said_in_a_sentence(
    measured: dict[float, list[Pair]], words: str, found: bool
) -> None:
    out = StringIO()
    assert concluded(measured, Console(file=out, width=200)) is found
    assert out.getvalue() == words


ENGINE = next(iter(registry.ENGINES))


@pytest.mark.usefixtures("lock_path")
def test_the_command_prints_a_row_for_each_competitor_and_the_limit(
    paper: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paper.meters.processors = SimpleNamespace(reads=Reads(kind="processor times", detail="user"))
    monkeypatch.setattr(interference, "prepare_training", lambda engine, device: paper)
    assert main([ENGINE, "--busy", "5", "50"]) == 0
    out = capsys.readouterr().out
    assert " 5 %         0.00%         2.50%          +5.00%   +5.00% to +5.00%" in out
    assert " 50 %        0.00%         25.00%         +50.00%  +50.00% to +50.00%" in out
    assert "An epoch is 2% longer where others take 1.00% (fitted)." in out
    assert len(paper.log) == 1 + 2 * 2 * 6


@pytest.mark.usefixtures("lock_path")
def test_where_no_processor_times_are_nothing_is_trained(
    paper: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reads = Reads(kind="no processor times", detail="all of them are 0")
    paper.meters.processors = SimpleNamespace(reads=reads)
    monkeypatch.setattr(interference, "prepare_training", lambda engine, device: paper)
    with pytest.raises(SystemExit) as ended:
        main([ENGINE])
    assert ended.value.code == 2
    assert "cannot be read (all of them are 0)" in capsys.readouterr().err
    assert not paper.log


@pytest.mark.parametrize("percent", ["0", "101", "-5"])
def test_a_competitor_of_an_impossible_share_is_refused(
    percent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main([ENGINE, f"--busy={percent}"])
    assert ended.value.code == 2
    assert "at most 100 percent" in capsys.readouterr().err


@pytest.mark.usefixtures("lock_path")
def test_a_missing_device_is_a_sentence_and_frees_the_lock(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(engine: str, device: str) -> None:
        raise DeviceUnavailable("there is no CUDA GPU here")

    monkeypatch.setattr(interference, "prepare_training", missing)
    with pytest.raises(SystemExit) as ended:
        main([ENGINE, "--device", "cuda"])
    assert ended.value.code == 2
    assert "there is no CUDA GPU here" in capsys.readouterr().err
    Lock().acquire("a second one")
