"""The scheduler and its workers: tasks stay where they belong, and what a host sends runs nothing."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import nullcontext, suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest

pytest.importorskip("distributed", reason="the extra `fleet` is not installed")

from distributed.protocol.serialize import Serialized, serialize

from bench.fleet import cluster as module
from bench.fleet import remote
from bench.fleet.certificates import Certificates
from bench.fleet.cluster import CallFailed, Cluster, NotStarted, PickleRefused, Refused, Worker, vetted
from bench.fleet.hosts import Host
from bench.fleet.remote import Status
from tests.support.local_connection import LocalConnection, leave_file, processes_id

ONE, TWO = Host(name="mac-01", address="one"), Host(name="mac-02", address="two")
ADDRESS = "tls://127.0.0.1:5001"


Launch = Callable[..., Awaitable[Worker]]


def with_cluster(folder: Path, act: Callable[[Cluster, Launch], Awaitable[None]]) -> None:
    """Runs a test with a cluster, and with what launches a host's worker in its folder."""
    connections: list[LocalConnection] = []

    async def run() -> None:
        with Certificates() as certificates:
            async with Cluster(certificates, "20261127T101010") as cluster:

                async def launch(host: Host, worker: str = "bench.fleet.worker") -> Worker:
                    connection: Any = LocalConnection(folder / host.name, host, worker)
                    connections.append(connection)
                    return await cluster.launch(connection, host)

                try:
                    await act(cluster, launch)
                finally:
                    for connection in connections:
                        await connection.close()

    asyncio.run(run())


# What is taken from a host


def test_a_worker_registers_under_the_name_in_its_certificate_and_where_it_was_put() -> None:
    good = {"op": "register-worker", "name": "mac-01", "address": ADDRESS}
    assert vetted(good, "mac-01", ADDRESS) == good
    for change in ({"name": "mac-02"}, {"address": "tls://127.0.0.1:1"}):
        with pytest.raises(Refused):
            vetted(good | change, "mac-01", ADDRESS)
    with pytest.raises(Refused):
        vetted(good, "mac-01", None)


def test_what_all_workers_have_in_common_is_not_taken_from_one() -> None:
    beat = {"op": "heartbeat_worker", "address": ADDRESS, "metrics": {"bandwidth": {"total": 0.0}}}
    lies: list[dict[str, Any]] = [{"versions": {"packages": 1}}, {"host_info": {"addresses": []}}]
    for lie in (*lies, {"nthreads": 10**9}):
        kept = vetted(beat | lie, "mac-01", ADDRESS)
        assert kept == beat | {name: module.OURS[name] for name in ("metrics", *lie)}


@pytest.mark.parametrize(
    "op", ["register-client", "run_function", "broadcast", "gather", "update-graph", "terminate", None]
)
def test_what_a_client_may_ask_no_worker_may(op: str | None) -> None:
    for message in ({"op": op}, [{"op": op}], ({"op": "keep-alive"}, {"op": op})):
        with pytest.raises(Refused):
            vetted(message, "mac-01", ADDRESS)


def test_a_worker_reports_on_itself_alone() -> None:
    report = {"op": "task-finished", "key": "k", "type": pickle.dumps(int)}
    assert vetted([report], "mac-01", ADDRESS) == ({**report, "type": pickle.dumps(bytes)},)
    with pytest.raises(Refused):
        vetted([{**report, "worker": "tls://127.0.0.1:1"}], "mac-01", ADDRESS)


def test_errors_and_events_come_without_what_the_client_would_load() -> None:
    evil = Serialized(*serialize(print, serializers=["pickle"]))
    erred = {"op": "task-erred", "key": "k", "exception": evil, "traceback": evil, "exception_text": "x"}
    (kept,) = vetted([erred, {"op": "log-event", "topic": "warn", "msg": {}}], "mac-01", ADDRESS)
    assert evil not in kept.values()
    assert kept["exception_text"] == ""


def test_while_a_cluster_is_up_a_pickle_can_name_bytes_alone() -> None:
    plain, evil = pickle.dumps([1, "two", bytes]), pickle.dumps(os.getpid)
    with module._guarded():
        assert pickle.loads(plain) == [1, "two", bytes]
        with pytest.raises(PickleRefused, match="getpid"):
            pickle.loads(evil)
    assert pickle.loads(evil) is os.getpid


# Real workers


@pytest.mark.slow
def test_tasks_run_on_the_host_that_they_are_for(tmp_path: Path) -> None:
    async def act(cluster: Cluster, launch: Launch) -> None:
        workers = [await launch(host) for host in (ONE, TWO)]
        for worker in workers:
            for _ in range(3):
                answer = await cluster.call(worker, processes_id)
                assert int(answer) == worker.pid
        status = msgspec.json.decode(await cluster.call(workers[0], remote.status), type=Status)
        assert (status.state, status.error) == ("none", None)
        assert not list(tmp_path.glob("*/alexnet-fleet*")), "the keys are removed once they are loaded"
        for worker in workers:
            await worker.end()

    with_cluster(tmp_path, act)


@pytest.mark.slow
def test_a_worker_that_hangs_is_told_and_one_started_anew_takes_its_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALL_SECONDS", 2.0)

    async def act(cluster: Cluster, launch: Launch) -> None:
        first = await launch(ONE)
        other = await launch(TWO)
        os.kill(first.pid, signal.SIGSTOP)
        with pytest.raises(CallFailed, match="does not answer"):
            await cluster.call(first, processes_id)
        assert int(await cluster.call(other, processes_id, seconds=20)) == other.pid
        await first.end(at_once=True)
        second = await launch(ONE)
        assert int(await cluster.call(second, processes_id, seconds=20)) == second.pid != first.pid
        os.kill(second.pid, signal.SIGKILL)
        with pytest.raises(CallFailed):
            await cluster.call(second, processes_id)
        await other.end()

    with_cluster(tmp_path, act)


