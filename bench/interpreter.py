"""The Python that runs the suite: whether it can, and what it sets for those that it starts.

`make` runs this file with each Python that it finds, and it prints why that one will not do; one before
3.7 cannot read it, and is passed over. So it imports nothing at the top that a Python may lack, and
nothing of this project.
"""

from __future__ import annotations

import importlib
import platform
import subprocess
import sys
import sysconfig

VERSIONS = ((3, 11), (3, 12))
"""Those for which all packages exist."""

MODULES = {
    "bz2": "libbz2-dev",
    "ctypes": "libffi-dev",
    "ensurepip": "python3-venv",
    "lzma": "liblzma-dev",
    "ssl": "libssl-dev",
    "venv": "python3-venv",
    "zlib": "zlib1g-dev",
}
"""Modules that a Python may have been built without, and the package of Debian with what they need."""

APPLE_SILICON = ("/usr/sbin/sysctl", "-n", "hw.optional.arm64")
"""It prints 1, also where Rosetta runs it; an Intel Mac does not know the name."""

RUN_NATIVELY = (
    "untick 'Open using Rosetta' in the terminal's Get Info, or put `arch -arm64` before the command"
)

FOR_CHILDREN = {
    "PYTHONINSPECT": "",
    "PYTHONIOENCODING": "utf-8:backslashreplace",
    "PYTHONSAFEPATH": "",
    "PYTHONWARNINGS": "",
}
"""Environment variables of each Python that the suite starts, whatever a shell has left there.

It ends when it is done, prints UTF-8, imports this checkout and no other, and no warning is an error. An
empty value counts as none.
"""


def is_universal() -> bool:
    """Whether this Python was built for Intel and for Apple silicon, as python.org's are."""
    return sysconfig.get_platform().endswith("universal2")


def is_translated() -> bool:
    """Whether Rosetta runs this Python on a Mac with Apple silicon."""
    if sys.platform != "darwin" or platform.machine() == "arm64":
        return False
    try:
        answer = subprocess.check_output(APPLE_SILICON, stderr=subprocess.DEVNULL, text=True)
    except (OSError, subprocess.CalledProcessError):
        return False
    return answer.strip() == "1"


def is_traced() -> bool:
    """Whether a debugger or a tool that measures coverage watches this Python."""
    return sys.gettrace() is not None or "pydevd" in sys.modules


def problem() -> str:
    """Why this Python cannot run the suite, as in "it is Python 3.13.1"; "" if it can."""
    if sys.version_info[:2] not in VERSIONS:
        return f"it is Python {platform.python_version()}"
    if is_translated():
        remedy = RUN_NATIVELY if is_universal() else "install the arm64 Python"
        return f"it runs translated (Rosetta), where it finds no GPU: {remedy}"
    if sys.platform == "darwin" and platform.machine() != "arm64":
        return "it runs on an Intel processor, and the suite needs a Mac with Apple silicon"
    lacking = [f"{name} (Debian: {package})" for name, package in MODULES.items() if not _has(name)]
    return f"it lacks {', '.join(lacking)}" if lacking else ""


def _has(module: str) -> bool:
    try:
        importlib.import_module(module)
    except ImportError:
        return False
    return True


if __name__ == "__main__":
    reason = problem()
    sys.stdout.write(reason)
    sys.exit(bool(reason))
