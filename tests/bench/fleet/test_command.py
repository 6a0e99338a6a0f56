"""The command line: hosts and options in any order, and a typo is an error before anything begins."""

from __future__ import annotations

import re
import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from bench.fleet import __main__ as command
from bench.fleet.__main__ import main, split
from bench.fleet.state import begin, last
from bench.paths import ROOT

MACS_FILES = 256
"""Open files that a terminal of macOS allows."""


@pytest.fixture(autouse=True)
def begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Any]]:
    """What would be run: (state, what). Fleets are kept in a folder of the test's own."""
    pytest.importorskip("distributed", reason="the extra `fleet` is not installed")
    from bench.fleet import run

    calls: list[Any] = []

    async def run_fleet(state: Any, what: str, console: Any, **folders: Path) -> int:
        assert resource.getrlimit(resource.RLIMIT_NOFILE)[0] != MACS_FILES, "twenty hosts take more"
        calls.append((state.fleet, what))
        return 0

    monkeypatch.setattr(run, "run_fleet", run_fleet)
    monkeypatch.setattr(command, "FLEETS", tmp_path / "fleet")
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (MACS_FILES, hard))
    yield calls
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    with pytest.raises(SystemExit) as error:
        main(arguments)
    assert error.value.code == 2
    return capsys.readouterr().err.splitlines()[-1]


def test_hosts_and_options_of_pytest_bench_stand_in_any_order() -> None:
    words = ["--profile", "speed", "mac1", "--engine=torch", "bob@mac2", "--ignore-doctor", "mac3"]
    parts = split([*words, "--name", "n", "-k", "not scratch", "--", "-x", "mac4"])
    assert parts == (
        ["mac1", "bob@mac2", "mac3", "--name", "n"],
        ("--profile", "speed", "--engine=torch", "--ignore-doctor", "-k", "not scratch"),
        ("-x", "mac4"),
    )
    assert split(["-k", "--", "mac1", "--", "--"]) == (["mac1"], ("-k", "--"), ("--",))


def test_what_stands_after_dashes_goes_to_hosts_as_it_is(begun: list[Any]) -> None:
    assert main(["mac1", "--profile", "speed", "--", "--of-a-plugin", "x"]) == 0
    (record,) = begun[0][0].hosts
    assert record.host.options == ("--profile", "speed", "--of-a-plugin", "x")


def test_a_fleet_begins_with_its_hosts_and_options(begun: list[Any]) -> None:
    assert main(["mac1", "--profile", "speed", "anna=mac2", "--name", "My Room"]) == 0
    ((fleet, what),) = begun
    assert what == "measure"
    assert [(r.host.name, r.host.address) for r in fleet.hosts] == [("mac-01", "mac1"), ("anna", "mac2")]
    assert {record.host.options for record in fleet.hosts} == {("--profile", "speed")}
    assert fleet.save_as == "my-room"
    head = subprocess.check_output(["git", "-C", ROOT, "rev-parse", "HEAD"], text=True).strip()
    assert fleet.commit == head


def test_the_hosts_of_a_file_and_only_setting_up(begun: list[Any], tmp_path: Path) -> None:
    file = tmp_path / "room.toml"
    file.write_text('[[host]]\naddress = "mac1"\noptions = ["--repeats", "3"]\n')
    assert main(["--hosts", str(file), "--setup-only", "--profile", "smoke"]) == 0
    ((fleet, what),) = begun
    assert what == "set up"
    assert fleet.hosts[0].host.options == ("--repeats", "3", "--profile", "smoke")


def test_the_file_of_the_docs_is_one(begun: list[Any], tmp_path: Path) -> None:
    (text,) = re.findall(r"```toml\n(.*?)```", (ROOT / "docs" / "fleet.md").read_text(), re.DOTALL)
    file = tmp_path / "room.toml"
    file.write_text(text)
    assert main(["--hosts", str(file)]) == 0
    hosts = [record.host for record in begun[0][0].hosts]
    assert [(host.name, host.user) for host in hosts] == [("front-left", "lab"), ("mac-02", "lab")]


def test_resume_and_collect_take_the_last_fleet(begun: list[Any]) -> None:
    main(["mac1", "--profile", "speed"])
    fleet = last(command.FLEETS).fleet
    assert main(["--resume"]) == main(["--collect"]) == 0
    assert begun[1:] == [(fleet, "resume"), (fleet, "collect")]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("mac1", "--experment", "scratch"), "unrecognized arguments: --experment"),
        (("mac1", "--profile", "quik"), "invalid choice: 'quik'"),
        (("mac1", "--engine", "tourch"), "there is no engine 'tourch'"),
        (("mac1", "--repeats"), "expected one argument"),
        (("mac1", "--set"), "unrecognized arguments: --set"),
        ((), "No host is named"),
        (("mac1", "mac1"), "name it once"),
        (("a=mac1", "A=mac2"), "are both named a"),
        (("mac1", "--", "--machine", "x"), "--machine cannot be given to a host"),
        (("mac1", "--name", "//"), "no letter and no digit"),
        (("x" * 65 + "=mac1",), "may have 64 bytes"),
        (("--hosts", "nowhere.toml"), "cannot be read"),
        (("mac1", "--hosts", "nowhere.toml"), "either on the command line or in the file"),
        (("--resume",), "There is no fleet"),
        (("--collect", "mac1"), "name no others"),
        (("--resume", "--repeats", "3"), "name no others"),
        (("--resume", "--collect"), "not allowed with argument"),
    ],
)
def test_what_makes_no_sense_is_a_sentence(
    arguments: tuple[str, ...], sentence: str, begun: list[Any], capsys: pytest.CaptureFixture[str]
) -> None:
    assert sentence in refusal(capsys, *arguments)
    assert begun == []


def test_ctrl_c_is_no_traceback(begun: list[Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the hosts are looked after, and while the report is written, nobody else takes it."""
    from bench.fleet import run

    async def run_fleet(*_: Any, **folders: Path) -> int:
        raise KeyboardInterrupt

    monkeypatch.setattr(run, "run_fleet", run_fleet)
    assert main(["mac1"]) == 130


def test_a_folder_of_fleets_that_cannot_be_made_is_a_sentence(
    begun: list[Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setattr(command, "FLEETS", tmp_path / "file" / "fleet")
    assert "cannot be written" in refusal(capsys, "mac1")


def test_a_session_of_another_commit_is_not_gone_on_with(
    begun: list[Any], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from bench.fleet.hosts import parse_hosts

    monkeypatch.setattr(command, "_commit", lambda: "a" * 40)
    begin(command.FLEETS, parse_hosts(["mac1"]), commit="f" * 40, save_as="fleet")
    assert "`git checkout ffffffffff` first" in refusal(capsys, "--resume")
    assert main(["--collect"]) == 0


def test_without_the_extra_it_says_what_to_install() -> None:
    """Nothing of it may be imported before that is known."""
    script = (
        "import sys\n"
        "for name in ('distributed', 'dask', 'asyncssh', 'cryptography'): sys.modules[name] = None\n"
        "import importlib.util\n"
        "importlib.util.find_spec = lambda name: None\n"
        "from bench.fleet.__main__ import main\n"
        "main(['mac1'])\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    sentence = done.stderr.splitlines()[-1]
    assert "distributed, asyncssh, cryptography: not installed here" in sentence
    assert "Call `make .venv/installed`" in sentence
