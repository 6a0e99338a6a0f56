"""What is settled before the first cell: devices asked of the frameworks, data, the profile."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from bench import prepare
from bench.options import Options
from bench.prepare import NotPrepared
from bench.session import open_session
from tests.test_grid import OPTIONS


def answer(stdout: str = "", stderr: str = "", status: int = 0) -> subprocess.CompletedProcess[str]:
    return subprocess.CompletedProcess([], status, stdout, stderr)


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac on which torch sees the GPU and TensorFlow does not."""

    def ask(*arguments: str) -> subprocess.CompletedProcess[str]:
        *_, framework, device = arguments
        if framework == "torch":
            return answer("a framework's own chatter\nmps\n")
        if device in ("auto", "cpu"):
            return answer("cpu\n")
        return answer(stderr="noise\ntensorflow 2.18.1 cannot use mps here: it sees cpu.\n", status=2)

    monkeypatch.setattr(prepare, "likely_gpu", lambda: "mps")
    monkeypatch.setattr(prepare, "_python", ask)


def auto(**changes: object) -> Options:
    return replace(OPTIONS, profile="auto", device="auto", **changes)  # type: ignore[arg-type]


@pytest.mark.usefixtures("mac")
def test_auto_takes_what_each_framework_can_use() -> None:
    assert prepare.devices(auto()) == {"torch": "mps", "tensorflow": "cpu"}


@pytest.mark.usefixtures("mac")
def test_a_device_that_is_asked_for_and_missing_is_the_frameworks_own_sentence() -> None:
    with pytest.raises(NotPrepared, match=r"^tensorflow 2.18.1 cannot use mps here"):
        prepare.devices(replace(OPTIONS, device="mps"))


@pytest.mark.usefixtures("mac")
def test_a_gpu_makes_auto_full_and_unlike_devices_are_pointed_out(tmp_path: Path) -> None:
    session = open_session(auto(dataset="synthetic"), tmp_path)
    assert session.profile == "full"
    assert "compare devices, not frameworks" in (session.unlike_devices() or "")


def test_a_cpu_alone_makes_auto_quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "likely_gpu", lambda: None)
    session = open_session(auto(dataset="synthetic"), tmp_path)
    assert session.profile == "quick"
    assert session.unlike_devices() is None


def test_the_users_folder_comes_before_the_environments(
    random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_DATA", "/nowhere")
    found = prepare.source(replace(OPTIONS, dataset="auto", data_dir=random_cifar10), "full")
    assert found.folder == random_cifar10
    assert found.provenance == "a folder that the user vouches for"


def test_a_framework_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "PROBE_SECONDS", 0.01)
    monkeypatch.setattr(prepare, "likely_gpu", lambda: "mps")
    with pytest.raises(NotPrepared, match=r"alexnet device torch auto` did not answer within"):
        prepare.devices(auto())
