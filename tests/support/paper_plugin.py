"""`pytest -p tests.support.paper_plugin`: sessions on the workers and gates of paper_worker.py.

PAPER is a list of PART=BEHAVIOUR: cells with PART in their id crash or hang after their first epoch,
diverge, fail their gate (wrong) or get no answer from it (mute). `doctor=LEVEL` plants a finding.
`trial=S` is how many seconds a step takes in a trial; of `trial=mute` there is no time. Every disk has
the room that is asked for, whatever this computer's have: paper workers write next to nothing.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

from bench.doctor import diagnosis, facts
from bench.doctor.findings import Finding
from bench.gate import ask
from bench.session import session
from bench.session.cell_runner import CellRunner
from bench.trial.ask import ask_trial

COMMAND = [sys.executable, "-m", "tests.support.paper_worker"]
vars(session)["CellRunner"] = partial(CellRunner, command=COMMAND)
vars(session)["ask_trial"] = partial(ask_trial, command=[*COMMAND, "trial"])
vars(ask)["ask_gate"] = partial(ask.ask_gate, command=[*COMMAND, "gate"])
vars(facts)["_disk"] = lambda folder, needs_bytes: facts.Disk(
    free_bytes=needs_bytes, needs_bytes=needs_bytes, volume=None
)


def full_moon(*arguments: Any, **keywords: Any) -> list[Finding]:
    level: Any = dict(pair.split("=") for pair in os.environ["PAPER"].split())["doctor"]
    return [Finding(level=level, message="The moon is full.", fix="wait a day")]


if "doctor=" in os.environ.get("PAPER", ""):
    vars(diagnosis)["diagnose"] = full_moon
