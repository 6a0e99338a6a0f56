"""`pytest -p tests.support.toy_plugin`: sessions on the workers and gates of toy_worker.py.

`TOY` takes `silence=S` (a worker counts as hanging after S seconds) and `hold=save` (the session waits
before it writes its result file), besides the options of the workers.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Any

import pytest

from bench.doctor import diagnosis
from bench.gate import ask
from bench.plan import estimate
from bench.plugin.pytest_benchmark import Storage
from bench.session import session
from bench.session.cell_runner import CellRunner
from tests.support.toy_hold import OPTIONS, hold

COMMAND = [sys.executable, "-m", "tests.support.toy_worker"]


def pytest_configure(config: pytest.Config) -> None:
    silence = float(OPTIONS.get("silence", 300))
    vars(session)["CellRunner"] = partial(CellRunner, command=COMMAND, min_timeout_seconds=silence)
    toy_gate = partial(ask.ask_gate, command=[*COMMAND, "gate"], timeout_seconds=silence)
    vars(ask)["ask_gate"] = toy_gate
    vars(estimate)["expected_epoch_seconds"] = lambda cell, plan: 0.0
    vars(diagnosis)["diagnose"] = lambda *arguments, **keywords: []
    save = Storage.save

    def held_save(self: Storage, output_json: dict[str, Any], name: str) -> None:
        hold("save")
        save(self, output_json, name)

    storage: Any = Storage
    storage.save = held_save
