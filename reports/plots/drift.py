"""Whether a machine holds its speed through a run, or slows down as it warms."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from alexnet.frameworks.registry import ENGINES
from reports import words
from reports.document import Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.settings import engines_of
from reports.study.compare import Study


def speeds(epochs: pd.DataFrame) -> pd.DataFrame:
    """The timed epochs of each run that has two or more, with `speed` relative to its first of them."""
    timed = epochs[epochs["timed"].astype(bool)]
    by_run = timed.groupby("run", sort=False)["images_per_second"]
    found = timed.assign(speed=timed["images_per_second"] / by_run.transform("first"))
    return found[by_run.transform("size") > 1]


def probes(epochs: pd.DataFrame) -> pd.DataFrame:
    """The epochs that ran the reference kernel, with `speed` relative to the run's first of them."""
    probed = epochs[epochs["probe_seconds"].notna()]
    by_run = probed.groupby("run", sort=False)["probe_seconds"]
    found = probed.assign(speed=by_run.transform("first") / probed["probe_seconds"])
    return found[by_run.transform("size") > 1]


@house.styled
def speed_drift(study: Study) -> Picture | None:
    """Images per second as per cent of a run's first timed epoch, over the time it has trained. A line
    is a run; grey dots are a reference kernel's speed beside it. Under 100 % is slower than at first.
    """
    shown = pick.Shown(study)
    lines, dots = speeds(shown.epochs), probes(shown.epochs)
    if lines.empty:
        return None
    places = [p for p in shown.places if not _at(lines, p).empty]
    figure, axes = house.panels(
        len(places),
        row_inches=1.75 if len(places) > 2 else 2.6,
        most_columns=3 if len(places) > 4 else 2,
        sharey=True,
    )
    most = pick.limit(2 * len(places))
    sampled = False
    unit, _, size = house.unit_of(float(lines["elapsed_train_seconds"].max()))
    for place, panel in zip(places, axes, strict=True):
        own, kernel = _at(lines, place), _at(dots, place)
        runs = own[["run", "epoch"]].groupby("run", sort=False)["epoch"].size()
        drawn = runs.index[pick.spread(len(runs), max(1, most // int(runs.max())))]
        sampled |= len(drawn) < len(runs)
        _draw(panel, own[own["run"].isin(drawn)], kernel[kernel["run"].isin(drawn)], size)
        panel.set_title(place.line, fontsize=house.SMALL_POINTS, weight="normal")
    for panel in axes[-(3 if len(places) > 4 else 2) :]:
        panel.set_xlabel(f"{unit} of training")
    keys = house.engine_keys(engines_of(lines))
    if not dots.empty:
        keys.append(house.mark("reference kernel", marker=".", markersize=6))
    house.key(
        figure,
        [
            house.mark(
                str(k.get_label()),
                color=k.get_color(),
                linestyle=k.get_linestyle(),
                marker="" if k.get_linestyle() != "None" else k.get_marker(),
            )
            for k in keys
        ],
    )
    here = _here(shown)
    return house.picture(
        speed_drift,
        name="speed-drift",
        title="Does the speed hold?",
        figure=figure,
        here=(*here, *_sampled(sampled), say("The axis does not begin at 0."), *shown.rest),
        alt=f"Curves of relative speed over time, by machine. {' '.join(s.text for s in here)}",
    )


def _at(frame: pd.DataFrame, place: pick.Place) -> pd.DataFrame:
    return pick.of(frame, machine=place.machine, device=place.device)


def _sampled(sampled: bool) -> tuple[Sentence, ...]:
    return (say("Where there are too many runs, some at even distances are drawn."),) if sampled else ()


def _draw(panel: Axes, lines: pd.DataFrame, dots: pd.DataFrame, size: float) -> None:
    panel.axhline(1, color=LIGHT["muted"], linewidth=0.8)
    panel.plot(
        dots["elapsed_train_seconds"] / size, dots["speed"], ".", color=LIGHT["muted"], markersize=3.5
    )
    for _, run in lines.groupby("run", sort=False):
        engine = str(run["engine"].iloc[0])
        panel.plot(
            run["elapsed_train_seconds"] / size,
            run["speed"],
            color=LIGHT[engine],
            linestyle=ENGINES[engine].line,
            linewidth=1.1,
        )
    panel.set_xlim(left=0)
    house.percents(panel.yaxis)


def _here(shown: pick.Shown) -> tuple[Sentence, ...]:
    """The drift by engine, and that of the kernel, of the machines with the least and the most of it.

    A machine's is the median of its runs: over all machines it would hide the one that slows down.
    """
    runs, parts, sides = shown.runs, [], []
    for engine in engines_of(runs):
        side = pick.of(runs, engine=engine)
        side = side[side["drift"].notna()]
        label = ENGINES[engine].label
        what = f"images per second of the last third against the first, {label}"
        clause = pick.span(side, "drift", what, words.signed_percent)
        if clause is not None:
            parts.append(Sentence((*clause.parts, f" in {label}")))
            sides.append(side)
    found = pick.side_by_side(
        parts,
        sides,
        lead="From the first third of a run's timed epochs to the last the speed changes by ",
        end=", in the median of a machine's runs.",
    )
    kernel = pick.span(
        runs,
        "probe_drift",
        "reference kernel's speed, last third against the cold one",
        words.signed_percent,
    )
    if kernel is not None:
        lead = "The reference kernel, which no framework's code runs in, changes by "
        found.append(pick.listed([kernel], lead=lead))
    return tuple(found)
