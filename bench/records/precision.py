"""How exactly a device computes: what a gate measures of it, its word, and what keeps a promise."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from alexnet.frameworks.protocol import Precision
from alexnet.layers import Conv, Dense
from alexnet.spec import VARIANTS
from bench.records.limits import (
    MAX_TEN_BITS,
    MIN_FLOAT16_BITS,
    MIN_FLOAT32_BITS,
    MIN_SEVEN_BITS,
    MIN_TEN_BITS,
    WINOGRAD_BITS,
    WINOGRAD_BITS_5X5,
)
from bench.records.types import Arithmetic, PrecisionWord, Run

POWERS = (-20, 20)
"""The exponents of the numbers that must come through a product. float16 ends at 2^16, and below 2^-14
it loses bits."""
SUM = "sum"
OF_WEIGHT, OF_INPUT = ", gradient of the weight", ", gradient of the input"

MIN_BITS: Mapping[Precision, float] = {
    "float32": MIN_FLOAT32_BITS,
    "TF32": MIN_TEN_BITS,
    "bfloat16": MIN_SEVEN_BITS,
    "float16": MIN_FLOAT16_BITS,
}
"""What is promised -> the fewest bits that keep the promise."""

OPERAND_BITS: Mapping[Precision, int | None] = {
    "float32": None,
    "TF32": 10,
    "bfloat16": 7,
    "float16": 10,
}
"""The mantissa bits to which an engine rounds what it multiplies; None if it does not."""


@dataclass(frozen=True, kw_only=True)
class MeasuredLayer:
    """A layer that is computed forward and backward; no step computes the gradient of the images."""

    layer: Conv | Dense
    takes_images: bool

    def operations(self, name: str) -> tuple[str, ...]:
        """The names of its output, of the gradient of its weight and of that of its input, if any."""
        parts = ("", OF_WEIGHT, OF_INPUT)
        return tuple(name + part for part in (parts[:-1] if self.takes_images else parts))

    def winograd_bits(self, operation: str) -> float:
        """The bits that Winograd's algorithm may take, which computes convolutions of stride 1."""
        if isinstance(self.layer, Dense) or self.layer.stride > 1:
            return 0.0
        of_5x5 = self.layer.kernel == 5 and operation.endswith(OF_WEIGHT)
        return WINOGRAD_BITS_5X5 if of_5x5 else WINOGRAD_BITS


def _layers() -> dict[str, MeasuredLayer]:
    layers = {"matrix product": MeasuredLayer(layer=Dense("dense", None), takes_images=False)}
    for variant in VARIANTS.values():
        for layer in variant.layers:
            if isinstance(layer, Conv):
                stride = f"/{layer.stride}" if layer.stride > 1 else ""
                name = f"convolution {layer.kernel}x{layer.kernel}{stride}"
                takes_images = layer is variant.layers[0]
                layers.setdefault(name, MeasuredLayer(layer=layer, takes_images=takes_images))
    return layers


LAYERS: Mapping[str, MeasuredLayer] = _layers()
"""The product of a Dense layer, and every kind of convolution in the layer tables."""

WINOGRAD_BITS_OF: Mapping[str, float] = {
    operation: layer.winograd_bits(operation)
    for name, layer in LAYERS.items()
    for operation in layer.operations(name)
} | {SUM: 0.0}
"""Key of `Arithmetic.mantissa_bits` -> the bits that Winograd's algorithm may take of that operation."""


def least_exact(arithmetic: Arithmetic) -> tuple[str, float]:
    """The operation with the fewest bits, and how many, WINOGRAD_BITS_OF it added.

    ("nothing", 0) if nothing was measured.
    """
    bits = {
        name: found + WINOGRAD_BITS_OF.get(name, 0.0) for name, found in arithmetic.mantissa_bits.items()
    }
    return min(bits.items(), key=lambda item: item[1], default=("nothing", 0.0))


def precision_word(arithmetic: Arithmetic) -> PrecisionWord:
    """The format that the least exact operation comes to; `other` if it is none of these four.

    TF32 and float16 keep the same ten bits. What does not come through a product tells them apart.
    """
    _, bits = least_exact(arithmetic)
    if arithmetic.lost_powers:
        return "float16" if MIN_FLOAT16_BITS <= bits < MAX_TEN_BITS else "other"
    if bits >= MIN_FLOAT32_BITS:
        return "float32"
    if MIN_TEN_BITS <= bits < MAX_TEN_BITS:
        return "TF32"
    return "bfloat16" if MIN_SEVEN_BITS <= bits < MIN_TEN_BITS else "other"


def cells_by_precision(runs: Iterable[Run]) -> dict[PrecisionWord, list[str]]:
    """Word -> the ids of the cells whose gates measured it. A run without a word is left out."""
    cells: dict[PrecisionWord, list[str]] = {}
    for run in runs:
        if run.gate and run.gate.precision:
            cells.setdefault(run.gate.precision, []).append(run.cell.id)
    return cells


def max_lost_powers(promised: Precision) -> int:
    """How many of POWERS may get lost: float16 promises none of them."""
    return len(POWERS) if promised == "float16" else 0
