"""Which epochs count for a run's speed, and how its drift is derived."""

from __future__ import annotations

import pytest
from msgspec.structs import replace

from bench.records import derive
from bench.records.types import Epoch, Interference
from tests.support.samples import EPOCH


def interference(
    seconds: float, *, others: float = 0.0, stolen: float = 0.0, gpu: float | None = None
) -> Interference:
    """Of two processors, of which others and the host take so many on average."""
    return Interference(
        busy_cpu_seconds=2 * seconds - stolen * seconds,
        idle_cpu_seconds=0.0,
        own_cpu_seconds=(2 - others - stolen) * seconds,
        stolen_cpu_seconds=stolen * seconds,
        gpu_share=gpu,
    )


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
            wall_seconds=train_seconds,
            interference=interference(train_seconds),
            probe_seconds=probes[number - 1] if probes else None,
        )
        for number, train_seconds in enumerate(seconds, 1)
    ]


def test_a_rate_is_images_over_training_seconds_alone() -> None:
    assert derive.images_per_second(replace(EPOCH, images=640, train_seconds=2.5)) == 256.0


def with_first_step(seconds: float | None, *given: Epoch) -> list[Epoch]:
    """The same epochs; the first one's first step took so long."""
    return [replace(given[0], first_step_seconds=seconds), *given[1:]]


def test_compilation_is_the_first_step_less_the_usual_one() -> None:
    run = with_first_step(30.5, *epochs(55.0, 25.0, 24.0, 26.0))
    assert derive.usual_step_seconds(run, 50) == 0.5
    assert derive.compile_seconds(run, 50) == 30.0


def test_a_later_stage_does_not_say_how_long_the_first_ones_step_is() -> None:
    run = with_first_step(30.5, *epochs(55.0, 25.0, 99.0, 99.0, stages="1122"))
    assert derive.compile_seconds(run, 50) == 30.0


def test_a_process_that_went_on_is_not_asked_how_long_it_compiled() -> None:
    run = with_first_step(30.5, *epochs(55.0, 25.0, 60.0, 25.0, warm_ups=(1, 3)))
    run[2] = replace(run[2], first_step_seconds=40.0)
    assert derive.compile_seconds(run, 50) == 30.0


def test_of_one_epoch_alone_its_other_steps_are_the_usual_ones() -> None:
    run = with_first_step(30.5, *epochs(55.0))
    assert derive.usual_step_seconds(run, 50) == pytest.approx(0.5)
    assert derive.compile_seconds(run, 50) == pytest.approx(30.0)


def test_a_first_step_that_is_no_longer_than_the_usual_one_compiled_for_no_time() -> None:
    assert derive.compile_seconds(with_first_step(0.4, *epochs(25.0, 25.0)), 50) == 0.0


@pytest.mark.parametrize("seconds", [None, 55.1])
def test_without_a_first_step_or_with_one_longer_than_its_epoch_it_is_not_known(
    seconds: float | None,
) -> None:
    assert derive.compile_seconds(with_first_step(seconds, *epochs(55.0, 25.0)), 50) is None
    assert derive.compile_seconds([], 50) is None


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
    assert derive.typical_images_per_second(given, "cpu") == 250.0
    more = epochs(20.0, 4.0, 50.0, 4.0, 4.0, 5.0, 5.0, 5.0, warm_ups=(1, 3))
    drift = derive.drift(more, "cpu", cold_probe_seconds=0.02)
    assert (drift.early_images_per_second, drift.late_images_per_second) == (250.0, 200.0)
    assert drift.drift == pytest.approx(-0.2, rel=1e-12)


def test_the_typical_rate_is_the_median_of_the_steady_epochs() -> None:
    assert derive.typical_images_per_second(epochs(50.0, 4.0, 5.0, 20.0), "cpu") == 200.0
    assert derive.typical_images_per_second(epochs(50.0, 4.0, 5.0), "cpu") == 225.0, (
        "between 250 and 200"
    )
    assert derive.typical_images_per_second(epochs(8.0), "cpu") == 125.0


def test_the_head_stage_does_not_speak_for_a_run() -> None:
    """Training the head alone is faster."""
    given = epochs(1.0, 1.0, 1.0, 9.0, 8.0, 8.0, stages="111222")
    assert derive.typical_images_per_second(given, "cpu") == 125.0
    more = epochs(1.0, 1.0, 1.0, 9.0, *[8.0] * 6, stages="1112222222")
    assert derive.drift(more, "cpu", cold_probe_seconds=0.02).early_images_per_second == 125.0


def test_a_rate_that_falls_is_a_negative_drift() -> None:
    """Steady: 250, 250, 200, 200, 160, 160; the last third is 160 and 160, and the first 250 and 250."""
    drift = derive.drift(epochs(20.0, 4.0, 4.0, 5.0, 5.0, 6.25, 6.25), "cpu", cold_probe_seconds=0.02)
    assert (drift.early_images_per_second, drift.late_images_per_second) == (250.0, 160.0)
    assert drift.drift == pytest.approx(-0.36, rel=1e-12)
    assert drift.probe_drift is None, "no epoch had a probe"


