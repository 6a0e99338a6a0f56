"""What the epochs do not give, or what cannot be, is believed of no file; honest files lose no run."""

from __future__ import annotations

import json
import math
import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from alexnet.spec import network
from bench.paths import ROOT
from bench.records import derive
from bench.records.codec import build
from bench.records.consistency import times_can_be
from bench.records.flops import training_bytes, training_flops
from bench.records.read import load
from bench.records.types import Diverged, Epoch, ImplausibleMemory, ImplausiblePower
from reports.data.frame import Frames, frames
from reports.data.sources import gather, left_out_text
from reports.write import words
from tests.support.report_files import (
    ANNA,
    FULL,
    QUICK,
    check_failed,
    content_of,
    epochs_of,
    run_of,
    several_engines,
    two_machines,
    with_gpu_joules_alone,
    write,
)
from tests.support.saved_file import CUT_OFF, CUTS, genuine_content, interrupted_file

Run = dict[str, Any]
Edit = Callable[[Run], None]

SECONDS = [12.0, *[10.0] * 16]
"""Seventeen epochs of 170 s and more."""


def honest() -> Run:
    """A full run that patience ended after 17 epochs, the best of which was the 16th."""
    return run_of("scratch", "torch", epochs_of(SECONDS, train=[0.5] * 17, losses=losses_of(17)))


def losses_of(n: int) -> list[float | None]:
    return [*(2.0 - 0.05 * i for i in range(n - 1)), 3.0]


def put(path: str, value: Any) -> Edit:
    """Puts a value, or what a function makes of the old one; `*` in the path stands for every epoch."""

    def edit(run: Run) -> None:
        *keys, last = path.split("/")
        parents: list[Any] = [run]
        for key in keys:
            parents = [
                child
                for parent in parents
                for child in (parent if key == "*" else [parent[int(key) if key.isdigit() else key]])
            ]
        for parent in parents:
            parent[last] = value(parent[last]) if callable(value) else value

    return edit


def all_of(*edits: Edit) -> Edit:
    def edit(run: Run) -> None:
        for one in edits:
            one(run)

    return edit


def cut_to(n: int, **result: Any) -> Edit:
    """Keeps the first epochs, with a result that follows from them but for what is given."""

    def edit(run: Run) -> None:
        short = run_of("scratch", "torch", epochs_of(SECONDS[:n], losses=losses_of(17)[:n]))
        run["epochs"] = run["epochs"][:n]
        run["start"]["roofline"] = short["start"]["roofline"]
        run["result"] = short["result"] | result

    return edit


