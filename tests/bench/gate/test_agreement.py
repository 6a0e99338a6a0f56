"""Whether engines agree, on outputs written by hand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace as replace_row
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from msgspec.structs import replace

from alexnet.frameworks import registry
from bench.gate.agreement import EngineOutputs, with_agreement
from bench.records.limits import MAX_FLOAT64_DIFFERENCE
from bench.records.types import Check, Gate, NoOtherEngine, ReferenceDiffers
from bench.records.words import not_checked_text
from tests.support.samples import CELL, CHECK, GATE

OWN_CHECKS = ("logits", "loss", "three losses")
PAIR_CHECKS = ["same bytes", "one network", "both logits", "both three losses"]
BROKEN = replace(GATE, checks=(replace(CHECK, measured=1.0),))
"""A gate whose device is off by itself."""
COMPILED = "torch-compiled"


@pytest.fixture(autouse=True)
def _three_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    """A third engine, of a framework that has one already."""
    row = replace_row(registry.ENGINES["torch"], name=COMPILED, compiled=True)
    monkeypatch.setitem(registry.ENGINES, COMPILED, row)


def outputs_of(
    tmp_path: Path,
    engine: str,
    *,
    gate: Gate = GATE,
    shift: float = 0.0,
    shifts: Mapping[str, float] | None = None,
    limit: float = CHECK.upper,
) -> EngineOutputs:
    """One engine's gate and file, whose outputs are 1 + `shift`, or another one by their names.

    `limit` is how far each of the engine's own checks may be off.
    """
    checks = [replace(gate.checks[0], name=name, upper=limit) for name in OWN_CHECKS]
    file = tmp_path / f"{engine}.npz"
    logits, losses, exact = (
        np.ones((2, 10)) + (shifts or {}).get(name, shift)
        for name in ("logits", "losses", "exact_logits")
    )
    np.savez(file, logits=logits, losses=losses[0], exact_logits=exact)
    gate = replace(gate, checks=tuple(checks))
    return EngineOutputs(cell=replace(CELL, engine=engine), gate=gate, outputs=file)


def failures(gate: Gate) -> list[str]:
    return [check.name for check in gate.checks if not check.passed]


def pair_checks(gate: Gate) -> dict[str, Check]:
    """The checks of one engine against others, by name."""
    checks = {check.name: check for check in gate.checks[len(OWN_CHECKS) :]}
    assert len(checks) == len(gate.checks) - len(OWN_CHECKS), "one check twice"
    return checks


def named_engines(check: Check) -> set[str]:
    """The engines that a check's description names."""
    words = check.description.replace(",", " ").split()
    return {engine for engine in registry.ENGINES if engine in words}


def test_two_engines_with_equal_outputs_agree(tmp_path: Path) -> None:
    gate = with_agreement(outputs_of(tmp_path, "torch"), [outputs_of(tmp_path, "tensorflow")])
    assert failures(gate) == []
    assert [check.name for check in gate.checks[-4:]] == PAIR_CHECKS
    assert [check.measured for check in gate.checks[-4:]] == [0, 0.0, 0.0, 0.0]
    assert gate.not_checked == ()


def test_another_network_is_named_even_where_float32_would_not_tell(tmp_path: Path) -> None:
    gate = with_agreement(
        outputs_of(tmp_path, "torch"), [outputs_of(tmp_path, "tensorflow", shift=1e-6)]
    )
    assert failures(gate) == ["one network"]


def test_answers_that_part_are_named(tmp_path: Path) -> None:
    ours = outputs_of(tmp_path, "torch")
    gate = with_agreement(ours, [outputs_of(tmp_path, "tensorflow", shift=0.01)])
    assert failures(gate) == ["one network", "both logits", "both three losses"]
    nan = with_agreement(ours, [outputs_of(tmp_path, "tensorflow", shift=np.nan)])
    assert failures(nan) == ["one network", "both logits", "both three losses"]


