"""The networks that were trained: their size, layer by layer, and how one became another by mistake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from alexnet.layers import IllegalNetwork
from alexnet.recipe import EXPERIMENTS
from alexnet.spec import VARIANTS, Change, mistaken_changes, network
from reports.data.settings import EXPERIMENT_ORDER
from reports.draw import house
from reports.draw.palette import LIGHT
from reports.original.published import IMAGE_SIZE
from reports.study.compare import Study
from reports.write import words
from reports.write.document import Block, Number, Picture, Section, Sentence, Table
from reports.write.names import percents
from reports.write.parts import figure, ids, of_runs, paragraph, put
from reports.write.table import figures, line, table, text

STANDARD, MISTAKEN = "standard", "mistaken"
MOST_SIZES = 2
"""Image sizes with a layer table on the page; those of more are in the files."""
DIGITS = 8
"""Of a tensor's sha256 on the page; the files have it whole."""
ROW_INCHES = 0.23
NAME_INCHES, FIGURE_INCHES, NOTE_INCHES = 0.75, 0.75, 0.95
"""Of the picture of parameters: the layers' names, a bar's figure, and a note beside that."""
NOTES = {"fc6": ": no third pool (pool5)", "extra": ": not in AlexNet", "fc8": ": 1000 outputs"}
"""Why a layer of the mistaken network has more parameters than the standard one's."""
BRINGS = {
    "no third pool": "Leaving out the third pool (pool5)",
    "an extra linear Dense(1000)": "The extra Dense(1000)",
    "1000 outputs for 10 classes": "Having 1000 outputs for 10 classes",
}
"""The changes as `alexnet.spec` names them, as the beginning of a sentence has them."""
SUMS = ["parameters", "parameter_bytes", "forward_flops"]


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A network at an image size in pixels, and the runs that trained it."""

    variant: str
    image_size: int
    layers: pd.DataFrame
    experiments: tuple[str, ...]
    runs: tuple[str, ...]

    @property
    def parameters(self) -> int:
        return int(self.layers["parameters"].sum())


def trained(study: Study) -> list[Trained]:
    """The networks that have a trained epoch, those of the main setting's image size first.

    The standard network stands beside the mistaken one of its size, which is explained from it.
    """
    runs = study.frames.runs
    runs = runs[runs["run"].isin(study.frames.epochs["run"].unique())]
    groups = dict(tuple(runs.groupby(["variant", "image_size"])))
    layers = dict(tuple(study.frames.layers.groupby(["variant", "image_size"], sort=False)))
    main = study.setting["image_size"]
    sizes = sorted({size for _, size in groups}, key=lambda size: (size != main, -size))
    networks = []
    for size in sizes:
        for variant in VARIANTS:
            there = (variant, size) in groups
            if there or (
                variant == STANDARD and (MISTAKEN, size) in groups and (variant, size) in layers
            ):
                own = groups[variant, size] if there else runs.head(0)
                networks.append(
                    Trained(
                        variant=variant,
                        image_size=int(size),
                        layers=layers[variant, size],
                        experiments=tuple(e for e in EXPERIMENT_ORDER if e in set(own["experiment"])),
                        runs=tuple(own["run"]),
                    )
                )
    return networks


def chapter(study: Study) -> Section | None:
    """None where nothing was trained."""
    networks = trained(study)
    if not networks:
        return None
    size = networks[0].image_size
    shown = [net for net in networks if net.image_size == size]
    explained = next((net for net in networks if net.variant == MISTAKEN), None)
    blocks: list[Block] = [
        *_sizes(networks).values(),
        parameters_by_layer(shown),
        *_explanation(explained),
        *_changes(explained).values(),
        *layer_tables(networks).values(),
        *transfer(study).values(),
    ]
    return Section(key="networks", title="The networks", blocks=tuple(blocks))


def _sizes(networks: Sequence[Trained]) -> dict[str, Table]:
    """Under the key networks: what each is, trains and costs."""
    sums = [net.layers[SUMS].sum() for net in networks]
    frame = pd.DataFrame(
        {
            "variant": [net.variant for net in networks],
            "image_size": [net.image_size for net in networks],
            "experiments": [net.experiments for net in networks],
            **{name: [int(row[name]) for row in sums] for name in SUMS},
            "runs": [net.runs for net in networks],
        }
    )
    megabytes, gigaflops = frame["parameter_bytes"] / 1e6, frame["forward_flops"] / 1e9
    fields = [
        text("Network", frame["variant"]),
        text("Trained by", map(words.listed, frame["experiments"])),
        figures(
            "Image size, px",
            frame["image_size"].map(words.count),
            constant="Of images of {value} pixels a side.",
            values=frame["image_size"],
        ),
        figures("Parameters", frame["parameters"].map(words.count), values=frame["parameters"]),
        figures("In float32, MB", [f"{value:,.0f}" for value in megabytes], values=megabytes),
        figures("Forward, GFLOP an image", [f"{value:.2f}" for value in gigaflops], values=gigaflops),
    ]
    caption = [
        line("Counted from the layer tables that every engine builds; a multiply-add is two FLOP.")
    ]
    return table("networks", _sizes_title(frame), fields, caption, frame=frame)


def _sizes_title(frame: pd.DataFrame) -> str:
    """The largest network against the standard one, or else against the smallest, of the first size."""
    first = frame[frame["image_size"] == frame["image_size"].iloc[0]]
    largest = first.loc[first["parameters"].idxmax()]
    usual = first[first["variant"] == STANDARD]
    smallest = usual.iloc[0] if len(usual) else first.loc[first["parameters"].idxmin()]
    if largest["variant"] == smallest["variant"]:
        return f"{largest['variant']} has {words.count(largest['parameters'])} parameters"
    more, work = (largest[name] / smallest[name] for name in ("parameters", "forward_flops"))
    return (
        f"{largest['variant']} has {more:.1f} times the parameters of {smallest['variant']}"
        f" and {work:.1f} times its work"
    )


@house.styled
def parameters_by_layer(networks: Sequence[Trained]) -> Picture:
    """Bars of each layer's parameters, a panel a network; yellow is more than the standard one's has."""
    columns = {net.variant: net.layers.set_index("layer")["parameters"] for net in networks}
    wide = pd.DataFrame(columns).reindex(_rows(networks))
    wide = wide[wide.max(axis=1) > 0] / 1e6
    title = _parameters_title(wide)
    compared = STANDARD in columns and len(columns) > 1
    return house.picture(
        parameters_by_layer,
        name="parameters",
        title=title,
        reading="In millions."
        + (" Yellow is what a layer has beyond the standard network's." if compared else ""),
        here=(),
        figure=_side_by_side(wide),
        narrow=_one_below_the_other(wide),
        alt=f"{title}. Millions of parameters: {_in_words(wide)}.",
    )


def _side_by_side(wide: pd.DataFrame) -> Figure:
    """All bars of one scale: each panel is as wide as its longest bar and what stands beside that."""
    longest = wide.max()
    room = pd.Series({name: FIGURE_INCHES + NOTE_INCHES * (name == MISTAKEN) for name in wide})
    inches = (house.WIDTH_INCHES - NAME_INCHES - room.sum()) / longest.sum()
    widths = longest + room / inches
    figure, axes = house.grid(
        1,
        wide.shape[1],
        row_inches=ROW_INCHES * len(wide),
        more_inches=0.5,
        sharey=True,
        width_ratios=list(widths),
    )
    for variant, panel in zip(wide.columns, axes[0], strict=True):
        _bars(panel, wide, variant)
        panel.set_xlim(0, widths[variant])
        panel.set_title(f"{variant}\n{wide[variant].sum():.1f} million")
    return figure


def _one_below_the_other(wide: pd.DataFrame) -> Figure:
    height = (ROW_INCHES * len(wide) + 0.4) * wide.shape[1]
    figure = Figure(figsize=(house.NARROW_INCHES, height), layout="constrained")
    panels = figure.subplots(wide.shape[1], 1, sharex=True, squeeze=False)[:, 0]
    beside = FIGURE_INCHES + NOTE_INCHES * (MISTAKEN in wide)
    for variant, panel in zip(wide.columns, panels, strict=True):
        _bars(panel, wide, variant)
        panel.set_title(f"{variant}, {wide[variant].sum():.1f} million")
    share = 1 - beside / (house.NARROW_INCHES - NAME_INCHES)
    panels[0].set_xlim(0, wide.max(axis=None) / share)
    return figure


def _parameters_title(wide: pd.DataFrame) -> str:
    """Which layer holds the most of the mistaken network, or else of the first."""
    variant = MISTAKEN if MISTAKEN in wide else str(wide.columns[0])
    layer, own = wide[variant].idxmax(), wide[variant]
    return f"{layer} holds {own[layer]:.1f} of the {own.sum():.1f} million parameters of {variant}"


def _in_words(wide: pd.DataFrame) -> str:
    return "; ".join(
        f"{variant} " + ", ".join(f"{layer} {value:.2f}" for layer, value in own.dropna().items())
        for variant, own in wide.items()
    )


def _bars(panel: Axes, wide: pd.DataFrame, variant: str) -> None:
    standard = wide.get(STANDARD, wide[variant]).fillna(0)
    for y, (layer, millions) in enumerate(wide[variant].items()):
        if words.missing(millions):
            continue
        usual = min(standard[layer], millions)
        panel.barh(y, usual, color=LIGHT["ink"], height=0.62, linewidth=0)
        panel.barh(y, millions - usual, left=usual, color=LIGHT["highlight"], height=0.62, linewidth=0)
        is_more = variant == MISTAKEN and millions > usual
        panel.annotate(
            f"{millions:.2f}{NOTES.get(str(layer), '') if is_more else ''}",
            (millions, y),
            xytext=(4, 0),
            textcoords="offset points",
            va="center",
            fontsize=house.SMALL_POINTS,
        )
    panel.set_yticks(range(len(wide)), list(wide.index), color=LIGHT["ink"])
    panel.set_ylim(len(wide) - 0.4, -0.6)
    panel.set_xticks([])
    panel.grid(visible=False)
    panel.spines["bottom"].set_visible(False)


def _explanation(mistaken: Trained | None) -> Iterable[Block]:
    """What the table of changes does not say of the mistaken network."""
    if mistaken is None or not (changes := _steps(mistaken.image_size)):
        return ()
    size = mistaken.image_size
    accident = put(
        "The original report trained mistaken by accident, and blamed the extra Dense(1000) alone for"
        " its size."
    )
    inputs = put(
        "Without the third pool (pool5) {layer} has {wide} inputs instead of {usual}.",
        layer=changes[-1].network.flattened[0],
        wide=_inputs(MISTAKEN, size),
        usual=_inputs(STANDARD, size),
    )
    return paragraph(accident, inputs, None if size == IMAGE_SIZE else _original_size())


def _inputs(variant: str, size: int) -> Number:
    """How many values are flattened into the network's first Dense layer."""
    channels, rows, columns = network(variant, image_size=size).flattened[1]
    what = f"inputs of the first Dense layer; {variant}, {size} px, counted from the layer table"
    return figure(channels * rows * columns, what, ())


