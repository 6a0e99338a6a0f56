"""What is MLX's alone; test_against_reference.py asks it all that is asked of any framework."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from alexnet.weights import AS_IT_IS
from tests.support.engines import engines
from tests.support.real_worker import compile_caches, output_of

pytestmark = [pytest.mark.slow, pytest.mark.engines]

each_engine = pytest.mark.parametrize("engine", engines(("mlx", "mlx-bf16")))


@cache
def answers(engine: str) -> dict[str, Any]:
    """What the worker prints."""
    answer: dict[str, Any] = json.loads(output_of("tests.support.mlx_worker", engine).splitlines()[-1])
    return answer


@each_engine
def test_its_convolutions_have_their_outputs_first(engine: str) -> None:
    layouts = answers(engine)["layouts"]
    assert layouts["conv1.weight"] == "OIHW -> OHWI"
    assert layouts["fc6.weight"] == "CHW -> HWC"
    assert {layouts[name] for name in ("fc7.weight", "fc8.weight", "conv1.bias")} == {AS_IT_IS}


@each_engine
def test_its_settings_say_how_it_computes(engine: str) -> None:
    settings = answers(engine)["settings"]
    assert settings["MLX_ENABLE_TF32"] == "0"
    assert settings["compile"] == ENGINES[engine].compiler
    assert settings["operands"] == ENGINES[engine].precision
    assert "pixels" in settings["upsampling"]


@each_engine
def test_the_kernels_of_the_cpu_lie_where_its_row_says(engine: str) -> None:
    settings = answers(engine)["settings"]
    (variable,) = FRAMEWORKS[ENGINES[engine].framework].cache_variables
    kernels = list(Path(compile_caches()[variable]).glob("mlx/*/cpu/*.so"))
    assert bool(kernels) == (settings["operations fused"] == "by g++")


@each_engine
def test_it_does_not_report_where_operations_ran(engine: str) -> None:
    assert answers(engine)["placement"].endswith("it does not report where it ran them")


@each_engine
def test_apples_gpu_comes_first_and_its_memory_is_counted(engine: str) -> None:
    ours = answers(engine)
    assert ours["devices"] == ["mps", "cpu"]
    assert ours["peak on the CPU"] is None
    assert ours["peak"] >= 4 * 2**20


@each_engine
def test_what_cannot_be_is_one_sentence(engine: str) -> None:
    assert answers(engine)["without Metal"] == "Metal needs macOS 14 or newer on Apple silicon."
    assert FRAMEWORKS["mlx"].never_on == {"cuda": "MLX is run here on Apple's GPU and on the CPU alone."}
    assert ENGINES["mlx-tf32"].not_on == {"cpu": "MLX rounds to TF32 on a GPU alone, an M5 or newer."}
