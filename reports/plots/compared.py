"""Machine against machine and framework against framework, as ratios with their intervals."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports.compare import Study
from reports.document import Number, Picture, Sentence, say
from reports.intervals import LEAST_EPOCHS
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.plots.forest import Block, Mark, forest
from reports.words import FRAMEWORKS, count, interval, listed, missing, times

VERDICT_COLOURS = {"faster": LIGHT["torch"], "slower": LIGHT["tensorflow"]}
VERDICT_MARKERS = {"faster": "o", "slower": "s"}


@house.styled
def machine_ratios(study: Study) -> Picture | None:
    """Speed as a multiple of the baseline's, on a logarithmic axis: right of the line at 1 is faster.
    Bars are 95 % intervals; a hollow mark has none, for too few epochs. Diamonds are geometric means.
    """
    shown = pick.Shown(study)
    cells = _main(study.machines, study, shown)
    if cells.empty or study.baseline is None:
        return None
    means = _main(study.means, study, shown)
    blocks = _machine_blocks(shown, cells, means)
    figure = forest(blocks, label=f"times as fast as {house.cut(study.baseline, 32)}")
    house.key(
        figure,
        [
            *house.framework_keys(pick.frameworks(cells), line=False),
            house.mark("mean of all that both have", marker="D", color=LIGHT["ink"]),
        ],
    )
    here = _machines_here(cells, means)
    return house.picture(
        machine_ratios,
        name="machine-ratios",
        title="The machines against the baseline",
        here=(*here, *shown.rest),
        figure=figure,
        alt=f"Ratios of speeds to {study.baseline}. {' '.join(sentence.text for sentence in here)}",
    )


def _main(table: pd.DataFrame, study: Study, shown: pick.Shown) -> pd.DataFrame:
    found = table[table["setting"] == study.main]
    return found[found["machine"].isin(shown.machines)]


def _machine_blocks(shown: pick.Shown, cells: pd.DataFrame, means: pd.DataFrame) -> list[Block]:
    """The means first, then each experiment; of one machine, a row each, without headings."""
    labels = shown.labels
    mean_rows = tuple((labels[row.machine], (_mark(row),)) for row in means.itertuples())
    blocks = [Block(title="geometric mean", rows=mean_rows)]
    for experiment in pick.experiments(cells):
        rows = []
        for place in shown.places:
            own = pick.of(cells, machine=place.machine, device=place.device, experiment=experiment)
            if not own.empty:
                marks = tuple(
                    _mark(row, colour=LIGHT[row.framework], marker=house.MARKERS[row.framework])
                    for row in own.itertuples()
                )
                rows.append((place.label, marks))
        blocks.append(Block(title=experiment, rows=tuple(rows)))
    if len({label for block in blocks for label, _ in block.rows}) > 1:
        return blocks
    rows = [(block.title, block.rows[0][1]) for block in blocks]
    return [Block(title=house.cut(str(cells["machine"].iloc[0]), 40), rows=tuple(rows))]


def _mark(row: Any, **look: str) -> Mark:
    return Mark(ratio=row.ratio, low=row.low, high=row.high, **look)


def _machines_here(cells: pd.DataFrame, means: pd.DataFrame) -> tuple[Sentence, ...]:
    """The fastest and the slowest of the shown by their mean; of one machine, that one."""
    if means.empty:
        return ()
    ends = [means.loc[means["ratio"].idxmax()], means.loc[means["ratio"].idxmin()]]
    parts = [_mean(cells, row) for row in (ends if len(means) > 1 else ends[:1])]
    return (pick.listed(parts, lead="Over all that both have, "),)


def _mean(cells: pd.DataFrame, row: Any) -> Sentence:
    what = (
        f"geometric mean over {row.cells} cells of the speed of {row.machine} as a multiple of that of"
        f" {row.baseline}"
    )
    own = pick.of(cells, machine=row.machine)
    runs = dict.fromkeys(" ".join([*own["machine_runs"], *own["baseline_runs"]]).split())
    number = Number(text=times(row.ratio), value=float(row.ratio), what=what, runs=tuple(runs))
    if missing(row.low):
        return say(
            "{machine} is {ratio} times as fast as {base} (too few epochs for an interval)",
            machine=row.machine,
            ratio=number,
            base=row.baseline,
        )
    return say(
        "{machine} is {ratio} times as fast as {base} ({ends})",
        machine=row.machine,
        ratio=number,
        base=row.baseline,
        ends=interval(row.low, row.high),
    )


@house.styled
def framework_ratios(study: Study) -> Picture | None:
    """PyTorch's speed as a multiple of TensorFlow's, on a logarithmic axis: right of the line at 1
    PyTorch is faster. Bars are 95 % intervals; a hollow mark has none, for too few epochs.
    """
    shown = pick.Shown(study)
    cells = _main(study.frameworks, study, shown)
    if cells.empty:
        return None
    figure = forest(_framework_blocks(shown, cells), label="PyTorch's speed / TensorFlow's")
    house.key(
        figure,
        [
            house.mark(f"{FRAMEWORKS['torch']} is faster", marker="o", color=LIGHT["torch"]),
            house.mark(f"{FRAMEWORKS['tensorflow']} is faster", marker="s", color=LIGHT["tensorflow"]),
            house.mark("neither, or not decided", marker="D"),
        ],
    )
    here = _frameworks_here(cells)
    return house.picture(
        framework_ratios,
        name="framework-ratios",
        title="PyTorch against TensorFlow",
        here=(*here, *shown.rest),
        figure=figure,
        alt=f"Ratios of PyTorch's speed to TensorFlow's. {' '.join(s.text for s in here)}",
    )


def _framework_blocks(shown: pick.Shown, cells: pd.DataFrame) -> list[Block]:
    blocks = []
    for experiment in pick.experiments(cells):
        rows: list[tuple[str, tuple[Mark, ...]]] = [
            (
                place.label,
                (
                    _mark(
                        row,
                        colour=VERDICT_COLOURS.get(row.verdict, LIGHT["muted"]),
                        marker=VERDICT_MARKERS.get(row.verdict, "D"),
                    ),
                ),
            )
            for place in shown.places
            for row in pick.of(
                cells, experiment=experiment, machine=place.machine, device=place.device
            ).itertuples()
        ]
        blocks.append(Block(title=experiment, rows=tuple(rows)))
    if len(shown.places) > 1:
        return blocks
    rows = [(block.title, block.rows[0][1]) for block in blocks]
    return [Block(title="", rows=tuple(rows))]


def _frameworks_here(cells: pd.DataFrame) -> tuple[Sentence, ...]:
    """How many comparisons went which way, and the widest of each."""
    counts = cells["verdict"].value_counts()
    words = {
        "faster": "PyTorch is faster in {}",
        "slower": "TensorFlow is faster in {}",
        "same": "both are the same in {}",
        "not decided": "{} are not decided",
        "too few epochs": f"{{}} have fewer than {LEAST_EPOCHS} timed epochs a side",
    }
    parts = [text.format(int(counts[v])) for v, text in words.items() if v in counts]
    ends = [cells.loc[cells["ratio"].idxmin()], cells.loc[cells["ratio"].idxmax()]]
    numbers = [
        Number(
            text=times(row.ratio),
            value=float(row.ratio),
            what=f"PyTorch's speed as a multiple of TensorFlow's, {row.experiment}, {row.machine}",
            runs=(*row.torch_runs.split(), *row.tensorflow_runs.split()),
        )
        for row in ends
    ]
    head = say("Of {cells}, {parts}.", cells=count(len(cells), "comparison"), parts=listed(parts))
    if len(cells) == 1:
        return (head, say("The ratio is {one}.", one=numbers[0]))
    return (head, say("The ratios go from {low} to {high}.", low=numbers[0], high=numbers[1]))
