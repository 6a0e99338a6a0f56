"""All imports are done once backend and reference kernel are built: memory is counted from there."""

from __future__ import annotations

import subprocess
import sys

import pytest

from alexnet.frameworks.registry import FRAMEWORKS
from bench.paths import ROOT
from tests.support.engines import engines

SCRIPT = """
import sys
from alexnet import data, weights
from alexnet.frameworks import registry
from alexnet.recipe import SCRATCH
from alexnet.spec import network
from bench.meters.reference_kernel import ReferenceKernel

net = network("standard", image_size=64)
first, split = weights.initialise(net, seed=0), data.synthetic(4, seed=0)
backend = registry.backend(sys.argv[1], "cpu")
ReferenceKernel(backend)
known = set(sys.modules)
trainer = backend.trainer(net, first, SCRATCH, seed=0)
trainer.begin_stage("all")
trainer.step(trainer.to_device(split.images, split.labels), 0.01)
trainer.logits(split.images)
trainer.synchronize()
print(*sorted(name for name in sys.modules if name not in known), sep="\\n")
"""
OF_STEPS = "__autograph_generated_file"
"""A module that TensorFlow makes of a step's own code."""


@pytest.mark.slow
@pytest.mark.parametrize("engine", engines(FRAMEWORKS))
def test_training_imports_nothing_more(engine: str) -> None:
    """torch's first optimizer imports torch._dynamo, 175 MB that its memory in training once had."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, engine], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert [name for name in done.stdout.split() if not name.startswith(OF_STEPS)] == []
