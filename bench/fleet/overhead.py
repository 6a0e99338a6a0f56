"""`python -m bench.fleet.overhead`: the processor time that a fleet's worker takes beside a session.

A real scheduler asks a real worker how a session stands, as often as the fleet does. The session is
files and a lock, so that nothing else runs.
"""

from __future__ import annotations

import argparse
import asyncio
import fcntl
import logging
import os
import sys
import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgspec
import psutil
from rich.console import Console

from alexnet.terminal import accept_all_letters
from bench.fleet import remote
from bench.fleet.certificates import Certificates
from bench.fleet.cluster import Cluster, Worker
from bench.fleet.watch import POLL_SECONDS
from bench.fleet.worker import LOOPBACK, WorkerFile
from bench.paths import ROOT
from bench.records.progress import PROGRESS_FILE, SO_FAR_FILE, Progress

MAX_SHARE = 0.001
"""What the fleet may take of an epoch."""
END_SECONDS = 30.0
"""For a worker to end by itself, before it is killed."""
NAME = "overhead"
SESSION = "20261127T120000-full"
RESULT_BYTES = 2_000_000
"""Of the results so far of many cells."""


@dataclass(frozen=True, kw_only=True)
class Price:
    """What a worker took: processor seconds in so many seconds and polls, and memory at their end."""

    processor_seconds: float
    seconds: float
    polls: int
    start_seconds: float
    resident_bytes: int

    @property
    def share(self) -> float:
        """Of one core's time, which is the most that an epoch can lose by it."""
        return self.processor_seconds / self.seconds


def main(arguments: Sequence[str] | None = None) -> int:
    """Prints the price. Returns 1 if it is over MAX_SHARE."""
    accept_all_letters()
    parser = argparse.ArgumentParser(prog="python -m bench.fleet.overhead", description=__doc__)
    parser.add_argument("--seconds", type=float, default=120.0, help="how long; 120 by default")
    parser.add_argument("--poll", type=float, default=POLL_SECONDS, help="seconds from poll to poll")
    args = parser.parse_args(arguments)
    if not 0 < args.poll <= args.seconds:
        parser.error("--poll is more than no seconds, and not more than --seconds")
    logging.getLogger("distributed").setLevel(logging.WARNING)
    price = asyncio.run(measure(args.seconds, args.poll))
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"In {price.seconds:,.0f} s with {price.polls} polls the worker took"
        f" {price.processor_seconds:.3f} s of one core: {price.share:.3%}, and {MAX_SHARE:.1%} is"
        f" allowed. It has {price.resident_bytes / 1e6:.0f} MB of memory, and registered after"
        f" {price.start_seconds:.1f} s."
    )
    return int(price.share > MAX_SHARE)


async def measure(seconds: float, poll_seconds: float) -> Price:
    """Measures for so long, from after the first poll, which loads what later ones have."""

    # It has no name in a module, so the worker is sent it whole and need not load this module.
    def processor_seconds(_: bytes) -> bytes:
        return str(time.process_time()).encode()

    with TemporaryDirectory(prefix="fleet-overhead-") as name, Certificates() as certificates:
        folder = Path(name)
        lock = write_session(folder / "results")
        async with LocalCluster(certificates, NAME) as cluster:
            began = time.perf_counter()
            async with cluster.worker(folder, results=folder / "results") as (worker, _):
                started = time.perf_counter() - began
                await cluster.call(worker, remote.status)
                before = float(await cluster.call(worker, processor_seconds))
                measured_from, polls = time.perf_counter(), 0
                while time.perf_counter() - measured_from < seconds:
                    await asyncio.sleep(poll_seconds)
                    answer = await cluster.call(worker, remote.status)
                    status = msgspec.json.decode(answer, type=remote.Status)
                    assert status.state == "running", status
                    polls += 1
                after = float(await cluster.call(worker, processor_seconds))
                price = Price(
                    processor_seconds=after - before,
                    seconds=time.perf_counter() - measured_from,
                    polls=polls,
                    start_seconds=started,
                    resident_bytes=psutil.Process(worker.pid).memory_info().rss,
                )
        os.close(lock)
    return price


class LocalCluster(Cluster):
    """A fleet's cluster whose worker runs on this computer, with no connection between."""

    @asynccontextmanager
    async def worker(
        self, folder: Path, *, results: Path, name: str = NAME, theirs: Certificates | None = None
    ) -> AsyncIterator[tuple[Worker, asyncio.subprocess.Process]]:
        """A worker and its process, once it has registered. It ends as its input is closed.

        `folder` is for its certificate, which may be of `theirs`: of another session. Raises
        RuntimeError if it ends before it has registered.
        """
        files = (theirs or self._certificates).issue(name)
        told = WorkerFile(
            name=name,
            port=self.port,
            ca="ca.pem",
            certificate="host.pem",
            key="host.key",
            results=str(results),
        )
        secrets = {
            told.ca: files.ca,
            told.certificate: files.certificate,
            told.key: files.key,
            "worker.json": msgspec.json.encode(told),
        }
        for file, content in secrets.items():
            (folder / file).touch(mode=0o600)
            (folder / file).write_bytes(content)
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "bench.fleet.worker", str(folder / "worker.json")),
            cwd=ROOT,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            address = ""
            if line := await process.stdout.readline():
                port = msgspec.json.decode(line, type=dict[str, int])["port"]
                address = self._scheduler.addresses[name] = f"tls://{LOOPBACK}:{port}"
                process.stdin.write(msgspec.json.encode({"contact": port}) + b"\n")
            while address not in self._scheduler.workers:
                if process.returncode is not None:
                    raise RuntimeError(f"the worker ended with status {process.returncode}")
                await asyncio.sleep(0.02)
            no_connection: Any = None
            yield Worker(address, process.pid, no_connection, process), process
        finally:
            process.stdin.close()
            try:
                await asyncio.wait_for(process.wait(), END_SECONDS)
            except TimeoutError:
                process.kill()
                await process.wait()


def write_session(results: Path) -> int:
    """A session of many cells as far as a worker can tell; returns the descriptor of its lock."""
    place = remote.Place(machine=NAME, results=results)
    session = place.runs / SESSION
    session.mkdir(parents=True)
    progress = Progress(
        cell="scratch-s0",
        epoch=7,
        epochs=60,
        cells_done=5,
        cells=24,
        seconds_left=12345.6,
        warnings=tuple(f"cell {number}: it ended 8% slower than it began" for number in range(12)),
        saved=None,
        started_by="overhead",
    )
    (session / PROGRESS_FILE).write_bytes(msgspec.json.encode(progress))
    (session / SO_FAR_FILE).write_bytes(bytes(RESULT_BYTES))
    state = remote.State(fleet=NAME, token="overhead", process=os.getpid(), session=SESSION)
    place.state.write_bytes(msgspec.json.encode(state))
    place.log.write_text("a line of pytest\n" * 1000)
    lock = os.open(place.lock, os.O_RDWR | os.O_CREAT, 0o600)
    fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


if __name__ == "__main__":
    sys.exit(main())
