"""What Linux's kernel and the firmware say of a computer; what is absent is None."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from bench.records.computer import is_filled_in

CPUINFO = Path("/proc/cpuinfo")
DMI = Path("/sys/class/dmi/id")
DMI_FIELDS = ("product_name", "board_name", "sys_vendor", "board_vendor", "bios_vendor")
"""What is read of the firmware; the serial numbers beside it are not."""
DEVICE_TREE = Path("/proc/device-tree")
DEVICE_TREE_FIELDS = ("model", "compatible")
"""What boards and small hypervisors without DMI say of the computer."""

HYPERVISORS = (
    *("Apple Virtualization", "Amazon EC2", "BHYVE", "Bochs", "Google Compute Engine", "Hyper-V"),
    *("KVM", "KubeVirt", "OpenStack", "Parallels", "QEMU", "VirtualBox", "Virtual Machine", "VMW"),
    *("VMware", "Xen", "innotek GmbH", "linux,dummy-virt", "vServer"),
)
"""What a virtual machine's firmware begins with: systemd's table, Hyper-V's product name ("Virtual
Machine"), Hetzner's, and the device tree of QEMU and its like."""

# Arm's processors say who made a core and which one it is, in numbers: those of lscpu's table
# (util-linux, sys-utils/lscpu-arm.c) that train networks, and of Apple's the chip that the core is in.
ARM_MAKERS = {
    0x41: "Arm",
    0x42: "Broadcom",
    0x43: "Cavium",
    0x46: "Fujitsu",
    0x48: "HiSilicon",
    0x4E: "NVIDIA",
    0x50: "APM",
    0x51: "Qualcomm",
    0x61: "Apple",
    0x6D: "Microsoft",
    0x70: "Phytium",
    0xC0: "Ampere",
}
ARM_CORES = {
    (0x41, 0xD03): "Cortex-A53",
    (0x41, 0xD05): "Cortex-A55",
    (0x41, 0xD07): "Cortex-A57",
    (0x41, 0xD08): "Cortex-A72",
    (0x41, 0xD0B): "Cortex-A76",
    (0x41, 0xD0C): "Neoverse-N1",
    (0x41, 0xD40): "Neoverse-V1",
    (0x41, 0xD42): "Cortex-A78AE",
    (0x41, 0xD49): "Neoverse-N2",
    (0x41, 0xD4F): "Neoverse-V2",
    (0x41, 0xD84): "Neoverse-V3",
    (0x41, 0xD85): "Cortex-X925",
    (0x41, 0xD87): "Cortex-A725",
    (0x41, 0xD8E): "Neoverse-N3",
    (0x46, 0x001): "A64FX",
    (0x48, 0xD01): "Kunpeng 920",
    (0x4E, 0x004): "Carmel",
    (0x4E, 0x010): "Olympus",
    (0x51, 0x001): "Oryon",
    (0x61, 0x022): "M1",
    (0x61, 0x023): "M1",
    (0x61, 0x024): "M1 Pro",
    (0x61, 0x025): "M1 Pro",
    (0x61, 0x028): "M1 Max",
    (0x61, 0x029): "M1 Max",
    (0x61, 0x032): "M2",
    (0x61, 0x033): "M2",
    (0x61, 0x034): "M2 Pro",
    (0x61, 0x035): "M2 Pro",
    (0x61, 0x038): "M2 Max",
    (0x61, 0x039): "M2 Max",
    (0x6D, 0xD49): "Azure Cobalt 100",
    (0xC0, 0xAC3): "Ampere-1",
    (0xC0, 0xAC4): "Ampere-1a",
}
APPLE = 0x61
NO_MAKER = 0x00
"""Arm keeps this number for software: a processor that gives it is made by a hypervisor."""
HIDDEN_PART = 0x000
"""What Apple's hypervisor gives for the core; no Apple chip that runs 64-bit Linux has the number."""

Core = tuple[int, int]
"""The numbers of a core's maker and of the core."""


def read_kernel_file(file: Path) -> str | None:
    """The text of a file under /proc or /sys; None if it is missing, unreadable or empty.

    It is read as UTF-8 in every locale, so that a model has one name in all shells. The strings of a
    device tree end with a zero byte; several are lines here.
    """
    try:
        text = file.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    return text.replace("\0", "\n").strip() or None


def read_firmware() -> dict[str, str]:
    """Field -> its text, for each field that says something."""
    files = [*(DMI / name for name in DMI_FIELDS), *(DEVICE_TREE / name for name in DEVICE_TREE_FIELDS)]
    return {file.name: text for file in files if (text := read_kernel_file(file))}


def chip(cpuinfo: str, firmware: Mapping[str, str]) -> str | None:
    """The processor's name, from /proc/cpuinfo; the names of all kinds of cores where there are several.

    x86 has a `model name`. On Arm the name follows from the numbers of its cores. Apple's hypervisor
    hides those of its guests, so there the maker is known, from its number or the firmware, and no
    more.
    """
    if name := re.search(r"^model name[ \t]*:[ \t]*(\S.*)$", cpuinfo, re.MULTILINE | re.IGNORECASE):
        return name[1].strip()
    kinds = _cores(cpuinfo)
    if any(text.startswith("Apple ") for text in firmware.values()):
        kinds = [(APPLE, part) if maker == NO_MAKER else (maker, part) for maker, part in kinds]
    return " + ".join(dict.fromkeys(filter(None, map(_core_name, kinds)))) or None


def _cores(cpuinfo: str) -> list[Core]:
    """The kinds of cores of an Arm processor, in the order of their first core."""
    makers, parts = (
        re.findall(rf"^CPU {field}[ \t]*:[ \t]*0x([0-9a-f]{{1,3}})[ \t]*$", cpuinfo, re.MULTILINE)
        for field in ("implementer", "part")
    )
    cores = ((int(maker, 16), int(part, 16)) for maker, part in zip(makers, parts, strict=False))
    return list(dict.fromkeys(cores))


def _core_name(core: Core) -> str | None:
    maker, part = core
    if core == (APPLE, HIDDEN_PART):
        return "Apple silicon"
    if maker not in ARM_MAKERS:
        return None
    return f"{ARM_MAKERS[maker]} {ARM_CORES.get(core, f'part 0x{part:03x}')}"


def model(firmware: Mapping[str, str]) -> str | None:
    """The computer's model by its firmware; where its maker did not fill that in, its board's."""
    names = (firmware.get(field, "") for field in ("product_name", "board_name", "model"))
    return next(filter(is_filled_in, names), None)


def is_virtual(cpuinfo: str, firmware: Mapping[str, str]) -> bool | None:
    """Whether this is a virtual machine, by its firmware, its processor's flags (x86) or numbers (Arm).

    Hypervisors that lend a GPU may hide the flag, and Arm has none. A computer of Amazon's is real if
    its model says "metal".
    """
    names = [line for text in firmware.values() for line in text.splitlines()]
    is_metal = any(".metal" in name for name in names)
    if not is_metal and any(name.startswith(HYPERVISORS) for name in names):
        return True
    if any(core[0] == NO_MAKER or core == (APPLE, HIDDEN_PART) for core in _cores(cpuinfo)):
        return True
    flags = re.search(r"^flags[ \t]*:(.*)$", cpuinfo, re.MULTILINE)
    return "hypervisor" in flags[1].split() if flags else None
