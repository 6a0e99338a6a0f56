"""Saved files as tidy frames: raw values in SI units, NaN where something was not measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from bench.records.read import LoadedRun
from reports import rows as of
from reports import settings
from reports.machines import labels
from reports.rows import Row
from reports.sources import Sources, plain


@dataclass(frozen=True, kw_only=True)
class Frames:
    """All that the report is made of. Every frame but `layers` and `left_out` names its run by `run`.

    A cell with several values, such as a run's warnings, is a tuple. `reasons`, `warnings` and
    `energy_reads` hold kinds; the exports have their words.

    - runs: one row a run (R1, R2 …), with what it was, its conditions and its figures.
    - epochs: one row an epoch.
    - machines: one row a machine, as its latest run found it (`reports.machines.labels`).
    - classes: one row a (run, class): the share of right answers.
    - confusion: one row a (run, class, answer) with its count of test images.
    - layers: one row a layer of each network, at each image size that was trained.
    - pictures: one row a (run, test image): pixels as bytes (32 x 32 x 3 uint8), class, answer, share.
    - gates: one row a check of a run's correctness gate.
    - settings: one row a letter: what runs that may be compared have in common.
    - skipped, sources, left_out: what was not run, which files were read, what could not be used.
    """

    runs: pd.DataFrame
    epochs: pd.DataFrame
    machines: pd.DataFrame
    classes: pd.DataFrame
    confusion: pd.DataFrame
    layers: pd.DataFrame
    pictures: pd.DataFrame
    gates: pd.DataFrame
    settings: pd.DataFrame
    skipped: pd.DataFrame
    sources: pd.DataFrame
    left_out: pd.DataFrame

    @property
    def valid(self) -> pd.DataFrame:
        """The runs that may be compared, each within its setting."""
        return self.runs[self.runs["validity"] == "valid"]


def frames(sources: Sources, *, pool_os_builds: bool = False) -> Frames:
    """The frames of all runs: by machine, the first measured first, then setting and cell.

    A computer with runs under several builds of its system is a machine a build; with `pool_os_builds`
    it is one machine.
    """
    machine_of, machines = labels(sources.runs, pool_os_builds=pool_os_builds)
    rows = [of.run(found, machine) for found, machine in zip(sources.runs, machine_of, strict=True)]
    sessions = sources.sessions()
    for row, entry in zip(rows, sources.runs, strict=True):
        row["session"] = sessions[entry.source.sha256]
    letters, table = settings.assign(rows)
    for row, letter in zip(rows, letters, strict=True):
        row["setting"] = letter
    age = {label: place for place, label in enumerate(machines["machine"])}
    order = sorted(range(len(rows)), key=lambda i: (age[machine_of[i]], *_place(rows[i])))
    runs = [sources.runs[i].run for i in order]
    rows = [rows[i] for i in order]
    for number, row in enumerate(rows, 1):
        row["run"] = f"R{number}"
    return Frames(
        runs=_frame(rows, RUN_COLUMNS),
        epochs=_each(rows, runs, of.epochs, EPOCH_COLUMNS),
        machines=machines,
        classes=_each(rows, runs, of.classes, ("class", "images", "accuracy")),
        confusion=_each(rows, runs, of.confusion, ("class", "answer", "images")),
        layers=_frame(of.layers(runs), LAYER_COLUMNS),
        pictures=_each(rows, runs, of.pictures, PICTURE_COLUMNS),
        gates=_each(
            rows, runs, of.gate, ("check", "measured", "lower", "upper", "passed", "description")
        ),
        settings=table,
        skipped=_frame(
            [
                {
                    "machine": source.machine,
                    "cell": plain(skip.cell.id, 80),
                    "reason": plain(skip.reason),
                }
                for source, skip in sources.skipped
            ],
            ("machine", "cell", "reason"),
        ),
        sources=_frame(
            map(asdict, sources.sources), ("name", "sha256", "bytes", "machine", "checksums_fit")
        ),
        left_out=_frame(map(asdict, sources.left_out), ("name", "kind", "cell", "detail")),
    )


IDENTITY = (
    *("run", "machine", "setting", "experiment", "engine", "device", "seed", "repeat", "validity"),
)
"""What every row that belongs to a run begins with."""
RUN_COLUMNS = (
    *IDENTITY,
    "cell",
    "file",
    "sha256",
    "session",
    "reasons",
    "failure",
    "warnings",
    *("profile", "dataset", "provenance", "image_size", "train_images", "validation_images"),
    *("test_images", "epochs_cap", "patience", "batch_size", "learning_rates", "variant", "parameters"),
    *("forward_flops", "weights_origin", "framework_version", "versions", "device_name", "data_sha256"),
    *("started_at", "power", "low_power", "thermal", "load", "interruptions", "interrupted_seconds"),
    *("epochs", "best_epoch", "stopped", "converged_at"),
    *("timed_epochs", "steady_epochs", "disturbed_epochs", "slow_epochs"),
    *("seconds_per_epoch", "images_per_second", "train_seconds", "seconds_to_best", "total_seconds"),
    *("step_images_per_second", "pipeline_ratio", "achieved_flops_per_second"),
    *("roofline_flops_per_second", "roofline_bytes_per_second", "roofline_share"),
    *("early_images_per_second", "late_images_per_second", "drift", "probe_drift"),
    *("peak_host_bytes", "baseline_host_bytes", "grown_host_bytes", "peak_device_bytes"),
    *("joules_per_epoch", "joules_per_image", "joules_to_best_epoch", "gpu_joules_per_epoch"),
    *("idle_watts", "energy_reads"),
    *("train_accuracy", "train_loss", "validation_accuracy", "validation_loss"),
    *("test_accuracy", "test_loss", "precision", "gate_checks", "gate_passed", "checksum", "method"),
)
EPOCH_COLUMNS = (
    *("epoch", "warm_up", "timed", "disturbed", "stage", "learning_rate", "images", "train_seconds"),
    *("wall_seconds", "other_cpu_share", "stolen_cpu_share", "other_gpu_share"),
    *("evaluate_seconds", "best_weights_seconds", "checkpoint_seconds", "probe_seconds"),
    *("images_per_second", "elapsed_train_seconds", "elapsed_joules", "train_loss", "train_accuracy"),
    *("validation_loss", "validation_accuracy", "peak_host_bytes", "peak_device_bytes", "joules"),
)
LAYER_COLUMNS = (
    *("variant", "image_size", "layer", "kind", "output_shape", "parameters", "parameter_bytes"),
    *("activation_bytes", "forward_flops"),
)
PICTURE_COLUMNS = ("position", "class", "answer", "share", "pixels")


def _frame(rows: Iterable[Row], columns: Sequence[str]) -> pd.DataFrame:
    """A frame with these columns, also where there is no row; None is NaN in a column of numbers."""
    frame = pd.DataFrame(list(rows), columns=list(columns))
    for name in filter(lambda name: pd.api.types.is_object_dtype(frame[name]), frame.columns):
        there = frame[name].dropna()
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in there):
            frame[name] = frame[name].astype(float)
    return frame


def _each(
    rows: list[Row],
    runs: list[LoadedRun],
    inner_rows: Callable[[LoadedRun], Iterator[Row]],
    columns: Sequence[str],
) -> pd.DataFrame:
    """What `inner_rows` makes of each run, each row behind what identifies its run."""
    found = []
    for row, run in zip(rows, runs, strict=True):
        identity = {name: row[name] for name in IDENTITY}
        found += [identity | inner for inner in inner_rows(run)]
    return _frame(found, (*IDENTITY, *columns))


def _place(row: Row) -> tuple[Any, ...]:
    experiment = settings.EXPERIMENT_ORDER.index(row["experiment"])
    engine = list(ENGINES).index(row["engine"])
    started = row["started_at"] or ""
    return (
        row["setting"],
        experiment,
        engine,
        row["device"],
        row["seed"],
        row["repeat"],
        started,
        row["file"],
        row["checksum"],
    )
