"""`python -m bench.worker FD` trains one cell: reads its job from stdin, writes records to FD."""

from __future__ import annotations

import sys

from bench.worker.job import run_cell, serve

if __name__ == "__main__":
    sys.exit(serve(run_cell))
