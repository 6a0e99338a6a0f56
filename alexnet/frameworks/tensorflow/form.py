"""How an engine runs TensorFlow."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Form:
    """`policy` is that of Keras's layers: what they compute in. Their weights are float32 under each.

    The loss is multiplied by `loss_scale` before it is differentiated, and each gradient divided by it:
    the gradients of float16 would else be too small for its exponent. `jit_compile` hands the step to
    XLA, which makes one program of it.
    """

    policy: str = "float32"
    loss_scale: float = 1.0
    jit_compile: bool = False


FLOAT32 = Form()
