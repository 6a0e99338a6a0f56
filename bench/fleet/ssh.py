"""The SSH connection to a host: commands, files and two tunnels, all through one."""

from __future__ import annotations

import asyncio
import errno
import shlex
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Literal, Self, cast

import asyncssh
from msgspec import Struct

from bench.fleet.hosts import Host

LOOPBACK = "127.0.0.1"
CONNECT_SECONDS = 20
LOGIN_SECONDS = 30
KEEPALIVE_SECONDS = 15
KEEPALIVES = 4
"""As many unanswered ones in a row, a minute, and the connection counts as lost."""
OPEN_SECONDS = 60
"""For a login shell to begin a command, as some users' profiles take seconds, and for a tunnel."""
FILE_SECONDS = 300
"""For a file to come or go."""
MAX_OUTPUT_BYTES = 1 << 20
"""Of each stream of a command, its last ones are kept."""
CHUNK_BYTES = 1 << 16

MARK = "== alexnet-bench begins =="
"""The line that separates what a user's profile prints from what a command prints."""

KNOWN_HOSTS = ("~/.ssh/known_hosts", "~/.ssh/known_hosts2")
SYSTEM_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")
"""ssh's own defaults."""

Reason = Literal[
    "no such host",
    "refused",
    "timed out",
    "network",
    "host key unknown",
    "host key changed",
    "not let in",
    "settings",
    "no ssh",
]


class Unreachable(Exception):
    """A host cannot be reached; the message says why, and what to do."""

    def __init__(self, reason: Reason, message: str) -> None:
        super().__init__(message)
        self.reason = reason

    @property
    def may_pass(self) -> bool:
        """Whether it may go by itself, as when a host sleeps or starts anew."""
        return self.reason in ("no such host", "refused", "timed out", "network")


class Lost(Exception):
    """The connection to a host ended in the middle; what was begun there may still run."""


class NotForwarded(Exception):
    """A host's SSH server allows no tunnel; the message says which setting forbids it."""


class TooLarge(Exception):
    """A file is larger than what is fetched."""


class Completed(Struct, frozen=True, kw_only=True):
    """A command that ended."""

    exit_status: int | None
    """None: a signal ended it."""
    stdout: str
    """Its last MAX_OUTPUT_BYTES, as stderr's."""
    stderr: str


class _Client(asyncssh.SSHClient):
    """Notes what the connection shows of itself."""

    def __init__(self) -> None:
        self.closed = asyncio.Event()
        self.peer_address = ""
        self.fingerprint = ""

    def connection_made(self, conn: asyncssh.SSHClientConnection) -> None:
        peer = conn.get_extra_info("peername")
        self.peer_address = peer[0] if peer else ""

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set()

    def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
        """It is asked for keys alone that known_hosts does not have; none of them is taken."""
        self.fingerprint = key.get_fingerprint()
        return False


async def connect(host: Host) -> Connection:
    """Connects as `ssh` would: by ~/.ssh/config, the agent and the keys of ~/.ssh, and known_hosts.

    Raises Unreachable.
    """
    arguments: dict[str, Any] = {
        "connect_timeout": CONNECT_SECONDS,
        "login_timeout": LOGIN_SECONDS,
        "keepalive_interval": KEEPALIVE_SECONDS,
        "keepalive_count_max": KEEPALIVES,
        # Nobody is asked for a password, and nothing of this computer is lent to a host.
        "password_auth": False,
        "kbdint_auth": False,
        "agent_forwarding": False,
        "x11_forwarding": False,
    }
    if host.user is not None:
        arguments["username"] = host.user
    if host.port is not None:
        arguments["port"] = host.port
    client = _Client()
    try:
        settings = await asyncssh.SSHClientConnectionOptions.construct(
            host=host.address,
            config=(),  # ~/.ssh/config; its own default is none
            **arguments,
        )
        known = await asyncio.to_thread(_known_hosts, host, settings)
    except (OSError, ValueError) as error:  # asyncssh's errors of keys and of the file are ValueErrors
        message = f"{host.name}: ssh's settings for {host.address} cannot be used: {_line(error)}."
        raise Unreachable("settings", message) from error
    try:
        connection = await asyncssh.connect(
            host.address, known_hosts=known, client_factory=lambda: client, **arguments
        )
    except (OSError, ValueError, asyncssh.Error) as error:
        raise _unreachable(host, error, settings, known, client) from error
    return Connection(host, connection, client.closed)


