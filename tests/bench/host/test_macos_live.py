"""The parsers on the commands of the Mac that runs the tests; only the shapes are known."""

from __future__ import annotations

import platform
import re
import sys
from typing import get_args

import pytest

from bench.host import condition, machine, macos
from bench.records.types import Power, Thermal

pytestmark = pytest.mark.skipif(
    sys.platform != "darwin",
    reason="these commands exist on macOS only; tests/bench/host/test_macos.py uses samples",
)

SILICON = platform.machine() == "arm64"


def _sysctl() -> dict[str, str]:
    return macos.parse_pairs(macos.command_output(*macos.SYSCTL))


def test_sysctl_knows_the_chip_the_model_and_the_cores() -> None:
    values = _sysctl()
    assert values.get("machdep.cpu.brand_string")
    assert values.get("hw.model")
    kinds = macos.core_kinds(values)
    assert kinds
    assert sum(kinds.values()) == macos.core_count(values["hw.physicalcpu"])


def test_sw_vers_knows_the_system() -> None:
    system = macos.parse_pairs(macos.command_output(*macos.SW_VERS))
    assert re.fullmatch(r"\d+(\.\d+)+", system["ProductVersion"])
    assert not system["ProductVersion"].startswith("10.16")
    assert re.fullmatch(r"\w+", system["BuildVersion"])


def test_a_gpu_is_named_unless_the_mac_is_virtual() -> None:
    virtual = macos.is_virtual(_sysctl())
    assert virtual is not None, "kern.hv_vmm_present is there from macOS 11 on"
    fast = macos.ioreg_gpu(macos.command_output(*macos.IOREG))
    slow = macos.displays_gpu(macos.command_output(*macos.DISPLAYS))
    if virtual:
        pytest.skip(f"a virtual Mac: ioreg says {fast}, system_profiler {slow}")
    assert slow[0]
    if SILICON:
        assert fast == slow, "the fast command and the slow one agree"
        assert fast[1]


def test_the_settings_in_use_are_read() -> None:
    text = macos.command_output(*macos.SETTINGS)
    assert "Currently in use:" in text
    names = re.findall(r"^ (\w*powermode) ", text, re.MULTILINE)
    assert (macos.low_power(text) is None) == (not {"lowpowermode", "powermode"} & set(names))


def test_the_power_source_is_read() -> None:
    assert macos.power_source(macos.command_output(*macos.BATTERY)) in get_args(Power)


def test_heat_is_read() -> None:
    text = macos.command_output(*macos.PRESSURE)
    assert macos.thermal_level(text) in (None, *get_args(Thermal))
    assert text == "" or macos.thermal_level(text), f"another shape than expected: {text!r}"
    assert macos.speed_limit(macos.command_output(*macos.SPEED)) in (None, "nominal", "moderate")


def test_what_was_swapped_is_counted_in_bytes() -> None:
    text = macos.command_output(*macos.VM_STAT)
    swapped_in, swapped_out = macos.swapped_bytes(text)
    assert swapped_in is not None, f"another shape than expected: {text!r}"
    assert swapped_out is not None, f"another shape than expected: {text!r}"
    assert swapped_in % 4096 == swapped_out % 4096 == 0, "whole pages"


def test_the_whole_machine_is_described() -> None:
    mac = machine.describe()
    assert mac.chip
    assert mac.model
    assert mac.memory_bytes > 10**9
    assert (mac.os or "").startswith("macOS ")
    assert mac.os_build
    assert mac.translated is not None
    assert mac.virtual is not None
    if SILICON:
        assert mac.chip.startswith("Apple ")
        assert mac.translated is False


def test_the_whole_condition_is_taken_and_the_mac_kept_awake() -> None:
    with condition.keep_awake() as failure:
        assert failure is None
        state = condition.current_condition()
        assert "caffeinate" in macos.command_output("pmset", "-g", "assertions")
    assert state.power in (None, *get_args(Power))
    assert state.thermal in (None, *get_args(Thermal))
    assert state.available_memory_bytes > 0
