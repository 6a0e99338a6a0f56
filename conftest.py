"""The only pytest glue: options, the cell and run fixtures, and hooks that lose nothing."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from alexnet.data import DataError
from alexnet.layers import IllegalNetwork
from alexnet.recipe import IllegalRecipe
from bench import differences, doctor, machine, options, screen
from bench.doctor_rules import Finding
from bench.grid import IllegalPlan
from bench.prepare import NotPrepared
from bench.process import ROOT
from bench.records import Cell, Gate
from bench.run import Run
from bench.saving import sealed
from bench.session import Session, open_session

RESULTS = ROOT / "results"
PLUGINS_STORAGE = "file://./.benchmarks"  # pytest-benchmark's default, one folder for all machines
SESSION = pytest.StashKey[Session]()
FOUND = pytest.StashKey[Sequence[Finding]]()
COMPARE = pytest.StashKey[Any]()
ILLEGAL = (DataError, IllegalNetwork, IllegalPlan, IllegalRecipe, NotPrepared)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Adds the options of bench/options.py."""
    options.add_to(parser)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Points pytest-benchmark at results/ and keeps it from comparing before it knows the machine."""
    given = config.option
    if given.benchmark_storage == PLUGINS_STORAGE:
        given.benchmark_storage = f"file://{RESULTS}"
    config.stash[COMPARE], given.benchmark_compare = given.benchmark_compare, None


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Gives pytest-benchmark a folder for this machine: its own is shared by all of one platform."""
    config = session.config
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    plugin.machine_id = machine.describe(config.option.machine).name
    plugin.storage.default_machine_id = plugin.machine_id
    plugin.compare = config.option.benchmark_compare = config.stash[COMPARE]
    plugin.handle_loading()
    if _runs_benchmarks(config):
        _begin(config)


def _runs_benchmarks(config: pytest.Config) -> bool:
    """Whether the bench folder is asked for."""
    paths = [(config.invocation_params.dir / arg.split("::")[0]).resolve() for arg in config.args]
    return any(path == ROOT / "bench" or ROOT / "bench" in path.parents for path in paths)


def _begin(config: pytest.Config) -> None:
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    try:
        session = open_session(
            options.Options.from_config(config),
            Path(plugin.storage.path),
            only_list=config.option.collectonly,
        )
    except ILLEGAL as error:
        raise pytest.UsageError(str(error)) from error
    config.stash[SESSION] = session
    # A benchmark that took hours is saved, named or not.
    if not config.option.collectonly:
        plugin.save = plugin.save or plugin.autosave or session.profile


def _ask_the_doctor(config: pytest.Config, session: Session) -> None:
    """Keeps what would spoil the picked cells, for the terminal; stops them unless told not to."""
    found = doctor.findings(
        session.options_of_picked(),
        results=session.folder.parents[2],
        profile=session.profile,
        devices={cell.framework: cell.device for cell in session.picked},
        here=session.machine,
    )
    config.stash[FOUND] = found
    spoilers = [finding for finding in found if finding.level == "spoils"]
    if spoilers and not session.options.ignore_doctor:
        lines = screen.findings(spoilers)
        raise pytest.UsageError("\n".join([*lines, "to run all the same: --ignore-doctor"]))


def pytest_report_header(config: pytest.Config) -> list[str]:
    """Says first of all which images these are, then profile, devices and machine."""
    session = config.stash.get(SESSION, None)
    if session is None:
        return []
    note = session.unlike_devices()
    return [f"data: {session.data_line()}", session.setting(), *([note] if note else [])]


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each cell of the grid."""
    if "cell" in metafunc.fixturenames:
        session = metafunc.config.stash.get(SESSION, None)
        cells = list(session.plans) if session else []
        metafunc.parametrize("cell", cells, ids=[cell.id for cell in cells])


def _cells(items: list[pytest.Item]) -> list[Cell]:
    params = [getattr(getattr(item, "callspec", None), "params", {}) for item in items]
    return list(dict.fromkeys(param["cell"] for param in params if "cell" in param))


@pytest.hookimpl(tryfirst=True)
def pytest_collection_finish(session: pytest.Session) -> None:
    """Settles the cells that were picked, and fetches ImageNet's weights if one of them needs them."""
    ours = session.config.stash.get(SESSION, None)
    if ours and not session.config.option.collectonly:
        try:
            ours.pick(_cells(session.items))
        except ILLEGAL as error:
            raise pytest.UsageError(str(error)) from error
        if ours.picked:
            _ask_the_doctor(session.config, ours)


def pytest_report_collectionfinish(config: pytest.Config) -> list[str]:
    """Says which cells will run and about how long they take."""
    session = config.stash.get(SESSION, None)
    if session is None or config.option.collectonly:
        return []
    about = screen.seconds(session.expected_seconds())
    skipped = {cell: " (will be skipped)" for cell in session.picked if session.skip_reason(cell)}
    return [
        f"{len(session.picked)} cells, roughly {about} (guessed, not yet measured)",
        *(f"  {cell.id}{skipped.get(cell, '')}" for cell in session.picked),
        *screen.findings(config.stash.get(FOUND, ())),
    ]


