"""The certificates of one fleet: mutual TLS between the coordinator and the worker of each host."""

from __future__ import annotations

import os
import ssl
import tempfile
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from distributed import Security
from msgspec import Struct

from bench.temporary_folder import temporary_folder

PREFIX = "alexnet-bench-fleet-"
BEFORE, AFTER = timedelta(days=1), timedelta(days=30)
"""A certificate is valid from before now, and for so long after: clocks of hosts are wrong."""


class HostFiles(Struct, frozen=True, kw_only=True):
    """What a host's worker is given, as PEM."""

    ca: bytes
    """The authority that signed the coordinator's certificate, and nothing else."""
    certificate: bytes
    key: bytes


class _Authority:
    """Signs certificates. Its key is in the memory of this process, and nowhere else."""

    def __init__(self, name: str, now: datetime) -> None:
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        subject = _subject(name)
        identifier = x509.SubjectKeyIdentifier.from_public_key(self._key.public_key())
        self._certificate = (
            self._builder(subject, subject, self._key)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_usage(signs_certificates=True), critical=True)
            .add_extension(identifier, critical=False)
            .sign(self._key, SHA256())
        )
        self.pem = self._certificate.public_bytes(Encoding.PEM)

    def issue(self, name: str) -> tuple[bytes, bytes]:
        """A certificate and its key. Each side of Dask listens and connects, so it is good for both."""
        key = ec.generate_private_key(ec.SECP256R1())
        purposes = [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
        signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = (
            self._builder(_subject(name), self._certificate.subject, key)
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage(purposes), critical=False)
            .add_extension(signer, critical=False)
            .sign(self._key, SHA256())
        )
        pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
        return certificate.public_bytes(Encoding.PEM), pem

    def _builder(
        self, subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - BEFORE)
            .not_valid_after(self._now + AFTER)
        )


def _subject(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


class Certificates:
    """Made anew for each fleet session; `remove` deletes what was written.

    There are two authorities. One signs the coordinator's certificate, the other those of hosts. A
    worker trusts the first alone: whoever takes a host's key can neither call another host's worker with
    it nor pass for the coordinator. The coordinator trusts both, since its client and its scheduler have
    one certificate.
    """

    def __init__(self) -> None:
        now = datetime.now(UTC)
        self._coordinators = _Authority("alexnet-bench fleet: coordinator's authority", now)
        self._hosts = _Authority("alexnet-bench fleet: hosts' authority", now)
        self._stack = ExitStack()
        self.folder = self._stack.enter_context(temporary_folder(PREFIX, Path(tempfile.gettempdir())))
        certificate, key = self._coordinators.issue("alexnet-bench fleet: coordinator")
        self._trusted = self._write("trusted.pem", self._coordinators.pem + self._hosts.pem)
        self._certificate = self._write("coordinator.pem", certificate)
        self._key = self._write("coordinator.key", key)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def issue(self, name: str) -> HostFiles:
        """A new key for the worker of the host of that name, with its certificate.

        The scheduler knows a worker by that name, so it is whole: `hosts.MAX_NAME_BYTES` at most.
        """
        certificate, key = self._hosts.issue(name)
        return HostFiles(ca=self._coordinators.pem, certificate=certificate, key=key)

    def security(self) -> Security:
        """For the scheduler and the client of this process: TLS 1.3, and nothing without it."""
        return Security(
            require_encryption=True,
            tls_ca_file=self._trusted,
            tls_client_cert=self._certificate,
            tls_client_key=self._key,
            tls_scheduler_cert=self._certificate,
            tls_scheduler_key=self._key,
            tls_min_version=ssl.TLSVersion.TLSv1_3,
        )

    def remove(self) -> None:
        """Deletes the files; a second time it does nothing."""
        self._stack.close()

    def _write(self, name: str, content: bytes) -> str:
        path = self.folder / name
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
        return str(path)
