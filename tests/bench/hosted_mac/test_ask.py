"""How a hosted Mac's answers are read from what sessions and tests leave behind."""

from __future__ import annotations

import os
import time
from pathlib import Path

import psutil
import pytest
from msgspec.structs import replace

from alexnet.recipe import EXPERIMENTS
from bench.check.required_checks import DROPOUT_CHECKS, GATE_CHECKS
from bench.hosted_mac import ask
from bench.hosted_mac.judge import ANSWERED, TIMING_CHECKS, Answer
from bench.ipc.cell_files import journal_file
from bench.records.journal import Journal
from bench.records.types import Cell, Check, Gate, PlacementUnknown
from tests.support.samples import CHECK, GATE, ROOFLINE
from tests.support.sessions import DEAD_PROXY

ENGINE = "torch"
NAMES = (*GATE_CHECKS, "placement", *DROPOUT_CHECKS)
PASSING = tuple(replace(CHECK, name=name) for name in NAMES)
OFF = replace(CHECK, measured=0.9)


def leave(folder: Path, experiment: str, checks: tuple[Check, ...] = PASSING, **changes: object) -> Path:
    """The journal of one gate, where a session puts it."""
    cell = Cell(experiment=experiment, engine=ENGINE, device="mps", seed=0)
    journal = Journal(journal_file(folder / "hosted" / ".runs" / "20261126T120000-smoke", cell.id))
    journal.add("roofline", ROOFLINE)
    gate: Gate = replace(GATE, checks=checks, **changes)
    journal.add("gate", gate)
    return journal.path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """What a session left in which every gate passed."""
    for experiment in EXPERIMENTS:
        leave(tmp_path, experiment)
    return tmp_path


def not_passed(folder: Path, **reasons: str) -> list[tuple[str, str, str]]:
    """(experiment, check, text) of each answer that did not pass."""
    answers = ask.gate_answers(ENGINE, folder, reasons)
    return [(a.where, a.check, a.text) for a in answers if not a.passed]


def test_gates_that_pass_are_answers_of_every_check_but_those_of_the_clock(folder: Path) -> None:
    answers = list(ask.gate_answers(ENGINE, folder, {}))
    assert all(answer.passed and answer.kind == "gate" and answer.engine == ENGINE for answer in answers)
    for experiment in EXPERIMENTS:
        asked = [answer.check for answer in answers if answer.where == experiment]
        assert sorted(asked) == sorted({ANSWERED, *NAMES} - TIMING_CHECKS)


def test_a_check_that_fails_is_named_with_its_figures(folder: Path) -> None:
    leave(
        folder, "mistaken", tuple(replace(OFF, name=c.name) if c.name == "loss" else c for c in PASSING)
    )
    ((experiment, check, text),) = not_passed(folder)
    assert (experiment, check) == ("mistaken", "loss")
    assert text.startswith("loss: 0.9 where 2.4e-05 at most is allowed")


def test_what_the_clock_says_is_thrown_away(folder: Path) -> None:
    off = tuple(replace(OFF, name=c.name) if c.name in TIMING_CHECKS else c for c in PASSING)
    leave(folder, "scratch", off)
    leave(folder, "mistaken", tuple(c for c in PASSING if c.name not in TIMING_CHECKS))
    assert not_passed(folder) == []


@pytest.mark.parametrize("name", sorted({*NAMES} - TIMING_CHECKS))
def test_a_check_that_was_not_asked_is_no_pass(folder: Path, name: str) -> None:
    leave(folder, "scratch", tuple(check for check in PASSING if check.name != name))
    assert not_passed(folder) == [("scratch", name, "it was not asked")]


def test_a_network_without_dropout_need_not_be_asked_for_it(folder: Path) -> None:
    others = tuple(check for check in PASSING if check.name != "dropout")
    leave(folder, "mistaken", others)
    assert not_passed(folder) == []
    leave(folder, "augmented", others)
    assert not_passed(folder) == [("augmented", "dropout", "it was not asked")]


def test_placement_may_be_missing_where_the_framework_does_not_tell(folder: Path) -> None:
    others = tuple(check for check in PASSING if check.name != "placement")
    leave(folder, "scratch", others, not_checked=(PlacementUnknown(why="it does not tell"),))
    assert not_passed(folder) == []


