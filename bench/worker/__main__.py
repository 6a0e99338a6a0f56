"""`python -m bench.worker FD`: trains one cell; its job comes on stdin, records leave by FD."""

from __future__ import annotations

import sys

from bench.worker.job import run_cell, serve

if __name__ == "__main__":
    sys.exit(serve(run_cell))
