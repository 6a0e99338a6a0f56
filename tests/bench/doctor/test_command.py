"""`python -m bench.doctor`: its exit status, its screen and its options."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from bench.doctor import __main__ as command
from bench.doctor.diagnosis import diagnose
from bench.doctor.facts import Facts
from bench.doctor.findings import Finding
from bench.paths import ROOT
from bench.plan.options import Options
from tests.support.closed import TOO_LONG
from tests.support.doctor_facts import MAC, with_changes


@pytest.mark.parametrize(("level", "status"), [("good", 0), ("warning", 0), ("error", 1)])
def test_the_exit_status_says_whether_there_is_an_error(
    level: Any, status: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    finding = Finding(level=level, message="All is [odd].", fix="pip install 'x[y]'")
    monkeypatch.setattr(command, "diagnose", lambda facts: [finding])
    assert command.main([]) == status
    output = capsys.readouterr().out
    assert (f"{level} All is [odd]." in output) == (level != "good")
    assert ("\n" + " " * 10 in output and "fix: pip install 'x[y]'" in output) == (level != "good")
    last = output.splitlines()[-1]
    assert ("1 warning," in last, "1 error" in last) == (level == "warning", level == "error")


def test_good_findings_are_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--device", "cpu", "--dataset", "synthetic", "--profile", "smoke", "--all"]
    assert command.main(options) in (0, 1)
    output = capsys.readouterr().out
    assert "✓ good" in output
    assert "checks found nothing wrong." in output.splitlines()[-2]


@pytest.mark.parametrize(
    "wrong",
    [["--device", "tpu"], ["--image-size", "3"], ["--profile", "slow"], ["--engine", "abacus"], ["x"]],
)
def test_a_wrong_command_line_has_status_2(wrong: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        command.main(wrong)
    assert exit_info.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_what_cannot_be_read_is_a_finding_and_no_traceback(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = ["--device", "cpu", "--profile", "smoke"]
    assert command.main([*run, "--data-dir", "~no-such-user/c", "--weights", f"/{TOO_LONG}"]) == 1
    output = " ".join(capsys.readouterr().out.split())
    assert "✗ error CIFAR-10 cannot be had: there is no folder ~no-such-user/c." in output
    assert "cannot be read (File name too long)." in output


def test_options_reach_the_facts_as_pytest_would_give_them(monkeypatch: pytest.MonkeyPatch) -> None:
    received: list[Options] = []

    def gather_facts(options: Options, *, probe: bool) -> Facts:
        assert probe
        received.append(options)
        return MAC

    monkeypatch.setattr(command, "gather_facts", gather_facts)
    command.main(
        ["--framework", "torch", "--experiment", "scratch", "--data-dir", "x", "--profile", "full"]
    )
    command.main(["--engine", "tensorflow,torch"])
    assert (received[0].engine, received[0].experiment) == (("torch",), ("scratch",))
    assert received[1].engine == ("tensorflow", "torch")
    assert (received[0].profile, received[0].data_dir, received[0].device) == ("full", Path("x"), "auto")


def test_a_narrow_terminal_keeps_the_fix_indented() -> None:
    console = Console(width=40, file=io.StringIO())
    console.print(command.findings_table(diagnose(with_changes(MAC, power="battery", low_power=True))))
    lines = console.file.getvalue().splitlines()  # type: ignore[attr-defined]
    assert all(line.startswith((" " * 10, "! warning", "✗ error")) for line in lines)


def test_no_framework_is_imported() -> None:
    script = (
        "import sys; from bench.doctor.__main__ import main\n"
        "main(['--device', 'cpu'])\n"
        "print(*({'torch', 'tensorflow', 'keras', 'torchvision'} & set(sys.modules)))"
    )
    output = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True)
    assert output.splitlines()[-1] == ""
