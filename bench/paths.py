"""The folder of the project."""

from __future__ import annotations

from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
RUNS = ".runs"
"""In a machine's folder of results: the folder of its sessions' journals, logs and checkpoints."""
