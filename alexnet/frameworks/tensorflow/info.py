"""TensorFlow's row in the registry."""

from __future__ import annotations

from alexnet.frameworks.info import REINSTALL, Engine, FrameworkInfo, MacPlugin, Suspect, Variable

TF_FUNCTION, XLA = "tf.function", "XLA"
INTRA_OP = "TF_NUM_INTRAOP_THREADS"
"""Where TensorFlow's own setting is 0, this is how many threads it takes, if it is a number
(tensorflow/core/common_runtime/local_device.cc)."""
ONE_ORDER = "makes TensorFlow take kernels that always sum in one order, which are slower"

# The effects of TF_* and MPS_* were read out of the published library of tensorflow-metal 1.2.0.
INFO = FrameworkInfo(
    name="tensorflow",
    label="TensorFlow",
    engines=(
        Engine(
            name="tensorflow",
            framework="tensorflow",
            precision="float32",
            compiler=TF_FUNCTION,
            label="TensorFlow",
            light_hue="#0b66b0",
            dark_hue="#6cb6ff",
            marker="s",
            line=(0, (3.5, 1.6)),
            shape="■",
        ),
        Engine(
            name="tensorflow-xla",
            framework="tensorflow",
            precision="float32",
            compiler=XLA,
            label="TensorFlow XLA",
            light_hue="#173f8a",
            dark_hue="#cbdaff",
            marker="P",
            line=(0, (3.5, 1.6, 1.0, 1.6)),
            shape="✚",
            not_on={"mps": "Apple's plugin for TensorFlow has no XLA compiler."},
        ),
        Engine(
            name="tensorflow-bf16",
            framework="tensorflow",
            precision="bfloat16",
            compiler=TF_FUNCTION,
            label="TensorFlow bf16",
            light_hue="#0a7486",
            dark_hue="#5ccfe0",
            marker="h",
            line=(0, (5.0, 1.0, 2.0, 1.0)),
            shape="⬢",
        ),
        Engine(
            name="tensorflow-fp16",
            framework="tensorflow",
            precision="float16",
            compiler=TF_FUNCTION,
            label="TensorFlow fp16",
            light_hue="#4a52c4",
            dark_hue="#908cff",
            marker="X",
            line=(0, (1.0, 1.6)),
            shape="✖",
            not_on={"cpu": "float16 is for a GPU; on a CPU there is tensorflow-bf16."},
        ),
    ),
    packages=("tensorflow", "tensorflow-metal", "keras"),
    required=("tensorflow", "keras"),
    pip_extra="tensorflow",
    variables={
        "TF_MTL_ENABLE_LAYER_PRINT": Variable(
            effect="makes Apple's plugin print every layer while it is timed", platform="darwin"
        ),
        "TF_MPS_DISABLE_ALLOCATION_CACHE": Variable(
            effect="makes Apple's plugin allocate memory anew each time", platform="darwin"
        ),
        "MPS_MAX_COMMIT_COUNT": Variable(
            effect="changes how Apple's plugin hands work to the GPU", platform="darwin"
        ),
        "MPS_ENABLE_GEMM_PLUGIN": Variable(
            effect="makes Apple's plugin multiply matrices another way", platform="darwin"
        ),
        "MPS_DEVICE_CACHE_SIZE": Variable(
            effect="changes how much memory Apple's plugin keeps", platform="darwin"
        ),
        "TF_XLA_FLAGS": Variable(effect="changes what TensorFlow hands to XLA"),
        INTRA_OP: Variable(effect="changes how many processor threads TensorFlow computes with"),
        "TF_NUM_INTEROP_THREADS": Variable(
            effect="changes how many operations TensorFlow runs side by side"
        ),
        "TF_DETERMINISTIC_OPS": Variable(effect=ONE_ORDER, harmless="0"),
        "TF_CUDNN_DETERMINISTIC": Variable(effect=ONE_ORDER, harmless="0"),
        "TF_CUDNN_USE_AUTOTUNE": Variable(
            effect="changes whether TensorFlow looks for the fastest convolution", harmless="1"
        ),
        "TF_GPU_THREAD_MODE": Variable(effect="changes how TensorFlow hands work to the GPU"),
        "TF_GPU_ALLOCATOR": Variable(effect="changes how TensorFlow takes memory from the GPU"),
        "TF_FORCE_GPU_ALLOW_GROWTH": Variable(
            effect="changes how much of the GPU's memory TensorFlow takes", harmless="true"
        ),
        "TF_FUNCTION_JIT_COMPILE_DEFAULT": Variable(
            effect="makes TensorFlow compile with XLA", harmless="false"
        ),
        "TF_ENABLE_ONEDNN_OPTS": Variable(
            effect="makes TensorFlow's CPU kernels others, with other rounding and speed"
        ),
        "KERAS_BACKEND": Variable(
            effect="is ignored by this suite", overridden=True, harmless="tensorflow"
        ),
    },
    recorded_prefixes=(
        *("MPS_", "TF_MTL_", "TF_MPS_", "TF_XLA_", "TF_ENABLE_ONEDNN_OPTS", "TF_NUM_", "TF_GPU_"),
        *("TF_DETERMINISTIC_OPS", "TF_CUDNN_", "TF_FORCE_GPU_ALLOW_GROWTH", "TF_FUNCTION_"),
    ),
    usual_loop="https://www.tensorflow.org/tutorials/load_data/images",
    device_fixes={
        "mps": REINSTALL,
        "cuda": "in a second clone: make bench FRAMEWORKS=tensorflow-cuda ARGS='--framework tensorflow'",
    },
    mac_plugin=MacPlugin(
        package="tensorflow-metal",
        clashes=(
            # TensorFlow 2.20 lacks symbols that plugin 1.2.0 links against (tensorflow#126360); no
            # plugin 1.3 is known. TensorFlow 2.18 lacks those of plugin 1.1.0 (tensorflow#84167).
            ((2, 20), (1, 3)),
            ((2, 18), (1, 2)),
        ),
        suspects=(
            # Keras 3.7 adds the bias with tf.nn.bias_add. When ReLU follows, Apple's plugin computes
            # the Dense layer wrongly in graphs (keras#21668).
            Suspect(
                package="keras",
                first=(3, 7),
                warning="Keras {version} builds Dense layers that Apple's plugin can compute wrongly;"
                " this suite switches that part of it off, and checks the GPU against a reference before"
                " each cell.",
            ),
        ),
    ),
)