NONSENSE: dict[str, tuple[Edit, str]] = {
    "an epoch of convergence that there was not": (
        put("result/converged_at", 99),
        "result.converged_at is 99, and by epochs it is 16",
    ),
    "a best epoch that was not": (
        put("result/best_epoch", 3),
        "result.best_epoch is 3, and by epochs it is 16",
    ),
    "more epochs than there are": (put("result/epochs", 18), "result.epochs is 18, and by epochs"),
    "a total that is shorter than its epochs": (
        put("result/total_seconds", 1.0),
        "result.total_seconds is 1, and its epochs alone took 189.000 s",
    ),
    "a share of the roofline": (
        put("result/roofline_share", 50.0),
        "result.roofline_share is 50, and the most that can be is 10",
    ),
    "a roofline that gives such a share": (
        all_of(
            put("start/roofline/flops_per_second", lambda old: old / 62.5),
            put("result/roofline_share", 50.0),
        ),
        "epochs[0].train_seconds is 12, which comes to",
    ),
    "a bandwidth that gives such a share": (
        put("start/roofline/bytes_per_second", 1e3),
        "result.roofline_share is 0.8, and the file itself gives",
    ),
    "a ratio to the bare step": (
        put("result/pipeline_ratio", 40.0),
        "result.pipeline_ratio is 40, and a valid run has at most 1.2",
    ),
    "a smaller share of the roofline": (
        put("result/roofline_share", 0.5),
        "result.roofline_share is 0.5, and the file itself gives 0.8",
    ),
    "a smaller ratio to the bare step": (
        put("result/pipeline_ratio", 0.5),
        "result.pipeline_ratio is 0.5, and the file itself gives 0.98",
    ),
    "FLOP/s": (
        put("result/achieved_flops_per_second", 1e9),
        "result.achieved_flops_per_second is 1e+09, and the file itself gives",
    ),
    "images per second": (
        put("result/epoch_images_per_second", 1e6),
        "result.epoch_images_per_second is 1000000, and the file itself gives 4499.2",
    ),
    "a drift": (put("result/drift/drift", -0.5), "result.drift.drift is -0.5, and the file itself"),
    "joules": (
        put("result/joules_per_epoch", 3.0),
        "result.joules_per_epoch is 3, and the file itself gives null",
    ),
    "a peak of memory": (
        put("result/peak_host_bytes", 1),
        "result.peak_host_bytes is 1, and the file itself gives 2016000000",
    ),
    "an epoch of one image": (
        put("epochs/3/images", 1),
        "epochs[3].images is 1, and by the plan it is 44992",
    ),
    "epochs of one image each": (put("epochs/*/images", 1), "epochs[0].images is 1, and by the plan"),
    "a start that says so too": (
        all_of(put("epochs/*/images", 64), put("start/steps_per_epoch", 1)),
        "start.steps_per_epoch is 1, and by cell and plan it is 703",
    ),
    "a plan of other images": (
        put("plan/train_images", 640),
        "start.train_images is 45000, and by cell and plan it is 640",
    ),
    "a learning rate": (
        put("epochs/*/learning_rate", 1e300),
        "epochs[0].learning_rate is 1e+300, and by the recipe it is 0.001",
    ),
    "memory that holds no network": (
        all_of(put("epochs/*/peak_host_bytes", 1), put("result/peak_host_bytes", 1)),
        "epochs.peak_host_bytes is 1 at most, and the network's parameters need 466,578,512",
    ),
    "a full run that was cut after an epoch": (
        cut_to(1, stopped="cap", best_epoch=1),
        "result.stopped is cap, and nothing ends training at epoch 1",
    ),
    "a full run that was cut and says that it converged": (
        cut_to(6, stopped="patience", converged_at=6),
        "result.stopped is patience, and nothing ends training at epoch 6",
    ),
    "a run that went on after its end": (
        put("plan/epochs", 16),
        "epochs has 17, and plan.epochs is 16",
    ),
    "patience that was the cap": (
        put("result/stopped", "cap"),
        'result.stopped is "cap", and by epochs it is "patience"',
    ),
    "an epoch in no time": (
        put("epochs/2/train_seconds", 1e-6),
        "epochs[2].train_seconds is 1e-06, which comes to",
    ),
    "a bare step in no time": (
        put("result/step_images_per_second", 1e29),
        "result.step_images_per_second is 1e+29, which comes to 1.78e+25 times",
    ),
    "a start in 1970": (
        put("start/started_at", "1970-01-01T00:00:00+00:00"),
        'start.started_at is "1970-01-01T00:00:00+00:00", before 2020',
    ),
    "a start without a zone": (
        put("start/started_at", "1970-01-01"),
        'start.started_at is "1970-01-01", no time with its zone',
    ),
    "a start in the year 9999": (
        put("start/started_at", "9999-12-31T23:59:59-23:00"),
        "in the future of this computer's clock",
    ),
    "accuracy that the answers do not give": (
        put("result/test_accuracy", 0.74),
        "result.test_accuracy is 0.74, and by result.confusion it is",
    ),
    "other parameters": (
        put("start/parameters", 1000),
        "start.parameters is 1000, and by cell and plan it is 58322314",
    ),
}


def of(folder: Path, *runs: Run) -> Frames:
    write(folder, "anna/0001.json", content_of(ANNA, runs))
    return frames(gather([str(folder)]))


def left_out_of(folder: Path, run: Run) -> str:
    """Why the run is left out beside another one, which stays."""
    other = run_of("scratch", "tensorflow", epochs_of(SECONDS, losses=losses_of(17)))
    made = of(folder, run, other)
    (left_out,) = made.left_out.itertuples()
    assert (left_out.kind, left_out.cell) == ("not a record", "scratch-torch-mps-s0")
    assert list(made.runs["engine"]) == ["tensorflow"]
    return words.left_out(left_out)


def test_the_run_that_is_edited_is_honest(tmp_path: Path) -> None:
    made = of(tmp_path, honest())
    assert made.left_out.empty
    row = made.runs.iloc[0]
    assert (row["stopped"], row["converged_at"], row["epochs"]) == ("patience", 16, 17)


@pytest.mark.parametrize("kind", NONSENSE)
def test_nonsense_is_left_out_with_its_reason_and_the_rest_stays(kind: str, tmp_path: Path) -> None:
    edit, reason = NONSENSE[kind]
    run = honest()
    edit(run)
    assert reason in left_out_of(tmp_path, run)


def test_a_file_whose_roofline_is_too_low_throughout_is_left_out(tmp_path: Path) -> None:
    run = honest()
    achieved = run["result"]["achieved_flops_per_second"]
    net = network("standard")
    intensity = training_flops(net) * 64 / training_bytes(net, 64)
    run["start"]["roofline"]["bytes_per_second"] = achieved / 50 / intensity
    run["result"]["roofline_share"] = 50.0
    assert "result.roofline_share is 50, and the most that can be is 10" in left_out_of(tmp_path, run)