def _original_size() -> Sentence:
    what = f"parameters; {MISTAKEN}, {IMAGE_SIZE} px, counted from the layer table"
    return put(
        "At the original's {size} pixels a side {mistaken} has {whole} parameters.",
        size=figure(IMAGE_SIZE, "image size of the original report, pixels a side", ()),
        mistaken=MISTAKEN,
        whole=figure(network(MISTAKEN).parameters, what, ()),
    )


def _steps(size: int) -> list[Change]:
    """The changes from the standard to the mistaken network; none where there is no standard one."""
    try:
        return mistaken_changes(image_size=size)
    except IllegalNetwork:
        return []


def _changes(mistaken: Trained | None) -> dict[str, Table]:
    """Under the key changes: how one change after the other makes mistaken of standard."""
    if mistaken is None or not (changes := _steps(mistaken.image_size)):
        return {}
    size = mistaken.image_size
    more = [change.extra_parameters for change in changes]
    after = [network(STANDARD, image_size=size).parameters]
    after += [change.network.parameters for change in changes]
    frame = pd.DataFrame(
        {
            "what": [STANDARD, *(change.what for change in changes)],
            "image_size": size,
            "extra_parameters": [0, *more],
            "parameters": after,
        }
    )
    shares = frame["extra_parameters"] / sum(more)
    most = changes[more.index(max(more))]
    fields = [
        text("Change", frame["what"]),
        figures(
            "Parameters more", _after_first(map(words.count, more)), values=frame["extra_parameters"]
        ),
        figures("Of all that came, %", _after_first(percents(shares[1:])), values=100 * shares),
        figures("Parameters after it", map(words.count, after), values=after),
    ]
    share = words.percent(most.extra_parameters / sum(more), 0)
    title = f"{BRINGS.get(most.what, most.what)} brings {share} of the extra parameters"
    caption = [line("Each row is the network of the row above with one change more.")]
    return table("changes", title, fields, caption, frame=frame)


