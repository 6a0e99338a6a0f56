"""What anyone can work out about the original report without a run: parameters, shapes, percentages."""

from __future__ import annotations

from collections.abc import Iterator
from math import ceil, isnan, sqrt

from alexnet.data import CLASSES
from alexnet.spec import FLOAT32_BYTES, network
from reports.original.published import KERAS_CONV1, PER_CLASS

MEBIBYTE = 2**20
SAMPLE_SIZES = range(55, 80)
"""How many images of a class are tried; at 1,000 a class a percentage has one decimal at most."""


def dense_parameters() -> dict[str, int]:
    """Parameters of the mistaken network: the convolutions together, then each Dense by its name."""
    parameters = {"convolutions": 0}
    for row in network("mistaken").rows:
        if row.layer.name.startswith("conv"):
            parameters["convolutions"] += row.parameters
        elif row.parameters:
            parameters[row.layer.name] = row.parameters
    return parameters


def mebibytes(parameters: int) -> float:
    """Float32 parameters in MiB (2^20 bytes), which Keras's summary calls MB."""
    return parameters * FLOAT32_BYTES / MEBIBYTE


def same_padding(size: int, stride: int) -> int:
    """Rows of a convolution's output under Keras's "same" padding."""
    return ceil(size / stride)


def pooled(size: int, times: int) -> int:
    """Rows that are left of `size` after so many max-pools of 3 with stride 2."""
    for _ in range(times):
        size = (size - 3) // 2 + 1
    return size


def keras_flattens_to() -> int:
    """Inputs of Keras's first Dense layer, behind a conv1 of 56 x 56 and three pools."""
    channels = network("standard").flattened[1][0]
    return int(channels * pooled(KERAS_CONV1[1], 3) ** 2)


def unmoved_inputs() -> tuple[int, int]:
    """Inputs of torchvision's first Dense layer, and how many stay in place if nobody reorders them.

    torch counts channel, row, column and Keras row, column, channel.
    """
    channels, rows, columns = network("torchvision").flattened[1]
    places = rows * columns
    stay = sum(
        channel * places + place == place * channels + channel
        for channel in range(channels)
        for place in range(places)
    )
    return channels * places, stay


def fits(percentage: float, images: int) -> bool:
    """Whether some number of right answers of so many images is this percentage, to two decimals."""
    right = round(percentage * images / 100)
    return abs(100 * right / images - percentage) <= 0.005 + 1e-9


def right_of(percentage: float, images: int) -> int:
    """The number of right answers that makes this percentage."""
    return round(percentage * images / 100)


def sample_sizes() -> dict[str, int]:
    """Class -> the number of its images, of SAMPLE_SIZES, that fits both networks' figures.

    Where several do, the smallest; a class that none fits is left out.
    """
    return {name: sizes[0] for name, sizes in _common_sizes() if sizes}


def _common_sizes() -> Iterator[tuple[str, list[int]]]:
    pairs = zip(*PER_CLASS.values(), strict=True)
    for name, figures in zip(CLASSES, pairs, strict=True):
        legible = [figure for figure in figures if not isnan(figure)]
        yield (
            name,
            [images for images in SAMPLE_SIZES if all(fits(share, images) for share in legible)],
        )


def legible_of_a_thousand() -> tuple[int, int]:
    """Of the legible figures, how many 1,000 images a class could give, and how many there are."""
    legible = [share for figures in PER_CLASS.values() for share in figures if not isnan(share)]
    return sum(fits(share, 1_000) for share in legible), len(legible)


def standard_error(share: float, images: int) -> float:
    """Of a share of right answers over so many independent images."""
    return sqrt(share * (1 - share) / images)


def apart(one: float, images: int, other: float, others: int) -> float:
    """How many standard errors two accuracies are apart, each over images of its own."""
    return abs(one - other) / sqrt(standard_error(one, images) ** 2 + standard_error(other, others) ** 2)
