"""What a step's input costs: steps on slices and on one batch, timed in turn, and what is said of it."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from alexnet.frameworks import registry
from alexnet.frameworks.protocol import DeviceUnavailable
from bench import input_work
from bench.host.lock import Lock
from bench.input_work import BLOCK, main

ENGINE = next(iter(registry.ENGINES))
STEP_SECONDS = 2**-10
IMAGES = list(range(40))


class PaperTrainer:
    """A trainer whose step takes 2^-10 s, and whose slice of a chunk takes `slice_seconds`."""

    def __init__(self, slice_seconds: float) -> None:
        self.now, self.slice_seconds = 0.0, slice_seconds
        self.stepped: list[tuple[list[int], float]] = []

    def synchronize(self) -> None: ...

    def to_device(self, images: list[int], labels: list[int]) -> list[int]:
        return images

    def part(self, chunk: list[int], start: int, size: int) -> list[int]:
        self.now += self.slice_seconds
        return chunk[start : start + size]

    def step(self, batch: list[int], rate: float) -> None:
        self.now += STEP_SECONDS
        self.stepped.append((batch, rate))


class Images(SimpleNamespace):
    def __len__(self) -> int:
        return len(self.images)


def use_trainer(monkeypatch: pytest.MonkeyPatch, slice_seconds: float) -> PaperTrainer:
    trainer = PaperTrainer(slice_seconds)
    run = SimpleNamespace(
        trainer=trainer,
        recipe=SimpleNamespace(batch_size=8),
        dataset=SimpleNamespace(train=Images(images=IMAGES, labels=IMAGES)),
    )
    monkeypatch.setattr(input_work, "prepare_training", lambda engine, device, plan: run)
    monkeypatch.setattr(input_work, "perf_counter", lambda: trainer.now)
    return trainer


@pytest.mark.usefixtures("lock_path")
@pytest.mark.parametrize(
    ("slice_seconds", "status", "longer"), [(2**-15, 0, 31), (2**-14, 1, 61), (0.0, 0, 0)]
)
def test_a_slice_may_cost_50_microseconds_where_a_step_is_short(
    slice_seconds: float,
    status: int,
    longer: int,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    use_trainer(monkeypatch, slice_seconds)
    assert main([ENGINE, "--steps", "100"]) == status
    out = capsys.readouterr().out
    assert f"a step took {longer} us longer on a slice" in out
    assert f"which took 977 us (median of 5 blocks of {BLOCK} steps" in out
    assert "50 us are allowed" in out


@pytest.mark.usefixtures("lock_path")
def test_both_kinds_take_equally_many_steps_in_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = use_trainer(monkeypatch, 0.0)
    main([ENGINE, "--steps", "80"])
    alone = IMAGES[:8]
    kinds = [
        {str(batch) for batch, _ in trainer.stepped[at : at + BLOCK]} for at in range(0, 200, BLOCK)
    ]
    slices = {str(IMAGES[at : at + 8]) for at in range(0, 40, 8)}
    one = {str(alone)}
    # After a block of each that warms up, every other pair begins with the other kind.
    assert kinds == [slices, one, one, slices, slices, one, one, slices, slices, one]
    assert {rate for _, rate in trainer.stepped} == {0.0}, "the weights stay"


@pytest.mark.usefixtures("lock_path")
def test_too_few_steps_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([ENGINE, "--steps", "79"])
    assert ended.value.code == 2
    assert "--steps 79: 80 or more are needed to say anything" in capsys.readouterr().err


@pytest.mark.usefixtures("lock_path")
def test_a_missing_device_is_a_sentence_and_frees_the_lock(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def missing(*args: Any, **keywords: Any) -> None:
        raise DeviceUnavailable("there is no CUDA GPU here")

    monkeypatch.setattr(input_work, "prepare_training", missing)
    with pytest.raises(SystemExit) as ended:
        main([ENGINE, "--device", "cuda"])
    assert ended.value.code == 2
    assert "there is no CUDA GPU here" in capsys.readouterr().err
    Lock().acquire("a second one")


def test_beside_a_session_nothing_is_measured(
    lock_path: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    session = Lock()
    session.acquire("pytest bench")
    with pytest.raises(SystemExit) as ended:
        main([ENGINE])
    session.release()
    assert ended.value.code == 2
    assert "is measuring already" in capsys.readouterr().err
