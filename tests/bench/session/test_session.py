"""`pytest bench` on paper workers: the grid, the saved file, the screen, and every wrong option."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from subprocess import Popen
from time import monotonic, sleep

import pytest

from bench.paths import ROOT
from bench.records import codec
from bench.records.types import Condition, Machine
from tests.support.another_suite import another_suites_content
from tests.support.closed import TOO_LONG
from tests.support.sessions import (
    FAILED,
    INTERRUPTED,
    PASSED,
    SYNTHETIC,
    USAGE_ERROR,
    bench,
    command_and_environment,
    saved,
)

pytestmark = pytest.mark.slow

PATIENCE_SECONDS = 120.0
ABSENT = "cuda" if sys.platform == "darwin" else "mps"


def test_a_crashed_and_a_diverged_cell_are_saved_and_the_others_go_on(tmp_path: Path) -> None:
    paper = "scratch-torch=crash mistaken-tensorflow=diverge"
    done = bench(
        tmp_path, *SYNTHETIC, "--experiment", "scratch", "--experiment", "mistaken", paper=paper
    )
    assert done.returncode == FAILED
    content = saved(tmp_path)
    names = {b["param"] for b in content["benchmarks"]}
    assert names == {"scratch-tensorflow-cpu-s0", "mistaken-torch-cpu-s0"}
    crashed, diverged = content["failures"]
    assert crashed["failure"]["reason"].startswith("the worker ended with status 9 after epoch 2")
    last_words = "the last words of scratch-torch-cpu-s0 in ~/folder"
    assert crashed["failure"]["log_tail"].splitlines() == [last_words, last_words], "it was tried again"
    assert [epoch["epoch"] for epoch in crashed["epochs"]] == [1, 2]
    (retry,) = crashed["interruptions"]
    assert retry["why"].startswith("the worker ended with status 9 after epoch 1")
    assert diverged["verdict"]["reasons"] == [{"kind": "diverged", "epoch": 2}]
    summary = done.stdout[done.stdout.index("= AlexNet =") :]
    assert "scratch-torch-cpu-s0 failed: the worker ended with status 9" in summary
    assert "mistaken-tensorflow-cpu-s0 is invalid: diverged at epoch 2" in summary


def test_a_cell_that_fails_its_gate_is_trained_saved_and_named_invalid(tmp_path: Path) -> None:
    paper = "scratch-torch=wrong"
    done = bench(tmp_path, *SYNTHETIC, "--experiment", "scratch", paper=paper)
    assert done.returncode == FAILED
    content = saved(tmp_path)
    assert [b["param"] for b in content["benchmarks"]] == ["scratch-tensorflow-cpu-s0"]
    (invalid,) = content["failures"]
    assert len(invalid["epochs"]) == 2
    assert invalid["result"]["test_accuracy"] is not None
    assert invalid["verdict"]["validity"] == "invalid"
    reason = invalid["verdict"]["reasons"][0]
    assert (reason["kind"], reason["check"]["name"]) == ("check failed", "logits")
    assert (reason["check"]["measured"], reason["check"]["upper"]) == (0.9, 2.4e-5)
    words = "logits: 0.9 where 2.4e-05 at most is allowed"
    assert f"scratch-torch-cpu-s0 is invalid: {words}" in done.stdout
    # TensorFlow is held against the reference, and not against torch.
    gate = content["benchmarks"][0]["extra_info"]["gate"]
    assert gate["not_checked"] == []


def test_the_gate_alone_can_be_asked_and_trains_nothing(tmp_path: Path) -> None:
    command, environment = command_and_environment(tmp_path, *SYNTHETIC, paper="scratch-torch=wrong")
    command[command.index("bench")] = "bench/test_gate.py"
    command += ["--experiment", "scratch"]
    done = subprocess.run(
        command, cwd=ROOT, capture_output=True, text=True, check=False, env=environment
    )
    assert done.returncode == FAILED
    assert "logits: 0.9 where 2.4e-05 at most is allowed" in done.stdout
    assert "1 failed, 1 passed" in done.stdout
    assert not list((tmp_path / "test-machine").glob("*.json"))
    assert not list((tmp_path / "test-machine").rglob("*.reference*"))


def test_all_gates_come_before_the_first_cell(tmp_path: Path) -> None:
    done = bench(tmp_path, *SYNTHETIC, "-v", "--experiment", "scratch", paper="")
    order = [line.split("::")[1].split("[")[0] for line in done.stdout.splitlines() if "::test_" in line]
    assert order == ["test_gate", "test_gate", "test_train", "test_train"]
    assert "2 cells" in done.stdout


def test_a_gate_that_dies_makes_the_run_invalid_and_says_so(tmp_path: Path) -> None:
    done = bench(tmp_path, *SYNTHETIC, "-k", "scratch-torch", paper="scratch-torch=mute")
    assert done.returncode == FAILED
    (invalid,) = saved(tmp_path)["failures"]
    (reason,) = invalid["verdict"]["reasons"]
    assert (reason["kind"], reason["check"]["measured"]) == ("check failed", None)
    words = "it did not answer, asked twice: the worker ended with status 5"
    assert words in reason["check"]["description"]
    assert words in done.stdout


def test_one_engine_alone_has_a_whole_gate(tmp_path: Path) -> None:
    """The reference is what it is held against, so it needs no other engine."""
    done = bench(tmp_path, *SYNTHETIC, "-k", "scratch-torch", paper="")
    assert done.returncode == PASSED
    gate = saved(tmp_path)["benchmarks"][0]["extra_info"]["gate"]
    assert gate["not_checked"] == []


def test_the_condition_of_the_machine_stands_beside_every_run(tmp_path: Path) -> None:
    assert bench(tmp_path, *SYNTHETIC, "-k", "scratch-torch", paper="").returncode == PASSED
    info = saved(tmp_path)["benchmarks"][0]["extra_info"]
    for moment in ("before", "after"):
        assert codec.build(Condition, info[moment]).available_memory_bytes > 0
    codec.build(Machine, saved(tmp_path)["machine_info"]["machine"])


def test_a_comparison_says_in_words_what_differs(tmp_path: Path) -> None:
    """Field by field, without printing a machine as a dict."""
    pick = ("-k", "scratch-torch", "--benchmark-save=first")
    assert bench(tmp_path, *SYNTHETIC, *pick, paper="").returncode == PASSED
    file = tmp_path / "test-machine" / "0001_first.json"
    content = json.loads(file.read_text())
    content["machine_info"]["machine"] |= {"memory_bytes": 2**30, "os_build": "24A1"}
    file.write_text(json.dumps(content))
    again = bench(
        tmp_path, *SYNTHETIC, "-k", "scratch-torch", "--epochs", "4", "--benchmark-compare", paper=""
    )
    text = again.stdout + again.stderr
    assert again.returncode == PASSED, text
    assert "memory: " in text
    assert "1 GiB there" in text
    assert "system build: " in text
    assert "compared: plan epochs: 4 here, 2 there (in 0001_first.json): scratch-torch-cpu-s0" in text
    assert '{"' not in text
    assert "machine_info is different" not in text


@pytest.mark.parametrize(
    ("arguments", "columns"),
    [((), ["Median", "Rounds"]), (("--benchmark-columns=min,max",), ["Min", "Max"])],
)
def test_pytest_benchmarks_table_fits_into_eighty_columns_unless_more_is_asked_for(
    tmp_path: Path, arguments: tuple[str, ...], columns: list[str]
) -> None:
    done = bench(tmp_path, *SYNTHETIC, *arguments, "-k", "augmented", paper="")
    assert done.returncode == PASSED
    (names,) = [line for line in done.stdout.splitlines() if line.startswith("Name (time in")]
    assert names.partition(")")[2].split() == columns
    if not arguments:
        assert len(names) <= 80


def test_a_narrow_terminal_has_the_table_without_minor_columns(tmp_path: Path) -> None:
    command, environment = command_and_environment(tmp_path, *SYNTHETIC, "-k", "scratch", paper="")
    ours, theirs = pty.openpty()
    printed = b""
    with os.fdopen(theirs, "wb", buffering=0) as end:
        process = Popen(
            command,
            cwd=ROOT,
            env=environment | {"COLUMNS": "80", "TERM": "xterm-256color"},
            stdin=end,
            stdout=end,
            stderr=end,
        )
    with suppress(OSError):  # raised on Linux once the session has closed its end
        while part := os.read(ours, 65536):
            printed += part
    os.close(ours)
    text = printed.decode(errors="replace")
    assert process.wait(60) == PASSED, text
    assert "in a wider window, and in the report: " in text
    assert "in a wider window" not in bench(tmp_path, *SYNTHETIC, "-k", "scratch", paper="").stdout


def test_a_session_goes_on_beside_a_file_of_another_suite(tmp_path: Path) -> None:
    """What plain pytest-benchmark saved has a string where our record of the machine stands."""
    theirs = tmp_path / "downloads" / "0001_sorting.json"
    theirs.parent.mkdir()
    theirs.write_text(json.dumps(another_suites_content()), encoding="utf-8-sig")
    done = bench(tmp_path, *SYNTHETIC, "-k", "scratch-torch", f"--benchmark-compare={theirs}", paper="")
    text = done.stdout + done.stderr
    assert done.returncode == PASSED, text
    assert "this machine against the saved one: saved by another suite" in text
    assert "Traceback" not in text
    (benchmark,) = saved(tmp_path)["benchmarks"]
    assert benchmark["params"] == {"cell": "scratch-torch-cpu-s0"}


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--benchmark-compare=a/b/none.json",), "--benchmark-compare: a/b/none.json is no file"),
        (
            ("--benchmark-compare", "--benchmark-compare-fail=mean:5%"),
            "--benchmark-compare-fail needs a saved file to compare with, and there is none",
        ),
        (
            ("--machine", "🚀"),
            "has no letter and no digit, and the folder of results takes its name from it",
        ),
    ],
)
def test_what_would_fail_at_the_end_is_refused_at_the_start(
    tmp_path: Path, arguments: tuple[str, ...], sentence: str
) -> None:
    done = bench(tmp_path, *SYNTHETIC, "-k", "scratch-torch", *arguments, paper="")
    assert done.returncode == USAGE_ERROR
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr + done.stdout
    assert not list(tmp_path.rglob("*.jsonl"))


def test_a_computer_is_named_in_any_script(tmp_path: Path) -> None:
    done = bench(tmp_path, *SYNTHETIC, "-k", "scratch-torch", "--machine", "王的电脑 1", paper="")
    assert done.returncode == PASSED
    (file,) = tmp_path.glob("王的电脑-1/0001_*.json")
    assert json.loads(file.read_text())["machine_info"]["machine"]["name"] == "王的电脑-1"
    assert "王的电脑-1" in done.stdout


def test_an_error_of_the_doctor_stops_a_run_unless_told_otherwise(tmp_path: Path) -> None:
    pick = ("-k", "scratch-torch")
    done = bench(tmp_path, *SYNTHETIC, *pick, paper="doctor=error")
    assert done.returncode == USAGE_ERROR
    assert "error: The moon is full.\n    fix: wait a day" in done.stderr
    assert "--ignore-doctor" in done.stderr
    assert not list((tmp_path / "test-machine").glob("*.json"))
    for paper, arguments in (("doctor=error", ("--ignore-doctor",)), ("doctor=warning", ())):
        done = bench(tmp_path, *SYNTHETIC, *pick, *arguments, paper=paper)
        assert done.returncode == PASSED
        assert "The moon is full.\n    fix: wait a day" in done.stdout


def test_a_session_in_which_every_cell_failed_is_saved_all_the_same(tmp_path: Path) -> None:
    done = bench(tmp_path, *SYNTHETIC, "--experiment", "scratch", paper="scratch=crash")
    assert done.returncode == FAILED
    content = saved(tmp_path)
    assert content["benchmarks"] == []
    assert len(content["failures"]) == 2
    assert content["machine_info"]["machine"]["name"] == "test-machine"


def test_a_file_that_cannot_be_written_fails_the_session_in_a_sentence(tmp_path: Path) -> None:
    name = "m" * 250  # too long with the ending that a file has while it is written
    done = bench(
        tmp_path, *SYNTHETIC, "-k", "scratch-torch", f"--benchmark-json={tmp_path / name}.json", paper=""
    )
    assert done.returncode == FAILED
    assert f"{name}.json could not be written" in done.stdout
    assert "Traceback" not in done.stderr + done.stdout
    assert saved(tmp_path)["benchmarks"]


def test_a_file_that_could_not_be_written_is_told_before_any_cell(tmp_path: Path) -> None:
    file = tmp_path / "missing" / "mine.json"
    done = bench(tmp_path, *SYNTHETIC, "-k", "scratch-torch", f"--benchmark-json={file}", paper="")
    assert done.returncode == USAGE_ERROR
    assert f"--benchmark-json {file} could not be written at the end (No such file" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "test-machine" / ".runs").exists()


def test_what_would_fail_as_the_results_are_saved_fails_before_any_cell(tmp_path: Path) -> None:
    """py-cpuinfo, which pytest-benchmark asks at the end, knows some kinds of processor only."""
    plugin = "import cpuinfo\n\ndef unknown():\n    raise Exception('py-cpuinfo: no such CPU')\n"
    (tmp_path / "strange_cpu.py").write_text(f"{plugin}\ncpuinfo.get_cpu_info = unknown\n")
    arguments = (*SYNTHETIC, "-k", "scratch-torch", "-p", "strange_cpu")
    done = bench(tmp_path, *arguments, paper="", PYTHONPATH=str(tmp_path))
    assert done.returncode == USAGE_ERROR
    assert "the results could not be saved at the end, so nothing is measured" in done.stderr
    assert "(Exception: py-cpuinfo: no such CPU)" in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not (tmp_path / "test-machine" / ".runs").exists()


def until(condition: Callable[[], bool]) -> None:
    """Waits for the condition; a session on a busy machine may take its time."""
    deadline = monotonic() + PATIENCE_SECONDS
    while not condition():
        assert monotonic() < deadline
        sleep(0.02)


def test_ctrl_c_saves_the_cells_that_are_done_and_what_the_next_one_had(tmp_path: Path) -> None:
    command, environment = command_and_environment(
        tmp_path, *SYNTHETIC, "--experiment", "scratch", paper="scratch-tensorflow=hang"
    )
    with subprocess.Popen(
        command,
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        # A shell starts background jobs with Ctrl-C ignored, and children inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 no threads here
    ) as session:
        runs = tmp_path / "test-machine" / ".runs"
        journals = partial(runs.glob, "*/scratch-tensorflow*.jsonl")
        until(lambda: any('"part": "epochs"' in file.read_text() for file in journals()))
        session.send_signal(signal.SIGINT)
        until((tmp_path / "asked").exists)
        session.send_signal(signal.SIGINT)  # its worker hangs, so no epoch will end
        output, _ = session.communicate(timeout=PATIENCE_SECONDS)
    assert session.returncode == INTERRUPTED, output
    content = saved(tmp_path)
    assert [b["param"] for b in content["benchmarks"]] == ["scratch-torch-cpu-s0"]
    (interrupted,) = content["failures"]
    assert interrupted["failure"]["reason"] == "interrupted by Ctrl-C after epoch 1"
    assert len(interrupted["epochs"]) == 1
    assert "scratch-tensorflow-cpu-s0 failed: interrupted by Ctrl-C after epoch 1" in output
    assert "To go on:  pytest bench --resume --machine test-machine" in output


def test_rounds_are_epochs_on_the_workers_clock(tmp_path: Path) -> None:
    done = bench(tmp_path, *SYNTHETIC, "--epochs", "4", "-k", "scratch-torch", paper="")
    assert done.returncode == PASSED
    (benchmark,) = saved(tmp_path)["benchmarks"]
    # The paper epochs take 1, 2, 3 and 4 seconds; the first is a warm-up.
    stats = benchmark["stats"]
    assert (stats["rounds"], stats["min"], stats["max"], stats["median"]) == (3, 2, 4, 3)
    assert benchmark["options"]["timer"] == "clock"


def test_a_name_is_kept_and_a_second_session_is_compared_with_the_first(tmp_path: Path) -> None:
    pick = ("-k", "scratch-torch")
    assert bench(tmp_path, *SYNTHETIC, *pick, "--benchmark-save=mine", paper="").returncode == PASSED
    assert (tmp_path / "test-machine" / "0001_mine.json").is_file()
    again = bench(tmp_path, *SYNTHETIC, *pick, "--benchmark-compare", paper="")
    assert again.returncode == PASSED
    assert "0001_mine" in again.stdout
    assert (tmp_path / "test-machine" / "0002_smoke.json").is_file()


def test_an_option_that_suits_the_picked_cell_need_not_suit_the_others(tmp_path: Path) -> None:
    """At 160 px torchvision's pooling is impossible, but no such cell is picked."""
    done = bench(tmp_path, *SYNTHETIC, "--image-size", "160", "-k", "scratch-torch", paper="")
    assert done.returncode == PASSED
    assert "1 cells" in done.stdout


