"""One of each record, as a real run sends them."""

from __future__ import annotations

import base64

from bench.ipc.messages import Job
from bench.records.precision import WINOGRAD_BITS_OF
from bench.records.types import (
    Arithmetic,
    Cell,
    Check,
    Condition,
    Drift,
    Epoch,
    Gate,
    Interference,
    Machine,
    Pictures,
    Plan,
    Reads,
    Result,
    Roofline,
    Start,
    TransferredTensor,
)

CELL = Cell(experiment="scratch", engine="torch", device="cpu", seed=0)

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
    steps_per_epoch=None,
)

MACHINE = Machine(
    name="test-machine",
    chip="Apple M1 Pro",
    model="MacBookPro18,3",
    cpu_cores={"performance": 8, "efficiency": 2},
    gpu="Apple M1 Pro",
    gpu_cores=16,
    memory_bytes=34_359_738_368,
    os="macOS 15.6.1",
    os_build="24G90",
    python="3.12.8",
    architecture="arm64",
    translated=False,
    virtual=False,
    packages={"torch": "2.14.1", "tensorflow": "2.18.1"},
)

CONDITION = Condition(
    taken_at="2026-11-24T11:59:58+00:00",
    power="mains",
    low_power=False,
    thermal="nominal",
    load=0.4,
    available_memory_bytes=20_000_000_000,
    swap_used_bytes=0,
    swapped_in_bytes=0,
    swapped_out_bytes=0,
)

ROOFLINE = Roofline(flops_per_second=200e9, bytes_per_second=36e9)

CHECK = Check(
    name="logits",
    measured=1.5e-6,
    lower=0.0,
    upper=2.4e-5,
    description="the compiled logits on cpu, against the reference in float64",
)

ARITHMETIC = Arithmetic(
    mantissa_bits=dict.fromkeys(WINOGRAD_BITS_OF, 19.5) | {"matrix product": 19.25}, lost_powers=()
)

GATE = Gate(
    checks=(CHECK,),
    not_checked=(),
    arithmetic=ARITHMETIC,
    precision="float32",
    weights_sha256="1" * 64,
    batch_sha256="3" * 64,
    seconds=9.5,
)

TENSOR = TransferredTensor(
    name="conv1.bias", shape=(64,), source="features.0.bias", layout="as it is", sha256="6" * 64
)
START = Start(
    started_at="2026-11-24T12:00:00+00:00",
    variant="standard",
    parameters=21_622_154,
    forward_flops=167_364_672,
    steps_per_epoch=10,
    data_sha256="0" * 64,
    train_images=640,
    validation_images=500,
    test_images=500,
    weights_origin="he-uniform",
    weights_source_sha256=None,
    weights_sha256="1" * 64,
    weight_transfer=None,
    device_name="CPU",
    versions={"torch": "2.14.1"},
    settings={"threads": "2"},
    meters={"time": Reads(kind="perf counter"), "energy": Reads(kind="no counter")},
    baseline_host_bytes=5 * 10**8,
    idle_watts=None,
    roofline=ROOFLINE,
    probe_flops=2 * 10**9,
    probe_seconds=0.02,
)

INTERFERENCE = Interference(
    busy_cpu_seconds=3.97,
    idle_cpu_seconds=0.03,
    own_cpu_seconds=3.96,
    stolen_cpu_seconds=0.0,
    gpu_share=None,
)
"""Of 2 s on two processors, with next to nothing else at work."""

EPOCH = Epoch(
    epoch=1,
    warm_up=True,
    stage=1,
    learning_rate=0.001,
    images=640,
    first_step_seconds=0.3,
    train_seconds=2.0,
    wall_seconds=2.0,
    feed_seconds=0.01,
    evaluate_seconds=0.5,
    best_weights_seconds=0.1,
    checkpoint_seconds=None,
    probe_seconds=0.02,
    train_loss=2.3,
    train_accuracy=0.1,
    validation_loss=2.2,
    validation_accuracy=0.15,
    peak_host_bytes=10**9,
    peak_device_bytes=None,
    energy_joules=None,
    interference=INTERFERENCE,
)

PICTURES = Pictures(
    positions=tuple(range(10)),
    pixels=base64.b64encode(bytes(10 * 32 * 32 * 3)).decode(),
    labels=tuple(range(10)),
    answers=(0,) * 10,
    shares=(0.2,) * 10,
)

RESULT = Result(
    epochs=3,
    best_epoch=3,
    stopped="cap",
    converged_at=None,
    test_images=500,
    test_loss=2.1,
    test_accuracy=0.2,
    per_class_accuracy=(0.2,) * 10,
    confusion=((5,) * 10,) * 10,
    pictures=PICTURES,
    epoch_images_per_second=320.0,
    step_images_per_second=325.0,
    step_seconds=640 / 325.0,
    step_interference=INTERFERENCE,
    pipeline_ratio=0.98,
    achieved_flops_per_second=160e9,
    roofline_share=0.8,
    drift=Drift(
        early_images_per_second=320.0,
        late_images_per_second=318.0,
        drift=-0.00625,
        probe_drift=0.0,
    ),
    peak_host_bytes=10**9,
    peak_device_bytes=None,
    joules_per_epoch=None,
    joules_per_image=None,
    joules_to_best_epoch=None,
    weights_sha256="2" * 64,
    data_sha256="0" * 64,
    batches_sha256="4" * 64,
    versions={"torch": "2.14.1"},
    checks=(),
    total_seconds=12.0,
)


def job(folder: str) -> Job:
    return Job(
        cell=CELL,
        plan=PLAN,
        data_folder=None,
        weights_file=None,
        session_folder=folder,
        idle_watts=None,
        roofline=None,
        saved_epochs=None,
    )
