"""What a terminal has no letter for is printed as a plain one, and no command fails there."""

from __future__ import annotations

import io
import os
import subprocess
import sys

import pytest

from alexnet.terminal import accept_all_letters
from bench.paths import ROOT


def printed(text: str, encoding: str, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The bytes of a text in a terminal."""
    stream = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    monkeypatch.setattr(sys, "stdout", stream)
    accept_all_letters()
    stream.write(text)
    stream.flush()
    return stream.buffer.getvalue()


@pytest.mark.parametrize(
    ("encoding", "expected"),
    [
        ("ascii", b"+ 1 - 2. x ?? ?"),
        ("latin-1", b"+ 1 - 2. x \xe4\xb1 ?"),
        ("cp1252", b"+ 1 \x96 2\x85 x \xe4\xb1 ?"),
        ("utf-8", "✓ 1 – 2… ✗ ä± 芯".encode()),
    ],
)
def test_each_letter_has_one_place(
    encoding: str, expected: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert printed("✓ 1 – 2… ✗ ä± 芯", encoding, monkeypatch) == expected


def test_a_name_that_is_no_text_is_printed_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file whose name is not UTF-8."""
    assert printed(os.fsdecode(b"o\xff"), "utf-8", monkeypatch) == b"o?"


@pytest.mark.parametrize("stream", [None, io.BytesIO()])
def test_a_stream_without_letters_is_left_alone(stream: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Standard output may be closed, or be something of a notebook's."""
    monkeypatch.setattr(sys, "stdout", stream)
    accept_all_letters()
    assert sys.stdout is stream


DOCTOR = (
    "-m",
    "bench.doctor",
    "--all",
    "--device",
    "cpu",
    "--dataset",
    "synthetic",
    "--profile",
    "smoke",
)


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
@pytest.mark.parametrize(
    ("arguments", "mark"),
    [
        (DOCTOR, "+ good"),
        (("-m", "alexnet", "standard"), " - "),
        (("-m", "alexnet", "experiments"), "74.00"),
        (("-m", "bench.check", "--help"), "FILE."),
        (("-m", "bench.check", "nowhere…"), "nowhere"),
        (("-m", "reports", "--help"), "RESULTS."),
        (("-m", "reports.original"), "74.00"),
    ],
    ids=lambda value: " ".join(value[1:3]) if isinstance(value, tuple) else "",
)
def test_every_command_prints_on_a_terminal_of_few_letters(
    arguments: tuple[str, ...], mark: str, encoding: str
) -> None:
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=os.environ | {"PYTHONIOENCODING": encoding, "COLUMNS": "100"},
        capture_output=True,
        encoding=encoding,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode in (0, 1, 2)
    assert mark in done.stdout
