"""What may not be read or written, for tests that root may run too, whom no mode keeps out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

NOBODY = 65534
TOO_LONG = "x" * 300
"""A name that no file system takes: what asks for it gets an error of the system's, and root as well."""


@contextmanager
def not_as_root() -> Iterator[None]:
    """Gives up root's rights for a while; whoever has none keeps what there is."""
    if os.geteuid() != 0:
        yield
        return
    try:
        os.seteuid(NOBODY)
    except OSError:
        pytest.skip("this container has no other user than root")
    try:
        yield
    finally:
        os.seteuid(0)


@contextmanager
def folder_of_this_user() -> Iterator[Path]:
    """A folder of who runs inside `not_as_root`, to whom pytest's own folders are closed."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        if os.geteuid() == 0:
            os.chown(folder, NOBODY, -1)
        try:
            yield folder
        finally:
            folder.chmod(0o700)
            for inside in folder.rglob("*"):
                inside.chmod(0o700)  # or the folder could not be removed