def test_seeds_make_cells_of_their_own(tmp_path: Path) -> None:
    done = bench(tmp_path, *SYNTHETIC, "--seeds", "3", "-k", "augmented-torch", paper="")
    assert "augmented-torch-cpu-s2" in done.stdout
    assert len(saved(tmp_path)["benchmarks"]) == 3


def test_repeats_are_runs_of_their_own_with_one_gate(tmp_path: Path) -> None:
    arguments = ("--repeats", "3", "--experiment", "augmented")
    done = bench(tmp_path, *SYNTHETIC, *arguments, paper="")
    assert done.returncode == PASSED
    content = saved(tmp_path)
    ids = [benchmark["param"] for benchmark in content["benchmarks"]]
    assert ids == [
        "augmented-torch-cpu-s0",
        "augmented-tensorflow-cpu-s0",
        "augmented-tensorflow-cpu-s0-r1",
        "augmented-torch-cpu-s0-r1",
        "augmented-torch-cpu-s0-r2",
        "augmented-tensorflow-cpu-s0-r2",
    ]
    runs = [benchmark["extra_info"] for benchmark in content["benchmarks"]]
    assert [run["cell"]["repeat"] for run in runs] == [0, 0, 1, 1, 2, 2]
    began = [run["before"]["taken_at"] for run in runs]
    assert began == sorted(began), "in this order"
    gates = list((tmp_path / "test-machine" / ".runs").rglob("*.gate.log"))
    assert len(gates) == 2, "each engine is asked once"


