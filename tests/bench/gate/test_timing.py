"""The two checks of the clock, on a paper device and trainer with a clock of their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from bench.gate import timing
from bench.meters.reference_kernel import KERNEL_SECONDS
from bench.records.limits import MAX_SHARE_LEFT, MAX_WORK_RATIO, MIN_WORK_RATIO
from bench.records.types import Check
from bench.records.words import check_text
from tests.support.paper_device import CALL_SECONDS, PaperDevice, paper_backend, use_as_clock

BATCH = np.zeros((4, 32, 32, 3), np.uint8), np.zeros(4, np.int32)


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> PaperDevice:
    paper = PaperDevice()
    use_as_clock(paper, monkeypatch)
    return paper


@pytest.mark.parametrize(
    ("flops_per_second", "depths"),
    [
        (2.0**30, [64]),  # 64 deep is 2^27 operations: 125 ms
        (2.0**33, [64, 128]),  # 16 ms, then 31 ms
        (2.0**36, [64, 128, 256, 512, 1024]),
        (2.0**60, [2**power for power in range(6, 15)]),  # never: it stops at the deepest
    ],
)
def test_a_product_is_as_deep_as_its_aim_asks_for(
    device: PaperDevice, flops_per_second: float, depths: list[int]
) -> None:
    backend = paper_backend(device, flops_per_second)
    assert timing.depth_for(backend, KERNEL_SECONDS) == depths[-1]
    assert backend.depths == depths


def test_a_disturbance_does_not_make_a_product_shallower(device: PaperDevice) -> None:
    """Every third kernel takes ten times as long, as when something else has the processor."""
    backend = paper_backend(device, 2.0**33, factors=(10.0, 1.0, 1.0))
    assert timing.depth_for(backend, KERNEL_SECONDS) == 128


def test_twice_the_work_takes_twice_as_long_where_the_clock_waits(device: PaperDevice) -> None:
    backend = paper_backend(device, 2.0**33)
    ratio = next(timing.doubled_work_ratios(backend, device.synchronize))
    assert ratio == pytest.approx(2.0, rel=1e-3)  # but for the calls: a microsecond in 62 ms
    assert MIN_WORK_RATIO <= ratio <= MAX_WORK_RATIO
    assert backend.depths[-2:] == [256, 512]


def test_twice_the_work_takes_no_longer_where_the_device_answers_late(device: PaperDevice) -> None:
    device.late = True
    ratio = next(timing.doubled_work_ratios(paper_backend(device, 2.0**33), device.synchronize))
    assert ratio == pytest.approx(1.0, rel=1e-6)
    assert ratio < MIN_WORK_RATIO


def test_a_busy_computer_does_not_spoil_the_ratio(device: PaperDevice) -> None:
    """Two kernels of three are disturbed, by unlike amounts."""
    backend = paper_backend(device, 2.0**33, factors=(1.0, 3.0, 1.5))
    assert next(timing.doubled_work_ratios(backend, device.synchronize)) == pytest.approx(2.0, rel=1e-3)


def test_it_is_the_epochs_own_wait_that_is_tried(device: PaperDevice) -> None:
    """The kernel's own wait works here, but the trainer's does not wait."""
    ratio = next(timing.doubled_work_ratios(paper_backend(device, 2.0**33), lambda: None))
    assert ratio == pytest.approx(1.0, rel=1e-6)


class PaperTrainer:
    """Steps of a given length on the paper device; reading logits waits for all of them.

    Reading a loss waits for nothing, since the loss is there before the weights have moved. `waits_for`
    is the share of the open work that synchronize waits for: 1 is correct. `held_up` are the seconds by
    which other programs delay each reading of logits in turn.
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


def paper_trainer(device: PaperDevice, step_seconds: float, **options: Any) -> Any:
    return PaperTrainer(device, step_seconds, **options)


def test_nothing_is_left_to_wait_for_where_the_clock_waits(device: PaperDevice) -> None:
    trainer = paper_trainer(device, 0.25)
    assert timing.share_left_after_stop(trainer, *BATCH) < 1e-5, (
        "logits take a microsecond, of half a second"
    )
    assert trainer.rates == [0.0, 0.0], "the weights stay, and 0.5 s are enough"


