"""The pytest hooks of `pytest bench`, and the fixtures `gate` and `run`."""

from __future__ import annotations

import sys
from collections.abc import Generator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.storage.file import FileStorage

from alexnet.data import DataError
from alexnet.folders import obstacle, problem_and_fix
from alexnet.layers import IllegalNetwork
from alexnet.recipe import IllegalRecipe
from alexnet.terminal import accept_all_letters
from bench.doctor import diagnosis
from bench.doctor.facts import gather_facts
from bench.doctor.findings import Finding
from bench.host import machine
from bench.host.lock import Busy, Lock
from bench.paths import ROOT
from bench.plan import options
from bench.plan.prepare import ELSEWHERE, NotPrepared
from bench.plugin import header, progress, pytest_benchmark, summary
from bench.plugin.pytest_benchmark import (
    SESSION,
    Storage,
    check_options,
    rehearse_saving,
    save_so_far,
    save_without_benchmarks,
)
from bench.records.cell_recipe import IllegalPlan
from bench.records.run import SessionRun
from bench.records.types import Cell, Gate
from bench.session import interrupts
from bench.session.open import open_session
from bench.session.resume import SessionRefused
from bench.session.session import Session
from bench.trial.ask import TrialFailed

BENCH, RESULTS = ROOT / "bench", ROOT / "results"
TESTS = (BENCH / "test_gate.py", BENCH / "test_train.py")
PROJECT = "alexnet-bench"
DEFAULT_STORAGE = "file://./.benchmarks"  # pytest-benchmark's, one folder for all machines
FINDINGS = pytest.StashKey[Sequence[Finding]]()
COMPARE = pytest.StashKey[Any]()
SIGNAL_HANDLERS = pytest.StashKey[ExitStack]()
USAGE_ERRORS = (
    Busy,
    SessionRefused,
    DataError,
    IllegalNetwork,
    IllegalPlan,
    IllegalRecipe,
    NotPrepared,
    TrialFailed,
)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of bench/plan/options.py."""
    options.add_options(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Points pytest-benchmark at results/; its comparison waits until the machine is known."""
    accept_all_letters()
    if sys.flags.optimize:
        raise pytest.UsageError(
            "Python leaves out assertions (-O, or PYTHONOPTIMIZE), and this suite checks itself by them:"
            " unset PYTHONOPTIMIZE"
        )
    if not hasattr(config.option, "benchmark_storage"):
        raise pytest.UsageError(
            "pytest-benchmark, which saves the results, is not loaded: unset"
            " PYTEST_DISABLE_PLUGIN_AUTOLOAD, and leave out -p no:benchmark"
        )
    config.pluginmanager.register(pytest_benchmark)
    if BENCH / "test_parity.py" in _paths(config):
        raise pytest.UsageError("bench/test_parity.py is now bench/test_gate.py")
    values = config.option
    values.benchmark_project_name = PROJECT  # else it is the name of the user's folder
    if values.benchmark_storage == DEFAULT_STORAGE:
        # pytest-benchmark creates the folder at once, and a run of the tests must leave none behind.
        values.benchmark_storage = f"file://{RESULTS if _runs_benchmarks(config) else ROOT}"
    if not values.benchmark_columns and _runs_benchmarks(config):
        # With its ten columns the table is 200 wide. The file has what is left out.
        values.benchmark_columns = ["median", "rounds"]
        if values.benchmark_sort == "min":  # the default, and no longer a column
            values.benchmark_sort = "median"
    scheme, has_scheme, _ = values.benchmark_storage.partition("://")
    if has_scheme and scheme != "file":
        raise pytest.UsageError("--benchmark-storage: results are saved into a folder, file://FOLDER")
    if _runs_benchmarks(config):
        _check_link(Path(values.benchmark_storage.removeprefix("file://")))
    config.stash[COMPARE], values.benchmark_compare = values.benchmark_compare, None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Gives pytest-benchmark a folder for this machine: its default is one folder per platform."""
    config = session.config
    plugin = _plugin(config)
    plugin.machine_id = machine.describe(config.option.machine).name
    if isinstance(plugin.storage, FileStorage):
        plugin.storage = Storage(plugin.storage.path, plugin.logger, plugin.machine_id)
    plugin.compare = config.option.benchmark_compare = config.stash[COMPARE]
    if _runs_benchmarks(config):
        _open_session(config)
    plugin.handle_loading()
    will_measure = SESSION in config.stash and not config.option.collectonly
    if will_measure and plugin.compare_fail and not plugin.compared_mapping:
        raise pytest.UsageError(
            "--benchmark-compare-fail needs a saved file to compare with, and there is none: name one"
            " with --benchmark-compare=FILE"
        )


def _check_link(storage: Path) -> None:
    """Raises UsageError if results are a link to nowhere, which pytest-benchmark would follow."""
    found = obstacle(storage)
    if found and found.kind == "dead link":
        problem, fix = problem_and_fix(found, ELSEWHERE)
        raise pytest.UsageError(f"nothing can be saved, since {problem}: {fix}")


def _plugin(config: pytest.Config) -> Any:
    """pytest-benchmark's session."""
    return config._benchmarksession  # type: ignore[attr-defined]


