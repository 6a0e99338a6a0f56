"""Downloads CIFAR-10's official binary archive: checked, resumed, from several sources."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pooch
import requests
from rich.progress import (
    BarColumn,
    DownloadColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
    TransferSpeedColumn,
)

from alexnet.data import FOLDER, TEST_FILES, TRAIN_FILES

ARCHIVE = "cifar-10-binary.tar.gz"
MD5 = "c32a1d4ab5d03f1284b67883e8d87530"

# The md5 check makes it safe to use any source. The home site comes last: since June 2026 it has served
# 55 to 85 kB/s, 40 minutes for the archive.
SOURCES = (
    f"https://storage.googleapis.com/s4tf-hosted-binaries/datasets/CIFAR10/{ARCHIVE}",
    f"https://mindspore-website.obs.cn-north-4.myhuaweicloud.com/notebook/datasets/{ARCHIVE}",
    f"https://www.cs.toronto.edu/~kriz/{ARCHIVE}",
)

CONNECT_SECONDS, READ_SECONDS = 10.0, 60.0
CHUNK_BYTES = 1 << 16


class DownloadError(Exception):
    """Every source failed; the message gives each one's reason."""


def fetch_cifar10(folder: Path, sources: tuple[str, ...] = SOURCES) -> Path:
    """Downloads and unpacks the archive into `folder` unless it is there, and returns `folder`.

    The archive's md5 is checked every time. Raises DownloadError if every source fails.
    """
    reasons = []
    for url in sources:
        try:
            pooch.retrieve(
                url,
                known_hash=f"md5:{MD5}",
                fname=ARCHIVE,
                path=folder,
                downloader=ResumingDownloader(folder / f"{ARCHIVE}.part"),
                processor=pooch.Untar(
                    members=[f"{FOLDER}/{name}" for name in (*TRAIN_FILES, *TEST_FILES)],
                    extract_dir=".",
                ),
            )
            return folder
        except (requests.RequestException, OSError, ValueError) as error:
            reasons.append(f"{url.split('/')[2]}: {_reason(error)}")
    raise DownloadError(f"{ARCHIVE} could not be downloaded ({'; '.join(reasons)})")


def _reason(error: Exception) -> str:
    """A short reason; a ConnectionError's own message nests four others."""
    if isinstance(error, requests.ConnectionError):
        return "no connection"
    return (str(error) or type(error).__name__).splitlines()[0]


class ResumingDownloader:
    """A pooch downloader that stores partial downloads in `partial` and requests only the rest.

    If `partial` was not the start of this archive, the md5 check fails. The file has been moved by then,
    so the next source starts from the beginning.
    """

    def __init__(self, partial: Path) -> None:
        self.partial = partial

    def __call__(self, url: str, output_file: str, pooch_: Any) -> None:
        offset = self.partial.stat().st_size if self.partial.exists() else 0
        headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={offset}-"} if offset else {})
        with requests.get(
            url, headers=headers, stream=True, timeout=(CONNECT_SECONDS, READ_SECONDS)
        ) as response:
            if response.status_code != requests.codes.requested_range_not_satisfiable:
                response.raise_for_status()
                self._append(response, offset)
        self.partial.replace(output_file)

    def _append(self, response: requests.Response, offset: int) -> None:
        resumed = response.status_code == requests.codes.partial_content
        start = offset if resumed else 0
        length = response.headers.get("Content-Length")
        total = start + int(length) if length else None
        with self.partial.open("ab" if resumed else "wb") as file, _progress() as bar:
            task = bar.add_task(ARCHIVE, total=total, completed=start)
            for chunk in response.iter_content(CHUNK_BYTES):
                file.write(chunk)
                bar.advance(task, len(chunk))
        if total is not None and self.partial.stat().st_size < total:
            raise requests.exceptions.ChunkedEncodingError("the connection closed before the end")


def _progress() -> Progress:
    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(TextColumn("{task.description}"), BarColumn(), *columns)
