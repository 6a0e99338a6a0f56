"""What a reader calls an experiment and a system; the code's own name is a word of each."""

from __future__ import annotations

from reports.words import FRAMEWORKS

EXPERIMENTS = {
    "scratch": "from scratch",
    "mistaken": "mistaken network",
    "augmented": "augmented images",
    "pretrained": "pretrained",
}


def system(experiment: str, framework: str) -> str:
    """As in a table: from scratch, PyTorch."""
    return f"{EXPERIMENTS[experiment]}, {FRAMEWORKS[framework]}"
