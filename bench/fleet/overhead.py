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
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import dask
import msgspec
import psutil
from distributed import Client, Scheduler, Security
from rich.console import Console

from alexnet.terminal import accept_all_letters
from bench.fleet import remote
from bench.fleet.worker import LOOPBACK, WorkerFile
from bench.paths import ROOT
from bench.records.progress import PROGRESS_FILE, SO_FAR_FILE, Progress

MAX_SHARE = 0.001
"""What the fleet may take of an epoch."""
POLL_SECONDS = 10.0
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
    security = Security.temporary()
    with TemporaryDirectory(prefix="fleet-overhead-") as name, dask.config.set(remote_config()):
        folder = Path(name)
        lock = write_session(folder / "results")
        async with scheduler_and_client(security) as (scheduler, client):
            began = time.perf_counter()
            async with worker_of(scheduler, security, folder, results=folder / "results") as process:
                started = time.perf_counter() - began
                await ask(client, remote.status)
                before = await ask(client, time.process_time, None)
                measured_from, polls = time.perf_counter(), 0
                while time.perf_counter() - measured_from < seconds:
                    await asyncio.sleep(poll_seconds)
                    answer = msgspec.json.decode(await ask(client, remote.status), type=remote.Status)
                    assert answer.state == "running", answer
                    polls += 1
                after = await ask(client, time.process_time, None)
                price = Price(
                    processor_seconds=after - before,
                    seconds=time.perf_counter() - measured_from,
                    polls=polls,
                    start_seconds=started,
                    resident_bytes=psutil.Process(process.pid).memory_info().rss,
                )
        os.close(lock)
    return price


def remote_config() -> dict[str, Any]:
    """Dask's settings of a scheduler that looks after nothing by itself."""
    return {
        "distributed.scheduler.work-stealing": False,
        "distributed.scheduler.active-memory-manager.start": False,
        "distributed.scheduler.http.routes": [],
        "distributed.worker.profile.enabled": False,
    }


@asynccontextmanager
async def scheduler_and_client(security: Security) -> AsyncIterator[tuple[Scheduler, Client]]:
    """Both in this process; the scheduler listens on 127.0.0.1."""
    async with AsyncExitStack() as stack:
        scheduler = await stack.enter_async_context(
            Scheduler(
                protocol="tls",
                host=LOOPBACK,
                port=0,
                dashboard=False,
                dashboard_address=f"{LOOPBACK}:0",
                security=security,
            )
        )
        client = await stack.enter_async_context(
            Client(scheduler.address, security=security, asynchronous=True, set_as_default=False)
        )
        yield scheduler, client


@asynccontextmanager
async def worker_of(
    scheduler: Scheduler,
    security: Security,
    folder: Path,
    *,
    name: str = NAME,
    results: Path,
) -> AsyncIterator[asyncio.subprocess.Process]:
    """A worker of this scheduler in a process of its own, once it has registered; no tunnel is between.

    `folder` is for its certificates. It ends as its input is closed. Raises RuntimeError if it ends
    before it has registered.
    """
    told = WorkerFile(
        name=name,
        port=scheduler.port,
        ca="ca.pem",
        certificate="host.pem",
        key="host.key",
        results=str(results),
    )
    secrets = {
        "ca.pem": security.tls_ca_file.encode(),
        "host.pem": security.tls_worker_cert.encode(),
        "host.key": security.tls_worker_key.encode(),
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
        if line := await process.stdout.readline():
            port = msgspec.json.decode(line, type=dict[str, int])["port"]
            process.stdin.write(msgspec.json.encode({"contact": port}) + b"\n")
        while name not in scheduler.aliases:
            if process.returncode is not None:
                raise RuntimeError(f"the worker ended with status {process.returncode}")
            await asyncio.sleep(0.02)
        yield process
    finally:
        process.stdin.close()
        await process.wait()


async def ask(client: Client, function: Any, *payload: Any, name: str = NAME) -> Any:
    """What a function returns on the worker of this name; by default its payload is b""."""
    given = (b"",) if not payload else tuple(part for part in payload if part is not None)
    return await client.submit(
        function, *given, workers=[name], allow_other_workers=False, retries=0, pure=False
    )


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
