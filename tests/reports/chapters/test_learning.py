"""What was learnt: the finding, the table, the sentences, the curves, and the time that it took."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace as replaced
from pathlib import Path
from typing import Any

import pytest
from matplotlib.figure import Figure
from msgspec.structs import replace

from reports.chapters.learning import (
    accuracy,
    best_accuracy,
    chapter,
    cost,
    curves,
    endings,
    levels,
    overfitting,
)
from reports.chapters.learning.named import named
from reports.draw import drawing, house, palette
from reports.study.accuracy import accuracies
from reports.study.compare import Study
from reports.study.learning import Overfitting, OverfittingKind, last_shared_epoch
from reports.study.learning import overfitting as judge_overfitting
from reports.write.document import Number, Paragraph, Picture, Section, Table
from tests.support.prose_figures import wrong
from tests.support.report_files import (
    ANNA,
    BOB,
    FULL,
    JITTER,
    LOOM,
    QUICK,
    add_engines,
    epochs_of,
    run_of,
    several_engines,
    two_machines,
)
from tests.support.report_study import saved, study_of
from tests.support.report_text import sentences_of

EPOCHS = {"augmented": 15, "pretrained": 13}
TIMES = {"scratch": 1.0, "mistaken": 3.0, "augmented": 2.0, "pretrained": 4.0}
"""An epoch of an experiment as a multiple of `scratch`'s."""
RISING = [1.6, 1.3, 1.1, 1.0, 1.1, 1.2, 1.3, 1.4]
PLATEAU = [1.6, 1.3, 1.02, 1.0, 1.01, 1.03, 1.01, 1.02]
SMALL_RISE = [1.6, 1.3, 1.02, 1.0, 1.02, 1.05, 1.10, 1.12]
"""By 9.5 %."""
LOW, HIGH = (0.73, 0.74, 0.75), (0.76, 0.77, 0.78)


def scored(experiment: str, engine: str, share: float, seed: int, **more: Any) -> dict[str, Any]:
    """A whole run that gets this share of the test images right."""
    seconds = 100.0 * TIMES[experiment] * more.pop("scale", 1.0) * (1.0 if engine == "torch" else 1.25)
    plan = replace(FULL, epochs=EPOCHS.get(experiment, 20))
    return run_of(
        experiment,
        engine,
        epochs_of([seconds * jitter for jitter in JITTER]),
        seed=seed,
        rights=[round(1_000 * share)] * 10,
        plan=more.pop("plan", plan),
        **more,
    )


def seeded(shares: Mapping[str, Sequence[float]], **more: Any) -> list[dict[str, Any]]:
    """A run for each seed; `shares` are seeds' accuracies by name, such as "scratch torch"."""
    return [
        scored(experiment, engine, share, seed, **more)
        for (experiment, engine), by_seed in zip(map(str.split, shares), shares.values(), strict=True)
        for seed, share in enumerate(by_seed)
    ]


def learnt(
    losses: Sequence[float],
    seed: int = 0,
    engine: str = "torch",
    experiment: str = "mistaken",
    accuracies: Sequence[float] | None = None,
) -> dict[str, Any]:
    """A run with these validation losses and accuracies, whose training loss goes on falling."""
    epochs = [
        replace(epoch, train_loss=2.0 - 0.1 * place)
        for place, epoch in enumerate(
            epochs_of([100.0] * len(losses), losses=losses, validation=accuracies)
        )
    ]
    return run_of(experiment, engine, epochs, seed=seed)


SECTIONS: dict[int, tuple[Study, Section]] = {}
"""id of a study -> itself, so that no other gets its id, and its chapter with pictures not drawn."""


def section(given: Study) -> Section:
    """The chapter; its pictures are not drawn, which takes most of the time."""
    if id(given) not in SECTIONS:
        with house.without_drawing():
            found = chapter(given)
        assert found is not None
        SECTIONS[id(given)] = (given, found)
    return SECTIONS[id(given)][1]


def text(given: Study) -> str:
    paragraphs = [block for block in section(given).blocks if isinstance(block, Paragraph)]
    return " ".join(sentence.text for paragraph in paragraphs for sentence in paragraph.sentences)


def tables(given: Study) -> dict[str, Table]:
    return {block.key: block for block in section(given).blocks if isinstance(block, Table)}


def pictures(given: Study) -> dict[str, Picture]:
    return {block.key: block for block in section(given).blocks if isinstance(block, Picture)}


def drawn_pictures(given: Study) -> dict[str, Picture]:
    """Key -> picture as it is drawn."""
    found = chapter(given)
    assert found is not None
    return {block.key: block for block in found.blocks if isinstance(block, Picture)}


def cells(table: Table, column: str) -> list[str]:
    place = [each.name for each in table.columns].index(column)
    return [row[place] for row in table.rows]


def caption(block: Table | Picture) -> str:
    return " ".join(sentence.text for sentence in block.caption)


