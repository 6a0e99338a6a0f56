"""The coordinator's side of Dask: a scheduler and a client in this process, a worker on each host.

A host may be anyone's. Its worker can be told what to do, and nothing that it sends is trusted: it may
register under its own name and answer its own tasks, no more, and no pickle of its making is loaded.
"""

from __future__ import annotations

import asyncio
import json
import pickle
import shlex
import sys
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack, contextmanager, suppress
from contextvars import ContextVar
from types import TracebackType
from typing import Annotated, Any, Self

import dask
import msgspec
from distributed import Client, Scheduler
from distributed.comm.core import Comm
from distributed.comm.inproc import InProc
from distributed.protocol.serialize import Serialized, serialize
from distributed.versions import get_versions
from distributed.worker import get_data_from_worker
from msgspec import Meta, Struct

from bench.fleet.certificates import Certificates
from bench.fleet.hosts import Host
from bench.fleet.ssh import Connection
from bench.fleet.worker import WorkerFile

START_SECONDS = 60.0
"""For a worker to start and register: seconds, but for a Mac that has just woken."""
CALL_SECONDS = 60.0
"""For a task that reads small files. One that takes longer hangs."""
CONFIG: dict[str, Any] = {
    "distributed.scheduler.worker-ttl": None,
    "distributed.scheduler.work-stealing": False,
    "distributed.scheduler.allowed-failures": 0,
    "distributed.scheduler.active-memory-manager.start": False,
    "distributed.scheduler.http.routes": [],
    "distributed.scheduler.idle-timeout": None,
    "distributed.scheduler.allowed-imports": [],
    "distributed.scheduler.preload": [],
    "distributed.client.preload": [],
    "distributed.client.scheduler-info-interval": "1h",
    "distributed.diagnostics.computations.nframes": 0,
    "distributed.comm.timeouts.connect": "20s",
    "distributed.comm.retry.count": 0,
}
"""A task that fails is told at once and tried nowhere else; no page is served."""


class CallFailed(Exception):
    """A host's worker has not answered, or has answered what is no answer; the message says which."""


class NotStarted(Exception):
    """A host's worker has not started; the message has what it printed."""


class PickleRefused(Exception):
    """Something that a host sent would have run code here."""


_updating_graph: ContextVar[bool] = ContextVar("_updating_graph", default=False)
_guards = 0
_hooked = False


def _refuse_pickles(event: str, arguments: tuple[Any, ...]) -> None:
    """While a cluster is up, a pickle may name `bytes` alone, which answers are made of.

    Without a name a pickle can make plain values and call nothing. The exception is the graph of tasks,
    which comes from the client in this process.
    """
    if event != "pickle.find_class" or not _guards or _updating_graph.get():
        return
    if arguments[:2] != ("builtins", "bytes"):
        raise PickleRefused(f"a pickle that names {arguments[0]}.{arguments[1]} is refused")


@contextmanager
def _guarded() -> Iterator[None]:
    global _guards, _hooked  # noqa: PLW0603 - an audit hook is the process's, and cannot be taken away
    if not _hooked:
        sys.addaudithook(_refuse_pickles)
        _hooked = True
    _guards += 1
    try:
        yield
    finally:
        _guards -= 1


REQUESTS = {"register-worker", "heartbeat_worker", "unregister", "close"}
"""What a worker may ask of the scheduler. A client could run code on all hosts."""
REPORTS = {
    *("task-finished", "task-erred", "keep-alive", "close-stream", "worker-status-change"),
    *("release-worker-data", "add-keys", "long-running", "reschedule", "request-refresh-who-has"),
}
"""What a registered worker may say without being asked."""
UNHEARD = {"log-event"}
"""What it says too, and the client would load a pickle of."""
OURS: dict[str, Any] = {
    "versions": get_versions(),
    "host_info": None,
    "extra": {},
    "nanny": None,
    "services": {},
    "resources": {},
    "nthreads": 1,
    "memory_limit": 0,
    "executing": {},
    "metrics": {
        "memory": 0,
        "spilled_bytes": {"memory": 0, "disk": 0},
        "bandwidth": {"total": 100e6, "workers": {}, "types": {}},  # bytes per second, Dask's default
        "digests_total_since_heartbeat": {},
    },
}
"""What a worker says of itself, and the scheduler counts together with that of others. All hosts are at
127.0.0.1 here, so what one says wrongly would stop all: each is taken to say this."""


class Refused(Exception):
    """A message that no honest worker sends."""


def vetted(message: Any, name: str, address: str | None) -> Any:
    """What a worker of that certificate's name sent, without what is not needed. Raises Refused."""
    if isinstance(message, list | tuple):
        reports = [_report(part) for part in message if not _unheard(part)]
        return tuple(reports)
    if not isinstance(message, dict):
        raise Refused(f"a message is a {type(message).__name__}")
    if message.get("op") not in REQUESTS:
        return _report(message) if not _unheard(message) else ()
    if message["op"] == "register-worker" and message.get("name") != name:
        raise Refused(f"a worker of {name} calls itself {message.get('name')!r:.80}")
    if message["op"] != "close" and (address is None or message.get("address") != address):
        raise Refused(f"a worker of {name} is said to be at {message.get('address')!r:.80}")
    return message | {key: OURS[key] for key in OURS.keys() & message.keys()}


