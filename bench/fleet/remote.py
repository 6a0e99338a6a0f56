"""What a fleet's coordinator asks of a host: to begin a session, how it stands, to end it.

`bench.fleet.worker` serves `start`, `status` and `stop` through Dask: JSON bytes go in, JSON bytes come
out, and they never raise. A session does not end with the worker: it has a process session, an output
and a lock of its own, and whoever asks next finds it by its files.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import os
import secrets
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from time import sleep, time
from typing import Literal

import msgspec
from msgspec.structs import replace

from alexnet import durable
from bench import interpreter
from bench.host.lock import Busy, Lock
from bench.paths import ROOT, RUNS
from bench.records.computer import folder_name
from bench.records.progress import PROGRESS_FILE, SO_FAR_FILE, STARTED_BY, Progress

ErrorKind = Literal["busy", "disk full", "not writable", "order", "process", "system", "internal"]
"""Why something could not be done.

The computer measures already, or has another session to finish first; the disk is full; a folder or file
cannot be written; the order makes no sense here; the session's process is not known; another error of
the system's; a fault of this code.
"""
How = Literal["gently", "at once"]
SessionState = Literal["none", "running", "ended", "cut off"]

DETACHED = 'trap "" HUP; trap : INT TERM; "$@"; echo $? >"$0"'
"""The shell between the worker and the session: it stays to note the exit status.

What hangs up hangs up neither. A trap that does nothing lets the shell outlive the signals that end the
session, which has them at their defaults.
"""
FIND_UNFINISHED = """
import sys
from pathlib import Path
from bench.session.resume import SessionRefused, find_unfinished_session
try:
    print(find_unfinished_session(Path(sys.argv[1])).folder.name)
except SessionRefused as error:
    sys.exit(str(error))
"""
"""It runs in a process of its own: it needs packages that a worker is not to keep in memory."""
INTERRUPTED = 130
"""The session's exit status after Ctrl-C, which is no death by a signal."""
FOREIGN = ("DASK_", "PYTEST_", "PYTHON")
"""Beginnings of environment variables that a session must not have from a worker or a login shell."""
BETWEEN_SIGNALS_SECONDS = 0.5
"""Two signals at once may arrive as one."""
SECOND_LOOK_SECONDS = 1.0
LOG_BYTES, LOG_LINES = 8192, 20
MAX_WARNINGS, MAX_WARNING_LETTERS = 50, 500