def test_one_slow_epoch_at_the_end_is_not_what_was_sustained() -> None:
    """Nine steady epochs: the last third are three, and their median is not the slowest."""
    assert derive.drift(epochs(9.0, *[4.0] * 8, 40.0), "cpu", cold_probe_seconds=0.02).drift == 0.0


@pytest.mark.parametrize("count", [1, 2, 6])
def test_a_run_of_fewer_than_six_steady_epochs_has_no_drift(count: int) -> None:
    """Six epochs are five steady ones."""
    drift = derive.drift(epochs(*[4.0] * (count - 1), 5.0), "cpu", cold_probe_seconds=0.02)
    figures = (drift.early_images_per_second, drift.late_images_per_second, drift.drift)
    assert figures == (None, None, None), "a third would be one epoch"
    enough = derive.drift(epochs(*[4.0] * 6, 5.0), "cpu", cold_probe_seconds=0.02)
    assert enough.drift == pytest.approx(225 / 250 - 1, rel=1e-12), "250 against 250 and 200"


def test_the_devices_drift_is_known_even_of_one_steady_epoch() -> None:
    drift = derive.drift(epochs(9.0, 4.0, probes=(0.02, 0.04)), "cpu", cold_probe_seconds=0.02)
    assert (drift.drift, drift.probe_drift) == (None, -0.5)


def test_one_slow_probe_at_the_end_is_not_how_the_device_drifted() -> None:
    """Nine probes, and one that was not taken: the last third are three, of which the median counts."""
    probes = (*[0.02] * 5, 0.04, None, 0.025, 0.025, 0.5)
    drift = derive.drift(epochs(*[4.0] * 10, probes=probes), "cpu", cold_probe_seconds=0.02)
    assert drift.probe_drift == pytest.approx(-0.2, abs=1e-12)


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
    drift = derive.drift(epochs(4.0, 4.0, 4.0, probes=probes), "cpu", cold_probe_seconds=0.02)
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


def disturbed(*, seconds: float = 4.0, wall: float | None = None, **taken: float) -> Epoch:
    """An epoch with this much taken by others."""
    reading = interference(seconds, **taken)
    wall_seconds = seconds if wall is None else wall
    return replace(
        EPOCH, train_seconds=seconds, wall_seconds=wall_seconds, interference=reading, warm_up=False
    )


OTHERS, HOST = ("other programs",), ("the virtual machine's host",)


@pytest.mark.parametrize(
    ("epoch", "on_cpu", "on_gpu"),
    [
        (disturbed(), (), ()),
        (disturbed(others=0.032), (), ()),
        (disturbed(others=0.033), OTHERS, ()),
        (disturbed(others=0.19), OTHERS, ()),
        (disturbed(others=0.21), OTHERS, OTHERS),
        (disturbed(stolen=0.3), HOST, HOST),
        (disturbed(others=0.02, stolen=0.015), OTHERS, ()),
        (disturbed(seconds=1.0, others=0.069), (), ()),
        (disturbed(seconds=100.0, others=0.021), OTHERS, ()),
        (disturbed(gpu=0.09), (), ()),
        (disturbed(gpu=0.11), ("the GPU's other users",), ("the GPU's other users",)),
        (disturbed(wall=8.9), (), ()),
        (disturbed(wall=9.1), ("sleep",), ("sleep",)),
        (disturbed(wall=-2.0), (), ()),  # the time of day was set back
        (
            disturbed(others=1.0, gpu=0.5, wall=60.0),
            ("other programs", "the GPU's other users", "sleep"),
            ("other programs", "the GPU's other users", "sleep"),
        ),
    ],
)
def test_what_disturbed_an_epoch_is_derived_from_its_readings(
    epoch: Epoch, on_cpu: tuple[str, ...], on_gpu: tuple[str, ...]
) -> None:
    """Of two processors others may take 1 % and 0.05 s; beside a run on a GPU a tenth."""
    assert derive.disturbances(epoch, "cpu") == on_cpu
    assert derive.disturbances(epoch, "mps") == on_gpu
    assert derive.disturbances(epoch, "cuda") == on_gpu


@pytest.mark.parametrize(("others", "counts"), [(5.9, False), (6.1, True)])
def test_on_a_gpu_others_may_use_what_leaves_two_processors_free(others: float, counts: bool) -> None:
    eight = Interference(
        busy_cpu_seconds=(others + 1) * 4.0,
        idle_cpu_seconds=(7 - others) * 4.0,
        own_cpu_seconds=4.0,
        stolen_cpu_seconds=None,
        gpu_share=None,
    )
    epoch = replace(disturbed(), interference=eight)
    assert derive.disturbances(epoch, "mps") == (("other programs",) if counts else ())
    assert derive.disturbances(epoch, "cpu") == ("other programs",)


