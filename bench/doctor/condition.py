"""Rules on the computer's condition: memory, power, heat, load, sleep."""

from __future__ import annotations

from bench.doctor.facts import Facts
from bench.doctor.findings import Findings, error, gigabytes, warning


def memory(facts: Facts) -> Findings:
    """Whether the largest network and its gate have room."""
    need, total = facts.memory_needs_bytes, facts.machine.memory_bytes
    available = facts.condition.available_memory_bytes
    if total < need:
        what = f"The largest network needs {gigabytes(need)} of memory; there are {gigabytes(total)}."
        yield error(what, "take smaller networks: --experiment scratch, or --profile quick")
    elif total < facts.gate_needs_bytes:
        gate = gigabytes(facts.gate_needs_bytes)
        what = f"The gate of the largest network needs {gate} for a while; there are {gigabytes(total)}."
        yield warning(what, "quit other programs; while it swaps, the gate takes minutes more")
    elif available < need:
        free = gigabytes(available)
        what = f"The largest network needs {gigabytes(need)} of memory; {free} are free."
        yield warning(what, "quit other programs, web browsers above all")


def power(facts: Facts) -> Findings:
    """Whether it runs on its battery."""
    if facts.condition.power == "battery":
        yield warning("The computer runs on its battery, and may slow down.", "plug in its charger")


def low_power(facts: Facts) -> Findings:
    """Whether Low Power Mode slows it down."""
    if facts.condition.low_power:  # seen to skew figures by about 24 %
        yield warning(
            "Low Power Mode is on, which makes a computer about a quarter slower.",
            "switch it off, on a Mac in System Settings > Battery",
            error_if=facts.profile == "full",
        )


def thermal(facts: Facts) -> Findings:
    """Whether it is hot already."""
    thermal = facts.condition.thermal
    if thermal not in (None, "nominal"):
        yield warning(
            f"The computer is hot already (thermal pressure: {thermal}), so it runs slower.",
            "let it cool down for ten minutes, on a hard surface",
            error_if=thermal != "moderate" and facts.profile == "full",
        )


def load(facts: Facts) -> Findings:
    """Whether other programs keep the processor busy."""
    cores = sum((facts.machine.cpu_cores or {}).values())
    if cores and facts.condition.load / cores > 0.5:
        yield warning(
            f"Other programs keep the processor busy: load {facts.condition.load:.1f} on {cores} cores.",
            "quit them, and wait a minute: Activity Monitor (or top) shows which they are",
            error_if=facts.condition.load / cores > 1 and facts.profile == "full",
        )


def swap(facts: Facts) -> Findings:
    """Whether memory has run short."""
    used = facts.condition.swap_used_bytes
    if used > 0.1 * facts.machine.memory_bytes:
        what = f"Memory has run short: {gigabytes(used)} of it are swapped out to the disk."
        yield warning(what, "quit other programs, or restart the computer")


def virtual(facts: Facts) -> Findings:
    """Whether this Mac is a virtual machine."""
    if facts.platform == "darwin" and facts.machine.virtual:
        what = "This Mac is a virtual machine, so its results are marked as not comparable."
        yield warning(what, "run on the Mac itself for figures that can be compared")


def caffeinate(facts: Facts) -> Findings:
    """Whether the command that keeps a Mac awake is there."""
    if facts.platform == "darwin" and not facts.caffeinate:
        what = "/usr/bin/caffeinate, which keeps a Mac awake during a run, is not there."
        yield warning(what, "let the Mac never sleep, in System Settings > Energy or Battery > Options")
