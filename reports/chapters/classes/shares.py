"""How many of each class's test images are answered right, and what the others are taken for."""

from __future__ import annotations

import math

import pandas as pd
import seaborn as sns
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure

from alexnet.frameworks.registry import ENGINES
from reports.data.rows import ANSWERS
from reports.data.settings import EXPERIMENT_ORDER
from reports.draw import house
from reports.draw.palette import LIGHT
from reports.study.accuracy import judged_runs
from reports.study.compare import Study
from reports.write import words
from reports.write.document import Picture, Table
from reports.write.names import percents
from reports.write.parts import ids, of_runs, points, put
from reports.write.table import figures, table, text

SHORT = {"airplane": "plane", "automobile": "car"}
"""Names that are too long for a column of a picture."""
SHOWN_MISTAKES = 3
FAINTEST, STRONGEST = 0.03, 0.5
"""How opaque the cells of the fewest and of all right answers are: figures are legible on both."""
CLEAR = 1.96
"""Standard errors of a difference, beyond which two classes are told apart at 95 %."""
ROW_INCHES = 0.3

CELL = ["experiment", "engine", "class", "answer"]
ORDER = {name: place for place, name in enumerate((*EXPERIMENT_ORDER, *ENGINES, *ANSWERS))}


def answered(study: Study) -> pd.DataFrame:
    """One row an experiment, engine, class and answer: how many of the class's test images got it.

    `images` of `of` are those of all `runs` on all machines; `share` is the mean over the `seeds`, each
    with its runs added up. Empty where the runs may claim nothing of accuracy.
    """
    judged = judged_runs(study) if study.says_accuracy else study.runs.head(0)
    counts = study.frames.confusion
    counts = counts[counts["run"].isin(judged["run"])]
    by_seed = counts.groupby([*CELL, "seed"])[["images"]].sum()
    of_class = by_seed.groupby(["experiment", "engine", "class", "seed"])["images"]
    by_seed["of"] = of_class.transform("sum")
    by_seed = by_seed[by_seed["of"] > 0]
    by_seed["share"] = by_seed["images"] / by_seed["of"]
    cells = by_seed.groupby(CELL).agg(
        share=("share", "mean"), images=("images", "sum"), of=("of", "sum"), seeds=("share", "size")
    )
    cells = cells.reset_index().astype(dict.fromkeys(CELL, str))
    cells = cells.sort_values(CELL, key=lambda column: column.map(ORDER))
    runs = judged.groupby(["experiment", "engine"]).size().rename("runs")
    return cells.join(runs, on=["experiment", "engine"]).reset_index(drop=True)


def by_experiment(cells: pd.DataFrame) -> pd.DataFrame:
    """(class, answer) x experiment: the mean share over the engines; 0 for what nobody answered."""
    means = cells.groupby(["experiment", "class", "answer"])["share"].mean().unstack("experiment")
    return means.reindex(columns=dict.fromkeys(cells["experiment"])).fillna(0.0)


def right(shares: pd.DataFrame) -> pd.DataFrame:
    """Class x experiment: the share that was answered right, the hardest class first."""
    answers = shares.index.get_level_values("answer")
    diagonal = shares[shares.index.get_level_values("class") == answers].droplevel("answer")
    return diagonal.loc[diagonal.mean(axis=1).sort_values().index]


def hardest(shares: pd.Series[float], images: int) -> str | None:
    """The class with the fewest right answers, of so many images each; None where that may be chance.

    It has to lie below the next one by more than the 95 % error of the difference. Of ten equal classes
    the lowest two are closer than any other two, so that this errs in fewer than 5 of 100 cases.
    """
    ordered = shares.sort_values(kind="stable")
    low, next_low = ordered.iloc[0], ordered.iloc[1]
    error = math.sqrt((low * (1 - low) + next_low * (1 - next_low)) / images)
    return str(ordered.index[0]) if next_low - low > CLEAR * error else None


def fewest_images(classes: pd.DataFrame) -> int:
    """The test images of the smallest class of any run; 0 where nothing was tested."""
    return 0 if classes.empty else int(classes["images"].min())


