"""The reference: gradients by small differences, pools by hand, SGD by its formula."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from alexnet import data, reference, weights
from alexnet.layers import AdaptiveAvgPool, Conv, Dense, Dropout, MaxPool
from alexnet.recipe import SCRATCH
from alexnet.reference import Reference, forward_backward, rounded
from alexnet.spec import INPUT, VARIANTS, Network
from tests.support import rounding
from tests.support.narrow import narrow_network

IMAGES = 6
RATE = 0.01
Array = npt.NDArray[Any]


def batch(count: int = IMAGES) -> tuple[data.Images, data.Labels]:
    split = data.synthetic(count, seed=2)
    return split.images, split.labels


def made(variant: str, *, dropout: bool = False) -> tuple[Network, weights.Weights]:
    net = narrow_network(variant, 16, image_size=64)
    net = net if dropout else net.without_dropout()
    return net, weights.initialise(net, seed=0)


@pytest.mark.parametrize("variant", VARIANTS)
def test_the_gradient_is_that_of_small_differences(variant: str) -> None:
    """Of the weight of each tensor with the largest gradient: (loss(w + h) - loss(w - h)) / 2h."""
    net, first = made(variant)
    images, labels = batch()
    stepped = Reference(net, first, SCRATCH)
    stepped.step(images, labels, 0.0)
    for name, gradient in stepped.velocity.items():
        place = np.unravel_index(np.abs(gradient).argmax(), gradient.shape)
        losses = []
        for sign in (1, -1):
            moved = Reference(net, first, SCRATCH)
            moved.weights[name][place] += sign * 1e-6
            losses.append(moved.step(images, labels, 0.0)[0])
        assert gradient[place] == pytest.approx((losses[0] - losses[1]) / 2e-6, rel=1e-4), name


@pytest.mark.parametrize("variant", VARIANTS)
def test_every_layer_has_the_shape_of_its_row(variant: str) -> None:
    net, first = made(variant)
    outputs = Reference(net, first, SCRATCH).activations(batch()[0])
    assert {name: output.shape[1:] for name, output in outputs.items()} == {
        INPUT: (3, 64, 64),
        **{row.layer.name: row.output_shape for row in net.rows},
    }
    assert next(iter(outputs)) == INPUT


def test_progress_is_called_after_each_layer_and_each_update(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk of a large network may take minutes, and a gate that is silent for 300 s is ended."""
    monkeypatch.setattr(reference, "CHUNK", 4)
    net, first = made("standard")
    calls: list[int] = []
    network = Reference(net, first, SCRATCH, progress=lambda: calls.append(1))
    network.logits(batch()[0])
    assert len(calls) == 2 * len(net.rows)
    network.step(*batch(), 0.0)
    assert len(calls) == 2 * len(net.rows) + 2 * (2 * len(net.rows) + 1) + len(first)


def test_a_tensor_in_parts_is_changed_as_a_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    """Weights are changed a few rows at a time, in whatever order they lie in memory."""
    net, first = made("mistaken")
    whole, parts = Reference(net, first, SCRATCH), Reference(net, first, SCRATCH)
    parts.weights["fc6.weight"] = np.asfortranarray(parts.weights["fc6.weight"])
    whole.step(*batch(), RATE)
    monkeypatch.setattr(reference, "BLOCK", 100)
    parts.step(*batch(), RATE)
    for name, array in whole.weights.items():
        assert not np.array_equal(array, first[name]), name
        np.testing.assert_allclose(parts.weights[name], array, rtol=1e-9)


def test_the_loss_is_the_cross_entropy_of_the_logits() -> None:
    net, first = made("standard")
    images, labels = batch()
    network = Reference(net, first, SCRATCH)
    logits = network.logits(images)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    loss, own = network.step(images, labels, RATE)
    assert loss == pytest.approx(-np.log(shares[np.arange(IMAGES), labels]).mean(), rel=1e-12)
    np.testing.assert_allclose(own, logits, rtol=1e-12)


def test_a_step_is_torchs_momentum() -> None:
    """v = m v + g, w = w - rate v; with a rate of 0 the second gradient is the first one again."""
    net, first = made("standard")
    network = Reference(net, first, SCRATCH)
    network.step(*batch(), 0.0)
    gradient = {name: array.copy() for name, array in network.velocity.items()}
    network.step(*batch(), RATE)
    for name, array in first.items():
        velocity = (1 + SCRATCH.momentum) * gradient[name]
        np.testing.assert_allclose(network.velocity[name], velocity, rtol=1e-9, atol=1e-15)
        moved = array.astype(np.float64) - RATE * network.velocity[name]
        np.testing.assert_array_equal(network.weights[name], moved)


