"""`python -m bench.fleet.worker FILE`: a host's end of a fleet, a Dask worker for its coordinator alone.

It listens on 127.0.0.1 only, by mutual TLS, and its one task at a time is a function of
`bench.fleet.remote`. Whoever starts it reads a line of JSON from its output, {"port": its port,
"process": its id}, and writes one to its input, {"contact": the port by which the scheduler reaches it}.
It ends when its input ends, when the scheduler closes the connection, or when it has not answered for
long.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from threading import Thread
from time import sleep

import dask
import msgspec
from distributed import Security, Worker

from alexnet.terminal import accept_all_letters
from bench.fleet import remote

LOOPBACK = "127.0.0.1"
HEARTBEAT_SECONDS = 30.0
"""Of the scheduler's own choice they would come twice a second."""
SILENCE_SECONDS = 120.0
"""How long the scheduler may take to answer: a tunnel whose other end is gone never does."""
CONTACT_SECONDS = START_SECONDS = 60.0
CLOSE_SECONDS = 2.0
KEPT = "keep-alive"
"""The one of a Dask worker's periodic callbacks that goes on: the others take 50 looks a second."""
CONFIG = {
    "distributed.worker.preload": [],  # a user's own would run here
    "distributed.worker.profile.enabled": False,
    "distributed.diagnostics.nvml": False,
    "distributed.admin.system-monitor.disk": False,
    "distributed.admin.system-monitor.gil.enabled": False,
    "distributed.comm.compression": False,
}


class WorkerFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a worker is told, as JSON: its host's name, the scheduler's `port` here, its certificates.

    The paths are relative to the folder of the file itself. `results` is the folder of result files, the
    checkout's by default.
    """

    name: str
    port: int
    ca: str
    certificate: str
    key: str
    results: str | None = None


class HostWorker(Worker):  # type: ignore[misc]
    """A Dask worker that listens for Dask's own messages only."""

    def start_http_server(self, *arguments: object, **keywords: object) -> None:
        """Starts none: it would answer whoever can reach the port, without a certificate."""


def main(arguments: list[str] | None = None) -> int:
    """Serves until its end. Returns 0, or 2 for what it was started with."""
    accept_all_letters()
    parser = argparse.ArgumentParser(prog="python -m bench.fleet.worker", description=__doc__)
    parser.add_argument("file", type=Path, help="JSON with the fields of WorkerFile")
    file: Path = parser.parse_args(arguments).file
    # A shell starts background jobs with Ctrl-C ignored, which the session would inherit.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    logging.getLogger("distributed").setLevel(logging.WARNING)
    logging.getLogger("distributed.diskutils").setLevel(logging.CRITICAL)  # its folder has gone by then
    try:
        told = msgspec.json.decode(file.read_bytes(), type=WorkerFile)
        remote.serve(told.name, Path(told.results) if told.results else None)
    except (OSError, msgspec.MsgspecError, ValueError) as error:
        parser.error(f"{file} is no file for a worker: {error}")
    secrets = [file, *(file.parent / name for name in (told.ca, told.certificate, told.key))]
    try:
        asyncio.run(_serve(told, file.parent, lambda: _remove(secrets)))
    except (OSError, RuntimeError, ValueError, TimeoutError) as error:
        parser.error(f"the worker could not start: {error.__cause__ or error}")
    finally:
        _remove(secrets)
    return 0


def _remove(files: list[Path]) -> None:
    for file in files:
        with suppress(OSError):  # the coordinator removes their folder too
            file.unlink(missing_ok=True)


async def _serve(told: WorkerFile, folder: Path, remove_secrets: Callable[[], None]) -> None:
    """Raises TimeoutError, OSError, RuntimeError or ValueError if no worker comes about."""
    dask.config.set(CONFIG)
    loop = asyncio.get_running_loop()
    contact: asyncio.Future[int] = loop.create_future()
    input_ended = asyncio.Event()
    Thread(target=_read_input, args=(loop, contact, input_ended), name="input", daemon=True).start()
    port = _free_port()
    sys.stdout.write(json.dumps({"port": port, "process": os.getpid()}) + "\n")
    sys.stdout.flush()
    contact_port = await asyncio.wait_for(contact, CONTACT_SECONDS)
    security = Security(
        require_encryption=True,
        tls_ca_file=str(folder / told.ca),
        tls_worker_cert=str(folder / told.certificate),
        tls_worker_key=str(folder / told.key),
    )
    worker = HostWorker(
        f"tls://{LOOPBACK}:{told.port}",
        name=told.name,
        host=LOOPBACK,
        port=port,
        contact_address=f"tls://{LOOPBACK}:{contact_port}",
        security=security,
        nthreads=1,
        extensions={},  # the scheduler has none either
        local_directory=str(folder),  # which the coordinator removes, whatever becomes of this worker
        memory_limit=0,
        death_timeout=START_SECONDS,
    )
    # Dask would import from there, where another user could make a folder that has gone anew.
    sys.path.remove(worker.local_directory)
    async with worker:
        remove_secrets()  # both of its TLS contexts have them now
        assert KEPT in worker.periodic_callbacks, "Dask calls it otherwise: nothing would keep it"
        for name, callback in worker.periodic_callbacks.items():
            if name != KEPT:
                callback.stop()
        endings = [
            asyncio.ensure_future(ending)
            for ending in (input_ended.wait(), worker.finished(), _beat(worker))
        ]
        await asyncio.wait(endings, return_when=asyncio.FIRST_COMPLETED)
        for ending in endings:
            ending.cancel()


async def _beat(worker: HostWorker) -> None:
    """Tells the scheduler now and then that this worker lives. Returns when it is not heard any more."""
    while True:
        await asyncio.sleep(HEARTBEAT_SECONDS)
        try:
            await asyncio.wait_for(worker.heartbeat(), SILENCE_SECONDS)
        except TimeoutError:
            return


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port


def _read_input(
    loop: asyncio.AbstractEventLoop, contact: asyncio.Future[int], ended: asyncio.Event
) -> None:
    """Reads the contact and waits for the end of the input, in a thread of its own.

    What hangs then has CLOSE_SECONDS: the process ends, and nothing that counts is in it. Uses os.read:
    this thread would still hold sys.stdin's lock when the interpreter exits.
    """
    pending = b""
    with suppress(RuntimeError):  # the loop is closed: the worker has ended before its input
        while chunk := os.read(0, 4096):
            pending += chunk
            line, newline, _ = pending.partition(b"\n")
            if newline and not contact.done():
                loop.call_soon_threadsafe(_settle, contact, line)
        loop.call_soon_threadsafe(_settle, contact, b"")
        loop.call_soon_threadsafe(ended.set)
    sleep(CLOSE_SECONDS)
    os._exit(0)


def _settle(contact: asyncio.Future[int], line: bytes) -> None:
    """Keeps the port of the line {"contact": port}, or the error that it is none."""
    if contact.done():
        return
    try:
        contact.set_result(msgspec.json.decode(line, type=dict[str, int])["contact"])
    except (msgspec.MsgspecError, KeyError):
        contact.set_exception(ValueError(f"{line[:80]!r} is no contact"))


if __name__ == "__main__":
    sys.exit(main())
