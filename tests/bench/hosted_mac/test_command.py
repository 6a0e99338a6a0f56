"""`python -m bench.hosted_mac`: its exit status, its summary, and a computer without Apple's GPU."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from alexnet.frameworks import registry
from bench.hosted_mac import __main__ as command
from bench.hosted_mac.ask import ENGINES, PARITY_DEVICE, ask_parity
from bench.hosted_mac.judge import ANSWERED, PARITY, Answer
from bench.paths import ROOT
from tests.support.engines import YARDSTICKS
from tests.support.sessions import environment_without

FIRST, *_, LAST = ENGINES
FAULT = f"""[[fault]]
kind = "gate"
engine = "{FIRST}"
check = "layers"
images = ["macos-26"]
source = "docs/gate.md"
why = "a made-up fault"
"""


def answered(kind: str, engine: str, check: str, passed: bool, text: str = "") -> Answer:
    return Answer(kind=kind, engine=engine, check=check, passed=passed, text=text)  # type: ignore[arg-type]


class Runner:
    """A runner on paper. `off` has the (kind, engine, check) that do not pass."""

    def __init__(self) -> None:
        self.off: set[tuple[str, str, str]] = set()
        self.asked: list[str] = []

    def ask(self, kind: str, engine: str, check: str) -> Answer:
        self.asked.append(f"{kind} {engine}")
        passed = (kind, engine, check) not in self.off
        return answered(kind, engine, check, passed, "" if passed else "there is none here")

    def gpu(self, engine: str, folder: Path) -> Answer:
        folder.mkdir(parents=True)
        return self.ask("gpu", engine, "mps")

    def gates(self, engine: str, folder: Path) -> list[Answer]:
        return [self.ask("gate", engine, "layers")]

    def parity(self, folder: Path) -> list[Answer]:
        return [self.ask("parity", engine, "test_every_layer_agrees") for engine in ENGINES]


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Runner:
    runner = Runner()
    monkeypatch.setattr(command, "ask_gpu", runner.gpu)
    monkeypatch.setattr(command, "ask_gates", runner.gates)
    monkeypatch.setattr(command, "ask_parity", runner.parity)
    monkeypatch.setattr(command, "KNOWN_FAULTS", tmp_path / "list.toml")
    monkeypatch.delenv("GITHUB_STEP_SUMMARY", raising=False)
    (tmp_path / "list.toml").write_text(FAULT)
    return runner


def call(folder: Path, image: str = "macos-15") -> int:
    return command.main(["--image", image, "--out", str(folder / "out")])


def test_every_engine_is_asked_and_zero_means_that_nothing_failed(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(tmp_path) == 0
    assert runner.asked == [
        *(f"{kind} {engine}" for engine in ENGINES for kind in ("gpu", "gate")),
        *(f"parity {engine}" for engine in ENGINES),
    ]
    assert capsys.readouterr().out == "Apple's virtual GPU on macos-15: passed\n"


@pytest.mark.parametrize("off", [("gate", LAST, "layers"), ("parity", LAST, "test_every_layer_agrees")])
def test_what_fails_fails_the_command_and_is_named(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str], off: tuple[str, str, str]
) -> None:
    runner.off = {off}
    assert call(tmp_path) == 1
    first, last = capsys.readouterr().out.splitlines()
    assert first == f"FAILED: {LAST}, {off[0]}, {off[2]}: there is none here"
    assert last == "Apple's virtual GPU on macos-15: failed"


def test_a_known_fault_does_not_fail_and_is_told(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    runner.off = {("gate", FIRST, "layers")}
    assert call(tmp_path, "macos-26") == 0
    assert f"known fault: {FIRST}, gate, layers: there is none here (a made-up fault: docs/gate.md)" in (
        capsys.readouterr().out
    )


def test_a_known_fault_that_is_gone_does_not_fail_and_is_told(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(tmp_path, "macos-26") == 0
    assert f"gone: {FIRST}, gate, layers passes on this image" in capsys.readouterr().out


def test_a_missing_gpu_fails_and_its_engine_is_asked_nothing_more(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other engines' gates are asked; parity compares all, so it is not."""
    runner.off = {("gpu", FIRST, "mps")}
    assert call(tmp_path) == 1
    assert f"FAILED: {FIRST}, gpu, mps: there is none here" in capsys.readouterr().out
    assert f"gate {FIRST}" not in runner.asked
    assert f"gate {LAST}" in runner.asked
    assert not [asked for asked in runner.asked if asked.startswith("parity")]


