"""Memory and energy: judged by repeats, told in titles, and shown as they are compared."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from math import isnan
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

from alexnet.frameworks.registry import ENGINES
from bench.records.types import Epoch, ImplausiblePower, Reads
from reports.chapters import resources
from reports.chapters.resources import table
from reports.chapters.resources.finding import finding
from reports.chapters.resources.frame import Compared, cells
from reports.draw import bars, drawing, house
from reports.study.compare import Study
from reports.study.resources import card_memory, energy, host_memory
from reports.write.document import Paragraph, Picture, Section, Table
from tests.support.prose_figures import wrong
from tests.support.report_files import (
    ANNA,
    BOB,
    KNOTS,
    LOOM,
    QUICK,
    add_engines,
    content_of,
    disturbed,
    epochs_of,
    run_of,
    several_engines,
    two_machines,
    with_gpu_joules_alone,
    write,
)
from tests.support.report_study import saved_runs, study_of
from tests.support.report_text import sentences_of
from tests.support.samples import START

BASELINE = 2_000_000_000
"""More bytes than any network needs, so that a run may grow by anything."""
CALM = [120.0, 100.0, 101.0, 99.0, 100.0, 100.0, 101.0, 99.0]
IN_TURN = ("torch", "tensorflow", "tensorflow", "torch", "torch", "tensorflow")
"""A B, B A, A B."""
Run = dict[str, Any]


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """The registry has two more engines for as long as this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM, KNOTS)
        yield


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
) -> Run:
    """A run that grows by so many GB, takes so many joules an epoch, and began at that minute."""
    peaks = {
        "peak_host_bytes": BASELINE + round(grown * 1e9),
        "peak_device_bytes": None if card is None else round(card * 1e9),
    }
    epochs = epochs or epochs_of(CALM, joules=joules)
    start = {"baseline_host_bytes": BASELINE} | given.pop("start", {})
    return run_of(
        experiment,
        engine,
        [replace(epoch, **peaks) for epoch in epochs],
        repeat=given.pop("repeat", minute),
        started_at=f"2026-11-24T12:{minute:02}:00+00:00",
        device=device,
        start=start,
        **given,
    )


def in_turn(figures: dict[str, list[float]], name: str, **given: Any) -> list[Run]:
    """Three runs of both engines in turn, with these figures."""
    left = {engine: list(values) for engine, values in figures.items()}
    runs = []
    for minute, engine in enumerate(IN_TURN):
        figure: dict[str, Any] = {name: left[engine].pop(0)}
        runs.append(metered(engine, minute=minute, **figure, **given))
    return runs


def section(given: Study, *, is_drawn: bool = False) -> Section:
    """The chapter, whose drawings few tests look at and which take most of its time."""
    with nullcontext() if is_drawn else house.without_drawing():
        made = resources.chapter(given)
    assert made is not None
    return made


def prose(given: Study) -> str:
    blocks = [block for block in section(given).blocks if isinstance(block, Paragraph)]
    return " ".join(sentence.text for block in blocks for sentence in block.sentences)


def shown_pictures(given: Study, *, is_drawn: bool = False) -> dict[str, Picture]:
    made = section(given, is_drawn=is_drawn)
    return {block.key: block for block in made.blocks if isinstance(block, Picture)}


def shown_table(given: Study) -> Table:
    [shown] = [block for block in section(given).blocks if isinstance(block, Table)]
    return shown


def column(given: Study, name: str) -> list[str]:
    shown = shown_table(given)
    place = [column.name for column in shown.columns].index(name)
    return [row[place] for row in shown.rows]


def names(given: Study) -> list[str]:
    return [column.name for column in shown_table(given).columns]


def compared(given: Study) -> Compared:
    return Compared(host=host_memory(given), card=card_memory(given), energy=energy(given))


def drawn(monkeypatch: pytest.MonkeyPatch, given: Study) -> dict[str, list[bars.Row]]:
    """The unit of each picture -> its rows as they are drawn."""
    rows: dict[str, list[bars.Row]] = {}
    for name in ("draw", "draw_marks"):
        draw = getattr(bars, name)

        def kept(drawn_rows: Any, *, unit: str, draw: Any = draw, **rest: Any) -> Any:
            rows[unit] = list(drawn_rows)
            return draw(drawn_rows, unit=unit, **rest)

        monkeypatch.setattr(bars, name, kept)
    section(given)
    return rows


