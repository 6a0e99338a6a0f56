"""Intervals cover what was repeated, and a verdict says no more than that."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from reports.data.frame import frames
from reports.data.sources import gather
from reports.study import compare
from reports.study.compare import NoSuchMachine, Study, study
from reports.study.ratios import (
    CLEAR,
    LEAST_EPOCHS,
    Estimate,
    RunValue,
    Sample,
    compared,
    estimate,
    holm,
    judge,
    over_machines,
)
from tests.support.report_files import (
    ANNA,
    BOB,
    FULL,
    content_of,
    epochs_of,
    run_of,
    two_machines,
    write,
)
from tests.support.report_study import study_of


def sample(*sessions: list[float], name: str = "", epochs: int = 9, begin: int = 0) -> Sample:
    """Sessions of runs with these values: A B, B A, A B, of which `begin` 0 is A and 1 is B."""
    turns = {0: (0, 3, 4, 7), 1: (1, 2, 5, 6)}
    return Sample(
        sessions={
            f"{name}{number}": tuple(
                RunValue(
                    run=f"{name}{number}-{place}",
                    value=value,
                    epochs=epochs,
                    began=f"2026-11-20T09:{turns[begin][place] if begin in turns else begin + place:02}",
                )
                for place, value in enumerate(values)
            )
            for number, values in enumerate(sessions)
        }
    )


def the_verdict(*pairs: tuple[Sample, Sample]) -> str:
    return judge([estimate(pairs)])[0].verdict


def test_runs_of_a_session_in_turn_give_welchs_interval() -> None:
    """By hand: means of logs 0.1 and 0, variances 1e-4 and 4e-4, three each, so t has 2.94 degrees."""
    first = sample([math.exp(0.1 + d) for d in (-0.01, 0.0, 0.01)])
    second = sample([math.exp(d) for d in (0.0, -0.02, 0.02)], begin=1)
    found = estimate([(first, second)])
    assert found.ratio == pytest.approx(math.exp(0.1))
    error = math.sqrt(1e-4 / 3 + 4e-4 / 3)
    freedom = (5e-4 / 3) ** 2 / ((1e-4 / 3) ** 2 / 2 + (4e-4 / 3) ** 2 / 2)
    assert freedom == pytest.approx(2.941, abs=1e-3)
    assert math.log(found.high) == pytest.approx(0.1 + 3.2190 * error, rel=1e-3)
    assert math.log(found.low) == pytest.approx(0.1 - 3.2190 * error, rel=1e-3)
    assert found.p == pytest.approx(0.0049, abs=3e-4)
    assert (found.basis, found.runs, found.sessions) == ("runs", (3, 3), (1, 1))
    assert the_verdict((first, second)) == "faster"
    assert the_verdict((second, first)) == "slower"


def test_sessions_that_both_were_in_are_paired() -> None:
    """What a session does to both cancels: 100 and 200 images/s, and always 1.10 times within 1 %."""
    first = sample([110.0], [221.0], [55.0])
    second = sample([100.0], [200.0], [50.5])
    found = estimate([(first, second)])
    differences = [math.log(1.1), math.log(1.105), math.log(55 / 50.5)]
    mean = sum(differences) / 3
    sd = math.sqrt(sum((d - mean) ** 2 for d in differences) / 2)
    assert math.log(found.high) == pytest.approx(mean + 4.3027 * sd / math.sqrt(3), rel=1e-4)
    assert (found.basis, found.sessions) == ("sessions", (3, 3))
    assert the_verdict((first, second)) == "faster"


def in_order(*orders: str) -> tuple[Sample, Sample]:
    """A session an order, such as AB: each run of A has 110 images/s and of B 100, within 0.1 %."""
    sides: dict[str, dict[str, tuple[RunValue, ...]]] = {"A": {}, "B": {}}
    for number, order in enumerate(orders):
        for side, sessions in sides.items():
            sessions[f"s{number}"] = tuple(
                RunValue(
                    run=f"{side}{number}{place}",
                    value={"A": 110.0, "B": 100.0}[side] + (number + place) / 10,
                    epochs=9,
                    began=f"{place:02}",
                )
                for place, letter in enumerate(order)
                if letter == side
            )
    return Sample(sessions=sides["A"]), Sample(sessions=sides["B"])


@pytest.mark.parametrize(
    ("orders", "basis"),
    [
        (("AB", "BA", "AB"), "sessions"),
        (("AB", "AB", "AB"), "out of turn"),
        (("AAABBB",) * 3, "out of turn"),
        (("ABBA", "ABBA", "ABBA"), "sessions"),
        (("AB", "BA"), "seen"),
        (("ABBAAB", "ABBAAB"), "runs"),
        (("ABBAAB", "AB"), "runs"),
    ],
)
def test_sides_are_in_turn_over_all_their_sessions(orders: tuple[str, ...], basis: str) -> None:
    """What drifts within every session the same way is no difference of the sides."""
    assert estimate([in_order(*orders)]).basis == basis


def test_more_runs_never_take_an_interval_away() -> None:
    once, more = estimate([in_order("ABBAAB")]), estimate([in_order("ABBAAB", "AB")])
    assert (once.basis, more.basis) == ("runs", "runs")
    assert (once.ratio, once.low, once.high) == (more.ratio, more.low, more.high)
    assert [run.run for run in compared([in_order("ABBAAB", "AB")])[0][0].runs] == ["A00", "A03", "A04"]


def test_engines_that_never_met_are_judged_by_sessions_of_their_own() -> None:
    first = sample([110.0], [111.0], [109.0], name="a")
    second = sample([100.0], [101.0], [99.0], name="b")
    found = estimate([(first, second)])
    assert (found.basis, found.shared) == ("sessions", False)
    assert estimate([in_order("AB", "BA", "AB")]).shared


def test_machines_have_sessions_of_their_own() -> None:
    first = sample([110.0], [111.0], [109.0], name="a")
    second = sample([100.0], [101.0], [99.0], name="b")
    found = estimate([(first, second)])
    assert (found.basis, found.sessions, found.runs) == ("sessions", (3, 3), (3, 3))
    assert the_verdict((first, second)) == "faster"


def test_runs_of_one_session_say_nothing_of_a_machines_other_days() -> None:
    first = sample([110.0, 111.0, 109.0], name="a")
    second = sample([100.0, 101.0, 99.0], name="b")
    found = estimate([(first, second)])
    assert found.basis == "seen"
    assert math.isnan(found.p)
    assert (found.low, found.high) == pytest.approx((109 / 101, 111 / 99))
    assert the_verdict((first, second)) == "ahead"


def test_runs_of_a_session_count_within_it_and_sessions_equally() -> None:
    first = sample([100.0, 400.0], [300.0], name="a")
    assert first.value == pytest.approx(math.sqrt(200 * 300))


def test_only_the_sessions_that_both_were_in_are_compared() -> None:
    first = sample([110.0], [500.0])
    second = sample([100.0])
    [(used, other)] = compared([(first, second)])
    assert [run.run for run in used.runs] == ["0-0"]
    assert other is second or other == second
    assert estimate([(first, second)]).ratio == pytest.approx(1.1)


def test_one_side_after_the_other_is_no_repetition() -> None:
    """A computer that slows down while the session lasts would make the first one the faster."""
    first = sample([110.0, 109.0, 108.0], begin=0)
    second = sample([107.0, 106.0, 105.0], begin=30)
    found = estimate([(first, second)])
    assert found.basis == "out of turn"
    assert math.isnan(found.p)
    assert the_verdict((first, second)) == "ahead"


@pytest.mark.parametrize(
    ("order", "basis"),
    [
        ("ABBAAB", "runs"),
        ("ABABAB", "out of turn"),
        ("AAABBB", "out of turn"),
        ("AABABB", "out of turn"),
        ("ABBBBAAB", "runs"),
    ],
)
def test_what_is_in_turn(order: str, basis: str) -> None:
    def side(letter: str, value: float) -> Sample:
        places = [place for place, each in enumerate(order) if each == letter]
        runs = tuple(
            RunValue(run=f"{letter}{place}", value=value + place / 100, epochs=9, began=f"{place:02}")
            for place in places
        )
        return Sample(sessions={"s": runs})

    assert estimate([(side("A", 110.0), side("B", 100.0))]).basis == basis


@pytest.mark.parametrize(
    ("ratio", "verdict"),
    [
        (CLEAR + 0.01, "faster"),
        (CLEAR - 0.01, "ahead"),
        (1.021, "ahead"),
        (1.019, "level"),
        (1.0, "level"),
        (1 / 1.019, "level"),
        (1 / (CLEAR - 0.01), "behind"),
        (1 / (CLEAR + 0.01), "slower"),
    ],
)
def test_without_repeats_only_a_clear_lead_decides(ratio: float, verdict: str) -> None:
    pair = (sample([100.0 * ratio]), sample([100.0]))
    found = estimate([pair])
    assert (found.basis, found.runs) == ("seen", (1, 1))
    assert all(map(math.isnan, (found.low, found.high, found.p)))
    assert the_verdict(pair) == verdict


def test_a_clear_lead_that_one_run_contradicts_decides_nothing() -> None:
    pair = (sample([130.0, 170.0]), sample([100.0, 131.0]))
    found = estimate([pair])
    assert found.ratio > CLEAR
    assert found.low < 1 < found.high
    assert the_verdict(pair) == "ahead"


def test_the_same_is_said_only_of_what_is_surely_close() -> None:
    close = (sample([100.0, 100.2, 99.9]), sample([100.1, 99.9, 100.0], begin=1))
    assert the_verdict(close) == "same"
    apart = (sample([101.0, 106.0, 97.0]), sample([100.1, 95.9, 103.0], begin=1))
    assert the_verdict(apart) == "not decided"


def test_a_lead_under_2_percent_is_no_lead() -> None:
    pair = (sample([101.4, 101.7, 102.0]), sample([100.0, 100.1, 100.2], begin=1))
    found = estimate([pair])
    assert 1 < found.low < found.ratio < 1.02 < found.high
    assert the_verdict(pair) == "not decided"


def seen(p: float, ratio: float = 1.1) -> Estimate:
    """With an interval that just excludes 1 where p is under 5 %."""
    low, high = (1.01, 1.2) if p < 0.05 else (0.95, 1.3)
    return Estimate(
        ratio=ratio, low=low, high=high, p=p, basis="runs", epochs=9, runs=(3, 3), sessions=(1, 1)
    )


def test_holms_steps() -> None:
    """The example of Holm's procedure by hand: 3 x 0.01, then 2 x 0.02, then 0.04 no less than that."""
    assert holm([0.04, 0.01, math.nan, 0.02]) == pytest.approx([0.04, 0.03, math.nan, 0.04], nan_ok=True)
    assert holm([0.6, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([]) == []


def test_what_one_comparison_decides_many_do_not() -> None:
    alone = judge([seen(0.03)])
    assert [each.verdict for each in alone] == ["faster"]
    many = judge([seen(0.03), seen(0.04), seen(0.001), seen(0.2)])
    assert [each.verdict for each in many] == [
        *("not decided among many", "not decided among many", "faster", "not decided"),
    ]
    assert {each.comparisons for each in many} == {4}


def test_comparisons_without_an_interval_are_no_part_of_the_family() -> None:
    single = estimate([(sample([150.0]), sample([100.0]))])
    judged = judge([seen(0.03), single, single])
    assert [each.verdict for each in judged] == ["faster"] * 3
    assert judged[0].comparisons == 1


@pytest.mark.parametrize("epochs", range(LEAST_EPOCHS))
def test_few_epochs_carry_no_verdict(epochs: int) -> None:
    pair = (sample([200.0], epochs=epochs), sample([100.0]))
    assert estimate([pair]).ratio == pytest.approx(2.0)
    assert the_verdict(pair) == "too few epochs"


def test_the_epochs_of_all_runs_count_together() -> None:
    first = sample([200.0, 201.0, 199.0], epochs=2)
    assert the_verdict((first, sample([100.0, 100.5, 99.0], epochs=2, begin=1))) == "faster"


def test_the_fewest_epochs_are_where_chance_falls_under_a_twentieth() -> None:
    chance = {n: 2 / math.comb(2 * n, n) for n in range(1, 6)}
    assert min(n for n, share in chance.items() if share < 0.05) == LEAST_EPOCHS


def test_too_few_epochs_are_no_part_of_the_family() -> None:
    short = (sample([100.0, 100.1, 99.9], epochs=1), sample([90.0, 90.1, 89.9], epochs=1, begin=1))
    judged = judge([estimate([short]), seen(0.03)])
    assert [each.verdict for each in judged] == ["too few epochs", "faster"]
    assert judged[1].comparisons == 1
    assert all(map(math.isnan, (judged[0].low, judged[0].high, judged[0].p)))


def test_a_cell_of_one_run_each_does_not_hide_the_range_of_the_others() -> None:
    """And with it that a run was seen which says otherwise."""
    wide = of_machines(([[140.0, 100.0]], [[100.0, 110.0]]))
    single = of_machines(([[140.0]], [[100.0]]))
    found = estimate([*wide, *single])
    low, high = 100 / 110, 140 / 100
    assert found.low == pytest.approx(math.sqrt(low * 1.4))
    assert found.high == pytest.approx(math.sqrt(high * 1.4))
    assert math.isnan(estimate([*single, *single]).low)


def test_equal_values_have_an_interval_of_one_point() -> None:
    pair = (sample([100.0] * 3), sample([100.0] * 3, begin=1))
    found = estimate([pair])
    assert (found.low, found.high, found.p) == (1.0, 1.0, 1.0)
    assert the_verdict(pair) == "same"
    far = estimate([(sample([200.0] * 3), sample([100.0] * 3, begin=1))])
    assert (far.low, far.high, far.p) == pytest.approx((2.0, 2.0, 0.0))


def of_machines(*cells: tuple[list[list[float]], list[list[float]]], **given: Any) -> Any:
    return [(sample(*one, name="a", **given), sample(*other, name="b", **given)) for one, other in cells]


def test_the_mean_over_cells_is_geometric_and_its_unit_is_the_session() -> None:
    """Cells of one session move together: 3 sessions a side are 3 values, not 6."""
    slower, faster = [[100.0], [110.0], [90.0]], [[200.0], [220.0], [180.0]]
    pairs = of_machines((faster, slower), ([[50.0], [55.0], [45.0]], slower))
    found = estimate(pairs)
    assert found.ratio == pytest.approx(1.0)
    logs = [math.log(each[0]) for each in slower]
    mean = sum(logs) / 3
    error = math.sqrt(2 * sum((log - mean) ** 2 for log in logs) / 2 / 3)
    assert math.log(found.high) == pytest.approx(2.7764 * error, rel=1e-3)
    assert (found.basis, found.cells, found.sessions) == ("sessions", 2, (3, 3))


def test_sessions_without_all_cells_do_not_count_for_their_mean() -> None:
    whole, part = [[200.0], [202.0], [199.0], [900.0]], [[300.0], [303.0], [299.0]]
    pairs = of_machines((whole, [[100.0], [101.0], [99.0]]), (part, [[100.0], [101.0], [99.0]]))
    used = compared(pairs)
    assert [len(pair[0].sessions) for pair in used] == [3, 3]
    assert estimate(pairs).ratio == pytest.approx(math.sqrt(6), rel=0.01)


def test_a_cell_with_too_few_epochs_is_left_out_and_counted() -> None:
    good = of_machines(([[300.0]], [[100.0]]), ([[300.0]], [[100.0]]))
    short = of_machines(([[100.0]], [[100.0]]), epochs=2)
    found = estimate([*good, *short])
    assert found.ratio == pytest.approx(3.0)
    assert (found.cells, found.short_cells) == (2, 1)
    assert the_verdict(*good, *short) == "faster"
    assert the_verdict(*short) == "too few epochs"
    assert estimate([*short, *short]).cells == 2


@pytest.fixture(scope="module")
def studied(tmp_path_factory: pytest.TempPathFactory) -> Study:
    return study(frames(gather([str(two_machines(tmp_path_factory.mktemp("results")))])))


def test_torch_against_tensorflow_on_each_machine(studied: Study) -> None:
    assert {*zip(studied.engines["first"], studied.engines["second"], strict=True)} == {
        ("torch", "tensorflow")
    }
    found = studied.engines.set_index(["machine", "setting", "experiment"])
    for machine in ("anna", "bob"):
        for experiment in ("scratch", "mistaken", "augmented"):
            row = found.loc[(machine, "A", experiment)]
            assert row["ratio"] == pytest.approx(1.25)
            assert row["verdict"] == "faster"
    assert found.loc[("anna", "B", "scratch"), "verdict"] == "too few epochs"
    assert found.loc[("anna", "A", "scratch"), "first_runs"] == ("R1", "R2")
    assert ("anna", "A", "pretrained") not in found.index  # TensorFlow's failed
    assert ("bob", "A", "pretrained") not in found.index  # TensorFlow's is invalid


def test_bob_is_twice_as_fast_as_anna_who_was_measured_first(studied: Study) -> None:
    assert studied.baseline == "anna"
    assert len(studied.machines) == 7
    assert list(studied.machines["ratio"]) == pytest.approx([2.0] * 7)
    (mean,) = studied.means.to_dict("records")
    assert (mean["machine"], mean["cells"], mean["verdict"]) == ("bob", 7, "faster")
    assert mean["ratio"] == pytest.approx(2.0)


def test_a_baseline_can_be_asked_for(studied: Study) -> None:
    other = study(studied.frames, "bob")
    assert list(other.means["machine"]) == ["anna"]
    assert list(other.means["ratio"]) == pytest.approx([0.5])
    with pytest.raises(NoSuchMachine, match="there is no machine 'carol'; there are anna, bob"):
        study(studied.frames, "carol")


def test_settings_are_never_mixed(studied: Study) -> None:
    assert set(studied.runs["setting"]) == {"A"}
    assert {key[1] for key in compare.samples(studied.frames)} == {"A", "B"}
    runs = studied.frames.runs
    setting_of = dict(zip(runs["run"], runs["setting"], strict=True))
    compared = [*studied.engines.to_dict("records"), *studied.machines.to_dict("records")]
    assert {row["setting"] for row in compared} == {"A", "B"}
    for row in compared:
        for side in (row[column] for column in row if str(column).endswith("_runs")):
            assert {setting_of[run] for run in side} == {row["setting"]}


def test_one_machine_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    two_machines(tmp_path)
    alone = study(frames(gather([str(tmp_path / "bob")])))
    assert alone.machines.empty
    assert alone.means.empty
    assert alone.baseline == "bob"


def test_warm_ups_and_firsts_of_a_stage_carry_no_verdict(tmp_path: Path) -> None:
    runs = [
        run_of("scratch", engine, epochs_of([seconds]), seed=seed)
        for engine, seconds in (("torch", 100.0), ("tensorflow", 150.0))
        for seed in range(5)
    ]
    write(tmp_path, "one.json", content_of(ANNA, runs))
    (row,) = study_of(tmp_path).engines.to_dict("records")
    assert row["ratio"] == pytest.approx(1.5)
    assert (row["verdict"], row["epochs"]) == ("too few epochs", 0)


def scratch_on(device: str, seconds: float) -> dict[str, Any]:
    return run_of("scratch", "torch", epochs_of([seconds] * 6), device=device)


def test_a_cpu_is_not_averaged_with_a_gpu(tmp_path: Path) -> None:
    write(tmp_path, "1.json", content_of(ANNA, [scratch_on("mps", 100.0), scratch_on("cpu", 500.0)]))
    write(tmp_path, "2.json", content_of(BOB, [scratch_on("mps", 50.0), scratch_on("cpu", 750.0)]))
    both = study_of(tmp_path, "anna")
    assert list(both.means["ratio"]) == pytest.approx([2.0])
    write(tmp_path, "2.json", content_of(BOB, [scratch_on("cpu", 750.0)]))
    alone = study_of(tmp_path, "anna")
    assert list(alone.means["ratio"]) == pytest.approx([500 / 750])
    write(tmp_path, "2.json", content_of(BOB, [scratch_on("cuda", 50.0)]))
    write(tmp_path, "1.json", content_of(ANNA, [scratch_on("cpu", 500.0)]))
    assert study_of(tmp_path, "anna").means.empty


def test_a_virtual_mac_is_compared_with_nobody(tmp_path: Path) -> None:
    virtual = replace(ANNA, name="vm", model="VirtualMac2,1", virtual=True)
    old = run_of("scratch", "torch", epochs_of([90.0] * 6), started_at="2020-01-01T00:00:00+00:00")
    for number, (machine, run) in enumerate(
        [(virtual, old), (ANNA, scratch_on("mps", 100.0)), (BOB, scratch_on("mps", 50.0))]
    ):
        write(tmp_path, f"{number}.json", content_of(machine, [run]))
    found = study_of(tmp_path)
    assert found.baseline != "vm"
    assert "vm" not in {*found.machines["machine"], *found.machines["baseline"]}
    assert len(found.means) == 1


def test_a_full_profile_that_was_cut_claims_no_accuracy(tmp_path: Path) -> None:
    cut = replace(FULL, train_images=640, epochs=2)
    write(
        tmp_path,
        "1.json",
        content_of(ANNA, [run_of("scratch", "torch", epochs_of([9.0] * 2), plan=cut)]),
    )
    assert not study_of(tmp_path).says_accuracy


def on_machines(*ratios: float, begin: tuple[int, int] = (0, 1)) -> list[tuple[Sample, Sample]]:
    """One run of each side on each machine, the first side by default before the second."""
    return [
        (
            sample([100 * ratio], name=f"m{number}-", begin=begin[0]),
            sample([100.0], name=f"m{number}-", begin=begin[1]),
        )
        for number, ratio in enumerate(ratios)
    ]


def test_machines_that_measured_both_sides_are_paired() -> None:
    """By hand: logs of 0.10, 0.08 and 0.12, mean 0.1 and deviation 0.02; t is 4.3027 for 2 degrees."""
    pairs = on_machines(*map(math.exp, (0.10, 0.08, 0.12)), begin=(0, 0))
    found = over_machines(pairs)
    assert found is not None
    assert math.log(found.ratio) == pytest.approx(0.1)
    assert math.log(found.high) == pytest.approx(0.1 + 4.3027 * 0.02 / math.sqrt(3), rel=1e-4)
    assert (found.basis, found.cells, found.short_cells) == ("machines", 3, 0)
    assert judge([found])[0].verdict == "faster"


def test_fewer_than_three_machines_with_epochs_enough_have_no_mean() -> None:
    pairs = on_machines(1.1, 1.1, begin=(0, 0))
    short = sample([110.0], name="m2-", epochs=3), sample([100.0], name="m2-", epochs=3)
    assert over_machines(pairs) is None
    assert over_machines([*pairs, short]) is None
    found = over_machines([*pairs, *on_machines(1.1, begin=(0, 0)), short])
    assert found is not None
    assert (found.cells, found.short_cells) == (3, 1)


def test_one_side_first_on_every_machine_is_no_comparison_of_the_sides() -> None:
    """What slows a computer down while it works would be the second side's fault on all of them."""
    found = over_machines(on_machines(1.1, 1.12, 1.08))
    assert found is not None
    assert found.basis == "out of turn"
    assert (found.low, found.high) == pytest.approx((1.08, 1.12))
    assert judge([found])[0].verdict == "ahead"
    alternating = over_machines([*on_machines(1.1, 1.12), *on_machines(1.08, 1.1, begin=(1, 0))])
    assert alternating is not None
    assert alternating.basis == "machines"