@pytest.fixture
def gate(request: pytest.FixtureRequest, cell: Cell) -> Gate:
    """What the cell's gate answered, in a process of its own."""
    session = request.config.stash[SESSION]
    if reason := session.skip_reason(cell):
        pytest.skip(reason)
    with screen.terminal(_capture(request)) as console, screen.progress(console) as bar:
        bar.add_task(f"correctness gate  {cell.id}", total=None, note="device against CPU")
        return session.gate(cell)


@pytest.fixture
def run(request: pytest.FixtureRequest, cell: Cell) -> Run:
    """The cell carried out in a process of its own; its epochs are the benchmark's rounds."""
    session = request.config.stash[SESSION]
    if reason := session.skip_reason(cell):
        session.skip(cell, reason)
        pytest.skip(reason)
    with screen.terminal(_capture(request)) as console:
        run = _followed(session, cell, console)
    request.node.add_marker(pytest.mark.benchmark(timer=run.clock, group=cell.experiment))
    return run


def _capture(request: pytest.FixtureRequest) -> Any:
    return request.config.pluginmanager.getplugin("capturemanager")


def _followed(session: Session, cell: Cell, console: Console) -> Run:
    plan, number = session.plans[cell], len(session.runs) + len(session.skipped) + 1
    with screen.progress(console) as bar:
        name = f"cell {number} of {len(session.picked)}  {cell.id}"
        task = bar.add_task(name, total=None, note="starting")
        follow = screen.follower(bar, task, epochs=plan.epochs)
        return session.carry_out(cell, follow)


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Puts our own account of the machine beside pytest-benchmark's."""
    machine_info["machine"] = asdict(machine.describe(config.option.machine))
    del machine_info["node"]  # the host's full name, which is often its owner's
    for name in [name for name in machine_info["cpu"] if name.startswith("hz_actual")]:
        del machine_info["cpu"][name]  # the clock of one instant, which would make machines differ


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Adds the cells that failed or were skipped, which pytest-benchmark leaves out."""
    if session := config.stash.get(SESSION, None):
        output_json.update(session.not_measured())
        output_json.update(sealed(output_json))


@pytest.hookimpl(wrapper=True)
def pytest_benchmark_compare_machine_info(
    benchmarksession: Any, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> Generator[None]:
    """Says in words what differs between the machines; pytest-benchmark would print both as dicts."""
    saved = compared_benchmark["machine_info"]
    ours, theirs = machine_info.get("machine"), saved.get("machine")
    lines = differences.machines(ours, theirs) if ours and theirs else ["saved by another suite"]
    for line in lines:
        benchmarksession.logger.info(f"this machine against the saved one: {line}", newline=False)
    compared_benchmark["machine_info"] = machine_info  # what it compares, and finds equal
    try:
        yield
    finally:
        compared_benchmark["machine_info"] = saved


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None]:
    """Saves, before pytest-benchmark declines to, the file of a session in which no cell succeeded."""
    ours = session.config.stash.get(SESSION, None)
    plugin = session.config._benchmarksession  # type: ignore[attr-defined]
    if ours and not plugin.benchmarks:
        if (ours.runs or ours.skipped) and not plugin.disabled:
            _save_without_benchmarks(session.config)
        plugin.save = plugin.autosave = plugin.json = None
    try:
        yield
    finally:
        if ours:
            ours.close()


def _save_without_benchmarks(config: pytest.Config) -> None:
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    output = config.hook.pytest_benchmark_generate_json(
        config=config,
        benchmarks=[],
        include_data=False,
        machine_info=plugin.get_machine_info(),
        commit_info=config.hook.pytest_benchmark_generate_commit_info(config=config),
    )
    config.hook.pytest_benchmark_update_json(config=config, benchmarks=[], output_json=output)
    plugin.storage.save(output, plugin.save)
    if plugin.json:
        plugin.save_json(output)


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Prints our table: pytest-benchmark's cannot show accuracy, memory or parameters."""
    session = config.stash.get(SESSION, None)
    if session is None or not (session.runs or session.skipped):
        return
    terminalreporter.section("AlexNet")
    writer = terminalreporter._tw
    text = screen.rendered(screen.summary(session), width=writer.fullwidth, colour=writer.hasmarkup)
    terminalreporter.write_line(text.rstrip())
    saved = config._benchmarksession.compared_mapping or {}  # type: ignore[attr-defined]
    for line in [*screen.explanations(session), *screen.compared(session, saved)]:
        terminalreporter.write_line(line)
    terminalreporter.write_line(f"records and logs: {session.folder}")
