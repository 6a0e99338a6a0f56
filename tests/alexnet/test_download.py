"""Downloads from local servers and proxies: whole, resumed, refused, and from the next source."""

from __future__ import annotations

import errno
import hashlib
import io
import random
import shutil
import ssl
import subprocess
import tarfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from alexnet import data, download
from alexnet.download import DownloadError, fetch_cifar10


def archive() -> bytes:
    """A small archive with the official one's file names."""
    buffer, rng = io.BytesIO(), random.Random(0)
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name in (*data.TRAIN_FILES, *data.TEST_FILES):
            content = name.encode() + rng.randbytes(60_000)
            info = tarfile.TarInfo(f"{data.FOLDER}/{name}")
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


class Server(ThreadingHTTPServer):
    """Serves one file, records the requested ranges and cuts each response at `breaks_at` bytes.

    With `stalls` it keeps the connection open and silent there. As a proxy it refuses with `refusal`.
    """

    content: bytes
    requested_ranges: list[str | None]
    breaks_at: int | None = None
    supports_ranges: bool = True
    stalls: threading.Event | None = None
    refusal: int = 407


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        requested = self.headers.get("Range") if self.server.supports_ranges else None
        self.server.requested_ranges.append(requested)
        start = int(requested.removeprefix("bytes=").rstrip("-")) if requested else 0
        rest = self.server.content[start:]
        self.send_response(206 if requested else 200)
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest[: self.server.breaks_at])
        if self.server.stalls:
            self.wfile.flush()
            self.server.stalls.wait(10)

    def do_CONNECT(self) -> None:
        """What a proxy is asked for an https address."""
        self.send_error(self.server.refusal)

    def log_message(self, *args: object) -> None: ...


