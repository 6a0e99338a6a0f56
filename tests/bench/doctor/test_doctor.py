"""Every fault is planted, on computers that never were, and found with its level and its fix."""

from __future__ import annotations

import ast
import dataclasses
import inspect
import io
import os
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import pytest
from rich.console import Console

from alexnet.data import FOLDER
from alexnet.download import ARCHIVE
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Device, Framework
from alexnet.spec import network
from bench.doctor import __main__ as command
from bench.doctor import facts
from bench.doctor.facts import VARIABLES, Disk, Facts, can_be_asked, gather, plugin_clash, release
from bench.doctor.findings import Finding
from bench.doctor.rules import RULES, apply_rules
from bench.paths import ROOT
from bench.plan import prepare
from bench.plan.options import Options
from bench.records.types import Condition, Machine
from tests.bench.plan.test_grid import OPTIONS

GB = 10**9
PINS = {
    "torch": "2.14.1",
    "torchvision": "0.29.1",
    "tensorflow": "2.18.1",
    "tensorflow-metal": "1.2.0",
    "keras": "3.6.0",
    "numpy": "2.0.2",
}

MAC = Facts(
    machine=Machine(
        name="a-mac",
        chip="Apple M1 Pro",
        model="MacBookPro18,1",
        cpu_cores={"performance": 8, "efficiency": 2},
        gpu="Apple M1 Pro",
        gpu_cores=16,
        memory_bytes=16 * GB,
        os="macOS 15.6.1",
        os_build="24G90",
        python="3.12.4",
        architecture="arm64",
        translated=False,
        virtual=False,
        packages=PINS,
    ),
    condition=Condition(
        taken_at="2026-11-24T12:00:00+00:00",
        power="mains",
        low_power=False,
        thermal="nominal",
        load=1.5,
        available_memory_bytes=9 * GB,
        swap_used_bytes=GB,
        swapped_in_bytes=0,
        swapped_out_bytes=0,
    ),
    platform="darwin",
    environment={},
    pins=PINS,
    open_files=4096,
    caffeinate=True,
    results=Disk(free_bytes=90 * GB, needs_bytes=3 * GB, writable=True, volume=1),
    cache=Disk(free_bytes=90 * GB, needs_bytes=0, writable=True, volume=1),
    parameters=202_839_952,
    data="cached",
    profile="full",
    device="auto",
    frameworks=("torch", "tensorflow"),
    gpu="mps",
    devices={"torch": "mps", "tensorflow": "mps"},
    refusals={},
)


def planted(base: Facts, **changes: Any) -> Facts:
    """The facts with other values; each name is a field of them, of the machine or of the condition."""
    parts: dict[str, dict[str, Any]] = {"facts": {}, "machine": {}, "condition": {}}
    for name, value in changes.items():
        own = "machine" if hasattr(base.machine, name) else "condition"
        parts["facts" if hasattr(base, name) else own][name] = value
    return replace(
        base,
        machine=replace(base.machine, **parts["machine"]),
        condition=replace(base.condition, **parts["condition"]),
        **parts["facts"],
    )


LINUX = planted(
    MAC,
    chip="AMD EPYC",
    model=None,
    os="Debian GNU/Linux 12 (bookworm)",
    architecture="x86_64",
    translated=None,
    virtual=True,
    python="3.11.7",
    packages={**PINS, "torch": "2.14.1+cu130"} | {"tensorflow": "2.18.1+cpu"},
    thermal=None,
    platform="linux",
    caffeinate=False,
    gpu=None,
    profile="quick",
    parameters=35_067_792,
    devices={"torch": "cpu", "tensorflow": "cpu"},
)
MAC_AT_QUICK = planted(MAC, profile="quick")
MAC_CPU = planted(MAC, device="cpu", gpu=None, devices={"torch": "cpu", "tensorflow": "cpu"})
MAC_BY_NAME = planted(MAC, device="mps")
CUDA = planted(LINUX, gpu="cuda", devices={"torch": "cuda", "tensorflow": "cuda"})


