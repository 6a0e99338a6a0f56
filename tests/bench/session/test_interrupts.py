"""Ctrl-C and SIGTERM, really sent to this process."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from bench.session.interrupts import EXIT_STATUS, Interrupts

BOTH = pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)


def send(number: int) -> None:
    signal.raise_signal(number)  # to this thread; os.kill may reach another thread first


@pytest.fixture(autouse=True)
def outside_signals() -> Iterator[list[int]]:
    """The signals that reach the handlers installed before `handle_signals`."""
    received: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: received.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    yield received
    for number, handler in before.items():
        signal.signal(number, handler)


class Session:
    """Interrupts with their messages and the number of stops that they requested."""

    def __init__(self) -> None:
        self.interrupts = Interrupts()
        self.messages: list[str] = []
        self.stops = 0
        self.interrupts.notify = self.messages.append

    def stop(self) -> None:
        self.stops += 1


@BOTH
def test_while_nothing_is_trained_the_first_signal_ends_the_session(number: int, name: str) -> None:
    session = Session()
    with session.interrupts.handle_signals():
        assert session.interrupts.requested_by is None
        with pytest.raises(KeyboardInterrupt, match=f"{name}: all that was measured is kept"):
            send(number)
        assert session.interrupts.requested_by == name
        send(number)  # saving is not interrupted
    assert session.messages == []


@BOTH
def test_while_an_epoch_is_trained_the_first_signal_lets_it_end(number: int, name: str) -> None:
    session = Session()
    with session.interrupts.handle_signals():
        with session.interrupts.stop_after_epoch(session.stop):
            send(number)
            assert session.stops == 1
            assert session.interrupts.requested_by == name
            assert session.messages == [], "not in the handler, since the terminal may be locked"
            session.interrupts.announce()
            session.interrupts.announce()
            [message] = session.messages
            assert message.startswith(f"{name}: this epoch ends")
            assert "Once more" in message
        with pytest.raises(KeyboardInterrupt, match=f"{name}: all that was measured is kept"):
            session.interrupts.raise_if_requested()
        session.interrupts.raise_if_requested()  # raises only once, since saving follows


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_the_epoch_and_the_third_changes_nothing(second: int) -> None:
    session = Session()
    with session.interrupts.handle_signals(), session.interrupts.stop_after_epoch(session.stop):
        send(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            send(second)
        send(second)
        session.interrupts.raise_if_requested()
    assert session.stops == 1
    assert session.interrupts.requested_by == "SIGTERM", "the first signal is reported"


def test_a_second_signal_between_two_epochs_ends_the_session_too() -> None:
    session = Session()
    with session.interrupts.handle_signals():
        with session.interrupts.stop_after_epoch(session.stop):
            send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_after_the_training_a_first_signal_stops_no_epoch_any_more() -> None:
    session = Session()
    with session.interrupts.handle_signals():
        with session.interrupts.stop_after_epoch(session.stop):
            pass
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
    assert session.stops == 0


def test_an_error_in_the_training_does_not_leave_its_stop_behind() -> None:
    session = Session()
    with session.interrupts.handle_signals():
        with pytest.raises(ZeroDivisionError), session.interrupts.stop_after_epoch(session.stop):
            raise ZeroDivisionError
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
    assert session.stops == 0


def test_nothing_ends_where_nothing_was_asked_for() -> None:
    session = Session()
    with session.interrupts.handle_signals():
        session.interrupts.raise_if_requested()
    assert session.interrupts.requested_by is None


@BOTH
def test_signals_are_ignored_while_saving(outside_signals: list[int], number: int, name: str) -> None:
    session = Session()
    with session.interrupts.handle_signals():
        session.interrupts.ignore_signals()
        send(number)
        with session.interrupts.stop_after_epoch(session.stop):
            send(number)
        session.interrupts.raise_if_requested()
    assert (session.interrupts.requested_by, session.stops, session.messages) == (None, 0, []), name
    assert outside_signals == []


def test_afterwards_the_signals_are_whose_they_were_before(outside_signals: list[int]) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    session = Session()
    with pytest.raises(KeyboardInterrupt), session.interrupts.handle_signals():
        send(signal.SIGTERM)
    assert outside_signals == []
    send(signal.SIGINT)
    send(signal.SIGTERM)
    assert outside_signals == [signal.SIGINT, signal.SIGTERM]
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_in_a_scripts_background_what_was_ignored_stays_ignored_and_the_other_one_counts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    session = Session()
    with session.interrupts.handle_signals():
        send(signal.SIGINT)
        assert session.interrupts.requested_by is None
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            send(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_an_interrupted_session_has_the_exit_status_that_a_shell_knows() -> None:
    assert EXIT_STATUS == 130


def test_a_worker_started_after_the_first_signal_is_asked_to_stop_at_once() -> None:
    """Otherwise a worker that is retried would train to the end."""
    session = Session()
    with session.interrupts.handle_signals():
        with session.interrupts.stop_after_epoch(session.stop):
            send(signal.SIGINT)
        assert session.stops == 1
        with session.interrupts.stop_after_epoch(session.stop):
            assert session.stops == 2
