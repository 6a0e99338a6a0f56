from __future__ import annotations

import asyncio
import errno
import os
import shutil
import socket
import stat
import subprocess
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psutil
import pytest

pytest.importorskip("asyncssh", reason="the extra fleet is not installed")

from bench.fleet import ssh
from bench.fleet.hosts import Host, parse_hosts
from bench.fleet.ssh import Connection, Lost, NotForwarded, TooLarge, Unreachable, connect
from tests.support.ssh_connection import exchange_both_ways
from tests.support.ssh_server import ADDRESS, Room, RoomProcess, SimulatedHost


@pytest.fixture
def room(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Room:
    made = Room(tmp_path / "room", ["mac-01"])
    monkeypatch.setenv("HOME", str(made.user_home))
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    return made


def named(simulated: SimulatedHost) -> Host:
    return parse_hosts([simulated.word])[0]


@asynccontextmanager
async def connected(room: Room) -> AsyncIterator[tuple[Connection, SimulatedHost]]:
    async with room:
        simulated = room.hosts["mac-01"]
        async with await connect(named(simulated)) as connection:
            yield connection, simulated


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """With a limit: what waits for ever fails by itself."""
    asyncio.run(asyncio.wait_for(coroutine, 30))


def test_a_command_gives_its_outputs_its_lines_and_its_status(room: Room) -> None:
    async def check() -> None:
        async with connected(room) as (connection, _):
            lines: list[str] = []
            ended = await connection.run(
                "cat; echo done; echo wrong >&2; exit 3",
                input=b"a\nb\xff\n",
                timeout=10,
                on_line=lines.append,
            )
            assert (ended.exit_status, ended.stdout, ended.stderr) == (
                3,
                "a\nb\ufffd\ndone\n",
                "wrong\n",
            )
            assert sorted(lines) == ["a", "b\ufffd", "done", "wrong"]
            assert (await connection.run("kill -9 $$", timeout=10)).exit_status is None

    run(check())


def test_a_command_has_what_the_users_profile_sets_and_not_what_it_prints(room: Room) -> None:
    async def check() -> None:
        async with connected(room) as (connection, host):
            (host.home / ".profile").write_text("printf Welcome; export FROM_PROFILE=it\\'s; cd /\n")
            ended = await connection.run("echo $FROM_PROFILE 'quoted \"twice\"'; pwd", timeout=10)
            assert ended.stdout == f'it\'s quoted "twice"\n{host.home}\n'
            (host.home / ".profile").write_text("echo closed; exit 0\n")
            ended = await connection.run("echo never", timeout=10)
            assert (ended.exit_status, ended.stdout) == (127, "closed\n")

    run(check())


@pytest.mark.parametrize("shell", ["sh", "bash", "zsh", "fish"])
def test_login_shells_pass_a_command_on_as_it_is(shell: str, tmp_path: Path) -> None:
    path = shutil.which(shell)
    if path is None:
        pytest.skip(f"there is no {shell} on this computer")
    environment = {**os.environ, "HOME": str(tmp_path), "SHELL": path}
    command = ssh.in_login_shell(
        """echo "it's $HOME" 'a "b" $c'; echo `pwd` | awk '{print $1}'; exit 3"""
    )
    ended = subprocess.run([path, "-c", command], env=environment, capture_output=True, check=False)
    assert ended.stdout.decode().rpartition(f"{ssh.MARK}\n")[2] == (
        f'it\'s {tmp_path} a "b" $c\n{tmp_path}\n'
    )
    assert ended.returncode == 3


def test_a_large_input_arrives_and_one_that_is_not_read_is_no_error(room: Room) -> None:
    async def check() -> None:
        async with connected(room) as (connection, _):
            large = b"x" * 8_000_000
            counted = await connection.run("wc -c", input=large, timeout=20)
            assert int(counted.stdout) == len(large)
            unread = await connection.run("exec <&-; sleep 0.1; exit 4", input=large, timeout=20)
            assert unread.exit_status == 4

    run(check())


def test_output_without_end_is_kept_in_part(room: Room) -> None:
    async def check() -> None:
        async with connected(room) as (connection, _):
            command = "head -c 5000000 /dev/zero | tr '\\0' a; echo end"
            ended = await connection.run(command, timeout=20)
            assert len(ended.stdout) == ssh.MAX_OUTPUT_BYTES
            assert ended.stdout.endswith("aend\n")

    run(check())


def test_a_command_that_does_not_end_is_ended_in_time(room: Room) -> None:
    async def check() -> None:
        async with connected(room) as (connection, _):
            with pytest.raises(TimeoutError, match="mac-01: `sleep 60` had not ended after 1 s"):
                await connection.run("sleep 60", timeout=1)
            assert (await connection.run("echo on", timeout=10)).stdout == "on\n"

    run(check())


def test_a_command_that_nobody_waits_for_any_more_is_ended(room: Room) -> None:
    async def check() -> None:
        async with connected(room) as (connection, host):
            file = host.home / "process"
            command = f"echo $$ > {file.name}; exec sleep 60"
            waiting = asyncio.create_task(connection.run(command, timeout=None))
            while not file.exists() or not file.read_text():
                await asyncio.sleep(0.02)
            waiting.cancel()
            with pytest.raises(asyncio.CancelledError):
                await waiting
            while is_alive(int(file.read_text())):
                await asyncio.sleep(0.02)

    run(check())


def test_a_file_is_closed_before_it_has_content_and_follows_no_link(room: Room) -> None:
    async def check() -> None:
        async with connected(room) as (connection, host):
            outside = host.home / "outside"
            outside.write_text("theirs")
            (host.home / "key").symlink_to(outside)
            content = bytes(range(256)) * 4000
            await connection.put(content, "key", 0o600)
            assert stat.S_IMODE((host.home / "key").lstat().st_mode) == 0o600
            assert outside.read_text() == "theirs"
            assert await connection.get("key", len(content)) == content
            with pytest.raises(TooLarge, match="key has more than 1,000 bytes"):
                await connection.get("key", 1000)
            (host.home / "key").unlink()
            with pytest.raises(FileNotFoundError, match="mac-01: to read key found no such file"):
                await connection.get("key", 1)
            with pytest.raises(FileNotFoundError, match="to write none/key"):
                await connection.put(b"", "none/key", 0o600)

    run(check())


def test_tunnels_lead_both_ways_and_close_with_the_connection(room: Room) -> None:
    async def check() -> None:
        async with connected(room) as (connection, _):
            ports = await exchange_both_ways(connection)
            assert await connection.forward_to_coordinator(ports.coordinator) == ports.to_coordinator
        for port in (ports.to_coordinator, ports.to_host):
            with pytest.raises(ConnectionError):
                await asyncio.open_connection(ADDRESS, port)

    run(check())


def test_a_host_that_allows_no_tunnel_is_told_of_its_settings(room: Room) -> None:
    async def check() -> None:
        async with connected(room) as (connection, host):
            host.allows_tunnels = False
            with pytest.raises(NotForwarded, match="AllowTcpForwarding"):
                await connection.forward_to_coordinator(1)

    run(check())


def test_a_lost_connection_is_said_and_leaves_what_was_detached(room: Room) -> None:
    async def check() -> None:
        async with connected(room) as (connection, host):
            # A worker's life ends with its standard input; a session's does not.
            process = await connection.start("echo ready; cat; touch input-ended")
            assert await process.stdout.readline() == b"ready\n"
            await connection.run("(sleep 1; touch survived) >/dev/null 2>&1 &", timeout=10)
            waiting = asyncio.create_task(connection.run("sleep 60", timeout=None))
            await asyncio.sleep(0.2)
            await host.cut()
            with pytest.raises(Lost, match=r"mac-01: the connection to 127\.0\.0\.1 was lost"):
                await waiting
            await asyncio.wait_for(connection.closed.wait(), 5)
            for call in (
                connection.run("true", timeout=5),
                connection.put(b"", "file", 0o600),
                connection.forward_to_coordinator(1),
            ):
                with pytest.raises(Lost):
                    await call
            async with await connect(named(host)) as again:
                command = "while [ ! -e survived ] || [ ! -e input-ended ]; do sleep 0.1; done"
                assert (await again.run(command, timeout=10)).exit_status == 0

    run(check())


def is_alive(process: int) -> bool:
    """A zombie, which its parent has yet to wait for, has ended."""
    try:
        return psutil.Process(process).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


async def refusal(host: Host) -> Unreachable:
    with pytest.raises(Unreachable) as caught:
        await connect(host)
    return caught.value


def test_a_host_key_must_be_known_and_the_same(room: Room) -> None:
    async def check() -> None:
        async with room:
            simulated = room.hosts["mac-01"]
            host = named(simulated)
            known = room.user_home / ".ssh" / "known_hosts"
            fingerprint = simulated.key.get_fingerprint()
            known.unlink()
            unknown = await refusal(host)
            assert (unknown.reason, unknown.may_pass) == ("host key unknown", False)
            assert f"({fingerprint}) is not known here yet: call `ssh -p {host.port}" in str(unknown)
            room.know_all()
            await simulated.change_key()
            changed = await refusal(host)
            assert changed.reason == "host key changed"
            assert f"ssh-keygen -R '[{ADDRESS}]:{host.port}'" in str(changed)
            room.know_all()
            (room.user_home / ".ssh" / "config").write_text("Host *\n  UserKnownHostsFile none\n")
            unchecked = await refusal(host)
            assert (unchecked.reason, "take that line out" in str(unchecked)) == ("settings", True)

    run(check())


def test_why_a_host_cannot_be_reached_is_said(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    async def check() -> None:
        async with room:
            simulated = room.hosts["mac-01"]
            host = named(simulated)
            (stranger,) = parse_hosts([f"anna@{ADDRESS}:{host.port}"])
            denied = await refusal(stranger)
            assert (denied.reason, denied.may_pass) == ("not let in", False)
            assert f"`ssh -p {host.port} anna@{ADDRESS}` must work" in str(denied)
            await simulated.refuse()
            refused = await refusal(host)
            assert (refused.reason, refused.may_pass) == ("refused", True)
            assert "Remote Login" in str(refused)
            await simulated.accept()
            async with await connect(host):
                pass
        nowhere = await refusal(parse_hosts(["no-such-host.invalid"])[0])
        assert nowhere.reason == "no such host"
        # It takes connections and never says a word, as a host that hangs.
        with socket.create_server((ADDRESS, 0)) as silent:
            monkeypatch.setattr(ssh, "CONNECT_SECONDS", 0.5)
            hanging = await refusal(parse_hosts([f"{ADDRESS}:{silent.getsockname()[1]}"])[0])
            assert (hanging.reason, hanging.may_pass) == ("timed out", True)

    run(check())


NO_ROUTE = f"[Errno {errno.EHOSTUNREACH}] Connect call failed"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.EHOSTUNREACH, "No route to host"),
        OSError(f"Multiple exceptions: {NO_ROUTE} ('fe80::1', 22), {NO_ROUTE} ('10.0.0.7', 22)"),
    ],
    ids=["one address", "two addresses"],
)
def test_a_mac_that_keeps_a_program_out_of_its_network_is_said(
    error: OSError, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*arguments: object, **options: object) -> None:
        raise error

    monkeypatch.setattr("asyncssh.connect", fail)
    (host,) = parse_hosts(["10.0.0.7"])
    elsewhere = asyncio.run(refusal(host))
    monkeypatch.setattr(ssh, "sys", SimpleNamespace(platform="darwin"))
    on_a_mac = asyncio.run(refusal(host))
    assert (elsewhere.reason, on_a_mac.reason) == ("network", "network")
    assert "Local Network" not in str(elsewhere)
    assert "start the fleet from Terminal" in str(on_a_mac)
    assert "Privacy & Security, Local Network" in str(on_a_mac)


