"""How much memory training takes, beside what importing the framework takes."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.ticker import MaxNLocator

from reports.document import Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.plots.bands import Lane, bands, value
from reports.settings import engines_of
from reports.study import typical
from reports.study.compare import Study
from reports.study.resources import CARD, HOST
from reports.words import DASH, gigabytes, missing


def _mean(runs: pd.DataFrame, column: str) -> float:
    """The bytes that stand for the runs of a cell, as they are compared; NaN where none has any."""
    return typical.pooled(zip(runs["session"], runs[column].astype(float), strict=True))


MEAN = pick.Statistic(name="geometric mean over {} runs: ", of=_mean)


def measured(runs: pd.DataFrame) -> pd.DataFrame:
    """The runs, without figures that are compared with nothing: not above 0, or no graphics card's."""
    return runs.assign(
        **{
            HOST: runs[HOST].where(runs[HOST] > 0),
            CARD: runs[CARD].where((runs[CARD] > 0) & (runs["device"] == "cuda")),
        }
    )


def means(runs: pd.DataFrame) -> tuple[float, float]:
    """The means over runs, in bytes, of host memory and of a graphics card's own; NaN for none."""
    there = measured(runs)
    return _mean(there, HOST), _mean(there, CARD)


@house.styled
def memory(study: Study) -> Picture | None:
    """The process's memory at its peak, less what it held once the framework was imported: what the
    network and its training take. A bar is the geometric mean of the runs, and begins at 0.
    """
    shown = pick.Shown(study)
    there = measured(shown.runs)
    if there[[HOST, CARD]].isna().all(axis=None):
        return None
    drawn, runs_of = bands(shown), pick.cells(there)
    cards = False
    for lane in drawn.lanes:
        runs = runs_of[lane.cell]
        host, card = means(runs)
        cards |= not missing(card)
        _bars(lane, host, card, runs[HOST])
    top = max(panel.get_xlim()[1] for panel in drawn.axes.values())
    for panel in drawn.axes.values():
        panel.set_xlim(0, max(top, 0.1))
        panel.xaxis.set_major_locator(MaxNLocator(nbins=4))
    for panel in list(drawn.axes.values())[-2:]:
        panel.set_xlabel("GB")
    keys = house.engine_keys(engines_of(shown.runs), line=False)
    if cards:
        keys.append(house.mark("on the graphics card", marker="s", markersize=8, markerfacecolor="none"))
    house.key(drawn.figure, keys)
    here = pick.by_engine(
        there,
        HOST,
        "peak host memory less what the import took",
        gigabytes,
        "Training {} takes ",
        statistic=MEAN,
    )
    return house.picture(
        memory,
        name="memory",
        title="Memory that training takes",
        here=(*here, *_cards(there), *_spread(there), *shown.rest),
        figure=drawn.figure,
        alt=f"Bars of memory by experiment and framework. {' '.join(s.text for s in here)}",
    )


def _bars(lane: Lane, host: float, card: float, all_hosts: Any) -> None:
    colour = LIGHT[lane.engine]
    has_host, has_card = not missing(host), not missing(card)
    two = has_card and has_host
    height = 1.6 * lane.half / (2 if two else 1)
    if has_host:
        y = lane.y - (height / 2 if two else 0)
        lane.panel.barh(y, host / 1e9, height=height, color=colour, linewidth=0)
        low, high = float(all_hosts.min()), float(all_hosts.max())
        if high > low:
            lane.panel.plot([low / 1e9, high / 1e9], [y, y], color=LIGHT["ink"], linewidth=1.2)
    if has_card:
        y = lane.y + (height / 2 if two else 0)
        lane.panel.barh(
            y, card / 1e9, height=0.85 * height, color="none", edgecolor=colour, linewidth=1.2
        )
    value(lane, " + ".join(gigabytes(each) for each in (host, card) if not missing(each)) or DASH)


def _cards(runs: pd.DataFrame) -> tuple[Sentence, ...]:
    own = pick.by_engine(
        runs,
        CARD,
        "peak memory of the graphics card",
        gigabytes,
        "Of the card's memory, training {} takes ",
        statistic=MEAN,
    )
    if not own:
        return ()
    return (say("A hollow bar is the graphics card's own memory, as the framework counts it."), *own)


def _spread(runs: pd.DataFrame) -> tuple[Sentence, ...]:
    spread = runs.groupby(["machine", "device", "experiment", "engine"])[HOST]
    if not (spread.max() > spread.min()).any():
        return ()
    return (say("A thin line goes from the least to the most of several runs."),)
