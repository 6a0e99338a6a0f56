"""What `TOY` says, and the place where a toy waits: tests act there, however busy the machine is.

`hold=PLACE` in `TOY` names the place: `CELL:gate`, `CELL:EPOCH` or `save`. A process that comes there
writes its id to the file `held` in TMPDIR and waits. In an epoch it goes on as soon as its parent asks
it to stop; with `stubborn` it only notes that in the file `asked`, and waits on.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import sleep

SAID: dict[str, str] = dict(
    word.partition("=")[::2] for word in os.environ.get("TOY", "").split() if word
)
HELD, ASKED = "held", "asked"


def hold(place: str, stop_asked: Callable[[], bool] = lambda: False) -> None:
    """Waits here if this is the place to wait at."""
    if SAID.get("hold") != place:
        return
    folder = Path(tempfile.gettempdir())
    _write(folder / HELD)
    while not (stop_asked() and "stubborn" not in SAID):
        if stop_asked():
            _write(folder / ASKED)
        sleep(0.005)


def _write(file: Path) -> None:
    """At once, so that nobody reads half of it."""
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(str(os.getpid()))
    partial.replace(file)
