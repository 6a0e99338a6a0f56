"""Every captured sample gives its exact values, and unreadable text gives None."""

from __future__ import annotations

import json
import sys
from typing import Any

import pytest

from bench.host import macos
from tests.support.mac_samples import FOLDER, SAMPLES, dual_gpu_json, sample
from tests.support.mac_samples.expected import EXPECTED, PARSERS


def test_every_sample_is_read_and_says_where_it_is_from() -> None:
    assert sorted(EXPECTED) == SAMPLES
    for name in SAMPLES:
        source = (FOLDER / name).with_suffix(".source").read_text()
        assert "source: " in source, name


@pytest.mark.parametrize("name", EXPECTED)
def test_a_sample_gives_what_it_says(name: str) -> None:
    parser, expected = EXPECTED[name]
    assert PARSERS[parser](sample(name)) == expected


def test_of_two_gpus_it_is_not_the_integrated_one() -> None:
    assert macos.displays_gpu(dual_gpu_json()) == ("AMD Radeon Pro 5300M", None)
    both = json.loads(dual_gpu_json())
    both["SPDisplaysDataType"].reverse()
    assert macos.displays_gpu(json.dumps(both)) == ("AMD Radeon Pro 5300M", None)
    both["SPDisplaysDataType"].pop(0)
    assert macos.displays_gpu(json.dumps(both)) == ("Intel UHD Graphics 630", None)


@pytest.mark.parametrize(
    ("names", "counts", "kinds"),
    [
        (("Super", "Performance"), (6, 12), {"super": 6, "performance": 12}),
        (
            ("Super", "Performance", "Efficiency"),
            (2, 4, 6),
            {"super": 2, "performance": 4, "efficiency": 6},
        ),
        (("Performance", "Performance", "Efficiency"), (4, 4, 2), {"performance": 8, "efficiency": 2}),
        (("Standard",), (3,), {"standard": 3}),
        ((None, None), (8, 2), {"performance": 8, "efficiency": 2}),
        ((None,), (4,), {"cores": 4}),  # one kind, but which?
        ((None, None, None), (2, 4, 6), {"cores": 12}),
        (("Performance", None, "Efficiency"), (2, 4, 6), {"cores": 12}),
    ],
)
def test_kinds_of_cores_go_by_their_names(
    names: tuple[str | None, ...], counts: tuple[int, ...], kinds: dict[str, int]
) -> None:
    values = {f"hw.perflevel{n}.physicalcpu": str(number) for n, number in enumerate(counts)}
    values |= {f"hw.perflevel{n}.name": name for n, name in enumerate(names) if name}
    assert macos.core_kinds({**values, "hw.physicalcpu": str(sum(counts))}) == kinds
    assert macos.core_kinds({**values, "hw.physicalcpu": "64"}) == {"cores": 64}, "they do not add up"


@pytest.mark.parametrize(
    ("settings", "low"),
    [
        (" powermode            1\n", True),
        (" powermode            0\n", False),
        (" powermode            2\n", False),
        (" powermode            3\n", None),
        (" lowpowermode         1\n powermode            1\n", True),
        (" lowpowermode         7\n powermode            0\n", None),
        (" lowpowermode\n", None),
        (" lowpowermode         10\n", None),
        (" standby              1\nBattery Power:\n lowpowermode         1\n", None),
        (" highpowermode        1\n mylowpowermode       1\n", None),
    ],
)
def test_low_power_is_what_is_in_use(settings: str, low: bool | None) -> None:
    head = "System-wide power settings:\n SleepDisabled\t\t0\nCurrently in use:\n"
    assert macos.low_power(head + settings) is low
    assert macos.low_power(f"AC Power:\n{settings}") is None


@pytest.mark.parametrize(
    ("level", "thermal"),
    [("0", "nominal"), ("1", "moderate"), ("2", "heavy"), ("3", "trapping"), ("4", "sleeping")]
    + [(invalid, None) for invalid in ("5", "-1", "00", "", "1 2", "nominal", "9" * 5000, "²")],
)
def test_heat_has_five_levels(level: str, thermal: str | None) -> None:
    assert macos.thermal_level(f"com.apple.system.thermalpressurelevel {level}\n") == thermal
    assert macos.thermal_level(f"some.other.key {level}\n") is None