def having(**versions: str | None) -> dict[str, str]:
    """The pinned packages, but for these; None takes one away."""
    named = {name.replace("_", "-"): version for name, version in versions.items()}
    return {name: version for name, version in (PINS | named).items() if version is not None}


def disk(free: int, needs: int, *, volume: int | None = 1, writable: bool = True) -> Disk:
    return Disk(free_bytes=free, needs_bytes=needs, writable=writable, volume=volume)


@dataclass(frozen=True)
class Fault:
    """One thing wrong, and what is to be said of it."""

    topic: str
    base: Facts
    changes: dict[str, Any]
    level: str
    what: str
    fix: str


FAULTS = [
    Fault("Python", MAC, {"python": "3.13.1"}, "error", "Python 3.13.1", "install Python 3.12"),
    Fault("Python", LINUX, {"python": "3.10.12"}, "error", "need 3.11 or 3.12", ".venv"),
    Fault("Python", MAC, {"python": "3.14.0a1+"}, "error", "Python 3.14.0a1+", "make"),
    Fault(
        "processor",
        MAC,
        {"architecture": "x86_64", "translated": True, "chip": None},
        "error",
        "(Rosetta)",
        "arm64 Python",
    ),
    Fault(
        "processor",
        MAC,
        {"architecture": "x86_64", "translated": None, "chip": "VirtualApple @ 2.50GHz processor"},
        "error",
        "(Rosetta)",
        "arm64 Python",
    ),
    Fault(
        "processor",
        MAC,
        {"architecture": "x86_64", "chip": "Intel(R) Core(TM) i9", "gpu": None},
        "error",
        "Intel processor",
        "Apple silicon",
    ),
    Fault("macOS", MAC, {"os": "macOS 13.6.9"}, "error", "macOS 13.6.9 is too old", "update macOS"),
    Fault("macOS", MAC_BY_NAME, {"os": "Mac OS X 10.16"}, "error", "from macOS 14 on", "update macOS"),
    Fault(
        "frameworks",
        MAC,
        {"packages": having(torch=None)},
        "error",
        "PyTorch cannot run: torch cannot be found",
        "--framework tensorflow",
    ),
    Fault(
        "frameworks",
        LINUX,
        {"packages": having(tensorflow=None, keras=None)},
        "error",
        "tensorflow and keras cannot be found",
        "--framework torch",
    ),
    Fault(
        "Metal plugin",
        MAC,
        {"packages": having(tensorflow="2.20.0"), "pins": {}},
        "error",
        "tensorflow 2.20.0 crashes",
        "remove the folder .venv",
    ),
    Fault(
        "Metal plugin",
        MAC_CPU,  # the plugin is loaded with TensorFlow, whatever device it then uses
        {"packages": having(tensorflow="2.21.0rc0"), "pins": {}},
        "error",
        "tensorflow 2.21.0rc0 crashes",
        "make",
    ),
    Fault(
        "Metal plugin",
        MAC,
        {"packages": having(tensorflow_metal="1.1.0"), "pins": {}},
        "error",
        "with tensorflow-metal 1.1.0",
        "make",
    ),
    Fault(
        "Metal plugin",
        MAC,
        {"packages": having(tensorflow_metal=None), "devices": {"torch": "mps", "tensorflow": "cpu"}},
        "warning",
        "TensorFlow runs on the CPU",
        "make",
    ),
    Fault(
        "Metal plugin",
        MAC_BY_NAME,
        {"packages": having(tensorflow_metal=None)},
        "error",
        "tensorflow-metal is not installed",
        "make",
    ),
    Fault(
        "Metal plugin",
        MAC,
        {"packages": having(keras="3.7.0"), "pins": {}},
        "warning",
        "Keras 3.7.0 builds Dense layers",
        "make",
    ),
    Fault(
        "versions",
        MAC,
        {"packages": having(torch="2.13.0", numpy="2.0.3.dev1")},
        "warning",
        "torch 2.13.0 (not 2.14.1), numpy 2.0.3.dev1 (not 2.0.2)",
        "make",
    ),
    Fault("versions", MAC, {"packages": having(keras="3.6.0.dev1")}, "warning", "3.6.0.dev1", "make"),
    Fault(
        "GPU",
        MAC,
        {"devices": {"torch": "mps"}, "refusals": {"tensorflow": "it sees cpu."}},
        "warning",
        "TensorFlow does not see the GPU: it sees cpu.",
        ".venv",
    ),
    Fault(
        "GPU",
        MAC_BY_NAME,
        {"devices": {"tensorflow": "mps"}, "refusals": {"torch": "MPS needs macOS 14."}},
        "error",
        "PyTorch does not see the GPU: MPS needs macOS 14.",
        "update macOS",
    ),
    Fault(
        "GPU",
        MAC,
        {"devices": {"torch": "cpu", "tensorflow": "mps"}},
        "warning",
        "PyTorch does not see the GPU: it would run on the CPU",
        "update macOS",
    ),
    Fault(
        "GPU",
        CUDA,
        {"devices": {"torch": "cuda", "tensorflow": "cpu"}},
        "warning",
        "TensorFlow does not see the GPU",
        "tensorflow[and-cuda]",
    ),
    Fault(
        "GPU", CUDA, {"refusals": {"torch": "status -11"}}, "warning", "PyTorch does not", "nvidia-smi"
    ),
    Fault(
        "GPU", LINUX, {"device": "mps"}, "error", "there is no Apple silicon GPU", "leave --device out"
    ),
    Fault("GPU", MAC, {"device": "cuda"}, "error", "--device cuda was asked for", "leave --device out"),
    *(
        Fault("environment", MAC, {"environment": {name: "1"}}, "warning", name, f"unset {name}")
        for name in VARIABLES
    ),
    Fault(
        "environment", LINUX, {"environment": {"OMP_NUM_THREADS": "2"}}, "warning", "threads", "unset"
    ),
    Fault("open files", MAC, {"open_files": 200}, "warning", "only 200 files", "ulimit -n 4096"),
    Fault(
        "disk",
        MAC,
        {"results": disk(2 * GB, 3 * GB), "cache": disk(2 * GB, 0)},
        "error",
        "disk of results/ and of the downloads has 2.0 GB free, and this run needs 3.0 GB",
        "make room",
    ),
    Fault(
        "disk",
        MAC,
        {"results": disk(2 * GB, 3 * GB), "cache": disk(9 * GB, 0, volume=2)},
        "error",
        "disk of results/ has 2.0 GB",
        "Trash",
    ),
    Fault(
        "disk",
        MAC,
        {"results": disk(9 * GB, 3 * GB), "cache": disk(GB // 10, GB, volume=2)},
        "error",
        "disk of the downloads has 0.1 GB free, and this run needs 1.0 GB",
        "make room",
    ),
    Fault(
        "disk",
        MAC,
        {"results": disk(4 * GB, 3 * GB), "cache": disk(4 * GB, 2 * GB)},
        "error",
        "needs 5.0 GB",
        "make room",
    ),
    Fault(
        "memory",
        MAC,
        {"memory_bytes": 6 * GB, "swap_used_bytes": 0},
        "error",
        "needs 6.2 GB of memory; there are 6.0 GB",
        "--profile quick",
    ),
    Fault(
        "memory",
        MAC,
        {"memory_bytes": 8 * GB, "swap_used_bytes": 0},
        "warning",
        "needs 11.9 GB for a while; there are 8.0 GB",
        "quit other programs",
    ),
    Fault("memory", MAC, {"available_memory_bytes": 5 * GB}, "warning", "5.0 GB are free", "quit other"),
    Fault(
        "data", LINUX, {"data": "missing"}, "error", "does not hold all files", "cifar-10-batches-bin"
    ),
    Fault("data", MAC, {"data": "folder"}, "warning", "only you can vouch", "leave out --data-dir"),
    Fault("data", MAC, {"data": "download"}, "warning", "will be downloaded", "stay connected"),
    Fault(
        "results folder",
        MAC,
        {"results": disk(90 * GB, GB, writable=False)},
        "error",
        "cannot be written to",
        "chmod",
    ),
    Fault("power", MAC, {"power": "battery"}, "warning", "runs on its battery", "plug in"),
    Fault("Low Power Mode", MAC, {"low_power": True}, "error", "Low Power Mode is on", "switch it off"),
    Fault("Low Power Mode", MAC_AT_QUICK, {"low_power": True}, "warning", "quarter slower", "switch it"),
    Fault("heat", MAC, {"thermal": "moderate"}, "warning", "thermal pressure: moderate", "cool down"),
    *(
        Fault("heat", MAC, {"thermal": level}, "error", f"pressure: {level}", "cool down")
        for level in ("heavy", "trapping", "sleeping")
    ),
    Fault("heat", MAC_AT_QUICK, {"thermal": "heavy"}, "warning", "pressure: heavy", "cool down"),
    Fault("load", MAC, {"load": 5.1}, "warning", "load 5.1 on 10 cores", "Activity Monitor"),
    Fault("load", MAC, {"load": 10.1}, "error", "load 10.1 on 10 cores", "quit them"),
    Fault("load", MAC_AT_QUICK, {"load": 30.0}, "warning", "load 30.0", "quit them"),
    Fault("swap", MAC, {"swap_used_bytes": 2 * GB}, "warning", "2.0 GB of it are swapped", "restart"),
    Fault("virtual machine", MAC, {"virtual": True}, "warning", "not comparable", "the Mac itself"),
    Fault("caffeinate", MAC, {"caffeinate": False}, "warning", "keeps a Mac awake", "never sleep"),
]


def faults(found: list[Finding]) -> list[Finding]:
    return [finding for finding in found if finding.level != "good"]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.topic}-{'-'.join(f.changes)}-{f.level}")
def test_a_planted_fault_is_found_once_with_its_level_and_its_fix(fault: Fault) -> None:
    found = faults(apply_rules(planted(fault.base, **fault.changes)))
    assert [finding.level for finding in found] == [fault.level], found
    assert fault.what in found[0].message
    assert fault.fix in found[0].fix
    assert found == list(RULES[fault.topic](planted(fault.base, **fault.changes)))


@pytest.mark.parametrize(
    "well",
    [MAC, LINUX, MAC_AT_QUICK, MAC_CPU, MAC_BY_NAME, CUDA],
    ids=["mac", "linux", "quick", "cpu", "mps", "cuda"],
)
def test_a_healthy_computer_gives_no_warning(well: Facts) -> None:
    assert faults(apply_rules(well)) == []


def test_every_sentence_and_every_fix_is_one_line() -> None:
    for fault in FAULTS:
        for finding in apply_rules(planted(fault.base, **fault.changes)):
            assert finding.message.endswith(".")
            assert "\n" not in finding.message + finding.fix
            assert bool(finding.fix) == (finding.level != "good")


def test_every_rule_and_every_sentence_of_it_is_exercised() -> None:
    """A finding that no fault of the table brings about is one that nobody has seen."""
    assert {fault.topic for fault in FAULTS} == set(RULES)
    reached = set()
    for fault in FAULTS:
        rule: Any = RULES[fault.topic](planted(fault.base, **fault.changes))
        for _ in rule:
            reached.add((rule.gi_code.co_name, rule.gi_frame.f_lineno))
    for rule in RULES.values():
        yields = [n for n in ast.walk(ast.parse(inspect.getsource(rule))) if isinstance(n, ast.Yield)]
        lines = {line for name, line in reached if name == rule.__name__}
        assert len(lines) == len(yields), rule.__name__


# What does not matter on one computer is not said there.
@pytest.mark.parametrize(
    "other",
    [
        planted(LINUX, environment={"PYTORCH_MPS_FAST_MATH": "1", "TF_MTL_ENABLE_LAYER_PRINT": "1"}),
        planted(MAC, environment={"KERAS_BACKEND": "tensorflow", "OMP_NUM_THREADS": ""}),
        planted(MAC, frameworks=("torch",), packages=having(tensorflow=None, keras=None)),
        planted(MAC, frameworks=("torch",), packages=having(tensorflow_metal="1.1.0"), pins={}),
        planted(MAC_CPU, packages=having(tensorflow_metal=None)),
        planted(MAC_CPU, packages=having(keras="3.15.1"), pins={}),
        planted(MAC_CPU, os="macOS 13.6"),
        planted(LINUX, packages=having(tensorflow="2.21.0", keras="3.15.1"), pins={}),
        planted(LINUX, data="folder"),
        planted(LINUX, data="download"),
        planted(MAC, data="synthetic"),
        planted(MAC, devices={}),
        planted(MAC, results=disk(4 * GB, 3 * GB), cache=disk(4 * GB, 2 * GB, volume=2)),
    ],
)
def test_what_does_not_matter_is_not_said(other: Facts) -> None:
    assert faults(apply_rules(other)) == []


def _nothing_known(kind: Any) -> dict[str, Any]:
    hints = get_type_hints(kind)
    return {
        field.name: None for field in dataclasses.fields(kind) if type(None) in _args(hints[field.name])
    }


def _args(hint: Any) -> tuple[Any, ...]:
    return getattr(hint, "__args__", ())


@pytest.mark.parametrize("base", [MAC, LINUX, CUDA, MAC_BY_NAME])
def test_what_is_not_known_is_no_fault(base: Facts) -> None:
    blind = replace(
        base,
        machine=replace(base.machine, **_nothing_known(Machine)),
        condition=replace(base.condition, **_nothing_known(Condition)),
        results=Disk(free_bytes=None, needs_bytes=GB, writable=True, volume=None),
        cache=Disk(free_bytes=None, needs_bytes=GB, writable=True, volume=None),
        open_files=None,
        pins={},
        devices={},
    )
    assert faults(apply_rules(blind)) == []


@pytest.mark.parametrize("version", ["", "+", "unknown", "2.18.1+cpu", "3.6.0.dev1", "3.14.0a1+", "1!2"])
@pytest.mark.parametrize("base", [MAC, LINUX, MAC_BY_NAME])
def test_odd_versions_never_raise(version: str, base: Facts) -> None:
    apply_rules(planted(base, python=version, packages=dict.fromkeys(PINS, version), os=version))
    apply_rules(
        planted(base, packages={}, pins=dict.fromkeys(PINS, version), cpu_cores={}, memory_bytes=0)
    )


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("2.18.1+cpu", (2, 18, 1)),
        ("3.6.0.dev1", (3, 6, 0)),
        ("3.14.0a1+", (3, 14, 0)),
        ("2.20.0rc0", (2, 20, 0)),
        ("nightly", ()),
        (None, ()),
    ],
)
def test_a_version_gives_its_numbers(version: str | None, numbers: tuple[int, ...]) -> None:
    assert release(version) == numbers


