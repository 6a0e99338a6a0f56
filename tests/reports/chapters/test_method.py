"""How it was measured: machines, recipes, conditions, the gate, and what verdicts take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from bench.records.types import (
    CutOff,
    OnBattery,
    PlacementUnknown,
    ResumedDespite,
    SlowedDown,
    ThermalPressure,
)
from reports.chapters import method
from reports.chapters.front.shown import all_rows, in_chart
from reports.study.compare import Study
from reports.study.conditions import conditions, gates
from reports.write.document import MOST_MACHINES, Paragraph, Section, Table
from tests.support.prose_figures import wrong
from tests.support.report_files import (
    ANNA,
    BOB,
    FULL,
    LOOM,
    QUICK,
    VERSIONS,
    add_engines,
    check_failed,
    content_of,
    epochs_of,
    run_of,
    several_engines,
    two_machines,
    write,
)
from tests.support.report_study import saved, study_of
from tests.support.report_text import sentences_of

STEADY = (120.0, 100.0, 101.0, 99.0, 100.0)
PROTOCOL = ("CIFAR-10", "float64", "version 6", "momentum 0.9", "over 1 %", "as 2 processors")
"""Digits that words may have: the protocol's own."""


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """The registry has an engine more for as long as this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_machines(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def two(folder: Path) -> Study:
    return study_of(folder)


def pair(**given: Any) -> list[dict[str, Any]]:
    return [run_of("scratch", name, epochs_of(STEADY), **given) for name in ("torch", "tensorflow")]


def written(given: Study) -> Section:
    section = method.chapter(given)
    assert section is not None
    return section


def table(given: Study, key: str) -> Table | None:
    blocks = written(given).blocks
    return next((b for b in blocks if isinstance(b, Table) and b.key == key), None)


def rows(given: Study, key: str) -> list[tuple[str, ...]]:
    found = table(given, key)
    return [] if found is None else list(found.rows)


def meanings(given: Study) -> dict[str, str]:
    """The words of a comparison and what each says."""
    return {row[0]: row[1] for row in rows(given, "verdicts")}


def parts(given: Study) -> dict[str, str]:
    """The parts of the only machine."""
    return {row[0]: row[1] for row in rows(given, "computers")}


def headings(given: Study, key: str) -> list[str]:
    found = table(given, key)
    assert found is not None
    return [column.name for column in found.columns]


def text(given: Study) -> str:
    """The chapter's paragraphs and captions."""
    return " ".join(
        sentence.text
        for block in written(given).blocks
        for sentence in (block.sentences if isinstance(block, Paragraph) else block.caption)
    )


def test_what_the_runs_were_and_that_all_gates_were_passed(two: Study) -> None:
    assert text(two).startswith(
        "The report is about the full profile: CIFAR-10 (the official archive, md5 verified) at 224"
        " pixels a side, 45,000 images for training, 5,000 for validation and 10,000 for the test."
    )
    told = "with a reference in numpy and float64, by 22 checks of 22 runs: all were passed."
    assert told in text(two)
    assert "Before a run 0.4 processes wanted the processor (the load average)." in text(two)


def test_every_number_is_what_the_files_say(two: Study, folder: Path) -> None:
    sentences = sentences_of(written(two).blocks)
    assert sum(len(sentence.numbers) for sentence in sentences) > 6
    assert wrong(sentences, folder, two) == []


def test_no_sentence_has_a_figure_of_its_own(two: Study) -> None:
    for block in written(two).blocks:
        if isinstance(block, Paragraph):
            for sentence in block.sentences:
                words = "".join(part for part in sentence.parts if isinstance(part, str))
                for phrase in PROTOCOL:
                    words = words.replace(phrase, "")
                assert not re.findall(r"\d", words.replace("md5", "")), words


def test_one_machine_has_a_table_of_its_parts(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, pair()))
    assert headings(given, "computers") == ["Machine", "anna"]
    assert parts(given) == {
        "Chip": "Apple M1 Pro",
        "GPU": "16 cores",
        "Memory": "16 GiB",
        "System": "macOS 15.6.1",
        "Versions": "Python 3.12.8, PyTorch 2.14.1, TensorFlow 2.18.1",
        "Runs": "2",
        "Measured, UTC": "2026-11-24",
    }
    assert "sessions' means" not in str(rows(given, "verdicts")), "which is about several machines"


