"""The kernels of Apple's plugin for TensorFlow: all that it can run on the GPU, by operation and type.

Read out of libmetal_plugin.dylib in the wheel of tensorflow-metal 1.2.0 for Python 3.11 (sha256
70f2e49f411a086ed56c91cbebba389afdeb0a11855ad17d56dd3216fc7495bb; all its wheels have the same one). Its
TF_InitKernel was run in an emulator of the arm64 processor. TensorFlow's functions were replaced by
ones that write down each kernel's name, type constraints and inputs in host memory: 560 kernels of 184
operations, all for the device "GPU". The plugin registers the stateless random ones only where macOS
offers what they need, and was told that it does. No Mac has confirmed the table yet.

`tests/support/metal_placement.py` holds the graphs that we run against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PLUGIN_VERSION = "1.2.0"


@dataclass(frozen=True, kw_only=True)
class Kernels:
    """The kernels of one operation.

    `types` maps an attribute to the dtypes that it may have; each combination has a kernel. `host` names
    the inputs that must lie in the host's memory; all other inputs, and the outputs, lie in the GPU's.
    """

    types: Mapping[str, frozenset[str]]
    host: frozenset[str]


_FLOATS = "float32 float16 bfloat16"
_INDICES = "int64 int32"
_CASTS = "float32 float16 bfloat16 int64 int32 int16 int8 bool"

_GROUPS: tuple[tuple[str, Mapping[str, str], str], ...] = (
    (
        "Add AddN AddV2 AvgPool BatchMatMul BatchMatMulV2 BiasAdd BiasAddGrad BiasAddV1 Conv2D "
        "CudnnRNN CudnnRNNBackprop DepthwiseConv2dNative Div DivNoNan Equal Erf Exp Floor "
        "Greater GreaterEqual LeakyRelu LeakyReluGrad Less LessEqual Log LogSoftmax MatMul "
        "MaxPool MaxPoolGrad Maximum Minimum Mul Neg NotEqual Pow RealDiv Reciprocal Relu Relu6 "
        "Relu6Grad ReluGrad Rsqrt Select SelectV2 Softmax SoftmaxCrossEntropyWithLogits "
        "SparseSoftmaxCrossEntropyWithLogits Sqrt SquaredDifference Sub Tanh TanhGrad "
        "TruncateDiv",
        {"T": _FLOATS},
        "",
    ),
    (
        "ApplyAdadelta ApplyAdagrad ApplyAdagradV2 ApplyAdam ApplyCenteredRMSProp "
        "ApplyGradientDescent ApplyMomentum ApplyRMSProp DepthToSpace InTopK L2Loss Log1p "
        "OnesLike RsqrtGrad Sigmoid SigmoidGrad SpaceToDepth ZerosLike _ParallelConcatUpdate",
        {"T": "float32"},
        "",
    ),
    (
        "ScatterNdAdd ScatterNdMax ScatterNdMin ScatterNdNonAliasingAdd ScatterNdSub "
        "ScatterNdUpdate TensorScatterAdd TensorScatterMax TensorScatterMin TensorScatterSub "
        "TensorScatterUpdate",
        {"T": "float32", "Tindices": _INDICES},
        "",
    ),
    ("FusedBatchNormGradV3 FusedBatchNormV3 _FusedBatchNormEx", {"T": _FLOATS, "U": "float32"}, ""),
    ("LogicalAnd LogicalNot LogicalOr", {}, ""),
    ("_FusedBatchMatMulV2 _FusedConv2D _FusedMatMul", {"T": "float32 float16"}, ""),
    ("Gather GatherNd", {"Tparams": "float32 float16 bfloat16 int32", "Tindices": _INDICES}, ""),
    ("Sign Square", {"T": "float32 float16 bfloat16 int32"}, ""),
    ("Abs", {"T": "float32 float16 bfloat16 int64 int32"}, ""),
    ("Cast", {"SrcT": _CASTS, "DstT": _CASTS}, ""),
    ("DataFormatVecPermute", {"T": _INDICES}, ""),
    ("Snapshot", {"T": "float32 int64 int32"}, ""),
    ("TopK", {"T": "float32 int32"}, ""),
    ("_ParallelConcatStart", {"dtype": "float32"}, ""),
    (
        "ResourceScatterAdd ResourceScatterDiv ResourceScatterMax ResourceScatterMin "
        "ResourceScatterMul ResourceScatterSub ResourceScatterUpdate",
        {"dtype": "float32", "Tindices": _INDICES},
        "resource",
    ),
    (
        "ResourceScatterNdAdd ResourceScatterNdMax ResourceScatterNdMin ResourceScatterNdSub "
        "ResourceScatterNdUpdate",
        {"T": "float32", "Tindices": _INDICES},
        "ref",
    ),
    (
        "ResourceApplyAdagrad ResourceApplyAdagradV2 ResourceApplyKerasMomentum ResourceApplyMomentum",
        {"T": "float32"},
        "accum var",
    ),
    ("Max Mean Min Sum", {"T": _FLOATS, "Tidx": _INDICES}, "reduction_indices"),
    ("MirrorPad MirrorPadGrad Pad", {"T": _FLOATS, "Tpaddings": _INDICES}, "paddings"),
    ("RandomStandardNormal RandomUniform TruncatedNormal", {"dtype": "float32 float16"}, "shape"),
    (
        "StatelessRandomNormal StatelessRandomUniform StatelessTruncatedNormal",
        {"dtype": "float32 float16"},
        "seed shape",
    ),
    (
        "StatelessRandomNormalV2 StatelessRandomUniformV2 StatelessTruncatedNormalV2",
        {"dtype": "float32 float16"},
        "alg counter key shape",
    ),
    ("ArgMax ArgMin", {"T": "float32 int32", "output_type": "int32", "Tidx": "int32"}, "dimension"),
    ("AssignAddVariableOp AssignSubVariableOp", {"dtype": "float32 int64 uint64"}, "resource"),
    ("Conv2DBackpropFilter DepthwiseConv2dNativeBackpropFilter", {"T": _FLOATS}, "filter_sizes"),
    ("Conv2DBackpropInput DepthwiseConv2dNativeBackpropInput", {"T": _FLOATS}, "input_sizes"),
    ("CudnnRNNBackpropV2 CudnnRNNV2", {"T": _FLOATS}, "host_reserved"),
    ("CudnnRNNBackpropV3 CudnnRNNV3", {"T": _FLOATS}, "host_reserved sequence_lengths"),
    ("AssignVariableOp", {"dtype": "float32 float16 float64 int64 uint64 bool"}, "resource"),
    ("AvgPoolGrad", {"T": _FLOATS}, "orig_input_shape"),
    ("BroadcastTo", {"T": _FLOATS}, "shape"),
    ("Concat", {"T": _FLOATS}, "concat_dim"),
    ("ConcatV2", {"T": _FLOATS}, "axis"),
    ("Fill", {"T": "float32", "index_type": "int32"}, "dims value"),
    ("GatherV2", {"Tparams": "float32 float16 bfloat16 int32", "Tindices": _INDICES}, "axis"),
    ("InTopKV2", {"T": _INDICES}, "k"),
    ("OneHot", {"T": "float32", "TI": _INDICES}, "depth off_value on_value"),
    ("PadV2", {"T": _FLOATS, "Tpaddings": _INDICES}, "constant_values paddings"),
    ("Prod", {"T": "float32 float16 bfloat16 int32", "Tidx": _INDICES}, "reduction_indices"),
    ("Range", {"Tidx": "float32 int64 int32"}, "delta limit start"),
    ("ResizeBilinear", {"T": "float32"}, "size"),
    ("ResourceApplyAdadelta", {"T": "float32"}, "accum accum_update var"),
    ("ResourceApplyAdam", {"T": "float32"}, "m v var"),
    ("ResourceApplyAdamWithAmsgrad", {"T": "float32"}, "m v var vhat"),
    ("ResourceApplyCenteredRMSProp", {"T": "float32"}, "mg mom ms var"),
    ("ResourceApplyGradientDescent", {"T": "float32"}, "var"),
    ("ResourceApplyRMSProp", {"T": "float32"}, "mom ms var"),
    ("ResourceGather", {"dtype": "float32 float16 bfloat16 int64", "Tindices": _INDICES}, "resource"),
    ("ReverseSequence", {"T": "float32", "Tlen": _INDICES}, "seq_lengths"),
    ("RngReadAndSkip", {}, "alg delta resource"),
    ("RngSkip", {}, "algorithm delta resource"),
    ("ScatterNd", {"T": "float32", "Tindices": _INDICES}, "shape"),
    ("Slice", {"T": _FLOATS}, "begin size"),
    ("Split", {"T": _FLOATS}, "split_dim"),
    ("SplitV", {"T": _FLOATS, "Tlen": _INDICES}, "size_splits split_dim"),
    ("StatelessRandomUniformFullInt", {"dtype": "int64 int32 uint64 uint32"}, "seed shape"),
    ("StatelessRandomUniformFullIntV2", {"dtype": "int64 int32 uint64 uint32"}, "alg counter key shape"),
    ("StatelessRandomUniformInt", {"dtype": _INDICES}, "maxval minval seed shape"),
    ("StatelessRandomUniformIntV2", {"dtype": _INDICES}, "alg counter key maxval minval shape"),
    ("StridedSlice", {"T": _FLOATS}, "begin end strides"),
    ("StridedSliceGrad", {"T": _FLOATS}, "begin end shape strides"),
    ("Tile", {"T": "float32 float16 bfloat16 int32", "Tmultiples": _INDICES}, "multiples"),
    ("TopKV2", {"T": "float32 int32"}, "k"),
    ("Transpose", {"T": "float32 float16 bfloat16 int64 int32"}, "perm"),
    ("UnsortedSegmentSum", {"T": "float32", "Tindices": _INDICES}, "num_segments"),
)
"""(operations, attribute -> dtypes, inputs on the host), each with spaces between."""

KERNELS: Mapping[str, Kernels] = {
    operation: Kernels(
        types={attribute: frozenset(dtypes.split()) for attribute, dtypes in types.items()},
        host=frozenset(host.split()),
    )
    for operations, types, host in _GROUPS
    for operation in operations.split()
}
"""Operation -> its kernels. An operation that is not here has none."""
