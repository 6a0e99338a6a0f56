"""The table of what precision and compilation buy, of made-up engines whose figures are done by hand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace as replace_row
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from alexnet.frameworks import registry
from reports.chapters.engines import chapter
from reports.chapters.engines.bought import KEY, bought, frame_of
from reports.chapters.engines.finding import finding
from reports.chapters.engines.multiples import picture
from reports.study.compare import Study, question
from reports.write.document import Table
from tests.support.precisions import FALLING, HALF, WARP, WHOLE, Side, in_turn, timed_run
from tests.support.report_files import (
    ANNA,
    BOB,
    KNOTS,
    LOOM,
    add_engines,
)
from tests.support.report_study import saved


@pytest.fixture(scope="module", autouse=True)
def made_up() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        add_engines(patch, LOOM, KNOTS, HALF, WARP)
        yield


def table_of(given: Study) -> Table:
    return bought(given)[KEY]


def cells(given: Study) -> list[dict[str, str]]:
    made = table_of(given)
    heads = [column.name for column in made.columns]
    return [dict(zip(heads, row, strict=True)) for row in made.rows]


def captions(made: Table) -> str:
    return " ".join(sentence.text for sentence in made.caption)


def test_each_engine_stands_beside_the_one_of_its_frameworks_name(tmp_path: Path) -> None:
    """And beside no other; a framework's own engine has no row."""
    runs = in_turn(
        ("torch", 10.0, "float32"),
        (KNOTS.name, 8.0, "float32"),
        (HALF.name, 5.0, "float16"),
        (LOOM.name, 20.0, "float32"),
        (WARP.name, 40.0, "bfloat16"),
    )
    given = saved(tmp_path, (ANNA, runs))
    frame = frame_of(given)
    assert [*zip(frame["engine"], frame["against"], strict=True)] == [
        (KNOTS.name, "torch"),
        (HALF.name, "torch"),
        (WARP.name, LOOM.name),
    ]
    assert [*frame["ratio"]] == pytest.approx([1.25, 2.0, 0.5])
    assert [*frame["verdict"]] == ["faster", "faster", "slower"]
    assert [*frame["precision"]] == ["float32", "float16", "bfloat16"]
    of_pair = given.engines[(given.engines["first"] == "torch") & (given.engines["second"] == HALF.name)]
    assert frame["low"][1] == pytest.approx(1 / of_pair["high"].iloc[0]), "judged once"
    assert {*frame["comparisons"]} == {3}, "and judged with each other alone"
    ran = dict(zip(given.frames.runs["run"], given.frames.runs["engine"], strict=True))
    for row in frame.itertuples():
        assert {ran[run] for run in row.runs} == {row.engine}
        assert {ran[run] for run in row.against_runs} == {row.against}
    assert [row["Computed in"] for row in cells(given)] == ["float32", "float16", "bfloat16"]
    assert table_of(given).title == (
        "PyTorch knots trains 1.25 and PyTorch half 2.00 times as fast as their framework's own engine;"
        " Loom warp is slower than Loom"
    )
    section = chapter(given)
    assert section is not None
    assert KEY in [getattr(block, "key", "") for block in section.blocks]


def test_how_frameworks_compare_is_judged_without_their_further_engines(tmp_path: Path) -> None:
    """So that whoever measures more engines does not lose that verdict."""
    sides: tuple[Side, ...] = (("torch", 10.0, "float32"), (LOOM.name, 11.0, "float32"))
    further: tuple[Side, ...] = (
        (KNOTS.name, 8.0, "float32"),
        (HALF.name, 5.0, "float16"),
        (WARP.name, 40.0, "bfloat16"),
    )
    alone = saved(tmp_path / "two", (ANNA, in_turn(*sides)))
    among = saved(tmp_path / "five", (ANNA, in_turn(*sides, *further)))
    counts = Counter(question(row.first, row.second) for row in among.engines.itertuples())
    assert counts == {"frameworks": 1, "one framework": 3, "others": 6}
    [pair] = alone.engines.to_dict("records")
    rows = among.engines.to_dict("records")
    [same] = (row for row in rows if (row["first"], row["second"]) == (pair["first"], pair["second"]))
    for row in (pair, same):
        assert (row["comparisons"], row["verdict"]) == (1, "faster")


