"""Brings a host to this checkout's commit, with its environment, and asks the doctor there."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta
from functools import lru_cache
from shlex import join, quote

from msgspec import Struct

from bench.fleet.certificates import AFTER, BEFORE
from bench.fleet.hosts import Host
from bench.fleet.ssh import Completed, Connection
from bench.paths import ROOT
from bench.plan.options import OPTIONS

SYSTEMS = ("Darwin", "Linux")
NEEDED_BYTES = 7_000_000_000
"""For packages and downloads where nothing is installed yet: estimated, not measured."""
PROBE_SECONDS, GIT_SECONDS, DOCTOR_SECONDS, MAKE_SECONDS = 60, 600, 900, 3 * 3600
MARGIN = timedelta(hours=1)
"""By so much less than the certificates allow may a host's clock be wrong."""
MAX_TOLD = 2000
"""Characters of a command's output in a message."""

PROBE = """
folder={folder}
system=$(uname -s)
echo "seconds $(date +%s)"
echo "system $system"
for tool in git make; do command -v $tool >/dev/null || echo "lacks $tool"; done
if [ "$system" = Darwin ] && ! xcode-select -p >/dev/null 2>&1; then echo "lacks xcode"; exit; fi
above=$folder
while [ ! -d "$above" ]; do above=$(dirname "$above"); done
echo "free $(df -Pk "$above" | awk 'NR == 2 {{print $4}}')"
[ -e "$folder" ] || exit 0
if [ -e "$folder/.git" ] && cd "$folder"; then
  git rev-parse --quiet --verify HEAD >/dev/null || exit 0
  git cat-file -e HEAD:bench/test_train.py 2>/dev/null || echo "alien HEAD"
  echo "head $(git rev-parse HEAD)"
  changed=$(git status --porcelain --untracked-files=no | head -n 1)
  [ -z "$changed" ] || echo "changed $changed"
  [ ! -e .venv/installed ] || echo "installed yes"
else
  [ -d "$folder" ] && [ -z "$(ls -A "$folder")" ] || echo "alien content"
fi
"""
"""Prints what is there, a word and its value a line.

On a Mac without the command line tools git is a stub that opens a window, so it is not called there.
"""

IS_MEASURING = """
from bench.host.lock import Busy, Lock
try:
    Lock().acquire("bench.fleet")
except Busy as error:
    print(error)
"""


class NotSetUp(Exception):
    """A host cannot be made ready; the message says why, and what to do."""


class SetUp(Struct, frozen=True, kw_only=True):
    """A host that is ready to measure."""

    commit: str
    clock_offset_seconds: float
    """By how much its clock is ahead of ours, to about a second."""
    warnings: tuple[str, ...] = ()


class _Checkout(Struct, frozen=True, kw_only=True):
    """What is to be brought."""

    commit: str
    changed_files: int


class _Found(Struct, kw_only=True):
    """What the probe found on a host."""

    seconds: int = 0
    system: str = ""
    lacks: tuple[str, ...] = ()
    free_bytes: int | None = None
    alien: bool = False
    head: str = ""
    changed: str = ""
    installed: bool = False
    clock_offset_seconds: float = 0


async def set_up(connection: Connection, host: Host, *, log: Callable[[str], None]) -> SetUp:
    """Makes a host ready: the same commit, the pinned environment, a doctor without errors.

    What is there already is used. `log` is given each line of what it does, as it does it. Raises
    NotSetUp, and `ssh.Lost`.
    """
    try:
        checkout = await asyncio.to_thread(_this_checkout)
        found = await _probe(connection, host)
        _refuse(host, found)
        warnings = [*_warnings(checkout)]
        measuring = await _is_measuring(connection, host) if found.installed else ""
        if not measuring:
            if found.head != checkout.commit:
                await _bring(connection, host, found.head, checkout.commit, log)
            await _install(connection, host, log)
            await _ask_doctor(connection, host, log)
        elif found.head == checkout.commit:
            warnings.append(f"Nothing was set up there, since a session is measuring: {measuring}")
        else:
            raise NotSetUp(
                f"{host.name}: a session is measuring there, with the commit {found.head[:10]}, and this"
                f" checkout is at {checkout.commit[:10]}: {measuring}"
            )
    except OSError as error:  # of the connection, which says it in a sentence
        raise NotSetUp(str(error)) from error
    return SetUp(
        commit=checkout.commit,
        clock_offset_seconds=found.clock_offset_seconds,
        warnings=tuple(warnings),
    )