# Seen on Macs and read out of the published libraries: which pairs load.
@pytest.mark.parametrize("tensorflow", ["2.16.2", "2.17.1", "2.18.1", "2.19.1", "2.20.0", "2.21.0"])
@pytest.mark.parametrize("metal", ["1.1.0", "1.2.0"])
def test_the_pairs_that_crash_are_known(tensorflow: str, metal: str) -> None:
    pair = {"tensorflow": tensorflow, "tensorflow-metal": metal}
    last = {"1.1.0": (2, 17), "1.2.0": (2, 19)}[metal]
    assert (plugin_clash("darwin", pair) is None) == (release(tensorflow)[:2] <= last)
    assert plugin_clash("linux", pair) is None


def options(**changes: Any) -> Options:
    return replace(OPTIONS, profile="auto", device="auto", **changes)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[Framework, str]]:
    """What is asked of the frameworks on a Mac where torch sees the GPU and TensorFlow does not."""
    asked: list[tuple[Framework, str]] = []

    def devices(options: Options) -> dict[Framework, Device]:
        asked.append((options.framework[0], options.device))
        if options.framework == ("tensorflow",):
            raise prepare.NotPrepared("tensorflow cannot use mps here")
        return {options.framework[0]: "mps"}

    monkeypatch.setattr(facts, "likely_gpu", lambda: "mps")
    monkeypatch.setattr(prepare, "devices", devices)
    monkeypatch.setattr(prepare, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(sys, "platform", "darwin")
    return asked


def test_each_framework_is_asked_for_the_gpu_by_name(asked: list[tuple[Framework, str]]) -> None:
    found = gather(options(), here=MAC.machine, ask=True)
    assert asked == [("torch", "mps"), ("tensorflow", "mps")]
    assert found.devices == {"torch": "mps"}
    assert found.refusals == {"tensorflow": "tensorflow cannot use mps here"}
    assert found.profile == "quick"


def test_an_import_that_would_crash_is_not_tried(asked: list[tuple[Framework, str]]) -> None:
    for packages in (having(tensorflow="2.20.0"), having(tensorflow_metal=None), having(keras=None)):
        found = gather(options(), here=replace(MAC.machine, packages=packages), ask=True)
        assert found.profile == "quick"
    assert asked == [("torch", "mps")] * 3
    assert not can_be_asked("torch", "linux", {})


def test_what_is_known_is_not_asked_again(asked: list[tuple[Framework, str]]) -> None:
    known: dict[Framework, Device] = {"torch": "mps", "tensorflow": "mps"}
    found = gather(options(), here=MAC.machine, devices=known, ask=True)
    assert (found.devices, found.profile) == (known, "full")
    assert gather(options(), here=MAC.machine, profile="smoke").profile == "smoke"
    assert gather(options(framework=("torch",)), here=MAC.machine).profile == "full"
    assert gather(replace(options(), device="cpu"), here=MAC.machine, ask=True).gpu is None
    assert gather(replace(options(), device="cuda"), here=MAC.machine, ask=True).gpu == "mps"
    assert asked == []


@pytest.mark.usefixtures("asked")
def test_the_room_that_a_run_needs_follows_from_its_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    full = gather(options(), here=MAC.machine, profile="full")
    assert full.parameters == network("mistaken").parameters == 202_839_952
    assert full.results.needs_bytes == 6 * 4 * full.parameters + facts.RECORDS_BYTES
    assert full.memory_needs_bytes == 16 * full.parameters + 3 * GB
    assert full.cache.needs_bytes == 2 * 4 * 61_100_840  # ImageNet's, as they come and carried over
    small = gather(options(image_size=64, experiment=("scratch",)), here=MAC.machine, profile="full")
    assert small.parameters == network("standard", image_size=64).parameters
    assert small.cache.needs_bytes == 0
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "torchvision-alexnet.safetensors").touch()
    assert gather(options(), here=MAC.machine, profile="full").cache.needs_bytes == 0
    to_download = gather(replace(options(), dataset="auto"), here=MAC.machine, profile="full")
    assert to_download.cache.needs_bytes == facts.ARCHIVE_BYTES + 60_000 * 3073


