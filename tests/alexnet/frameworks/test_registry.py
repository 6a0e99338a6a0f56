"""Each framework is a folder and a row, and its row and those of its engines say all that is needed."""

from __future__ import annotations

import importlib
import re
import tomllib
from dataclasses import replace
from typing import Any, Literal, get_args

import pytest

from alexnet.frameworks import registry
from alexnet.frameworks.info import Engine, FrameworkInfo, Variable
from alexnet.frameworks.protocol import Device, DeviceUnavailable, Precision
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from alexnet.frameworks.variables import SHARED
from bench.paths import ROOT

ROWS = list(FRAMEWORKS.values())
FOLDER = ROOT / "alexnet" / "frameworks"


def test_every_folder_is_a_row_and_every_row_a_folder() -> None:
    assert {file.parent.name for file in FOLDER.glob("*/backend.py")} == set(FRAMEWORKS)
    for name, info in FRAMEWORKS.items():
        assert importlib.import_module(f"alexnet.frameworks.{name}.info").INFO is info
        assert info.name == name


def test_no_two_frameworks_are_called_alike() -> None:
    assert len({info.label for info in ROWS}) == len(ROWS)


def test_every_engine_is_there_once_under_its_name() -> None:
    rows = [engine for info in ROWS for engine in info.engines]
    assert list(ENGINES.values()) == rows, "two engines have one name"
    assert list(ENGINES) == [engine.name for engine in rows]


@pytest.mark.parametrize("info", ROWS, ids=lambda info: info.name)
def test_a_frameworks_engines_are_its_own_and_one_bears_its_name(info: FrameworkInfo) -> None:
    """The engine of the same name is the framework's default engine."""
    assert {engine.framework for engine in info.engines} == {info.name}
    assert ENGINES[info.name] in info.engines


@pytest.mark.parametrize("engine", ENGINES.values(), ids=lambda engine: engine.name)
def test_an_engines_row_can_be_run(engine: Engine) -> None:
    assert engine.framework in FRAMEWORKS
    assert engine.precision in get_args(Precision)
    assert engine.compiler != ""
    assert not set(engine.not_on) - set(get_args(Device))
    assert all(reason.endswith(".") for reason in engine.not_on.values())


@pytest.mark.parametrize("field", ["name", "label", "light_hue", "dark_hue", "marker", "line", "shape"])
def test_a_reader_of_a_report_can_tell_engines_apart(field: str) -> None:
    assert len({getattr(engine, field) for engine in ENGINES.values()}) == len(ENGINES)


def test_an_engine_whose_framework_cannot_be_imported_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    row = replace(ENGINES["torch"], name="paper", framework="paper")
    monkeypatch.setitem(registry.ENGINES, "paper", row)
    with pytest.raises(DeviceUnavailable, match=r"paper cannot be imported here \(No module named"):
        registry.backend("paper", "cpu")


class Paper:
    """The module of a framework that sees what it is told."""

    VERSION = "1.0"

    def __init__(self, *usable: Device) -> None:
        self.usable = usable

    def usable_devices(self) -> tuple[Device, ...]:
        return self.usable

    def why_unavailable(self, device: Device) -> str:
        return f"Buy a {device}."

    def build(self, engine: Engine, device: Device) -> Any:
        return f"{engine.name} on {device}"


@pytest.mark.parametrize(
    ("usable", "device", "sentence"),
    [
        ((), "auto", "torch 1.0 sees no device here. Buy a cpu."),
        ((), "cpu", "torch 1.0 sees no device here. Buy a cpu."),
        (("cuda", "cpu"), "mps", "torch 1.0 cannot use mps here: it sees cuda, cpu. Buy a mps."),
        (("mps", "cpu"), "auto", "torch cannot run on mps. It is asleep."),
        (("mps", "cpu"), "cuda", "torch cannot run on cuda. It is never there."),
    ],
)
def test_what_cannot_be_run_is_one_sentence(
    usable: tuple[Device, ...],
    device: Device | Literal["auto"],
    sentence: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importlib, "import_module", lambda name: Paper(*usable))
    if "cannot run" in sentence:
        engine = replace(ENGINES["torch"], not_on={"mps": "It is asleep."})
        framework = replace(FRAMEWORKS["torch"], never_on={"cuda": "It is never there."})
        monkeypatch.setitem(ENGINES, "torch", engine)
        monkeypatch.setitem(FRAMEWORKS, "torch", framework)
    with pytest.raises(DeviceUnavailable, match=f"^{re.escape(sentence)}$"):
        registry.backend("torch", device)


def test_the_best_device_that_is_there_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib, "import_module", lambda name: Paper("cuda", "cpu"))
    asked: tuple[Device | Literal["auto"], ...] = ("auto", "cuda", "cpu")
    built: list[Any] = [registry.backend("torch", device) for device in asked]
    assert built == ["torch on cuda", "torch on cuda", "torch on cpu"]


@pytest.mark.parametrize("info", ROWS, ids=lambda info: info.name)
def test_what_a_row_names_exists(info: FrameworkInfo) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    named = {re.split(r"[\[<>=;]", line)[0] for line in extras[info.pip_extra]}
    pinned = {line.split("==")[0] for line in (ROOT / "constraints.txt").read_text().splitlines()}
    assert named <= set(info.packages)
    assert set(info.packages) - named <= pinned, "what those packages bring has no tested version"
    assert set(info.required) <= set(info.packages)
    recorded = tuple(prefix for row in ROWS for prefix in row.recorded_prefixes)
    matter = [name for name, variable in info.variables.items() if variable.harmless is None]
    assert all(name.startswith(recorded) for name in matter)


def test_a_variable_stands_in_one_place() -> None:
    """The doctor would tell one effect of two."""
    names = [*SHARED, *(name for info in ROWS for name in info.variables)]
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("variable", registry.VARIABLES.values(), ids=list(registry.VARIABLES))
def test_what_a_variable_says_is_the_end_of_a_sentence(variable: Variable) -> None:
    assert variable.platform in ("", "darwin", "linux")
    assert variable.effect == variable.effect.strip().rstrip(".")
    assert variable.effect[0].islower()
