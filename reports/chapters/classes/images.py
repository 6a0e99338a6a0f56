"""Test images, one of each class, and what each experiment in each engine took them for."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.frameworks.registry import ENGINES
from reports.chapters.classes.shares import SHORT
from reports.data.rows import OTHER
from reports.draw import house
from reports.draw.palette import LIGHT
from reports.study.compare import Study
from reports.write.document import Picture, Sentence
from reports.write.parts import of_runs, put, several
from reports.write.words import count, listed

MOST_IMAGES = 10
"""The first so many that a run keeps are one of each class."""
NARROW_IMAGES = 5
"""In a row of a narrow page."""
MOST_ENGINES = 3
ENLARGED = 4
"""Each pixel becomes so many wide and high before it is stored: no viewer can then blur it much."""
EXPERIMENT_INCHES, LETTER_INCHES, MOST_LETTERS = 1.0, 0.085, 16
"""Room for the names at the left; that of the engine only where there are several."""
CLASS_INCHES, LINE_INCHES, GAP_INCHES = 0.22, 0.2, 0.07
IMAGE_SHARE = 0.86
"""Of its column's width."""
TICK = "✓"

Rows = dict[tuple[str, str], pd.DataFrame]


def chosen(study: Study) -> Rows:
    """(experiment, engine) -> the images of one run, all of the first machine and of the same images.

    Of several sets of images it is the one that most of the machine's cells answered.
    """
    kept = study.frames.pictures
    kept = kept[kept["run"].isin(study.runs["run"])]
    kept = kept[kept["machine"].eq(kept["machine"].iloc[0] if len(kept) else "")]
    by_images: dict[tuple[Any, ...], Rows] = {}
    for (experiment, engine, _), rows in kept.groupby(["experiment", "engine", "run"], sort=False):
        images = tuple(rows[["position", "class", "pixels"]].itertuples(index=False, name=None))
        by_images.setdefault(images, {}).setdefault((experiment, engine), rows)
    return max(by_images.values(), key=len, default={})


@house.styled
def images_and_answers(study: Study) -> Picture | None:
    """A column an image under its class, a line an experiment and engine: ✓, or the wrong answer."""
    found = chosen(study)
    engines = list(dict.fromkeys(name for name in ENGINES for _, there in found if there == name))
    sides = {
        cell: rows.head(MOST_IMAGES) for cell, rows in found.items() if cell[1] in engines[:MOST_ENGINES]
    }
    if not sides:
        return None
    title = _title(sides)
    return house.picture(
        images_and_answers,
        name="test-images",
        title=title,
        reading="",
        here=list(_caption(study, sides, left_out=len(engines[MOST_ENGINES:]))),
        figure=_drawn(sides, narrow=False),
        narrow=_drawn(sides, narrow=True),
        alt=_alt(title, sides),
    )


