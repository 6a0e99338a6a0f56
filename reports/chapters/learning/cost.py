"""What an accuracy costs in training time, on one device of one machine."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from alexnet.frameworks.registry import ENGINES
from reports.data.settings import engines_of
from reports.draw import house, pick
from reports.draw.palette import LIGHT
from reports.study.accuracy import Accuracies, System
from reports.study.compare import Study
from reports.study.shown import ranked
from reports.study.systems import Row
from reports.write import words
from reports.write.document import Picture
from reports.write.table import line
from reports.write.words import DEVICES, missing

WIDE = 12.0
"""Where times lie farther apart than this, their axis is logarithmic."""


def points(runs: pd.DataFrame, judged: Accuracies) -> pd.DataFrame:
    """One row an experiment and engine of `runs`, the cheapest first.

    - seconds: of training, the median over the runs up to their best epoch; `runs` are their ids.
    - test_accuracy, half_interval: of all machines' runs; `half_interval` is NaN with too few seeds.
    - front: whether every cheaper row is judged less accurate; False in all where a row has too few
      seeds for that.
    """
    by_name = {system.name: system for system in judged.systems}
    rows: list[Row] = []
    priced: list[tuple[float, System]] = []
    timed = runs[runs["seconds_to_best"].notna()]
    for name, group in timed.groupby(["experiment", "engine"], sort=False):
        if system := by_name.get((str(name[0]), str(name[1]))):
            priced.append((float(group["seconds_to_best"].median()), system))
            rows.append(
                {
                    "experiment": system.experiment,
                    "engine": system.engine,
                    "seconds": priced[-1][0],
                    "test_accuracy": system.mean,
                    "half_interval": system.half_interval,
                    "runs": tuple(group["run"]),
                }
            )
    if not rows:
        return pd.DataFrame()
    worth = judged.worth_their_cost(priced) or [False] * len(rows)
    table = pd.DataFrame(rows).assign(front=worth)
    return table.sort_values(["seconds", "test_accuracy"], ascending=[True, False], ignore_index=True)


def place(study: Study) -> tuple[str, str]:
    """The machine and device with the most experiments and engines, the baseline before others."""
    runs = study.runs
    order = ranked(study, runs["machine"]).order
    pairs = runs[["machine", "device", "experiment", "engine"]].drop_duplicates()
    sizes = pairs.groupby(["machine", "device"]).size()
    machine, device = min(sizes.index, key=lambda name: (-sizes[name], order.index(name[0])))
    return str(machine), str(device)


def finding(table: pd.DataFrame, judged: Accuracies) -> str:
    """Whether more time buys more accuracy, as far as that is judged."""
    front = table[table["front"]]
    if front.empty:
        best = {system.experiment for system in judged.best.systems} if judged.best else set()
        first = list(table["experiment"][: sum(table["experiment"].isin(best))])
        if len(best) == 1 and set(first) == best:
            return f"{first[0]} takes the least time and is the most accurate"
        return "What is worth its time takes three seeds of each to tell"
    experiments = list(dict.fromkeys(front["experiment"]))
    if len(experiments) > 1:
        return f"More time buys more accuracy: {', then '.join(experiments)}"
    by_name = {system.name: system for system in judged.systems}
    systems = [by_name[name] for name in zip(table["experiment"], table["engine"], strict=True)]
    if any(judged.between(dearer, systems[0]).verdict == "ahead" for dearer in systems[1:]):
        return "What more time buys is not decided"
    return f"{experiments[0]} takes the least time, and no other is known to be more accurate"


@house.styled
def picture(study: Study, judged: Accuracies) -> Picture | None:
    """A mark an experiment and engine; None where there is one experiment, which costs what it costs."""
    machine, device = place(study)
    table = points(pick.of(study.runs, machine=machine, device=device), judged)
    if table.empty or table["experiment"].nunique() < 2:
        return None
    several = table["runs"].map(len).max() > 1
    where = f"On {machine}{f', {DEVICES[device]}' if _devices(study, machine) > 1 else ''}"
    caption = [
        f"{where}: up and left is better.",
        "Times are medians over the runs." if several else "",
        "A bar is the 95 % interval of a mean over seeds."
        if table["half_interval"].notna().any()
        else "",
        "The line joins what nothing beats, in less time and no less accurate."
        if table["front"].sum() > 1
        else "",
    ]
    title = finding(table, judged)
    return Picture(
        key="time-to-accuracy",
        title=title,
        caption=tuple(line(sentence) for sentence in caption if sentence),
        alt=f"{title}. {_alt(table)}",
        svg=house.svg(_draw(table, narrow=False)),
        narrow_svg=house.svg(_draw(table, narrow=True)),
    )


def _draw(table: pd.DataFrame, *, narrow: bool) -> Figure:
    unit, _, size = house.unit_of(float(table["seconds"].max()))
    width = house.NARROW_INCHES if narrow else house.WIDTH_INCHES
    figure = Figure(figsize=(width, 2.7), layout="constrained")
    panel = figure.subplots()
    front = table[table["front"]]
    panel.step(
        front["seconds"] / size,
        front["test_accuracy"],
        where="post",
        color=LIGHT["highlight"],
        linewidth=1.8,
        zorder=2,
    )
    for row in table.itertuples():
        _mark(panel, row.seconds / size, row.test_accuracy, row.half_interval, row.engine)
    _axes(panel, table["seconds"] / size, f"{unit} of training to the best epoch", narrow=narrow)
    _name(panel, table, size)
    engines = engines_of(table)
    if len(engines) > 1:
        house.key(figure, house.engine_keys(engines, line=False), columns=2 if narrow else 4)
    return figure


def _devices(study: Study, machine: str) -> int:
    return int(pick.of(study.runs, machine=machine)["device"].nunique())


def _mark(panel: Axes, x: float, y: float, half: float, engine: str) -> None:
    if not missing(half):
        panel.errorbar(x, y, yerr=half, color=LIGHT[engine], elinewidth=1.2, capsize=3, zorder=2.5)
    panel.plot(
        x,
        y,
        marker=ENGINES[engine].marker,
        markersize=6.5,
        color=LIGHT[engine],
        markeredgecolor=LIGHT["paper"],
        markeredgewidth=0.8,
        linestyle="none",
        zorder=3,
    )


def _axes(panel: Axes, times: pd.Series[float], label: str, *, narrow: bool) -> None:
    low, high = float(times.min()), float(times.max())
    if low > 0 and high / low > WIDE:
        panel.set_xscale("log")
        panel.set_xlim(low / 1.6, high * (4 if narrow else 2))
        panel.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        panel.xaxis.set_minor_locator(NullLocator())
        label += " (logarithmic)"
    else:
        panel.set_xlim(0, (1.45 if narrow else 1.25) * high)
    panel.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    panel.set_xlabel(label)
    panel.set_ylabel("test accuracy")
    panel.margins(y=0.2)
    house.percents(panel.yaxis)


def _name(panel: Axes, table: pd.DataFrame, size: float) -> None:
    """Each experiment's name, right of its dearest mark and under the line, which goes on upwards."""
    for experiment, marks in table.groupby("experiment", sort=False):
        last = marks.iloc[-1]
        panel.annotate(
            str(experiment),
            (last["seconds"] / size, last["test_accuracy"]),
            xytext=(7, -4),
            textcoords="offset points",
            va="top",
            fontsize=house.SMALL_POINTS,
            weight="bold",
            color=LIGHT["ink"],
            zorder=4,
        )


def _alt(table: pd.DataFrame) -> str:
    """Each experiment's accuracy and time, over its engines."""
    parts = []
    for experiment, marks in table.groupby("experiment", sort=False):
        low, high = (
            words.percent(float(end))
            for end in (marks["test_accuracy"].min(), marks["test_accuracy"].max())
        )
        shares = low if low == high else f"{low} to {high}"
        first, last = (words.seconds(end) for end in (marks["seconds"].min(), marks["seconds"].max()))
        times = first if first == last else f"{first} to {last}"
        parts.append(f"{experiment}: {shares} after {times}")
    return f"{'; '.join(parts)}."
