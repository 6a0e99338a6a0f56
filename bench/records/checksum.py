"""A hash over each saved run: it shows damage and edits, and does not stop whoever makes it anew."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def run_checksum(run: dict[str, Any], machine: dict[str, Any]) -> str:
    """sha256 (hex) over a run as it is saved, its own seal left out, and the machine that it ran on."""
    sealed = {key: value for key, value in run.items() if key != "seal"}
    text = json.dumps([sealed, machine], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
