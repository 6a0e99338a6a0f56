"""The folder for a child's temporary files: empty at first, and gone when the child is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import gettempdir

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from bench.temporary_folder import OF_CHILDREN, temporary_folder

PLACE_WITHOUT_SPACES = "/tmp"


@contextmanager
def child_folder(engine: str) -> Iterator[dict[str, str]]:
    """The environment in which a child has an empty folder for its temporary files and what it compiles.

    So each process compiles as on a computer that has never run the engine. The parent makes and removes
    the folder, since a child that ends at once or is killed removes nothing: TensorFlow leaves the code
    that it has generated, torch an empty folder. Raises OSError.
    """
    variables = {"TMPDIR", *FRAMEWORKS[ENGINES[engine].framework].cache_variables}
    with temporary_folder(OF_CHILDREN, place()) as folder:
        yield dict.fromkeys(variables, str(folder))


class ChildFolders:
    """A folder for each engine, that its processes share until `close`.

    Gates share one: what a gate compiles is no part of any measurement, and its precision is asked of
    the same operations in every gate of an engine. A worker has its own, since its first step is timed.
    """

    def __init__(self) -> None:
        self._stack = ExitStack()
        self._environments: dict[str, dict[str, str]] = {}

    def environment(self, engine: str) -> dict[str, str]:
        """The environment of a process of the engine. Raises OSError."""
        if engine not in self._environments:
            self._environments[engine] = self._stack.enter_context(child_folder(engine))
        return self._environments[engine]

    def drop(self, engine: str) -> None:
        """Leaves an engine's folder to `close`: its next process begins with an empty one."""
        self._environments.pop(engine, None)

    def close(self) -> None:
        """Removes all folders."""
        self._stack.close()
        self._environments.clear()


def place() -> Path:
    """Where the folders lie: in the system's temporary folder, unless its path has a space.

    There torch.compile would fail: it splits its command lines at spaces (pytorch 2.14.1,
    torch/_inductor/cpp_builder.py).
    """
    temporary = gettempdir()
    return Path(PLACE_WITHOUT_SPACES if len(temporary.split()) > 1 else temporary)
