"""The networks as layer tables; shapes, parameters, bytes and FLOPs all follow from the rows."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache

from alexnet.layers import (
    AdaptiveAvgPool,
    Conv,
    Dense,
    Dropout,
    Flatten,
    IllegalNetwork,
    Layer,
    MaxPool,
    Shape,
)

FLOAT32_BYTES = 4
IMAGE_SIZE = 224
"""Pixels a side of the paper's images, and of the report's."""
IMAGENET_CLASSES = 1000
INPUT = "input"
"""What the network's input, the prepared pixels, is called beside the outputs of its layers."""

# Krizhevsky, Sutskever and Hinton (2012) in one column: no split over two GPUs, no response
# normalisation: the network that the report of 2025 trained in both frameworks.
STANDARD: tuple[Layer, ...] = (
    Conv("conv1", 96, kernel=11, stride=4, padding=2),
    MaxPool("pool1"),
    Conv("conv2", 256, kernel=5, padding=2),
    MaxPool("pool2"),
    Conv("conv3", 384, kernel=3, padding=1),
    Conv("conv4", 384, kernel=3, padding=1),
    Conv("conv5", 256, kernel=3, padding=1),
    MaxPool("pool5"),
    Flatten(),
    Dense("fc6", 4096),
    Dropout("drop6"),
    Dense("fc7", 4096),
    Dropout("drop7"),
    Dense("fc8", None, relu=False),
)

# torchvision.models.alexnet, after "One weird trick" (Krizhevsky 2014). It applies dropout before each
# hidden Dense; the original network applies it after.
TORCHVISION: tuple[Layer, ...] = (
    Conv("conv1", 64, kernel=11, stride=4, padding=2),
    MaxPool("pool1"),
    Conv("conv2", 192, kernel=5, padding=2),
    MaxPool("pool2"),
    Conv("conv3", 384, kernel=3, padding=1),
    Conv("conv4", 256, kernel=3, padding=1),
    Conv("conv5", 256, kernel=3, padding=1),
    MaxPool("pool5"),
    AdaptiveAvgPool("avgpool", 6),
    Flatten(),
    Dropout("drop6"),
    Dense("fc6", 4096),
    Dropout("drop7"),
    Dense("fc7", 4096),
    Dense("fc8", None, relu=False),
)


def _without(layers: tuple[Layer, ...], *names: str) -> tuple[Layer, ...]:
    return tuple(layer for layer in layers if layer.name not in names)


def _before_the_last(layers: tuple[Layer, ...], layer: Layer) -> tuple[Layer, ...]:
    return (*layers[:-1], layer, layers[-1])


EXTRA_DENSE = _before_the_last(_without(STANDARD, "drop6", "drop7"), Dense("extra", 1000, relu=False))
MISTAKEN = _without(EXTRA_DENSE, "pool5")


@dataclass(frozen=True, kw_only=True)
class Variant:
    """A layer table and the class count that the experiments use."""

    layers: tuple[Layer, ...]
    classes: int
    about: str


VARIANTS: dict[str, Variant] = {
    "standard": Variant(layers=STANDARD, classes=10, about="AlexNet in one column, ten classes"),
    "extra-dense": Variant(
        layers=EXTRA_DENSE, classes=10, about="standard without dropout, a linear Dense(1000) more"
    ),
    "mistaken": Variant(
        layers=MISTAKEN, classes=1000, about="extra-dense without its third pool, 1000 outputs"
    ),
    "torchvision": Variant(layers=TORCHVISION, classes=10, about="torchvision's AlexNet, ten classes"),
}


@dataclass(frozen=True, kw_only=True)
class Row:
    """One layer of a network, with its input and output shapes."""

    layer: Layer
    input_shape: Shape
    output_shape: Shape

    @property
    def tensors(self) -> dict[str, Shape]:
        """Canonical name -> shape of each weight: convolution OIHW, Dense (outputs, inputs)."""
        return self.layer.weight_shapes(self.input_shape)

    @property
    def parameters(self) -> int:
        return sum(math.prod(shape) for shape in self.tensors.values())

    @property
    def parameter_bytes(self) -> int:
        return self.parameters * FLOAT32_BYTES

    @property
    def activation_bytes(self) -> int:
        """Float32 bytes of the output for one image."""
        return math.prod(self.output_shape) * FLOAT32_BYTES

    @property
    def forward_flops(self) -> int:
        """Two per multiply-add of a convolution or Dense, for one image.

        Biases, ReLU, pooling and dropout are not counted, as is usual: under 0.5 % of the total.
        """
        kernels = [shape for shape in self.tensors.values() if len(shape) > 1]
        positions = math.prod(self.output_shape[1:])
        return sum(2 * math.prod(shape) * positions for shape in kernels)