STUDIES: Mapping[str, Mapping[str, Sequence[float]]] = {
    "a seed each": {
        "scratch torch": (0.74,),
        "scratch tensorflow": (0.742,),
        "mistaken torch": (0.72,),
        "mistaken tensorflow": (0.60,),
    },
    "three seeds each": {
        "scratch torch": LOW,
        "scratch tensorflow": (0.74, 0.75, 0.763),
        "pretrained torch": (0.910, 0.912, 0.914),
        "pretrained tensorflow": (0.870, 0.871, 0.872),
    },
    "among many": {
        "scratch torch": LOW,
        "scratch tensorflow": HIGH,
        "mistaken torch": (0.745, 0.755, 0.765),
        "mistaken tensorflow": (0.745, 0.755, 0.765),
    },
}


@pytest.fixture(scope="module")
def studies(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, Study]]:
    made = {}
    for name, shares in STUDIES.items():
        folder = tmp_path_factory.mktemp("accuracies")
        made[name] = folder, saved(folder, (ANNA, seeded(shares)), (BOB, seeded(shares, scale=0.5)))
    return made


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Study]:
    folder = two_machines(tmp_path_factory.mktemp("two"))
    return folder, study_of(folder)


def assert_numbers_are_the_files(folder: Path, given: Study) -> int:
    """Works every number of the chapter's sentences, and of the first page's, out of the saved files.

    Returns how many there are.
    """
    best = best_accuracy(given)
    sentences = [*([best] if best else []), *sentences_of(section(given).blocks)]
    assert wrong(sentences, folder, given) == []
    return sum(len(sentence.numbers) for sentence in sentences)


