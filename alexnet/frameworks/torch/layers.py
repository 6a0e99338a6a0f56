"""The layers of PyTorch: one row of the layer table becomes torch modules."""

from __future__ import annotations

from torch import nn

from alexnet.layers import AdaptiveAvgPool, Conv, Dense, Dropout, Flatten, Layer, MaxPool


def modules(layer: Layer, inputs: int) -> list[nn.Module]:
    """The torch modules of one row with `inputs` input channels or features."""
    match layer:
        case Conv(channels=channels, kernel=kernel, stride=stride, padding=padding):
            conv = nn.Conv2d(inputs, channels, kernel, stride=stride, padding=padding)
            return [conv, nn.ReLU(inplace=True)]
        case MaxPool(kernel=kernel, stride=stride):
            return [nn.MaxPool2d(kernel, stride=stride)]
        case AdaptiveAvgPool(size=size):
            return [nn.AdaptiveAvgPool2d(size)]
        case Flatten():
            return [nn.Flatten()]
        case Dropout(rate=rate):
            return [nn.Dropout(rate)]
        case Dense(units=units, relu=relu):
            assert units is not None, "a network's rows have their units filled in"
            return [nn.Linear(inputs, units), *([nn.ReLU(inplace=True)] if relu else [])]