def test_a_computer_whose_memory_holds_no_network_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "bob/0001.json", content_of(replace(ANNA, memory_bytes=1), [honest()]))
    made = of(tmp_path, honest())
    (left_out,) = made.left_out.itertuples()
    assert "machine_info.machine.memory_bytes is 1, and the network's parameters" in left_out.detail
    assert len(made.runs) == 1


def test_no_epoch_is_many_times_as_fast_as_its_own_steps(tmp_path: Path) -> None:
    """The rate of the step is read from the file: the epochs do not give it."""
    run = honest()
    rate = derive.images_per_second(build(Epoch, run["epochs"][-1])) / 40
    run["result"] |= {"step_images_per_second": rate, "pipeline_ratio": 40.0}
    why = left_out_of(tmp_path, run)
    assert "result.pipeline_ratio is 40, and a valid run has at most 1.2" in why


def test_an_invalid_run_that_was_too_fast_is_shown_with_its_reason(tmp_path: Path) -> None:
    """A clock that does not wait for the device makes a run invalid, and gives such speeds."""
    reason = check_failed("nothing left", 0.9)
    run = run_of("scratch", "torch", epochs_of(SECONDS, losses=losses_of(17)), reasons=[reason])
    run["start"]["roofline"]["flops_per_second"] /= 62.5
    run["result"]["roofline_share"] = 50.0
    made = of(tmp_path, run)
    assert made.left_out.empty
    assert list(made.runs["reasons"]) == [(reason,)]


def test_an_invalid_run_that_left_out_images_is_shown_with_its_reason(tmp_path: Path) -> None:
    reason = check_failed("images", 17.0)
    epochs = epochs_of(SECONDS, losses=losses_of(17))
    run = run_of("scratch", "torch", epochs, reasons=[reason])
    half = [build(Epoch, epoch | {"images": 22_400}) for epoch in run["epochs"]]
    run["epochs"] = [to_builtins(epoch) for epoch in half]
    result, start = run["result"], run["start"]
    for name in ("epoch_images_per_second", "step_images_per_second", "achieved_flops_per_second"):
        result[name] *= 22_400 / 44_992
    result["roofline_share"] *= 22_400 / 44_992
    drift = derive.drift(half, "mps", cold_probe_seconds=start["probe_seconds"])
    result["drift"] = to_builtins(drift)
    made = of(tmp_path, run)
    assert made.left_out.empty
    assert list(made.runs["reasons"]) == [(reason,)]


def test_no_step_is_many_times_as_fast_as_the_device(tmp_path: Path) -> None:
    run = honest()
    run["result"] |= {
        "step_images_per_second": run["result"]["step_images_per_second"] * 1e6,
        "pipeline_ratio": run["result"]["pipeline_ratio"] / 1e6,
    }
    assert "result.step_images_per_second is 4.59102041e+09, which" in left_out_of(tmp_path, run)


@pytest.mark.parametrize("seconds", [10.0, 1.0], ids=["disturbed", "not disturbed"])
def test_a_ratio_to_steps_that_others_disturbed_is_not_shown(seconds: float, tmp_path: Path) -> None:
    """Every try lasted 10 s, in which others took 5 s of the processors' time, or 1 % of that."""
    run = honest()
    run["cell"]["device"] = "cpu"
    others = 0.5 * seconds if seconds > 1 else 0.005
    run["result"] |= {
        "step_seconds": seconds,
        "step_interference": {
            "busy_cpu_seconds": 1.9 * seconds,
            "idle_cpu_seconds": 0.1 * seconds,
            "own_cpu_seconds": 1.9 * seconds - others,
            "stolen_cpu_seconds": 0.0,
            "gpu_share": None,
        },
    }
    ratio = of(tmp_path, run).runs["pipeline_ratio"].iloc[0]
    assert math.isnan(ratio) if seconds > 1 else ratio == pytest.approx(0.98)


def test_times_are_possible_up_to_a_month_from_now(tmp_path: Path) -> None:
    run = honest()
    for text, left_out in (("2026-12-25T11:00:00+00:00", 0), ("2026-12-25T13:00:00+00:00", 1)):
        run["start"]["started_at"] = text
        content = content_of(ANNA, [run])
        (loaded,) = load(content).runs
        now = datetime(2026, 11, 24, 12, tzinfo=UTC)
        assert len(list(times_can_be(loaded, now))) == left_out


