"""Measures a room full of computers: `python -m bench.fleet HOST… [options of pytest bench]`."""

from __future__ import annotations

import argparse
import asyncio
import logging
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from importlib.util import find_spec
from pathlib import Path

from rich.console import Console

from alexnet.terminal import accept_all_letters
from bench.fleet.hosts import HostsError, parse_hosts, read_hosts
from bench.fleet.limits import allow_open_files
from bench.fleet.state import FleetError, StateFile, What, begin, last, only_one
from bench.paths import ROOT
from bench.plan.options import OPTIONS
from bench.records.computer import folder_name

NEEDED = ("distributed", "asyncssh", "cryptography")
"""The packages of the extra `fleet`."""
FLEETS, RESULTS, REPORT = ROOT / "fleet", ROOT / "results", ROOT / "report"
SAVE_AS = "fleet"
INTERRUPTED = 130
PYTESTS_OWN = {"-k": {"metavar": "EXPRESSION"}, "-p": {"metavar": "PLUGIN", "action": "append"}}
"""Options of pytest that mean something for a session, besides those of bench/plan/options.py."""
EPILOG = """A HOST is [NAME=][USER@]ADDRESS[:PORT]; without a name it is mac-01, mac-02 and so on, by its
place. Options of `pytest bench` (--profile, --engine and so on) go to every host, and what stands after
-- goes as it is. Exit status: 0 every host has measured all of its cells, valid; 1 one has not; 2 a
wrong command line; 130 interrupted."""


def parser() -> argparse.ArgumentParser:
    """The fleet's own options."""
    whole = argparse.ArgumentParser(
        prog="python -m bench.fleet",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    whole.add_argument("host", nargs="*", metavar="HOST")
    whole.add_argument("--hosts", type=Path, metavar="FILE.toml", help="the hosts: docs/fleet.md")
    what = whole.add_mutually_exclusive_group()
    what.add_argument(
        "--setup-only", action="store_true", help="bring the hosts what they need, measure nothing"
    )
    what.add_argument("--resume", action="store_true", help="go on with the last fleet")
    what.add_argument(
        "--collect", action="store_true", help="fetch what the last fleet's hosts have, start nothing"
    )
    whole.add_argument(
        "--name",
        metavar="NAME",
        help=f"of the result files; default: {SAVE_AS}, as in 0001_{SAVE_AS}.json",
    )
    return whole


def options_parser() -> argparse.ArgumentParser:
    """The options of `pytest bench` that hosts may be given."""
    ours = argparse.ArgumentParser(
        prog="python -m bench.fleet", add_help=False, allow_abbrev=False, usage=argparse.SUPPRESS
    )
    for name, settings in {**OPTIONS, **PYTESTS_OWN}.items():
        if name not in ("--resume", "--resume-anyway", "--machine"):
            ours.add_argument(name, **settings)
    return ours


def split(words: Sequence[str]) -> tuple[list[str], tuple[str, ...], tuple[str, ...]]:
    """The fleet's own words, the options for hosts, and what goes to hosts as it is.

    Options of `pytest bench` may stand anywhere, each with its value. The last part stands after `--`.
    """
    known = vars(options_parser())["_option_string_actions"]
    ours, theirs = list[str](), list[str]()
    rest = iter(words)
    for word in rest:
        if word == "--":
            break
        action = known.get(word.partition("=")[0])
        if action is None:
            ours.append(word)
            continue
        theirs.append(word)
        if action.nargs != 0 and "=" not in word:
            theirs += [value] if (value := next(rest, None)) is not None else []
    return ours, tuple(theirs), tuple(rest)


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit status, as the help has it."""
    try:
        return _main(sys.argv[1:] if arguments is None else arguments)
    except KeyboardInterrupt:  # before the hosts are looked after, or while the report is written
        return INTERRUPTED


def _main(words: Sequence[str]) -> int:
    accept_all_letters()
    ours, theirs, as_they_are = split(words)
    command = parser()
    asked = command.parse_intermixed_args(ours)
    options_parser().parse_args(theirs)
    options = (*theirs, *as_they_are)
    if missing := [name for name in NEEDED if find_spec(name) is None]:
        command.error(
            f"{', '.join(missing)}: not installed here. Call `make .venv/installed`, or"
            " `.venv/bin/python -m pip install -c constraints.txt -e '.[fleet]'`"
        )
    from bench.fleet.run import run_fleet  # it needs those packages

    what: What = "set up" if asked.setup_only else "measure"
    what = "resume" if asked.resume else "collect" if asked.collect else what
    with ExitStack() as stack:
        try:
            stack.enter_context(only_one(FLEETS))
            state = _last(asked, options) if what in ("resume", "collect") else _new(asked, options)
        except (HostsError, FleetError) as error:
            command.error(str(error))
        _log_to(state.folder / "coordinator.log")
        allow_open_files()
        console = Console(highlight=False)
        return asyncio.run(run_fleet(state, what, console, results=RESULTS, report=REPORT))


def _new(asked: argparse.Namespace, options: tuple[str, ...]) -> StateFile:
    """A fleet of the hosts that are named. Raises HostsError and FleetError."""
    if asked.host and asked.hosts:
        raise FleetError("Name the hosts either on the command line or in the file of --hosts.")
    save_as = SAVE_AS if asked.name is None else folder_name(asked.name)
    if not save_as:
        raise FleetError(f"--name {asked.name!r} has no letter and no digit, and files are named by it.")
    hosts = read_hosts(asked.hosts, options) if asked.hosts else parse_hosts(asked.host, options)
    return begin(FLEETS, hosts, commit=_commit(), save_as=save_as, measures=not asked.setup_only)


def _last(asked: argparse.Namespace, options: tuple[str, ...]) -> StateFile:
    """The fleet that began last. Raises FleetError."""
    if asked.host or asked.hosts or options or asked.name is not None:
        raise FleetError(
            "--resume and --collect are for the last fleet, with its own hosts and options: name no"
            " others."
        )
    state = last(FLEETS)
    now, commit = _commit(), state.fleet.commit
    if asked.resume and now != commit:
        raise FleetError(
            f"The last fleet's hosts have the commit {commit[:10]}, and this checkout is at {now[:10]}:"
            f" `git checkout {commit[:10]}` first, or begin a new fleet. --collect works with either."
        )
    return state


def _commit() -> str:
    """The commit of this checkout. Raises FleetError."""
    try:
        return subprocess.check_output(
            ["git", "-C", ROOT, "rev-parse", "--verify", "HEAD"], text=True, stderr=subprocess.DEVNULL
        ).strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise FleetError(
            f"{ROOT} is no git checkout, and hosts are given its commit: clone the project with git."
        ) from error


def _log_to(file: Path) -> None:
    """What the libraries log goes to a file, and not across the table."""
    handler = logging.FileHandler(file, delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(name)s %(levelname)s %(message)s"))
    for name in ("distributed", "asyncssh", "tornado", "asyncio", "bench.fleet"):
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [handler], False


if __name__ == "__main__":
    sys.exit(main())
