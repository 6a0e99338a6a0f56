"""What a hosted Mac's answers come to: failures, known faults, and the list of the latter."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from alexnet.frameworks.registry import ENGINES
from bench.check.required_checks import DROPOUT_CHECKS, GATE_CHECKS
from bench.gate import timing
from bench.hosted_mac import judge as judging
from bench.hosted_mac.judge import (
    KNOWN_FAULTS,
    TIMING_CHECKS,
    Answer,
    KnownFault,
    WrongList,
    gate_checks,
    judge,
    known_faults,
    lines,
    summary,
)
from bench.paths import ROOT
from tests.support.samples import MACHINE

ADDRESS = "https://github.com/pytorch/pytorch/issues/196582"
FAULT = KnownFault(
    kind="gate",
    engine="torch",
    check="gradient",
    images=("macos-26",),
    source=ADDRESS,
    why="a kernel of Metal 4 cannot be compiled",
)
FIELDS = f"""[[fault]]
kind = "gate"
engine = "torch"
check = "gradient"
images = ["macos-26"]
source = "{ADDRESS}"
why = "a kernel of Metal 4 cannot be compiled"
"""


def gate(check: str, passed: bool | None, *, engine: str = "torch", where: str = "scratch") -> Answer:
    text = "" if passed else f"{check} is off"
    return Answer(kind="gate", engine=engine, check=check, passed=passed, text=text, where=where)


def test_what_fails_and_is_not_known_is_a_failure() -> None:
    off = gate("layers", False)
    verdict = judge([gate("logits", True), off], [FAULT], "macos-26")
    assert verdict.failures == (off,)
    assert verdict.known == ()
    assert verdict.gone == ()


def test_a_known_fault_is_excused_on_its_images_and_nowhere_else() -> None:
    off = gate("gradient", False)
    assert judge([off], [FAULT], "macos-26").failures == ()
    assert judge([off], [FAULT], "macos-26").known == ((off, FAULT),)
    assert judge([off], [FAULT], "macos-15").failures == (off,)


@pytest.mark.parametrize(
    "other",
    [
        gate("gradient", False, engine="tensorflow"),
        gate("update", False),
        Answer(kind="parity", engine="torch", check="gradient", passed=False),
        Answer(kind="gpu", engine="torch", check="gradient", passed=False),
    ],
)
def test_a_known_fault_excuses_its_own_engine_check_and_kind(other: Answer) -> None:
    assert judge([other], [FAULT], "macos-26").failures == (other,)


def test_a_known_fault_that_passes_everywhere_is_gone() -> None:
    passed, failed = gate("gradient", True), gate("gradient", False, where="mistaken")
    assert judge([passed], [FAULT], "macos-26").gone == (FAULT,)
    assert judge([passed, failed], [FAULT], "macos-26").gone == ()
    assert judge([passed], [FAULT], "macos-15").gone == ()


def test_a_known_fault_that_was_not_asked_is_not_gone() -> None:
    """As when the gate did not answer: nothing says that it would pass."""
    left_out = gate("gradient", None)
    assert judge([gate("layers", True)], [FAULT], "macos-26").gone == ()
    assert judge([left_out], [FAULT], "macos-26").gone == ()


def test_there_is_one_line_for_each_engine_and_check() -> None:
    answers = [
        gate("layers", False, where="scratch"),
        gate("layers", False, where="mistaken"),
        gate("layers", False, engine="tensorflow"),
        gate("gradient", False),
        gate("logits", True),
        Answer(kind="parity", engine="torch", check="test_x", passed=None, text="on the CPU alone"),
    ]
    assert lines(answers, judge(answers, [FAULT], "macos-26")) == [
        "FAILED: torch, gate, layers [scratch, mistaken]: layers is off",
        "FAILED: tensorflow, gate, layers [scratch]: layers is off",
        f"known fault: torch, gate, gradient [scratch]: gradient is off ({FAULT.why}: {ADDRESS})",
        "left out: torch, parity, test_x: on the CPU alone",
    ]


def test_a_line_asks_to_shorten_the_list() -> None:
    answers = [gate("gradient", True)]
    (line,) = lines(answers, judge(answers, [FAULT], "macos-26"))
    assert line == (
        "gone: torch, gate, gradient passes on this image: take it off known-mac-faults.toml"
    )


def test_the_summary_counts_and_says_what_is_thrown_away() -> None:
    answers = [
        *(gate("logits", True), gate("layers", False), gate("gradient", False)),
        Answer(kind="parity", engine="torch", check="test_x", passed=None, text="left out"),
    ]
    text = summary(answers, judge(answers, [FAULT], "macos-26"), "macos-26", MACHINE)
    assert text.startswith("## Apple's virtual GPU on macos-26: failed\n")
    assert "| torch | gate | 1 | 1 | 1 | 0 |" in text
    assert "| torch | parity | 0 | 0 | 0 | 1 |" in text
    assert "`nothing left` and `twice the work`" in text
    for line in lines(answers, judge(answers, [FAULT], "macos-26")):
        assert f"\n{line}\n" in text
    known = [gate("gradient", False)]
    assert ": passed\n" in summary(known, judge(known, [FAULT], "macos-26"), "macos-26", MACHINE)


def test_what_is_thrown_away_are_the_gates_checks_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(timing, "doubled_work_ratio", lambda *arguments: 2.0)
    monkeypatch.setattr(timing, "share_left_after_stop", lambda *arguments: 0.0)
    nothing: Any = None
    checks = timing.check_timing(nothing, nothing, nothing, nothing)
    assert {check.name for check in checks} == TIMING_CHECKS


def test_the_summary_names_the_systems_build_and_the_packages() -> None:
    """The GPU's libraries come with macOS, and an image's name outlives many builds of it."""
    answers = [gate("layers", True)]
    text = summary(answers, judge(answers, [], "macos-15"), "macos-15", MACHINE)
    about = "macOS 15.6.1, build 24G90, Apple M1 Pro, Python 3.12.8, torch 2.14.1,"
    assert f"\n\n{about} tensorflow 2.18.1.\n\n" in text
    unknown = replace(MACHINE, os_build=None, chip=None, gpu=None, packages={})
    text = summary(answers, judge(answers, [], "macos-15"), "macos-15", unknown)
    assert "\n\nmacOS 15.6.1, Python 3.12.8.\n\n" in text


# The list


def test_the_list_of_this_project_holds() -> None:
    """Reading it looks for each engine, check, source and reason."""
    faults = known_faults(KNOWN_FAULTS)
    workflow = (ROOT / ".github" / "workflows" / "hosted-mac.yml").read_text()
    (images,) = re.findall(r"^ +os: \[([\w, .-]+)\]", workflow, re.MULTILINE)
    assert {image for fault in faults for image in fault.images} <= set(images.split(", "))


def test_every_check_that_a_gate_must_have_can_be_named() -> None:
    needed = {*GATE_CHECKS, *DROPOUT_CHECKS, "placement"}
    assert needed - TIMING_CHECKS <= gate_checks()
    assert not gate_checks() & (TIMING_CHECKS | {"finite", "learnt"})


def test_the_lists_own_example_is_an_entry(tmp_path: Path) -> None:
    comments = [line.removeprefix("#").strip() for line in KNOWN_FAULTS.read_text().splitlines()]
    example = comments[comments.index("[[fault]]") :]
    (tmp_path / "list.toml").write_text("\n".join(example))
    (fault,) = known_faults(tmp_path / "list.toml")
    assert fault.engine in ENGINES


def test_an_entry_is_read_with_all_its_fields(tmp_path: Path) -> None:
    (tmp_path / "list.toml").write_text(FIELDS)
    assert known_faults(tmp_path / "list.toml") == [FAULT]


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ('engine = "torch"', 'engine = "abacus"', "there is no engine 'abacus'"),
        ('"gradient"', '"gradients"', "no gate has a check 'gradients'"),
        ('"gradient"', '"twice the work"', "no gate has a check 'twice the work'"),
        ('"gate"', '"parity"', "no parity has a check 'gradient'"),
        ('kind = "gate"', 'kind = "gpu"', "Invalid enum value 'gpu'"),
        (f'source = "{ADDRESS}"\n', "", "missing required field `source`"),
        (ADDRESS, "", "its source '' is neither an address nor a file here"),
        (ADDRESS, "somebody said so", "its source 'somebody said so' is neither"),
        (ADDRESS, "docs/nowhere.md", "its source 'docs/nowhere.md' is neither"),
        (FAULT.why, "  ", "it gives no reason"),
        ('["macos-26"]', "[]", "it names no image"),
        ("why =", "because =", "unknown field `because`"),
        ("[[fault]]", "[[faults]]", "it has 'faults', where only [[fault]] belongs"),
        ("[[fault]]", "[[fault", "cannot be read"),
    ],
)
def test_an_entry_that_excuses_wrongly_is_refused(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert FIELDS.count(old) == 1
    (tmp_path / "list.toml").write_text(FIELDS.replace(old, new))
    with pytest.raises(WrongList, match=re.escape(says)):
        known_faults(tmp_path / "list.toml")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (ADDRESS, "docs/gate.md"),
        ('"gradient"', '"answered"'),
        ('"gate"\nengine = "torch"\ncheck = "gradient"', '"parity"\nengine = "torch"\ncheck = "TEST"'),
    ],
)
def test_a_file_a_missing_answer_and_a_parity_test_can_be_named(
    tmp_path: Path, old: str, new: str
) -> None:
    text = FIELDS.replace(old, new).replace("TEST", "test_every_layer_agrees")
    assert text != FIELDS
    (tmp_path / "list.toml").write_text(text)
    assert len(known_faults(tmp_path / "list.toml")) == 1


def test_a_list_that_is_missing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WrongList, match=r"list\.toml cannot be read"):
        known_faults(tmp_path / "list.toml")


def test_the_page_is_where_the_summary_says() -> None:
    assert (ROOT / "docs" / "hosted-mac.md").is_file()
    assert "docs/hosted-mac.md" in Path(judging.__file__).read_text()
