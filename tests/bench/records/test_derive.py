"""Which epochs count for a run's speed, and how its drift is derived."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bench.records import derive
from bench.records.types import Epoch
from tests.support.samples import EPOCH


def epochs(
    *seconds: float,
    stages: str = "",
    probes: tuple[float | None, ...] = (),
    warm_ups: tuple[int, ...] = (1,),
) -> list[Epoch]:
    """Epochs of 1,000 images with these training seconds; `stages` has one digit for each epoch."""
    return [
        replace(
            EPOCH,
            epoch=number,
            warm_up=number in warm_ups,
            stage=int(stages[number - 1]) if stages else 1,
            images=1000,
            train_seconds=train_seconds,
            probe_seconds=probes[number - 1] if probes else None,
        )
        for number, train_seconds in enumerate(seconds, 1)
    ]


def test_a_rate_is_images_over_training_seconds_alone() -> None:
    assert derive.images_per_second(replace(EPOCH, images=640, train_seconds=2.5)) == 256.0


@pytest.mark.parametrize(
    ("stages", "steady"),
    [
        ("1", [1]),
        ("11", [2]),
        ("11111", [2, 3, 4, 5]),
        ("11222", [4, 5]),
        ("1122", [4]),
        ("112", [3]),
        ("12", [2]),
        ("1222", [3, 4]),
        ("112233", [6]),
    ],
)
def test_the_steady_epochs_are_the_last_stages_without_its_first(stages: str, steady: list[int]) -> None:
    """A stage's first epoch compiles; it counts only if there is no other."""
    given = epochs(*[2.0] * len(stages), stages=stages)
    assert [epoch.epoch for epoch in derive.steady_epochs(given)] == steady


@pytest.mark.parametrize(
    ("stages", "warm_ups", "steady"),
    [
        ("11111", (1, 3), [2, 4, 5]),
        ("11111", (1, 5), [2, 3, 4]),
        ("11222", (1, 4), [5]),
        ("11222", (1, 3), [4, 5]),
        ("11222", (1, 2), [4, 5]),
        ("11222", (1, 4, 5), [3, 4, 5]),
        ("111", (1, 2, 3), [1, 2, 3]),
    ],
)
def test_a_process_that_went_on_warms_up_anew_and_that_epoch_does_not_speak_for_the_run(
    stages: str, warm_ups: tuple[int, ...], steady: list[int]
) -> None:
    """It counts only if the last stage has no other epoch."""
    given = epochs(*[2.0] * len(stages), stages=stages, warm_ups=warm_ups)
    assert [epoch.epoch for epoch in derive.steady_epochs(given)] == steady


@pytest.mark.parametrize(
    ("count", "warm_ups", "rounds"),
    [
        (1, (1,), [1]),
        (2, (1,), [2]),
        (4, (1,), [2, 3, 4]),
        (4, (1, 3), [2, 4]),
        (4, (1, 2), [3, 4]),
        (3, (1, 2, 3), [3]),
    ],
)
def test_the_rounds_are_all_epochs_but_each_processs_first(
    count: int, warm_ups: tuple[int, ...], rounds: list[int]
) -> None:
    """A stage's first epoch is a round too; if all are warm-ups, the last one is a round."""
    given = epochs(*[2.0] * count, warm_ups=warm_ups)
    assert [epoch.epoch for epoch in derive.timed_epochs(given)] == rounds
    staged = epochs(*[2.0] * count, stages="1222"[:count], warm_ups=warm_ups)
    assert [epoch.epoch for epoch in derive.timed_epochs(staged)] == rounds


def test_a_second_warm_up_is_neither_in_the_typical_rate_nor_in_the_drift() -> None:
    """Steady: 250, 250, 200; the slow third epoch is the first of a resumed process."""
    given = epochs(20.0, 4.0, 50.0, 4.0, 5.0, warm_ups=(1, 3))
    assert derive.typical_images_per_second(given) == 250.0
    drift = derive.drift(given, cold_probe_seconds=0.02)
    assert (drift.cold_images_per_second, drift.sustained_images_per_second) == (250.0, 200.0)
    assert drift.drift == pytest.approx(-0.2, rel=1e-12)


def test_the_typical_rate_is_the_median_of_the_steady_epochs() -> None:
    assert derive.typical_images_per_second(epochs(50.0, 4.0, 5.0, 20.0)) == 200.0
    assert derive.typical_images_per_second(epochs(50.0, 4.0, 5.0)) == 225.0, "between 250 and 200"
    assert derive.typical_images_per_second(epochs(8.0)) == 125.0