def test_several_machines_have_a_row_each_and_what_is_alike_stands_in_the_caption(two: Study) -> None:
    assert headings(two, "computers") == [
        *("Machine", "Chip", "GPU", "Memory", "System", "Runs", "Measured, UTC")
    ]
    assert rows(two, "computers") == [
        ("anna", "Apple M1 Pro", "16 cores", "16 GiB", "macOS 15.6.1", "12", "2026-11-20 to 2026-11-24"),
        ("bob", "Apple M3 Max", "40 cores", "64 GiB", "macOS 26.1", "10", "2026-11-22"),
    ]
    assert "All have Python 3.12.8, PyTorch 2.14.1, TensorFlow 2.18.1." in text(two)
    assert "sessions' means" in str(rows(two, "verdicts"))


def test_where_nothing_is_compared_no_words_are_explained(tmp_path: Path) -> None:
    assert rows(saved(tmp_path / "one", (ANNA, pair()[:1])), "verdicts") == []
    machines = meanings(saved(tmp_path / "two", (ANNA, pair()[:1]), (BOB, pair()[:1])))
    assert machines["interval of machines"] == (
        "It takes 3 or more sessions of each machine (Welch's t on the sessions' means)."
    )
    assert not {"interval of engines", "interval over machines"} & {*machines}


def test_each_word_is_explained_in_sentences(tmp_path: Path) -> None:
    """With the rules' own numbers; an interval over machines takes three of them."""
    names = ("anna", "bob", "carl")
    files = [(replace(ANNA, name=name, model=name), pair()) for name in names]
    three = meanings(saved(tmp_path / "three", *files))
    assert [word for word in three if word.startswith("interval")] == [
        *("interval of engines", "interval over machines", "interval of machines"),
    ]
    assert three["too few epochs"] == "A side has fewer than 4 timed epochs. So few decide nothing."
    assert "more than 1.20 times" in three["faster, no interval"]
    assert "over 7 points" in three["more accurate, few seeds"]
    for word, meaning in three.items():
        assert re.fullmatch(r"[A-Z].*\.", meaning), word
        assert "{" not in meaning
    two = saved(tmp_path / "two", *files[:2])
    assert "interval over machines" not in meanings(two)


def test_of_many_machines_a_page_has_some_and_the_frame_all(tmp_path: Path) -> None:
    many = [(replace(ANNA, name=f"m{number:02}"), pair()) for number in range(15)]
    given = saved(tmp_path, *many)
    found = table(given, "computers")
    assert found is not None
    assert found.frame is not None
    assert (len(found.rows), found.left_out, len(found.frame)) == (MOST_MACHINES, 3, 15)
    assert "Of 15 machines, 12 are shown: those in the first page's chart." in text(given)
    drawn = [speed.machine for speed in in_chart(all_rows(given)).speeds]
    assert {row[0] for row in found.rows} == {*drawn}


def test_a_virtual_machine_and_another_gpu_are_named(tmp_path: Path) -> None:
    machine = replace(ANNA, virtual=True, gpu="NVIDIA H100", gpu_cores=None, chip=None, os="Debian 12")
    of_machine = parts(saved(tmp_path, (machine, pair())))
    assert of_machine["System"] == "Debian 12, a virtual machine"
    assert of_machine["GPU"] == "NVIDIA H100"
    assert "Chip" not in of_machine


def test_packages_are_those_of_the_frameworks_that_ran(tmp_path: Path) -> None:
    packages = {"torch": "2.14.1", "torchvision": "0.29.1", "tensorflow": "2.18.1", "keras": "3.6.0"}
    machine = replace(ANNA, packages=packages)
    both = saved(tmp_path / "both", (machine, pair()))
    versions = "Python 3.12.8, PyTorch 2.14.1, TensorFlow 2.18.1, Keras 3.6.0"
    assert parts(both)["Versions"] == versions
    one = saved(tmp_path / "one", (machine, pair()[:1]))
    assert parts(one)["Versions"] == "Python 3.12.8, PyTorch 2.14.1"
    three = several_engines(tmp_path / "three", "torch", LOOM.name)
    assert VERSIONS["torch"] in text(study_of(three))


