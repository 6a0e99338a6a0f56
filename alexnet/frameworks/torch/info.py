"""PyTorch's row in the registry."""

from __future__ import annotations

from alexnet.frameworks.info import REINSTALL, Engine, FrameworkInfo, Variable

# The effects of PYTORCH_* were read out of the published libraries of torch 2.14.1; KMP_DUPLICATE_LIB_OK
# is from pytorch#193520.
INFO = FrameworkInfo(
    name="torch",
    label="PyTorch",
    engines=(
        Engine(
            name="torch",
            framework="torch",
            precision="float32",
            compiled=False,
            label="PyTorch",
            light_hue="#c8500a",
            dark_hue="#ff9a5c",
            marker="o",
            line="-",
            shape="●",
        ),
    ),
    packages=("torch", "torchvision"),
    required=("torch", "torchvision"),
    pip_extra="torch",
    variables={
        "PYTORCH_ENABLE_MPS_FALLBACK": Variable(
            effect="times CPU work as the GPU's, and is ignored by this suite", overridden=True
        ),
        "PYTORCH_MPS_HIGH_WATERMARK_RATIO": Variable(
            effect="changes how much memory PyTorch may take from the GPU"
        ),
        "PYTORCH_MPS_FAST_MATH": Variable(effect="lets PyTorch's GPU kernels round more coarsely"),
        "PYTORCH_MPS_PREFER_METAL": Variable(
            effect="makes PyTorch multiply matrices with other GPU kernels"
        ),
        "OMP_NUM_THREADS": Variable(effect="changes how many processor threads PyTorch computes with"),
        "KMP_DUPLICATE_LIB_OK": Variable(
            effect="hides a doubled OpenMP library, which can stop a run for good"
        ),
    },
    recorded_prefixes=("PYTORCH_", "OMP_", "MKL_", "KMP_", "CUDA_VISIBLE_DEVICES"),
    device_fixes={
        "mps": f"update macOS to 14 or newer, then {REINSTALL}",
        "cuda": "see what nvidia-smi says; the CPU is measured with --device cpu",
    },
)
