"""Panels with a row a machine's device and a lane a framework: what speed and memory are drawn on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from reports.palette import LIGHT
from reports.plots import house
from reports.plots.pick import Place, Shown, cells, experiments
from reports.settings import FRAMEWORK_ORDER

LANE = 0.19
"""Half the distance of two frameworks' lanes, where the distance of two rows is 1."""


@dataclass(frozen=True, kw_only=True)
class Lane:
    """Where the runs of one cell are drawn: the panel, and the height in it."""

    panel: Axes
    place: Place
    experiment: str
    framework: str
    y: float

    @property
    def cell(self) -> tuple[str, str, str, str]:
        """As `cells` names it."""
        return (self.place.machine, self.place.device, self.experiment, self.framework)


@dataclass(frozen=True, kw_only=True)
class Bands:
    """The figure, a panel for each experiment, and a lane for each cell that has runs."""

    figure: Figure
    axes: dict[str, Axes]
    lanes: tuple[Lane, ...]


def bands(shown: Shown) -> Bands:
    """Two panels a row, which share the machines' names at the left."""
    places, named = shown.places, experiments(shown.runs)
    figure, axes = house.panels(
        len(named), row_inches=0.75 + 0.42 * max(2, len(places)), more_inches=0.4, sharey=True
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
            there = [name for name in FRAMEWORK_ORDER if (*here, name) in found]
            for framework in there:
                off = 0.0 if len(there) == 1 else LANE if framework == "tensorflow" else -LANE
                yield Lane(
                    panel=panel, place=place, experiment=experiment, framework=framework, y=row + off
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
        color=LIGHT[lane.framework],
    )
