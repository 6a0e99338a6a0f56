"""The command-line options of `pytest bench`: a table of them, and their values."""

from __future__ import annotations

from argparse import ArgumentTypeError
from collections.abc import Callable, Collection, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, get_args

import pytest

from alexnet.data import DatasetName
from alexnet.folders import expanded
from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS, default_engines
from alexnet.recipe import EXPERIMENTS
from bench.plan.engines import ALL, all_runnable
from bench.plan.profiles import PROFILES
from bench.records.computer import folder_name


def _at_least(minimum: int) -> Callable[[str], int]:
    def number(text: str) -> int:
        value = int(text)
        if value < minimum:
            raise ValueError(f"{value} is less than {minimum}")
        return value

    number.__name__ = f"whole number of at least {minimum}"  # argparse prints it in its error
    return number


def _names(noun: str, known: Collection[str], *also: str) -> Callable[[str], list[str]]:
    """Reads names with commas between them. Raises ArgumentTypeError for one that is not known.

    `also` are names that stand for some of the known ones.
    """

    def names(text: str) -> list[str]:
        given = [name.strip() for name in text.split(",")]
        if unknown := [name for name in given if name not in (*known, *also)]:
            names_known = ", ".join((*known, *also))
            raise ArgumentTypeError(f"there is no {noun} {unknown[0]!r}; there are {names_known}")
        return given

    return names


def _computer(text: str) -> str:
    """Reads a computer's name. Raises ArgumentTypeError for one that can name no folder."""
    if text and not folder_name(text):
        raise ArgumentTypeError(
            f"{text!r} has no letter and no digit, and the folder of results takes its name from it"
        )
    return text


_REPEATABLE: dict[str, Any] = {"action": "extend", "default": []}

OPTIONS: dict[str, dict[str, Any]] = {
    "--profile": {
        "choices": ["auto", *PROFILES],
        "default": "auto",
        "help": "how much of the protocol to run; auto: full if every framework has a GPU, else quick",
    },
    "--engine": {
        "type": _names("engine", ENGINES, ALL),
        "metavar": "NAME",
        "help": (
            f"run these engines, with commas between or the option repeated: {', '.join(ENGINES)};"
            f" {ALL}: every engine that this computer can run; default: {', '.join(default_engines())}"
        ),
        **_REPEATABLE,
    },
    "--framework": {
        "type": _names("framework", FRAMEWORKS),
        "metavar": "NAME",
        "help": (
            "run the engines that have these frameworks' names, with commas between or the option"
            f" repeated: {', '.join(FRAMEWORKS)}"
        ),
        **_REPEATABLE,
    },
    "--experiment": {
        "type": _names("experiment", EXPERIMENTS),
        "metavar": "NAME",
        "help": (
            "run these experiments, with commas between or the option repeated:"
            f" {', '.join(EXPERIMENTS)}; default: all; in the profile speed: scratch"
        ),
        **_REPEATABLE,
    },
    "--device": {
        "choices": ["auto", *get_args(Device)],
        "default": "auto",
        "help": "auto: the best that each framework can use; a named one that is missing is an error",
    },
    "--dataset": {
        "choices": ["auto", *get_args(DatasetName)],
        "default": "auto",
        "help": "auto: cifar10; smoke and quick take synthetic images if it cannot be had",
    },
    "--data-dir": {
        "type": expanded,
        "metavar": "DIR",
        "help": "your own folder with cifar-10-batches-bin, used unverified (also: ALEXNET_DATA)",
    },
    "--image-size": {
        "type": _at_least(1),
        "metavar": "PX",
        "help": "height and width of an image in pixels; default: the profile's",
    },
    "--train-images": {
        "type": _at_least(10),
        "metavar": "N",
        "help": "training images per epoch; default: the profile's",
    },
    "--steps": {
        "type": _at_least(1),
        "metavar": "N",
        "help": (
            "in the profile speed: train only the first N steps of each epoch; default: as many as take"
            " the fastest engine 25 s; a trial before the first gate finds the number"
        ),
    },
    "--epochs": {
        "type": _at_least(2),
        "metavar": "N",
        "help": "train for at most N epochs, of which the first is a warm-up",
    },
    "--patience": {
        "type": _at_least(1),
        "metavar": "N",
        "help": "stop after N epochs without a lower validation loss; default: the recipe's",
    },
    "--seeds": {
        "type": _at_least(1),
        "metavar": "N",
        "default": 1,
        "help": "run every cell with the seeds 0 to N-1; default: 1",
    },
    "--repeats": {
        "type": _at_least(1),
        "metavar": "N",
        "help": (
            "run every cell N times, each time in a fresh process, the engines in turn, with one gate"
            " for all; default: 1; in the profile speed: 3. The epochs of one run cannot tell how much"
            " the next run would differ; three repeats can"
        ),
    },
    "--batch-size": {
        "type": _at_least(1),
        "metavar": "N",
        "help": "images per training step; default: the recipe's",
    },
    "--weights": {
        "type": expanded,
        "metavar": "PATH",
        "help": "weights of torchvision's AlexNet, such as your copy of alexnet-owt-7be5be79.pth;"
        " default: that file, downloaded",
    },
    "--ignore-doctor": {
        "action": "store_true",
        "help": "run even if `python -m bench.doctor` finds an error",
    },
    "--resume": {
        "action": "store_true",
        "help": "continue the last unfinished session, with its own options",
    },
    "--resume-anyway": {
        "action": "store_true",
        "help": "as --resume, even if code, versions, data, options or machine have changed",
    },
    "--machine": {
        "type": _computer,
        "metavar": "NAME",
        "help": "name this computer, in any script; its results go to results/NAME",
    },
}


