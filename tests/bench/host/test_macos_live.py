"""The parsers on what this Mac's own commands print now: shapes, since the values are the Mac's own."""

from __future__ import annotations

import platform
import re
import sys
from typing import get_args

import pytest

from bench.host import condition, machine, macos

pytestmark = pytest.mark.skipif(
    sys.platform != "darwin",
    reason="these commands are macOS's; elsewhere tests/bench/host/test_macos.py has samples",
)

SILICON = platform.machine() == "arm64"


def _sysctl() -> dict[str, str]:
    return macos.pairs(macos.ask(*macos.SYSCTL))


def test_sysctl_knows_the_chip_the_model_and_the_cores() -> None:
    values = _sysctl()
    assert values.get("machdep.cpu.brand_string")
    assert values.get("hw.model")
    kinds = macos.core_kinds(values)
    assert kinds
    assert sum(kinds.values()) == macos.count(values["hw.physicalcpu"])


def test_sw_vers_knows_the_system() -> None:
    system = macos.pairs(macos.ask(*macos.SW_VERS))
    assert re.fullmatch(r"\d+(\.\d+)+", system["ProductVersion"])
    assert not system["ProductVersion"].startswith("10.16")
    assert re.fullmatch(r"\w+", system["BuildVersion"])


def test_a_gpu_is_named_unless_the_mac_is_virtual() -> None:
    virtual = macos.is_virtual(_sysctl())
    assert virtual is not None, "kern.hv_vmm_present is there from macOS 11 on"
    fast = macos.ioreg_gpu(macos.ask(*macos.IOREG))
    slow = macos.displays_gpu(macos.ask(*macos.DISPLAYS))
    if virtual:
        pytest.skip(f"a virtual Mac: ioreg says {fast}, system_profiler {slow}")
    assert slow[0]
    if SILICON:
        assert fast == slow, "the fast command and the slow one are of one mind"
        assert fast[1]


def test_the_settings_in_use_are_read() -> None:
    text = macos.ask(*macos.SETTINGS)
    assert "Currently in use:" in text
    names = re.findall(r"^ (\w*powermode) ", text, re.MULTILINE)
    assert (macos.low_power(text) is None) == (not {"lowpowermode", "powermode"} & set(names))


def test_the_power_source_is_read() -> None:
    assert macos.power_source(macos.ask(*macos.BATTERY)) in get_args(macos.Power)


def test_heat_is_read() -> None:
    text = macos.ask(*macos.PRESSURE)
    assert macos.thermal_level(text) in (None, *get_args(macos.Thermal))
    assert text == "" or macos.thermal_level(text), f"another shape than expected: {text!r}"
    assert macos.speed_limit(macos.ask(*macos.SPEED)) in (None, "nominal", "moderate")


def test_what_was_swapped_is_counted_in_bytes() -> None:
    text = macos.ask(*macos.VM_STAT)
    came, went = macos.swapped_bytes(text)
    assert came is not None, f"another shape than expected: {text!r}"
    assert went is not None, f"another shape than expected: {text!r}"
    assert came % 4096 == went % 4096 == 0, "whole pages"


def test_the_whole_machine_is_described() -> None:
    found = machine.describe()
    assert found.chip
    assert found.model
    assert found.memory_bytes > 10**9
    assert (found.os or "").startswith("macOS ")
    assert found.os_build
    assert found.translated is not None
    assert found.virtual is not None
    if SILICON:
        assert found.chip.startswith("Apple ")
        assert found.translated is False


def test_the_whole_condition_is_taken_and_the_mac_kept_awake() -> None:
    with condition.awake() as why:
        assert why is None
        found = condition.take()
        assert "caffeinate" in macos.ask("pmset", "-g", "assertions")
    assert found.power in (None, *get_args(macos.Power))
    assert found.thermal in (None, *get_args(macos.Thermal))
    assert found.available_memory_bytes > 0
