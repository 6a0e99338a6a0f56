"""What is JAX's alone, of one of its engines, for tests/alexnet/frameworks/test_jax.py.

`python -m tests.support.jax_worker ENGINE CACHE` prints JSON, from a process of its own. The environment
asks for all that the engine must ignore, such as a compile cache in the folder CACHE.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

import numpy as np

from alexnet import weights
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Backend
from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import SCRATCH
from tests.support.framework_worker import BATCH, images_and_labels
from tests.support.narrow import narrow_network
from tests.support.reference_sizes import ignored


def steps(trainer: Any) -> dict[str, Any]:
    """Of each array of the state before two steps, whether the first has taken over its memory."""
    before = [*trainer._weights.values(), *trainer._velocities.values()]
    batch = trainer.to_device(*images_and_labels(BATCH))
    for _ in range(2):
        trainer.step(batch, 0.01)
    return {"taken over": [array.is_deleted() for array in before]}


def waits(backend: Backend, trainer: Any) -> dict[str, Any]:
    """Whether a product of 18 ms has ended when it was submitted, and when a trainer has waited.

    Once as it is, and once where another platform, which has no arrays, is JAX's default.
    """
    from jax._src import xla_bridge

    jaxs = xla_bridge.get_backend

    def with_another_default(platform: Any = None) -> Any:
        return jaxs(platform) if platform else SimpleNamespace(live_arrays=list)

    kernel: Any = backend.product(1024, 4096)
    kernel.run()  # compiles
    kernel.wait()
    ended = {}
    for name, get_backend in (("ended", jaxs), ("ended beside a GPU", with_another_default)):
        kernel.run()
        submitted = kernel._out.is_ready()
        with patch.object(xla_bridge, "get_backend", get_backend):
            trainer.synchronize()
        ended[name] = [submitted, kernel._out.is_ready()]
        kernel.wait()
    return ended


def with_a_gpu() -> dict[str, Any]:
    """What it says of a GPU, with the CPU in the place of one and packages in that of CUDA's."""
    from alexnet.frameworks.jax import backend as module

    installed = dict.fromkeys(("jax-cuda13-plugin", "jax-cuda13-pjrt", "nvidia-cudnn-cu13"), "1")
    with (
        patch.object(module, "_first", lambda device, first=module._first: first("cpu")),
        patch.object(
            module, "installed_versions", lambda packages: {name: installed[name] for name in packages}
        ),
    ):
        devices = module.usable_devices()
        gpu = module.JaxBackend("cuda", np.float32)
        return {
            "devices": devices,
            "peak": gpu.peak_device_bytes(),
            "name": gpu.device_name(),
            "versions": list(gpu.versions()),
            "unavailable": [module.why_unavailable(device) for device in ("cuda", "cpu")],
        }


def main() -> None:
    engine, cache = sys.argv[1], Path(sys.argv[2])
    os.environ |= ignored(ENGINES[engine].framework, cache)
    backend = registry.backend(engine, "cpu")
    net = narrow_network("standard", 16, image_size=64)
    trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=0)
    answers = {
        "settings": backend.settings(),
        "versions": list(backend.versions()),
        "layouts": trainer.layouts(),
        "key": trainer.random_state()["key"].shape,
        **steps(trainer),
        **waits(backend, trainer),
        "with a GPU": with_a_gpu(),
    }
    json.dump(answers, sys.stdout)


if __name__ == "__main__":
    main()
