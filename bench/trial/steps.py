"""The child's side of a trial: one cell's training step, timed on a batch that lies on the device."""

from __future__ import annotations

from time import perf_counter

from alexnet import data
from alexnet import weights as canonical
from alexnet.frameworks import registry
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import network
from bench.ipc.child import ParentPipe
from bench.ipc.messages import Job, Trial
from bench.records.cell_recipe import recipe_of

TRIAL_SECONDS, LEAST_STEPS = 2.0, 2
"""How long the steps that count take at least, and how many they are at least; those before warm up."""


def run_trial(job: Job, parent: ParentPipe) -> None:
    """Times the step of the last stage and sends the Trial.

    Weights are drawn and pixels made up, since neither changes how long a step takes, and so nothing
    need be read or downloaded. The first step compiles and is not timed. Then 1, 2, 4, ... steps are
    timed, until they take TRIAL_SECONDS, and two at least: the second step of all still warms
    up, and took 1.8 times as long as those of an epoch (torch on a CPU, 224 px).
    """
    recipe, experiment = recipe_of(job.cell, job.plan), EXPERIMENTS[job.cell.experiment]
    net = network(experiment.variant, image_size=job.plan.image_size)
    backend = registry.backend(job.cell.engine, job.cell.device)
    seed = job.cell.seed
    trainer = backend.trainer(net, canonical.initialise(net, seed=seed), recipe, seed=seed)
    trainer.begin_stage(recipe.stages[-1].train)
    made_up = data.synthetic(recipe.batch_size, seed=0)
    batch = trainer.to_device(made_up.images, made_up.labels)
    trainer.step(batch, 0.0)
    trainer.synchronize()
    steps, seconds = 0, 0.0
    while seconds < TRIAL_SECONDS or steps < LEAST_STEPS:
        steps = 2 * steps or 1
        began = perf_counter()
        for _ in range(steps):
            trainer.step(batch, 0.0)
        trainer.synchronize()
        seconds = perf_counter() - began
    parent.send(Trial(steps=steps, seconds=seconds))
