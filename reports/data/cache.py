"""What was read of files in earlier reports, kept in the user's cache folder by their sha256.

An entry is the 32 bytes of the sha256 of what follows it, and then a `SavedFile` in MessagePack,
deflated, without its pixels: those are an entry of their own, since the files of one data set show the
same images. Whatever is wrong with an entry, the file is read again.
"""

from __future__ import annotations

import hashlib
import os
import re
import sys
import zlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

import msgspec
import pooch

import alexnet
import bench.records.read
import reports.data
from alexnet import durable
from alexnet.frameworks.registry import ENGINES
from reports.data.saved import SavedFile, SavedRun

MAX_BYTES = 500_000_000
"""Of all entries together: those that were not used for the longest time go."""
MAX_ENTRY_BYTES = 200_000_000
"""Of one entry, once inflated. A result file has no more itself."""
SHA256_BYTES = 32
VARIABLE, OFF = "ALEXNET_REPORT_CACHE", "off"
"""The environment variable with the folder that has the cache's own, or that nothing is kept."""
ENTRY = re.compile(r"[0-9a-f]{64}\.(?:rows|pixels)(?:\.part)?")
"""The names of the cache's files. No other is counted or removed, whatever folder the variable names."""
PACKAGES = (alexnet, bench.records, reports.data)
"""Whose code decides what is in an entry."""


def users_cache() -> Cache | None:
    """The cache in a folder of its own, in that which VARIABLE names, else where downloads are too.

    None if it is off, and for an account without a home folder if no variable names one.
    """
    named = os.environ.get(VARIABLE, "")
    if named == OFF:
        return None
    if named:
        return Cache(folder=Path(named) / "report-cache")
    with suppress(RuntimeError):  # of an account without a home folder
        return Cache(folder=Path(pooch.os_cache("alexnet-bench")).expanduser() / "reports")
    return None


def code_version(folders: Iterable[Path]) -> str:
    """A hash (hex) of all modules under these folders: of what they are called, and of each byte.

    What no import statement can name is left out: macOS's `._` files, an editor's `.#` links, copies.
    """
    digest = hashlib.sha256()
    for root in folders:
        for module in sorted(file for file in root.rglob("*.py") if file.stem.isidentifier()):
            content = hashlib.sha256(module.read_bytes()).hexdigest()
            digest.update(f"{module.relative_to(root).as_posix()} {content}\n".encode())
    return digest.hexdigest()


@cache
def _this_version() -> str:
    return code_version(Path(package.__path__[0]) for package in PACKAGES)


@dataclass(frozen=True, kw_only=True)
class Cache:
    """Entries in a folder, which is made with the first of them."""

    folder: Path
    max_bytes: int = MAX_BYTES
    _pixels: dict[str, bytes] = field(default_factory=dict, init=False)

    def load(self, sha256: str) -> SavedFile | None:
        """What was read of the file with this sha256, or None if it has to be read."""
        entry = self._entry(sha256)
        try:
            kept = msgspec.msgpack.decode(_inflated(_checked(entry)), type=SavedFile)
            runs = (run for run in kept.runs if isinstance(run, SavedRun))
            shown = {run.pictures.pixels for run in runs if run.pictures}
            saved = msgspec.structs.replace(kept, pixels={key: self._shown(key) for key in shown})
        except (OSError, ValueError, zlib.error, msgspec.MsgspecError):
            return None
        if not (saved.sound and saved.fits):
            return None
        with suppress(OSError):
            os.utime(entry)
        return saved

    def save(self, sha256: str, saved: SavedFile) -> None:
        """Keeps what was read of a sound file. What cannot be written is no more than not kept."""
        if not saved.sound:
            return
        kept = msgspec.structs.replace(saved, pixels={})
        with suppress(OSError, UnicodeEncodeError):  # half a character may be in a name
            self.folder.mkdir(parents=True, exist_ok=True)
            for key, pixels in saved.pixels.items():
                if self._pixels.get(key) != pixels:
                    _write(self.folder / f"{key}.pixels", pixels)
                    self._pixels[key] = pixels
            _write(self._entry(sha256), zlib.compress(msgspec.msgpack.encode(kept), level=1))

    def trim(self) -> None:
        """Removes the entries that were not used for the longest time, down to `max_bytes`."""
        entries = []
        with suppress(OSError):
            for entry in os.scandir(self.folder):
                if not ENTRY.fullmatch(entry.name):
                    continue
                with suppress(OSError):
                    facts = entry.stat(follow_symlinks=False)
                    entries.append((facts.st_mtime, facts.st_size, entry.path))
        size = sum(size for _, size, _ in entries)
        for _, entry_size, path in sorted(entries):
            if size <= self.max_bytes:
                return
            with suppress(OSError):
                Path(path).unlink()
                size -= entry_size

    def _entry(self, sha256: str) -> Path:
        """The path of a file's entry, by all that decides what is in it."""
        facts = f"{sha256} {_this_version()} {sorted(ENGINES.items())} {sys.version} {sys.byteorder}"
        return self.folder / f"{hashlib.sha256(facts.encode()).hexdigest()}.rows"

    def _shown(self, key: str) -> bytes:
        """The pixels with this sha256. Raises OSError or ValueError."""
        if key not in self._pixels:
            entry = self.folder / f"{key}.pixels"
            pixels = _checked(entry)
            if hashlib.sha256(pixels).hexdigest() != key:
                raise ValueError(f"{entry} has other pixels")
            with suppress(OSError):
                os.utime(entry)
            self._pixels[key] = pixels
        return self._pixels[key]


def _write(entry: Path, content: bytes) -> None:
    with durable.replacing(entry, synced=False) as partial:
        partial.write_bytes(hashlib.sha256(content).digest() + content)


def _checked(entry: Path) -> bytes:
    """What an entry holds. Raises OSError, or ValueError where its sha256 is another."""
    if entry.stat().st_size > MAX_ENTRY_BYTES:
        raise ValueError(f"{entry} is too large")
    content = entry.read_bytes()
    digest, held = content[:SHA256_BYTES], content[SHA256_BYTES:]
    if hashlib.sha256(held).digest() != digest:
        raise ValueError(f"{entry} is damaged")
    return held


def _inflated(content: bytes) -> bytes:
    """Raises zlib.error, or ValueError where there is more than there can be."""
    inflater = zlib.decompressobj()
    inflated = inflater.decompress(content, MAX_ENTRY_BYTES)
    if inflater.unconsumed_tail or not inflater.eof:
        raise ValueError("an entry holds too much, or is cut short")
    return inflated
