"""The checksum of a saved run: it shows damage and edits, but anyone can compute a new one."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def run_checksum(run: Any, machine: Any) -> str:
    """SHA-256 (hex) of a run as it is saved, without its own checksum, and of the machine it ran on."""
    # It was called `seal` up to schema 4.
    fields = run
    if isinstance(run, dict):
        fields = {key: value for key, value in run.items() if key not in ("checksum", "seal")}
    text = json.dumps([fields, machine], sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()
