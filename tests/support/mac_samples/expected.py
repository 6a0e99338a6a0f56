"""The exact values in each sample, and the parser that reads it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from bench.host import macos


def _sysctl(text: str) -> tuple[str | None, str | None, dict[str, int] | None]:
    values = macos.parse_pairs(text)
    return values.get("machdep.cpu.brand_string"), values.get("hw.model"), macos.core_kinds(values)


def _system(text: str) -> tuple[str | None, str | None, str | None]:
    values = macos.parse_pairs(text)
    name, version, build = (values.get(key) for key in ("ProductName", "ProductVersion", "BuildVersion"))
    return name, version, build


def _traits(text: str) -> tuple[bool | None, bool | None]:
    values = macos.parse_pairs(text)
    return macos.is_translated(values, "x86_64"), macos.is_virtual(values)


PARSERS: dict[str, Callable[[str], Any]] = {
    "sysctl": _sysctl,
    "sw_vers": _system,
    "traits": _traits,
    "ioreg": macos.ioreg_gpu,
    "system_profiler": macos.displays_gpu,
    "pmset_g": macos.low_power,
    "pmset_g_batt": macos.power_source,
    "pmset_g_therm": macos.speed_limit,
    "notifyutil": macos.thermal_level,
    "vm_stat": macos.swapped_bytes,
}

ARCHSPEC = "sysctl_archspec_darwin"
EXPECTED: dict[str, tuple[str, Any]] = {
    "ioreg_agx_m1.txt": ("ioreg", ("Apple M1", 8)),
    "ioreg_agx_m4.txt": ("ioreg", ("Apple M4", 10)),
    "ioreg_intel_mac_amd.txt": ("ioreg", (None, None)),
    "notifyutil_thermal_shape.txt": ("notifyutil", "nominal"),
    "pmset_g_batt_ac.txt": ("pmset_g_batt", "mains"),
    "pmset_g_batt_battery.txt": ("pmset_g_batt", "battery"),
    "pmset_g_batt_desktop.txt": ("pmset_g_batt", "mains"),
    # Both list the settings of each power source, not which source is in use; the sources differ.
    "pmset_g_custom_intel_macbookpro.txt": ("pmset_g", None),
    "pmset_g_custom_macmini.txt": ("pmset_g", None),
    "pmset_g_intel_nolowpower.txt": ("pmset_g", None),
    "pmset_g_lowpower_on.txt": ("pmset_g", True),
    "pmset_g_m3_caffeinated.txt": ("pmset_g", False),
    "pmset_g_macbookair.txt": ("pmset_g", False),
    "pmset_g_therm_apple_silicon_m4.txt": ("pmset_g_therm", None),
    "pmset_g_therm_intel_throttled.txt": ("pmset_g_therm", "moderate"),
    "sw_vers_14_6_1.txt": ("sw_vers", ("macOS", "14.6.1", "23G93")),
    "sw_vers_26_5_2.txt": ("sw_vers", ("macOS", "26.5.2", "25F84")),
    f"{ARCHSPEC}-bigsur-m1.txt": ("sysctl", ("Apple processor", None, {"cores": 8})),
    f"{ARCHSPEC}-mojave-haswell.txt": (
        "sysctl",
        ("Intel(R) Core(TM) i7-4980HQ CPU @ 2.80GHz", None, None),
    ),
    f"{ARCHSPEC}-mojave-ivybridge.txt": (
        "sysctl",
        ("Intel(R) Core(TM) i5-3230M CPU @ 2.60GHz", None, {"cores": 2}),
    ),
    f"{ARCHSPEC}-mojave-skylake.txt": (
        "sysctl",
        ("Intel(R) Core(TM) i7-6700K CPU @ 4.00GHz", None, None),
    ),
    f"{ARCHSPEC}-monterey-m1.txt": (
        "sysctl",
        ("Apple M1 Pro", None, {"performance": 6, "efficiency": 2}),
    ),
    f"{ARCHSPEC}-monterey-m2.txt": ("sysctl", ("Apple M2", None, {"performance": 4, "efficiency": 4})),
    f"{ARCHSPEC}-sequoia-m3.txt": (
        "sysctl",
        ("Apple M3 Max", None, {"performance": 10, "efficiency": 4}),
    ),
    "sysctl_github_runner_vm.txt": ("sysctl", ("Apple M1 (Virtual)", "VirtualMac2,1", None)),
    "sysctl_intel_macbookpro16_1_subset.txt": (
        "sysctl",
        ("Intel(R) Core(TM) i9-9980HK CPU @ 2.40GHz", "MacBookPro16,1", {"cores": 8}),
    ),
    "sysctl_m1pro_cpu.txt": ("sysctl", ("Apple M1 Pro", None, {"performance": 8, "efficiency": 2})),
    "sysctl_m2max_subset_macos26.txt": (
        "sysctl",
        ("Apple M2 Max", "Mac14,6", {"performance": 8, "efficiency": 4}),
    ),
    "sysctl_n_m3pro.txt": ("sysctl", (None, None, None)),  # values without names
    "sysctl_pycpuinfo_osx10_12_i5_2557M.txt": (
        "sysctl",
        ("Intel(R) Core(TM) i5-2557M CPU @ 1.70GHz", None, {"cores": 2}),
    ),
    "system_profiler_displays_intel_dualgpu.plist": ("system_profiler", (None, None)),  # no JSON
    "system_profiler_displays_m1_macbookair_7core.json": ("system_profiler", ("Apple M1", 7)),
    "system_profiler_displays_m1pro_16core_external.json": ("system_profiler", ("Apple M1 Pro", 16)),
    "system_profiler_displays_m2max_30core_macos15.json": ("system_profiler", ("Apple M2 Max", 30)),
    "system_profiler_displays_m3max_40core.json": ("system_profiler", ("Apple M3 Max", 40)),
    "vm_stat_shape.txt": ("vm_stat", (123 * 16_384, 456 * 16_384)),
}