@dataclass(frozen=True, kw_only=True)
class Network:
    """A variant at one image size and class count: what a backend builds."""

    variant: str
    image_size: int
    classes: int
    rows: tuple[Row, ...]

    @cached_property
    def tensors(self) -> dict[str, Shape]:
        return {name: shape for row in self.rows for name, shape in row.tensors.items()}

    @cached_property
    def parameters(self) -> int:
        return sum(row.parameters for row in self.rows)

    @cached_property
    def forward_flops(self) -> int:
        return sum(row.forward_flops for row in self.rows)

    @property
    def head(self) -> str:
        """The name of the last layer, which a new set of classes replaces."""
        return self.rows[-1].layer.name

    @property
    def flattened(self) -> tuple[str, Shape]:
        """The first Dense's name and the (channels, rows, columns) that flatten into its inputs."""
        at = next(i for i, row in enumerate(self.rows) if isinstance(row.layer, Flatten))
        dense = next(row.layer.name for row in self.rows[at:] if isinstance(row.layer, Dense))
        return dense, self.rows[at].input_shape

    @property
    def has_dropout(self) -> bool:
        return any(isinstance(row.layer, Dropout) for row in self.rows)

    def without_dropout(self) -> Network:
        """The same network and tensors without its random layers, for comparing frameworks."""
        layers = tuple(row.layer for row in self.rows if not isinstance(row.layer, Dropout))
        return _build(self.variant, layers, image_size=self.image_size, classes=self.classes)


def network(variant: str, *, image_size: int = IMAGE_SIZE, classes: int | None = None) -> Network:
    """The network of a variant for square RGB images of `image_size` pixels a side.

    `classes` defaults to the variant's own. Raises IllegalNetwork for an unknown variant, fewer than
    one class, or an image too small for a layer, which the message names.
    """
    if variant not in VARIANTS:
        raise IllegalNetwork(f"there is no variant {variant!r}; there are {', '.join(VARIANTS)}")
    table = VARIANTS[variant]
    classes = table.classes if classes is None else classes
    if classes < 1:
        raise IllegalNetwork(f"a network of {classes} classes cannot be: there must be at least 1")
    return _build(variant, table.layers, image_size=image_size, classes=classes)


@lru_cache(maxsize=64)  # a report of 8,000 runs asks for the same four networks again and again
def _build(variant: str, layers: tuple[Layer, ...], *, image_size: int, classes: int) -> Network:
    shape: Shape = (3, image_size, image_size)
    rows = []
    for row in layers:
        layer = replace(row, units=classes) if isinstance(row, Dense) and row.units is None else row
        try:
            output = layer.output_shape(shape)
        except IllegalNetwork as error:
            raise IllegalNetwork(f"{variant} cannot take images of {image_size} px: {error}") from None
        rows.append(Row(layer=layer, input_shape=shape, output_shape=output))
        shape = output
    return Network(variant=variant, image_size=image_size, classes=classes, rows=tuple(rows))


@dataclass(frozen=True, kw_only=True)
class Change:
    """One step from the standard network to the mistaken one."""

    what: str
    network: Network
    extra_parameters: int


def mistaken_changes(*, image_size: int = IMAGE_SIZE) -> list[Change]:
    """Where the mistaken network's 144,517,638 extra parameters come from, change by change.

    The report blamed the extra Dense(1000) alone, which explains 4,066,040 of them.
    """
    steps: list[tuple[str, Callable[[], Network]]] = [
        ("no dropout", lambda: network("standard", image_size=image_size).without_dropout()),
        ("an extra linear Dense(1000)", lambda: network("extra-dense", image_size=image_size)),
        ("no third pool", lambda: network("mistaken", image_size=image_size, classes=10)),
        ("1000 outputs for 10 classes", lambda: network("mistaken", image_size=image_size)),
    ]
    changes, parameters = [], network("standard", image_size=image_size).parameters
    for what, build in steps:
        net = build()
        changes.append(Change(what=what, network=net, extra_parameters=net.parameters - parameters))
        parameters = net.parameters
    return changes
