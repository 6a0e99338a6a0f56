"""The hosts of a fleet, as a command line or a TOML file names them."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

import msgspec
from msgspec import Struct

from bench.records.computer import folder_name

FOLDER = "alexnet-bench"
MAX_NAME_BYTES = 64
"""Of a host's name, in UTF-8: it is the common name of its certificate, which X.509 limits."""

SET_BY_THE_FLEET = {
    "--machine": "each host has the name that was given for it, else its place",
    "--resume": "`python -m bench.fleet --resume` goes on with every host's session",
    "--resume-anyway": "a session of other code, versions or data is no session of this fleet",
    "--benchmark-save": "`python -m bench.fleet --name NAME` names the files of all hosts",
    "--benchmark-autosave": "each session is saved already",
    "--benchmark-storage": "the files are fetched from results/ on each host",
    "--collect-only": "it lists the cells and measures nothing",
    "--co": "it lists the cells and measures nothing",
}
"""Options of `pytest bench` that no host may be given -> why not."""

_WORD = re.compile(
    r"(?:(?P<name>[^=@\[\]]*)=)?(?:(?P<user>[^@=]*)@)?"
    r"(?P<address>\[[^\[\]]*\]|[^:@=\[\]]*)(?::(?P<port>[0-9]+))?"
)
_ADDRESS = re.compile(r"\w[\w.:%-]*|::[\w.:%-]*")
_USER = re.compile(r"[^\s@\x00-\x1f\x7f-][^\s@\x00-\x1f\x7f]*")
_HOW = "write [NAME=][USER@]ADDRESS[:PORT], an IPv6 address in brackets"


class HostsError(Exception):
    """The hosts cannot be taken as they were named; the message says which one, and what to change."""


class Host(Struct, frozen=True, kw_only=True):
    """One computer of the fleet: how it is reached, and what it measures."""

    name: str
    """Its machine in results/ and in the report, as `records.computer.folder_name` has it."""
    address: str
    """A host name, an IP address, or a name of ~/.ssh/config."""
    user: str | None = None
    """None: that of ~/.ssh/config, else the user's own name here."""
    port: int | None = None
    """None: that of ~/.ssh/config, else 22."""
    folder: str = FOLDER
    """Of the checkout over there; a relative one is in the login folder."""
    options: tuple[str, ...] = ()
    """Of `pytest bench`."""


class _HostTable(Struct, forbid_unknown_fields=True):
    address: str
    name: str | None = None
    user: str | None = None
    port: int | None = None
    folder: str | None = None
    options: tuple[str, ...] | None = None


class _File(Struct, forbid_unknown_fields=True):
    host: tuple[_HostTable, ...] = ()
    user: str | None = None
    folder: str = FOLDER
    options: tuple[str, ...] = ()


def parse_hosts(words: Sequence[str], options: tuple[str, ...] = ()) -> tuple[Host, ...]:
    """The hosts that words like `name=user@address:port` name, each with these options.

    Raises HostsError.
    """
    tables = []
    for word in words:
        parts = _WORD.fullmatch(word)
        if word.startswith("-") or not parts or "" in (parts["name"], parts["user"], parts["address"]):
            raise HostsError(f"{word!r} names no host: {_HOW}.")
        tables.append(
            _HostTable(
                name=parts["name"],
                user=parts["user"],
                address=parts["address"].strip("[]"),
                port=int(parts["port"]) if parts["port"] else None,
            )
        )
    return _hosts(_File(host=tuple(tables)), options)


def read_hosts(file: Path, options: tuple[str, ...] = ()) -> tuple[Host, ...]:
    """The hosts of a TOML file, with these options after those of the file.

    Each `[[host]]` has an `address`, and may have `name`, `user`, `port`, `folder` and `options`. Above
    them `user`, `folder` and `options` may stand for all hosts that have none of their own. Raises
    HostsError.
    """
    try:
        content = msgspec.convert(tomllib.loads(file.read_text(encoding="utf-8")), _File)
    except OSError as error:
        raise HostsError(f"{file} cannot be read: {error.strerror}.") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise HostsError(f"{file} is no TOML file: {error}.") from error
    except msgspec.ValidationError as error:
        raise HostsError(
            f"{file}: {error}. A [[host]] has {', '.join(_HostTable.__struct_fields__)}; above them may"
            f" stand {', '.join(name for name in _File.__struct_fields__ if name != 'host')}."
        ) from error
    try:
        return _hosts(content, options)
    except HostsError as error:
        raise HostsError(f"{file}: {error}") from error


