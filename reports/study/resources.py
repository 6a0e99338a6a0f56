"""Which of two engines takes more memory or energy on one device, judged as their speeds are.

A run's figure is positive, and engines are compared by ratios, so the rule is that of
`reports.study.ratios`: *faster* is more and *slower* is less.
"""

from __future__ import annotations

from collections.abc import Hashable

import pandas as pd

from reports.study.compare import CELL, Samples, Study, engines, of_study, sampled
from reports.study.ratios import LEAST_EPOCHS, RunValue, Sample

HOST, CARD, ENERGY = "grown_host_bytes", "peak_device_bytes", "joules_per_epoch"
LEAST_EPOCHS_OF_A_PEAK = 1
"""A peak of memory is one figure of a whole run, and no median of its epochs: one has it as well."""


def host_memory(study: Study) -> pd.DataFrame:
    """Engine with engine in the main setting: the bytes by which training grew the process.

    The columns are those of `Study.engines`; a value is the mean over runs, as a sample has it. All
    settings are one family of comparisons, as those of speeds are.
    """
    return _judged(study, peaks(study, HOST), least_epochs=LEAST_EPOCHS_OF_A_PEAK)


def card_memory(study: Study) -> pd.DataFrame:
    """The same of the peak bytes of a graphics card's own memory, as the framework counts it.

    Of CUDA alone: on Apple's chips the GPU's memory is the host's, and in its figure.
    """
    on_card = {
        cell: sample
        for cell, sample in peaks(study, CARD).items()
        if cell[CELL.index("device")] == "cuda"
    }
    return _judged(study, on_card, least_epochs=LEAST_EPOCHS_OF_A_PEAK)


def energy(study: Study) -> pd.DataFrame:
    """The same of the joules an epoch, of processor and GPU together.

    Joules an image would give the same ratios: in one setting every epoch of an experiment has the same
    images.
    """
    return _judged(study, joules(study, ENERGY))


@of_study
def peaks(study: Study, column: str) -> Samples:
    """Cell -> the peaks of its valid runs, in bytes: `column` of the frame `runs`.

    A run without a figure above 0 is in no sample. The epochs of a run are all that it trained, since
    its peak is over them.
    """
    runs = study.frames.valid[[*CELL, "run", "session", column, "epochs", "started_at"]]
    return sampled(
        (
            tuple(row[name] for name in CELL),
            row["session"],
            RunValue(
                run=row["run"],
                value=float(row[column]),
                epochs=int(row["epochs"]),
                began=row["started_at"] or "",
            ),
        )
        for row in runs[runs[column] > 0].to_dict("records")
    )


@of_study
def joules(study: Study, column: str) -> Samples:
    """Cell -> the energy of those runs that speak for its speed, and of the same epochs.

    `column` of the frame `runs` has a run's median over these epochs. Where all epochs of all runs were
    disturbed none counts, and so there is no verdict. A run without a figure above 0 is in no sample.
    """
    runs = study.frames.valid
    figures = {run: float(value) for run, value in zip(runs["run"], runs[column], strict=True)}
    samples = {}
    for cell, speeds in study.samples.items():
        sessions = {
            name: tuple(
                RunValue(run=run.run, value=figures[run.run], epochs=run.epochs, began=run.began)
                for run in of_one
                if figures[run.run] > 0  # a missing one is NaN
            )
            for name, of_one in speeds.sessions.items()
        }
        if measured := {name: of_one for name, of_one in sessions.items() if of_one}:
            samples[cell] = Sample(sessions=measured)
    return samples


def values(samples: Samples) -> dict[tuple[Hashable, ...], float]:
    """Cell -> the figure that stands for its runs: the one that is compared."""
    return {cell: sample.value for cell, sample in samples.items()}


def gpu_alone(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs whose GPU's energy was counted and whose processor's was not."""
    return runs[runs["joules_per_epoch"].isna() & runs["gpu_joules_per_epoch"].notna()]


def _judged(study: Study, samples: Samples, *, least_epochs: int = LEAST_EPOCHS) -> pd.DataFrame:
    """The comparisons of the main setting."""
    table = engines(study.frames, samples, least_epochs=least_epochs)
    return study.usual_pairs(table)
