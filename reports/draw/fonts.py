"""Fonts for names in any script: matplotlib's own, then this computer's, then the code point."""

from __future__ import annotations

import re
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import matplotlib as mpl
from matplotlib import font_manager
from matplotlib.ft2font import FT2Font, LoadFlags

FAMILY = "DejaVu Sans"
"""Comes with matplotlib, and has Latin, Greek, Cyrillic, Arabic, Hebrew, arrows and signs."""
PATH = Path(mpl.get_data_path()) / "fonts" / "ttf" / "DejaVuSans.ttf"
UNLIKELY = re.compile(r"^\.|Last ?Resort|BMP Fallback|Tofu", re.IGNORECASE)
"""Fonts whose every letter is a box with a number, and the hidden ones of macOS."""
FORMS = re.compile("[\ufe00-\ufe0f]")
"""They choose the form of the letter before them, such as an emoji's in colour, which we have not."""


@dataclass(frozen=True, order=True)
class Font:
    """A font of this computer, by its family and its file, which may have several."""

    family: str
    path: Path
    index: int


@cache
def _charmap() -> frozenset[int]:
    return frozenset(FT2Font(str(PATH)).get_charmap())


def _foreign(text: str) -> set[str]:
    """The letters that matplotlib's font does not have."""
    if text.isascii():
        return set()
    return {letter for letter in set(text) if letter.isprintable() and ord(letter) not in _charmap()}


def _drawn(font: Font, letters: set[str]) -> set[str]:
    """Those of the letters that a font draws in lines: the colour pictures of emoji fonts are none."""
    drawn = set()
    with suppress(OSError, RuntimeError, ValueError):  # a file that FreeType cannot read draws nothing
        face = FT2Font(str(font.path), face_index=font.index)
        for letter in letters & set(map(chr, face.get_charmap())):
            face.load_char(ord(letter), flags=LoadFlags.NO_SCALE)
            if len(face.get_path()[0]):
                drawn.add(letter)
    return drawn


@cache
def _computers() -> tuple[Font, ...]:
    """The upright fonts of this computer, one a family: those of a usual weight first, by their names.

    A variable font gives its lightest weight as its own.
    """
    fonts: dict[str, Font] = {}
    for entry in sorted(font_manager.fontManager.ttflist, key=_preference):
        ours = entry.fname.startswith(mpl.get_data_path())
        if entry.style == "normal" and not UNLIKELY.search(entry.name) and not ours:
            fonts.setdefault(entry.name, Font(entry.name, Path(entry.fname), entry.index))
    return tuple(fonts.values())


def _preference(entry: font_manager.FontEntry) -> tuple[bool, str, str, int]:
    is_usual = entry.weight in (400, 500, "normal", "regular", "book")
    return not is_usual, entry.name, entry.fname, entry.index


_fallback: dict[str, Font | None] = {}
"""Letter -> the first font of this computer that draws it; None where there is none."""


def _find(letters: set[str]) -> None:
    """Looks for letters that were not looked for yet; each file is opened once for all."""
    pending = letters - set(_fallback)
    for font in _computers() if pending else ():
        drawn = _drawn(font, pending)
        _fallback.update(dict.fromkeys(drawn, font))
        pending -= drawn
        if not pending:
            break
    _fallback.update(dict.fromkeys(pending))


def fallbacks(text: str) -> tuple[Font, ...]:
    """The fonts of this computer that draw what matplotlib's own cannot, as few as the letters need."""
    letters = _foreign(text)
    _find(letters)
    return tuple(sorted({font for letter in letters if (font := _fallback[letter])}))


def drawable(text: str) -> str:
    """The text with a code point such as U+6F22 for each letter that no font here draws."""
    text = FORMS.sub("", text)
    letters = _foreign(text)
    _find(letters)
    for letter in letters:
        if _fallback[letter] is None:
            text = text.replace(letter, f"U+{ord(letter):04X}")
    return text
