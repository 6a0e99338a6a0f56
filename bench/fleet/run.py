"""A fleet from its first connection to its report."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from bench.fleet.certificates import Certificates
from bench.fleet.cluster import Cluster
from bench.fleet.collect import Collector
from bench.fleet.state import FleetError, StateFile, What
from bench.fleet.table import Row, Screen, shown
from bench.fleet.watch import Stop, Watch

DONE, NOT_DONE, INTERRUPTED = 0, 1, 130
"""The exit statuses of `python -m bench.fleet`."""
ASKED = {
    b"gently": "Ctrl-C: every host ends its epoch and saves, which may take minutes. Once more drops the"
    " epochs and ends at once.",
    b"at once": "Ctrl-C: every host drops its epoch and saves what it has. Once more leaves the hosts"
    " alone.",
}
LEFT = (
    "Left. What runs on the hosts goes on: `python -m bench.fleet --resume` looks after it again, and"
    " `python -m bench.fleet --collect` fetches what there is."
)
REPORT = (sys.executable, "-m", "reports")
LOGGER = logging.getLogger("bench.fleet")


async def run_fleet(
    state: StateFile, what: What, console: Console, *, results: Path, report: Path
) -> int:
    """Looks after all hosts at once until each has ended; then writes one report. The exit status."""
    rows = [
        Row(name=record.host.name, state="done" if record.done and what == "resume" else "waiting")
        for record in state.fleet.hosts
    ]
    screen = Screen(console, rows)
    stop = Stop()
    collector = Collector(results=results, state=state)
    with Certificates() as certificates, screen.live():
        async with Cluster(certificates, state.fleet.id) as cluster:
            watches = [
                Watch(
                    record=record,
                    what=what,
                    cluster=cluster,
                    state=state,
                    collector=collector,
                    stop=stop,
                    row=row,
                    changed=screen.changed,
                )
                for record, row in zip(state.fleet.hosts, rows, strict=True)
            ]
            tasks = [asyncio.create_task(_watch(watch)) for watch in watches]
            with _ctrl_c(stop, tasks, screen):
                await asyncio.wait(tasks)
    if any(task.cancelled() for task in tasks):
        screen.say(LEFT)
        return INTERRUPTED
    reported = what == "set up" or await _report(collector.files(), report, screen)
    if stop.wanted:
        return INTERRUPTED
    done = all(row.state in ("done", "set up") for row in rows)
    return DONE if reported and done else NOT_DONE


async def _watch(watch: Watch) -> None:
    """One host. What goes wrong with it is its own: the fleet goes on with the others."""
    try:
        await watch.run()
    except FleetError as error:
        why = str(error)
    except Exception as error:
        LOGGER.exception("%s", watch.row.name)
        why = f"An error of the fleet's own, {type(error).__name__}: {watch.state.folder} has its log."
    else:
        return
    watch.row.state, watch.row.why = "failed", shown(why)
    watch.changed()


@contextmanager
def _ctrl_c(stop: Stop, tasks: Sequence[asyncio.Task[None]], screen: Screen) -> Iterator[None]:
    """Ctrl-C lets every host end its epoch, twice ends them at once, and a third time leaves them.

    So does a terminal that is closed, which would end this process with its keys on the disk.
    """
    ways = iter(ASKED)

    def leave() -> None:
        for task in tasks:
            task.cancel()

    def pressed() -> None:
        if (how := next(ways, None)) is None:
            leave()
            return
        screen.say(ASKED[how])
        stop.ask(how)

    handlers = {signal.SIGINT: pressed, signal.SIGTERM: pressed}
    if signal.getsignal(signal.SIGHUP) != signal.SIG_IGN:  # nohup's wish
        handlers[signal.SIGHUP] = leave
    loop = asyncio.get_running_loop()
    for number, handler in handlers.items():
        loop.add_signal_handler(number, handler)
    try:
        yield
    finally:
        for number in handlers:
            loop.remove_signal_handler(number)


async def _report(files: Sequence[Path], folder: Path, screen: Screen) -> bool:
    """Writes one report of these files; returns whether it is written, and it says itself why not."""
    if not files:
        screen.say("No result has come home, so there is nothing to report on.")
        return False
    screen.say(f"One report of {len(files)} file{'s' * (len(files) != 1)}:")
    process = await asyncio.create_subprocess_exec(*REPORT, *map(str, files), "--out", str(folder))
    return await process.wait() == 0
