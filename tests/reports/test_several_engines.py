"""Three engines and more: each pair is compared, and no figure is given to another engine."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from alexnet.frameworks.registry import ENGINES
from bench.records.types import Machine
from reports import html, markdown, palette, plots, typeset, written
from reports.document import Number, Paragraph, Report, Sentence
from reports.frame import frames
from reports.plots import answers, bands, house, memory, pick, speed
from reports.prose import sections
from reports.sources import gather
from reports.study.compare import Study, study
from reports.study.resources import host_memory
from tests.support.prose_figures import NAMES, again, raws, reads_as_rounded
from tests.support.report_files import (
    ANNA,
    JITTER,
    KNOTS,
    LOOM,
    SECONDS,
    add_engines,
    content_of,
    epochs_of,
    run_of,
    several_engines,
    write,
)

THREE = ("torch", "tensorflow", LOOM.name)
FOUR = (*THREE, KNOTS.name)
LABELS = sorted(NAMES.values(), key=len, reverse=True)


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """The registry has two more engines for as long as this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM, KNOTS)
        yield


def of(folder: Path) -> Study:
    return study(frames(gather([str(folder)])))


def saved(folder: Path, *runs: dict[str, Any], machine: Machine = ANNA) -> Study:
    write(folder, f"{machine.name}/0001.json", content_of(machine, runs))
    return of(folder)


def quick(engine: str, seconds: float = 5.0, **given: Any) -> dict[str, Any]:
    return run_of("scratch", engine, epochs_of([seconds * each for each in JITTER]), **given)


def told(given: Study, key: str) -> str:
    return " ".join(s.text for paragraph in sections(given)[key] for s in paragraph.sentences)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Path]:
    """Number of engines -> results of two machines."""
    return {
        len(engines): several_engines(tmp_path_factory.mktemp("results"), *engines)
        for engines in (THREE, FOUR)
    }


@pytest.fixture(scope="module")
def studies(folders: dict[int, Path]) -> dict[int, Study]:
    return {number: of(folder) for number, folder in folders.items()}


@pytest.fixture(scope="module")
def reports(studies: dict[int, Study]) -> dict[int, Report]:
    return {number: written.report(each) for number, each in studies.items()}


def engine_of(given: Study) -> dict[str, str]:
    """Run id -> its engine."""
    return dict(zip(given.frames.runs["run"], given.frames.runs["engine"], strict=True))


@pytest.mark.parametrize("engines", [THREE, FOUR], ids=len)
def test_every_pair_is_compared_in_the_registrys_order(
    studies: dict[int, Study], engines: tuple[str, ...]
) -> None:
    given = studies[len(engines)]
    ran = engine_of(given)
    expected = [*combinations(engines, 2)]
    for _, rows in given.engines.groupby(["machine", "experiment"], sort=False):
        assert [*zip(rows["first"], rows["second"], strict=True)] == expected
    assert len(given.engines) == 2 * 2 * len(expected)
    for row in given.engines.itertuples():
        assert row.ratio == pytest.approx(SECONDS[row.second] / SECONDS[row.first])
        assert row.verdict == ("faster" if row.ratio > 1 else "slower")  # the least is 1.25 times
        assert (row.basis, row.runs) == ("seen", (1, 1))
        assert {ran[run] for run in row.first_runs} == {row.first}
        assert {ran[run] for run in row.second_runs} == {row.second}


def test_the_table_names_both_sides_of_each_pair(studies: dict[int, Study]) -> None:
    table = typeset.tables(studies[3])["frameworks"]
    rows = [dict(zip((c.name for c in table.columns), row, strict=True)) for row in table.rows]
    anna = [row for row in rows if row["Machine"] == "anna" and row["Experiment"] == "from scratch"]
    shown = [
        [row[name] for name in ("First", "Second", "First, s/epoch", "Second, s/epoch", "Ratio")]
        for row in anna
    ]
    assert shown == [
        ["PyTorch", "TensorFlow", "100", "125", "1.25"],
        ["PyTorch", "Loom", "100", "80.0", "0.80"],
        ["TensorFlow", "Loom", "125", "80.0", "0.64"],
    ]
    assert [row["Verdict"] for row in anna] == [
        "PyTorch 25 % faster",
        "Loom 25 % faster",
        "Loom 56 % faster",
    ]
    assert [row["Runs"] for row in anna] == ["R1 R2", "R1 R3", "R2 R3"]
    text = " ".join(sentence.text for sentence in table.caption)
    assert "All frameworks start from the same weights" in text
    assert "the first's speed as a multiple of the second's" in text


