"""Files that people name as torchvision's weights, and torch's cached copy, read by the real torch."""

from __future__ import annotations

import json

import pytest

from tests.support.real_worker import output_of

pytestmark = pytest.mark.slow

TAKEN = ["state dict", "parameters by name", "legacy"]
SAVE = "save model.state_dict() with torch.save"
REFUSED = {
    "list of parameters": f"it holds a list and no state dict: {SAVE}",
    "checkpoint": f"it holds more than tensors, such as 'epoch': {SAVE} alone",
    "whole model": f"holds more than tensors, such as a whole model: {SAVE}",
    "data parallel": "is not torchvision's AlexNet: it differs in ",
    "half precision": "wants conv1.weight as float32",
    "empty": "cannot be read as a file of tensors: it is cut short, of another kind",
    "cut short": "cannot be read as a file of tensors: ",
    "web page": "cannot be read as a file of tensors: it is cut short, of another kind",
    "pointer": "cannot be read as a file of tensors: it is cut short, of another kind",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("weights")
    output = output_of("tests.support.weights_files_worker", str(folder))
    answers: dict[str, str] = json.loads(output.splitlines()[-1])
    return answers


@pytest.mark.parametrize("name", TAKEN)
def test_tensors_by_torchvisions_names_are_taken(said: dict[str, str], name: str) -> None:
    """Parameters as well, which is what `dict(model.named_parameters())` saves."""
    assert said[name] == ""


@pytest.mark.parametrize("name", REFUSED)
def test_anything_else_is_refused_in_a_sentence_on_the_file(said: dict[str, str], name: str) -> None:
    sentence = said[name]
    assert REFUSED[name] in sentence
    assert "\n" not in sentence
    assert "\033" not in sentence
    assert "weights_only" not in sentence, "torch advises to unpickle what may run code"
    if "wants" not in REFUSED[name]:
        assert f"{name}.pth" in sentence


def test_a_damaged_copy_in_torchs_cache_is_downloaded_again(said: dict[str, str]) -> None:
    answers = [text for name, text in said.items() if name.endswith(" bytes")]
    assert answers == ["", ""]


def test_offline_a_damaged_copy_is_named_and_a_whole_one_is_enough(said: dict[str, str]) -> None:
    assert said["cached whole, offline"] == ""
    damaged, missing = said["cached empty, offline"], said["not cached, offline"]
    for sentence in (damaged, missing):
        assert "torchvision could not fetch alexnet-owt-7be5be79.pth (no connection: " in sentence
        assert sentence.endswith("download it elsewhere and name it with --weights PATH")
    assert "hub/checkpoints/alexnet-owt-" in damaged
    assert "has e3b0c442: it is cut short or another file" in damaged
    assert "hub/checkpoints" not in missing
