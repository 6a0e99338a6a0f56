"""Five Macs that a test can pretend to run on, built from captured samples."""

from __future__ import annotations

import json
import platform
import plistlib
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from bench.host import machine, macos

FOLDER = Path(__file__).parent
SAMPLES = sorted(f.name for f in FOLDER.iterdir() if f.suffix in (".txt", ".json", ".plist"))
SAMPLES.remove("README.txt")

# Lines that every such Mac prints, and that the samples, which are excerpts, leave out.
REAL_ARM = "\nhw.optional.arm64: 1\nkern.hv_vmm_present: 0\nsysctl.proc_translated: 0\n"
SERIAL, UUID = "C02ZW1ZZMD6T", "564D1D2C-0000-4000-8000-00A0C914C8AB"


def sample(name: str) -> str:
    return (FOLDER / name).read_text()


def dual_gpu_json() -> str:
    """The Intel sample as `-json` prints it: the same keys, in an object instead of an array."""
    (report,) = plistlib.loads((FOLDER / "system_profiler_displays_intel_dualgpu.plist").read_bytes())
    return json.dumps({"SPDisplaysDataType": report["_items"]})


@dataclass(frozen=True, kw_only=True)
class Mac:
    """The output of each command; a command that is missing prints nothing."""

    architecture: str
    sysctl: str
    answers: dict[tuple[str, ...], str]

    def command_output(self, *command: str) -> str:
        """Replaces `bench.host.macos.command_output`; sysctl prints only the names in the command."""
        assert "SPHardwareDataType" not in command, "it prints the serial number"
        if command[0] != "sysctl":
            return self.answers.get(command, "")
        lines = [line for line in self.sysctl.splitlines() if line.partition(":")[0] in command]
        return "\n".join(lines)

    def pretend(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(macos, "command_output", self.command_output)
        monkeypatch.setattr(sys, "platform", "darwin")
        monkeypatch.setattr(platform, "machine", lambda: self.architecture)
        # A cache of its own, so that the test leaves the real one alone.
        monkeypatch.setattr(machine, "describe_unnamed", cache(machine.describe_unnamed.__wrapped__))


# A virtual Mac's JSON was not captured; its text form says "Chipset Model: Apple Paravirtual device".
_PARAVIRTUAL = json.dumps({"SPDisplaysDataType": [{"sppci_model": "Apple Paravirtual device"}]})

MACS = {
    "M1 Pro": Mac(
        architecture="arm64",
        sysctl=sample("sysctl_m1pro_cpu.txt") + "hw.model: MacBookPro18,3" + REAL_ARM,
        answers={
            macos.SW_VERS: sample("sw_vers_14_6_1.txt"),
            macos.DISPLAYS: sample("system_profiler_displays_m1pro_16core_external.json"),
            macos.BATTERY: sample("pmset_g_batt_battery.txt"),
            macos.SETTINGS: sample("pmset_g_lowpower_on.txt"),
            macos.PRESSURE: sample("notifyutil_thermal_shape.txt"),
            macos.VM_STAT: sample("vm_stat_shape.txt"),
        },
    ),
    "M2 Max": Mac(
        architecture="arm64",
        sysctl=sample("sysctl_m2max_subset_macos26.txt") + REAL_ARM,
        answers={
            macos.DISPLAYS: sample("system_profiler_displays_m2max_30core_macos15.json"),
            macos.BATTERY: sample("pmset_g_batt_desktop.txt"),
            macos.SETTINGS: sample("pmset_g_m3_caffeinated.txt"),
            macos.PRESSURE: "com.apple.system.thermalpressurelevel 2\n",
        },
    ),
    "M3 Max": Mac(
        architecture="arm64",
        sysctl=sample("sysctl_archspec_darwin-sequoia-m3.txt") + REAL_ARM,
        answers={
            macos.DISPLAYS: sample("system_profiler_displays_m3max_40core.json"),
            macos.BATTERY: sample("pmset_g_batt_ac.txt"),
            macos.SETTINGS: sample("pmset_g_macbookair.txt"),
            macos.SPEED: sample("pmset_g_therm_apple_silicon_m4.txt"),
        },
    ),
    "Intel": Mac(
        architecture="x86_64",
        sysctl=sample("sysctl_intel_macbookpro16_1_subset.txt") + "kern.hv_vmm_present: 0\n",
        answers={
            macos.IOREG: sample("ioreg_intel_mac_amd.txt"),
            macos.DISPLAYS: dual_gpu_json(),
            macos.BATTERY: sample("pmset_g_batt_ac.txt"),
            macos.SETTINGS: sample("pmset_g_intel_nolowpower.txt"),
            macos.PRESSURE: sample("notifyutil_thermal_shape.txt"),
            macos.SPEED: sample("pmset_g_therm_intel_throttled.txt"),
        },
    ),
    "GitHub runner": Mac(
        architecture="arm64",
        sysctl=sample("sysctl_github_runner_vm.txt") + "kern.hv_vmm_present: 1\n",
        answers={macos.DISPLAYS: _PARAVIRTUAL, macos.BATTERY: sample("pmset_g_batt_desktop.txt")},
    ),
}
