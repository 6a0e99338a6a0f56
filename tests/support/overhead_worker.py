"""The count of one engine on a narrow network at 64 px.

`python -m tests.support.overhead_worker ENGINE FOLDER` prints each part with its seconds, and the ratio
of three pairs.
"""

from __future__ import annotations

import sys
from pathlib import Path

from msgspec.structs import replace

from alexnet import spec
from bench.overhead.count import count, plan_of
from bench.overhead.training import prepare_training
from tests.support.narrow import narrow_variants

NARROWER = 8


def main(engine: str, folder: Path) -> None:
    spec.VARIANTS.update(narrow_variants(NARROWER))
    plan = replace(plan_of(3), image_size=64)
    found = count(prepare_training(engine, "cpu", plan=plan, session_folder=folder), 3, folder)
    for part in found.parts:
        print(part.name, part.seconds)
    print("pairs", found.pairs.ratio.ratio)


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
