"""Machines compared: their ranking against the baseline, and what may explain it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import chain, islice
from typing import Any

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from reports.data.settings import engines_of
from reports.draw import house
from reports.draw.forest import Block, Mark, Row, forest
from reports.draw.palette import LIGHT
from reports.study.compare import Study, in_means, virtual_macs
from reports.study.ratios import LEAST_EPOCHS
from reports.write import names, words
from reports.write.document import MOST_MACHINES, Picture, RowKind, Section, Sentence, Table, say
from reports.write.parts import Part, cut, figure, not_shown, paragraph, put
from reports.write.parts import row as listed
from reports.write.ratios import of_mean, run_ids, unrepeated
from reports.write.table import Field, figures, line, table, text

DECIDED = ("faster", "slower", "same")
LETTERS = 34
"""Of a machine's name beside its row."""
REMEDY = "Machines get an interval from three sessions each."
BODY = ("chip", "gpu_cores", "memory_bytes", "os")
"""What of a machine may explain its speed."""


def chapter(study: Study) -> Section | None:
    """The ranking as a picture, what it does not say, and as a table; None with a single machine."""
    if len(study.frames.machines) < 2:
        return None
    drawn = picture(study)
    blocks = (
        *(() if drawn is None else (drawn,)),
        *paragraph(*_left_out(study), _short(study), unrepeated(study.main_rows(study.means), REMEDY)),
        *ranking(study).values(),
    )
    if not blocks:
        return None
    return Section(
        key="machines", title="Machines compared", blocks=blocks, data={"machine_pairs": study.machines}
    )


SIDES = ("machine_runs", "baseline_runs")


def finding(study: Study) -> Sentence | None:
    """Which machine is faster than the baseline; None where none is compared with it."""
    means = study.main_rows(study.means)
    if means.empty:
        return None
    return _of_one(means) if len(means) == 1 else _of_several(means)


def _of_one(means: pd.DataFrame) -> Sentence:
    [mean] = means.itertuples()
    lead = of_mean(mean)
    sides = {"first": lead.first, "second": lead.second}
    if mean.verdict in ("faster", "slower"):
        return put("{first} trains {times} times as fast as {second}", **sides, times=lead.value)
    if mean.verdict == "same":
        return put("{first} and {second} are equally fast", **sides)
    return put("Neither {first} nor {second} is known to be faster", **sides)


def _of_several(means: pd.DataFrame) -> Sentence:
    """How many are faster than the baseline, how many slower, how many as fast."""
    baseline = str(means["baseline"].iloc[0])
    if (means["verdict"] == "same").all():
        return put("All machines are as fast as {baseline}", baseline=baseline)
    if not means["verdict"].isin(DECIDED).any():
        return put("No machine is known to be faster or slower than {baseline}", baseline=baseline)
    every = figure(len(means), "means; all", run_ids(means, SIDES), "other machine", "other machines")
    counts: list[Part] = []
    for verdict, word in (("faster", "faster than"), ("slower", "slower than"), ("same", "as fast as")):
        rows = means[means["verdict"] == verdict]
        if rows.empty:
            continue
        number = figure(len(rows), f"means; {verdict}", run_ids(rows, SIDES))
        template = "{n} {word}" if counts else "{n} {are} {word} {baseline}"
        counts.append(
            put(
                template,
                n=number,
                are="is" if len(rows) == 1 else "are",
                word=word.rsplit(" ", 1)[0] if counts else word,
                baseline=baseline,
            )
        )
    rest = "" if means["verdict"].isin(DECIDED).all() else "; the rest is not decided"
    return put("Of {all} {counts}{rest}", all=every, counts=listed(counts), rest=rest)


def in_order(study: Study, setting: str) -> pd.DataFrame:
    """The means of a setting and its baseline at 1, the fastest machine first."""
    means = study.means[study.means["setting"] == setting]
    if means.empty:
        return means
    name = means["baseline"].iloc[0]
    base = {"machine": name, "baseline": name, "setting": setting, "ratio": 1.0, "verdict": "same"}
    rows = pd.concat([means, pd.DataFrame([base])], ignore_index=True)
    return rows.sort_values("ratio", ascending=False, kind="stable").reset_index(drop=True)


def fitted(rows: pd.DataFrame, most: int = MOST_MACHINES) -> pd.DataFrame:
    """Of too many machines the fastest, the slowest and the baseline."""
    if len(rows) <= most:
        return rows
    is_base = (rows["machine"] == rows["baseline"]).to_numpy()
    kept = {int(is_base.argmax()), len(rows) - 1}
    fastest = (place for place in range(len(rows)) if place not in kept)
    kept |= set(islice(fastest, most - len(kept)))
    return rows.iloc[sorted(kept)]


