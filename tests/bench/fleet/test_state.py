"""What a fleet is, kept on disk: the last one is gone on with, and by one coordinator at a time."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench.fleet import state as module
from bench.fleet.hosts import Host
from bench.fleet.state import FILE, FleetError, Stored, begin, last, only_one

HOSTS = [
    Host(name="mac-01", address="one"),
    Host(name="mac-02", address="two", options=("--repeats", "3")),
]


def test_the_last_fleet_comes_back_as_it_was(tmp_path: Path) -> None:
    begin(tmp_path, HOSTS[:1], commit="a" * 40, save_as="old")
    (tmp_path / "20991231T235959").mkdir()  # a folder without a record is no fleet
    only_set_up = begin(tmp_path, HOSTS, commit="c" * 40, save_as="x", measures=False)
    only_set_up.folder.rename(tmp_path / "20991231T235958")
    begun = begin(tmp_path, HOSTS, commit="b" * 40, save_as="new")
    begun.fleet.hosts[1].is_set_up = True
    begun.save()
    assert last(tmp_path).fleet == begun.fleet
    assert last(tmp_path).folder == begun.folder


def test_two_fleets_of_one_second_have_two_folders(tmp_path: Path) -> None:
    folders = {begin(tmp_path, HOSTS, commit="", save_as="x").folder for _ in range(12)}
    assert len(folders) == 12
    assert last(tmp_path).folder == max(folders, key=module._order)


def test_a_name_with_results_stands_for_no_other_computer(tmp_path: Path) -> None:
    def begin_with(**addresses: str) -> None:
        hosts = [Host(name=name, address=address) for name, address in addresses.items()]
        begin(tmp_path, hosts, commit="", save_as="x")

    begun = begin(tmp_path, HOSTS, commit="", save_as="x")
    begin_with(**{"mac-01": "three"})  # nothing has come home of it
    begun.fleet.hosts[0].stored = [Stored(file="f", sha256="0", runs=(), final=True, problems=0)]
    begun.save()
    (tmp_path / "20260101T000000").mkdir()
    (tmp_path / "20260101T000000" / FILE).write_text("{")  # a damaged one says nothing
    said = f"mac-01 was one in fleet {begun.fleet.id}, and results/mac-01 has its results: name it other"
    with pytest.raises(FleetError, match=said):
        begin_with(**{"mac-01": "two", "mac-02": "one"})
    begin_with(**{"mac-01": "ONE", "mac-02": "three", "anna": "two"})


def test_no_fleet_and_a_damaged_one_are_sentences(tmp_path: Path) -> None:
    with pytest.raises(FleetError, match="There is no fleet"):
        last(tmp_path)
    begun = begin(tmp_path, HOSTS, commit="", save_as="x")
    (begun.folder / FILE).write_text("{")
    with pytest.raises(FleetError, match="cannot be read"):
        last(tmp_path)


def test_one_coordinator_at_a_time(tmp_path: Path) -> None:
    with only_one(tmp_path), pytest.raises(FleetError, match="Another"), only_one(tmp_path):
        pass
    with only_one(tmp_path):
        pass
