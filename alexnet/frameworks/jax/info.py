"""JAX's row in the registry."""

from __future__ import annotations

from alexnet.frameworks.info import Engine, FrameworkInfo, Variable

COMPILER = "XLA"
NO_APPLE_GPU = (
    "There is no JAX for Apple's GPU in this suite, since jax-metal was given up in 2026-01: on a Mac"
    " it runs on the CPU."
)
"""jax's PR #34485 removed what was left of jax-metal."""

CUDA_PACKAGES = ("jax-cuda13-plugin", "jax-cuda13-pjrt")
"""What compiles and runs JAX's programs on an NVIDIA GPU."""
CUDNN = "nvidia-cudnn-cu13"
"""What convolves there; torch brings it too, so that its presence says nothing about JAX."""

# The effects of JAX_* and XLA_PYTHON_* are those of JAX's documentation; XLA reads NPROC where it makes
# its pool of threads.
INFO = FrameworkInfo(
    name="jax",
    label="JAX",
    engines=(
        Engine(
            name="jax",
            framework="jax",
            precision="float32",
            compiler=COMPILER,
            label="JAX",
            light_hue="#7030a8",
            dark_hue="#c59bff",
            marker="*",
            line=(0, (5.0, 1.2, 1.0, 1.2, 1.0, 1.2)),
            shape="★",
        ),
        Engine(
            name="jax-bf16",
            framework="jax",
            precision="bfloat16",
            compiler=COMPILER,
            label="JAX bf16",
            light_hue="#9a58c4",
            dark_hue="#e4c6ff",
            marker="H",
            line=(0, (7.0, 1.2, 2.0, 1.2)),
            shape="⬣",
        ),
    ),
    packages=("jax", "jaxlib", *CUDA_PACKAGES),
    required=("jax", "jaxlib"),
    pip_extra="jax",
    variables={
        "JAX_PLATFORMS": Variable(effect="changes which devices JAX sees"),
        "JAX_DEBUG_NANS": Variable(effect="makes JAX wait for each result and look for NaN in it"),
        "JAX_DEBUG_INFS": Variable(effect="makes JAX wait for each result and look for infinities"),
        "JAX_CPU_ENABLE_ASYNC_DISPATCH": Variable(
            effect="changes whether JAX waits for each program on the CPU"
        ),
        "XLA_PYTHON_CLIENT_ALLOCATOR": Variable(effect="changes how JAX takes memory from the GPU"),
        "XLA_PYTHON_CLIENT_MEM_FRACTION": Variable(
            effect="changes how much memory JAX may take from the GPU"
        ),
        "NPROC": Variable(effect="changes how many processor threads JAX computes with"),
        "XLA_PYTHON_CLIENT_PREALLOCATE": Variable(
            effect="is ignored by this suite", overridden=True, harmless="false"
        ),
        "JAX_ENABLE_X64": Variable(
            effect="is ignored by this suite, which trains in no float64", overridden=True
        ),
        "JAX_DEFAULT_MATMUL_PRECISION": Variable(
            effect="is ignored by this suite, which names the precision of each product", overridden=True
        ),
        "JAX_DEFAULT_PRNG_IMPL": Variable(
            effect="is ignored by this suite, which names the random generator", overridden=True
        ),
        "JAX_DISABLE_JIT": Variable(
            effect="is ignored by this suite, which compiles each step", overridden=True
        ),
        "JAX_COMPILATION_CACHE_DIR": Variable(
            effect="is ignored by this suite, which compiles in each process", overridden=True
        ),
        "JAX_NUMPY_DTYPE_PROMOTION": Variable(
            effect="is ignored by this suite", overridden=True, harmless="standard"
        ),
        "JAX_NUMPY_RANK_PROMOTION": Variable(
            effect="is ignored by this suite", overridden=True, harmless="allow"
        ),
    },
    recorded_prefixes=("JAX_", "XLA_", "NPROC"),
    never_on={"mps": NO_APPLE_GPU},
    usual_loop="https://docs.jax.dev/en/latest/notebooks/Neural_Network_and_Data_Loading.html",
    device_fixes={
        "mps": f"measure JAX with --device cpu. {NO_APPLE_GPU}",
        "cuda": "in a clone of its own: make bench FRAMEWORKS=jax-cuda ARGS='--framework jax'",
    },
    default_platforms=(),
)