@pytest.mark.parametrize(
    ("limit", "thermal"), [("99", "moderate"), ("100", "nominal"), ("", None), ("-1", None)]
)
def test_a_speed_limit_under_100_is_heat(limit: str, thermal: str | None) -> None:
    assert macos.speed_limit(f"CPU_Speed_Limit \t= {limit}\nCPU_Available_CPUs = 1\n") == thermal


HEADING = "Mach Virtual Memory Statistics: (page size of 4096 bytes)\n"


@pytest.mark.parametrize(
    ("text", "swapped"),
    [
        (f"{HEADING}Swapins:   10.\nSwapouts:  0.\n", (40_960, 0)),
        (f"{HEADING}Swapouts:  3.\nSwapins:   2.\n", (8_192, 12_288)),
        (f"{HEADING}Pageins:   10.\nPageouts:  20.\nSwapins:   1.\n", (4_096, None)),
        (f"{HEADING}Swapins:   many.\nSwapouts:  -1.\n", (None, None)),
        ("Swapins:   10.\nSwapouts:  20.\n", (None, None)),  # pages of what size?
    ],
)
def test_what_was_swapped_is_pages_times_their_size(text: str, swapped: tuple[int | None, ...]) -> None:
    assert macos.swapped_bytes(text) == swapped


def test_a_power_supply_with_its_own_battery_is_unknown() -> None:
    assert macos.power_source("Now drawing from 'UPS Power'\n") is None


@pytest.mark.parametrize(
    ("values", "architecture", "translated"),
    [
        ({"sysctl.proc_translated": "1", "hw.optional.arm64": "1"}, "x86_64", True),
        ({"sysctl.proc_translated": "0", "hw.optional.arm64": "1"}, "x86_64", True),  # sysctl was not
        ({"sysctl.proc_translated": "0", "hw.optional.arm64": "1"}, "arm64", False),
        ({"machdep.cpu.brand_string": "Intel(R) Core(TM) i9"}, "x86_64", False),
        ({}, "x86_64", None),
        ({}, "arm64", False),
    ],
)
def test_rosetta_is_seen(values: dict[str, str], architecture: str, translated: bool | None) -> None:
    assert macos.is_translated(values, architecture) is translated


@pytest.mark.parametrize(
    ("values", "virtual"),
    [
        ({"hw.model": "VirtualMac2,1"}, True),
        ({"machdep.cpu.brand_string": "Apple M1 (Virtual)"}, True),
        ({"hw.model": "MacBookPro16,1", "kern.hv_vmm_present": "1"}, True),
        ({"hw.model": "Mac14,6", "kern.hv_vmm_present": "0"}, False),
        ({"hw.model": "Mac14,6"}, None),
        # What Rosetta has called an Apple chip: not a virtual Mac's.
        ({"machdep.cpu.brand_string": "VirtualApple @ 2.50GHz", "kern.hv_vmm_present": "0"}, False),
    ],
)
def test_a_virtual_mac_is_seen(values: dict[str, str], virtual: bool | None) -> None:
    assert macos.is_virtual(values) is virtual


LIMITS = {"vm_stat": 456 * 16_384 + 1}  # bytes; all other numbers are cores


def _is_plain(value: Any, limit: int = 100_000) -> bool:
    if isinstance(value, tuple):
        return all(_is_plain(part, limit) for part in value)
    if isinstance(value, dict):
        return all(isinstance(name, str) and 0 < cores < 100_000 for name, cores in value.items())
    if isinstance(value, int) and not isinstance(value, bool):
        return 0 < value < limit
    return value is None or isinstance(value, bool) or (isinstance(value, str) and bool(value.strip()))


NOTHING = {"sysctl": (None,) * 3, "sw_vers": (None,) * 3, "ioreg": (None,) * 2} | {
    "traits": (None,) * 2,
    "system_profiler": (None,) * 2,
    "vm_stat": (None,) * 2,
}
HOSTILE = [
    *("", " ", "\n\n\n", ":", ": :\n:", "\0", "\ufffd" * 99, "{", "[", "null", "7", '"x"', "é" * 9999),
    *(
        "sysctl: unknown oid 'hw.perflevel0.name'",
        "9" * 5000,
        "[" * 100_000,
        '{"SPDisplaysDataType": 1}',
    ),
    *('{"SPDisplaysDataType": [null, 7, [], {"sppci_model": 7}, {"sppci_model": " "}]}', "=" * 9999),
    *('{"SPDisplaysDataType": ' + "9" * 5000 + "}", "+-o \n+-o \n", "Currently in use:", "'AC Power'"),
]


