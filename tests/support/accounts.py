"""Accounts that the system does not know: no home folder and no name, such as a container's bare uid."""

from __future__ import annotations

import pwd
from pathlib import Path

import pytest

VARIABLES = ("HOME", "XDG_CACHE_HOME", "LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER")
SITE_CUSTOMIZE = """
import pwd

def getpwuid(uid):
    raise KeyError(f"getpwuid(): uid not found: {uid}")

pwd.getpwuid = getpwuid
"""


def without_a_home(monkeypatch: pytest.MonkeyPatch) -> None:
    """Makes this process's account one that the system does not know."""

    def getpwuid(uid: int) -> None:
        raise KeyError(f"getpwuid(): uid not found: {uid}")

    monkeypatch.setattr(pwd, "getpwuid", getpwuid)
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)


def environment_without_a_home(environment: dict[str, str], folder: Path) -> dict[str, str]:
    """An environment in which each Python process has such an account; `folder` holds what does it."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(SITE_CUSTOMIZE)
    kept = {name: value for name, value in environment.items() if name not in VARIABLES}
    return kept | {"PYTHONPATH": str(folder)}
