"""`pytest -p tests.support.brief_plugin`: sessions on the workers of brief_worker.py and real gates."""

from __future__ import annotations

from functools import partial

from bench.session import session
from bench.session.cell_runner import CellRunner
from tests.support.brief_worker import BRIEF_COMMAND

vars(session)["CellRunner"] = partial(CellRunner, command=BRIEF_COMMAND)
