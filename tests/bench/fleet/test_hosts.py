from __future__ import annotations

from pathlib import Path

import pytest

from bench.fleet.hosts import Host, HostsError, parse_hosts, read_hosts


def test_words_name_hosts_and_those_without_a_name_have_their_place() -> None:
    words = ("10.0.0.7", "Studio 2=anna@lab.local:2222", "[fe80::1%en0]:22")
    assert parse_hosts(words, ("--profile", "smoke")) == (
        Host(name="mac-01", address="10.0.0.7", options=("--profile", "smoke")),
        Host(
            name="studio-2",
            address="lab.local",
            user="anna",
            port=2222,
            options=("--profile", "smoke"),
        ),
        Host(name="mac-03", address="fe80::1%en0", port=22, options=("--profile", "smoke")),
    )


def test_places_have_as_many_digits_as_there_are_hosts() -> None:
    names = [host.name for host in parse_hosts([f"10.0.0.{n}" for n in range(1, 101)])]
    assert (names[0], names[9], names[99]) == ("mac-001", "mac-010", "mac-100")


def test_a_file_names_hosts_with_what_is_theirs_before_what_is_everybodys(tmp_path: Path) -> None:
    file = tmp_path / "room.toml"
    file.write_text(
        'user = "teacher"\nfolder = "~/bench"\noptions = ["--profile", "speed"]\n'
        '[[host]]\naddress = "one.local"\n'
        '[[host]]\naddress = "two.local"\nname = "Zwei"\nuser = "root"\nport = 24\n'
        'folder = "/opt/bench"\noptions = ["--engine", "mlx"]\n'
    )
    assert read_hosts(file, ("--seeds=2",)) == (
        Host(
            name="mac-01",
            address="one.local",
            user="teacher",
            folder="bench",
            options=("--profile", "speed", "--seeds=2"),
        ),
        Host(
            name="zwei",
            address="two.local",
            user="root",
            port=24,
            folder="/opt/bench",
            options=("--engine", "mlx", "--seeds=2"),
        ),
    )


@pytest.mark.parametrize(
    ("words", "part"),
    [
        ((), "No host is named"),
        (("",), "names no host"),
        (("@lab",), "names no host"),
        (("=lab",), "names no host"),
        (("::1",), "names no host"),
        (("-oProxyCommand=touch x",), "names no host"),
        (("-lab",), "names no host"),
        (("a=-lab",), "is no address"),
        (("a b",), "is no address"),
        (("a\x1b2J",), "is no address"),
        (("a=-x@lab",), "is no user's name"),
        (("lab:0",), "ports go from 1"),
        (("lab:65536",), "ports go from 1"),
        (("???=lab",), "has no letter and no digit"),
        (("a=one", "A=two"), "one and two are both named a"),
        (("one", "mac-01=two"), "one and two are both named mac-01"),
        (("x" * 65 + "=lab",), "may have 64 bytes"),
        (("é" * 33 + "=lab",), "may have 64 bytes"),
        (("a=lab", "b=LAB"), "a and b are one computer, LAB"),
        (("a=anna@lab", "b=ben@lab"), "a and b are one computer, lab"),
        (("a=lab", "b=lab:22"), "a and b are one computer, lab"),
    ],
)
def test_what_names_no_host_is_refused(words: tuple[str, ...], part: str) -> None:
    with pytest.raises(HostsError, match=part):
        parse_hosts(words)


def test_two_folders_of_a_computer_are_not_two_hosts(tmp_path: Path) -> None:
    file = tmp_path / "room.toml"
    file.write_text("".join(f'[[host]]\naddress = "lab"\nfolder = "{name}"\n' for name in "ab"))
    with pytest.raises(HostsError, match="mac-01 and mac-02 are one computer, lab"):
        read_hosts(file)


def test_two_ports_of_an_address_are_two_hosts() -> None:
    """As behind a router that passes a port on to each."""
    assert len(parse_hosts(("lab:2201", "lab:2202", "lab"))) == 3


@pytest.mark.parametrize(
    "option", ["--machine=x", "--resume", "--benchmark-save=x", "--benchmark-storage", "--co"]
)
def test_options_that_the_fleet_sets_are_refused(option: str) -> None:
    with pytest.raises(HostsError, match=f"{option} cannot be given to a host: .+"):
        parse_hosts(("lab",), ("--profile", "smoke", option))


@pytest.mark.parametrize(
    ("content", "part"),
    [
        ("", "No host is named"),
        ("host = 3", "Expected `array`"),
        ('[[host]]\nname = "a"', "missing required field `address`"),
        ('[[host]]\naddress = "a"\nadress = "b"', "unknown field `adress`.*has address, name, user"),
        ('usr = "a"\n[[host]]\naddress = "a"', "unknown field `usr`.*may stand user, folder, options"),
        ('[[host]]\naddress = "a"\nport = "22"', "Expected `int"),
        ('[[host]]\naddress = "a"\nfolder = "../b"', "is no folder for a checkout"),
        ('[[host]]\naddress = "a"\nfolder = "~"', "is no folder for a checkout"),
        ('[[host]]\naddress = "a"\noptions = ["--resume"]', "--resume cannot be given"),
        ("[[host", "is no TOML file"),
    ],
)
def test_a_file_with_a_mistake_is_refused_by_its_name(tmp_path: Path, content: str, part: str) -> None:
    file = tmp_path / "room.toml"
    file.write_text(content)
    with pytest.raises(HostsError, match=f"(?s)room.toml.*{part}"):
        read_hosts(file)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(HostsError, match=r"none\.toml cannot be read: No such file"):
        read_hosts(tmp_path / "none.toml")
