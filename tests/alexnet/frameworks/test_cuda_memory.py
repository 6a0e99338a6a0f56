"""TensorFlow shares an NVIDIA GPU's memory. No GPU is needed: TensorFlow is asked what it is told."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from bench.paths import ROOT

pytestmark = pytest.mark.slow

PRETEND = """
import json, sys
from alexnet.frameworks.tensorflow import backend

calls = []
config = backend.tf.config
config.list_physical_devices = lambda kind: [f"{kind}:0", f"{kind}:1"]
config.set_visible_devices = lambda *devices: calls.append("hidden")
config.experimental.set_memory_growth = lambda *told: calls.append(told)
backend.TensorflowBackend(sys.argv[1])
print(json.dumps(calls))
"""


def told(device: str) -> list[object]:
    """What TensorFlow is told of its GPUs by a backend of this device."""
    command = [sys.executable, "-c", PRETEND, device]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    answer: list[object] = json.loads(done.stdout)
    return answer


def test_tensorflow_takes_an_nvidia_gpus_memory_as_it_needs_it() -> None:
    """Otherwise it takes nearly all of it at once, beside a desktop or another job."""
    assert told("cuda") == [["GPU:0", True], ["GPU:1", True]]


def test_no_other_device_is_told_so() -> None:
    assert told("cpu") == ["hidden"]