@pytest.mark.parametrize("number", [3, 4])
def test_every_number_of_the_prose_is_what_the_files_say(
    folders: dict[int, Path], studies: dict[int, Study], number: int
) -> None:
    by_seal, given = raws(folders[number]), studies[number]
    seals = dict(zip(given.frames.runs["run"], given.frames.runs["checksum"], strict=True))
    found = [
        (sentence, each)
        for paragraphs in sections(given).values()
        for paragraph in paragraphs
        for sentence in paragraph.sentences
        for each in sentence.numbers
        if not re.search("is faster|more with|^further ones", each.what)  # these count pairs, not runs
    ]
    assert len(found) > 50
    for sentence, each in found:
        runs = [by_seal[seals[run]] for run in each.runs]
        assert again(each, runs) == pytest.approx(each.value, rel=1e-12), (sentence.text, each)
        assert reads_as_rounded(each), (sentence.text, each)


def beside(sentence: Sentence, place: int) -> str | None:
    """The engine that a sentence gives a number to, where it says so right before or right behind it."""
    texts = [part if isinstance(part, str) else "\0" for part in sentence.parts]
    before, after = "".join(texts[:place]), "".join(texts[place + 1 :])
    labels = "|".join(LABELS)
    behind = re.match(rf" (?:with|in) ({labels})\b", after)
    ahead = re.search(rf"({labels}) (?:has|knows \w+ best \()$|({labels}) has $", before)
    found = behind or ahead
    return None if found is None else next(group for group in found.groups() if group)


def mentioned(number: Number) -> set[str]:
    """The engines that the words of a number name, by label or by name."""
    found, text = set(), number.what
    for name, label in sorted(NAMES.items(), key=lambda item: -len(item[0])):
        for word in (label, name):
            text, times = re.subn(rf"(?<![\w-]){re.escape(word)}(?![\w-])", "", text)
            if times:
                found.add(name)
    return found


@pytest.mark.parametrize("number", [3, 4])
def test_no_figure_is_given_to_another_engine(
    studies: dict[int, Study], reports: dict[int, Report], number: int
) -> None:
    ran, checked = engine_of(studies[number]), 0
    for _, sentence in reports[number].sentences():
        for place, part in enumerate(sentence.parts):
            if isinstance(part, str) or not part.runs:
                continue
            own = {ran[run] for run in part.runs}
            named = mentioned(part)
            if part.what.startswith("comparisons; ") or "more with" in part.what:
                assert named <= own, (sentence.text, part)
            elif named:
                assert named == own, (sentence.text, part)
                checked += 1
            if label := beside(sentence, place):
                assert {NAMES[name] for name in own} == {label}, (sentence.text, part)
                checked += 1
    assert checked > 100


def test_the_summary_says_each_of_few_pairs_and_counts_many(studies: dict[int, Study]) -> None:
    few, many = (told(studies[number], "summary") for number in (3, 4))
    for winner, loser in (("PyTorch", "TensorFlow"), ("Loom", "PyTorch"), ("Loom", "TensorFlow")):
        assert f"{winner} trains faster than {loser} in all 4 comparisons" in few
    assert (
        "Of 24 comparisons of two frameworks, each of one experiment on one machine, PyTorch is faster"
        " in 4, Loom is faster in 8 and PyTorch knots is faster in 12."
    ) in many
    assert (
        "Loom is each time 1.25 times as fast as PyTorch and Loom is each time 1.56 times as fast as"
        " TensorFlow."
    ) in many
    assert "TensorFlow is each time" not in many


def test_each_machine_tells_each_pair_and_all_times(studies: dict[int, Study]) -> None:
    text = told(studies[3], "frameworks")
    assert "Loom trains faster than PyTorch on anna: 1.25 times as fast in scratch" in text
    assert "Loom trains faster than TensorFlow on bob: 1.56 times as fast in scratch" in text
    assert (
        "An epoch of scratch takes 100 s with PyTorch, 125 s with TensorFlow and 80.0 s with Loom."
        in text
    )


def test_memory_energy_and_accuracy_are_told_by_pair(studies: dict[int, Study]) -> None:
    text = told(studies[3], "resources")
    assert "Loom takes more memory than TensorFlow in all 4 comparisons: 1.50 times as much" in text
    assert "2.00 GB with TensorFlow and 3.00 GB with Loom" in text
    assert (
        "TensorFlow took more energy an epoch than Loom in all 4 comparisons, which decides nothing:"
        " 1.04 times as much in scratch on anna (one run each)"
    ) in text
    many = told(studies[4], "resources")
    assert "PyTorch knots takes more in 12" in many
    assert "PyTorch knots takes 1.33 to 4.00 times as much as another" in many
    learnt = told(studies[3], "learning")
    assert "Loom is ahead of PyTorch by 8.00 points in scratch" in learnt
    assert "4.00 points in scratch (PyTorch and TensorFlow)" in learnt


