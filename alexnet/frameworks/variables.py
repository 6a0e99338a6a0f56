"""Environment variables that change a run whatever its framework: of drivers, libraries and Python."""

from __future__ import annotations

from alexnet.frameworks.info import Variable

THREADS = "changes how many processor threads a library of the framework computes with"
PLACES = "changes on which processors threads compute"
INSTRUCTIONS = "keeps a library of the framework from the processor's newer instructions"
ALLOCATION = "changes how memory is allocated"
CHECKS_METAL = "makes Metal check all that it is given, which is slower"
CHECKS_MEMORY = "makes macOS check memory, which is slower"

# The effects are those of the documentation of CUDA, cuDNN, XLA, OpenMP, oneDNN, OpenBLAS, Accelerate,
# jemalloc, glibc, macOS (malloc(3), MetalValidation(1)) and Python.
SHARED: dict[str, Variable] = {
    "CUDA_LAUNCH_BLOCKING": Variable(effect="makes each operation wait for the GPU", harmless="0"),
    "NVIDIA_TF32_OVERRIDE": Variable(
        effect="decides whether NVIDIA's libraries round float32 to TF32, whatever the engine asks for"
    ),
    "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE": Variable(
        effect="leaves a part of the GPU without work", harmless="100"
    ),
    "CUDA_DEVICE_MAX_CONNECTIONS": Variable(effect="changes how work is queued for the GPU"),
    "CUDA_MODULE_LOADING": Variable(effect="changes when the GPU's code is loaded", harmless="LAZY"),
    "CUBLAS_WORKSPACE_CONFIG": Variable(effect="changes how matrices are multiplied on the GPU"),
    "CUDNN_LOGLEVEL_DBG": Variable(effect="makes cuDNN log its calls", harmless="0"),
    "XLA_FLAGS": Variable(effect="changes how XLA compiles programs"),
    "OMP_THREAD_LIMIT": Variable(effect=THREADS),
    "OMP_DYNAMIC": Variable(effect=THREADS, harmless="false"),
    "OMP_PROC_BIND": Variable(effect=PLACES, harmless="false"),
    "OMP_PLACES": Variable(effect=PLACES),
    "OMP_WAIT_POLICY": Variable(effect="changes how processor threads wait for work"),
    "GOMP_CPU_AFFINITY": Variable(effect=PLACES),
    "KMP_AFFINITY": Variable(effect=PLACES),
    "KMP_BLOCKTIME": Variable(effect="changes how processor threads wait for work"),
    "MKL_NUM_THREADS": Variable(effect=THREADS),
    "MKL_CBWR": Variable(effect=INSTRUCTIONS),
    "MKL_ENABLE_INSTRUCTIONS": Variable(effect=INSTRUCTIONS),
    "OPENBLAS_NUM_THREADS": Variable(
        effect="changes how many processor threads compute the reference of the gates"
    ),
    "VECLIB_MAXIMUM_THREADS": Variable(effect=THREADS, platform="darwin"),
    **{
        f"{library}_{name}": variable
        for library in ("ONEDNN", "DNNL")  # its former name
        for name, variable in {
            "MAX_CPU_ISA": Variable(effect=INSTRUCTIONS, harmless="DEFAULT"),
            "DEFAULT_FPMATH_MODE": Variable(
                effect="lets oneDNN round float32 on the processor", harmless="STRICT"
            ),
            "VERBOSE": Variable(effect="makes oneDNN print each operation", harmless="0"),
        }.items()
    },
    "LD_PRELOAD": Variable(
        effect="loads a library into every process, such as another allocator of memory",
        platform="linux",
    ),
    "DYLD_INSERT_LIBRARIES": Variable(effect="loads a library into every process", platform="darwin"),
    "MALLOC_ARENA_MAX": Variable(effect=ALLOCATION, platform="linux"),
    "MALLOC_CONF": Variable(effect=ALLOCATION),
    "GLIBC_TUNABLES": Variable(effect="changes how glibc allocates memory and locks", platform="linux"),
    "MallocGuardEdges": Variable(effect=CHECKS_MEMORY, platform="darwin"),
    "MallocScribble": Variable(effect=CHECKS_MEMORY, platform="darwin"),
    "MallocStackLogging": Variable(effect=CHECKS_MEMORY, platform="darwin"),
    "METAL_DEVICE_WRAPPER_TYPE": Variable(effect=CHECKS_METAL, harmless="0", platform="darwin"),
    "MTL_DEBUG_LAYER": Variable(effect=CHECKS_METAL, harmless="0", platform="darwin"),
    "MTL_SHADER_VALIDATION": Variable(effect=CHECKS_METAL, harmless="0", platform="darwin"),
    "MTL_CAPTURE_ENABLED": Variable(
        effect="makes Metal ready to record what it is given", harmless="0", platform="darwin"
    ),
    "PYTHONDEVMODE": Variable(effect="makes Python check itself, which is slower"),
    "PYTHONMALLOC": Variable(effect="changes how Python allocates memory", harmless="pymalloc"),
    "PYTHONTRACEMALLOC": Variable(effect="makes Python note each allocation, which is slower"),
    "COVERAGE_PROCESS_START": Variable(effect="measures which lines run, which is slower"),
}
"""Name -> what it changes."""
