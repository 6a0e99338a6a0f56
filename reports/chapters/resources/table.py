"""Memory and energy in one table: a row a cell, or of many machines a row an experiment and engine."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.chapters.resources.frame import FIGURES, IMAGE, measured
from reports.data.settings import EXPERIMENT_ORDER
from reports.study.resources import CARD, HOST
from reports.study.systems import SYSTEM
from reports.write import words
from reports.write.document import Sentence, Table, say
from reports.write.names import ON_DEVICE, ON_MACHINE
from reports.write.parts import engine
from reports.write.table import Field, figures, line, table, text
from reports.write.words import DASH, DEVICES

MOST_CELLS = 16
"""So many cells have a row each; of more, an experiment and engine has one, with ranges."""
DECIDED = ("more", "less", "same")


def resources_table(frame: pd.DataFrame) -> dict[str, Table]:
    """A row a cell, or of more than `MOST_CELLS` a row an experiment and engine, with ranges.

    What takes least memory comes first. Where the printed figures are the same, experiments are in the
    report's order and engines in the registry's.
    """
    printed = frame[HOST].map(lambda value: float(_gigabytes(value / 1e9)), na_action="ignore")
    order = frame.assign(
        first=printed.groupby(frame["experiment"]).transform("min"),
        in_report=frame["experiment"].map(EXPERIMENT_ORDER.index),
        printed=printed,
        in_registry=frame["engine"].map(list(ENGINES).index),
    ).sort_values(["first", "in_report", "printed", "in_registry"], kind="stable", na_position="last")
    keys = list(SYSTEM)
    if len(frame) > MOST_CELLS:
        keys = ["device", "experiment", "engine"]
    groups = [rows for _, rows in order.groupby(keys, sort=False)]
    reference = engine(frame["reference"].iloc[0])
    of_cards = frame["device"] == "cuda"

    def values_of(column: str) -> list[float]:
        return [float(rows[column].median()) for rows in groups]

    def gigabytes_of(name: str, column: str, *, minor: bool = False) -> Field:
        texts = [_range(rows[column] / 1e9, _gigabytes) for rows in groups]
        return figures(name, texts, values=values_of(column), absent=line(""), minor=minor)

    def joules_of(name: str, column: str, size: float = 1.0, *, minor: bool = False) -> Field:
        texts = [_range(rows[column] / size, words.significant) for rows in groups]
        return figures(name, texts, values=values_of(column), absent=line(""), minor=minor)

    def ratio_of(name: str, of: str) -> list[Field]:
        if frame[f"{of}_ratio"].isna().all():
            return []
        texts = [_ratio(rows, of) for rows in groups]
        sorted_by = [
            1.0 if words.missing(value) and cell != DASH else value
            for cell, value in zip(texts, values_of(f"{of}_ratio"), strict=True)
        ]
        return [figures(name, texts, values=sorted_by)]

    heads = pd.DataFrame([rows.iloc[0] for rows in groups])
    fields = [
        text("Experiment", heads["experiment"]),
        text("Engine", map(engine, heads["engine"]), "Engine: {value}."),
        *([text("Machine", heads["machine"], ON_MACHINE)] if "machine" in keys else []),
        text("Device", heads["device"].map(DEVICES), ON_DEVICE),
        gigabytes_of("After import, GB", "baseline_host_bytes", minor=True),
        gigabytes_of("Training, GB", HOST),
        *ratio_of(f"Memory × {reference}", "memory"),
        *([gigabytes_of("On the card, GB", CARD)] if of_cards.any() else []),
        joules_of("J/image", IMAGE),
        *ratio_of(f"Energy × {reference}", "energy"),
        joules_of("kJ to best epoch", "joules_to_best_epoch", 1e3, minor=True),
        joules_of("GPU alone, J/epoch", "gpu_joules_per_epoch"),
    ]
    title = f"{measured(frame)} by experiment"
    return table("resources", title, fields, _reading(frame, groups), frame=frame)


def _gigabytes(value: float) -> str:
    """As it is printed, to the nearest ten million bytes."""
    return words.number(value, ".2f")


def _reading(frame: pd.DataFrame, groups: Sequence[pd.DataFrame]) -> list[Sentence]:
    sentences = []
    if len(groups) < len(frame):
        sentences.append(line("Ranges go over the machines."))
    compared = [frame[frame[f"{name}_ratio"].notna()] for name in FIGURES.values()]
    bases, verdicts = (
        pd.concat(
            [rows[f"{name}_{what}"] for rows, name in zip(compared, FIGURES.values(), strict=True)]
        )
        for what in ("basis", "verdict")
    )
    if len(verdicts):
        of_all = " on every machine" if len(groups) < len(frame) else ""
        parts = ["× is the ratio to that engine's figure"]
        parts += [", in brackets the 95 % interval"] * bool(bases.isin(("runs", "sessions")).any())
        sentences.append(say("{text}.", text="".join(parts)))
        if not verdicts.isin(DECIDED).all():
            sentences.append(say("A ratio with a ? after it is not decided{of_all}.", of_all=of_all))
    return sentences


def _range(values_shown: pd.Series[float], form: Callable[[float], str]) -> str:
    measured = values_shown.dropna()
    if measured.empty:
        return DASH
    return "–".join(dict.fromkeys(form(end) for end in (measured.min(), measured.max())))


def _ratio(rows: pd.DataFrame, of: str) -> str:
    """The ratio to the reference, or of several machines its range, and whether it is decided."""
    compared = rows[rows[f"{of}_ratio"].notna()]
    if compared.empty:
        figure = rows[next(column for column, name in FIGURES.items() if name == of)]
        is_reference = rows["engine"].iloc[0] == rows["reference"].iloc[0]
        return words.times(1.0) if is_reference and figure.notna().any() else DASH
    decided = compared[f"{of}_verdict"].isin(DECIDED)
    ratio = _range(compared[f"{of}_ratio"], words.times)
    row = compared.iloc[0]
    if len(compared) == 1 and row[f"{of}_basis"] in ("runs", "sessions"):
        ratio = f"{ratio} ({words.interval(row[f'{of}_low'], row[f'{of}_high'])})"
    return ratio if decided.all() else f"{ratio}?"