@house.styled
def right_answers(study: Study, cells: pd.DataFrame) -> Picture | None:
    """A row an experiment, a column a class, in each cell the per cent that was answered right.

    `cells` are those of `answered`.
    """
    if cells.empty:
        return None
    table = right(by_experiment(cells))
    classes = study.frames.classes
    classes = classes[classes["run"].isin(judged_runs(study)["run"])]
    images, runs = fewest_images(classes), ids(classes)
    title = _title(table, images)
    return house.picture(
        right_answers,
        name="classes",
        title=title,
        reading="",
        here=[
            put(
                "Per cent of a class's test images that were answered right, the hardest class first;"
                " means over {n}.",
                n=of_runs(runs, "whose classes are shown"),
            ),
            put(
                "The choice of test images alone gives a share a standard error of up to {error}.",
                error=points(
                    0.5 / math.sqrt(images), "largest standard error of a class's share", runs, 1
                ),
            ),
        ],
        figure=_heat(table.T, house.WIDTH_INCHES),
        narrow=_heat(table, house.NARROW_INCHES),
        alt=f"{title}. Per cent of right answers: {_in_words(table)}.",
    )


def _title(table: pd.DataFrame, images: int) -> str:
    """Which class is the hardest, and in which experiments."""
    places: dict[str, list[str]] = {}
    for experiment, shares in table.items():
        if name := hardest(shares, images):
            places.setdefault(name, []).append(str(experiment))
    if not places:
        return "No class is known to be the hardest"
    [first, *others] = places
    if others:
        parts = [f"{name} in {words.listed(where)}" for name, where in places.items()]
        return f"The hardest class is {'; '.join(parts)}"
    everywhere = len(places[first]) == table.shape[1] > 1
    where = "every experiment" if everywhere else words.listed(places[first])
    return f"{first.capitalize()} is the hardest class in {where}"


def _heat(shares: pd.DataFrame, width: float) -> Figure:
    """Cells with their per cent, the more opaque the more were right; `width` is in inches."""
    figure = Figure(figsize=(width, ROW_INCHES * len(shares) + 0.45), layout="constrained")
    panel = figure.subplots()
    red, green, blue = to_rgb(LIGHT["good"])
    ends = [(red, green, blue, FAINTEST), (red, green, blue, STRONGEST)]
    sns.heatmap(
        shares.rename(index=SHORT, columns=SHORT),
        ax=panel,
        cmap=LinearSegmentedColormap.from_list("right", ends),
        vmin=float(shares.min().min()),
        vmax=1,
        cbar=False,
        annot=100 * shares,
        fmt=".0f",
        annot_kws={"size": house.SMALL_POINTS, "color": LIGHT["ink"]},
        linewidths=1,
        linecolor="none",
    )
    panel.xaxis.tick_top()
    panel.set(xlabel="", ylabel="")
    panel.tick_params(length=0, labelcolor=LIGHT["ink"])
    panel.tick_params(axis="both", rotation=0)
    panel.grid(visible=False)
    return figure


def _in_words(table: pd.DataFrame) -> str:
    return "; ".join(
        f"{experiment} " + ", ".join(f"{name} {100 * share:.0f}" for name, share in shares.items())
        for experiment, shares in table.items()
    )


def mistakes(cells: pd.DataFrame) -> dict[str, Table]:
    """Under the key mistakes: the most frequent wrong answers; its frame has every class and answer."""
    if cells.empty:
        return {}
    shares = by_experiment(cells)
    classes, answers = (shares.index.get_level_values(name) for name in ("class", "answer"))
    wrong = shares[classes != answers]
    wrong = wrong[wrong.sum(axis=1) > 0]
    wrong = wrong.loc[wrong.mean(axis=1).sort_values(ascending=False, kind="stable").index]
    if wrong.empty:
        return {}
    shown = wrong.head(SHOWN_MISTAKES)
    taken, answer = shown.index[0]
    fields = [
        text("Class", shown.index.get_level_values("class")),
        text("Taken for", shown.index.get_level_values("answer")),
        *(
            figures(f"{experiment}, %", percents(shown[experiment]), values=100 * shown[experiment])
            for experiment in shown
        ),
    ]
    return table(
        "mistakes",
        f"{str(taken).capitalize()} taken for {answer} is the most frequent mistake",
        fields,
        [put("Per cent of the class's test images, means over the same runs.")],
        left_out=len(wrong) - len(shown),
        frame=cells,
    )
