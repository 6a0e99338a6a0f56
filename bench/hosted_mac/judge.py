"""What may fail on a hosted Mac's GPU and why, and what the answers to its checks come to."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec

from alexnet.frameworks.registry import ENGINES
from bench.paths import ROOT
from bench.records.codec import RecordError, build
from bench.records.types import Machine

KNOWN_FAULTS = ROOT / ".github" / "known-mac-faults.toml"
GATE_PAGE = ROOT / "docs" / "gate.md"
PARITY = ROOT / "tests" / "alexnet" / "frameworks" / "test_parity.py"
TIMING_CHECKS = frozenset({"twice the work", "nothing left"})
"""The gate's checks of the clock, which are thrown away: a shared virtual machine's proves nothing."""
ANSWERED = "answered"
"""The check that a gate, or the parity tests, gave an answer at all."""

Key = tuple[str, str, str]


@dataclass(frozen=True, kw_only=True)
class Answer:
    """The answer to one check of one engine; `passed` is None if it was left out.

    `text` says why it did not pass, `where` in which experiment, or with which parameters of a test.
    """

    kind: Literal["gpu", "gate", "parity"]
    engine: str
    check: str
    passed: bool | None
    text: str = ""
    where: str = ""

    @property
    def key(self) -> Key:
        return self.kind, self.engine, self.check


class KnownFault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A check that may fail on these images. `source` is a web address, or a file of this project."""

    kind: Literal["gate", "parity"]  # a GPU that is missing is never excused
    engine: str
    check: str
    images: tuple[str, ...]
    source: str
    why: str

    @property
    def key(self) -> Key:
        return self.kind, self.engine, self.check


class WrongList(ValueError):
    """The list of known faults names what is not there, or excuses without a source or a reason."""


def known_faults(path: Path) -> list[KnownFault]:
    """The faults in a TOML file, each a table [[fault]]. Raises WrongList."""
    try:
        content = tomllib.loads(path.read_text())
        if others := set(content) - {"fault"}:
            raise RecordError(f"it has {min(others)!r}, where only [[fault]] belongs")
        faults = build(list[KnownFault], content.get("fault", []))
    except (OSError, ValueError) as error:
        raise WrongList(f"{path.name} cannot be read: {error}") from error
    for number, fault in enumerate(faults, 1):
        if problems := [problem for problem, found in _problems(fault).items() if found]:
            raise WrongList(f"{path.name}, fault {number}: {'; '.join(problems)}")
    return faults


def gate_checks() -> set[str]:
    """The names of the gate's checks that are read here, from the page that explains them."""
    rows = re.findall(r"^\| (`.+?`) \|", GATE_PAGE.read_text().partition("## After")[0], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(.+?)`", row)} - TIMING_CHECKS


def parity_tests() -> set[str]:
    """The names of the parity tests."""
    return set(re.findall(r"^def (test_\w+)", PARITY.read_text(), re.MULTILINE))


def _problems(fault: KnownFault) -> dict[str, bool]:
    """What may be wrong with a fault -> whether it is."""
    checks = gate_checks() if fault.kind == "gate" else parity_tests()
    is_address = re.fullmatch(r"https://[^/\s]+/\S+", fault.source) is not None
    return {
        f"there is no engine {fault.engine!r}": fault.engine not in ENGINES,
        f"no {fault.kind} has a check {fault.check!r}": fault.check not in {ANSWERED, *checks},
        "it names no image": not fault.images,
        "it gives no reason": not fault.why.strip(),
        f"its source {fault.source!r} is neither an address nor a file here": not (
            is_address or (ROOT / fault.source).is_file()
        ),
    }


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Failures, those that are known with their faults, and known faults that no longer occur."""

    failures: tuple[Answer, ...]
    known: tuple[tuple[Answer, KnownFault], ...]
    gone: tuple[KnownFault, ...]


def judge(answers: Iterable[Answer], faults: Iterable[KnownFault], image: str) -> Verdict:
    """Holds the answers against the faults that are known of this image."""
    here = {fault.key: fault for fault in faults if image in fault.images}
    by_key: dict[Key, list[Answer]] = {}
    for answer in answers:
        by_key.setdefault(answer.key, []).append(answer)
    failed = [answer for group in by_key.values() for answer in group if answer.passed is False]
    passed = {key for key, group in by_key.items() if all(answer.passed for answer in group)}
    return Verdict(
        failures=tuple(answer for answer in failed if answer.key not in here),
        known=tuple((answer, here[answer.key]) for answer in failed if answer.key in here),
        gone=tuple(fault for key, fault in here.items() if key in passed),
    )


def lines(answers: Iterable[Answer], verdict: Verdict) -> list[str]:
    """A line for each engine and check that failed or was left out, and for each fault that is gone."""
    groups: dict[tuple[str, Key], list[Answer]] = {}
    for word, group in (
        ("FAILED", verdict.failures),
        ("known fault", [answer for answer, _ in verdict.known]),
        ("left out", [answer for answer in answers if answer.passed is None]),
    ):
        for answer in group:
            groups.setdefault((word, answer.key), []).append(answer)
    sources = {fault.key: f" ({fault.why}: {fault.source})" for _, fault in verdict.known}
    found = []
    for (word, key), group in groups.items():
        where = ", ".join(dict.fromkeys(answer.where for answer in group if answer.where))
        where = f" [{where}]" if where else ""
        source = sources[key] if word == "known fault" else ""
        found.append(f"{word}: {_name(key)}{where}: {group[0].text}{source}")
    return found + [
        f"gone: {_name(fault.key)} passes on this image: take it off {KNOWN_FAULTS.name}"
        for fault in verdict.gone
    ]


def _name(key: Key) -> str:
    kind, engine, check = key
    return f"{engine}, {kind}, {check}"


def _about(machine: Machine) -> str:
    """System and its build, which Apple's GPU libraries come with, chip, GPU and packages."""
    build = f"build {machine.os_build}" if machine.os_build else None
    packages = (f"{name} {version}" for name, version in machine.packages.items())
    known = (machine.os, build, machine.chip, machine.gpu, f"Python {machine.python}", *packages)
    return ", ".join(dict.fromkeys(filter(None, known)))


def summary(answers: Sequence[Answer], verdict: Verdict, image: str, machine: Machine) -> str:
    """The verdict in Markdown: the computer, how many checks were asked of whom, and its lines."""
    failed, known = set(verdict.failures), {answer for answer, _ in verdict.known}
    rows = []
    for engine, kind in dict.fromkeys((answer.engine, answer.kind) for answer in answers):
        mine = [answer for answer in answers if (answer.engine, answer.kind) == (engine, kind)]
        passed, left_out = (sum(answer.passed is value for answer in mine) for value in (True, None))
        counts = (passed, sum(a in failed for a in mine), sum(a in known for a in mine), left_out)
        rows.append(f"| {engine} | {kind} | {' | '.join(map(str, counts))} |")
    thrown_away = " and ".join(f"`{name}`" for name in sorted(TIMING_CHECKS))
    return "\n".join(
        [
            f"## Apple's virtual GPU on {image}: {'failed' if failed else 'passed'}",
            "",
            f"{_about(machine)}.",
            "",
            "| engine | what | passed | failed | known faults | left out |",
            "|---|---|---|---|---|---|",
            *rows,
            "",
            *("```text", *lines(answers, verdict), "```", ""),
            f"Thrown away: every timing, with the gate's {thrown_away}. docs/hosted-mac.md says what"
            " else such a GPU does not show.",
            "",
        ]
    )
