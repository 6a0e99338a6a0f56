"""What all of the report's tests share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from reports.study import compare
from tests.support.report_files import FULL


@pytest.fixture(scope="package", autouse=True)
def short_runs_are_whole() -> Iterator[None]:
    """The sample runs are a few epochs long and have a patience of one: here a recipe has no more."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compare, "least_patience", lambda experiment: FULL.patience)
        yield
