"""The command refuses what cannot be read, and lists what is in each file."""

from __future__ import annotations

import copy
import json
import random
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.check.__main__ import main
from bench.paths import ROOT
from bench.records.read import MAX_BYTES
from bench.records.types import Failure
from tests.support.another_suite import another_suites_content
from tests.support.saved_file import (
    LINUX,
    MAC,
    SCRATCH,
    Content,
    genuine_content,
    make_file,
    make_saved_run,
    saved_text,
)
from tests.support.saved_file_edits import put, reseal


def with_load(text: str) -> Callable[[], str]:
    """The genuine file with another text in place of a figure."""
    return lambda: saved_text("linux").replace('"load": 0.4', f'"load": {text}', 1)


HOSTILE: dict[str, tuple[str | bytes | Callable[[], str], str]] = {
    "empty": ("", "it is not JSON"),
    "words": ("hello", "it is not JSON"),
    "a list": ("[1, 2]", "it is no object"),
    "another object": ("{}", "lacks machine_info or benchmarks"),
    "another suite's": (
        lambda: json.dumps(another_suites_content()),
        "another suite saved it with pytest-benchmark",
    ),
    "not UTF-8": (b"\xff\xfe{}", "it is not JSON"),
    "NaN": (with_load("NaN"), "it holds NaN"),
    "infinite": (with_load("-Infinity"), "it holds -Infinity"),
    "infinite by size": (with_load("1e999"), "it holds 1e999"),
    "endless digits": (with_load("9" * 5000), "5000 digits"),
    "lists in lists": ("[" * 100_000, "nested too deep"),
    "objects in objects": ('{"a":' * 40 + "1" + "}" * 40, "nested deeper than 32 levels"),
    "one key twice": (with_load('9, "load": 0.4'), 'the key "load" twice'),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_file_that_cannot_be_read_says_why(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    content, reason = HOSTILE[name]
    file = tmp_path / "sent.json"
    content = content() if callable(content) else content
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    assert main([str(file)]) == 2
    assert reason in capsys.readouterr().out


def test_a_byte_order_mark_does_no_harm(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "sent.json"
    file.write_text(saved_text("linux"), encoding="utf-8-sig")
    assert main([str(file)]) == 0
    assert "all of it holds" in capsys.readouterr().out


def test_a_huge_file_is_not_even_opened(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "huge.json"
    with file.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)  # takes no room on the disk
    assert main([str(file), str(tmp_path), str(tmp_path / "none")]) == 2
    out = capsys.readouterr().out
    for reason in ("huge.json: it has 200,000,001 bytes", "this is no file", "there is no such file"):
        assert reason in out


def test_a_file_cut_anywhere_is_not_json(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file, rng, good = tmp_path / "cut.json", random.Random(0), saved_text("linux")
    for _ in range(40):
        file.write_text(good[: rng.randrange(len(good))])
        assert main([str(file)]) == 2
        assert "it is not JSON" in capsys.readouterr().out


NUMBERS = (-1, 0, 1, 2**62, -(2**63), 5e-324, 1e308, -1e308, 0.5)
TEXTS = ("", "x", "\ud800\x1b[2J", "9" * 5000, "2026-11-24", "0001-01-01T00:00:00+23:59", "magic")
JUNK: list[Any] = [None, True, *NUMBERS, *TEXTS, "pretrained", [], {}, [[]], {"a": 1}, [1] * 50]


def mutate(content: Content, rng: random.Random) -> None:
    """Puts junk somewhere, deletes something, or repeats an item of a list."""
    parent: Any = content
    while True:
        keys = list(parent) if isinstance(parent, dict) else list(range(len(parent)))
        key = rng.choice(keys)
        has_children = isinstance(parent[key], dict | list) and len(parent[key]) > 0
        if not has_children or rng.random() < 0.05:
            break
        parent = parent[key]
    draw = rng.random()
    if draw < 0.15:
        del parent[key]
    elif draw < 0.25 and isinstance(parent, list):
        parent.append(copy.deepcopy(parent[key]))
    else:
        parent[key] = copy.deepcopy(rng.choice(JUNK))


def test_three_hundred_mutations_never_make_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rng, file, statuses = random.Random(20261124), tmp_path / "sent.json", []
    for turn in range(300):
        content = genuine_content(("mac", "linux", "interrupted")[turn % 3])
        for _ in range(1 + turn // 3 % 3):
            mutate(content, rng)
        if turn % 4 < 2:
            with suppress(KeyError, TypeError, AttributeError):  # too little of the file is left
                reseal(content)  # so that more than the checksum is wrong
        file.write_text(json.dumps(content))
        statuses.append(main([str(file)]))
    out = capsys.readouterr().out
    assert set(statuses) <= {0, 1, 2}
    assert statuses.count(1) > 200, "most of them can be read, and are wrong"
    assert "\x1b" not in out, "a terminal would obey it"


def test_the_command_line_lists_what_stands_in_each_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    good, bad, broken = (tmp_path / f"{name}.json" for name in ("good", "bad", "broken"))
    good.write_text(saved_text("linux"))
    content = genuine_content("linux")
    put("run/result/test_accuracy", 0.74)(content)
    bad.write_text(json.dumps(content))
    broken.write_text(saved_text("linux")[:-9])
    assert main([str(good)]) == 0
    output = capsys.readouterr()
    assert output.err == ""
    first, *lines = output.out.splitlines()
    assert first == f"{good}: vm: 7 runs: 3 valid, 3 invalid, 1 failed; 1 skipped; all of it holds"
    kinds = [line.split(": ")[0].strip() for line in lines]
    assert kinds == ["invalid", "invalid", "invalid", "failed", "skipped"]
    assert "  invalid: augmented-torch-cpu-s0: diverged at epoch 2: a loss not finite" in output.out
    assert main([str(good), str(bad)]) == 1
    out = capsys.readouterr().out
    assert "  violation: scratch-torch-cpu-s0: result.test_accuracy is 0.74" in out
    assert "  violation: scratch-torch-cpu-s0: checksum does not fit" in out
    assert main([str(broken), str(bad), str(good)]) == 2


def test_wrong_usage_is_told_from_a_violation(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, status in (([], 2), (["--magic"], 2), (["--help"], 0)):
        with pytest.raises(SystemExit) as ended:
            main(arguments)
        assert ended.value.code == status
    assert "Exit status" in capsys.readouterr().out
    (tmp_path / "odd.json").write_text(json.dumps(make_file(LINUX, [], [], []) | {"failures": 5}))
    command = [sys.executable, "-m", "bench.check", str(tmp_path / "odd.json")]
    process = subprocess.run(command, cwd=ROOT, text=True, capture_output=True, check=False)
    assert (process.returncode, process.stderr) == (1, "")
    assert "  violation: failures is no list" in process.stdout, "as `python -m bench.check`"


def test_a_virtual_mac_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    machine = replace(MAC, model="VirtualMac2,1", virtual=True)
    run = make_saved_run(machine, SCRATCH, failure=Failure(reason="no GPU", log_tail=""))
    file = tmp_path / "virtual.json"
    file.write_text(json.dumps(make_file(machine, [], [run], [])))
    assert main([str(file)]) == 0
    assert "  warning: scratch-torch-cpu-s0: a virtual Mac: not comparable" in capsys.readouterr().out
