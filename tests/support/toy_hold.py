"""The options in `TOY`, and the place where a toy process waits until a test has acted.

`hold=PLACE` in `TOY` sets the place: `CELL:gate`, `CELL:EPOCH` or `save`. A process that reaches it
writes its id to the file `held` in HELD_FOLDER and waits. In an epoch it continues when its parent asks
it to stop; with `stubborn` it writes the file `asked` instead and keeps waiting.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from time import sleep

OPTIONS: dict[str, str] = dict(
    word.partition("=")[::2] for word in os.environ.get("TOY", "").split() if word
)
HELD_FILE, STOP_ASKED_FILE = "held", "asked"


def hold(place: str, stop_asked: Callable[[], bool] = lambda: False) -> None:
    """Waits if `place` is the place set in `TOY`."""
    if OPTIONS.get("hold") != place:
        return
    folder = Path(os.environ["HELD_FOLDER"])
    _write(folder / HELD_FILE)
    while not (stop_asked() and "stubborn" not in OPTIONS):
        if stop_asked():
            _write(folder / STOP_ASKED_FILE)
        sleep(0.005)


def _write(file: Path) -> None:
    """Writes this process's id in one step, so that no reader sees half of it."""
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(str(os.getpid()))
    partial.replace(file)
