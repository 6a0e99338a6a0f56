"""What every SSH server must do for a fleet, the simulated ones and sshd."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

from bench.fleet.ssh import LOOPBACK, Connection

ANSWERER = (
    "import socket; s = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True);"
    " c, _ = s.accept(); c.sendall(c.recv(9).upper())"
)
CALLER = (
    "import socket, sys; c = socket.create_connection(('127.0.0.1', int(sys.argv[1])));"
    " c.sendall(b'to us'); print(c.recv(9).decode())"
)


class Ports(NamedTuple):
    """`to_…` are the tunnels' own."""

    coordinator: int
    to_coordinator: int
    to_host: int


async def exchange_both_ways(connection: Connection, python: str = "python3") -> Ports:
    """A process of the host calls one of ours through its tunnel, and is called through the other."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write((await reader.read(9)).upper())
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(answer, LOOPBACK, 0) as server:
        coordinator = server.sockets[0].getsockname()[1]
        to_coordinator = await connection.forward_to_coordinator(coordinator)
        ended = await connection.run(f'{python} -c "{CALLER}" {to_coordinator}', timeout=30)
        assert (ended.stdout, ended.stderr) == ("TO US\n", "")
    process = await connection.start(f'exec {python} -c "{ANSWERER}"')
    to_host = await connection.forward_to_host(int(await process.stdout.readline()))
    reader, writer = await asyncio.open_connection(LOOPBACK, to_host)
    writer.write(b"to it")
    assert await reader.read(9) == b"TO IT"
    writer.close()
    await writer.wait_closed()
    await process.wait_closed()
    return Ports(coordinator, to_coordinator, to_host)
