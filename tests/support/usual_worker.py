"""Both loops of one engine on narrow networks: `python -m tests.support.usual_worker ENGINE` prints JSON.

The learning rate is higher than the recipe's, so that they learn within seconds from the frameworks' own
first weights.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from typing import Any

from msgspec.structs import replace as replaced

from alexnet import spec
from alexnet.recipe import EXPERIMENTS, Stage
from bench.usual_loop import plan_of, prepare
from tests.support.narrow import narrow_variants

NARROWER = 8
BATCH, STEPS, ROUNDS = 16, 10, 24
RATE = 0.05
IMAGE_SIZE = 64


def answers(engine: str, experiment: str) -> dict[str, Any]:
    """What the comparison says of itself, and of so many rounds on the same few images."""
    recipe = EXPERIMENTS[experiment].recipe
    stages = (Stage(epochs=1, learning_rate=RATE),)
    recipe = replace(recipe, batch_size=BATCH, stages=stages)
    EXPERIMENTS[experiment] = replace(EXPERIMENTS[experiment], recipe=recipe)
    plan = plan_of(experiment, steps=STEPS, image_size=IMAGE_SIZE, data_folder=None)
    comparison = prepare(engine, "cpu", experiment=experiment, plan=plan, data_folder=None)
    comparison.check()
    way, tried = comparison.fastest_way()
    rows = comparison.rows(ROUNDS)
    taken, _ = comparison.usual.train(comparison.usual.rows[0], 1 + comparison.steps)
    return {
        "parameters": [comparison.ours.net.parameters, comparison.usual.parameters],
        "steps": [comparison.steps, taken],
        "ways": list(comparison.usual.ways),
        "way": way,
        "tried": tried,
        "rows": {name: asdict(row) for name, row in rows.items()},
    }


def main() -> None:
    spec.VARIANTS.update(narrow_variants(NARROWER))
    json.dump(answers(sys.argv[1], sys.argv[2]), sys.stdout)


if __name__ == "__main__":
    main()
