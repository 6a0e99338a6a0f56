"""Speed over time on the machines where a run slowed down, or sped up, by more than 5 %."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

from alexnet.frameworks.registry import ENGINES
from bench.records.limits import MAX_DRIFT
from reports.chapters.steadiness.frame import drifted, measured
from reports.data.settings import engines_of
from reports.draw import house, pick
from reports.draw.palette import LIGHT
from reports.study.compare import Study
from reports.study.learning import main_epochs
from reports.write import words
from reports.write.document import Picture
from reports.write.parts import cell, not_shown, several
from reports.write.table import line
from reports.write.words import DEVICES

MOST_PANELS = 4
MOST_LINES = 24
"""So many runs have a line in a panel, those that changed most first."""
MOST_NAMED, MOST_BESIDE = 3, 6
"""Up to MOST_NAMED lines of a panel are named, where at most MOST_BESIDE runs are beyond 5 %."""
PANEL_INCHES = 1.75
KERNEL: dict[str, Any] = {"color": LIGHT["muted"], "linewidth": 1.0, "linestyle": "-"}
"""The reference kernel's line."""

Place = tuple[str, str]
"""(machine, device)."""


def speed_picture(study: Study) -> Picture | None:
    """None where no run ended over 5 % slower or faster than it began."""
    runs, beyond = measured(study.runs), drifted(study.runs)
    if beyond.empty:
        return None
    places = _places(beyond)
    left_out = places[MOST_PANELS:]
    lines = relative_speeds(main_epochs(study), runs)
    kernels = relative_kernels(main_epochs(study), beyond)
    caption = [
        line(
            "A line is a run: its speed as per cent of that of its first third, thick where it ended"
            " over 5 % off. The axis does not begin at 0."
        )
    ]
    if len(kernels):
        caption.append(
            line(
                "The grey line is the reference kernel beside a thick line, as per cent of its speed"
                " before training. The kernel is a fixed piece of work, timed between epochs: it tells"
                " whether the device itself slowed."
            )
        )
    if left_out:
        what = "machines that changed less and have no panel"
        template = "{n} on which runs changed by less, but over 5 %, {are} not drawn."
        caption.append(not_shown(len(left_out), what, template))
    svgs = [
        _drawn(places[:MOST_PANELS], runs, lines, kernels, narrow=narrow) for narrow in (False, True)
    ]
    title = finding(runs, beyond)
    return Picture(
        key="speed",
        title=title,
        caption=tuple(caption),
        alt=f"Curves of relative speed over time. {title}.",
        svg=svgs[0],
        narrow_svg=svgs[1],
    )


def finding(runs: pd.DataFrame, beyond: pd.DataFrame) -> str:
    """Which runs of all with epochs enough did not hold their speed, in a title's words."""
    if len(beyond) == 1:
        run = beyond.iloc[0]
        name = cell(run, several(runs))
        return f"{name[:1].upper()}{name[1:]} ended {_change(run['drift'])} than it began"
    slower = int((beyond["drift"] < 0).sum())
    faster = len(beyond) - slower
    first, count = ("slower", slower) if slower else ("faster", faster)
    machines = list(dict.fromkeys(beyond["machine"]))
    where = f", all on {machines[0]}" if several(runs) and len(machines) == 1 and len(beyond) > 1 else ""
    also = f", {faster:,} faster" if slower and faster else ""
    whole = words.count(len(runs), "run")
    return f"{count:,} of {whole} ended over 5 % {first} than at first{also}{where}"


def _change(drift: float) -> str:
    return f"{words.percent(abs(drift))} {'slower' if drift < 0 else 'faster'}"


