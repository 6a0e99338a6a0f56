"""One host looked after: whatever is lost comes back to the same session, and work moves nowhere."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

pytest.importorskip("distributed", reason="the extra `fleet` is not installed")

from bench.fleet import remote, watch
from bench.fleet.cluster import CallFailed, NotStarted
from bench.fleet.hosts import Host
from bench.fleet.remote import ErrorKind, Order, RemoteError, Status
from bench.fleet.setup import NotSetUp, SetUp
from bench.fleet.ssh import Lost, Reason, Unreachable
from bench.fleet.state import StateFile, Stored, What, begin
from bench.fleet.table import Row
from bench.fleet.watch import Stop, Watch

HOST = Host(name="mac-07", address="there", options=("--profile", "speed"))
NONE = Status(state="none", now=0.0)
RUNNING = Status(state="running", now=0.0, session="s", cell="c", epoch=1, epochs=6, cells=2)
CUT_OFF, ENDED = replace(RUNNING, state="cut off"), replace(RUNNING, state="ended", exit_status=0)
FILE = Stored(file="0001_fleet.json", sha256="0", runs=("a",), final=True, problems=0)
UNREACHABLE = Unreachable("timed out", "It sleeps.")

Step = Status | Exception | Callable[["Room"], Status]


class Room:
    """A host that answers by a script, and what it was asked.

    Each step is the answer to one `status`, or what goes wrong instead.
    """

    def __init__(self, steps: list[Step]) -> None:
        self.steps = steps
        self.asked: list[Any] = []
        self.connecting: list[Exception] = []
        self.setting_up: Exception | Callable[[], None] | None = None
        """What goes wrong; or what is done before it hangs for hours."""
        self.launching: list[Exception] = []
        self.closed = asyncio.Event()

    async def __aenter__(self) -> Room:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.asked.append("closed")

    async def connect(self, host: Host) -> Room:
        assert host == HOST
        if self.connecting:
            raise self.connecting.pop(0)
        return self

    async def set_up(self, connection: Any, host: Host, *, log: Callable[[str], None]) -> SetUp:
        self.asked.append("set up")
        log("installs")
        if isinstance(self.setting_up, Exception):
            raise self.setting_up
        if self.setting_up:
            self.setting_up()
            try:
                await asyncio.sleep(20)
            finally:
                self.asked.append("ended")
        return SetUp(commit="c", clock_offset_seconds=-3600.0)

    async def launch(self, connection: Any, host: Host) -> Room:
        if self.launching:
            raise self.launching.pop(0)
        return self

    async def end(self, *, at_once: bool = False) -> None:
        if at_once:
            self.asked.append("killed")

    async def call(
        self, worker: Any, function: Any, payload: bytes = b"", *, seconds: float | None = None
    ) -> bytes:
        if function is remote.start:
            self.asked.append(msgspec.json.decode(payload, type=Order))
            return msgspec.json.encode(RUNNING)
        if function is remote.stop:
            self.asked.append(payload)
            return msgspec.json.encode(RUNNING)
        step = self.steps.pop(0)
        if isinstance(step, Exception):
            raise step
        status = step if isinstance(step, Status) else step(self)
        if status.now == 0.0:
            status = replace(status, now=time.time())
        return msgspec.json.encode(status)

    async def bring(self, connection: Any, record: Any, status: Status) -> list[str]:
        if status.state == "ended" and not record.stored:
            record.stored = [FILE]
        return []


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("POLL_SECONDS", "FIRST_RETRY_SECONDS"):
        monkeypatch.setattr(watch, name, 0.0)


@pytest.fixture
def state(tmp_path: Path) -> StateFile:
    return begin(tmp_path, [HOST], commit="c", save_as="fleet")


def follow(
    room: Room,
    state: StateFile,
    monkeypatch: pytest.MonkeyPatch,
    *,
    what: What = "measure",
    stop: Stop | None = None,
) -> Row:
    """Looks after the host to its end; its row."""
    monkeypatch.setattr(watch, "connect", room.connect)
    monkeypatch.setattr(watch, "set_up", room.set_up)
    everything: Any = room
    row = Row(name=HOST.name)

    async def run() -> None:
        await Watch(
            record=state.fleet.hosts[0],
            what=what,
            cluster=everything,
            state=state,
            collector=everything,
            stop=stop or Stop(),
            row=row,
            changed=lambda: None,
        ).run()

    asyncio.run(run())
    return row


def orders(room: Room) -> list[tuple[str, bool]]:
    return [(order.machine, order.resume) for order in room.asked if isinstance(order, Order)]


def test_a_host_is_set_up_started_asked_and_done(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room([NONE, RUNNING, RUNNING, ENDED])
    row = follow(room, state, monkeypatch)
    assert (row.state, row.why) == ("done", "")
    order = Order(
        fleet=state.fleet.id, machine="mac-07", save_as="fleet", options=HOST.options, resume=False
    )
    assert room.asked == ["set up", order, "closed"]
    assert state.fleet.hosts[0].done


@pytest.mark.parametrize("lost", [CallFailed("x"), Lost("x"), OSError("x")])
def test_a_lost_worker_or_connection_finds_the_same_session_again(
    lost: Exception, state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room([NONE, RUNNING, lost, RUNNING, lost, lost, ENDED])
    assert follow(room, state, monkeypatch).state == "done"
    assert orders(room) == [("mac-07", False)], "a session is started once"
    assert room.asked.count("set up") == 1, "nothing is set up beside a session that measures"


def test_a_worker_that_hangs_is_killed_before_the_next_is_started(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room([RUNNING, CallFailed("Its worker does not answer."), ENDED])
    assert follow(room, state, monkeypatch).state == "done"
    assert "killed" in room.asked


def test_a_host_that_leaves_comes_back(state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    def leaves(room: Room) -> Status:
        room.connecting = [UNREACHABLE] * 10
        raise Lost("gone")

    room = Room([RUNNING, leaves, RUNNING, ENDED])
    assert follow(room, state, monkeypatch).state == "done"


def test_a_host_that_stays_away_is_left_and_told_what_to_do(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    def leaves(room: Room) -> Status:
        room.connecting = [UNREACHABLE] * 10
        raise Lost("gone")

    monkeypatch.setattr(watch, "LOST_SECONDS", 0.0)
    row = follow(Room([RUNNING, leaves]), state, monkeypatch)
    assert row.state == "failed"
    assert "It sleeps." in row.why
    assert "--collect" in row.why


@pytest.mark.parametrize(
    ("reason", "tries"),
    [("host key changed", 1), ("not let in", 1), ("host key unknown", 1), ("timed out", 3)],
)
def test_a_host_that_was_never_reached_holds_nobody_up(
    reason: Reason, tries: int, state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room([])
    room.connecting = [Unreachable(reason, "No way in.")] * 9
    row = follow(room, state, monkeypatch)
    assert (row.state, row.why) == ("failed", "No way in.")
    assert len(room.connecting) == 9 - tries


def test_what_cannot_be_set_up_or_started_fails_with_its_sentence(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room([])
    room.setting_up = NotSetUp("It has no git.")
    assert follow(room, state, monkeypatch).why == "It has no git."
    room = Room([])
    room.launching = [NotStarted("No module named dask.")] * 3
    row = follow(room, state, monkeypatch)
    assert (row.state, row.why) == ("failed", "No module named dask.")
    assert room.launching == []


@pytest.mark.parametrize(
    ("kind", "word"), [("disk full", "disk is full"), ("busy", "mine"), ("not writable", "written")]
)
def test_what_a_host_refuses_is_said(
    kind: ErrorKind, word: str, state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    error = RemoteError(kind=kind, detail="mine\x1b[2J")
    row = follow(Room([replace(NONE, error=error)]), state, monkeypatch)
    assert row.state == "failed"
    assert word in row.why
    assert row.why.isprintable()


def test_a_session_that_was_cut_off_is_gone_on_with_but_not_for_ever(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room([NONE, CUT_OFF, RUNNING, ENDED])
    assert follow(room, state, monkeypatch).state == "done"
    assert orders(room) == [("mac-07", False), ("mac-07", True)]
    state.fleet.hosts[0].stored = []
    row = follow(Room([CUT_OFF] * 9), state, monkeypatch)
    assert row.state == "failed"
    assert "started 4 times, and was cut off each time" in row.why


def test_a_host_that_never_has_its_session_is_not_asked_for_ever(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    room = Room([NONE] * 9)
    row = follow(room, state, monkeypatch)
    assert (row.state, len(orders(room))) == ("failed", 4)
    assert "started 4 times, and the host has none" in row.why


def test_ctrl_c_is_passed_on_once_each_and_the_end_is_waited_for(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Stop()

    def press(how: bytes) -> Step:
        def pressed(room: Room) -> Status:
            stop.ask(how)
            return RUNNING

        return pressed

    ended = replace(ENDED, exit_status=130)
    room = Room([NONE, press(b"gently"), RUNNING, RUNNING, press(b"at once"), RUNNING, ended])
    row = follow(room, state, monkeypatch, stop=stop)
    assert [word for word in room.asked if isinstance(word, bytes)] == [b"gently", b"at once"]
    assert row.state == "stopped"
    assert "--resume" in row.why


def test_what_had_not_begun_does_not_begin_after_ctrl_c(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    stop = Stop()
    stop.ask(b"gently")
    room = Room([])
    assert follow(room, state, monkeypatch, stop=stop).state == "stopped"
    assert room.asked == []


@pytest.mark.parametrize("what", ["measure", "set up", "resume"])
def test_ctrl_c_ends_setting_up(what: What, state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    stop = Stop()
    room = Room([])
    room.setting_up = lambda: stop.ask(b"gently")
    row = follow(room, state, monkeypatch, what=what, stop=stop)
    assert (row.state, row.why) == ("stopped", "it had not begun")
    assert room.asked == ["set up", "ended", "closed"]
    assert not state.fleet.hosts[0].is_set_up


def test_a_wrong_clock_is_named_with_its_size(state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    row = follow(Room([replace(RUNNING, now=time.time() + 600), ENDED]), state, monkeypatch)
    assert "clock" not in row.warnings, "it was set right"
    ahead = replace(ENDED, now=time.time() + 600)
    state.fleet.hosts[0].done = False
    row = follow(Room([ahead]), state, monkeypatch)
    assert row.warnings["clock"] == "its clock is 10 min ahead: its results have wrong times"


def test_resume_goes_on_with_what_ended_without_all_of_it_once(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    state.fleet.hosts[0].stored = [replace(FILE, problems=1)]
    half = replace(ENDED, exit_status=1)
    room = Room([half, RUNNING, half])
    row = follow(room, state, monkeypatch, what="resume")
    assert orders(room) == [("mac-07", True)]
    assert (row.state, row.why[:13]) == ("incomplete", "1 of its cell")
    running = Room([RUNNING, ENDED])
    state.fleet.hosts[0].stored = [FILE]
    assert follow(running, state, monkeypatch, what="resume").state == "done"
    assert orders(running) == []


def test_collect_starts_nothing(state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "never set up" in follow(Room([]), state, monkeypatch, what="collect").why
    state.fleet.hosts[0].is_set_up = True
    for status, ended in (
        (RUNNING, "running on"),
        (ENDED, "done"),
        (CUT_OFF, "stopped"),
        (NONE, "failed"),
    ):
        room = Room([status])
        assert follow(room, state, monkeypatch, what="collect").state == ended
        assert room.asked == ["closed"]


def test_another_fleets_session_is_left_alone(state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    row = follow(Room([replace(RUNNING, fleet="another")]), state, monkeypatch)
    assert row.why == "It measures for another fleet, another."
    room = Room([replace(ENDED, fleet="another"), RUNNING, ENDED])
    assert follow(room, state, monkeypatch).state == "done"
    assert orders(room) == [("mac-07", False)]


def test_an_answer_that_is_no_status_is_a_lost_worker(
    state: StateFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(CallFailed, match="no status"):
        watch._decoded(b'{"state": "dancing", "now": 1}')
    with pytest.raises(CallFailed):
        watch._decoded(b"[" * 100_000)


def test_only_setting_up(state: StateFile, monkeypatch: pytest.MonkeyPatch) -> None:
    room = Room([])
    row = follow(room, state, monkeypatch, what="set up")
    assert row.state == "set up"
    assert room.asked == ["set up", "closed"]
    assert row.warnings["clock"].startswith("its clock is 60 min behind")
