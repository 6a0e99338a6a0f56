"""Rules on the computer's condition: memory, power, heat, load, swap, sleep."""

from __future__ import annotations

from bench.doctor.facts import Facts
from bench.doctor.findings import Findings, error, gigabytes, warning

MIN_GATE_SHARE = 0.75
"""The share of the gate's need below which memory is too small. Every step then swaps, and one that is
silent for five minutes ends the gate. Estimated, not measured."""


def memory(facts: Facts) -> Findings:
    """The largest network and its gate must fit into memory."""
    network, gate = facts.memory_needs_bytes, facts.gate_needs_bytes
    total, available = facts.machine.memory_bytes, facts.condition.available_memory_bytes
    limit = facts.limits.memory_bytes
    there, more = "there are", ""
    if limit is not None:
        total, available = min(total, limit), min(available, limit)
        there = "this process may use"
        more = "; or allow it more, by `docker run --memory`, the job scheduler or `ulimit -v`"
    if total < network:
        yield error(
            f"The largest network needs {gigabytes(network)} of memory; {there} {gigabytes(total)}.",
            f"take smaller networks: --experiment scratch, or --profile quick{more}",
        )
    elif total < MIN_GATE_SHARE * gate:
        yield error(
            f"The gate of the largest network needs {gigabytes(gate)} for a while; {there} only"
            f" {gigabytes(total)}.",
            f"take smaller networks: --experiment scratch, or --profile quick{more}",
        )
    elif total < gate:
        yield warning(
            f"The gate of the largest network needs {gigabytes(gate)} for a while; {there}"
            f" {gigabytes(total)}.",
            f"quit other programs; while it swaps, the gate takes minutes more{more}",
        )
    elif available < network:
        yield warning(
            f"The largest network needs {gigabytes(network)} of memory;"
            f" {gigabytes(available)} are free.",
            "quit other programs, web browsers above all",
        )


def processors(facts: Facts) -> Findings:
    """The process should have all processors that frameworks see, time without end, and its turn."""
    limits = facts.limits
    if limits.quota is not None and limits.quota < limits.visible:
        yield warning(
            f"A container or a job scheduler allows this process the time of {limits.quota:g}"
            f" processors. Frameworks start threads for the {limits.visible} that they see, and these"
            " threads wait for each other.",
            "allow it whole processors, such as by `docker run --cpuset-cpus`; else every result says"
            " what was allowed",
        )
    if limits.visible < limits.processors:
        yield warning(
            f"A container, taskset or a job scheduler allows this process {limits.visible} of"
            f" {limits.processors} processors, so the figures are not the whole computer's.",
            "allow it all of them, or compare only results with the same limit; every result says it",
        )
    if limits.processor_seconds is not None:
        yield warning(
            f"The system ends a process after {limits.processor_seconds:,} s of processor time, which is"
            " less than a long run takes.",
            "ulimit -t unlimited (in the same terminal, before the run)",
        )
    if limits.niceness > 0:
        yield warning(
            f"Other programs have priority over this process (its niceness is {limits.niceness}).",
            "run it without `nice`, and not in zsh's background, which lowers it too",
        )


def power(facts: Facts) -> Findings:
    """The computer should not run on its battery."""
    if facts.condition.power == "battery":
        yield warning("The computer runs on its battery, and may slow down.", "plug in its charger")


def low_power(facts: Facts) -> Findings:
    """Low Power Mode should be off."""
    if facts.condition.low_power:  # figures about 24 % off have been seen with it
        yield warning(
            "Low Power Mode is on, which makes a computer about a quarter slower.",
            "switch it off, on a Mac in System Settings > Battery",
            error_if=facts.is_to_be_compared,
        )


def thermal(facts: Facts) -> Findings:
    """The computer should not be hot before the run."""
    thermal = facts.condition.thermal
    if thermal not in (None, "nominal"):
        yield warning(
            f"The computer is hot already (thermal pressure: {thermal}), so it runs slower.",
            "let it cool down for ten minutes, on a hard surface",
            error_if=thermal != "moderate" and facts.is_to_be_compared,
        )


def load(facts: Facts) -> Findings:
    """Other programs should leave the processor idle."""
    cores = sum((facts.machine.cpu_cores or {}).values())
    if cores and facts.condition.load / cores > 0.5:
        yield warning(
            f"Other programs keep the processor busy: load {facts.condition.load:.1f} on {cores} cores.",
            "quit them, and wait a minute: Activity Monitor (or top) shows which they are",
            error_if=facts.condition.load / cores > 1 and facts.is_to_be_compared,
        )


def swap(facts: Facts) -> Findings:
    """Little memory should be swapped out."""
    used = facts.condition.swap_used_bytes
    if used > 0.1 * facts.machine.memory_bytes:
        message = f"Memory has run short: {gigabytes(used)} of it are swapped out to the disk."
        yield warning(message, "quit other programs, or restart the computer")


def virtual(facts: Facts) -> Findings:
    """A Mac should not be a virtual machine."""
    if facts.platform == "darwin" and facts.machine.virtual:
        message = "This Mac is a virtual machine, so its results are marked as not comparable."
        yield warning(message, "run on the Mac itself for figures that can be compared")


def caffeinate(facts: Facts) -> Findings:
    """A Mac needs caffeinate, which keeps it awake."""
    if facts.platform == "darwin" and not facts.caffeinate:
        message = "/usr/bin/caffeinate, which keeps a Mac awake during a run, is not there."
        yield warning(
            message, "let the Mac never sleep, in System Settings > Energy or Battery > Options"
        )