def _drawn(sides: Rows, *, narrow: bool) -> Figure:
    """All images in a row; on a narrow page in bands of some, each with its own lines of answers."""
    engines = {engine for _, engine in sides}
    labels = {name: house.cut(ENGINES[name].label, MOST_LETTERS) for name in engines}
    longest = max(map(len, labels.values())) + 1 if len(engines) > 1 else 0
    experiments = list(dict.fromkeys(experiment for experiment, _ in sides))
    width = house.NARROW_INCHES if narrow else house.WIDTH_INCHES
    # A narrow page has no room for two names in a line.
    is_headed = narrow and len(engines) > 1
    left = LETTER_INCHES * longest + (0 if is_headed else EXPERIMENT_INCHES)
    images = len(next(iter(sides.values())))
    band = NARROW_IMAGES if narrow else images
    wide = (width - left) / min(band, images)
    side = min(wide, 1.0) * IMAGE_SHARE
    lines = LINE_INCHES * (len(sides) + len(experiments) * is_headed) + GAP_INCHES * (
        len(experiments) + 1
    )
    tall = CLASS_INCHES + side + lines
    height = tall * -(-images // band)
    figure = Figure(figsize=(width, height))
    panel = figure.add_axes((0, 0, 1, 1))
    panel.set_axis_off()
    for start in range(0, images, band):
        places = slice(start, start + band)
        top = tall * (start // band)
        for place, (_, image) in enumerate(next(iter(sides.values())).iloc[places].iterrows()):
            _image(panel, image, left + wide * place, top, side)
        y = top + CLASS_INCHES + side
        for experiment in experiments:
            y += GAP_INCHES
            panel.axhline(y, color=LIGHT["rule"], linewidth=0.6)
            panel.text(0.02, y + LINE_INCHES / 2, experiment, va="center", weight="bold")
            y += LINE_INCHES * is_headed
            for (_, engine), answers in (own for own in sides.items() if own[0][0] == experiment):
                y += LINE_INCHES
                if len(engines) > 1:
                    panel.text(
                        0.02 if is_headed else EXPERIMENT_INCHES,
                        y - LINE_INCHES / 2,
                        labels[engine],
                        va="center",
                        fontsize=house.SMALL_POINTS,
                        color=LIGHT[engine],
                    )
                for place, (_, answer) in enumerate(answers.iloc[places].iterrows()):
                    _answer(panel, answer, left + wide * place + side / 2, y - LINE_INCHES / 2)
    panel.set(xlim=(0, width), ylim=(height, 0))
    return figure


def _image(panel: Axes, image: Any, x: float, y: float, side: float) -> None:
    """The image from x on, `side` inches wide, under the name of its class at y."""
    pixels = np.frombuffer(image["pixels"], np.uint8).reshape(32, 32, 3)
    panel.imshow(
        pixels.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1),
        interpolation="none",
        extent=(x, x + side, y + CLASS_INCHES + side, y + CLASS_INCHES),
        aspect="auto",
    )
    panel.text(x + side / 2, y + CLASS_INCHES / 2, _short(image["class"]), ha="center", va="center")


def _answer(panel: Axes, answer: Any, x: float, y: float) -> None:
    is_right = answer["answer"] == answer["class"]
    panel.text(
        x,
        y,
        TICK if is_right else _short(answer["answer"]),
        ha="center",
        va="center",
        fontsize=house.SMALL_POINTS,
        color=LIGHT["good" if is_right else "bad"],
    )


def _short(name: str) -> str:
    return SHORT.get(name, "none" if name == OTHER else name)


def _right(sides: Rows) -> list[bool]:
    """Of each image whether every run shown has it right."""
    each = [(rows["answer"] == rows["class"]).to_numpy() for rows in sides.values()]
    return [bool(all(answers)) for answers in zip(*each, strict=True)]


def _title(sides: Rows) -> str:
    right, images = sum(_right(sides)), len(_right(sides))
    where = " in every run shown" if len(sides) > 1 else ""
    whole = f"these {count(images, 'test image')}"
    if images == 1:
        return f"This test image is answered {'right' if right else 'wrong'}{where}"
    if right == images:
        return f"All of {whole} are answered right{where}"
    if not right:
        return f"None of {whole} is answered right{where}"
    return f"{right} of {whole} {'is' if right == 1 else 'are'} answered right{where}"


def _caption(study: Study, sides: Rows, left_out: int) -> list[Sentence]:
    first = next(iter(sides.values())).iloc[0]
    runs = [str(rows["run"].iloc[0]) for rows in sides.values()]
    n = of_runs(runs, "whose answers to test images are shown")
    where = put(" on {machine}", machine=first["machine"]) if several(study.runs) else ""
    sentences = [
        put(
            "{tick} is a right answer; a word is the wrong one. The answers are those of {n}{where}.",
            tick=TICK,
            n=n,
            where=where,
        )
    ]
    if left_out:
        verb = "is" if left_out == 1 else "are"
        more = count(left_out, "engine more", "engines more")
        sentences.append(put("{more} {verb} not shown.", more=more, verb=verb))
    return sentences


def _alt(title: str, sides: Rows) -> str:
    lines = [
        f"{experiment} in {ENGINES[engine].label}: " + listed(list(rows["answer"]))
        for (experiment, engine), rows in sides.items()
    ]
    shown = listed(list(next(iter(sides.values()))["class"]))
    return f"{title}. Photographs of {shown}. Answers: {'; '.join(lines)}."
