"""Texts that are held to a file: what differs is shown, and `GOLDEN=write pytest …` writes the file."""

from __future__ import annotations

import difflib
import os
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "reports" / "golden"


def assert_as_in(name: str, text: str) -> None:
    """Fails with the difference where the text is not that of the golden file."""
    file = FOLDER / name
    if os.environ.get("GOLDEN") == "write":
        file.write_text(text, encoding="utf-8")
    golden = file.read_text(encoding="utf-8")
    difference = "\n".join(difflib.unified_diff(golden.splitlines(), text.splitlines(), lineterm=""))
    assert text == golden, difference
