from __future__ import annotations

import difflib
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from alexnet.spec import network
from bench.records.flops import training_flops
from bench.records.types import CutOff, Machine, Reads, ResumedDespite, Roofline
from bench.records.words import warning_text
from reports import typeset, words
from reports.document import Number, Paragraph, Sentence
from reports.frame import frames
from reports.prose import sections
from reports.prose.ratios import lead
from reports.sources import gather
from reports.study.compare import Study, study
from reports.tables.conditions import flags
from tests.support.prose_figures import again, raws, reads_as_rounded
from tests.support.report_files import (
    ANNA,
    BOB,
    FULL,
    IMAGES,
    JITTER,
    QUICK,
    check_failed,
    content_of,
    epochs_of,
    overfitting,
    run_of,
    two_machines,
    with_gpu_joules_alone,
    write,
)

GOLDEN = Path(__file__).parent / "golden" / "prose.txt"
KEYS = (
    *("summary", "measured", "frameworks", "machines", "learning", "network", "resources", "classes"),
    *("steadiness", "original", "apart", "methods"),
)
CONSTANTS = (
    *(
        "CIFAR-10",
        "95 %",
        "100 %",
        "5 %",
        "2 %",
        "at 95 %",
        "1.20",
        "--repeats 3",
    ),
    *("float64", "Dense(1000)", "1000 outputs for 10 classes", "side of 1", "2 % of 1", "under 1 is"),
    *("over 1 is", "at 224 pixels", "224", "version 6", "1 %", "8 %", "11 %"),
)
"""Digits that words may have: the protocol's own."""


SAID: dict[int, tuple[Study, Mapping[str, tuple[Paragraph, ...]]]] = {}
"""id of a study -> itself, so that no other gets its id, and its sections, which many tests ask."""


def said(given: Study) -> Mapping[str, tuple[Paragraph, ...]]:
    if id(given) not in SAID:
        SAID[id(given)] = (given, sections(given))
    return SAID[id(given)][1]


def told(given: Study, key: str | None = None) -> str:
    found = said(given)
    return " ".join(
        sentence.text
        for name in found
        if key in (None, name)
        for paragraph in found[name]
        for sentence in paragraph.sentences
    )


def of(folder: Path) -> Study:
    return study(frames(gather([str(folder)])))


def saved(folder: Path, *files: tuple[Machine, Sequence[dict[str, Any]]]) -> Study:
    for machine, runs in files:
        write(folder, f"{machine.model}-{machine.name[:1]}/0001.json", content_of(machine, runs))
    return of(folder)


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
    return folder, of(folder)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    folder = tmp_path_factory.mktemp("quick")
    return folder, slow_quick(folder)


def numbers(given: Study) -> list[tuple[Sentence, Number]]:
    return [
        (sentence, number)
        for paragraphs in said(given).values()
        for paragraph in paragraphs
        for sentence in paragraph.sentences
        for number in sentence.numbers
    ]


@pytest.mark.parametrize("which", ["two", "quick"])
def test_every_number_is_what_the_files_say(which: str, request: pytest.FixtureRequest) -> None:
    folder, given = request.getfixturevalue(which)
    by_seal = raws(folder)
    seals = dict(zip(given.frames.runs["run"], given.frames.runs["checksum"], strict=True))
    found = numbers(given)
    assert len(found) > 50
    for sentence, number in found:
        runs = [by_seal[seals[run]] for run in number.runs]
        assert again(number, runs) == pytest.approx(number.value, rel=1e-12), (sentence.text, number)
        assert reads_as_rounded(number), (sentence.text, number)


@pytest.mark.parametrize("which", ["two", "quick"])
def test_words_hold_no_digits_but_the_protocols(which: str, request: pytest.FixtureRequest) -> None:
    _, given = request.getfixturevalue(which)
    table = given.frames
    names = {
        text
        for frame in (table.runs, table.machines)
        for column in frame
        for cell in frame[column]
        for text in (cell if isinstance(cell, tuple) else (cell,))
        if isinstance(text, str)
    }
    names |= {reason for run in table.runs.to_dict("records") for reason in words.reasons(run)}
    names |= {day[:10] for day in table.runs["started_at"]}
    allowed = sorted({*names, *CONSTANTS} - {""}, key=len, reverse=True)
    for paragraphs in said(given).values():
        for part in (p for para in paragraphs for s in para.sentences for p in s.parts):
            if isinstance(part, str):
                left = part
                for each in allowed:
                    left = left.replace(each, "")
                left = left.replace("at least 4 timed", "")
                assert not re.search(r"\d", left) or part in ("2", "3", "4", "6", "7"), part


def test_the_chapters_are_there_in_order(two: tuple[Path, Study]) -> None:
    found = said(two[1])
    assert tuple(found) == KEYS
    assert all(isinstance(each, Paragraph) for paragraphs in found.values() for each in paragraphs)
    assert 3 <= sum(len(paragraph.sentences) for paragraph in found["summary"]) <= 9


