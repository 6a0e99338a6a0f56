"""What names the user in a text: their folders, in every spelling, and their name."""

from __future__ import annotations

import os
import pwd
import re
import sys
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unicodedata import normalize
from urllib.parse import quote

from bench.paths import ROOT

HOME, TEMPORARY, USER = "~", "<temporary folder>", "<user>"
CHECKOUT, ENVIRONMENT = "<checkout>", "<environment>"
"""What stands for this project's folder, and for Python's: nobody's name is in the files of either."""
NAME_VARIABLES = ("LOGNAME", "USER", "LNAME", "USERNAME", "SUDO_USER")
"""The environment variables that `getpass.getuser` reads, and sudo's."""
NOBODYS_NAMES = {"", "root"}
LONGEST_PATH = 4096
"""In bytes (PATH_MAX of Linux; macOS has 1,024). A longer text without a space is no path: pixels."""

# A path begins where none is going on; and behind a compiler's -I, a repr's \n, a terminal's colour.
BEHIND = r"(?<=-[A-Za-z])|(?<=\\[nrt])|(?<=[\d\[]m)"
# macOS shows every home below its data volume as well.
FOLDER_BEGINS = rf"(?:(?<![\w.\-+@%~>])|{BEHIND})(?:/System/Volumes/Data)?"
# /home/al ends before "/", ": " and ". ", and goes on with "ice", "-backup" and ".old".
FOLDER_ENDS = r"(?![\w\-+@%~]|\.\w)"
PATH = re.compile(rf"(?:(?<!\w)(?<!{CHECKOUT})(?<!{ENVIRONMENT})|{BEHIND})/[^\s'\"]*")
NAME_BEGINS, NAME_ENDS = r"(?<![^\W_])", r"(?![^\W_])"  # "_" is no letter: torchinductor_al


@dataclass(frozen=True, kw_only=True)
class Identity:
    """Replaces the user's folders, and their name in the paths of others.

    `folders` has a pattern for each spelling of a folder, the longest first, and what stands for it.
    `name` matches the user's names; it is None where the account has none.
    """

    folders: tuple[tuple[re.Pattern[str], str], ...]
    name: re.Pattern[str] | None

    def hide(self, value: Any) -> Any:
        """The same JSON value without them."""
        match value:
            case str():
                return self._hide(value)
            case dict():
                return {key: self.hide(item) for key, item in value.items()}
            case list() | tuple():
                return [self.hide(item) for item in value]
        return value

    def _hide(self, text: str) -> str:
        if "/" not in text or (len(text) >= LONGEST_PATH and not re.search(r"\s", text)):
            return text
        for folder, stands_for in self.folders:
            text = folder.sub(stands_for, text)
        if name := self.name:
            text = PATH.sub(lambda path: name.sub(USER, path[0]), text)
        return text


def users_identity(folders: Mapping[str, Iterable[str | Path | None]]) -> Identity:
    """The identity of the user of this process: home, temporary folder, name, and more folders.

    Those of this project and of Python are among them. `folders` maps what stands for a folder to its
    paths; None and / are passed over. An account may have no home and no name, such as a bare uid in a
    container.
    """
    homes = _homes()
    temporary = (tempfile.gettempdir(), os.environ.get("TMPDIR"))
    named = {HOME: homes, **_programs_folders(), **folders, TEMPORARY: temporary}
    stands_for: dict[str, str] = {}
    for text, paths in named.items():
        for path in filter(None, paths):
            for spelling in _spellings(str(path)):
                stands_for.setdefault(spelling, text)
    longest_first = sorted(stands_for, key=len, reverse=True)
    names = sorted(_names(homes), key=len, reverse=True)
    name = "|".join(map(re.escape, names))
    return Identity(
        folders=tuple((_folder(spelling), stands_for[spelling]) for spelling in longest_first),
        name=re.compile(f"{NAME_BEGINS}(?:{name}){NAME_ENDS}", re.IGNORECASE) if names else None,
    )


def same_folder(folder: Path, *spellings: str | None) -> list[str | Path]:
    """The folder, and those of the spellings that are links to it, such as the shell's PWD."""
    real = os.path.realpath(folder)
    return [folder, *(path for path in spellings if path and os.path.realpath(path) == real)]


def _programs_folders() -> dict[str, Iterable[str | Path]]:
    environ, python = os.environ, list[str | Path]()
    if sys.prefix != sys.base_prefix:  # else it is the system's: /usr
        python = same_folder(Path(sys.prefix), environ.get("VIRTUAL_ENV"))
    return {CHECKOUT: same_folder(ROOT, environ.get("PWD")), ENVIRONMENT: python}


def _homes() -> list[str]:
    """The home folders by HOME and by the system's list of users; / and relative ones are none."""
    homes = [os.environ.get("HOME", "")]
    with suppress(KeyError):
        homes.append(pwd.getpwuid(os.getuid()).pw_dir)
    return [home for home in homes if home.startswith("/") and home.strip("/")]


def _names(homes: Iterable[str]) -> set[str]:
    """The user's names. A home right below / is called after nobody: /root, /workspace."""
    names = {os.environ.get(variable, "") for variable in NAME_VARIABLES}
    with suppress(KeyError):
        names.add(pwd.getpwuid(os.getuid()).pw_name)
    names |= {Path(home).name for home in homes if len(Path(home).parts) > 2}
    return {spelling for name in names - NOBODYS_NAMES for spelling in _written(name)}


def _spellings(path: str) -> set[str]:
    """A path as it was given and with its links resolved, each as it may be written; none of /."""
    whole = {str(Path(path).absolute()), os.path.realpath(path)}
    return {written for one in whole if one.strip("/") for written in _written(one)}


def _written(text: str) -> set[str]:
    """A text in both forms of Unicode, of which macOS gives either; as in a URL; as printed in ASCII."""
    forms = {normalize("NFC", text), normalize("NFD", text)}
    return forms | {
        *(quote(form, errors="replace") for form in forms),
        *(form.encode("ascii", "backslashreplace").decode() for form in forms),
    }


def _folder(spelling: str) -> re.Pattern[str]:
    parts = (re.escape(part) for part in spelling.split("/") if part)
    return re.compile(f"{FOLDER_BEGINS}/{'/+'.join(parts)}{FOLDER_ENDS}", re.IGNORECASE)
