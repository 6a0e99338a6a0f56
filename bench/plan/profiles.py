"""The profiles: how much of the protocol a session runs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from alexnet.recipe import EXPERIMENTS
from alexnet.spec import IMAGE_SIZE
from bench.records.types import SPEED


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long one cell trains. None means no limit: every image, the recipe's epochs."""

    train_images: int | None = None
    epochs: int | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much of the protocol runs.

    `budget` is every cell's, except for the experiments that have their own in `budgets`.
    `test_images` is None for all of them. `synthetic_allowed` permits synthetic images where CIFAR-10
    cannot be had. `experiments` and `repeats` are those of a session that asks for none.
    `epoch_seconds` cuts epochs short, to as many steps as take the fastest engine this long; None
    leaves them whole. `stops_early` is whether patience may end a run before its last epoch.
    """

    image_size: int
    test_images: int | None = None
    budget: Budget = Budget()
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    synthetic_allowed: bool = True
    experiments: tuple[str, ...] = tuple(EXPERIMENTS)
    repeats: int = 1
    epoch_seconds: float | None = None
    stops_early: bool = True


# Every train_images here is a whole number of batches, of 64 and of 128.
PROFILES: dict[str, Profile] = {
    # Does everything run? Well under a minute a cell; its figures are not worth keeping.
    "smoke": Profile(
        image_size=64,
        test_images=500,
        budget=Budget(train_images=640, epochs=2),
    ),
    # Does it learn, and about how fast? Minutes for all cells.
    # At 64 px `scratch` passes 30 % accuracy after about 17,000 images, so it alone gets 21,120. The
    # other experiments only show their speed: one warm-up epoch and two timed ones.
    "quick": Profile(
        image_size=64,
        test_images=2000,
        budget=Budget(train_images=1280, epochs=3),
        budgets={"scratch": Budget(train_images=1920, epochs=11)},
    ),
    # How fast, with which engine? The full protocol's step, and epochs that are just long enough for
    # energy, which takes 20 s (bench/records/limits.py). One epoch warms up and six count, in each of
    # three processes: enough for a drift, and for a verdict on two engines. Nothing is said of accuracy.
    SPEED: Profile(
        image_size=IMAGE_SIZE,
        budget=Budget(epochs=7),
        synthetic_allowed=False,
        experiments=("scratch",),
        repeats=3,
        epoch_seconds=25.0,
        stops_early=False,
    ),
    # The protocol: every image at 224 px, to convergence.
    "full": Profile(
        image_size=IMAGE_SIZE,
        synthetic_allowed=False,
    ),
}
