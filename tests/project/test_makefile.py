"""`make` finds a Python that runs, or says why there is none, and writes up what was measured."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import tomllib
from functools import partial
from pathlib import Path
from time import monotonic, sleep

import pytest
from packaging.requirements import Requirement

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS, default_engines
from bench.paths import ROOT

BROKEN = "#!/bin/sh\nexit 127\n"  # a version manager's stub for a Python that is not installed
# Passes the check; its `-m venv` makes a .venv whose Python succeeds at everything.
WORKING = """#!/bin/sh
case "$*" in
  *venv*) mkdir -p .venv/bin; rm -f .venv/bin/python; echo "$0" >> used
          printf '#!/bin/sh\\necho "$@" >> calls\\nexport -p > environment\\n' > .venv/bin/python
          chmod +x .venv/bin/python;;
  --version) echo "Python 3.11.7";;
esac
"""
# Says why it will not do, as bench/interpreter.py does.
INCOMPLETE = """#!/bin/sh
printf 'it lacks lzma (Debian: liblzma-dev)'; exit 1
"""
PATIENCE_SECONDS = 60.0

SETTINGS = tomllib.loads((ROOT / "pyproject.toml").read_text())
PROJECT = SETTINGS["project"]
EXTRAS: dict[str, list[str]] = PROJECT["optional-dependencies"]


def brought_by(extra: str, platform: str) -> set[str]:
    """The extras that an extra of this project consists of on a platform."""
    parts = [Requirement(line) for line in EXTRAS[extra]]
    assert {part.name for part in parts} == {PROJECT["name"]}
    there = [p for p in parts if p.marker is None or p.marker.evaluate({"sys_platform": platform})]
    return {name for part in there for name in part.extras}


def test_uv_installs_the_versions_that_make_installs() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert SETTINGS["tool"]["uv"]["constraint-dependencies"] == pins


def test_on_a_mac_nothing_asks_for_cuda() -> None:
    """uv resolves all extras for each platform, whichever it installs."""
    lines = [line for name, extra in EXTRAS.items() if name.endswith("-cuda") for line in extra]
    asked = [part for part in map(Requirement, lines) if part.name != PROJECT["name"]]
    assert {part.name for part in asked} == {"jax", "tensorflow"}
    for part in asked:
        assert part.marker
        assert not part.marker.evaluate({"sys_platform": "darwin"})


def test_uv_installs_the_extras_that_make_installs() -> None:
    (group,) = SETTINGS["dependency-groups"]["dev"]
    assert Requirement(group).name == PROJECT["name"]
    assert Requirement(group).extras == {"default", "dev"}
    text = (ROOT / "Makefile").read_text()
    assert "'.[$(FRAMEWORKS),dev]'" in text
    assert "\nFRAMEWORKS = default\n" in text


def test_no_lock_of_uv_is_kept() -> None:
    """It names the package host of whoever made it."""
    assert "uv.lock" in (ROOT / ".gitignore").read_text().splitlines()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A checkout whose PATH has only the tools that make needs."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    (tmp_path / "bench").mkdir()
    shutil.copy(ROOT / "bench" / "interpreter.py", tmp_path / "bench")
    (tmp_path / "bin").mkdir()
    for tool in ("sh", "make", "touch", "mkdir", "chmod", "printf", "uname", "rm", "sleep"):
        (tmp_path / "bin" / tool).symlink_to(shutil.which(tool) or pytest.fail(f"no {tool} here"))
    return tmp_path


def install(checkout: Path, name: str, script: str) -> None:
    file = checkout / "bin" / name
    file.write_text(script)
    file.chmod(0o755)


def environment_of(checkout: Path) -> dict[str, str]:
    # The variables of an outer `make test` are in the environment of its children.
    outer = ("MAKE", "NAME", "ARGS", "RESULTS", "OUT", "FRAMEWORKS")
    environment = {k: v for k, v in os.environ.items() if not k.startswith(outer)}
    return environment | {"PATH": str(checkout / "bin")}


def make(checkout: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [str(checkout / "bin" / "make"), *arguments],
        cwd=checkout,
        env=environment_of(checkout) | variables,
        capture_output=True,
        text=True,
        check=False,
    )


def installed(checkout: Path, script: str) -> Path:
    """An installed checkout whose .venv/bin/python is the script; returns where it notes its calls."""
    install(checkout, "python3", WORKING)
    assert make(checkout, "doctor").returncode == 0
    (checkout / ".venv" / "bin" / "python").write_text(f'#!/bin/sh\necho "$@" >> calls\n{script}\n')
    (checkout / "calls").unlink()
    return checkout / "calls"


def test_a_stub_is_passed_over_for_a_python_that_runs(checkout: Path) -> None:
    install(checkout, "python3.12", BROKEN)
    install(checkout, "python3.11", WORKING)
    done = make(checkout, "bench", "NAME=mine", "ARGS=--profile smoke")
    assert done.returncode == 0, done.stderr
    assert (checkout / "used").read_text().strip().endswith("python3.11")
    calls = (checkout / "calls").read_text().splitlines()
    assert calls[-2] == "-m pytest bench --benchmark-save=mine --profile smoke"
    assert calls[-1] == "-m reports results --out report"
    assert any("--constraint constraints.txt --editable .[default,dev]" in c for c in calls)


@pytest.mark.parametrize("target", ["bench", "resume"])
def test_a_session_that_failed_is_written_up_and_still_fails(checkout: Path, target: str) -> None:
    calls = installed(checkout, 'case "$*" in *pytest*) exit 7;; esac')
    done = make(checkout, target)
    assert done.returncode != 0
    assert "Error 7" in done.stderr
    assert calls.read_text().splitlines()[-1] == "-m reports results --out report"


@pytest.mark.parametrize("target", ["bench", "resume"])
def test_a_session_that_was_refused_is_not_written_up(checkout: Path, target: str) -> None:
    """Another one may be measuring, and a report takes two processors."""
    calls = installed(checkout, f'case "$*" in *pytest*) exit {pytest.ExitCode.USAGE_ERROR:d};; esac')
    done = make(checkout, target)
    assert "Error 4" in done.stderr
    assert "-m pytest bench" in calls.read_text()
    assert "-m reports" not in calls.read_text()


# Ends as a session does after Ctrl-C.
INTERRUPTED = """
case "$*" in *pytest*) touch begun; trap 'exit 130' INT; while :; do sleep 0.05; done;; esac
"""


@pytest.mark.parametrize("shell", ["dash", "bash"])
def test_after_ctrl_c_what_was_measured_is_written_up(checkout: Path, shell: str) -> None:
    """In a terminal it goes to make, to make's shell and to the session."""
    program = shutil.which(shell) or pytest.skip(f"there is no {shell} here")
    calls = installed(checkout, INTERRUPTED)
    command = [str(checkout / "bin" / "make"), "bench", f"SHELL={program}"]
    with subprocess.Popen(
        command,
        cwd=checkout,
        env=environment_of(checkout),
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        # A shell starts background jobs with Ctrl-C ignored, and children inherit that.
        preexec_fn=partial(signal.signal, signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 no threads here
    ) as process:
        deadline = monotonic() + PATIENCE_SECONDS
        while not (checkout / "begun").exists():
            assert monotonic() < deadline
            sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode != 0
    assert calls.read_text().splitlines()[-1] == "-m reports results --out report"


def test_targets_wait_for_each_other_whatever_a_shell_says_of_jobs(checkout: Path) -> None:
    """Many have -j in MAKEFLAGS."""
    calls = installed(checkout, 'case "$*" in *pytest*) sleep 0.5; echo ended >> calls;; esac')
    assert make(checkout, "bench", "report", MAKEFLAGS="-j8").returncode == 0
    _, *others = calls.read_text().splitlines()
    report = "-m reports results --out report"
    assert others == ["-m pytest bench", "ended", report, report]


def test_a_report_is_of_what_is_named(checkout: Path) -> None:
    install(checkout, "python3", WORKING)
    make(checkout, "report", "RESULTS=mine yours/*.json", "OUT=there", "ARGS=--baseline me")
    calls = (checkout / "calls").read_text().splitlines()
    assert calls[-1] == "-m reports mine yours/*.json --out there --baseline me"


def test_it_installs_once(checkout: Path) -> None:
    install(checkout, "python3", WORKING)
    for _ in range(2):
        assert make(checkout, "test").returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert sum("pip" in call for call in calls) == 2
    assert calls.count("-m pytest -n 2 --dist loadfile --no-loadscope-reorder -m not engines") == 2


def test_the_frameworks_that_are_installed_can_be_named(checkout: Path) -> None:
    """Each of them is an extra of pyproject.toml, else pip only warns."""
    install(checkout, "python3", WORKING)
    assert make(checkout, "bench", "FRAMEWORKS=tensorflow-cuda").returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert any("--editable .[tensorflow-cuda,dev]" in call for call in calls)
    of_frameworks = {info.pip_extra for info in FRAMEWORKS.values()}
    assert of_frameworks | {"tensorflow-cuda", "jax-cuda", "default", "engines", "fleet", "dev"} == set(
        EXTRAS
    )


def test_the_fast_tests_are_those_that_are_not_slow(checkout: Path) -> None:
    install(checkout, "python3", WORKING)
    make(checkout, "test-fast", "ARGS=-q")
    calls = (checkout / "calls").read_text().splitlines()
    assert (
        calls[-1]
        == "-m pytest -n 2 --dist loadfile --no-loadscope-reorder -m not slow and not engines -q"
    )


@pytest.mark.parametrize("platform", ["darwin", "linux"])
def test_what_is_installed_is_what_a_session_runs_unasked(platform: str) -> None:
    """MLX on Macs alone."""
    frameworks = {ENGINES[name].framework for name in default_engines(platform)}
    assert brought_by("default", platform) == {FRAMEWORKS[name].pip_extra for name in frameworks}


def test_the_tests_of_the_engines_have_every_framework() -> None:
    expected = {info.pip_extra for info in FRAMEWORKS.values()}
    assert brought_by("engines", sys.platform) == expected


def test_the_tests_of_the_other_engines_install_their_frameworks_once(checkout: Path) -> None:
    install(checkout, "python3", WORKING)
    for _ in range(2):
        assert make(checkout, "test-engines").returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert sum(",engines,dev]" in call for call in calls) == 1
    assert calls[-1] == "-m pytest -n 2 --dist loadfile --no-loadscope-reorder -m engines -rs"


def test_no_python_is_a_sentence(checkout: Path) -> None:
    install(checkout, "python3.12", BROKEN)
    install(checkout, "python3", BROKEN)
    done = make(checkout, "test")
    assert done.returncode != 0
    assert "No Python 3.11 or 3.12 runs here" in done.stderr
    assert "https://www.python.org/downloads/" in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_that_will_not_do_is_passed_over(checkout: Path) -> None:
    install(checkout, "python3.12", INCOMPLETE)
    install(checkout, "python3.11", WORKING)
    assert make(checkout, "test").returncode == 0
    assert (checkout / "used").read_text().strip().endswith("python3.11")


def test_where_no_python_will_do_each_is_named_with_why(checkout: Path) -> None:
    install(checkout, "python3.12", INCOMPLETE)
    install(checkout, "python3", "#!/bin/sh\nprintf 'it is Python 3.13.1'; exit 1\n")
    done = make(checkout, "test", tried="what a shell has left", found="python3")
    assert done.returncode != 0
    assert "  python3.12: it lacks lzma (Debian: liblzma-dev).\n  python3: it is Python 3.13.1.\n" in (
        done.stderr
    )
    assert "Mend that, or install one from https://www.python.org/downloads/" in done.stderr
    assert "left" not in done.stderr
    assert not (checkout / ".venv").exists()


def test_a_real_python_is_asked(checkout: Path) -> None:
    """That of these tests, which lacks nothing, and then as if it had been built without lzma."""
    asks = checkout / "bench" / "interpreter.py"
    made = "case $1 in -m|--version) exit 0;; esac"
    install(checkout, "python3", f'#!/bin/sh\n{made}\nexec {sys.executable} "$@"\n')
    (checkout / ".venv" / "bin").mkdir(parents=True)
    install(checkout, "../.venv/bin/python", "#!/bin/sh\nexit 0\n")
    assert make(checkout, "doctor").returncode == 0
    (checkout / ".venv" / "installed").unlink()
    asks.write_text(re.sub('"lzma":', '"no_such_lzma":', asks.read_text()))
    done = make(checkout, "doctor")
    assert done.returncode != 0
    assert "python3: it lacks no_such_lzma (Debian: liblzma-dev)." in done.stderr


def test_a_venv_whose_python_is_gone_is_made_anew(checkout: Path) -> None:
    """As after an upgrade of the system's Python; .venv/installed is there all the same."""
    install(checkout, "python3", WORKING)
    assert make(checkout, "test").returncode == 0
    python = checkout / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("/nowhere/bin/python3.12")
    done = make(checkout, "test")
    assert done.returncode == 0, done.stderr
    assert len((checkout / "used").read_text().splitlines()) == 2
    assert not python.is_symlink()


def test_a_venv_of_a_python_that_will_not_do_is_made_anew(checkout: Path) -> None:
    """As one that came with a user's folder from a Mac with an Intel processor."""
    calls = installed(checkout, 'case "$*" in *interpreter*) exit 1;; esac')
    assert make(checkout, "test").returncode == 0
    assert len((checkout / "used").read_text().splitlines()) == 2
    assert sum("pip" in call for call in calls.read_text().splitlines()) == 2


LEFT_BEHIND = {
    "PIP_CONSTRAINT": "/etc/pip/constraint.txt",
    "PIP_NO_DEPS": "1",
    "PIP_REQUIRE_HASHES": "1",
    "PIP_TARGET": "/elsewhere",
    "PYTEST_ADDOPTS": "-n 8 --cov=theirs --benchmark-disable",
    "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    "PYTHONHOME": "/elsewhere",
    "PYTHONOPTIMIZE": "1",
    "PYTHONPATH": "/opt/ros/lib/python3.10/site-packages",
    "PYTHONSAFEPATH": "1",
    "PYTHONWARNINGS": "error",
}
"""By notebooks, by containers of NVIDIA's, by ROS, by other projects' shells."""


def test_what_is_meant_for_other_pythons_reaches_none_of_ours(checkout: Path) -> None:
    install(checkout, "python3", WORKING)
    kept = {"PIP_INDEX_URL": "https://mirror.example/simple", "OMP_NUM_THREADS": "2"}
    assert make(checkout, "bench", **LEFT_BEHIND, **kept, PIP_USER="1").returncode == 0
    told = (checkout / "environment").read_text()
    assert [name for name in LEFT_BEHIND if re.search(rf"\b{name}\b", told)] == []
    assert all(re.search(rf"\b{name}\b", told) for name in kept), "what is the user's own is kept"
    assert re.search(r"\bPIP_USER=['\"]?0", told), (
        "pip.conf may say `user = true`, which .venv cannot have"
    )


def test_options_are_those_of_the_command_line(checkout: Path) -> None:
    """A variable of these names may be in any environment: WSL has NAME, the computer's."""
    install(checkout, "python3", WORKING)
    assert make(checkout, "bench", NAME="A-LAPTOP", ARGS="--oops").returncode == 0
    calls = (checkout / "calls").read_text().splitlines()
    assert calls[-2] == "-m pytest bench"


def test_packages_that_went_elsewhere_are_a_sentence(checkout: Path) -> None:
    """As pip puts them where its pip.conf has a target or a prefix."""
    calls = installed(checkout, 'case "$*" in *"import pytest"*) exit 1;; esac')
    (checkout / ".venv" / "installed").unlink()
    install(checkout, "python3", "#!/bin/sh\nexit 0\n")  # leaves .venv as it is
    done = make(checkout, "test")
    assert done.returncode != 0
    assert "`.venv/bin/python -m pip config list`" in done.stderr
    assert "pytest -n" not in calls.read_text()
    assert not (checkout / ".venv" / "installed").exists()
