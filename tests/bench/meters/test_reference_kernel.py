"""The device by itself and the proof of the clock, on a paper device with a clock of its own.

The device does its work in order and at a given speed. A planted fault is a device whose `wait`
comes back at once: it answers late, and a clock that trusts it times the calls alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from alexnet.spec import network
from bench.gate import timing
from bench.meters import reference_kernel
from bench.meters.reference_kernel import ReferenceKernel
from bench.meters.roofline import ROOFLINE_SECONDS, measure_roofline
from bench.records import verdict
from bench.records.limits import LEAST_RATIO, MOST_LEFT, MOST_RATIO
from bench.records.roofline import attainable_flops_per_second, training_bytes, training_flops
from bench.records.types import Check, Roofline

CALL_SECONDS = 2.0**-20  # about a microsecond, what a call into a framework takes
BATCH = np.zeros((4, 32, 32, 3), np.uint8), np.zeros(4, np.int32)


class PaperDevice:
    """Time, and until when the device is at work; `late` is the planted fault."""

    def __init__(self, *, late: bool = False) -> None:
        self.now = self.busy_until = 0.0
        self.late = late

    def __call__(self) -> float:
        return self.now

    def give(self, work_seconds: float) -> None:
        self.now += CALL_SECONDS
        self.busy_until = max(self.busy_until, self.now) + work_seconds

    def finish(self) -> None:
        self.now = max(self.now, self.busy_until)

    def synchronize(self) -> None:
        if not self.late:
            self.finish()


class PaperKernel:
    def __init__(self, backend: PaperBackend, *, flops: int, byte_count: int) -> None:
        self.backend, self.flops, self.bytes = backend, flops, byte_count

    def run(self) -> None:
        seconds = self.flops / self.backend.flops_per_second
        if self.bytes:
            seconds = self.bytes / self.backend.bytes_per_second
        self.backend.device_time.give(seconds * self.backend.next_factor())

    def wait(self) -> None:
        self.backend.device_time.synchronize()


class PaperBackend:
    """Its kernels take as long as their work asks for, times the factors in turn."""

    device = "cpu"

    def __init__(
        self, time: PaperDevice, flops_per_second: float, *, factors: Sequence[float] = (1.0,)
    ) -> None:
        self.device_time = time
        self.flops_per_second, self.bytes_per_second = flops_per_second, 2.0**33
        self.factors, self.turn = factors, 0
        self.sizes: list[int] = []
        self.depths: list[int] = []
        self.elements: list[int] = []

    def next_factor(self) -> float:
        self.turn += 1
        return self.factors[(self.turn - 1) % len(self.factors)]

    def product(self, size: int, depth: int) -> PaperKernel:
        self.sizes.append(size)
        self.depths.append(depth)
        return PaperKernel(self, flops=2 * size * size * depth, byte_count=0)

    def addition(self, elements: int) -> PaperKernel:
        self.elements.append(elements)
        return PaperKernel(self, flops=elements, byte_count=12 * elements)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> PaperDevice:
    made = PaperDevice()
    for module in ("meters.reference_kernel", "meters.roofline", "meters.time", "gate.timing"):
        monkeypatch.setattr(f"bench.{module}.perf_counter", made)
    return made


def backend(device: PaperDevice, flops_per_second: float, **more: Any) -> Any:
    return PaperBackend(device, flops_per_second, **more)


def test_a_kernel_is_timed_from_an_idle_to_an_idle_device(device: PaperDevice) -> None:
    made = backend(device, 2.0**30)
    kernel = made.product(1024, 512)  # one second
    device.give(7.0)
    assert reference_kernel.seconds(kernel) == pytest.approx(1.0, abs=1e-5)
    assert reference_kernel.seconds(kernel, repeats=3) == pytest.approx(3.0, abs=1e-5)


@pytest.mark.parametrize(
    ("flops_per_second", "depths"),
    [
        (2.0**30, [64]),  # 64 deep is 2^27 operations: 125 ms
        (2.0**33, [64, 128]),  # 16 ms, then 31 ms
        (2.0**36, [64, 128, 256, 512, 1024]),
        (2.0**60, [2**power for power in range(6, 16)]),  # never: it stops at the deepest
    ],
)
def test_a_product_is_as_deep_as_its_aim_asks_for(
    device: PaperDevice, flops_per_second: float, depths: list[int]
) -> None:
    made = backend(device, flops_per_second)
    assert timing.depth_for(made, reference_kernel.KERNEL_SECONDS) == depths[-1]
    assert made.depths == depths


def test_a_disturbance_does_not_make_a_product_shallower(device: PaperDevice) -> None:
    """Every third kernel takes ten times as long, as when something else has the processor."""
    made = backend(device, 2.0**33, factors=(10.0, 1.0, 1.0))
    assert timing.depth_for(made, reference_kernel.KERNEL_SECONDS) == 128


@pytest.mark.parametrize(
    ("flops_per_second", "repeats"),
    [
        (2.0**33, 1),  # one of them takes a quarter of a second
        (2.0**37, 1),  # 16 ms, which is nearer to 20 than 31
        (2.0**40, 10),  # 2 ms
        (2.0**44, 163),  # 0.122 ms and the call
    ],
)
def test_a_probe_repeats_a_small_product_until_it_takes_twenty_milliseconds(
    device: PaperDevice, flops_per_second: float, repeats: int
) -> None:
    prober = ReferenceKernel(backend(device, flops_per_second))
    assert prober.flops == repeats * 2 * 1024**3
    assert prober.measure() == pytest.approx(prober.flops / flops_per_second, rel=1e-3)


@pytest.mark.parametrize("name", ["cpu", "mps", "cuda"])
@pytest.mark.parametrize("flops_per_second", [2.0**33, 2.0**44])
def test_a_probe_needs_little_of_the_memory_that_is_measured(
    device: PaperDevice, name: str, flops_per_second: float
) -> None:
    """However fast the device is: three square matrices of float32, 50 MB."""
    made = backend(device, flops_per_second)
    made.device = name
    ReferenceKernel(made)
    [size], [depth] = made.sizes, made.depths
    assert 4 * (2 * size * depth + size * size) < 51e6


def test_a_disturbance_does_not_make_a_probe_shorter(device: PaperDevice) -> None:
    prober = ReferenceKernel(backend(device, 2.0**40, factors=(10.0, 1.0, 10.0)))
    assert prober.flops == 10 * 2 * 1024**3


def test_a_probe_shows_by_how_much_the_device_has_become_slower(device: PaperDevice) -> None:
    made = backend(device, 2.0**40)
    prober = ReferenceKernel(made)
    cold = prober.measure()
    assert cold == pytest.approx(10 / 512, abs=1e-5)
    made.flops_per_second /= 2
    assert prober.measure() == pytest.approx(2 * cold, rel=1e-3)  # but for the calls


def test_what_disturbs_two_of_three_is_not_what_a_probe_finds(device: PaperDevice) -> None:
    """Whatever else runs only ever adds: the fastest is nearest to the device by itself."""
    made = backend(device, 2.0**40)
    prober = ReferenceKernel(made)
    made.factors, made.turn = (1.0,) * 9 + (50.0,) + (1.0,) * 10 + (3.0,) * 10, 0
    assert prober.measure() == pytest.approx(10 / 512, abs=1e-5)
    made.factors, made.turn = (1.1,) * 30, 0
    assert prober.measure() == pytest.approx(11 / 512, abs=1e-5), "slower in all three, it is slower"


def test_the_first_probe_is_no_colder_than_the_others(device: PaperDevice) -> None:
    """An idle device's clock takes 0.4 s of work to rise to thrice what it was."""
    made = backend(device, 2.0**40)
    prober = ReferenceKernel(made)
    made.factors, made.turn = (3.0,) * 70 + (1.0,) * 10_000, 0
    began = device.now
    assert prober.measure_cold() == pytest.approx(10 / 512, abs=1e-5)
    assert 0.5 < device.now - began < 0.7, "half a second of work, then three kernels"
    assert prober.measure_after(6.0) is not None, "what waking it took does not put off the next probe"