def test_the_whole_prose_of_two_machines(two: tuple[Path, Study]) -> None:
    lines = []
    for key, paragraphs in said(two[1]).items():
        lines += ["", f"[{key}]", *(s.text for each in paragraphs for s in each.sentences)]
    text = "\n".join(lines[1:]) + "\n"
    golden = GOLDEN.read_text(encoding="utf-8")
    assert text == golden, "\n".join(difflib.unified_diff(golden.splitlines(), text.splitlines()))


@pytest.mark.parametrize(
    ("torch", "tensorflow", "says"),
    [
        (
            100,
            80,
            "TensorFlow trains faster than PyTorch on anna: 1.25 times as fast in scratch (one run"
            " each).",
        ),
        (
            80,
            100,
            "PyTorch trains faster than TensorFlow on anna: 1.25 times as fast in scratch (one run"
            " each).",
        ),
        (
            100,
            90,
            "TensorFlow is ahead of PyTorch on anna, which decides nothing: 1.11 times as fast in"
            " scratch (one run each).",
        ),
    ],
)
def test_the_faster_is_called_the_faster(
    tmp_path: Path, torch: float, tensorflow: float, says: str
) -> None:
    given = saved(tmp_path, (ANNA, pair(torch, tensorflow)))
    assert told(given, "frameworks").startswith(says)
    assert "An epoch of scratch takes" in told(given, "frameworks")
    assert "A lead without an interval decides only above 1.20 times." in told(given, "summary")
    if "TensorFlow trains faster" in says:
        assert told(given, "summary").startswith(
            "In the experiment scratch on anna, TensorFlow is 1.25 times as fast as PyTorch (one run"
            " each). "
        )
    if "TensorFlow is ahead" in says:
        assert told(given, "summary").startswith(
            "In the experiment scratch on anna, TensorFlow is ahead, 1.11 times as fast as PyTorch (one"
            " run each), which decides nothing. "
        )


def repeated(torch: Sequence[float], tensorflow: Sequence[float]) -> list[dict[str, Any]]:
    """Repeats in turn: A B, B A, A B."""
    runs = []
    for repeat, seconds in enumerate(zip(torch, tensorflow, strict=True)):
        turn = [("torch", seconds[0]), ("tensorflow", seconds[1])]
        for place, (engine, each) in enumerate(turn[::-1] if repeat % 2 else turn):
            began = f"2026-11-20T09:{10 * repeat + 5 * place:02}:00+00:00"
            runs.append(run_of("scratch", engine, timed(each), repeat=repeat, started_at=began))
    return runs


@pytest.mark.parametrize(
    ("torch", "tensorflow", "says"),
    [
        (
            (100.0, 101.0, 100.5),
            (90.0, 91.0, 90.2),
            "TensorFlow trains faster than PyTorch on anna: 1.11 times as fast in scratch (95 % interval"
            " 1.10 to 1.13 over 3 runs each within a session).",
        ),
        (
            (100.0, 100.1, 99.9),
            (100.2, 100.0, 100.1),
            "PyTorch and TensorFlow are equally fast within 2 % on anna: PyTorch's speed is 1.00 times"
            " TensorFlow's in scratch (95 % interval 1.00 to 1.00 over 3 runs each within a session).",
        ),
        (
            (100.0, 104.0, 97.0),
            (101.0, 99.0, 107.0),
            "It is not decided on anna which is faster by 2 % or more: PyTorch's speed is 1.02 times"
            " TensorFlow's in scratch (95 % interval 0.94 to 1.11 over 3 runs each within a session).",
        ),
    ],
)
def test_repeats_earn_an_interval(
    tmp_path: Path, torch: Sequence[float], tensorflow: Sequence[float], says: str
) -> None:
    given = saved(tmp_path, (ANNA, repeated(torch, tensorflow)))
    assert told(given, "frameworks").startswith(says)
    assert "without an interval" not in told(given, "frameworks") + told(given, "summary")


def test_a_slower_machine_is_named_second(tmp_path: Path) -> None:
    later: Any = {"started_at": "2026-11-25T09:00:00+00:00"}
    given = saved(tmp_path, (BOB, pair(50, 50)), (ANNA, pair(100, 100, **later)))
    said_of_bob = "bob is 2.00 times as fast as anna (geometric mean, one session each)."
    assert said_of_bob in told(given, "machines")
    assert "anna is" not in told(given)


