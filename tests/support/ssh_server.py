"""A room of hosts on loopback: SSH servers with a port, a key and a home folder each.

In a process of its own it is `RoomProcess`, or `python -m tests.support.ssh_server FOLDER NAME…`, which
prints {name: port} and obeys lines like "cut mac-01" on its standard input.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

import asyncssh

from bench.paths import ROOT

ADDRESS = "127.0.0.1"
ACTIONS = ("cut", "refuse", "accept", "change_key")


class SimulatedHost:
    """One host: commands run in its home, with its environment; files and tunnels are real."""

    def __init__(self, room: Path, name: str, client: asyncssh.SSHKey) -> None:
        self.name = name
        self.home = room / name
        self.home.mkdir(parents=True)
        (self.home / "tmp").mkdir()
        self.port = 0
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        self.allows_tunnels = True
        self._environment = room / f"{name}.environment.json"
        self._client = client
        self._acceptor: asyncssh.SSHAcceptor | None = None
        self._connections: set[asyncssh.SSHServerConnection] = set()
        self._children: dict[asyncio.Task[None], asyncio.subprocess.Process] = {}

    @property
    def word(self) -> str:
        """As on the command line of `python -m bench.fleet`."""
        return f"{self.name}={self.name}@{ADDRESS}:{self.port}"

    def environment(self) -> dict[str, str]:
        """Of its commands. What is in `NAME.environment.json` beside its home is added to each."""
        added = json.loads(self._environment.read_text()) if self._environment.exists() else {}
        passed = {name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        home = str(self.home)
        own = {"HOME": home, "TMPDIR": f"{home}/tmp", "SHELL": "/bin/sh"}
        return {**passed, **own, "USER": self.name, "LOGNAME": self.name, **added}

    def set_environment(self, **variables: str) -> None:
        """For the commands from now on."""
        self._environment.write_text(json.dumps(variables))

    async def accept(self) -> None:
        """Listens, at the same port as before."""
        if self._acceptor:
            return
        self._acceptor = await asyncssh.create_server(
            lambda: _Server(self),
            ADDRESS,
            self.port,
            server_host_keys=[self.key],
            process_factory=self._run,
            sftp_factory=lambda channel: _Files(channel, self.home),
            encoding=None,
            reuse_address=True,
            # Many logins at once on few cores.
            login_timeout=120,
        )
        self.port = self._acceptor.get_port()

    async def refuse(self) -> None:
        """Takes no connection from now on, and ends those that are open."""
        if self._acceptor:
            self._acceptor.close()
            self._acceptor = None
        await self.cut()

    async def cut(self) -> None:
        """Ends the open connections without a word, as a lost network does; processes are not told."""
        for connection in list(self._connections):
            connection.abort()

    async def change_key(self) -> None:
        """Listens with another host key from now on, as another computer would."""
        await self.refuse()
        self.key = asyncssh.generate_private_key("ssh-ed25519")
        await self.accept()

    async def _run(self, process: asyncssh.SSHServerProcess[bytes]) -> None:
        """Runs a command as sshd does: at the connection's end it loses its pipes, and no more."""
        child = await asyncio.create_subprocess_exec(
            *("/bin/sh", "-c", process.command or "exit 0"),
            cwd=self.home,
            env=self.environment(),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )

        def pass_on(name: str) -> None:
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.Signals[f"SIG{name}"])

        # asyncssh's own method hands it to who reads the input, which has mostly ended long since.
        vars(process)["signal_received"] = pass_on
        # In a task of its own: asyncssh cancels this one with the connection.
        serving = asyncio.create_task(_serve_child(process, child))
        self._children[serving] = child
        serving.add_done_callback(self._children.pop)
        await asyncio.shield(serving)

    async def end(self) -> None:
        """Refuses, and kills the commands that still run; what has left their process groups goes on."""
        await self.refuse()
        for child in self._children.values():
            with suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
        await asyncio.gather(*self._children)


async def _serve_child(
    process: asyncssh.SSHServerProcess[bytes], child: asyncio.subprocess.Process
) -> None:
    assert child.stdin
    assert child.stdout
    assert child.stderr
    feeding = asyncio.create_task(_feed(process.stdin, child.stdin))
    await asyncio.gather(_show(child.stdout, process.stdout), _show(child.stderr, process.stderr))
    status = await child.wait()
    feeding.cancel()
    await asyncio.gather(feeding, return_exceptions=True)
    child.stdin.close()
    with suppress(OSError, asyncssh.Error):
        if status < 0:
            process.exit_with_signal(signal.Signals(-status).name.removeprefix("SIG"))
        else:
            process.exit(status)


async def _feed(source: asyncssh.SSHReader[bytes], target: asyncio.StreamWriter) -> None:
    with suppress(asyncssh.Error, OSError):
        while data := await source.read(1 << 16):
            target.write(data)
            await target.drain()
    with suppress(OSError):
        target.close()


