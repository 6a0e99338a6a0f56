"""The lines above the figures: how long a session takes, how that is known, and where it is shorter."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec.structs import replace

from alexnet.frameworks.protocol import Device
from bench.plan import estimate
from bench.plan.estimate import Pace
from bench.plan.prepare import Source
from bench.plugin import header
from bench.records.run import SessionRun
from bench.records.types import Cell
from bench.session.log import SessionLog
from bench.session.session import Session
from tests.bench.plan.test_grid import OPTIONS, plan
from tests.support.samples import GATE, MACHINE, RESULT

PACE = Pace(train_seconds=0.01, score_seconds=0.001, gate_seconds=30.0, rest_seconds=10.0)
SECONDS = 7 * 40 * 64 * 0.01 + (7 * 500 + 10_000) * 0.001 + 10
"""What a run of `speed` with 40 steps takes at PACE."""


def session(
    folder: Path, profile: str = "speed", *, device: Device = "mps", repeats: int = 3
) -> Session:
    plans = {
        Cell(experiment="scratch", engine=engine, device=device, seed=0, repeat=repeat): replace(
            plan("scratch", profile), steps_per_epoch=40 if profile == "speed" else None
        )
        for repeat in range(repeats)
        for engine in ("torch", "tensorflow")
    }
    made = Session(
        options=OPTIONS,
        machine=MACHINE,
        profile=profile,
        source=Source(dataset="cifar10", folder=None, provenance=""),
        plans=plans,
        log=SessionLog(folder=folder),
    )
    made.picked = list(plans)
    return made


def with_paces(made: Session, *engines: str) -> Session:
    for cell, cell_plan in made.plans.items():
        if cell.engine in engines:
            made.paces[estimate.kind_of(cell, cell_plan)] = PACE
    return made


def test_the_time_left_is_that_of_earlier_runs_and_each_gate_is_asked_once(tmp_path: Path) -> None:
    made = with_paces(session(tmp_path), "torch", "tensorflow")
    assert made.seconds_left() == pytest.approx(6 * SECONDS + 2 * 30)
    assert header.time_line(made) == "6 cells, about 21 min (by earlier runs on this machine)"
    for number, cell in enumerate(made.picked[:2], 1):
        made.gates.gates[cell] = GATE
        assert made.seconds_left() == pytest.approx(6 * SECONDS + (2 - number) * 30)
    done = SessionRun.of_cell(made.picked[0], made.plans[made.picked[0]])
    done.result = RESULT
    made.runs.append(done)
    assert made.seconds_left() == pytest.approx(5 * SECONDS)


def test_how_the_time_is_known_is_said(tmp_path: Path) -> None:
    made = session(tmp_path)
    assert header.time_line(made).endswith("(guessed, not yet measured)")
    for cell, cell_plan in made.plans.items():
        made.step_seconds[estimate.kind_of(cell, cell_plan)] = 0.5
    assert header.time_line(made).endswith("(by the trial; what is no training is guessed)")
    partly = with_paces(made, "torch")
    assert header.time_line(partly).endswith("(partly by earlier runs on this machine, partly guessed)")
    assert header.time_line(partly).startswith("6 cells, roughly ")


@pytest.mark.parametrize(
    ("profile", "device", "noted"),
    [("full", "mps", True), ("full", "cuda", True), ("full", "cpu", False), ("speed", "mps", False)],
)
def test_the_whole_protocol_on_a_gpu_names_the_profile_that_takes_minutes(
    profile: str, device: Device, noted: bool, tmp_path: Path
) -> None:
    lines = header.speed_note(session(tmp_path, profile, device=device))
    assert [line.endswith("--profile speed tells in minutes") for line in lines] == [True] * noted
    if profile == "full" and device == "mps":
        assert header.time_line(session(tmp_path, "full")).startswith("6 cells, roughly ")


def test_a_trial_is_asked_of_the_first_picked_cell_of_each_engine(tmp_path: Path) -> None:
    made = session(tmp_path)
    made.picked = made.picked[1:]
    trials = made.trials()
    assert [cell.id for cell in trials["scratch"]] == [
        "scratch-tensorflow-mps-s0",
        "scratch-torch-mps-s0-r1",
    ]
    assert session(tmp_path, "full").trials() == {}
