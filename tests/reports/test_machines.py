"""Which computers the report tells apart: by their GPUs' names, and by the builds of their systems."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from msgspec.structs import replace

from bench.records.types import Machine
from reports.__main__ import main
from reports.chapters import method
from reports.data.frame import Frames, frames
from reports.data.machines import MOST_LETTERS, labels
from reports.data.sources import Sources, gather
from reports.study import compare
from reports.write.document import Table
from tests.support.report_files import ANNA, BOB, content_of, epochs_of, run_of, write

BIG, SMALL = "NVIDIA GeForce RTX 4090", "NVIDIA GeForce RTX 3060"
OLD, NEW = replace(ANNA, os_build="24G90"), replace(ANNA, os_build="25B78", os="macOS 26.1")
Run = dict[str, Any]


def on(gpu: str, engine: str = "torch", *, day: int = 20, device: str = "cuda", seed: int = 0) -> Run:
    """A run of `scratch` on a GPU that its engine calls so."""
    return run_of(
        "scratch",
        engine,
        epochs_of([9.0, *[5.0] * 4]),
        device=device,
        seed=seed,
        started_at=f"2026-11-{day}T09:00:00+00:00",
        start={"device_name": gpu},
    )


def files(folder: Path, *contents: tuple[Machine, Sequence[Run]]) -> Sources:
    """A file for each machine and its runs."""
    for number, (machine, runs) in enumerate(contents):
        write(folder, f"{number:03}.json", content_of(machine, runs))
    return gather([str(folder)])


def of_anna(folder: Path, *contents: Sequence[Run]) -> Frames:
    """The frames of a file of anna's for each of the lists of runs."""
    return frames(files(folder, *((ANNA, runs) for runs in contents)))


def by_machine(made: Frames, *columns: str) -> dict[str, list[Any]]:
    """Machine -> these columns of its runs, in order."""
    return {
        str(machine): sorted(runs[list(columns)].itertuples(index=False, name=None))
        for machine, runs in made.runs.groupby("machine", sort=False)
    }


def told(study: compare.Study) -> str:
    """What the report says of the machines."""
    section = method.chapter(study)
    assert section is not None
    [machines] = [
        block for block in section.blocks if isinstance(block, Table) and block.key == "computers"
    ]
    return " ".join(sentence.text for sentence in machines.caption)


def test_two_gpus_under_one_name_are_two_machines(tmp_path: Path) -> None:
    made = of_anna(tmp_path, [on(SMALL, day=22)], [on(BIG, day=20)], [on(BIG, day=24, seed=1)])
    assert by_machine(made, "device_name") == {"anna": [(BIG,), (BIG,)], "anna (2)": [(SMALL,)]}
    assert list(made.machines["device_names"]) == [(BIG,), (SMALL,)]
    study = compare.study(made)
    assert {key[0]: len(sample.runs) for key, sample in study.samples.items()} == {
        "anna": 2,
        "anna (2)": 1,
    }
    assert (
        f"anna with {BIG} and anna (2) with {SMALL} have one name and the same parts: their engines'"
        " names for the GPU tell them apart." in told(study)
    )