@contextmanager
def serving(content: bytes) -> Iterator[Server]:
    server = Server(("127.0.0.1", 0), Handler)
    server.content, server.requested_ranges = content, []
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of the computer that runs the tests, neither proxies nor certificates matter."""
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    content = archive()
    monkeypatch.setattr(download, "MD5", hashlib.md5(content).hexdigest())
    with serving(content) as server:
        yield server


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/{data.ARCHIVE}"


def test_it_is_fetched_checked_and_unpacked_once(server: Server, tmp_path: Path) -> None:
    for _ in range(2):
        folder = fetch_cifar10(tmp_path, (url(server),))
        assert (folder / data.FOLDER / "test_batch.bin").read_bytes().startswith(b"test_batch.bin")
    assert server.requested_ranges == [None]


def test_a_broken_connection_is_continued_where_it_broke(server: Server, tmp_path: Path) -> None:
    server.breaks_at = 200_000
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1"):
        fetch_cifar10(tmp_path, (url(server),))
    server.breaks_at = None
    fetch_cifar10(tmp_path, (url(server),))
    # Whole chunks of 64 KiB are kept.
    assert server.requested_ranges == [None, f"bytes={3 * 65536}-"]
    assert not list(tmp_path.glob("*.part"))


def test_a_server_without_ranges_starts_anew(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{data.ARCHIVE}.part").write_bytes(b"half of something")
    server.supports_ranges = False
    fetch_cifar10(tmp_path, (url(server),))
    assert (tmp_path / data.FOLDER / "data_batch_5.bin").is_file()


def test_a_wrong_file_is_refused_and_the_next_source_is_asked(server: Server, tmp_path: Path) -> None:
    with serving(b"<html>page moved</html>") as wrong:
        fetch_cifar10(tmp_path, (url(wrong), url(server)))
    assert (tmp_path / data.ARCHIVE).read_bytes() == server.content


def test_a_part_of_another_file_is_caught_by_the_md5_and_gone(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{data.ARCHIVE}.part").write_bytes(b"x" * 200)
    with pytest.raises(DownloadError):
        fetch_cifar10(tmp_path, (url(server),))
    fetch_cifar10(tmp_path, (url(server),))
    assert server.requested_ranges == ["bytes=200-", None]


def test_nobody_there_is_a_sentence_with_every_reason(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9: no connection"):
        fetch_cifar10(tmp_path, ("http://127.0.0.1:9/a", "http://127.0.0.1:9/b"))


def unpacked(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in (folder / data.FOLDER).iterdir()}


def test_an_unpacked_file_that_was_changed_or_cut_is_unpacked_again(
    server: Server, tmp_path: Path
) -> None:
    """Its size tells nothing, and what counts as the official archive's must be the archive's."""
    folder = fetch_cifar10(tmp_path, (url(server),)) / data.FOLDER
    official = unpacked(tmp_path)
    changed, cut, gone, whole = (folder / name for name in data.TRAIN_FILES[:4])
    changed.write_bytes(b"\x09" + official[changed.name][1:])
    cut.write_bytes(official[cut.name][:-1])
    gone.unlink()
    untouched = whole.stat().st_mtime_ns
    fetch_cifar10(tmp_path, (url(server),))
    assert unpacked(tmp_path) == official
    assert whole.stat().st_mtime_ns == untouched
    assert server.requested_ranges == [None], "the archive was there"


def test_a_folder_that_was_deleted_is_unpacked_again(server: Server, tmp_path: Path) -> None:
    shutil.rmtree(fetch_cifar10(tmp_path, (url(server),)) / data.FOLDER)
    fetch_cifar10(tmp_path, (url(server),))
    assert set(unpacked(tmp_path)) == {*data.TRAIN_FILES, *data.TEST_FILES}


def test_a_server_that_falls_silent_is_named_and_what_came_is_kept(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "READ_SECONDS", 1.0)
    server.stalls, server.breaks_at = threading.Event(), 200_000
    with pytest.raises(DownloadError, match=r"1:\d+: it stopped answering\); try again later"):
        fetch_cifar10(tmp_path, (url(server),))
    server.stalls.set()
    server.stalls, server.breaks_at = None, None
    fetch_cifar10(tmp_path, (url(server),))
    assert server.requested_ranges == [None, f"bytes={3 * 65536}-"]


HTTPS = (f"https://one.invalid/{data.ARCHIVE}", f"https://two.invalid/{data.ARCHIVE}")


@pytest.mark.parametrize(
    ("refusal", "words"),
    [
        (407, "407 Proxy Authentication Required); name yourself to the proxy: HTTPS_PROXY=http://USER"),
        (403, "403 Forbidden)"),
    ],
)
def test_a_proxy_that_refuses_is_said_once_with_what_helps(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: int, words: str
) -> None:
    server.refusal = refusal
    monkeypatch.setenv("HTTPS_PROXY", f"http://al:secret@127.0.0.1:{server.server_port}")
    with pytest.raises(DownloadError) as error:
        fetch_cifar10(tmp_path, HTTPS)
    said = str(error.value)
    assert f"(one.invalid and two.invalid: the proxy refuses: {words}" in said
    assert "secret" not in said


def test_a_proxy_that_is_not_there_is_not_taken_for_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")
    with pytest.raises(DownloadError, match=r"two\.invalid: no connection to the proxy: "):
        fetch_cifar10(tmp_path, HTTPS)


@pytest.fixture
def secure_server(server: Server, tmp_path: Path) -> Path:
    """Has the server speak TLS, with a certificate that nobody knows, and returns its file."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl to make a certificate with")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += [
        "-subj",
        "/CN=x",
        "-addext",
        "subjectAltName=IP:127.0.0.1",
        "-keyout",
        str(key),
        "-out",
        str(certificate),
    ]
    subprocess.run(command, check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    return certificate


def test_an_untrusted_certificate_is_said_and_the_file_that_the_user_names_is_trusted(
    server: Server, secure_server: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One variable does for this download and for torch's, which urllib makes."""
    sources = (url(server).replace("http:", "https:"),)
    with pytest.raises(
        DownloadError, match=r"is not trusted here: self.signed certificate.*SSL_CERT_FILE"
    ):
        fetch_cifar10(tmp_path / "cache", sources)
    monkeypatch.setenv("SSL_CERT_FILE", str(secure_server))
    fetch_cifar10(tmp_path / "cache", sources)


def test_a_variable_that_names_no_certificates_is_named(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", "/of/another/conda/environment.pem")  # nobody's fault
    fetch_cifar10(tmp_path / "one", (url(server),))
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/gone.pem")
    with pytest.raises(DownloadError, match=r"REQUESTS_CA_BUNDLE names /gone\.pem, where no cert"):
        fetch_cifar10(tmp_path / "two", (url(server),))


def test_a_login_page_is_told_from_the_archive(tmp_path: Path) -> None:
    with (
        serving(b"<html>Welcome to the hotel</html>") as hotel,
        pytest.raises(DownloadError, match=r"it sent something else than the archive\); .* log in"),
    ):
        fetch_cifar10(tmp_path, (url(hotel),))


def test_a_cache_that_leads_nowhere_is_named_and_no_server_is_blamed(
    server: Server, tmp_path: Path
) -> None:
    (tmp_path / "cache").symlink_to("/scratch/al")
    with pytest.raises(DownloadError, match=r"cache is a link to /scratch/al, and no folder .* rm /"):
        fetch_cifar10(tmp_path / "cache" / "alexnet-bench", (url(server),) * 2)
    assert server.requested_ranges == []


def test_a_full_disk_is_said_and_no_other_source_is_asked(
    server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(download.ResumingDownloader, "_append", full)
    with pytest.raises(DownloadError) as error:
        fetch_cifar10(tmp_path, (url(server),) * 2)
    assert "cannot be kept on this computer ([Errno 28] No space left on device); make room" in str(
        error.value
    )
    assert server.requested_ranges == [None]
