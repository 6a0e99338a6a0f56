"""Test images with what each framework took them for."""

from __future__ import annotations

from itertools import chain, zip_longest
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from alexnet.frameworks import registry
from reports.compare import Study
from reports.document import Number, Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.words import FRAMEWORKS, count

MOST_IMAGES, COLUMNS = 16, 4
ENLARGED = 4
"""Each pixel becomes so many wide and high before it is stored: no viewer can then blur it much."""
SIZE, LINE = 0.85, 0.11
"""An image's side, and a line of text, where a column is 1 wide."""
SIGNS = {True: ("✓", "good"), False: ("✗", "bad")}
SHAPES: dict[str, str] = {name: info.shape for name, info in registry.FRAMEWORKS.items()}


def chosen(study: Study) -> dict[str, pd.DataFrame]:
    """Framework -> its run's images, the same in both: of the first machine and seed that has such.

    Of `scratch`, else of the first experiment that kept images; of one framework where no two agree.
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
        seen: dict[str, dict[Any, Any]] = {name: {} for name in FRAMEWORKS}
        sides = [[(name, run) for run in pick.of(group, framework=name)["run"]] for name in FRAMEWORKS]
        for name, run in filter(None, chain(*zip_longest(*sides))):
            rows = own.iloc[places[run]]
            seen[name][images := _images(rows)] = rows
            if all(images in side for side in seen.values()):
                return {framework: side[images] for framework, side in seen.items()}
    first = runs.iloc[0]
    return {first["framework"]: own.iloc[places[first["run"]]]}


def _images(rows: pd.DataFrame) -> tuple[Any, ...]:
    """What has to be the same for two frameworks' answers to be about the same images."""
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
        for line, (framework, answers) in enumerate(sides.items()):
            _answer(panel, framework, answers.iloc[place], x, y + 1.01 + LINE * line)
    house.key(figure, house.framework_keys(list(sides), line=False))
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


def _answer(panel: Axes, framework: str, answer: Any, x: float, y: float) -> None:
    sign, colour = SIGNS[answer["answer"] == answer["class"]]
    panel.text(x, y, SHAPES[framework], va="top", fontsize=8.5, color=LIGHT[framework])
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
    for framework, rows in sides.items():
        right = int((rows["class"] == rows["answer"]).sum())
        number = Number(
            text=f"{right} of {len(rows)}",
            value=float(right),
            runs=(str(rows["run"].iloc[0]),),
            what=f"test images shown that {FRAMEWORKS[framework]} took for what they are",
        )
        parts.append(say("{framework} has {right} right", framework=FRAMEWORKS[framework], right=number))
    return (
        say(
            "They are from {experiment} on {machine}, seed {seed}; the images are {which}.",
            experiment=first["experiment"],
            machine=first["machine"],
            seed=str(first["seed"]),
            which="the same for both frameworks" if len(sides) > 1 else "one framework's alone",
        ),
        pick.listed(parts),
    )


def _alt(sides: dict[str, pd.DataFrame], here: tuple[Sentence, ...]) -> str:
    first = next(iter(sides.values()))
    shown = ", ".join(dict.fromkeys(first["class"]))
    words = " ".join(sentence.text for sentence in here)
    return f"{count(len(first), 'small photograph')} of the classes {shown}, with answers. {words}"
