"""How ImageNet's weights came into an engine, tensor by tensor."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alexnet import weights
from alexnet.imagenet import SOURCES, sources
from alexnet.spec import network
from alexnet.weights import Weights, WeightsError
from bench.worker.job import FirstWeights, weight_transfer

NET = network("torchvision", image_size=64)
GIVEN = {name: np.full(shape, 0.5, np.float32) for name, shape in NET.tensors.items()}
FINGERPRINTS = {name: weights.fingerprint({name: array}) for name, array in GIVEN.items()}


class Engine:
    """It turns convolutions around, and gives back what it was given but for the tensors in `lost`."""

    def __init__(self, *lost: str) -> None:
        self.lost = lost

    def weights(self) -> Weights:
        return {name: array * (0 if name in self.lost else 1) for name, array in GIVEN.items()}

    def layouts(self) -> dict[str, str]:
        conversions = weights.channels_last(NET)
        return {name: conversion.description for name, conversion in conversions.items()}


def transferred(engine: Any, named: dict[str, str] | None) -> Any:
    first = FirstWeights(weights=GIVEN, origin="torchvision", source_sha256="7" * 64, sources=named)
    return weight_transfer(first, FINGERPRINTS, engine)


def test_each_tensor_is_named_with_its_source_its_layout_and_its_hash() -> None:
    tensors = {tensor.name: tensor for tensor in transferred(Engine(), sources(NET))}
    assert list(tensors) == list(NET.tensors)
    first, dense, bias = (tensors[name] for name in ("conv1.weight", "fc6.weight", "conv5.bias"))
    assert (first.source, first.shape, first.layout) == (
        "features.0.weight",
        (64, 3, 11, 11),
        "OIHW -> HWIO",
    )
    assert (dense.source, dense.layout) == ("classifier.1.weight", "CHW -> HWC, transposed")
    assert (bias.source, bias.layout) == ("features.10.bias", weights.AS_IT_IS)
    assert all(tensor.sha256 == FINGERPRINTS[name] for name, tensor in tensors.items())
    assert {name for name, tensor in tensors.items() if tensor.source is None} == {
        "fc8.weight",
        "fc8.bias",
    }


def test_with_imagenets_classes_the_head_is_carried_over_too() -> None:
    assert sources(network("torchvision", image_size=64, classes=1000)) == SOURCES


def test_an_engine_that_holds_another_tensor_is_told_so() -> None:
    with pytest.raises(WeightsError, match=r"fc6\.weight and holds another one.*'CHW -> HWC, transp"):
        transferred(Engine("fc6.weight"), sources(NET))


def test_a_tensor_that_is_not_a_number_is_still_the_one_that_was_given() -> None:
    """NaN equals nothing: compared by values, it would be said to have changed on the way."""
    given = GIVEN | {"conv1.bias": np.full(64, np.nan, np.float32)}
    prints = {name: weights.fingerprint({name: array}) for name, array in given.items()}
    first = FirstWeights(
        weights=given, origin="torchvision", source_sha256="7" * 64, sources=sources(NET)
    )
    engine: Any = Engine()
    engine.weights = lambda: {name: array.copy() for name, array in given.items()}
    assert len(weight_transfer(first, prints, engine) or ()) == len(given)


def test_drawn_weights_came_from_nowhere() -> None:
    assert transferred(Engine("fc6.weight"), None) is None
