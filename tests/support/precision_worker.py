"""What the gate finds out of a real framework's precision on the CPU, in a process of its own.

`python -m tests.support.precision_worker ENGINE` prints JSON: as it trains, and in torch also under
autocast: the word, the bits of each operation, and the failed checks of a promise of float32.
"""

from __future__ import annotations

import json
import sys
from dataclasses import replace
from typing import Any

from alexnet.frameworks import registry
from bench.gate.precision import check_precision, measure_arithmetic
from bench.records.precision import precision_word


def autocast(backend: Any, dtype: str) -> Any:
    """torch's backend with its products and convolutions under autocast."""
    torch: Any = sys.modules["torch"]  # as its backend has imported it
    backend.form = replace(backend.form, autocast=getattr(torch, dtype))
    return backend


def answer(backend: Any) -> dict[str, Any]:
    arithmetic = measure_arithmetic(backend)
    checks = check_precision(arithmetic, "float32", on="cpu")
    return {
        "word": precision_word(arithmetic),
        "bits": arithmetic.mantissa_bits,
        "failed": [check.name for check in checks if not check.passed],
    }


def main() -> None:
    backend = registry.backend(sys.argv[1], "cpu")
    answers = {"as it trains": answer(backend)}
    if "torch" in backend.versions():
        answers |= {dtype: answer(autocast(backend, dtype)) for dtype in ("bfloat16", "float16")}
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
