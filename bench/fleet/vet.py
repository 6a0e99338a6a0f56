"""`python -m bench.fleet.vet FILE MACHINE`: whether a file that a host sent is a sound result of it.

It runs in a process of its own: a file made to be hostile can neither end nor hold up the coordinator.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec
from msgspec import Struct

from bench.check.rules import violations
from bench.records.read import LoadedFile, UnreadableFile, load, read

MOST_SENTENCES, MOST_CHARACTERS = 3, 300
"""Of what is wrong: whoever sent the file fills no screen."""


class Vetted(Struct, frozen=True, kw_only=True):
    """What a file is; `refused` says why it is none of this machine."""

    refused: str | None = None
    runs: tuple[str, ...] = ()
    """The checksums of its complete runs."""
    problems: int = 0
    """Its runs that are invalid or failed, and its cells that were skipped."""


def vet(file: Path, machine: str, rules: Callable[[LoadedFile], Sequence[str]] = violations) -> Vetted:
    """Reads the file without trust, and holds it against the rules of `bench.check`."""
    try:
        loaded = load(read(file))
    except UnreadableFile as error:
        return Vetted(refused=_bounded(str(error)))
    if loaded.machine != machine:
        return Vetted(refused=_bounded(f"it is of {loaded.machine!r}, and came from {machine}"))
    if found := rules(loaded):
        more = f"; and {len(found) - MOST_SENTENCES:,} more" * (len(found) > MOST_SENTENCES)
        return Vetted(refused="; ".join(map(_bounded, found[:MOST_SENTENCES])) + more)
    incomplete = [run for run in loaded.runs if not run.complete]
    return Vetted(
        runs=tuple(run.computed_checksum for run in loaded.runs if run.complete),
        problems=len(incomplete) + len(loaded.skipped),
    )


def _bounded(text: str) -> str:
    return "".join(c if c.isprintable() else "?" for c in text[:MOST_CHARACTERS])


def main(arguments: Sequence[str], rules: Callable[[LoadedFile], Sequence[str]] = violations) -> int:
    """Prints what the file is, as JSON."""
    file, machine = arguments
    sys.stdout.buffer.write(msgspec.json.encode(vet(Path(file), machine, rules)))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