async def _show(source: asyncio.StreamReader, target: asyncssh.SSHWriter[bytes]) -> None:
    gone = False
    while data := await source.read(1 << 16):
        if not gone:
            try:
                target.write(data)
                await target.drain()
            except (asyncssh.Error, OSError):
                gone = True


class _Server(asyncssh.SSHServer):
    """Lets in the one client key, under the host's own name."""

    def __init__(self, host: SimulatedHost) -> None:
        self._host = host
        self._connection: asyncssh.SSHServerConnection | None = None

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._connection = conn
        self._host._connections.add(conn)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._connection:
            self._host._connections.discard(self._connection)

    def begin_auth(self, username: str) -> bool:
        return True

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        return username == self._host.name and key == self._host._client

    def connection_requested(
        self, dest_host: str, dest_port: int, orig_host: str, orig_port: int
    ) -> bool:
        return self._host.allows_tunnels and dest_host == ADDRESS

    def server_requested(self, listen_host: str, listen_port: int) -> bool:
        return self._host.allows_tunnels and listen_host == ADDRESS


class _Files(asyncssh.SFTPServer):
    """sftp of the whole disk, as sshd's own; relative paths are in the home."""

    def __init__(self, channel: asyncssh.SSHServerChannel[bytes], home: Path) -> None:
        super().__init__(channel)
        self._home = os.fsencode(home)

    def map_path(self, path: bytes) -> bytes:
        return os.path.join(self._home, path)  # noqa: PTH118 bytes


class Room:
    """Simulated hosts, and the `user_home` of a user who knows their keys and may log in to each."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self.folder = folder
        self.user_home = folder / "user"
        settings = self.user_home / ".ssh"
        settings.mkdir(parents=True)
        key = asyncssh.generate_private_key("ssh-ed25519")
        key.write_private_key(str(settings / "id_ed25519"))
        (settings / "id_ed25519").chmod(0o600)
        public = key.convert_to_public()
        self.hosts = {name: SimulatedHost(folder, name, public) for name in names}

    async def __aenter__(self) -> Self:
        for host in self.hosts.values():
            await host.accept()
        self.know_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for host in self.hosts.values():
            await host.end()

    def know_all(self) -> None:
        """Writes the user's known_hosts, with the keys that the hosts have now."""
        lines = [
            f"[{ADDRESS}]:{host.port} {host.key.export_public_key().decode().strip()}"
            for host in self.hosts.values()
        ]
        (self.user_home / ".ssh" / "known_hosts").write_text("\n".join([*lines, ""]))


def client_environment(user_home: Path) -> dict[str, str]:
    """Of a process that connects as that user."""
    return {**os.environ, "HOME": str(user_home), "SSH_AUTH_SOCK": ""}


class RoomProcess:
    """A room in a process of its own, for tests that are no coroutines."""

    def __init__(self, folder: Path, names: Iterable[str]) -> None:
        self.folder = folder
        self.user_home = folder / "user"
        self.names = tuple(names)
        self.ports: Mapping[str, int] = {}
        self._process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.ssh_server", str(self.folder), *self.names],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # a Ctrl-C at the coordinator is not for the hosts
        )
        self.ports = json.loads(self._answer())
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        assert self._process
        assert self._process.stdin
        self._process.stdin.close()
        try:
            self._process.wait(30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout
        self._process.stdout.close()

    def home(self, name: str) -> Path:
        return self.folder / name

    def word(self, name: str) -> str:
        """As on the command line of `python -m bench.fleet`."""
        return f"{name}={name}@{ADDRESS}:{self.ports[name]}"

    def do(self, action: str, name: str) -> None:
        """One of ACTIONS; it is done when this returns."""
        assert self._process
        assert self._process.stdin
        self._process.stdin.write(f"{action} {name}\n")
        self._process.stdin.flush()
        assert self._answer() == "done"

    def set_environment(self, name: str, **variables: str) -> None:
        """For that host's commands from now on."""
        (self.folder / f"{name}.environment.json").write_text(json.dumps(variables))

    @contextmanager
    def hung(self) -> Iterator[None]:
        """All hosts answer nothing meanwhile, as if they slept; their connections stay."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def _answer(self) -> str:
        assert self._process
        assert self._process.stdout
        return self._process.stdout.readline().strip()


async def _serve(folder: Path, names: list[str]) -> None:
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    async with Room(folder, names) as room:
        print(json.dumps({name: host.port for name, host in room.hosts.items()}), flush=True)
        while line := (await reader.readline()).decode():
            action, name = line.split()
            assert action in ACTIONS
            await getattr(room.hosts[name], action)()
            print("done", flush=True)


def main(arguments: list[str]) -> None:
    folder, *names = arguments
    asyncio.run(_serve(Path(folder), names))


if __name__ == "__main__":
    main(sys.argv[1:])
