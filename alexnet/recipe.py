"""How the networks are trained: recipes as values, and the experiments that use them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Channels = tuple[float, float, float]

IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)
"""Of RGB pixels in [0, 1]; what torchvision's ImageNet weights were trained with."""


class IllegalRecipe(ValueError):
    """A request that a recipe cannot meet."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A stretch of epochs with one learning rate; `train` says which layers move."""

    epochs: int
    learning_rate: float
    train: Literal["all", "head"] = "all"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """SGD with momentum in torch's form: v = momentum v + g, w = w - rate v.

    Training ends when the validation loss has not improved for `patience` epochs of the last
    stage, or with that stage's last epoch. Pixels in [0, 1] are normalised by `mean` and `std`.
    """

    name: str
    claim: str
    batch_size: int
    stages: tuple[Stage, ...]
    patience: int
    momentum: float = 0.9
    augment: bool = False
    mean: Channels = (0.0, 0.0, 0.0)
    std: Channels = (1.0, 1.0, 1.0)

    @property
    def epochs(self) -> int:
        """The cap: how many epochs are trained where patience does not end it before."""
        return sum(stage.epochs for stage in self.stages)

    def stage_index(self, epoch: int) -> int:
        """Which stage epoch `epoch` (from 1) belongs to (from 0)."""
        last = 0
        for index, stage in enumerate(self.stages):
            last += stage.epochs
            if 1 <= epoch <= last:
                return index
        raise IllegalRecipe(f"{self.name} has epochs 1 to {self.epochs}, not {epoch}")

    def learning_rate(self, step: int, *, steps_per_epoch: int) -> float:
        """The rate of training step `step`, counted from 0 over the whole run."""
        return self.stages[self.stage_index(step // steps_per_epoch + 1)].learning_rate

    def with_epochs(self, epochs: int) -> Recipe:
        """The same recipe with another cap, shared out over its stages in proportion."""
        if epochs < len(self.stages):
            raise IllegalRecipe(
                f"{self.name} has {len(self.stages)} stages of at least one epoch each:"
                f" {epochs} epoch{'s' * (epochs != 1)} cannot hold them"
            )
        stages, left = [], epochs
        for index, stage in enumerate(self.stages[:-1]):
            later = len(self.stages) - index - 1
            share = min(max(1, round(epochs * stage.epochs / self.epochs)), left - later)
            stages.append(replace(stage, epochs=share))
            left -= share
        return replace(self, stages=(*stages, replace(self.stages[-1], epochs=left)))


SCRATCH = Recipe(
    name="scratch",
    claim="The report's from-scratch protocol: SGD 0.001 with momentum 0.9, batches of 64, 20"
    " epochs, pixels in [0, 1].",
    batch_size=64,
    stages=(Stage(epochs=20, learning_rate=0.001),),
    # The report trained 20 epochs whatever came. Five without a better validation loss are more
    # than the noise between neighbouring epochs, and leave the report's length where it helps.
    patience=5,
)

AUGMENTED = Recipe(
    name="augmented",
    claim="The report's augmented protocol: as scratch, with random flips and crops, batches of"
    " 128, 15 epochs.",
    batch_size=128,
    stages=(Stage(epochs=15, learning_rate=0.001),),
    patience=5,
    augment=True,
)

FINETUNE = Recipe(
    name="finetune",
    claim="ImageNet weights carried over: three epochs for the new head alone, at 0.01, since its"
    " random weights would send large gradients into good features; then up to ten for"
    " everything, at 0.001, a tenth of the rate those features were trained with.",
    batch_size=64,
    stages=(
        Stage(epochs=3, learning_rate=0.01, train="head"),
        Stage(epochs=10, learning_rate=0.001),
    ),
    # A fine-tuned network is near its best after two or three epochs and then overfits.
    patience=3,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
)

RECIPES: dict[str, Recipe] = {recipe.name: recipe for recipe in (SCRATCH, AUGMENTED, FINETUNE)}


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One of the report's systems: a variant, a recipe, where the first weights come from.

    `published` is what the report says of it, on one MacBook Pro with an M1 Pro.
    """

    variant: str
    published: str
    recipe: Recipe
    weights: Literal["he-normal", "imagenet"] = "he-normal"


EXPERIMENTS: dict[str, Experiment] = {
    "scratch": Experiment(
        variant="standard",
        recipe=SCRATCH,
        published="74.00 % of the test images with PyTorch; no test figure with Keras",
    ),
    "mistaken": Experiment(
        variant="mistaken",
        recipe=SCRATCH,
        published="70.45 % of the validation images with Keras, the loss rising from about epoch 8",
    ),
    "augmented": Experiment(
        variant="standard", recipe=AUGMENTED, published="an accuracy above 80 % with Keras"
    ),
    "pretrained": Experiment(
        variant="torchvision",
        recipe=FINETUNE,
        weights="imagenet",
        published="91.77 % of the test images with PyTorch; with Keras 'not so great'",
    ),
}
