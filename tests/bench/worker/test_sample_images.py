"""The test images that a result keeps are chosen by their labels alone, and are stored unchanged."""

from __future__ import annotations

import numpy as np
import pytest
from msgspec.structs import replace

from alexnet import data
from alexnet.data import Split
from bench.records.limits import MAX_PICTURES
from bench.worker.sample_images import choose_samples, sample_images


def split(labels: list[int]) -> Split:
    images = np.random.default_rng(3).integers(0, 256, (len(labels), 32, 32, 3), np.uint8)
    return Split(images=images, labels=np.array(labels, np.int32))


def test_each_classs_first_come_before_any_second() -> None:
    labels = np.array([3, 3, 3, 1, 0, 1, 3])
    assert choose_samples(labels).tolist() == [4, 3, 0, 5, 1, 2, 6]


def test_sixteen_of_many_cover_every_class() -> None:
    test = data.synthetic(500, seed=1)
    positions = choose_samples(test.labels)
    assert len(positions) == MAX_PICTURES
    assert np.bincount(test.labels[positions]).tolist() == [2] * 6 + [1] * 4


def test_images_come_back_to_the_byte() -> None:
    test = split([0, 1, 2])
    logits = np.array([[0.0, 1.0, 5.0], [9.0, 0.0, 0.0], [0.0, 0.0, 0.0]], np.float32)
    pictures = sample_images(test, logits)
    assert np.array_equal(pictures.images(), test.images)
    assert pictures.labels == (0, 1, 2)
    assert pictures.answers == (2, 0, 0)
    assert pictures.shares[2] == pytest.approx(1 / 3)
    assert pictures.shares[0] == pytest.approx(np.exp(5) / (1 + np.e + np.exp(5)))


def test_an_answer_beyond_the_ten_is_the_eleventh() -> None:
    logits = np.zeros((1, 1000), np.float32)
    logits[0, 777] = 3.0
    assert sample_images(split([4]), logits).answers == (10,)


def test_other_bytes_are_no_images() -> None:
    pictures = sample_images(split([0]), np.zeros((1, 10), np.float32))
    for text in ("AAAA", "no base64!", ""):
        with pytest.raises(ValueError, match=r"images of 32x32 RGB|base64|padding"):
            replace(pictures, pixels=text).images()
