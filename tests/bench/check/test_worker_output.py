"""A file made by the worker's and the session's own code holds."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from alexnet.spec import network
from alexnet.weights import fingerprint, initialise
from bench.host.condition import current_condition
from bench.host.limits import Limits
from bench.host.machine import describe
from bench.ipc.messages import Job
from bench.meters.meters import Meters
from bench.records.cell_recipe import recipe_of
from bench.records.types import Gate, Roofline
from bench.worker.job import FirstWeights, build_start, load_data
from bench.worker.result import build_result
from bench.worker.training_loop import TrainingLoop
from tests.support.samples import ARITHMETIC
from tests.support.saved_file import GATE_CHECKS, PLAN, SCRATCH, make_file, make_saved_run, passed_checks
from tests.support.saved_file_edits import violations_of


class PaperTrainer:
    """Answers at random and moves every weight a little each epoch."""

    def __init__(self, first: dict[str, Any]) -> None:
        self.now, self.rng = first, np.random.default_rng(0)

    def begin_stage(self, train: str) -> None: ...

    def to_device(self, images: Any, labels: Any) -> Any:
        return len(images)

    def part(self, batch: Any, start: int, size: int) -> Any:
        return size

    def step(self, batch: Any, learning_rate: float) -> None: ...

    def synchronize(self) -> None: ...

    def pop_metrics(self) -> tuple[float, float]:
        self.now = {name: array + np.float32(1) for name, array in self.now.items()}
        return 2.3, 0.1

    def logits(self, images: Any) -> Any:
        return self.rng.standard_normal((len(images), 10), np.float32)

    def weights(self) -> Any:
        return self.now

    def load(self, weights: Any) -> None: ...


class PaperBackend:
    device = "cpu"
    flops, seconds = 10**9, 0.02

    def versions(self) -> dict[str, str]:
        return {"torch": "2.14.1", "numpy": "2.0.2"}

    def settings(self) -> dict[str, str]:
        return {"threads": "2"}

    def device_name(self) -> str:
        return "CPU"

    def peak_device_bytes(self) -> int | None:
        return None

    def reset_peak_device_bytes(self) -> None: ...

    def measure_cold(self) -> float:
        return self.seconds

    def measure_after(self, train_seconds: float) -> float | None:
        return self.seconds


def test_what_the_worker_and_the_session_really_write_holds(tmp_path: Path) -> None:
    """Only the network's arithmetic is fake: loop, meters, result, verdict and saving are real."""
    paper: Any = PaperBackend()
    job = Job(
        cell=SCRATCH,
        plan=PLAN,
        data_folder=None,
        weights_file=None,
        session_folder=str(tmp_path),
        idle_watts=None,
        roofline=Roofline(flops_per_second=1e20, bytes_per_second=1e18),
        saved_epochs=None,
    )
    net, images = network("standard", image_size=64), load_data(job)
    first = FirstWeights(
        weights=initialise(net, seed=0), origin="he-uniform", source_sha256=None, sources=None
    )
    trainer: Any = PaperTrainer(first.weights)
    meters = Meters(paper, trainer.synchronize)
    before = current_condition()
    start = build_start(
        job,
        net,
        backend=paper,
        dataset=images,
        first=first,
        transfer=None,
        meters=meters,
        kernel=paper,
        limits=Limits(processors=8, visible=8, quota=1.5),
        baseline_host_bytes=10**8,
    )
    assert start.settings == {"threads": "2", "processor_limit": "1.5 of 8"}
    training = TrainingLoop(
        job=job,
        net=net,
        recipe=recipe_of(job.cell, job.plan),
        backend=paper,
        trainer=trainer,
        dataset=images,
        send=print,
        meters=meters,
        kernel=paper,
        start=start,
        first_weights={name: fingerprint({name: array}) for name, array in first.weights.items()},
    )
    epochs = list(training.epochs())
    gate = Gate(
        checks=passed_checks(*GATE_CHECKS),
        not_checked=(),
        arithmetic=ARITHMETIC,
        precision="float32",
        seconds=1.0,
        weights_sha256=start.weights_sha256,
        batch_sha256="3" * 64,
    )
    machine = describe("paper")
    run = make_saved_run(
        machine,
        SCRATCH,
        gate=gate,
        before=before,
        start=start,
        epochs=epochs,
        result=build_result(training),
        after=current_condition(),
    )
    assert violations_of(make_file(machine, [run], [], [])) == []
