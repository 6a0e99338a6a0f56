"""`python -m bench.trial FD` times one cell's training step: its job from stdin, the record to FD."""

from __future__ import annotations

import sys

from bench.trial.steps import run_trial
from bench.worker.job import serve

if __name__ == "__main__":
    sys.exit(serve(run_trial))
