"""Intervals cover what they should, widen where little is known, and carry the verdict that they can."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from reports import compare
from reports.compare import NoSuchMachine, Study, study
from reports.frame import frames
from reports.intervals import LEAST_EPOCHS, Sample, mean_ratio, ratio
from reports.sources import gather
from tests.support.report_files import (
    ANNA,
    BOB,
    FULL,
    content_of,
    epochs_of,
    run_of,
    two_machines,
    write,
)


def sample(*runs: list[float], name: str = "x") -> Sample:
    return Sample(
        rates=tuple(np.array(run) for run in runs),
        names=tuple(f"{name}{i}" for i in range(len(runs))),
        epochs=sum(map(len, runs)),
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
    # Welch on 1 degree of freedom: exp(log 2 + 12.706 log(2)), since the runs lie log(4) apart.
    assert found.high == pytest.approx(2 * 2**12.706, rel=1e-3)
    assert found.low == pytest.approx(2 / 2**12.706, rel=1e-3)
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


def test_the_fewest_epochs_that_carry_a_verdict_hold_the_truth_as_often() -> None:
    """The plain percentiles of four epochs a side hold it 93 times in 100, the widened ones 97."""
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(400):
        a = sample(list(110 * np.exp(rng.normal(0, 0.03, LEAST_EPOCHS))), name=f"a{trial}")
        b = sample(list(100 * np.exp(rng.normal(0, 0.03, LEAST_EPOCHS))), name=f"b{trial}")
        found = ratio(a, b)
        hits += found.low <= 1.1 <= found.high
    assert hits / 400 >= 0.95


def test_two_runs_a_side_do_not_promise_more_than_they_know() -> None:
    """Equals whose runs differ by 3 % and whose epochs by 1 %: a verdict is wrong at most once in 20."""
    rng = np.random.default_rng(7)
    wrong = 0
    for trial in range(300):
        sides = [
            sample(
                *(list(100 * np.exp(rng.normal(0, 0.03) + rng.normal(0, 0.01, 8))) for _ in range(2)),
                name=f"{side}{trial}",
            )
            for side in "ab"
        ]
        wrong += ratio(*sides).verdict in ("faster", "slower")
    assert wrong / 300 <= 0.06


def test_the_mean_over_cells_is_geometric() -> None:
    two, half = sample([200.0] * 5), sample([50.0] * 5, name="h")
    one = sample([100.0] * 5, name="o")
    found = mean_ratio([(two, one), (half, one)])
    assert found.value == pytest.approx(1.0)


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study(frames(gather([str(two_machines(tmp_path_factory.mktemp("results")))])))


def test_torch_against_tensorflow_on_each_machine(studied: Study) -> None:
    assert {*zip(studied.engines["first"], studied.engines["second"], strict=True)} == {
        ("torch", "tensorflow")
    }
    found = studied.engines.set_index(["machine", "setting", "experiment"])
    for machine in ("anna", "bob"):
        for experiment in ("scratch", "mistaken", "augmented"):
            row = found.loc[(machine, "A", experiment)]
            assert row["ratio"] == pytest.approx(1.25)
            assert row["verdict"] == "faster"
    assert found.loc[("anna", "B", "scratch"), "verdict"] == "too few epochs"
    assert found.loc[("anna", "A", "scratch"), "first_runs"] == ("R1", "R2")
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
    runs = studied.frames.runs
    setting_of = dict(zip(runs["run"], runs["setting"], strict=True))
    compared = [*studied.engines.to_dict("records"), *studied.machines.to_dict("records")]
    assert {row["setting"] for row in compared} == {"A", "B"}
    for row in compared:
        for side in (row[column] for column in row if str(column).endswith("_runs")):
            assert {setting_of[run] for run in side} == {row["setting"]}


def test_one_machine_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    two_machines(tmp_path)
    alone = study(frames(gather([str(tmp_path / "bob")])))
    assert alone.machines.empty
    assert alone.means.empty
    assert alone.baseline == "bob"


def test_warm_ups_and_firsts_of_a_stage_carry_no_verdict(tmp_path: Path) -> None:
    runs = [
        run_of("scratch", engine, epochs_of([seconds]), seed=seed)
        for engine, seconds in (("torch", 100.0), ("tensorflow", 150.0))
        for seed in range(5)
    ]
    write(tmp_path, "one.json", content_of(ANNA, runs))
    (row,) = study(frames(gather([str(tmp_path)]))).engines.to_dict("records")
    assert row["ratio"] == pytest.approx(1.5)
    assert (row["verdict"], row["epochs"]) == ("too few epochs", 0)


def scratch_on(device: str, seconds: float) -> dict[str, Any]:
    return run_of("scratch", "torch", epochs_of([seconds] * 6), device=device)


def test_a_cpu_is_not_averaged_with_a_gpu(tmp_path: Path) -> None:
    write(tmp_path, "1.json", content_of(ANNA, [scratch_on("mps", 100.0), scratch_on("cpu", 500.0)]))
    write(tmp_path, "2.json", content_of(BOB, [scratch_on("mps", 50.0), scratch_on("cpu", 750.0)]))
    both = study(frames(gather([str(tmp_path)])), "anna")
    assert list(both.means["ratio"]) == pytest.approx([2.0])
    write(tmp_path, "2.json", content_of(BOB, [scratch_on("cpu", 750.0)]))
    alone = study(frames(gather([str(tmp_path)])), "anna")
    assert list(alone.means["ratio"]) == pytest.approx([500 / 750])
    write(tmp_path, "2.json", content_of(BOB, [scratch_on("cuda", 50.0)]))
    write(tmp_path, "1.json", content_of(ANNA, [scratch_on("cpu", 500.0)]))
    assert study(frames(gather([str(tmp_path)])), "anna").means.empty


def test_a_virtual_mac_is_compared_with_nobody(tmp_path: Path) -> None:
    virtual = replace(ANNA, name="vm", model="VirtualMac2,1", virtual=True)
    old = run_of("scratch", "torch", epochs_of([90.0] * 6), started_at="2020-01-01T00:00:00+00:00")
    for number, (machine, run) in enumerate(
        [(virtual, old), (ANNA, scratch_on("mps", 100.0)), (BOB, scratch_on("mps", 50.0))]
    ):
        write(tmp_path, f"{number}.json", content_of(machine, [run]))
    found = study(frames(gather([str(tmp_path)])))
    assert found.baseline != "vm"
    assert "vm" not in {*found.machines["machine"], *found.machines["baseline"]}
    assert len(found.means) == 1


def test_a_full_profile_that_was_cut_claims_no_accuracy(tmp_path: Path) -> None:
    cut = replace(FULL, train_images=640, epochs=2)
    write(
        tmp_path,
        "1.json",
        content_of(ANNA, [run_of("scratch", "torch", epochs_of([9.0] * 2), plan=cut)]),
    )
    assert not study(frames(gather([str(tmp_path)]))).says_accuracy
