"""The rule that a gate's precision follows from what it measured; runs of unlike precisions."""

from __future__ import annotations

from alexnet.frameworks.registry import ENGINES
from bench.records.limits import MANTISSA_BITS
from bench.records.mismatch import mismatch
from bench.records.precision import (
    MIN_BITS,
    POWERS,
    WINOGRAD_BITS_OF,
    cells_by_precision,
    least_exact,
    max_lost_powers,
    precision_word,
)
from bench.records.read import LoadedFile, LoadedRun, Problems, format_value
from bench.records.words import precisions_text

CHECKS = ("precision", "range")
"""The gate's checks of what `gate.arithmetic` has."""


def precision_follows_from_the_arithmetic(run: LoadedRun) -> Problems:
    """Word, checks and their limits follow from the bits that were measured and the engine's promise."""
    if (gate := run.gate) is None:
        return
    checks = {check.name: check for check in gate.checks if check.name in CHECKS}
    if (arithmetic := gate.arithmetic) is None:
        yield from mismatch("gate.precision", gate.precision, None)
        yield from (f"gate.arithmetic is null, and gate.checks has {format_value(c)}" for c in checks)
        return
    missing = [name for name in WINOGRAD_BITS_OF if name not in arithmetic.mantissa_bits]
    yield from (f"gate.arithmetic.mantissa_bits has no {format_value(name)}" for name in missing)
    unknown = [name for name in arithmetic.mantissa_bits if name not in WINOGRAD_BITS_OF]
    yield from (
        f"gate.arithmetic.mantissa_bits has {format_value(n)}, which no gate has" for n in unknown
    )
    if arithmetic.lost_powers != tuple(p for p in POWERS if p in arithmetic.lost_powers):
        yield f"gate.arithmetic.lost_powers are not some of {format_value(POWERS)}, each once"
    yield from mismatch("gate.precision", gate.precision, precision_word(arithmetic))
    promised = ENGINES[run.cell.engine].precision
    _, bits = least_exact(arithmetic)
    expected = {
        "precision": (bits, MIN_BITS[promised], float(MANTISSA_BITS)),
        "range": (len(arithmetic.lost_powers), 0, max_lost_powers(promised)),
    }
    for name, check in checks.items():
        for field, value in zip(("measured", "lower", "upper"), expected[name], strict=True):
            yield from mismatch(f"gate.checks {name}.{field}", getattr(check, field), value)


def unlike_precisions(file: LoadedFile) -> Problems:
    """A sentence for each experiment whose runs computed in unlike precisions; a null is none."""
    for experiment in dict.fromkeys(run.cell.experiment for run in file.runs):
        cells = cells_by_precision(run for run in file.runs if run.cell.experiment == experiment)
        if len(cells) > 1:
            yield f"the runs of {experiment} computed in unlike precisions: {precisions_text(cells)}"