@pytest.mark.usefixtures("asked")
def test_the_state_of_the_data(
    tmp_path: Path, random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    auto = replace(options(), dataset="auto")
    assert facts.data_state(options()) == "synthetic"
    assert facts.data_state(auto) == "download"
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / ARCHIVE).touch()
    assert facts.data_state(auto) == "cached"
    assert facts.data_state(replace(auto, data_dir=random_cifar10)) == "folder"
    assert facts.data_state(replace(auto, data_dir=random_cifar10 / FOLDER)) == "folder"
    assert facts.data_state(replace(auto, data_dir=tmp_path)) == "missing"
    monkeypatch.setenv("ALEXNET_DATA", str(tmp_path / "nowhere"))
    assert facts.data_state(auto) == "missing"


def test_folders_that_are_not_there_yet_are_judged_by_the_one_above(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = gather(options(), here=MAC.machine, results=tmp_path / "new" / "results")
    assert found.results.writable
    assert found.results.free_bytes
    assert found.results.volume == tmp_path.stat().st_dev
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != tmp_path)
    assert not gather(options(), here=MAC.machine, results=tmp_path / "results").results.writable


def test_only_variables_that_matter_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    monkeypatch.setenv("A_SECRET", "x")
    assert gather(options()).environment == {"PYTORCH_ENABLE_MPS_FALLBACK": "1"}


