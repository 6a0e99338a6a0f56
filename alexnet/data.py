"""CIFAR-10 as uint8 arrays: reading, splitting by seed, and batches shared by all frameworks."""

from __future__ import annotations

import hashlib
import itertools
import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from numpy.lib.stride_tricks import sliding_window_view

CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]
IMAGE_SHAPE = (32, 32, 3)
RECORD_BYTES = 1 + math.prod(IMAGE_SHAPE)
RECORDS_PER_FILE = 10_000
ARCHIVE, FOLDER = "cifar-10-binary.tar.gz", "cifar-10-batches-bin"
TRAIN_FILES = tuple(f"data_batch_{i}.bin" for i in range(1, 6))
TEST_FILES = ("test_batch.bin",)
TRAIN_IMAGES = RECORDS_PER_FILE * len(TRAIN_FILES)
TEST_IMAGES = RECORDS_PER_FILE * len(TEST_FILES)

VALIDATION_SHARE = 0.1
TRAINED_IMAGES = TRAIN_IMAGES - round(TRAIN_IMAGES * VALIDATION_SHARE)
"""45,000: the training images without the validation images."""
MIN_VALIDATION_IMAGES = 500
CROP_PADDING = 4

Images = npt.NDArray[np.uint8]
Labels = npt.NDArray[np.int32]
DatasetName = Literal["cifar10", "synthetic"]
DATASETS: dict[str, str] = {"cifar10": "CIFAR-10", "synthetic": "synthetic images"}
"""Data set -> its name in reports."""


OTHER_EDITIONS: dict[str, tuple[str, ...]] = {
    "CIFAR-10's Python edition": ("cifar-10-batches-py", "data_batch_1", "cifar-10-python.tar.gz"),
    "CIFAR-10's MATLAB edition": ("cifar-10-batches-mat", "data_batch_1.mat"),
    "CIFAR-100": ("cifar-100-binary", "cifar-100-python", "fine_label_names.txt"),
    "CIFAR-10's binary archive, which is still packed,": (ARCHIVE,),
}
"""What people have in the place of the binary edition -> the names of its folder and of files in it."""
HOME_PAGE = "https://www.cs.toronto.edu/~kriz/cifar.html"


class DataError(Exception):
    """Data are missing or wrong; the message names the file and then the remedy."""

    def __init__(self, problem: str, remedy: str) -> None:
        super().__init__(f"{problem}; {remedy}")
        self.problem, self.remedy = problem, remedy


@dataclass(frozen=True, kw_only=True)
class Split:
    """RGB images, uint8 (n, 32, 32, 3), and their labels, int32 (n,) from 0 to 9."""

    images: Images
    labels: Labels

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: npt.NDArray[np.intp]) -> Split:
        return Split(images=self.images[indices], labels=self.labels[indices])


@dataclass(frozen=True, kw_only=True)
class Dataset:
    """The training, validation and test images of one cell; no image is in two of them."""

    name: DatasetName
    train: Split
    validation: Split
    test: Split

    def fingerprint(self) -> str:
        """sha256 (hex) over pixels and labels of train, validation and test, in that order."""
        splits = (self.train, self.validation, self.test)
        return sha256_of(*((split.images, split.labels) for split in splits)).hex()

    def shared_images(self) -> int:
        """The number of validation and test images that are also, byte for byte, in another split.

        CIFAR-10 has none. Its near-duplicates (Barz and Denzler 2020) are not counted.
        """
        train, validation, test = (
            {image.tobytes() for image in split.images}
            for split in (self.train, self.validation, self.test)
        )
        return len((validation | test) & train) + len(validation & test)


def sha256_of(*parts: tuple[Images, Labels]) -> bytes:
    """The sha256 over each part's images, then its labels as little-endian int32."""
    digest = hashlib.sha256()
    for images, labels in parts:
        digest.update(np.ascontiguousarray(images).data)
        digest.update(np.ascontiguousarray(labels, "<i4").data)
    return digest.digest()


def read_cifar10(folder: Path) -> tuple[Split, Split]:
    """The 50,000 training and 10,000 test images of a folder that holds `cifar-10-batches-bin`.

    `folder` may also be `cifar-10-batches-bin` itself. Raises DataError, naming the file, if one is
    missing, cannot be read, has the wrong size, or has a label above 9.
    """
    batches = find_batches(folder)
    train, test = (
        _read_split([batches / name for name in files]) for files in (TRAIN_FILES, TEST_FILES)
    )
    return train, test


def find_batches(folder: Path) -> Path:
    """The folder of the binary files, which are judged by their names and sizes alone.

    `folder` is the one that `read_cifar10` takes. Raises DataError.
    """
    with _reading(folder):
        batches = folder / FOLDER if (folder / FOLDER).is_dir() else folder
        if not batches.is_dir():
            problem = f"{folder} is no folder" if folder.exists() else f"there is no folder {folder}"
            raise DataError(problem, f"name one that holds {FOLDER}")
        for path in (batches / name for name in (*TRAIN_FILES, *TEST_FILES)):
            if not path.is_file():
                raise _missing(path, folder)
            _check_size(path, path.stat().st_size)
    return batches


