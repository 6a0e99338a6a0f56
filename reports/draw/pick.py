"""Rows of a frame that a plot shows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from reports.data.settings import EXPERIMENT_ORDER


def of(frame: pd.DataFrame, **values: Any) -> pd.DataFrame:
    """The rows that have these values."""
    has_all = np.ones(len(frame), bool)
    for name, value in values.items():
        has_all &= (frame[name] == value).to_numpy(bool)
    return frame[has_all]


def experiments(frame: pd.DataFrame) -> list[str]:
    """Those there are, in the order of the report."""
    there = set(frame["experiment"].unique())
    return [name for name in EXPERIMENT_ORDER if name in there]
