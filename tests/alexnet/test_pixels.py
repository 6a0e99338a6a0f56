"""The reference pixel pipeline against independent formulas."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from alexnet import pixels
from alexnet.data import Images
from alexnet.recipe import FINETUNE, SCRATCH

ROUNDING = 1e-14
"""A few float64 operations on values near 1, each off by at most 1e-16."""


def random_images(count: int = 3) -> Images:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), np.uint8)


def test_a_short_row_is_upsampled_as_by_hand() -> None:
    """Four pixels to eight: each new centre lies a quarter of an old pixel from an old one."""
    quarters = [
        [4, 0, 0, 0],
        [3, 1, 0, 0],
        [1, 3, 0, 0],
        [0, 3, 1, 0],
        [0, 1, 3, 0],
        [0, 0, 3, 1],
        [0, 0, 1, 3],
        [0, 0, 0, 4],
    ]
    assert np.array_equal(pixels.bilinear(4, 8) * 4, quarters), "quarters are exact in binary"


@pytest.mark.parametrize("size", [32, 33, 48, 64, 224, 227])
def test_the_shares_of_every_new_pixel_sum_to_one(size: int) -> None:
    matrix = pixels.bilinear(32, size)
    assert matrix.shape == (size, 32)
    assert matrix.min() >= 0.0
    assert np.abs(matrix.sum(axis=1) - 1).max() < ROUNDING
    assert (matrix > 0).sum(axis=1).max() <= 2, "two neighbours at most along one axis"


@pytest.mark.parametrize("size", [16, 32, 48, 64, 224, 227])
def test_it_is_linear_interpolation_between_pixel_centres(size: int) -> None:
    """Against numpy's own interp, which takes places and values, and repeats the ends."""
    old = np.random.default_rng(1).standard_normal(32)
    centres, places = np.arange(32) + 0.5, (np.arange(size) + 0.5) * 32 / size
    difference = pixels.bilinear(32, size) @ old - np.interp(places, centres, old)
    assert np.abs(difference).max() < 10 * ROUNDING  # values up to 3, and a division within interp


@pytest.mark.parametrize("size", [64, 224])
def test_it_is_the_same_from_both_ends(size: int) -> None:
    matrix = pixels.bilinear(32, size)
    assert np.abs(matrix - matrix[::-1, ::-1]).max() < ROUNDING


def test_the_same_size_changes_nothing() -> None:
    assert np.array_equal(pixels.bilinear(32, 32), np.eye(32))


def four_neighbours(image: npt.NDArray[np.float64], size: int) -> npt.NDArray[np.float64]:
    """Bilinear upsampling of one (32, 32, c) image pixel by pixel, from its four neighbours."""
    out = np.empty((size, size, image.shape[2]))
    for y in range(size):
        for x in range(size):
            v, u = ((position + 0.5) * 32 / size - 0.5 for position in (y, x))
            top, left = int(np.floor(v)), int(np.floor(u))
            down, right = v - top, u - left
            rows, columns = np.clip([top, top + 1], 0, 31), np.clip([left, left + 1], 0, 31)
            above, below = (
                (1 - right) * image[row, columns[0]] + right * image[row, columns[1]] for row in rows
            )
            out[y, x] = (1 - down) * above + down * below
    return out


@pytest.mark.parametrize("size", [64, 75])
def test_whole_images_are_upsampled_from_four_neighbours(size: int) -> None:
    images = random_images(2)
    prepared = pixels.prepare(images, SCRATCH, size=size)
    assert prepared.shape == (2, size, size, 3)
    assert prepared.dtype == np.float64
    for image, result in zip(images, prepared, strict=True):
        assert np.abs(result - four_neighbours(image / 255, size)).max() < 10 * ROUNDING


def test_scratch_takes_pixels_from_nought_to_one() -> None:
    images = random_images()
    assert np.array_equal(pixels.prepare(images, SCRATCH, size=32), images / 255)


def test_finetune_normalises_as_imagenets_weights_were_trained() -> None:
    """torchvision's numbers, channel by channel: black and white, at any size."""
    mean, std = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[1] = 255
    black, white = pixels.prepare(images, FINETUNE, size=64)
    for channel in range(3):
        low, high = -mean[channel] / std[channel], (1 - mean[channel]) / std[channel]
        assert np.abs(black[..., channel] - low).max() < 10 * ROUNDING
        assert np.abs(white[..., channel] - high).max() < 10 * ROUNDING


def test_rows_columns_and_channels_stay_what_they_are() -> None:
    """One bright pixel, at row 3 and column 20, green: at twice the size it is at 6 to 7, 40 to 41."""
    images = np.zeros((2, 32, 32, 3), np.uint8)
    images[1, 3, 20, 1] = 255
    dark, bright = pixels.prepare(images, SCRATCH, size=64)
    assert not dark.any()
    assert not bright[..., [0, 2]].any()
    # The centres of the nearest lie a quarter of a pixel off along both axes: (3/4)^2 of the light.
    assert np.array_equal(np.argwhere(bright[..., 1] > 0.5), [[6, 40], [6, 41], [7, 40], [7, 41]])
    assert np.abs(bright[6:8, 40:42, 1] - 0.5625).max() < ROUNDING
    # Twice the size along both axes spreads four times the light.
    assert bright.sum() == pytest.approx(4.0, rel=1e-12)


@pytest.mark.parametrize("size", [64, 224])
def test_in_float32_all_of_it_is_rounded(size: int) -> None:
    """The places of the new pixels too, which at 224 px are no multiples of a power of two."""
    exact = pixels.prepare(random_images(), FINETUNE, size=size)
    rounded = pixels.prepare(random_images(), FINETUNE, size=size, dtype=np.float32)
    assert rounded.dtype == np.float32
    assert 1e-8 < np.abs(rounded - exact).max() / np.abs(exact).max() < 2e-6


def test_the_images_themselves_stay_as_they_were() -> None:
    images = random_images()
    before = images.copy()
    pixels.prepare(images, FINETUNE, size=64)
    assert np.array_equal(images, before)
