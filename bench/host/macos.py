"""macOS's own commands about a Mac, and parsers of their output that give None for what is absent."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from typing import Any

from bench.records.types import VIRTUAL_MAC, Power, Thermal

TIMEOUT_SECONDS = 10.0

# Every name is given, so that no serial number is printed; those that only some Macs have come last.
# sysctl reports unknown names on stderr. No chip with more than three kinds of cores is known; asking
# for a fourth costs nothing.
SYSCTL = (
    "sysctl",
    *("machdep.cpu.brand_string", "hw.model", "hw.physicalcpu", "machdep.cpu.core_count"),
    *("kern.osversion", "kern.osproductversion", "kern.hv_vmm_present"),
    *("hw.optional.arm64", "sysctl.proc_translated"),
    *(f"hw.perflevel{level}.{field}" for level in range(4) for field in ("physicalcpu", "name")),
)
SW_VERS = ("sw_vers",)
IOREG = ("ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
DISPLAYS = ("system_profiler", "SPDisplaysDataType", "-json")
SETTINGS = ("pmset", "-g")
BATTERY = ("pmset", "-g", "batt")
SPEED = ("pmset", "-g", "therm")
VM_STAT = ("vm_stat",)
PRESSURE = ("notifyutil", "-g", "com.apple.system.thermalpressurelevel")

# All commands are in these folders, whatever PATH an environment manager or a job scheduler has set.
# Other variables are not passed on: SYSTEM_VERSION_COMPAT makes macOS 14 answer "10.16".
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}

# notify(3) gives the level as a number; OSThermalNotification.h has the Mac's numbers.
_PRESSURES: dict[str, Thermal] = {
    "0": "nominal",
    "1": "moderate",
    "2": "heavy",
    "3": "trapping",
    "4": "sleeping",
}
_SOURCES: dict[str, Power] = {
    "AC": "mains",
    "Battery": "battery",
}  # a UPS may be on mains or on its battery


def command_output(*command: str) -> str:
    """The stdout of a command, whatever its exit status; "" if it is missing or takes over 10 s.

    The status is ignored because sysctl fails for one unknown name and still prints all the others.
    """
    try:
        process = subprocess.run(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            encoding="utf-8",
            errors="replace",
            timeout=TIMEOUT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return process.stdout


def parse_pairs(text: str) -> dict[str, str]:
    """The `key: value` lines of `sysctl NAME…` or `sw_vers`; a line without a value is left out."""
    values = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() and value.strip():
            values[key.strip()] = value.strip()
    return values


def core_kinds(values: Mapping[str, str]) -> dict[str, int] | None:
    """Physical cores by kind, from the values of `hw.perflevelN.name` and `hw.perflevelN.physicalcpu`.

    Up to macOS 12 at least the kinds have no names; if there are two, the first is the faster one.
    Without kinds, or if they do not add up to `hw.physicalcpu`, the result is {"cores": n}; n is
    `hw.physicalcpu`, or else `machdep.cpu.core_count`.
    """
    total = core_count(values.get("hw.physicalcpu")) or core_count(values.get("machdep.cpu.core_count"))
    levels = _levels(values)
    if levels and total in (None, sum(cores for _, cores in levels)):
        kinds: dict[str, int] = {}
        for kind, cores in levels:
            kinds[kind] = kinds.get(kind, 0) + cores
        return kinds
    return {"cores": total} if total else None


def ioreg_gpu(text: str) -> tuple[str | None, int | None]:
    """The GPU's name and cores, from `ioreg -r -d 1 -w 0 -c IOAccelerator`.

    Intel Macs and virtual Macs list accelerators without a core count; these give (None, None).
    """
    for node in re.split(r"^\+-o ", text, flags=re.MULTILINE):
        name = re.search(r'^[ \t|]*"model" = <?"([^"\n]+)"', node, re.MULTILINE)
        cores = re.search(r'^[ \t|]*"gpu-core-count" = ([0-9]+)[ \t]*$', node, re.MULTILINE)
        if cores:
            return (name[1].strip() or None) if name else None, core_count(cores[1])
    return None, None


def device_utilization(text: str) -> float | None:
    """The share of time that the GPU was in use of late, from `ioreg -r -d 1 -w 0 -c IOAccelerator`.

    None if no accelerator tells it, if several do, or if it is over 100 %, as an Intel Mac's was seen to
    be (exelban/stats#649).
    """
    statistics = re.findall(r'^[ \t|]*"PerformanceStatistics" = \{(.*)\}[ \t]*$', text, re.MULTILINE)
    values = re.findall(r'"Device Utilization %"=([0-9]{1,3})(?=[,}]|$)', "\n".join(statistics))
    percents = [int(value) for value in values]
    return percents[0] / 100 if len(percents) == 1 and percents[0] <= 100 else None


def displays_gpu(text: str) -> tuple[str | None, int | None]:
    """The GPU's name and cores, from `system_profiler SPDisplaysDataType -json`.

    Of several GPUs it is the first that is not Intel's, which is the integrated one. Only Apple's have
    `sppci_cores`. The displays in the same output, with their serial numbers, are not read.
    """
    try:
        report = json.loads(text)
    except (ValueError, RecursionError):  # a number of over 4,300 digits is a ValueError as well
        return None, None
    cards = report.get("SPDisplaysDataType") if isinstance(report, dict) else None
    gpus = [card for card in cards if _model(card)] if isinstance(cards, list) else []
    gpus.sort(key=lambda card: str(_model(card)).startswith("Intel"))  # stable: otherwise in order
    return (_model(gpus[0]), core_count(gpus[0].get("sppci_cores"))) if gpus else (None, None)


def low_power(text: str) -> bool | None:
    """Whether low power mode is on, from the block "Currently in use" of `pmset -g`.

    `lowpowermode` is 0 or 1. Macs with a high power mode too have `powermode` 0, 1 (low) or 2 (high).
    An Intel Mac may have neither: the result is then None, not False.
    """
    in_use = re.split(r"^\S", text.partition("Currently in use:")[2], maxsplit=1, flags=re.MULTILINE)[0]
    settings = dict(re.findall(r"^[ \t]+(lowpowermode|powermode)[ \t]+([0-9]+)\b", in_use, re.MULTILINE))
    if "lowpowermode" in settings:
        return {"0": False, "1": True}.get(settings["lowpowermode"])
    return {"0": False, "1": True, "2": False}.get(settings.get("powermode", ""))


def power_source(text: str) -> Power | None:
    """The Mac's power source, from `pmset -g batt`; a desktop Mac prints only the first line."""
    source = re.search(r"^Now drawing from '(\w+) Power'", text, re.MULTILINE)
    return _SOURCES.get(source[1]) if source else None


def thermal_level(text: str) -> Thermal | None:
    """The thermal pressure, from `notifyutil -g com.apple.system.thermalpressurelevel`."""
    words = text.split()
    if len(words) != 2 or words[0].rstrip(":") != PRESSURE[-1]:
        return None
    return _PRESSURES.get(words[1])


def speed_limit(text: str) -> Thermal | None:
    """An Intel Mac's thermal pressure, from `pmset -g therm`: a speed limit under 100 % is "moderate".

    None on Apple silicon, which prints "No … has been recorded", even under full load.
    """
    limit = re.search(r"^[ \t]*CPU_Speed_Limit[ \t]*=[ \t]*([0-9]{1,4})[ \t]*$", text, re.MULTILINE)
    if not limit:
        return None
    return "moderate" if int(limit[1]) < 100 else "nominal"


def is_translated(values: Mapping[str, str], architecture: str) -> bool | None:
    """Whether Rosetta translates this Python, from the value of `sysctl.proc_translated`.

    That name is missing on Intel hardware. sysctl may run natively while Python is translated, so an
    x86_64 Python is also translated if `hw.optional.arm64` is 1.
    """
    if architecture == "arm64":
        return False
    if values.get("sysctl.proc_translated") == "1" or values.get("hw.optional.arm64") == "1":
        return True
    return False if "Intel" in values.get("machdep.cpu.brand_string", "") else None


def is_virtual(values: Mapping[str, str]) -> bool | None:
    """Whether this is a virtual Mac, from the chip, `hw.model` and `kern.hv_vmm_present`."""
    chip, model = values.get("machdep.cpu.brand_string", ""), values.get("hw.model", "")
    if model.startswith(VIRTUAL_MAC) or "(Virtual)" in chip:
        return True
    return {"0": False, "1": True}.get(values.get("kern.hv_vmm_present", ""))


def core_count(value: Any) -> int | None:
    """A number of cores from text or a number; None unless it is from 1 to 99,999."""
    if isinstance(value, str):
        value = int(value) if re.fullmatch("[0-9]{1,5}", value.strip()) else None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 1 <= value <= 99_999 else None


def _levels(values: Mapping[str, str]) -> list[tuple[str, int]]:
    """Each performance level's kind and cores, fastest first; empty if one is incomplete."""
    levels = [n for n in range(4) if any(key.startswith(f"hw.perflevel{n}.") for key in values)]
    names = [values.get(f"hw.perflevel{n}.name", "").lower() for n in levels]
    cores = [core_count(values.get(f"hw.perflevel{n}.physicalcpu")) for n in levels]
    if not all(names):
        names = ["performance", "efficiency"] if levels == [0, 1] else []
    if len(names) != len(levels):
        return []
    kinds = [(name, number) for name, number in zip(names, cores, strict=True) if number]
    return kinds if len(kinds) == len(levels) else []


def _model(card: Any) -> str | None:
    model = card.get("sppci_model") if isinstance(card, dict) else None
    return (model.strip() or None) if isinstance(model, str) else None


def swapped_bytes(text: str) -> tuple[int | None, int | None]:
    """Bytes swapped in and out since boot, from `vm_stat`, which counts pages.

    psutil gives "Pageins" and "Pageouts" instead. Those include pages of files, which an idle Mac
    reads and writes too.
    """
    page = re.search(r"page size of ([0-9]{1,9}) bytes", text)
    pages = dict(re.findall(r"^(Swapins|Swapouts):\s+([0-9]{1,15})\.?$", text, re.MULTILINE))
    swapped_in, swapped_out = (
        int(page[1]) * int(pages[name]) if page and name in pages else None
        for name in ("Swapins", "Swapouts")
    )
    return swapped_in, swapped_out