def _after_first(cells: Iterable[str]) -> list[str]:
    """A column's cells, none in the row of the standard network itself."""
    return [words.DASH, *cells]


def _rows(networks: Sequence[Trained]) -> list[str]:
    """The layers of all networks in one order: each in its network's order among the others."""
    order = _names(networks[0])
    for net in networks[1:]:
        own = _names(net)
        for place, name in enumerate(own):
            if name not in order:
                following = [other for other in own[place + 1 :] if other in order]
                order.insert(order.index(following[0]) if following else len(order), name)
    return order


def _names(net: Trained) -> list[str]:
    """Its layers in order. A dropout is named by the layer that it stands before.

    torchvision's drop7 and the original's drop6 stand before the same layer, and their drop6 before
    different ones.
    """
    names, kinds = list(net.layers["layer"]), list(net.layers["kind"])
    return [
        f"dropout before {names[place + 1]}" if kind == "Dropout" else name
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    ]


def layer_tables(networks: Sequence[Trained]) -> dict[str, Table]:
    """Under the key layers, and layers-PIXELS of a second size: a row a layer, two columns a network."""
    sizes = list(dict.fromkeys(net.image_size for net in networks))
    frame = pd.concat([net.layers for net in networks], ignore_index=True)
    tables: dict[str, Table] = {}
    for size in sizes[:MOST_SIZES]:
        here = [net for net in networks if net.image_size == size]
        order = _rows(here)
        fields = [text("Layer", order)]
        for net in here:
            rows = dict(zip(_names(net), net.layers.to_dict("records"), strict=True))
            parameters = [rows[name]["parameters"] if name in rows else 0 for name in order]
            fields += [
                figures(
                    f"{net.variant}: output",
                    [rows[name]["output_shape"] if name in rows else words.DASH for name in order],
                ),
                figures(
                    f"{net.variant}: parameters",
                    [words.count(value) if value else "" for value in parameters],
                    values=parameters,
                ),
            ]
        caption = [
            line(
                f"At {size} pixels a side; outputs are channels x rows x columns, and a dash is a layer"
                " that the network does not have."
            )
        ]
        if more := sizes[MOST_SIZES:]:
            pixels = words.listed([words.count(value) for value in more])
            caption.append(line(f"Of {pixels} pixels a side the layers are in the files alone."))
        key = "layers" if size == sizes[0] else f"layers-{size}"
        tables |= table(
            key,
            _layers_title(here[0]),
            fields,
            caption,
            frame=frame if size == sizes[0] else None,
        )
    return tables