def test_a_probe_waits_until_it_costs_one_per_cent_of_the_training(device: PaperDevice) -> None:
    """Three kernels of 1/4 s are 0.75 s: they are due after 75 s, in however many epochs."""
    prober = ReferenceKernel(backend(device, 2.0**33))
    prober.measure()
    assert [prober.measure_after(seconds) is not None for seconds in (40.0, 34.0, 2.0)] == [
        False,
        False,
        True,
    ]
    assert [prober.measure_after(seconds) is not None for seconds in (74.0, 0.9, 0.2)] == [
        False,
        False,
        True,
    ]
    assert [prober.measure_after(seconds) is not None for seconds in (75.1, 600.0)] == [True, True]


def test_on_a_fast_device_every_epoch_of_six_seconds_has_a_probe(device: PaperDevice) -> None:
    """Thirty kernels of 1/512 s are 0.059 s."""
    prober = ReferenceKernel(backend(device, 2.0**40))
    prober.measure()
    assert [prober.measure_after(seconds) is not None for seconds in (6.0, 6.0, 5.0)] == [
        True,
        True,
        False,
    ]


@pytest.mark.parametrize("epoch_seconds", [0.5, 3.0, 9.0, 60.0])
def test_probes_cost_no_more_than_one_per_cent(device: PaperDevice, epoch_seconds: float) -> None:
    prober = ReferenceKernel(backend(device, 2.0**33))
    prober.measure()
    began, taken = device.now, 0
    for _ in range(200):
        taken += prober.measure_after(epoch_seconds) is not None
    assert taken > 0
    assert device.now - began <= 0.01 * 200 * epoch_seconds


