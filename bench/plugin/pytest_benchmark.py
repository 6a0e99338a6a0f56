"""How pytest-benchmark saves and compares: with our records, and each file written whole or not at all.

conftest.py registers the hooks, and replaces pytest-benchmark's storage by `Storage`.
"""

from __future__ import annotations

import os
from collections.abc import Generator, Iterator, Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import pytest
from msgspec import to_builtins
from pytest_benchmark.logger import Logger
from pytest_benchmark.stats import normalize_stats
from pytest_benchmark.storage.file import FileStorage
from pytest_benchmark.utils import DEFAULT_COLUMNS, safe_dumps

from alexnet import durable
from bench.host import identity, machine
from bench.plan.prepare import cache_folder
from bench.records import diff
from bench.records.progress import SO_FAR_FILE
from bench.records.read import UnreadableFile, read, require_benchmarks
from bench.records.types import Cell
from bench.records.write import with_checksums
from bench.session.resume import SessionRefused
from bench.session.session import Session

SESSION = pytest.StashKey[Session]()
NUMBERED = "[0-9][0-9][0-9][0-9]_"
"""The beginning of a saved file's name, as a glob."""


def check_options(config: pytest.Config) -> None:
    """Raises UsageError for what pytest-benchmark would refuse, or not save, once all cells have run."""
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    if plugin.disabled or plugin.skip:
        raise pytest.UsageError(
            "pytest-benchmark is switched off here, so nothing would be saved: leave out"
            " --benchmark-disable, --benchmark-skip and --dist, in PYTEST_ADDOPTS too, and unset"
            " PYTEST_XDIST_WORKER"
        )
    if plugin.cprofile_sort_by:
        raise pytest.UsageError(
            "--benchmark-cprofile would profile nothing, since each cell trains in a process of its own:"
            " leave it out"
        )
    if plugin.histogram and not find_spec("pygal"):
        raise pytest.UsageError(
            "--benchmark-histogram needs pygal, which is not installed: call `.venv/bin/python -m pip"
            " install pygal`, or leave it out (`make report` draws every run)"
        )
    entry = {"group": "", "name": "", "fullname": "", "param": "", "params": {"cell": ""}}
    try:
        config.hook.pytest_benchmark_group_stats(
            config=config, benchmarks=[entry], group_by=plugin.group_by
        )
    except (NotImplementedError, KeyError):
        raise pytest.UsageError(
            f"--benchmark-group-by {plugin.group_by}: benchmarks are grouped by group, name, fullname,"
            " func, fullfunc, param or param:cell"
        ) from None


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Adds our record of the machine to pytest-benchmark's."""
    session = config.stash.get(SESSION, None)
    described = session.machine if session else machine.describe(config.option.machine)
    machine_info["machine"] = to_builtins(described)
    del machine_info["node"]  # the full host name, which often contains the owner's name
    for name in [name for name in machine_info["cpu"] if name.startswith("hz_actual")]:
        del machine_info["cpu"][name]  # the momentary clock rate


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Adds the failed and skipped cells, which pytest-benchmark leaves out, and hides the user.

    A cell is named by its id.
    """
    for benchmark in output_json["benchmarks"]:
        if params := benchmark["params"]:
            benchmark["params"] = {
                name: value.id if isinstance(value, Cell) else value for name, value in params.items()
            }
    if session := config.stash.get(SESSION, None):
        session.sort_benchmarks(output_json["benchmarks"])
        output_json.update(session.extra_fields())
        output_json.update(with_checksums(users_identity(config, session).hide(output_json)))


def users_identity(config: pytest.Config, session: Session) -> identity.Identity:
    """The user's name and all folders of a session, which stay out of its file."""
    environ = os.environ
    return identity.users_identity(
        {
            "<data>": (session.source.folder, session.options.data_dir, environ.get("ALEXNET_DATA")),
            "<weights>": (session.options.weights,),
            "<results>": (config.option.benchmark_storage.removeprefix("file://"),),
            "<cache>": (cache_folder(), environ.get("TORCH_HOME")),
        }
    )


