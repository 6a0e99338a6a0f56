"""How much memory training takes, beside what importing the framework takes."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.ticker import MaxNLocator

from reports.compare import Study
from reports.document import Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.plots.bands import Lane, bands, value
from reports.settings import engines_of
from reports.words import DASH, gigabytes, missing

HOST, CARD = "grown_host_bytes", "peak_device_bytes"


def middles(runs: pd.DataFrame) -> tuple[float, float]:
    """The medians over runs, in bytes, of host memory and of a graphics card's own; NaN for none."""
    card = runs.loc[runs["device"] == "cuda", CARD]
    return float(runs[HOST].median()), float(card.median())


@house.styled
def memory(study: Study) -> Picture | None:
    """The process's memory at its peak, less what it held once the framework was imported: what the
    network and its training take. Bars begin at 0.
    """
    shown = pick.Shown(study)
    measured = shown.runs[HOST].notna() | (shown.runs[CARD].notna() & (shown.runs["device"] == "cuda"))
    if not measured.any():
        return None
    drawn, runs_of = bands(shown), pick.cells(shown.runs)
    cards = False
    for lane in drawn.lanes:
        runs = runs_of[lane.cell]
        host, card = middles(runs)
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
        shown.runs, HOST, "peak host memory less what the import took", gigabytes, "Training {} takes "
    )
    return house.picture(
        memory,
        name="memory",
        title="Memory that training takes",
        here=(*here, *_cards(shown), *shown.rest),
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


def _cards(shown: pick.Shown) -> tuple[Sentence, ...]:
    cards = shown.runs[shown.runs["device"] == "cuda"]
    number = pick.middle(cards, CARD, "peak memory of the graphics card", gigabytes)
    own: tuple[Sentence, ...] = (
        ()
        if number is None
        else (
            say(
                "A hollow bar is the graphics card's own memory, as the framework counts it:"
                " {number} in the median.",
                number=number,
            ),
        )
    )
    spread = shown.runs.groupby(["machine", "device", "experiment", "engine"])[HOST]
    if (spread.max() > spread.min()).any():
        own += (say("A thin line goes from the least to the most of several runs."),)
    return own
