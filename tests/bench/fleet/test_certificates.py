from __future__ import annotations

import asyncio
import ssl
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("distributed", reason="the extra fleet is not installed")
pytest.importorskip("cryptography", reason="the extra fleet is not installed")

from cryptography import x509
from cryptography.x509.oid import NameOID
from distributed import Security
from distributed.comm import listen

from bench.fleet.certificates import Certificates, HostFiles
from bench.fleet.hosts import MAX_NAME_BYTES, parse_hosts
from bench.paths import ROOT


@pytest.fixture
def certificates() -> Iterator[Certificates]:
    with Certificates() as made:
        yield made


def of_a_host(files: HostFiles) -> Security:
    """As a worker makes it, of texts in place of files."""
    certificate, key = files.certificate.decode(), files.key.decode()
    return Security(
        require_encryption=True,
        tls_ca_file=files.ca.decode(),
        tls_worker_cert=certificate,
        tls_worker_key=key,
    )


def listening(security: Security, role: str) -> ssl.SSLContext:
    context: ssl.SSLContext = security.get_listen_args(role)["ssl_context"]
    return context


def calling(security: Security, role: str) -> ssl.SSLContext:
    context: ssl.SSLContext = security.get_connection_args(role)["ssl_context"]
    return context


def shake_hands(listener: ssl.SSLContext, caller: ssl.SSLContext) -> str:
    """The TLS version on which both agree. Raises SSLError where one refuses the other."""
    to_listener, to_caller = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        listener.wrap_bio(to_listener, to_caller, server_side=True),
        caller.wrap_bio(to_caller, to_listener, server_hostname="host"),
    ]
    waiting = list(sides)
    for _ in range(10):
        for side in list(waiting):
            try:
                side.do_handshake()
                waiting.remove(side)
            except ssl.SSLWantReadError:
                continue
    assert not waiting
    return sides[0].version() or ""


KILLED = """
from time import sleep
from bench.fleet.certificates import Certificates
with Certificates() as certificates:
    print(certificates.folder, flush=True)
    sleep(60)
"""


def test_a_killed_coordinators_key_is_removed_by_the_next_and_a_living_ones_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))  # in which no test beside this one looks around
    with subprocess.Popen(
        [sys.executable, "-c", KILLED], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        key = Path(process.stdout.readline().strip()) / "coordinator.key"
        with Certificates():
            assert key.exists()
        process.kill()
    assert key.exists()
    with Certificates() as others:
        assert not key.exists()
        assert [folder.name for folder in tmp_path.iterdir()] == [others.folder.parent.name]
    assert list(tmp_path.iterdir()) == []


def test_coordinator_and_host_let_each_other_in_by_tls_1_3(certificates: Certificates) -> None:
    ours, host = certificates.security(), of_a_host(certificates.issue("mac-01"))
    assert shake_hands(listening(ours, "scheduler"), calling(host, "worker")) == "TLSv1.3"
    assert shake_hands(listening(host, "worker"), calling(ours, "scheduler")) == "TLSv1.3"
    assert shake_hands(listening(ours, "scheduler"), calling(ours, "client")) == "TLSv1.3"


def test_whoever_has_no_certificate_is_refused(certificates: Certificates) -> None:
    stranger = ssl.create_default_context()
    stranger.check_hostname = False
    stranger.verify_mode = ssl.CERT_NONE
    for listener in (
        listening(certificates.security(), "scheduler"),
        listening(of_a_host(certificates.issue("mac-01")), "worker"),
    ):
        with pytest.raises(ssl.SSLError, match="PEER_DID_NOT_RETURN_A_CERTIFICATE"):
            shake_hands(listener, stranger)


def test_a_certificate_of_another_fleet_is_refused(certificates: Certificates) -> None:
    with Certificates() as other:
        theirs = of_a_host(other.issue("mac-01"))
        theirs.tls_ca_file = certificates.issue("mac-01").ca.decode()  # it would accept us
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
            shake_hands(listening(certificates.security(), "scheduler"), calling(theirs, "worker"))


def test_a_host_can_neither_call_another_one_nor_pass_for_the_coordinator(
    certificates: Certificates,
) -> None:
    one, other = (of_a_host(certificates.issue(name)) for name in ("mac-01", "mac-02"))
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        shake_hands(listening(one, "worker"), calling(other, "worker"))
    trusting = of_a_host(certificates.issue("mac-02"))
    trusting.tls_ca_file = Path(certificates.security().tls_ca_file).read_text()
    with pytest.raises(ssl.SSLError, match="CERTIFICATE_VERIFY_FAILED"):
        shake_hands(listening(trusting, "worker"), calling(one, "worker"))


def test_plain_tcp_is_refused(certificates: Certificates) -> None:
    async def try_it() -> None:
        arguments = certificates.security().get_listen_args("scheduler")
        with pytest.raises(RuntimeError, match="encryption required"):
            await listen("tcp://127.0.0.1:0", lambda comm: None, **arguments)

    asyncio.run(try_it())


def test_keys_lie_closed_the_authorities_lie_nowhere_and_all_goes(certificates: Certificates) -> None:
    folder = certificates.folder
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    files = {file.name: file for file in folder.iterdir()}
    assert {stat.S_IMODE(file.stat().st_mode) for file in files.values()} == {0o600}
    assert [name for name, file in files.items() if b"PRIVATE KEY" in file.read_bytes()] == [
        "coordinator.key"
    ]
    certificates.remove()
    assert not folder.exists()
    certificates.remove()


def test_a_certificate_allows_for_clocks_and_has_the_longest_name_whole(
    certificates: Certificates,
) -> None:
    (host,) = parse_hosts(["é" * (MAX_NAME_BYTES // 2) + "=lab"])
    certificate = x509.load_pem_x509_certificate(certificates.issue(host.name).certificate)
    (common_name,) = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    assert common_name.value == host.name
    valid = certificate.not_valid_after_utc - certificate.not_valid_before_utc
    assert valid.days == 31
