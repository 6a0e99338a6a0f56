"""What is JAX's alone; test_against_reference.py asks it all that is asked of any framework."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from alexnet.weights import AS_IT_IS, CHANNELS_LAST, REORDERED, TRANSPOSED
from tests.support.engines import engines
from tests.support.real_worker import output_of
from tests.support.reference_sizes import ignored

pytestmark = [pytest.mark.slow, pytest.mark.engines]

each_engine = pytest.mark.parametrize("engine", engines(("jax", "jax-bf16")))


@cache
def answers(engine: str) -> dict[str, Any]:
    """What the worker prints, and besides what it was asked to ignore and what it left in its cache."""
    with TemporaryDirectory() as folder:
        line = output_of("tests.support.jax_worker", engine, folder).splitlines()[-1]
        answer: dict[str, Any] = json.loads(line)
        cached = [file.name for file in Path(folder).iterdir()]
        return answer | {"cached": cached, "ignored": ignored("jax", Path(folder))}


@each_engine
def test_its_layouts_are_those_of_tensorflow(engine: str) -> None:
    layouts = answers(engine)["layouts"]
    assert layouts["conv1.weight"] == CHANNELS_LAST
    assert layouts["fc6.weight"] == REORDERED
    assert layouts["fc7.weight"] == layouts["fc8.weight"] == TRANSPOSED
    assert layouts["conv1.bias"] == AS_IT_IS


@each_engine
def test_a_step_takes_over_the_memory_of_the_last_one(engine: str) -> None:
    assert answers(engine)["taken over"] == [True] * (2 * 16)


@each_engine
def test_a_trainer_waits_for_all_of_the_devices_work(engine: str) -> None:
    """Also where a GPU is JAX's default and the CPU is measured."""
    assert answers(engine)["ended"] == [False, True]
    assert answers(engine)["ended beside a GPU"] == [False, True]


@each_engine
def test_what_a_user_has_set_is_recorded_and_changes_nothing(engine: str) -> None:
    """The compile cache stays empty, and the key is that of threefry."""
    settings = answers(engine)["settings"]
    is_float32 = ENGINES[engine].precision == "float32"
    assert settings["operands"] == ENGINES[engine].precision
    assert settings["matmul_precision"] == ("HIGHEST" if is_float32 else "DEFAULT")
    assert settings["x64"] == settings["compilation_cache"] == "False"
    recorded = answers(engine)["ignored"] | {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}
    assert {name: settings[name] for name in recorded} == recorded
    assert answers(engine)["cached"] == []
    assert answers(engine)["key"] == [2]


def test_a_mac_is_told_why_there_is_no_gpu() -> None:
    assert FRAMEWORKS["jax"].never_on == {
        "mps": "There is no JAX for Apple's GPU in this suite, since jax-metal was given up in 2026-01:"
        " on a Mac it runs on the CPU."
    }


@each_engine
def test_a_gpu_comes_first_and_its_peak_is_unknown(engine: str) -> None:
    """JAX cannot reset the peak that it counts."""
    gpu = answers(engine)["with a GPU"]
    assert gpu["devices"] == ["cuda", "cpu"]
    assert gpu["peak"] is None
    assert gpu["name"] == "cpu"


@each_engine
def test_it_says_how_to_get_a_device(engine: str) -> None:
    cuda, cpu = answers(engine)["with a GPU"]["unavailable"]
    assert cuda == (
        "JAX sees no NVIDIA GPU: it needs a driver, and a clone of its own with the extra jax-cuda."
    )
    assert cpu == "JAX_PLATFORMS hides the CPU: unset it."


@each_engine
def test_on_a_gpu_what_compiles_and_convolves_is_recorded_too(engine: str) -> None:
    assert answers(engine)["versions"] == ["jax", "jaxlib", "numpy"]
    of_cuda = ["jax-cuda13-plugin", "jax-cuda13-pjrt", "nvidia-cudnn-cu13", "cuda"]
    assert answers(engine)["with a GPU"]["versions"] == ["jax", "jaxlib", "numpy", *of_cuda]