def _paths(config: pytest.Config) -> list[Path]:
    """The files and folders on the command line."""
    return [(config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args]


def _runs_benchmarks(config: pytest.Config) -> bool:
    """Whether the bench folder, or a file in it, is on the command line."""
    return any(path == BENCH or BENCH in path.parents for path in _paths(config))


def _open_session(config: pytest.Config) -> None:
    """Opens the session that the options describe. Raises UsageError."""
    if config.getoption("numprocesses", None):
        raise pytest.UsageError(
            "pytest bench -n: cells that run beside each other cannot be measured. Leave out -n, in"
            " PYTEST_ADDOPTS too"
        )
    plugin = _plugin(config)
    lock, only_list = Lock(), config.option.collectonly
    try:
        if not only_list:
            check_options(config)
            lock.acquire(f"pytest bench, saving to {plugin.storage.path / plugin.machine_id}")
        session = open_session(
            options.Options.from_config(config), Path(plugin.storage.path), only_list=only_list
        )
    except USAGE_ERRORS as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[SESSION] = session
    if not only_list:
        session.lock = lock
        # Kept until the process ends: a signal during its last steps must not end in a traceback.
        config.stash[SIGNAL_HANDLERS] = ExitStack()
        config.stash[SIGNAL_HANDLERS].enter_context(session.interrupts.handle_signals())
        # The results took hours, so they are saved without --benchmark-save too.
        plugin.save = plugin.save or plugin.autosave or session.save_as()
        if isinstance(plugin.storage, Storage):
            plugin.storage.attach(session, plugin)


def _run_doctor(config: pytest.Config, session: Session) -> None:
    """Keeps the doctor's findings for the terminal. Raises UsageError for an error among them."""
    facts = gather_facts(
        session.options_of_picked(),
        results=session.folder.parents[2],
        profile=session.profile,
        devices={cell.engine: cell.device for cell in session.picked},
        machine=session.machine,
    )
    findings = diagnosis.diagnose(facts)
    config.stash[FINDINGS] = findings
    errors = [finding for finding in findings if finding.level == "error"]
    if errors and not session.options.ignore_doctor:
        lines = summary.finding_lines(errors)
        raise pytest.UsageError("\n".join([*lines, "to run all the same: --ignore-doctor"]))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """The images first, then profile, devices and machine."""
    session = config.stash.get(SESSION, None)
    if session is None:
        return []
    return [
        f"data: {header.data_line(session)}",
        header.conditions_line(session),
        *header.engine_lines(session),
        *header.device_warning(session),
    ]


def pytest_ignore_collect(collection_path: Path) -> bool | None:
    """Leaves out files beside the two tests: with a copy of one, each cell would be measured twice."""
    path = collection_path.resolve()
    return True if BENCH in path.parents and path.is_file() and path not in TESTS else None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each cell of the grid."""
    if "cell" in metafunc.fixturenames:
        session = metafunc.config.stash.get(SESSION, None)
        cells = list(session.plans) if session else []
        metafunc.parametrize("cell", cells, ids=[cell.id for cell in cells])


def _cells(items: list[pytest.Item]) -> list[Cell]:
    """The distinct cells of the tests, in their order."""
    params = [getattr(getattr(item, "callspec", None), "params", {}) for item in items]
    return list(dict.fromkeys(param["cell"] for param in params if "cell" in param))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Puts the cells that are done first, so that an interrupted session still saves them."""
    session = config.stash.get(SESSION, None)
    if session and session.log.earlier:
        done = {cell for cell in session.plans if session.log.is_done(cell)}
        items.sort(key=lambda item: not ("run" in _fixtures(item) and set(_cells([item])) <= done))


def _fixtures(item: pytest.Item) -> list[str]:
    return getattr(item, "fixturenames", [])


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Picks the cells, prepares ImageNet's weights if one of them needs them, and asks the doctor."""
    bench_session = session.config.stash.get(SESSION, None)
    if bench_session and not session.config.option.collectonly:
        try:
            bench_session.pick(_cells(session.items))
            if bench_session.picked:
                _run_doctor(session.config, bench_session)
            if any("run" in _fixtures(item) for item in session.items):
                rehearse_saving(session.config)
                if bench_session.trials():
                    with (
                        progress.terminal(session.config) as console,
                        progress.ProgressBar(console, "trial") as bar,
                    ):
                        bar.add("how many steps an epoch has")
                        bench_session.cut_epochs()
                bench_session.begin(_plugin(session.config).save)
        except USAGE_ERRORS as error:
            raise pytest.UsageError(str(error)) from error


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Which cells will run, about how long they take, and the doctor's findings."""
    session = config.stash.get(SESSION, None)
    if session is None or config.option.collectonly:
        return []
    return [
        *header.resumed_from(session),
        *header.trial_lines(session),
        header.time_line(session),
        *header.speed_note(session),
        *header.cell_lines(session),
        *header.accepted_differences(session),
        *summary.finding_lines(config.stash.get(FINDINGS, ())),
    ]


@pytest.fixture
def gate(request: pytest.FixtureRequest, cell: Cell) -> Gate:
    """The cell's gate. Its checks run in a process of their own."""
    session = request.config.stash[SESSION]
    if reason := session.skip_reason(cell):
        pytest.skip(reason)
    left = progress.format_seconds(session.seconds_left())
    heading = f"correctness gate  {cell.id}  ({left} left in all)"
    with progress.terminal(request.config) as console, progress.ProgressBar(console, heading) as bar:
        bar.add("device against reference")
        return session.gate(cell)


@pytest.fixture
def run(request: pytest.FixtureRequest, cell: Cell) -> SessionRun:
    """The cell's run, trained in a process of its own; its epochs are the benchmark's rounds."""
    session = request.config.stash[SESSION]
    if reason := session.skip_reason(cell):
        session.skip(cell, reason)
        pytest.skip(reason)
    number = len(session.runs) + len(session.skipped) + 1
    left = progress.format_seconds(session.seconds_left())
    heading = f"cell {number} of {len(session.picked)}  {cell.id}  ({left} left in all)"
    with progress.terminal(request.config) as console, progress.ProgressBar(console, heading) as bar:
        session.interrupts.notify = console.print
        show = progress.progress_updater(bar, bar.add("starting"), epochs=session.plans[cell].epochs)
        run = session.run_cell(cell, show)
    request.node.add_marker(pytest.mark.benchmark(timer=run.clock, group=cell.experiment))
    return run


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, Any, Any]:
    """Saves the results so far after each cell."""
    done = yield
    if SESSION in item.config.stash and "run" in _fixtures(item):
        save_so_far(item.config)
    return done


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Saves the results, notes the unfinished cells, and sets the exit status."""
    bench_session = session.config.stash.get(SESSION, None)
    plugin = _plugin(session.config)
    if bench_session is None:
        yield
        return
    bench_session.interrupts.ignore_signals()
    if isinstance(plugin.storage, Storage) and plugin.storage.would_lose(plugin.benchmarks):
        plugin.benchmarks = []
    elif not plugin.benchmarks and (bench_session.runs or bench_session.skipped):
        save_without_benchmarks(session.config)
    if not plugin.benchmarks:
        plugin.save = plugin.autosave = plugin.json = None
    try:
        yield
    finally:
        bench_session.close()
        if getattr(plugin.storage, "problem", None):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED
        if bench_session.interrupts.requested_by:
            session.exitstatus = interrupts.EXIT_STATUS


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints our table, since pytest-benchmark's has no accuracy, and how to resume."""
    session = config.stash.get(SESSION, None)
    if session is None or not (session.log.begun or session.skipped):
        return
    terminalreporter.section("AlexNet")
    writer = terminalreporter._tw
    plugin = _plugin(config)
    if session.runs or session.skipped:
        text = summary.summary_text(
            session,
            width=writer.fullwidth,
            colour=writer.hasmarkup,
            is_terminal=terminalreporter.isatty,
        )
        terminalreporter.write_line(text)
    problem = getattr(plugin.storage, "problem", None)
    for line in [
        *summary.explanations(session),
        *summary.saved_differences(session, plugin.compared_mapping or {}),
        f"records and logs: {session.folder}",
        *([problem] if problem else []),
        *header.resume_hint(session),
    ]:
        terminalreporter.write_line(line)
