"""Memory and energy: who takes more is judged by repeats, and the figures shown are those compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.records.types import Epoch
from reports import typeset
from reports.plots.memory import means, memory
from reports.study import resources
from reports.study.compare import Study
from reports.tables import glance
from reports.tables.resources import resources as table_of_resources
from tests.reports.test_disturbed import disturbed
from tests.reports.test_prose import of, told
from tests.support.report_files import (
    ANNA,
    BOB,
    KNOTS,
    LOOM,
    QUICK,
    add_engines,
    content_of,
    epochs_of,
    run_of,
    write,
)

BASELINE = 2_000_000_000
"""More bytes than any network needs, so that a run may grow by anything."""
CALM = [120.0, 100.0, 101.0, 99.0, 100.0, 100.0, 101.0, 99.0]
IN_TURN = ("torch", "tensorflow", "tensorflow", "torch", "torch", "tensorflow")
"""A B, B A, A B."""


def metered(
    engine: str,
    *,
    grown: float = 1.0,
    joules: float | None = None,
    minute: int = 0,
    epochs: Sequence[Epoch] | None = None,
    experiment: str = "scratch",
    card: float | None = None,
    device: str = "mps",
    **given: Any,
) -> dict[str, Any]:
    """A run that grows by so many GB, takes so many joules an epoch, and began at that minute."""
    peaks = {
        "peak_host_bytes": BASELINE + round(grown * 1e9),
        "peak_device_bytes": None if card is None else round(card * 1e9),
    }
    epochs = epochs or epochs_of(CALM, joules=joules)
    return run_of(
        experiment,
        engine,
        [replace(epoch, **peaks) for epoch in epochs],
        repeat=given.pop("repeat", minute),
        started_at=f"2026-11-24T12:{minute:02}:00+00:00",
        device=device,
        start={"baseline_host_bytes": BASELINE},
        **given,
    )


def in_turn(figures: dict[str, list[float]], name: str, **given: Any) -> list[dict[str, Any]]:
    """Three runs of both engines in turn, with these figures."""
    left = {engine: list(values) for engine, values in figures.items()}
    runs = []
    for minute, engine in enumerate(IN_TURN):
        figure: dict[str, Any] = {name: left[engine].pop(0)}
        runs.append(metered(engine, minute=minute, **figure, **given))
    return runs


def saved(folder: Path, *runs: dict[str, Any]) -> Study:
    write(folder, "anna/0001_full.json", content_of(ANNA, runs))
    return of(folder)


def prose(study: Study) -> str:
    return told(study, "resources")


def test_three_runs_each_in_turn_decide_memory(tmp_path: Path) -> None:
    figures = {"torch": [1.00, 1.01, 0.99], "tensorflow": [1.10, 1.11, 1.09]}
    study = saved(tmp_path, *in_turn(figures, "grown"))
    row = resources.host_memory(study).iloc[0]
    assert (row["verdict"], row["basis"], row["runs"]) == ("slower", "runs", (3, 3))
    assert row["ratio"] == pytest.approx((1.00 * 1.01 * 0.99 / (1.10 * 1.11 * 1.09)) ** (1 / 3))
    assert row["first_value"] / row["second_value"] == pytest.approx(row["ratio"])
    assert prose(study).startswith(
        "TensorFlow takes more memory than PyTorch: 1.10 times as much in scratch (95 % interval 1.08 to"
        " 1.12 over 3 runs each within a session). Training scratch takes 1.00 GB with PyTorch and 1.10"
        " GB with TensorFlow. No run took more than 1.11 GB."
    )


def test_three_runs_each_in_turn_decide_energy(tmp_path: Path) -> None:
    figures = {"torch": [3_300.0, 3_330.0, 3_270.0], "tensorflow": [3_000.0, 3_030.0, 2_970.0]}
    study = saved(tmp_path, *in_turn(figures, "joules"))
    row = resources.energy(study).iloc[0]
    assert (row["verdict"], row["basis"], row["epochs"]) == ("faster", "runs", 3 * 7)
    assert "PyTorch takes more energy an epoch than TensorFlow: 1.10 times as much in scratch" in prose(
        study
    )
    assert "An epoch of scratch takes 3.30 kJ with PyTorch and 3.00 kJ with TensorFlow." in prose(study)


def test_one_side_after_the_other_decides_nothing(tmp_path: Path) -> None:
    runs = [
        metered(engine, grown=grown, minute=minute)
        for minute, (engine, grown) in enumerate(
            [("torch", g) for g in (1.00, 1.01, 0.99)] + [("tensorflow", g) for g in (1.10, 1.11, 1.09)]
        )
    ]
    study = saved(tmp_path, *runs)
    assert resources.host_memory(study)["verdict"].tolist() == ["behind"]
    assert (
        "TensorFlow took more memory than PyTorch, which decides nothing: 1.10 times as much in scratch"
        " (1.08 to 1.12 seen in 3 runs each, one side after the other)."
    ) in prose(study)


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        (
            1.25,
            "PyTorch takes more memory than TensorFlow: 1.25 times as much in scratch (one run each).",
        ),
        (
            1.15,
            "PyTorch took more memory than TensorFlow, which decides nothing: 1.15 times as much in"
            " scratch (one run each).",
        ),
        (
            1.01,
            "PyTorch and TensorFlow took the same memory within 2 %, without repeats enough to decide.",
        ),
    ],
)
def test_one_run_each_decides_only_what_is_clear(tmp_path: Path, more: float, sentence: str) -> None:
    study = saved(tmp_path, metered("torch", grown=more), metered("tensorflow"))
    assert prose(study).startswith(sentence)
    assert "A lead without an interval decides only above 1.20 times." in prose(study)


def test_unequal_numbers_of_runs_are_compared_by_their_means(tmp_path: Path) -> None:
    """The most of three runs is more than that of one, were they equal in truth."""
    runs = [metered("torch", grown=grown, minute=minute) for minute, grown in enumerate([1.0, 1.0, 1.2])]
    study = saved(tmp_path, *runs, metered("tensorflow", grown=1.15, minute=3))
    row = resources.host_memory(study).iloc[0]
    mean = 1.2 ** (1 / 3) * 1e9
    assert (row["first_value"], row["second_value"]) == (pytest.approx(mean), pytest.approx(1.15e9))
    assert prose(study).startswith(
        "TensorFlow took more memory than PyTorch, which decides nothing: 1.08 times as much in scratch"
        " (0.96 to 1.15 seen in 1 run and 3 runs). Training scratch takes 1.06 GB with PyTorch and"
        " 1.15 GB with TensorFlow. No run took more than 1.20 GB."
    )
    shown = table_of_resources(study).set_index("engine")["grown_host_bytes"]
    assert shown["torch"] == pytest.approx(mean)
    at_a_glance = glance.glance(study)
    own = at_a_glance[(at_a_glance["engine"] == "torch") & (at_a_glance["state"] == "valid")]
    assert own["grown_host_bytes"].tolist() == [pytest.approx(mean)]
    assert means(study.runs[study.runs["engine"] == "torch"])[0] == pytest.approx(mean)


def test_energy_is_shown_as_it_is_compared(tmp_path: Path) -> None:
    runs = [
        metered("torch", joules=joules, minute=minute)
        for minute, joules in enumerate([3_000.0, 3_000.0, 24_000.0])
    ]
    study = saved(tmp_path, *runs, metered("tensorflow", joules=3_000.0, minute=3))
    assert resources.energy(study)["first_value"].tolist() == [pytest.approx(6_000.0)]
    shown = table_of_resources(study).set_index("engine").loc["torch"]
    assert shown["joules_per_epoch"] == pytest.approx(6_000.0)
    assert shown["joules_per_image"] == pytest.approx(6_000.0 / 44_992)


def test_alike_within_two_per_cent_is_the_same(tmp_path: Path) -> None:
    figures = {"torch": [1.000, 1.001, 1.002], "tensorflow": [1.004, 1.005, 1.003]}
    study = saved(tmp_path, *in_turn(figures, "grown"))
    assert prose(study).startswith("PyTorch and TensorFlow take the same memory within 2 %. ")
    assert "A lead without" not in prose(study)


def test_runs_that_scatter_decide_nothing(tmp_path: Path) -> None:
    figures = {"torch": [1.0, 1.5, 0.8], "tensorflow": [1.3, 1.1, 1.4]}
    study = saved(tmp_path, *in_turn(figures, "grown"))
    assert prose(study).startswith(
        "Whether PyTorch or TensorFlow takes more memory by 2 % or more is not decided: PyTorch takes"
        " 0.84 times as much in scratch (95 % interval "
    )


def test_all_places_are_one_family(tmp_path: Path) -> None:
    """A lead that would be decided alone is none among many comparisons of nothing."""
    weak = {"torch": [1.00, 1.04, 0.96], "tensorflow": [1.10, 1.14, 1.06]}
    none = {"torch": [1.00, 1.20, 0.80], "tensorflow": [1.01, 0.82, 1.22]}
    alone = saved(tmp_path / "alone", *in_turn(weak, "grown"))
    assert resources.host_memory(alone)["verdict"].tolist() == ["slower"]
    runs = [*in_turn(weak, "grown")]
    for experiment in ("mistaken", "augmented", "pretrained"):
        runs += in_turn(none, "grown", experiment=experiment)
    table = resources.host_memory(saved(tmp_path / "many", *runs))
    assert table["comparisons"].tolist() == [4] * 4
    assert table.set_index("experiment").loc["scratch", "verdict"] == "not decided among many"
    text = prose(of(tmp_path / "many"))
    assert (
        "Whether PyTorch or TensorFlow takes more memory is not decided in 1 of 4 comparisons, since"
        " among so many comparisons some such lead is no wonder: PyTorch takes 0.91 times as much in"
        " scratch (95 % interval "
    ) in text
    assert "by 2 % or more is not decided in 3 of 4 comparisons: " in text


def test_only_sessions_that_both_were_in_are_compared(tmp_path: Path) -> None:
    both = [metered("torch"), metered("tensorflow", grown=1.5)]
    write(tmp_path, "anna/0002_full.json", content_of(ANNA, [metered("torch", grown=9.0, minute=9)]))
    row = resources.host_memory(saved(tmp_path, *both)).iloc[0]
    assert (row["first_value"], row["second_value"]) == (pytest.approx(1.0e9), pytest.approx(1.5e9))
    assert row["first_runs"] == ("R1",)


def test_other_settings_are_not_told(tmp_path: Path) -> None:
    quick = [
        metered(engine, grown=grown, plan=QUICK, test_images=2_000)
        for engine, grown in (("torch", 1.0), ("tensorflow", 1.5))
    ]
    write(tmp_path, "anna/0002_quick.json", content_of(ANNA, quick))
    study = saved(tmp_path, metered("torch", grown=1.5), metered("tensorflow"))
    assert study.main == "A"
    assert len(study.engines) == 2
    assert resources.host_memory(study)["verdict"].tolist() == ["faster"]
    assert "comparison" not in prose(study)


def test_a_figure_that_is_missing_or_not_above_zero_is_compared_with_nothing(tmp_path: Path) -> None:
    runs = [metered("torch", grown=-0.1), metered("tensorflow", joules=3_000.0)]
    study = saved(tmp_path, *runs)
    assert resources.host_memory(study).empty
    assert resources.energy(study).empty
    text = prose(study)
    assert "takes more" not in text
    assert "took more" not in text.replace("No run took more", "")
    assert "1 of 2 runs has no figure of energy." in text
    frame = table_of_resources(study).set_index("engine")
    assert frame["grown_host_bytes"].isna().tolist() == [True, False]
    picture = memory(study)
    assert picture is not None
    assert [sentence.text for sentence in picture.caption[1:]] == [
        "Training scratch takes 1.00 GB in TensorFlow."
    ]
    nothing = saved(tmp_path / "nothing", metered("torch", grown=-0.1))
    # A peak below what the process had before is impossible: the figure is a gap, and the run says so.
    assert prose(nothing).startswith("Memory was not measured.")
    assert memory(nothing) is None


def test_of_energy_all_of_whose_epochs_were_disturbed_nothing_is_decided(tmp_path: Path) -> None:
    calm = epochs_of(CALM, joules=3_000.0)
    busy = disturbed(epochs_of(CALM, joules=9_000.0), *range(2, 9))
    pair = [
        metered("torch", epochs=busy, device="cpu"),
        metered("tensorflow", epochs=calm, device="cpu"),
    ]
    study = saved(tmp_path / "all", *pair)
    assert resources.energy(study)["verdict"].tolist() == ["too few epochs"]
    text = prose(study)
    assert "takes more energy" not in text
    assert (
        "No verdict is given on PyTorch's and TensorFlow's energy an epoch: it takes at least 4 timed"
        " epochs of each."
    ) in text
    calm_too = metered("torch", epochs=calm, device="cpu", minute=1)
    row = resources.energy(saved(tmp_path / "one", *pair, calm_too)).iloc[0]
    assert (row["ratio"], row["first_runs"]) == (pytest.approx(1.0), ("R2",))


def test_a_peak_of_few_epochs_is_a_peak(tmp_path: Path) -> None:
    """A run's peak is one figure, and its energy a median of epochs, of which three are a glimpse."""
    runs = [
        metered(engine, grown=grown, epochs=epochs_of(CALM[:3], joules=1_000.0 * grown))
        for engine, grown in (("torch", 1.0), ("tensorflow", 1.5))
    ]
    study = saved(tmp_path, *runs)
    row = resources.host_memory(study).iloc[0]
    assert (row["verdict"], row["epochs"]) == ("slower", 3)
    assert resources.energy(study)["verdict"].tolist() == ["too few epochs"]
    longer = [
        metered(engine, experiment="mistaken", joules=joules)
        for engine, joules in (("torch", 1_000.0), ("tensorflow", 2_000.0))
    ]
    text = prose(saved(tmp_path / "longer", *runs, *longer))
    assert "Training scratch takes 1.00 GB" in text
    assert "An epoch of mistaken takes 1.00 kJ with PyTorch and 2.00 kJ with TensorFlow." in text


