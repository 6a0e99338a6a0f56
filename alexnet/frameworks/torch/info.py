"""PyTorch's row in the registry."""

from __future__ import annotations

import sys

from alexnet.frameworks.info import REINSTALL, Engine, FrameworkInfo, Variable
from alexnet.frameworks.toolchain import Toolchain

COMPILER = "torch.compile"
OVERRIDDEN = ("TORCHDYNAMO_DISABLE", "TORCH_COMPILE_DISABLE", "TORCH_COMPILE_OVERRIDE_BACKENDS")
"""With these a step is not compiled, or not by Inductor, and mostly nothing says so.

Read in torch/_dynamo/eval_frame.py and config.py of torch 2.14.1."""
ALLOCATION = "changes how PyTorch takes memory from the GPU"

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
            compiler=None,
            label="PyTorch",
            light_hue="#c8500a",
            dark_hue="#ff9a5c",
            marker="o",
            line="-",
            shape="●",
        ),
        Engine(
            name="torch-compile",
            framework="torch",
            precision="float32",
            compiler=COMPILER,
            label="PyTorch compiled",
            light_hue="#8a3a06",
            dark_hue="#ffb98a",
            marker="D",
            line=(0, (6.0, 1.2)),
            shape="◆",
            builds_with={
                # Read in torch/_inductor/config.py; on a GPU it is Triton that builds its launcher
                # (triton/runtime/build.py). For Apple's GPU it builds nothing but Metal.
                "cpu": Toolchain(
                    language="C++",
                    variable="CXX",
                    programs=("clang++" if sys.platform == "darwin" else "g++",),
                ),
                "cuda": Toolchain(language="C", variable="CC", programs=("gcc", "clang")),
            },
            variables={
                # On Apple's GPU its own layout trains convolutions 4.5 to 9 times slower
                # (pytorch#192551).
                "TORCHINDUCTOR_LAYOUT_OPTIMIZATION": "0",
                # More would be processes that stay: their time would be counted as that of other
                # programs, and their memory not at all.
                "TORCHINDUCTOR_COMPILE_THREADS": "1",
            },
        ),
        Engine(
            name="torch-bf16",
            framework="torch",
            precision="bfloat16",
            compiler=None,
            label="PyTorch bf16",
            light_hue="#b0283c",
            dark_hue="#ff8f9e",
            marker="v",
            line=(0, (1.5, 1.2)),
            shape="▼",
        ),
        Engine(
            name="torch-fp16",
            framework="torch",
            precision="float16",
            compiler=None,
            label="PyTorch fp16",
            light_hue="#94206e",
            dark_hue="#f58fd2",
            marker="<",
            line=(0, (4.0, 1.2, 1.0, 1.2)),
            shape="◀",
            not_on={"cpu": "float16 is for a GPU; on a CPU there is torch-bf16."},
        ),
        Engine(
            name="torch-tf32",
            framework="torch",
            precision="TF32",
            compiler=None,
            label="PyTorch TF32",
            light_hue="#a86400",
            dark_hue="#f2bc55",
            marker="p",
            line=(0, (2.5, 1.0)),
            shape="⬟",
            not_on={
                "mps": "TF32 is a format of NVIDIA's GPUs.",
                "cpu": "TF32 is a format of NVIDIA's GPUs.",
            },
        ),
    ),
    packages=("torch", "torchvision"),
    required=("torch", "torchvision"),
    pip_extra="torch",
    variables={
        "PYTORCH_ENABLE_MPS_FALLBACK": Variable(
            effect="times CPU work as the GPU's, and is ignored by this suite",
            overridden=True,
            platform="darwin",
        ),
        "PYTORCH_MPS_HIGH_WATERMARK_RATIO": Variable(
            effect="changes how much memory PyTorch may take from the GPU", platform="darwin"
        ),
        "PYTORCH_MPS_FAST_MATH": Variable(
            effect="lets PyTorch's GPU kernels round more coarsely", platform="darwin"
        ),
        "PYTORCH_MPS_PREFER_METAL": Variable(
            effect="makes PyTorch multiply matrices with other GPU kernels", platform="darwin"
        ),
        "PYTORCH_ALLOC_CONF": Variable(effect=ALLOCATION),
        "PYTORCH_CUDA_ALLOC_CONF": Variable(effect=ALLOCATION),
        "PYTORCH_NO_CUDA_MEMORY_CACHING": Variable(
            effect="makes PyTorch allocate the GPU's memory anew each time"
        ),
        "TORCH_ALLOW_TF32_CUBLAS_OVERRIDE": Variable(
            effect="makes PyTorch round float32 products to TF32", harmless="0"
        ),
        "TORCH_BLAS_PREFER_CUBLASLT": Variable(
            effect="makes PyTorch multiply matrices with another library of the GPU", harmless="0"
        ),
        "TORCH_CUDNN_V8_API_DISABLED": Variable(
            effect="makes PyTorch convolve by cuDNN's former interface", harmless="0"
        ),
        "ATEN_CPU_CAPABILITY": Variable(effect="keeps PyTorch from the processor's newer instructions"),
        "TRITON_INTERPRET": Variable(
            effect="makes the kernels of torch.compile run in Python", harmless="0"
        ),
        **{
            name: Variable(
                effect="keeps torch.compile from compiling, and is ignored by this suite",
                overridden=True,
            )
            for name in OVERRIDDEN
        },
        "OMP_NUM_THREADS": Variable(effect="changes how many processor threads PyTorch computes with"),
        "KMP_DUPLICATE_LIB_OK": Variable(
            effect="hides a doubled OpenMP library, which can stop a run for good"
        ),
    },
    recorded_prefixes=(
        "PYTORCH_",
        "TORCH_COMPILE_",
        "TORCH_ALLOW_TF32_",
        "TORCH_BLAS_",
        "TORCH_CUDNN_",
        "ATEN_CPU_CAPABILITY",
        "TRITON_INTERPRET",
        "TORCHDYNAMO_",
        "TORCHINDUCTOR_",
        "OMP_",
        "MKL_",
        "KMP_",
        "CUDA_VISIBLE_DEVICES",
    ),
    # Inductor keeps its precompiled headers in the system's temporary folder alone.
    cache_variables=("TMPDIR", "TORCHINDUCTOR_CACHE_DIR", "TRITON_CACHE_DIR"),
    usual_loop="https://github.com/pytorch/examples/tree/main/imagenet",
    device_fixes={
        "mps": f"update macOS to 14 or newer, then {REINSTALL}",
        "cuda": "see what nvidia-smi says; the CPU is measured with --device cpu",
    },
)