@pytest.mark.parametrize("parser", PARSERS)
@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: repr(text[:20]))
def test_nothing_is_made_of_nothing(parser: str, text: str) -> None:
    assert PARSERS[parser](text) == NOTHING.get(parser)


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample_that_is_cut_off_is_read_as_far_as_it_goes(name: str) -> None:
    """Every parser gets every sample, its own and the others', cut in about 40 places."""
    text = sample(name)
    for end in {
        *range(0, len(text), max(1, len(text) // 30)),
        *range(max(0, len(text) - 10), len(text)),
    }:
        for command, parser in PARSERS.items():
            limit = LIMITS.get(command, 100_000)
            assert _is_plain(parser(text[:end]), limit), text[:end][-60:]
            assert _is_plain(parser(text[end:]), limit), text[end:][:60]


WITHOUT_BLOCKS = [
    name for name, (parser, _) in EXPECTED.items() if parser.startswith(("sysctl", "sw_vers"))
]


@pytest.mark.parametrize("name", WITHOUT_BLOCKS)
def test_the_order_of_lines_and_unknown_ones_change_nothing(name: str) -> None:
    parser, expected = EXPECTED[name]
    lines = ["an.unknown.key: 7", "another: yes: no", "a line", *sample(name).splitlines()]
    assert PARSERS[parser]("\n".join(reversed(lines))) == expected


@pytest.mark.parametrize(
    "cores", ["0", "-8", "100000", "9" * 5000, "8.0", "", " ", "٨", 0, -1, 10**9, True]
)
def test_a_count_that_is_none_is_none(cores: Any) -> None:
    card = {"sppci_cores": cores, "sppci_model": "Apple M9", "new_key": {"a": [1]}, "_name": "x"}
    if cores != "9" * 5000:
        assert macos.displays_gpu(json.dumps({"SPDisplaysDataType": [card]})) == ("Apple M9", None)
    assert macos.core_count(cores) is None
    assert macos.core_kinds({"hw.physicalcpu": str(cores), "hw.perflevel0.physicalcpu": "x"}) is None
    assert macos.ioreg_gpu(f'+-o A\n  "gpu-core-count" = {cores}\n') == (None, None)


def test_cores_may_be_a_number_in_json_too() -> None:
    card = {"sppci_cores": 80, "sppci_model": "Apple M9 Ultra"}
    assert macos.displays_gpu(json.dumps({"SPDisplaysDataType": [card]})) == ("Apple M9 Ultra", 80)


def test_of_several_accelerators_it_is_the_one_that_counts_its_cores() -> None:
    nodes = sample("ioreg_intel_mac_amd.txt") + sample("ioreg_agx_m4.txt")
    assert macos.ioreg_gpu(nodes) == ("Apple M4", 10)


def test_a_command_is_heard_whatever_its_status() -> None:
    script = "import os, sys; print(os.environ['LC_ALL'], 'ö'); sys.stderr.write('x'); sys.exit(1)"
    assert macos.command_output(sys.executable, "-X", "utf8", "-c", script) == "C ö\n"
    script = r"import sys; sys.stdout.buffer.write(b'a\xffb')"
    assert macos.command_output(sys.executable, "-c", script) == "a\ufffdb"


def test_a_command_that_is_missing_or_hangs_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert macos.command_output("no-such-command-anywhere") == ""
    monkeypatch.setattr(macos, "TIMEOUT_SECONDS", 0.2)
    assert macos.command_output(sys.executable, "-c", "import time; time.sleep(30)") == ""


def test_no_command_prints_a_serial_number_of_the_computer() -> None:
    commands = [
        value for name, value in vars(macos).items() if name.isupper() and isinstance(value, tuple)
    ]
    assert len(commands) == 9
    words = " ".join(word for command in commands for word in command).lower()
    for forbidden in ("sphardware", "ioplatform", "uuid", "serial", "hostname", " -a"):
        assert forbidden not in words