def test_without_an_engine_beside_a_frameworks_own_there_is_no_table(tmp_path: Path) -> None:
    given = saved(tmp_path, (ANNA, in_turn(("torch", 10.0, "float32"), (LOOM.name, 8.0, "float32"))))
    assert len(given.engines) == 1
    assert bought(given) == {}


@pytest.mark.parametrize(
    ("seconds", "title"),
    [
        (5.0, "PyTorch half trains 2.00 times as fast as PyTorch"),
        (20.0, "PyTorch trains 2.00 times as fast as PyTorch half"),
        (10.0, "PyTorch half and PyTorch are equally fast"),
        (9.9, "Whether PyTorch half is faster than PyTorch is not decided"),
    ],
)
def test_the_title_says_what_is_decided(tmp_path: Path, seconds: float, title: str) -> None:
    runs = in_turn(("torch", 10.0, "float32"), (HALF.name, seconds, "float16"))
    if seconds == 9.9:
        runs = runs[:2]
    assert table_of(saved(tmp_path, (ANNA, runs))).title == title


@pytest.mark.parametrize(
    ("seconds", "title"),
    [
        ((5.0, 20.0), "faster in 1 and slower in 1"),
        ((5.0, 10.0), "faster in 1 and as fast in 1"),
        (
            (5.0, 9.9),
            "faster in 1 and not decided in 1",
        ),
    ],
)
def test_the_title_of_one_engine_counts_unlike_verdicts(
    tmp_path: Path, seconds: tuple[float, float], title: str
) -> None:
    runs: list[dict[str, Any]] = []
    for experiment, second in zip(("scratch", "mistaken"), seconds, strict=True):
        sides: tuple[Side, ...] = (("torch", 10.0, "float32"), (HALF.name, second, "float16"))
        runs += in_turn(*sides, repeats=1 if second == 9.9 else 3, experiment=experiment)
    made = table_of(saved(tmp_path, (ANNA, runs)))
    assert made.title == f"Beside PyTorch, of 2 comparisons PyTorch half is {title}"


def test_the_title_leaves_out_comparisons_of_too_few_epochs(tmp_path: Path) -> None:
    sides: tuple[Side, ...] = (("torch", 10.0, "float32"), (HALF.name, 5.0, "float16"))
    few = [
        timed_run(engine, seconds, precision=precision, experiment="mistaken", jitter=(1.0, 1.0))
        for engine, seconds, precision in sides
    ]
    made = table_of(saved(tmp_path, (ANNA, [*in_turn(*sides), *few])))
    assert made.title == "PyTorch half trains 2.00 times as fast as PyTorch"
    heads = [column.name for column in made.columns]
    assert [row[heads.index("Verdict")] for row in made.rows] == ["faster", "too few epochs"]


@pytest.mark.parametrize(
    ("seconds", "title"),
    [
        (
            (8.0, 5.0, 4.0, 2.0),
            "4 of 5 engines train 1.25 to 5.00 times as fast as their framework's own; Loom warp is"
            " slower than Loom",
        ),
        (
            (20.0, 20.0, 20.0, 20.0),
            "No precision and no compilation is known to be faster everywhere; 5 engines are slower than"
            " their framework's own",
        ),
    ],
)
def test_the_title_of_many_engines_counts_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, seconds: tuple[float, ...], title: str
) -> None:
    extra = [replace_row(HALF, name=f"torch-{n}", label=f"PyTorch {n}") for n in ("third", "fourth")]
    add_engines(monkeypatch, *extra)
    names = (KNOTS.name, HALF.name, *(engine.name for engine in extra))
    sides: list[Side] = [("torch", 10.0, "float32"), (LOOM.name, 20.0, "float32")]
    sides += [(name, second, "float16") for name, second in zip(names, seconds, strict=True)]
    sides.append((WARP.name, 40.0, "bfloat16"))
    assert table_of(saved(tmp_path, (ANNA, in_turn(*sides)))).title == title


def test_the_machine_is_named_in_a_report_of_several(tmp_path: Path) -> None:
    sides: tuple[Side, ...] = (("torch", 10.0, "float32"), (HALF.name, 5.0, "float16"))
    files = [(ANNA, in_turn(*sides)), (BOB, in_turn(sides[0]))]
    assert "All on anna." in captions(table_of(saved(tmp_path / "two", *files)))
    assert "anna" not in captions(table_of(saved(tmp_path / "one", files[0])))


