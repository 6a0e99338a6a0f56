from __future__ import annotations

import re
from math import isnan, sqrt
from pathlib import Path
from typing import Any, get_args

import pandas as pd
import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from alexnet.data import CLASSES
from bench.records.types import Machine
from reports.data.frame import frames
from reports.data.sources import gather
from reports.original import arithmetic, by_arithmetic, by_runs, page, published, tolerance
from reports.original.claim import State
from reports.study.compare import study
from reports.write import words
from tests.support.report_files import (
    ANNA,
    FULL,
    QUICK,
    check_failed,
    content_of,
    epochs_of,
    overfitting,
    run_of,
    two_machines,
    write,
)
from tests.support.report_study import study_of

DECIDED = {
    "keras_layers": "confirmed",
    "one_network": "contradicted",
    "mistaken_parameters": "confirmed",
    "extra_dense": "contradicted",
    "four_hours": "contradicted",
    "unseen_test": "contradicted",
    "carried_over": "contradicted",
    "per_class": "contradicted",
}
"""By arithmetic alone, whatever was run."""
STEADY = [100.0] * 5


def audited(folder: Path, *runs: dict[str, Any], machine: Machine = ANNA) -> pd.DataFrame:
    write(folder, "a/1.json", content_of(machine, runs))
    return by_runs.audit(study_of(folder)).set_index("key")


def of_accuracy(share: float, experiment: str = "scratch", engine: str = "torch", **more: Any) -> Any:
    rights = more.pop("rights", [round(1_000 * share)] * 10)
    plan = replace(FULL, epochs={"augmented": 15, "pretrained": 13}.get(experiment, 20))
    if experiment == "pretrained":
        plan = replace(plan, patience=3)
    return run_of(
        experiment,
        engine,
        more.pop("epochs", epochs_of(STEADY)),
        rights=rights,
        plan=more.pop("plan", plan),
        **more,
    )


def test_arithmetic_decides_eight_claims() -> None:
    claims = {claim.key: claim for claim in by_arithmetic.claims()}
    assert {key: claim.state for key, claim in claims.items()} == DECIDED
    reasons = {key: claim.reason for key, claim in claims.items()}
    assert "160 min" in reasons["four_hours"]
    assert "62,388,354" in reasons["extra_dense"]
    assert "139,460,608" in reasons["extra_dense"]
    assert "56x56" in reasons["one_network"]
    assert "55x55" in reasons["one_network"]
    assert "9,216" in reasons["one_network"]
    assert "9,210" in reasons["carried_over"]
    assert (
        "3,747,200 + 177,213,440 + 16,781,312 + 4,097,000 + 1,001,000 = 202,839,952"
        in reasons["mistaken_parameters"]
    )
    assert "773.77 MiB" in reasons["mistaken_parameters"]


def test_the_page_of_the_docs_is_what_arithmetic_gives() -> None:
    """`python -m reports.original --write` makes it anew."""
    text = page.FILE.read_text(encoding="utf-8")
    assert text == page.markdown()
    for claim in by_arithmetic.claims():
        assert claim.reason in text
    for claim in by_runs.ASKED:
        assert f"| {claim.claim} | {claim.published} |" in text


def test_a_claim_that_runs_decide_has_the_published_figure() -> None:
    """What is said of a claim beside its figure as data, so that neither can change alone."""
    for claim in by_runs.ASKED:
        for figure in published.FIGURES:
            if claim.key == by_runs.key((figure.experiment, figure.engine), figure.what):
                shares = figure.what.endswith("accuracy")
                value = 100 * figure.value if shares else figure.value / 60
                value = figure.value if figure.what == "loss_rises_from_epoch" else value
                digits = re.findall(r"[0-9.]+", claim.published)
                assert [float(each) for each in digits] in ([], [pytest.approx(value)])


