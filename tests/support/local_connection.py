"""A connection to this computer itself, without SSH: what bench/fleet asks of one, in a folder."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from bench.fleet.hosts import Host
from bench.fleet.ssh import Completed, TooLarge
from bench.paths import ROOT


class LocalConnection:
    """Commands run in a folder, ports lead to themselves, and nothing is ever lost.

    `worker` is what stands for `bench.fleet.worker` there.
    """

    def __init__(self, folder: Path, host: Host, worker: str = "bench.fleet.worker") -> None:
        self.folder, self.host, self.worker = folder, host, worker
        self.closed = asyncio.Event()
        checkout = folder / host.folder
        python = checkout / ".venv" / "bin" / "python"
        python.parent.mkdir(parents=True, exist_ok=True)
        if not python.exists():
            python.write_text(
                f'#!/bin/sh\nshift\n[ "$1" = bench.fleet.worker ] && shift\ncd {ROOT}\n'
                f'exec {sys.executable} -m {worker} "$@"\n'
            )
            python.chmod(0o700)
        self.started: list[asyncio.subprocess.Process] = []

    def _environment(self) -> Mapping[str, str]:
        return {
            **os.environ,
            "HOME": str(self.folder),
            "TMPDIR": str(self.folder),
            "PYTHONPATH": str(ROOT),
        }

    async def _open(self, command: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        process = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", command),
            cwd=self.folder,
            env=self._environment(),
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
        )
        self.started.append(process)
        return process

    async def run(
        self,
        command: str,
        *,
        input: bytes | None = None,
        timeout: float | None,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        process = await self._open(command)
        async with asyncio.timeout(timeout):
            stdout, stderr = await process.communicate(input)
        return Completed(exit_status=process.returncode, stdout=stdout.decode(), stderr=stderr.decode())

    async def start(self, command: str) -> Any:
        return _Process(await self._open(command))

    async def put(self, data: bytes, path: str, mode: int) -> None:
        file = self.folder / path
        file.touch(mode=mode)
        file.write_bytes(data)

    async def get(self, path: str, most_bytes: int) -> bytes:
        data = (self.folder / path).read_bytes()
        if len(data) > most_bytes:
            raise TooLarge(path)
        return data

    async def forward_to_coordinator(self, port: int) -> int:
        return port

    async def forward_to_host(self, port: int) -> int:
        return port

    async def close(self) -> None:
        """Ends what was started here."""
        for process in self.started:
            with suppress(ProcessLookupError):
                process.kill()
            await process.communicate()


class _Process:
    """With the names of asyncssh's processes."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.stdin, self.stdout, self.stderr = process.stdin, process.stdout, process.stderr

    @property
    def exit_status(self) -> int | None:
        return self._process.returncode

    def close(self) -> None:
        with suppress(OSError, RuntimeError):
            assert self.stdin
            self.stdin.close()


def processes_id(_: bytes) -> bytes:
    """For a worker to run: it shows which one did."""
    return str(os.getpid()).encode()


def leave_file(path: bytes) -> bytes:
    """For a worker to run: it shows whether any did."""
    Path(path.decode()).touch()
    return path
