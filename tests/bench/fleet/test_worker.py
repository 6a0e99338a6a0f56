"""A host's Dask worker: reachable by its own scheduler alone, small, and gone when it is not needed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psutil
import pytest

pytest.importorskip("distributed", reason="distributed is not installed: the extra fleet brings it")
pytest.importorskip("cryptography", reason="cryptography is not installed: the extra fleet brings it")
pytest.importorskip("asyncssh", reason="asyncssh is not installed: the extra fleet brings it")

from bench.fleet import remote
from bench.fleet.certificates import Certificates
from bench.fleet.cluster import Cluster, Worker
from bench.fleet.hosts import Host
from bench.fleet.overhead import END_SECONDS, MAX_SHARE, LocalCluster, measure
from bench.fleet.worker import LOOPBACK
from bench.paths import ROOT
from tests.support.local_connection import LocalConnection

pytestmark = pytest.mark.slow

NAME = "mac-01"
MOST_BYTES = 100_000_000
REFUSED_SECONDS = 3.0
"""By then an admitted worker has registered long since."""


@asynccontextmanager
async def fleet(
    folder: Path, theirs: Certificates | None = None
) -> AsyncIterator[tuple[LocalCluster, Worker, asyncio.subprocess.Process]]:
    """A cluster, its worker and that one's process, with a certificate that may be `theirs`."""
    with Certificates() as certificates:
        async with LocalCluster(certificates, "f1") as cluster:
            starting = cluster.worker(folder, results=folder / "results", name=NAME, theirs=theirs)
            async with starting as (worker, process):
                yield cluster, worker, process


def test_it_serves_its_scheduler_listens_nowhere_else_and_ends_with_its_input(tmp_path: Path) -> None:
    async def live() -> None:
        async with fleet(tmp_path) as (cluster, worker, process):
            answer = await cluster.call(worker, remote.status)
            status = msgspec.json.decode(answer, type=remote.Status)
            assert (status.state, status.error) == ("none", None)
            running = psutil.Process(process.pid)
            connections = running.net_connections("inet")
            listening = [one.laddr for one in connections if one.status == psutil.CONN_LISTEN]
            assert [address.ip for address in listening] == [LOOPBACK]
            assert worker.address == f"tls://{LOOPBACK}:{listening[0].port}"
            assert running.memory_info().rss < MOST_BYTES
            assert not list(tmp_path.glob("*.*")), "its certificate and key are only in its memory"
            assert process.stdin
            process.stdin.close()
            assert await asyncio.wait_for(process.wait(), END_SECONDS) == 0

    asyncio.run(live())


def test_it_ends_with_its_scheduler(tmp_path: Path) -> None:
    async def live() -> int:
        async with fleet(tmp_path) as (cluster, _, process):
            await cluster._scheduler.close()
            return await asyncio.wait_for(process.wait(), END_SECONDS)

    assert asyncio.run(live()) == 0


def test_killed_it_leaves_nothing_behind(tmp_path: Path) -> None:
    """On a host, where the coordinator removes the folder of its certificate."""
    host = Host(name=NAME, address="one")

    async def live() -> None:
        with Certificates() as certificates:
            async with Cluster(certificates, "f1") as cluster:
                connection: Any = LocalConnection(tmp_path, host)
                worker = await cluster.launch(connection, host)
                os.kill(worker.pid, signal.SIGKILL)
                await connection.close()

    asyncio.run(live())
    assert [path.name for path in tmp_path.iterdir()] == [host.folder]


def test_with_the_certificate_of_another_session_it_does_not_get_in(tmp_path: Path) -> None:
    async def live() -> None:
        with Certificates() as theirs:
            async with asyncio.timeout(REFUSED_SECONDS), fleet(tmp_path, theirs):
                pytest.fail("it has registered")

    with pytest.raises(TimeoutError):
        asyncio.run(live())


def test_a_file_that_tells_it_nothing_is_an_error_in_a_sentence(tmp_path: Path) -> None:
    file = tmp_path / "worker.json"
    for content in ("", "{}", '{"name": "../x", "port": 1, "ca": "", "certificate": "", "key": ""}'):
        file.write_text(content)
        done = subprocess.run(
            [sys.executable, "-m", "bench.fleet.worker", str(file)],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 2
        assert f"{file} is no file for a worker" in " ".join(done.stderr.split())
        assert "Traceback" not in done.stderr


def test_its_price_is_counted() -> None:
    """Polled ten times as often as by the fleet, so that a short time has some polls."""
    price = asyncio.run(measure(seconds=3.0, poll_seconds=1.0))
    assert price.polls == 3
    assert 0 < price.share < 20 * MAX_SHARE
    assert price.resident_bytes < MOST_BYTES
