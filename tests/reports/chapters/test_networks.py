"""The networks: every one that was trained, at its size, to the last parameter, and what mistaken is."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace as replaced
from hashlib import sha256
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from msgspec.structs import replace

from alexnet.spec import VARIANTS, network
from reports.chapters import networks
from reports.draw import drawing, house
from reports.study.compare import Study
from reports.write.document import Block, Number, Paragraph, Picture, Section, Table
from tests.support.prose_figures import again, reads_as_rounded
from tests.support.report_files import (
    FULL,
    LOOM,
    QUICK,
    add_engines,
    check_failed,
    epochs_of,
    run_of,
    two_machines,
)
from tests.support.report_study import saved_runs, study_of

BOTH = ("torch", "tensorflow")
LAW = {"standard": 58_322_314, "mistaken": 202_839_952, "torchvision": 57_044_810}
STEADY = epochs_of([120.0, 100.0, 101.0, 99.0, 100.0])
SMALL = replace(FULL, image_size=64)


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    """The registry has an engine more for as long as this file's tests run."""
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM)
        yield


def written(given: Study) -> Section:
    section = networks.chapter(given)
    assert section is not None
    return section


def tables(section: Section) -> dict[str, Table]:
    return {block.key: block for block in section.blocks if isinstance(block, Table)}


def cells(table: Table, column: str) -> list[str]:
    place = [each.name for each in table.columns].index(column)
    return [row[place] for row in table.rows]


def by_layer(table: Table, column: str) -> dict[str, str]:
    return dict(zip(cells(table, "Layer"), cells(table, column), strict=True))


def caption(block: Picture | Table) -> str:
    return " ".join(sentence.text for sentence in block.caption)


def told(section: Section) -> str:
    paragraphs = [block for block in section.blocks if isinstance(block, Paragraph)]
    return " ".join(s.text for paragraph in paragraphs for s in paragraph.sentences)


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(two_machines(tmp_path_factory.mktemp("two")))


@pytest.fixture(scope="module")
def section(two: Study) -> Section:
    return written(two)


def test_sizes_then_parameters_then_the_mistake_then_layers(section: Section) -> None:
    def name(block: Block) -> str:
        return "text" if isinstance(block, Paragraph) else block.key

    assert [name(block) for block in section.blocks] == [
        *("networks", "parameters", "text", "changes", "layers", "layers-64", "transfer"),
    ]


def test_every_network_that_was_trained_is_there_at_its_size(section: Section) -> None:
    table = tables(section)["networks"]
    assert table.rows == (
        ("standard", "scratch and augmented", "224", "58,322,314", "233", "2.26"),
        ("mistaken", "mistaken", "224", "202,839,952", "811", "2.55"),
        ("torchvision", "pretrained", "224", "57,044,810", "228", "1.42"),
        ("standard", "scratch", "64", "21,622,154", "86", "0.17"),
    )
    assert table.title == "mistaken has 3.5 times the parameters of standard and 1.1 times its work"
    assert table.frame is not None
    assert table.frame["runs"].map(len).tolist() == [12, 4, 4, 2]
    assert table.frame["forward_flops"].tolist()[0] == network("standard").forward_flops


def test_layers_add_up_to_the_law(section: Section) -> None:
    table = tables(section)["layers"]
    for variant, total in LAW.items():
        figures = by_layer(table, f"{variant}: parameters")
        assert sum(int(cell.replace(",", "")) for cell in figures.values() if cell) == total
        [column] = [each for each in table.columns if each.name == f"{variant}: parameters"]
        assert sum(value or 0 for value in column.values) == total
    assert table.frame is not None
    sums = table.frame.groupby(["variant", "image_size"])["parameters"].sum()
    assert sums["standard", 64] == 21_622_154
    assert table.title == "The Dense layers hold 94 % of the parameters of standard"


def test_a_layer_that_a_network_lacks_is_a_dash(section: Section) -> None:
    table = tables(section)["layers"]
    outputs = {variant: by_layer(table, f"{variant}: output") for variant in LAW}
    assert outputs["standard"]["pool5"] == "256x6x6"
    assert outputs["mistaken"]["pool5"] == "–"
    assert outputs["torchvision"]["avgpool"] == "256x6x6"
    assert outputs["standard"]["extra"] == "–"
    assert outputs["mistaken"]["flatten"] == "43264"
    assert by_layer(table, "standard: parameters")["pool5"] == ""


def test_dropout_stands_where_each_network_has_it(section: Section) -> None:
    table = tables(section)["layers"]
    order = cells(table, "Layer")
    assert order[order.index("flatten") :] == [
        *("flatten", "dropout before fc6", "fc6", "dropout before fc7", "fc7", "dropout before fc8"),
        *("extra", "fc8"),
    ]
    for variant in LAW:
        outputs = by_layer(table, f"{variant}: output")
        own = [layer for layer in order if outputs[layer] != "–"]
        names = [row.layer.name for row in network(variant).rows]
        assert len(own) == len(names)
        assert [a for a, b in zip(own, names, strict=True) if a != b and not b.startswith("drop")] == []