def test_a_reading_that_failed_or_was_rounded_parts_no_computer(tmp_path: Path) -> None:
    """`system_profiler` took too long once, and Linux counts its memory anew with every kernel."""
    unread, less = replace(OLD, gpu_cores=None), replace(OLD, memory_bytes=OLD.memory_bytes - 53_248)
    no_driver = replace(OLD, gpu=None, gpu_cores=None, memory_bytes=OLD.memory_bytes - 2**30)
    unnamed = replace(OLD, model="To Be Filled By O.E.M.", virtual=None)
    contents = [
        (machine, [on(SMALL, day=20 + day, seed=day)])
        for day, machine in enumerate((OLD, unread, less, no_driver, unnamed))
    ]
    made = frames(files(tmp_path, *contents))
    assert list(made.machines["machine"]) == ["anna"]
    half = replace(OLD, memory_bytes=OLD.memory_bytes // 2)
    made = frames(files(tmp_path / "half", *contents, (half, [on(SMALL, day=25, seed=9)])))
    # The memory tells which of them the unread one was.
    assert sorted(made.machines["machine"]) == ["anna", "anna (2)"]


def test_two_gpus_and_two_builds_are_told_apart_together(tmp_path: Path) -> None:
    """The newer build had no run but the CPU's, which names no GPU."""
    on_cpu = on("CPU", device="cpu", day=22)
    contents = [(NEW, [on_cpu]), (OLD, [on(SMALL, day=20)]), (OLD, [on(BIG, day=21)])]
    made = frames(files(tmp_path, *contents))
    assert by_machine(made, "device_name") == {
        "anna (24G90)": [(SMALL,)],
        "anna (2)": [(BIG,)],
        "anna (25B78)": [("CPU",)],
    }
    sentences = told(compare.study(made))
    assert f"anna with {SMALL} and anna (2) with {BIG} have one name" in sentences
    assert "anna (24G90 and 25B78) has runs under several builds" in sentences


def test_a_file_of_two_gpus_is_two_machines(tmp_path: Path) -> None:
    """As after a resume in which the card had been changed."""
    made = of_anna(tmp_path, [on(BIG), on(SMALL, day=21, seed=1), on(BIG, day=22, seed=2)])
    assert by_machine(made, "device_name", "seed") == {
        "anna": [(BIG, 0), (BIG, 2)],
        "anna (2)": [(SMALL, 1)],
    }


@pytest.mark.parametrize("together", [True, False], ids=["one file", "two files"])
def test_a_gpu_with_a_name_from_each_framework_is_one_machine(tmp_path: Path, together: bool) -> None:
    """torch says what the chip is called, and TensorFlow what its plug-in calls it."""
    torch = on("Apple M1 Pro", device="mps")
    tensorflow = on("METAL", "tensorflow", device="mps")
    contents = [[torch, tensorflow]] if together else [[torch], [tensorflow]]
    made = of_anna(tmp_path, *contents)
    assert list(made.machines["machine"]) == ["anna"]
    assert len(compare.study(made).engines) == 1
    assert "tell them apart" not in told(compare.study(made))


def test_files_of_one_framework_each_go_by_the_name_that_both_have(tmp_path: Path) -> None:
    """On CUDA each framework has a clone of its own, and all of them give a card one name."""
    contents = [[on(gpu, engine)] for gpu in (BIG, SMALL) for engine in ("torch", "tensorflow")]
    made = of_anna(tmp_path, *contents)
    assert sorted(by_machine(made, "engine", "device_name").values()) == [
        [("tensorflow", SMALL), ("torch", SMALL)],
        [("tensorflow", BIG), ("torch", BIG)],
    ]


def test_a_file_that_may_be_of_either_gpu_is_of_neither(tmp_path: Path) -> None:
    """Both GPUs are METAL to TensorFlow, so its file alone does not say which it was."""
    both = [
        [on(gpu, device="mps"), on("METAL", "tensorflow", device="mps", seed=seed)]
        for seed, gpu in enumerate(("M1", "M2"))
    ]
    alone = [on("METAL", "tensorflow", device="mps", day=25, seed=2)]
    made = of_anna(tmp_path, *both, alone)
    assert by_machine(made, "device_name", "seed") == {
        "anna": [("M1", 0), ("METAL", 0)],
        "anna (2)": [("M2", 0), ("METAL", 1)],
        "anna (3)": [("METAL", 2)],
    }


def test_runs_without_a_gpu_go_with_the_first_machine(tmp_path: Path) -> None:
    """A file of the CPU alone, and a run that never began, part no computer."""
    begun = on(SMALL, day=24)
    never = run_of("scratch", "torch", (), device="cuda", failure="no memory", seed=3)
    never |= {"start": None, "gate": None}
    contents = [[on(BIG)], [begun], [on("CPU", device="cpu", day=26)], [never]]
    made = of_anna(tmp_path, *contents)
    machines = dict(zip(made.runs["cell"] + " " + made.runs["file"], made.runs["machine"], strict=True))
    assert list(made.machines["machine"]) == ["anna", "anna (2)"]
    assert {cell.split()[0] for cell, machine in machines.items() if machine == "anna (2)"} == {
        "scratch-torch-cuda-s0"
    }


def test_the_builds_of_a_system_are_told_apart(tmp_path: Path) -> None:
    runs = [on("Apple M1 Pro", device="mps", day=day) for day in (20, 21, 22)]
    made = frames(files(tmp_path, (NEW, [runs[2]]), (OLD, [runs[0]]), (BOB, [runs[1]])))
    assert list(made.machines["machine"]) == ["anna (24G90)", "bob", "anna (25B78)"]
    assert list(made.machines["computer"]) == ["anna", "bob", "anna"]
    assert list(made.machines["os_builds"]) == [("24G90",), ("24G90",), ("25B78",)]
    study = compare.study(made, "anna (24G90)")
    assert list(study.machines["machine"]) == ["bob", "anna (25B78)"]
    assert (
        "anna (24G90 and 25B78) has runs under several builds of its system: the same computer is a"
        " machine of this report for each build (--pool-os-builds makes them one)." in told(study)
    )
    assert "pooled" not in told(study)


def test_the_builds_of_a_system_are_pooled_if_that_is_asked_for(tmp_path: Path) -> None:
    runs = [on("Apple M1 Pro", device="mps", day=day) for day in (20, 22)]
    made = frames(files(tmp_path, (NEW, [runs[1]]), (OLD, [runs[0]])), pool_os_builds=True)
    assert list(made.machines["machine"]) == ["anna"]
    assert list(made.machines["os_builds"]) == [("24G90", "25B78")]
    assert list(made.machines["os_build"]) == ["25B78"]
    study = compare.study(made)
    assert [len(sample.runs) for sample in study.samples.values()] == [2]
    assert (
        "anna (24G90 and 25B78) has runs under several builds of its system, and they are pooled."
        in told(study)
    )
    assert "for each build" not in told(study)


def test_of_one_build_nothing_is_said(tmp_path: Path) -> None:
    runs = [on("Apple M1 Pro", device="mps", day=day) for day in (20, 22)]
    study = compare.study(frames(files(tmp_path, (NEW, [runs[1]]), (NEW, [runs[0]]))))
    assert list(study.frames.machines["machine"]) == ["anna"]
    assert "builds" not in told(study)


def test_a_build_that_no_file_names_is_a_build(tmp_path: Path) -> None:
    unknown = replace(ANNA, os_build=None)
    made = frames(files(tmp_path, (OLD, [on("M1")]), (unknown, [on("M1", day=21)])))
    assert list(made.machines["machine"]) == ["anna (24G90)", "anna (build not known)"]


def names_of(machines: Sequence[Machine], folder: Path) -> list[str]:
    """The labels of machines, the last two of them measured later than the others."""
    later = len(machines) - 2
    contents = [
        (machine, [on("M1", seed=place, day=20 + (place >= later))])
        for place, machine in enumerate(machines)
    ]
    return list(frames(files(folder, *contents)).machines["machine"])


def test_labels_are_short_and_no_two_are_alike(tmp_path: Path) -> None:
    """The name is cut and not the build, and what somebody called a computer may be a label already."""
    long = "the MacBook Pro in the corner by the window of room 12"
    kernel = "5.15.153.1-microsoft-standard-WSL2-of-somebody-"
    builds = ("24G90", "25B78", f"{kernel}1", f"{kernel}2", "", None)
    machines = [
        replace(machine, name=name, os_build=build)
        for machine in (ANNA, BOB)
        for name in (long, "anna", "")
        for build in builds
    ]
    machines += [replace(ANNA, name="anna (24G90)"), replace(ANNA, name="anna (2) (24G90)")]
    found = names_of(machines, tmp_path)
    assert len(set(found)) == len(found) == len(machines)
    assert max(map(len, found)) <= MOST_LETTERS
    assert found[-2:] == ["anna (2) (24G90) (2)", "anna (24G90) (2)"]
    assert {"anna (24G90)", "anna (2) (24G90)", "unnamed (build not known)"} <= set(found)
    assert "the MacBook Pro in the corner b… (25B78)" in found
    assert "the MacBook Pro in the corn… (2) (25B78)" in found


def test_the_order_of_the_files_does_not_matter(tmp_path: Path) -> None:
    """Nor does that of their runs: computers, numbers and rows are the same."""
    contents: list[tuple[Machine, list[Run]]] = [
        (NEW, [on(BIG), on("METAL", "tensorflow")]),
        (OLD, [on(SMALL), on("METAL", "tensorflow", seed=1)]),
        (NEW, [on(BIG, seed=2)]),
        (OLD, [on("METAL", "tensorflow", seed=3)]),
        (OLD, [on("CPU", device="cpu", seed=4)]),
        (BOB, [on(BIG, seed=5), on(SMALL, seed=6)]),
        (replace(OLD, packages={"torch": "2.13.0"}), [on(SMALL, seed=7)]),
    ]
    runs = files(tmp_path, *contents).runs
    draw = random.Random(1)
    names, first = labels(runs)
    label_of = {id(run): name for run, name in zip(runs, names, strict=True)}
    assert len(first) > 4
    for _ in range(20):
        draw.shuffle(runs)
        names, table = labels(runs)
        assert names == [label_of[id(run)] for run in runs]
        pd.testing.assert_frame_equal(table, first)


def test_two_computers_of_one_model_with_names_of_their_own_stay_two(tmp_path: Path) -> None:
    twin = replace(OLD, name="anna-2")
    made = frames(files(tmp_path, (OLD, [on("M1")]), (twin, [on("M1", day=21)])))
    assert list(made.machines["machine"]) == ["anna", "anna-2"]


def test_a_processor_with_fewer_cores_is_another_computer(tmp_path: Path) -> None:
    """An M1 Pro is sold with eight cores and with ten."""
    eight = replace(OLD, cpu_cores={"performance": 6, "efficiency": 2})
    made = frames(files(tmp_path, (OLD, [on("M1")]), (eight, [on("M1", day=21)])))
    assert list(made.machines["machine"]) == ["anna", "anna (2)"]
    renamed = replace(OLD, cpu_cores={"super": 8, "efficiency": 2})
    made = frames(files(tmp_path / "names", (OLD, [on("M1")]), (renamed, [on("M1", day=21)])))
    assert list(made.machines["machine"]) == ["anna"]


@pytest.mark.parametrize("asked", ["bobs mac", "bobs-mac", "Bobs Mac", "BOBS-MAC", "Bob\u2019s-mac"])
def test_a_baseline_is_spelt_as_machines_are_named(tmp_path: Path, asked: str) -> None:
    named = replace(BOB, name="bobs-mac")
    made = frames(files(tmp_path, (OLD, [on("M1")]), (named, [on("M1", day=21)])))
    if asked == "Bob\u2019s-mac":
        with pytest.raises(compare.NoSuchMachine, match="there are anna, bobs-mac"):
            compare.study(made, asked)
    else:
        assert compare.study(made, asked).baseline == "bobs-mac"


def test_a_baseline_is_in_any_script_and_means_one_machine(tmp_path: Path) -> None:
    han, second = replace(OLD, name="王的电脑"), replace(BOB, name="anna-2")
    contents = [
        (machine, [on("M1", day=20 + day)]) for day, machine in enumerate((OLD, BOB, han, second))
    ]
    other = replace(OLD, chip="Apple M4")
    made = frames(files(tmp_path, *contents, (other, [on("M4", day=25)])))
    assert "anna (2)" in set(made.machines["machine"])
    assert compare.study(made, "王的电脑").baseline == "王的电脑"
    assert compare.study(made, "anna (2)").baseline == "anna (2)"
    assert compare.study(made, "anna-2").baseline == "anna-2"
    with pytest.raises(compare.NoSuchMachine, match=r"^there is no machine 'Anna 2'; there are"):
        compare.study(made, "Anna 2")
    with pytest.raises(compare.NoSuchMachine):
        compare.study(made, "🚀")


def test_a_computers_name_is_no_baseline_where_its_builds_are_apart(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    files(tmp_path / "in", (OLD, [on("M1")]), (NEW, [on("M1", day=21)]), (BOB, [on("M1", day=22)]))
    given = [str(tmp_path / "in"), "--baseline", "Anna", "--csv", str(tmp_path / "out")]
    assert main(given) == 2
    sentence = " ".join(capsys.readouterr().err.split())
    assert "there is no machine 'Anna'; there are anna (24G90), anna (25B78), bob. anna has" in sentence
    assert "each build is a machine of its own: ask for one of them" in sentence
    assert "--pool-os-builds" in sentence
    assert main([*given, "--pool-os-builds"]) == 0
    assert list(pd.read_csv(tmp_path / "out" / "machines.csv")["machine"]) == ["anna", "bob"]
