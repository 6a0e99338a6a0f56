"""Twenty Macs of one model are twenty machines in the report."""

from __future__ import annotations

from pathlib import Path

from msgspec.structs import replace

from reports.data.frame import frames
from reports.data.sources import gather
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, write

HOSTS = 20


def test_twenty_macs_of_one_model_are_twenty_machines(tmp_path: Path) -> None:
    for place in range(1, HOSTS + 1):
        run = run_of("scratch", "torch", epochs_of([120.0] + [100.0 + place] * 7))
        machine = replace(ANNA, name=f"mac-{place:02}")
        write(tmp_path, f"{machine.name}/0001_fleet.json", content_of(machine, [run]))
    machines = frames(gather([str(tmp_path)])).machines
    assert sorted(machines["machine"]) == [f"mac-{place:02}" for place in range(1, HOSTS + 1)]
    assert set(machines["runs"]) == {1}
