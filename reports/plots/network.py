"""Where the parameters are: layer by layer, and what makes the mistaken network so large."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MultipleLocator

from reports.document import Number, Picture, Sentence, say
from reports.palette import LIGHT
from reports.plots import house, pick
from reports.published import IMAGE_SIZE
from reports.study.compare import Study
from reports.words import missing

VARIANTS = ("standard", "mistaken", "torchvision")
ROOM_MILLIONS = 58.0
"""Beside the longest bar of each panel, for its figure."""
NOTES = {"fc6": ":\nno third pool", "extra": ": not in AlexNet", "fc8": ": 1000 outputs"}


def parameters(layers: pd.DataFrame) -> pd.DataFrame:
    """Layer x variant: parameters at 224 px, in the network's order; NaN for what is not there."""
    at = layers[(layers["image_size"] == IMAGE_SIZE) & (layers["parameters"] > 0)]
    order = [*dict.fromkeys(at["layer"])]
    wide = at.pivot_table(index="layer", columns="variant", values="parameters", aggfunc="first")
    rank = {name: at.index[at["layer"] == name].max() for name in order}
    fixed = ("conv1", "conv2", "conv3", "conv4", "conv5", "fc6", "fc7", "extra", "fc8")
    known = [name for name in fixed if name in rank] + [name for name in order if name not in fixed]
    return wide.reindex(index=known, columns=[v for v in VARIANTS if v in wide])


@house.styled
def parameters_by_layer(study: Study) -> Picture | None:
    """Parameters of each layer at 224 pixels. Dark is as much as the standard network's layer has;
    yellow is what is more.
    """
    table = parameters(study.frames.layers)
    if table.empty:
        return None
    widths = table.max() / 1e6 + ROOM_MILLIONS
    figure, axes = house.grid(
        1, len(widths), row_inches=3.4, more_inches=0.3, sharey=True, width_ratios=list(widths)
    )
    for variant, panel in zip(table.columns, axes[0], strict=True):
        _panel(panel, table, variant)
        panel.set_xlim(0, widths[variant])
        panel.set_title(f"{variant}\n{int(table[variant].sum()):,}")
    here = _here(study.frames.layers, table)
    return house.picture(
        parameters_by_layer,
        name="parameters-by-layer",
        title="Where the parameters are",
        here=here,
        figure=figure,
        alt="Bars of parameters by layer for "
        + ", ".join(f"{variant} ({int(table[variant].sum()):,})" for variant in table.columns)
        + ". "
        + " ".join(sentence.text for sentence in here),
    )


def _panel(panel: Axes, table: pd.DataFrame, variant: str) -> None:
    standard = table.get("standard", table[variant]).fillna(0)
    for row, (layer, found) in enumerate(table[variant].items()):
        if missing(found):
            continue
        usual = min(float(standard[layer]), float(found))
        panel.barh(row, usual / 1e6, color=LIGHT["ink"], height=0.62, linewidth=0)
        panel.barh(
            row,
            (found - usual) / 1e6,
            left=usual / 1e6,
            color=LIGHT["highlight"],
            height=0.62,
            linewidth=0,
        )
        note = NOTES.get(str(layer), "") if variant == "mistaken" and found > usual else ""
        panel.text(
            found / 1e6 + 3,
            row,
            f"{found / 1e6:.2f}{note}",
            va="center",
            fontsize=house.SMALL_POINTS,
            color=LIGHT["ink"],
        )
    panel.set_yticks(range(len(table)), [house.text(name) for name in table.index], color=LIGHT["ink"])
    panel.set_ylim(len(table) - 0.4, -0.6)
    panel.set_xlabel("million")
    panel.grid(visible=False, axis="y")
    panel.xaxis.set_major_locator(MultipleLocator(50))


def _number(value: int, what: str) -> Number:
    return Number(text=f"{value:,}", value=float(value), what=f"{what}, at 224 px", runs=())


def _here(layers: pd.DataFrame, table: pd.DataFrame) -> tuple[Sentence, ...]:
    """What the mistaken network has more, and where from; nothing where either is not there."""
    if not {"standard", "mistaken"} <= set(table.columns):
        return ()
    standard, mistaken = table["standard"].fillna(0), table["mistaken"].fillna(0)
    more = (mistaken - standard).astype(int)
    flat = pick.of(layers, image_size=IMAGE_SIZE, layer="flatten").set_index("variant")["output_shape"]
    rest = int(more.sum() - more["fc6"])
    return (
        say(
            "The mistaken network has {all} parameters, {more} more than the standard one's {usual}.",
            all=_number(int(mistaken.sum()), "parameters of the mistaken network"),
            usual=_number(int(standard.sum()), "parameters of the standard network"),
            more=_number(int(more.sum()), "parameters of the mistaken network less the standard one's"),
        ),
        say(
            "{fc6} of them are in fc6, which without the third pool has {wide} inputs, not {usual}.",
            fc6=_number(int(more["fc6"]), "the mistaken network's fc6 less the standard one's"),
            wide=_number(int(flat["mistaken"]), "inputs of the mistaken network's fc6"),
            usual=_number(int(flat["standard"]), "inputs of the standard network's fc6"),
        ),
        say(
            "The extra layer and the 1000 outputs bring the other {rest}.",
            rest=_number(rest, "the mistaken network's extra and fc8 less the standard one's fc8"),
        ),
    )
