"""Preparation of the first cell: devices, data, and the profile that `auto` chooses."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from alexnet import download
from alexnet.data import FOLDER
from alexnet.frameworks.toolchain import Toolchain
from bench.plan import engines, prepare
from bench.plan.options import Options
from bench.plan.prepare import NotPrepared
from bench.plugin import header
from bench.session.open import open_session
from tests.bench.plan.test_grid import OPTIONS


@pytest.fixture
def mac(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Mac on which torch sees the GPU and TensorFlow does not."""

    def run_alexnet(*arguments: str) -> tuple[int, str, str]:
        _, framework, device = arguments
        if framework == "torch":
            return 0, "a log line of the framework\nmps\n", ""
        if device == "auto":
            return 0, "cpu\n", ""
        return 2, "", "noise\ntensorflow 2.18.1 cannot use mps here: it sees cpu.\n"

    monkeypatch.setattr(prepare, "likely_gpu", lambda: "mps")
    monkeypatch.setattr(prepare, "_run_alexnet", run_alexnet)


def auto(**changes: object) -> Options:
    return replace(OPTIONS, profile="auto", device="auto", **changes)  # type: ignore[arg-type]


@pytest.mark.usefixtures("mac")
def test_auto_takes_what_each_framework_can_use() -> None:
    assert prepare.find_devices(auto()) == {"torch": "mps", "tensorflow": "cpu"}


@pytest.mark.usefixtures("mac")
def test_a_device_that_is_asked_for_and_missing_is_the_frameworks_own_sentence() -> None:
    with pytest.raises(NotPrepared, match=r"^tensorflow 2.18.1 cannot use mps here"):
        prepare.find_devices(replace(OPTIONS, device="mps"))


@pytest.mark.usefixtures("mac")
def test_unlike_devices_are_pointed_out_and_never_make_auto_full(tmp_path: Path) -> None:
    session = open_session(auto(dataset="synthetic"), tmp_path)
    assert session.profile == "quick"
    (note,) = header.device_warning(session)
    assert "compares devices, not frameworks" in note


@pytest.mark.usefixtures("mac")
def test_a_gpu_makes_auto_full(tmp_path: Path) -> None:
    session = open_session(auto(dataset="synthetic", engine=("torch",)), tmp_path)
    assert session.profile == "full"


def test_a_probe_that_dies_without_a_word_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "likely_gpu", lambda: "mps")
    monkeypatch.setattr(prepare, "_run_alexnet", lambda *arguments: (-11, "", "x\nI log a lot\n"))
    with pytest.raises(
        NotPrepared,
        match="asking torch for auto ended with status -11; the last that it said was: I log a lot",
    ):
        prepare.find_devices(auto())


def test_an_unpacking_that_was_cut_short_is_done_again(
    tmp_path: Path, random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fetch(folder: Path) -> Path:
        if not (folder / FOLDER).exists():
            (folder / FOLDER).symlink_to(random_cifar10 / FOLDER)
        return folder

    (tmp_path / FOLDER).mkdir()
    monkeypatch.setattr(prepare, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(download, "fetch_cifar10", fetch)
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    source = prepare.find_images(replace(OPTIONS, dataset="auto"), "full")
    assert source.provenance == "the official archive, md5 verified"


def test_a_cpu_alone_makes_auto_quick(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "likely_gpu", lambda: None)
    session = open_session(auto(dataset="synthetic"), tmp_path)
    assert session.profile == "quick"
    assert header.device_warning(session) == []


def test_an_engine_that_no_cpu_has_is_refused_before_anything_runs() -> None:
    with pytest.raises(NotPrepared, match=r"^torch-tf32 cannot run on cpu\. TF32 is a format of"):
        prepare.find_devices(replace(OPTIONS, device="cpu", engine=("torch", "torch-tf32")))


def test_an_engine_whose_compiler_cannot_build_is_refused_before_anything_runs(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("CXX", "no-such-compiler")
    options = replace(OPTIONS, device="cpu", engine=("torch-compile",))
    with pytest.raises(NotPrepared, match=r"^torch-compile cannot run on cpu\. Its compiler needs one"):
        prepare.find_devices(options)


def test_the_header_says_which_engines_run_and_why_not_the_others(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "likely_gpu", lambda: None)
    monkeypatch.setattr(engines, "likely_gpu", lambda: None)
    monkeypatch.setattr(engines, "installed_versions", {"torch", "torchvision"}.intersection)
    monkeypatch.setattr(Toolchain, "missing", lambda toolchain: "")
    session = open_session(auto(dataset="synthetic", engine=("torch", "torch-bf16")), tmp_path)
    run, rest = header.engine_lines(session)
    assert run == "engines: torch, torch-bf16"
    assert rest.startswith("not run: ")
    assert "torch-compile" in rest.split("(only if asked for, with --engine NAME or all)")[0]
    assert "torch-tf32 (TF32 is a format of NVIDIA's GPUs)" in rest
    assert "(tensorflow and keras are not installed)" in rest
    assert "torch-bf16," not in rest


def test_the_users_folder_comes_before_the_environments(
    random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALEXNET_DATA", "/nowhere")
    source = prepare.find_images(replace(OPTIONS, dataset="auto", data_dir=random_cifar10), "full")
    assert source.folder == random_cifar10
    assert source.provenance == "a folder that the user vouches for"


def test_a_framework_that_does_not_answer_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prepare, "PROBE_SECONDS", 0.01)
    monkeypatch.setattr(prepare, "likely_gpu", lambda: "mps")
    with pytest.raises(NotPrepared, match=r"alexnet device torch auto` did not answer within"):
        prepare.find_devices(auto())