def test_any_networks_are_set_side_by_side(two: Study) -> None:
    """No experiment trains extra-dense, and the table could show it."""
    layers = two.frames.layers
    every = [
        networks.Trained(
            variant=name,
            image_size=224,
            layers=layers[(layers["variant"] == name) & (layers["image_size"] == 224)],
            experiments=(),
            runs=(),
        )
        for name in VARIANTS
    ]
    table = networks.layer_tables(every)["layers"]
    assert by_layer(table, "extra-dense: parameters")["extra"] == "4,097,000"
    assert by_layer(table, "extra-dense: output")["dropout before fc7"] == "–"


def test_at_most_two_sizes_have_a_table(tmp_path: Path) -> None:
    runs = [
        run_of("scratch", "torch", STEADY, plan=replace(FULL, image_size=size), seed=size)
        for size in (224, 128, 64)
    ]
    found = tables(written(saved_runs(tmp_path, *runs)))
    assert list(found) == ["networks", "layers", "layers-128"]
    assert "Of 64 pixels a side the layers are in the files alone." in caption(found["layers"])
    assert found["layers"].frame is not None
    assert set(found["layers"].frame["image_size"]) == {224, 128, 64}


class TestMistaken:
    def test_is_explained_change_by_change(self, section: Section) -> None:
        table = tables(section)["changes"]
        assert table.title == "Leaving out the third pool (pool5) brings 97 % of the extra parameters"
        assert cells(table, "Parameters more") == ["–", "0", "4,066,040", "139,460,608", "990,990"]
        assert cells(table, "Parameters after it")[-1] == "202,839,952"
        assert told(section) == (
            "The original report trained mistaken by accident, and blamed the extra Dense(1000) alone"
            " for its size. Without the third pool (pool5) fc6 has 43,264 inputs instead of 9,216."
        )

    def test_is_explained_at_the_size_that_was_trained(self, tmp_path: Path) -> None:
        section = written(saved_runs(tmp_path, run_of("mistaken", "torch", STEADY, plan=SMALL)))
        table = tables(section)["changes"]
        assert table.title == "Leaving out the third pool (pool5) brings 62 % of the extra parameters"
        assert cells(table, "Parameters after it") == [
            *("21,622,154", "21,622,154", "25,688,194", "34,076,802", "35,067,792"),
        ]
        assert told(section).endswith(
            "Without the third pool (pool5) fc6 has 2,304 inputs instead of 256. At the original's 224"
            " pixels a side mistaken has 202,839,952 parameters."
        )
        # The standard network is what it is explained from; nothing trained it.
        assert cells(tables(section)["networks"], "Trained by") == ["–", "mistaken"]

    def test_is_not_explained_where_nobody_trained_it(self, tmp_path: Path) -> None:
        section = written(saved_runs(tmp_path, run_of("scratch", "torch", STEADY)))
        assert told(section) == ""
        assert "mistaken" not in " ".join(
            caption(block) + block.title for block in section.blocks if not isinstance(block, Paragraph)
        )


