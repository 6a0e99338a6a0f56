"""One of each record, as a real run sends them."""

from __future__ import annotations

from bench.records import Cell, Epoch, Job, Plan, Result, Start

CELL = Cell(experiment="scratch", framework="torch", device="cpu", seed=0)

PLAN = Plan(
    profile="smoke",
    dataset="synthetic",
    data_provenance="made by this suite, as asked for",
    image_size=64,
    train_images=640,
    test_images=500,
    epochs=3,
    patience=5,
    batch_size=64,
)

START = Start(
    schema=1,
    started_at="2026-11-24T12:00:00+00:00",
    variant="standard",
    parameters=21_622_154,
    forward_flops=167_364_672,
    steps_per_epoch=10,
    data_sha256="0" * 64,
    train_images=640,
    validation_images=500,
    test_images=500,
    weights_origin="he-normal",
    weights_source_sha256=None,
    weights_sha256="1" * 64,
    device_name="CPU",
    versions={"torch": "2.14.1"},
    settings={"threads": "2"},
)

EPOCH = Epoch(
    epoch=1,
    stage=1,
    learning_rate=0.001,
    images=640,
    train_seconds=2.0,
    evaluate_seconds=0.5,
    checkpoint_seconds=0.1,
    train_loss=2.3,
    train_accuracy=0.1,
    validation_loss=2.2,
    validation_accuracy=0.15,
    peak_host_bytes=10**9,
    peak_device_bytes=None,
)

RESULT = Result(
    validity="valid",
    reasons=(),
    epochs=3,
    best_epoch=3,
    stopped="cap",
    converged_at=None,
    test_images=500,
    test_loss=2.1,
    test_accuracy=0.2,
    per_class_accuracy=(0.2,) * 10,
    confusion=((5,) * 10,) * 10,
    epoch_images_per_second=320.0,
    step_images_per_second=325.0,
    pipeline_ratio=0.98,
    peak_host_bytes=10**9,
    peak_device_bytes=None,
    weights_sha256="2" * 64,
    total_seconds=12.0,
)


def job(folder: str) -> Job:
    return Job(cell=CELL, plan=PLAN, data_folder=None, weights_file=None, scratch_folder=folder)