def test_a_pair_of_resources_has_its_own_values(studies: dict[int, Study]) -> None:
    both = host_memory(studies[3])
    assert len(both) == 2 * 2 * 3
    place = {name: place for place, name in enumerate(THREE, 1)}
    for row in both.itertuples():
        assert row.first_value == pytest.approx(place[row.first] * 10**9)
        assert row.second_value == pytest.approx(place[row.second] * 10**9)


def test_versions_are_told_once_a_framework(studies: dict[int, Study]) -> None:
    runs = studies[4].frames.runs
    assert set(runs.loc[runs["engine"] == KNOTS.name, "framework_version"]) == {"2.14.1"}
    assert "The runs used PyTorch 2.14.1, TensorFlow 2.18.1 and Loom 3.0.2." in told(
        studies[4], "measured"
    )


def test_many_machines_are_counted_by_pair(tmp_path: Path) -> None:
    for number in range(5):
        machine = replace(ANNA, name=f"m{number}")
        runs = [quick(engine, SECONDS[engine]) for engine in THREE]
        write(tmp_path, f"m{number}/1.json", content_of(machine, runs))
    text = told(of(tmp_path), "frameworks")
    assert "PyTorch and TensorFlow meet in scratch on 5 machines: PyTorch is faster on 5." in text
    assert "TensorFlow and Loom meet in scratch on 5 machines: Loom is faster on 5." in text


def test_levels_and_too_few_epochs_name_the_pair(tmp_path: Path) -> None:
    even = saved(tmp_path / "even", *(quick(engine) for engine in THREE))
    assert "PyTorch and Loom are level within 2 % on anna, which decides nothing" in told(
        even, "frameworks"
    )
    repeated = [
        run_of("scratch", engine, epochs_of([seconds * (1 + 0.03 * repeat)] * 8), repeat=repeat)
        for engine, seconds in zip(THREE, (5.0, 5.001, 5.2), strict=True)
        for repeat in range(3)
    ]
    text = told(saved(tmp_path / "repeated", *repeated), "frameworks")
    assert "It is not decided on anna which of TensorFlow and Loom is faster by 2 % or more" in text
    short = [run_of("scratch", engine, epochs_of([5.0] * 3)) for engine in THREE]
    text = told(saved(tmp_path / "short", *short), "frameworks")
    assert "No verdict is given on anna on PyTorch and Loom for scratch (2 timed epochs)" in text


def test_engines_that_met_on_no_device_are_named(tmp_path: Path) -> None:
    given = saved(tmp_path, quick("torch"), quick("tensorflow", 6.0), quick(LOOM.name, device="cpu"))
    assert len(given.engines) == 1
    assert (
        "Not every framework was compared with every other: on anna PyTorch ran on the Apple GPU and"
        " Loom on the CPU; on anna TensorFlow ran on the Apple GPU and Loom on the CPU."
    ) in told(given, "frameworks")


def test_one_engine_alone_is_a_report(tmp_path: Path) -> None:
    given = saved(tmp_path, quick(LOOM.name))
    made = written.report(given)
    assert made.subtitle == "AlexNet in Loom: anna"
    assert "anna has valid runs of Loom alone in this setting" in told(given, "frameworks")
    assert "Framework against framework" in html.render(made)


def test_the_whole_report_has_a_place_for_every_pair(reports: dict[int, Report]) -> None:
    made = reports[3]
    assert made.subtitle == "AlexNet in PyTorch, TensorFlow and Loom: anna and bob"
    [chapter] = [section for section in made.sections if section.key == "frameworks"]
    assert chapter.title == "Framework against framework"
    keys = [block.key for block in chapter.blocks if not isinstance(block, Paragraph)]
    assert keys == [
        "framework-ratios-torch-tensorflow",
        "framework-ratios-torch-loom",
        "framework-ratios-tensorflow-loom",
        "frameworks",
        "seconds",
    ]
    page = html.render(made)
    assert f"--{LOOM.name}: {LOOM.light_hue};" in page
    assert f"--{LOOM.name}: {LOOM.dark_hue};" in page
    assert f"var(--{LOOM.name})" in page
    drawn = markdown.files(made)
    dark = drawn["pictures/framework-ratios-torch-loom-dark.svg"]
    assert LOOM.dark_hue in dark
    assert not [colour for colour in palette.LIGHT.values() if colour in dark]
    assert "**PyTorch against Loom**" in markdown.render(made)


