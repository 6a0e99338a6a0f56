"""The machine's record: a name that is a safe folder name, correct fields, and nobody's identity."""

from __future__ import annotations

import getpass
import json
import platform
import re
import sys
from dataclasses import replace
from functools import cache
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import psutil
import pytest

from bench.host import linux as kernel
from bench.host import machine, macos
from bench.records.computer import folder_name
from bench.records.types import Machine
from tests.support.mac_samples import MACS, SERIAL, UUID, sample

EPYC = "processor\t: 0\nmodel name\t: AMD EPYC 7R13\nflags\t\t: fpu vme{}\n\nprocessor\t: 1\n"


def test_this_machine_is_described() -> None:
    record = machine.describe()
    assert record.name == folder_name(record.name) != ""
    assert record.memory_bytes > 10**9
    assert record.architecture == platform.machine()
    assert record.packages["pytest"] == pytest.__version__
    assert machine.describe("My Mac") == msgspec.structs.replace(record, name="my-mac")


I9 = "Intel(R) Core(TM) i9-9980HK CPU @ 2.40GHz"
# Chip, model, cores, GPU and its cores, system and build, translated, virtual.
EXPECTED: dict[str, tuple[Any, ...]] = {
    "M1 Pro": (
        *("Apple M1 Pro", "MacBookPro18,3", {"performance": 8, "efficiency": 2}),
        *("Apple M1 Pro", 16, "macOS 14.6.1", "23G93", False, False),
    ),
    "M2 Max": (
        *("Apple M2 Max", "Mac14,6", {"performance": 8, "efficiency": 4}),
        # sw_vers prints nothing here, so the system is sysctl's.
        *("Apple M2 Max", 30, "macOS 26.6.2", "25G83", False, False),
    ),
    "M3 Max": (
        *("Apple M3 Max", None, {"performance": 10, "efficiency": 4}),
        *("Apple M3 Max", 40, None, None, False, False),
    ),
    "Intel": (
        *(I9, "MacBookPro16,1", {"cores": 8}),
        *("AMD Radeon Pro 5300M", None, "macOS 14.5", "23F79", False, False),
    ),
    "GitHub runner": (  # the sample has logical processors only
        *("Apple M1 (Virtual)", "VirtualMac2,1", None),
        *("Apple Paravirtual device", None, None, None, False, True),
    ),
}


EXPECTED_NAMES = {
    "M1 Pro": "apple-m1-pro-macbookpro18-3",
    "M2 Max": "apple-m2-max-mac14-6",
    "M3 Max": "apple-m3-max-darwin",  # its sample does not say which model it is
    "Intel": "intel-r-core-tm-i9-9980hk-cpu-2-40ghz-macbookpro16-1",
    "GitHub runner": "apple-m1-virtual-virtualmac2-1",
}


