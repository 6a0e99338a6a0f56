"""Linux's files about a computer: processors and firmware as other people's computers have them."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bench.host import linux
from bench.paths import ROOT

X86 = "processor\t: 0\nmodel name\t: AMD EPYC 7R13\nflags\t\t: fpu vme{}\n"
BARE, GUEST = X86.format(" lm"), X86.format(" hypervisor lm")


def arm(*cores: tuple[int, int]) -> str:
    """/proc/cpuinfo of an Arm processor, by the numbers of each core's maker and of the core."""
    return "\n".join(
        f"processor\t: {place}\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd\n"
        f"CPU implementer\t: 0x{maker:02x}\n"
        f"CPU architecture: 8\nCPU variant\t: 0x0\nCPU part\t: 0x{part:03x}\nCPU revision\t: 0\n"
        for place, (maker, part) in enumerate(cores)
    )


APPLES_HYPERVISOR = {
    "product_name": "Apple Virtualization Generic Platform",  # systemd/systemd#24419
    "sys_vendor": "Apple Inc.",
    "bios_vendor": "Apple Inc.",
}


@pytest.mark.parametrize(
    ("cpuinfo", "firmware", "chip"),
    [
        (BARE, {}, "AMD EPYC 7R13"),
        # Kylin's kernels on Phytium, and LoongArch's.
        ("processor\t: 0\nModel Name\t: Phytium FT-2000+/64\n", {}, "Phytium FT-2000+/64"),
        ("model name\t: 海光 C86 7390\n", {}, "海光 C86 7390"),
        # A Linux VM on a Mac: an M1's or M2's (docker/for-mac#6512), and an M3's (Dr-Noob/cpufetch#229).
        (arm((0x00, 0x000)), APPLES_HYPERVISOR, "Apple silicon"),
        (arm((0x61, 0x000), (0x61, 0x000)), APPLES_HYPERVISOR, "Apple silicon"),
        (arm((0x61, 0x000)), {}, "Apple silicon"),
        (arm((0x00, 0x000)), {}, None),
        # Linux on a Mac itself: two kinds of cores in one chip (pytorch/cpuinfo#380).
        (arm((0x61, 0x022), (0x61, 0x023)), {"model": "Apple Mac mini (M1, 2020)"}, "Apple M1"),
        (arm((0x41, 0xD4F)), {"product_name": "Grace CPU"}, "Arm Neoverse-V2"),
        (arm((0x41, 0xD87), (0x41, 0xD85), (0x41, 0xD85)), {}, "Arm Cortex-A725 + Arm Cortex-X925"),
        (arm((0x41, 0xFFF)), {}, "Arm part 0xfff"),
        (arm((0x99, 0x001)), {}, None),
        ("processor\t: 0\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd\n", {}, None),
        ("", {}, None),
    ],
)
def test_a_processor_has_a_name(cpuinfo: str, firmware: dict[str, str], chip: str | None) -> None:
    assert linux.chip(cpuinfo, firmware) == chip


@pytest.mark.parametrize(
    ("firmware", "model"),
    [
        ({"product_name": "PowerEdge R6525", "board_name": "0N4YFK"}, "PowerEdge R6525"),
        # systemd/systemd#24446, fastfetch-cli/fastfetch#1719: boards that are sold alone.
        ({"product_name": "System Product Name", "board_name": "Z170 PRO GAMING"}, "Z170 PRO GAMING"),
        ({"product_name": "To Be Filled By O.E.M.", "board_name": "X300M-STX"}, "X300M-STX"),
        ({"board_name": "ROG CROSSHAIR X670E HERO"}, "ROG CROSSHAIR X670E HERO"),
        ({"product_name": "Default string", "board_name": "Default string"}, None),
        (
            {"model": "Raspberry Pi 5 Model B Rev 1.0", "compatible": "raspberrypi,5-model-b"},
            "Raspberry Pi 5 Model B Rev 1.0",
        ),
        (APPLES_HYPERVISOR, "Apple Virtualization Generic Platform"),
        ({}, None),
    ],
)
def test_a_model_is_what_somebody_filled_in(firmware: dict[str, str], model: str | None) -> None:
    assert linux.model(firmware) == model


@pytest.mark.parametrize(
    ("cpuinfo", "firmware", "virtual"),
    [
        (GUEST, {}, True),
        (BARE, {}, False),
        (BARE, {"sys_vendor": "QEMU", "product_name": "Standard PC (Q35 + ICH9, 2009)"}, True),
        (arm((0x00, 0x000)), APPLES_HYPERVISOR, True),
        (arm((0x00, 0x000)), {}, True),
        (arm((0x61, 0x000)), {}, True),
        (arm((0x41, 0xD0C)), {"sys_vendor": "Parallels International GmbH."}, True),
        (arm((0x41, 0xD0C)), {"sys_vendor": "VMware, Inc.", "product_name": "VMware20,1"}, True),
        (arm((0x41, 0xD0C)), {"product_name": "Virtual Machine"}, True),  # Hyper-V
        (arm((0x41, 0xD0C)), {"compatible": "linux,dummy-virt"}, True),  # QEMU without DMI
        (arm((0x41, 0xD40)), {"sys_vendor": "Amazon EC2", "product_name": "c7g.large"}, True),
        (arm((0x41, 0xD40)), {"sys_vendor": "Amazon EC2", "product_name": "c7g.metal"}, None),
        (BARE, {"sys_vendor": "Amazon EC2", "product_name": "m5.metal"}, False),
        (arm((0x61, 0x022)), {"model": "Apple Mac mini (M1, 2020)"}, None),
        (BARE, {"sys_vendor": "Microsoft Corporation", "product_name": "Surface Laptop 4"}, False),
        (BARE, {"sys_vendor": "Oracle Corporation", "product_name": "SUN SERVER X4-2"}, False),
        ("", {}, None),
    ],
)
def test_a_virtual_machine_is_told(cpuinfo: str, firmware: dict[str, str], virtual: bool | None) -> None:
    assert linux.is_virtual(cpuinfo, firmware) is virtual


def test_a_device_trees_strings_end_with_a_zero_byte(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(linux, "DMI", tmp_path / "dmi")
    monkeypatch.setattr(linux, "DEVICE_TREE", tmp_path)
    (tmp_path / "model").write_bytes(b"Raspberry Pi 5 Model B Rev 1.0\0")
    (tmp_path / "compatible").write_bytes(b"raspberrypi,5-model-b\0brcm,bcm2712\0")
    firmware = linux.read_firmware()
    assert firmware == {
        "model": "Raspberry Pi 5 Model B Rev 1.0",
        "compatible": "raspberrypi,5-model-b\nbrcm,bcm2712",
    }
    assert linux.model(firmware) == firmware["model"]


def test_no_serial_number_is_read() -> None:
    assert not [name for name in linux.DMI_FIELDS if "serial" in name or "uuid" in name or "tag" in name]


def test_a_name_is_the_same_in_every_locale(tmp_path: Path) -> None:
    """Else one computer would have two names, and its sessions two folders."""
    (tmp_path / "product_name").write_text("联想 开天\n", encoding="utf-8")
    code = (
        "from pathlib import Path; from bench.host.linux import read_kernel_file;"
        f"print(ascii(read_kernel_file(Path({str(tmp_path / 'product_name')!r}))))"
    )
    plain = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for variables in (plain, {"PYTHONUTF8": "1"}):
        done = subprocess.run(
            [sys.executable, "-c", code],
            cwd=ROOT,
            env=os.environ | variables,
            capture_output=True,
            text=True,
            check=True,
        )
        assert done.stdout.strip() == ascii("联想 开天")