def test_twice_the_work_takes_twice_as_long_where_the_clock_waits(device: PaperDevice) -> None:
    made = backend(device, 2.0**33)
    ratio = next(timing.doubled_work_ratios(made, device.synchronize))
    assert ratio == pytest.approx(2.0, rel=1e-3)  # but for the calls: a microsecond in 62 ms
    assert LEAST_RATIO <= ratio <= MOST_RATIO
    assert made.depths[-2:] == [256, 512]


def test_twice_the_work_takes_no_longer_where_the_device_answers_late(device: PaperDevice) -> None:
    device.late = True
    ratio = next(timing.doubled_work_ratios(backend(device, 2.0**33), device.synchronize))
    assert ratio == pytest.approx(1.0, rel=1e-6)
    assert ratio < LEAST_RATIO


def test_a_busy_computer_does_not_spoil_the_ratio(device: PaperDevice) -> None:
    """Two kernels of three are disturbed, by unlike amounts."""
    made = backend(device, 2.0**33, factors=(1.0, 3.0, 1.5))
    assert next(timing.doubled_work_ratios(made, device.synchronize)) == pytest.approx(2.0, rel=1e-3)


def test_it_is_the_epochs_own_wait_that_is_tried(device: PaperDevice) -> None:
    """The kernel could be waited for here; who times the epochs does not wait."""
    ratio = next(timing.doubled_work_ratios(backend(device, 2.0**33), lambda: None))
    assert ratio == pytest.approx(1.0, rel=1e-6)


def test_the_roofline_is_the_best_that_was_seen(device: PaperDevice) -> None:
    """A third of the time something else slows the device down to a third of its speed."""
    made = backend(device, 2.0**40, factors=(1.0,) * 40 + (3.0,) * 20)
    made.bytes_per_second = 2.0**36
    found = measure_roofline(made)
    # The product takes 1/64 s at best, the addition 3/256 s; a call is a microsecond in a tenth of one.
    assert found.flops_per_second == pytest.approx(2.0**40, rel=1e-4)
    assert found.bytes_per_second == pytest.approx(2.0**36, rel=1e-4)
    assert made.elements == [2**26], "256 MiB of float32"


def test_handing_kernels_over_is_no_part_of_the_roofline(device: PaperDevice) -> None:
    """Each takes as long as 16 calls: alone, it would be found 6 % too slow."""
    made = backend(device, 2.0**50)
    made.bytes_per_second = 2.0**45
    found = measure_roofline(made)
    assert found.flops_per_second == pytest.approx(2.0**50, rel=1e-3)
    assert found.bytes_per_second == pytest.approx(2.0**45, rel=1e-3)


def test_the_roofline_is_looked_for_at_least_a_second_each(device: PaperDevice) -> None:
    measure_roofline(backend(device, 2.0**37))
    assert 2 * ROOFLINE_SECONDS <= device.now <= 2 * ROOFLINE_SECONDS + 1


