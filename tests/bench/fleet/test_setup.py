"""A host is set up from a project that is a Makefile of three lines, on a simulated host."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytest.importorskip("asyncssh", reason="the extra fleet is not installed")
pytest.importorskip("distributed", reason="the extra fleet is not installed")

from bench.fleet.hosts import Host, parse_hosts
from bench.fleet.setup import NotSetUp, SetUp, _git, doctors_options, set_up
from bench.fleet.ssh import connect
from bench.host.lock import Lock
from bench.paths import ROOT
from tests.support.ssh_server import Room, SimulatedHost

PYTHON = f'#!/bin/sh\nshift\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "$@"\n'
"""In the place of .venv's. It leaves `-I` out, since the suite is nowhere installed for it."""

MAKEFILE = """
.venv/installed: pyproject.toml
\t@echo installing
\t@mkdir -p .venv/bin
\t@cp python .venv/bin/python
\t@chmod +x .venv/bin/python
\t@touch $@
doctor:
\t@printf '%s\\n' $(ARGS) > ../asked
\t@if [ -e ../ill ]; then echo 'x error  The disk is full.'; exit 1; fi
"""


class Setting:
    """A project to bring and a host to bring it to."""

    def __init__(self, folder: Path) -> None:
        self.project = folder / "project"
        (self.project / "bench").mkdir(parents=True)
        (self.project / "bench" / "test_train.py").touch()
        (self.project / "pyproject.toml").touch()
        (self.project / "Makefile").write_text(MAKEFILE)
        (self.project / "python").write_text(PYTHON)
        (self.project / ".gitignore").write_text(".venv/\n")
        (self.project / "noise").write_bytes(os.urandom(200_000))
        self.git("init", "--quiet")
        self.commit()
        self.room = Room(folder / "room", ["mac-01"])
        self.lines: list[str] = []
        self.fake("df", "echo; echo disk 1 1 50000000 1% /")  # room, whatever this computer's disk has

    def git(self, *arguments: str) -> str:
        names = ("-c", "user.name=T", "-c", "user.email=t@localhost")
        command = ["git", "-C", str(self.project), *names, *arguments]
        return subprocess.check_output(command, text=True).strip()

    def commit(self) -> str:
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "a commit")
        return self.git("rev-parse", "HEAD")

    @property
    def simulated(self) -> SimulatedHost:
        return self.room.hosts["mac-01"]

    @property
    def checkout(self) -> Path:
        return self.simulated.home / "alexnet-bench"

    def head_there(self) -> str:
        command = ["git", "-C", str(self.checkout), "rev-parse", "HEAD"]
        return subprocess.check_output(command, text=True).strip()

    def fake(self, command: str, script: str) -> None:
        """A command of that name comes first on the host's PATH."""
        folder = self.simulated.home / "bin"
        folder.mkdir(exist_ok=True)
        (folder / command).write_text(f"#!/bin/sh\n{script}\n")
        (folder / command).chmod(0o755)
        (self.simulated.home / ".profile").write_text(f'PATH="{folder}:$PATH"\n')

    def set_up(self, *options: str) -> SetUp:
        self.lines.clear()

        async def do() -> SetUp:
            async with self.room:
                host: Host = parse_hosts([self.simulated.word], options)[0]
                async with await connect(host) as connection:
                    return await set_up(connection, host, log=self.lines.append)

        return asyncio.run(asyncio.wait_for(do(), 60))

    def problem(self, *options: str) -> str:
        with pytest.raises(NotSetUp) as caught:
            self.set_up(*options)
        return str(caught.value)


