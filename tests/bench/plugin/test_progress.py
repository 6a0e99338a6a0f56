"""The two lines of a cell's progress, in a terminal of 80 columns."""

from __future__ import annotations

import io
import re

from msgspec.structs import replace
from rich.console import Console

from bench.ipc.messages import Heartbeat
from bench.plugin.progress import ProgressBar, progress_updater
from tests.support.samples import EPOCH, START

HEADING = "cell 11 of 12  pretrained-tensorflow-mps-s0-r2  (45.4 h left in all)"


def test_cell_epoch_rate_loss_and_time_left_fit_into_80_columns() -> None:
    console = Console(file=io.StringIO(), width=80, force_terminal=True, color_system=None)
    bar = ProgressBar(console, HEADING)
    follow = progress_updater(bar, bar.add("starting"), epochs=20)
    for record in (START, replace(EPOCH, train_seconds=0.05), Heartbeat(epoch=12, step=1)):
        follow(record)
    with console.capture() as capture:
        console.print(*bar.get_renderables(), no_wrap=True)
    heading, line = capture.get().splitlines()
    assert heading.rstrip() == HEADING
    assert "epoch 12/20  12,800 images/s  loss 2.200 " in line
    assert re.search(r"\d:\d\d:\d\d left \d:\d\d:\d\d$", line.rstrip())