def test_too_few_epochs_get_no_verdict(tmp_path: Path) -> None:
    runs = [
        run_of("scratch", name, epochs_of([2.0, s, s])) for name, s in (("torch", 1), ("tensorflow", 2))
    ]
    text = told(saved(tmp_path, (ANNA, runs)))
    assert "No verdict is given on anna for scratch (2 timed epochs): it takes at least 4" in text
    assert "1 comparison of the frameworks has too few epochs for a verdict" in text
    assert "faster than" not in text.replace("faster than it began", "")
    assert "times as fast" not in text


def test_no_accuracy_without_the_full_protocol(quick: tuple[Path, Study], tmp_path: Path) -> None:
    synthetic = saved(tmp_path, (ANNA, pair(10, 12, plan=replace(FULL, dataset="synthetic"))))
    for given in (quick[1], synthetic):
        text = told(given)
        assert not re.search(r"test accuracy|Test accuracy|recognised|74\.00|overfitted", text)
        assert "nothing is claimed of accuracy" in told(given, "summary")
        assert "Nothing is claimed of accuracy" in told(given, "learning")
        assert told(given, "original").startswith("These runs say nothing of the original report's")
    assert "the quick profile trains on 1,280 or 1,920 images" not in told(synthetic)


def test_one_machine_is_compared_with_none(quick: tuple[Path, Study]) -> None:
    assert said(quick[1])["machines"] == ()


def test_an_experiment_overfits_and_a_run_does_not(two: tuple[Path, Study], tmp_path: Path) -> None:
    assert "The experiment mistaken overfitted: in all 4 runs the" in told(two[1], "learning")
    assert "The experiment mistaken overfitted (all 4 runs)." in told(two[1], "summary")
    runs = [*pair(100, 100), run_of("mistaken", "torch", overfitting([9.0] * 5))]
    assert "No experiment overfitted." in told(saved(tmp_path, (ANNA, runs)), "learning")


def test_what_is_unusual_is_told(quick: tuple[Path, Study]) -> None:
    text = told(quick[1])
    assert "Both runs with 6 timed epochs or more ended over 5 % slower than they began" in text
    assert "1 run of pretrained started from a user's file" in text
    assert "Energy was not measured: neither RAPL nor NVML counts energy here." in text
    assert "PyTorch ran on" not in text


def test_a_processor_that_was_not_counted_is_why_there_is_no_energy(tmp_path: Path) -> None:
    reads = {"meters": {"energy": Reads(kind="counters", detail="gpu")}}
    epochs = with_gpu_joules_alone(timed(100), 7_650.0)
    text = told(
        saved(tmp_path, (ANNA, [run_of("scratch", "torch", epochs, device="cuda", start=reads)]))
    )
    assert (
        "Energy was not measured: the processor's was not counted (gpu, in windows of 20 s or more)."
        in text
    )
    assert "too short" not in text
    assert "the processor's energy was not measured" in text


def test_invalid_failed_and_left_out(two: tuple[Path, Study], tmp_path: Path) -> None:
    text = told(two[1], "apart")
    assert (
        "1 run is invalid and stands in no comparison: pretrained with TensorFlow on bob (logits:"
        in text
    )
    assert (
        "1 run failed and stands in no comparison: pretrained with TensorFlow on anna (its worker"
        in text
    )
    two_machines(tmp_path)
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    (tmp_path / "again.json").write_bytes((tmp_path / "bob/0001_full.json").read_bytes())
    text = told(of(tmp_path), "apart")
    assert "2 files or parts of files could not be used: " in text
    assert "the same as another, counted once (1)" in text
    assert "not a result file (1)" in text


def test_a_seal_that_does_not_fit_is_told(tmp_path: Path) -> None:
    file = write(tmp_path, "anna/1.json", content_of(ANNA, pair(100, 125)))
    changed = file.read_text(encoding="utf-8").replace('"load": 0.4', '"load": 0.1')
    file.write_text(changed, encoding="utf-8")
    assert "The seals of 1 file do not fit: something in it was changed" in told(of(tmp_path), "apart")


def test_nothing_valid_is_said_so(tmp_path: Path) -> None:
    bad = run_of(
        "scratch", "tensorflow", timed(9), reasons=[check_failed("not <b>{0}</b>", measured=None)]
    )
    given = saved(tmp_path, (ANNA, [run_of("scratch", "torch", (), failure="killed by {x}"), bad]))
    assert told(given, "summary") == (
        "No run is valid, so nothing is compared and nothing is claimed: 1 failed and 1 invalid."
        " The reasons are: killed by {x}; not <b>{0}</b>: there was nothing to measure, or not a number:"
        " the compiled logits on cpu, against the CPU in float64."
    )
    for key in ("frameworks", "machines", "learning", "resources", "classes", "steadiness", "original"):
        assert said(given)[key] == ()


def test_one_framework_and_a_hostile_name(tmp_path: Path) -> None:
    name = "{x} <b>%s|*"
    given = saved(tmp_path, (replace(ANNA, name=name), [run_of("scratch", "torch", timed(10))]))
    assert (
        f"The frameworks were not compared: {name} has valid runs of PyTorch alone in this setting."
        in told(given)
    )
    assert any(name in s.parts for each in said(given)["measured"] for s in each.sentences)