def test_pins_are_read_from_the_constraints_file(tmp_path: Path) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text(
        "# torch==1.0\nkeras==3.6.0\ntorch==2.14.1 # why\nnumpy==2.0.2; python_version>'3'\nx\n"
    )
    assert facts.pins(file) == {"keras": "3.6.0", "torch": "2.14.1", "numpy": "2.0.2"}
    assert facts.pins(tmp_path / "none.txt") == {}
    assert set(PINS) <= set(facts.pins(ROOT / "constraints.txt"))


@pytest.mark.parametrize(("level", "status"), [("good", 0), ("warning", 0), ("error", 1)])
def test_the_exit_status_says_whether_there_is_an_error(
    level: Any, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    told = Finding(level=level, message="All is [odd].", fix="pip install 'x[y]'")
    monkeypatch.setattr(command, "findings", lambda options, ask: [told])
    assert command.main([]) == status
    said = capsys.readouterr().out
    assert (f"{level} All is [odd]." in said) == (level != "good")
    assert ("\n" + " " * 10 in said and "fix: pip install 'x[y]'" in said) == (level != "good")
    last = said.splitlines()[-1]
    assert ("1 warning," in last, "1 error" in last) == (level == "warning", level == "error")


def test_good_findings_are_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--device", "cpu", "--dataset", "synthetic", "--profile", "smoke", "--all"]
    assert command.main(options) in (0, 1)
    said = capsys.readouterr().out
    assert "✓ good" in said
    assert "checks found nothing wrong." in said.splitlines()[-2]


@pytest.mark.parametrize(
    "wrong", [["--device", "tpu"], ["--image-size", "3"], ["--profile", "slow"], ["x"]]
)
def test_a_wrong_command_line_has_status_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        command.main(wrong)
    assert ended.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_options_reach_the_facts_as_pytest_would_give_them(monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[Options] = []

    def note(options: Options, *, ask: bool) -> list[Finding]:
        assert ask
        given.append(options)
        return []

    monkeypatch.setattr(command, "findings", note)
    command.main(
        ["--framework", "torch", "--experiment", "scratch", "--data-dir", "x", "--profile", "full"]
    )
    assert (given[0].framework, given[0].experiment) == (("torch",), ("scratch",))
    assert (given[0].profile, given[0].data_dir, given[0].device) == ("full", Path("x"), "auto")


def test_a_narrow_terminal_keeps_the_fix_indented() -> None:
    console = Console(width=40, file=io.StringIO())
    console.print(command.findings_table(apply_rules(planted(MAC, power="battery", low_power=True))))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(line.startswith((" " * 10, "! warning", "✗ error")) for line in lines)


def test_no_framework_is_imported() -> None:
    script = (
        "import sys; from bench.doctor.__main__ import main\n"
        "main(['--device', 'cpu'])\n"
        "print(*({'torch', 'tensorflow', 'keras', 'torchvision'} & set(sys.modules)))"
    )
    said = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True)
    assert said.splitlines()[-1] == ""


@pytest.mark.parametrize("name", sorted(VARIABLES.keys() - {"KERAS_BACKEND"}))
def test_what_the_doctor_warns_of_stands_in_a_result_too(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for Keras's backend, which this suite sets itself."""
    monkeypatch.delenv(name, raising=False)
    assert name not in registry.environment()
    monkeypatch.setenv(name, "1")
    assert registry.environment()[name] == "1"


@pytest.mark.parametrize("name", ["HOME", "USER", "PATH", "HTTPS_PROXY", "TF_CPP_MIN_LOG_LEVEL"])
def test_what_changes_no_figure_stays_out_of_a_result(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "secret")
    assert name not in registry.environment()
