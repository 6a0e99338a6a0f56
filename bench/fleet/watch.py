"""One host from its connection to its results: set up, started, asked how far it is, fetched, vetted.

What a host measures runs there by itself. Here it is only looked after: a connection that is lost is
made again, a worker that hangs is started anew, and work never moves to another host.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import msgspec

from bench.fleet import remote
from bench.fleet.cluster import CallFailed, Cluster, NotStarted, Worker
from bench.fleet.collect import Collector
from bench.fleet.remote import Order, RemoteError, Status
from bench.fleet.setup import NotSetUp, SetUp, set_up
from bench.fleet.ssh import Connection, Lost, NotForwarded, Unreachable, connect
from bench.fleet.state import HostRecord, StateFile, What
from bench.fleet.table import ENDS, MOST_LETTERS, Row, State, duration, shown

POLL_SECONDS = 10.0
"""Between two questions to a host that measures. Each costs it a few milliseconds of a processor."""
START_SECONDS = 300.0
"""For a session to be started, which may wait for a disk that sleeps."""
FIRST_RETRY_SECONDS, LONGEST_RETRY_SECONDS = 5.0, 60.0
FIRST_TRIES = 3
"""How often a host is tried that was never reached, before the fleet goes on without it."""
LOST_SECONDS = 2 * 3600.0
"""How long a host is tried that was lost. What it measures goes on, and `--collect` fetches it."""
GOES_ON = "`python -m bench.fleet --resume` goes on with it"
RESUMES = 3
"""How often a session that was cut off on its host is gone on with by itself."""
CLOCK_SECONDS = 60.0
"""From how much on a host's clock is called wrong."""
ENDED_WELL, ENDED_BY_CTRL_C = 0, 130
MOST_OF_A_FAILURE = 2500
"""Letters: the doctor's findings, or the end of what a command printed."""


class HostFailed(Exception):
    """Nothing more can be done on a host; the message says why."""