def test_pretrained_without_weights_is_skipped_with_the_line_that_mends_it(tmp_path: Path) -> None:
    done = bench(tmp_path, *SYNTHETIC, "-k", "pretrained-torch or scratch-torch", paper="")
    assert done.returncode == PASSED
    (skipped,) = saved(tmp_path)["skipped"]
    assert skipped["cell"]["experiment"] == "pretrained"
    assert "could not fetch alexnet-owt-7be5be79.pth" in skipped["reason"]
    assert skipped["reason"].endswith("name it with --weights PATH")
    assert "pretrained-torch-cpu-s0 skipped: " in done.stdout
    assert "(will be skipped)" in done.stdout


def test_offline_the_small_profiles_take_the_stand_in_and_say_why(tmp_path: Path) -> None:
    done = bench(tmp_path, "--profile", "quick", "--device", "cpu", "-k", "scratch-torch", paper="")
    assert done.returncode == PASSED
    assert "data: SYNTHETIC images, made by this suite, since cifar-10" in done.stdout
    plan = saved(tmp_path)["benchmarks"][0]["extra_info"]["plan"]
    assert plan["dataset"] == "synthetic"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--profile", "full"), "name a folder that holds it with --data-dir DIR"),
        (("--dataset", "cifar10"), "name a folder that holds it with --data-dir DIR"),
        (("--data-dir", "/nowhere"), "there is no folder /nowhere"),
        (("--data-dir", "~no-such-user/c"), "there is no folder ~no-such-user/c"),
        (("--data-dir", f"/{TOO_LONG}"), "cannot be read (File name too long)"),
        ((*SYNTHETIC, "--device", ABSENT), f"cannot use {ABSENT} here: it sees"),
        ((*SYNTHETIC, "--image-size", "32"), "standard cannot take images of 32 px: pool5"),
        ((*SYNTHETIC, "--train-images", "123"), "--train-images 123"),
        ((*SYNTHETIC, "--data-dir", "/somewhere"), "--dataset synthetic reads no folder"),
        ((*SYNTHETIC, "--batch-size", "1000"), "do not fill one batch of 1000"),
        ((*SYNTHETIC, "--weights", "/nowhere.pth"), "--weights /nowhere.pth: there is no such file"),
        ((*SYNTHETIC, "--weights", f"/{TOO_LONG}"), "cannot be read (File name too long)"),
        ((*SYNTHETIC, "--epochs", "1"), "invalid whole number of at least 2 value: '1'"),
        (
            (*SYNTHETIC, "-n", "2"),
            "pytest bench -n: cells that run beside each other cannot be measured",
        ),
        (
            (*SYNTHETIC, "--framework", "abacus"),
            "there is no framework 'abacus'; there are torch, tensorflow",
        ),
        (
            (*SYNTHETIC, "--engine", "torch,abacus"),
            "there is no engine 'abacus'; there are torch, torch-compile",
        ),
        (
            (*SYNTHETIC, "--experiment", "magic"),
            "there is no experiment 'magic'; there are scratch, mist",
        ),
        ((*SYNTHETIC, "--profile", "fast"), "invalid choice: 'fast'"),
        pytest.param(
            (*SYNTHETIC, "--benchmark-histogram"),
            "--benchmark-histogram needs pygal",
            marks=pytest.mark.skipif(bool(find_spec("pygal")), reason="pygal is installed here"),
        ),
        ((*SYNTHETIC, "--benchmark-cprofile=tottime"), "--benchmark-cprofile would profile nothing"),
        ((*SYNTHETIC, "--benchmark-group-by=engine"), "--benchmark-group-by engine: benchmarks are"),
        ((*SYNTHETIC, "--benchmark-group-by=param:engine"), "param or param:cell"),
        ((*SYNTHETIC, "--benchmark-compare-fail=min:5%"), "needs a saved file to compare with"),
        ((*SYNTHETIC, "--benchmark-skip"), "nothing would be saved"),
        (
            (*SYNTHETIC, "--benchmark-storage=elasticsearch+http://localhost:9200/runs"),
            "--benchmark-storage: results are saved into a folder, file://FOLDER",
        ),
    ],
    ids=lambda value: " ".join(value[-2:]) if isinstance(value, tuple) else "",
)
def test_what_cannot_be_is_refused_in_a_sentence_before_any_cell(
    tmp_path: Path, arguments: tuple[str, ...], message: str
) -> None:
    done = bench(tmp_path, *arguments, paper="")
    assert done.returncode == USAGE_ERROR
    assert message in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert not list((tmp_path / "test-machine").glob("*.json"))


