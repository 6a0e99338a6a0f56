"""Canonical weights: drawn, converted, saved, and refused if they do not fit."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from alexnet import imagenet, weights
from alexnet.spec import VARIANTS, network
from alexnet.weights import WeightsError
from tests.support.narrow import narrow_network

NET = network("standard", image_size=64)


def test_they_are_he_normal_with_zero_biases() -> None:
    drawn = weights.initialise(NET, seed=0)
    assert set(drawn) == set(NET.tensors)
    for name, array in drawn.items():
        assert array.dtype == np.float32
        if name.endswith("bias"):
            assert not array.any()
        else:
            inputs = np.prod(array.shape[1:])
            # The spread of a standard deviation over n draws is 1/sqrt(2n): 2 % for the smallest.
            assert array.std() == pytest.approx(np.sqrt(2 / inputs), rel=0.02), name
            assert abs(array.mean()) < 5 * array.std() / np.sqrt(array.size), name


def test_the_seed_decides_and_a_layer_of_the_same_shape_starts_the_same() -> None:
    first, same, different = (weights.initialise(NET, seed=s) for s in (1, 1, 2))
    assert weights.fingerprint(first) == weights.fingerprint(same) != weights.fingerprint(different)
    larger = weights.initialise(network("standard"), seed=1)
    np.testing.assert_array_equal(first["conv3.weight"], larger["conv3.weight"])


@pytest.mark.parametrize("variant", VARIANTS)
def test_a_conversion_and_its_inverse_change_nothing(variant: str) -> None:
    net = narrow_network(variant, 4, image_size=64)
    drawn = weights.initialise(net, seed=0)
    for name, conversion in weights.channels_last(net).items():
        converted = conversion.to_framework(drawn[name])
        np.testing.assert_array_equal(conversion.to_canonical(converted), drawn[name])


def test_the_first_dense_is_reordered_so_that_it_sees_the_same_pixels() -> None:
    """A dot product with an image flattened in either order; a mere transposition would break it."""
    net = network("mistaken", image_size=64)
    name, chw = net.flattened
    matrix = weights.initialise(net, seed=0)[f"{name}.weight"]
    image = np.random.default_rng(0).standard_normal(chw)
    converted = weights.channels_last(net)[f"{name}.weight"].to_framework(matrix)
    channels_last = image.transpose(1, 2, 0).ravel() @ converted
    np.testing.assert_allclose(channels_last, matrix @ image.ravel(), rtol=1e-5, atol=1e-5)
    assert not np.allclose(image.transpose(1, 2, 0).ravel() @ matrix.T, matrix @ image.ravel())


def test_saved_and_loaded_they_are_the_same(tmp_path: Path) -> None:
    drawn = weights.initialise(NET, seed=0)
    weights.save(tmp_path / "w.safetensors", drawn, metadata={"origin": "he-normal"})
    loaded = weights.load(tmp_path / "w.safetensors", NET)
    assert weights.fingerprint(loaded) == weights.fingerprint(drawn)
    assert weights.metadata(tmp_path / "w.safetensors") == {"origin": "he-normal"}
    assert [file.name for file in tmp_path.iterdir()] == ["w.safetensors"]


def test_weights_of_another_network_are_refused_by_name(tmp_path: Path) -> None:
    weights.save(tmp_path / "w.safetensors", weights.initialise(NET, seed=0), metadata={})
    with pytest.raises(WeightsError, match=r"wants fc6.weight as float32 \(4096, 9216\)"):
        weights.load(tmp_path / "w.safetensors", network("standard"))
    with pytest.raises(WeightsError, match=r"other tensors than these weights: extra.bias"):
        weights.load(tmp_path / "w.safetensors", network("extra-dense", image_size=64))


@pytest.mark.parametrize("content", [b"", b"\x00" * 100, b"not tensors at all"])
def test_a_file_that_is_no_safetensors_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "bad.safetensors").write_bytes(content)
    with pytest.raises(WeightsError, match=r"bad.safetensors is not a readable safetensors file"):
        weights.load(tmp_path / "bad.safetensors", NET)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"there is no weights file .*none.safetensors"):
        weights.load(tmp_path / "none.safetensors", NET)


def test_a_new_head_is_drawn_by_the_seed_and_the_rest_stays() -> None:
    carried = weights.initialise(network("torchvision", classes=1000), seed=9)
    net = network("torchvision", image_size=64)
    first, second = (weights.with_new_head(carried, net, seed=s) for s in (1, 2))
    weights.check(first, net)
    assert first["fc8.weight"].shape == (10, 4096)
    assert not np.array_equal(first["fc8.weight"], second["fc8.weight"])
    assert first["fc7.weight"] is carried["fc7.weight"]


def test_a_torchvision_file_with_the_wrong_hash_is_refused_unread(tmp_path: Path) -> None:
    file = tmp_path / imagenet.TORCHVISION_FILE
    file.write_bytes(b"cut short")
    with pytest.raises(WeightsError, match="should have a sha256 that begins with 7be5be79"):
        imagenet.load_torchvision(file)
