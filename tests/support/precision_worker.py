"""What the gate finds out of a real framework's precision on the CPU, in a process of its own.

`python -m tests.support.precision_worker ENGINE` prints JSON: as it trains, and in torch also under
autocast: the word, the bits of each operation, and the failed checks of a promise of float32.
"""

from __future__ import annotations

import json
import sys
from typing import Any

from alexnet.frameworks import registry
from bench.gate.precision import check_precision, measure_arithmetic
from bench.records.precision import precision_word


class Autocast:
    """torch's backend with all that it computes under autocast."""

    def __init__(self, backend: Any, dtype: str) -> None:
        torch: Any = sys.modules["torch"]  # as its backend has imported it
        self.backend, self.context = backend, torch.autocast("cpu", getattr(torch, dtype))

    def forward_backward(self, *arguments: Any, **keywords: Any) -> Any:
        with self.context:
            return self.backend.forward_backward(*arguments, **keywords)

    def sums(self, rows: Any) -> Any:
        with self.context:
            return self.backend.sums(rows)


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
        answers |= {dtype: answer(Autocast(backend, dtype)) for dtype in ("bfloat16", "float16")}
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
