"""Where everything comes from: settings, runs, files, and what is in no comparison and why."""

from __future__ import annotations

import pandas as pd

from reports.settings import EXPERIMENT
from reports.study.compare import Study

RUNS = (
    *("run", "machine", "cell", "setting", "validity", "file", "started_at", "sha256"),
    *("experiment", "engine", "device", "seed", "repeat"),
)
APART = ("run", "machine", "cell", "setting", "validity", "reasons", "failure")


def settings(study: Study) -> pd.DataFrame:
    """What each letter stands for."""
    return study.frames.settings


def recipes(study: Study) -> pd.DataFrame:
    """One row a setting and way to train an experiment, and how many runs went that way."""
    names = ["setting", "experiment", *EXPERIMENT, "weights_origin"]
    runs = study.frames.runs
    began = runs[runs["data_sha256"].notna()]
    counts = began.groupby(names, sort=False, dropna=False).size()
    return counts.reset_index(name="runs")


def runs(study: Study) -> pd.DataFrame:
    """Every run, with the file that it is in."""
    return study.frames.runs[list(RUNS)]


def apart(study: Study) -> pd.DataFrame:
    """The runs that are in no comparison: invalid or failed, with the reasons."""
    frame = study.frames.runs
    return frame[frame["validity"] != "valid"][list(APART)]


def skipped(study: Study) -> pd.DataFrame:
    """The cells that were not run, with the reasons."""
    return study.frames.skipped


def left_out(study: Study) -> pd.DataFrame:
    """The files, and the parts of files, that could not be used, with the reasons."""
    return study.frames.left_out


def sources(study: Study) -> pd.DataFrame:
    """The files that were read, each with its sha256."""
    return study.frames.sources