def relative_speeds(epochs: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The timed epochs of these runs, with `speed` relative to the run's first third."""
    early = runs.set_index("run")["early_images_per_second"].astype(float)
    timed = epochs[epochs["timed"].astype(bool) & epochs["run"].isin(early.index)]
    return timed.assign(speed=timed["images_per_second"] / timed["run"].map(early))


def relative_kernels(epochs: pd.DataFrame, runs: pd.DataFrame) -> pd.DataFrame:
    """The epochs of these runs that timed the reference kernel; `speed` is relative to before training.

    What a run's `probe_drift` says is the median of the last third of them, so that its time before
    training follows from both.
    """
    drifts = runs.set_index("run")["probe_drift"].astype(float).dropna()
    probed = epochs[
        epochs["run"].isin(drifts.index)
        & epochs["probe_seconds"].notna()
        & ~epochs["disturbed"].astype(bool)
    ]
    by_run = probed.groupby("run", sort=False)["probe_seconds"]
    left, size = by_run.cumcount(ascending=False), by_run.transform("size")
    last = probed[left < (size // 3).clip(lower=1)]
    before = last.groupby("run")["probe_seconds"].median() * (1 + drifts)
    return probed.assign(speed=probed["run"].map(before).astype(float) / probed["probe_seconds"])


def _places(beyond: pd.DataFrame) -> list[Place]:
    """Where runs changed by more than 5 %, the largest change first."""
    largest = beyond["drift"].abs().groupby([beyond["machine"], beyond["device"]]).max()
    return [place for place, _ in sorted(largest.items(), key=lambda item: -item[1])]


@house.styled
def _drawn(
    places: Sequence[Place],
    runs: pd.DataFrame,
    lines: pd.DataFrame,
    kernels: pd.DataFrame,
    *,
    narrow: bool,
) -> str:
    columns = 1 if narrow else min(2, len(places))
    rows = math.ceil(len(places) / columns)
    width = house.NARROW_INCHES if narrow else house.WIDTH_INCHES
    figure = Figure(figsize=(width, rows * PANEL_INCHES + 0.55), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False, sharey=True).ravel().tolist()
    for unused in axes[len(places) :]:
        unused.remove()
    of_places = {place: _of_place(runs, place) for place in places}
    shown = pd.concat(of_places.values())
    lines, kernels = (frame[frame["run"].isin(shown["run"])] for frame in (lines, kernels))
    unit, _, size = house.unit_of(float(lines["elapsed_train_seconds"].max()))
    for (machine, device), panel in zip(places, axes, strict=False):
        _panel(panel, of_places[machine, device], lines, kernels, size)
        two = len({kind for name, kind in places if name == machine}) > 1
        title = f"{machine}, {DEVICES[device]}" if two else machine
        if several(runs) or two:
            panel.set_title(house.cut(title, 36), fontsize=house.SMALL_POINTS)
    for panel in axes[max(0, len(places) - columns) : len(places)]:
        panel.set_xlabel(f"{unit} of training")
    engines = engines_of(shown)
    keys = [
        house.mark(str(key.get_label()), color=key.get_color(), linestyle=key.get_linestyle())
        for key in house.engine_keys(engines if len(engines) > 1 else ())
    ]
    if len(kernels):
        keys.append(house.mark("reference kernel", **KERNEL))
    if keys:
        house.key(figure, keys, columns=2 if narrow else 4)
    return house.svg(figure)


def _of_place(runs: pd.DataFrame, place: Place) -> pd.DataFrame:
    """The runs that are drawn, what changed most first."""
    machine, device = place
    shown = pick.of(runs, machine=machine, device=device)
    order = shown["drift"].abs().sort_values(ascending=False, kind="stable").index
    return shown.loc[order].head(MOST_LINES)


def _panel(
    panel: Axes, runs: pd.DataFrame, lines: pd.DataFrame, kernels: pd.DataFrame, size: float
) -> None:
    panel.axhline(1, color=LIGHT["rule"], linewidth=1.4, zorder=0.5)
    labels: list[tuple[float, float, str, str]] = []
    beyond = len(drifted(runs))
    named = MOST_NAMED if beyond <= MOST_BESIDE else 0
    for run in runs.itertuples():
        kernel = kernels[kernels["run"] == run.run]
        if len(kernel):
            panel.plot(
                [0.0, *(kernel["elapsed_train_seconds"] / size)],
                [1.0, *kernel["speed"]],
                zorder=1,
                **KERNEL,
            )
        speed = lines[lines["run"] == run.run]
        is_beyond = abs(run.drift) > MAX_DRIFT
        panel.plot(
            speed["elapsed_train_seconds"] / size,
            speed["speed"],
            color=LIGHT[run.engine],
            linestyle=ENGINES[run.engine].line,
            linewidth=(1.6 if beyond <= MOST_BESIDE else 1.1) if is_beyond else 0.8,
            alpha=1.0 if is_beyond else 0.5,
            zorder=2,
        )
        if is_beyond and len(labels) < named:
            end = float(speed["elapsed_train_seconds"].iloc[-1]) / size
            text = f"{run.experiment} {words.signed_percent(run.drift)}"
            labels.append((end, float(speed["speed"].iloc[-1]), text, LIGHT[run.engine]))
    panel.set_xlim(left=0)
    house.percents(panel.yaxis)
    _name(panel, labels)


def _name(panel: Axes, labels: Sequence[tuple[float, float, str, str]]) -> None:
    """Each label right of all lines, lower where one above is in the way; dots lead to a line's end."""
    low, high = panel.get_ylim()
    # A horizontal line over the whole panel has shares of its width for x.
    lines = [line for line in panel.lines if line.get_transform() == panel.transData]
    right = max((float(max(line.get_xdata())) for line in lines), default=0.0)  # type: ignore
    room = (high - low) * 0.13
    above = math.inf
    for x, y, label, colour in sorted(labels, key=lambda label: -label[1]):
        above = min(y, above - room)
        if x < 0.97 * right:
            panel.plot([x, right], [y, above], color=colour, linewidth=0.8, linestyle=":", zorder=1.5)
        panel.annotate(
            label,
            (right, above),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=house.SMALL_POINTS - 1,
            color=colour,
            annotation_clip=False,
            path_effects=[withStroke(linewidth=3, foreground=LIGHT["paper"])],
        )
    panel.set_ylim(min(low, above - room / 2), high)
