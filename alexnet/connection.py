"""Why a download failed, in words, whichever library says so."""

from __future__ import annotations

import errno
import re
import socket
import ssl
from collections.abc import Iterator
from dataclasses import dataclass

import requests

# X509_V_ERR_CERT_NOT_YET_VALID and X509_V_ERR_CERT_HAS_EXPIRED of OpenSSL's x509_vfy.h
_OUT_OF_DATE = (9, 10)
_PROXY_WANTS_A_PASSWORD = "407"


@dataclass(frozen=True, kw_only=True)
class DownloadFailure:
    """What went wrong between this computer and a server, and what helps; "" if nothing is known to."""

    reason: str
    remedy: str = ""


def download_failure(error: BaseException) -> DownloadFailure:
    """What an error of requests, of urllib or of torch.hub means.

    Each library wraps the system's own error in several of its own, whose text nests them all. What the
    system says counts, and the first that is known.
    """
    causes = [*_causes(error)]
    by_proxy = any(isinstance(cause, requests.exceptions.ProxyError) for cause in causes)
    found = (_failure(cause, by_proxy=by_proxy) for cause in causes)
    innermost = causes[-1]
    text = (str(innermost).strip() or type(innermost).__name__).splitlines()[0]
    return next((failure for failure in found if failure), DownloadFailure(reason=text))


def _causes(error: BaseException) -> Iterator[BaseException]:
    """An error and all inside it, the outer ones first."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop(0)
        if id(cause) not in seen:
            seen.add(id(cause))
            yield cause
            inside = (*cause.args, getattr(cause, "reason", None), cause.__cause__, cause.__context__)
            waiting += [part for part in inside if isinstance(part, BaseException)]


def _failure(cause: BaseException, *, by_proxy: bool) -> DownloadFailure | None:
    """What one error means by its type; None if its type says nothing."""
    match cause:
        case requests.exceptions.InvalidSchema():
            return DownloadFailure(
                reason=str(cause),
                remedy="name a proxy that begins with http://, or install what SOCKS needs:"
                " .venv/bin/python -m pip install pysocks",
            )
        case ssl.SSLCertVerificationError():
            remedy = "where a company's proxy reads along, name its certificate's file in SSL_CERT_FILE"
            if cause.verify_code in _OUT_OF_DATE:
                remedy = "see whether this computer's clock is right"
            return DownloadFailure(
                reason=f"its certificate is not trusted here: {cause.verify_message}", remedy=remedy
            )
        case ssl.SSLError():
            return DownloadFailure(reason=f"no secure connection: {cause.strerror or cause}")
        case socket.gaierror():
            whose = "the proxy's" if by_proxy else "its"
            return DownloadFailure(
                reason=f"{whose} name was not found: {cause.strerror}",
                remedy="see whether you are online",
            )
        case TimeoutError():
            return DownloadFailure(reason="it stopped answering", remedy="try again later")
        case ConnectionError() | OSError(errno=errno.ENETUNREACH | errno.EHOSTUNREACH):
            to_what = "no connection to the proxy" if by_proxy else "no connection"
            return DownloadFailure(reason=f"{to_what}: {cause.strerror or cause}")
        case OSError() if refusal := re.fullmatch(r"Tunnel connection failed: (.+)", str(cause)):
            remedy = ""
            if refusal[1].startswith(_PROXY_WANTS_A_PASSWORD):
                remedy = "name yourself to the proxy: HTTPS_PROXY=http://USER:PASSWORD@HOST:PORT"
            return DownloadFailure(reason=f"the proxy refuses: {refusal[1]}", remedy=remedy)
    return None
