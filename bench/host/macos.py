"""What macOS says of itself: its own commands, and parsers that find None where nothing is said."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from typing import Any, Literal

Power = Literal["mains", "battery"]
Thermal = Literal["nominal", "moderate", "heavy", "trapping", "sleeping"]

TIMEOUT_SECONDS = 10.0

# Named one by one, and those that not every Mac has come last: sysctl says on stderr what it does not
# know. Three kinds of cores are the most that a chip has been seen with; a fourth costs nothing.
SYSCTL = (
    "sysctl",
    *("machdep.cpu.brand_string", "hw.model", "hw.physicalcpu", "machdep.cpu.core_count"),
    *("kern.osversion", "kern.osproductversion", "kern.hv_vmm_present"),
    *("hw.optional.arm64", "sysctl.proc_translated"),
    *(f"hw.perflevel{level}.{what}" for level in range(4) for what in ("physicalcpu", "name")),
)
SW_VERS = ("sw_vers",)
IOREG = ("ioreg", "-r", "-d", "1", "-w", "0", "-c", "IOAccelerator")
DISPLAYS = ("system_profiler", "SPDisplaysDataType", "-json")
SETTINGS = ("pmset", "-g")
BATTERY = ("pmset", "-g", "batt")
SPEED = ("pmset", "-g", "therm")
VM_STAT = ("vm_stat",)
PRESSURE = ("notifyutil", "-g", "com.apple.system.thermalpressurelevel")

# Where macOS keeps all of these, whatever PATH an environment manager or a job scheduler has left.
# A variable such as SYSTEM_VERSION_COMPAT, which makes macOS 14 answer "10.16", is not passed on.
_ENVIRONMENT = {"LC_ALL": "C", "PATH": "/usr/bin:/bin:/usr/sbin:/sbin"}

# notify(3) keeps the level as a number, as OSThermalNotification.h numbers them for the Mac.
_PRESSURES: dict[str, Thermal] = {
    "0": "nominal",
    "1": "moderate",
    "2": "heavy",
    "3": "trapping",
    "4": "sleeping",
}
_SOURCES: dict[str, Power] = {"AC": "mains", "Battery": "battery"}  # of a UPS it is not known


def ask(*command: str) -> str:
    """What a command prints, whatever its exit status; "" if it is missing or takes over 10 s.

    The status says little: sysctl fails for one unknown name and prints all the others.
    """
    try:
        done = subprocess.run(
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
    return done.stdout


def pairs(text: str) -> dict[str, str]:
    """The `key: value` lines of `sysctl NAME…` and of `sw_vers`, without those that have no value."""
    found = {}
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip() and value.strip():
            found[key.strip()] = value.strip()
    return found


def core_kinds(values: Mapping[str, str]) -> dict[str, int] | None:
    """Physical cores by kind, from the pairs of `sysctl hw.perflevelN.name hw.perflevelN.physicalcpu`.

    Up to macOS 12 at least the kinds have no names; of two the first is then the faster. Without
    kinds, or where they do not add up to `hw.physicalcpu`, all cores are {"cores": n}, at last by
    `machdep.cpu.core_count`.
    """
    total = count(values.get("hw.physicalcpu")) or count(values.get("machdep.cpu.core_count"))
    levels = _levels(values)
    if levels and total in (None, sum(cores for _, cores in levels)):
        kinds: dict[str, int] = {}
        for kind, cores in levels:
            kinds[kind] = kinds.get(kind, 0) + cores
        return kinds
    return {"cores": total} if total else None


def ioreg_gpu(text: str) -> tuple[str | None, int | None]:
    """The GPU's name and cores, from `ioreg -r -d 1 -w 0 -c IOAccelerator`.

    Intel Macs and virtual ones have accelerators there too, without a count.
    """
    for node in re.split(r"^\+-o ", text, flags=re.MULTILINE):
        name = re.search(r'^[ \t|]*"model" = <?"([^"\n]+)"', node, re.MULTILINE)
        cores = re.search(r'^[ \t|]*"gpu-core-count" = ([0-9]+)[ \t]*$', node, re.MULTILINE)
        if cores:
            return (name[1].strip() or None) if name else None, count(cores[1])
    return None, None


def displays_gpu(text: str) -> tuple[str | None, int | None]:
    """The GPU's name and cores, from `system_profiler SPDisplaysDataType -json`.

    Of several it is the one that is not Intel's integrated one. Only Apple's have `sppci_cores`. The
    displays, whose serial numbers stand there too, are not looked at.
    """
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):  # a number of over 4,300 digits is a ValueError as well
        return None, None
    cards = found.get("SPDisplaysDataType") if isinstance(found, dict) else None
    named = [card for card in cards if _model(card)] if isinstance(cards, list) else []
    named.sort(key=lambda card: str(_model(card)).startswith("Intel"))  # stable: else as they come
    return (_model(named[0]), count(named[0].get("sppci_cores"))) if named else (None, None)


def low_power(text: str) -> bool | None:
    """Whether low power mode is on, from the block "Currently in use" of `pmset -g`.

    `lowpowermode` is 0 or 1; Macs that also have a high power mode say `powermode` 0, 1 (low) or 2.
    An Intel Mac may have neither, which is not "off".
    """
    in_use = re.split(r"^\S", text.partition("Currently in use:")[2], maxsplit=1, flags=re.MULTILINE)[0]
    settings = dict(re.findall(r"^[ \t]+(lowpowermode|powermode)[ \t]+([0-9]+)\b", in_use, re.MULTILINE))
    if "lowpowermode" in settings:
        return {"0": False, "1": True}.get(settings["lowpowermode"])
    return {"0": False, "1": True, "2": False}.get(settings.get("powermode", ""))


def power_source(text: str) -> Power | None:
    """What feeds the Mac, from `pmset -g batt`; a desktop prints only its first line."""
    drawing = re.search(r"^Now drawing from '(\w+) Power'", text, re.MULTILINE)
    return _SOURCES.get(drawing[1]) if drawing else None


def thermal_level(text: str) -> Thermal | None:
    """How far heat slows the Mac, from `notifyutil -g com.apple.system.thermalpressurelevel`."""
    words = text.split()
    if len(words) != 2 or words[0].rstrip(":") != PRESSURE[-1]:
        return None
    return _PRESSURES.get(words[1])


def speed_limit(text: str) -> Thermal | None:
    """The same from `pmset -g therm` of an Intel Mac: a speed limit under 100 % is "moderate".

    Apple silicon prints "No … has been recorded", under full load too: that is None.
    """
    limit = re.search(r"^[ \t]*CPU_Speed_Limit[ \t]*=[ \t]*([0-9]{1,4})[ \t]*$", text, re.MULTILINE)
    if not limit:
        return None
    return "moderate" if int(limit[1]) < 100 else "nominal"


def is_translated(values: Mapping[str, str], architecture: str) -> bool | None:
    """Whether Rosetta translates this Python, from the pairs of `sysctl sysctl.proc_translated`.

    That name is missing on Intel's hardware. sysctl itself may run untranslated where Python does
    not, so an x86_64 Python on a chip that says `hw.optional.arm64: 1` is translated as well.
    """
    if architecture == "arm64":
        return False
    if values.get("sysctl.proc_translated") == "1" or values.get("hw.optional.arm64") == "1":
        return True
    return False if "Intel" in values.get("machdep.cpu.brand_string", "") else None


def is_virtual(values: Mapping[str, str]) -> bool | None:
    """Whether this is a virtual Mac, from the pairs of `sysctl hw.model kern.hv_vmm_present`."""
    chip, model = values.get("machdep.cpu.brand_string", ""), values.get("hw.model", "")
    if model.startswith("VirtualMac") or "(Virtual)" in chip:
        return True
    return {"0": False, "1": True}.get(values.get("kern.hv_vmm_present", ""))


def count(value: Any) -> int | None:
    """A number of cores, given as text or as a number; None if it is none from 1 to 99,999."""
    if isinstance(value, str):
        value = int(value) if re.fullmatch("[0-9]{1,5}", value.strip()) else None
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 1 <= value <= 99_999 else None


def _levels(values: Mapping[str, str]) -> list[tuple[str, int]]:
    """Each performance level's kind and cores, fastest first; none at all unless each is whole."""
    given = [n for n in range(4) if any(key.startswith(f"hw.perflevel{n}.") for key in values)]
    names = [values.get(f"hw.perflevel{n}.name", "").lower() for n in given]
    cores = [count(values.get(f"hw.perflevel{n}.physicalcpu")) for n in given]
    if not all(names):
        names = ["performance", "efficiency"] if given == [0, 1] else []
    if len(names) != len(given):
        return []
    whole = [(name, number) for name, number in zip(names, cores, strict=True) if number]
    return whole if len(whole) == len(given) else []


def _model(card: Any) -> str | None:
    model = card.get("sppci_model") if isinstance(card, dict) else None
    return (model.strip() or None) if isinstance(model, str) else None


def swapped_bytes(text: str) -> tuple[int | None, int | None]:
    """Bytes swapped in and out since the boot, by `vm_stat`, which counts them in pages.

    Its "Pageins" are file pages too, which come and go on an idle Mac; psutil gives those.
    """
    size = re.search(r"page size of ([0-9]{1,9}) bytes", text)
    pages = (
        re.search(rf"^Swap{way}:\s+([0-9]{{1,15}})\.?$", text, re.MULTILINE) for way in ("ins", "outs")
    )
    came, went = (int(found[1]) * int(size[1]) if found and size else None for found in pages)
    return came, went