# The standard network at 224 px, row by row: conv 55, pool 27, conv 27, pool 13, three convs 13, pool 6.
FORWARD_FLOPS = 2 * (
    96 * 3 * 11 * 11 * 55 * 55
    + 256 * 96 * 5 * 5 * 27 * 27
    + 384 * 256 * 3 * 3 * 13 * 13
    + 384 * 384 * 3 * 3 * 13 * 13
    + 256 * 384 * 3 * 3 * 13 * 13
    + 9216 * 4096
    + 4096 * 4096
    + 4096 * 10
)
PARAMETERS = (
    (34_848 + 96)
    + (614_400 + 256)
    + (884_736 + 384)
    + (1_327_104 + 384)
    + (884_736 + 256)
    + (37_748_736 + 4096)
    + (16_777_216 + 4096)
    + (40_960 + 10)
)
ACTIVATIONS = (
    290_400
    + 69_984  # conv1, pool1
    + 186_624
    + 43_264  # conv2, pool2
    + 64_896
    + 64_896
    + 43_264
    + 9_216  # conv3, conv4, conv5, pool5
    + 2 * 4_096
    + 10  # fc6, fc7, fc8; flattening moves nothing, dropout is done on the way
)


def test_the_work_of_a_step_is_three_times_the_forward_pass() -> None:
    assert FORWARD_FLOPS == 2_262_402_112
    assert training_flops(network("standard")) == 6_787_206_336


def test_the_bytes_of_a_step_are_eight_for_a_parameter_and_five_for_an_activation() -> None:
    assert (PARAMETERS, ACTIVATIONS) == (58_322_314, 780_746)
    net = network("standard")
    assert training_bytes(net, 1) == 8 * 4 * 58_322_314 + 5 * 4 * 780_746
    assert training_bytes(net, 128) == 8 * 4 * 58_322_314 + 128 * 5 * 4 * 780_746


@pytest.mark.parametrize(
    ("roof", "batch_size", "attainable"),
    [
        # At 128 images 6.787e9 * 128 operations over 3.865e9 bytes: 225 of them a byte.
        (Roofline(flops_per_second=10e12, bytes_per_second=400e9), 128, 10e12),
        (Roofline(flops_per_second=10e12, bytes_per_second=10e9), 128, 2.2478e12),
        # One image has the parameters to itself: 3.6 a byte.
        (Roofline(flops_per_second=10e12, bytes_per_second=400e9), 1, 1.4426e12),
    ],
    ids=["bound by arithmetic", "bound by memory", "one image"],
)
def test_what_is_attainable_is_the_lower_of_both_roofs(
    roof: Roofline, batch_size: int, attainable: float
) -> None:
    found = attainable_flops_per_second(network("standard"), batch_size, roof)
    assert found == pytest.approx(attainable, rel=1e-4)  # as many digits as are written above


class PaperTrainer:
    """Steps of a given length on the paper device; reading logits waits for all of them.

    A loss is there before the weights have moved, and waits for nothing. `waits_for` is the share of
    the open work that synchronize waits for: 1 is as it should be. `held_up` are the seconds for
    which other programs keep each reading of logits waiting, one after the other.
    """

    def __init__(
        self,
        device: PaperDevice,
        step_seconds: float,
        *,
        waits_for: float = 1.0,
        held_up: Sequence[float] = (),
    ) -> None:
        self.device, self.step_seconds, self.waits_for = device, step_seconds, waits_for
        self.held_up = list(held_up)
        self.rates: list[float] = []

    def to_device(self, images: Any, labels: Any) -> Any:
        return images, labels

    def step(self, batch: Any, learning_rate: float) -> None:
        assert batch[0] is BATCH[0]
        self.rates.append(learning_rate)
        self.device.give(self.step_seconds)

    def synchronize(self) -> None:
        if self.device.late:
            return
        self.device.now += self.waits_for * max(0.0, self.device.busy_until - self.device.now)

    def pop_metrics(self) -> tuple[float, float]:
        return 2.3, 0.1

    def logits(self, images: Any) -> Any:
        assert len(images) == 1, "no longer than it takes to see the weights"
        self.device.finish()
        self.device.now += CALL_SECONDS + (self.held_up.pop(0) if self.held_up else 0.0)
        return np.zeros((1, 10), np.float32)


