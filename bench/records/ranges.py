"""The range of each figure in a run, checked before anything is derived from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import msgspec

from bench.records.read import LoadedRun, Problems, format_value

POSITIVE, COUNT = (1e-12, math.inf), (1, 1e15)
SECONDS = (1e-7, 1e9)
LOSS = (-1e-4, 1e30)  # rounding may give a loss just below 0
SHARE, NOT_NEGATIVE = (0, 1), (0, math.inf)
RANGES: dict[str, tuple[float, float]] = {
    **dict.fromkeys(("epoch", "stage", "epochs", "patience", "batch_size", "steps_per_epoch"), COUNT),
    **dict.fromkeys(("images", "train_images", "validation_images", "test_images"), COUNT),
    **dict.fromkeys(("parameters", "forward_flops", "probe_flops", "memory_bytes"), COUNT),
    **dict.fromkeys(("peak_host_bytes", "peak_device_bytes", "baseline_host_bytes"), COUNT),
    **dict.fromkeys(("train_seconds", "evaluate_seconds", "best_weights_seconds"), SECONDS),
    **dict.fromkeys(("checkpoint_seconds", "probe_seconds", "total_seconds"), SECONDS),
    **dict.fromkeys(("train_loss", "validation_loss", "test_loss"), LOSS),
    **dict.fromkeys(("train_accuracy", "validation_accuracy", "test_accuracy"), SHARE),
    **dict.fromkeys(("step_images_per_second", "flops_per_second", "bytes_per_second"), POSITIVE),
    **dict.fromkeys(("energy_joules", "idle_watts"), POSITIVE),  # each part
    **dict.fromkeys(("load", "available_memory_bytes", "swap_used_bytes"), NOT_NEGATIVE),
    **dict.fromkeys(("swapped_in_bytes", "swapped_out_bytes", "seconds", "seed"), NOT_NEGATIVE),
    **dict.fromkeys(("after_epoch", "resumed_after"), NOT_NEGATIVE),
    "image_size": (1, 4096),
    "converged_at": COUNT,
    "pipeline_ratio": POSITIVE,
    "roofline_share": POSITIVE,
    "shares": SHARE,
}
"""Field -> its minimum and maximum. A field that is null was not measured and is not checked."""


def figures_in_range(run: LoadedRun) -> Problems:
    """Every figure lies in the range of its field."""
    for path, name, value in _leaves(msgspec.to_builtins(replace(run, benchmark=None))):
        if name in RANGES and isinstance(value, int | float):
            lower, upper = RANGES[name]
            if not lower <= value <= upper:
                yield f"{path} is {format_value(value)}, which it cannot be"


def _leaves(value: Any, path: str = "", name: str = "") -> Iterator[tuple[str, str, Any]]:
    """(Path, field, value) of every plain value; each part of `energy_joules` counts as that field."""
    if isinstance(value, dict):
        for key, inner in value.items():
            field = name if name in ("energy_joules", "idle_watts") else key
            yield from _leaves(inner, f"{path}.{key}".lstrip("."), field)
    elif isinstance(value, list | tuple):
        for index, inner in enumerate(value):
            yield from _leaves(inner, f"{path}[{index}]", name)
    else:
        yield path, name, value