class TestChapter:
    def test_what_it_holds_in_its_order(self, two: tuple[Path, Study]) -> None:
        found = section(two[1])
        assert (found.key, found.title) == ("learning", "What was learnt, and how fast")
        kinds = [getattr(block, "key", "text") for block in found.blocks]
        assert kinds == [
            *("accuracies", "text", "learning", "text", "time_to_reach", "time-to-accuracy"),
        ]
        for picture in drawn_pictures(two[1]).values():
            for svg in (picture.svg, picture.narrow_svg):
                drawing.checked(svg, name=picture.key)
                assert len(svg) < 200_000
            assert picture.title in picture.alt

    def test_nothing_valid_is_no_chapter(self, tmp_path: Path) -> None:
        run = run_of("scratch", "torch", epochs_of([9.0] * 3), failure="killed")
        given = saved(tmp_path, (ANNA, [run]))
        assert chapter(given) is None
        assert best_accuracy(given) is None

    @pytest.mark.parametrize("name", [*STUDIES, "two machines"])
    def test_every_number_is_what_the_files_say(
        self, studies: dict[str, tuple[Path, Study]], two: tuple[Path, Study], name: str
    ) -> None:
        folder, given = studies.get(name, two)
        assert assert_numbers_are_the_files(folder, given) > 5

    def test_every_table_has_its_raw_values_and_every_pair_its_row(
        self, studies: dict[str, tuple[Path, Study]]
    ) -> None:
        given = studies["three seeds each"][1]
        table = tables(given)["accuracies"].frame
        assert table is not None
        row = table[(table["experiment"] == "scratch") & (table["engine"] == "torch")].iloc[0]
        assert (row["test_accuracy"], row["low"], row["high"]) == pytest.approx((0.74, 0.73, 0.75))
        assert (row["seeds"], row["test_images"], len(row["runs"])) == (3, 10_000, 6)
        times = tables(given)["time_to_reach"].frame
        assert times is not None
        assert len(times) == 2 * 4 * len(levels.LEVELS)
        pairs = section(given).data["accuracy_pairs"]
        judged = accuracies(given)
        assert list(pairs["verdict"]) == [pair.verdict for pair in judged.comparisons]
        assert list(pairs["lead"]) == [pair.lead for pair in judged.comparisons]

    @pytest.mark.parametrize("count", [1, 3])
    def test_any_number_of_engines(
        self, count: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_engines(monkeypatch, LOOM)
        engines = ("torch", "tensorflow", LOOM.name)[:count]
        given = study_of(several_engines(tmp_path, *engines))
        found = tables(given)["accuracies"]
        names = [column.name for column in found.columns]
        # Engines are 4 points apart with a seed each: more than 7 points is PyTorch to Loom alone.
        expected = ["PyTorch"] if count == 1 else ["PyTorch", "TensorFlow", "Loom", "Ahead"]
        assert names == ["Experiment", *expected]
        assert ("Engine" in [c.name for c in tables(given)["time_to_reach"].columns]) == (count > 1)
        if count == 3:
            assert cells(found, "Ahead") == ["Loom over PyTorch"] * 2
            assert "Loom is ahead of PyTorch by 8.0 points in scratch" in text(given)
        assert "scratch: from 50.0 % to 57.0 % of the validation images right in 8 epochs" in (
            pictures(given)["learning"].alt
        )


class TestNoClaim:
    @pytest.mark.parametrize(
        ("plan", "images", "why"),
        [
            (
                replace(FULL, dataset="synthetic"),
                44_992,
                "the images are synthetic, made to be timed.",
            ),
            (
                QUICK,
                1_920,
                "quick runs are for timing. They train on 1,920 images and score 2,000, and are not the"
                " whole protocol.",
            ),
            (
                replace(FULL, epochs=8),
                44_992,
                "full runs of at most 8 epochs are not the whole protocol.",
            ),
        ],
        ids=["synthetic", "quick", "cut"],
    )
    def test_three_sentences_and_the_curves(
        self, plan: Any, images: int, why: str, tmp_path: Path
    ) -> None:
        test_images = 2000 if images < 2000 else 10_000
        epochs = epochs_of([5.0] * 8, images=images)
        run = run_of("scratch", "torch", epochs, plan=plan, test_images=test_images)
        given = saved(tmp_path, (ANNA, [run]))
        assert not given.says_accuracy
        assert_numbers_are_the_files(tmp_path, given)
        told = text(given)
        assert told.startswith(f"Nothing is claimed of accuracy or overfitting: {why} ")
        assert told.endswith("The curves show that training works, not how well the networks learn.")
        assert not re.search(r"overfits|test accuracy|recognise", told)
        kinds = [getattr(block, "key", "text") for block in section(given).blocks]
        assert kinds == ["text", "learning"]
        assert pictures(given)["learning"].title == "The validation loss of scratch falls"
        assert best_accuracy(given) is None
        assert section(given).data == {}

    @pytest.mark.parametrize(
        ("last", "title"),
        [
            ({"scratch": 1.0, "mistaken": 1.5}, "The validation loss falls in every experiment"),
            (
                {"scratch": 1.0, "mistaken": 1.95, "augmented": 2.5},
                "The validation loss falls in scratch; in mistaken and augmented by less than 5 % or not"
                " at all",
            ),
            (
                {"scratch": 2.5, "mistaken": 1.95},
                "The validation loss falls by more than 5 % in no experiment",
            ),
            ({"scratch": 1.95}, "The validation loss of scratch does not fall by more than 5 %"),
        ],
    )
    def test_the_title_says_what_falls(self, last: dict[str, float], title: str, tmp_path: Path) -> None:
        runs = [
            run_of(
                experiment,
                "torch",
                epochs_of([5.0] * 3, losses=[2.0, 1.9, loss], images=1_920),
                plan=QUICK,
                test_images=2000,
            )
            for experiment, loss in last.items()
        ]
        assert pictures(saved(tmp_path, (ANNA, runs)))["learning"].title == title

    def test_one_epoch_is_a_point(self, tmp_path: Path) -> None:
        run = run_of("scratch", "torch", epochs_of([5.0], images=1_920), plan=QUICK, test_images=2000)
        picture = pictures(saved(tmp_path, (ANNA, [run])))["learning"]
        assert picture.title == "One epoch is no curve yet"


class TestAccuracy:
    @pytest.mark.parametrize(
        ("name", "title", "ahead"),
        [
            (
                "a seed each",
                "Which is the most accurate takes three seeds to tell; PyTorch is ahead of TensorFlow in"
                " mistaken",
                ["too few seeds", "PyTorch"],
            ),
            (
                "three seeds each",
                "pretrained is the most accurate; PyTorch is ahead of TensorFlow in pretrained",
                ["PyTorch", "not decided"],
            ),
            (
                "among many",
                "No experiment is known to be the most accurate; of the engines none is known to be"
                " ahead",
                [],
            ),
        ],
    )
    def test_the_finding_and_who_is_ahead(
        self, studies: dict[str, tuple[Path, Study]], name: str, title: str, ahead: list[str]
    ) -> None:
        found = tables(studies[name][1])["accuracies"]
        assert found.title == title
        there = [column.name for column in found.columns]
        assert (cells(found, "Ahead") if "Ahead" in there else []) == ahead

    def test_cells_have_the_interval_or_what_was_seen(
        self, studies: dict[str, tuple[Path, Study]], tmp_path: Path
    ) -> None:
        given = studies["three seeds each"][1]
        found = tables(given)["accuracies"]
        assert cells(found, "Experiment") == ["pretrained", "scratch"]
        [of_scratch] = [s for s in accuracies(given).systems if s.by_seed == LOW]
        assert cells(found, "PyTorch")[1] == f"74.0 ± {100 * of_scratch.half_interval:.1f}"
        assert "Seeds of each: 3." in caption(found)
        assert "all machines together" in caption(found)
        shares = {"scratch torch": (0.74, 0.75), "mistaken torch": (0.7,), "mistaken tensorflow": LOW}
        few = tables(saved(tmp_path, (ANNA, seeded(shares))))["accuracies"]
        assert cells(few, "Experiment") == ["scratch", "mistaken"]
        assert cells(few, "PyTorch") == ["74.5 (74.0–75.0)", "70.0"]
        assert cells(few, "TensorFlow")[0] == "–"
        assert cells(few, "Seeds") == ["2", "1 to 3"]
        assert "In brackets: the less and the more accurate of two seeds." in caption(few)
        assert "machines" not in caption(few)

    @pytest.mark.parametrize(
        ("name", "parts"),
        [
            (
                "a seed each",
                [
                    "PyTorch is ahead of TensorFlow by 12.0 points in mistaken. With fewer than three",
                    "only a lead of over 7 points counts",
                ],
            ),
            (
                "three seeds each",
                [
                    "PyTorch is ahead of TensorFlow by 4.1 points in pretrained (95 % interval ",
                    "Where it is not decided, the 95 % intervals leave room for a lead of ",
                    " points at most (TensorFlow over PyTorch in scratch).",
                ],
            ),
            (
                "among many",
                [
                    "Where none is ahead, the 95 % intervals leave room for a lead of 5.3 points at most"
                    " (TensorFlow over PyTorch in scratch).",
                    "Taken alone, scratch would be decided. Among 6 comparisons of accuracies that does"
                    " not hold.",
                ],
            ),
        ],
    )
    def test_each_verdict(
        self, studies: dict[str, tuple[Path, Study]], name: str, parts: list[str]
    ) -> None:
        told = text(studies[name][1])
        for part in parts:
            assert part in told

    @pytest.mark.parametrize(
        ("name", "sentence"),
        [
            (
                "a seed each",
                "Test accuracy is 74.0 % to 74.2 % in scratch and 60.0 % to 72.0 % in mistaken: which is"
                " the most accurate takes three seeds to tell; PyTorch is ahead of TensorFlow in"
                " mistaken.",
            ),
            (
                "three seeds each",
                "Test accuracy is 87.1 % to 91.2 % in pretrained and 74.0 % to 75.1 % in scratch:"
                " pretrained is the most accurate; PyTorch is ahead of TensorFlow in pretrained.",
            ),
        ],
    )
    def test_the_first_pages_sentence(
        self, studies: dict[str, tuple[Path, Study]], name: str, sentence: str
    ) -> None:
        told = best_accuracy(studies[name][1])
        assert told is not None
        assert told.text == sentence

    def test_a_lead_over_two_engines_in_different_experiments_is_not_one_over_both_in_both(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        add_engines(monkeypatch, LOOM)
        last, middle, first = (0.70,) * 3, (0.718,) * 3, (0.736,) * 3
        shares = {
            "scratch torch": last,
            "scratch tensorflow": middle,
            "scratch loom": first,
            "mistaken torch": middle,
            "mistaken tensorflow": last,
            "mistaken loom": first,
        }
        given = saved(tmp_path, (ANNA, seeded(shares)))
        title = tables(given)["accuracies"].title
        assert title.endswith("; engines differ in scratch and mistaken")
        ahead = cells(tables(given)["accuracies"], "Ahead")
        assert ahead == ["Loom over PyTorch", "Loom over TensorFlow"]

    def test_one_system_alone_is_no_best(self, tmp_path: Path) -> None:
        given = saved(tmp_path, (ANNA, [scored("scratch", "torch", 0.74, 0)]))
        told = best_accuracy(given)
        assert told is not None
        assert told.text == "Test accuracy is 74.0 % in scratch."
        assert tables(given)["accuracies"].title == "scratch recognises 74.0 % of the test images"
        assert accuracy.sentences(accuracies(given), given.runs.iloc[:0]) == []
        assert "time-to-accuracy" not in pictures(given)

    def test_two_engines_of_one_experiment(self, tmp_path: Path) -> None:
        given = saved(
            tmp_path, (ANNA, seeded({"scratch torch": LOW, "scratch tensorflow": (0.90, 0.91, 0.92)}))
        )
        found = tables(given)["accuracies"]
        assert found.title == "TensorFlow is more accurate than PyTorch"
        assert cells(found, "Ahead") == ["TensorFlow"]
        level = saved(
            tmp_path / "level", (ANNA, seeded({"scratch torch": LOW, "scratch tensorflow": LOW}))
        )
        assert tables(level)["accuracies"].title == "No engine is known to be more accurate"

    def test_runs_of_unknown_weights_are_left_out_and_counted(self, tmp_path: Path) -> None:
        unknown = scored("pretrained", "torch", 0.92, 0, start={"weights_origin": "user file"})
        given = saved(tmp_path, (ANNA, [unknown, scored("scratch", "torch", 0.74, 0)]))
        assert cells(tables(given)["accuracies"], "Experiment") == ["scratch"]
        assert (
            "1 run of pretrained is left out here: where the first weights are from is not known."
        ) in text(given)


class TestOverfitting:
    @staticmethod
    def judged(experiment: str, engine: str, kind: OverfittingKind) -> Overfitting:
        return Overfitting(experiment=experiment, engine=engine, kind=kind, runs=(), risen=())

    def test_an_experiment_goes_by_its_own_name_where_all_its_engines_agree(self) -> None:
        every = [(x, e) for x in ("scratch", "mistaken") for e in ("torch", "tensorflow")]
        assert list(named([every[0], *every[2:]], every)) == ["scratch with PyTorch", "mistaken"]
        assert list(named([], every)) == []

    @pytest.mark.parametrize(
        ("kinds", "title"),
        [
            (
                {
                    "scratch": "not overfitted",
                    "mistaken": "overfitted",
                    "augmented": "not overfitted",
                },
                "mistaken overfits; the others do not",
            ),
            (
                {"scratch": "not overfitted", "mistaken": "overfitted"},
                "mistaken overfits; scratch does not",
            ),
            ({"scratch": "overfitted", "mistaken": "overfitted"}, "Every experiment overfits"),
            ({"scratch": "not overfitted", "mistaken": "not overfitted"}, "No experiment overfits"),
            (
                {"scratch": "not overfitted", "mistaken": "not judged"},
                "No experiment is known to overfit",
            ),
            ({"scratch": "not overfitted"}, "scratch does not overfit"),
            ({"scratch": "overfitted"}, "scratch overfits"),
            ({"scratch": "not judged", "mistaken": "overfitted"}, "mistaken overfits"),
            ({"scratch": "not judged"}, "Whether anything overfits cannot be told"),
        ],
        ids=str,
    )
    def test_the_finding(self, kinds: dict[str, OverfittingKind], title: str) -> None:
        judgements = [self.judged(name, "torch", kind) for name, kind in kinds.items()]
        assert overfitting.finding(judgements) == title

    def test_an_experiment_that_overfitted_is_named_with_its_rise(self, tmp_path: Path) -> None:
        runs = [learnt(RISING, seed, engine) for seed in (0, 1) for engine in ("torch", "tensorflow")]
        given = saved(tmp_path, (ANNA, [*runs, learnt(PLATEAU, 2)]))
        assert pictures(given)["learning"].title == "mistaken overfits"
        told = text(given)
        assert "The validation loss rose by 27 % in 4 of 5 runs of mistaken." in told
        assert (
            "the last two epochs is at least 8 % (11 % where there is one seed) above the mean" in told
        )

    def test_a_plateau_is_not_called_overfitted(self, tmp_path: Path) -> None:
        runs = [learnt(PLATEAU), learnt(SMALL_RISE, engine="tensorflow")]
        given = saved(tmp_path, (ANNA, runs))
        assert pictures(given)["learning"].title == "mistaken does not overfit"
        assert "The validation loss rose" not in text(given)
        assert palette.LIGHT["bad"] not in drawn_pictures(given)["learning"].svg

    def test_one_engine_of_two_is_named(self, tmp_path: Path) -> None:
        small = [learnt(SMALL_RISE, seed, "tensorflow") for seed in (0, 1)]
        runs = [learnt(PLATEAU), *small, learnt(SMALL_RISE, experiment="scratch")]
        given = saved(tmp_path, (ANNA, runs))
        picture = pictures(given)["learning"]
        assert picture.title == "mistaken with TensorFlow overfits; the others do not"
        assert "The validation loss rose by 10 % in both runs of mistaken with TensorFlow." in text(
            given
        )

    def test_runs_that_are_too_short_are_not_judged(self, tmp_path: Path) -> None:
        given = saved(tmp_path, (ANNA, [learnt([1.0, 1.1, 1.2])]))
        assert "No run of mistaken has more than three epochs and all its losses" in text(given)
        assert "An engine overfits if" not in text(given)
        assert pictures(given)["learning"].title == "Whether anything overfits cannot be told"


class TestEndings:
    @pytest.mark.parametrize(
        ("stopped", "says"),
        [
            (
                ["patience"] * 3,
                "In all 3 runs training ended because the validation loss had stopped improving.",
            ),
            (
                ["cap"] * 3,
                "All 3 runs reached the limit of 8 epochs before the validation loss had stopped"
                " improving: more epochs might have taught more.",
            ),
            (
                ["patience", "cap", "cap"],
                "2 of 3 runs reached the limit of epochs before the validation loss had stopped"
                " improving (1 run of mistaken and 1 run of augmented): more epochs might have taught"
                " more.",
            ),
        ],
    )
    def test_how_training_ended(self, stopped: list[str], says: str, tmp_path: Path) -> None:
        runs = [scored(name, "torch", 0.7, 0) for name in ("scratch", "mistaken", "augmented")]
        given = saved(tmp_path, (ANNA, runs))
        assert endings.ending(given.runs.assign(stopped=stopped)).text == says


def drawn(monkeypatch: pytest.MonkeyPatch, draw: Callable[[], Picture | None]) -> Figure:
    """The wide figure of a picture, before it becomes text."""
    caught: list[Figure] = []

    def kept(figure: Figure) -> str:
        caught.append(figure)
        return "<svg></svg>"

    monkeypatch.setattr(house, "svg", kept)
    draw()
    return caught[0]


def xs(drawn_line: Any) -> list[float]:
    return [float(x) for x in drawn_line.get_xdata()]


def ys(drawn_line: Any) -> list[float]:
    return [float(y) for y in drawn_line.get_ydata()]


class TestCurves:
    def test_they_are_the_least_the_median_and_the_most_of_the_runs(
        self, two: tuple[Path, Study]
    ) -> None:
        curve = curves.curves(two[1]).loc["scratch", "torch"]
        assert list(curve.index) == list(range(1, 9))
        assert (curve["runs"] == 4).all()
        assert curve["validation_accuracy_middle"].tolist() == pytest.approx(
            [0.5 + 0.01 * epoch for epoch in range(8)]
        )

    def test_bands_and_best_epochs_of_runs_that_differ(self, tmp_path: Path) -> None:
        runs = [
            run_of(
                "scratch",
                "torch",
                seed=seed,
                epochs=epochs_of([10.0] * n, validation=[0.1 * seed + 0.01 * i for i in range(n)]),
            )
            for seed, n in ((1, 3), (2, 4), (3, 5))
        ]
        given = saved(tmp_path, (ANNA, runs))
        curve = curves.curves(given).loc["scratch", "torch"]
        assert curve["runs"].tolist() == [3, 3, 3, 2]
        ends = [f"validation_accuracy_{end}" for end in ("low", "middle", "high")]
        assert curve.loc[1, ends].tolist() == pytest.approx([0.1, 0.2, 0.3])
        assert curves.best_epoch(given, "scratch", "torch") == 3
        assert "up to the last epoch that half of them have" in caption(pictures(given)["learning"])

    def test_a_curve_ends_where_fewer_than_half_of_the_runs_are_left(self, tmp_path: Path) -> None:
        lengths = (4, 6, 11)
        runs = [
            run_of("mistaken", "torch", epochs_of([100.0] * n), seed=seed)
            for seed, n in enumerate(lengths)
        ]
        curve = curves.curves(saved(tmp_path, (ANNA, runs))).loc["mistaken", "torch"]
        assert list(curve.index) == [1, 2, 3, 4, 5, 6]
        assert curve.index[-1] == last_shared_epoch(lengths)

    def test_what_is_drawn(self, two: tuple[Path, Study], monkeypatch: pytest.MonkeyPatch) -> None:
        given = two[1]
        judgements = judge_overfitting(given.runs, given.frames.epochs)
        figure = drawn(monkeypatch, lambda: curves.picture(given, judgements))
        losses, right = figure.axes[:4], figure.axes[4:]
        titles = [panel.get_title(loc="left") for panel in losses]
        assert titles == ["scratch", "mistaken", "augmented", "pretrained"]
        training, validation, ring = losses[1].lines[:3]
        assert ys(training) == pytest.approx([2.1 - 0.15 * i for i in range(8)])
        assert ys(validation) == pytest.approx([1.6, 1.3, 1.1, 1.0, 1.1, 1.2, 1.3, 1.4])
        assert [*xs(ring), *ys(ring)] == [4, 1.0]
        assert [label.get_text() for label in losses[1].texts] == ["+27 %"]
        assert not losses[0].texts
        # TensorFlow has no valid run of pretrained, so that the engines' names are in the key.
        assert not right[-1].texts
        [key] = figure.legends
        assert [entry.get_text() for entry in key.get_texts()][:2] == ["PyTorch", "TensorFlow"]

    def test_engines_have_their_names_at_their_lines_without_overlap(
        self, studies: dict[str, tuple[Path, Study]], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = studies["three seeds each"][1]
        figure = drawn(monkeypatch, lambda: curves.picture(given, ()))
        names = figure.axes[-1].texts
        upper, lower = (name.get_window_extent() for name in names)
        assert [name.get_text() for name in names] == ["PyTorch", "TensorFlow"], "the registry's order"
        assert lower.y1 <= upper.y0 + 1

    def test_the_first_epochs_training_loss_does_not_flatten_the_rest(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        epochs = epochs_of([10.0] * 6)
        high = [replace(epochs[0], train_loss=60.0), *epochs[1:]]
        given = saved(tmp_path, (ANNA, [run_of("scratch", "torch", high)]))
        figure = drawn(monkeypatch, lambda: curves.picture(given, ()))
        assert figure.axes[0].get_ylim()[1] == pytest.approx(1.1 * 2.0)
        assert "are higher than their panels" in caption(pictures(given)["learning"])

    def test_the_axes_hold_what_is_drawn(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """With the ring of the best epoch, which is the last here and has the least loss."""
        falling = [2.0, 1.9, 1.8, 1.7, 1.6, 1.5]
        epochs = epochs_of([10.0] * 6, losses=falling)
        high = [replace(epochs[0], train_loss=3.9), *epochs[1:]]
        given = saved(tmp_path, (ANNA, [run_of("scratch", "torch", high)]))
        figure = drawn(monkeypatch, lambda: curves.picture(given, ()))
        loss = figure.axes[0]
        (left, right), (bottom, top) = loss.get_xlim(), loss.get_ylim()
        assert left < 1 < 6 + 0.03 * 5 < right
        assert bottom < 1.5 - 0.03 * (top - bottom)
        assert top > 3.9
        rings = [drawn_line for drawn_line in loss.lines if drawn_line.get_marker() == "o"]
        assert [ring.get_clip_on() for ring in rings] == [False]
        assert "panels" not in caption(pictures(given)["learning"])

    def test_losses_that_are_missing_leave_a_gap(self, tmp_path: Path) -> None:
        run = run_of("scratch", "torch", epochs_of([10.0] * 4, losses=[1.0, 0.9, 0.8, 0.9]))
        given = saved(tmp_path, (ANNA, [run]))
        lost = given.frames.epochs.assign(validation_loss=math.nan, train_loss=math.nan)
        bare = replaced(given, frames=replaced(given.frames, epochs=lost))
        assert "nan" not in caption(pictures(bare)["learning"]) + pictures(bare)["learning"].alt


class TestLevels:
    def test_training_alone_is_counted(self, two: tuple[Path, Study]) -> None:
        times = levels.time_to_reach(two[1]).set_index(["machine", "experiment", "engine", "level"])
        half = times.loc["anna", "mistaken", "torch", 0.50]
        assert (half["seconds"], half["epoch"]) == (pytest.approx(3 * 220), 2)
        sixty = times.loc["anna", "mistaken", "torch", 0.60]
        assert (sixty["seconds"], sixty["epoch"]) == (pytest.approx(3 * 321), 3)
        never = times.loc["anna", "mistaken", "torch", 0.70]
        assert math.isnan(never["seconds"])
        assert (never["reached"], never["of"]) == (0, 1)
        scratch = times.loc["anna", "scratch", "torch", 0.50]
        assert (scratch["reached"], scratch["of"], scratch["seconds"]) == (2, 2, pytest.approx(220))

    def test_the_page_shows_one_machine_of_many_and_the_quickest_first(
        self, two: tuple[Path, Study]
    ) -> None:
        found = tables(two[1])["time_to_reach"]
        assert found.title == "Only pretrained reaches 80 %"
        assert [column.name for column in found.columns] == [
            *("Experiment", "Engine", "50 %", "60 %", "70 %", "74 %", "80 %"),
        ]
        assert found.rows[0][:2] == ("pretrained", "PyTorch")
        assert caption(found).startswith("Minutes of training until the validation accuracy had held")
        assert "On anna." in caption(found)
        assert (len(found.rows), found.left_out) == (7, 7)

    def test_many_machines_are_as_long_as_one(self, tmp_path: Path) -> None:
        shares = {"scratch torch": LOW[:1], "pretrained torch": HIGH[:1]}
        machines = [replace(ANNA, name=f"mac-{number:02}") for number in range(15)]
        given = saved(tmp_path, *((machine, seeded(shares)) for machine in machines))
        found = tables(given)["time_to_reach"]
        assert (len(found.rows), found.left_out) == (12, 18)
        assert "Of 15 machines, 6 are shown: the baseline" in caption(found)
        assert cells(tables(given)["accuracies"], "PyTorch") == ["76.0", "73.0"]
        assert len(section(given).blocks) == 5

    def test_few_rows_of_two_machines_are_shown_together(
        self, studies: dict[str, tuple[Path, Study]]
    ) -> None:
        found = tables(studies["three seeds each"][1])["time_to_reach"]
        assert cells(found, "Machine") == ["anna"] * 4 + ["bob"] * 4
        assert found.title == "Every experiment reaches 50 %"

    def test_the_middle_run_and_how_many_got_there(self, tmp_path: Path) -> None:
        def reaching(seed: int, epoch: int, count: int = 6) -> dict[str, Any]:
            right = [0.61 if number >= epoch else 0.1 for number in range(1, count + 1)]
            return learnt([1.0] * count, seed, accuracies=right)

        shown, titles = [], []
        for name, runs in (
            ("all", [reaching(0, 2), reaching(1, 4)]),
            ("most", [reaching(0, 2), reaching(1, 4), reaching(2, 6)]),
            ("few", [reaching(0, 2), reaching(1, 6), reaching(2, 6)]),
        ):
            given = saved(tmp_path / name, (ANNA, runs))
            table = tables(given)["time_to_reach"]
            shown += cells(table, "60 %")
            titles.append(table.title)
            times = levels.time_to_reach(given)
            assert (times["epoch"].dropna() % 1 == 0).all()
        assert shown == ["300.0", "500.0 (2 of 3)", "– (1 of 3)"]
        assert titles == ["mistaken reaches 60 %", "mistaken reaches 60 %", "Few runs reach 50 %"]

    def test_a_level_that_few_runs_of_another_reach_is_not_the_firsts_alone(
        self, tmp_path: Path
    ) -> None:
        reaching, never = [0.1, 0.61, 0.61, 0.61], [0.1, 0.51, 0.51, 0.51]
        runs = [
            learnt([1.0] * 4, experiment="scratch", accuracies=reaching),
            *(learnt([1.0] * 4, seed, accuracies=never) for seed in (0, 1)),
        ]
        alone = saved(tmp_path / "alone", (ANNA, runs))
        assert tables(alone)["time_to_reach"].title == "Only scratch reaches 60 %"
        given = saved(tmp_path, (ANNA, [*runs, learnt([1.0] * 4, 2, accuracies=reaching)]))
        title = "scratch reaches 60 %, others with few of their runs"
        assert tables(given)["time_to_reach"].title == title

    def test_no_level_is_no_table(self, tmp_path: Path) -> None:
        run = learnt([1.0] * 4, accuracies=[0.1] * 4)
        assert "time_to_reach" not in tables(saved(tmp_path, (ANNA, [run])))


class TestCost:
    def points(self, given: Study, machine: str = "anna") -> Any:
        runs = given.runs[given.runs["machine"] == machine]
        return cost.points(runs, accuracies(given))

    def test_accuracies_are_the_systems_and_times_the_machines(
        self, studies: dict[str, tuple[Path, Study]]
    ) -> None:
        given = studies["three seeds each"][1]
        anna, bob = (
            self.points(given, name).set_index(["experiment", "engine"]) for name in ("anna", "bob")
        )
        assert anna["seconds"].to_dict() == pytest.approx((2 * bob["seconds"]).to_dict())
        own = {system.name: system for system in accuracies(given).systems}
        for name, row in anna.iterrows():
            assert (row["test_accuracy"], row["half_interval"]) == (
                own[name].mean,
                own[name].half_interval,
            )
        table = self.points(given)
        assert table["seconds"].is_monotonic_increasing
        front = table[table["front"]]
        assert list(zip(front["experiment"], front["engine"], strict=True)) == [
            ("scratch", "torch"),
            ("pretrained", "torch"),
        ]

    def test_the_line_and_the_bars_are_told(self, studies: dict[str, tuple[Path, Study]]) -> None:
        picture = drawn_pictures(studies["three seeds each"][1])["time-to-accuracy"]
        assert picture.title == "More time buys more accuracy: scratch, then pretrained"
        told = caption(picture)
        assert told.startswith("On anna: up and left is better.")
        assert "A bar is the 95 % interval of a mean over seeds." in told
        assert "The line joins what nothing beats" in told
        assert palette.LIGHT["highlight"] in picture.svg

    def test_too_few_seeds_draw_no_line_and_no_bar(self, studies: dict[str, tuple[Path, Study]]) -> None:
        given = studies["a seed each"][1]
        table = self.points(given)
        assert not table["front"].any()
        assert table["half_interval"].isna().all()
        picture = drawn_pictures(given)["time-to-accuracy"]
        assert picture.title == "What is worth its time takes three seeds of each to tell"
        assert not re.search("line|interval", caption(picture))
        assert palette.LIGHT["highlight"] not in picture.svg

    def test_a_clear_lead_that_takes_the_least_time_is_told_without_seeds(self, tmp_path: Path) -> None:
        runs = [scored("pretrained", "torch", 0.92, 0, scale=0.1), scored("scratch", "torch", 0.74, 0)]
        picture = pictures(saved(tmp_path, (ANNA, runs)))["time-to-accuracy"]
        assert picture.title == "pretrained takes the least time and is the most accurate"

    def test_a_dearer_one_that_is_ahead_of_the_cheapest_is_not_denied(self, tmp_path: Path) -> None:
        """It is level with one between them, so that it is not on the line, and yet is ahead."""
        shares = {
            "scratch torch": (0.740, 0.741, 0.742),
            "augmented torch": (0.750, 0.751, 0.752),
            "mistaken torch": (0.761, 0.762, 0.763),
        }
        given = saved(tmp_path, (ANNA, seeded(shares)))
        table = self.points(given)
        assert table["front"].tolist() == [True, False, False]
        assert cost.finding(table, accuracies(given)) == "What more time buys is not decided"

    def test_the_device_with_the_most_is_drawn_and_named(self, tmp_path: Path) -> None:
        runs = [
            *(scored(name, "torch", 0.7, 0, device="cpu") for name in ("scratch", "mistaken")),
            scored("scratch", "torch", 0.7, 0),
        ]
        given = saved(tmp_path, (ANNA, runs))
        assert cost.place(given) == ("anna", "cpu")
        assert caption(pictures(given)["time-to-accuracy"]).startswith("On anna, CPU: ")


def test_numbers_name_their_runs(studies: dict[str, tuple[Path, Study]]) -> None:
    given = studies["three seeds each"][1]
    judged = accuracies(given)
    numbers: list[Number] = [
        number
        for sentence in accuracy.sentences(judged, given.runs.iloc[:0])
        for number in sentence.numbers
    ]
    by_run = dict(zip(given.runs["run"], given.runs["experiment"], strict=True))
    [lead] = [number for number in numbers if number.what.startswith(accuracy.LEAD)]
    assert {by_run[run] for run in lead.runs} == {"pretrained"}
    assert len(lead.runs) == 12


def test_what_never_met_is_not_set_side_by_side(tmp_path: Path) -> None:
    """PyTorch ran on anna alone and TensorFlow on bob: times have their machines, and one is drawn."""
    shares = {"scratch": LOW, "mistaken": HIGH}
    sides = (
        [scored(name, engine, share[0], 0) for name, share in shares.items()]
        for engine in ("torch", "tensorflow")
    )
    given = saved(tmp_path, *zip((ANNA, BOB), sides, strict=True))
    found = tables(given)["time_to_reach"]
    assert [row[:3] for row in found.rows] == [
        ("anna", "scratch", "PyTorch"),
        ("anna", "mistaken", "PyTorch"),
        ("bob", "scratch", "TensorFlow"),
        ("bob", "mistaken", "TensorFlow"),
    ]
    assert caption(pictures(given)["time-to-accuracy"]).startswith("On anna: ")
    on_anna = given.runs[given.runs["machine"] == "anna"]
    assert set(cost.points(on_anna, accuracies(given))["engine"]) == {"torch"}


def test_a_hostile_name_is_a_name(tmp_path: Path) -> None:
    name = "$x$ <b>{0}</b> %s 机器"
    runs = [scored(experiment, "torch", 0.7, 0) for experiment in ("scratch", "mistaken")]
    given = saved(tmp_path, (replace(ANNA, name=name), runs))
    picture = drawn_pictures(given)["time-to-accuracy"]
    assert caption(picture).startswith(f"On {name}: ")
    drawing.checked(picture.svg, name=picture.key)
