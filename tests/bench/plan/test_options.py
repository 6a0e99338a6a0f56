"""The options that name engines, frameworks and experiments, and those of a resumed session."""

from __future__ import annotations

import argparse
import dataclasses
import json
import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS, default_engines
from alexnet.frameworks.toolchain import Toolchain
from alexnet.recipe import EXPERIMENTS
from bench.plan import engines
from bench.plan.options import CELL_OPTIONS, OPTIONS, Options


def parsed(*arguments: str) -> Options:
    """The options of a command line, as pytest's own parser reads them."""
    parser = argparse.ArgumentParser()
    for name, settings in OPTIONS.items():
        parser.add_argument(name, **settings)
    namespace = vars(parser.parse_args(arguments))
    values = {f"--{name.replace('_', '-')}": value for name, value in namespace.items()}
    config: Any = SimpleNamespace(getoption=values.__getitem__)
    return Options.from_config(config)


def install(monkeypatch: pytest.MonkeyPatch, *packages: str) -> None:
    """Makes these the installed packages, of a computer that can build what compilers ask for."""
    monkeypatch.setattr(engines, "installed_versions", {*packages}.intersection)
    monkeypatch.setattr(Toolchain, "missing", lambda toolchain: "")


@pytest.fixture
def second_torch_engine(monkeypatch: pytest.MonkeyPatch) -> str:
    """The name of a second engine of torch."""
    engine = dataclasses.replace(ENGINES["torch"], name="torch-other", label="PyTorch, otherwise")
    monkeypatch.setitem(ENGINES, engine.name, engine)
    return engine.name


def test_without_a_name_each_frameworks_own_engine_runs_every_experiment() -> None:
    options = parsed()
    assert options.engine == default_engines()
    assert default_engines("linux") == ("torch", "tensorflow")
    assert default_engines("darwin") == ("torch", "tensorflow", "mlx")
    assert options.experiment == tuple(EXPERIMENTS)
    assert options.explicit == ()


def test_a_computer_is_named_by_letters_or_digits(capsys: pytest.CaptureFixture[str]) -> None:
    assert parsed("--machine", "王的电脑").machine == "王的电脑"
    for name in ("🚀", "[*?]"):
        with pytest.raises(SystemExit):
            parsed("--machine", name)
        sentence = "has no letter and no digit, and the folder of results takes its name from it"
        assert f"argument --machine: {name!r} {sentence}" in capsys.readouterr().err


def test_speed_runs_scratch_three_times_unless_others_are_asked_for() -> None:
    options = parsed("--profile", "speed")
    assert (options.experiment, options.repeats) == (("scratch",), 3)
    assert options.explicit == ("profile",)
    asked = parsed("--profile", "speed", "--experiment", "mistaken", "--repeats", "1", "--steps", "40")
    assert (asked.experiment, asked.repeats, asked.steps) == (("mistaken",), 1, 40)
    for others in ("auto", "full", "quick", "smoke"):
        assert parsed("--profile", others).repeats == 1
        assert parsed("--profile", others).experiment == tuple(EXPERIMENTS)


@pytest.mark.usefixtures("second_torch_engine")
def test_an_engine_that_no_framework_is_named_after_runs_only_if_it_is_asked_for() -> None:
    assert "torch-other" not in parsed().engine
    assert parsed("--framework", "torch").engine == ("torch",)
    assert parsed("--engine", "torch-other").engine == ("torch-other",)
    assert parsed("--engine", "torch-other", "--framework", "torch").engine == ("torch-other", "torch")


