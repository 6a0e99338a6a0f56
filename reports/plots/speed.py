"""How long an epoch takes: every epoch a point, the median marked."""

from __future__ import annotations

import pandas as pd
from matplotlib.ticker import MaxNLocator

from alexnet.frameworks.registry import ENGINES
from reports.document import Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.plots.bands import Lane, bands, value
from reports.settings import engines_of
from reports.study import typical
from reports.study.compare import Study
from reports.words import seconds, significant

JITTER, MEDIAN = 0.24 / 0.19, 0.15 / 0.19
"""How far points of one lane lie apart and half a median's height, where half a lane's height is 1."""


@house.styled
def seconds_per_epoch(study: Study) -> Picture | None:
    """Each point is one epoch of training, evaluation not counted; the bar is the median. Of several
    runs it is the geometric mean of their medians. Hollow points are warm-ups, disturbed epochs and
    those of an earlier stage, out of the median. Time begins at 0.
    """
    shown = pick.Shown(study)
    if shown.runs.empty:
        return None
    drawn = bands(shown)
    most = pick.limit(len(drawn.lanes))
    sampled = False
    all_epochs = shown.epochs[["machine", "device", "experiment", "engine", "train_seconds", "timed"]]
    longest = all_epochs.groupby("experiment")["train_seconds"].max()
    units = {name: house.unit_of(float(value)) for name, value in longest.items()}
    runs_of, epochs_of = pick.cells(shown.runs), pick.cells(all_epochs)
    for lane in drawn.lanes:
        epochs = epochs_of[lane.cell]
        _, sign, size = units[lane.experiment]
        sampled |= len(epochs) > most
        epochs = epochs.iloc[pick.spread(len(epochs), most)]
        _points(lane, epochs, size)
        middle = typical.seconds_per_epoch(runs_of[lane.cell]) / size
        lane.panel.plot(
            [middle, middle],
            [lane.y - MEDIAN * lane.half, lane.y + MEDIAN * lane.half],
            color=LIGHT["ink"],
            linewidth=2.2,
            solid_capstyle="butt",
            zorder=4,
        )
        value(lane, f"{significant(middle)} {sign}")
    for experiment, panel in drawn.axes.items():
        unit, _, size = units[experiment]
        panel.set_xlim(0, 1.06 * float(longest[experiment]) / size)
        panel.xaxis.set_major_locator(MaxNLocator(nbins=4))
        panel.set_xlabel(f"{unit} an epoch")
    house.key(
        drawn.figure,
        [
            *house.engine_keys(engines_of(shown.runs), line=False),
            house.mark("median", marker="|", markersize=11, markeredgewidth=2.2, color=LIGHT["ink"]),
            house.mark("not timed", marker="o", markerfacecolor="none"),
        ],
    )
    here = pick.by_engine(
        shown.runs,
        "seconds_per_epoch",
        "median timed epoch",
        seconds,
        "A median epoch of {} takes ",
        statistic=pick.SECONDS,
    )
    return house.picture(
        seconds_per_epoch,
        name="seconds",
        title="Seconds an epoch",
        here=(*here, *_sampled(sampled, most), *shown.rest),
        figure=drawn.figure,
        alt=f"Points for the time of each epoch. {' '.join(sentence.text for sentence in here)}",
    )


def _points(lane: Lane, epochs: pd.DataFrame, size: float) -> None:
    timed = epochs["timed"].to_numpy(bool)
    times = epochs["train_seconds"].to_numpy(float) / size
    colour, marker = LIGHT[lane.engine], ENGINES[lane.engine].marker
    # The golden ratio's multiples scatter evenly, and the same way every time.
    lifts = lane.y + JITTER * lane.half * ((pd.RangeIndex(len(times)).to_numpy() * 0.618034) % 1 - 0.5)
    lane.panel.plot(
        times[timed], lifts[timed], marker, color=colour, markersize=3.6, markeredgewidth=0, alpha=0.7
    )
    lane.panel.plot(
        times[~timed],
        lifts[~timed],
        marker,
        markerfacecolor="none",
        markersize=3.6,
        markeredgecolor=colour,
        markeredgewidth=0.9,
    )


def _sampled(sampled: bool, most: int) -> tuple[Sentence, ...]:
    if not sampled:
        return ()
    return (
        say(
            "Of more than {most} epochs of a kind, {most} at even distances are drawn.", most=f"{most:,}"
        ),
    )
