"""The same through OpenSSH's own server, as this user, at a port of its own."""

from __future__ import annotations

import asyncio
import getpass
import os
import pwd
import shutil
import socket
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

pytest.importorskip("asyncssh", reason="the extra fleet is not installed")

import asyncssh

from bench.fleet.hosts import Host, parse_hosts
from bench.fleet.ssh import Lost, NotForwarded, Unreachable, connect
from tests.support.ssh_connection import exchange_both_ways
from tests.support.ssh_server import ADDRESS

SSHD = shutil.which("sshd", path=f"{os.environ['PATH']}:/usr/sbin:/usr/local/sbin")
CONFIG = """
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {folder}/authorized_keys
PidFile none
UsePAM no
StrictModes no
Subsystem sftp internal-sftp
"""

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(SSHD is None, reason="there is no sshd on this computer"),
    pytest.mark.skipif(
        os.getuid() == 0 and not Path("/run/sshd").is_dir(),
        reason="sshd wants its folder /run/sshd where root starts it",
    ),
]


class Server(NamedTuple):
    process: subprocess.Popen[bytes]
    host: Host
    folder: Path


def write_key(path: Path) -> str:
    """Returns the public key."""
    key = asyncssh.generate_private_key("ssh-ed25519")
    path.touch(0o600)
    path.write_bytes(key.export_private_key())
    return key.export_public_key().decode().strip()


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    with socket.create_server((ADDRESS, 0)) as free:
        port = free.getsockname()[1]
    folder, settings = tmp_path / "sshd", tmp_path / "user" / ".ssh"
    folder.mkdir()
    settings.mkdir(parents=True)
    host_key = write_key(folder / "host_key")
    (folder / "authorized_keys").write_text(write_key(settings / "id_ed25519") + "\n")
    (settings / "known_hosts").write_text(f"[{ADDRESS}]:{port} {host_key}\n")
    (folder / "config").write_text(CONFIG.format(address=ADDRESS, port=port, folder=folder))
    monkeypatch.setenv("HOME", str(settings.parent))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    assert SSHD
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([SSHD, "-D", "-e", "-f", folder / "config"], stderr=log)
    deadline = time.monotonic() + 10
    while b"listening" not in (folder / "log").read_bytes():
        assert process.poll() is None, (folder / "log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    host = parse_hosts([f"mac-01={getpass.getuser()}@{ADDRESS}:{port}"])[0]
    yield Server(process, host, folder)
    process.kill()
    process.wait()


def test_commands_files_and_tunnels_work(server: Server, tmp_path: Path) -> None:
    async def check() -> None:
        async with await connect(server.host) as connection:
            ended = await connection.run("cat; pwd; exit 3", input=b"a\n", timeout=20)
            home = pwd.getpwuid(os.getuid()).pw_dir
            assert (ended.exit_status, ended.stdout) == (3, f"a\n{home}\n")
            assert (await connection.run("kill -9 $$", timeout=20)).exit_status is None
            file = tmp_path / "key"
            content = bytes(range(256)) * 20_000
            await connection.put(content, str(file), 0o600)
            assert stat.S_IMODE(file.stat().st_mode) == 0o600
            assert await connection.get(str(file), len(content)) == content
            file.unlink()
            with pytest.raises(FileNotFoundError):
                await connection.get(str(file), 1)
            await exchange_both_ways(connection)

    asyncio.run(asyncio.wait_for(check(), 60))


def test_a_lost_connection_costs_what_is_detached_nothing(server: Server, tmp_path: Path) -> None:
    async def check() -> None:
        async with await connect(server.host) as connection:
            process = await connection.start(f"echo $PPID; cat; touch {tmp_path}/input-ended")
            (sshd,) = (await process.stdout.readline()).split()
            detach = f"(sleep 1; touch {tmp_path}/survived) >/dev/null 2>&1 </dev/null &"
            await connection.run(detach, timeout=20)
            waiting = asyncio.create_task(connection.run("sleep 60", timeout=None))
            await asyncio.sleep(0.3)
            os.kill(int(sshd), 9)
            with pytest.raises(Lost):
                await waiting
            assert connection.closed.is_set()
        for name in ("survived", "input-ended"):
            while not (tmp_path / name).exists():
                await asyncio.sleep(0.05)

    asyncio.run(asyncio.wait_for(check(), 60))


def test_what_the_server_does_not_allow_is_told(server: Server) -> None:
    async def check() -> None:
        keys = server.folder / "authorized_keys"
        key = keys.read_text()
        keys.write_text(f"no-port-forwarding {key}")
        async with await connect(server.host) as connection:
            with pytest.raises(NotForwarded, match="authorized_keys"):
                await connection.forward_to_coordinator(1)
        keys.write_text("")
        with pytest.raises(Unreachable) as caught:
            await connect(server.host)
        assert caught.value.reason == "not let in"

    asyncio.run(asyncio.wait_for(check(), 60))
