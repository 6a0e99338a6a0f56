"""MLX's row in the registry."""

from __future__ import annotations

from alexnet.frameworks.info import REINSTALL, Engine, FrameworkInfo, Variable

COMPILER = "mx.compile"

# The effects of MLX_* were read out of the sources of MLX: mlx/utils.h, mlx/compile.cpp and
# mlx/backend/metal/conv.cpp (2026-11-26).
INFO = FrameworkInfo(
    name="mlx",
    label="MLX",
    engines=(
        Engine(
            name="mlx",
            framework="mlx",
            precision="float32",
            compiler=COMPILER,
            label="MLX",
            light_hue="#4a7a00",
            dark_hue="#a5d65c",
            marker="^",
            line=(0, (7.0, 1.5, 1.5, 1.5)),
            shape="▲",
            # Since 2026 MLX rounds "float32" to TF32 on a GPU that can, unless told not to (mlx#3534).
            variables={"MLX_ENABLE_TF32": "0"},
        ),
        Engine(
            name="mlx-tf32",
            framework="mlx",
            precision="TF32",
            compiler=COMPILER,
            label="MLX TF32",
            light_hue="#2c5c00",
            dark_hue="#c6f08e",
            marker=">",
            line=(0, (2.5, 1.0, 2.5, 1.0, 1.0, 1.0)),
            shape="▶",
            not_on={"cpu": "MLX rounds to TF32 on a GPU alone, an M5 or newer."},
            variables={"MLX_ENABLE_TF32": "1"},
        ),
        Engine(
            name="mlx-bf16",
            framework="mlx",
            precision="bfloat16",
            compiler=COMPILER,
            label="MLX bf16",
            light_hue="#6b6a10",
            dark_hue="#d0cf63",
            marker="d",
            line=(0, (1.0, 1.0, 1.0, 2.5)),
            shape="♦",
            # What is left in float32, such as the loss, is float32.
            variables={"MLX_ENABLE_TF32": "0"},
        ),
    ),
    packages=("mlx", "mlx-metal", "mlx-cpu"),
    required=("mlx",),
    pip_extra="mlx",
    variables={
        "MLX_ENABLE_TF32": Variable(
            effect="makes MLX round float32 to TF32 on a GPU that can, and is set by this suite for each"
            " engine",
            overridden=True,
        ),
        "MLX_DISABLE_COMPILE": Variable(
            effect="switches off mx.compile, and is ignored by this suite", overridden=True
        ),
        "MLX_MAX_OPS_PER_BUFFER": Variable(effect="changes how MLX hands work to the GPU"),
        "MLX_MAX_MB_PER_BUFFER": Variable(effect="changes how MLX hands work to the GPU"),
        "MLX_METAL_FAST_SYNCH": Variable(effect="changes how MLX waits for the GPU"),
        "MLX_METAL_GPU_ARCH": Variable(effect="makes MLX take another GPU's kernels"),
        "MLX_BFS_MAX_WIDTH": Variable(effect="changes the order in which MLX runs operations"),
        "MLX_CONV_UNFOLD_TILE_ROWS": Variable(effect="changes how MLX convolves on the GPU"),
        "MLX_CONV_WINOGRAD_WORKING_SET": Variable(effect="changes how MLX convolves on the GPU"),
        "MLX_CONV_WINOGRAD_TILE_BATCH": Variable(effect="changes how MLX convolves on the GPU"),
    },
    recorded_prefixes=("MLX_",),
    never_on={"cuda": "MLX is run here on Apple's GPU and on the CPU alone."},
    device_fixes={
        "mps": f"update macOS to 14 or newer, then {REINSTALL}",
        "cuda": "MLX is run here on Apple's GPU and on the CPU; an NVIDIA GPU has the other frameworks",
    },
    default_platforms=("darwin",),
    says_nothing_on={
        "cpu": "MLX's CPU backend computes convolutions naively, by intent (mlx#1130), and says nothing"
        " of MLX on Apple's GPU.",
    },
    # On the CPU, mx.compile builds each fused kernel with the C++ compiler and keeps the library in
    # `mlx` in the folder for temporary files (mlx/backend/cpu/compiled.cpp).
    cache_variables=("TMPDIR",),
)
