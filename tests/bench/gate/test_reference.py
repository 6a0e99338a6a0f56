"""What the gates of an experiment share, and the batch that they ask."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from alexnet import data, weights
from alexnet.recipe import SCRATCH
from bench.gate.checks import check_same_bytes, different_images, first_batch
from bench.gate.outputs import Batch
from bench.gate.reference import ReferenceOutputs, compute_outputs, load, save, shared_outputs
from tests.support import samples
from tests.support.narrow import narrow_network

NET = narrow_network("standard", 16, image_size=64).without_dropout()
FIRST = weights.initialise(NET, seed=0)


def filled_batch(different: int, size: int) -> Batch:
    split = data.synthetic(different, seed=1)
    return Batch(
        images=np.resize(split.images, (size, *split.images.shape[1:])),
        labels=np.resize(split.labels, size),
        rate=0.001,
        different=different,
    )


@pytest.fixture(scope="module")
def outputs() -> ReferenceOutputs:
    return compute_outputs(NET, FIRST, SCRATCH, filled_batch(4, 12))


def test_outputs_are_those_of_the_whole_batch(outputs: ReferenceOutputs) -> None:
    """Each image is computed once; the mean over the batch is that over its different images."""
    whole = compute_outputs(NET, FIRST, SCRATCH, filled_batch(12, 12))
    repeated = filled_batch(4, 12)
    same = compute_outputs(
        NET, FIRST, SCRATCH, Batch(**{**vars(repeated), "different": len(repeated.labels)})
    )
    assert outputs.exact.logits.shape == (12, 10)
    np.testing.assert_allclose(outputs.exact.logits, same.exact.logits, rtol=1e-12)
    np.testing.assert_allclose(outputs.exact.losses, same.exact.losses, rtol=1e-9)
    for name, array in same.exact.gradient.items():
        np.testing.assert_allclose(outputs.exact.gradient[name], array, rtol=1e-5, atol=1e-9)
    assert not np.allclose(outputs.exact.losses, whole.exact.losses)


def test_float32_is_off_by_roundings(outputs: ReferenceOutputs) -> None:
    assert 0 < outputs.float32.logits < 1e-5
    assert set(outputs.float32.layers) == {row.layer.name for row in NET.rows}
    assert set(outputs.float32.gradient) == set(outputs.float32.update) == set(NET.tensors)


def test_what_is_saved_comes_back(outputs: ReferenceOutputs, tmp_path: Path) -> None:
    file = tmp_path / "scratch-s0.reference.npz"
    save(file, outputs)
    again = load(file)
    assert (again.float32, again.weights_sha256) == (outputs.float32, outputs.weights_sha256)
    assert again.exact.update_error == outputs.exact.update_error
    np.testing.assert_array_equal(again.exact.logits, outputs.exact.logits)
    np.testing.assert_array_equal(again.exact.losses, outputs.exact.losses)
    for part in ("layers", "gradient", "displacement"):
        ours, theirs = getattr(again.exact, part), getattr(outputs.exact, part)
        assert list(ours) == list(theirs)
        for name, array in theirs.items():
            np.testing.assert_array_equal(ours[name], array)


def test_the_second_gate_takes_what_the_first_has_left(
    outputs: ReferenceOutputs, tmp_path: Path
) -> None:
    file, computed = tmp_path / "reference.npz", []

    def compute() -> ReferenceOutputs:
        computed.append(1)
        return outputs

    first = shared_outputs(file, compute)
    second = shared_outputs(file, compute)
    assert len(computed) == 1
    assert first.float32 == second.float32


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"nonsense" * 9])
def test_a_damaged_file_is_computed_again(
    outputs: ReferenceOutputs, tmp_path: Path, content: bytes
) -> None:
    file = tmp_path / "reference.npz"
    file.write_bytes(content)
    assert shared_outputs(file, lambda: outputs) is outputs
    assert load(file).batch_sha256 == outputs.batch_sha256


def test_a_disk_that_is_full_costs_time_and_no_gate(outputs: ReferenceOutputs, tmp_path: Path) -> None:
    assert shared_outputs(tmp_path / "no folder" / "reference.npz", lambda: outputs) is outputs


def test_other_weights_or_another_batch_are_named(outputs: ReferenceOutputs) -> None:
    batch = filled_batch(4, 12)
    assert check_same_bytes(outputs, FIRST, batch).passed
    other = weights.initialise(NET, seed=1)
    assert check_same_bytes(outputs, other, batch).measured == 1
    assert check_same_bytes(outputs, other, filled_batch(3, 12)).measured == 2


@pytest.mark.parametrize(
    ("batch_size", "at_64_px", "at_224_px"),
    [
        (64, 64, 16),
        (128, 64, 16),
        (32, 32, 16),
        (16, 16, 16),
        (8, 8, 8),
        (24, 24, 12),
        (25, 25, 5),
        (23, 23, 23),
        (34, 34, 34),
        (134, 134, 134),
        (2, 2, 2),
    ],
)
def test_how_many_images_of_a_batch_are_different(
    batch_size: int, at_64_px: int, at_224_px: int
) -> None:
    for size, different in ((64, at_64_px), (127, at_64_px), (128, at_224_px), (224, at_224_px)):
        assert different_images(batch_size, size) == different
        assert batch_size % different == 0


def test_the_first_batch_is_that_of_the_first_step_filled_with_its_first_images(
    tmp_path: Path,
) -> None:
    job = samples.job(str(tmp_path))
    assert first_batch(job, SCRATCH).different == 64
    large = replace(job, plan=replace(job.plan, image_size=224))
    batch = first_batch(large, SCRATCH)
    assert batch.images.shape == (64, 32, 32, 3)
    assert batch.different == 16
    images: Any = batch.images.reshape(4, 16, 32, 32, 3)
    for part in images[1:]:
        np.testing.assert_array_equal(part, images[0])
    assert len(np.unique(images[0].reshape(16, -1), axis=0)) == 16
    np.testing.assert_array_equal(batch.labels.reshape(4, 16), np.tile(batch.labels[:16], (4, 1)))