def test_images_in_parts_are_one_batch(monkeypatch: pytest.MonkeyPatch) -> None:
    """A batch is taken in chunks to save memory: its mean is over all of them."""
    net, first = made("standard")
    whole, parts = Reference(net, first, SCRATCH), Reference(net, first, SCRATCH)
    loss, logits = whole.step(*batch(), RATE)
    monkeypatch.setattr(reference, "CHUNK", 4)
    other_loss, other_logits = parts.step(*batch(), RATE)
    assert other_loss == pytest.approx(loss, rel=1e-12)
    np.testing.assert_allclose(other_logits, logits, rtol=1e-12)
    for name, array in whole.weights.items():
        np.testing.assert_allclose(parts.weights[name], array, rtol=1e-9)


def test_a_repeated_batch_has_the_loss_and_the_gradient_of_its_images() -> None:
    """So a gate may fill a batch with a few images."""
    net, first = made("standard")
    images, labels = batch(3)
    once, twice = Reference(net, first, SCRATCH), Reference(net, first, SCRATCH)
    loss, _ = once.step(images, labels, RATE)
    other, _ = twice.step(np.concatenate([images] * 2), np.concatenate([labels] * 2), RATE)
    assert other == pytest.approx(loss, rel=1e-12)
    for name, array in once.velocity.items():
        np.testing.assert_allclose(twice.velocity[name], array, rtol=1e-9, atol=1e-15)


def test_float32_differs_by_roundings_alone() -> None:
    net, first = made("standard")
    exact, rounded = (Reference(net, first, SCRATCH, dtype=d) for d in ("float64", "float32"))
    difference = np.abs(exact.logits(batch()[0]) - rounded.logits(batch()[0])).max()
    assert 0 < difference < 1e-5
    assert rounded.logits(batch()[0]).dtype == np.float32


@pytest.mark.parametrize("bits", [7, 10])
def test_rounding_is_to_the_nearest_with_so_many_bits(bits: int) -> None:
    x = np.random.default_rng(0).standard_normal(10_000).astype(np.float32)
    ours = rounded(x, bits)
    assert ours.dtype == np.float32
    np.testing.assert_array_equal(ours, rounding.rounded(bits)(x))
    assert 0 < np.abs(ours / x - 1).max() <= 2.0 ** -(bits + 1)
    np.testing.assert_array_equal(rounded(ours, bits), ours)
    halves = np.array([1 + 2.0 ** -(bits + 1), 1 + 3 * 2.0 ** -(bits + 1), 0.0, -0.0])
    np.testing.assert_array_equal(rounded(halves, bits), [1, 1 + 2.0 ** (1 - bits), 0, 0])


def test_bfloat16_is_seven_bits() -> None:
    ml_dtypes = pytest.importorskip("ml_dtypes")
    x = np.random.default_rng(1).standard_normal(10_000).astype(np.float32)
    np.testing.assert_array_equal(rounded(x, 7), x.astype(ml_dtypes.bfloat16).astype(np.float32))


def test_operands_of_fewer_bits_give_larger_errors_forward_and_backward() -> None:
    """Three bits are a factor of eight in the logits. In gradients ReLUs that flip add to it."""
    net, first = made("standard")
    images, labels = batch()
    exact = Reference(net, first, SCRATCH)
    logits = exact.logits(images)
    exact.step(images, labels, RATE)
    errors: dict[int, dict[str, float]] = {}
    for bits in (10, 7):
        coarse = Reference(net, first, SCRATCH, dtype="float32", operand_bits=bits)
        errors[bits] = {"logits": float(np.abs(coarse.logits(images) - logits).max())}
        coarse.step(images, labels, RATE)
        for name, array in coarse.velocity.items():
            difference = np.linalg.norm(array - exact.velocity[name])
            errors[bits][name] = float(difference / np.linalg.norm(exact.velocity[name]))
        np.testing.assert_array_equal(
            coarse.weights["fc8.weight"],
            first["fc8.weight"] - np.float32(RATE) * coarse.velocity["fc8.weight"],
        )
    assert 4 < errors[7]["logits"] / errors[10]["logits"] < 16
    for name in first:
        assert 1e-5 < errors[10][name] < errors[7][name] < 0.5, name