def test_quick_runs_say_nothing_of_the_original(tmp_path: Path) -> None:
    quick = run_of("scratch", "torch", epochs_of(STEADY, images=1920), plan=QUICK, test_images=2000)
    found = audited(tmp_path, quick)
    assert set(found["state"]) == {"not yet measured"}
    assert found.loc["scratch_torch_test_accuracy", "reason"] == (
        "The valid runs of scratch in PyTorch are at other terms than the original's (profile quick at"
        " 64 px), and say nothing of it."
    )
    assert (
        "no valid run of pretrained in PyTorch" in found.loc["pretrained_torch_test_accuracy", "reason"]
    )


def test_every_claim_has_a_state_and_its_ground(tmp_path: Path) -> None:
    found = by_runs.audit(study(frames(gather([str(two_machines(tmp_path))]))))
    assert list(found["key"]) == [claim.key for claim in by_runs.ASKED]
    assert set(found["state"]) <= set(get_args(State))
    assert all(text.endswith(".") for text in found["reason"])
    decided = found[found["state"] != "not yet measured"]
    assert all(decided["here"])
    assert all(decided["runs"])


def test_no_valid_run(tmp_path: Path) -> None:
    found = audited(tmp_path, run_of("scratch", "torch", epochs_of(STEADY), failure="killed"))
    assert set(found["state"]) == {"not yet measured"}


def three_errors(ours: float, theirs: float, seeds: int) -> float:
    """Three errors: both samples of 10,000 images, and 1 point a seed, once theirs and ours averaged."""
    samples = theirs * (1 - theirs) / 1e4 + ours * (1 - ours) / 1e4
    return 3 * sqrt(samples + 0.01**2 * (1 + 1 / seeds))


@pytest.mark.parametrize(
    ("share", "state"),
    [
        (0.70, "not contradicted"),
        (0.69, "contradicted"),
        (0.741, "not contradicted"),
        (0.74, "confirmed"),
        (0.78, "not contradicted"),
        (0.79, "contradicted"),
    ],
)
def test_the_scratch_figure_on_both_sides_of_the_tolerance(
    tmp_path: Path, share: float, state: str
) -> None:
    within = abs(share - 0.74) <= three_errors(share, 0.74, 1)
    assert within == (state != "contradicted")
    found = audited(tmp_path, of_accuracy(share))
    assert found.loc["scratch_torch_test_accuracy", "state"] == state
    assert found.loc["scratch_torch_test_accuracy", "runs"] == ("R1",)


def test_seeds_that_differ_widen_the_tolerance_and_more_of_them_narrow_it(tmp_path: Path) -> None:
    rows = [{"seed": seed, "x": 0.70} for seed in range(5)]
    assert tolerance.accuracy(rows[:1], "x", 0.74, images=10_000).tolerance == pytest.approx(
        three_errors(0.70, 0.74, 1)
    )
    assert tolerance.accuracy(rows, "x", 0.74, images=10_000).tolerance == pytest.approx(
        three_errors(0.70, 0.74, 5)
    )
    apart = [{"seed": 0, "x": 0.66}, {"seed": 1, "x": 0.74}]
    assert tolerance.accuracy(apart, "x", 0.74, images=10_000).tolerance > 0.2


