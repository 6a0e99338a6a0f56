"""Facts are gathered without importing a framework, and each framework is probed at most once."""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from alexnet.data import ARCHIVE, FOLDER
from alexnet.folders import Obstacle
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import VARIABLES
from alexnet.spec import network
from bench.doctor import facts
from bench.doctor.diagnosis import diagnose
from bench.doctor.facts import Disk, can_probe_gpu, gather_facts, plugin_clash, release_numbers
from bench.host.limits import Limits
from bench.paths import ROOT
from bench.plan import prepare
from bench.plan.options import Options
from tests.support.accounts import without_a_home
from tests.support.closed import TOO_LONG, folder_of_this_user, not_as_root
from tests.support.doctor_facts import AUTO, GB, MAC, PINS, packages


def needs(disk: Disk | None) -> int:
    """The bytes that a run adds to a disk that is there."""
    assert disk
    return disk.needs_bytes


@pytest.mark.parametrize(
    ("version", "numbers"),
    [
        ("2.18.1+cpu", (2, 18, 1)),
        ("3.6.0.dev1", (3, 6, 0)),
        ("3.14.0a1+", (3, 14, 0)),
        ("2.20.0rc0", (2, 20, 0)),
        ("nightly", ()),
        (None, ()),
    ],
)
def test_a_version_gives_its_numbers(version: str | None, numbers: tuple[int, ...]) -> None:
    assert release_numbers(version) == numbers


# Seen on Macs and read out of the published libraries: which pairs load.
@pytest.mark.parametrize("tensorflow", ["2.16.2", "2.17.1", "2.18.1", "2.19.1", "2.20.0", "2.21.0"])
@pytest.mark.parametrize("metal", ["1.1.0", "1.2.0"])
def test_the_pairs_that_crash_are_known(tensorflow: str, metal: str) -> None:
    pair = {"tensorflow": tensorflow, "tensorflow-metal": metal}
    last = {"1.1.0": (2, 17), "1.2.0": (2, 19)}[metal]
    assert (plugin_clash("tensorflow", "darwin", pair) is None) == (
        release_numbers(tensorflow)[:2] <= last
    )
    assert plugin_clash("tensorflow", "linux", pair) is None


