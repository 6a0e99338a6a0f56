"""`python -m bench.trial FD` times one cell's training step: its job from stdin, the record to FD."""

from __future__ import annotations

from bench.ipc.child import end_process
from bench.trial.steps import run_trial
from bench.worker.job import serve

if __name__ == "__main__":
    end_process(serve(run_trial))