def _known_hosts(host: Host, settings: asyncssh.SSHClientConnectionOptions) -> asyncssh.SSHKnownHosts:
    """The keys of known_hosts. Raises Unreachable where ~/.ssh/config keeps none."""
    known = asyncssh.import_known_hosts("")
    for option, default in (
        ("UserKnownHostsFile", KNOWN_HOSTS),
        ("GlobalKnownHostsFile", SYSTEM_KNOWN_HOSTS),
    ):
        files = cast("Sequence[str]", settings.config.get(option, default))
        if not files and option == "UserKnownHostsFile":
            raise Unreachable(
                "settings",
                f"{host.name}: ~/.ssh/config keeps no host keys for {host.address} (`UserKnownHostsFile"
                " none`), so nobody could tell it from another computer: take that line out.",
            )
        for file in files:
            with suppress(FileNotFoundError):
                known.load(Path(file).expanduser().read_text(encoding="utf-8", errors="replace"))
    return known


def _unreachable(
    host: Host,
    error: Exception,
    settings: asyncssh.SSHClientConnectionOptions,
    known: asyncssh.SSHKnownHosts,
    client: _Client,
) -> Unreachable:
    port = f" -p {host.port}" if host.port else ""
    there = f"{host.user}@{host.address}" if host.user else host.address
    ssh = f"`ssh{port} {there}`"
    match error:
        case asyncssh.HostKeyNotVerifiable():
            reason, cause = _host_key(host, settings, known, client, ssh)
        case asyncssh.PermissionDenied():
            reason, cause = (
                "not let in",
                f"it lets {settings.username} in with none of the keys that ssh has here: {ssh} must"
                " work without a password (ssh-copy-id, ssh-add)",
            )
        case socket.gaierror():
            reason, cause = (
                "no such host",
                f"there is no computer {host.address} in this network or in DNS",
            )
        case TimeoutError():
            reason, cause = (
                "timed out",
                f"it did not answer within {CONNECT_SECONDS} s: it sleeps, is off, or is elsewhere",
            )
        case ConnectionRefusedError():
            reason, cause = (
                "refused",
                f"it takes no SSH connection at port {settings.port}: switch Remote Login on (System"
                " Settings, General, Sharing), or sshd on Linux",
            )
        case OSError() if sys.platform == "darwin" and _finds_no_route(error):
            reason, cause = (
                "network",
                f"the connection failed ({_line(error)}): look whether {ssh} works. If it does, macOS"
                " keeps this terminal program out of the local network: start the fleet from Terminal,"
                " or allow the program under System Settings, Privacy & Security, Local Network",
            )
        case OSError() | asyncssh.ConnectionLost():
            reason, cause = (
                "network",
                f"the connection failed ({_line(error)}): look whether {ssh} works",
            )
        case _:
            reason, cause = "no ssh", f"no SSH connection was agreed on ({_line(error)})"
    return Unreachable(reason, f"{host.name} ({host.address}) cannot be reached: {cause}.")


def _finds_no_route(error: OSError) -> bool:
    """So macOS refuses a program; an address of several kinds has several errors in one message."""
    return error.errno == errno.EHOSTUNREACH or f"[Errno {errno.EHOSTUNREACH}]" in str(error)


def _host_key(
    host: Host,
    settings: asyncssh.SSHClientConnectionOptions,
    known: asyncssh.SSHKnownHosts,
    client: _Client,
    ssh: str,
) -> tuple[Reason, str]:
    port = None if settings.port == 22 else settings.port
    name = settings.host_key_alias or settings.host
    shown = f" ({client.fingerprint})" if client.fingerprint else ""
    entries = known.match(name, client.peer_address, port)
    if any(entries[:3]):  # keys, authorities and revoked keys
        entry = f"'[{name}]:{port}'" if port else name
        return (
            "host key changed",
            f"its host key{shown} is not the one in known_hosts, so another computer may be answering."
            f" If you know why, as after a new installation: `ssh-keygen -R {entry}`, then {ssh} once",
        )
    return (
        "host key unknown",
        f"its host key{shown} is not known here yet: call {ssh} once, compare the key with that"
        " computer's own, and accept it",
    )


def _line(error: Exception) -> str:
    """What a library says of an error, in one line: it may quote a host."""
    words = " ".join(str(error).split()) or type(error).__name__
    return "".join(c for c in words if c.isprintable())[:300].rstrip(".")