def _hosts(file: _File, options: tuple[str, ...]) -> tuple[Host, ...]:
    if not file.host:
        raise HostsError(f"No host is named: {_HOW}.")
    digits = max(2, len(str(len(file.host))))
    hosts = tuple(
        Host(
            name=_name(table, f"mac-{place:0{digits}}"),
            address=_address(table.address),
            user=_user(table.user or file.user),
            port=_port(table),
            folder=_folder(file.folder if table.folder is None else table.folder),
            options=_options((*(file.options if table.options is None else table.options), *options)),
        )
        for place, table in enumerate(file.host, 1)
    )
    _check_distinct(hosts)
    return hosts


def _name(table: _HostTable, place: str) -> str:
    name = folder_name(place if table.name is None else table.name)
    if not name:
        raise HostsError(
            f"{table.name!r}, the name of {table.address}, has no letter and no digit, and a folder is"
            " to be named by it."
        )
    if len(name.encode()) > MAX_NAME_BYTES:
        raise HostsError(
            f"{name}: a host's name may have {MAX_NAME_BYTES} bytes, and a letter that is not ASCII has"
            " two to four: its certificate has that name too."
        )
    return name


def _address(address: str) -> str:
    # ssh itself, which a ProxyCommand of ~/.ssh/config may call, would take -o… as an option.
    if not _ADDRESS.fullmatch(address):
        raise HostsError(f"{address!r} is no address: it may have letters, digits and . : % _ - in it.")
    return address


def _user(user: str | None) -> str | None:
    if user is not None and not _USER.fullmatch(user):
        raise HostsError(f"{user!r} is no user's name: it may not begin with -, nor have spaces or @.")
    return user


def _port(table: _HostTable) -> int | None:
    if table.port is not None and not 0 < table.port < 65536:
        raise HostsError(f"{table.address} has the port {table.port}, and ports go from 1 to 65535.")
    return table.port


def _folder(folder: str) -> str:
    path = PurePosixPath(folder.removeprefix("~/"))
    if (
        path.parts in ((), ("/",))
        or ".." in path.parts
        or str(path).startswith(("-", "~"))
        or not folder.isprintable()
    ):
        raise HostsError(
            f"{folder!r} is no folder for a checkout: name one in the login folder, like {FOLDER}, or a"
            " whole path."
        )
    return str(path)


def _options(options: tuple[str, ...]) -> tuple[str, ...]:
    for option in options:
        if why := SET_BY_THE_FLEET.get(option.partition("=")[0]):
            raise HostsError(f"{option} cannot be given to a host: {why}.")
        if not option.isprintable():
            raise HostsError(f"The option {option!r} has characters that cannot be printed.")
    return options


def _check_distinct(hosts: tuple[Host, ...]) -> None:
    """One name for two computers would mix their results, and two sessions would share one computer."""
    by_name: dict[str, Host] = {}
    by_place: dict[tuple[str, int], Host] = {}
    for host in hosts:
        if other := by_name.get(host.name):
            raise HostsError(
                f"{other.address} and {host.address} are both named {host.name}: give each a name of its"
                " own, as in NAME=ADDRESS."
            )
        by_name[host.name] = host
        # Two users of a computer have a lock of sessions each, so neither would wait for the other.
        place = (host.address.lower(), host.port or 22)
        if place in by_place:
            raise HostsError(
                f"{by_place[place].name} and {host.name} are one computer, {host.address}, which"
                " measures one session at a time: name it once."
            )
        by_place[place] = host
