"""How pytest-benchmark saves and compares: our records and words, and a file that is whole or not there.

Its hooks are registered from conftest.py; its storage is replaced by `Storage`.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.logger import Logger
from pytest_benchmark.storage.file import FileStorage
from pytest_benchmark.utils import safe_dumps

from alexnet import durable
from bench.host import machine
from bench.records import diff
from bench.records.write import with_checksums
from bench.session.session import Session

SESSION = pytest.StashKey[Session]()


def pytest_benchmark_update_machine_info(config: pytest.Config, machine_info: dict[str, Any]) -> None:
    """Puts our own account of the machine beside pytest-benchmark's."""
    machine_info["machine"] = asdict(machine.describe(config.option.machine))
    del machine_info["node"]  # the host's full name, which is often its owner's
    for name in [name for name in machine_info["cpu"] if name.startswith("hz_actual")]:
        del machine_info["cpu"][name]  # the clock of one instant, which would make machines differ


def pytest_benchmark_update_json(config: pytest.Config, output_json: dict[str, Any]) -> None:
    """Adds the cells that failed or were skipped, which pytest-benchmark leaves out."""
    if session := config.stash.get(SESSION, None):
        session.in_order(output_json["benchmarks"])
        output_json.update(session.not_measured())
        output_json.update(with_checksums(output_json))


@pytest.hookimpl(wrapper=True)
def pytest_benchmark_compare_machine_info(
    benchmarksession: Any, machine_info: dict[str, Any], compared_benchmark: dict[str, Any]
) -> Generator[None]:
    """Says in words what differs between the machines; pytest-benchmark would print both as dicts."""
    saved = compared_benchmark["machine_info"]
    ours, theirs = machine_info.get("machine"), saved.get("machine")
    lines = diff.diff_machines(ours, theirs) if ours and theirs else ["saved by another suite"]
    for line in lines:
        benchmarksession.logger.info(f"this machine against the saved one: {line}", newline=False)
    compared_benchmark["machine_info"] = machine_info  # what it compares, and finds equal
    try:
        yield
    finally:
        compared_benchmark["machine_info"] = saved


class Storage(FileStorage):
    """One file a session, under the next number, or under its own if it goes on with an earlier one.

    `trouble` is a sentence where one could not be written: an error would end in a traceback.
    """

    def __init__(self, path: Path, logger: Logger, machine: str) -> None:
        super().__init__(str(path), logger, default_machine_id=machine)  # type: ignore[no-untyped-call]
        self.problem: str | None = None
        self._session: Session | None = None
        self._plugin: Any = None

    def serve(self, session: Session, plugin: Any) -> None:
        """Saves for this session from now on, `--benchmark-json` as well."""
        self._session, self._plugin = session, plugin
        plugin.save_json = lambda content: self._write(Path(plugin.json), content)

    @property
    def _own_file(self) -> str | None:
        """The session's file of before, unless another name is given now."""
        if self._session is None or self._plugin.config.option.benchmark_save:
            return None
        return self._session.file_to_replace()

    def would_lose(self, benchmarks: Sequence[Any]) -> bool:
        """Whether the file that would be replaced has results that this one has not; it then stands."""
        if self._session is None or self._own_file is None:
            return False
        return not self._session.log.in_file <= self._standing(benchmarks)

    def _standing(self, benchmarks: Sequence[Any]) -> set[str]:
        assert self._session
        return self._session.standing(benchmark.param for benchmark in benchmarks)

    def save(self, output_json: dict[str, Any], save: str) -> None:
        """Called by pytest-benchmark at the end."""
        name = self._own_file or f"{self._next_num}_{save}.json"
        file: Path = self.get(name)  # type: ignore[no-untyped-call]
        if self._write(file, output_json):
            self.logger.info(f"Saved benchmark data in: {file}")
            if self._session:
                self._session.log.saved(file.name, self._standing(self._plugin.benchmarks))

    def query(self, *globs: str) -> list[Path]:
        """The saved files; a session that goes on is not compared with what it saved itself."""
        earlier = self._session.log.earlier if self._session else None
        own = earlier.saved.file if earlier and earlier.saved else None
        found: list[Path] = super().query(*globs)  # type: ignore[no-untyped-call]
        return found if globs else [file for file in found if file.name != own]

    def _write(self, file: Path, content: dict[str, Any]) -> bool:
        """The whole file or none; returns whether it is there."""
        text: str = safe_dumps(content, ensure_ascii=True, indent=4)  # type: ignore[no-untyped-call]
        try:
            with durable.replacing(file) as partial:
                partial.write_text(text, encoding="ascii")
        except OSError as error:
            self.problem = (
                f"{file} could not be written ({error.strerror or error}). All that was measured is in"
                f" the journals: free space, or let the folder be written to"
            )
            return False
        return True


def save_without_benchmarks(config: pytest.Config) -> None:
    """What pytest-benchmark declines to do: saves a session in which no cell succeeded."""
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