def test_other_weights_or_another_batch_are_named(tmp_path: Path) -> None:
    changed = replace(GATE, weights_sha256="9" * 64, batch_sha256="8" * 64)
    gate = with_agreement(
        outputs_of(tmp_path, "torch"), [outputs_of(tmp_path, "tensorflow", gate=changed)]
    )
    assert failures(gate) == ["same bytes"]
    assert gate.checks[-4].measured == 2


def test_an_engine_that_is_off_by_itself_takes_nobody_with_it(tmp_path: Path) -> None:
    gate = with_agreement(
        outputs_of(tmp_path, "torch"), [outputs_of(tmp_path, "tensorflow", gate=BROKEN)]
    )
    assert failures(gate) == []
    assert pair_checks(gate) == {}
    assert gate.not_checked == (ReferenceDiffers(engine="tensorflow", device="cpu"),)
    assert not_checked_text(gate.not_checked[0]) == (
        "tensorflow on cpu against other engines: it is off its own reference on the CPU"
    )


def test_one_engine_alone_says_that_nothing_was_compared(tmp_path: Path) -> None:
    gate = with_agreement(outputs_of(tmp_path, "torch"), [])
    assert pair_checks(gate) == {}
    assert gate.not_checked == (NoOtherEngine(engine="torch"),)
    assert not_checked_text(gate.not_checked[0]) == "torch against another engine: none was run"


def test_what_the_gate_could_not_check_before_stays(tmp_path: Path) -> None:
    earlier = ReferenceDiffers(engine="tensorflow", device="mps")
    ours = outputs_of(tmp_path, "torch", gate=replace(GATE, not_checked=(earlier,)))
    assert with_agreement(ours, []).not_checked == (earlier, NoOtherEngine(engine="torch"))


def test_three_engines_with_equal_outputs_have_each_check_once(tmp_path: Path) -> None:
    outputs = [outputs_of(tmp_path, engine) for engine in ("torch", "tensorflow", COMPILED)]
    for ours in outputs:
        gate = with_agreement(ours, [other for other in outputs if other is not ours])
        assert list(pair_checks(gate)) == PAIR_CHECKS
        assert failures(gate) == []
        assert gate.not_checked == ()


def test_each_check_has_its_own_worst_pair_and_names_it(tmp_path: Path) -> None:
    """One engine has another batch and other losses, the other one another network and other logits."""
    other_batch = replace(GATE, batch_sha256="8" * 64)
    far_losses = {"logits": 1e-6, "losses": 0.25, "exact_logits": 1e-15}
    far_logits = {"logits": 0.5, "losses": 1e-6, "exact_logits": 1.0}
    ours = outputs_of(tmp_path, "torch")
    others = [
        outputs_of(tmp_path, "tensorflow", gate=other_batch, shifts=far_losses),
        outputs_of(tmp_path, COMPILED, shifts=far_logits),
    ]
    for order in permutations(others):
        gate = with_agreement(ours, order)
        checks = pair_checks(gate)
        assert list(checks) == failures(gate) == PAIR_CHECKS
        assert {name: named_engines(check) for name, check in checks.items()} == {
            "same bytes": {"torch", "tensorflow"},
            "one network": {"torch", COMPILED},
            "both logits": {"torch", COMPILED},
            "both three losses": {"torch", "tensorflow"},
        }
        assert checks["same bytes"].measured == 1
        assert checks["one network"].measured == pytest.approx(1.0 / 2.0)
        assert checks["one network"].upper == MAX_FLOAT64_DIFFERENCE
        assert checks["both logits"].measured == pytest.approx(0.5 / 1.5)
        assert checks["both three losses"].measured == pytest.approx(0.25 / 1.25)


def test_of_two_engines_the_one_with_more_other_bytes_is_named(tmp_path: Path) -> None:
    one = outputs_of(tmp_path, "tensorflow", gate=replace(GATE, batch_sha256="8" * 64))
    both = replace(GATE, batch_sha256="8" * 64, weights_sha256="9" * 64)
    two = outputs_of(tmp_path, COMPILED, gate=both)
    for order in permutations([one, two]):
        check = pair_checks(with_agreement(outputs_of(tmp_path, "torch"), order))["same bytes"]
        assert (check.measured, named_engines(check)) == (2, {"torch", COMPILED})


