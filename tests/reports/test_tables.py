from __future__ import annotations

from collections.abc import Sequence
from math import isnan, nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec import to_builtins
from msgspec.structs import replace

from alexnet import spec
from bench.records.flops import training_flops
from bench.records.types import Machine, Reads
from reports import published, typeset
from reports.document import MOST_MACHINES, Table
from reports.frame import frames
from reports.sources import gather
from reports.study.compare import Study, study
from reports.tables import (
    classes,
    comparisons,
    conditions,
    network,
    origins,
    resources,
    steadiness,
    time_to_reach,
)
from reports.tables import glance as glances
from reports.tables.systems import over_seeds
from reports.typeset import names
from reports.typeset.build import MOST_ROWS, figures, line, table, text
from tests.support.report_files import (
    ANNA,
    BOB,
    FULL,
    check_failed,
    content_of,
    epochs_of,
    run_of,
    two_machines,
    with_gpu_joules_alone,
    write,
)

STEADY = (120.0, 100.0, 101.0, 99.0, 100.0)


def study_of(folder: Path) -> Study:
    return study(frames(gather([str(folder)])))


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study_of(two_machines(tmp_path_factory.mktemp("two")))


@pytest.fixture(scope="module")
def told(two: Study) -> dict[str, Table]:
    return typeset.tables(two)


def of(
    folder: Path, *runs: dict[str, Any], machine: Machine = ANNA, skipped: Sequence[Any] = ()
) -> Study:
    write(folder, f"{machine.name}/0001.json", content_of(machine, runs, skipped))
    return study_of(folder)