class Stop:
    """What Ctrl-C has asked of the hosts so far."""

    def __init__(self) -> None:
        self.wanted: bytes | None = None
        """What `remote.stop` takes: b"gently", then b"at once"."""
        self.asked = asyncio.Event()
        """Set from the first time on."""
        self._changed = asyncio.Event()

    def ask(self, how: bytes) -> None:
        """Asks all hosts to end."""
        self.wanted = how
        self.asked.set()
        self._changed.set()

    async def wait(self, seconds: float, closed: asyncio.Event | None = None) -> None:
        """Waits so long, or until Ctrl-C asks for more, or the connection is lost."""
        events = [self._changed, *([closed] if closed else [])]
        tasks = [asyncio.create_task(event.wait()) for event in events]
        try:
            await asyncio.wait(tasks, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in tasks:
                task.cancel()
        self._changed.clear()


@dataclass(kw_only=True)
class Watch:
    """Looks after one host until it has ended. `row` is what is shown of it."""

    record: HostRecord
    what: What
    cluster: Cluster
    state: StateFile
    collector: Collector
    stop: Stop
    row: Row
    changed: Callable[[], None]
    _reached: bool = False
    _tries: int = 0
    """In vain, since it answered last."""
    _lost_at: float | None = None
    _told: bytes | None = None
    """The last `remote.stop` that this host was told."""
    _starts: int = 0
    """Of its session, those that went on with it too."""

    async def run(self) -> None:
        """Until the host has ended, or nothing more can be done. Raises FleetError."""
        while self.row.state not in ENDS:
            try:
                await self._attend()
            except (NotSetUp, NotForwarded, HostFailed) as error:
                self._fail(str(error))
            except (Unreachable, Lost, CallFailed, NotStarted, OSError) as error:
                self._tries += 1
                if self._is_hopeless(error):
                    self._fail(str(error))
                else:
                    await self._lose(str(error))

    def _is_hopeless(self, error: Exception) -> bool:
        """Whether a host is given up at once: trying again helps with what may pass by itself."""
        match error:
            case Unreachable():
                known = self._reached or (self.what == "resume" and self.record.is_set_up)
                return not known and (not error.may_pass or self._tries >= FIRST_TRIES)
            case Lost() | CallFailed():
                return False
            case _:  # it is there, and cannot do it
                return self._tries >= FIRST_TRIES

    def _show(self, state: State, why: str = "") -> None:
        self.row.state = state
        self.row.why = shown(why)
        self.changed()

    def _fail(self, why: str) -> None:
        """Says why nothing more can be done; what is too long for the table is told above it too."""
        if len(why) > MOST_LETTERS:
            self.row.warnings["failed"] = shown(why, MOST_OF_A_FAILURE)
        self._show("failed", why)

    async def _lose(self, why: str) -> None:
        """Says that the host is lost, and waits before the next try."""
        now = time.monotonic()
        self._lost_at = self._lost_at or now
        collect = "`python -m bench.fleet --collect` fetches what it measures"
        if (lost_for := now - self._lost_at) > LOST_SECONDS:
            self._fail(f"{why} It was tried for {duration(lost_for)}; {collect}.")
        elif self.stop.wanted == b"at once":
            self._fail(f"{why} It could not be told to end; {collect}.")
        else:
            self._show("lost", why)
            seconds = FIRST_RETRY_SECONDS * 2 ** min(self._tries - 1, 10)
            await self.stop.wait(min(seconds, LONGEST_RETRY_SECONDS))

    async def _attend(self) -> None:
        """One connection, from its beginning to the host's end or the connection's."""
        if self.stop.wanted and not self._reached and self.what != "resume":
            self._show("stopped", "it had not begun")
            return
        self._show("connecting")
        async with await connect(self.record.host) as connection:
            self._reached = True
            if not await self._set_up(connection):
                self._show("stopped", "it had not begun")
                return
            if self.what == "set up":
                self._show("set up")
                return
            self._show("starting", "its worker")
            worker = await self.cluster.launch(connection, self.record.host)
            try:
                await self._follow(connection, worker)
            finally:
                await worker.end()

    async def _set_up(self, connection: Connection) -> bool:
        """Makes the host ready. One that was set up is left alone: it may be measuring.

        Returns False if Ctrl-C came first.
        """
        record = self.record
        if record.is_set_up and self.what != "set up":
            return True
        if self.what == "collect":
            raise HostFailed("It was never set up, so it has nothing.")
        self._show("setting up")

        def log(line: str) -> None:
            self._show("setting up", line)

        ready = await self._unless_stopped(set_up(connection, record.host, log=log))
        if ready is None:
            return False
        if ready.commit != self.state.fleet.commit:
            raise HostFailed("This checkout's commit has changed while the fleet began: begin anew.")
        for number, warning in enumerate(ready.warnings):
            self.row.warnings[f"set up {number}"] = shown(warning)
        self._judge_clock(ready.clock_offset_seconds)
        record.is_set_up = True
        self.state.save()
        return True

    async def _unless_stopped(self, work: Coroutine[Any, Any, SetUp]) -> SetUp | None:
        """What the work gives. It may take hours: if Ctrl-C comes first it is ended, and gives None."""
        working, asked = asyncio.create_task(work), asyncio.create_task(self.stop.asked.wait())
        try:
            await asyncio.wait((working, asked), return_when=asyncio.FIRST_COMPLETED)
            return working.result() if working.done() else None
        finally:
            for task in (working, asked):
                task.cancel()
            await asyncio.gather(working, asked, return_exceptions=True)

    def _judge_clock(self, offset: float) -> None:
        """Names a clock that is wrong: times in its results are."""
        if abs(offset) > CLOCK_SECONDS:
            way = "ahead" if offset > 0 else "behind"
            self.row.warnings["clock"] = (
                f"its clock is {duration(abs(offset))} {way}: its results have wrong times"
            )
        else:
            self.row.warnings.pop("clock", None)

    async def _follow(self, connection: Connection, worker: Worker) -> None:
        """Asks the host until its session has ended. Raises Lost, CallFailed and HostFailed."""
        asked = False
        while True:
            try:
                status = await self._status(worker)
                self._lost_at, self._tries = None, 0
                ended = await self._act(connection, worker, status, asked=asked)
                asked = True
            except CallFailed:
                if not connection.closed.is_set():
                    # It hangs, or was killed: its end costs the session nothing.
                    await worker.end(at_once=True)
                raise
            if ended:
                return
            await self.stop.wait(POLL_SECONDS, connection.closed)
            if connection.closed.is_set():
                raise Lost("The connection was lost; what it measures goes on.")

    async def _status(self, worker: Worker) -> Status:
        sent_at = time.time()
        status = _decoded(await self.cluster.call(worker, remote.status))
        self._judge_clock(status.now - (sent_at + time.time()) / 2)
        if status.fleet in (None, self.state.fleet.id) or status.error is not None:
            return status
        if status.state == "running":
            raise HostFailed(f"It measures for another fleet, {shown(str(status.fleet), 40)}.")
        return Status(state="none", now=status.now)

    async def _act(self, connection: Connection, worker: Worker, status: Status, *, asked: bool) -> bool:
        """Does what the host's state asks for. Returns whether the host has ended."""
        if status.error is not None:
            raise HostFailed(error_text(status.error))
        await self._fetch(connection, status)
        if self.what == "collect":
            self._ended(status)
            return True
        match status.state:
            case "running":
                await self._pass_on_stop(worker)
                self._show_progress(status)
                return False
            case "ended" if not self._goes_on(status, asked=asked):
                self._ended(status)
                return True
            case _:
                if self.stop.wanted:
                    self._show("stopped", "it had not begun" if status.state == "none" else "")
                    return True
                await self._start(worker, resume=status.state != "none")
        return False

    def _goes_on(self, status: Status, *, asked: bool) -> bool:
        """Whether a session that ended is gone on with: `--resume` asked for it, once."""
        return self.what == "resume" and not asked and not self._starts and not self._complete(status)

    def _complete(self, status: Status) -> bool:
        finals = [stored for stored in self.record.stored if stored.final]
        return status.exit_status == ENDED_WELL and bool(finals) and not finals[-1].problems

    async def _start(self, worker: Worker, *, resume: bool) -> None:
        """Starts the host's session, or goes on with it. Raises HostFailed where it cannot be."""
        if self._starts > RESUMES:
            what = "was cut off each time" if resume else "the host has none"
            raise HostFailed(
                f"Its session was started {self._starts} times, and {what}: look why there."
            )
        self._starts += 1
        order = Order(
            fleet=self.state.fleet.id,
            machine=self.record.host.name,
            save_as=self.state.fleet.save_as,
            options=self.record.host.options,
            resume=resume,
        )
        self._show("starting", "its session")
        answer = await self.cluster.call(
            worker, remote.start, msgspec.json.encode(order), seconds=START_SECONDS
        )
        status = _decoded(answer)
        if status.error is not None:
            raise HostFailed(error_text(status.error))
        self._told = None
        self._show_progress(status)

    async def _pass_on_stop(self, worker: Worker) -> None:
        wanted = self.stop.wanted
        if wanted is not None and wanted != self._told:
            status = _decoded(await self.cluster.call(worker, remote.stop, wanted))
            if status.error is not None:
                raise HostFailed(error_text(status.error))
            self._told = wanted

    async def _fetch(self, connection: Connection, status: Status) -> None:
        for number, sentence in enumerate(await self.collector.bring(connection, self.record, status)):
            self.row.warnings[f"refused {time.time()} {number}"] = shown(sentence)
            self.changed()

    def _show_progress(self, status: Status) -> None:
        self._note_progress(status)
        self._show("ending its epoch" if self._told else "running")

    def _note_progress(self, status: Status) -> None:
        row = self.row
        row.cell = shown(status.cell or "", 60)
        row.epoch, row.epochs = status.epoch or 0, status.epochs or 0
        row.cells_done, row.cells = status.cells_done or 0, status.cells or 0
        row.seconds_left = status.seconds_left
        for number, warning in enumerate(status.warnings[:5]):
            row.warnings[f"session {number}"] = shown(warning)

    def _ended(self, status: Status) -> None:
        """Says how the host's session has ended, by its file and its status."""
        record, last = self.record, _last_line(status.log_tail)
        finals = [stored for stored in record.stored if stored.final]
        self._note_progress(status)
        record.done = self._complete(status)
        self.state.save()
        match status.state:
            case "none":
                self._show("failed", "It has nothing of this fleet.")
            case "running":
                self._show("running on")
            case _ if record.done:
                self._show("done")
            case "cut off":
                self._show("stopped", f"Its session was cut off: {GOES_ON}")
            case _ if status.exit_status == ENDED_BY_CTRL_C:
                self._show("stopped", GOES_ON)
            case _ if finals:
                count = finals[-1].problems
                self._show("incomplete", f"{count} of its cells have no valid result: see the report.")
            case _:
                self._fail(f"Its session has ended without a result: {last}")


def error_text(error: RemoteError) -> str:
    """What has gone wrong on a host, in a sentence."""
    detail = shown(error.detail)
    again = "then `python -m bench.fleet --resume`"
    match error.kind:
        case "busy":
            return detail
        case "disk full":
            return f"Its disk is full ({detail}): free some space there, {again}."
        case "not writable":
            return f"A folder there cannot be written to ({detail}): mend that, {again}."
        case _:
            return f"Its worker reports an error ({error.kind}): {detail}"


def _decoded(answer: bytes) -> Status:
    try:
        return msgspec.json.decode(answer, type=Status)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CallFailed(f"Its worker's answer is no status: {shown(str(error))}") from error


def _last_line(text: str) -> str:
    lines = [line for line in text.splitlines() if line.strip()]
    return shown(lines[-1]) if lines else ""
