"""The kinds of layer: how each maps an input shape to an output shape, and its weights' shapes."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass

Shape = tuple[int, ...]
"""An image's shape without the batch: (channels, rows, columns), or (features,) once flat."""


class IllegalNetwork(ValueError):
    """No network can be built from this variant, class count or image size."""


@dataclass(frozen=True)
class Conv:
    """A convolution with bias and ReLU; `padding` pixels of zeros on every side."""

    name: str
    channels: int
    _: KW_ONLY
    kernel: int
    stride: int = 1
    padding: int = 0

    def output_shape(self, shape: Shape) -> Shape:
        return self.channels, *(_slide(n + 2 * self.padding, self) for n in shape[1:])

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        kernel = (self.channels, shape[0], self.kernel, self.kernel)
        return {f"{self.name}.weight": kernel, f"{self.name}.bias": (self.channels,)}


@dataclass(frozen=True)
class MaxPool:
    """The largest value of each window. AlexNet's windows overlap: 3 wide, 2 apart."""

    name: str
    _: KW_ONLY
    kernel: int = 3
    stride: int = 2

    def output_shape(self, shape: Shape) -> Shape:
        return shape[0], *(_slide(n, self) for n in shape[1:])

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {}


@dataclass(frozen=True)
class AdaptiveAvgPool:
    """Averages or repeats its input to `size` x `size` (torchvision's `avgpool`).

    One of the two sizes must divide the other: Apple's GPU has no kernel for the rest (pytorch#96056),
    and a network must be the same on every device.
    """

    name: str
    size: int

    def output_shape(self, shape: Shape) -> Shape:
        if any(n % self.size and self.size % n for n in shape[1:]):
            raise IllegalNetwork(
                f"{self.name} cannot bring a map of {shape[1]}x{shape[2]} to {self.size}x{self.size}:"
                f" one size must divide the other (Apple's GPU has no kernel for anything else)"
            )
        return shape[0], self.size, self.size

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {}


@dataclass(frozen=True)
class Flatten:
    """Flattens a map to a vector, in channel-row-column order (the canonical order)."""

    name: str = "flatten"

    def output_shape(self, shape: Shape) -> Shape:
        return (math.prod(shape),)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {}


@dataclass(frozen=True)
class Dropout:
    """Zeroes a share `rate` of its inputs in training and scales up the others."""

    name: str
    rate: float = 0.5

    def output_shape(self, shape: Shape) -> Shape:
        return shape

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        return {}


@dataclass(frozen=True)
class Dense:
    """A fully connected layer with bias; `units=None` means one unit for each class."""

    name: str
    units: int | None
    _: KW_ONLY
    relu: bool = True

    def output_shape(self, shape: Shape) -> Shape:
        if self.units is None:
            raise TypeError(f"{self.name} has no units before a class count is given")
        return (self.units,)

    def weight_shapes(self, shape: Shape) -> dict[str, Shape]:
        (units,) = self.output_shape(shape)
        return {f"{self.name}.weight": (units, shape[0]), f"{self.name}.bias": (units,)}


Layer = Conv | MaxPool | AdaptiveAvgPool | Flatten | Dropout | Dense


def _slide(length: int, window: Conv | MaxPool) -> int:
    """The number of window positions along a side of `length`, rounded down as both frameworks do."""
    positions = (length - window.kernel) // window.stride + 1
    if length < window.kernel:
        raise IllegalNetwork(
            f"{window.name} has nothing left to see: its window is {window.kernel} wide and its input,"
            f" padding included, only {length}"
        )
    return positions
