"""`python -m bench.worker FD` trains one cell: reads its job from stdin, writes records to FD."""

from __future__ import annotations

from bench.ipc.child import end_process
from bench.worker.job import run_cell, serve

if __name__ == "__main__":
    end_process(serve(run_cell))
