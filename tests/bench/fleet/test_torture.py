"""A short torture of a room of hosts: nothing is lost, nothing moves, and there is one report."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the extra `fleet` is not installed")

from tests.fleet_torture import Faults, torture

pytestmark = pytest.mark.slow


def test_a_room_with_faults_ends_as_one_without(tmp_path: Path) -> None:
    """The long form, `python -m tests.fleet_torture`, has twenty hosts."""
    names = ["mac-01", "mac-02", "mac-03", "mac-04"]
    faults = Faults(
        killed=["mac-01"],
        hung=["mac-02"],
        wrong_clock=["mac-03"],
        full_disk=["mac-04"],
        away=["mac-01"],
    )
    outcome = torture(tmp_path, names, faults)
    assert outcome.hosts == 4
    assert outcome.worker_bytes < 100e6
