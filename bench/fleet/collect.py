"""Result files brought home from a host: fetched by SFTP, vetted, and stored under the host's name."""

from __future__ import annotations

import asyncio
import hashlib
import os
import re
import sys
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from alexnet import durable
from bench.fleet.remote import RemoteFile, Status
from bench.fleet.ssh import Connection, TooLarge
from bench.fleet.state import FleetError, HostRecord, StateFile, Stored
from bench.fleet.vet import Vetted
from bench.paths import RUNS
from bench.records.progress import SO_FAR_FILE
from bench.session.resume import FOLDER_NAME

FINAL = re.compile(r"\d{4}_[^/\x00]{1,200}\.json")
NUMBERED = re.compile(r"(\d{4})_.*\.json")
MOST_BYTES = 64_000_000
"""A file of eight cells has 1 MB."""
MOST_FILES = 100
"""Of one answer of a host: an honest one has two."""
MOST_REFUSED = 5
"""Files of a host that are kept and told of: one that means harm fills neither a disk nor a screen."""
VET_SECONDS = 300.0
AT_A_TIME = 2
"""Files that are vetted at once: each takes a second or more of a processor of the coordinator."""
VET = (sys.executable, "-m", "bench.fleet.vet")


@dataclass(kw_only=True)
class Collector:
    """Brings home what hosts have. It never writes over a file of another session."""

    results: Path
    state: StateFile
    vetting: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(AT_A_TIME))
    settled: set[tuple[str, str]] = field(default_factory=set)
    """(host, sha256) of what was refused, or is older than what is at home: it is not fetched again."""
    refused: Counter[str] = field(default_factory=Counter)
    """Host -> how many of its files were."""

    def at_home(self, record: HostRecord, file: RemoteFile) -> bool:
        """Whether these very bytes are in results/."""
        return any(
            stored.sha256 == file.sha256 and self._sha256(self._path(record, stored)) == file.sha256
            for stored in record.stored
        )

    async def bring(self, connection: Connection, record: HostRecord, status: Status) -> list[str]:
        """Fetches and stores what is not at home yet; returns a sentence for each file that is refused.

        After MOST_REFUSED of a host no more are told. Raises FleetError where nothing can be written
        here, and what `connection` raises.
        """
        name, sentences = record.host.name, list[str]()

        def refuse(sentence: str) -> None:
            self.refused[name] += 1
            if self.refused[name] <= MOST_REFUSED:
                last = "; of any more nothing is said" * (self.refused[name] == MOST_REFUSED)
                sentences.append(sentence + last)

        if len(status.files) > MOST_FILES:
            refuse(f"it names {len(status.files):,} result files, of which {MOST_FILES} count")
        # The results so far come first: the session's final file then replaces them.
        for file in sorted(status.files[:MOST_FILES], key=lambda file: (file.final, file.name)):
            if (name, file.sha256) in self.settled or self.at_home(record, file):
                continue
            if why := await self._bring(connection, record, status, file):
                self.settled.add((name, file.sha256))
                refuse(why)
        return sentences

    async def _bring(
        self, connection: Connection, record: HostRecord, status: Status, file: RemoteFile
    ) -> str | None:
        """Why the file is refused, or None."""
        place = _place(record, status, file)
        if place is None:
            return f"it names a result file {file.name!r:.80}, which no session writes"
        try:
            content = await connection.get(place, MOST_BYTES)
        except TooLarge:
            return f"{file.name} has more than {MOST_BYTES / 1e6:.0f} MB"
        except FileNotFoundError:  # the final file has just taken its place
            return None
        sha256 = hashlib.sha256(content).hexdigest()
        if sha256 != file.sha256:  # it has just been replaced, and the next answer has its hash
            return None
        vetted = await self._vet(record, content, sha256)
        if vetted.refused is not None:
            refusal = f"{file.name} is refused: {vetted.refused}"
            if self.refused[record.host.name] >= MOST_REFUSED:
                return refusal
            return f"{refusal} (kept as {self._set_aside(record, sha256, content)})"
        self._store(record, file, content, vetted)
        return None

    async def _vet(self, record: HostRecord, content: bytes, sha256: str) -> Vetted:
        path = self.state.folder / f"incoming-{record.host.name}-{sha256[:16]}.json"
        async with self.vetting:
            self._write(path, content)
            try:
                process = await asyncio.create_subprocess_exec(
                    *VET,
                    str(path),
                    record.host.name,
                    stdin=asyncio.subprocess.DEVNULL,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.DEVNULL,
                    start_new_session=True,  # Ctrl-C is for the fleet
                )
                try:
                    async with asyncio.timeout(VET_SECONDS):
                        answer, _ = await process.communicate()
                    return msgspec.json.decode(answer, type=Vetted)
                except (TimeoutError, msgspec.DecodeError):
                    return Vetted(refused="what it holds could not be read to its end")
                finally:
                    if process.returncode is None:
                        process.kill()
                        await process.wait()
            finally:
                path.unlink(missing_ok=True)

    def _store(self, record: HostRecord, file: RemoteFile, content: bytes, vetted: Vetted) -> None:
        """Writes the file in the place of an earlier one of its session, or under the next number."""
        relations = [(_relation(file, vetted, stored), stored) for stored in record.stored]
        if any(relation == "earlier" for relation, _ in relations):
            self.settled.add((record.host.name, file.sha256))
            return
        same = next((stored for relation, stored in relations if relation == "later"), None)
        stored = Stored(
            file=same.file if same else self._next_name(record),
            sha256=file.sha256,
            runs=vetted.runs,
            final=file.final,
            problems=vetted.problems,
        )
        # What is to be written is noted first: after a power cut between the two it is fetched again.
        record.stored = [other for other in record.stored if other is not same] + [stored]
        self.state.save()
        self._write(self._path(record, stored), content)

    def _next_name(self, record: HostRecord) -> str:
        """A name that no file in the host's folder has, reserved by an empty file."""
        folder = self.results / record.host.name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            numbers = [
                int(match[1]) for file in folder.iterdir() if (match := NUMBERED.fullmatch(file.name))
            ]
            name = f"{max(numbers, default=0) + 1:04}_{self.state.fleet.save_as}.json"
            os.close(os.open(folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644))
        except OSError as error:
            raise _unwritable(folder, error) from error
        return name

    def _set_aside(self, record: HostRecord, sha256: str, content: bytes) -> str:
        path = self.state.folder / "refused" / f"{record.host.name}-{sha256[:16]}.json"
        self._write(path, content)
        return str(path.relative_to(self.state.folder.parents[1]))

    def _write(self, path: Path, content: bytes) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with durable.replacing(path) as partial:
                partial.write_bytes(content)
        except OSError as error:
            raise _unwritable(path, error) from error

    def _path(self, record: HostRecord, stored: Stored) -> Path:
        return self.results / record.host.name / stored.file

    def _sha256(self, path: Path) -> str | None:
        try:
            return hashlib.sha256(path.read_bytes()).hexdigest()
        except OSError:
            return None

    def files(self) -> list[Path]:
        """All result files of this fleet that are at home."""
        return [
            path
            for record in self.state.fleet.hosts
            for stored in record.stored
            if (path := self._path(record, stored)).exists()
        ]