@pytest.mark.parametrize("unread", ["busy_cpu_seconds", "idle_cpu_seconds", "own_cpu_seconds"])
def test_what_was_not_read_disturbs_nothing(unread: str) -> None:
    epoch = disturbed(others=1.5)
    assert epoch.interference is not None
    reading = replace(epoch.interference, **{unread: None})
    assert derive.disturbances(replace(epoch, interference=reading), "cpu") == ()
    none = replace(epoch, interference=None, wall_seconds=None)
    assert derive.disturbances(none, "cpu") == ()
    assert derive.processor_use(none.interference, none.train_seconds) is None


def test_others_that_come_out_below_zero_by_the_systems_ticks_are_none() -> None:
    epoch = disturbed(others=-0.01)
    use = derive.processor_use(epoch.interference, epoch.train_seconds)
    assert use is not None
    assert (use.others, use.stolen) == (0.0, 0.0)
    assert use.processors == pytest.approx(2.0)


def with_others(given: list[Epoch], *numbers: int) -> list[Epoch]:
    """The same epochs, half of a processor taken in those of these numbers."""
    return [
        replace(epoch, interference=interference(epoch.train_seconds, others=0.5))
        if epoch.epoch in numbers
        else epoch
        for epoch in given
    ]


def test_a_disturbed_epoch_stays_out_of_rates_drift_and_energy() -> None:
    given = with_others(epochs(9.0, 4.0, 8.0, 4.0, 4.0, 4.0, 4.0, 5.0), 3)
    given = [replace(e, energy_joules={"cpu": 100.0 * e.train_seconds}) for e in given]
    assert [epoch.epoch for epoch in derive.undisturbed_epochs(given, "cpu")] == [2, 4, 5, 6, 7, 8]
    assert [epoch.epoch for epoch in derive.disturbed_epochs(given, "cpu")] == [3]
    assert derive.typical_images_per_second(given, "cpu") == 250.0
    drift = derive.drift(given, "cpu", cold_probe_seconds=0.02)
    assert (drift.early_images_per_second, drift.late_images_per_second) == (250.0, 225.0)
    assert derive.run_energy(given, None, "cpu").per_epoch == 400.0
    assert [epoch.epoch for epoch in derive.timed_epochs(given)] == [2, 3, 4, 5, 6, 7, 8], "its rounds"


def test_a_probe_of_a_disturbed_epoch_says_nothing_of_the_device() -> None:
    given = with_others(epochs(9.0, 4.0, 4.0, 4.0, probes=(0.02, 0.02, 0.02, 0.05)), 4)
    assert derive.drift(given, "cpu", cold_probe_seconds=0.02).probe_drift == 0.0


def test_a_bare_step_is_compared_with_the_last_undisturbed_epoch_of_the_stage() -> None:
    given = epochs(9.0, 4.0, 4.0, 4.0)
    assert derive.last_epoch(given, "cpu").epoch == 4
    assert derive.last_epoch(with_others(given, 4), "cpu").epoch == 3
    assert derive.last_epoch(with_others(given, 1, 2, 3, 4), "cpu").epoch == 4, "if all are"
    staged = with_others(epochs(9.0, 4.0, 4.0, 4.0, stages="1122"), 3, 4)
    assert derive.last_epoch(staged, "cpu").epoch == 4, "an earlier stage is other work"


def test_the_joules_of_an_epoch_that_was_slept_in_are_not_known() -> None:
    joules = {"cpu": 400.0}
    given = [replace(e, energy_joules=joules) for e in epochs(9.0, 4.0, 4.0)]
    assert derive.run_energy(given, 3, "cpu").to_best_epoch == 1200.0
    given[1] = replace(given[1], wall_seconds=60.0)
    assert derive.run_energy(given, 3, "cpu").to_best_epoch is None
    assert derive.run_energy(given, 3, "cpu").per_epoch == 400.0


def test_if_all_epochs_are_disturbed_their_rate_is_shown() -> None:
    given = with_others(epochs(9.0, 4.0, 5.0), 2, 3)
    assert [epoch.epoch for epoch in derive.undisturbed_epochs(given, "cpu")] == [2, 3]
    assert [epoch.epoch for epoch in derive.disturbed_epochs(given, "cpu")] == [2, 3]
    assert derive.typical_images_per_second(given, "cpu") == 225.0
    assert derive.slow_epochs(given, "cpu") == []
    long = with_others(epochs(9.0, *[4.0] * 7), *range(2, 9))
    assert derive.drift(long, "cpu", cold_probe_seconds=0.02).drift is None, "nothing is decided"


def test_a_slow_epoch_without_a_measured_reason_stays_in_and_is_told() -> None:
    given = with_others(epochs(9.0, 4.0, 4.0, 4.3, 4.5, 9.0), 6)
    assert [epoch.epoch for epoch in derive.slow_epochs(given, "cpu")] == []
    given = with_others(epochs(9.0, 4.0, 4.0, 4.0, 4.5, 9.0), 6)
    assert [epoch.epoch for epoch in derive.slow_epochs(given, "cpu")] == [5]
    assert 5 in [epoch.epoch for epoch in derive.undisturbed_epochs(given, "cpu")]
