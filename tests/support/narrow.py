"""The same networks with fewer channels and units: all layers and names, but steps of milliseconds.

For tests that do not depend on a network's width: planted faults, and runs resumed to the bit. Other
tests use the real widths.
"""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from alexnet import spec
from alexnet.layers import Conv, Dense, Layer
from alexnet.spec import Network, Variant


def narrow_variants(divisor: int) -> dict[str, Variant]:
    """Every variant with narrow layers under its own name, as a replacement of `spec.VARIANTS`."""
    return {
        name: replace(variant, layers=tuple(_narrowed(layer, divisor) for layer in variant.layers))
        for name, variant in spec.VARIANTS.items()
    }


def narrow_network(
    variant: str, divisor: int, *, image_size: int = 224, classes: int | None = None
) -> Network:
    """`spec.network` with narrow layers."""
    with patch.dict(spec.VARIANTS, narrow_variants(divisor)):
        return spec.network(variant, image_size=image_size, classes=classes)


def _narrowed(layer: Layer, divisor: int) -> Layer:
    match layer:
        case Conv():
            return replace(layer, channels=layer.channels // divisor)
        case Dense(units=int(units)):  # the head has no units and keeps its classes
            return replace(layer, units=units // divisor)
        case _:
            return layer