def test_dropout_does_nothing_without_a_mask_and_what_the_mask_says_with_one() -> None:
    net, first = made("standard", dropout=True)
    plain = Reference(net.without_dropout(), first, SCRATCH)
    silent = Reference(net, first, SCRATCH)
    loss, _ = plain.step(*batch(), RATE)
    assert silent.step(*batch(), RATE)[0] == loss
    asked = []

    def mask(layer: Dropout, x: Array) -> Array:
        asked.append(layer.name)
        return np.zeros_like(x)

    masked = Reference(net, first, SCRATCH, mask=mask)
    loss, logits = masked.step(*batch(), RATE)
    assert asked == [row.layer.name for row in net.rows if isinstance(row.layer, Dropout)]
    np.testing.assert_array_equal(logits, np.zeros_like(logits))  # the head's biases are 0
    assert not masked.velocity["fc6.weight"].any(), "no gradient passes a mask of zeros"


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (Conv("conv", 4, kernel=3, padding=1), (3, 6, 5)),
        (Conv("conv", 2, kernel=5, stride=2, padding=2), (3, 9, 8)),
        (Dense("dense", 4, relu=False), (7,)),
    ],
    ids=["convolution", "with a stride", "dense"],
)
def test_one_layer_is_computed_forward_and_backward(layer: Conv | Dense, shape: Any) -> None:
    """Whole numbers are exact: each value is one sum, and the gradients are its transposes."""
    rng = np.random.default_rng(0)
    weight_shape = layer.weight_shapes(shape)[f"{layer.name}.weight"]
    x, weight, gradient = (
        rng.integers(-9, 10, wanted).astype(float)
        for wanted in ((2, *shape), weight_shape, (2, *layer.output_shape(shape)))
    )
    output, of_weight, of_x = forward_backward(layer, x, weight, gradient)
    if isinstance(layer, Dense):
        expected = np.einsum("ni,oi->no", x, weight)
    else:
        padded = np.pad(x, ((0, 0), (0, 0), *[(layer.padding, layer.padding)] * 2))
        expected = np.empty(gradient.shape)
        for row, column in np.ndindex(gradient.shape[2:]):
            top, left = row * layer.stride, column * layer.stride
            window = padded[:, :, top : top + layer.kernel, left : left + layer.kernel]
            expected[:, :, row, column] = np.einsum("nchw,ochw->no", window, weight)
    np.testing.assert_array_equal(output, expected)
    assert (of_weight.shape, of_x.shape) == (weight.shape, x.shape)
    for into, of_into in ((weight, of_weight), (x, of_x)):  # of a sum that is linear in each
        assert (into * of_into).sum() == (output * gradient).sum()
    other = rng.integers(-9, 10, x.shape).astype(float)
    assert (other * of_x).sum() == (forward_backward(layer, other, weight, gradient)[0] * gradient).sum()


def test_the_gradient_of_a_pool_goes_to_the_first_of_equal_values() -> None:
    x = np.array([[[[1.0, 5.0, 5.0], [0.0, 5.0, 2.0], [1.0, 1.0, 1.0]]]])
    output, backward = reference._max_pool(MaxPool("pool"), x)
    assert output.tolist() == [[[[5.0]]]]
    assert backward(np.array([[[[7.0]]]])).tolist() == [
        [[[0.0, 7.0, 0.0], [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]]]
    ]


@pytest.mark.parametrize("old", [1, 2, 3, 6, 12])
def test_an_average_pool_averages_or_repeats(old: int) -> None:
    x = np.arange(old * old, dtype=float).reshape(1, 1, old, old)
    output, backward = reference._average_pool(AdaptiveAvgPool("pool", 6), x)
    expected = x.repeat(6 // old, 2).repeat(6 // old, 3) if old <= 6 else None
    if expected is None:
        expected = x.reshape(1, 1, 6, old // 6, 6, old // 6).mean(axis=(3, 5))
    np.testing.assert_allclose(output, expected)
    assert backward(np.ones_like(output)).sum() == pytest.approx(output.size)


def test_a_recipes_momentum_is_the_one_that_is_used() -> None:
    net, first = made("standard")
    still = Reference(net, first, replace(SCRATCH, momentum=0.0))
    still.step(*batch(), 0.0)
    gradient = still.velocity["conv1.weight"].copy()
    still.step(*batch(), 0.0)
    np.testing.assert_allclose(still.velocity["conv1.weight"], gradient, rtol=1e-12)
