"""Intervals cover what they should, widen where little is known, and carry the verdict that they can."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from reports import compare
from reports.compare import NoSuchMachine, Study, study
from reports.frame import frames
from reports.intervals import LEAST_EPOCHS, Sample, mean_ratio, ratio
from reports.sources import gather
from tests.report_files import two_machines


def sample(*runs: list[float], name: str = "x") -> Sample:
    return Sample(
        rates=tuple(np.array(run) for run in runs), names=tuple(f"{name}{i}" for i in range(len(runs)))
    )


def test_the_ratio_is_of_the_medians() -> None:
    found = ratio(sample([100, 110, 90, 100, 100.0]), sample([50, 50, 40, 60, 50.0], name="y"))
    assert found.value == pytest.approx(2.0)
    assert found.low < 2.0 < found.high
    assert found.verdict == "faster"
    assert found.epochs == 5


def test_the_other_way_round_is_slower_with_the_same_interval() -> None:
    a, b = sample([100, 110, 90, 100, 100.0]), sample([50, 50, 40, 60, 50.0], name="y")
    there, back = ratio(a, b), ratio(b, a)
    assert back.verdict == "slower"
    assert (back.low, back.high) == pytest.approx((1 / there.high, 1 / there.low))


def test_runs_of_several_seeds_average_their_medians() -> None:
    found = ratio(sample([100.0] * 4, [400.0] * 4), sample([100.0] * 4, [100.0] * 4, name="y"))
    assert found.value == pytest.approx(2.0)  # the geometric mean of 1 and 4
    assert found.runs == 2
    assert found.low == pytest.approx(1.0)  # both runs drawn are the slow one
    assert found.high == pytest.approx(4.0)
    assert found.verdict == "not decided"


@pytest.mark.parametrize("epochs", range(1, LEAST_EPOCHS))
def test_few_epochs_carry_no_verdict(epochs: int) -> None:
    found = ratio(sample([100.0] * epochs), sample([50.0] * 9, name="y"))
    assert found.value == pytest.approx(2.0)
    assert math.isnan(found.low)
    assert math.isnan(found.high)
    assert found.verdict == "too few epochs"


def test_the_fewest_epochs_are_where_chance_falls_under_a_twentieth() -> None:
    chance = {n: 2 / math.comb(2 * n, n) for n in range(1, 6)}
    assert min(n for n, share in chance.items() if share < 0.05) == LEAST_EPOCHS


def test_the_same_is_said_only_of_what_is_surely_close() -> None:
    close = ratio(sample([100.0, 100.5, 99.5, 100.2, 99.8]), sample([100.0] * 5, name="y"))
    assert close.verdict == "same"
    noisy = ratio(sample([100.0, 120, 80, 110, 90]), sample([100.0, 85, 115, 95, 105], name="y"))
    assert noisy.verdict == "not decided"


def test_the_same_runs_give_the_same_interval_every_time() -> None:
    a, b = sample([100, 110, 90, 100.0]), sample([50, 55, 45, 50.0], name="y")
    again = sample([100, 110, 90, 100.0])
    assert ratio(a, b) == ratio(again, b)


def test_about_95_of_100_intervals_hold_the_truth() -> None:
    """Epochs drawn around a known ratio; 400 times, so 95 % has a standard error of 1.1 %."""
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(400):
        a = sample(list(110 * np.exp(rng.normal(0, 0.03, 10))), name=f"a{trial}")
        b = sample(list(100 * np.exp(rng.normal(0, 0.03, 10))), name=f"b{trial}")
        found = ratio(a, b)
        hits += found.low <= 1.1 <= found.high
    assert 0.92 <= hits / 400 <= 1.0


def test_the_mean_over_cells_is_geometric() -> None:
    two, half = sample([200.0] * 5), sample([50.0] * 5, name="h")
    one = sample([100.0] * 5, name="o")
    found = mean_ratio([(two, one), (half, one)])
    assert found.value == pytest.approx(1.0)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study(frames(gather([str(two_machines(tmp_path_factory.mktemp("results")))])))


def test_torch_against_tensorflow_on_each_machine(studied: Study) -> None:
    found = studied.frameworks.set_index(["machine", "setting", "experiment"])
    for machine in ("anna", "bob"):
        for experiment in ("scratch", "mistaken", "augmented"):
            row = found.loc[(machine, "A", experiment)]
            assert row["ratio"] == pytest.approx(1.25)
            assert row["verdict"] == "faster"
    assert found.loc[("anna", "B", "scratch"), "verdict"] == "too few epochs"
    assert found.loc[("anna", "A", "scratch"), "torch_runs"] == "R1 R2"
    assert ("anna", "A", "pretrained") not in found.index  # TensorFlow's failed
    assert ("bob", "A", "pretrained") not in found.index  # TensorFlow's is invalid


def test_bob_is_twice_as_fast_as_anna_who_was_measured_first(studied: Study) -> None:
    assert studied.baseline == "anna"
    assert len(studied.machines) == 7
    assert list(studied.machines["ratio"]) == pytest.approx([2.0] * 7)
    (mean,) = studied.means.to_dict("records")
    assert (mean["machine"], mean["cells"], mean["verdict"]) == ("bob", 7, "faster")
    assert mean["ratio"] == pytest.approx(2.0)


def test_a_baseline_can_be_asked_for(studied: Study) -> None:
    other = study(studied.frames, "bob")
    assert list(other.means["machine"]) == ["anna"]
    assert list(other.means["ratio"]) == pytest.approx([0.5])
    with pytest.raises(NoSuchMachine, match="there is no machine 'carol'; there are anna, bob"):
        study(studied.frames, "carol")


def test_settings_are_never_mixed(studied: Study) -> None:
    assert set(studied.runs["setting"]) == {"A"}
    assert {key[1] for key in compare.samples(studied.frames)} == {"A", "B"}


def test_one_machine_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    two_machines(tmp_path)
    alone = study(frames(gather([str(tmp_path / "bob")])))
    assert alone.machines.empty
    assert alone.means.empty
    assert alone.baseline == "bob"