@house.styled
def picture(study: Study) -> Picture | None:
    """A mark a machine and small ones for its cells; None where none is compared with the baseline."""
    title = finding(study)
    every = in_order(study, study.main)
    if title is None:
        return None
    rows = fitted(every)
    cells = in_means(study.main_rows(study.machines))
    cells = cells[cells["machine"].isin(rows["machine"])]
    cells_of = dict(tuple(cells.groupby("machine", sort=False)))
    marks = tuple(_row(row, cells_of.get(row.machine)) for row in rows.itertuples())
    block = Block(title="", rows=marks)
    baseline = str(study.baseline)
    engines = engines_of(cells)
    has_dots = any(row.dots for row in block.rows)
    drawings = []
    for is_narrow in (False, True):
        drawn = forest(
            [block],
            label="times as fast as the baseline",
            reference="",
            narrow=is_narrow,
        )
        if has_dots and len(engines) > 1:
            house.key(drawn, house.engine_keys(engines, line=False), columns=2 if is_narrow else 6)
        drawings.append(house.svg(drawn))
    return Picture(
        key="machines",
        title=title.text,
        caption=tuple(_reading(rows, has_dots=has_dots, left_out=len(every) - len(rows))),
        alt=(
            f"{title.text}. Speeds as multiples of {baseline}'s: "
            f"{'; '.join(f'{row.machine} {words.times(row.ratio)}' for row in rows.itertuples())}."
        ),
        svg=drawings[0],
        narrow_svg=drawings[1],
    )


def _row(mean: Any, cells: pd.DataFrame | None) -> Row:
    label = house.cut(str(mean.machine), LETTERS)
    if mean.machine == mean.baseline:
        return Row(label=label, marks=(Mark(ratio=1.0, colour=LIGHT["muted"], text="baseline"),))
    dots = [] if cells is None or len(cells) < 2 else [_dot(cell) for cell in cells.itertuples()]
    mark = Mark(
        ratio=mean.ratio,
        low=mean.low,
        high=mean.high,
        is_interval=not words.missing(mean.p),
        is_decided=mean.verdict in DECIDED,
        text=words.times(mean.ratio),
    )
    return Row(label=label, marks=(mark,), dots=tuple(dots))


def _dot(cell: Any) -> Mark:
    return Mark(ratio=cell.ratio, colour=LIGHT[cell.engine], marker=ENGINES[cell.engine].marker)


def _reading(rows: pd.DataFrame, *, has_dots: bool, left_out: int) -> list[Sentence]:
    others = rows[rows["machine"] != rows["baseline"]]
    is_range = others["low"] < others["high"]  # runs that are equally fast leave no line to see
    parts = ["a diamond is the geometric mean of a machine's cells"]
    parts += ["a small mark one of the cells"] * has_dots
    parts += ["a thick bar a 95 % interval"] * bool(others["p"].notna().any())
    parts += ["a thin line what was seen"] * bool((others["p"].isna() & is_range).any())
    parts += ["a hollow diamond decides nothing"] * (not others["verdict"].isin(DECIDED).all())
    text_ = ", ".join(parts)
    sentences = [say("{text}.", text=text_[:1].upper() + text_[1:])]
    return [*sentences, *_rest(left_out)]


def _rest(left_out: int) -> list[Sentence]:
    if not left_out:
        return []
    template = "{n} between the fastest and the slowest {are} not shown."
    return [not_shown(left_out, "machines that there is no room for", template)]


def ranking(study: Study) -> dict[str, Table]:
    """The table `means`: the machines from the fastest to the slowest, with their chips and systems.

    Other settings follow as far as there is room.
    """
    if study.means.empty:
        return {}
    every = in_order(study, study.main)
    parts = [fitted(every)]
    room = MOST_MACHINES - len(parts[0])
    for setting in dict.fromkeys(study.means["setting"]):
        rows = in_order(study, str(setting))
        if setting != study.main and len(rows) <= room:
            parts.append(rows)
            room -= len(rows)
    shown = _with_bodies(study, pd.concat([part for part in parts if len(part)], ignore_index=True))
    of_means = int((shown["machine"] != shown["baseline"]).sum())
    kinds: list[RowKind] = [
        "baseline" if row.machine == row.baseline else "" for row in shown.itertuples()
    ]
    return table(
        "means",
        "Machine against machine",
        _fields(study, shown, kinds),
        _caption(shown, is_exact=len(in_means(study.machines)) < len(study.machines)),
        kinds=kinds,
        left_out=len(study.means) - of_means,
        frame=_with_bodies(study, study.means),
    )


def _with_bodies(study: Study, means: pd.DataFrame) -> pd.DataFrame:
    bodies = study.frames.machines[["machine", *BODY]]
    return means.merge(bodies, on="machine", how="left", sort=False)