def _layers_title(first: Trained) -> str:
    dense = first.layers.loc[first.layers["kind"] == "Dense", "parameters"].sum()
    share = words.percent(dense / first.parameters, 0)
    return f"The Dense layers hold {share} of the parameters of {first.variant}"


def transfer(study: Study) -> dict[str, Table]:
    """Under the key transfer: how each of ImageNet's tensors came into each engine.

    It is of the runs whose files say so.
    """
    frame, runs = study.frames.transfers, study.runs
    main = frame[frame["run"].isin(runs["run"])]
    if main.empty:
        return {}
    groups = [group for _, group in main.groupby("tensor", sort=False)]
    fields = [
        text("Tensor", [str(group["tensor"].iloc[0]) for group in groups]),
        figures("Shape", [str(group["shape"].iloc[0]) for group in groups]),
        text("In the weights file", map(_source, groups)),
        *(text(f"In {head}", layouts) for head, layouts in _by_framework(main, groups)),
        text("sha256", map(_sha256, groups)),
    ]
    caption = [
        line(
            "A layout is what an engine makes of the tensor. Each tensor was read back from its engine,"
            " and was what it had been given, to the bit."
        )
    ]
    started = [name for name in EXPERIMENT_ORDER if EXPERIMENTS[name].pretrained]
    silent = runs[runs["experiment"].isin(started) & ~runs["run"].isin(main["run"])]
    if len(silent):
        caption.append(
            put(
                "The {files} of {n} that started from a weights file {say} none of this.",
                files="file" if len(silent) == 1 else "files",
                n=of_runs(ids(silent), "from a weights file, without a record of it", "more run"),
                say="says" if len(silent) == 1 else "say",
            )
        )
    title = _transfer_title(groups, main["run"].nunique())
    return table("transfer", title, fields, caption, frame=frame)