def test_settings_that_cannot_be_read_are_named(room: Room) -> None:
    async def check() -> None:
        (room.user_home / ".ssh" / "config").write_text("Host *\n  Port many\n")
        wrong = await refusal(parse_hosts(["mac-01"])[0])
        assert (wrong.reason, "config line 2" in str(wrong)) == ("settings", True)

    run(check())


def test_ssh_config_names_users_and_ports(room: Room) -> None:
    async def check() -> None:
        async with room:
            (room.user_home / ".ssh" / "config").write_text(
                f"Host desk\n  HostName {ADDRESS}\n  Port {room.hosts['mac-01'].port}\n  User mac-01\n"
            )
            async with await connect(parse_hosts(["desk"])[0]) as connection:
                assert (await connection.run("echo $USER", timeout=10)).stdout == "mac-01\n"

    run(check())


def test_a_room_in_a_process_of_its_own_does_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with RoomProcess(tmp_path / "room", ["one", "two"]) as room:
        monkeypatch.setenv("HOME", str(room.user_home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
        one, two = parse_hosts([room.word("one"), room.word("two")])
        room.set_environment("two", ODD="yes")

        async def check() -> None:
            async with await connect(one) as first, await connect(two) as second:
                assert (await first.run("echo $HOME", timeout=10)).stdout == f"{room.home('one')}\n"
                assert (await second.run("echo $ODD", timeout=10)).stdout == "yes\n"
                await asyncio.to_thread(room.do, "cut", "one")
                await asyncio.wait_for(first.closed.wait(), 5)
                assert not second.closed.is_set()
            await asyncio.to_thread(room.do, "change_key", "two")
            assert (await refusal(two)).reason == "host key changed"

        run(check())


def test_nothing_is_waited_for_without_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A host hangs long before its connection counts as lost."""
    monkeypatch.setattr(ssh, "OPEN_SECONDS", 0.5)
    with RoomProcess(tmp_path / "room", ["one"]) as room:
        monkeypatch.setenv("HOME", str(room.user_home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

        async def check() -> None:
            async with await connect(parse_hosts([room.word("one")])[0]) as connection:
                with room.hung():
                    with pytest.raises(TimeoutError, match="one: `true` had not ended after 1 s"):
                        await connection.run("true", timeout=1)
                    with pytest.raises(TimeoutError, match=r"shell had not begun after 0\.5 s"):
                        await connection.start("true")
                    with pytest.raises(TimeoutError, match=r"open a tunnel took more than 0\.5 s"):
                        await connection.forward_to_coordinator(1)

        run(check())


def test_a_host_that_answers_nothing_any_more_is_lost(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ssh, "KEEPALIVE_SECONDS", 0.2)
    with RoomProcess(tmp_path / "room", ["one"]) as room:
        monkeypatch.setenv("HOME", str(room.user_home))
        monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)

        async def check() -> None:
            async with await connect(parse_hosts([room.word("one")])[0]) as connection:
                waiting = asyncio.create_task(connection.run("sleep 60", timeout=None))
                await asyncio.sleep(0.5)
                assert not waiting.done(), "an answering host is kept, however long it says nothing"
                with room.hung(), pytest.raises(Lost, match="not responding to keepalive"):
                    await waiting

        run(check())