def test_a_graphics_cards_own_memory_is_compared_and_apples_is_not(tmp_path: Path) -> None:
    on_cuda = [
        metered("torch", card=2.0, device="cuda"),
        metered("tensorflow", card=3.0, device="cuda"),
    ]
    study = saved(tmp_path / "cuda", *on_cuda)
    assert (
        "TensorFlow takes more memory of the graphics card than PyTorch: 1.50 times as much in scratch"
        " (one run each). Of the card's memory, training scratch takes 2.00 GB with PyTorch and 3.00 GB"
        " with TensorFlow."
    ) in prose(study)
    apple = saved(tmp_path / "apple", metered("torch", card=2.0), metered("tensorflow", card=3.0))
    assert resources.card_memory(apple).empty
    assert "graphics card" not in prose(apple)


def test_each_place_is_named_where_there_are_several(tmp_path: Path) -> None:
    for machine in (ANNA, BOB):
        runs = [
            metered("torch"),
            metered("tensorflow", grown=1.5),
            metered("torch", experiment="mistaken"),
        ]
        write(tmp_path, f"{machine.name}/1.json", content_of(machine, runs))
    assert prose(of(tmp_path)).startswith(
        "TensorFlow takes more memory than PyTorch in both comparisons: 1.50 times as much in scratch on"
        " anna (one run each) and 1.50 times in scratch on bob. Training scratch on anna takes"
    )
    on_two = [
        metered(engine, device=device, grown=grown)
        for device in ("mps", "cpu")
        for engine, grown in (("torch", 1.0), ("tensorflow", 1.5))
    ]
    assert "1.50 times as much in scratch on anna (CPU)" in prose(saved(tmp_path / "devices", *on_two))


