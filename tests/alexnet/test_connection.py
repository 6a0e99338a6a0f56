"""What went wrong on the way to a server, in words: whatever library wraps it."""

from __future__ import annotations

import errno
import socket
import ssl
from urllib.error import URLError

import pytest
import requests

from alexnet.connection import DownloadFailure, download_failure


def untrusted(code: int, text: str) -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError(1, f"certificate verify failed: {text} (_ssl.c:1006)")
    error.verify_code, error.verify_message = code, text
    return error


def wrapped(inner: Exception) -> requests.ConnectionError:
    """As urllib3 and requests nest the system's own error."""
    outer = requests.ConnectionError("Max retries exceeded with url: /x (Caused by an error)")
    outer.__cause__ = ValueError("a layer between", inner)
    return outer


ERRORS: dict[str, tuple[Exception, str, str]] = {
    "a company's certificate": (
        untrusted(19, "self-signed certificate in certificate chain"),
        "its certificate is not trusted here: self-signed certificate in certificate chain",
        "SSL_CERT_FILE",
    ),
    "a clock of last year": (
        untrusted(9, "certificate is not yet valid"),
        "its certificate is not trusted here: certificate is not yet valid",
        "clock",
    ),
    "a certificate that ran out": (untrusted(10, "certificate has expired"), "has expired", "clock"),
    "no TLS on the other side": (
        ssl.SSLError(1, "[SSL: WRONG_VERSION_NUMBER] wrong version number"),
        "no secure connection: ",
        "",
    ),
    "no name server": (
        socket.gaierror(-3, "Temporary failure in name resolution"),
        "its name was not found: Temporary failure in name resolution",
        "online",
    ),
    "silence": (TimeoutError("timed out"), "it stopped answering", "later"),
    "a closed port": (
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        "no connection: Connection refused",
        "",
    ),
    "a firewall": (
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        "no connection: Connection reset by peer",
        "",
    ),
    "no network at all": (
        OSError(errno.ENETUNREACH, "Network is unreachable"),
        "no connection: Network is unreachable",
        "",
    ),
    "a proxy that wants a password": (
        OSError("Tunnel connection failed: 407 Proxy Authentication Required"),
        "the proxy refuses: 407 Proxy Authentication Required",
        "HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT",
    ),
    "a proxy that forbids the server": (
        OSError("Tunnel connection failed: 403 Forbidden"),
        "the proxy refuses: 403 Forbidden",
        "",
    ),
    "a SOCKS proxy": (
        requests.exceptions.InvalidSchema("Missing dependencies for SOCKS support."),
        "Missing dependencies for SOCKS support.",
        "pysocks",
    ),
    "a library's own": (
        RuntimeError('invalid hash value (expected "7be5be79", got "e3b0")\nmore'),
        'invalid hash value (expected "7be5be79", got "e3b0")',
        "",
    ),
}


@pytest.mark.parametrize("name", ERRORS)
def test_the_system_s_own_error_counts_however_it_is_wrapped(name: str) -> None:
    inner, reason, remedy = ERRORS[name]
    for error in (inner, URLError(inner), wrapped(inner)):
        failure = download_failure(error)
        assert reason in failure.reason
        assert remedy in failure.remedy
        assert bool(remedy) == bool(failure.remedy)
        assert "\n" not in failure.reason + failure.remedy


def test_it_is_the_proxy_that_cannot_be_reached() -> None:
    refused = ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")
    unknown = socket.gaierror(-2, "Name or service not known")
    reasons = [
        download_failure(requests.exceptions.ProxyError("x", error)).reason
        for error in (refused, unknown)
    ]
    assert reasons == [
        "no connection to the proxy: Connection refused",
        "the proxy's name was not found: Name or service not known",
    ]


def test_an_error_without_a_word_has_its_name_and_one_that_holds_itself_ends() -> None:
    assert download_failure(KeyError()) == DownloadFailure(reason="KeyError")
    loop = RuntimeError("round and round")
    loop.args = (*loop.args, loop)
    loop.__context__ = loop
    assert download_failure(loop).reason.startswith("('round and round'")
