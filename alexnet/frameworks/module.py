"""What the registry asks of the files `backend.py` and `usual_loop.py` in a framework's folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from alexnet.frameworks.info import Engine
from alexnet.frameworks.protocol import Backend, Device, DeviceUnavailable, UsualLoop

if TYPE_CHECKING:
    from alexnet.data import Split
    from alexnet.recipe import Recipe
    from alexnet.spec import Network
    from alexnet.weights import Weights


class Module(Protocol):
    """What the module `backend` of a framework's folder has; to import it imports the framework.

    A setting that the framework reads as it is imported must be made there, above that import. What the
    user may have set to the contrary is overridden.
    """

    VERSION: str
    """The framework's version, as messages give it."""

    def usable_devices(self) -> Sequence[Device]:
        """The devices that the framework can use here, best first: "auto" takes the first.

        None of them is in the row's `never_on`.
        """

    def why_unavailable(self, device: Device) -> str:
        """One sentence on why a device that is not among them cannot be used, and how to get it.

        It is not asked of a device that the row of the framework or of the engine excludes.
        """

    def build(self, engine: Engine, device: Device) -> Backend:
        """The backend of an engine for a device from `usable_devices`.

        Raises DeviceUnavailable for one whose precision or compiler it does not have (`check_row`).
        """


class UsualLoopModule(Protocol):
    """What the module `usual_loop` of a framework's folder has, if its row names an example."""

    def build(
        self,
        backend: Any,
        net: Network,
        weights: Weights,
        recipe: Recipe,
        train: Split,
        *,
        seed: int,
    ) -> UsualLoop:
        """The loop of the official example for one engine, whose `backend` is the framework's own.

        It starts from `weights`, and draws its order and its dropout masks from `seed`.
        """


def check_row(engine: Engine, precisions: Collection[str], compilers: Collection[str | None]) -> None:
    """Raises DeviceUnavailable unless a backend with these precisions and compilers has the engine's.

    None among the compilers is a step that is not compiled.
    """
    if engine.precision not in precisions or engine.compiler not in compilers:
        compiled = " or ".join(compiler or "nothing" for compiler in compilers)
        raise DeviceUnavailable(
            f"{engine.name}: {engine.framework} trains here in {', '.join(precisions)}, compiled by"
            f" {compiled}"
        )