def _fields(study: Study, shown: pd.DataFrame, kinds: Sequence[RowKind]) -> list[Field]:
    rows = list(shown.itertuples())

    def of_others(form: Callable[[Any], str]) -> list[str]:
        """What is said of a comparison, and a dash in the baseline's own row."""
        pairs = zip(rows, kinds, strict=True)
        return [words.DASH if kind == "baseline" else form(row) for row, kind in pairs]

    shorts = shown["short_cells"].fillna(0).astype(int)
    return [
        *([text("Setting", shown["setting"])] if study.means["setting"].nunique() > 1 else []),
        text("Machine", shown["machine"]),
        figures("Ratio", [words.times(row.ratio) for row in rows], values=shown["ratio"]),
        figures("Interval", of_others(names.ends), absent=line("")),
        text("Verdict", of_others(names.verdict)),
        text("Chip", [names.known(row.chip) for row in rows], "All have {value}."),
        figures("GPU cores", [words.count(row.gpu_cores) for row in rows], values=shown["gpu_cores"]),
        figures(
            "Memory",
            [words.gibibytes(row.memory_bytes) for row in rows],
            values=shown["memory_bytes"],
        ),
        text("System", [names.known(row.os) for row in rows], "System: {value}."),
        text("Evidence", of_others(lambda row: names.repeats(row, "session")), "Evidence: {value}."),
        figures(
            "Cells",
            of_others(lambda row: words.count(row.cells)),
            constant="Cells (an experiment in an engine) in each mean: {value}.",
            values=shown["cells"],
            minor=True,
        ),
        *([figures("Left out", of_others(_short_cells), minor=True)] if shorts.any() else []),
    ]


def _short_cells(row: Any) -> str:
    return words.count(row.short_cells) if row.short_cells else words.DASH


def _caption(shown: pd.DataFrame, *, is_exact: bool) -> list[Sentence]:
    """How to read the table; `is_exact`: the means leave engines out."""
    several = shown["setting"].nunique() > 1
    base = "its setting's baseline" if several else str(shown["baseline"].iloc[0])
    sentences = [
        say(
            "The ratio is a machine's speed as a multiple of that of {base}: the geometric mean over the"
            " cells that both have.",
            base=base,
        )
    ]
    if shown["cells"].dropna().nunique() > 1:
        sentences.append(line("Do not compare means over different cells with each other."))
    if is_exact:
        sentences.append(line("Only engines in float32 are in the mean."))
    if several:
        sentences.append(line("Do not compare rows of different settings with each other."))
    return sentences


def _short(study: Study) -> Sentence | None:
    """That cells with too few epochs are in no mean."""
    means = study.main_rows(study.means)
    cells = in_means(study.main_rows(study.machines))
    in_mean = cells["machine"].isin(means.loc[means["short_cells"] > 0, "machine"])
    short = cells[in_mean & (cells["verdict"] == "too few epochs")]
    if short.empty:
        return None
    runs = tuple(dict.fromkeys(chain(*short["machine_runs"])))
    return put(
        "{n} with fewer than {least} timed epochs on a side {are} in no mean.",
        n=figure(len(short), "cells of machines; too few epochs", runs, "cell"),
        least=str(LEAST_EPOCHS),
        are="is" if len(short) == 1 else "are",
    )


def _left_out(study: Study) -> list[Sentence]:
    """Machines that no comparison has, and why."""
    if study.baseline is None:
        return []
    valid = study.frames.valid
    virtual = virtual_macs(study.frames)
    compared = {study.baseline, *study.machines["machine"], *study.machines["baseline"], *virtual}
    settings = set(valid.loc[valid["machine"] == study.baseline, "setting"])
    same: list[str] = []
    other: list[str] = []
    for machine, group in valid.groupby("machine", sort=False):
        if machine not in compared:
            (same if settings & {*group["setting"]} else other).append(str(machine))
    sentences = []
    if study.baseline not in virtual:
        sentences = [
            put(
                "{machines} {have} no cell in common with {baseline}: {why}.",
                baseline=study.baseline,
                have="has" if len(machines) == 1 else "have",
                machines=cut(machines, "machines"),
                why=why,
            )
            for machines, why in (
                (other, "all runs there are of other settings"),
                (same, "other experiments or engines ran there, or a CPU in place of a GPU"),
            )
            if machines
        ]
    return [
        *sentences,
        *_virtual([name for name in study.frames.machines["machine"] if name in virtual]),
    ]


def _virtual(machines: Sequence[str]) -> list[Sentence]:
    if not machines:
        return []
    template = (
        "{machines} is a virtual Mac, whose speed is comparable with no other computer's."
        if len(machines) == 1
        else "{machines} are virtual Macs, whose speed is comparable with no other computer's."
    )
    return [put(template, machines=cut(list(machines), "machines"))]