def _unheard(message: Any) -> bool:
    return isinstance(message, dict) and message.get("op") in UNHEARD


def _report(message: Any) -> Any:
    """A report without its error and without its result's type, which would be pickles."""
    if message == "OK":
        return message
    if not isinstance(message, dict) or message.get("op") not in REPORTS or "worker" in message:
        raise Refused("a message that no worker of a fleet sends")
    if message["op"] == "task-finished":
        return message | {"type": pickle.dumps(bytes)}
    if message["op"] == "task-erred":
        nothing = Serialized(*serialize(b""))
        texts = {"exception_text": "", "traceback_text": ""}
        return message | texts | {"exception": nothing, "traceback": nothing}
    return message


class FleetScheduler(Scheduler):  # type: ignore[misc]
    """Dask's scheduler, which takes from a worker what a worker may send, and from no host more."""

    def __init__(self, **options: Any) -> None:
        super().__init__(extensions={}, dashboard=False, **options)
        self.addresses: dict[str, str] = {}
        """The name in a worker's certificate -> where that worker is reached."""

    def start_http_server(self, *arguments: Any, **options: Any) -> None:
        """None is started: it would listen on all networks."""

    def handle_comm(self, comm: Comm) -> Any:
        if not isinstance(comm, InProc):
            self._vet(comm)
        return super().handle_comm(comm)

    def _vet(self, comm: Comm) -> None:
        read, name = comm.read, _common_name(comm)

        async def read_vetted(deserializers: Any = None) -> Any:
            try:
                message = await read(deserializers=deserializers)
                return vetted(message, name, self.addresses.get(name))
            except OSError:
                raise
            except Exception:  # it was refused, or could not be read: nobody honest is there
                comm.abort()
                raise

        vars(comm)["read"] = read_vetted

    async def update_graph(self, *arguments: Any, **options: Any) -> None:
        """A graph of tasks comes from this process, since `vetted` lets none through."""
        token = _updating_graph.set(True)
        try:
            await super().update_graph(*arguments, **options)
        finally:
            _updating_graph.reset(token)


def _common_name(comm: Comm) -> str:
    """The name in the other side's certificate; TLS closes a connection without one before."""
    subject = comm.extra_info["peercert"]["subject"]
    return str(next(value for parts in subject for key, value in parts if key == "commonName"))


class FleetClient(Client):  # type: ignore[misc]
    """Dask's client. What failed on a worker is not looked at: that it failed is enough."""

    _default_event_handlers: dict[str, Any] = {}  # noqa: RUF012 - Dask's own would load a pickle

    def _handle_task_erred(self, key: Any = None, exception: Any = None, traceback: Any = None) -> None:
        super()._handle_task_erred(key, CallFailed("Its worker failed or was lost."), None)


class Worker:
    """A worker that runs on a host, and the connection that keeps it."""

    def __init__(self, address: str, pid: int, connection: Connection, process: Any) -> None:
        self.address, self.pid = address, pid
        self._connection, self._process = connection, process

    async def end(self, *, at_once: bool = False) -> None:
        """Ends it: by closing its standard input, or by SIGKILL where it hangs."""
        with suppress(Exception):  # whatever has become of the connection
            self._process.stdin.write_eof()
        if at_once:
            with suppress(Exception):
                await self._connection.run(f"kill -9 {self.pid}", timeout=10)
        with suppress(Exception):
            self._process.close()