@pytest.hookimpl(wrapper=True)
def pytest_benchmark_compare_machine_info(
    benchmarksession: Any, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> Generator[None]:
    """Logs what differs between the machines; pytest-benchmark would print both as dicts."""
    saved = compared_benchmark["machine_info"]
    ours, theirs = machine_info["machine"], saved.get("machine")
    # pytest-benchmark's own value under this key is a string, such as "arm64".
    is_ours = isinstance(theirs, dict)
    lines = diff.diff_machines(ours, theirs) if is_ours else ["saved by another suite"]
    for line in lines:
        benchmarksession.logger.info(f"this machine against the saved one: {line}", newline=False)
    compared_benchmark["machine_info"] = machine_info  # so that pytest-benchmark finds them equal
    try:
        yield
    finally:
        compared_benchmark["machine_info"] = saved


class Storage(FileStorage):
    """One file per session, under the next number; a resumed session replaces its own file.

    `problem` is a sentence if the file could not be written: an exception would end in a traceback.
    """

    def __init__(self, path: Path, logger: Logger, machine: str) -> None:
        super().__init__(str(path), logger, default_machine_id=machine)  # type: ignore[no-untyped-call]
        self.problem: str | None = None
        self._session: Session | None = None
        self._plugin: Any = None

    def attach(self, session: Session, plugin: Any) -> None:
        """Saves for this session from now on, including `--benchmark-json`."""
        self._session, self._plugin = session, plugin
        plugin.save_json = lambda content: self._write(Path(plugin.json), content)

    @property
    def _file_to_replace(self) -> str | None:
        """The file of the resumed session; None if the command line gives another name."""
        if self._session is None or self._plugin.config.option.benchmark_save:
            return None
        return self._session.file_to_replace()

    def would_lose(self, benchmarks: Sequence[Any]) -> bool:
        """Whether the file to be replaced has results that these benchmarks lack."""
        if self._session is None or self._file_to_replace is None:
            return False
        return not self._session.log.saved_cells <= self._cells_to_save(benchmarks)

    def _cells_to_save(self, benchmarks: Sequence[Any]) -> set[str]:
        assert self._session
        return self._session.cells_to_save(benchmark.param for benchmark in benchmarks)

    def save(self, output_json: dict[str, Any], save: str) -> None:
        """Writes the session's file; pytest-benchmark calls it at the end."""
        name = self._file_to_replace or f"{self._next_num}_{save}.json"
        file: Path = self.get(name)  # type: ignore[no-untyped-call]
        if self._write(file, output_json):
            self.logger.info(f"Saved benchmark data in: {file}")
            if self._session:
                self._session.log.add_saved_file(file.name, self._cells_to_save(self._plugin.benchmarks))

    def save_so_far(self, output_json: dict[str, Any]) -> None:
        """Writes the results of the cells that are done into the session's folder.

        Ignores write errors: all of it is in the journals, and the end of the session names a full disk.
        """
        assert self._session
        with suppress(OSError):
            _write(self._session.folder / SO_FAR_FILE, output_json)

    def lacks_earlier_results(self) -> bool:
        """Whether a cell is not there yet whose result the earlier session has."""
        assert self._session
        log = self._session.log
        earlier = {cell.id for cell in self._session.picked if log.is_done(cell)}
        return not earlier <= self._cells_to_save(self._plugin.benchmarks)

    def load(self, *names: str) -> Iterator[tuple[Path, dict[str, Any]]]:
        """The saved files of these names, or all, and their contents, to compare with.

        A file that cannot be compared with is passed over, and said. Without names the resumed session's
        own is left out: it is not compared with itself. Raises UsageError for a path where no file is.
        """
        earlier = self._session.log.earlier if self._session else None
        own = earlier.saved.file if earlier and earlier.saved and not names else None
        try:
            files: list[Path] = self.query(*(names or (NUMBERED,)))  # type: ignore[no-untyped-call]
        except ValueError as error:
            raise pytest.UsageError(
                f"--benchmark-compare: {', '.join(names)} is no file that can be read, and no file in"
                f" {self.path} has that number or name. Name a saved .json"
            ) from error
        for file in files:
            if file.name == own:
                continue
            try:
                content = read(file)
                _require_stats(content)
            except UnreadableFile as error:
                self.logger.info(f"{file} is not compared with: {error}", newline=False)
                continue
            yield file.relative_to(self.path) if file.is_relative_to(self.path) else file, content

    def _write(self, file: Path, content: dict[str, Any]) -> bool:
        """Writes the whole file or nothing; returns whether it was written."""
        try:
            _write(file, content)
        except OSError as error:
            self.problem = (
                f"{file} could not be written ({error.strerror or error}). All that was measured is in"
                f" the journals: free space, or make the folder writable"
            )
            return False
        return True


def _write(file: Path, content: dict[str, Any]) -> None:
    """Writes the whole file or nothing. Raises OSError."""
    text: str = safe_dumps(content, ensure_ascii=True, indent=4)  # type: ignore[no-untyped-call]
    with durable.replacing(file) as partial:
        partial.write_text(text, encoding="ascii")


def _require_stats(content: Any) -> None:
    """Raises UnreadableFile for content without what pytest-benchmark's table shows."""
    require_benchmarks(content)
    for index, benchmark in enumerate(content["benchmarks"]):
        stats = benchmark.get("stats") if isinstance(benchmark, dict) else None
        if not isinstance(stats, dict) or not isinstance(benchmark.get("fullname"), str):
            raise UnreadableFile(f"benchmarks[{index}] has no fullname or no stats")
        if isinstance(stats.get("mean"), int | float) and stats["mean"] > 0:
            normalize_stats(stats)  # type: ignore[no-untyped-call]
        for name in DEFAULT_COLUMNS:
            if not isinstance(stats.get(name), str if name == "outliers" else int | float):
                raise UnreadableFile(f"benchmarks[{index}].stats.{name} is missing or of another kind")


def rehearse_saving(config: pytest.Config) -> None:
    """Makes what a session without benchmarks would save: what fails at the end fails now.

    The computer's description is kept for the end, since it takes a second. Raises SessionRefused.
    """
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    try:
        machine_info = plugin.get_machine_info()
        plugin.get_machine_info = lambda: machine_info
        safe_dumps(_content(config, []))  # type: ignore[no-untyped-call]
    except Exception as error:  # whatever a computer does to pytest-benchmark and its own packages
        reason = (str(error).strip() or "no message").splitlines()[0]
        raise SessionRefused(
            f"the results could not be saved at the end, so nothing is measured: this computer and the"
            f" code cannot be described ({type(error).__name__}: {reason})"
        ) from error
    if plugin.json:
        try:
            TemporaryFile(dir=Path(plugin.json).parent).close()
        except OSError as error:
            raise SessionRefused(
                f"--benchmark-json {plugin.json} could not be written at the end ({error.strerror}):"
                f" name a file in a folder that is there and can be written, or leave it out"
            ) from error


def save_without_benchmarks(config: pytest.Config) -> None:
    """Saves a session in which no cell succeeded; pytest-benchmark would not."""
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    output = _content(config, [])
    plugin.storage.save(output, plugin.save)
    if plugin.json:
        plugin.save_json(output)


def save_so_far(config: pytest.Config) -> None:
    """Saves the cells that are done: who fetches them from a computer that is lost has them.

    A session that goes on has to come to where it was before.
    """
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    storage = plugin.storage
    if isinstance(storage, Storage) and not storage.lacks_earlier_results():
        storage.save_so_far(_content(config, plugin.benchmarks))


def _content(config: pytest.Config, benchmarks: Sequence[Any]) -> dict[str, Any]:
    """What pytest-benchmark would save of these benchmarks, and we of the session, as it stands."""
    plugin = config._benchmarksession  # type: ignore[attr-defined]
    output: dict[str, Any] = config.hook.pytest_benchmark_generate_json(
        config=config,
        benchmarks=benchmarks,
        include_data=plugin.save_data,
        machine_info=plugin.get_machine_info(),
        commit_info=config.hook.pytest_benchmark_generate_commit_info(config=config),
    )
    config.hook.pytest_benchmark_update_json(config=config, benchmarks=benchmarks, output_json=output)
    return output
