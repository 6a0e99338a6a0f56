"""What the gates of an experiment share, and the batch that they ask."""

from __future__ import annotations

import errno
import mmap
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from msgspec.structs import replace

from alexnet import data, weights
from alexnet.recipe import SCRATCH
from alexnet.spec import INPUT
from bench.gate.checks import check_same_bytes, different_images, first_batch
from bench.gate.outputs import Batch, Store, in_memory
from bench.gate.reference import (
    ReferenceOutputs,
    SavedTensors,
    compute_outputs,
    errors_when_rounded,
    load,
    shared_errors,
    shared_outputs,
)
from bench.gate.tolerances import Errors
from bench.ipc.cell_files import partial_reference, remove_references
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


def compute(store: Store = in_memory) -> ReferenceOutputs:
    return compute_outputs(NET, FIRST, SCRATCH, filled_batch(4, 12), store=store)


@pytest.fixture(scope="module")
def outputs() -> ReferenceOutputs:
    return compute()


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A session's folder that the first gate has left its outputs in, as scratch-s0.reference."""
    folder = tmp_path_factory.mktemp("session")
    shared_outputs(folder / "scratch-s0.reference", compute)
    return folder


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
    assert list(outputs.float32.layers) == [INPUT, *(row.layer.name for row in NET.rows)]
    assert set(outputs.float32.gradient) == set(outputs.float32.update) == set(NET.tensors)


def test_what_is_saved_comes_back(outputs: ReferenceOutputs, shared: Path) -> None:
    again = load(shared / "scratch-s0.reference")
    assert (again.float32, again.weights_sha256) == (outputs.float32, outputs.weights_sha256)
    assert again.exact.update_error == outputs.exact.update_error
    np.testing.assert_array_equal(again.exact.logits, outputs.exact.logits)
    np.testing.assert_array_equal(again.exact.losses, outputs.exact.losses)
    for part in ("layers", "gradient", "displacement"):
        ours, theirs = getattr(again.exact, part), getattr(outputs.exact, part)
        assert list(ours) == list(theirs)
        for name, array in theirs.items():
            assert ours[name].dtype == array.dtype
            np.testing.assert_array_equal(ours[name], array)


def test_tensors_stay_in_their_files_until_they_are_asked_for(shared: Path) -> None:
    """Those of `mistaken` at 224 px are 1.6 GB. One that is not there is a KeyError, as in a dict."""
    exact = load(shared / "scratch-s0.reference").exact
    for part in (exact.gradient, exact.displacement):
        assert isinstance(part, SavedTensors)
        assert set(part) == set(FIRST)
        assert isinstance(part["fc6.weight"], np.memmap)
        assert part.get("fc9.weight") is None


