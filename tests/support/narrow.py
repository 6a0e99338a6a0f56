"""The same networks with fewer channels and units: all layers and names, a step of milliseconds.

For what does not depend on a network's width: faults that a gate must name, runs that must be
resumed to the bit. What the real widths give is asked of the real networks elsewhere.
"""

from __future__ import annotations

from dataclasses import replace
from unittest.mock import patch

from alexnet import spec
from alexnet.layers import Conv, Dense, Layer
from alexnet.spec import Network, Variant


def narrow_variants(divisor: int) -> dict[str, Variant]:
    """Every variant with narrow layers, under its own name: what is to stand in `spec.VARIANTS`."""
    return {
        name: replace(variant, layers=tuple(_narrowed(layer, divisor) for layer in variant.layers))
        for name, variant in spec.VARIANTS.items()
    }


def narrow_network(
    variant: str, divisor: int, *, image_size: int = 224, classes: int | None = None
) -> Network:
    """As `spec.network` gives it, with narrow layers."""
    with patch.dict(spec.VARIANTS, narrow_variants(divisor)):
        return spec.network(variant, image_size=image_size, classes=classes)


def _narrowed(layer: Layer, divisor: int) -> Layer:
    match layer:
        case Conv():
            return replace(layer, channels=layer.channels // divisor)
        case Dense(units=int(units)):  # the head has none: it keeps its classes
            return replace(layer, units=units // divisor)
        case _:
            return layer
