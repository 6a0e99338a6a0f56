"""How fast each engine is on the first page, and to which error that is known."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from reports.study.speeds import headline_experiment, speeds
from tests.support.report_files import ANNA, IMAGES, content_of, disturbed, epochs_of, run_of, write
from tests.support.report_study import study_of


def run(seconds: float, repeat: int = 0, experiment: str = "scratch", engine: str = "torch") -> Any:
    return run_of(experiment, engine, epochs_of([seconds] * 8), repeat=repeat)


def test_three_runs_of_a_session_give_students_interval(tmp_path: Path) -> None:
    seconds = [100.0, 101.0, 99.0]
    runs = [run(each, repeat) for repeat, each in enumerate(seconds)]
    write(tmp_path, "1.json", content_of(ANNA, runs))
    [speed] = speeds(study_of(tmp_path))
    logs = [math.log(IMAGES / each) for each in seconds]
    mean = sum(logs) / 3
    sd = math.sqrt(sum((log - mean) ** 2 for log in logs) / 2)
    assert speed.value == pytest.approx(math.exp(mean))
    assert math.log(speed.high) == pytest.approx(mean + 4.3027 * sd / math.sqrt(3), rel=1e-5)
    assert math.log(speed.low) == pytest.approx(mean - 4.3027 * sd / math.sqrt(3), rel=1e-5)
    assert (speed.basis, speed.repeats, speed.has_interval) == ("runs", 3, True)
    assert speed.seconds_per_epoch == pytest.approx(IMAGES / speed.value)


def test_three_sessions_count_by_their_means(tmp_path: Path) -> None:
    for number, pair in enumerate([(100.0, 104.0), (98.0, 98.0), (101.0, 101.0)]):
        runs = [run(seconds, repeat) for repeat, seconds in enumerate(pair)]
        write(tmp_path, f"{number}.json", content_of(replace(ANNA), runs))
    [speed] = speeds(study_of(tmp_path))
    assert (speed.basis, speed.repeats) == ("sessions", 3)
    assert speed.value == pytest.approx(IMAGES / (math.sqrt(100 * 104) * 98 * 101) ** (1 / 3))


def test_fewer_have_the_range_that_was_seen_or_nothing(tmp_path: Path) -> None:
    write(tmp_path, "1.json", content_of(ANNA, [run(100.0), run(110.0, 1)]))
    [two] = speeds(study_of(tmp_path))
    assert (two.basis, two.repeats, two.has_interval) == ("seen", 2, False)
    assert (two.low, two.high) == pytest.approx((IMAGES / 110, IMAGES / 100))
    write(tmp_path, "1.json", content_of(ANNA, [run(100.0)]))
    [one] = speeds(study_of(tmp_path))
    assert (one.basis, one.repeats) == ("seen", 1)
    assert math.isnan(one.low)
    assert math.isnan(one.high)


def test_the_first_page_is_about_scratch_or_what_most_have(tmp_path: Path) -> None:
    runs = [run(100.0), run(300.0, experiment="mistaken")]
    write(tmp_path, "1.json", content_of(ANNA, runs))
    assert headline_experiment(speeds(study_of(tmp_path)), None) == "scratch"
    write(tmp_path, "1.json", content_of(ANNA, runs[1:]))
    other = replace(ANNA, name="carol")
    both = [run(300.0, experiment="mistaken"), run(90.0, experiment="augmented")]
    write(tmp_path, "2.json", content_of(other, both))
    assert headline_experiment(speeds(study_of(tmp_path)), None) == "mistaken"
    assert headline_experiment([], None) is None


def test_the_first_page_is_about_an_experiment_that_the_baseline_has(tmp_path: Path) -> None:
    write(tmp_path, "1.json", content_of(ANNA, [run(100.0, experiment="augmented")]))
    both = [run(90.0), run(90.0, experiment="augmented")]
    for name in ("carol", "dave"):
        write(tmp_path, f"{name}.json", content_of(replace(ANNA, name=name), both))
    assert headline_experiment(speeds(study_of(tmp_path)), "anna") == "augmented"
    assert headline_experiment(speeds(study_of(tmp_path)), "carol") == "scratch"


def test_of_two_sessions_the_one_with_repeats_speaks(tmp_path: Path) -> None:
    """As where engines are compared, whose ratio rests on the session with three runs."""
    write(tmp_path, "1.json", content_of(ANNA, [run(50.0)]))
    write(tmp_path, "2.json", content_of(ANNA, [run(s, n) for n, s in enumerate((99.0, 100.0, 101.0))]))
    [speed] = speeds(study_of(tmp_path))
    assert (speed.basis, speed.repeats, len(speed.runs)) == ("runs", 3, 3)
    assert speed.seconds_per_epoch == pytest.approx((99 * 100 * 101) ** (1 / 3))


def test_runs_of_disturbed_epochs_alone_have_no_interval(tmp_path: Path) -> None:
    epochs = epochs_of([100.0] * 8)
    every = disturbed(epochs, *range(1, 9))
    runs = [run_of("scratch", "torch", every, repeat=number) for number in range(3)]
    write(tmp_path, "1.json", content_of(ANNA, runs))
    [speed] = speeds(study_of(tmp_path))
    assert (speed.epochs, speed.basis) == (0, "seen")
    assert math.isnan(speed.low)