def test_where_no_file_can_be_mapped_tensors_are_read(
    outputs: ReferenceOutputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On mergerfs and on shares of Docker's virtual machine, where the results may lie."""

    def refuse(*arguments: Any, **keywords: Any) -> Any:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(mmap, "mmap", refuse)
    exact = shared_outputs(tmp_path / "scratch-s0.reference", compute).exact
    assert isinstance(exact.gradient, SavedTensors)
    for name, array in outputs.exact.gradient.items():
        np.testing.assert_array_equal(exact.gradient[name], np.asarray(array, np.float32))


def test_tensors_are_written_as_they_are_computed(tmp_path: Path) -> None:
    """The gradient lies on the disk before the displacement is computed; the folder has no name yet."""
    folder, seen = tmp_path / "scratch-s0.reference", []

    def noting(store: Store) -> ReferenceOutputs:
        def noted(part: str, tensors: Any) -> Any:
            seen.append((part, sorted(path.name for path in tmp_path.rglob("conv1.weight.npy"))))
            assert not folder.exists()
            return store(part, tensors)

        return compute(noted)

    shared_outputs(folder, noting)
    assert seen == [("gradient", []), ("displacement", ["conv1.weight.npy"])]
    assert [path.name for path in tmp_path.iterdir()] == ["scratch-s0.reference"]


def test_the_second_gate_takes_what_the_first_has_left(tmp_path: Path) -> None:
    folder, computed = tmp_path / "scratch-s0.reference", []

    def counted(store: Store) -> ReferenceOutputs:
        computed.append(1)
        return compute(store)

    first = shared_outputs(folder, counted)
    second = shared_outputs(folder, counted)
    assert len(computed) == 1
    assert first.float32 == second.float32


def rounded(bits: int | None) -> Errors:
    exact = compute().exact
    return errors_when_rounded(NET, FIRST, SCRATCH, filled_batch(4, 12), exact, operand_bits=bits)


def test_gates_of_one_precision_share_the_errors_of_its_rounding(shared: Path, tmp_path: Path) -> None:
    folder, computed = tmp_path / "scratch-s0.reference", []
    shutil.copytree(shared / folder.name, folder)

    def counted() -> Errors:
        computed.append(1)
        return rounded(7)

    first = shared_errors(folder, 7, counted)
    assert shared_errors(folder, 7, counted) == first
    assert len(computed) == 1
    assert first.logits > 100 * load(folder).float32.logits
    assert shared_errors(folder, 10, lambda: rounded(10)).logits < first.logits
    (folder / "rounded to 7 bits.json").write_text('{"logits": 1')
    assert shared_errors(folder, 7, counted) == first
    assert len(computed) == 2
    assert load(folder).batch_sha256, "it is still the folder of the outputs"


def test_without_a_folder_each_gate_computes_its_own_rounding(tmp_path: Path) -> None:
    assert shared_errors(tmp_path / "absent", 7, lambda: rounded(7)).logits > 0
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 torn", b"nonsense" * 9])
@pytest.mark.parametrize("file", ["rest.json", "outputs.npz", "gradient/fc6.weight.npy"])
def test_a_damaged_folder_is_computed_again(
    outputs: ReferenceOutputs, shared: Path, tmp_path: Path, file: str, content: bytes
) -> None:
    folder = tmp_path / "scratch-s0.reference"
    shutil.copytree(shared / folder.name, folder)
    (folder / file).write_bytes(content)
    assert shared_outputs(folder, compute).batch_sha256 == outputs.batch_sha256
    assert load(folder).float32 == outputs.float32


def test_a_tensor_that_ends_too_early_is_computed_again(shared: Path, tmp_path: Path) -> None:
    folder = tmp_path / "scratch-s0.reference"
    shutil.copytree(shared / folder.name, folder)
    tensor = folder / "displacement" / "fc6.weight.npy"
    tensor.write_bytes(tensor.read_bytes()[:-4])
    with pytest.raises(ValueError, match="mmap"):
        load(folder)
    shared_outputs(folder, compute)
    assert load(folder).exact.displacement["fc6.weight"].shape == FIRST["fc6.weight"].shape


@pytest.mark.parametrize("file", ["conv1.weight.npy", "fc6.weight.npy", "rest.json"])
def test_a_disk_that_is_full_costs_time_and_no_gate(
    outputs: ReferenceOutputs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str
) -> None:
    """What was computed for the disk is computed once more, kept in memory, and nothing is left."""
    full = OSError(errno.ENOSPC, "No space left on device")
    opened = Path.open

    def open_(path: Path, mode: str = "r", *arguments: Any, **keywords: Any) -> Any:
        if path.name == file and "w" in mode:
            raise full
        return opened(path, mode, *arguments, **keywords)

    monkeypatch.setattr(Path, "open", open_)
    found = shared_outputs(tmp_path / "scratch-s0.reference", compute)
    assert found.float32 == outputs.float32
    assert isinstance(found.exact.gradient, dict)
    assert list(tmp_path.iterdir()) == []


def test_a_parent_that_has_died_is_no_full_disk(tmp_path: Path) -> None:
    """Its pipe's error is one of the system's as well, and must end the process."""

    def heartbeat() -> None:
        raise BrokenPipeError

    computed = []

    def cut_off(store: Store) -> ReferenceOutputs:
        computed.append(1)
        batch = filled_batch(4, 12)
        return compute_outputs(NET, FIRST, SCRATCH, batch, heartbeat=heartbeat, store=store)

    with pytest.raises(BrokenPipeError):
        shared_outputs(tmp_path / "scratch-s0.reference", cut_off)
    assert len(computed) == 1


def test_what_a_killed_gate_was_writing_is_written_anew(tmp_path: Path) -> None:
    folder = tmp_path / "scratch-s0.reference"
    left = partial_reference(folder) / "gradient" / "conv9.weight.npy"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"half of it")
    shared_outputs(folder, compute)
    assert set(load(folder).exact.gradient) == set(FIRST)
    assert list(tmp_path.rglob("conv9*")) == []


def test_all_references_of_a_session_are_removed(shared: Path, tmp_path: Path) -> None:
    shutil.copytree(shared / "scratch-s0.reference", tmp_path / "scratch-s0.reference")
    partial_reference(tmp_path / "mistaken-s1.reference").mkdir()
    (tmp_path / "augmented-s0.reference.npz").touch()  # of an older session
    (tmp_path / "scratch-torch-cpu-s0.jsonl").touch()
    remove_references(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["scratch-torch-cpu-s0.jsonl"]


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
