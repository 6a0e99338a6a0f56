"""A real worker that times the bare step once: `python -m tests.support.brief_worker FD`.

Beside another test every try is disturbed, and eight of them take a quarter of a minute.
"""

from __future__ import annotations

import sys

from bench.ipc.child import end_process
from bench.worker import result
from bench.worker.job import run_cell, serve

BRIEF_COMMAND = [sys.executable, "-m", "tests.support.brief_worker"]

if __name__ == "__main__":
    vars(result)["MAX_RATE_TRIES"] = 1
    end_process(serve(run_cell))