def test_steps_are_added_until_they_can_be_timed(device: PaperDevice) -> None:
    trainer = paper_trainer(device, 0.04)
    assert timing.share_left_after_stop(trainer, *BATCH) < 1e-5
    assert len(trainer.rates) == 2 + 4 + 8 + 16, "16 steps are 0.64 s, more than the 0.5 asked for"


def test_a_very_fast_device_is_not_given_steps_without_end(device: PaperDevice) -> None:
    trainer = paper_trainer(device, 1e-4)
    timing.share_left_after_stop(trainer, *BATCH)
    assert len(trainer.rates) == 2 + 4 + 8 + 16 + 32 + 64 + 128


@pytest.mark.parametrize(("waits_for", "share"), [(0.5, 1.0), (0.8, 0.25)])
def test_what_the_clock_did_not_wait_for_is_left(
    device: PaperDevice, waits_for: float, share: float
) -> None:
    share_left = timing.share_left_after_stop(paper_trainer(device, 0.25, waits_for=waits_for), *BATCH)
    assert share_left == pytest.approx(share, rel=1e-3)  # but for the calls
    assert share_left > MAX_SHARE_LEFT


def test_other_programs_do_not_spoil_the_share_that_is_left(device: PaperDevice) -> None:
    """All readings but the last try's take 0.2 s of 0.5; the first one only compiles."""
    trainer = paper_trainer(device, 0.25, held_up=[0.2] * timing.MAX_TRIES)
    assert timing.share_left_after_stop(trainer, *BATCH) < 1e-5
    trainer = paper_trainer(device, 0.25, held_up=[0.2] * (timing.MAX_TRIES + 1))
    assert timing.share_left_after_stop(trainer, *BATCH) == pytest.approx(0.4, rel=1e-3), (
        "so often, it is no accident"
    )


def test_other_programs_do_not_spoil_twice_the_work(device: PaperDevice) -> None:
    """A whole try is held up: its short kernels take three times as long, and its long ones do not."""
    backend = paper_backend(device, 2.0**33)
    ratios = iter((1.0, 3.0, 1.3, 2.1))
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(timing, "doubled_work_ratios", lambda *arguments: ratios)
        assert timing.doubled_work_ratio(backend, paper_trainer(device, 0.25)) == 2.1


def timing_checks(device: PaperDevice, *, waits_for: float) -> dict[str, Check]:
    checks = timing.check_timing(
        paper_backend(device, 2.0**33), paper_trainer(device, 0.25, waits_for=waits_for), *BATCH
    )
    return {check.name: check for check in checks}


def test_a_clock_that_waits_passes_both_checks(device: PaperDevice) -> None:
    checks = timing_checks(device, waits_for=1.0)
    assert list(checks) == ["twice the work", "nothing left"]
    assert all(check.passed for check in checks.values())


def test_a_trainer_that_is_waited_for_too_short_fails_by_name(device: PaperDevice) -> None:
    """The kernels' own wait works, which changes nothing: the check uses the trainer's."""
    checks = timing_checks(device, waits_for=0.0)
    assert not checks["twice the work"].passed
    assert not checks["nothing left"].passed
    assert checks["nothing left"].measured is not None
    assert checks["nothing left"].measured > 1000, "half a second of work, timed as two calls"
    assert check_text(checks["nothing left"]).startswith("nothing left: ")
    assert "0.1 at most is allowed (what one image's logits take once the clock has stopped" in (
        check_text(checks["nothing left"])
    )


def test_a_device_that_answers_late_fails_by_name(device: PaperDevice) -> None:
    device.late = True
    checks = timing_checks(device, waits_for=1.0)
    assert not checks["nothing left"].passed
    check = checks["twice the work"]
    assert not check.passed
    assert check_text(check) == (
        "twice the work: 1 where 1.6 at least is allowed"
        " (how many times longer twice the work takes: 1 would be a clock that does not wait)"
    )
