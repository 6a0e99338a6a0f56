"""Machine against machine and engine against engine, as ratios with their intervals."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.document import Number, Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.plots.forest import Block, Mark, forest
from reports.settings import engines_of
from reports.study.compare import Study
from reports.study.ratios import LEAST_EPOCHS
from reports.words import count, interval, listed, missing, times

Pair = tuple[str, str]


@house.styled
def machine_ratios(study: Study) -> Picture | None:
    """Speed as a multiple of the baseline's, on a logarithmic axis: right of the line at 1 is faster.
    Thick bars are 95 % intervals. A hollow mark has none; its thin line, if it has one, is the range
    that was seen. Diamonds are geometric means.
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
            *house.engine_keys(engines_of(cells), line=False),
            house.mark("mean of all that both have", marker="D", color=LIGHT["ink"]),
        ],
    )
    here = _machines_here(means)
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
                marks = tuple(_mark(row, **_looks(row.engine)) for row in own.itertuples())
                rows.append((place.label, marks))
        blocks.append(Block(title=experiment, rows=tuple(rows)))
    if len({label for block in blocks for label, _ in block.rows}) > 1:
        return blocks
    rows = [(block.title, block.rows[0][1]) for block in blocks]
    return [Block(title=house.cut(str(cells["machine"].iloc[0]), 40), rows=tuple(rows))]


def _mark(row: Any, **look: str) -> Mark:
    return Mark(ratio=row.ratio, low=row.low, high=row.high, is_interval=not missing(row.p), **look)


def _machines_here(means: pd.DataFrame) -> tuple[Sentence, ...]:
    """The fastest and the slowest of the shown by their mean; of one machine, that one."""
    if means.empty:
        return ()
    ends = [means.loc[means["ratio"].idxmax()], means.loc[means["ratio"].idxmin()]]
    parts = [_mean(row) for row in (ends if len(means) > 1 else ends[:1])]
    return (pick.listed(parts, lead="Over all that both have, "),)


def _mean(row: Any) -> Sentence:
    what = (
        f"geometric mean over {row.cells} cells of the speed of {row.machine} as a multiple of that of"
        f" {row.baseline}"
    )
    runs = (*row.machine_runs, *row.baseline_runs)
    number = Number(text=times(row.ratio), value=float(row.ratio), what=what, runs=runs)
    if missing(row.p):
        return say(
            "{machine} is {ratio} times as fast as {base} (without an interval)",
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


def engine_ratios(study: Study) -> Iterator[Picture]:
    """A picture for each two engines that ran an experiment on one device."""
    shown = pick.Shown(study)
    cells = _main(study.engines, study, shown)
    pairs = [pair for pair in combinations(ENGINES, 2) if not _of_pair(cells, pair).empty]
    for pair in pairs:
        key = "-".join(("framework-ratios", *(pair if len(pairs) > 1 else ())))
        yield _engine_ratios(shown, _of_pair(cells, pair), pair, key)


def _of_pair(cells: pd.DataFrame, pair: Pair) -> pd.DataFrame:
    return pick.of(cells, first=pair[0], second=pair[1])


@house.styled
def _engine_ratios(shown: pick.Shown, cells: pd.DataFrame, pair: Pair, key: str) -> Picture:
    """The first's speed as a multiple of the second's; a mark has the looks of the faster one."""
    first, second = (ENGINES[engine].label for engine in pair)
    figure = forest(_engine_blocks(shown, cells), label=f"{first}'s speed / {second}'s")
    house.key(
        figure,
        [
            *(
                house.mark(
                    f"{ENGINES[name].label} is faster", marker=ENGINES[name].marker, color=LIGHT[name]
                )
                for name in pair
            ),
            house.mark("neither, or not decided", marker="D"),
        ],
    )
    here = _engines_here(cells, first, second)
    return house.picture(
        _engine_ratios,
        name=key,
        title=f"{first} against {second}",
        here=(*here, *shown.rest),
        figure=figure,
        alt=f"Ratios of {first}'s speed to {second}'s. {' '.join(s.text for s in here)}",
        reading=(
            f"{first}'s speed as a multiple of {second}'s, on a logarithmic axis: right of the line at 1"
            f" {first} is faster. Thick bars are 95 % intervals. A hollow mark has none; its thin line,"
            " if it has one, is the range that was seen."
        ),
    )


def _looks(engine: str) -> dict[str, str]:
    return {"marker": ENGINES[engine].marker, "colour": LIGHT[engine]}


def _engine_blocks(shown: pick.Shown, cells: pd.DataFrame) -> list[Block]:
    blocks = []
    for experiment in pick.experiments(cells):
        rows: list[tuple[str, tuple[Mark, ...]]] = [
            (place.label, (_mark(row, **_faster(row)),))
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


def _faster(row: Any) -> dict[str, str]:
    """The looks of the faster engine, and grey diamonds for neither."""
    if row.verdict not in ("faster", "slower"):
        return {"marker": "D", "colour": LIGHT["muted"]}
    return _looks(row.first if row.verdict == "faster" else row.second)


def _engines_here(cells: pd.DataFrame, first: str, second: str) -> tuple[Sentence, ...]:
    """How many comparisons of two engines went which way, and the widest of each."""
    counts = cells["verdict"].value_counts()
    words = {
        "faster": f"{first} is faster in {{}}",
        "slower": f"{second} is faster in {{}}",
        "same": "both are the same in {}",
        "not decided": "{} are not decided",
        "not decided among many": "{} are not decided among so many",
        "ahead": f"{first} is ahead in {{}} without repeats enough to decide",
        "behind": f"{second} is ahead in {{}} without repeats enough to decide",
        "level": "{} are level without repeats enough to decide",
        "too few epochs": f"{{}} have fewer than {LEAST_EPOCHS} timed epochs a side",
    }
    parts = [text.format(int(counts[v])) for v, text in words.items() if v in counts]
    ends = [cells.loc[cells["ratio"].idxmin()], cells.loc[cells["ratio"].idxmax()]]
    numbers = [
        Number(
            text=times(row.ratio),
            value=float(row.ratio),
            what=f"{first}'s speed as a multiple of {second}'s, {row.experiment}, {row.machine}",
            runs=(*row.first_runs, *row.second_runs),
        )
        for row in ends
    ]
    head = say("Of {cells}, {parts}.", cells=count(len(cells), "comparison"), parts=listed(parts))
    if len(cells) == 1:
        return (head, say("The ratio is {one}.", one=numbers[0]))
    return (head, say("The ratios go from {low} to {high}.", low=numbers[0], high=numbers[1]))