class TestVerdicts:
    """`reports.study.resources`."""

    def test_three_runs_each_in_turn_decide_memory(self, tmp_path: Path) -> None:
        figures = {"torch": [1.00, 1.01, 0.99], "tensorflow": [1.10, 1.11, 1.09]}
        given = saved_runs(tmp_path, *in_turn(figures, "grown"))
        row = host_memory(given).iloc[0]
        assert (row["verdict"], row["basis"], row["runs"]) == ("slower", "runs", (3, 3))
        assert row["ratio"] == pytest.approx((1.00 * 1.01 * 0.99 / (1.10 * 1.11 * 1.09)) ** (1 / 3))
        assert row["first_value"] / row["second_value"] == pytest.approx(row["ratio"])

    def test_three_runs_each_in_turn_decide_energy(self, tmp_path: Path) -> None:
        figures = {"torch": [3_300.0, 3_330.0, 3_270.0], "tensorflow": [3_000.0, 3_030.0, 2_970.0]}
        row = energy(saved_runs(tmp_path, *in_turn(figures, "joules"))).iloc[0]
        assert (row["verdict"], row["basis"], row["epochs"]) == ("faster", "runs", 3 * 7)

    def test_one_side_after_the_other_decides_nothing(self, tmp_path: Path) -> None:
        runs = [
            metered(engine, grown=grown, minute=minute)
            for minute, (engine, grown) in enumerate(
                [("torch", g) for g in (1.00, 1.01, 0.99)]
                + [("tensorflow", g) for g in (1.10, 1.11, 1.09)]
            )
        ]
        assert host_memory(saved_runs(tmp_path, *runs))["verdict"].tolist() == ["behind"]

    def test_all_places_are_one_family(self, tmp_path: Path) -> None:
        """A lead that would be decided alone is none among many comparisons of nothing."""
        weak = {"torch": [1.00, 1.04, 0.96], "tensorflow": [1.10, 1.14, 1.06]}
        none = {"torch": [1.00, 1.20, 0.80], "tensorflow": [1.01, 0.82, 1.22]}
        alone = saved_runs(tmp_path / "alone", *in_turn(weak, "grown"))
        assert host_memory(alone)["verdict"].tolist() == ["slower"]
        runs = [*in_turn(weak, "grown")]
        for experiment in ("mistaken", "augmented", "pretrained"):
            runs += in_turn(none, "grown", experiment=experiment)
        given = saved_runs(tmp_path / "many", *runs)
        rows = host_memory(given)
        assert rows["comparisons"].tolist() == [4] * 4
        assert rows.set_index("experiment").loc["scratch", "verdict"] == "not decided among many"
        assert shown_pictures(given)["memory"].title == "No engine is known to take more memory"

    def test_only_sessions_that_both_were_in_are_compared(self, tmp_path: Path) -> None:
        both = [metered("torch"), metered("tensorflow", grown=1.5)]
        write(tmp_path, "anna/0002_full.json", content_of(ANNA, [metered("torch", grown=9.0, minute=9)]))
        row = host_memory(saved_runs(tmp_path, *both)).iloc[0]
        assert (row["first_value"], row["second_value"]) == (pytest.approx(1.0e9), pytest.approx(1.5e9))
        assert row["first_runs"] == ("R1",)

    def test_other_settings_are_not_told(self, tmp_path: Path) -> None:
        quick = [
            metered(engine, grown=grown, plan=QUICK, test_images=2_000)
            for engine, grown in (("torch", 1.0), ("tensorflow", 1.5))
        ]
        write(tmp_path, "anna/0002_quick.json", content_of(ANNA, quick))
        given = saved_runs(tmp_path, metered("torch", grown=1.5), metered("tensorflow"))
        assert given.main == "A"
        assert len(given.engines) == 2
        assert host_memory(given)["verdict"].tolist() == ["faster"]
        assert len(cells(given, compared(given))) == 2

    def test_of_energy_all_of_whose_epochs_were_disturbed_nothing_is_decided(
        self, tmp_path: Path
    ) -> None:
        calm = epochs_of(CALM, joules=3_000.0)
        busy = disturbed(epochs_of(CALM, joules=9_000.0), *range(2, 9))
        pair = [
            metered("torch", epochs=busy, device="cpu"),
            metered("tensorflow", epochs=calm, device="cpu"),
        ]
        given = saved_runs(tmp_path / "all", *pair)
        assert energy(given)["verdict"].tolist() == ["too few epochs"]
        assert shown_pictures(given)["energy"].title == "No engine is known to take more energy"
        calm_too = metered("torch", epochs=calm, device="cpu", minute=1)
        row = energy(saved_runs(tmp_path / "one", *pair, calm_too)).iloc[0]
        assert (row["ratio"], row["first_runs"]) == (pytest.approx(1.0), ("R2",))

    def test_a_peak_of_few_epochs_is_a_peak(self, tmp_path: Path) -> None:
        """A peak is one figure of a run; energy is a median of epochs, of which three are a glimpse."""
        runs = [
            metered(engine, grown=grown, epochs=epochs_of(CALM[:3], joules=1_000.0 * grown))
            for engine, grown in (("torch", 1.0), ("tensorflow", 1.5))
        ]
        given = saved_runs(tmp_path, *runs)
        row = host_memory(given).iloc[0]
        assert (row["verdict"], row["epochs"]) == ("slower", 3)
        assert energy(given)["verdict"].tolist() == ["too few epochs"]

    def test_a_pair_has_its_own_values(self, tmp_path: Path) -> None:
        engines = ("torch", "tensorflow", LOOM.name)
        rows = host_memory(study_of(several_engines(tmp_path, *engines)))
        assert len(rows) == 2 * 2 * 3
        place = {name: place for place, name in enumerate(engines, 1)}
        for row in rows.itertuples():
            assert row.first_value == pytest.approx(place[row.first] * 10**9)
            assert row.second_value == pytest.approx(place[row.second] * 10**9)


