"""`python -m bench.gate FD`: asks the gate of one cell; its job comes on stdin, records leave by FD."""

from __future__ import annotations

import sys

from bench.gate.checks import run_gate
from bench.worker.job import serve

if __name__ == "__main__":
    sys.exit(serve(run_gate))
