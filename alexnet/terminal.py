"""Text for terminals that do not have all letters: those in latin-1 or ASCII, and pipes like them."""

from __future__ import annotations

import codecs
import sys
from contextlib import suppress

PLAIN = {"–": "-", "−": "-", "·": "-", "…": ".", "×": "x", "✓": "+", "✗": "x"}
"""What stands for a letter that is missing, as wide as it; "?" stands for any other."""
HANDLER = "alexnet-plain"


def accept_all_letters() -> None:
    """Lets the standard output and error take every text, where their encoding can be set."""
    codecs.register_error(HANDLER, _plain)
    for stream in (sys.stdout, sys.stderr):
        # None where it is closed, and a notebook's has no encoding to set.
        with suppress(AttributeError, OSError, ValueError):
            stream.reconfigure(errors=HANDLER)  # type: ignore[union-attr]


def _plain(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeEncodeError)
    letters = error.object[error.start : error.end]
    return "".join(PLAIN.get(letter, "?") for letter in letters), error.end