def test_a_run_whose_meters_cannot_be_right_keeps_its_speed_and_loses_its_energy(
    tmp_path: Path,
) -> None:
    """A wrong counter does not make training wrong. The flag is derived where the file has none."""
    run = run_of("scratch", "torch", epochs_of(SECONDS, losses=losses_of(17), joules=1e9))
    run["start"]["idle_watts"] = {"cpu": 1e6, "gpu": 1e6}
    made = of(tmp_path, run)
    row = made.runs.iloc[0]
    assert any(isinstance(warning, ImplausiblePower) for warning in row["warnings"])
    energy = ["joules_per_epoch", "joules_per_image", "joules_to_best_epoch", "gpu_joules_per_epoch"]
    assert row[[*energy, "idle_watts"]].isna().all()
    assert made.epochs["joules"].isna().all()
    assert row["seconds_per_epoch"] == 10.0


def test_memory_below_what_the_process_had_before_is_flagged(tmp_path: Path) -> None:
    run = honest()
    run["start"]["baseline_host_bytes"] = 10**10
    (warnings,) = of(tmp_path, run).runs["warnings"]
    assert [type(warning) for warning in warnings] == [ImplausibleMemory]


# Honest files


def honest_runs(numbers: random.Random) -> list[Run]:
    """Runs that may be: of any length, cut off and resumed, diverged, killed, on any device."""
    runs = []
    for seed in range(6):
        experiment = numbers.choice(["scratch", "mistaken", "augmented", "pretrained"])
        plan = replace(
            numbers.choice([FULL, QUICK]),
            image_size=64,
            epochs=numbers.randint(2, 30),
            patience=numbers.randint(1, 30),
            train_images=numbers.choice([None, 130, 640, 1920, 44_990]),
        )
        n = numbers.randint(2, plan.epochs)
        loss = [numbers.uniform(0.5, 3.0) for _ in range(n)]
        falling = sorted(loss[:-1], reverse=True) + loss[-1:]
        losses: Sequence[float | None] = numbers.choice([falling, [*falling[:-1], None]])
        epochs = epochs_of(
            [numbers.uniform(8.0, 12.0) for _ in range(n)],
            losses=losses,
            images=plan.train_images or 44_992,
            joules=numbers.choice([None, 300.0]),
        )
        killed = numbers.choice([None, None, "it was killed by signal 9"])
        device = numbers.choice(["cpu", "mps", "cuda"])
        if device == "cuda":
            epochs = with_gpu_joules_alone(epochs, 3000.0)
            epochs = tuple(replace(epoch, peak_device_bytes=2 * 10**9) for epoch in epochs)
        resumed = n > 2 and numbers.random() < 0.5
        if resumed:
            epochs = (*epochs[:2], replace(epochs[2], warm_up=True), *epochs[3:])
        diverged = losses[-1] is None and not killed
        run = run_of(
            experiment,
            numbers.choice(["torch", "tensorflow"]),
            epochs,
            device=device,
            seed=seed,
            plan=plan,
            failure=killed,
            reasons=[Diverged(epoch=n)] if diverged else (),
        )
        run["interruptions"] = [to_builtins(CUT_OFF)] if resumed else []
        runs.append(run)
    return runs


@pytest.mark.parametrize("seed", range(20))
def test_an_honest_file_loses_no_run(seed: int, tmp_path: Path) -> None:
    runs = honest_runs(random.Random(seed))
    made = of(tmp_path, *runs)
    assert [words.left_out(row) for row in made.left_out.itertuples()] == []
    assert len(made.runs) == len(runs)


SAMPLES = [
    *sorted((ROOT / "tests/bench/records/samples").glob("*.json")),
    *sorted((ROOT / "docs/sample-report/results").rglob("*.json")),
    *sorted((ROOT / "docs/h200/results").rglob("*.json")),
]


@pytest.mark.parametrize("file", SAMPLES, ids=lambda file: file.name)
def test_a_file_of_a_real_session_of_any_version_loses_no_run(file: Path) -> None:
    found = gather([str(file)])
    assert [left_out_text(left_out) for left_out in found.left_out] == []
    content = json.loads(file.read_text())
    assert len(found.runs) == len(content["benchmarks"]) + len(content["failures"])
    frames(found)


@pytest.mark.parametrize("name", ["linux", "mac", *CUTS])
def test_a_genuine_file_loses_no_run(name: str, tmp_path: Path) -> None:
    content = interrupted_file(*CUTS[name]) if name in CUTS else genuine_content(name)
    write(tmp_path, "0001.json", content)
    found = gather([str(tmp_path)])
    assert [left_out_text(left_out) for left_out in found.left_out] == []
    assert len(found.runs) == len(content["benchmarks"]) + len(content["failures"])


@pytest.mark.parametrize("make", [two_machines, lambda folder: several_engines(folder, "torch")])
def test_the_files_of_these_tests_lose_no_run(make: Callable[[Path], Path], tmp_path: Path) -> None:
    assert not gather([str(make(tmp_path))]).left_out
