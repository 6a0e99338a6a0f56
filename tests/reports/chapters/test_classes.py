"""Classes and test images: shares over seeds and engines, what is claimed of them, and every answer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from matplotlib.colors import to_rgb
from msgspec.structs import replace

from reports.chapters import classes
from reports.chapters.classes import images, shares
from reports.draw import drawing, palette
from reports.study.compare import Study
from reports.write.document import Block, Number, Paragraph, Picture, Section, Table
from tests.support.prose_figures import wrong
from tests.support.report_files import (
    BOB,
    FULL,
    JITTER,
    KNOTS,
    LOOM,
    QUICK,
    add_engines,
    epochs_of,
    run_of,
    two_machines,
)
from tests.support.report_study import saved_runs, study_of
from tests.support.report_text import sentences_of

ENGINES = ("torch", "tensorflow", LOOM.name, KNOTS.name)
EPOCHS = epochs_of([5.0 * each for each in JITTER])


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """The registry has two more engines for as long as this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM, KNOTS)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_machines(tmp_path_factory.mktemp("two"))


@pytest.fixture(scope="module")
def two(folder: Path) -> Study:
    return study_of(folder)


@pytest.fixture(scope="module")
def section(two: Study) -> Section:
    return written(two)


def written(given: Study) -> Section:
    section = classes.chapter(given)
    assert section is not None
    return section


def blocks(section: Section, kind: type[Any]) -> list[Any]:
    return [block for block in section.blocks if isinstance(block, kind)]


def told(block: Block) -> str:
    sentences = block.sentences if isinstance(block, Paragraph) else block.caption
    return " ".join(sentence.text for sentence in sentences)


def cell(table: pd.DataFrame, *key: str) -> Any:
    [row] = table[(table[shares.CELL] == list(key)).all(axis=1)].to_dict("records")
    return row


def test_a_chapter_is_a_picture_a_small_table_and_the_images(section: Section) -> None:
    assert [block.key for block in section.blocks if not isinstance(block, Paragraph)] == [
        "classes",
        "mistakes",
        "test-images",
    ]
    for picture in blocks(section, Picture):
        drawing.checked(picture.svg, name=picture.key)
        assert len(picture.svg) < 200_000
        assert len(picture.alt) > 40


def test_shares_are_means_over_seeds_and_pool_the_machines(two: Study) -> None:
    cells = shares.answered(two)
    plane = cell(cells, "scratch", "torch", "airplane", "airplane")
    # Seed 0 has 500 of 1,000 planes right and seed 1 has 520, on either machine.
    assert plane["share"] == pytest.approx(0.51)
    assert (plane["images"], plane["of"], plane["seeds"]) == (2_040, 4_000, 2)
    runs = two.runs[(two.runs["experiment"] == "scratch") & (two.runs["engine"] == "torch")]
    assert plane["runs"] == len(runs) == 4
    assert cell(cells, "scratch", "torch", "airplane", "automobile")["share"] == pytest.approx(0.49)
    sums = cells.groupby(["experiment", "engine", "class"])["share"].sum()
    assert sums.tolist() == pytest.approx([1.0] * len(sums))


def test_a_seed_that_was_repeated_counts_once(tmp_path: Path) -> None:
    rights = {(0, 0): 900, (0, 1): 700, (1, 0): 600}
    runs = [
        run_of("scratch", "torch", EPOCHS, seed=seed, repeat=repeat, rights=[right] * 10)
        for (seed, repeat), right in rights.items()
    ]
    plane = cell(
        shares.answered(saved_runs(tmp_path, *runs)), "scratch", "torch", "airplane", "airplane"
    )
    assert plane["share"] == pytest.approx((0.8 + 0.6) / 2)


def test_engines_count_alike_whatever_their_seeds(tmp_path: Path) -> None:
    runs = [run_of("scratch", "torch", EPOCHS, seed=seed, rights=[600] * 10) for seed in range(3)]
    runs.append(run_of("scratch", LOOM.name, EPOCHS, rights=[800] * 10))
    table = shares.right(shares.by_experiment(shares.answered(saved_runs(tmp_path, *runs))))
    assert table["scratch"].tolist() == pytest.approx([0.7] * 10)


def test_weights_of_unknown_origin_are_no_part_of_it(tmp_path: Path) -> None:
    user = {"weights_origin": "user file"}
    runs = [run_of("scratch", "torch", EPOCHS), run_of("pretrained", "torch", EPOCHS, start=user)]
    assert set(shares.answered(saved_runs(tmp_path, *runs))["experiment"]) == {"scratch"}


