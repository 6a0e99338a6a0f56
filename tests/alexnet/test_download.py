"""Downloads from a local server: whole, resumed, refused, and from the next source."""

from __future__ import annotations

import hashlib
import io
import random
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
    """Serves one file, records the requested ranges and cuts each response at `breaks_at` bytes."""

    content: bytes
    requested_ranges: list[str | None]
    breaks_at: int | None = None
    supports_ranges: bool = True


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


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    content = archive()
    monkeypatch.setattr(download, "MD5", hashlib.md5(content).hexdigest())
    with serving(content) as server:
        yield server


def url(server: Server) -> str:
    return f"http://127.0.0.1:{server.server_port}/{download.ARCHIVE}"


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
    (tmp_path / f"{download.ARCHIVE}.part").write_bytes(b"half of something")
    server.supports_ranges = False
    fetch_cifar10(tmp_path, (url(server),))
    assert (tmp_path / data.FOLDER / "data_batch_5.bin").is_file()


def test_a_wrong_file_is_refused_and_the_next_source_is_asked(server: Server, tmp_path: Path) -> None:
    with serving(b"<html>page moved</html>") as wrong:
        fetch_cifar10(tmp_path, (url(wrong), url(server)))
    assert (tmp_path / download.ARCHIVE).read_bytes() == server.content


def test_a_part_of_another_file_is_caught_by_the_md5_and_gone(server: Server, tmp_path: Path) -> None:
    (tmp_path / f"{download.ARCHIVE}.part").write_bytes(b"x" * 200)
    with pytest.raises(DownloadError):
        fetch_cifar10(tmp_path, (url(server),))
    fetch_cifar10(tmp_path, (url(server),))
    assert server.requested_ranges == ["bytes=200-", None]


def test_nobody_there_is_a_sentence_with_every_reason(tmp_path: Path) -> None:
    with pytest.raises(DownloadError, match=r"127\.0\.0\.1:9: no connection"):
        fetch_cifar10(tmp_path, ("http://127.0.0.1:9/a", "http://127.0.0.1:9/b"))
