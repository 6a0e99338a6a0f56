"""Downloads CIFAR-10's official binary archive: checked, resumed, from several sources."""

from __future__ import annotations

import os
import tarfile
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

from alexnet import durable, folders
from alexnet.connection import DownloadFailure, download_failure
from alexnet.data import ARCHIVE, FOLDER, TEST_FILES, TRAIN_FILES

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
ELSEWHERE = "name another folder for downloads in XDG_CACHE_HOME"


class DownloadError(Exception):
    """Every source failed, or the folder cannot be used; the message says why and what helps."""


def fetch_cifar10(folder: Path, sources: tuple[str, ...] = SOURCES) -> Path:
    """Downloads and unpacks the archive into `folder` unless it is there, and returns `folder`.

    The archive's md5 is checked every time, and each unpacked file against the archive: one that is cut
    short or was changed is unpacked again. Raises DownloadError.
    """
    try:
        _unpack(_retrieve(folder, sources), folder)
    except OSError as error:
        problem, fix = str(error), f"make room, or remove {folder}: it is made again"
        if found := folders.obstacle(folder):
            problem, fix = folders.problem_and_fix(found, ELSEWHERE)
        raise DownloadError(f"{ARCHIVE} cannot be kept on this computer ({problem}); {fix}") from error
    return folder


def _retrieve(folder: Path, sources: tuple[str, ...]) -> Path:
    """The archive. Raises DownloadError if every source fails, and OSError for what fails here."""
    hosts: dict[DownloadFailure, list[str]] = {}
    for url in sources:
        try:
            archive = pooch.retrieve(
                url,
                known_hash=f"md5:{MD5}",
                fname=ARCHIVE,
                path=folder,
                downloader=ResumingDownloader(folder / f"{ARCHIVE}.part"),
            )
            return Path(archive)
        except requests.RequestException as error:
            failure = download_failure(error)
        except ValueError:  # pooch's, for another md5
            failure = DownloadFailure(
                reason="it sent something else than the archive",
                remedy="a network that wants you to log in answers so: open any web page, and log in",
            )
        hosts.setdefault(failure, []).append(url.split("/")[2])
    reasons = "; ".join(f"{_listed(named)}: {failure.reason}" for failure, named in hosts.items())
    remedies = dict.fromkeys(failure.remedy for failure in hosts if failure.remedy)
    raise DownloadError("; ".join([f"{ARCHIVE} could not be downloaded ({reasons})", *remedies]))


def _listed(hosts: list[str]) -> str:
    *others, last = dict.fromkeys(hosts)
    return f"{', '.join(others)} and {last}" if others else last


def _unpack(archive: Path, folder: Path) -> None:
    """Makes the images' files in `folder` those of the archive, byte for byte. Raises OSError."""
    wanted = {f"{FOLDER}/{name}" for name in (*TRAIN_FILES, *TEST_FILES)}
    (folder / FOLDER).mkdir(exist_ok=True)
    with tarfile.open(archive) as tar:
        for member in tar:
            stream = tar.extractfile(member) if member.name in wanted else None
            if stream is None:
                continue
            content, file = stream.read(), folder / member.name
            if not _holds(file, content):
                with durable.replacing(file, synced=False) as partial:
                    partial.write_bytes(content)


def _holds(file: Path, content: bytes) -> bool:
    try:
        return file.read_bytes() == content
    except OSError:  # it is missing, or closed
        return False


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
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        with requests.get(
            url, headers=headers, stream=True, timeout=timeout, verify=_trusted()
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


def _trusted() -> str | bool:
    """The file of certificates that the user names, or True for requests' own choice.

    urllib, with which torch downloads, reads SSL_CERT_FILE and requests does not: one variable is to do
    for both. Conda leaves one that names no file any more. Raises RequestException if one of requests'
    own variables does.
    """
    for variable in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        if (named := os.environ.get(variable)) and not Path(named).exists():
            raise requests.RequestException(f"{variable} names {named}, where no certificates are")
        if named:
            return True
    named = os.environ.get("SSL_CERT_FILE", "")
    return named if Path(named).is_file() else True


def _progress() -> Progress:
    columns = (DownloadColumn(), TransferSpeedColumn(), TimeRemainingColumn())
    return Progress(TextColumn("{task.description}"), BarColumn(), *columns)
