"""The finding: one sentence that answers which machine or which engine, as far as it is decided."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from alexnet.data import DATASETS, TRAINED_IMAGES
from alexnet.recipe import EXPERIMENTS
from reports.study.compare import FLOAT32, PLACE, Study, is_for_speed_alone, over_the_same_cells
from reports.study.speeds import Speed, headline, speeds
from reports.write import words
from reports.write.parts import FEW, engine
from reports.write.ratios import is_turned


def finding(study: Study) -> str:
    """The report's title, made from the judgements."""
    cells = speeds(study)
    if not cells:
        if len(study.frames.says_nothing):
            return "No run says how fast its framework is: nothing is compared"
        return "No run is valid: nothing is compared"
    means = study.main_rows(study.means)
    if len(means):
        return _of_machines(over_the_same_cells(means, study.main_rows(study.machines)))
    fastest, others = headline(study, cells)
    engines = {cell.engine for cell in others}
    if len(engines) < 2 or len({cell.place for cell in others}) > 1:
        return (
            f"{fastest.machine} trains AlexNet on {words.rate(fastest.value)} images a second in"
            f" {engine(fastest.engine)}{_where(fastest.experiment)}"
        )
    of_all = {cell.engine for cell in cells if cell.experiment == fastest.experiment}
    return _of_engines(study, fastest, others, are_all=engines == of_all)


def _where(experiment: str) -> str:
    """The experiment, where it is not the one that a reader would think of."""
    return "" if experiment == next(iter(EXPERIMENTS)) else f" in {experiment}"


def _of_machines(means: pd.DataFrame) -> str:
    """The fastest machine against the baseline; where none is faster, this against the slowest."""
    baseline = means["baseline"].iloc[0]
    faster, slower = (means[means["verdict"] == verdict] for verdict in ("faster", "slower"))
    if len(faster):
        fastest = faster.loc[faster["ratio"].idxmax()]
        return (
            f"{fastest['machine']} trains AlexNet {_times(fastest['ratio'])} times as fast as {baseline}"
        )
    if len(slower):
        slowest = slower.loc[slower["ratio"].idxmin()]
        return (
            f"{baseline} trains AlexNet {_times(1 / slowest['ratio'])} times as fast as"
            f" {slowest['machine']}"
        )
    names = [*means["machine"], baseline]
    if (means["verdict"] == "same").all():
        return (
            f"{words.listed(names)} train AlexNet equally fast"
            if len(names) <= FEW
            else (f"All {len(names)} machines train AlexNet equally fast")
        )
    if len(means) == 1:
        return f"Which of {words.listed(names)} trains AlexNet faster is not decided"
    return "No machine is known to train AlexNet faster than another"


def _of_engines(study: Study, first: Speed, cells: Sequence[Speed], *, are_all: bool) -> str:
    """The fastest engine of one device against the others, as far as that is decided.

    Where they are not all engines, since those have another precision, "in float32" says so.
    """
    pairs = study.main_engines
    rows = pairs[(pairs[PLACE] == [first.machine, first.device, first.experiment]).all(axis=1)]
    where = f"{first.machine}{_where(first.experiment)}"
    others = [cell for cell in cells if cell is not first]
    leads = map(_lead, rows.itertuples())
    decided = {loser: value for (winner, loser), value in leads if winner == first.engine}
    decided = {cell.engine: decided[cell.engine] for cell in others if cell.engine in decided}
    named = engine(first.engine)
    best = f"{named} trains AlexNet {{}} times as fast as {{}} on {where}"
    if others and len(decided) == len(others):
        nearest, furthest = min(decided.values()), max(decided.values())
        if len(others) == 1:
            return best.format(_times(nearest), engine(others[0].engine))
        number = f"{words.count(len(cells), 'engine')}{'' if are_all else f' in {FLOAT32}'}"
        return (
            f"{named} is the fastest of {number} on {where}, {_times(nearest)} to {_times(furthest)}"
            " times as fast as the others"
        )
    if decided:
        loser = max(decided, key=decided.__getitem__)
        return best.format(_times(decided[loser]), engine(loser))
    if len(others) == 1 and any(row.verdict == "same" for row in rows.itertuples()):
        return f"{named} and {engine(others[0].engine)} train AlexNet equally fast on {where}"
    if len(cells) > FEW:
        number = f"{words.count(len(cells), 'engine')}{'' if are_all else f' in {FLOAT32}'}"
        return f"Which of {number} trains AlexNet fastest on {where} is not decided"
    names = words.listed([engine(cell.engine) for cell in cells])
    return f"Which of {names} trains AlexNet faster on {where} is not decided"


def _lead(row: Any) -> tuple[tuple[str, str], float]:
    """(winner, loser) and how many times as fast; ("", "") where nothing is decided."""
    if row.verdict not in ("faster", "slower"):
        return ("", ""), 1.0
    if is_turned(row):
        return (row.second, row.first), 1 / row.ratio
    return (row.first, row.second), row.ratio


def _times(value: float) -> str:
    return f"{value:.1f}" if value >= 2 else f"{value:.2f}"


def quick_epoch(study: Study) -> str | None:
    """How many images an epoch is of where it is not all of CIFAR-10's; None where it is."""
    images = sorted({int(number) for number in study.runs["train_images"]})
    if images == [TRAINED_IMAGES] or not images:
        return None
    return " to ".join(words.count(number) for number in dict.fromkeys((images[0], images[-1])))


def eyebrow(study: Study) -> str:
    """What was measured, on what and when."""
    setting, machines = study.setting, list(dict.fromkeys(study.runs["machine"]))
    computers = machines or list(study.frames.machines["machine"])
    named = words.listed(computers) if len(computers) <= FEW else f"{len(computers):,} machines"
    images = DATASETS.get(setting["dataset"], "images")
    days = sorted(str(day)[:10] for day in study.frames.runs["started_at"].dropna())
    few = quick_epoch(study)
    parts = [
        "AlexNet training",
        named,
        f"{setting['profile']} profile, {images} at {setting['image_size']} px"
        + (f", an epoch of {few} images" if few else "")
        + (", the first steps of its epochs" if is_for_speed_alone(study) else ""),
        " to ".join(dict.fromkeys((days[0], days[-1]))) if days else "",
    ]
    return " · ".join(part for part in parts if part)