class TestTheHardestClass:
    CAT = (700, 700, 700, 500, 700, 700, 700, 700, 700, 700)
    BIRD = (700, 700, 500, 700, 700, 700, 700, 700, 700, 700)
    LEVEL = (700, 700, 700, 690, 700, 700, 700, 700, 700, 700)

    @pytest.mark.parametrize(
        ("rights", "title"),
        [
            ({"scratch": CAT}, "Cat is the hardest class in scratch"),
            ({"scratch": CAT, "augmented": CAT}, "Cat is the hardest class in every experiment"),
            (
                {"scratch": CAT, "mistaken": CAT, "augmented": LEVEL},
                "Cat is the hardest class in scratch and mistaken",
            ),
            (
                {"scratch": CAT, "mistaken": BIRD, "augmented": CAT},
                "The hardest class is cat in scratch and augmented; bird in mistaken",
            ),
            ({"scratch": LEVEL}, "No class is known to be the hardest"),
        ],
    )
    def test_is_the_title(self, tmp_path: Path, rights: dict[str, Any], title: str) -> None:
        runs = [run_of(name, "torch", EPOCHS, rights=each) for name, each in rights.items()]
        given = saved_runs(tmp_path, *runs)
        picture = shares.right_answers(given, shares.answered(given))
        assert picture is not None
        assert picture.title == title

    def test_lies_below_the_next_by_more_than_chance(self) -> None:
        error = 1.96 * math.sqrt(2 * 0.5 * 0.5 / 1_000)
        level = pd.Series({"cat": 0.5, "dog": 0.5 + 0.9 * error, "ship": 0.9})
        assert shares.hardest(level, 1_000) is None
        assert shares.hardest(level, 2_000) == "cat"

    def test_stands_first(self, tmp_path: Path) -> None:
        runs = [run_of("scratch", "torch", EPOCHS, rights=self.CAT)]
        table = shares.right(shares.by_experiment(shares.answered(saved_runs(tmp_path, *runs))))
        assert table.index[0] == "cat"
        assert table.loc["cat", "scratch"] == pytest.approx(0.5)


def test_the_caption_says_how_to_read_the_heat_map(section: Section) -> None:
    [heat, _] = blocks(section, Picture)
    assert told(heat) == (
        "Per cent of a class's test images that were answered right, the hardest class first; means over"
        " 18 runs. The choice of test images alone gives a share a standard error of up to 1.6 points."
    )
    assert "scratch airplane 51, automobile 52" in heat.alt