def test_many_comparisons_are_told_from_the_least_to_the_most(tmp_path: Path) -> None:
    for number, grown in enumerate((1.3, 1.4, 1.6, 1.7, 1.9)):
        runs = [metered("torch"), metered("tensorflow", grown=grown)]
        write(tmp_path, f"m{number}/1.json", content_of(replace(ANNA, name=f"m{number}"), runs))
    assert prose(of(tmp_path)).startswith(
        "TensorFlow takes more memory than PyTorch in all 5 comparisons: 1.30 to 1.90 times as much,"
        " 1.60 times in the middle one."
    )


@pytest.fixture
def made_up() -> Iterator[None]:
    """The registry has two more engines."""
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM, KNOTS)
        yield


@pytest.mark.usefixtures("made_up")
def test_of_many_engines_the_comparisons_are_counted(tmp_path: Path) -> None:
    grown = {"torch": 1.0, "tensorflow": 1.0, LOOM.name: 1.1, KNOTS.name: 2.0}
    study = saved(tmp_path, *(metered(name, grown=value) for name, value in grown.items()))
    assert prose(study).startswith(
        "Of 6 comparisons of two frameworks' memory, each of one experiment on one device, PyTorch knots"
        " takes more in 3, one took more without repeats enough to decide in 2 and both took the same"
        " within 2 %, without repeats enough to decide, in 1. PyTorch knots takes 1.82 to 2.00 times as"
        " much as another, 2.00 times in the middle one."
    )


def test_the_tables_say_what_their_figures_are(tmp_path: Path) -> None:
    tables = typeset.tables(saved(tmp_path, metered("torch"), metered("tensorflow")))
    words = " ".join(sentence.text for sentence in tables["resources"].caption)
    assert "geometric means that are compared, each session counting once" in words
    assert "largest of the runs" not in words
