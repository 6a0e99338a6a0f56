"""pytest-benchmark's result files, written so that a reader never sees half of one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytest_benchmark.logger import Logger
from pytest_benchmark.storage.file import FileStorage
from pytest_benchmark.utils import safe_dumps

from alexnet import durable


class Storage(FileStorage):
    """One file a session, under the next number, or under its own if it goes on with an earlier one.

    `trouble` is a sentence where it could not be written; `saved_as` its name once it is there.
    """

    def __init__(self, path: Path, logger: Logger, machine: str) -> None:
        super().__init__(str(path), logger, default_machine_id=machine)  # type: ignore[no-untyped-call]
        self.own_name: str | None = None
        self.saved_as: str | None = None
        self.trouble: str | None = None

    def save(self, output_json: dict[str, Any], save: str) -> None:
        """Called by pytest-benchmark at the end; trouble is kept, or it would end in a traceback."""
        try:
            name = self.own_name or f"{self._next_num}_{save}.json"
            file: Path = self.get(name)  # type: ignore[no-untyped-call]
            write(file, output_json)
        except OSError as error:
            self.trouble = (
                f"the result file could not be written in {self.path} ({error.strerror or error}). All"
                f" that was measured is in the journals: free space, or let the folder be written to"
            )
            return
        self.saved_as = file.name
        self.logger.info(f"Saved benchmark data in: {file}")


def write(file: Path, content: dict[str, Any]) -> None:
    """The whole file or none. Raises OSError."""
    text: str = safe_dumps(content, ensure_ascii=True, indent=4)  # type: ignore[no-untyped-call]
    with durable.replacing(file) as partial:
        partial.write_text(text, encoding="ascii")


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