def test_the_worst_pair_is_that_nearest_to_its_own_limit(tmp_path: Path) -> None:
    """A coarse engine may be further away than an exact one: each pair has the sum of both limits."""
    ours = outputs_of(tmp_path, "torch", limit=1e-3)
    coarse = outputs_of(tmp_path, "tensorflow", shifts={"logits": 0.1}, limit=1.0)
    exact = outputs_of(tmp_path, COMPILED, shifts={"logits": 0.01}, limit=1e-3)
    for order in permutations([coarse, exact]):
        gate = with_agreement(ours, order)
        logits = pair_checks(gate)["both logits"]
        assert named_engines(logits) == {"torch", COMPILED}
        assert logits.measured == pytest.approx(0.01 / 1.01)
        assert logits.upper == 2e-3
        assert failures(gate) == ["both logits"]
    near = outputs_of(tmp_path, COMPILED, shifts={"logits": 1e-6}, limit=1e-3)
    gate = with_agreement(ours, [coarse, near])
    assert named_engines(pair_checks(gate)["both logits"]) == {"torch", "tensorflow"}
    assert pair_checks(gate)["both logits"].upper == pytest.approx(1.001)
    assert failures(gate) == []


def test_a_pair_that_could_not_be_measured_is_the_worst(tmp_path: Path) -> None:
    ours = outputs_of(tmp_path, "torch")
    far = outputs_of(tmp_path, "tensorflow", shift=1e9)
    no_number = outputs_of(tmp_path, COMPILED, shift=np.nan)
    for order in permutations([far, no_number]):
        checks = pair_checks(with_agreement(ours, order))
        for name in PAIR_CHECKS[1:]:
            assert checks[name].measured is None
            assert not checks[name].passed
            assert named_engines(checks[name]) == {"torch", COMPILED}


def test_one_engine_that_is_off_by_itself_leaves_the_others_compared(tmp_path: Path) -> None:
    """The wrong outputs of the engine that is off are in no check of the others."""
    torch = outputs_of(tmp_path, "torch")
    off = outputs_of(tmp_path, "tensorflow", gate=BROKEN, shift=9.0)
    compiled = outputs_of(tmp_path, COMPILED)
    named = (ReferenceDiffers(engine="tensorflow", device="cpu"),)
    for ours, other in ((torch, compiled), (compiled, torch)):
        gate = with_agreement(ours, [off, other])
        assert gate.not_checked == named
        assert list(pair_checks(gate)) == PAIR_CHECKS
        assert failures(gate) == []
        for check in pair_checks(gate).values():
            assert named_engines(check) == {"torch", COMPILED}
    alone = with_agreement(off, [torch, compiled])
    assert alone.not_checked == named, "the others are not off"
    assert pair_checks(alone) == {}


def test_the_others_are_compared_and_may_still_disagree(tmp_path: Path) -> None:
    off = outputs_of(tmp_path, "tensorflow", gate=BROKEN)
    gate = with_agreement(
        outputs_of(tmp_path, "torch"), [off, outputs_of(tmp_path, COMPILED, shift=0.01)]
    )
    assert failures(gate) == ["one network", "both logits", "both three losses"]


def test_every_engine_that_is_off_by_itself_is_named(tmp_path: Path) -> None:
    outputs = [outputs_of(tmp_path, engine, gate=BROKEN) for engine in ("tensorflow", COMPILED)]
    gate = with_agreement(outputs_of(tmp_path, "torch"), outputs)
    assert gate.not_checked == tuple(
        ReferenceDiffers(engine=engine, device="cpu") for engine in ("tensorflow", COMPILED)
    )
    assert pair_checks(gate) == {}
