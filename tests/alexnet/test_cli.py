"""The output of `python -m alexnet`."""

from __future__ import annotations

import subprocess
import sys

import pytest

from alexnet.__main__ import main
from alexnet.frameworks.protocol import Device
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from alexnet.recipe import EXPERIMENTS
from bench.paths import ROOT
from tests.support.engines import engines


def test_the_variants_are_listed_with_their_parameters(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main([]) == 0
    out = capsys.readouterr().out
    for parameters in ("58,322,314", "62,388,354", "202,839,952", "57,044,810", "61,100,840"):
        assert parameters in out
    assert "…" not in out, "a column was cut off at 80 characters"


def test_the_mistaken_network_is_explained_change_by_change(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["mistaken"]) == 0
    out = capsys.readouterr().out
    for figure in (
        "43264",
        "177,213,440",
        "+4,066,040",
        "+139,460,608",
        "+990,990",
        "+144,517,638",
    ):
        assert figure in out
    assert "…" not in out


def test_every_experiment_says_what_it_claims(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["experiments"]) == 0
    out = " ".join(capsys.readouterr().out.split())
    for name in EXPERIMENTS:
        assert f"{name}: the " in out
    assert "74.00" in out


def test_an_illegal_size_is_one_sentence(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["torchvision", "--image-size", "160"]) == 2
    captured = capsys.readouterr()
    assert "avgpool cannot bring a map of 4x4 to 6x6" in captured.err
    assert captured.out == ""


@pytest.mark.slow
@pytest.mark.parametrize("engine", engines())
def test_a_device_that_is_not_there_is_one_sentence(engine: str) -> None:
    """On a Mac some have mps, and none has cuda."""
    absent: Device = "cuda" if sys.platform == "darwin" else "mps"
    command = [sys.executable, "-m", "alexnet", "device", engine, absent]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 2
    row = ENGINES[engine]
    reason = {**FRAMEWORKS[row.framework].never_on, **row.not_on}.get(absent)
    said = f"{engine} cannot run on {absent}. {reason}" if reason else "it sees"
    assert said in process.stderr.splitlines()[-1]


@pytest.mark.slow
def test_the_carry_over_prints_a_line_for_each_tensor() -> None:
    """For a file in torchvision's layout with random weights."""
    script = (
        "import sys, tempfile, pathlib\nfrom tests.support.torchvision_reference import write_state\n"
        "from alexnet.__main__ import main\n"
        "with tempfile.TemporaryDirectory() as folder:\n"  # the file has 244 MB
        "    file = pathlib.Path(folder) / 'random.pth'\n    write_state(file)\n"
        "    sys.exit(main(['carry-over', str(file), '--classes', '10']))"
    )
    command = [sys.executable, "-c", script]
    process = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    lines = process.stdout.splitlines()
    assert "not torchvision's published file" in lines[0]
    assert max(map(len, lines)) <= 80
    assert sum("✓" in line for line in lines) == 16
    fc7 = next(line for line in lines if "classifier.4.weight" in line)
    assert " ".join(fc7.split()) == ("classifier.4.weight fc7.weight 4096x4096 as it is transposed ✓")
    assert "CHW -> HWC, transposed" in next(line for line in lines if "fc6.weight" in line)
    assert any("fc8.weight" in line and "He-uniform" in line and "new" in line for line in lines)