class Connection:
    """An open connection; at its end all its commands lose their pipes, and all its tunnels close.

    Relative paths are in the login folder. Whatever is awaited here raises Lost once the connection is
    gone, and an OSError with a sentence for what a host refuses.
    """

    def __init__(
        self, host: Host, connection: asyncssh.SSHClientConnection, closed: asyncio.Event
    ) -> None:
        self.host = host
        self.closed = closed
        """Set as soon as the connection has ended, for whatever reason."""
        self._ssh = connection
        self._files: asyncssh.SFTPClient | None = None
        self._opening_files = asyncio.Lock()
        self._to_coordinator: dict[int, int] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Ends the connection, within seconds also where the host does not answer."""
        self._ssh.close()
        try:
            async with asyncio.timeout(5):
                await self._ssh.wait_closed()
        except TimeoutError:
            self._ssh.abort()

    async def run(
        self,
        command: str,
        *,
        input: bytes | None = None,
        timeout: float | None,
        on_line: Callable[[str], None] | None = None,
    ) -> Completed:
        """Runs a command of `sh` in the login folder, with the environment of the user's login shell.

        Each line of its output and of its errors is handed to `on_line` as it comes. Raises TimeoutError
        where it has not ended after so many seconds. It is told to end then, as where this is cancelled.
        """
        with self._errors(f"run `{_shortened(command)}`"):
            try:
                async with asyncio.timeout(timeout):
                    process = await self._open(command)
                    try:
                        noise = await _skip_profile(process)
                        stdout, stderr, _ = await asyncio.gather(
                            _read(process.stdout, on_line),
                            _read(process.stderr, on_line),
                            _write(process.stdin, input or b""),
                        )
                        await process.wait_closed()
                    finally:
                        _end(process)
            except TimeoutError:
                raise TimeoutError(
                    f"{self.host.name}: `{_shortened(command)}` had not ended after {timeout:.0f} s."
                ) from None
            if self.closed.is_set() and process.exit_status is None:
                raise Lost(self._lost(f"`{_shortened(command)}` ran"))
        status = None if process.exit_signal else process.exit_status
        if noise is not None:  # the command was never reached, whatever the shell said at its end
            return Completed(exit_status=status or 127, stdout=noise, stderr=stderr)
        return Completed(exit_status=status, stdout=stdout, stderr=stderr)

    async def start(self, command: str) -> asyncssh.SSHClientProcess[bytes]:
        """Starts a command as `run` does; its pipes take and give bytes.

        Its standard input ends when the process or the connection is closed. Both of its outputs must be
        read: it waits once two megabytes of one are not. Raises TimeoutError where its shell does not
        begin.
        """
        with self._errors(f"start `{_shortened(command)}`"):
            try:
                async with asyncio.timeout(OPEN_SECONDS):
                    with ExitStack() as stack:
                        process = await self._open(command)
                        stack.callback(_end, process)
                        await _skip_profile(process)
                        stack.pop_all()
            except TimeoutError:
                raise TimeoutError(
                    f"{self.host.name}: its login shell had not begun after {OPEN_SECONDS} s."
                ) from None
        return process

    async def put(self, data: bytes, path: str, mode: int) -> None:
        """Writes a file, which has this mode before it has any content; one of that name is replaced.

        Raises FileNotFoundError, PermissionError or another OSError, and TimeoutError.
        """
        with self._errors(f"write {path}"):
            async with asyncio.timeout(FILE_SECONDS):
                files = await self._sftp()
                with suppress(asyncssh.SFTPNoSuchFile):
                    await files.remove(path)
                attributes = asyncssh.SFTPAttrs(permissions=mode)
                # Exclusively: a link that somebody has put there meanwhile is not followed.
                async with files.open(path, "xb", attributes, encoding=None) as file:
                    await file.write(data)

    async def get(self, path: str, most_bytes: int) -> bytes:
        """A file's content.

        Raises TooLarge for one of more bytes, FileNotFoundError, PermissionError or another OSError, and
        TimeoutError.
        """
        with self._errors(f"read {path}"):
            async with asyncio.timeout(FILE_SECONDS):
                files = await self._sftp()
                async with files.open(path, "rb", encoding=None) as file:
                    data = cast("bytes", await file.read(most_bytes + 1))
        if len(data) > most_bytes:
            raise TooLarge(f"{self.host.name}: {path} has more than {most_bytes:,} bytes.")
        return data

    async def forward_to_coordinator(self, port: int) -> int:
        """A port of the host's loopback that leads to this one of ours; the same one if asked again.

        Raises NotForwarded, and TimeoutError.
        """
        if port not in self._to_coordinator:
            with self._errors("open a tunnel", OPEN_SECONDS):
                try:
                    async with asyncio.timeout(OPEN_SECONDS):
                        listener = await self._ssh.forward_remote_port(LOOPBACK, 0, LOOPBACK, port)
                except asyncssh.ChannelListenError as error:
                    if self.closed.is_set():
                        raise Lost(self._lost("a tunnel was asked for")) from error
                    raise NotForwarded(
                        f"{self.host.name}: its SSH server allows no tunnel: look for"
                        " AllowTcpForwarding, DisableForwarding and PermitListen in its sshd_config, and"
                        " for options before your key in ~/.ssh/authorized_keys."
                    ) from error
            self._to_coordinator[port] = listener.get_port()
        return self._to_coordinator[port]

    async def forward_to_host(self, port: int) -> int:
        """A port of our loopback that leads to this one of the host's."""
        with self._errors("open a tunnel", OPEN_SECONDS):
            async with asyncio.timeout(OPEN_SECONDS):
                listener = await self._ssh.forward_local_port(LOOPBACK, 0, LOOPBACK, port)
        return listener.get_port()

    async def _open(self, command: str) -> asyncssh.SSHClientProcess[bytes]:
        return await self._ssh.create_process(
            in_login_shell(command), encoding=None, request_pty=False, x11_forwarding=False
        )

    async def _sftp(self) -> asyncssh.SFTPClient:
        async with self._opening_files:
            if self._files is None:
                self._files = await self._ssh.start_sftp_client()
            return self._files

    @contextmanager
    def _errors(self, what: str, seconds: float = FILE_SECONDS) -> Iterator[None]:
        """Says a library's errors in our words; `seconds` is how long it may take."""
        host = self.host.name
        try:
            yield
        except TimeoutError as error:
            if error.args:
                raise
            raise TimeoutError(f"{host}: to {what} took more than {seconds} s.") from error
        except (
            asyncssh.DisconnectError,
            asyncssh.SFTPConnectionLost,
            asyncssh.SFTPNoConnection,
        ) as error:
            raise Lost(self._lost(_line(error))) from error
        except asyncssh.SFTPNoSuchFile as error:
            raise FileNotFoundError(f"{host}: to {what} found no such file or folder.") from error
        except asyncssh.SFTPPermissionDenied as error:
            raise PermissionError(f"{host}: to {what} is not permitted.") from error
        except (asyncssh.Error, OSError) as error:
            if self.closed.is_set():
                raise Lost(self._lost(_line(error))) from error
            raise OSError(f"{host}: to {what} failed: {_line(error)}.") from error

    def _lost(self, while_what: str) -> str:
        return f"{self.host.name}: the connection to {self.host.address} was lost ({while_what})."


