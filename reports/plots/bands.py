"""Panels with a row a machine's device and a lane an engine: what speed and memory are drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.frameworks.registry import ENGINES
from reports.palette import LIGHT
from reports.plots import house
from reports.plots.pick import Place, Shown, cells, experiments
from reports.settings import engines_of

LANE = 0.19
"""Half the height of a lane, where two rows are 1 apart; three lanes or more share the room of two."""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Where the runs of one cell are drawn: the panel, the middle of the lane and half its height."""

    panel: Axes
    place: Place
    experiment: str
    engine: str
    y: float
    half: float

    @property
    def cell(self) -> tuple[str, str, str, str]:
        """As `cells` names it."""
        return (self.place.machine, self.place.device, self.experiment, self.engine)


@dataclass(frozen=True, kw_only=True)
class Bands:
    """The figure, a panel for each experiment, and a lane for each cell that has runs."""

    figure: Figure
    axes: dict[str, Axes]
    lanes: tuple[Lane, ...]


def bands(shown: Shown) -> Bands:
    """Two panels a row, which share the machines' names at the left."""
    places, named = shown.places, experiments(shown.runs)
    row = 0.21 * max(2, len(engines_of(shown.runs)))
    figure, axes = house.panels(
        len(named), row_inches=0.75 + row * max(2, len(places)), more_inches=0.4, sharey=True
    )
    panels = dict(zip(named, axes, strict=True))
    for column, (experiment, panel) in enumerate(panels.items()):
        _dress(panel, experiment, places, labels=column % 2 == 0)
    return Bands(figure=figure, axes=panels, lanes=tuple(_lanes(shown, panels)))


def _dress(panel: Axes, experiment: str, places: Sequence[Place], *, labels: bool) -> None:
    panel.set_title(experiment)
    panel.set_yticks(range(len(places)), [place.label for place in places], color=LIGHT["ink"])
    panel.set_ylim(len(places) - 0.45, -0.55)
    panel.tick_params(labelleft=labels)
    panel.grid(visible=False, axis="y")
    panel.spines["left"].set_visible(False)
    for between in range(1, len(places)):
        panel.axhline(between - 0.5, color=LIGHT["rule"], linewidth=0.6)


def _lanes(shown: Shown, panels: dict[str, Axes]) -> Iterator[Lane]:
    found = cells(shown.runs)
    for experiment, panel in panels.items():
        for row, place in enumerate(shown.places):
            here = (place.machine, place.device, experiment)
            there = [name for name in ENGINES if (*here, name) in found]
            half = LANE * 2 / max(2, len(there))
            for lane, engine in enumerate(there):
                yield Lane(
                    panel=panel,
                    place=place,
                    experiment=experiment,
                    engine=engine,
                    y=row + half * (2 * lane + 1 - len(there)),
                    half=half,
                )


def value(lane: Lane, text: str) -> None:
    """The lane's figure in words, at the panel's right edge."""
    lane.panel.text(
        1.01,
        lane.y,
        text,
        transform=lane.panel.get_yaxis_transform(),
        va="center",
        ha="left",
        fontsize=house.SMALL_POINTS - 0.5,
        color=LIGHT[lane.engine],
    )
