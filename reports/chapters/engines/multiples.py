"""The engines' speeds as multiples of one engine's: a row an experiment, or a row a machine."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.chapters.engines.bought import finding as of_one_framework
from reports.chapters.engines.bought import frame_of
from reports.chapters.engines.finding import finding
from reports.data.settings import EXPERIMENT_ORDER
from reports.draw import house
from reports.draw.forest import Block, Mark, Row, forest
from reports.draw.palette import LIGHT
from reports.study.compare import Study, is_float32, of_float32
from reports.write.document import Picture, Sentence, say
from reports.write.parts import engine
from reports.write.words import DEVICES, missing, times

FEW_MACHINES, MOST_MARKS = 3, 16
"""Up to so many machines, or devices of machines, have rows of their own, with so many marks in all."""
MOST_ROWS = 28
"""So many experiments and engines are drawn, whatever their precision."""
LETTERS = 32
"""Of a machine's name beside its row."""
MOST_DOTS = 600
"""At most so many small marks in a picture; of more machines every second or third is drawn."""
DECIDED = ("faster", "slower", "same")


@dataclass(frozen=True, kw_only=True)
class Speed:
    """An engine's speed as a multiple of the reference engine's, at one place."""

    place: str
    experiment: str
    engine: str
    ratio: float
    low: float
    high: float
    is_interval: bool
    is_decided: bool

    @property
    def dot(self) -> Mark:
        """Without its ends."""
        return replace(self.mark(), low=math.nan, high=math.nan)

    def mark(self, text: str = "") -> Mark:
        return Mark(
            ratio=self.ratio,
            low=self.low,
            high=self.high,
            is_interval=self.is_interval,
            is_decided=self.is_decided,
            colour=LIGHT[self.engine],
            marker=ENGINES[self.engine].marker,
            text=text,
        )


def reference_engine(rows: pd.DataFrame) -> str:
    """The engine that most comparisons have, in float32 if any, and of as many the slowest over all.

    So the others' multiples are mostly above 1, as sentences have them.
    """
    logs: dict[str, list[float]] = {}
    exact = of_float32(rows, "first", "second")
    for pair in (rows if exact.empty else exact).itertuples():
        logs.setdefault(str(pair.first), []).append(math.log(pair.ratio))
        logs.setdefault(str(pair.second), []).append(-math.log(pair.ratio))
    names = [*filter(is_float32, logs)] or [*logs]
    return max(names, key=lambda name: (len(logs[name]), -fmean(logs[name])))


def against(rows: pd.DataFrame, reference: str) -> list[Speed]:
    """The speeds of all others where they met the reference."""
    speeds = []
    places = rows[["machine", "device"]].drop_duplicates()
    several = set(places.loc[places["machine"].duplicated(), "machine"])
    for pair in rows.itertuples():
        if reference not in (pair.first, pair.second):
            continue
        device = f" ({DEVICES[pair.device]})" if pair.machine in several else ""
        ends = (pair.ratio, pair.low, pair.high)
        if pair.first == reference:
            ends = (1 / pair.ratio, 1 / pair.high, 1 / pair.low)
        speeds.append(
            Speed(
                place=f"{pair.machine}{device}",
                experiment=str(pair.experiment),
                engine=str(pair.second if pair.first == reference else pair.first),
                ratio=ends[0],
                low=ends[1],
                high=ends[2],
                is_interval=not missing(pair.p),
                is_decided=pair.verdict in DECIDED,
            )
        )
    return speeds


@house.styled
def picture(study: Study) -> Picture | None:
    """Every other engine as a multiple of the reference engine; None where no two met."""
    rows = study.main_engines
    if rows.empty:
        return None
    told = finding(study)
    title = of_one_framework(frame_of(study)) if told is None else told.text
    reference = reference_engine(rows)
    every = against(rows, reference)
    speeds = _drawn(every)
    places = list(dict.fromkeys(speed.place for speed in speeds))
    is_spread = len(places) > 1 and (len(places) > FEW_MACHINES or len(speeds) > MOST_MARKS)
    blocks = spread_blocks(speeds) if is_spread else single_blocks(speeds)
    experiments = {speed.experiment for speed in speeds}
    label = f"times as fast as {engine(reference)}"
    if len(experiments) == 1:
        label += f", {experiments.pop()}"
    engines = [name for name in ENGINES if any(speed.engine == name for speed in speeds)]
    if len(engines) == 1:
        label = f"{engine(engines[0])}: {label}"
    wide, narrow = (
        house.svg(forest(blocks, label=label, reference=engine(reference), narrow=is_narrow))
        for is_narrow in (False, True)
    )
    return Picture(
        key="engines",
        title=title,
        caption=(
            *reading(speeds, rows, reference, is_spread=is_spread),
            *([say("Drawn are the engines in float32.")] if len(speeds) < len(every) else []),
        ),
        alt=f"{title}. Speeds as multiples of {engine(reference)}'s: {_in_words(blocks)}.",
        svg=wide,
        narrow_svg=narrow,
    )