def test_hostile_texts_stay_the_texts_that_they_are(tmp_path: Path) -> None:
    hostile = '<script>{x}</script> | # {{7*7}} *b* $x$ "q"'
    machine = replace(ANNA, name=hostile, chip=hostile, os=hostile, packages={"torch": hostile})
    given = saved(tmp_path, (replace(machine, name="h"), pair()), (BOB, pair()))
    assert {hostile, "Apple M3 Max"} == {row[1] for row in rows(given, "computers")}
    write(tmp_path, "h/0001.json", content_of(machine, pair()))
    assert hostile[:39] + "…" in {row[0] for row in rows(study_of(tmp_path), "computers")}


def test_packages_that_changed_between_the_runs_are_told(tmp_path: Path) -> None:
    later = pair(seed=1, started_at="2026-11-25T12:00:00+00:00")
    write(tmp_path, "a/0001.json", content_of(ANNA, pair()))
    write(tmp_path, "a/0002.json", content_of(replace(ANNA, python="3.12.9"), later))
    given = study_of(tmp_path)
    assert "Between its runs the system or the packages changed on anna." in text(given)
    assert parts(given)["Versions"].startswith("Python 3.12.9, ")


def test_how_each_experiment_is_trained(two: Study) -> None:
    assert [row[0] for row in rows(two, "recipes")] == ["scratch", "mistaken", "augmented", "pretrained"]
    assert rows(two, "recipes")[3][1:] == (
        "torchvision's AlexNet from weights given to it",
        *("64", "13", "1", "0.01, then 0.001"),
    )
    found = table(two, "recipes")
    assert found is not None
    assert found.frame is not None
    assert set(found.frame["setting"]) == {"A", "B"}, "the file has the other setting's too"


@pytest.mark.parametrize(
    ("engines", "words"),
    [
        (("torch",), "Every run starts from the same weights and sees the same batches"),
        (("torch", "tensorflow"), "Both engines start from the same weights and see"),
        (("torch", "tensorflow", LOOM.name), "All engines start from the same weights and see"),
    ],
)
def test_it_reads_well_of_any_number_of_engines(
    tmp_path: Path, engines: tuple[str, ...], words: str
) -> None:
    assert words in text(study_of(several_engines(tmp_path, *engines)))


def test_runs_in_a_bad_condition_stand_in_a_row_by_kind(tmp_path: Path) -> None:
    cut_off = {
        "stopped_at": "2026-11-24T12:10:00+00:00",
        "resumed_at": "2026-11-24T12:20:00+00:00",
        "seconds": 600.0,
        "why": None,
        "differences": [],
        "after_epoch": 3,
        "resumed_after": 3,
        "went_back_because": None,
    }
    runs = [*pair(seed=0), *pair(seed=1), *pair(seed=2, warnings=[SlowedDown(share=0.1)])]
    for run in runs[:3]:
        run["before"] |= {"power": "battery"}
    runs[3]["before"] |= {"thermal": "heavy", "load": 7.5}
    runs[3]["interruptions"] = [cut_off]
    given = saved(tmp_path, (ANNA, runs))
    assert headings(given, "conditions") == ["Condition", "Runs", "Which"]
    assert sorted(row[:2] for row in rows(given, "conditions")) == [
        ("heat", "1"),
        ("on battery", "3"),
    ]
    assert rows(given, "conditions")[0][0] == "on battery", "the most frequent stands first"
    found = table(given, "conditions")
    assert found is not None
    assert found.title == "The condition of 4 runs was not good"
    assert "No run was in low power mode." in text(given)
    assert "Before a run 0.4 to 7.5 processes wanted the processor" in text(given)
    frame = written(given).data["conditions"]
    assert len(frame) == 6
    told_with_the_speeds = {"slowed down", "cut off and resumed"}
    assert told_with_the_speeds <= {flag for flags in frame["flags"] for flag in flags}