def test_the_summary_is_kept_and_added_to_githubs(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(tmp_path / "page.md"))
    (tmp_path / "page.md").write_text("of an earlier step\n")
    runner.off = {("gate", LAST, "layers")}
    call(tmp_path)
    summary = (tmp_path / "out" / "summary.md").read_text()
    assert (tmp_path / "page.md").read_text() == f"of an earlier step\n{summary}"
    assert summary.startswith("## Apple's virtual GPU on macos-15: failed\n")
    assert f"| {LAST} | gate | 0 | 1 | 0 | 0 |" in summary


def test_a_folder_with_an_earlier_run_is_refused(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert call(tmp_path) == 0
    with pytest.raises(SystemExit) as ended:
        call(tmp_path)
    assert ended.value.code == 2
    assert "it is not empty" in capsys.readouterr().err


def test_a_wrong_list_ends_it_before_anything_is_asked(
    runner: Runner, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.toml").write_text(
        FAULT.replace("made-up fault", "reason").replace("docs/gate", "x")
    )
    with pytest.raises(SystemExit) as ended:
        call(tmp_path)
    assert ended.value.code == 2
    assert "its source 'x.md' is neither an address nor a file here" in capsys.readouterr().err
    assert runner.asked == []


# With the real engines, on a computer that has no Apple GPU


pytest_on_a_computer_without = pytest.mark.skipif(sys.platform == "darwin", reason="a Mac has one")


@pytest.mark.slow
@pytest_on_a_computer_without
def test_without_apples_gpu_it_fails_with_each_frameworks_reason(tmp_path: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "bench.hosted_mac",
            "--image",
            "macos-15",
            "--out",
            str(tmp_path / "out"),
        ],
        cwd=ROOT,
        env=environment_without({"GITHUB_STEP_SUMMARY"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1, done.stdout + done.stderr
    *told, last = done.stdout.splitlines()
    assert last == "Apple's virtual GPU on macos-15: failed"
    for engine, line in zip(ENGINES, told, strict=True):
        assert line.startswith(f"FAILED: {engine}, gpu, mps: {registry.ENGINES[engine].framework} ")
        assert "cannot use mps here" in line or "cannot be imported here" in line


@pytest.fixture(scope="module")
def parity(tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Answer]]:
    """The parity tests on mps, which is not there."""
    with pytest.MonkeyPatch.context() as patch:
        for name in ("PYTEST_ADDOPTS", "PYTEST_XDIST_WORKER", "PYTEST_XDIST_WORKER_COUNT"):
            patch.delenv(name, raising=False)
        yield ask_parity(tmp_path_factory.mktemp("parity"))


@pytest.mark.slow
@pytest_on_a_computer_without
def test_the_parity_tests_ask_for_the_gpu(parity: list[Answer]) -> None:
    """Every test fails that is not left out: none of them falls back to the CPU."""
    assert PARITY_DEVICE == "ALEXNET_PARITY_DEVICE"
    assert {a.check for a in parity if a.passed} == {ANSWERED}
    failed = {a.check for a in parity if a.passed is False}
    assert {"test_every_layer_agrees", "test_one_step_of_sgd_moves_every_weight_alike"} <= failed
    assert {a.engine for a in parity if a.passed is False} == set(YARDSTICKS)


@pytest.mark.slow
@pytest_on_a_computer_without
def test_only_parity_tests_about_the_cpu_are_left_out(parity: list[Answer]) -> None:
    left_out = {answer.check: answer.text for answer in parity if answer.passed is None}
    assert set(left_out) == {
        "test_the_frameworks_own_count_is_the_law",
        "test_a_hundred_losses_agree_over_a_change_of_rate",
        "test_casts_of_counts_to_float_are_not_reported_as_off_device",
        "test_placement_is_unknown_where_tensorflow_records_nothing",
    }
    assert all(text.startswith("on the CPU alone: ") for text in left_out.values())
    page = (ROOT / "docs" / "hosted-mac.md").read_text()
    assert str(PARITY.relative_to(ROOT)) in page
