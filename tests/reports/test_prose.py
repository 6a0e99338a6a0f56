from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from bench.records.types import Machine
from reports.study.compare import Study
from reports.write.document import Report
from reports.write.ratios import lead
from tests.support.golden import assert_as_in
from tests.support.prose_figures import key_figure_wrong, wrong
from tests.support.report_files import (
    ANNA,
    FULL,
    JITTER,
    QUICK,
    check_failed,
    content_of,
    epochs_of,
    run_of,
    two_machines,
    write,
)
from tests.support.report_study import study_of
from tests.support.report_text import put_together, sentences, text, whole_text

SAID: dict[int, tuple[Study, Report]] = {}
"""id of a study -> itself, so that no other gets its id, and its report, which many tests ask."""


def report_of(given: Study) -> Report:
    if id(given) not in SAID:
        SAID[id(given)] = (given, put_together(given))
    return SAID[id(given)][1]


def told(given: Study, key: str | None = None) -> str:
    return text(report_of(given), key)


def saved(folder: Path, *files: tuple[Machine, Sequence[dict[str, Any]]]) -> Study:
    for machine, runs in files:
        write(folder, f"{machine.model}-{machine.name[:1]}/0001.json", content_of(machine, runs))
    return study_of(folder)


def timed(seconds: float, spread: float = 1.0, **given: Any) -> Any:
    return epochs_of([seconds * (1 + spread * (each - 1)) for each in JITTER], **given)


def pair(torch: float, tensorflow: float, spread: float = 1.0, **given: Any) -> list[dict[str, Any]]:
    return [
        run_of("scratch", "torch", timed(torch, spread), **given),
        run_of("scratch", "tensorflow", timed(tensorflow, spread), **given),
    ]


def slow_quick(folder: Path) -> Study:
    """Quick runs on a CPU: a pair with ten epochs, one with two, pretrained from a user's file."""
    plan: dict[str, Any] = {"plan": replace(QUICK, epochs=11), "test_images": 2000, "device": "cpu"}
    long = [6.0, 6.1, 6.0, 5.9, 6.2, 6.0, 6.1, 6.6, 6.7, 6.8, 6.7]
    runs = [
        run_of("scratch", "torch", epochs_of(long, images=1920), **plan),
        run_of("scratch", "tensorflow", epochs_of([s * 0.9 for s in long], images=1920), **plan),
        run_of("mistaken", "torch", epochs_of([5.0, 4.5, 4.6], images=1280), **plan),
        run_of("mistaken", "tensorflow", epochs_of([5.0, 4.8, 4.7], images=1280), **plan),
        run_of(
            "pretrained",
            "torch",
            epochs_of([4.0, 4.0, 6.0], images=1280),
            start={"weights_origin": "user file"},
            **plan,
        ),
    ]
    return saved(folder, (ANNA, runs))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    folder = two_machines(tmp_path_factory.mktemp("two"))
    return folder, study_of(folder)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    folder = tmp_path_factory.mktemp("quick")
    return folder, slow_quick(folder)


NUMBERS = {
    "two": {"front": 12, "learning": 4, "resources": 3, "method": 7},
    "quick": {"front": 3, "learning": 6, "apart": 1, "method": 8},
}
"""The least of some chapters, so that none of them is read in vain."""


@pytest.mark.parametrize("which", NUMBERS)
def test_every_number_is_what_the_files_say(which: str, request: pytest.FixtureRequest) -> None:
    folder, given = request.getfixturevalue(which)
    report = report_of(given)
    assert not wrong((sentence for _, sentence in report.sentences()), folder, given)
    for key, least in NUMBERS[which].items():
        found = [number for sentence in sentences(report)[key] for number in sentence.numbers]
        assert len(found) >= least, key


@pytest.mark.parametrize("which", NUMBERS)
def test_every_key_figure_is_the_best_of_the_files(which: str, request: pytest.FixtureRequest) -> None:
    folder, given = request.getfixturevalue(which)
    figures = report_of(given).figures
    assert len(figures) >= {"two": 4, "quick": 2}[which]
    assert [key_figure_wrong(figure, folder, given) for figure in figures] == [""] * len(figures)


def test_the_whole_text_of_two_machines(two: tuple[Path, Study]) -> None:
    assert_as_in("prose.txt", whole_text(report_of(two[1])))


def test_no_accuracy_without_the_full_protocol(quick: tuple[Path, Study], tmp_path: Path) -> None:
    synthetic = saved(tmp_path, (ANNA, pair(10, 12, plan=replace(FULL, dataset="synthetic"))))
    for given in (quick[1], synthetic):
        assert not re.search(r"best test accurac|74\.00", told(given))
        assert "Nothing is claimed of accuracy" in told(given, "learning")


def test_nothing_valid_is_said_so(tmp_path: Path) -> None:
    bad = run_of(
        "scratch", "tensorflow", timed(9), reasons=[check_failed("not <b>{0}</b>", measured=None)]
    )
    given = saved(tmp_path, (ANNA, [run_of("scratch", "torch", (), failure="killed by {x}"), bad]))
    assert told(given, "front") == (
        "No run is valid, so nothing is compared and nothing is claimed: 1 failed and 1 invalid."
        " The reasons are: killed by {x}; not <b>{0}</b>: there was nothing to measure, or not a number:"
        " the compiled logits on cpu, against the reference in float64."
    )


def test_an_interval_near_one_never_reads_as_one() -> None:
    repeats = {"basis": "runs", "runs": (3, 3), "sessions": (1, 1)}
    runs: Any = (["R1"], ["R2"])
    row = SimpleNamespace(ratio=1.03, low=1.0031, high=1.05, verdict="faster", **repeats)
    found = lead(row, ("a", "b"), "here", runs, noun="run")
    assert found.evidence.text == "95 % interval 1.003 to 1.05 over 3 runs each within a session"
    row = SimpleNamespace(ratio=0.97, low=0.95, high=0.9996, verdict="slower", **repeats)
    turned = lead(row, ("a", "b"), "here", runs, noun="run")
    assert (turned.first, turned.value.text, turned.interval.text) == ("b", "1.03", "1.0004 to 1.05")


def test_what_a_ratio_rests_on_is_said() -> None:
    def evidence(noun: Any = "run", **given: Any) -> str:
        usual = {"ratio": 1.1, "low": 1.05, "high": 1.15, "verdict": "not decided", "basis": "seen"}
        row = SimpleNamespace(**usual | {"runs": (3, 3), "sessions": (1, 1)} | given)
        return lead(row, ("a", "b"), "here", (["R1"], ["R2"]), noun=noun).evidence.text

    assert evidence() == "1.05 to 1.15 seen in 3 runs each"
    assert evidence(runs=(2, 3)) == "1.05 to 1.15 seen in 2 runs and 3 runs"
    assert evidence("session") == "1.05 to 1.15 seen in one session each"
    assert evidence(basis="out of turn").endswith("in 3 runs each, the same side first")
    assert evidence("session", sessions=(3, 4), basis="sessions") == (
        "95 % interval 1.05 to 1.15 over 3 sessions and 4 sessions"
    )
    assert evidence(low=float("nan"), high=float("nan"), runs=(1, 1)) == "one run each"
