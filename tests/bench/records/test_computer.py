"""Which records are of one computer, and what a computer's folder is called."""

from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from bench.records import computer
from bench.records.computer import agreeing_parts, completed, folder_name, is_filled_in
from tests.support.samples import MACHINE

KIB = 2**10


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ("Apple M1 Pro-Annas-MacBook", "apple-m1-pro-annas-macbook"),
        ("AMD EPYC (TM) 7R13/../x", "amd-epyc-tm-7r13-x"),
        ("../../etc", "etc"),
        ("王的电脑", "王的电脑"),
        ("Jürgens Mac", "jürgens-mac"),
        ("Ju\u0308rgens Mac", "jürgens-mac"),  # as macOS's own file dialogs give it
        ("ДОМ № 1", "дом-no-1"),
        ("हिन्दी", "हिन्दी"),  # its vowels are marks
        ("حاسوب ۱۲", "حاسوب-۱۲"),
        ("می\u200cخواهم", "می-خواهم"),
        ("ＭＡＣ　１", "mac-1"),
        ("İstanbul", "i\u0307stanbul"),
        ("\u202emac\u2066", "mac"),  # what turns the direction of a line
        ("half \ud800 a letter", "half-a-letter"),
        ("🚀 mac", "mac"),
        ("🚀", ""),
        ("[*?]", ""),
        ("\u0301", ""),  # an accent on nothing
        ("", ""),
    ],
)
def test_a_folder_is_named_in_any_script(given: str, folder: str) -> None:
    assert folder_name(given) == folder
    assert folder_name(folder) == folder


@pytest.mark.parametrize("letter", ["x", "漢", "𠮷"])
def test_a_name_is_no_longer_than_file_systems_take(letter: str) -> None:
    name = folder_name(letter * 300)
    assert 100 < len(name.encode()) <= computer.MAX_NAME_BYTES
    assert {*name} == {letter}


@pytest.mark.parametrize(
    "text",
    [
        *("To Be Filled By O.E.M.", "To be filled by O.E.M.", "System Product Name", "Default string"),
        *("All Series", "Not Specified", "N/A", "OEM", "O.E.M.", "Unknown", "INVALID", "None"),
        *("", " ", ".", "--", "x.x", "0", "00000000", "XXXXXXXX", "0123456789", "123456789"),
        *("System  Version", "Type2 - Board Product Name1", "Undefined", "default"),
    ],
)
def test_what_nobody_filled_in_is_no_model(text: str) -> None:
    assert not is_filled_in(text)


@pytest.mark.parametrize(
    "text",
    [
        *("MacBookPro18,3", "PowerEdge R6525", "ROG STRIX X570-E GAMING", "20XW0026GE", "MS-7C02"),
        *("Apple Virtualization Generic Platform", "联想 ThinkPad", "X1", "900X3L", "System76 Thelio"),
    ],
)
def test_a_model_is_one(text: str) -> None:
    assert is_filled_in(text)


@pytest.mark.parametrize(
    "changes",
    [
        {"memory_bytes": MACHINE.memory_bytes - 124 * KIB},  # another kernel
        {"memory_bytes": MACHINE.memory_bytes - 256 * 2**20},  # crashkernel=256M
        {"memory_bytes": MACHINE.memory_bytes - 2 * 2**30},  # a graphics part's share, in the firmware
        {"gpu": None, "gpu_cores": None},  # NVML: Driver/library version mismatch
        {"chip": None},
        {"cpu_cores": None},
        {"cpu_cores": {"super": 8, "efficiency": 2}},  # a system that has other names for its kinds
        {"cpu_cores": {"cores": 10}},
        {"model": None, "virtual": None},
        {"model": "To Be Filled By O.E.M."},  # of a file before this was no model
        {"os": "macOS 26.1", "os_build": "25B78", "python": "3.12.9", "packages": {}},
    ],
    ids=str,
)
def test_what_may_change_makes_no_other_computer(changes: dict[str, Any]) -> None:
    other = replace(MACHINE, **changes)
    assert agreeing_parts(MACHINE, other) == agreeing_parts(other, MACHINE) == list(computer.BODY)


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("chip", "Apple M1 Max"),
        ("model", "MacBookPro18,1"),
        ("cpu_cores", {"performance": 6, "efficiency": 2}),
        ("gpu", "Apple M1"),
        ("gpu_cores", 14),
        ("memory_bytes", MACHINE.memory_bytes // 2),
        ("memory_bytes", MACHINE.memory_bytes * 36 // 32),
        ("architecture", "x86_64"),
        ("virtual", True),
    ],
)
def test_what_does_not_change_tells_computers_apart(part: str, value: Any) -> None:
    other = replace(MACHINE, **{part: value})
    assert {*computer.BODY} - {*agreeing_parts(MACHINE, other)} == {part}


def test_sizes_of_memory_that_are_sold_are_never_the_same() -> None:
    sold = [2**30 * size for size in (4, 8, 12, 16, 18, 24, 32, 36, 48, 64, 96, 128, 192, 256, 512)]
    machines = [replace(MACHINE, memory_bytes=size) for size in sold]
    for place, one in enumerate(machines):
        for other in machines[place + 1 :]:
            assert "memory_bytes" not in agreeing_parts(one, other)


def test_what_could_be_read_only_once_is_kept() -> None:
    unread = replace(MACHINE, gpu=None, gpu_cores=None, os="macOS 26.1")
    assert completed(unread, MACHINE) == replace(MACHINE, os="macOS 26.1")
    assert completed(MACHINE, unread) == MACHINE
    other = replace(unread, chip="Apple M3")
    assert completed(other, MACHINE) == other, "it is another computer"