class Order(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The session that is to run: of which fleet, and the options of `pytest bench` for it.

    `machine` is the host's name, as a folder's; `save_as` is the name of the result file, "" for the
    profile's. With `resume` the fleet's session here is gone on with, if it began.
    """

    fleet: str
    machine: str
    save_as: str
    options: tuple[str, ...]
    resume: bool


class RemoteFile(msgspec.Struct, frozen=True, kw_only=True):
    """A result file of the session: in the machine's folder if `final`, else in the session's."""

    name: str
    sha256: str
    final: bool


class RemoteError(msgspec.Struct, frozen=True, kw_only=True):
    """Why something could not be done, by its kind and in words."""

    kind: ErrorKind
    detail: str


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """How the fleet's session stands here.

    It has "ended" if it ended by itself, with `exit_status`, and was "cut off" if it was killed or the
    computer stopped; `exit_status` is then None or over 128. `session` is its folder's name, None until
    it has begun to measure. `cell` to `seconds_left` and `warnings` are those of
    `bench.records.progress`. `now` is this computer's clock, in seconds since 1970. `log_tail` is the
    end of what pytest printed. With `error` the rest says how things stand all the same, as far as it
    could be read.
    """

    state: SessionState
    now: float
    fleet: str | None = None
    exit_status: int | None = None
    session: str | None = None
    cell: str | None = None
    epoch: int = 0
    epochs: int = 0
    cells_done: int = 0
    cells: int = 0
    seconds_left: float | None = None
    warnings: tuple[str, ...] = ()
    files: tuple[RemoteFile, ...] = ()
    log_tail: str = ""
    error: RemoteError | None = None


class State(msgspec.Struct, frozen=True, kw_only=True):
    """What is kept of the session that was started here: `process` leads its process group.

    `token` is the word in the session's progress file, and `session` that file's folder, once found, or
    from the beginning where an earlier session is gone on with.
    """

    fleet: str
    token: str
    process: int | None = None
    session: str | None = None
    asked_to_stop: How | None = None


class Refused(Exception):
    """An order or a request that is not carried out."""

    def __init__(self, kind: ErrorKind, detail: str) -> None:
        super().__init__(detail)
        self.error = RemoteError(kind=kind, detail=detail)


@dataclass
class Place:
    """The machine that this process answers for, and the folder of all result files."""

    machine: str = ""
    results: Path = ROOT / "results"

    @property
    def folder(self) -> Path:
        """The machine's folder of result files."""
        return self.results / self.machine

    @property
    def runs(self) -> Path:
        """The folder of its sessions, and of the files `fleet.*` that this module keeps."""
        return self.folder / RUNS

    @property
    def state(self) -> Path:
        return self.runs / "fleet.json"

    @property
    def lock(self) -> Path:
        """Locked by the session as long as it lives."""
        return self.runs / "fleet.lock"

    @property
    def log(self) -> Path:
        """What the session prints."""
        return self.runs / "fleet.log"

    @property
    def exit_status(self) -> Path:
        """Written once the session has ended."""
        return self.runs / "fleet.ended"


PLACE = Place()
_children: list[subprocess.Popen[bytes]] = []  # those of this process, which alone can wait for them
_stopped: dict[str, How] = {}  # token -> what was asked for, also where a full disk keeps no state
_digests: dict[Path, tuple[tuple[int, int, int], str]] = {}  # file -> inode, time, size; sha256


def serve(machine: str, results: Path | None = None) -> None:
    """Says for which machine this process answers. Raises ValueError for what is no folder's name."""
    if not machine or folder_name(machine) != machine:
        raise ValueError(f"{machine!r} is no name of a folder of results")
    PLACE.machine = machine
    PLACE.results = results or PLACE.results


def _answers(act: Callable[[bytes], None]) -> Callable[[bytes], bytes]:
    """A function for Dask: it acts, and answers with the status and with what went wrong, as JSON."""

    @wraps(act)
    def answer(payload: bytes) -> bytes:
        problem = _problem(lambda: act(payload))
        try:
            found = _look()
        except Exception as error:
            problem = problem or _error_of(error)
            found = Status(state="none", now=time())
        return msgspec.json.encode(replace(found, error=problem))

    return answer


def _problem(act: Callable[[], None]) -> RemoteError | None:
    try:
        act()
    except Exception as error:  # whatever it is, the coordinator is to read it and not to unpickle it
        return _error_of(error)
    return None


def _error_of(error: Exception) -> RemoteError:
    match error:
        case Refused():
            return error.error
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            kind: ErrorKind = "disk full"
        case OSError(errno=errno.EACCES | errno.EPERM | errno.EROFS | errno.ENOTDIR | errno.EEXIST):
            kind = "not writable"
        case OSError():
            kind = "system"
        case _:
            kind = "internal"
    text = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return RemoteError(kind=kind, detail=text.encode("utf-8", "replace").decode())


@_answers
def start(order: bytes) -> None:
    """Begins the session of an `Order`, or goes on with it; one order of a fleet starts it once.

    What runs already is left alone, and so is what has all of its cells.
    """
    try:
        wanted = msgspec.json.decode(order, type=Order)
    except msgspec.MsgspecError as error:
        raise Refused("order", f"this is no order for a session: {error}") from error
    if wanted.machine != PLACE.machine:
        raise Refused("order", f"{wanted.machine!r} was asked for, and this is {PLACE.machine!r}")
    PLACE.runs.mkdir(parents=True, exist_ok=True)
    with _lock() as lock:
        kept = _read_state()
        same = kept is not None and kept.fleet == wanted.fleet
        if lock is None:
            if not same:
                whose = f"fleet {kept.fleet}" if kept else "another fleet"
                raise Refused("busy", f"a session of {whose} runs here")
            return
        session = None
        if kept and same:
            session, progress = _progress(kept)
            if not wanted.resume or (progress and progress.saved and _is_complete(progress)):
                return
        _check_that_there_is_room()
        _check_that_nothing_is_measured()
        if session:
            _check_that_it_is_gone_on_with(session)
        _launch(wanted, lock, session)


@_answers
def status(_: bytes) -> None:
    """How the session stands."""


@_answers
def stop(how: bytes) -> None:
    """Ends the session: b"gently" lets its epoch end, b"at once" drops it; both save what there is.

    To ask twice is to ask once.
    """
    if how not in (b"gently", b"at once"):
        raise Refused("order", f"{how!r} is no way to stop: there are gently and at once")
    wanted: How = "gently" if how == b"gently" else "at once"
    kept = _read_state()
    if kept is None or not _is_running():
        return
    if kept.process is None:
        raise Refused("process", "the session's process is not known: end it on the computer itself")
    asked = kept.asked_to_stop or _stopped.get(kept.token)
    if asked in (wanted, "at once"):
        return
    _interrupt(kept.process)
    if wanted == "at once" and asked is None:
        sleep(BETWEEN_SIGNALS_SECONDS)
        _interrupt(kept.process)
    _stopped[kept.token] = wanted
    with suppress(OSError):  # on a full disk this process still knows it
        _write_state(replace(kept, asked_to_stop=wanted))


def _interrupt(process: int) -> None:
    """Sends a process group what Ctrl-C sends. One that has ended meanwhile needs none."""
    with suppress(ProcessLookupError, PermissionError):  # macOS's error for a group of zombies
        os.killpg(process, signal.SIGINT)


def _look() -> Status:
    _children[:] = [child for child in _children if child.poll() is None]
    kept = _read_state()
    if kept is None:
        return Status(state="none", now=time())
    running = _is_running()
    exit_status = None if running else _exit_status()
    session, progress = _progress(kept)
    found = Status(
        state="running" if running else _end(exit_status),
        now=time(),
        fleet=kept.fleet,
        exit_status=exit_status,
        session=session,
        log_tail=_log_tail(),
    )
    if session is None or progress is None:
        return found
    return replace(
        found,
        cell=progress.cell,
        epoch=progress.epoch,
        epochs=progress.epochs,
        cells_done=progress.cells_done,
        cells=progress.cells,
        seconds_left=progress.seconds_left,
        warnings=tuple(text[:MAX_WARNING_LETTERS] for text in progress.warnings[:MAX_WARNINGS]),
        files=tuple(_files(session, progress)),
    )


def _is_complete(progress: Progress) -> bool:
    return progress.cells_done == progress.cells


def _end(exit_status: int | None) -> SessionState:
    """How it ended: shells report over 128 for what a signal has killed."""
    if exit_status is None or (exit_status > 128 and exit_status != INTERRUPTED):
        return "cut off"
    return "ended"


def _exit_status() -> int | None:
    """The session's exit status; None if it could not be noted, as after a power cut."""
    try:
        return int(PLACE.exit_status.read_text())
    except (FileNotFoundError, ValueError):
        return None


def _read_state() -> State | None:
    """What is kept of the session here; None if none was started. Raises Refused if it is damaged."""
    try:
        return msgspec.json.decode(PLACE.state.read_bytes(), type=State)
    except FileNotFoundError:
        return None
    except msgspec.MsgspecError as error:
        raise Refused("system", f"{PLACE.state} is damaged ({error}): remove it") from error


def _write_state(state: State) -> None:
    with durable.replacing(PLACE.state) as partial:
        partial.write_bytes(msgspec.json.encode(state))


@contextmanager
def _lock() -> Iterator[int | None]:
    """The lock's descriptor, for a session to inherit; None while a session has it."""
    descriptor = os.open(PLACE.lock, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield None
        else:
            yield descriptor
    finally:
        os.close(descriptor)


def _is_running() -> bool:
    """Whether a session has the lock. It is shared here, so that those who ask do not see each other."""
    try:
        descriptor = os.open(PLACE.lock, os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


def _check_that_there_is_room() -> None:
    """Raises OSError on a full disk, where the lock of sessions would find no folder for itself."""
    with tempfile.TemporaryFile(dir=PLACE.runs) as file:
        file.write(b"room")
        file.flush()


def _check_that_nothing_is_measured() -> None:
    """Raises Refused if a session that no fleet started measures here.

    One that was just killed gives up its locks one after the other, so a second look decides.
    """
    for is_last in (False, True):
        measuring = Lock()
        try:
            measuring.acquire("a fleet's session is about to begin")
        except Busy as error:
            if is_last:
                raise Refused("busy", str(error)) from error
            sleep(SECOND_LOOK_SECONDS)
        else:
            measuring.release()
            return


def _check_that_it_is_gone_on_with(session: str) -> None:
    """Raises Refused if `pytest bench --resume` would go on with another session than the fleet's."""
    asked = subprocess.run(
        [sys.executable, "-c", FIND_UNFINISHED, PLACE.runs],
        cwd=ROOT,
        env=_environment(""),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    found = asked.stdout.strip()
    if asked.returncode:
        why = asked.stderr.strip().rpartition("\n")[2]
        raise Refused("busy", why or f"the sessions in {PLACE.runs} cannot be looked through")
    if found > session:
        raise Refused(
            "busy",
            f"{PLACE.runs / found} is unfinished and later than this fleet's session: go on with it"
            f" there by `make resume ARGS='--machine {PLACE.machine}'`, or move its folder away",
        )
    if found < session:
        raise Refused("busy", f"{PLACE.runs / session} is finished or gone, and cannot be gone on with")


def _launch(order: Order, lock: int, session: str | None) -> None:
    """Starts the session in a process session of its own, which keeps the lock. Raises OSError.

    `session` is the one to go on with, None for a new one: it is noted before pytest says so itself,
    which one that ends at once never does.
    """
    state = State(fleet=order.fleet, token=secrets.token_hex(8), session=session)
    _write_state(state)  # before it starts: a disk that is full says so now
    PLACE.exit_status.unlink(missing_ok=True)
    saved_as = (f"--benchmark-save={order.save_as}",) if order.save_as else ()
    command = [
        *(sys.executable, "-u", "-X", "faulthandler", "-m", "pytest", "bench"),
        *("--machine", PLACE.machine, f"--benchmark-storage=file://{PLACE.results}"),
        *order.options,
        *(("--resume",) if session else saved_as),  # a session that goes on has its name
    ]
    with PLACE.log.open("wb") as log:
        process = subprocess.Popen(
            ["/bin/sh", "-c", DETACHED, str(PLACE.exit_status), *command],
            cwd=ROOT,
            env=_environment(state.token),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=(lock,),
        )
    _children.append(process)
    try:
        _write_state(replace(state, process=process.pid))
    except OSError:
        os.killpg(process.pid, signal.SIGTERM)  # it could not be stopped later
        raise


def _environment(token: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    return {**kept, **interpreter.FOR_CHILDREN, STARTED_BY: token}


def _progress(kept: State) -> tuple[str | None, Progress | None]:
    """The session's folder and how far it has come; None and None until it has begun to measure."""
    if kept.session:
        return kept.session, _read_progress(PLACE.runs / kept.session / PROGRESS_FILE)
    for file in PLACE.runs.glob(f"*/{PROGRESS_FILE}"):
        progress = _read_progress(file)
        if progress and progress.started_by == kept.token:
            with suppress(OSError):  # it is only found again
                _write_state(replace(kept, session=file.parent.name))
            return file.parent.name, progress
    return None, None


def _read_progress(file: Path) -> Progress | None:
    """What a progress file says; None for a damaged one, as after a power cut, or one of other code."""
    try:
        return msgspec.json.decode(file.read_bytes(), type=Progress)
    except (FileNotFoundError, msgspec.MsgspecError):
        return None


def _files(session: str, progress: Progress) -> Iterator[RemoteFile]:
    """The session's own result file, and the results so far."""
    if progress.saved and (file := _remote_file(PLACE.folder / progress.saved, final=True)):
        yield file
    if file := _remote_file(PLACE.runs / session / SO_FAR_FILE, final=False):
        yield file


def _remote_file(file: Path, *, final: bool) -> RemoteFile | None:
    """A file with its sha256, which is computed once for each of its versions; None if it is gone."""
    try:
        with file.open("rb") as opened:
            facts = os.fstat(opened.fileno())
            version = (facts.st_ino, facts.st_mtime_ns, facts.st_size)
            if file not in _digests or _digests[file][0] != version:
                _digests[file] = version, hashlib.file_digest(opened, "sha256").hexdigest()
    except FileNotFoundError:
        return None
    return RemoteFile(name=file.name, sha256=_digests[file][1], final=final)


def _log_tail() -> str:
    """The last lines that the session printed."""
    try:
        with PLACE.log.open("rb") as log:
            log.seek(max(os.fstat(log.fileno()).st_size - LOG_BYTES, 0))
            lines = log.read().decode("utf-8", "replace").splitlines()
    except FileNotFoundError:
        return ""
    return "\n".join(lines[-LOG_LINES:])
