"""What is shown of hosts: one line each, warnings once, and nothing that a terminal would obey."""

from __future__ import annotations

import io
import os
import subprocess
import sys

from rich.console import Console

from bench.fleet.table import Row, Screen, duration, shown, table


def text_of(rows: list[Row], width: int = 100) -> str:
    console = Console(file=io.StringIO(), width=width)
    console.print(table(rows))
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()


RUNNING = Row(
    name="mac-02",
    state="running",
    cell="scratch-torch-mps-s0",
    cells_done=1,
    cells=8,
    epoch=3,
    epochs=20,
    seconds_left=7200,
)


def test_the_table_has_host_cell_epoch_time_left_and_warnings() -> None:
    waiting = Row(name="mac-01", why="its password is wanted")
    warned = Row(name="mac-03", state="done", warnings={"a": "hot", "b": "slow"})
    lines = text_of([waiting, RUNNING, warned]).splitlines()
    assert lines[0].split() == ["host", "state", "cell", "epoch", "left"]
    assert lines[1].split() == ["mac-01", "waiting", "its", "password", "is", "wanted"]
    assert lines[2].split() == ["mac-02", "running", "2/8", "scratch-torch-mps-s0", "3/20", "2.0", "h"]
    assert lines[3].split() == ["mac-03", "done", "2", "warnings"]


def test_twenty_hosts_are_twenty_lines() -> None:
    rows = [Row(name=f"mac-{place:02}", why="[bold]no markup[/] " * 3) for place in range(1, 21)]
    assert len(text_of(rows, width=160).splitlines()) == 21


def test_a_hosts_words_are_one_safe_bounded_line() -> None:
    evil = "\x1b[2J\x1b]0;title\x07\r\nfine \u202e" + "x" * 10_000
    assert shown(evil).isprintable()
    assert len(shown(evil)) == 200
    assert shown("a\n\tb") == "a b"


def test_without_a_terminal_each_change_is_a_line_and_each_warning_is_told_once() -> None:
    output = io.StringIO()
    row = Row(name="mac-02")
    screen = Screen(Console(file=output, width=40), [row])
    with screen.live():
        row.state = "running"
        screen.changed()
        for epoch in range(5):
            row.epoch = epoch
            row.warnings["clock"] = "its clock is 60 min ahead"
            screen.changed()
        row.state, row.why = "lost", "[the network]"
        screen.changed()
    assert output.getvalue().splitlines() == [
        "mac-02: running",
        "mac-02: warning: its clock is 60 min ahead",
        "mac-02: lost; [the network]",
    ]


def test_an_output_that_nobody_reads_ends_no_fleet() -> None:
    script = (
        "from rich.console import Console\n"
        "from bench.fleet.table import Screen\n"
        "screen = Screen(Console(), [])\n"
        "for _ in range(2): screen.say('a sentence')\n"
        "raise SystemExit(7)\n"
    )
    reads, writes = os.pipe()
    os.close(reads)
    try:
        assert subprocess.run([sys.executable, "-c", script], stdout=writes, check=False).returncode == 7
    finally:
        os.close(writes)


def test_durations_read_well() -> None:
    assert [duration(seconds) for seconds in (None, 5.4, 600, 9000)] == ["", "5 s", "10 min", "2.5 h"]
