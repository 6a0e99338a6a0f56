"""What a report says of the original one: the claims that its runs decide, and no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

from reports.chapters import original
from reports.original.page import FILE
from reports.study.compare import Study
from reports.write.document import Block, Paragraph, Section, Table
from tests.support.report_files import (
    ANNA,
    FULL,
    QUICK,
    content_of,
    epochs_of,
    run_of,
    two_machines,
    write,
)
from tests.support.report_study import study_of

STEADY = [100.0] * 5
INTRODUCTION = (
    "This project grew out of a report of March 2025. That report trained AlexNet on CIFAR-10 in PyTorch"
    " and in Keras, on one MacBook Pro with an Apple M1 Pro. By accident it also trained a network of"
    " 3.5 times as many parameters, which is called mistaken here."
)


def of(folder: Path, *runs: dict[str, Any]) -> Study:
    if runs:
        write(folder, "a/1.json", content_of(ANNA, runs))
    return study_of(folder)


def written(given: Study) -> Section:
    section = original.chapter(given)
    assert section is not None
    return section


def claims(given: Study) -> Table:
    [table] = [block for block in written(given).blocks if isinstance(block, Table)]
    return table


def words(*blocks: Block) -> str:
    return " ".join(
        sentence.text for block in blocks if isinstance(block, Paragraph) for sentence in block.sentences
    )


def test_one_table_of_what_runs_decide_the_contradicted_first(tmp_path: Path) -> None:
    given = of(two_machines(tmp_path))
    found = claims(given)
    assert [column.name for column in found.columns] == [
        *("Claim", "Published", "Here", "Within errors", "State")
    ]
    states = [row[4] for row in found.rows]
    assert states == sorted(states, key=original.ORDER.index)
    number = states.count("contradicted")
    assert found.title == f"{number} of the 10 claims that runs decide are contradicted"
    rows = {row[0]: row[1:] for row in found.rows}
    assert rows["scratch in PyTorch: test accuracy"] == (
        *("74.00 %", "55.50 % (2 seeds)", "68.4 to 79.6 %", "contradicted"),
    )
    assert rows["mistaken in TensorFlow: time of an epoch"] == (
        *("about 8 min", "6.2 min", "6.4 to 9.6 min", "contradicted"),
    )
    assert "not yet measured" not in states
    assert len(written(given).data["original"]) == 12, "the file has what no run decides too"
    assert FILE.name in " ".join(sentence.text for sentence in found.caption)


def test_what_was_not_reproduced_has_its_cause(tmp_path: Path) -> None:
    plan = replace(FULL, epochs=13, patience=3)
    runs = [
        run_of("pretrained", name, epochs_of(STEADY), rights=[920] * 10, plan=plan)
        for name in ("torch", "tensorflow")
    ]
    given = of(tmp_path, *runs)
    [row] = [row for row in claims(given).rows if "performance" in row[0]]
    assert row[1:] == ("“not so great”", "92.00 %; PyTorch 92.00 %", "below PyTorch", "not reproduced")
    assert "needs the weights behind Flatten in another order" in words(*written(given).blocks)


def test_one_claim_reads_as_one(tmp_path: Path) -> None:
    run = run_of("scratch", "torch", epochs_of(STEADY), device="cpu", rights=[740] * 10)
    found = claims(of(tmp_path, run))
    assert found.title == "One claim could be tested; it is confirmed"
    assert [row[4] for row in found.rows] == ["confirmed"]
    assert [type(block) for block in written(of(tmp_path)).blocks] == [Paragraph, Table]


def test_it_is_introduced(tmp_path: Path) -> None:
    given = of(two_machines(tmp_path))
    assert words(written(given).blocks[0]) == INTRODUCTION


@pytest.mark.parametrize(
    ("states", "title"),
    [
        (("confirmed", "confirmed"), "None of the 2 claims that runs decide is contradicted"),
        (("contradicted", "confirmed"), "1 of the 2 claims that runs decide is contradicted"),
        (("contradicted",), "One claim could be tested; it is contradicted"),
    ],
)
def test_titles_are_sentences(states: tuple[str, ...], title: str) -> None:
    row = {"claim": "c", "published": "p", "here": "h", "near": ""}
    frame = pd.DataFrame([row | {"state": state} for state in states])
    assert original.claims_table(frame).title == title
    assert "Not known" not in " ".join(s.text for s in original.claims_table(frame).caption)


def test_runs_that_decide_nothing_have_two_sentences(tmp_path: Path) -> None:
    quick = run_of(
        "scratch",
        "torch",
        epochs_of(STEADY, images=1920),
        plan=QUICK,
        test_images=2000,
    )
    section = written(of(tmp_path, quick))
    assert words(*section.blocks) == (
        f"{INTRODUCTION} These runs say nothing of that report's figures. They are of full training"
        " on CIFAR-10 at 224 pixels a side, in float32. What arithmetic alone says of its claims is in"
        " the project's docs/original-report.md."
    )
    assert len(section.blocks) == 1
    assert FILE.name == "original-report.md"


def test_without_a_valid_run_nothing_is_said(tmp_path: Path) -> None:
    failed = run_of("scratch", "torch", epochs_of(STEADY), failure="killed")
    assert original.chapter(of(tmp_path, failed)) is None
