"""The original report's figures as data: each as it was said, with its doubts in words."""

from __future__ import annotations

from dataclasses import dataclass
from math import nan

CHIP = "Apple M1 Pro"
EPOCHS = 20
PYTORCH, KERAS = "torch", "tensorflow"
"""The engines here that stand for the original's two frameworks."""
IMAGE_SIZE = 224


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One published figure in SI units; `value` is NaN where there were only words."""

    experiment: str
    engine: str
    what: str
    value: float
    said: str
    doubt: str = ""


def _mistaken(what: str, value: float, said: str, doubt: str = "") -> Figure:
    return Figure(
        experiment="mistaken",
        engine=KERAS,
        what=what,
        value=value,
        said=said,
        doubt=doubt,
    )


FIGURES: tuple[Figure, ...] = (
    _mistaken(
        "parameters",
        202_839_952,
        "202,839,952 parameters",
        doubt="the original blames an extra Dense(1000), which explains 4,066,040 of 144,517,638 extra"
        " ones",
    ),
    _mistaken("parameter_mebibytes", 773.77, "773.77 MB", doubt="MiB: 811.36 MB of 10^6 bytes"),
    _mistaken("seconds_per_epoch", 480.0, "about 8 min per epoch"),
    _mistaken(
        "total_seconds",
        14_400.0,
        "over 4 hours for 20 epochs",
        doubt="20 epochs of 8 min are 160 min",
    ),
    _mistaken("train_accuracy", 0.9745, "last epoch accuracy 0.9745"),
    _mistaken("train_loss", 0.0782, "last epoch loss 0.0782"),
    _mistaken("validation_accuracy", 0.7045, "validation accuracy 0.7045"),
    _mistaken("validation_loss", 1.8938, "validation loss 1.8938"),
    _mistaken("loss_rises_from_epoch", 8, "validation loss rising from about epoch 8"),
    _mistaken(
        "test_accuracy",
        0.9738,
        "test accuracy 0.9738",
        doubt="nearly the training accuracy, so not of unseen images",
    ),
    _mistaken("test_loss", 0.0753, "test loss 0.0753", doubt="as the test accuracy"),
    Figure(
        experiment="augmented",
        engine=KERAS,
        what="seconds_per_epoch",
        value=120.0,
        said="about 2 min per epoch",
    ),
    Figure(
        experiment="augmented",
        engine=KERAS,
        what="accuracy",
        value=0.80,
        said="accuracy above 0.80",
        doubt="it does not say of which images",
    ),
    Figure(
        experiment="pretrained",
        engine=KERAS,
        what="words",
        value=nan,
        said="performance was not so great",
        doubt="no figure; the first Dense layer's weights were most likely carried over in a wrong"
        " order",
    ),
    Figure(
        experiment="scratch",
        engine=PYTORCH,
        what="total_seconds",
        value=3_900.0,
        said="65 min in total",
    ),
    Figure(
        experiment="scratch",
        engine=PYTORCH,
        what="test_accuracy",
        value=0.7400,
        said="74.00 % on the 10,000 test images",
    ),
    Figure(
        experiment="pretrained",
        engine=PYTORCH,
        what="total_seconds",
        value=5_400.0,
        said="90 min in total",
    ),
    Figure(
        experiment="pretrained",
        engine=PYTORCH,
        what="test_accuracy",
        value=0.9177,
        said="91.77 % on the 10,000 test images, flat from early on",
    ),
)

KERAS_LAYERS = (34_944, 614_656, 885_120, 1_327_488, 884_992, 37_752_832, 16_781_312, 40_970)
"""Parameters of conv1 to conv5 and the three Dense layers, as Keras's summary had them."""
KERAS_CONV1 = (96, 56, 56)
PER_CLASS: dict[str, tuple[float, ...]] = {
    "scratch": (83.93, 80.00, 68.35, 54.79, 78.18, 64.41, 82.14, 68.75, 81.03, 78.21),
    "pretrained": (96.43, 100.00, 91.14, 76.71, 96.36, 88.14, 94.64, nan, 100.00, 93.59),
}
"""Per cent, with PyTorch, in the order of alexnet.data.CLASSES; NaN is illegible."""


def of(experiment: str, engine: str) -> list[Figure]:
    """All that was published of one system."""
    return [figure for figure in FIGURES if (figure.experiment, figure.engine) == (experiment, engine)]


def figure(experiment: str, engine: str, what: str) -> Figure:
    """One published figure. Raises KeyError where there is none."""
    for published in of(experiment, engine):
        if published.what == what:
            return published
    raise KeyError(f"nothing was published of {experiment} in {engine} called {what}")


SCRATCH_TEST_ACCURACY = figure("scratch", PYTORCH, "test_accuracy").value