@pytest.mark.parametrize("name", MACS)
def test_a_mac_is_described(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    MACS[name].pretend(monkeypatch)
    record = machine.describe("a mac")
    assert (record.name, record.architecture) == ("a-mac", MACS[name].architecture)
    assert EXPECTED[name] == (
        *(record.chip, record.model, record.cpu_cores, record.gpu, record.gpu_cores),
        *(record.os, record.os_build, record.translated, record.virtual),
    )
    monkeypatch.setattr(platform, "system", lambda: "Darwin")
    monkeypatch.setattr(platform, "node", lambda: "Annas-Mac.local")
    assert machine.describe().name == EXPECTED_NAMES[name], (
        "by chip and model, not by its owner's name for it"
    )


def test_a_mac_that_says_nothing_is_described_as_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    replace(MACS["Intel"], sysctl="", answers={}).pretend(monkeypatch)
    record = msgspec.to_builtins(machine.describe())
    known = {"name", "memory_bytes", "python", "architecture", "packages"}
    assert {key for key, value in record.items() if value is not None} == known


def test_a_translated_python_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    mac = MACS["M1 Pro"]
    translated = mac.sysctl.replace("proc_translated: 0", "proc_translated: 1")
    replace(mac, architecture="x86_64", sysctl=translated).pretend(monkeypatch)
    record = machine.describe()
    assert (record.architecture, record.translated) == ("x86_64", True)
    assert (record.chip, record.gpu_cores) == ("Apple M1 Pro", 16)


def test_the_slow_command_is_asked_only_where_the_fast_one_does_not_know(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    mac, commands = MACS["M1 Pro"], list[tuple[str, ...]]()
    fast = replace(mac, answers=mac.answers | {macos.IOREG: sample("ioreg_agx_m4.txt")})
    fast.pretend(monkeypatch)

    def command_output(*command: str) -> str:
        commands.append(command)
        return fast.command_output(*command)

    monkeypatch.setattr(macos, "command_output", command_output)
    assert {machine.describe().gpu_cores, machine.describe("twice").gpu_cores} == {10}
    assert commands == [macos.SYSCTL, macos.SW_VERS, macos.IOREG]


def _assert_anonymous(record: Machine) -> None:
    text = json.dumps(msgspec.to_builtins(record))
    assert "serial" not in text.lower()
    assert not re.search(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", text, re.IGNORECASE)
    assert str(Path.home()) not in text
    for word in filter(None, (getpass.getuser(), SERIAL, UUID, platform.node())):
        assert not re.search(rf"\b{re.escape(word)}\b", text, re.IGNORECASE), word


def test_the_record_holds_nobodys_identity() -> None:
    _assert_anonymous(machine.describe())


@pytest.mark.parametrize("name", MACS)
def test_what_identifies_a_mac_stays_out(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    mac = MACS[name]
    lines = f'\n      "IOPlatformSerialNumber" = "{SERIAL}"\n      "IOPlatformUUID" = "{UUID}"\n'
    answers = {command: text + lines for command, text in mac.answers.items()}
    identifiers = json.dumps({"_spdisplays_display-serial-number": SERIAL, "uuid": UUID})[1:-1]
    answers[macos.DISPLAYS] = mac.answers[macos.DISPLAYS].replace(
        '"sppci_model"', f'{identifiers}, "sppci_model"'
    )
    identity = f"\nkern.uuid: {UUID}\nkern.hostname: {platform.node()}\nhw.serialnumber: {SERIAL}\n"
    replace(mac, sysctl=mac.sysctl + identity, answers=answers).pretend(monkeypatch)
    record = machine.describe()
    assert record.gpu
    _assert_anonymous(record)


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that replaces /proc and /sys, on a computer without an NVIDIA driver."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(kernel, "CPUINFO", tmp_path / "cpuinfo")
    monkeypatch.setattr(kernel, "DMI", tmp_path)
    monkeypatch.setattr(kernel, "DEVICE_TREE", tmp_path / "device-tree")
    monkeypatch.setattr(machine, "likely_gpu", lambda: None)
    monkeypatch.setattr(machine, "describe_unnamed", cache(machine.describe_unnamed.__wrapped__))
    return tmp_path


@pytest.mark.parametrize(("flag", "virtual"), [(" hypervisor lm", True), (" lm", False)])
def test_a_linux_computer_is_described(
    linux: Path, flag: str, virtual: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    (linux / "cpuinfo").write_text(EPYC.format(flag))
    (linux / "product_name").write_text("PowerEdge R6525\n")
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 96 if logical else 48)
    release = {"PRETTY_NAME": "Debian GNU/Linux 12 (bookworm)"}
    monkeypatch.setattr(platform, "freedesktop_os_release", lambda: release)
    record = machine.describe()
    assert (record.chip, record.model) == ("AMD EPYC 7R13", "PowerEdge R6525")
    assert (record.cpu_cores, record.gpu, record.gpu_cores) == ({"cores": 48}, None, None)
    assert (record.os, record.os_build) == (release["PRETTY_NAME"], platform.release())
    assert (record.translated, record.virtual) == (None, virtual)


@pytest.mark.parametrize(
    "cpuinfo", [None, "", "processor\t: 0\nBogoMIPS\t: 48.00\nFeatures\t: fp asimd\n"]
)
def test_a_linux_computer_that_says_little_is_unknown(
    linux: Path, cpuinfo: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    if cpuinfo is not None:
        (linux / "cpuinfo").write_text(cpuinfo)
        (linux / "product_name").write_text("\n")
    monkeypatch.setattr(psutil, "cpu_count", lambda logical=True: 4 if logical else None)
    record = machine.describe()
    assert (record.chip, record.model, record.cpu_cores, record.virtual) == (None, None, None, None)


@pytest.mark.parametrize("maker", ["0x00", "0x61"])
def test_a_linux_vm_on_a_mac_is_described(
    linux: Path, maker: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As systemd/systemd#24419 and docker/for-mac#6512 have it: its firmware says what it is."""
    (linux / "cpuinfo").write_text(
        f"processor\t: 0\nBogoMIPS\t: 48.00\nCPU implementer\t: {maker}\nCPU part\t: 0x000\n"
    )
    (linux / "product_name").write_text("Apple Virtualization Generic Platform\n")
    (linux / "sys_vendor").write_text("Apple Inc.\n")
    monkeypatch.setattr(platform, "machine", lambda: "aarch64")
    record = machine.describe()
    assert record.name == "apple-silicon-apple-virtualization-generic-platform"
    assert (record.chip, record.virtual) == ("Apple silicon", True)


def test_a_board_that_is_sold_alone_names_the_computer(linux: Path) -> None:
    (linux / "cpuinfo").write_text(EPYC.format(" lm"))
    (linux / "product_name").write_text("System Product Name\n")
    (linux / "board_name").write_text("Z170 PRO GAMING\n")
    assert machine.describe().name == "amd-epyc-7r13-z170-pro-gaming"


def test_a_chips_name_in_any_script_names_the_computer(linux: Path) -> None:
    (linux / "cpuinfo").write_text("model name\t: 飞腾 FT-2000+/64\n", encoding="utf-8")
    (linux / "product_name").write_text("长城 世恒 DF7\n", encoding="utf-8")
    assert machine.describe().name == "飞腾-ft-2000-64-长城-世恒-df7"
    assert machine.describe("王的电脑").name == "王的电脑"


class NvmlError(Exception):
    """Replaces pynvml.NVMLError."""


def _raise(*_: object) -> None:
    raise NvmlError


NVML = {
    "NVMLError": NvmlError,
    "nvmlInit": lambda: None,
    "nvmlShutdown": lambda: None,
    "nvmlDeviceGetHandleByIndex": lambda index: f"GPU {index}",
    "nvmlDeviceGetName": lambda handle: f"NVIDIA H100 ({handle})",
    "nvmlDeviceGetNumGpuCores": lambda _: 16_896,
}


@pytest.mark.usefixtures("linux")
@pytest.mark.parametrize(
    ("changes", "gpu"),
    [
        ({}, ("NVIDIA H100 (GPU 0)", 16_896)),
        ({"nvmlDeviceGetName": lambda _: b"Tesla K80"}, ("Tesla K80", 16_896)),
        ({"nvmlDeviceGetNumGpuCores": _raise}, ("NVIDIA H100 (GPU 0)", None)),
        ({"nvmlDeviceGetNumGpuCores": None}, ("NVIDIA H100 (GPU 0)", None)),
        ({"nvmlInit": _raise}, (None, None)),
        ({"nvmlDeviceGetHandleByIndex": _raise}, (None, None)),
    ],
)
def test_an_nvidia_gpu_is_named_by_its_driver(
    changes: dict[str, Any], gpu: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    functions = {name: value for name, value in (NVML | changes).items() if value}
    monkeypatch.setitem(sys.modules, "pynvml", SimpleNamespace(**functions))
    assert machine.query_nvml(lambda *_: "asked") is None, "there is no driver"
    monkeypatch.setattr(machine, "likely_gpu", lambda: "cuda")
    record = machine.describe()
    assert (record.gpu, record.gpu_cores) == gpu


@pytest.mark.usefixtures("linux")
def test_without_pynvml_the_gpu_is_unknown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "likely_gpu", lambda: "cuda")
    monkeypatch.setitem(sys.modules, "pynvml", None)
    assert machine.describe().gpu is None


@pytest.mark.usefixtures("linux")
def test_a_package_without_a_version_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    versions = {"torch": "2.14.1", "numpy": None}

    def version(name: str) -> str | None:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    assert machine.describe().packages == {"torch": "2.14.1"}