def test_of_two_machines_a_condition_names_the_machine(two: Study) -> None:
    assert rows(two, "conditions") == [
        ("on battery", "anna", "1", "R5"),
        ("on battery", "bob", "1", "R17"),
    ]


def test_where_nothing_is_wrong_there_is_no_table_and_one_sentence(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, pair()))
    assert table(given, "conditions") is None
    assert "No run was on battery, in low power mode or under thermal pressure." in text(given)


def test_what_the_system_does_not_say_is_said_to_be_unknown(tmp_path: Path) -> None:
    runs = pair()
    for run in runs:
        run["before"] |= {"power": "mains", "low_power": None, "thermal": None}
    given = saved(tmp_path, (ANNA, runs))
    assert "No run was on battery." in text(given)
    assert (
        "The system does not say whether a run was in low power mode or under thermal pressure."
        in text(given)
    )


def test_a_warning_met_during_the_run_is_no_good_condition(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, pair(warnings=[ThermalPressure(levels=("heavy",)), OnBattery()])))
    assert rows(given, "conditions") == [("heat, on battery", "2", "R1 R2")]
    assert "No run was in low power mode." in text(given)


def test_a_check_that_was_not_passed_is_named(tmp_path: Path) -> None:
    runs = pair()
    runs[1]["gate"]["checks"][0]["measured"] = 1.6
    runs[1]["verdict"] |= {"validity": "invalid", "reasons": [to_builtins(check_failed())]}
    assert (
        "by 2 checks of 2 runs: 1 check of 1 run was not passed (logits), and such a run is invalid."
        in text(saved(tmp_path, (ANNA, runs)))
    )


def test_a_gate_that_was_never_asked(tmp_path: Path) -> None:
    runs = pair(failure="it did not start")
    for run in runs:
        run |= {"start": None, "epochs": [], "gate": None, "before": None, "after": None}
    given = saved(tmp_path, (ANNA, runs))
    assert "The correctness gate was not asked." in text(given)
    assert written(given).data["gates"].empty


def test_what_a_gate_could_not_check_is_told_once(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, pair(warnings=[PlacementUnknown(why="it keeps no log")])))
    assert "Not checked: " in text(given)
    assert text(given).count("it keeps no log (2 runs).") == 1


def test_the_gates_frame_has_each_runs_worst_check(two: Study) -> None:
    gate = gates(two).set_index("run").loc["R1"]
    assert (gate["checks"], gate["passed"], gate["worst_check"]) == (1, 1, "logits")
    assert gate["worst_share"] == pytest.approx(1.5e-6 / 2.4e-5)
    assert gate["failed"] == ()
    assert len(written(two).data["gates"]) == len(written(two).data["conditions"]) == 22


def test_warnings_in_the_conditions_frame_stay_whole(tmp_path: Path) -> None:
    """A killed worker's interruption says why in two clauses, and was torn in two."""
    cut_off = CutOff(
        after_epoch=2,
        resumed_after=2,
        seconds=5.0,
        why="the worker was killed after epoch 2; the system does that when memory runs out",
        went_back_because=None,
    )
    other = ResumedDespite(difference="load: 0.1 here; 0.2 there")
    given = saved(tmp_path, (ANNA, pair(warnings=[cut_off, other])))
    first = conditions(given).iloc[0]
    assert first["warnings"] == (cut_off, other)
    assert first["flags"] == ("cut off and resumed",)


def test_quick_runs_of_a_part_of_the_images(tmp_path: Path) -> None:
    plan = replace(QUICK, epochs=3)
    run = run_of(
        "scratch",
        "torch",
        epochs_of([6.0, 5.0, 5.0], images=1920),
        plan=plan,
        test_images=2000,
        start={"weights_origin": "user file"},
    )
    words = text(saved(tmp_path, (BOB, [run])))
    assert "about the quick profile: CIFAR-10 (" in words
    assert "at 64 pixels a side, 1,920 images for training" in words


def test_no_valid_run_has_a_method_all_the_same(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, pair(failure="killed", plan=FULL)))
    assert table(given, "recipes") is None
    assert "The report is about" not in text(given)
    assert "It waits for the device before its clock starts" in text(given)