def test_a_check_without_a_measured_value_is_no_pass(folder: Path) -> None:
    nothing = replace(CHECK, name="layers", measured=None)
    leave(folder, "scratch", tuple(nothing if c.name == "layers" else c for c in PASSING))
    ((_, check, text),) = not_passed(folder)
    assert check == "layers"
    assert "nothing to measure" in text


def test_of_two_checks_of_a_name_both_count(folder: Path) -> None:
    leave(folder, "scratch", (replace(OFF, name="layers"), *PASSING))
    assert [(experiment, check) for experiment, check, _ in not_passed(folder)] == [
        ("scratch", "layers")
    ]


def test_a_gate_that_left_no_answer_is_no_pass_and_says_why(folder: Path) -> None:
    for experiment in ("scratch", "pretrained"):
        next(folder.rglob(f"{experiment}-*.jsonl")).unlink()
    reasons = {"test_gate[pretrained-torch-mps-s0]": "Skipped: the weights cannot be had"}
    assert not_passed(folder, **reasons) == [
        ("scratch", ANSWERED, "it left no answer"),
        ("pretrained", ANSWERED, "Skipped: the weights cannot be had"),
    ]


def test_a_session_that_left_nothing_fails_in_every_experiment(tmp_path: Path) -> None:
    assert [experiment for experiment, _, _ in not_passed(tmp_path)] == list(EXPERIMENTS)


def test_a_damaged_journal_is_no_answer(folder: Path) -> None:
    file = next(folder.rglob("scratch-*.jsonl"))
    file.write_text(file.read_text().replace('"measured": 1.5e-06', '"measured": 1.4e-06', 1))
    assert not_passed(folder) == [("scratch", ANSWERED, "it left no answer")]


def test_two_journals_of_one_cell_are_no_answer(folder: Path) -> None:
    """Nothing says which of them is of this run."""
    file = next(folder.rglob("scratch-*.jsonl"))
    (folder / "earlier").mkdir()
    (folder / "earlier" / file.name).write_text(file.read_text())
    assert not_passed(folder) == [("scratch", ANSWERED, "it left no answer")]


def test_a_journal_with_a_roofline_alone_is_no_answer(folder: Path) -> None:
    file = next(folder.rglob("scratch-*.jsonl"))
    file.write_text(file.read_text().splitlines(keepends=True)[0])
    assert not_passed(folder) == [("scratch", ANSWERED, "it left no answer")]


# Outcomes of tests


XML = """<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest">
<testcase classname="c" name="test_layers[standard]" time="0.1" />
<testcase classname="c" name="test_count[torch-standard]">
<failure message="assert 1 == 2&#10;more">x</failure></testcase>
<testcase classname="c" name="test_step"><error message="failed on setup">x</error></testcase>
<testcase classname="c" name="test_losses">
<skipped type="pytest.skip" message="on the CPU alone: so">x</skipped></testcase>
</testsuite></testsuites>
"""


@pytest.fixture
def outcomes(tmp_path: Path) -> list[ask.Outcome]:
    (tmp_path / "outcomes.xml").write_text(XML)
    return list(ask.read_outcomes(tmp_path / "outcomes.xml"))


def test_outcomes_are_read_from_pytests_own_file(outcomes: list[ask.Outcome]) -> None:
    assert outcomes == [
        ("test_layers[standard]", True, ""),
        ("test_count[torch-standard]", False, "assert 1 == 2"),
        ("test_step", False, "failed on setup"),
        ("test_losses", None, "on the CPU alone: so"),
    ]


@pytest.mark.parametrize("content", [None, "", XML[:-30]])
def test_there_are_none_where_pytest_did_not_end(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "outcomes.xml").write_text(content)
    assert list(ask.read_outcomes(tmp_path / "outcomes.xml")) == []


def test_a_parity_test_answers_for_the_engine_that_it_names_or_for_all_that_are_compared(
    outcomes: list[ask.Outcome],
) -> None:
    answers = list(ask.parity_answers(outcomes))
    of = {
        (check, passed): [a.engine for a in answers if (a.check, a.passed) == (check, passed)]
        for check, passed in {(a.check, a.passed) for a in answers}
    }
    assert of == {
        (ANSWERED, True): ["torch"],
        ("test_layers", True): ["torch"],
        ("test_count", False): ["torch"],
        ("test_step", False): ["torch"],
        ("test_losses", None): ["torch"],
    }
    assert {answer.where for answer in answers} == {"", "standard", "torch-standard"}


