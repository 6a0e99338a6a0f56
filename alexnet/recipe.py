"""How the networks are trained: recipes, and the experiments that use them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

Channels = tuple[float, float, float]

IMAGENET_MEAN: Channels = (0.485, 0.456, 0.406)
IMAGENET_STD: Channels = (0.229, 0.224, 0.225)
"""Of RGB pixels in [0, 1]; torchvision's ImageNet weights were trained with these."""


class IllegalRecipe(ValueError):
    """A recipe cannot meet a request, such as a number of epochs."""


@dataclass(frozen=True, kw_only=True)
class Stage:
    """A number of epochs at one learning rate; `train` says which layers are trained."""

    epochs: int
    learning_rate: float
    train: Literal["all", "head"] = "all"


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """SGD with momentum in torch's form: v = momentum v + g, w = w - rate v.

    Training ends after `patience` epochs of the last stage without a better validation loss, or after
    that stage's last epoch. Pixels in [0, 1] are normalised by `mean` and `std`.
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
        """The maximum number of epochs, over all stages."""
        return sum(stage.epochs for stage in self.stages)

    def stage_index(self, epoch: int) -> int:
        """The index (from 0) of the stage of `epoch` (from 1)."""
        last = 0
        for index, stage in enumerate(self.stages):
            last += stage.epochs
            if 1 <= epoch <= last:
                return index
        raise IllegalRecipe(f"{self.name} has epochs 1 to {self.epochs}, not {epoch}")

    def learning_rate(self, step: int, *, steps_per_epoch: int) -> float:
        """The learning rate of training step `step`, counted from 0 over the whole run."""
        return self.stages[self.stage_index(step // steps_per_epoch + 1)].learning_rate

    def with_epochs(self, epochs: int) -> Recipe:
        """The same recipe with `epochs` epochs, distributed over its stages in proportion."""
        if epochs < len(self.stages):
            raise IllegalRecipe(
                f"{self.name} has {len(self.stages)} stages of at least one epoch each:"
                f" {epochs} epoch{'s' * (epochs != 1)} cannot hold them"
            )
        stages, remaining = [], epochs
        for index, stage in enumerate(self.stages[:-1]):
            later = len(self.stages) - index - 1
            share = min(max(1, round(epochs * stage.epochs / self.epochs)), remaining - later)
            stages.append(replace(stage, epochs=share))
            remaining -= share
        return replace(self, stages=(*stages, replace(self.stages[-1], epochs=remaining)))


SCRATCH = Recipe(
    name="scratch",
    claim="The report's from-scratch protocol: SGD 0.001 with momentum 0.9, batches of 64, 20"
    " epochs, pixels in [0, 1].",
    batch_size=64,
    stages=(Stage(epochs=20, learning_rate=0.001),),
    # The report always trained 20 epochs. A patience of five exceeds the noise between neighbouring
    # epochs and still allows all 20 where they help.
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
    # A fine-tuned network is near its best after two or three epochs, then overfits.
    patience=3,
    mean=IMAGENET_MEAN,
    std=IMAGENET_STD,
)


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One of the report's systems: a variant, a recipe and the source of the first weights.

    `published` is the result in the report, from one MacBook Pro with an M1 Pro.
    """

    variant: str
    published: str
    recipe: Recipe
    weights: Literal["he-uniform", "imagenet"] = "he-uniform"

    @property
    def pretrained(self) -> bool:
        """Whether it starts from ImageNet's weights."""
        return self.weights == "imagenet"


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
