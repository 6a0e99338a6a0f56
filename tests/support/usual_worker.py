"""Both loops of one engine on narrow networks.

`python -m tests.support.usual_worker ENGINE` prints JSON.
The learning rate is higher than the recipe's, so that a narrow network learns within seconds.
"""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from alexnet import pixels, spec
from alexnet.recipe import EXPERIMENTS, SCRATCH, Stage
from bench.usual_loop import OURS, Comparison, plan_of, prepare
from tests.support.narrow import narrow_variants

NARROWER = 4
RATE = 0.005
BATCH, STEPS, ROUNDS, EPOCHS = 32, 10, 3, 20
SIZE = 64


def comparison_of(engine: str, experiment: str) -> Comparison:
    recipe = replace(
        EXPERIMENTS[experiment].recipe,
        batch_size=BATCH,
        stages=(Stage(epochs=1, learning_rate=RATE),),
    )
    EXPERIMENTS[experiment] = replace(EXPERIMENTS[experiment], recipe=recipe)
    plan = plan_of(experiment, steps=STEPS, image_size=SIZE, data_folder=None)
    return prepare(engine, "cpu", experiment=experiment, plan=plan, data_folder=None)


def answers(engine: str) -> dict[str, Any]:
    comparison = comparison_of(engine, "scratch")
    comparison.check()
    usual, ours = comparison.usual, comparison.ours
    way, tried = comparison.fastest_way()
    rows = comparison.rows(ROUNDS)
    losses = {
        row: [usual.train(row, comparison.steps)[1] for _ in range(EPOCHS // len(usual.rows))]
        for row in usual.rows
    }
    augmented = comparison_of(engine, "augmented")
    return {
        "parameters": [ours.net.parameters, usual.parameters],
        "steps": [comparison.steps, usual.train(usual.rows[0], 1 + comparison.steps)[0]],
        "ways": list(usual.ways),
        "way": way,
        "tried": tried,
        "rows": {name: asdict(row) for name, row in rows.items()},
        "losses": losses,
        "augmented": [augmented.usual.train(row, STEPS) for row in usual.rows],
        "ours": OURS,
        "pixels": pixels_off(usual, ours.dataset.train),
    }


def pixels_off(usual: Any, split: Any) -> dict[str, float]:
    """Way -> how far its pixels are off the reference's, at most; JAX resizes within its step."""
    images, labels = split.images[:4], split.labels[:4]
    exact = pixels.prepare(images, SCRATCH, size=SIZE)
    made: dict[str, Any] = {}
    if hasattr(usual, "model") and hasattr(usual, "dataset"):
        made["by batch"] = usual._resized(images, labels)[0].numpy()
        made["by image"] = np.stack([usual._resized(image, 0)[0].numpy() for image in images])
    elif hasattr(usual, "loader"):
        torch: Any = sys.modules["torch"]
        for way in usual.ways:
            usual.use(way, 1)
            tensors = torch.stack([usual.loader.dataset[at][0] for at in range(len(images))])
            made[way] = tensors.permute(0, 2, 3, 1).numpy()
    return {way: float(np.abs(array - exact).max()) for way, array in made.items()}


def main() -> None:
    spec.VARIANTS.update(narrow_variants(NARROWER))
    json.dump(answers(sys.argv[1]), sys.stdout)


if __name__ == "__main__":
    main()
