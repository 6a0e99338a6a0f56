"""`pytest -p tests.paper_plugin`: sessions whose workers and gates are those of tests/paper_worker.py.

PAPER names the cells, by a part of their id, that crash or hang after their first epoch, diverge, or
do not pass their gate; "doctor" what the doctor finds.
"""

from __future__ import annotations

import os
import sys
from functools import partial
from typing import Any

import bench.doctor
import bench.gates
import bench.session
from bench.doctor_rules import Finding
from bench.gates import ask_gate
from bench.run import CellRunner

COMMAND = [sys.executable, "-m", "tests.paper_worker"]
vars(bench.session)["CellRunner"] = partial(CellRunner, command=COMMAND)
vars(bench.gates)["ask_gate"] = partial(ask_gate, command=[*COMMAND, "gate"])


def full_moon(*arguments: Any, **keywords: Any) -> list[Finding]:
    level: Any = dict(pair.split("=") for pair in os.environ["PAPER"].split())["doctor"]
    return [Finding(level=level, message="The moon is full.", fix="wait a day")]


if "doctor=" in os.environ.get("PAPER", ""):
    vars(bench.doctor)["findings"] = full_moon