def test_the_head_stage_does_not_speak_for_a_run() -> None:
    """Training the head alone is faster."""
    given = epochs(1.0, 1.0, 1.0, 9.0, 8.0, 8.0, stages="111222")
    assert derive.typical_images_per_second(given) == 125.0
    assert derive.drift(given, cold_probe_seconds=0.02).cold_images_per_second == 125.0


def test_a_rate_that_falls_is_a_negative_drift() -> None:
    """Steady: 250, 250, 200, 200, 160, 160; the last third is 160 and 160."""
    drift = derive.drift(epochs(20.0, 4.0, 4.0, 5.0, 5.0, 6.25, 6.25), cold_probe_seconds=0.02)
    assert (drift.cold_images_per_second, drift.sustained_images_per_second) == (250.0, 160.0)
    assert drift.drift == pytest.approx(-0.36, rel=1e-12)
    assert drift.probe_drift is None, "no epoch had a probe"


def test_one_slow_epoch_at_the_end_is_not_what_was_sustained() -> None:
    """Nine steady epochs: the last third are three, and their median is not the slowest."""
    assert derive.drift(epochs(9.0, *[4.0] * 8, 40.0), cold_probe_seconds=0.02).drift == 0.0


@pytest.mark.parametrize("count", [1, 2])
def test_a_run_of_one_steady_epoch_has_no_drift(count: int) -> None:
    drift = derive.drift(epochs(*[4.0] * count), cold_probe_seconds=0.02)
    assert drift.cold_images_per_second == 250.0
    assert (drift.sustained_images_per_second, drift.drift) == (None, None), "nothing to compare it with"


def test_the_devices_drift_is_known_even_of_one_steady_epoch() -> None:
    drift = derive.drift(epochs(9.0, 4.0, probes=(0.02, 0.04)), cold_probe_seconds=0.02)
    assert (drift.drift, drift.probe_drift) == (None, -0.5)


def test_one_slow_probe_at_the_end_is_not_how_the_device_drifted() -> None:
    """Nine probes, and one that was not taken: the last third are three, of which the median counts."""
    probes = (*[0.02] * 5, 0.04, None, 0.025, 0.025, 0.5)
    drift = derive.drift(epochs(*[4.0] * 10, probes=probes), cold_probe_seconds=0.02)
    assert drift.probe_drift == pytest.approx(-0.2, abs=1e-12)


def test_two_steady_epochs_are_compared_with_each_other() -> None:
    assert derive.drift(epochs(9.0, 4.0, 5.0), cold_probe_seconds=0.02).drift == pytest.approx(-0.2)


@pytest.mark.parametrize(
    ("probes", "expected"),
    [
        ((0.02, 0.02, 0.02), 0.0),
        ((0.02, 0.02, 0.025), -0.2),
        ((0.02, 0.04, 0.02), 0.0),
        ((0.04, None, None), -0.5),
        ((None, 0.016, None), 0.25),
    ],
    ids=["as before", "slower", "slower only once", "the last one that was taken", "faster"],
)
def test_the_probe_drift_is_the_first_against_the_last_third(
    probes: tuple[float | None, ...], expected: float
) -> None:
    drift = derive.drift(epochs(4.0, 4.0, 4.0, probes=probes), cold_probe_seconds=0.02)
    assert drift.probe_drift == pytest.approx(expected, abs=1e-12)


def test_the_gpus_own_joules_are_a_figure_where_the_processors_are_not_counted() -> None:
    """As on CUDA where only root may read RAPL: the headline stays empty."""
    used = (900.0, 300.0, 310.0, 320.0)
    epochs = [
        replace(EPOCH, epoch=n, warm_up=n == 1, energy_joules={"gpu": joules, "dram": 7.0})
        for n, joules in enumerate(used, 1)
    ]
    assert derive.run_energy(epochs, 2, "cuda").per_epoch is None
    assert derive.gpu_joules_per_epoch(epochs, "cuda") == 310.0
    assert derive.gpu_joules_per_epoch(epochs, "cpu") is None  # such a run does not use the GPU
    whole = [replace(epoch, energy_joules={"cpu": 50.0, "gpu": 310.0}) for epoch in epochs]
    assert derive.run_energy(whole, 2, "cuda").per_epoch == 360.0
    assert derive.gpu_joules_per_epoch(whole, "cuda") == 310.0
    missing = [*epochs[:-1], replace(epochs[-1], energy_joules={"dram": 7.0})]
    assert derive.gpu_joules_per_epoch(missing, "cuda") is None
    short = [*epochs[:-1], replace(epochs[-1], energy_joules=None)]
    assert derive.gpu_joules_per_epoch(short, "cuda") is None
