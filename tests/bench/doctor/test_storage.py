"""Rules on the disk, open files, the data set and the results folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from alexnet.data import DataError
from alexnet.folders import Obstacle
from tests.support.doctor_facts import (
    GB,
    LINUX,
    MAC,
    Fault,
    assert_every_yield_reached,
    assert_reported,
    disk,
)

FAULTS = [
    Fault("open files", MAC, {"open_files": 200}, "warning", "only 200 files", "ulimit -n 4096"),
    Fault(
        "disk",
        MAC,
        {"results": disk(2 * GB, 3 * GB), "cache": disk(2 * GB, 0)},
        "error",
        "disk of results/ has 2.0 GB free, and this run needs 3.0 GB",
        "make room",
    ),
    Fault(
        "disk",
        MAC,
        {"results": disk(2 * GB, 3 * GB), "cache": disk(9 * GB, 0, volume=2)},
        "error",
        "disk of results/ has 2.0 GB",
        "Trash",
    ),
    Fault(
        "disk",
        MAC,
        {"results": disk(9 * GB, 3 * GB), "cache": disk(GB // 10, GB, volume=2)},
        "error",
        "disk of the downloads has 0.1 GB free, and this run needs 1.0 GB",
        "make room",
    ),
    Fault(
        "disk",
        MAC,
        {"results": disk(4 * GB, 3 * GB), "cache": disk(4 * GB, 2 * GB)},
        "error",
        "disk of results/ and of the downloads has 4.0 GB free, and this run needs 5.0 GB",
        "make room",
    ),
    Fault(
        "disk",
        LINUX,
        {"temporary": disk(GB // 10, GB // 2, volume=3)},
        "error",
        "disk of temporary files has 0.1 GB free, and this run needs 0.5 GB",
        "set TMPDIR to a folder of another disk",
    ),
    Fault(
        "temporary files",
        LINUX,
        {"temporary": None},
        "error",
        "No folder for temporary files",
        "TMPDIR",
    ),
    Fault(
        "data",
        LINUX,
        {"data": "unusable folder", "data_problem": DataError("there is no folder /c", "name another")},
        "error",
        "CIFAR-10 cannot be had: there is no folder /c.",
        "name another",
    ),
    Fault(
        "data",
        MAC,
        {"weights_problem": "--weights /w.pth: there is no such file"},
        "error",
        "weights cannot be had: --weights /w.pth: there is no such file.",
        "name alexnet-owt-7be5be79.pth",
    ),
    Fault("data", MAC, {"data": "folder"}, "warning", "only you can vouch", "leave out --data-dir"),
    Fault("data", MAC, {"data": "download"}, "warning", "will be downloaded", "stay connected"),
    Fault(
        "data",
        MAC,
        {"data": "download", "cache_problem": ("/c is a file", "set XDG_CACHE_HOME")},
        "error",
        "CIFAR-10 is not here yet and cannot be kept: /c is a file.",
        "XDG_CACHE_HOME",
    ),
    Fault(
        "data",
        LINUX,
        {"data": "download", "cache_problem": ("/c is a file", "set XDG_CACHE_HOME")},
        "warning",
        "CIFAR-10 is not here yet and cannot be kept: /c is a file.",
        "--data-dir",
    ),
    Fault(
        "results folder",
        MAC,
        {"results_obstacle": Obstacle(kind="left by another", path=Path("results"), detail="root")},
        "error",
        "Nothing can be saved: results belongs to root, and this user cannot write to it.",
        "sudo chown",
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_planted_fault_is_found_once_with_its_level_and_its_fix(fault: Fault) -> None:
    assert_reported(fault)


def test_every_finding_of_every_rule_is_exercised() -> None:
    assert_every_yield_reached(FAULTS)
