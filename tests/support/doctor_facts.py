"""Facts of healthy computers, faults to plant in them, and the check that a rule reports a fault."""

from __future__ import annotations

import ast
import inspect
from dataclasses import dataclass, replace
from typing import Any

import msgspec

from bench.doctor.diagnosis import RULES, diagnose
from bench.doctor.facts import Disk, Facts
from bench.doctor.findings import Finding
from bench.host.limits import Limits
from tests.bench.plan.test_grid import OPTIONS
from tests.support.samples import CONDITION, MACHINE

GB = 10**9
PINS = {
    "torch": "2.14.1",
    "torchvision": "0.29.1",
    "tensorflow": "2.18.1",
    "tensorflow-metal": "1.2.0",
    "keras": "3.6.0",
    "numpy": "2.0.2",
}
AUTO = replace(OPTIONS, profile="auto", device="auto")

MAC = Facts(
    machine=msgspec.structs.replace(MACHINE, name="a-mac", memory_bytes=16 * GB, packages=PINS),
    condition=msgspec.structs.replace(
        CONDITION, load=1.5, available_memory_bytes=9 * GB, swap_used_bytes=GB
    ),
    limits=Limits(processors=10, visible=10),
    platform="darwin",
    universal=True,
    optimized=False,
    traced=False,
    environment={},
    pins=PINS,
    cuda_packages={},
    open_files=4096,
    caffeinate=True,
    results=Disk(free_bytes=90 * GB, needs_bytes=3 * GB, volume=1),
    cache=Disk(free_bytes=90 * GB, needs_bytes=0, volume=1),
    cache_problem=None,
    temporary=Disk(free_bytes=90 * GB, needs_bytes=0, volume=1),
    results_obstacle=None,
    parameters=202_839_952,
    data="cached",
    data_problem=None,
    weights_problem=None,
    profile="full",
    device="auto",
    engines=("torch", "tensorflow"),
    gpu="mps",
    devices={"torch": "mps", "tensorflow": "mps"},
    obstacles={},
    refusals={},
)


def with_changes(facts: Facts, **changes: Any) -> Facts:
    """The facts with other values; each name is a field of Facts, of its machine or its condition."""
    parts: dict[str, dict[str, Any]] = {"facts": {}, "machine": {}, "condition": {}}
    for name, value in changes.items():
        part = "machine" if hasattr(facts.machine, name) else "condition"
        parts["facts" if hasattr(facts, name) else part][name] = value
    return replace(
        facts,
        machine=msgspec.structs.replace(facts.machine, **parts["machine"]),
        condition=msgspec.structs.replace(facts.condition, **parts["condition"]),
        **parts["facts"],
    )


LINUX = with_changes(
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
MAC_AT_QUICK = with_changes(MAC, profile="quick")
MAC_CPU = with_changes(MAC, device="cpu", gpu=None, devices={"torch": "cpu", "tensorflow": "cpu"})
MAC_BY_NAME = with_changes(MAC, device="mps")
TORCHS_CUDA = {"nvidia-cudnn-cu13": "9.24.0.43", "nvidia-nccl-cu13": "2.30.7"}
CUDA = with_changes(
    LINUX,
    gpu="cuda",
    devices={"torch": "cuda", "tensorflow": "cuda"},
    cuda_packages={**TORCHS_CUDA, "nvidia-cublas-cu12": "12.5.3.2"},
)


def packages(**versions: str | None) -> dict[str, str]:
    """The pinned packages with these versions instead; None removes a package."""
    changes = {name.replace("_", "-"): version for name, version in versions.items()}
    return {name: version for name, version in (PINS | changes).items() if version is not None}


def disk(free: int, needs: int, *, volume: int | None = 1) -> Disk:
    return Disk(free_bytes=free, needs_bytes=needs, volume=volume)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a computer, and words of the message and the fix that must report it."""

    topic: str
    base: Facts
    changes: dict[str, Any]
    level: str
    message: str
    fix: str

    @property
    def id(self) -> str:
        return f"{self.topic}-{'-'.join(self.changes)}-{self.level}"

    def facts(self) -> Facts:
        return with_changes(self.base, **self.changes)


def problems(facts: Facts) -> list[Finding]:
    """The findings that are not good."""
    return [finding for finding in diagnose(facts) if finding.level != "good"]


def assert_reported(fault: Fault) -> None:
    """The rule of the fault's topic reports it, in one line with a one-line fix; no other rule does."""
    (finding,) = problems(fault.facts())
    assert finding.level == fault.level
    assert fault.message in finding.message
    assert fault.fix in finding.fix
    assert list(RULES[fault.topic](fault.facts())) == [finding]
    for finding in diagnose(fault.facts()):
        assert finding.message.endswith(".")
        assert "\n" not in finding.message + finding.fix
        assert bool(finding.fix) == (finding.level != "good")


def assert_every_yield_reached(faults: list[Fault]) -> None:
    """A finding that no planted fault produces has never been seen."""
    reached = set()
    for fault in faults:
        rule: Any = RULES[fault.topic](fault.facts())
        for _ in rule:
            reached.add((fault.topic, rule.gi_frame.f_lineno))
    for topic in {fault.topic for fault in faults}:
        tree = ast.parse(inspect.getsource(RULES[topic]))
        yields = [node for node in ast.walk(tree) if isinstance(node, ast.Yield)]
        assert len([line for name, line in reached if name == topic]) == len(yields), topic