class Cluster:
    """The scheduler and the client, from `async with` to its end.

    Nothing listens but on 127.0.0.1, and there only with TLS and a certificate of this session.
    """

    def __init__(self, certificates: Certificates, fleet: str) -> None:
        self._certificates = certificates
        self._secrets = f"alexnet-fleet-{fleet}"
        self._stack = AsyncExitStack()
        self._scheduler: FleetScheduler
        self._client: FleetClient

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as stack:
            scratch = {"temporary-directory": str(self._certificates.folder)}
            stack.enter_context(dask.config.set({**CONFIG, **scratch}))
            stack.enter_context(_guarded())
            self._scheduler = await stack.enter_async_context(
                FleetScheduler(
                    protocol="tls", host="127.0.0.1", port=0, security=self._certificates.security()
                )
            )
            await self._scheduler.listen("inproc://")
            self._client = await stack.enter_async_context(
                FleetClient(
                    self._scheduler.listeners[-1].contact_address,
                    security=self._certificates.security(),
                    asynchronous=True,
                    set_as_default=False,
                    extensions={},
                    direct_to_workers=False,
                )
            )
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    @property
    def port(self) -> int:
        """Where the scheduler listens on 127.0.0.1."""
        return int(self._scheduler.listeners[0].contact_address.rpartition(":")[2])

    async def launch(self, connection: Connection, host: Host) -> Worker:
        """Starts the host's worker in its checkout, and waits until it has registered.

        Raises NotStarted, and what `connection` raises.
        """
        port = await connection.forward_to_coordinator(self.port)
        # A coordinator that was killed while it did this has left its keys, which open nothing any more.
        template = f'"${{TMPDIR:-/tmp}}"/{self._secrets}'
        made = await connection.run(
            f"umask 077; rm -rf {template}.*; exec mktemp -d {template}.XXXXXX", timeout=START_SECONDS
        )
        secrets = made.stdout.strip().rpartition("\n")[2]
        if made.exit_status or not secrets.startswith("/"):
            raise NotStarted(f"No folder for its key could be made: {made.stderr.strip()[-300:]}")
        try:
            return await self._launch(connection, host, secrets, port)
        except TimeoutError:
            raise NotStarted(f"Its worker has not registered within {START_SECONDS:.0f} s") from None
        finally:
            with suppress(Exception):  # the folder is the user's own, and its key is of no use any more
                await connection.run(f"rm -rf {shlex.quote(secrets)}", timeout=10)

    async def _launch(self, connection: Connection, host: Host, secrets: str, port: int) -> Worker:
        files = self._certificates.issue(host.name)
        told = WorkerFile(name=host.name, port=port, ca="ca.pem", certificate="host.pem", key="host.key")
        for name, content in (
            (told.ca, files.ca),
            (told.certificate, files.certificate),
            (told.key, files.key),
            ("worker.json", msgspec.json.encode(told)),
        ):
            await connection.put(content, f"{secrets}/{name}", 0o600)
        file = shlex.quote(f"{secrets}/worker.json")
        folder = host.folder if host.folder.startswith("/") else f"./{host.folder}"
        command = f"cd {shlex.quote(folder)} && exec .venv/bin/python -m bench.fleet.worker {file}"
        async with asyncio.timeout(START_SECONDS), AsyncExitStack() as stack:
            process = await connection.start(command)
            stack.callback(process.close)
            theirs = await _introduction(process)
            contact = await connection.forward_to_host(theirs.port)
            address = f"tls://127.0.0.1:{contact}"
            # One that was lost may not have been missed yet, and its name would be taken.
            if earlier := self._scheduler.aliases.get(host.name):
                await self._scheduler.remove_worker(earlier, stimulus_id=f"fleet-{address}", close=False)
            self._scheduler.addresses[host.name] = address
            process.stdin.write(json.dumps({"contact": contact}).encode() + b"\n")
            while address not in self._scheduler.workers:
                if process.exit_status is not None:
                    raise NotStarted(f"Its worker has ended at once: {await _complaint(process)}")
                await asyncio.sleep(0.05)
            stack.pop_all()
        return Worker(address, theirs.process, connection, process)

    async def call(
        self,
        worker: Worker,
        function: Callable[[bytes], bytes],
        payload: bytes = b"",
        *,
        seconds: float | None = None,
    ) -> bytes:
        """The answer of a function that runs on that worker and on no other. Raises CallFailed.

        `seconds` is how long it may take; None is CALL_SECONDS.
        """
        future = self._client.submit(
            function,
            payload,
            workers=[worker.address],
            allow_other_workers=False,
            retries=0,
            pure=False,
        )
        try:
            async with asyncio.timeout(CALL_SECONDS if seconds is None else seconds):
                await future.exception()
                if future.status != "finished":
                    raise CallFailed("Its worker failed or was lost.")
                answer = await self._fetch(worker.address, future.key)
        except TimeoutError:
            raise CallFailed("Its worker does not answer.") from None
        finally:
            future.release()
        if not isinstance(answer, bytes):
            raise CallFailed("Its worker's answer is not bytes.")
        return answer

    async def _fetch(self, address: str, key: str) -> Any:
        """A result, from the worker that has it. Raises CallFailed.

        The client itself would ask for those of all hosts at once, and one that cannot be read would
        take the others with it.
        """
        try:
            reply = await get_data_from_worker(self._client.rpc, [key], address, deserializers=["dask"])
            return reply["data"][key]
        except TimeoutError:
            raise
        except Exception as error:  # whatever a hostile answer leads to
            name = type(error).__name__
            raise CallFailed(f"Its worker's answer cannot be read ({name}).") from error


class Introduction(Struct, frozen=True, kw_only=True):
    """The first line that a worker prints: where it listens over there, and its process."""

    port: Annotated[int, Meta(ge=1, le=65535)]
    process: Annotated[int, Meta(ge=1)]


async def _introduction(process: Any) -> Introduction:
    """Raises NotStarted if the worker prints anything else."""
    line = await process.stdout.readline()
    try:
        return msgspec.json.decode(line, type=Introduction)
    except (msgspec.DecodeError, RecursionError):
        raise NotStarted(f"It has not started: {await _complaint(process)}") from None


async def _complaint(process: Any) -> str:
    """The last line that it printed on its standard error."""
    text = b""
    with suppress(TimeoutError):
        async with asyncio.timeout(5):
            text = await process.stderr.read(20_000)
    lines = text.decode("utf-8", "replace").split("\n")
    return next((line.strip() for line in reversed(lines) if line.strip()), "it says nothing")
