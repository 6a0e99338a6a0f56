"""What the coordinator's process is allowed by its system."""

from __future__ import annotations

import resource
from contextlib import suppress

OPEN_FILES = 4096
"""A host takes about 9 here, and a terminal of macOS allows 256."""


def allow_open_files() -> None:
    """Lets this process have OPEN_FILES at a time, or as many as its system lets it have."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = resource.RLIM_INFINITY
    if soft == unlimited or soft >= OPEN_FILES:
        return
    wanted = OPEN_FILES if hard == unlimited else min(OPEN_FILES, hard)
    with suppress(OSError, ValueError):  # macOS may refuse more than its kernel's own limit
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