def _this_checkout() -> _Checkout:
    """Raises NotSetUp where the project was not cloned, or not whole."""
    commit = _git("rev-parse", "--verify", "HEAD").decode().strip()
    if _git("rev-parse", "--is-shallow-repository").strip() == b"true":
        raise NotSetUp(
            f"{ROOT} is a shallow clone, and hosts are given its whole history: `git fetch --unshallow`."
        )
    changed = _git("status", "--porcelain", "--untracked-files=no").splitlines()
    return _Checkout(commit=commit, changed_files=len(changed))


def _git(*arguments: str, check: bool = True) -> bytes:
    """What git prints of this checkout, whatever a hook or a shell has set for another one."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    try:
        ended = subprocess.run(
            ["git", "-C", ROOT, *arguments],
            env=environment,
            capture_output=True,
            check=False,
            start_new_session=True,  # else Ctrl-C at the coordinator ends it too
        )
    except FileNotFoundError as error:
        raise NotSetUp("There is no git on this computer, and hosts are given a git bundle.") from error
    if check and ended.returncode:
        raise NotSetUp(
            f"{ROOT} is no git checkout that can be brought to a host: clone the project with git."
            f" {_told(ended.stderr.decode('utf-8', 'replace'))}"
        )
    return ended.stdout if ended.returncode == 0 else b""


_ONE_BUNDLE_AT_A_TIME = threading.Lock()


@lru_cache(maxsize=4)
def _made_bundle(commit: str, basis: str) -> bytes:
    # Named by HEAD: a bundle needs a name for its commit.
    return _git("bundle", "create", "--quiet", "-", "HEAD", *([f"^{basis}"] if basis else []))


def bundle(commit: str, head: str) -> bytes:
    """A git bundle of this checkout's commit, without what a host at `head` has.

    All of the history is in it where that is no ancestor, or not known here.
    """
    # Twenty hosts ask at once, for the same one: it is made once.
    with _ONE_BUNDLE_AT_A_TIME:
        known = bool(head) and bool(_git("cat-file", "-t", head, check=False))
        ancestor = known and _git("merge-base", head, commit, check=False).decode().strip() == head
        return _made_bundle(commit, head if ancestor else "")


async def _probe(connection: Connection, host: Host) -> _Found:
    before = time.time()
    ended = await connection.run(PROBE.format(folder=_path(host)), timeout=PROBE_SECONDS)
    middle = (before + time.time()) / 2
    values: dict[str, list[str]] = {}
    for line in ended.stdout.splitlines():
        word, _, value = line.partition(" ")
        values.setdefault(word, []).append(value)
    (seconds,) = values.get("seconds", ["0"])[:1]
    if ended.exit_status or not seconds.isdecimal() or "system" not in values:
        raise NotSetUp(
            f"{host.name}: its login shell does not pass a command on, as sh, bash, zsh and fish do."
            f" {_output(ended)}"
        )
    free, head = values.get("free", [""])[0], values.get("head", [""])[0]
    return _Found(
        system=values["system"][0],
        lacks=tuple(values.get("lacks", ())),
        free_bytes=int(free) * 1024 if free.isdecimal() else None,
        alien="alien" in values,
        head=head if re.fullmatch("[0-9a-f]{40,64}", head) else "",
        changed=values.get("changed", [""])[0],
        installed="installed" in values,
        # date has whole seconds, so half of one has passed on average.
        clock_offset_seconds=int(seconds) + 0.5 - middle,
    )


def _refuse(host: Host, found: _Found) -> None:
    """Raises NotSetUp for what only that host's user can change."""
    offset = timedelta(seconds=found.clock_offset_seconds)
    if found.system not in SYSTEMS:
        raise NotSetUp(f"{host.name}: it runs {_told(found.system)!r}, and the suite macOS and Linux.")
    if "xcode" in found.lacks:
        raise NotSetUp(
            f"{host.name}: it has no command line tools, with git and make: call `xcode-select"
            " --install` on that Mac, which opens a window."
        )
    if found.lacks:
        raise NotSetUp(f"{host.name}: it has no {' and no '.join(found.lacks)}: install that there.")
    if found.alien:
        raise NotSetUp(
            f"{host.name}: its folder {host.folder} is something else than this project: move it away,"
            " or name another folder for that host."
        )
    if found.changed:
        raise NotSetUp(
            f"{host.name}: the checkout in {host.folder} has changes of its own"
            f" ({_told(found.changed)}): commit them there or take them back, or name another folder."
        )
    if not found.installed and found.free_bytes is not None and found.free_bytes < NEEDED_BYTES:
        raise NotSetUp(
            f"{host.name}: it has {found.free_bytes / 1e9:.1f} GB free, and packages and downloads need"
            f" some {NEEDED_BYTES / 1e9:.0f} GB: make room there; what is in the Trash counts too."
        )
    if not MARGIN - BEFORE < offset < AFTER - MARGIN:
        raise NotSetUp(
            f"{host.name}: its clock is {abs(offset.total_seconds()) / 86400:.1f} days"
            f" {'ahead' if offset > timedelta() else 'behind'}, where no certificate is valid: set"
            " it there (System Settings, General, Date & Time)."
        )