@pytest.fixture
def probes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[str, str]]:
    """The (engine, device) asked for on a Mac where torch sees the GPU and TensorFlow does not."""
    probes: list[tuple[str, str]] = []

    def devices(options: Options) -> dict[str, Device]:
        probes.append((options.engine[0], options.device))
        if options.engine == ("tensorflow",):
            raise prepare.NotPrepared("tensorflow cannot use mps here")
        return {options.engine[0]: "mps"}

    monkeypatch.setattr(facts, "likely_gpu", lambda: "mps")
    monkeypatch.setattr(prepare, "find_devices", devices)
    monkeypatch.setattr(prepare, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(sys, "platform", "darwin")
    return probes


def test_each_framework_is_asked_for_the_gpu_by_name(probes: list[tuple[str, str]]) -> None:
    gathered = gather_facts(AUTO, machine=MAC.machine, probe=True)
    assert probes == [("torch", "mps"), ("tensorflow", "mps")]
    assert gathered.devices == {"torch": "mps"}
    assert gathered.refusals == {"tensorflow": "tensorflow cannot use mps here"}
    assert gathered.profile == "quick"


def test_an_import_that_would_crash_is_not_tried(probes: list[tuple[str, str]]) -> None:
    for installed in (
        packages(tensorflow="2.20.0"),
        packages(tensorflow_metal=None),
        packages(keras=None),
    ):
        machine = msgspec.structs.replace(MAC.machine, packages=installed)
        assert gather_facts(AUTO, machine=machine, probe=True).profile == "quick"
    assert probes == [("torch", "mps")] * 3
    assert not can_probe_gpu("torch", "linux", {})


def test_what_is_known_is_not_asked_again(probes: list[tuple[str, str]]) -> None:
    known: dict[str, Device] = {"torch": "mps", "tensorflow": "mps"}
    gathered = gather_facts(AUTO, machine=MAC.machine, devices=known, probe=True)
    assert (gathered.devices, gathered.profile) == (known, "full")
    assert gather_facts(AUTO, machine=MAC.machine, profile="smoke").profile == "smoke"
    assert gather_facts(replace(AUTO, engine=("torch",)), machine=MAC.machine).profile == "full"
    assert gather_facts(replace(AUTO, device="cpu"), machine=MAC.machine, probe=True).gpu is None
    assert gather_facts(replace(AUTO, device="cuda"), machine=MAC.machine, probe=True).gpu == "mps"
    assert probes == []


@pytest.fixture
def second_torch_engine(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a second engine of torch."""
    engine = replace(registry.ENGINES["torch"], name="torch-other", label="PyTorch, otherwise")
    monkeypatch.setitem(registry.ENGINES, engine.name, engine)
    return engine.name


def test_two_engines_of_one_framework_need_one_framework(
    probes: list[tuple[str, str]], second_torch_engine: str
) -> None:
    options = replace(AUTO, engine=(second_torch_engine, "tensorflow", "torch"))
    gathered = gather_facts(options, machine=MAC.machine, probe=True)
    assert gathered.engines == (second_torch_engine, "tensorflow", "torch")
    assert gathered.frameworks == ("torch", "tensorflow")
    assert probes == [(second_torch_engine, "mps"), ("tensorflow", "mps"), ("torch", "mps")]
    assert gathered.devices == {second_torch_engine: "mps", "torch": "mps"}
    assert set(gathered.refusals) == {"tensorflow"}


def test_an_engine_is_not_asked_if_its_framework_would_crash(
    probes: list[tuple[str, str]], second_torch_engine: str
) -> None:
    machine = msgspec.structs.replace(MAC.machine, packages=packages(torch=None))
    options = replace(AUTO, engine=(second_torch_engine,))
    assert gather_facts(options, machine=machine, probe=True).profile == "quick"
    assert probes == []


@pytest.mark.usefixtures("probes")
def test_the_room_that_a_run_needs_follows_from_its_networks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    full = gather_facts(AUTO, machine=MAC.machine, profile="full")
    assert full.parameters == network("mistaken").parameters == 202_839_952
    assert full.results.needs_bytes == 8 * 4 * full.parameters + facts.RECORDS_BYTES
    assert full.memory_needs_bytes == 16 * full.parameters + 3 * GB
    assert full.gate_needs_bytes == 32 * full.parameters + 3 * GB
    assert needs(full.cache) == 2 * 4 * 61_100_840  # ImageNet's: as downloaded and as converted
    small = gather_facts(
        replace(AUTO, image_size=64, experiment=("scratch",)), machine=MAC.machine, profile="full"
    )
    assert small.parameters == network("standard", image_size=64).parameters
    assert needs(small.cache) == 0
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "torchvision-alexnet.safetensors").touch()
    assert needs(gather_facts(AUTO, machine=MAC.machine, profile="full").cache) == 0
    to_download = gather_facts(replace(AUTO, dataset="auto"), machine=MAC.machine, profile="full")
    assert needs(to_download.cache) == facts.ARCHIVE_BYTES + 60_000 * 3073


@pytest.mark.usefixtures("probes")
def test_the_state_of_the_data(
    tmp_path: Path, random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    auto = replace(AUTO, dataset="auto")
    assert facts.data_state(AUTO) == ("synthetic", None)
    assert facts.data_state(auto) == ("download", None)
    archive = tmp_path / "cache" / ARCHIVE
    archive.parent.mkdir()
    archive.touch()
    assert facts.data_state(auto) == ("download", None), "an empty file is no archive"
    os.truncate(archive, facts.ARCHIVE_BYTES)
    assert facts.data_state(auto) == ("cached", None)
    assert facts.data_state(replace(auto, data_dir=random_cifar10)) == ("folder", None)
    assert facts.data_state(replace(auto, data_dir=random_cifar10 / FOLDER)) == ("folder", None)
    for named, words in {
        str(tmp_path): "data_batch_1.bin is missing",
        str(tmp_path / "nowhere"): "there is no folder",
        "~no-such-user/c": "there is no folder ~no-such-user/c",
        TOO_LONG: "cannot be read (File name too long)",
    }.items():
        monkeypatch.setenv("ALEXNET_DATA", named)
        state, problem = facts.data_state(auto)
        assert state == "unusable folder"
        assert problem
        assert words in problem.problem


def test_closed_folders_are_facts_and_no_tracebacks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    options = replace(AUTO, dataset="auto")
    with folder_of_this_user() as folder:
        for name in ("data", "cache", "results"):
            (folder / name).mkdir(mode=0o000)
        weights = folder / "mine.pth"
        weights.touch(mode=0o000)
        monkeypatch.setattr(prepare, "cache_folder", lambda: folder / "cache" / "alexnet-bench")
        with not_as_root():
            gathered = gather_facts(
                replace(options, weights=weights), machine=MAC.machine, results=folder / "results"
            )
            state, problem = facts.data_state(replace(options, data_dir=folder / "data"))
        assert gathered.data == "download"
        assert gathered.weights_problem == f"--weights {weights} cannot be read (Permission denied)"
        assert gathered.results_obstacle
        assert gathered.results_obstacle.path == folder / "results"
        assert state == "unusable folder"
        assert problem
        assert "cannot be read (Permission denied)" in problem.problem


def test_folders_that_are_not_there_yet_are_judged_by_the_one_above(
    tmp_path: Path,
) -> None:
    gathered = gather_facts(AUTO, machine=MAC.machine, results=tmp_path / "new" / "results")
    assert gathered.results_obstacle is None
    assert gathered.results.free_bytes
    assert gathered.results.volume == tmp_path.stat().st_dev
    (tmp_path / "results").symlink_to("/Volumes/gone")
    gathered = gather_facts(AUTO, machine=MAC.machine, results=tmp_path / "results")
    assert gathered.results_obstacle == Obstacle(
        kind="dead link", path=tmp_path / "results", detail="/Volumes/gone"
    )


def test_only_variables_that_matter_are_looked_at(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PYTORCH_ENABLE_MPS_FALLBACK", "1")
    monkeypatch.setenv("A_SECRET", "x")
    assert gather_facts(AUTO).environment == {"PYTORCH_ENABLE_MPS_FALLBACK": "1"}


def test_an_account_without_home_and_temporary_folder_is_diagnosed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def none() -> Path:
        raise FileNotFoundError(2, "No usable temporary directory found in ['/tmp', '/var/tmp']")

    without_a_home(monkeypatch)
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    monkeypatch.setattr(facts, "place", none)
    options = replace(AUTO, profile="full", device="cpu", dataset="auto")
    gathered = gather_facts(options, machine=MAC.machine)
    assert gathered.data == "download"
    assert gathered.temporary is None
    errors = [finding for finding in diagnose(gathered) if finding.level == "error"]
    said = {finding.message: finding.fix for finding in errors}
    assert said["No folder for temporary files can be written to."] == "set TMPDIR to one that can"
    cache = next(fix for message, fix in said.items() if message.startswith("CIFAR-10 is not here yet"))
    assert cache.startswith("name another folder for downloads in XDG_CACHE_HOME, or")


def test_pins_are_read_from_the_constraints_file(tmp_path: Path) -> None:
    file = tmp_path / "constraints.txt"
    file.write_text(
        "# torch==1.0\nkeras==3.6.0\ntorch==2.14.1 # why\nnumpy==2.0.2; python_version>'3'\nx\n"
    )
    assert facts.read_pins(file) == {"keras": "3.6.0", "torch": "2.14.1", "numpy": "2.0.2"}
    assert facts.read_pins(tmp_path / "none.txt") == {}
    assert set(PINS) <= set(facts.read_pins(ROOT / "constraints.txt"))


def test_packages_of_a_cuda_version_are_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, version in (
        ("nvidia_cudnn_cu12", "9.3.0.75"),
        ("nvidia-nccl-cu13", "2.30.7"),
        ("nvidia-cublas", "13.1.1.3"),
        ("cu12", "1.0"),
    ):
        folder = tmp_path / f"{name.replace('-', '_')}-{version}.dist-info"
        folder.mkdir()
        (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    (tmp_path / "broken_off-1.0.dist-info").mkdir()
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    assert facts.installed_cuda_packages() == {
        "nvidia-cudnn-cu12": "9.3.0.75",
        "nvidia-nccl-cu13": "2.30.7",
    }


@pytest.mark.usefixtures("probes")
def test_what_an_engine_compiles_needs_room_among_temporary_files() -> None:
    needed = {
        engine: needs(gather_facts(replace(AUTO, engine=(engine,)), machine=MAC.machine).temporary)
        for engine in ("torch", "tensorflow-xla", "torch-compile")
    }
    assert needed == {"torch": 0, "tensorflow-xla": 0, "torch-compile": facts.COMPILED_BYTES}


def test_an_engine_that_its_device_does_not_have_is_not_asked(probes: list[tuple[str, str]]) -> None:
    options = replace(AUTO, engine=("torch", "torch-tf32"))
    gathered = gather_facts(options, machine=MAC.machine, probe=True)
    assert gathered.obstacles == {"torch-tf32": "TF32 is a format of NVIDIA's GPUs"}
    assert probes == [("torch", "mps")]
    cpu = gather_facts(replace(options, device="cpu"), machine=MAC.machine, probe=True)
    assert set(cpu.obstacles) == {"torch-tf32"}
    by_session = gather_facts(options, machine=MAC.machine, devices={"torch-tf32": "cuda"})
    assert by_session.obstacles == {}


@pytest.mark.usefixtures("probes")
def test_without_its_plugin_a_framework_takes_the_cpu_and_the_gpu_is_no_obstacle() -> None:
    options = replace(AUTO, engine=("tensorflow-xla",))
    assert set(gather_facts(options, machine=MAC.machine).obstacles) == {"tensorflow-xla"}
    without = msgspec.structs.replace(MAC.machine, packages=packages(tensorflow_metal=None))
    assert gather_facts(options, machine=without).obstacles == {}


@pytest.mark.parametrize(
    "name",
    [
        *("CUDA_LAUNCH_BLOCKING", "NVIDIA_TF32_OVERRIDE", "TF_XLA_FLAGS", "XLA_FLAGS"),
        *("TF_NUM_INTRAOP_THREADS", "VECLIB_MAXIMUM_THREADS"),
    ],
)
def test_what_users_were_seen_to_have_set_is_looked_at(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By name: the other tests go by the table of variables, and would not miss a row."""
    monkeypatch.setenv(name, "1")
    assert gather_facts(AUTO, machine=MAC.machine).environment[name] == "1"


def test_the_limits_are_those_of_now(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = Limits(processors=8, visible=8, memory_bytes=2 * GB)
    monkeypatch.setattr(facts, "current_limits", lambda: limits)
    assert gather_facts(AUTO, machine=MAC.machine).limits is limits


@pytest.mark.parametrize("name", sorted(VARIABLES.keys() - {"KERAS_BACKEND"}))
def test_what_the_doctor_warns_of_stands_in_a_result_too(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """But for Keras's backend, which this suite sets itself."""
    monkeypatch.delenv(name, raising=False)
    assert name not in registry.environment()
    monkeypatch.setenv(name, "1")
    assert registry.environment()[name] == "1"


@pytest.mark.parametrize("name", ["TORCHINDUCTOR_MAX_AUTOTUNE", "TORCHDYNAMO_SUPPRESS_ERRORS"])
def test_what_makes_another_engine_of_a_compiled_one_stands_in_a_result(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "1")
    assert registry.environment()[name] == "1"


@pytest.mark.parametrize(
    "name",
    [
        *("HOME", "USER", "PATH", "HTTPS_PROXY", "TF_CPP_MIN_LOG_LEVEL"),
        *("TMPDIR", "TORCHINDUCTOR_CACHE_DIR"),
    ],
)
def test_what_changes_no_figure_stays_out_of_a_result(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, "secret")
    assert name not in registry.environment()
