"""Rules on the GPU and the Metal plugin."""

from __future__ import annotations

from dataclasses import replace

import pytest

from alexnet.frameworks.registry import ENGINES
from tests.support.doctor_facts import (
    CUDA,
    LINUX,
    MAC,
    MAC_BY_NAME,
    MAC_CPU,
    TORCHS_CUDA,
    Fault,
    assert_every_yield_reached,
    assert_reported,
    packages,
    problems,
    with_changes,
)

FAULTS = [
    Fault(
        "Metal plugin",
        MAC,
        {"packages": packages(tensorflow="2.20.0"), "pins": {}},
        "error",
        "tensorflow 2.20.0 crashes",
        "remove the folder .venv",
    ),
    Fault(
        "Metal plugin",
        MAC_CPU,  # the plugin is loaded with TensorFlow, whatever device it then uses
        {"packages": packages(tensorflow="2.21.0rc0"), "pins": {}},
        "error",
        "tensorflow 2.21.0rc0 crashes",
        "make",
    ),
    Fault(
        "Metal plugin",
        MAC,
        {"packages": packages(tensorflow_metal="1.1.0"), "pins": {}},
        "error",
        "with tensorflow-metal 1.1.0",
        "make",
    ),
    Fault(
        "Metal plugin",
        MAC,
        {"packages": packages(tensorflow_metal=None), "devices": {"torch": "mps", "tensorflow": "cpu"}},
        "warning",
        "TensorFlow runs on the CPU",
        "make",
    ),
    Fault(
        "Metal plugin",
        MAC_BY_NAME,
        {"packages": packages(tensorflow_metal=None)},
        "error",
        "tensorflow-metal is not installed",
        "make",
    ),
    Fault(
        "Metal plugin",
        MAC,
        {"packages": packages(keras="3.7.0"), "pins": {}},
        "warning",
        "Keras 3.7.0 builds Dense layers",
        "make",
    ),
    Fault(
        "GPU",
        MAC,
        {"devices": {"torch": "mps"}, "refusals": {"tensorflow": "it sees cpu."}},
        "warning",
        "TensorFlow does not see the GPU: it sees cpu.",
        ".venv",
    ),
    Fault(
        "GPU",
        MAC_BY_NAME,
        {"devices": {"tensorflow": "mps"}, "refusals": {"torch": "MPS needs macOS 14."}},
        "error",
        "PyTorch does not see the GPU: MPS needs macOS 14.",
        "update macOS",
    ),
    Fault(
        "GPU",
        MAC,
        {"devices": {"torch": "cpu", "tensorflow": "mps"}},
        "warning",
        "PyTorch does not see the GPU: it would run on the CPU",
        "update macOS",
    ),
    Fault(
        "GPU",
        CUDA,
        {"devices": {"torch": "cuda", "tensorflow": "cpu"}},
        "warning",
        "TensorFlow does not see the GPU",
        "in a second clone: make bench FRAMEWORKS=tensorflow-cuda",
    ),
    Fault(
        "CUDA libraries",
        CUDA,
        {"cuda_packages": {**TORCHS_CUDA, "nvidia-cudnn-cu12": "9.3.0.75"}},
        "error",
        "overwritten each other's files: nvidia-cudnn-cu12 9.3.0.75 and nvidia-cudnn-cu13 9.24.0.43.",
        "docs/cuda.md",
    ),
    Fault(
        "CUDA libraries",
        CUDA,
        {
            "cuda_packages": {
                **TORCHS_CUDA,
                "nvidia-cudnn-cu12": "9.3.0.75",
                "nvidia-nccl-cu12": "2.21.5",
            }
        },
        "error",
        "9.24.0.43, nvidia-nccl-cu12 2.21.5 and nvidia-nccl-cu13 2.30.7.",
        "remove the folder .venv",
    ),
    Fault(
        "GPU", CUDA, {"refusals": {"torch": "status -11"}}, "warning", "PyTorch does not", "nvidia-smi"
    ),
    Fault(
        "GPU", LINUX, {"device": "mps"}, "error", "there is no Apple silicon GPU", "leave --device out"
    ),
    Fault("GPU", MAC, {"device": "cuda"}, "error", "--device cuda was asked for", "leave --device out"),
    Fault(
        "engines",
        LINUX,
        {"engines": ("torch", "torch-tf32"), "obstacles": {"torch-tf32": "TF32 is NVIDIA's"}},
        "error",
        "PyTorch TF32 cannot run here. TF32 is NVIDIA's.",
        "leave it out with --engine torch",
    ),
    Fault(
        "engines",
        LINUX,
        {
            "engines": ("mlx-tf32",),
            "obstacles": {"mlx-tf32": "TF32 is a format of GPUs"},
            "packages": packages(mlx="0.32.4"),
        },
        "error",
        "MLX TF32 cannot run here. TF32 is a format of GPUs.",
        "--engine all takes those that can",
    ),
    Fault(
        "device",
        LINUX,
        {"engines": ("torch", "mlx"), "packages": packages(mlx="0.32.4")},
        "warning",
        "MLX runs on the CPU, and no report ranks that: ",
        "leave it out with --engine torch",
    ),
]


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.id)
def test_a_planted_fault_is_found_once_with_its_level_and_its_fix(fault: Fault) -> None:
    assert_reported(fault)


def test_every_finding_of_every_rule_is_exercised() -> None:
    assert_every_yield_reached(FAULTS)


def test_without_an_nvidia_gpu_its_libraries_do_not_matter() -> None:
    clash = {**TORCHS_CUDA, "nvidia-cudnn-cu12": "9.3.0.75"}
    assert problems(with_changes(LINUX, cuda_packages=clash)) == []


def test_each_engine_without_the_gpu_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    other = replace(ENGINES["torch"], name="torch-other", label="PyTorch, otherwise")
    monkeypatch.setitem(ENGINES, other.name, other)
    devices = {"torch": "mps", "tensorflow": "mps"}
    facts = with_changes(
        MAC,
        engines=("torch", other.name, "tensorflow"),
        devices=devices,
        refusals={other.name: "it has no kernels for it."},
    )
    (finding,) = problems(facts)
    assert finding.message == "PyTorch, otherwise does not see the GPU: it has no kernels for it."
    assert problems(with_changes(facts, devices=devices | {other.name: "mps"}, refusals={})) == []
