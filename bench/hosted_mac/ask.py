"""Asks each engine for the GPU, its gates and the parity tests, and reads what they leave."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from xml.etree import ElementTree

from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import default_engines
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import network
from bench.check.required_checks import required_gate_checks
from bench.hosted_mac.judge import ANSWERED, PARITY, TIMING_CHECKS, Answer
from bench.paths import ROOT
from bench.records import journal
from bench.records.types import Cell, Gate, Roofline
from bench.records.words import check_text

DEVICE: Device = "mps"
IMAGE_SIZE = 64
PARITY_DEVICE = "ALEXNET_PARITY_DEVICE"
"""The environment variable by which the parity tests take another device than the CPU."""
ENGINES = default_engines("darwin")
"""Those that a Mac runs unasked."""
GPU_SECONDS, SESSION_SECONDS = 180.0, 1200.0
"""Time limits: to ask an engine for the GPU; for its gates, and for the parity tests."""

Outcome = tuple[str, bool | None, str]
"""A test's name, whether it passed (None: it was skipped), and the first line of why not."""


def run(command: Sequence[str], log: Path, seconds: float, **variables: str) -> int | None:
    """The exit status of `python -m` COMMAND, which writes to `log`; None if it was late, and killed."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.open("w") as output,
        subprocess.Popen(
            [sys.executable, "-m", *command],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **variables},
            start_new_session=True,
        ) as process,
    ):
        try:
            return process.wait(seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            return None


def ask_gpu(engine: str, folder: Path) -> Answer:
    """Whether an engine can use the GPU. Only its framework knows, so a process of its own is asked."""
    log = folder / "gpu.log"
    status = run(["alexnet", "device", engine, DEVICE], log, GPU_SECONDS)
    said = f"no answer within {GPU_SECONDS:.0f} seconds"
    if status is not None:
        said = (log.read_text(errors="replace").strip().splitlines() or [f"status {status}"])[-1]
    return Answer(kind="gpu", engine=engine, check=DEVICE, passed=status == 0, text=said)


def ask_gates(engine: str, folder: Path) -> list[Answer]:
    """Runs one session of an engine's gates, and reads what it left in `folder`."""
    experiments, outcomes = ",".join(EXPERIMENTS), folder / "outcomes.xml"
    cells = ("--engine", engine, "--experiment", experiments, "--device", DEVICE)
    size = ("--profile", "smoke", "--image-size", str(IMAGE_SIZE), "--dataset", "synthetic")
    place = ("--machine", "hosted", f"--benchmark-storage=file://{folder}", f"--junitxml={outcomes}")
    command = ["pytest", "bench/test_gate.py", *cells, *size, *place, "--ignore-doctor"]
    run(command, folder / "session.log", SESSION_SECONDS)
    return list(gate_answers(engine, folder, {name: text for name, _, text in read_outcomes(outcomes)}))


def gate_answers(engine: str, folder: Path, reasons: Mapping[str, str]) -> Iterator[Answer]:
    """The answers in the journals of an engine's session; `reasons` say by test why one is missing.

    A gate that left no answer fails, and so does a check that every gate has and that was not asked.
    """
    for experiment in EXPERIMENTS:
        cell = Cell(experiment=experiment, engine=engine, device=DEVICE, seed=0)
        gate = read_gate(folder, cell)
        reason = reasons.get(f"test_gate[{cell.id}]") or "it left no answer"
        found = [(ANSWERED, gate is not None, reason)]
        if gate is not None:
            net = network(EXPERIMENTS[experiment].variant, image_size=IMAGE_SIZE)
            asked = {check.name for check in gate.checks}
            missing = [name for name in required_gate_checks(net, gate) if name not in asked]
            found += [(name, False, "it was not asked") for name in missing]
            found += [(check.name, check.passed, check_text(check)) for check in gate.checks]
        for check, passed, text in found:
            if check not in TIMING_CHECKS:
                yield Answer(
                    kind="gate",
                    engine=engine,
                    check=check,
                    passed=passed,
                    text="" if passed else text,
                    where=experiment,
                )


def read_gate(folder: Path, cell: Cell) -> Gate | None:
    """The gate in a cell's journal; None without one, with two journals, or with a damaged line."""
    files = list(folder.rglob(f"{cell.id}.jsonl"))
    lines = journal.read(files[0], {"gate": Gate, "roofline": Roofline}) if len(files) == 1 else []
    gate: Gate | None = None
    for line in lines:
        if isinstance(line, journal.DamagedLine):
            return None
        gate = line.record if line.part == "gate" else gate
    return gate


def read_outcomes(file: Path) -> Iterator[Outcome]:
    """The outcomes in a file of pytest's --junitxml; none if there is no such file, or half of one."""
    try:
        tests = list(ElementTree.parse(file).iter("testcase"))
    except (OSError, ElementTree.ParseError):
        return
    for test in tests:
        parts = {part.tag: part.get("message", "").strip().splitlines() for part in test}
        bad = parts.get("failure", parts.get("error"))
        passed = None if bad is None and "skipped" in parts else bad is None
        yield test.get("name", ""), passed, (bad or parts.get("skipped") or [""])[0]


def ask_parity(folder: Path) -> list[Answer]:
    """Runs the parity tests on the GPU; they start a process for each framework."""
    outcomes = folder / "outcomes.xml"
    command = ["pytest", str(PARITY), f"--junitxml={outcomes}"]
    run(command, folder / "tests.log", SESSION_SECONDS, **{PARITY_DEVICE: DEVICE})
    return list(parity_answers(list(read_outcomes(outcomes))))


def parity_answers(outcomes: Sequence[Outcome]) -> Iterator[Answer]:
    """Each test as the answer of the engine among its parameters, else of all that the tests compare."""
    ran = any(passed is not None for _, passed, _ in outcomes)
    compared = [engine for engine in ENGINES if any(_names(name, engine) for name, *_ in outcomes)]
    for name, passed, text in [(ANSWERED, ran, "" if ran else "no parity test ran"), *outcomes]:
        check, _, parameters = name.removesuffix("]").partition("[")
        named = [engine for engine in ENGINES if _names(name, engine)]
        for engine in named or compared or ENGINES:
            yield Answer(
                kind="parity", engine=engine, check=check, passed=passed, text=text, where=parameters
            )


def _names(test: str, engine: str) -> bool:
    """Whether an engine is among the parameters of a test."""
    _, _, parameters = test.removesuffix("]").partition("[")
    return f"-{engine}-" in f"-{parameters}-"
