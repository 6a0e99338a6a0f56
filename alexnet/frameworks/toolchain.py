"""What a compiler needs beside its framework: a compiler for C or C++, and Python's headers."""

from __future__ import annotations

import os
import shlex
import shutil
import sysconfig
from dataclasses import dataclass
from pathlib import Path

HEADER = "Python.h"


@dataclass(frozen=True, kw_only=True)
class Toolchain:
    """A compiler for `language`: the program that the environment variable names, or one of `programs`.

    With it go the headers of Python, which the sources that it gets include.
    """

    language: str
    variable: str
    programs: tuple[str, ...]

    def missing(self) -> str:
        """What is not installed here and how to get it, a sentence without its full stop; "" if nothing.

        A program that is there is not run: a broken one is not noticed.
        """
        named = os.environ.get(self.variable)
        programs = self.programs if named is None else tuple(shlex.split(named)[:1])
        if not any(shutil.which(program) for program in programs):
            now = "" if named is None else f", which now is {named!r}"
            return (
                f"Its compiler needs one for {self.language}: install {' or '.join(self.programs)}, or"
                f" name another with {self.variable}{now}"
            )
        headers = Path(sysconfig.get_paths()["include"])
        if not (headers / HEADER).is_file():
            return (
                f"Its compiler needs the headers of this Python, and {headers} has no {HEADER}: install"
                " them (Debian calls them python3-dev)"
            )
        return ""
