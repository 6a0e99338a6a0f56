"""The beginning of a child's script in a test: its job is read, its pipe open, its records are lines."""

from __future__ import annotations

from msgspec.structs import replace

from bench.ipc.messages import Heartbeat, Resumed, to_line
from bench.records.types import Failure
from tests.support.samples import EPOCH, GATE, RESULT, ROOFLINE, START

EPOCHS = [replace(EPOCH, epoch=n, warm_up=n == 1, train_seconds=float(n)) for n in (1, 2, 3)]
QUICK = replace(EPOCH, train_seconds=0.001)
NO_CHECKPOINT = "no checkpoint had been taken yet"

PREAMBLE = f"""
import json, os, select, signal, sys, time
job = sys.stdin.readline()
known = json.loads(job)["saved_epochs"]
pipe = os.fdopen(int(sys.argv[1]), "w", buffering=1)
START = {to_line(START)!r}
OTHER_START = {to_line(replace(START, device_name="another CPU"))!r}
BEAT = {to_line(Heartbeat(epoch=1, step=3))!r}
EPOCHS = {[to_line(epoch) for epoch in EPOCHS]!r}
QUICK = {to_line(QUICK)!r}
RESUMED = {[to_line(Resumed(after_epoch=n, went_back_because=None)) for n in range(4)]!r}
BEGUN_ANEW = {to_line(Resumed(after_epoch=0, went_back_because=NO_CHECKPOINT))!r}
RESULT = {to_line(RESULT)!r}
FAILURE = {to_line(Failure(reason="no such weights", log_tail=""))!r}
GATE = {to_line(GATE)!r}
ROOFLINE = {to_line(ROOFLINE)!r}

def begin():
    pipe.write(START)
    if known is not None:
        pipe.write(RESUMED[len(known)])
"""
