"""The digests of an epoch's batches by their definition, and as data.epoch_batches gives them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from alexnet import data
from alexnet.data import Split
from bench.worker.batch_digests import BatchDigests, defined_batches

SPLIT = data.synthetic(100, seed=0)


def given_batches(split: Split = SPLIT, **settings: Any) -> BatchDigests:
    batches = BatchDigests(epoch=settings["epoch"])
    for images, labels in data.epoch_batches(split, **settings):
        batches.add(images, labels)
    return batches


@pytest.mark.parametrize("augment", [False, True])
@pytest.mark.parametrize(("seed", "epoch"), [(0, 1), (3, 7)])
@pytest.mark.parametrize("batch_size", [10, 32])
def test_the_definition_and_the_loader_agree(
    batch_size: int, seed: int, epoch: int, augment: bool
) -> None:
    settings: dict[str, Any] = {
        "batch_size": batch_size,
        "seed": seed,
        "epoch": epoch,
        "augment": augment,
    }
    given, defined = given_batches(**settings), defined_batches(SPLIT, **settings)
    assert given.differing(defined) == 0
    assert given.sha256() == defined.sha256()
    assert len(given.digests) == 100 // batch_size


@pytest.mark.parametrize("augment", [False, True])
def test_the_first_steps_are_the_first_batches_of_the_whole_order(augment: bool) -> None:
    settings: dict[str, Any] = {"batch_size": 10, "seed": 0, "epoch": 2, "augment": augment}
    whole = defined_batches(SPLIT, **settings)
    assert defined_batches(SPLIT, **settings, steps=4).digests == whole.digests[:4]
    assert defined_batches(SPLIT, **settings, steps=None).digests == whole.digests


@pytest.mark.parametrize("change", [{"seed": 1}, {"epoch": 2}, {"augment": True}, {"batch_size": 11}])
def test_other_settings_give_other_batches(change: dict[str, Any]) -> None:
    settings: dict[str, Any] = {"batch_size": 10, "seed": 0, "epoch": 1, "augment": False}
    other = defined_batches(SPLIT, **settings | change)
    assert given_batches(**settings).differing(other) == 10
    assert given_batches(**settings).sha256() != other.sha256()


def test_labels_count_and_so_do_batches_that_are_missing() -> None:
    settings: dict[str, Any] = {"batch_size": 10, "seed": 0, "epoch": 1, "augment": False}
    defined = defined_batches(SPLIT, **settings)
    shifted = Split(images=SPLIT.images, labels=(SPLIT.labels + 1) % 10)
    assert given_batches(shifted, **settings).differing(defined) == 10
    short = given_batches(**settings)
    del short.digests[7:]
    assert short.differing(defined) == defined.differing(short) == 3


@pytest.mark.parametrize("fault", ["flip", "row", "order"])
def test_a_loader_that_augments_otherwise_is_named(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    settings: dict[str, Any] = {"batch_size": 10, "seed": 0, "epoch": 1, "augment": True}
    crop = data.crop_and_flip

    def faulty(images: Any, *, offsets: Any, flips: Any) -> Any:
        if fault == "flip":
            return crop(images, offsets=offsets, flips=~flips)
        if fault == "row":
            return crop(images, offsets=offsets[:, ::-1], flips=flips)
        return crop(images, offsets=offsets, flips=flips)[::-1]

    monkeypatch.setattr(data, "crop_and_flip", faulty)
    assert given_batches(**settings).differing(defined_batches(SPLIT, **settings)) == 10
    assert np.array_equal(SPLIT.images, data.synthetic(100, seed=0).images)
