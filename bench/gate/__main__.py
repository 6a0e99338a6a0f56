"""`python -m bench.gate FD` runs one cell's gate: reads its job from stdin, writes records to FD."""

from __future__ import annotations

from bench.gate.checks import run_gate
from bench.ipc.child import end_process
from bench.worker.job import serve

if __name__ == "__main__":
    end_process(serve(run_gate))
