"""An edited start of a run is named."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from msgspec import structs

from alexnet.frameworks.registry import ENGINES
from alexnet.weights import GENERATORS
from bench.check.start import first_weights_match_the_seed, first_weights_sha256, names_agree
from bench.records.read import load
from tests.support.saved_file import Content, genuine_content
from tests.support.saved_file_edits import (
    OTHER_SHA256,
    SECOND_RUN,
    Change,
    Edits,
    assert_edit_is_named,
    edit_cases,
    put,
    reseal,
    twice,
    violations_of,
)

EDITS: Edits = {
    "start_follows_from_the_plan": [
        (put("run/start/variant", "mistaken"), 'start.variant is "mistaken"'),
        (put("run/start/parameters", 21622155), "by cell and plan it is 21622154"),
        (put("run/start/forward_flops", twice), "start.forward_flops is"),
        (put("run/start/steps_per_epoch", 11), "start.steps_per_epoch is 11"),
        (put("run/start/train_images", 650), "start.train_images is 650"),
        (put("run/start/validation_images", 490), "start.validation_images is 490, .* it is 500"),
        (put("run/plan/test_images", None), "start.test_images is 500, .* 10000"),
        (put("run/plan/train_images", None), "start.train_images is 640, .* 45000"),
    ],
    "names_agree": [
        (put("benchmarks/0/param", "scratch-torch-cuda-s0"), 'param is "scratch-torch-cuda-s0"'),
        (put("benchmarks/0/name", "test_train[x]"), "name is .* does not end with the cell's id"),
        (put("run/cell/device", "mps"), 'start.device_name is "CPU" on the device mps'),
        (put("run/start/versions", {"numpy": "2"}), "start.versions has no torch"),
    ],
    "every_tensor_was_transferred": [
        (put("run/start/weight_transfer", []), "is there, where the weights were drawn"),
    ],
    "first_weights_match_the_seed": [
        (put("run/cell/seed", 3), "start.weights_sha256 is .*, and its seed draws"),
        (put("run/start/weights_sha256", OTHER_SHA256), "start.weights_sha256 is"),
        (put("run/start/weights_origin", "user file"), "start.weights_origin is"),
        (put("run/start/weights_origin", "he-normal"), "start.weights_sha256 is .*, and its seed draws"),
        (put("run/start/weights_origin", "he"), "where it can be he-uniform or he-normal"),
        (put("run/start/weights_source_sha256", OTHER_SHA256), "weights_source_sha256 is"),
    ],
}


def test_an_engine_has_the_version_of_its_framework(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of a second engine is no package."""
    engine = replace(ENGINES["torch"], name="torch-other", compiler="other")
    monkeypatch.setitem(ENGINES, engine.name, engine)
    run = load(genuine_content("linux")).runs[0]
    run.cell = structs.replace(run.cell, engine=engine.name)
    run.benchmark = None
    assert list(names_agree(run)) == []
    assert run.start is not None
    run.start = structs.replace(run.start, versions={"torch-other": "2.14.1"})
    assert list(names_agree(run)) == ["start.versions has no torch"]


@pytest.mark.parametrize("other", [False, True])
@pytest.mark.parametrize("origin", GENERATORS)
def test_the_hash_must_be_what_the_generator_of_the_files_origin_draws(origin: str, other: bool) -> None:
    run = load(genuine_content("linux")).runs[0]
    (another,) = set(GENERATORS) - {origin}
    drawn_by = another if other else origin
    sha256 = first_weights_sha256(drawn_by, "standard", 64, run.cell.seed)
    assert run.start is not None
    run.start = structs.replace(run.start, weights_origin=origin, weights_sha256=sha256)
    found = list(first_weights_match_the_seed(run))
    if other:
        (violation,) = found
        assert violation.startswith(f'start.weights_sha256 is "{sha256}", and its seed draws')
    else:
        assert found == []


def test_a_pretrained_run_cannot_have_drawn_weights() -> None:
    (run,) = [r for r in load(genuine_content("mac")).runs if r.cell.experiment == "pretrained"]
    assert run.start is not None
    for origin in GENERATORS:
        run.start = structs.replace(run.start, weights_origin=origin)
        (violation,) = first_weights_match_the_seed(run)
        assert violation.endswith("where it can be torchvision or user file")


TENSORS = f"{SECOND_RUN}/start/weight_transfer"
"""Of the pretrained run on a Mac: conv1.weight, conv1.bias and so on, fc8.bias last."""


def first_twice(tensors: list[Content]) -> list[Content]:
    return [tensors[0], *tensors]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (put(TENSORS, first_twice), "start.weight_transfer has conv1.weight 2 times"),
        (
            put(f"{TENSORS}/0/layout", "HWIO"),
            'conv1.weight in the layout "HWIO", where it can be as it is or OIHW -> HWIO',
        ),
        (
            put(f"{TENSORS}/1/layout", "transposed"),
            'conv1.bias in the layout "transposed", where it can be as it is',
        ),
        (put(f"{TENSORS}/0/sha256", "f" * 63), "of conv1.weight, which is no sha256"),
        (put(f"{TENSORS}/0/sha256", "F" * 64), "of conv1.weight, which is no sha256"),
        (
            put(f"{TENSORS}/14/sha256", OTHER_SHA256),
            f'fc8.weight.sha256 is "{OTHER_SHA256}", and its seed draws',
        ),
        (put(f"{SECOND_RUN}/cell/seed", 3), "fc8.weight.sha256 is .*, and its seed draws"),
    ],
)
def test_an_edited_transfer_log_is_named(change: Change, sentence: str) -> None:
    content = genuine_content("mac")
    change(content)
    named = violations_of(reseal(content))
    assert any(re.search(sentence, violation) for violation in named), named


def test_a_layout_that_a_framework_may_make_is_none() -> None:
    content = genuine_content("mac")
    for place, layout in ((0, "OIHW -> HWIO"), (10, "CHW -> HWC, transposed"), (12, "transposed")):
        put(f"{TENSORS}/{place}/layout", layout)(content)
    assert violations_of(reseal(content)) == []


@pytest.mark.parametrize(("rule", "change", "sentence"), edit_cases(EDITS))
def test_an_edit_is_named_even_with_a_new_checksum(rule: str, change: Change, sentence: str) -> None:
    assert_edit_is_named(rule, change, sentence)