@pytest.mark.parametrize(
    "change",
    [{"image_size": 64}, {"dataset": "synthetic"}, {"profile": "quick"}, {"epochs": 5}],
)
def test_runs_at_other_terms_are_not_held_against_the_original(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    found = audited(tmp_path, of_accuracy(0.74, plan=replace(FULL, **change)))
    assert found.loc["scratch_torch_test_accuracy", "state"] == "not yet measured"


def test_pretrained_needs_torchvisions_own_weights(tmp_path: Path) -> None:
    run = of_accuracy(0.92, "pretrained")
    found = audited(tmp_path, run)
    assert found.loc["pretrained_torch_test_accuracy", "state"] == "not contradicted"
    run["start"]["weights_origin"] = "user file"
    found = audited(tmp_path, run)
    assert found.loc["pretrained_torch_test_accuracy", "state"] == "not yet measured"


@pytest.mark.parametrize(
    ("origin", "state"),
    [("he-uniform", "confirmed"), ("he-normal", "confirmed"), ("user file", "not yet measured")],
)
def test_weights_of_either_generator_are_held_against_the_original(
    tmp_path: Path, origin: str, state: str
) -> None:
    run = of_accuracy(0.74, start={"weights_origin": origin})
    assert audited(tmp_path, run).loc["scratch_torch_test_accuracy", "state"] == state


@pytest.mark.parametrize(
    ("share", "state"),
    [
        (0.60, "not contradicted"),
        (0.91, "not reproduced"),
        (0.92, "not reproduced"),
        (0.95, "not reproduced"),
    ],
)
def test_keras_pretrained_is_held_against_pytorch_here(tmp_path: Path, share: float, state: str) -> None:
    found = audited(
        tmp_path, of_accuracy(0.92, "pretrained"), of_accuracy(share, "pretrained", "tensorflow")
    )
    assert found.loc["pretrained_tensorflow_words", "state"] == state
    text = found.loc["pretrained_tensorflow_words", "reason"]
    assert ("it is judged behind." in text) == (state == "not contradicted")
    assert ("in the original most likely not" in text) == (state == "not reproduced")


def test_keras_pretrained_is_judged_as_the_report_judges_accuracies(tmp_path: Path) -> None:
    """3 points are within the allowance for the original's figures, and six seeds tell them apart."""
    runs = [
        of_accuracy(share, "pretrained", engine, seed=seed)
        for engine, share in (("torch", 0.92), ("tensorflow", 0.89))
        for seed in range(6)
    ]
    found = audited(tmp_path, *runs)
    assert found.loc["pretrained_tensorflow_words", "state"] == "not contradicted"
    assert "over 6 seeds" in found.loc["pretrained_tensorflow_words", "reason"]


@pytest.mark.parametrize(
    ("test", "train", "state"),
    [(0.81, 0.85, "not contradicted"), (0.60, 0.60, "contradicted"), (0.60, 0.90, "not yet measured")],
)
def test_an_accuracy_of_unsaid_images_is_contradicted_by_none_of_ours_alone(
    tmp_path: Path, test: float, train: float, state: str
) -> None:
    epochs = epochs_of(STEADY, train=[train] * 5, validation=[test] * 5)
    found = audited(tmp_path, of_accuracy(test, "augmented", "tensorflow", epochs=epochs))
    assert found.loc["augmented_tensorflow_accuracy", "state"] == state


@pytest.mark.parametrize(
    ("seconds", "state"),
    [
        (480.0, "not contradicted"),
        (380.0, "contradicted"),
        (578.0, "not contradicted"),
        (580.0, "contradicted"),
    ],
)
def test_times_agree_within_rounding_and_the_step_in_gpu_cores(
    tmp_path: Path, seconds: float, state: str
) -> None:
    # 30 s of rounding and 480 s x (16 / 14 - 1) are 98.6 s.
    run = of_accuracy(0.7, "mistaken", "tensorflow", epochs=epochs_of([seconds] * 5))
    found = audited(tmp_path, run)
    assert found.loc["mistaken_tensorflow_seconds_per_epoch", "state"] == state
    assert (
        "6.4 to 9.6 min is near enough" in found.loc["mistaken_tensorflow_seconds_per_epoch", "reason"]
    )


@pytest.mark.parametrize(
    ("low", "high", "text"),
    [
        (72.9, 167.0, "1.2 to 2.8 min"),
        (5.0, 9.5, "5.00 to 9.50 s"),
        (5.0, 80.0, "5.0 to 80.0 s"),
        (1800.0, 7200.0, "0.5 to 2.0 h"),
    ],
)
def test_a_span_of_times_has_one_unit(low: float, high: float, text: str) -> None:
    assert words.seconds_range(low, high) == text


def test_times_count_only_on_the_same_chip_in_good_condition(tmp_path: Path) -> None:
    key = "mistaken_tensorflow_seconds_per_epoch"
    run = of_accuracy(0.7, "mistaken", "tensorflow", epochs=epochs_of([480.0] * 5))
    other = audited(tmp_path, run, machine=replace(ANNA, chip="Apple M4"))
    assert other.loc[key, "state"] == "not yet measured"
    run["verdict"]["warnings"] = [{"kind": "on battery"}]
    assert audited(tmp_path, run).loc[key, "state"] == "not yet measured"


def test_the_mistaken_networks_curves(tmp_path: Path) -> None:
    short = of_accuracy(0.7, "mistaken", "tensorflow", epochs=overfitting([100.0] * 8))
    found = audited(tmp_path, short)
    # Validation accuracy ends at 0.69, the loss is lowest at epoch 4, and 8 epochs are not 20.
    assert found.loc["mistaken_tensorflow_validation_accuracy", "state"] == "not contradicted"
    assert found.loc["mistaken_tensorflow_loss_rises", "state"] == "not contradicted"
    assert found.loc["mistaken_tensorflow_train_accuracy", "state"] == "not yet measured"
    epochs = [replace(each, train_loss=0.1) for each in overfitting([100.0] * 20)]
    whole = of_accuracy(0.7, "mistaken", "tensorflow", epochs=epochs)
    found = audited(tmp_path, whole)
    assert found.loc["mistaken_tensorflow_train_accuracy", "state"] == "not contradicted"
    assert found.loc["mistaken_tensorflow_test_accuracy", "here"] == "70.00 % (1 seed)"
    assert found.loc["mistaken_tensorflow_test_accuracy", "state"] == "contradicted"


def test_a_loss_that_ends_within_its_noise_has_not_risen(tmp_path: Path) -> None:
    losses = [1.6, 1.3, 1.02, 1.0, 1.02, 1.05, 1.10, 1.12]
    epochs = epochs_of([100.0] * len(losses), losses=losses)
    found = audited(tmp_path, of_accuracy(0.7, "mistaken", "tensorflow", epochs=epochs))
    assert found.loc["mistaken_tensorflow_loss_rises", "state"] == "not yet measured"
    assert (
        "had the validation loss risen enough" in found.loc["mistaken_tensorflow_loss_rises", "reason"]
    )


def test_only_a_gate_on_apples_gpu_tells_of_metal(tmp_path: Path) -> None:
    on_cpu = run_of("scratch", "tensorflow", epochs_of(STEADY), device="cpu")
    assert audited(tmp_path, on_cpu).loc["metal", "state"] == "not yet measured"
    on_gpu = run_of("scratch", "tensorflow", epochs_of(STEADY))
    assert audited(tmp_path, on_gpu).loc["metal", "state"] == "not contradicted"
    failed = run_of("scratch", "tensorflow", epochs_of(STEADY), failure="killed")
    found = audited(tmp_path, failed)
    assert found.loc["metal", "state"] == "not yet measured"
    assert (
        "gates of 1 run on Apple's GPU were passed, but no such run is valid"
        in (found.loc["metal", "reason"])
    )
    on_gpu["gate"]["checks"][0]["measured"] = 1.6
    on_gpu["verdict"] |= {"validity": "invalid", "reasons": [to_builtins(check_failed())]}
    found = audited(tmp_path, on_gpu)
    assert found.loc["metal", "state"] == "contradicted"
    assert "not passed (logits)" in found.loc["metal", "reason"]


def test_the_classes_fit_one_sample_for_both_networks() -> None:
    sizes = arithmetic.sample_sizes()
    assert list(sizes) == list(CLASSES)
    assert sizes["airplane"] == 56
    for place, name in enumerate(CLASSES):
        for figures in published.PER_CLASS.values():
            if not isnan(figures[place]):
                right = arithmetic.right_of(figures[place], sizes[name])
                assert round(100 * right / sizes[name], 2) == pytest.approx(figures[place])
    assert (arithmetic.right_of(83.93, 56), arithmetic.right_of(96.43, 56)) == (47, 54)
    assert not arithmetic.fits(83.93, 1_000)
    assert arithmetic.legible_of_a_thousand() == (3, 19)


def test_the_sums_by_hand() -> None:
    assert arithmetic.unmoved_inputs() == (9_216, 6)
    assert arithmetic.keras_flattens_to() == 9_216
    assert arithmetic.mebibytes(202_839_952) == pytest.approx(773.77, abs=0.005)
    assert sum(arithmetic.dense_parameters().values()) == 202_839_952
    assert arithmetic.apart(0.9738, 10_000, 0.7045, 5_000) > 40