@pytest.mark.parametrize("ran", [[], [("test_losses", None, "on the CPU alone")]])
def test_parity_of_which_no_test_ran_is_no_pass(ran: list[ask.Outcome]) -> None:
    failed = [answer for answer in ask.parity_answers(ran) if answer.passed is False]
    assert [(answer.engine, answer.check) for answer in failed] == [(e, ANSWERED) for e in ask.ENGINES]


# Processes


def test_a_process_that_takes_too_long_is_killed_with_its_children(tmp_path: Path) -> None:
    script = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    (tmp_path / "hangs.py").write_text(script)
    status = ask.run(["hangs"], tmp_path / "log", 5.0, PYTHONPATH=str(tmp_path))
    assert status is None
    child = int((tmp_path / "log").read_text())
    until = time.monotonic() + 10
    while psutil.pid_exists(child) and psutil.Process(child).status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until, "the child outlived its parent"
        time.sleep(0.05)


def asked_of(program: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Answer:
    """What ask_gpu makes of a program in the place of `python -m alexnet`."""
    (tmp_path / "stand_in.py").write_text(program)
    real = ask.run

    def run(command: list[str], log: Path, seconds: float) -> int | None:
        assert command == ["alexnet", "device", ENGINE, "mps"]
        return real(["stand_in"], log, seconds, PYTHONPATH=str(tmp_path))

    monkeypatch.setattr(ask, "run", run)
    return ask.ask_gpu(ENGINE, tmp_path)


@pytest.mark.parametrize(
    ("program", "passed", "text"),
    [
        ("print('a word before'); print('mps')", True, "mps"),
        (
            "import sys; print('noise'); sys.exit('torch 2.14.1 cannot use mps here')",
            False,
            "torch 2.14.1",
        ),
        ("import os; os._exit(3)", False, "status 3"),
    ],
)
def test_a_gpu_that_cannot_be_used_is_told_with_its_reason(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str, passed: bool, text: str
) -> None:
    answer = asked_of(program, tmp_path, monkeypatch)
    assert (answer.kind, answer.engine, answer.check) == ("gpu", ENGINE, "mps")
    assert answer.passed is passed
    assert answer.text.startswith(text)


def test_an_engine_that_does_not_say_whether_it_has_a_gpu_has_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ask, "GPU_SECONDS", 1.0)
    answer = asked_of("import time; time.sleep(600)", tmp_path, monkeypatch)
    assert answer.passed is False
    assert answer.text == "no answer within 1 seconds"


@pytest.mark.slow
def test_a_sessions_answers_are_those_of_its_gates(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A whole session of gates on paper, on the CPU: one is wrong, one is mute, one has no weights."""
    for name in [name for name in os.environ if name.startswith("PYTEST_")]:
        monkeypatch.delenv(name)
    monkeypatch.setattr(ask, "DEVICE", "cpu")
    for name in ("HTTPS_PROXY", "HTTP_PROXY", "https_proxy", "http_proxy"):
        monkeypatch.setenv(name, DEAD_PROXY)
    for name in ("XDG_CACHE_HOME", "TORCH_HOME", "TMPDIR"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p tests.support.paper_plugin")
    monkeypatch.setenv("PAPER", "mistaken=wrong augmented=mute")
    answers = ask.ask_gates(ENGINE, tmp_path / ENGINE)
    answered = {a.where: (a.passed, a.text) for a in answers if a.check == ANSWERED}
    assert list(answered) == list(EXPERIMENTS), (tmp_path / ENGINE / "session.log").read_text()
    assert answered["scratch"] == answered["mistaken"] == (True, "")
    assert not answered["augmented"][0]
    assert "it did not answer, asked twice" in answered["augmented"][1]
    assert not answered["pretrained"][0]
    assert "--weights" in answered["pretrained"][1]
    given = {(a.where, a.check): a.passed for a in answers if a.text != "it was not asked"}
    assert given["scratch", "logits"]
    assert not given["mistaken", "logits"]
    # A gate on paper has three checks, and the others that every gate has were not asked.
    assert ("scratch", "layers") not in given
    plan = next((tmp_path / ENGINE).rglob("scratch-*.gate.log"))
    assert plan.parent.name.endswith("-smoke")
