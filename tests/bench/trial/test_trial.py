"""A trial of one cell: what it does on the device, and what becomes of one that gives no time."""

from __future__ import annotations

import sys
import textwrap
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from alexnet.frameworks import registry
from bench.ipc.messages import Job, Trial
from bench.trial import steps
from bench.trial.ask import TrialFailed, ask_trial
from tests.support.samples import CELL, PLAN, job
from tests.support.scripted_child import PREAMBLE


class PaperTrainer:
    """Its step takes `seconds` of a clock that nothing else moves, and the first one 100 more."""

    def __init__(self, seconds: float) -> None:
        self.seconds, self.now = seconds, 0.0
        self.log: list[Any] = []

    def begin_stage(self, train: str) -> None:
        self.log.append(train)

    def to_device(self, images: Any, labels: Any) -> Any:
        return images, labels

    def step(self, batch: Any, learning_rate: float) -> None:
        assert len(batch[1]) == 64
        assert learning_rate == 0, "the weights must stay"
        self.now += self.seconds + (0 if "step" in self.log else 100)
        self.log.append("step")

    def synchronize(self) -> None:
        self.log.append("synchronize")


def trial_of(monkeypatch: pytest.MonkeyPatch, work: Job, seconds: float) -> tuple[Trial, list[Any]]:
    """What a trial of so many seconds a step sends, and what its trainer did."""
    trainer = PaperTrainer(seconds)
    backend = SimpleNamespace(trainer=lambda *arguments, **keywords: trainer)
    monkeypatch.setattr(registry, "backend", lambda engine, device: backend)
    monkeypatch.setattr(steps, "perf_counter", lambda: trainer.now)
    sent: list[Any] = []
    steps.run_trial(work, SimpleNamespace(send=sent.append))  # type: ignore[arg-type]
    (trial,) = sent
    return trial, trainer.log


def test_steps_are_timed_until_they_take_two_seconds_and_the_first_is_not(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    trial, log = trial_of(monkeypatch, job(str(tmp_path)), 0.3)
    assert trial.steps == 8
    assert trial.seconds == pytest.approx(2.4)
    assert trial.step_seconds == pytest.approx(0.3)
    spans = [1, 1, 2, 4, 8]
    assert log == ["all", *(each for n in spans for each in (*["step"] * n, "synchronize"))]


def test_of_slow_steps_the_second_is_no_measure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """It still warms up, so the two after it count."""
    trial, log = trial_of(monkeypatch, job(str(tmp_path)), 30.0)
    assert log.count("step") == 4
    assert trial.steps == 2
    assert trial.seconds == pytest.approx(60.0)


def test_the_last_stage_is_timed_from_drawn_weights(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Nothing is read: `pretrained` has no weights file here, and the images are made up."""
    cell = replace(CELL, experiment="pretrained")
    work = replace(job(str(tmp_path)), cell=cell, plan=replace(PLAN, dataset="cifar10", image_size=64))
    _, log = trial_of(monkeypatch, work, 5.0)
    assert log[0] == "all"


def ask(tmp_path: Path, script: str, timeout_seconds: float = 20.0) -> Trial:
    command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(script)]
    return ask_trial(
        job(str(tmp_path)), folder=tmp_path, command=command, timeout_seconds=timeout_seconds
    )


TRIAL_LINE = r"""pipe.write('{"record": "Trial", "steps": 4, "seconds": 2.0}\n')"""


def test_a_trial_gives_its_time(tmp_path: Path) -> None:
    assert ask(tmp_path, f"print('noise'); {TRIAL_LINE}") == Trial(steps=4, seconds=2.0)
    assert (tmp_path / "scratch-torch-cpu-s0.trial.log").read_text() == "noise\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sys.exit(3)", "the worker ended with status 3 before it had timed a step"),
        ("os.kill(os.getpid(), signal.SIGKILL)", "the worker was killed before it had timed a step"),
        ("time.sleep(60)", "the worker gave no sign of life"),
        ("pipe.write('nonsense\\n')", "this line is no record"),
        ("pipe.write(FAILURE)", "no such weights"),
    ],
)
def test_a_trial_that_fails_is_a_sentence_and_what_to_do(
    tmp_path: Path, script: str, reason: str
) -> None:
    with pytest.raises(TrialFailed) as caught:
        ask(tmp_path, script, timeout_seconds=1.0 if "sleep" in script else 20.0)
    text = str(caught.value)
    assert text.startswith(
        "the trial of scratch in torch on cpu gave no time, so nothing says how many steps"
    )
    assert reason in text
    assert text.endswith("such as --steps 80, or leave that engine out by --engine")
    assert "\n" not in text


def test_a_trial_that_cannot_keep_its_output_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(TrialFailed, match="gave no time"):
        ask_trial(job(str(tmp_path)), folder=tmp_path / "file")