def test_frameworks_on_different_devices_are_not_compared(tmp_path: Path) -> None:
    runs = [
        run_of("scratch", "torch", timed(10)),
        run_of("scratch", "tensorflow", timed(50), device="cpu"),
    ]
    text = told(saved(tmp_path, (ANNA, runs)), "frameworks")
    assert text == (
        "The frameworks were not compared: on anna PyTorch ran on the Apple GPU and TensorFlow on the"
        " CPU."
    )


def test_many_machines_are_as_long_as_some(tmp_path: Path) -> None:
    texts = []
    for n in (5, 15):
        files = [
            (replace(ANNA, name=f"{chr(97 + i)}-mac"), pair(100 + 2 * (i % 5), 104)) for i in range(n)
        ]
        texts.append(told(saved(tmp_path / str(n), *files)))
    assert abs(len(texts[1]) - len(texts[0])) < 150
    assert (
        "The frameworks meet in scratch on 15 machines: PyTorch is ahead without repeats enough to"
        " decide on 3, TensorFlow is ahead without repeats enough to decide on 3 and both are level"
        " within 2 % without repeats enough to decide on 9."
    ) in texts[1]
    assert (
        "Of 14 machines that have cells in common with a-mac, 6 are behind without repeats enough to"
        " decide and 8 are level within 2 % without repeats enough to decide."
    ) in texts[1]


def test_skipped_cells_are_told_with_their_reason(tmp_path: Path) -> None:
    run = pair(100, 125)[0]
    skip = {"cell": run["cell"], "plan": run["plan"], "reason": "no {weights} could be had"}
    write(tmp_path, "anna/1.json", content_of(ANNA, pair(100, 125), [skip, skip]))
    given = of(tmp_path)
    assert "2 cells were skipped: no {weights} could be had (2 cells)." in told(given, "apart")
    assert "from 1 file of 1 machine: 2 valid and 2 cells skipped." in told(given, "measured")


def test_conditions_that_spoil_a_figure_are_told(tmp_path: Path) -> None:
    achieved = IMAGES / 125 * training_flops(network("standard"))
    low = Roofline(flops_per_second=achieved / 1.2, bytes_per_second=1e18)
    runs = pair(100, 125, start={"roofline": low})
    runs[0]["before"] |= {"power": "battery", "thermal": "heavy", "load": 7.5}
    runs[1]["interruptions"] = [
        {
            "stopped_at": "2026-11-24T12:10:00+00:00",
            "resumed_at": "2026-11-24T12:20:00+00:00",
            "seconds": 600.0,
            "why": None,
            "differences": [],
            "after_epoch": 3,
            "resumed_after": 3,
            "went_back_because": None,
        }
    ]
    given = saved(tmp_path, (ANNA, runs))
    assert "1 run began on mains power, 1 on battery and 1 under thermal pressure." in told(given)
    assert "The load average before a run was 0.4 to 7.5." in told(given, "measured")
    assert "A share over 100 % (2 runs) says that the roofline came out too low" in told(given)
    assert "1 run was cut off and resumed, and the computer had time to cool down" in told(given)
    assert "Of note: 1 run was cut off and resumed, 1 began on battery and " in told(given, "summary")


def test_a_warning_with_a_semicolon_stays_whole(tmp_path: Path) -> None:
    """A killed worker's interruption says why in two clauses, and was torn in two."""
    cut_off = CutOff(
        after_epoch=2,
        resumed_after=2,
        seconds=5.0,
        why="the worker was killed after epoch 2; the system does that when memory runs out",
        went_back_because=None,
    )
    other = ResumedDespite(difference="load: 0.1 here; 0.2 there")
    given = saved(tmp_path, (ANNA, pair(100, 125, warnings=[cut_off, other])))
    assert (
        "Warnings in the files: it went on although not all was as before: load: 0.1 here; 0.2 there"
        " (2 runs)."
    ) in told(given, "steadiness")
    assert "memory runs out" not in told(given)
    table = typeset.tables(given)["conditions"]
    notes = [row[[column.name for column in table.columns].index("Notes")] for row in table.rows]
    assert notes[0] == f"{warning_text(cut_off)}; {warning_text(other)}"
    assert flags(given.runs.to_dict("records")[0]) == ("cut off and resumed",)


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
    assert evidence(basis="out of turn").endswith("in 3 runs each, one side after the other")
    assert evidence("session", sessions=(3, 4), basis="sessions") == (
        "95 % interval 1.05 to 1.15 over 3 sessions and 4 sessions"
    )
    assert evidence(low=float("nan"), high=float("nan"), runs=(1, 1)) == "one run each"