def test_a_weights_file_that_is_none_is_refused_before_any_cell(tmp_path: Path) -> None:
    bad = tmp_path / "bad.pth"
    bad.write_bytes(b"not a checkpoint")
    done = bench(tmp_path, *SYNTHETIC, "--weights", str(bad), paper="")
    assert done.returncode == USAGE_ERROR
    assert f"{bad} cannot be read as a file of tensors" in done.stderr
    assert not list((tmp_path / "test-machine").glob("*.json"))


@pytest.mark.parametrize("target", ["gone", "results", "file"])
def test_results_that_lead_nowhere_are_refused_with_what_helps(tmp_path: Path, target: str) -> None:
    """A link to a disk that is not connected, to itself, or to a file; nothing is downloaded before."""
    (tmp_path / "file").touch()
    (tmp_path / "results").symlink_to(tmp_path / target)
    storage = f"--benchmark-storage=file://{tmp_path}/results"
    done = bench(tmp_path, "--dataset", "cifar10", "-k", "scratch-torch", storage, paper="")
    assert done.returncode == USAGE_ERROR
    link = f"{tmp_path}/results is a link to {tmp_path}/{target}"
    assert f"nothing can be saved, since {link}" in done.stderr
    assert f"or remove the link: rm {tmp_path}/results" in done.stderr
    assert "chmod" not in done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "INTERNALERROR" not in done.stderr + done.stdout


def test_a_file_in_the_place_of_the_results_is_refused(tmp_path: Path) -> None:
    (tmp_path / "test-machine").touch()
    done = bench(tmp_path, *SYNTHETIC, "-k", "scratch-torch", paper="")
    assert done.returncode == USAGE_ERROR
    assert f"nothing can be saved, since {tmp_path}/test-machine is a file and no folder" in done.stderr


def test_listing_the_cells_prepares_nothing(tmp_path: Path) -> None:
    done = bench(tmp_path, "--collect-only", "-q", "--profile", "full", "--device", "cpu")
    assert done.returncode == PASSED
    assert "bench/test_train.py::test_train[mistaken-tensorflow-cpu-s0]" in done.stdout
    assert not (tmp_path / "cache").exists()