def pairs(*rows: tuple[str, str, str, str, float, str]) -> pd.DataFrame:
    """Machine, experiment, first, second, ratio and verdict of comparisons."""
    columns = ["machine", "experiment", "first", "second", "ratio", "verdict"]
    return pd.DataFrame(rows, columns=columns).assign(device="mps")


T, F, L = "torch", "tensorflow", LOOM.name


@pytest.mark.parametrize(
    ("rows", "title"),
    [
        (
            [("anna", "scratch", T, F, 0.8, "slower")],
            "TensorFlow takes 1.25 times the memory of PyTorch in scratch",
        ),
        (
            [("anna", e, T, F, r, "slower") for e, r in (("scratch", 0.8), ("mistaken", 0.5))],
            "TensorFlow takes 1.25 to 2.00 times the memory of PyTorch in both experiments",
        ),
        (
            [(m, "scratch", T, F, 1.5, "faster") for m in ("anna", "bob", "carl")],
            "PyTorch takes 1.50 times the memory of TensorFlow on all 3 machines",
        ),
        (
            [
                ("anna", "scratch", T, F, 1.5, "faster"),
                ("bob", "scratch", T, F, 1.01, "same"),
                ("carl", "scratch", T, F, 1.1, "not decided"),
            ],
            "PyTorch takes 1.50 times the memory of TensorFlow on 1 of 3 machines",
        ),
        (
            [
                (m, e, T, F, 1.5, "faster" if m == "anna" else "ahead")
                for m in ("anna", "bob")
                for e in ("scratch", "mistaken")
            ],
            "PyTorch takes 1.50 times the memory of TensorFlow in 2 of 4 comparisons",
        ),
        (
            [
                ("anna", "scratch", T, F, 1.5, "faster"),
                ("anna", "augmented", T, F, 1.4, "faster"),
                ("anna", "mistaken", T, F, 0.5, "slower"),
            ],
            "PyTorch takes more memory than TensorFlow in 2 of 3 experiments, TensorFlow in 1",
        ),
        (
            [("anna", e, T, F, 1.01, "same") for e in ("scratch", "mistaken")],
            "PyTorch and TensorFlow take the same memory within 2 %",
        ),
        ([("anna", "scratch", T, F, 1.15, "ahead")], "No engine is known to take more memory"),
        ([("anna", "scratch", T, F, 1.5, "too few epochs")], "No engine is known to take more memory"),
        (
            [
                ("anna", "scratch", T, F, 0.5, "slower"),
                ("anna", "scratch", T, L, 0.4, "slower"),
                ("anna", "scratch", F, L, 0.9, "behind"),
            ],
            "PyTorch takes the least memory, others 2.00 to 2.50 times as much",
        ),
        (
            [
                ("anna", "scratch", T, F, 1.0, "level"),
                ("anna", "scratch", T, L, 0.4, "slower"),
                ("anna", "scratch", F, L, 0.5, "slower"),
            ],
            "Loom takes the most memory, 2.00 to 2.50 times that of another engine",
        ),
        (
            [
                ("anna", "scratch", T, F, 0.5, "slower"),
                ("anna", "scratch", T, L, 0.4, "slower"),
                ("anna", "mistaken", T, F, 1.1, "ahead"),
                ("anna", "mistaken", T, L, 0.5, "slower"),
                ("anna", "scratch", F, L, 0.9, "behind"),
            ],
            "Loom takes 2.00 to 2.50 times the memory of PyTorch in both experiments; of the other 3,"
            " 1 is decided",
        ),
        (
            [
                ("anna", "scratch", T, F, 1.1, "ahead"),
                ("anna", "scratch", T, L, 0.4, "slower"),
                ("anna", "scratch", F, L, 0.9, "behind"),
            ],
            "Loom takes 2.50 times the memory of PyTorch in scratch; of the other 2, none is decided",
        ),
    ],
)
def test_the_finding_is_that_of_the_verdicts(rows: list[Any], title: str) -> None:
    assert finding(pairs(*rows), "memory") == title


