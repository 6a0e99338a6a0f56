"""The parent's side of the gate: what a gate process sends, and what becomes of one that does not."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path

import pytest

from bench.gate.ask import GateReply, ask_gate
from tests.support.samples import GATE, ROOFLINE, job
from tests.support.scripted_child import PREAMBLE


def ask(tmp_path: Path, script: str, *, timeout_seconds: float = 20.0) -> GateReply:
    command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(script)]
    return ask_gate(
        job(str(tmp_path)), folder=tmp_path, command=command, timeout_seconds=timeout_seconds
    )


def test_a_gate_gives_its_verdict_and_the_roofline(tmp_path: Path) -> None:
    reply = ask(tmp_path, "print('noise'); pipe.write(ROOFLINE); pipe.write(GATE)")
    assert reply == GateReply(gate=GATE, roofline=ROOFLINE, reason="")
    assert (tmp_path / "scratch-torch-cpu-s0.gate.log").read_text() == "noise\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sys.exit(3)", "the worker ended with status 3 before it had answered, without a result"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the worker died of SIGSEGV before it had answered"),
        ("time.sleep(60)", "the worker gave no sign of life"),
        ("pipe.write('nonsense\\n')", "this line is not JSON"),
    ],
)
def test_a_gate_that_gives_no_verdict_says_why(tmp_path: Path, script: str, reason: str) -> None:
    reply = ask(tmp_path, script, timeout_seconds=1.0 if "sleep" in script else 20.0)
    assert reply.gate is None
    assert reply.reason.startswith(reason)