def test_all_stands_for_every_engine_that_this_computer_can_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "likely_gpu", lambda: None)
    install(monkeypatch, "torch", "torchvision", "jax", "jaxlib")
    names = parsed("--engine", "all").engine
    assert names == parsed("--engine", "torch,all").engine
    assert {"torch", "torch-compile", "torch-bf16"} <= set(names)
    assert not {"torch-tf32", "torch-fp16", "tensorflow"} & set(names)
    reasons = engines.obstacles("auto")
    assert reasons["tensorflow"] == "tensorflow and keras are not installed"
    assert reasons["mlx"] == "mlx is not installed"
    assert reasons["torch-tf32"] == "TF32 is a format of NVIDIA's GPUs"
    assert engines.obstacles("cuda")["torch-tf32"] == ""
    assert parsed("--engine", "all").explicit == ("engine",)


def test_all_leaves_out_an_engine_whose_compiler_cannot_build(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch, "torch", "torchvision")
    monkeypatch.setattr(engines, "likely_gpu", lambda: None)
    assert "torch-compile" in parsed("--engine", "all").engine
    monkeypatch.setattr(Toolchain, "missing", lambda toolchain: f"There is no {toolchain.variable}")
    assert parsed("--engine", "all").engine == ("torch", "torch-bf16")
    assert engines.obstacles("cpu")["torch-compile"] == "There is no CXX"
    assert engines.obstacles("cuda")["torch-compile"] == "There is no CC"
    assert engines.obstacles("mps")["torch-compile"] == ""


def test_on_a_mac_all_has_those_that_run_on_its_cpu_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """JAX is one, unless Apple's GPU is asked for; an engine whose framework has that GPU is none."""
    monkeypatch.setattr(engines, "likely_gpu", lambda: "mps")
    install(monkeypatch, *(name for info in FRAMEWORKS.values() for name in info.required))
    assert {"torch", "tensorflow", "mlx", "jax", "jax-bf16"} <= set(parsed("--engine", "all").engine)
    assert "tensorflow-xla" not in parsed("--engine", "all").engine
    assert "jax" not in parsed("--engine", "all", "--device", "mps").engine
    assert engines.obstacles("auto")["jax"] == ""
    assert engines.obstacles("mps")["jax"].startswith("There is no JAX for Apple's GPU")
    assert engines.obstacles("cuda")["mlx"] == "MLX is run here on Apple's GPU and on the CPU alone"


@pytest.mark.parametrize(
    ("arguments", "engines"),
    [
        (("--engine", "torch"), ("torch",)),
        (("--engine", "torch,tensorflow"), ("torch", "tensorflow")),
        (("--engine=tensorflow,torch",), ("tensorflow", "torch")),
        (("--engine", " tensorflow , torch "), ("tensorflow", "torch")),
        (("--engine", "tensorflow", "--engine", "torch"), ("tensorflow", "torch")),
        (("--engine", "torch", "--framework", "tensorflow"), ("torch", "tensorflow")),
        (("--framework", "tensorflow", "--engine", "torch"), ("torch", "tensorflow")),
        (("--framework", "tensorflow"), ("tensorflow",)),
        (("--framework", "tensorflow,torch"), ("tensorflow", "torch")),
        (("--framework", "tensorflow", "--framework", "torch"), ("tensorflow", "torch")),
        (("--engine", "torch,torch"), ("torch",)),
        (("--engine", "torch", "--engine", "torch,tensorflow"), ("torch", "tensorflow")),
        (("--engine", "torch", "--framework", "torch"), ("torch",)),
    ],
)
def test_engines_are_named_with_commas_or_one_by_one(
    arguments: tuple[str, ...], engines: tuple[str, ...]
) -> None:
    options = parsed(*arguments)
    assert options.engine == engines
    assert options.explicit == ("engine",)