def luminance(colour: Iterable[float]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in colour]
    return sum(share * part for share, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


@pytest.mark.parametrize("theme", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_figures_can_be_read_on_every_cell(theme: dict[str, str]) -> None:
    """WCAG asks for a contrast of 4.5; a cell lies between the page's ground and the strongest."""
    paper, ink, hue = (to_rgb(theme[name]) for name in ("paper", "ink", "good"))
    for opacity in (shares.FAINTEST, shares.STRONGEST):
        ground = [opacity * h + (1 - opacity) * p for h, p in zip(hue, paper, strict=True)]
        light, dark = sorted((luminance(ground), luminance(ink)), reverse=True)
        assert (light + 0.05) / (dark + 0.05) >= 4.5


class TestMistakes:
    def test_the_three_most_frequent_are_shown(self, section: Section, two: Study) -> None:
        [table] = blocks(section, Table)
        assert table.title == "Airplane taken for automobile is the most frequent mistake"
        assert [column.name for column in table.columns] == [
            *("Class", "Taken for", "scratch, %", "mistaken, %", "augmented, %", "pretrained, %"),
        ]
        assert table.rows[0] == ("airplane", "automobile", "49.0", "50.0", "50.0", "10.0")
        assert (len(table.rows), table.left_out) == (3, 7)

    def test_the_frame_has_every_class_and_answer(self, section: Section, two: Study) -> None:
        [table] = blocks(section, Table)
        assert table.frame is not None
        pd.testing.assert_frame_equal(table.frame, shares.answered(two))
        assert len(table.frame) == 10 * (2 * 10 + 2 * 11 + 2 * 10 + 10)

    def test_a_network_with_more_outputs_has_an_answer_more(self, tmp_path: Path) -> None:
        run = run_of("mistaken", "torch", EPOCHS, rights=[100, *[1_000] * 9])
        run["result"]["confusion"] = [[100, *[0] * 9, 900], *run["result"]["confusion"][1:]]
        given = saved_runs(tmp_path, run, run_of("scratch", "torch", EPOCHS, rights=[900] * 10))
        [table] = blocks(written(given), Table)
        assert table.rows[0] == ("airplane", "none of the ten", "0.0", "90.0")

    def test_where_all_is_right_there_is_none(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run_of("scratch", "torch", EPOCHS, rights=[1_000] * 10))
        assert blocks(written(given), Table) == []


class TestImages:
    def test_every_experiment_of_the_first_machine_answers(self, two: Study) -> None:
        sides = images.chosen(two)
        first = two.runs[two.runs["machine"] == "anna"].drop_duplicates(["experiment", "engine"])
        expected = zip(first["experiment"], first["engine"], first["run"], strict=True)
        assert {cell: rows["run"].iloc[0] for cell, rows in sides.items()} == {
            (experiment, engine): run for experiment, engine, run in expected
        }
        assert len(sides) == 7, "anna's pretrained run in the second engine failed"

    def test_what_is_drawn_and_said(self, section: Section) -> None:
        [_, picture] = blocks(section, Picture)
        assert picture.svg.count("<image") == 10
        assert "image-rendering:crisp-edges;image-rendering:pixelated" in picture.svg
        assert picture.title == "8 of these 10 test images are answered right in every run shown"
        assert told(picture) == (
            "✓ is a right answer; a word is the wrong one. The answers are those of 7 runs on anna."
        )
        assert "pretrained in PyTorch: airplane, automobile, bird, cat," in picture.alt

    def test_one_machine_and_one_run_are_not_named(self, tmp_path: Path) -> None:
        picture = images.images_and_answers(saved_runs(tmp_path, run_of("scratch", "torch", EPOCHS)))
        assert picture is not None
        assert picture.title == "8 of these 10 test images are answered right"
        assert told(picture).endswith("The answers are those of 1 run.")

    def test_an_image_is_right_where_all_have_it_right(self, tmp_path: Path) -> None:
        runs = [run_of("scratch", "torch", EPOCHS), run_of("augmented", "torch", EPOCHS)]
        runs[0]["result"]["pictures"]["answers"] = list(range(10))
        runs[1]["result"]["pictures"]["answers"] = list(range(10))
        all_right = images.images_and_answers(saved_runs(tmp_path / "all", *runs))
        assert all_right is not None
        assert all_right.title == "All of these 10 test images are answered right in every run shown"
        runs[1]["result"]["pictures"]["answers"] = [9 - label for label in range(10)]
        none = images.images_and_answers(saved_runs(tmp_path / "none", *runs))
        assert none is not None
        assert none.title == "None of these 10 test images is answered right in every run shown"

    def test_other_images_are_not_set_beside_these(self, tmp_path: Path) -> None:
        runs = [run_of("scratch", engine, EPOCHS) for engine in ENGINES[:3]]
        runs[1]["result"]["pictures"]["positions"] = [9, *range(9)]
        sides = images.chosen(saved_runs(tmp_path, *runs))
        assert [engine for _, engine in sides] == ["torch", LOOM.name]

    def test_three_engines_are_shown_and_more_counted(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, *(run_of("scratch", engine, EPOCHS) for engine in ENGINES))
        picture = images.images_and_answers(given)
        assert picture is not None
        assert told(picture).endswith("those of 3 runs. 1 engine more is not shown.")
        assert LOOM.light_hue in picture.svg
        assert KNOTS.light_hue not in picture.svg

    def test_none_kept_none_shown(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run_of("scratch", "torch", EPOCHS, result={"pictures": None}))
        assert images.images_and_answers(given) is None
        assert [block.key for block in written(given).blocks if isinstance(block, Picture)] == [
            "classes"
        ]


class TestRunsThatMayClaimNothing:
    def quick(self, **given: Any) -> dict[str, Any]:
        return run_of(
            "scratch", "torch", epochs_of([5.0] * 3, images=1920), plan=QUICK, test_images=2000, **given
        )

    def test_a_sentence_and_the_images(self, tmp_path: Path) -> None:
        text, picture = written(saved_runs(tmp_path, self.quick())).blocks
        assert told(text) == (
            "These runs say little of single classes. They are not the whole protocol, and with 200 test"
            " images a class a share has a standard error of up to 3.5 points."
        )
        assert isinstance(picture, Picture)
        assert picture.key == "test-images"

    def test_made_up_images_say_nothing(self, tmp_path: Path) -> None:
        run = run_of("scratch", "torch", EPOCHS, plan=replace(FULL, dataset="synthetic"))
        text, _ = written(saved_runs(tmp_path, run)).blocks
        assert told(text) == ("The test images are made up, so nothing is said of single classes.")

    def test_without_images_there_is_no_chapter(self, tmp_path: Path) -> None:
        assert classes.chapter(saved_runs(tmp_path, self.quick(result={"pictures": None}))) is None

    def test_nor_where_no_run_is_valid(self, tmp_path: Path) -> None:
        run = run_of("scratch", "torch", EPOCHS, failure="it was killed")
        assert classes.chapter(saved_runs(tmp_path, run, machine=BOB)) is None


def numbers(section: Section) -> list[Number]:
    sentences = [
        sentence
        for block in section.blocks
        for sentence in (block.sentences if isinstance(block, Paragraph) else block.caption)
    ]
    return [number for sentence in sentences for number in sentence.numbers]


@pytest.mark.parametrize("which", ["full", "quick"])
def test_every_number_is_what_the_files_say(which: str, folder: Path, tmp_path: Path) -> None:
    if which == "quick":
        folder = tmp_path
        saved_runs(folder, TestRunsThatMayClaimNothing().quick())
    given = study_of(folder)
    sentences = sentences_of(written(given).blocks)
    assert sum(len(sentence.numbers) for sentence in sentences) >= 3
    assert wrong(sentences, folder, given) == []