class TestPictures:
    def test_bars_are_sorted_and_have_their_values(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        grown = {("mistaken", T): 3.0, ("mistaken", F): 2.5, ("scratch", T): 1.0, ("scratch", F): 1.5}
        runs = [
            metered(engine, experiment=experiment, grown=value, joules=1_000 * value)
            for (experiment, engine), value in grown.items()
        ]
        rows = drawn(monkeypatch, saved_runs(tmp_path, *runs))
        assert [(row.group, row.engine, row.bars[0].text) for row in rows["GB"] if row.bars[0]] == [
            ("scratch", T, "1.00"),
            ("scratch", F, "1.50"),
            ("mistaken", F, "2.50"),
            ("mistaken", T, "3.00"),
        ]
        assert [row.bars[0].value for row in rows["J"] if row.bars[0]] == pytest.approx(
            [1_000 / 44_992, 1_500 / 44_992, 2_500 / 44_992, 3_000 / 44_992]
        )

    def test_over_several_machines_a_bar_is_their_mean(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Bob has PyTorch alone, so that he is in no mean beside TensorFlow's."""
        for name, grown in (("a", 1.0), ("b", 4.0)):
            pair = [metered(T, grown=grown), metered(F, grown=2 * grown)]
            saved_runs(tmp_path, *pair, machine=replace(ANNA, name=name))
        given = saved_runs(tmp_path, metered(T, grown=9.0), machine=BOB)
        rows = drawn(monkeypatch, given)["GB"]
        assert [(row.engine, row.bars[0].text) for row in rows if row.bars[0]] == [
            (T, "2.00"),
            (F, "4.00"),
        ]
        [first, _] = [row.bars[0] for row in rows]
        assert first is not None
        assert [first.low, first.high] == pytest.approx([1.0, 4.0])
        assert shown_pictures(given)["memory"].caption[0].text.endswith("the mean over machines.")

    def test_engines_that_never_met_are_not_set_side_by_side(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        saved_runs(tmp_path, metered(T, grown=1.0))
        given = saved_runs(tmp_path, metered(F, grown=2.0), machine=BOB)
        groups = [row.group for row in drawn(monkeypatch, given)["GB"]]
        assert groups == ["scratch, anna", "scratch, bob"]
        assert shown_pictures(given)["memory"].title == (
            "Training takes 1.00 to 2.00 GB; no two engines were measured side by side"
        )

    def test_a_gpu_and_a_cpu_have_a_group_each(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        runs = [metered(T, device=device, joules=900.0) for device in ("mps", "cpu")]
        rows = drawn(monkeypatch, saved_runs(tmp_path, *runs))
        for unit in ("GB", "J"):
            assert {row.group for row in rows[unit]} == {"scratch, Apple GPU", "scratch, CPU"}

    def test_a_graphics_cards_own_memory_has_a_panel_and_apples_has_not(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        on_cuda = [metered(T, card=2.0, device="cuda"), metered(F, card=3.0, device="cuda")]
        given = saved_runs(tmp_path / "cuda", *on_cuda)
        texts = [[bar.text for bar in row.bars if bar] for row in drawn(monkeypatch, given)["GB"]]
        assert texts == [["1.00", "2.00"], ["1.00", "3.00"]]
        title = shown_pictures(given)["memory"].title
        assert title == "TensorFlow takes 1.50 times the card memory of PyTorch in scratch"
        assert column(given, "On the card, GB") == ["2.00", "3.00"]
        apple = saved_runs(tmp_path / "apple", metered(T, card=2.0), metered(F, card=3.0))
        assert card_memory(apple).empty
        assert [len(row.bars) for row in drawn(monkeypatch, apple)["GB"]] == [1, 1]
        assert "On the card, GB" not in names(apple)

    def test_energy_of_several_machines_is_by_machine(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        given = study_of(two_machines(tmp_path))
        rows = drawn(monkeypatch, given)["J"]
        assert [(row.group, row.engine) for row in rows] == [
            ("bob", T),
            ("bob", F),
            ("anna", T),
            ("anna", F),
        ]
        assert "The experiment is scratch." in [s.text for s in shown_pictures(given)["energy"].caption]

    def test_of_many_machines_the_least_and_the_last_are_drawn(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(15):
            machine = replace(ANNA, name=f"m{number:02}")
            saved_runs(tmp_path, metered(T, joules=1_000.0 + 100 * number), machine=machine)
        given = study_of(tmp_path)
        groups = [row.group for row in drawn(monkeypatch, given)["J"]]
        assert groups == [*(f"m{number:02}" for number in range(11)), "m14"]
        picture = shown_pictures(given)["energy"]
        assert "3 machines between are not shown." in [sentence.text for sentence in picture.caption]
        assert len(shown_table(given).rows) == 15
        assert picture.title == "An image takes 0.0222 to 0.0533 J"

    def test_bars_have_their_engines_hue(self, tmp_path: Path) -> None:
        given = study_of(several_engines(tmp_path, T, F, L))
        picture = shown_pictures(given, is_drawn=True)["memory"]
        for svg in (picture.svg, picture.narrow_svg):
            drawing.checked(svg, name="memory")
            for name in (T, F, L):
                assert ENGINES[name].light_hue in svg
        assert picture.title == "PyTorch takes the least memory, others 2.00 to 3.00 times as much"
        assert picture.alt.startswith("Memory: scratch, PyTorch 1.00 GB; scratch, TensorFlow 2.00 GB; ")

    def test_captions_say_how_to_read_and_no_value(self, tmp_path: Path) -> None:
        for picture in shown_pictures(study_of(two_machines(tmp_path))).values():
            text = " ".join(sentence.text for sentence in picture.caption)
            assert not re.search(r"\d", text)
            assert len(text.split()) < 45


class TestFrame:
    def test_unequal_numbers_of_runs_are_compared_by_their_means(self, tmp_path: Path) -> None:
        """The most of three runs is more than that of one, were they equal in truth."""
        runs = [metered(T, grown=grown, minute=minute) for minute, grown in enumerate([1.0, 1.0, 1.2])]
        given = saved_runs(tmp_path, *runs, metered(F, grown=1.15, minute=3))
        row = host_memory(given).iloc[0]
        mean = 1.2 ** (1 / 3) * 1e9
        assert (row["first_value"], row["second_value"]) == (pytest.approx(mean), pytest.approx(1.15e9))
        frame = cells(given, compared(given)).set_index("engine")
        assert frame.loc[T, "grown_host_bytes"] == pytest.approx(mean)
        assert frame.loc[T, "least_grown_host_bytes"] == 1.0e9
        assert frame.loc[T, "largest_grown_host_bytes"] == pytest.approx(1.2e9)
        assert frame.loc[F, "memory_ratio"] == pytest.approx(1.15e9 / mean)
        assert column(given, "Training, GB") == ["1.06", "1.15"]
        assert column(given, "Memory × PyTorch") == ["1.00", "1.08?"]

    def test_energy_is_shown_as_it_is_compared(self, tmp_path: Path) -> None:
        runs = [
            metered(T, joules=joules, minute=minute)
            for minute, joules in enumerate([3_000.0, 3_000.0, 24_000.0])
        ]
        given = saved_runs(tmp_path, *runs, metered(F, joules=3_000.0, minute=3))
        assert energy(given)["first_value"].tolist() == [pytest.approx(6_000.0)]
        row = cells(given, compared(given)).set_index("engine").loc[T]
        assert row["joules_per_epoch"] == pytest.approx(6_000.0)
        assert row["joules_per_image"] == pytest.approx(6_000.0 / 44_992)

    def test_pairs_go_to_files(self, tmp_path: Path) -> None:
        data = section(study_of(several_engines(tmp_path, T, F, L))).data
        assert sorted(data) == ["energy_pairs", "memory_pairs"]
        assert len(data["memory_pairs"]) == 2 * 2 * 3


def test_memory_and_energy_of_two_machines(tmp_path: Path) -> None:
    frame = shown_table(study_of(two_machines(tmp_path))).frame
    assert frame is not None
    by_cell = frame.set_index(["machine", "experiment", "engine"])
    anna = by_cell.loc[("anna", "scratch", T)]
    assert anna["joules_to_best_epoch"] == pytest.approx(7 * 3_000)
    assert anna["baseline_host_bytes"] == 500_000_000
    assert anna["grown_host_bytes"] == pytest.approx(2_007_000_000 - 500_000_000)
    assert isnan(anna["gpu_joules_per_epoch"]), "it has the whole"
    assert isnan(by_cell.loc[("anna", "mistaken", T)]["joules_per_epoch"])
    tensorflow = by_cell.loc[("anna", "scratch", F)]
    assert tensorflow["energy_ratio"] == pytest.approx(1.25)
    assert tensorflow["energy_verdict"] == "more"
    assert anna["reference"] == T


class TestTable:
    def test_a_row_a_cell(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, *in_turn({T: [1.0, 1.01, 0.99], F: [1.1, 1.11, 1.09]}, "grown"))
        assert names(given) == [
            *("Experiment", "Engine", "After import, GB", "Training, GB", "Memory × PyTorch")
        ]
        assert shown_table(given).rows == (
            ("scratch", "PyTorch", "2.00", "1.00", "1.00"),
            ("scratch", "TensorFlow", "2.00", "1.10", "1.10 (1.08–1.12)"),
        )
        caption = " ".join(sentence.text for sentence in shown_table(given).caption)
        assert "All on anna. Device: Apple GPU." in caption

    def test_one_engine_has_no_column_and_no_ratio(self, tmp_path: Path) -> None:
        runs = [metered(T, joules=900.0), metered(T, experiment="mistaken", joules=1_800.0)]
        given = saved_runs(tmp_path, *runs)
        assert names(given) == [
            *("Experiment", "After import, GB", "Training, GB", "J/image", "kJ to best epoch")
        ]
        assert shown_pictures(given)["memory"].title == "Training takes 1.00 GB"
        assert shown_pictures(given)["energy"].title == "An image takes 0.0200 to 0.0400 J"

    def test_of_many_cells_rows_are_experiments_and_engines(self, tmp_path: Path) -> None:
        for number in range(table.MOST_CELLS // 2 + 1):
            pair = [metered(T, grown=1 + number / 10), metered(F, grown=2 + number / 10)]
            saved_runs(tmp_path, *pair, machine=replace(ANNA, name=f"m{number}"))
        given = study_of(tmp_path)
        shown = shown_table(given)
        assert shown.rows == (
            ("scratch", "PyTorch", "2.00", "1.00–1.80", "1.00"),
            ("scratch", "TensorFlow", "2.00", "2.00–2.80", "1.56–2.00"),
        )
        assert shown.left_out == 0
        assert shown.frame is not None
        assert len(shown.frame) == 18

    def test_three_engines_are_held_against_the_first(self, tmp_path: Path) -> None:
        given = study_of(several_engines(tmp_path, T, F, L))
        ratios = dict(zip(column(given, "Engine"), column(given, "Memory × PyTorch"), strict=False))
        assert ratios == {"PyTorch": "1.00", "TensorFlow": "2.00", "Loom": "3.00"}

    def test_what_reads_the_same_is_in_the_usual_order(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Differences that nobody sees shuffle neither rows nor bars."""
        grown = {"augmented": 1.001, "scratch": 1.002, "mistaken": 1.0}
        runs = [
            metered(engine, experiment=experiment, grown=value + more)
            for experiment, value in grown.items()
            for engine, more in ((F, -0.001), (T, 0.001))
        ]
        given = saved_runs(tmp_path, *runs)
        expected = [(name, engine) for name in ("scratch", "mistaken", "augmented") for engine in (T, F)]
        assert column(given, "Training, GB") == ["1.00"] * 6
        engines = {ENGINES[name].label: name for name in (T, F)}
        rows = zip(column(given, "Experiment"), column(given, "Engine"), strict=True)
        assert [(name, engines[label]) for name, label in rows] == expected
        assert [(row.group, row.engine) for row in drawn(monkeypatch, given)["GB"]] == expected

    @pytest.mark.parametrize(
        ("peak", "joules", "title"),
        [
            (True, None, "Memory"),
            (True, 900.0, "Memory and energy"),
            (False, 900.0, "Energy"),
            (False, None, "Memory and energy"),
        ],
    )
    def test_titles_name_what_was_measured(
        self, tmp_path: Path, peak: bool, joules: float | None, title: str
    ) -> None:
        epochs = epochs_of(CALM, joules=joules)
        if not peak:
            epochs = tuple(replace(epoch, peak_host_bytes=None) for epoch in epochs)
        given = saved_runs(tmp_path, run_of("scratch", T, epochs))
        assert section(given).title == title
        assert shown_table(given).title == f"{title} by experiment"


class TestWords:
    def test_the_largest_run_is_named(self, tmp_path: Path) -> None:
        runs = [metered(T, grown=1.0), metered(T, experiment="mistaken", grown=2.5)]
        text = prose(saved_runs(tmp_path, *runs))
        assert text.startswith(
            "With its framework imported, the largest run held 4.50 GB: mistaken with PyTorch."
        )

    @pytest.mark.parametrize(("more", "is_said"), [(1.25, False), (1.15, True), (1.01, False)])
    def test_what_a_single_run_decides_is_said_where_it_decided_nothing(
        self, tmp_path: Path, more: float, is_said: bool
    ) -> None:
        text = prose(saved_runs(tmp_path, metered(T, grown=more), metered(F)))
        assert ("Without an interval a lead decides only above 1.20 times." in text) == is_said

    def test_why_energy_is_missing_is_told_once(self, tmp_path: Path) -> None:
        made = section(saved_runs(tmp_path, metered(T), metered(F)))
        texts = [
            sentence.text
            for block in made.blocks
            for sentence in (block.sentences if isinstance(block, Paragraph) else block.caption)
        ]
        assert [text for text in texts if "nergy" in text] == [
            "Energy was not measured: neither RAPL nor NVML counts energy here."
        ]

    @pytest.mark.parametrize(
        ("reads", "epochs", "why"),
        [
            (
                Reads(kind="counters", detail="gpu"),
                with_gpu_joules_alone(epochs_of(CALM), 7_650.0),
                "the GPU's was counted and the processor's was not.",
            ),
            (
                Reads(kind="counters", detail="cpu, gpu"),
                epochs_of(CALM),
                "epochs are too short for the counter (cpu, gpu, in windows of 20 s or more).",
            ),
        ],
    )
    def test_a_reason_for_each_meter(
        self, tmp_path: Path, reads: Reads, epochs: Sequence[Epoch], why: str
    ) -> None:
        start = {"meters": {"energy": reads}}
        given = saved_runs(tmp_path, metered(T, epochs=epochs, device="cuda", start=start))
        assert f"Energy was not measured: {why}" in prose(given)

    def test_a_gpus_own_joules_have_a_column_where_the_processors_were_not_counted(
        self, tmp_path: Path
    ) -> None:
        alone = {"meters": {"energy": Reads(kind="counters", detail="gpu")}}
        whole = {"meters": {"energy": Reads(kind="counters", detail="cpu package-0, gpu")}}
        epochs = with_gpu_joules_alone(epochs_of(CALM), 7_650.0)
        on_cuda = metered(T, epochs=epochs, device="cuda", start=alone)
        given = saved_runs(tmp_path / "one", on_cuda)
        assert column(given, "GPU alone, J/epoch") == ["7,650"]
        assert not any(name.startswith("J/") for name in names(given))
        counted = metered(
            T,
            experiment="mistaken",
            epochs=epochs_of(CALM, joules=4_000),
            device="cuda",
            start=whole,
            grown=2.0,
        )
        both = saved_runs(tmp_path / "two", on_cuda, counted)
        assert column(both, "GPU alone, J/epoch") == ["7,650", "–"]
        assert column(both, "J/image") == ["–", "0.0889"]
        assert "1 of 2 runs has no figure of energy: the GPU's was counted" in prose(both)

    def test_impossible_energy_is_why_there_is_none(self, tmp_path: Path) -> None:
        run = metered(T, joules=1e9, warnings=[ImplausiblePower(watts=1e7)])
        assert "no computer draws as much as was counted" in prose(saved_runs(tmp_path, run))

    def test_a_figure_that_is_missing_or_not_above_zero_is_compared_with_nothing(
        self, tmp_path: Path
    ) -> None:
        resident = START.meters | {"host memory": Reads(kind="resident memory in the epoch")}
        start = {"meters": resident}
        less = metered(T, grown=-0.1, start=start)  # Linux takes a library's pages away again
        given = saved_runs(tmp_path, less, metered(F, joules=3_000.0))
        assert host_memory(given).empty
        assert energy(given).empty
        assert "1 of 2 runs has no figure of energy: neither RAPL nor NVML" in prose(given)
        frame = cells(given, compared(given)).set_index("engine")
        assert frame["grown_host_bytes"].isna().tolist() == [True, False]
        assert column(given, "Training, GB") == ["1.00", "–"]
        nothing = saved_runs(tmp_path / "nothing", less)
        assert prose(nothing).startswith("No run took more memory than importing its framework had.")
        assert not shown_pictures(nothing)

    def test_nothing_measured(self, tmp_path: Path) -> None:
        epochs = [replace(epoch, peak_host_bytes=None) for epoch in epochs_of(CALM)]
        given = saved_runs(tmp_path, run_of("scratch", T, epochs))
        assert prose(given).startswith("Memory was not measured. Energy was not measured: ")
        assert not shown_pictures(given)

    def test_memory_that_cannot_be_is_why_there_is_none(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, metered(T, grown=-0.1))
        assert prose(given).startswith("Memory is not known: the counter gave less than a run needs.")
        assert "Training, GB" not in names(given)

    def test_no_valid_run(self, tmp_path: Path) -> None:
        given = saved_runs(tmp_path, run_of("scratch", T, epochs_of(CALM), failure="it was killed"))
        assert resources.chapter(given) is None


@pytest.mark.parametrize(
    "engines", [("torch",), ("torch", "tensorflow"), ("torch", "tensorflow", "loom")]
)
def test_every_number_is_that_of_the_files(tmp_path: Path, engines: tuple[str, ...]) -> None:
    given = study_of(several_engines(tmp_path, *engines))
    blocks = section(given).blocks
    sentences = sentences_of(blocks)
    assert any(sentence.numbers for sentence in sentences)
    assert wrong(sentences, tmp_path, given) == []
    for sentence in sentences:
        words = "".join(part for part in sentence.parts if isinstance(part, str))
        assert not re.search(r"\d", words.replace("1.20", "").replace("95 %", "")), sentence.text


def test_hostile_names_are_only_names(tmp_path: Path) -> None:
    for number, name in enumerate(("$x^2$ {0} %s", "<b>bold</b>", "机器学习", "a\nb", "🚀", "m6")):
        machine = replace(ANNA, name=name, model=f"m{number}")
        content = content_of(machine, [metered(T, joules=900.0), metered(F, joules=950.0)])
        write(tmp_path, f"{number}.json", content)
    for picture in shown_pictures(study_of(tmp_path), is_drawn=True).values():
        for svg in (picture.svg, picture.narrow_svg):
            drawing.checked(svg, name=picture.key)
            assert "bold" not in svg
