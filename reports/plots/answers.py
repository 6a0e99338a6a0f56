"""Test images with what each framework took them for."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from alexnet.frameworks.registry import ENGINES
from reports.document import Number, Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.settings import engines_of
from reports.study.compare import Study
from reports.words import count

MOST_IMAGES, COLUMNS = 16, 4
ENLARGED = 4
"""Each pixel becomes so many wide and high before it is stored: no viewer can then blur it much."""
SIZE, LINE = 0.85, 0.11
"""An image's side, and a line of text, where a column is 1 wide."""
SIGNS = {True: ("✓", "good"), False: ("✗", "bad")}
WHICH = {1: "one framework's alone", 2: "the same for both frameworks"}


def chosen(study: Study) -> dict[str, pd.DataFrame]:
    """Engine -> its run's images, the same in all: of the first machine and seed with two or more such.

    Of `scratch`, else of the first experiment that kept images; of one engine where no two agree.
    """
    found = study.frames.pictures
    kept = found[(found["validity"] == "valid") & (found["setting"] == study.main)]
    named = pick.experiments(kept)
    if not named:
        return {}
    own = pick.of(kept, experiment=named[0])
    places = own.groupby("run", sort=False).indices
    runs = own.iloc[[rows[0] for rows in places.values()]]
    for _, group in runs.groupby(["machine", "seed"], sort=False):
        engines = engines_of(group)
        if len(engines) < 2:
            continue
        seen: dict[Any, dict[str, pd.DataFrame]] = {}
        sides = [[(name, run) for run in pick.of(group, engine=name)["run"]] for name in engines]
        for name, run in filter(None, chain(*zip_longest(*sides))):
            rows = own.iloc[places[run]]
            same = seen.setdefault(_images(rows), {})
            same[name] = rows
            if len(same) == len(engines):
                break
        widest = max(seen.values(), key=len)
        if len(widest) > 1:
            return {name: widest[name] for name in engines if name in widest}
    first = runs.iloc[0]
    return {first["engine"]: own.iloc[places[first["run"]]]}


def _images(rows: pd.DataFrame) -> tuple[Any, ...]:
    """What has to be the same for two engines' answers to be about the same images."""
    return tuple(rows[["position", "class", "pixels"]].itertuples(index=False, name=None))


@house.styled
def images_and_answers(study: Study) -> Picture | None:
    """Test images, enlarged, and above each what it is. Under it stands each framework's answer, ✓ right
    or ✗ wrong, and how sure it was.
    """
    sides = {name: rows.head(MOST_IMAGES) for name, rows in chosen(study).items()}
    if not sides:
        return None
    first = next(iter(sides.values()))
    rows = -(-len(first) // COLUMNS)
    tall = 1.1 + LINE * len(sides)
    inches = house.WIDTH_INCHES / COLUMNS
    figure, [[panel]] = house.grid(1, 1, row_inches=rows * tall * inches, more_inches=0.35)
    panel.set(xlim=(0, COLUMNS), ylim=(rows * tall, 0), aspect="equal")
    panel.set_axis_off()
    for place in range(len(first)):
        x, y = place % COLUMNS, place // COLUMNS * tall
        _image(panel, first.iloc[place], x, y)
        for line, (engine, answers) in enumerate(sides.items()):
            _answer(panel, engine, answers.iloc[place], x, y + 1.01 + LINE * line)
    house.key(figure, house.engine_keys(list(sides), line=False))
    here = _here(sides)
    return house.picture(
        images_and_answers,
        name="test-images",
        title="Test images and what they were taken for",
        here=(*here, *pick.modest(study)),
        figure=figure,
        alt=_alt(sides, here),
    )


def _image(panel: Axes, image: Any, x: float, y: float) -> None:
    """The image in the square at (x, y), which is as wide as a column, and its class above it."""
    pixels = np.frombuffer(image["pixels"], np.uint8).reshape(32, 32, 3)
    panel.imshow(
        pixels.repeat(ENLARGED, axis=0).repeat(ENLARGED, axis=1),
        interpolation="none",
        extent=(x, x + SIZE, y + 0.13 + SIZE, y + 0.13),
    )
    panel.text(x, y + 0.1, image["class"], weight="bold", fontsize=house.SMALL_POINTS)


def _answer(panel: Axes, engine: str, answer: Any, x: float, y: float) -> None:
    sign, colour = SIGNS[answer["answer"] == answer["class"]]
    panel.text(x, y, ENGINES[engine].shape, va="top", fontsize=8.5, color=LIGHT[engine])
    panel.text(
        x + 0.1,
        y,
        f"{sign} {answer['answer']} {100 * answer['share']:.0f} %",
        va="top",
        fontsize=8.5,
        color=LIGHT[colour],
    )


def _here(sides: dict[str, pd.DataFrame]) -> tuple[Sentence, ...]:
    first = next(iter(sides.values())).iloc[0]
    parts = []
    for engine, rows in sides.items():
        right = int((rows["class"] == rows["answer"]).sum())
        number = Number(
            text=f"{right} of {len(rows)}",
            value=float(right),
            runs=(str(rows["run"].iloc[0]),),
            what=f"test images shown that {ENGINES[engine].label} took for what they are",
        )
        parts.append(say("{engine} has {right} right", engine=ENGINES[engine].label, right=number))
    return (
        say(
            "They are from {experiment} on {machine}, seed {seed}; the images are {which}.",
            experiment=first["experiment"],
            machine=first["machine"],
            seed=str(first["seed"]),
            which=WHICH.get(len(sides), "the same for all of these frameworks"),
        ),
        pick.listed(parts),
    )


def _alt(sides: dict[str, pd.DataFrame], here: tuple[Sentence, ...]) -> str:
    first = next(iter(sides.values()))
    shown = ", ".join(dict.fromkeys(first["class"]))
    words = " ".join(sentence.text for sentence in here)
    return f"{count(len(first), 'small photograph')} of the classes {shown}, with answers. {words}"
