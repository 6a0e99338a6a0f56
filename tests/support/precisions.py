"""Made-up engines of lower precision and with a compiler, and runs of them for the report's tests."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace as replace_row
from typing import Any

from msgspec.structs import replace

from bench.records.types import Plan, PrecisionWord
from tests.support.report_files import FULL, JITTER, KNOTS, LOOM, epochs_of, run_of

HALF = replace_row(
    KNOTS,
    name="torch-half",
    precision="float16",
    label="PyTorch half",
    light_hue="#5c8f3f",
    dark_hue="#bbee9f",
    marker="p",
    line=(0, (9.0, 1.0)),
    shape="⯂",
)
"""An engine of torch that computes in float16."""
WARP = replace_row(
    LOOM,
    name="loom-warp",
    precision="bfloat16",
    label="Loom warp",
    light_hue="#3f5c8f",
    dark_hue="#9fbbee",
    marker="*",
    line=(0, (8.0, 2.0)),
    shape="✦",
)
"""An engine of Loom that computes in bfloat16."""
Side = tuple[str, float, PrecisionWord]
"""An engine, its seconds an epoch, and the precision that its gate measured."""
WHOLE = replace(FULL, patience=5)
"""The whole protocol of `scratch`, of whose accuracy something may be claimed."""
FALLING = [2.0 - 0.05 * epoch for epoch in range(15)]


def timed_run(
    engine: str,
    seconds: float,
    *,
    precision: PrecisionWord = "float32",
    first_step: float | None = None,
    experiment: str = "scratch",
    gigabytes: float = 2.0,
    jitter: Sequence[float] = JITTER,
    plan: Plan = FULL,
    **given: Any,
) -> dict[str, Any]:
    """A run of epochs of so many seconds, whose gate measured this precision.

    `first_step` are the seconds of the first step, which the first epoch takes more.
    """
    epochs = list(epochs_of([seconds * each for each in jitter]))
    if first_step is not None:
        longer = epochs[0].train_seconds + first_step
        epochs[0] = replace(epochs[0], first_step_seconds=first_step, train_seconds=longer)
        epochs[0] = replace(epochs[0], wall_seconds=longer)
    epochs = [replace(epoch, peak_host_bytes=int(gigabytes * 1e9)) for epoch in epochs]
    start = {"baseline_host_bytes": 10**9}
    run = run_of(experiment, engine, epochs, plan=plan, start=start, **given)
    run["gate"]["precision"] = precision
    return run


def in_turn(*engines: Side, repeats: int = 3, experiment: str = "scratch") -> list[dict[str, Any]]:
    """Runs of (engine, seconds an epoch, precision), the order turned each time: leads decide."""
    runs: list[dict[str, Any]] = []
    for repeat in range(repeats):
        order = engines if repeat % 2 == 0 else engines[::-1]
        for engine, seconds, precision in order:
            slower = 1 + 0.002 * repeat
            at = f"2026-11-20T{9 + len(runs) // 60:02d}:{len(runs) % 60:02d}:00+00:00"
            runs.append(
                timed_run(
                    engine,
                    seconds * slower,
                    precision=precision,
                    repeat=repeat,
                    started_at=at,
                    experiment=experiment,
                )
            )
    return runs