def test_an_engine_whose_precision_is_another_than_usual_is_compared_in_its_session(
    tmp_path: Path,
) -> None:
    """Its runs have a letter of their own, and the pair stands under the first."""
    usual = in_turn(("torch", 10.0, "float32"), (HALF.name, 5.0, "float16"), repeats=4)
    other = in_turn(("torch", 20.0, "float32"), (HALF.name, 16.0, "float32"))
    given = saved(tmp_path, (ANNA, usual), (BOB, other))
    frame = frame_of(given)
    assert given.main == "A"
    assert set(given.frames.runs.loc[given.frames.runs["engine"] == HALF.name, "setting"]) == {"A", "B"}
    assert [*zip(frame["machine"], frame["precision"], strict=True)] == [
        ("anna", "float16"),
        ("bob", "float32"),
    ]
    assert [*frame["ratio"]] == pytest.approx([2.0, 1.25])
    assert [row["Machine"] for row in cells(given)] == ["anna", "bob"]


def test_over_three_machines_the_mean_has_the_row(tmp_path: Path) -> None:
    sides: tuple[Side, ...] = (("torch", 10.0, "float32"), (HALF.name, 5.0, "float16"))
    files = [(replace(ANNA, name=name), in_turn(*sides)) for name in ("anna", "bob", "cleo")]
    given = saved(tmp_path, *files)
    [row] = frame_of(given).itertuples()
    [mean] = given.engine_means.itertuples()
    assert (row.machine, row.machines) == ("", 3)
    assert row.ratio == pytest.approx(1 / mean.ratio) == pytest.approx(2.0)
    assert "Each figure is the mean of 3 machines." in captions(table_of(given))


def test_beside_a_mean_stands_what_is_in_none(tmp_path: Path) -> None:
    """Anna's CPU counts in no mean, of speeds or of memory."""

    def runs(device: str, gigabytes: float) -> list[dict[str, Any]]:
        half = timed_run(HALF.name, 5.0, precision="float16", gigabytes=gigabytes, device=device)
        return [timed_run("torch", 10.0, device=device), half]

    names = ("anna", "bob", "cleo")
    files = [(replace(ANNA, name=name), runs("mps", 1.5)) for name in names]
    given = saved(tmp_path, *files, (ANNA, runs("cpu", 5.0)))
    frame = frame_of(given)
    assert [*zip(frame["machine"], frame["device"], frame["machines"], strict=True)] == [
        ("", "", 3),
        ("anna", "cpu", 1),
    ]
    assert [*frame["memory_ratio"]] == pytest.approx([0.5, 4.0])
    assert [row["Machine"] for row in cells(given)] == ["mean of 3", "anna"]


def test_memory_is_a_multiple_of_the_other_engines(tmp_path: Path) -> None:
    """Of what is above the baseline of a gigabyte: half a gigabyte to a whole one."""
    runs = [timed_run("torch", 10.0), timed_run(HALF.name, 5.0, precision="float16", gigabytes=1.5)]
    given = saved(tmp_path, (ANNA, runs))
    assert frame_of(given)["memory_ratio"].tolist() == pytest.approx([0.5])
    assert [row["Memory ×"] for row in cells(given)] == ["0.50"]


@pytest.mark.parametrize(
    ("first_step", "compiler", "shown"),
    [
        (40.0, "loom.compile", "40.0 s"),
        (0.13, "loom.compile", "0.12 s"),
        (None, "loom.compile", "How long compilation took was not recorded."),
        (0.13, None, "None of these engines is compiled."),
    ],
)
def test_compilation_is_told_of_engines_that_are_compiled(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    first_step: float | None,
    compiler: str | None,
    shown: str,
) -> None:
    """An epoch of 10 s has 703 steps of 14 ms."""
    monkeypatch.setitem(registry.ENGINES, HALF.name, replace_row(HALF, compiler=compiler))
    half = timed_run(HALF.name, 10.0, precision="float16", first_step=first_step)
    made = table_of(saved(tmp_path, (ANNA, [timed_run("torch", 10.0), half])))
    by_head = dict(zip([column.name for column in made.columns], made.rows[0], strict=True))
    if shown.endswith(" s"):
        assert by_head["Compilation"] == shown
        assert "Compilation is by how much a process's first step takes longer" in captions(made)
    else:
        assert "Compilation" not in by_head
        assert shown in captions(made)


