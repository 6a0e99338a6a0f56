"""The profiles: how much of the protocol runs, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How long one cell trains. None means all of it: every image, the recipe's epochs."""

    train_images: int | None = None
    epochs: int | None = None


@dataclass(frozen=True, kw_only=True)
class Profile:
    """How much of the protocol runs; `amounts` are the experiments that differ from `amount`."""

    about: str
    image_size: int
    test_images: int | None = None
    budget: Budget = Budget()
    budgets: Mapping[str, Budget] = field(default_factory=dict)
    synthetic_allowed: bool = True


# Every train_images here is a whole number of batches, of 64 and of 128.
PROFILES: dict[str, Profile] = {
    "smoke": Profile(
        about="does everything run? well under a minute a cell, and no figure worth keeping",
        image_size=64,
        test_images=500,
        budget=Budget(train_images=640, epochs=2),
    ),
    # At 64 px `scratch` passes 30 % after some 18,000 images seen, so it alone gets 21,120. The others
    # show how fast they are: one epoch to warm up, two to time.
    "quick": Profile(
        about="minutes for all: does it learn, and about how fast?",
        image_size=64,
        test_images=2000,
        budget=Budget(train_images=1280, epochs=3),
        budgets={"scratch": Budget(train_images=1920, epochs=11)},
    ),
    "full": Profile(
        about="the protocol: every image at 224 px, to convergence",
        image_size=224,
        synthetic_allowed=False,
    ),
}