def in_login_shell(command: str) -> str:
    """The words for SSH to run a command of `sh` with what the user's profile sets: Homebrew's PATH.

    The profile is the login shell's, the language `sh`'s. Seen with sh, bash, zsh and fish, which takes
    the same quotes as long as a command has no backslash. csh and tcsh have no such options.
    """
    script = f'echo; echo "{MARK}"; cd || exit; {command}'
    return f"exec $SHELL -lc {shlex.quote(f'exec /bin/sh -c {shlex.quote(script)}')}"


def _end(process: asyncssh.SSHClientProcess[bytes]) -> None:
    """Ends a command. A host does not do it by itself: where one only loses its pipes it goes on."""
    if process.exit_status is None:
        with suppress(OSError):  # the connection is gone
            process.terminate()
    process.close()


async def _skip_profile(process: asyncssh.SSHClientProcess[bytes]) -> str | None:
    """Reads up to the mark. Returns what was printed if the shell ended before it, else None."""
    try:
        await process.stdout.readuntil(f"\n{MARK}\n".encode())
    except asyncio.IncompleteReadError as error:
        return _text(error.partial[-MAX_OUTPUT_BYTES:])
    return None


async def _write(stream: asyncssh.SSHWriter[bytes], data: bytes) -> None:
    """Gives a command its input and its end, no faster than the host takes it."""
    with suppress(BrokenPipeError):  # it may end without reading
        for place in range(0, len(data), CHUNK_BYTES):
            stream.write(data[place : place + CHUNK_BYTES])
            await stream.drain()
        stream.write_eof()


async def _read(stream: asyncssh.SSHReader[bytes], on_line: Callable[[str], None] | None) -> str:
    """The end of a stream's text; each line is handed on as it comes."""
    kept, line = b"", b""
    while chunk := await stream.read(CHUNK_BYTES):
        kept = (kept + chunk)[-MAX_OUTPUT_BYTES:]
        *lines, line = (line[-CHUNK_BYTES:] + chunk).split(b"\n")
        if on_line:
            for complete in lines:
                on_line(_text(complete))
    if on_line and line:
        on_line(_text(line))
    return _text(kept)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def _shortened(command: str) -> str:
    words = " ".join(command.split())
    return words if len(words) <= 60 else f"{words[:59]}…"