class TestThePicture:
    def test_has_a_panel_a_network_and_a_figure_a_bar(
        self, two: Study, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        caught: list[Figure] = []

        def kept(figure: Figure) -> str:
            caught.append(figure)
            return "<svg></svg>"

        monkeypatch.setattr(house, "svg", kept)
        written(two)
        panels = {axes.get_title(loc="left"): axes for axes in caught[0].axes}
        assert list(panels) == [
            *("standard\n58.3 million", "mistaken\n202.8 million", "torchvision\n57.0 million"),
        ]
        texts = [text.get_text() for text in panels["mistaken\n202.8 million"].texts]
        assert texts[-4:] == [
            *("177.21: no third pool (pool5)", "16.78", "4.10: not in AlexNet", "1.00: 1000 outputs"),
        ]
        for title, axes in panels.items():
            bars = sum(bar.get_width() for bar in axes.patches if isinstance(bar, Rectangle))
            assert bars == pytest.approx(LAW[title.split("\n")[0]] / 1e6)

    def test_says_which_layer_is_the_largest(self, section: Section) -> None:
        [picture] = [block for block in section.blocks if isinstance(block, Picture)]
        assert picture.title == "fc6 holds 177.2 of the 202.8 million parameters of mistaken"
        assert caption(picture) == (
            "In millions. Yellow is what a layer has beyond the standard network's."
        )
        assert "torchvision conv1 0.02" in picture.alt
        drawing.checked(picture.svg, name=picture.key)

    def test_of_one_network_has_one_colour(self, tmp_path: Path) -> None:
        section = written(saved_runs(tmp_path, run_of("scratch", LOOM.name, STEADY)))
        [picture] = [block for block in section.blocks if isinstance(block, Picture)]
        assert picture.title == "fc6 holds 37.8 of the 58.3 million parameters of standard"
        assert caption(picture) == "In millions."
        assert tables(section)["networks"].title == "standard has 58,322,314 parameters"


def test_invalid_runs_trained_their_network_and_those_that_never_began_did_not(tmp_path: Path) -> None:
    invalid = run_of("mistaken", "torch", STEADY, reasons=[check_failed()])
    never = run_of("pretrained", "torch", (), failure="it was killed")
    found = tables(written(saved_runs(tmp_path, invalid, never)))["networks"]
    assert cells(found, "Network") == ["standard", "mistaken"]


def test_nothing_trained_nothing_told(tmp_path: Path) -> None:
    assert (
        networks.chapter(saved_runs(tmp_path, run_of("scratch", "torch", (), failure="killed"))) is None
    )


def test_one_setting_comes_first_whatever_its_size(tmp_path: Path) -> None:
    small = epochs_of([5.0] * 3, images=1920)
    quick = run_of("scratch", LOOM.name, small, plan=QUICK, test_images=2000)
    given = saved_runs(tmp_path, quick, run_of("scratch", "torch", STEADY))
    assert cells(tables(written(given))["networks"], "Image size, px") == ["224", "64"]
    other = replaced(given, main="B")
    assert cells(tables(written(other))["networks"], "Image size, px") == ["64", "224"]


@pytest.mark.parametrize("size", [224, 64])
def test_every_number_is_what_the_law_says(size: int, tmp_path: Path) -> None:
    plan = replace(FULL, image_size=size)
    section = written(saved_runs(tmp_path, run_of("mistaken", "torch", STEADY, plan=plan)))
    numbers: list[Number] = [
        number
        for block in section.blocks
        for sentence in (block.sentences if isinstance(block, Paragraph) else block.caption)
        for number in sentence.numbers
    ]
    assert len(numbers) == (2 if size == 224 else 4)
    for number in numbers:
        assert again(number, []) == number.value, number
        assert reads_as_rounded(number), number


class TestTransfer:
    def test_each_tensor_is_shown_with_what_each_engine_makes_of_it(self, tmp_path: Path) -> None:
        runs = [run_of("pretrained", name, STEADY) for name in BOTH]
        table = tables(written(saved_runs(tmp_path, *runs)))["transfer"]
        assert table.title == "14 of 16 tensors came from the weights file, the same in each of 2 runs"
        assert "more that started" not in caption(table)
        rows = {row[0]: row[1:] for row in table.rows}
        assert len(rows) == 16
        assert rows["conv1.weight"] == (
            *("64x3x11x11", "features.0.weight", "as it is", "OIHW -> HWIO"),
            sha256(b"conv1.weight").hexdigest()[:8],
        )
        assert rows["fc6.weight"][3] == "CHW -> HWC, transposed"
        assert rows["fc8.bias"][1:4] == ("none: drawn for the new head", "as it is", "as it is")
        assert table.frame is not None
        assert len(table.frame) == 16 * 2

    def test_tensors_that_are_not_the_same_are_named(self, tmp_path: Path) -> None:
        runs = [run_of("pretrained", name, STEADY, seed=seed) for seed, name in enumerate(BOTH)]
        for tensor in runs[1]["start"]["weight_transfer"]:
            if tensor["name"] in ("fc6.weight", "fc8.weight"):
                tensor["sha256"] = "a" * 64
        table = tables(written(saved_runs(tmp_path, *runs)))["transfer"]
        assert table.title == (
            "14 of 16 tensors came from the weights file, and they differ among 2 runs"
        )
        hashes = {row[0]: row[-1] for row in table.rows}
        assert hashes["fc6.weight"] == "2 different"
        assert hashes["fc8.weight"] == "by its seed"
        assert hashes["fc6.bias"] == sha256(b"fc6.bias").hexdigest()[:8]

    def test_runs_whose_files_do_not_say_it_are_counted_apart(self, tmp_path: Path) -> None:
        runs = [run_of("pretrained", "torch", STEADY, seed=seed) for seed in range(4)]
        for run in runs[2:]:
            run["start"]["weight_transfer"] = None
        table = tables(written(saved_runs(tmp_path, *runs, run_of("scratch", "torch", STEADY))))[
            "transfer"
        ]
        assert table.title == "14 of 16 tensors came from the weights file, the same in each of 2 runs"
        assert "The files of 2 more runs that started from a weights file say none of this." in (
            caption(table)
        )

    def test_one_run_is_the_same_as_nothing(self, tmp_path: Path) -> None:
        table = tables(written(saved_runs(tmp_path, run_of("pretrained", "torch", STEADY))))["transfer"]
        assert table.title == "14 of 16 tensors came from the weights file"

    def test_is_not_there_where_no_file_says_it(self, tmp_path: Path) -> None:
        run = run_of("pretrained", "torch", STEADY, start={"weight_transfer": None})
        assert "transfer" not in tables(written(saved_runs(tmp_path, run)))