def _missing(path: Path, folder: Path) -> DataError:
    """That a file is missing, and what is there instead, if that is known."""
    others = OTHER_EDITIONS if path.parent == folder else {}  # else the binary edition is there
    for edition, names in others.items():
        if folder.name in names or any((folder / name).exists() for name in names):
            return DataError(
                f"{folder} holds {edition} and no {FOLDER}",
                f"get the binary edition, {ARCHIVE} of {HOME_PAGE}, and unpack it with tar -xzf; or name"
                f" no folder, and it is downloaded",
            )
    return DataError(f"{path} is missing", f"name a folder that holds {FOLDER} with all its files")


def _check_size(path: Path, size: int) -> None:
    expected = RECORDS_PER_FILE * RECORD_BYTES
    if size != expected:
        raise DataError(
            f"{path} has {size:,} bytes where CIFAR-10's binary files have {expected:,}",
            "it is cut short or another file: delete it and unpack the archive again",
        )


@contextmanager
def _reading(path: Path) -> Iterator[None]:
    """Raises DataError for what the system says against reading the path."""
    try:
        yield
    except OSError as error:
        raise DataError(
            f"{error.filename or path} cannot be read ({error.strerror or error})",
            "see to it that this user can read it, or name another folder",
        ) from error


def _read_split(paths: list[Path]) -> Split:
    """One split from files of raw records, one file at a time."""
    images = np.empty((RECORDS_PER_FILE * len(paths), *IMAGE_SHAPE), np.uint8)
    labels = np.empty(len(images), np.int32)
    for number, path in enumerate(paths):
        records = _read_records(path)
        part = slice(number * RECORDS_PER_FILE, (number + 1) * RECORDS_PER_FILE)
        labels[part] = records[:, 0]
        images[part] = records[:, 1:].reshape(-1, 3, 32, 32).transpose(0, 2, 3, 1)
    return Split(images=images, labels=labels)


def _read_records(path: Path) -> npt.NDArray[np.uint8]:
    """A file's records: a label byte, then 3072 pixel bytes in channel-row-column order.

    They are read and not mapped into memory: some network and shared folders cannot be mapped, and a
    drive that goes away would end the process with a bus error.
    """
    with _reading(path):
        content = path.read_bytes()
    _check_size(path, len(content))  # again: it may be about to be copied
    records = np.frombuffer(content, np.uint8).reshape(RECORDS_PER_FILE, RECORD_BYTES)
    if (bad := np.flatnonzero(records[:, 0] >= len(CLASSES))).size:
        raise DataError(
            f"{path} has the label {records[bad[0], 0]} in record {bad[0]}, where labels are 0 to 9",
            "it is damaged or another file: delete it and unpack the archive again",
        )
    return records


def synthetic(images: int, *, seed: int) -> Split:
    """`images` synthetic images of ten classes that AlexNet can learn, for machines without CIFAR-10.

    Each class has a pattern of 4x4 coloured blocks. An image is a blend of its class's pattern and a
    weaker one of another class, shifted, plus noise. The arithmetic is all in integers, so the bytes
    are the same on every machine.
    """
    patterns = np.random.default_rng(10).integers(0, 256, (len(CLASSES), 8, 8, 3))
    patterns = patterns.repeat(4, axis=1).repeat(4, axis=2)
    rng = np.random.default_rng([10, seed])
    labels = rng.permutation(np.arange(images) % len(CLASSES))
    others = (labels + rng.integers(1, len(CLASSES), images)) % len(CLASSES)
    shifts = rng.integers(-3, 4, (images, 2))
    strength = rng.integers(60, 100, images)
    out = np.empty((images, *IMAGE_SHAPE), np.uint8)
    for i in range(images):
        mixed = patterns[labels[i]] * strength[i] + patterns[others[i]] * (128 - strength[i])
        shifted = np.roll(mixed, shifts[i], axis=(0, 1)) // 128
        out[i] = np.clip(shifted + rng.integers(-40, 41, IMAGE_SHAPE), 0, 255)
    return Split(images=out, labels=labels.astype(np.int32))


def load(
    name: DatasetName,
    folder: Path | None,
    *,
    seed: int,
    train_images: int | None = None,
    test_images: int | None = None,
) -> Dataset:
    """The dataset of one cell.

    A tenth of each class's training images, drawn by `seed`, is held out for validation. `train_images`
    limits the training images, and the validation images in proportion, to at least 500. `test_images`
    limits the test images. None keeps all of them. Raises DataError if the data cannot be read or the
    numbers cannot be met.
    """
    if name == "cifar10":
        if folder is None:
            raise DataError("CIFAR-10 was asked for without a folder to read it from", "name one")
        pool, test = read_cifar10(folder)
    else:
        pool_size = TRAIN_IMAGES if train_images is None else _pool_size(train_images)
        pool = synthetic(pool_size, seed=0)
        test = synthetic(TEST_IMAGES if test_images is None else test_images, seed=1)
    train, validation = split(pool, seed=seed, train_images=train_images)
    if test_images is not None:
        test = _first_of_each_class(test, np.arange(len(test)), test_images, "test")[0]
    return Dataset(name=name, train=train, validation=validation, test=test)


