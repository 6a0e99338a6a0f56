"""No environment variable makes a compiled engine of PyTorch run uncompiled without a word."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from alexnet.frameworks.registry import FRAMEWORKS
from bench.paths import ROOT

SWITCHES = {
    "TORCHDYNAMO_DISABLE": "1",
    "TORCH_COMPILE_DISABLE": "1",
    "TORCH_COMPILE_OVERRIDE_BACKENDS": "0:eager",
}
COUNT = """
import sys
if sys.argv[1] == "suite":
    from alexnet.frameworks import registry
    registry.backend("torch", "cpu")
import torch
graphs = []
def take(graph, inputs):
    graphs.append(graph)
    return graph.forward
try:
    torch.compile(lambda x: x + 1, backend=take, fullgraph=True)(torch.ones(2))
except Exception as error:
    print(type(error).__name__)
else:
    print(len(graphs))
"""


def graphs(who: str, **variables: str) -> str:
    """How many graphs reached the compiler in a process with these variables, or the error's name."""
    process = subprocess.run(
        [sys.executable, "-c", COUNT, who],
        cwd=ROOT,
        env=os.environ | variables,
        capture_output=True,
        text=True,
        check=True,
    )
    return process.stdout.split()[-1]


@pytest.mark.parametrize("name", SWITCHES)
def test_a_switch_that_torch_obeys_has_no_effect_here(name: str) -> None:
    assert graphs("torch", **{name: SWITCHES[name]}) != "1"
    assert graphs("suite", **{name: SWITCHES[name]}) == "1"
    assert FRAMEWORKS["torch"].variables[name].overridden
