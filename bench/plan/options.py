"""What `pytest bench` can be asked: one table of options, one frozen value."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from alexnet.data import DatasetName
from alexnet.frameworks.protocol import Device, Framework
from alexnet.frameworks.registry import FRAMEWORKS
from alexnet.recipe import EXPERIMENTS
from bench.plan.profiles import PROFILES


def _at_least(least: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < least:
            raise ValueError(f"{value} is less than {least}")
        return value

    number.__name__ = f"whole number of at least {least}"  # argparse names it in its error
    return number


_MANY: dict[str, Any] = {"action": "append", "default": []}

OPTIONS: dict[str, dict[str, Any]] = {
    "--profile": {
        "choices": ["auto", *PROFILES],
        "default": "auto",
        "help": "how much of the protocol: auto is full where each framework has a GPU, else quick",
    },
    "--framework": {"choices": FRAMEWORKS, "help": "may be repeated; default: both", **_MANY},
    "--experiment": {
        "choices": list(EXPERIMENTS),
        "help": "may be repeated; default: all",
        **_MANY,
    },
    "--device": {
        "choices": ["auto", *get_args(Device)],
        "default": "auto",
        "help": "auto is the best that each framework can use",
    },
    "--dataset": {
        "choices": ["auto", *get_args(DatasetName)],
        "default": "auto",
        "help": "auto is cifar10, and below full the synthetic stand-in where that cannot be had",
    },
    "--data-dir": {
        "type": Path,
        "metavar": "DIR",
        "help": "a folder with cifar-10-batches-bin that you vouch for (also: ALEXNET_DATA)",
    },
    "--image-size": {"type": _at_least(1), "metavar": "PX", "help": "default: the profile's"},
    "--train-images": {"type": _at_least(10), "metavar": "N", "help": "default: the profile's"},
    "--epochs": {"type": _at_least(2), "metavar": "N", "help": "the cap; the first is a warm-up"},
    "--patience": {
        "type": _at_least(1),
        "metavar": "N",
        "help": "stop after N epochs without a better validation loss; default: the recipe's",
    },
    "--seeds": {"type": _at_least(1), "metavar": "N", "default": 1, "help": "seeds 0 to N-1"},
    "--batch-size": {"type": _at_least(1), "metavar": "N", "help": "default: the recipe's"},
    "--weights": {
        "type": Path,
        "metavar": "PATH",
        "help": "torchvision's alexnet-owt-7be5be79.pth; default: torchvision fetches it",
    },
    "--ignore-doctor": {
        "action": "store_true",
        "help": "run even where `python -m bench.doctor` finds what would spoil it",
    },
    "--resume": {
        "action": "store_true",
        "help": "go on with the last session that is not finished, with its own options",
    },
    "--resume-anyway": {
        "action": "store_true",
        "help": "the same, even where code, versions, data, options or machine are not what they were",
    },
    "--machine": {"metavar": "NAME", "help": "this computer's name in results/NAME"},
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of one session, as they were given; None is the profile's or recipe's own.

    `given` names those that are not at their default.
    """

    profile: str
    framework: tuple[Framework, ...]
    experiment: tuple[str, ...]
    device: str
    dataset: str
    data_dir: Path | None
    image_size: int | None
    train_images: int | None
    epochs: int | None
    patience: int | None
    seeds: int
    batch_size: int | None
    weights: Path | None
    machine: str | None
    ignore_doctor: bool = False
    resume: bool = False
    resume_anyway: bool = False
    given: tuple[str, ...] = ()

    @classmethod
    def from_config(cls, config: pytest.Config) -> Options:
        values = {_field(name): config.getoption(name) for name in OPTIONS}
        defaults = {_field(name): settings.get("default") for name, settings in OPTIONS.items()}
        values["given"] = tuple(
            name for name, value in values.items() if value and value != defaults[name]
        )
        values["resume"] = values["resume"] or values["resume_anyway"]
        values["framework"] = tuple(values["framework"] or FRAMEWORKS)
        values["experiment"] = tuple(values["experiment"] or EXPERIMENTS)
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """What a session that goes on with this one takes over, as JSON has it."""
        values = asdict(self)
        for name in _NOT_KEPT:
            del values[name]
        return {
            name: str(value.expanduser().resolve()) if isinstance(value, Path) else value
            for name, value in values.items()
        }

    def merged_with(self, kept: Mapping[str, Any]) -> Options:
        """These options, and the first session's where nothing was given now."""
        fields = {name: value for name, value in kept.items() if name not in self.given}
        for name, value in fields.items():
            if isinstance(value, list):
                fields[name] = tuple(value)
            elif name in ("data_dir", "weights") and value is not None:
                fields[name] = Path(value)
        return replace(self, **fields)


_NOT_KEPT = ("ignore_doctor", "resume", "resume_anyway", "given", "machine")


CELL_OPTIONS = {
    *("profile", "framework", "experiment", "device", "dataset", "image_size", "train_images"),
    *("epochs", "patience", "seeds", "batch_size"),
}
"""The options that say which cells there are and how much of the protocol they run."""


def _field(option: str) -> str:
    return option[2:].replace("-", "_")


def add_to(parser: pytest.Parser) -> None:
    """Adds every option to pytest's own."""
    group = parser.getgroup("alexnet", "AlexNet benchmarks (pytest bench)")
    for name, settings in OPTIONS.items():
        group.addoption(name, **settings)