def _drawn(speeds: Sequence[Speed]) -> list[Speed]:
    """Those that have room; of many those of engines in float32, if any."""
    if len({(speed.experiment, speed.engine) for speed in speeds}) <= MOST_ROWS:
        return list(speeds)
    return [speed for speed in speeds if is_float32(speed.engine)] or list(speeds)


def single_blocks(speeds: Sequence[Speed]) -> list[Block]:
    """A mark an engine in a row a machine under each experiment, the largest leads on top.

    Of one machine, or one experiment, there are rows without headings.
    """
    several = len({speed.engine for speed in speeds}) > 1
    places = [place for place, _ in _sorted_groups(speeds, lambda speed: speed.place)]
    by_experiment = _sorted_groups(speeds, lambda speed: speed.experiment)

    def row(label: str, group: Sequence[Speed]) -> Row:
        ordered = sorted(group, key=lambda speed: -speed.ratio)
        marks = [
            speed.mark(f"{engine(speed.engine)} {times(speed.ratio)}" if several else times(speed.ratio))
            for speed in ordered
        ]
        return Row(label=house.text(label), marks=tuple(marks))

    if len(places) == 1:
        return [Block(title="", rows=tuple(row(name, group) for name, group in by_experiment))]
    return [
        Block(
            title=name if len(by_experiment) > 1 else "",
            rows=tuple(
                row(house.cut(place, LETTERS), at)
                for place in places
                if (at := [speed for speed in group if speed.place == place])
            ),
        )
        for name, group in by_experiment
    ]


def spread_blocks(speeds: Sequence[Speed]) -> list[Block]:
    """A row an engine under each experiment, with a small mark a machine; a bar at the median."""
    engines = {speed.engine for speed in speeds}
    by_experiment = _sorted_groups(speeds, lambda speed: speed.experiment)
    most = _most_dots(speeds)

    def row(label: str, group: Sequence[Speed]) -> Row:
        middle = median(speed.ratio for speed in group)
        mark = Mark(ratio=middle, colour=LIGHT[group[0].engine], marker="|", text=times(middle))
        ordered = sorted(group, key=lambda speed: speed.ratio)
        step = max(1, math.ceil(len(ordered) / most))
        dots = [speed.dot for speed in ordered[::step]]
        return Row(label=label, marks=(mark,), dots=tuple(dots))

    if len(engines) == 1:
        return [Block(title="", rows=tuple(row(name, group) for name, group in by_experiment))]
    return [
        Block(
            title=name if len(by_experiment) > 1 else "",
            rows=tuple(
                row(engine(of), at) for of, at in _sorted_groups(group, lambda speed: speed.engine)
            ),
        )
        for name, group in by_experiment
    ]


def _most_dots(speeds: Sequence[Speed]) -> int:
    """So many small marks a row that all rows have MOST_DOTS."""
    return MOST_DOTS // len({(speed.experiment, speed.engine) for speed in speeds})


def _sorted_groups(
    speeds: Sequence[Speed], name_of: Callable[[Speed], str]
) -> list[tuple[str, list[Speed]]]:
    """The speeds by a name, those with the largest lead first; of like leads in the report's order."""
    groups: dict[str, list[Speed]] = {}
    for name in (*EXPERIMENT_ORDER, *dict.fromkeys(map(name_of, speeds))):
        group = [speed for speed in speeds if name_of(speed) == name]
        if group:
            groups[name] = group

    def lead(group: Sequence[Speed]) -> float:
        logs: dict[str, list[float]] = {}
        for speed in group:
            logs.setdefault(speed.engine, []).append(math.log(speed.ratio))
        return round(max(map(fmean, logs.values())), 9)

    return sorted(groups.items(), key=lambda item: -lead(item[1]))


def reading(
    speeds: Sequence[Speed], rows: pd.DataFrame, reference: str, *, is_spread: bool
) -> list[Sentence]:
    """How to read what is drawn, and nothing of what is not."""
    kinds = Counter(speed.is_interval for speed in speeds if not missing(speed.low))
    hollow = not all(speed.is_decided for speed in speeds)
    if is_spread:
        ending = ", hollow where nothing is decided" if hollow else ""
        sentences = [say("A small mark is a machine{ending}; the bar is their median.", ending=ending)]
        rows_of = Counter((speed.experiment, speed.engine) for speed in speeds)
        if max(rows_of.values()) > _most_dots(speeds):
            sentences.append(say("Not all machines are drawn, but as many as have room."))
    else:
        bars = ["thick bars are 95 % intervals"] * bool(kinds[True])
        bars += ["thin lines are the range of the runs that were seen"] * bool(kinds[False])
        bars += ["a hollow mark decides nothing"] * hollow
        text = "; ".join(bars)
        sentences = [say("{text}.", text=text[:1].upper() + text[1:])] if bars else []
    if any(reference not in (pair.first, pair.second) for pair in rows.itertuples()):
        sentences.append(say("The other pairs are in the table."))
    return sentences


def _in_words(blocks: Sequence[Block]) -> str:
    return "; ".join(
        f"{' '.join(filter(None, (block.title, row.label)))} {', '.join(m.text for m in row.marks)}"
        for block in blocks
        for row in block.rows
    )
