"""Data for the tests: files in CIFAR-10's layout, and the real images if ALEXNET_DATA names them."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from alexnet.data import FOLDER, RECORD_BYTES, RECORDS_PER_FILE, TEST_FILES, TRAIN_FILES


@pytest.fixture(scope="session", autouse=True)
def _enable_ctrl_c() -> None:
    """A shell starts background jobs with Ctrl-C ignored, and children inherit that."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _keep_nothing_of_reports() -> Iterator[None]:
    """A test reads its files itself, and leaves the user's cache folder alone."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALEXNET_REPORT_CACHE", "off")
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Slow tests first, so that parallel processes end at about the same time."""
    items.sort(key=lambda item: item.get_closest_marker("slow") is None)


def write_cifar10(folder: Path, *, seed: int = 0) -> Path:
    """Writes all six files with random pixels and every class equally often; returns `folder`."""
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
    """A folder in CIFAR-10's layout with random images. Tests that change it must make their own."""
    return write_cifar10(tmp_path_factory.mktemp("random-cifar10"))


@pytest.fixture(scope="session")
def real_cifar10() -> Path:
    """The folder of the real images, or a skip that says how to set it."""
    folder = os.environ.get("ALEXNET_DATA")
    if not folder:
        pytest.skip("no real CIFAR-10: set ALEXNET_DATA to a folder that holds cifar-10-batches-bin")
    return Path(folder)