def _warnings(checkout: _Checkout) -> Iterator[str]:
    if count := checkout.changed_files:
        yield (
            f"{count} file{'s' * (count != 1)} of this checkout {'are' if count != 1 else 'is'} changed"
            f" and not committed: hosts are given the commit {checkout.commit[:10]}, without that."
        )


async def _is_measuring(connection: Connection, host: Host) -> str:
    """Who holds the measuring lock there, in the lock's own words; "" where nobody does."""
    # An environment whose Python is gone cannot measure either, and make sets up a new one.
    command = f".venv/bin/python -I -c {quote(IS_MEASURING)}"
    ended = await connection.run(_inside(host, command), timeout=PROBE_SECONDS)
    return _told(ended.stdout) if ended.exit_status == 0 else ""


async def _bring(
    connection: Connection, host: Host, head: str, commit: str, log: Callable[[str], None]
) -> None:
    content = await asyncio.to_thread(bundle, commit, head)
    log(f"brings the commit {commit[:10]} ({len(content) / 1e6:.1f} MB)")
    await _do(connection, host, f"git init --quiet {_path(host)}", "git cannot make a repository there")
    fetch = (
        'file=$(git rev-parse --git-path alexnet-bench-fleet.bundle) && cat > "$file" &&'
        ' git fetch --quiet --no-tags "$file" HEAD; ended=$?; rm -f "$file"; exit $ended'
    )
    await _do(connection, host, _inside(host, fetch), "git cannot take the commit in", content=content)
    checkout = _inside(host, f"git checkout --quiet --detach {commit}")
    await _do(connection, host, checkout, f"git cannot check the commit {commit[:10]} out")


async def _install(connection: Connection, host: Host, log: Callable[[str], None]) -> None:
    log("installs what is missing")
    make = _inside(host, "make --silent .venv/installed")
    await _do(connection, host, make, "make cannot set it up", log=log, timeout=MAKE_SECONDS)


async def _ask_doctor(connection: Connection, host: Host, log: Callable[[str], None]) -> None:
    """The session asks it again; here its errors are known before all hosts begin."""
    if "--ignore-doctor" in host.options:
        return
    log("asks the doctor")
    options = [*doctors_options(host.options), "--machine", host.name]
    arguments = quote(join(options).replace("$", "$$"))
    await _do(
        connection,
        host,
        f"export COLUMNS=200; {_inside(host, f'make --silent doctor ARGS={arguments}')}",
        "the doctor finds what would make its session fail or worthless (--ignore-doctor measures all"
        " the same)",
        log=log,
        timeout=DOCTOR_SECONDS,
    )


def doctors_options(options: Iterable[str]) -> Iterator[str]:
    """Those of `pytest bench` that the doctor judges a run by: pytest's own mean nothing to it."""
    taken = False
    for word in options:
        if word.startswith("-"):
            taken = word.partition("=")[0] in OPTIONS
        if taken:
            yield word


async def _do(
    connection: Connection,
    host: Host,
    command: str,
    problem: str,
    *,
    log: Callable[[str], None] | None = None,
    content: bytes | None = None,
    timeout: float = GIT_SECONDS,
) -> None:
    """Runs a command that reads `content`. Raises NotSetUp if it fails, with the end of its output."""
    ended = await connection.run(command, input=content, timeout=timeout, on_line=log)
    if ended.exit_status != 0:
        raise NotSetUp(f"{host.name}: {problem}. {_output(ended)}")


def _path(host: Host) -> str:
    """For a shell in the login folder: what looks like an option or a name of CDPATH is none."""
    return quote(host.folder if host.folder.startswith("/") else f"./{host.folder}")


def _inside(host: Host, command: str) -> str:
    return f"cd {_path(host)} && {{ {command}; }}"


def _output(ended: Completed) -> str:
    """What a command printed, for a message; a signal ends one without a word."""
    printed = _told(f"{ended.stdout}\n{ended.stderr}")
    return printed or f"It printed nothing, and ended with {ended.exit_status or 'a signal'}."


def _told(text: str) -> str:
    """The end of what a host says, without what a terminal would obey."""
    plain = "".join(c for c in text if c.isprintable() or c == "\n").strip()
    return plain if len(plain) <= MAX_TOLD else f"…{plain[-MAX_TOLD:]}"
