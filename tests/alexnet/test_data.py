"""CIFAR-10 read, split and batched, and the error of every kind of broken file."""

from __future__ import annotations

import errno
import mmap
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alexnet import data
from alexnet.data import DataError, Split, crop_and_flip, epoch_batches, evaluation_batches
from bench.paths import ROOT
from tests.support.closed import TOO_LONG, folder_of_this_user, not_as_root


def test_pixels_are_read_row_by_row_in_rgb(random_cifar10: Path) -> None:
    train, test = data.read_cifar10(random_cifar10)
    assert train.images.shape == (50_000, 32, 32, 3)
    assert test.images.shape == (10_000, 32, 32, 3)
    assert train.images.dtype == np.uint8
    raw = (random_cifar10 / data.FOLDER / "data_batch_2.bin").read_bytes()
    record = raw[: data.RECORD_BYTES]
    assert train.labels[10_000] == record[0]
    assert train.images[10_000, 5, 7].tolist() == [record[1 + c * 1024 + 5 * 32 + 7] for c in range(3)]


def test_the_inner_folder_is_as_good_as_the_outer(random_cifar10: Path) -> None:
    inner, outer = (data.read_cifar10(f)[1] for f in (random_cifar10 / data.FOLDER, random_cifar10))
    np.testing.assert_array_equal(inner.images, outer.images)


def linked_copy(folder: Path, source: Path) -> Path:
    """A copy of a CIFAR-10 folder with hard-linked files, which a test may replace."""
    shutil.copytree(source, folder, copy_function=lambda a, b: Path(b).hardlink_to(a))
    return folder


def replace_file(folder: Path, name: str, content: bytes) -> None:
    path = folder / data.FOLDER / name
    path.unlink()
    path.write_bytes(content)


def test_a_truncated_file_is_named(tmp_path: Path, random_cifar10: Path) -> None:
    folder = linked_copy(tmp_path / "cut", random_cifar10)
    whole = (random_cifar10 / data.FOLDER / "data_batch_3.bin").read_bytes()
    replace_file(folder, "data_batch_3.bin", whole[:-1])
    with pytest.raises(DataError, match=r"data_batch_3.bin has 30,729,999 bytes where .* 30,730,000"):
        data.read_cifar10(folder)


def test_a_missing_file_is_named(tmp_path: Path, random_cifar10: Path) -> None:
    folder = linked_copy(tmp_path / "gone", random_cifar10)
    (folder / data.FOLDER / "test_batch.bin").unlink()
    with pytest.raises(DataError, match=r"test_batch.bin is missing"):
        data.read_cifar10(folder)


def test_an_impossible_label_is_named(tmp_path: Path, random_cifar10: Path) -> None:
    folder = linked_copy(tmp_path / "label", random_cifar10)
    content = bytearray((random_cifar10 / data.FOLDER / "data_batch_1.bin").read_bytes())
    content[4 * data.RECORD_BYTES] = 77
    replace_file(folder, "data_batch_1.bin", bytes(content))
    with pytest.raises(DataError, match=r"data_batch_1.bin has the label 77 in record 4"):
        data.read_cifar10(folder)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"there is no folder .*nowhere"):
        data.read_cifar10(tmp_path / "nowhere")


EDITIONS = {
    "CIFAR-10's Python edition": ["cifar-10-batches-py/data_batch_1", "cifar-10-python.tar.gz"],
    "CIFAR-10's MATLAB edition": ["cifar-10-batches-mat/data_batch_1.mat"],
    "CIFAR-100": ["cifar-100-python/train", "cifar-100-binary/train.bin"],
    "CIFAR-10's binary archive, which is still packed,": ["cifar-10-binary.tar.gz"],
}


@pytest.mark.parametrize(
    ("edition", "file"), [(edition, file) for edition, files in EDITIONS.items() for file in files]
)
def test_another_edition_is_named_with_what_to_get(tmp_path: Path, edition: str, file: str) -> None:
    (tmp_path / file).parent.mkdir(exist_ok=True)
    (tmp_path / file).touch()
    for folder in {tmp_path, (tmp_path / file).parent}:
        with pytest.raises(DataError) as error:
            data.read_cifar10(folder)
        assert error.value.problem == f"{folder} holds {edition} and no {data.FOLDER}"
        assert f"get the binary edition, {data.ARCHIVE} of https://" in error.value.remedy


def test_the_archive_itself_is_no_folder(tmp_path: Path) -> None:
    (tmp_path / data.ARCHIVE).touch()
    with pytest.raises(DataError, match=rf"{data.ARCHIVE} is no folder; name one that holds"):
        data.read_cifar10(tmp_path / data.ARCHIVE)