def row(frame: Any, **terms: Any) -> Any:
    for name, value in terms.items():
        frame = frame[frame[name] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def cells(found: Table, column: str) -> list[str]:
    place = [each.name for each in found.columns].index(column)
    return [each[place] for each in found.rows]


def words(found: Table) -> str:
    return " ".join(sentence.text for sentence in found.caption)


def test_glance_has_the_figures_of_the_construction(two: Study) -> None:
    frame = glances.glance(two)
    # Each machine's eight systems, and five published ones.
    assert len(frame) == 2 * 8 + 5
    for machine, engine, seconds in (
        ("anna", "torch", 100.0),
        ("anna", "tensorflow", 125.0),
        ("bob", "torch", 50.0),
        ("bob", "tensorflow", 62.5),
    ):
        found = row(frame, machine=machine, experiment="scratch", engine=engine)
        assert found["seconds_per_epoch"] == pytest.approx(seconds)
        assert found["images_per_second"] == pytest.approx(44_992 / seconds)
        # Seed 0 has rights of 500, 510 … 590 in 1,000 each, and seed 1 has 520 … 610.
        assert (found["test_low"], found["test_high"]) == pytest.approx((0.545, 0.565))
        assert found["test_accuracy"] == pytest.approx(0.555)
        assert (found["seeds"], found["valid_runs"], found["all_runs"]) == (2, 2, 2)
        assert found["parameters"] == 58_322_314
        # Patience of one epoch ended both runs after their best epoch, the seventh of eight.
        assert (found["epochs"], found["converged_at"], found["converged_runs"]) == (8, 7, 2)
        assert found["grown_host_bytes"] == pytest.approx(2_007_000_000 - 500_000_000)
        assert found["joules_per_epoch"] == pytest.approx(30 * seconds)
        assert found["joules_per_image"] == pytest.approx(30 * seconds / 44_992)
        assert found["validation_accuracy"] == pytest.approx(0.56)
    anna = row(frame, machine="anna", experiment="scratch", engine="torch")
    # 8 epochs whose multiples sum to 8.21, a second of scoring each, and 30 s besides.
    assert anna["total_seconds"] == pytest.approx(821 + 8 + 30)
    assert anna["runs"] == ("R1", "R2")


def test_what_was_not_run_or_does_not_count_is_a_row_with_its_state(two: Study, tmp_path: Path) -> None:
    frame = glances.glance(two)
    anna = row(frame, machine="anna", experiment="pretrained", engine="tensorflow")
    bob = row(frame, machine="bob", experiment="pretrained", engine="tensorflow")
    assert (anna["state"], bob["state"]) == ("failed", "invalid")
    assert isnan(anna["seconds_per_epoch"])
    assert isnan(bob["test_accuracy"])
    one = glances.glance(of(tmp_path, run_of("scratch", "torch", epochs_of(STEADY))))
    assert list(one[one["kind"] == ""]["state"]) == ["valid"] + 7 * ["not run"]


def test_published_figures_are_those_of_the_original() -> None:
    typed = {
        ("mistaken", "tensorflow", "parameters"): 202_839_952,
        ("mistaken", "tensorflow", "parameter_mebibytes"): 773.77,
        ("mistaken", "tensorflow", "seconds_per_epoch"): 8 * 60,
        ("mistaken", "tensorflow", "total_seconds"): 4 * 3600,
        ("mistaken", "tensorflow", "train_accuracy"): 0.9745,
        ("mistaken", "tensorflow", "train_loss"): 0.0782,
        ("mistaken", "tensorflow", "validation_accuracy"): 0.7045,
        ("mistaken", "tensorflow", "validation_loss"): 1.8938,
        ("mistaken", "tensorflow", "loss_rises_from_epoch"): 8,
        ("mistaken", "tensorflow", "test_accuracy"): 0.9738,
        ("mistaken", "tensorflow", "test_loss"): 0.0753,
        ("augmented", "tensorflow", "seconds_per_epoch"): 2 * 60,
        ("augmented", "tensorflow", "accuracy"): 0.80,
        ("scratch", "torch", "total_seconds"): 65 * 60,
        ("scratch", "torch", "test_accuracy"): 0.74,
        ("pretrained", "torch", "total_seconds"): 90 * 60,
        ("pretrained", "torch", "test_accuracy"): 0.9177,
    }
    found = {(each.experiment, each.engine, each.what): each.value for each in published.FIGURES}
    assert isnan(found.pop(("pretrained", "tensorflow", "words")))
    assert found == typed
    assert sum(published.KERAS_LAYERS) == 58_322_314
    assert published.KERAS_CONV1 == (96, 56, 56)
    assert published.PER_CLASS["scratch"] == (
        83.93,
        80.0,
        68.35,
        54.79,
        78.18,
        64.41,
        82.14,
        68.75,
        81.03,
        78.21,
    )
    pretrained = published.PER_CLASS["pretrained"]
    assert pretrained[:7] == (96.43, 100.0, 91.14, 76.71, 96.36, 88.14, 94.64)
    assert isnan(pretrained[7])
    assert pretrained[8:] == (100.0, 93.59)
    with pytest.raises(KeyError, match="nothing was published of scratch in tensorflow"):
        published.figure("scratch", "tensorflow", "test_accuracy")


def test_published_rows_stand_beside_ours_and_are_marked(two: Study, told: dict[str, Table]) -> None:
    frame = glances.glance(two)
    mistaken = row(frame, kind="published", experiment="mistaken")
    assert mistaken["machine"] == "published, M1 Pro, 224 px"
    assert mistaken["parameters"] == 202_839_952
    assert (mistaken["seconds_per_epoch"], mistaken["validation_accuracy"]) == (480, 0.7045)
    found = told["glance"]
    shown = [each for place, each in enumerate(found.rows) if found.kind(place) == "published"]
    assert len(shown) == 5
    assert "about 480" in shown[1]
    assert "over 4 h of 20 epochs" in shown[1]
    assert "65 min of 20 epochs" in shown[0]
    assert "90 min (of how many epochs is not said)" in shown[3]
    totals = [cell for cell, kind in zip(cells(found, "In total"), found.kinds, strict=True) if not kind]
    assert "14.3 min of 8 epochs" in totals
    assert "test figure doubtful" in shown[1]
    assert "“not so great”, no figure" in shown[4]


def test_frameworks_has_both_sides_and_their_conditions(two: Study, told: dict[str, Table]) -> None:
    frame = comparisons.engines(two)
    found = row(frame, machine="anna", setting="A", experiment="mistaken")
    assert found["first_seconds_per_epoch"] == pytest.approx(300)
    assert found["second_seconds_per_epoch"] == pytest.approx(375)
    assert found["ratio"] == pytest.approx(1.25)
    assert found["conditions"] == ("on battery",)
    assert row(frame, machine="bob", setting="A", experiment="scratch")["conditions"] == ()
    verdicts = cells(told["frameworks"], "Verdict")
    assert verdicts == 6 * ["PyTorch 25 % faster"] + ["too few epochs"]
    assert cells(told["frameworks"], "Interval")[-1] == "–"
    assert "different settings are not to be compared" in words(told["frameworks"])


def test_a_lead_is_said_from_the_faster_side() -> None:
    def said(ratio: float, verdict: str) -> str:
        row = SimpleNamespace(ratio=ratio, verdict=verdict, comparisons=12)
        return names.lead(row, "PyTorch", "TensorFlow")

    assert said(1 / 1.09, "slower") == "TensorFlow 9 % faster"
    assert said(2.5, "faster") == "PyTorch 2.50 times as fast as TensorFlow"
    assert said(0.25, "slower") == "TensorFlow 4.00 times as fast as PyTorch"
    assert said(1.09, "ahead") == "PyTorch ahead, not decided"
    assert said(1 / 1.09, "behind") == "TensorFlow ahead, not decided"
    assert said(1.01, "level") == "level within 2 %, not decided"
    assert said(1.09, "not decided among many") == "not decided among 12 comparisons"
    assert said(1.0, "same") == "same within 2 %"
    assert said(1.0, "not decided") == "not decided"


def test_machines_against_the_baseline(two: Study, told: dict[str, Table]) -> None:
    assert set(cells(told["machines"], "Verdict")) == {"bob 2.00 times as fast as anna"}
    assert cells(told["means"], "Machine") == ["bob", "anna"]
    assert cells(told["means"], "Ratio") == ["2.00", "1.00"]
    assert cells(told["means"], "Systems in common") == ["7", "–"]
    assert told["means"].kinds == ("", "baseline")
    assert "anna" in words(told["machines"])
    said = list(comparisons.differences(two)["difference"])
    assert "GPU cores: 40 on bob, 16 on anna" in said
    assert "system: macOS 26.1 on bob, macOS 15.6.1 on anna" in said
    assert not any("name" in sentence for sentence in said)


def test_one_machine_is_compared_with_none(tmp_path: Path) -> None:
    found = typeset.tables(of(tmp_path, run_of("scratch", "torch", epochs_of(STEADY))))
    assert not {"machines", "means", "differences", "frameworks", "others", "apart"} & set(found)
    assert "All on anna." in words(found["glance"])
    assert "Machine" not in [column.name for column in found["glance"].columns]


def test_the_changes_add_up_to_the_mistaken_network(two: Study, told: dict[str, Table]) -> None:
    frame = network.changes()
    assert list(frame["extra_parameters"]) == [0, 0, 4_066_040, 139_460_608, 990_990]
    assert 58_322_314 + sum(frame["extra_parameters"]) == 202_839_952
    assert frame["parameters"].iloc[-1] == 202_839_952
    layers = network.layers(two)
    for variant, total in (("standard", 58_322_314), ("mistaken", 202_839_952)):
        own = layers[layers["variant"] == variant]
        assert own["parameters"].sum() == total
        assert own["share"].sum() == pytest.approx(1)
    assert told["layers"].rows[-1][-2] == "202,839,952"
    # The quick runs trained 64 px, where the standard network is smaller.
    assert "standard 21,622,154 at 64 px" in words(told["changes"])
    sizes = network.networks(two)
    assert row(sizes, variant="standard", image_size=224)["runs"] == 12
    assert row(sizes, variant="extra-dense", image_size=224)["runs"] == 0


def test_memory_and_energy(two: Study, told: dict[str, Table]) -> None:
    frame = resources.resources(two)
    anna = row(frame, machine="anna", experiment="scratch", engine="torch")
    assert anna["joules_to_best_epoch"] == pytest.approx(7 * 3_000)
    assert anna["baseline_host_bytes"] == 500_000_000
    mistaken = row(frame, machine="anna", experiment="mistaken", engine="torch")
    assert isnan(mistaken["joules_per_epoch"])
    assert "–" in cells(told["resources"], "J/epoch")
    assert "3,000" in cells(told["resources"], "J/epoch")
    assert not any("GPU alone" in column.name for column in told["resources"].columns)
    assert isnan(anna["gpu_joules_per_epoch"])  # it has the whole


def test_a_gpus_own_joules_have_a_column_where_the_processors_were_not_counted(tmp_path: Path) -> None:
    alone = {"energy": Reads(kind="counters", detail="gpu")}
    whole = {"energy": Reads(kind="counters", detail="cpu package-0, gpu")}
    epochs = with_gpu_joules_alone(epochs_of(STEADY), 7_650.0)
    on_cuda = run_of("scratch", "torch", epochs, device="cuda", start={"meters": alone})
    found = typeset.tables(of(tmp_path / "one", on_cuda))
    told = found["resources"]
    assert cells(told, "GPU alone, J/epoch") == ["7,650"]
    assert not any(column.name.startswith("J/") for column in told.columns)
    assert "Energy was not measured: the GPU's was counted, the processor's was not." in words(told)
    assert "GPU alone is the GPU's own counter" in words(told)
    counted = run_of(
        "mistaken", "torch", epochs_of(STEADY, joules=4_000), device="cuda", start={"meters": whole}
    )
    told = typeset.tables(of(tmp_path / "two", on_cuda, counted))["resources"]
    assert cells(told, "GPU alone, J/epoch") == ["7,650", "–"]
    assert cells(told, "J/epoch") == ["–", "4,000"]


def test_a_column_that_nobody_measured_is_left_out_and_said(tmp_path: Path) -> None:
    found = typeset.tables(of(tmp_path, run_of("scratch", "torch", epochs_of(STEADY))))
    for key in ("glance", "resources"):
        assert not any("J/" in column.name for column in found[key].columns)
        assert "Energy was not measured: neither RAPL nor NVML counts energy here." in words(found[key])
    assert not any("Device's" in column.name for column in found["resources"].columns)


def test_classes_and_confusions(two: Study) -> None:
    frame = classes.per_class(two)
    plane = row(frame, machine="anna", experiment="scratch", engine="torch", **{"class": "airplane"})
    assert plane["accuracy"] == pytest.approx((0.50 + 0.52) / 2)
    assert (plane["images"], plane["seeds"]) == (1_000, 2)
    found = row(classes.extremes(two), machine="bob", experiment="pretrained", engine="torch")
    assert (found["worst"], found["best"]) == ("airplane", "truck")
    assert (found["worst_accuracy"], found["best_accuracy"]) == (0.9, 0.909)
    confused = classes.confusions(two)
    own = confused[(confused["machine"] == "anna") & (confused["experiment"] == "scratch")]
    first = own[own["engine"] == "torch"].iloc[0]
    # 500 wrong planes with seed 0 and 480 with seed 1, of 1,000 each, all taken for cars.
    assert (first["class"], first["answer"], first["images"], first["of"]) == (
        "airplane",
        "automobile",
        980,
        2_000,
    )
    assert first["share"] == pytest.approx(0.49)
    assert len(own[own["engine"] == "torch"]) == 5


def test_time_to_reach_counts_training_alone(two: Study, told: dict[str, Table]) -> None:
    frame = time_to_reach.time_to_reach(two)
    anna = {"machine": "anna", "engine": "torch"}
    half = row(frame, **anna, experiment="mistaken", level=0.50)
    assert (half["seconds"], half["epoch"]) == (pytest.approx(3 * 220), 2)
    sixty = row(frame, **anna, experiment="mistaken", level=0.60)
    assert (sixty["seconds"], sixty["epoch"]) == (pytest.approx(3 * 321), 3)
    never = row(frame, **anna, experiment="mistaken", level=0.70)
    assert isnan(never["seconds"])
    assert (never["reached"], never["of"]) == (0, 1)
    scratch = row(frame, **anna, experiment="scratch", level=0.50)
    assert (scratch["reached"], scratch["of"], scratch["seconds"]) == (2, 2, pytest.approx(220))
    assert "No run reached 90 %." in words(told["time_to_reach"])


def test_how_many_of_the_runs_got_there(tmp_path: Path) -> None:
    fast = run_of("scratch", "torch", epochs_of(STEADY, validation=[0.4, 0.61, 0.7, 0.7, 0.7]))
    slow = run_of("scratch", "torch", epochs_of(STEADY, validation=[0.4, 0.5, 0.5, 0.5, 0.5]), seed=1)
    found = of(tmp_path, fast, slow)
    sixty = row(time_to_reach.time_to_reach(found), level=0.60)
    assert (sixty["reached"], sixty["of"], sixty["seconds"]) == (1, 2, pytest.approx(321))
    assert cells(typeset.tables(found)["time_to_reach"], "60 %") == ["5.3 min (3; 1 of 2 runs)"]


def test_steadiness_and_gates(two: Study) -> None:
    found = row(steadiness.steadiness(two), machine="anna", experiment="mistaken", engine="torch")
    early = (44_992 / 300 + 44_992 / 303) / 2
    assert found["early_images_per_second"] == pytest.approx(early)
    assert (found["disturbed_epochs"], found["steady_epochs"]) == (0, 7 * len(found["runs"]))
    achieved = 44_992 / 300 * training_flops(spec.network("mistaken"))
    assert found["roofline_flops_per_second"] == pytest.approx(achieved / 0.8)
    gate = row(conditions.gates(two), run="R1")
    assert (gate["checks"], gate["passed"], gate["worst_check"]) == (1, 1, "logits")
    assert gate["worst_share"] == pytest.approx(1.5e-6 / 2.4e-5)


def test_what_does_not_count_is_told_with_its_reason(two: Study, told: dict[str, Table]) -> None:
    assert list(origins.apart(two)["run"]) == ["R10", "R22"]
    assert cells(told["apart"], "Reason") == [
        "its worker was killed by signal 9",
        "logits: 0.3 where 2.4e-05 at most is allowed (the compiled logits on cpu, against the CPU in"
        " float64)",
    ]
    assert cells(told["others"], "Setting") == ["B", "B"]
    assert cells(told["runs"], "Run") == [f"R{number}" for number in range(1, 23)]
    assert all(len(value) == 12 for value in cells(told["runs"], "sha256"))
    assert all(len(value) == 64 for value in cells(told["sources"], "sha256"))
    glance = told["glance"]
    lost = [
        glance.kind(place) for place, cell in enumerate(cells(glance, "Runs, remarks")) if ": R" in cell
    ]
    assert lost == ["failed", "invalid"]


def test_the_keys_stand_in_the_order_of_reading(told: dict[str, Table]) -> None:
    assert list(told) == [
        "glance",
        "frameworks",
        "machines",
        "means",
        "differences",
        "time_to_reach",
        "steadiness",
        "resources",
        "classes",
        "class_extremes",
        "confusions",
        "networks",
        "layers",
        "changes",
        "computers",
        "conditions",
        "gates",
        "audit",
        "settings",
        "recipes",
        "others",
        "apart",
        "runs",
        "sources",
    ]
    assert all(key == found.key for key, found in told.items())


def well_formed(found: dict[str, Table]) -> None:
    for each in found.values():
        assert each.rows
        assert len(each.rows) <= MOST_ROWS
        assert all(len(cells) == len(each.columns) for cells in each.rows)
        assert not each.kinds or len(each.kinds) == len(each.rows)
        assert all(isinstance(cell, str) for cells in each.rows for cell in cells)
        assert not any(cell in ("nan", "None", "<NA>") for cells in each.rows for cell in cells)
        assert each.caption
        assert all(sentence.text.endswith(".") for sentence in each.caption)


def test_every_table_of_two_machines_is_well_formed(told: dict[str, Table]) -> None:
    well_formed(told)


def test_no_valid_run_leaves_nothing_to_compare(tmp_path: Path) -> None:
    found = typeset.tables(
        of(
            tmp_path,
            run_of("scratch", "torch", epochs_of(STEADY), failure="killed"),
            run_of("scratch", "tensorflow", epochs_of(STEADY), reasons=[check_failed()]),
        )
    )
    well_formed(found)
    assert not {"frameworks", "time_to_reach", "steadiness", "resources", "classes"} & set(found)
    assert "No run is valid" in words(found["glance"])
    assert len(found["apart"].rows) == 2


def test_where_no_run_is_valid_nothing_is_said_of_what_the_runs_were(tmp_path: Path) -> None:
    """They are the whole protocol at the original's own size; they failed, and that is all."""
    failed = [
        run_of("scratch", name, epochs_of(STEADY), failure="killed") for name in ("torch", "tensorflow")
    ]
    caption = words(typeset.tables(of(tmp_path, *failed))["glance"])
    assert "No run is valid" in caption
    assert "nothing of them was measured here" in caption
    assert names.NO_CLAIM not in caption
    assert "of another setting" not in caption


def test_a_run_that_never_began(tmp_path: Path) -> None:
    run = run_of("scratch", "torch", epochs_of(STEADY), failure="it did not start")
    run |= {"start": None, "epochs": [], "gate": None, "before": None, "after": None}
    found = typeset.tables(of(tmp_path, run))
    well_formed(found)
    assert "Not known: Started." in words(found["runs"])


def test_one_epoch_has_no_verdict(tmp_path: Path) -> None:
    runs = [run_of("scratch", name, epochs_of([100.0])) for name in ("torch", "tensorflow")]
    found = typeset.tables(of(tmp_path, *runs))
    well_formed(found)
    assert cells(found["frameworks"], "Verdict") == ["too few epochs"]


def test_the_mistaken_network_has_none_of_the_ten_as_an_answer(tmp_path: Path) -> None:
    run = run_of("mistaken", "torch", epochs_of(STEADY))
    run["result"]["confusion"] = [[500, *[0] * 9, 500], *run["result"]["confusion"][1:]]
    found = typeset.tables(of(tmp_path, run))
    well_formed(found)
    assert "none of the ten" in cells(found["confusions"], "Taken for")


def test_skipped_cells_and_files_that_are_left_out(tmp_path: Path) -> None:
    cell = {"experiment": "scratch", "engine": "tensorflow", "device": "mps", "seed": 0}
    skip = {"cell": cell, "plan": to_builtins(FULL), "reason": "TensorFlow is not installed"}
    (tmp_path / "broken.json").write_text("{", encoding="utf-8")
    found = typeset.tables(of(tmp_path, run_of("scratch", "torch", epochs_of(STEADY)), skipped=[skip]))
    assert cells(found["skipped"], "Reason") == ["TensorFlow is not installed"]
    assert len(found["left_out"].rows) == 1


def test_hostile_texts_stay_the_texts_that_they_are(tmp_path: Path) -> None:
    hostile = '<script>{x}</script> | # {{7*7}} *b* $x$ "q"'
    machine = replace(ANNA, name=hostile, chip=hostile, os=hostile, packages={"torch": hostile})
    write(
        tmp_path,
        "a/1.json",
        content_of(
            machine,
            [
                run_of("scratch", "torch", epochs_of(STEADY)),
                run_of("mistaken", "torch", epochs_of(STEADY), failure=hostile),
            ],
        ),
    )
    write(tmp_path, "b/1.json", content_of(BOB, [run_of("scratch", "torch", epochs_of(STEADY))]))
    found = typeset.tables(study_of(tmp_path))
    well_formed(found)
    label = hostile[:39] + "…" if len(hostile) > 40 else hostile
    assert label in cells(found["computers"], "Machine")
    assert hostile in cells(found["computers"], "Chip")
    assert cells(found["apart"], "Reason") == [hostile]


def test_many_machines_are_limited_to_what_a_page_holds(tmp_path: Path) -> None:
    for number in range(30):
        machine = replace(ANNA, name=f"m{number:02}")
        runs = [
            run_of("scratch", name, epochs_of([each + number for each in STEADY]))
            for name in ("torch", "tensorflow")
        ]
        write(tmp_path, f"m{number:02}/1.json", content_of(machine, runs))
    many = study_of(tmp_path)
    found = typeset.tables(many)
    well_formed(found)
    assert (len(found["computers"].rows), found["computers"].left_out) == (12, 18)
    assert (len(found["means"].rows), found["means"].left_out) == (30, 0)
    assert (len(found["steadiness"].rows), found["steadiness"].left_out) == (24, 36)
    assert found["glance"].left_out == 30 * 8 - 6 * 8
    assert (len(found["runs"].rows), found["runs"].left_out) == (60, 0)
    assert len(set(cells(found["resources"], "Machine"))) == MOST_MACHINES
    assert len(glances.glance(many)) == 30 * 8 + 5


def test_runs_of_one_seed_are_averaged_before_seeds_are() -> None:
    rows = [{"seed": 0, "x": 0.5}, {"seed": 0, "x": 0.7}, {"seed": 1, "x": 0.8}, {"seed": 2, "x": nan}]
    found = over_seeds(rows, "x")
    assert (found.mean, found.low, found.high) == pytest.approx((0.7, 0.6, 0.8))
    assert found.seeds == 2
    assert over_seeds([], "x").seeds == 0


def test_columns_that_never_change_and_those_never_measured_go_into_the_caption() -> None:
    fields = [
        text("Run", ["R1", "R2"]),
        text("Machine", ["anna {value}", "anna {value}"], "All on {value}."),
        figures("A", ["–", "–"]),
        figures("B", ["–", "–"], absent=line("Nobody counts B.")),
        figures("C", ["–", "1"]),
        text("Heat", ["nominal", ""], "Heat: {value}."),
    ]
    found = table("key", "title", fields, [line("How to read it.")])["key"]
    assert [column.name for column in found.columns] == ["Run", "C", "Heat"]
    assert words(found) == ("How to read it. All on anna {value}. Nobody counts B. Not measured: A.")
    assert cells(found, "Heat") == ["nominal", "–"]
    assert table("key", "title", [text("Run", [])], [line("Nothing.")]) == {}


def test_figures_read_as_they_should() -> None:
    assert names.significant([99.99999, 100.0, 0.0667, nan]) == ["100", "100", "0.0667", "–"]
    assert names.runs([("R1",), ("R1", "R2", "R3", "R4"), ("R1", "R2", "R3", "R4", "R5")]) == [
        "R1",
        "R1 R2 R3 R4",
        "R1 R2 R3 and 2 more",
    ]