def test_a_pairs_picture_has_its_own_words_and_the_winners_looks(studies: dict[int, Study]) -> None:
    found = {picture.key: picture for picture in plots.pictures(studies[3]).values()}
    picture = found["framework-ratios-tensorflow-loom"]
    assert picture.title == "TensorFlow against Loom"
    text = " ".join(sentence.text for sentence in picture.caption)
    assert text.startswith("TensorFlow's speed as a multiple of Loom's, on a logarithmic axis")
    assert "Of 4 comparisons, Loom is faster in 4. The ratios go from 0.64 to 0.64." in text
    assert "PyTorch" not in text + picture.alt
    assert LOOM.light_hue in picture.svg
    assert ENGINES["torch"].light_hue not in picture.svg


def drawn_by(monkeypatch: pytest.MonkeyPatch, plot: Any, given: Study) -> Any:
    """The figure that a plot draws, before it becomes text."""
    caught: list[Any] = []

    def kept(figure: Any) -> str:
        caught.append(figure)
        return "<svg></svg>"

    monkeypatch.setattr(house, "svg", kept)
    plot(given)
    return caught[0]


@pytest.mark.parametrize("engines", [THREE, FOUR], ids=len)
def test_every_engine_has_a_lane_of_its_own(studies: dict[int, Study], engines: tuple[str, ...]) -> None:
    lanes = bands.bands(pick.Shown(studies[len(engines)])).lanes
    assert len(lanes) == 2 * 2 * len(engines)
    for experiment in ("scratch", "mistaken"):
        own = [lane for lane in lanes if lane.experiment == experiment]
        assert [lane.engine for lane in own] == [*engines, *engines]
        edges = [edge for lane in own for edge in (lane.y - lane.half, lane.y + lane.half)]
        assert edges == sorted(edges), "two lanes overlap"
        assert all(abs(lane.y - round(lane.y)) + lane.half <= 0.5 for lane in own)


def test_points_have_their_engines_lane_marker_and_hue(
    studies: dict[int, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    lanes = {
        (lane.place.machine, lane.engine): lane
        for lane in bands.bands(pick.Shown(studies[3])).lanes
        if lane.experiment == "scratch"
    }
    scratch = drawn_by(monkeypatch, speed.seconds_per_epoch, studies[3]).axes[0]
    for name in THREE:
        row = ENGINES[name]
        points = [line for line in scratch.lines if line.get_marker() == row.marker]
        assert {line.get_markeredgecolor() for line in points} == {row.light_hue}
        anna = lanes["anna", name]
        own = [line for line in points if abs(line.get_ydata()[0] - anna.y) < anna.half]
        seconds = sorted(float(x) for line in own for x in line.get_xdata())
        assert seconds == pytest.approx(sorted(SECONDS[name] * each for each in JITTER))


def test_bars_of_memory_have_their_engines_hue(
    studies: dict[int, Study], monkeypatch: pytest.MonkeyPatch
) -> None:
    panel = drawn_by(monkeypatch, memory.memory, studies[3]).axes[0]
    bars = [(bar.get_facecolor(), bar.get_width()) for bar in panel.patches]
    for place, name in enumerate(THREE, 1):
        hue = ENGINES[name].light_hue
        rgb = tuple(int(hue[i : i + 2], 16) / 255 for i in (1, 3, 5))
        widths = [width for colour, width in bars if colour[:3] == pytest.approx(rgb)]
        assert widths == pytest.approx([place, place])


def test_images_are_those_that_most_engines_answered(tmp_path: Path) -> None:
    runs = [quick(engine) for engine in THREE]
    assert list(answers.chosen(saved(tmp_path / "all", *runs))) == list(THREE)
    runs[1]["result"]["pictures"]["positions"] = [9, *range(9)]
    assert list(answers.chosen(saved(tmp_path / "two", *runs))) == ["torch", LOOM.name]
    runs[2]["result"]["pictures"] = None
    assert list(answers.chosen(saved(tmp_path / "one", *runs))) == ["torch"]


def test_two_engines_beside_a_registry_of_four_read_as_two(tmp_path: Path) -> None:
    """An engine that nobody ran changes no word."""
    given = saved(tmp_path, quick("torch"), quick("tensorflow", 6.0))
    made = written.report(given)
    text = markdown.render(made)
    assert made.subtitle == "AlexNet in PyTorch and TensorFlow: anna"
    assert "The eight systems at a glance" in text
    assert "## PyTorch against TensorFlow" in text
    assert "Loom" not in text
    assert "knots" not in text
