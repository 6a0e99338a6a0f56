"""Data for the tests: small files in CIFAR-10's layout, and the real images where they are at hand."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import numpy as np
import pytest

from alexnet.data import FOLDER, RECORD_BYTES, RECORDS_PER_FILE, TEST_FILES, TRAIN_FILES


@pytest.fixture(scope="session", autouse=True)
def _ctrl_c_is_heard() -> None:
    """Whoever runs the tests in the background may have Ctrl-C ignored, and children inherit that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow files first: the last of several processes to end then has little left to do alone."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def write_cifar10(folder: Path, *, seed: int = 0) -> Path:
    """All six files with random pixels and every class equally often; returns the outer folder."""
    rng = np.random.default_rng(seed)
    inner = folder / FOLDER
    inner.mkdir(parents=True)
    for name in (*TRAIN_FILES, *TEST_FILES):
        records = rng.integers(0, 256, (RECORDS_PER_FILE, RECORD_BYTES), np.uint8)
        records[:, 0] = rng.permutation(np.arange(RECORDS_PER_FILE) % 10)
        records.tofile(inner / name)
    return folder


@pytest.fixture(scope="session")
def random_cifar10(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder laid out as CIFAR-10 is, with noise for images. Tests that harm it make their own."""
    return write_cifar10(tmp_path_factory.mktemp("random-cifar10"))


@pytest.fixture(scope="session")
def real_cifar10() -> Path:
    """The real images, or a skip that says how to have them."""
    folder = os.environ.get("ALEXNET_DATA")
    if not folder:
        pytest.skip("no real CIFAR-10: set ALEXNET_DATA to a folder that holds cifar-10-batches-bin")
    return Path(folder)
