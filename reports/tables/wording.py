"""What a reader calls an experiment and a system; the code's own name is a word of each."""

from __future__ import annotations

from alexnet.frameworks.registry import ENGINES

EXPERIMENTS = {
    "scratch": "from scratch",
    "mistaken": "mistaken network",
    "augmented": "augmented images",
    "pretrained": "pretrained",
}


def system(experiment: str, engine: str) -> str:
    """As in a table: from scratch, PyTorch."""
    return f"{EXPERIMENTS[experiment]}, {ENGINES[engine].label}"
