"""The code that a session runs: the files of this project that its processes import, by their hash."""

from __future__ import annotations

import ast
import hashlib
from collections.abc import Iterator
from pathlib import Path

from alexnet.frameworks.registry import FRAMEWORKS
from bench.paths import ROOT

FIRST_MODULES = (
    *("conftest", "bench.test_gate", "bench.test_train"),
    *("bench.gate.__main__", "bench.trial.__main__", "bench.worker.__main__", "alexnet.__main__"),
)
"""What pytest and the session's own processes begin with."""
MODULES_OF_A_FRAMEWORK = ("info", "backend")
"""What the registry imports by name: no import statement has it."""


def code_hashes(root: Path = ROOT) -> dict[str, str]:
    """File -> the first 12 digits of its sha256, for all code of the project that a session imports.

    Files that nothing imports do not count: tools, and what macOS, sync services and editors leave
    beside the code (`._worker.py`, `worker 2.py`, `.#worker.py`).
    """
    files = _files(root)
    modules = [
        *FIRST_MODULES,
        *(f"alexnet.frameworks.{name}.{part}" for name in FRAMEWORKS for part in MODULES_OF_A_FRAMEWORK),
    ]
    hashes: dict[str, str] = {}
    while modules:
        module = modules.pop()
        if file := files.pop(module, None):
            source = file.read_bytes()
            hashes[file.relative_to(root).as_posix()] = hashlib.sha256(source).hexdigest()[:12]
            modules += _imported(source)
        modules += [package] if (package := module.rpartition(".")[0]) else []
    return dict(sorted(hashes.items()))


def _files(root: Path) -> dict[str, Path]:
    """Module -> file, of whatever ends in .py where the code lies.

    They are listed, since a file system that ignores case would give a file to a name spelt otherwise.
    """
    found = [root / "conftest.py", *root.glob("alexnet/**/*.py"), *root.glob("bench/**/*.py")]
    files: dict[str, Path] = {}
    for file in sorted(found, key=lambda file: file.name == "__init__.py"):  # a package comes first
        files[_module(file.relative_to(root))] = file
    return files


def _module(file: Path) -> str:
    """`bench/worker/__init__.py` is the module `bench.worker`."""
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def _imported(source: bytes) -> Iterator[str]:
    """The full names of what a module imports, wherever in it; none of one that cannot be parsed.

    No module of this project imports relatively (tests/project/test_imports.py).
    """
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):  # whoever imports it says so
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