def _relation(
    file: RemoteFile, vetted: Vetted, stored: Stored
) -> Literal["later", "earlier", "another"]:
    """Whether a file is a later or an earlier one of the stored one's session, or another session's.

    Runs stay in a session's file once they are complete. A host has one session in a fleet, so a file
    without a complete run is of the same.
    """
    new, old = set(vetted.runs), set(stored.runs)
    if new == old:
        return "later" if file.final or not stored.final else "earlier"
    if new > old:
        return "later"
    return "earlier" if new < old else "another"


def _place(record: HostRecord, status: Status, file: RemoteFile) -> str | None:
    """Where the file lies on its host, relative to the login folder; None for a name that cannot be."""
    folder = PurePosixPath(record.host.folder) / "results" / record.host.name
    if not file.final:
        if file.name != SO_FAR_FILE or not status.session or not FOLDER_NAME.fullmatch(status.session):
            return None
        return str(folder / RUNS / status.session / SO_FAR_FILE)
    return str(folder / file.name) if FINAL.fullmatch(file.name) and file.name.isprintable() else None


def _unwritable(path: Path, error: OSError) -> FleetError:
    return FleetError(
        f"{path} cannot be written ({error.strerror or error}): free some space, or make it writable,"
        " and call `python -m bench.fleet --resume`. What was measured is on the hosts."
    )
