"""The only pytest glue: options, the cell and run fixtures, and hooks that lose nothing."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.storage.file import FileStorage
from rich.console import Console

from alexnet.data import DataError
from alexnet.layers import IllegalNetwork
from alexnet.recipe import IllegalRecipe
from bench.doctor import rules
from bench.doctor.findings import Finding
from bench.host import machine
from bench.host.lock import Busy, Lock
from bench.paths import ROOT
from bench.plan import options
from bench.plan.prepare import NotPrepared
from bench.plugin import header, progress, pytest_benchmark, summary
from bench.plugin.pytest_benchmark import SESSION, Storage, save_without_benchmarks
from bench.records.recipe import IllegalPlan
from bench.records.run import Run
from bench.records.types import Cell, Gate
from bench.session import interrupts
from bench.session.open import open_session
from bench.session.resume import SessionRefused
from bench.session.session import Session

BENCH, RESULTS = ROOT / "bench", ROOT / "results"
BESIDE = "pytest bench -n: cells that run beside each other cannot be measured. Leave -n out"
PLUGINS_STORAGE = "file://./.benchmarks"  # pytest-benchmark's default, one folder for all machines
FOUND = pytest.StashKey[Sequence[Finding]]()
COMPARE = pytest.StashKey[Any]()
WATCH = pytest.StashKey[ExitStack]()
ILLEGAL = (
    Busy,
    SessionRefused,
    DataError,
    IllegalNetwork,
    IllegalPlan,
    IllegalRecipe,
    NotPrepared,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of bench/options.py."""
    options.add_to(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Points pytest-benchmark at results/ and keeps it from comparing before it knows the machine."""
    config.pluginmanager.register(pytest_benchmark)
    given = config.option
    if BENCH / "test_parity.py" in _paths(config):
        raise pytest.UsageError("bench/test_parity.py is now bench/test_gate.py")
    if given.benchmark_storage == PLUGINS_STORAGE:  # it makes its folder at once, and tests leave none
        given.benchmark_storage = f"file://{RESULTS if _runs_benchmarks(config) else ROOT}"
    config.stash[COMPARE], given.benchmark_compare = given.benchmark_compare, None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Gives pytest-benchmark a folder for this machine: its own is shared by all of one platform."""
    config = session.config
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    plugin.machine_id = machine.describe(config.option.machine).name
    if isinstance(plugin.storage, FileStorage):
        plugin.storage = Storage(plugin.storage.path, plugin.logger, plugin.machine_id)
    plugin.compare = config.option.benchmark_compare = config.stash[COMPARE]
    if _runs_benchmarks(config):
        _begin(config)
    plugin.handle_loading()


def _paths(config: pytest.Config) -> list[Path]:
    """The files and folders that the command line names."""
    return [(config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args]


def _runs_benchmarks(config: pytest.Config) -> bool:
    """Whether the bench folder is asked for."""
    return any(path == BENCH or BENCH in path.parents for path in _paths(config))


def _begin(config: pytest.Config) -> None:
    if config.getoption("numprocesses", None):
        raise pytest.UsageError(BESIDE)
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    lock, only_list = Lock(), config.option.collectonly
    try:
        if not only_list:
            lock.take(f"pytest bench, saving to {plugin.storage.path / plugin.machine_id}")
        given = options.Options.from_config(config)
        session = open_session(given, Path(plugin.storage.path), only_list=only_list)
    except ILLEGAL as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[SESSION] = session
    if not only_list:
        session.lock = lock
        # To the end of the process: a signal on its last steps is not to end in a traceback.
        config.stash[WATCH] = ExitStack()
        config.stash[WATCH].enter_context(session.interrupts.watching())
        # A benchmark that took hours is saved, named or not.
        plugin.save = plugin.save or plugin.autosave or session.save_as()
        if isinstance(plugin.storage, Storage):
            plugin.storage.serve(session, plugin)


def _ask_the_doctor(config: pytest.Config, session: Session) -> None:
    """Keeps what would spoil the picked cells, for the terminal; stops them unless told not to."""
    found = rules.findings(
        session.options_of_picked(),
        results=session.folder.parents[2],
        profile=session.profile,
        devices={cell.framework: cell.device for cell in session.picked},
        here=session.machine,
    )
    config.stash[FOUND] = found
    spoilers = [finding for finding in found if finding.level == "error"]
    if spoilers and not session.options.ignore_doctor:
        lines = summary.finding_lines(spoilers)
        raise pytest.UsageError("\n".join([*lines, "to run all the same: --ignore-doctor"]))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Says first of all which images these are, then profile, devices and machine."""
    session = config.stash.get(SESSION, None)
    if session is None:
        return []
    above = [f"data: {header.data_line(session)}", header.conditions_line(session)]
    return [*above, *header.device_warning(session)]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each cell of the grid."""
    if "cell" in metafunc.fixturenames:
        session = metafunc.config.stash.get(SESSION, None)
        cells = list(session.plans) if session else []
        metafunc.parametrize("cell", cells, ids=[cell.id for cell in cells])


def _cells(items: list[pytest.Item]) -> list[Cell]:
    params = [getattr(getattr(item, "callspec", None), "params", {}) for item in items]
    return list(dict.fromkeys(param["cell"] for param in params if "cell" in param))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the cells that are done already first: whoever interrupts now has them in the file."""
    session = config.stash.get(SESSION, None)
    if session and session.log.earlier:
        done = {cell for cell in session.plans if session.log.is_done(cell)}
        items.sort(key=lambda item: not ("run" in _fixtures(item) and set(_cells([item])) <= done))


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Settles the cells that were picked, and fetches ImageNet's weights if one of them needs them."""
    ours = session.config.stash.get(SESSION, None)
    if ours and not session.config.option.collectonly:
        try:
            ours.pick(_cells(session.items))
            if ours.picked:
                _ask_the_doctor(session.config, ours)
            if any("run" in _fixtures(item) for item in session.items):
                ours.begin(session.config._benchmarksession.save)  # type: ignore[attr-defined]
        except ILLEGAL as error:
            raise pytest.UsageError(str(error)) from error


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Says which cells will run and about how long they take."""
    session = config.stash.get(SESSION, None)
    if session is None or config.option.collectonly:
        return []
    about = progress.seconds(header.expected_seconds(session))
    return [
        *header.resumed_from(session),
        f"{len(session.picked)} cells, roughly {about} (guessed, not yet measured)",
        *header.cell_lines(session),
        *header.accepted_differences(session),
        *summary.finding_lines(config.stash.get(FOUND, ())),
    ]


@pytest.fixture
def gate(request: pytest.FixtureRequest, cell: Cell) -> Gate:
    """What the cell's gate answered, in a process of its own."""
    session = request.config.stash[SESSION]
    if reason := session.skip_reason(cell):
        pytest.skip(reason)
    with progress.terminal(request.config) as console, progress.progress(console) as bar:
        bar.add_task(f"correctness gate  {cell.id}", total=None, note="device against CPU")
        return session.gate(cell)


@pytest.fixture
def run(request: pytest.FixtureRequest, cell: Cell) -> Run:
    """The cell carried out in a process of its own; its epochs are the benchmark's rounds."""
    session = request.config.stash[SESSION]
    if reason := session.skip_reason(cell):
        session.skip(cell, reason)
        pytest.skip(reason)
    with progress.terminal(request.config) as console:
        run = _followed(session, cell, console)
    request.node.add_marker(pytest.mark.benchmark(timer=run.clock, group=cell.experiment))
    return run


def _followed(session: Session, cell: Cell, console: Console) -> Run:
    plan, number = session.plans[cell], len(session.runs) + len(session.skipped) + 1
    session.interrupts.say = console.print
    with progress.progress(console) as bar:
        name = f"cell {number} of {len(session.picked)}  {cell.id}"
        task = bar.add_task(name, total=None, note="starting")
        follow = progress.progress_updater(bar, task, epochs=plan.epochs)
        return session.run_cell(cell, follow)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Saves whatever there is, notes what is left to be done, and settles the exit status."""
    ours = session.config.stash.get(SESSION, None)
    plugin = session.config._benchmarksession  # type: ignore[attr-defined]
    if ours is None:
        yield
        return
    ours.interrupts.ignore_from_now()
    if isinstance(plugin.storage, Storage) and plugin.storage.would_lose(plugin.benchmarks):
        plugin.benchmarks = []
    elif not plugin.benchmarks and (ours.runs or ours.skipped) and not plugin.disabled:
        save_without_benchmarks(session.config)
    if not plugin.benchmarks:
        plugin.save = plugin.autosave = plugin.json = None
    try:
        yield
    finally:
        ours.close()
        if getattr(plugin.storage, "trouble", None):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if ours.interrupts.requested_by:
            session.exitstatus = interrupts.STATUS


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints our table, since pytest-benchmark's has no accuracy, and the line that goes on."""
    session = config.stash.get(SESSION, None)
    if session is None or not (session.log.begun or session.skipped):
        return
    terminalreporter.section("AlexNet")
    writer = terminalreporter._tw
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    if session.runs or session.skipped:
        text = summary.render(summary.summary(session), width=writer.fullwidth, colour=writer.hasmarkup)
        terminalreporter.write_line(text.rstrip())
    trouble = getattr(plugin.storage, "trouble", None)
    for line in [
        *summary.explanations(session),
        *summary.saved_differences(session, plugin.compared_mapping or {}),
        f"records and logs: {session.folder}",
        *([trouble] if trouble else []),
        *header.resume_hint(session),
    ]:
        terminalreporter.write_line(line)