def _by_framework(
    main: pd.DataFrame, groups: Sequence[pd.DataFrame]
) -> list[tuple[str, tuple[str, ...]]]:
    """A heading and each tensor's layout: one column of a framework whose engines all make the same."""
    there = [name for name in ENGINES if (main["engine"] == name).any()]
    columns = {name: tuple(_layout(group, name) for group in groups) for name in there}
    heads: dict[str, tuple[str, ...]] = {}
    for name, layouts in columns.items():
        kin = [other for other in there if ENGINES[other].framework == ENGINES[name].framework]
        alike = len(kin) > 1 and len({columns[other] for other in kin}) == 1
        label = FRAMEWORKS[ENGINES[name].framework].label if alike else ENGINES[name].label
        heads[label] = layouts
    return list(heads.items())


def _source(group: pd.DataFrame) -> str:
    source = group["source"].iloc[0]
    return "none: drawn for the new head" if words.missing(source) else str(source)


def _layout(group: pd.DataFrame, engine: str) -> str:
    return words.listed(group.loc[group["engine"] == engine, "layout"].unique()) or words.DASH


def _sha256(group: pd.DataFrame) -> str:
    """The first digits; a new head has others by its seed."""
    hashes = group["sha256"].unique()
    if len(hashes) == 1:
        return str(hashes[0][:DIGITS])
    return "by its seed" if words.missing(group["source"].iloc[0]) else f"{len(hashes)} different"


def _transfer_title(groups: Sequence[pd.DataFrame], runs: int) -> str:
    """How many tensors came from the file, and whether these runs began with the same."""
    carried = [group for group in groups if not words.missing(group["source"].iloc[0])]
    same = all(group["sha256"].nunique() == 1 for group in carried)
    title = f"{len(carried)} of {words.count(len(groups), 'tensor')} came from the weights file"
    if runs == 1:
        return title
    return f"{title}, {'the same in each of' if same else 'and they differ among'} {runs:,} runs"
