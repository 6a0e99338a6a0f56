"""The report put together: its first page, then the chapters in the order of reading."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pandas as pd

from reports.chapters import (
    apart,
    classes,
    engines,
    learning,
    machines,
    method,
    networks,
    original,
    resources,
    sources,
    steadiness,
)
from reports.chapters.front import front
from reports.study.compare import Study
from reports.write.document import Report, Section

CHAPTERS: tuple[Callable[[Study], Section | None], ...] = (
    engines.chapter,
    machines.chapter,
    learning.chapter,
    classes.chapter,
    networks.chapter,
    resources.chapter,
    steadiness.chapter,
    original.chapter,
    apart.chapter,
    method.chapter,
    sources.chapter,
)
"""In the order of reading; a chapter that has nothing to say is left out."""


def report(study: Study) -> Report:
    """The whole report."""
    with _frozen():
        first = front(study)
        sections = [chapter(study) for chapter in CHAPTERS]
    return Report(
        eyebrow=first.eyebrow,
        title=first.title,
        summary=first.lede,
        figures=first.figures,
        front=first.blocks,
        sections=tuple(section for section in sections if section is not None),
        data=_data(study),
    )


def _data(study: Study) -> dict[str, pd.DataFrame]:
    """The frames beside the report that no table holds."""
    return {
        "runs": study.frames.runs,
        "epochs": study.frames.epochs,
        "engine_means": study.engine_means,
    }


@contextmanager
def _frozen() -> Iterator[None]:
    """Keeps the frames out of the garbage collector's walks, which drawing sets off by the thousand."""
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()