@pytest.mark.parametrize("closed", ["", data.FOLDER, f"{data.FOLDER}/data_batch_2.bin"])
def test_what_this_user_may_not_read_is_named(random_cifar10: Path, closed: str) -> None:
    with folder_of_this_user() as folder:
        (folder / data.FOLDER).mkdir(mode=0o755)
        for file in (random_cifar10 / data.FOLDER).iterdir():
            with (folder / data.FOLDER / file.name).open("wb") as sparse:
                sparse.truncate(file.stat().st_size)
        (folder / closed).chmod(0o000)
        with not_as_root(), pytest.raises(DataError) as error:
            data.read_cifar10(folder)
    assert str(folder / closed) in error.value.problem
    assert error.value.problem.endswith("cannot be read (Permission denied)")
    assert "see to it that this user can read it" in error.value.remedy


def test_a_name_that_no_system_takes_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"cannot be read \(File name too long\)"):
        data.read_cifar10(tmp_path / TOO_LONG)


def test_a_folder_whose_files_cannot_be_mapped_into_memory_is_read(
    random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As of mergerfs, of FUSE without its page cache, and of shares of Docker's virtual machine."""

    def refuse(*arguments: Any, **keywords: Any) -> Any:
        raise OSError(errno.ENODEV, "No such device")

    expected = data.read_cifar10(random_cifar10)[1]
    monkeypatch.setattr(mmap, "mmap", refuse)
    test = data.read_cifar10(random_cifar10)[1]
    np.testing.assert_array_equal(test.images, expected.images)
    np.testing.assert_array_equal(test.labels, expected.labels)


def test_a_drive_that_goes_while_it_is_read_is_a_sentence(
    random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Mapped files would end the process with a bus error there."""

    def gone(path: Path) -> bytes:
        raise OSError(errno.EIO, "Input/output error", str(path))

    monkeypatch.setattr(Path, "read_bytes", gone)
    with pytest.raises(DataError, match=r"data_batch_1.bin cannot be read \(Input/output error\)"):
        data.read_cifar10(random_cifar10)


def test_a_file_that_is_being_copied_is_named(
    random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Path, "read_bytes", lambda path: b"\x01" * data.RECORD_BYTES)
    with pytest.raises(DataError, match=r"data_batch_1.bin has 3,073 bytes where"):
        data.read_cifar10(random_cifar10)


def test_the_whole_protocol_is_45_000_5_000_10_000(random_cifar10: Path) -> None:
    dataset = data.load("cifar10", random_cifar10, seed=0)
    sizes = [len(s) for s in (dataset.train, dataset.validation, dataset.test)]
    assert sizes == [45_000, 5_000, 10_000]
    for part in (dataset.train, dataset.validation):
        assert len(set(np.bincount(part.labels))) == 1, "classes in unequal share"


def test_no_image_is_in_two_splits(random_cifar10: Path) -> None:
    dataset = data.load("cifar10", random_cifar10, seed=3, train_images=4500)
    parts = (dataset.train, dataset.validation, dataset.test)
    seen = [{image.tobytes() for image in part.images} for part in parts]
    assert [len(images) for images in seen] == [4500, 500, 10_000]
    assert not seen[0] & seen[1]
    assert not (seen[0] | seen[1]) & seen[2]


def test_the_seed_draws_the_split_and_never_the_test_images(random_cifar10: Path) -> None:
    first, same, different = (data.load("cifar10", random_cifar10, seed=s) for s in (1, 1, 2))
    assert first.fingerprint() == same.fingerprint() != different.fingerprint()
    np.testing.assert_array_equal(first.test.images, different.test.images)


@pytest.mark.parametrize(
    ("images", "match"),
    [(45_010, "ask for fewer"), (1_234, "multiple of 10"), (0, "multiple of 10")],
)
def test_impossible_amounts_are_sentences(random_cifar10: Path, images: int, match: str) -> None:
    with pytest.raises(DataError, match=match):
        data.load("cifar10", random_cifar10, seed=0, train_images=images)


def test_one_changed_pixel_changes_the_fingerprint() -> None:
    dataset = data.load("synthetic", None, seed=0, train_images=100, test_images=100)
    before = dataset.fingerprint()
    dataset.test.images[7, 1, 2, 0] ^= 1
    assert dataset.fingerprint() != before


def test_the_stand_in_is_the_same_bytes_everywhere() -> None:
    split = data.synthetic(40, seed=0)
    assert split.images.dtype == np.uint8
    assert split.labels.dtype == np.int32
    assert np.bincount(split.labels).tolist() == [4] * 10
    assert split.images.sum() == 15_549_915
    dataset = data.Dataset(name="synthetic", train=split, validation=split, test=split)
    assert dataset.fingerprint().startswith("665448fcfa348f2c")


def test_the_stand_ins_classes_can_be_told_apart() -> None:
    """A nearest-mean classifier on raw pixels, far simpler than an AlexNet, is well above chance."""
    train, test = data.synthetic(1000, seed=0), data.synthetic(500, seed=1)
    means = np.stack([train.images[train.labels == c].mean(axis=0) for c in range(10)])
    distances = ((test.images[:, None].astype(float) - means) ** 2).sum(axis=(2, 3, 4))
    assert (distances.argmin(axis=1) == test.labels).mean() > 0.5


def test_batches_are_identical_whoever_asks(tmp_path: Path) -> None:
    """Two processes get the same bytes."""
    script = (
        "import hashlib\nfrom alexnet import data\nd = hashlib.sha256()\n"
        "for i, l in data.epoch_batches(data.synthetic(200, seed=5), batch_size=32, seed=1, epoch=2,"
        " augment=True):\n    d.update(i.tobytes() + l.tobytes())\nprint(d.hexdigest())"
    )
    command = [sys.executable, "-c", script]
    hashes = {subprocess.check_output(command, cwd=ROOT, text=True) for _ in range(2)}
    assert len(hashes) == 1


def batches(split: Split, **changes: Any) -> list[tuple[data.Images, data.Labels]]:
    settings: dict[str, Any] = {"batch_size": 32, "seed": 1, "epoch": 1, "augment": False} | changes
    return list(epoch_batches(split, **settings))


def test_order_depends_on_seed_and_epoch_and_not_on_augmentation() -> None:
    split = data.synthetic(100, seed=0)
    variations: dict[str, dict[str, Any]] = {
        "base": {},
        "epoch": {"epoch": 2},
        "seed": {"seed": 2},
        "augmented": {"augment": True},
    }
    orders = {
        name: np.concatenate([labels for _, labels in batches(split, **changes)]).tolist()
        for name, changes in variations.items()
    }
    assert orders["base"] == orders["augmented"]
    assert orders["base"] != orders["epoch"] != orders["seed"] != orders["base"]


def test_training_drops_a_short_batch_and_evaluation_does_not() -> None:
    split = data.synthetic(100, seed=0)
    assert [len(labels) for _, labels in batches(split)] == [32, 32, 32]
    assert [len(labels) for _, labels in evaluation_batches(split, batch_size=32)] == [32, 32, 32, 4]


def test_an_epoch_shows_each_image_once() -> None:
    split = data.synthetic(96, seed=0)
    trained = [image.tobytes() for images, _ in batches(split) for image in images]
    assert sorted(trained) == sorted(image.tobytes() for image in split.images)


def test_crops_and_flips_are_what_they_say() -> None:
    image = data.synthetic(1, seed=0).images
    centre = np.array([[4, 4]])
    off, on = np.array([False]), np.array([True])
    np.testing.assert_array_equal(crop_and_flip(image, offsets=centre, flips=off), image)
    np.testing.assert_array_equal(crop_and_flip(image, offsets=centre, flips=on), image[:, :, ::-1])
    moved = crop_and_flip(image, offsets=np.array([[0, 8]]), flips=off)
    np.testing.assert_array_equal(moved[:, 4:, :28], image[:, :28, 4:])
    assert not moved[:, :4].any()
    assert not moved[:, :, 28:].any()


def test_an_augmented_epoch_crops_and_flips_each_image_by_chance() -> None:
    """Searches each image among its own 162 crops; no batch repeats another's draws."""
    split, offsets = data.synthetic(96, seed=0), np.array([(y, x) for y in range(9) for x in range(9)])

    def drawn(epoch: int) -> list[tuple[bool, int, int]]:
        crops_seen = []
        plain, augmented = (
            np.concatenate([images for images, _ in batches(split, epoch=epoch, augment=augment)])
            for augment in (False, True)
        )
        for image, crop in zip(plain, augmented, strict=True):
            same = np.repeat(image[None], len(offsets), axis=0)
            for flip in (False, True):
                crops = crop_and_flip(same, offsets=offsets, flips=np.full(len(offsets), flip))
                equal = (crops == crop).all(axis=(1, 2, 3))
                crops_seen += [(flip, int(y), int(x)) for y, x in offsets[equal]]
        return crops_seen

    first = drawn(1)
    assert len(first) == len(split), "each is one crop of its own image"
    flips, rows, columns = zip(*first, strict=True)
    assert 0.35 < np.mean(flips) < 0.65
    assert set(rows) == set(columns) == set(range(9))
    assert first[:32] != first[32:64]
    assert first == drawn(1) != drawn(2)


def test_real_cifar10_has_ten_classes_of_6_000(real_cifar10: Path) -> None:
    train, test = data.read_cifar10(real_cifar10)
    assert np.bincount(train.labels).tolist() == [5000] * 10
    assert np.bincount(test.labels).tolist() == [1000] * 10