def test_the_frame_of_runs_has_the_seconds_of_compilation(tmp_path: Path) -> None:
    half = timed_run(HALF.name, 10.0, precision="float16", first_step=40.0)
    runs = saved(tmp_path, (ANNA, [timed_run("torch", 10.0), half])).frames.runs
    seconds = dict(zip(runs["engine"], runs["compile_seconds"], strict=True))
    steps = 44_992 // 64
    assert seconds[HALF.name] == pytest.approx(40.0 - 10.0 / steps)
    assert seconds["torch"] != seconds["torch"], "not recorded"


def test_with_one_seed_a_difference_in_accuracy_cannot_be_told(tmp_path: Path) -> None:
    runs = in_turn(("torch", 10.0, "float32"), (HALF.name, 5.0, "float16"))
    made = table_of(saved(tmp_path, (ANNA, runs)))
    assert "Accuracy, points" not in [column.name for column in made.columns]
    assert "The difference in test accuracy cannot be told: that takes three seeds" in captions(made)


def of_seeds(engine: str, right: int, **given: Any) -> list[dict[str, Any]]:
    """Three runs of the whole protocol, each of another seed, with about so many of 1,000 right."""
    losses = [*FALLING, *[FALLING[-1] + 0.01] * 5]
    runs = []
    for seed in range(3):
        run = timed_run(
            engine,
            10.0,
            plan=WHOLE,
            jitter=[1.0] * len(losses),
            seed=seed,
            rights=[right + seed] * 10,
            **given,
        )
        for epoch, loss in zip(run["epochs"], losses, strict=True):
            epoch["validation_loss"] = loss
        run["result"] |= {"best_epoch": 15, "converged_at": 15, "stopped": "patience"}
        runs.append(run)
    return runs


@pytest.mark.parametrize(("right", "ending"), [(742, ""), (642, ", decided")])
def test_with_three_seeds_of_the_whole_protocol_it_has_its_error(
    tmp_path: Path, right: int, ending: str
) -> None:
    runs = [*of_seeds("torch", 740), *of_seeds(HALF.name, right, precision="float16")]
    given = saved(tmp_path, (ANNA, runs))
    assert given.says_accuracy
    [row] = frame_of(given).itertuples()
    assert row.accuracy_lead == pytest.approx((right - 740) / 1000)
    half = (row.accuracy_high - row.accuracy_low) / 2
    sign = "+" if right > 740 else "\N{MINUS SIGN}"
    told = f"{sign}{abs(right - 740) / 10:.1f} ± {100 * half:.1f}{ending}"
    assert [cell["Accuracy, points"] for cell in cells(given)] == [told]
    assert ("None of these differences is decided." in captions(table_of(given))) is (ending == "")


def test_a_reference_that_is_not_in_float32_is_named_with_its_precision(tmp_path: Path) -> None:
    runs = in_turn(("torch", 10.0, "TF32"), (HALF.name, 5.0, "float16"))
    assert [row["Beside"] for row in cells(saved(tmp_path, (ANNA, runs)))] == ["PyTorch, TF32"]


def test_the_finding_is_about_engines_in_float32(tmp_path: Path) -> None:
    """The fastest of all is in float16, and in another sentence."""
    sides: tuple[Side, ...] = (
        ("torch", 10.0, "float32"),
        (HALF.name, 5.0, "float16"),
        (LOOM.name, 20.0, "float32"),
    )
    given = saved(tmp_path, (ANNA, in_turn(*sides)))
    sentence = finding(given)
    assert sentence is not None
    assert sentence.text == "PyTorch trains 2.00 times as fast as Loom in scratch (in float32)"


def test_the_finding_is_of_no_pair_with_a_lower_precision(tmp_path: Path) -> None:
    """Where no two engines in float32 met there is none, and the picture has this table's title."""
    half: tuple[Side, ...] = (("torch", 10.0, "float32"), (HALF.name, 5.0, "float16"))
    alone = saved(tmp_path / "alone", (ANNA, in_turn(*half)))
    assert finding(alone) is None
    drawn = picture(alone)
    assert drawn is not None
    assert drawn.title == "PyTorch half trains 2.00 times as fast as PyTorch"
    others = [(replace(ANNA, name=name), in_turn(*half)) for name in ("bob", "cleo")]
    anna = (ANNA, in_turn(*half, ("tensorflow", 20.0, "float32")))
    sentence = finding(saved(tmp_path / "three", anna, *others))
    assert sentence is not None
    assert sentence.text == "PyTorch trains 2.00 times as fast as TensorFlow in scratch (in float32)"