@pytest.mark.slow
def test_a_task_for_a_host_that_is_gone_runs_on_no_other(tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    async def act(cluster: Cluster, launch: Launch) -> None:
        gone, other = [await launch(host) for host in (ONE, TWO)]
        await gone.end(at_once=True)
        while gone.address in cluster._scheduler.workers:
            await asyncio.sleep(0.05)
        with pytest.raises(CallFailed):
            await cluster.call(gone, leave_file, str(mark).encode(), seconds=3)
        assert not mark.exists(), "it ran on another host"
        assert int(await cluster.call(other, processes_id)) == other.pid
        await other.end()

    with_cluster(tmp_path, act)


@pytest.mark.slow
def test_a_worker_replaces_an_earlier_one_of_its_own_host_alone(tmp_path: Path) -> None:
    async def act(cluster: Cluster, launch: Launch) -> None:
        other = await launch(TWO)
        cluster._scheduler.addresses["mac-01"] = other.address  # the port was another worker's before
        await launch(ONE)
        assert int(await cluster.call(other, processes_id, seconds=20)) == other.pid
        second = await launch(ONE)
        assert int(await cluster.call(second, processes_id, seconds=20)) == second.pid

    with_cluster(tmp_path, act)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["versions", "host info"])
def test_a_host_that_lies_about_itself_stops_no_other(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOSTILE", what)
    monkeypatch.setenv("HOSTILE_MARK", str(tmp_path / "mark"))

    async def act(cluster: Cluster, launch: Launch) -> None:
        await launch(TWO)
        hostile = await launch(ONE, "tests.support.hostile_worker")
        with suppress(CallFailed):  # how it fares itself is no matter
            await cluster.call(hostile, processes_id, seconds=5)
        honest = await launch(TWO)
        assert int(await cluster.call(honest, processes_id, seconds=20)) == honest.pid

    with_cluster(tmp_path, act)


@pytest.mark.slow
@pytest.mark.parametrize("what", ["pickled answer", "pickled message", "no bytes"])
def test_an_answer_runs_nothing_here(what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    mark = tmp_path / "mark"
    monkeypatch.setenv("HOSTILE", what)
    monkeypatch.setenv("HOSTILE_MARK", str(mark))

    async def act(cluster: Cluster, launch: Launch) -> None:
        hostile = await launch(ONE, "tests.support.hostile_worker")
        honest = await launch(TWO)
        with pytest.raises(CallFailed, match="answer"):
            await cluster.call(hostile, processes_id)
        assert int(await cluster.call(honest, processes_id)) == honest.pid
        await hostile.end(at_once=True)
        await honest.end()

    with_cluster(tmp_path, act)
    assert not mark.exists(), "the pickle of a host was loaded"


@pytest.mark.slow
@pytest.mark.parametrize("what", ["client", "function", "pickle", "another's name", "another's address"])
def test_a_host_with_its_own_certificate_gets_no_further(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = tmp_path / "mark"
    monkeypatch.setenv("HOSTILE", what)
    monkeypatch.setenv("HOSTILE_MARK", str(mark))

    async def act(cluster: Cluster, launch: Launch) -> None:
        with pytest.raises(NotStarted):
            await launch(ONE, "tests.support.hostile_worker")
        honest = await launch(TWO)
        assert int(await cluster.call(honest, processes_id)) == honest.pid
        await honest.end()

    with_cluster(tmp_path, act)
    assert mark.with_suffix(".answer").read_text() in ("CommClosedError", "TimeoutError"), what
    assert not mark.exists()


# Who may speak to the scheduler at all


def test_the_scheduler_listens_on_loopback_alone_and_serves_no_page(tmp_path: Path) -> None:
    async def act(cluster: Cluster, launch: Launch) -> None:
        addresses = [listener.listen_address for listener in cluster._scheduler.listeners]
        assert addresses[0] == f"tls://127.0.0.1:{cluster.port}"
        assert [address.partition(":")[0] for address in addresses] == ["tls", "inproc"]
        assert not hasattr(cluster._scheduler, "http_server")

    with_cluster(tmp_path, act)


def test_without_a_certificate_of_this_session_nobody_is_heard(tmp_path: Path) -> None:
    """Whoever does not care who answers is asked for a certificate all the same; plain TCP is no TLS."""

    async def act(cluster: Cluster, launch: Launch) -> None:
        with Certificates() as others:
            security, blind = others.security(), ssl.create_default_context()
            blind.check_hostname, blind.verify_mode = False, ssl.CERT_NONE
            foreign = ssl.create_default_context()
            foreign.check_hostname, foreign.verify_mode = False, ssl.CERT_NONE
            foreign.load_cert_chain(security.tls_client_cert, security.tls_client_key)
            for context in (None, blind, foreign):
                assert await asyncio.to_thread(what_comes, cluster.port, context) == b""

    with_cluster(tmp_path, act)


def what_comes(port: int, context: ssl.SSLContext | None) -> bytes:
    """What the scheduler sends to who speaks to it so; nothing if it hangs up."""
    with (
        socket.create_connection(("127.0.0.1", port), timeout=20) as plain,
        suppress(ConnectionError, ssl.SSLError),
        context.wrap_socket(plain) if context else nullcontext(plain) as stream,
    ):
        stream.sendall(b"\x01" + b"\0" * 100)
        return stream.recv(100)
    return b""