def _pool_size(train_images: int) -> int:
    """Training and validation images together."""
    return train_images + max(MIN_VALIDATION_IMAGES, round(train_images / 9 / 10) * 10)


def split(pool: Split, *, seed: int, train_images: int | None = None) -> tuple[Split, Split]:
    """(train, validation), drawn by `seed`; each has the same number of images of every class."""
    order = np.random.default_rng([seed, 0]).permutation(len(pool))
    if train_images is None:
        validation_images = round(len(pool) * VALIDATION_SHARE)
    else:
        validation_images = _pool_size(train_images) - train_images
    validation, rest = _first_of_each_class(pool, order, validation_images, "validation")
    if train_images is None:
        return pool.take(rest), validation
    return _first_of_each_class(pool, rest, train_images, "training")[0], validation


def _first_of_each_class(
    pool: Split, order: npt.NDArray[np.intp], count: int, what: str
) -> tuple[Split, npt.NDArray[np.intp]]:
    """The first `count` images in `order`, equally many of each class, and the remaining indices."""
    per_class, remainder = divmod(count, len(CLASSES))
    if remainder or count < len(CLASSES):
        raise DataError(
            f"{count} {what} images cannot be shared equally by {len(CLASSES)} classes",
            f"ask for a multiple of {len(CLASSES)}",
        )
    labels = pool.labels[order]
    rank = np.empty(len(order), np.intp)
    for label in range(len(CLASSES)):
        of_class = np.flatnonzero(labels == label)
        if len(of_class) < per_class:
            raise DataError(
                f"{count:,} {what} images need {per_class:,} of each class, and of"
                f" {CLASSES[label]} there are {len(of_class):,} left",
                "ask for fewer",
            )
        rank[of_class] = np.arange(len(of_class))
    return pool.take(order[rank < per_class]), order[rank >= per_class]


def epoch_chunks(
    data: Split, *, chunk_size: int, seed: int, epoch: int, augment: bool
) -> Iterator[tuple[Images, Labels]]:
    """The training images of one epoch in chunks: uint8 (chunk_size, 32, 32, 3), int32 (chunk_size,).

    Order, crops and flips depend on (seed, epoch) alone, so every framework sees the same bytes,
    whatever the size of a chunk. The order is the same with and without augmentation. The last chunk is
    filled up with the epoch's first images: a compiled step takes chunks of one size.
    """
    rng = np.random.default_rng([seed, epoch])
    order = rng.permutation(len(data))
    flips = rng.random(len(data)) < 0.5
    offsets = rng.integers(0, 2 * CROP_PADDING + 1, (len(data), 2))
    chunks = math.ceil(len(data) / chunk_size)
    for chosen in np.resize(order, (chunks, chunk_size)):
        images = data.images[chosen]
        if augment:
            images = crop_and_flip(images, offsets=offsets[chosen], flips=flips[chosen])
        yield images, data.labels[chosen]


def epoch_batches(
    data: Split, *, batch_size: int, seed: int, epoch: int, augment: bool
) -> Iterator[tuple[Images, Labels]]:
    """The training batches of one epoch: uint8 (batch_size, 32, 32, 3) and int32 (batch_size,).

    They are the same images as those of `epoch_chunks`. A short last batch is dropped.
    """
    batches = epoch_chunks(data, chunk_size=batch_size, seed=seed, epoch=epoch, augment=augment)
    return itertools.islice(batches, len(data) // batch_size)


def crop_and_flip(
    images: Images, *, offsets: npt.NDArray[np.int64], flips: npt.NDArray[np.bool_]
) -> Images:
    """Pads by 4 black pixels, crops 32x32 at each image's (row, column) offset of 0 to 8, then flips."""
    pad = CROP_PADDING
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)))
    # (n, 9, 9, 1, 32, 32, 3): every window of every image, as a view.
    # The types of numpy 2.0 know no window of several axes.
    windows: Any = sliding_window_view(padded, IMAGE_SHAPE, axis=(1, 2, 3))  # type: ignore[call-overload, unused-ignore]
    crops: Images = windows[np.arange(len(images)), offsets[:, 0], offsets[:, 1], 0]
    crops[flips] = crops[flips, :, ::-1]
    return crops


def evaluation_batches(data: Split, *, batch_size: int) -> Iterator[tuple[Images, Labels]]:
    """Every image once, in stored order; the last batch may be short."""
    for start in range(0, len(data), batch_size):
        yield data.images[start : start + batch_size], data.labels[start : start + batch_size]
