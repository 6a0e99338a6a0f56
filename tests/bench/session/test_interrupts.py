"""Ctrl-C and SIGTERM, sent for real to this very process."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from bench.session.interrupts import STATUS, Interrupts

BOTH = pytest.mark.parametrize(
    ("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)


def send(number: int) -> None:
    signal.raise_signal(number)  # to this thread: a process's may be handed to another one first


@pytest.fixture(autouse=True)
def missed() -> Iterator[list[int]]:
    """The signals that nobody else took: they reach the handlers that stood before."""
    arrived: list[int] = []
    before = {
        number: signal.signal(number, lambda number, frame: arrived.append(number))
        for number in (signal.SIGINT, signal.SIGTERM)
    }
    yield arrived
    for number, handler in before.items():
        signal.signal(number, handler)


class Session:
    """Interrupts, what they said, and how often they asked for a stop."""

    def __init__(self) -> None:
        self.interrupts = Interrupts()
        self.said: list[str] = []
        self.stops = 0
        self.interrupts.say = self.said.append

    def stop(self) -> None:
        self.stops += 1


@BOTH
def test_while_nothing_is_trained_the_first_signal_ends_the_session(number: int, name: str) -> None:
    session = Session()
    with session.interrupts.watching():
        assert session.interrupts.requested_by is None
        with pytest.raises(KeyboardInterrupt, match=f"{name}: all that was measured is kept"):
            send(number)
        assert session.interrupts.requested_by == name
        send(number)  # what is being saved is not disturbed
    assert session.said == []


@BOTH
def test_while_an_epoch_is_trained_the_first_signal_lets_it_end(number: int, name: str) -> None:
    session = Session()
    with session.interrupts.watching():
        with session.interrupts.stop_after_epoch(session.stop):
            send(number)
            assert session.stops == 1
            assert session.interrupts.requested_by == name
            assert session.said == [], "not within the handler, where the terminal may be locked"
            session.interrupts.announce()
            session.interrupts.announce()
            [sentence] = session.said
            assert sentence.startswith(f"{name}: this epoch ends")
            assert "Once more" in sentence
        with pytest.raises(KeyboardInterrupt, match=f"{name}: all that was measured is kept"):
            session.interrupts.raise_if_requested()
        session.interrupts.raise_if_requested()  # once is enough: what follows is the saving


@pytest.mark.parametrize("second", [signal.SIGINT, signal.SIGTERM])
def test_the_second_signal_ends_the_epoch_and_the_third_changes_nothing(second: int) -> None:
    session = Session()
    with session.interrupts.watching(), session.interrupts.stop_after_epoch(session.stop):
        send(signal.SIGTERM)
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            send(second)
        send(second)
        session.interrupts.raise_if_requested()
    assert session.stops == 1
    assert session.interrupts.requested_by == "SIGTERM", "what asked first is what is told"


def test_a_second_signal_between_two_epochs_ends_the_session_too() -> None:
    session = Session()
    with session.interrupts.watching():
        with session.interrupts.stop_after_epoch(session.stop):
            send(signal.SIGINT)
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)


def test_after_the_training_a_first_signal_stops_no_epoch_any_more() -> None:
    session = Session()
    with session.interrupts.watching():
        with session.interrupts.stop_after_epoch(session.stop):
            pass
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
    assert session.stops == 0


def test_an_error_in_the_training_does_not_leave_its_stop_behind() -> None:
    session = Session()
    with session.interrupts.watching():
        with pytest.raises(ZeroDivisionError), session.interrupts.stop_after_epoch(session.stop):
            raise ZeroDivisionError
        with pytest.raises(KeyboardInterrupt):
            send(signal.SIGINT)
    assert session.stops == 0


def test_nothing_ends_where_nothing_was_asked_for() -> None:
    session = Session()
    with session.interrupts.watching():
        session.interrupts.raise_if_requested()
    assert session.interrupts.requested_by is None


@BOTH
def test_who_saves_is_deaf(missed: list[int], number: int, name: str) -> None:
    session = Session()
    with session.interrupts.watching():
        session.interrupts.ignore_from_now()
        send(number)
        with session.interrupts.stop_after_epoch(session.stop):
            send(number)
        session.interrupts.raise_if_requested()
    assert (session.interrupts.requested_by, session.stops, session.said) == (None, 0, []), name
    assert missed == []


def test_afterwards_the_signals_are_whose_they_were_before(missed: list[int]) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    session = Session()
    with pytest.raises(KeyboardInterrupt), session.interrupts.watching():
        send(signal.SIGTERM)
    assert missed == []
    send(signal.SIGINT)
    send(signal.SIGTERM)
    assert missed == [signal.SIGINT, signal.SIGTERM]
    assert before == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]


def test_in_a_scripts_background_what_was_ignored_stays_ignored_and_the_other_one_counts() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    session = Session()
    with session.interrupts.watching():
        send(signal.SIGINT)
        assert session.interrupts.requested_by is None
        with pytest.raises(KeyboardInterrupt, match="SIGTERM"):
            send(signal.SIGTERM)
    assert signal.getsignal(signal.SIGINT) == signal.SIG_IGN


def test_an_interrupted_session_has_the_exit_status_that_a_shell_knows() -> None:
    assert STATUS == 130


def test_who_begins_after_the_first_signal_is_asked_to_stop_at_once() -> None:
    """Or a worker that is tried again would train on."""
    session = Session()
    with session.interrupts.watching():
        with session.interrupts.stop_after_epoch(session.stop):
            send(signal.SIGINT)
        assert session.stops == 1
        with session.interrupts.stop_after_epoch(session.stop):
            assert session.stops == 2
