"""The condition is what the system reports, and None where it reports nothing; a Mac is kept awake."""

from __future__ import annotations

import sys
import warnings
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic, sleep
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

from bench.host import condition, machine, macos
from tests.support.mac_samples import MACS, sample


def test_this_computer_has_a_condition() -> None:
    state = condition.current_condition()
    age = datetime.now(UTC) - datetime.fromisoformat(state.taken_at)
    assert timedelta() <= age < timedelta(minutes=1)
    assert "." not in state.taken_at
    assert state.load >= 0
    assert 0 < state.available_memory_bytes < psutil.virtual_memory().total
    for swapped in (state.swap_used_bytes, state.swapped_in_bytes, state.swapped_out_bytes):
        assert swapped is not None
        assert swapped >= 0


@pytest.mark.parametrize(
    ("name", "power", "low_power", "thermal"),
    [
        ("M1 Pro", "battery", True, "nominal"),
        ("M2 Max", "mains", False, "heavy"),
        ("M3 Max", "mains", False, None),
        ("Intel", "mains", None, "moderate"),
        ("GitHub runner", "mains", None, None),
    ],
)
def test_a_mac_says_how_it_is(
    name: str,
    power: str | None,
    low_power: bool | None,
    thermal: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    MACS[name].pretend(monkeypatch)
    state = condition.current_condition()
    assert (state.power, state.low_power, state.thermal) == (power, low_power, thermal)


@pytest.mark.parametrize(
    ("name", "swapped"), [("M1 Pro", (123 * 16_384, 456 * 16_384)), ("M2 Max", (None, None))]
)
def test_a_mac_counts_what_was_swapped_and_no_file_pages(
    name: str, swapped: tuple[int | None, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """On macOS psutil reports page-ins as swap, and reading any file causes page-ins."""
    MACS[name].pretend(monkeypatch)
    swap = SimpleNamespace(used=7, sin=10**12, sout=10**12)
    monkeypatch.setattr(psutil, "swap_memory", lambda: swap)
    state = condition.current_condition()
    assert (state.swapped_in_bytes, state.swapped_out_bytes) == swapped
    assert state.swap_used_bytes == 7


@pytest.mark.parametrize(
    ("level", "limit", "thermal"),
    [
        ("3", 78, "trapping"),
        ("0", 100, "nominal"),
        ("0", None, "nominal"),
        ("", 100, "nominal"),
        ("", None, None),
    ],
)
def test_an_intel_mac_is_as_hot_as_the_worse_of_two_says(
    level: str, limit: int | None, thermal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    therm = (
        sample("pmset_g_therm_apple_silicon_m4.txt") if limit is None else f"CPU_Speed_Limit = {limit}"
    )
    answers = {macos.PRESSURE: f"{macos.PRESSURE[-1]} {level}", macos.SPEED: therm}
    replace(MACS["Intel"], answers=MACS["Intel"].answers | answers).pretend(monkeypatch)
    assert condition.current_condition().thermal == thermal


@pytest.fixture
def linux(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A folder that replaces /sys, on a computer without an NVIDIA driver."""
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(condition, "POWER_SUPPLIES", tmp_path / "power_supply")
    monkeypatch.setattr(condition, "PLATFORM_PROFILE", tmp_path / "platform_profile")
    monkeypatch.setattr(machine, "likely_gpu", lambda: None)
    return tmp_path


def _supply(folder: Path, name: str, **files: str) -> None:
    (folder / "power_supply" / name).mkdir(parents=True)
    for file, text in files.items():
        (folder / "power_supply" / name / file).write_text(f"{text}\n")


@pytest.mark.parametrize(
    ("battery", "plugged", "power"),
    [
        (True, True, "mains"),
        (True, False, "battery"),
        (True, None, None),
        (False, None, "mains"),
        (None, None, None),  # /sys cannot be read
    ],
)
def test_linux_says_what_feeds_it(
    linux: Path,
    battery: bool | None,
    plugged: bool | None,
    power: str | None,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if battery is not None:
        _supply(linux, "AC", type="Mains", online="1")
    if battery:
        _supply(linux, "BAT0", type="Battery")
    reading = SimpleNamespace(power_plugged=plugged) if battery else None
    monkeypatch.setattr(psutil, "sensors_battery", lambda: reading)
    assert condition.current_condition().power == power


def test_the_battery_of_a_mouse_feeds_no_computer(linux: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _supply(linux, "hidpp_battery_0", type="Battery", scope="Device")
    monkeypatch.setattr(psutil, "sensors_battery", lambda: SimpleNamespace(power_plugged=False))
    assert condition.current_condition().power == "mains"


@pytest.mark.parametrize(
    ("profile", "low_power"),
    [("low-power\n", True), ("balanced\n", False), ("performance\n", False), ("\n", None), (None, None)],
)
def test_linux_says_whether_it_saves_power(
    linux: Path, profile: str | None, low_power: bool | None
) -> None:
    if profile is not None:
        (linux / "platform_profile").write_text(profile)
    assert condition.current_condition().low_power is low_power


class NvmlError(Exception):
    """Replaces pynvml.NVMLError."""


def _raise(_: object) -> int:
    raise NvmlError


EVENT, THROTTLE = "nvmlDeviceGetCurrentClocksEventReasons", "nvmlDeviceGetCurrentClocksThrottleReasons"


@pytest.mark.usefixtures("linux")
@pytest.mark.parametrize(
    ("functions", "thermal"),
    [
        ({EVENT: lambda _: 0x00}, "nominal"),
        ({EVENT: lambda _: 0x01 | 0x04 | 0x08 | 0x80}, "nominal"),  # idle, power cap, power brake
        ({EVENT: lambda _: 0x20}, "heavy"),
        ({EVENT: lambda _: 0x41}, "heavy"),
        ({THROTTLE: lambda _: 0x40}, "heavy"),
        ({EVENT: _raise, THROTTLE: lambda _: 0x40}, "heavy"),
        ({EVENT: _raise, THROTTLE: _raise}, None),
        ({}, None),
    ],
)
def test_an_nvidia_gpu_says_whether_heat_slows_it(
    functions: dict[str, Any], thermal: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    nvml = SimpleNamespace(
        NVMLError=NvmlError,
        nvmlInit=lambda: None,
        nvmlShutdown=lambda: None,
        nvmlDeviceGetHandleByIndex=lambda index: index,
        **functions,
    )
    monkeypatch.setitem(sys.modules, "pynvml", nvml)
    monkeypatch.setattr(machine, "likely_gpu", lambda: "cuda")
    assert condition.current_condition().thermal == thermal


def test_a_warning_about_swap_ends_no_session(monkeypatch: pytest.MonkeyPatch) -> None:
    def swap() -> SimpleNamespace:
        warnings.warn("'sin' and 'sout' swap memory stats couldn't be determined", RuntimeWarning, 2)
        return SimpleNamespace(used=7, sin=0, sout=0)

    monkeypatch.setattr(psutil, "swap_memory", swap)
    assert condition.current_condition().swap_used_bytes == 7


def _caffeinate(folder: Path, script: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Installs a caffeinate that runs `script` on a pretended Mac; returns a file that it may write."""
    command = folder / "caffeinate"
    command.write_text(f"#!/bin/sh\n{script}\n")
    command.chmod(0o755)
    monkeypatch.setattr(condition, "CAFFEINATE", (str(command), *condition.CAFFEINATE[1:]))
    monkeypatch.setattr(sys, "platform", "darwin")
    return folder / "arguments"


def test_a_mac_is_kept_awake_until_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = _caffeinate(tmp_path, f'echo $$ "$@" > {tmp_path}/arguments; exec sleep 60', monkeypatch)
    with condition.keep_awake() as failure:
        assert failure is None
        deadline = monotonic() + 10
        while not file.exists() or not file.read_text().endswith("\n"):
            assert monotonic() < deadline
            sleep(0.01)
        pid, *arguments = file.read_text().split()
        assert arguments == ["-i", "-m", "-w", str(psutil.Process().pid)]
        assert psutil.pid_exists(int(pid))
    assert not psutil.pid_exists(int(pid))


def test_a_run_that_fails_lets_the_mac_sleep_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _caffeinate(tmp_path, "exec sleep 60", monkeypatch)
    before = psutil.Process().children()

    def fail() -> None:
        with condition.keep_awake():
            assert len(psutil.Process().children()) == len(before) + 1
            raise OSError("the disk is full")

    with pytest.raises(OSError, match="the disk is full"):
        fail()
    assert psutil.Process().children() == before


def test_a_mac_that_may_fall_asleep_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _caffeinate(tmp_path, "exit 64", monkeypatch)
    monkeypatch.setattr(condition, "GRACE_SECONDS", 10)
    with condition.keep_awake() as failure:
        assert (
            failure
            == "this Mac may fall asleep during the run: caffeinate ended at once, with status 64"
        )
    monkeypatch.setattr(condition, "CAFFEINATE", (str(tmp_path / "missing"),))
    with condition.keep_awake() as failure:
        assert failure is not None
        assert failure.endswith("caffeinate could not be started (No such file or directory)")


@pytest.mark.usefixtures("linux")
def test_elsewhere_nothing_is_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(condition, "CAFFEINATE", ("/missing",))
    with condition.keep_awake() as failure:
        assert failure is None
