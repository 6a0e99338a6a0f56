"""What tests of commands that measure share."""

from __future__ import annotations

from pathlib import Path

import pytest


@pytest.fixture
def lock_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a lock that a session on this computer does not hold."""
    path = tmp_path / "alone.lock"
    monkeypatch.setattr("bench.host.lock.lock_file", lambda: path)
    return path