@pytest.fixture
def setting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Setting:
    made = Setting(tmp_path)
    monkeypatch.setenv("HOME", str(made.room.user_home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    monkeypatch.setattr("bench.fleet.setup.ROOT", made.project)
    return made


def test_a_host_comes_from_nothing_to_this_commit_and_then_is_given_what_is_new(
    setting: Setting,
) -> None:
    setting.git("config", "core.autocrlf", "false")
    first = setting.git("rev-parse", "HEAD")
    done = setting.set_up("--profile", "smoke", "-k", "scratch", "--weights=it's $HOME.pth")
    assert (done.commit, setting.head_there()) == (first, first)
    assert done.warnings == ()
    assert abs(done.clock_offset_seconds) < 2
    assert "installing" in setting.lines
    asked = (setting.simulated.home / "asked").read_text().splitlines()
    assert asked == ["--profile", "smoke", "--weights=it's $HOME.pth", "--machine", "mac-01"]
    (brought,) = [line for line in setting.lines if line.startswith("brings")]
    assert "(0.2 MB)" in brought

    setting.set_up()
    assert setting.lines == ["installs what is missing", "asks the doctor"]

    (setting.project / "new").touch()
    second = setting.commit()
    setting.set_up()
    assert setting.head_there() == second
    (brought,) = [line for line in setting.lines if line.startswith("brings")]
    assert "(0.0 MB)" in brought, "what the host has is not brought again"
    assert not list((setting.checkout / ".git").glob("*.bundle"))


def test_a_host_that_is_ahead_or_elsewhere_is_brought_to_this_commit(setting: Setting) -> None:
    setting.set_up()
    names = ("-c", "user.name=T", "-c", "user.email=t@localhost")
    there = ["git", "-C", str(setting.checkout), *names]
    subprocess.run([*there, "commit", "--quiet", "--allow-empty", "-m", "its own"], check=True)
    own = setting.head_there()
    assert setting.set_up().commit == setting.head_there() != own
    assert subprocess.run([*there, "cat-file", "-e", own], check=False).returncode == 0


def test_what_is_not_committed_here_is_told(setting: Setting) -> None:
    (setting.project / "Makefile").write_text(MAKEFILE + "\n# changed\n")
    (warning,) = setting.set_up().warnings
    assert warning.startswith("1 file of this checkout is changed and not committed")
    assert "# changed" not in (setting.checkout / "Makefile").read_text()


def test_a_shallow_clone_or_none_is_refused(setting: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    setting.commit()
    shallow = setting.project.parent / "shallow"
    source = f"file://{setting.project}"
    subprocess.run(["git", "clone", "--quiet", "--depth=1", source, str(shallow)], check=True)
    monkeypatch.setattr("bench.fleet.setup.ROOT", shallow)
    assert "git fetch --unshallow" in setting.problem()
    monkeypatch.setattr("bench.fleet.setup.ROOT", setting.room.folder)
    assert "is no git checkout" in setting.problem()


def test_ctrl_c_at_the_coordinator_does_not_reach_git(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A terminal signals its process group; a bundle that it ended would look like no git checkout."""
    (tmp_path / "git").write_text(f"#!{sys.executable}\nimport os\nprint(os.getpgid(0))\n")
    (tmp_path / "git").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert int(_git("bundle")) != os.getpgid(0)


def test_a_folder_of_something_else_and_changes_there_are_left_alone(setting: Setting) -> None:
    setting.checkout.mkdir()
    (setting.checkout / "thesis.txt").write_text("mine")
    assert "is something else than this project" in setting.problem()
    assert [file.name for file in setting.checkout.iterdir()] == ["thesis.txt"]
    (setting.checkout / "thesis.txt").unlink()
    setting.set_up()
    (setting.checkout / "Makefile").write_text("all:\n\t\x1b[31mmine\n")
    setting.commit()
    message = setting.problem()
    assert "has changes of its own (M Makefile)" in message
    assert "mine" in (setting.checkout / "Makefile").read_text()
    (setting.checkout / ".DS_Store").touch()
    subprocess.run(["git", "-C", str(setting.checkout), "checkout", "--quiet", "."], check=True)
    setting.set_up()


@pytest.mark.parametrize(
    ("command", "script", "part"),
    [
        ("uname", "echo FreeBSD", "it runs 'FreeBSD', and the suite macOS and Linux"),
        ("df", "echo; echo disk 1 1 5000000 1% /", "it has 5.1 GB free"),
        ("date", "expr $(/bin/date +%s) + 3000000", "its clock is 34.7 days ahead"),
        ("date", "expr $(/bin/date +%s) - 90000", "its clock is 1.0 days behind"),
        ("make", "echo 'No Python runs here.' >&2; exit 2", "make cannot set it up. No Python runs"),
    ],
)
def test_a_host_that_cannot_measure_is_refused_with_the_reason(
    setting: Setting, command: str, script: str, part: str
) -> None:
    setting.fake(command, script)
    message = setting.problem()
    assert message.startswith("mac-01: ")
    assert part in message


def test_a_mac_without_the_command_line_tools_is_asked_nothing_more(setting: Setting) -> None:
    setting.fake("uname", "echo Darwin")
    setting.fake("xcode-select", "exit 2")
    setting.fake("git", "touch window-opened")
    assert "call `xcode-select --install` on that Mac" in setting.problem()
    assert not (setting.simulated.home / "window-opened").exists()


def test_a_wrong_clock_is_measured(setting: Setting) -> None:
    setting.fake("date", "expr $(/bin/date +%s) - 7200")
    assert setting.set_up().clock_offset_seconds == pytest.approx(-7200, abs=2)


def test_the_doctors_errors_refuse_a_host_unless_they_are_to_be_ignored(setting: Setting) -> None:
    (setting.simulated.home / "ill").touch()
    message = setting.problem()
    assert "--ignore-doctor measures all the same" in message
    assert "The disk is full." in message
    (setting.simulated.home / "asked").unlink()
    setting.set_up("--ignore-doctor")
    assert not (setting.simulated.home / "asked").exists()


def test_a_host_that_measures_is_not_disturbed(setting: Setting) -> None:
    setting.set_up()
    lock = Lock(setting.simulated.home / "tmp" / f"alexnet-bench-{os.getuid()}.lock")
    lock.acquire("pytest bench, by hand")
    (setting.simulated.home / "asked").unlink()
    (warning,) = setting.set_up().warnings
    assert "since a session is measuring: " in warning
    assert "by hand" in warning
    assert not (setting.simulated.home / "asked").exists()
    first = setting.head_there()
    setting.commit()
    assert "a session is measuring there, with the commit" in setting.problem()
    assert setting.head_there() == first
    lock.release()
    before = time.time()
    setting.set_up()
    assert (setting.simulated.home / "asked").stat().st_mtime >= before - 1


def test_the_doctor_is_given_its_own_options_alone() -> None:
    options = (
        *("-p", "tests.support.toy_plugin", "--profile", "smoke", "-k", "a or b"),
        *("--data-dir=x", "--benchmark-compare", "--seeds", "2", "--ignore-doctor"),
    )
    kept = ["--profile", "smoke", "--data-dir=x", "--seeds", "2", "--ignore-doctor"]
    assert list(doctors_options(options)) == kept
