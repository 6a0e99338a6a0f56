"""Preparation of the first cell: devices, data, and the profile that `auto` chooses."""

from __future__ import annotations

import re
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest

from alexnet import download, imagenet, spec, weights
from alexnet.data import DataError
from alexnet.frameworks.toolchain import Toolchain
from alexnet.imagenet import CarryOver
from alexnet.spec import network
from bench.plan import engines, prepare
from bench.plan.options import Options
from bench.plan.prepare import NotPrepared
from bench.plugin import header
from bench.records.cell_recipe import IllegalPlan
from bench.session.open import open_session
from tests.bench.plan.test_grid import OPTIONS
from tests.support.accounts import without_a_home
from tests.support.closed import TOO_LONG, folder_of_this_user, not_as_root
from tests.support.narrow import narrow_variants


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
        match="asking torch for auto ended with status -11; its last line was: I log a lot",
    ):
        prepare.find_devices(auto())


@pytest.mark.slow
def test_asking_for_a_device_leaves_nothing_among_the_temporary_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """torch makes a folder there as it is imported, and leaves it."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    assert prepare._probe("torch", "cpu") == "cpu"
    assert list(tmp_path.iterdir()) == []


def test_without_a_folder_for_temporary_files_nobody_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(NotPrepared, match=r"^no process could be started for it: .*No such file"):
        prepare._probe("torch", "cpu")
    status, reason = prepare._run_alexnet_with_progress("carry-over")
    assert (status, reason.split(":")[0]) == (2, "no process could be started for it")


def test_the_archive_of_the_cache_is_the_official_one(
    random_cifar10: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepare, "cache_folder", lambda: random_cifar10)
    monkeypatch.setattr(download, "fetch_cifar10", lambda folder: folder)
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    source = prepare.find_images(replace(OPTIONS, dataset="auto"), "full")
    assert source.provenance == "the official archive, md5 verified"
    assert source.folder == random_cifar10


def test_a_home_of_nobody_is_a_folder_that_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """A shell leaves such a name as it is, too."""
    monkeypatch.setenv("ALEXNET_DATA", "~no-such-user/c")
    with pytest.raises(DataError, match=r"^there is no folder ~no-such-user/c; name one that holds"):
        prepare.find_images(replace(OPTIONS, dataset="auto"), "full")


def test_a_weights_file_that_may_not_be_read_is_refused_before_anything_runs() -> None:
    for name, words in {
        TOO_LONG: "cannot be read (File name too long)",
        "/nowhere.pth": "there is no such file",
        "/": "there is no such file",
    }.items():
        with pytest.raises(IllegalPlan, match=f"--weights .*{re.escape(words)}"):
            prepare.check_weights_option(replace(OPTIONS, weights=Path(name)))
    with folder_of_this_user() as folder:
        file = folder / "mine.pth"
        file.touch(mode=0o000)
        with not_as_root(), pytest.raises(IllegalPlan, match=r"mine.pth cannot be read \(Perm"):
            prepare.check_weights_option(replace(OPTIONS, weights=file))


Called = list[tuple[str, ...]]


@pytest.fixture
def conversions(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Called:
    """The calls that convert torchvision's weights, narrow ones, into an empty cache."""
    calls: Called = []
    monkeypatch.setattr(spec, "VARIANTS", narrow_variants(16))
    drawn = weights.initialise(network("torchvision", classes=1000), seed=0)
    carried = CarryOver(weights=drawn, tensors=(), sha256="7be5be79", is_official=True)

    def convert(*arguments: str) -> tuple[int, str]:
        calls.append(arguments)
        weights.save(Path(arguments[-1]), drawn, metadata=imagenet.metadata(carried))
        return 0, ""

    monkeypatch.setattr(prepare, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(prepare, "_run_alexnet_with_progress", convert)
    return calls


def test_converted_weights_are_kept_and_made_again_if_they_are_not_what_they_were(
    conversions: Called, tmp_path: Path
) -> None:
    for _ in range(2):
        file = prepare.imagenet_weights(None, tmp_path)
    assert len(conversions) == 1
    sound = file.read_bytes()
    for damaged in (b"", sound[:-1], sound[:-1] + bytes([sound[-1] ^ 1])):
        file.write_bytes(damaged)
        assert prepare.imagenet_weights(None, tmp_path) == file
        imagenet.check_carried_over(file)
    assert len(conversions) == 4


def test_converted_weights_that_are_damaged_are_named_where_they_cannot_be_made_again(
    conversions: Called, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = prepare.imagenet_weights(None, tmp_path)
    offline = (prepare.EXPLAINED, "noise\ntorchvision could not fetch it; name it with --weights PATH")
    monkeypatch.setattr(prepare, "_run_alexnet_with_progress", lambda *arguments: offline)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(NotPrepared) as error:
        prepare.imagenet_weights(None, tmp_path)
    assert str(error.value).startswith(f"{file} is not a readable safetensors file")
    assert str(error.value).endswith("; torchvision could not fetch it; name it with --weights PATH")
    file.unlink()
    with pytest.raises(NotPrepared, match=r"^torchvision could not fetch it"):
        prepare.imagenet_weights(None, tmp_path)


def test_a_cache_that_leads_nowhere_is_named(conversions: Called, tmp_path: Path) -> None:
    (tmp_path / "cache").symlink_to(tmp_path / "gone" / "too")
    with pytest.raises(
        NotPrepared, match=r"weights cannot be kept, since .*cache is a link to .*gone/too, and"
    ):
        prepare.imagenet_weights(None, tmp_path)
    assert conversions == []


def test_results_that_cannot_be_saved_are_refused_before_anything_runs(tmp_path: Path) -> None:
    """In the folder itself, in the machine's, or among its journals, which may belong to others."""
    options = replace(OPTIONS, device="cpu")
    for blocked in ("results", "results/a-mac", "results/a-mac/.runs"):
        results = tmp_path / blocked.replace("/", "-") / "results"
        file = results.parent / blocked
        file.parent.mkdir(parents=True)
        file.touch()
        with pytest.raises(NotPrepared, match=f"nothing can be saved, since {file} is a file"):
            open_session(replace(options, machine="a-mac"), results)
        assert open_session(replace(options, machine="a-mac"), results, only_list=True).plans


@pytest.mark.parametrize("older_platformdirs", [True, False])
def test_an_account_without_a_home_folder_is_told_what_to_set_before_a_download(
    monkeypatch: pytest.MonkeyPatch, older_platformdirs: bool
) -> None:
    without_a_home(monkeypatch)
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    if older_platformdirs:  # it leaves the ~ in the path
        monkeypatch.setattr("pooch.os_cache", lambda name: Path("~/.cache", name))
    words = "this account has no home folder, and so no folder for downloads: name another"
    with pytest.raises(NotPrepared, match=words):
        prepare.find_images(replace(OPTIONS, dataset="auto"), "full")
    with pytest.raises(NotPrepared, match=words):
        prepare.imagenet_weights(None, Path("session"))
    source = prepare.find_images(replace(OPTIONS, dataset="auto"), "quick")
    assert source.provenance.startswith(f"made by this suite, since {words}")
    assert not Path("~").exists()


def test_a_cache_folder_that_cannot_be_written_is_named_before_a_download(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home folder that is read-only, or / in a container; here it is a file, which stops root too."""
    (tmp_path / "home").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "home" / ".cache"))
    monkeypatch.delenv("ALEXNET_DATA", raising=False)
    words = "home is a file and no folder"
    with pytest.raises(NotPrepared, match=f"cannot be kept on this computer \\(.*{words}"):
        prepare.find_images(replace(OPTIONS, dataset="auto"), "full")
    with pytest.raises(NotPrepared, match=f"weights cannot be kept, since .*{words}"):
        prepare.imagenet_weights(None, Path("session"))
    assert prepare.cache_problem() == (
        f"{tmp_path / 'home'} is a file and no folder",
        f"move it away: mv {tmp_path / 'home'} {tmp_path / 'home'}.old",
    )


def test_a_home_that_is_closed_is_named_before_a_download(monkeypatch: pytest.MonkeyPatch) -> None:
    """As sudo leaves HOME, with the folder of whoever called it."""
    for name in ("ALEXNET_DATA", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    with folder_of_this_user() as folder:
        home = folder / "home"
        home.mkdir(mode=0o000)
        monkeypatch.setenv("HOME", str(home))
        words = re.escape(str(home)) + " (belongs to root|is closed)"
        with not_as_root():
            with pytest.raises(NotPrepared, match=rf"kept on this computer \({words}"):
                prepare.find_images(replace(OPTIONS, dataset="auto"), "full")
            with pytest.raises(NotPrepared, match=f"weights cannot be kept, since {words}"):
                prepare.imagenet_weights(None, Path("session"))
            source = prepare.find_images(replace(OPTIONS, dataset="auto"), "quick")
    assert source.provenance.startswith("made by this suite, since")


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