@pytest.mark.parametrize(
    ("arguments", "experiments"),
    [
        (("--experiment", "scratch"), ("scratch",)),
        (("--experiment", "mistaken,scratch"), ("mistaken", "scratch")),
        (("--experiment", "mistaken, scratch"), ("mistaken", "scratch")),
        (("--experiment", "scratch", "--experiment", "mistaken"), ("scratch", "mistaken")),
        (("--experiment", "scratch,mistaken", "--experiment", "scratch"), ("scratch", "mistaken")),
    ],
)
def test_experiments_are_named_with_commas_or_one_by_one(
    arguments: tuple[str, ...], experiments: tuple[str, ...]
) -> None:
    options = parsed(*arguments)
    assert options.experiment == experiments
    assert options.explicit == ("experiment",)


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--engine", "loom"), f"there is no engine 'loom'; there are {', '.join(ENGINES)}, all"),
        (("--engine", "torch,loom"), f"there is no engine 'loom'; there are {', '.join(ENGINES)}, all"),
        (("--engine", "torch,"), f"there is no engine ''; there are {', '.join(ENGINES)}, all"),
        (("--engine", "Torch"), f"there is no engine 'Torch'; there are {', '.join(ENGINES)}, all"),
        (("--framework", "all"), f"there is no framework 'all'; there are {', '.join(FRAMEWORKS)}"),
        (
            ("--experiment", "scratch,magic"),
            f"there is no experiment 'magic'; there are {', '.join(EXPERIMENTS)}",
        ),
    ],
)
def test_an_unknown_name_is_a_sentence_with_the_known_ones(
    arguments: tuple[str, ...], sentence: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parsed(*arguments)
    assert ended.value.code == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert last.endswith(f"error: argument {arguments[0]}: {sentence}")


@pytest.mark.usefixtures("second_torch_engine")
def test_an_engine_is_no_framework() -> None:
    with pytest.raises(SystemExit):
        parsed("--framework", "torch-other")


def test_the_help_names_what_may_be_named() -> None:
    for option, names in (
        ("--engine", ENGINES),
        ("--framework", FRAMEWORKS),
        ("--experiment", EXPERIMENTS),
    ):
        assert ", ".join(names) in OPTIONS[option]["help"]
        assert "with commas between or the option repeated" in OPTIONS[option]["help"]


def test_one_command_line_leaves_the_defaults_of_the_next_as_they_were() -> None:
    parsed("--engine", "tensorflow", "--experiment", "mistaken")
    assert parsed() == parsed()
    assert [OPTIONS[name]["default"] for name in ("--engine", "--framework", "--experiment")] == [[]] * 3


def test_every_option_that_decides_on_cells_is_a_field() -> None:
    fields = {field.name for field in dataclasses.fields(Options)}
    assert fields > CELL_OPTIONS
    assert "framework" not in fields


BEGUN_WITH = ("--engine", "tensorflow", "--experiment", "scratch,mistaken", "--epochs", "7")
SAVED = json.loads(json.dumps(parsed(*BEGUN_WITH).to_json()))
"""As a manifest has them."""


def test_a_resumed_session_has_its_own_engines_and_experiments_again() -> None:
    merged = parsed("--resume").merged_with(SAVED)
    assert merged.engine == ("tensorflow",)
    assert merged.experiment == ("scratch", "mistaken")
    assert merged.epochs == 7
    assert merged.resume


@pytest.mark.parametrize("arguments", [("--engine", "torch"), ("--framework", "torch")])
def test_an_engine_that_is_named_anew_comes_before_the_saved_one(arguments: tuple[str, ...]) -> None:
    options = parsed("--resume", *arguments)
    assert set(options.explicit) == {"resume", "engine"}
    assert CELL_OPTIONS & set(options.explicit) == {"engine"}
    merged = options.merged_with(SAVED)
    assert merged.engine == ("torch",)
    assert merged.experiment == ("scratch", "mistaken")


def test_what_is_saved_of_the_options_is_json_with_whole_paths(tmp_path: Path) -> None:
    saved = parsed("--data-dir", f"{tmp_path}/../{tmp_path.name}", "--engine", "torch").to_json()
    assert saved["data_dir"] == str(tmp_path.resolve())
    assert saved["engine"] == ("torch",)
    assert not re.search("framework|resume|explicit|machine", " ".join(saved))
    assert parsed().merged_with(saved).data_dir == tmp_path.resolve()