def trainer(device: PaperDevice, step_seconds: float, **more: Any) -> Any:
    return PaperTrainer(device, step_seconds, **more)


def test_nothing_is_left_to_wait_for_where_the_clock_waits(device: PaperDevice) -> None:
    made = trainer(device, 0.25)
    assert timing.share_left_after_stop(made, *BATCH) < 1e-5, (
        "logits take a microsecond, of half a second"
    )
    assert made.rates == [0.0, 0.0], "the weights stay, and 0.5 s are enough"


def test_steps_are_added_until_they_can_be_timed(device: PaperDevice) -> None:
    made = trainer(device, 0.04)
    assert timing.share_left_after_stop(made, *BATCH) < 1e-5
    assert len(made.rates) == 2 + 4 + 8 + 16, "16 steps are 0.64 s, more than the 0.5 asked for"


def test_a_very_fast_device_is_not_given_steps_without_end(device: PaperDevice) -> None:
    made = trainer(device, 1e-4)
    timing.share_left_after_stop(made, *BATCH)
    assert len(made.rates) == 2 + 4 + 8 + 16 + 32 + 64 + 128


@pytest.mark.parametrize(("waits_for", "share"), [(0.5, 1.0), (0.8, 0.25)])
def test_what_the_clock_did_not_wait_for_is_left(
    device: PaperDevice, waits_for: float, share: float
) -> None:
    found = timing.share_left_after_stop(trainer(device, 0.25, waits_for=waits_for), *BATCH)
    assert found == pytest.approx(share, rel=1e-3)  # but for the calls
    assert found > MOST_LEFT


def test_other_programs_do_not_spoil_the_share_that_is_left(device: PaperDevice) -> None:
    """All readings but the last that is tried take 0.2 s of 0.5; the first one only compiles."""
    made = trainer(device, 0.25, held_up=[0.2] * timing.TRIES)
    assert timing.share_left_after_stop(made, *BATCH) < 1e-5
    made = trainer(device, 0.25, held_up=[0.2] * (timing.TRIES + 1))
    assert timing.share_left_after_stop(made, *BATCH) == pytest.approx(0.4, rel=1e-3), (
        "so often, it is no accident"
    )


def test_other_programs_do_not_spoil_twice_the_work(device: PaperDevice) -> None:
    """A whole try is held up: its short kernels take three times as long, and its long ones do not."""
    made = backend(device, 2.0**33)
    ratios = iter((1.0, 3.0, 1.3, 2.1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(timing, "doubled_work_ratios", lambda *arguments: ratios)
        assert timing.doubled_work_ratio(made, trainer(device, 0.25)) == 2.1


def proof(device: PaperDevice, *, waits_for: float) -> dict[str, Check]:
    checks = timing.check_timing(
        backend(device, 2.0**33), trainer(device, 0.25, waits_for=waits_for), *BATCH
    )
    return {check.name: check for check in checks}


def test_a_clock_that_waits_passes_its_proof(device: PaperDevice) -> None:
    checks = proof(device, waits_for=1.0)
    assert list(checks) == ["twice the work", "nothing left"]
    assert all(check.passed for check in checks.values())


def test_a_trainer_that_is_waited_for_too_short_fails_by_name(device: PaperDevice) -> None:
    """Its device's own kernels are waited for, and that helps it nothing: its own wait is tried."""
    checks = proof(device, waits_for=0.0)
    assert not checks["twice the work"].passed
    assert not checks["nothing left"].passed
    assert checks["nothing left"].measured is not None
    assert checks["nothing left"].measured > 1000, "half a second of work, timed as two calls"
    assert verdict.failed(checks["nothing left"]).startswith("nothing left: ")
    assert "0.1 at most is allowed (what one image's logits take once the clock has stopped" in (
        verdict.failed(checks["nothing left"])
    )


def test_a_device_that_answers_late_fails_by_name(device: PaperDevice) -> None:
    device.late = True
    checks = proof(device, waits_for=1.0)
    assert not checks["nothing left"].passed
    check = checks["twice the work"]
    assert not check.passed
    assert verdict.failed(check) == (
        "twice the work: 1 where 1.6 at least is allowed"
        " (how many times longer twice the work takes: 1 would be a clock that does not wait)"
    )
