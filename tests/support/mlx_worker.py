"""What is MLX's alone, of one of its engines, for tests/alexnet/frameworks/test_mlx.py.

`python -m tests.support.mlx_worker ENGINE` prints JSON, from a process of its own.
"""

from __future__ import annotations

import json
import sys
from typing import Any
from unittest.mock import patch

import mlx.core as mx

from alexnet import weights
from alexnet.frameworks import registry
from alexnet.frameworks.mlx import backend as mlx_backend
from alexnet.frameworks.protocol import PlacementNotReported
from alexnet.recipe import SCRATCH
from tests.support.framework_worker import images_and_labels
from tests.support.narrow import narrow_network


def placement(trainer: Any) -> str:
    try:
        return str(trainer.ops_off_device(None))
    except PlacementNotReported as error:
        return str(error)


def on_apples_gpu(backend: Any) -> dict[str, Any]:
    """The devices where Metal is there, and the peak of memory after a reset and 4 MB."""
    metal: Any = mx.metal
    with patch.object(metal, "is_available", lambda: True):
        devices = mlx_backend.usable_devices()
    on_the_cpu = backend.peak_device_bytes()
    backend.device = "mps"
    backend.reset_peak_device_bytes()
    mx.eval(mx.ones(2**20))
    peak = backend.peak_device_bytes()
    backend.device = "cpu"
    return {"devices": devices, "peak on the CPU": on_the_cpu, "peak": peak}


def main() -> None:
    backend = registry.backend(sys.argv[1], "cpu")
    net = narrow_network("standard", 16, image_size=64)
    trainer = backend.trainer(net, weights.initialise(net, seed=2), SCRATCH, seed=0)
    trainer.logits(images_and_labels(2)[0])  # compiles
    answers = {
        "settings": backend.settings(),
        "layouts": trainer.layouts(),
        "placement": placement(trainer),
        "without Metal": mlx_backend.why_unavailable("mps"),
    }
    json.dump(answers | on_apples_gpu(backend), sys.stdout)


if __name__ == "__main__":
    main()