@dataclass(frozen=True, kw_only=True)
class Options:
    """The options of one session. None stands for the value of the profile or the recipe.

    `explicit` names the options that differ from their defaults.
    """

    profile: str
    engine: tuple[str, ...]
    experiment: tuple[str, ...]
    device: str
    dataset: str
    data_dir: Path | None
    image_size: int | None
    train_images: int | None
    epochs: int | None
    patience: int | None
    seeds: int
    repeats: int
    batch_size: int | None
    weights: Path | None
    machine: str | None
    steps: int | None = None
    ignore_doctor: bool = False
    resume: bool = False
    resume_anyway: bool = False
    explicit: tuple[str, ...] = ()

    @classmethod
    def from_config(cls, config: pytest.Config) -> Options:
        values = {_field(name): config.getoption(name) for name in OPTIONS}
        defaults = {_field(name): settings.get("default") for name, settings in OPTIONS.items()}
        # --framework is a second spelling: each framework has an engine of its name.
        values["engine"] = [*values["engine"], *values.pop("framework")]
        values["explicit"] = tuple(
            name for name, value in values.items() if value and value != defaults[name]
        )
        values["resume"] = values["resume"] or values["resume_anyway"]
        named = values["engine"] or default_engines()
        named = all_runnable(values["device"]) if ALL in named else named
        values["engine"] = tuple(dict.fromkeys(named))
        # What `auto` becomes has the defaults of `full`.
        profile = PROFILES.get(values["profile"], PROFILES["full"])
        values["experiment"] = tuple(dict.fromkeys(values["experiment"] or profile.experiments))
        values["repeats"] = values["repeats"] or profile.repeats
        return cls(**values)

    def to_json(self) -> dict[str, Any]:
        """The options that a resumed session takes over, as JSON values; paths are absolute."""
        values = {name: value for name, value in asdict(self).items() if name not in _NOT_SAVED}
        return {
            name: str(value.resolve()) if isinstance(value, Path) else value
            for name, value in values.items()
        }

    def merged_with(self, saved: Mapping[str, Any]) -> Options:
        """These options, with the first session's `saved` ones wherever none was set explicitly."""
        fields = {name: value for name, value in saved.items() if name not in self.explicit}
        for name, value in fields.items():
            if isinstance(value, list):
                fields[name] = tuple(value)
            elif name in ("data_dir", "weights") and value is not None:
                fields[name] = Path(value)
        return replace(self, **fields)


_NOT_SAVED = ("ignore_doctor", "resume", "resume_anyway", "explicit", "machine")

CELL_OPTIONS = {
    *("profile", "engine", "experiment", "device", "dataset", "image_size", "train_images"),
    *("steps", "epochs", "patience", "seeds", "repeats", "batch_size"),
}
"""The options that decide which cells a session has and how much of the protocol they run."""


def _field(option: str) -> str:
    return option[2:].replace("-", "_")


def add_options(parser: pytest.Parser) -> None:
    """Adds every option to pytest's command line."""
    group = parser.getgroup("alexnet", "AlexNet benchmarks (pytest bench)")
    for name, settings in OPTIONS.items():
        group.addoption(name, **settings)
