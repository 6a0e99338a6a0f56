"""`python -m alexnet`: variants, their layers, experiments, ImageNet's weights."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import get_args

from rich.console import Console
from rich.padding import Padding
from rich.table import Table

from alexnet import imagenet, weights
from alexnet.frameworks import registry
from alexnet.frameworks.protocol import Device, DeviceUnavailable
from alexnet.layers import IllegalNetwork, Shape
from alexnet.recipe import EXPERIMENTS, Experiment
from alexnet.spec import VARIANTS, Network, Row, mistaken_changes, network


def main(arguments: list[str] | None = None) -> int:
    """Answers one command line; a wrong one is a sentence on stderr and status 2."""
    parser = argparse.ArgumentParser(prog="python -m alexnet", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in ("variants", *VARIANTS):
        about = "all variants side by side" if name == "variants" else VARIANTS[name].about
        one = commands.add_parser(name, help=about)
        one.add_argument("--image-size", type=int, default=224, metavar="PX")
        if name != "variants":
            one.add_argument("--classes", type=int, metavar="N")
    commands.add_parser("experiments", help="what each experiment trains, how, and what it claims")
    carry = commands.add_parser("carry-over", help="torchvision's ImageNet weights, made canonical")
    carry.add_argument("path", nargs="?", type=Path, help="default: torchvision downloads its own")
    carry.add_argument("--classes", type=int, default=1000, help="other than 1000: a new last layer")
    carry.add_argument("--output", type=Path, metavar="FILE", help="write them as safetensors")
    device = commands.add_parser("device", help="which device a framework would take")
    device.add_argument("framework", choices=registry.FRAMEWORKS)
    device.add_argument("device", choices=["auto", *get_args(Device)], default="auto", nargs="?")
    given = parser.parse_args(arguments)
    console = Console()
    try:
        _answer(given, console)
    except (IllegalNetwork, weights.WeightsError, DeviceUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _answer(given: argparse.Namespace, console: Console) -> None:
    match given.command:
        case None | "variants":
            console.print(variants_table(getattr(given, "image_size", 224)))
            console.print("One variant's layers: python -m alexnet VARIANT   (--image-size PX)")
        case "experiments":
            for name, experiment in EXPERIMENTS.items():
                print_experiment(console, name, experiment)
        case "carry-over":
            carried = imagenet.load_torchvision(given.path, classes=given.classes)
            console.print(carry_over_table(carried))
            if given.output:
                about = imagenet.describe(carried)
                weights.save(given.output, carried.weights, about=about)
        case "device":
            console.print(registry.backend(given.framework, given.device).device)
        case variant:
            net = network(variant, image_size=given.image_size, classes=given.classes)
            console.print(layers_table(net))
            if variant == "mistaken":
                console.print(changes_table(given.image_size))


def _shape(shape: Shape) -> str:
    return "x".join(str(n) for n in shape)


def _table(title: str, *columns: str) -> Table:
    """A table whose first column is text and whose others are numbers."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        collapse_padding=True,  # 80 columns are enough for every table here
        pad_edge=False,
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    return table


def variants_table(image_size: int) -> Table:
    """Every network that the experiments and the ImageNet weights need, one line each."""
    table = _table(
        f"AlexNet at {image_size} px (float32; FLOP of one image forward)",
        "variant",
        "classes",
        "weighted layers",
        "parameters",
        "MB",
        "GFLOP",
    )
    nets = [network(name, image_size=image_size) for name in VARIANTS]
    for net in (*nets, network("torchvision", image_size=image_size, classes=1000)):
        table.add_row(
            net.variant,
            f"{net.classes:,}",
            str(sum(bool(row.tensors) for row in net.rows)),
            f"{net.parameters:,}",
            f"{net.parameters * 4 / 1e6:,.1f}",
            f"{net.forward_flops / 1e9:.3f}",
        )
    return table


def print_experiment(console: Console, name: str, experiment: Experiment) -> None:
    """An experiment's network, first weights and recipe, and under it what the recipe claims."""
    recipe = experiment.recipe
    first = f"the {experiment.variant} network, {experiment.weights} weights, recipe {recipe.name}"
    console.print(f"[bold]{name}[/]: {first}")
    text = f"{recipe.claim} The report of March 2025, on an M1 Pro: {experiment.published}."
    console.print(Padding(text, (0, 0, 1, 4)), highlight=False)


def layers_table(net: Network) -> Table:
    """The columns of a Keras summary, and each layer's cost for one image."""
    table = _table(
        f"{net.variant} at {net.image_size} px, {net.classes:,} classes",
        "layer",
        "type",
        "output (c x h x w)",
        "parameters",
        "MB",
        "MFLOP",
    )
    for row in net.rows:
        table.add_row(
            row.layer.name,
            type(row.layer).__name__,
            _shape(row.output_shape),
            *_costs(row),
        )
    total = sum(row.parameter_bytes for row in net.rows) / 1e6
    table.add_section()
    table.add_row(
        "total", "", "", f"{net.parameters:,}", f"{total:,.2f}", f"{net.forward_flops / 1e6:,.1f}"
    )
    return table


def _costs(row: Row) -> tuple[str, str, str]:
    if not row.parameters:
        return "0", "–", "–"
    return (
        f"{row.parameters:,}",
        f"{row.parameter_bytes / 1e6:,.2f}",
        f"{row.forward_flops / 1e6:,.1f}",
    )


def changes_table(image_size: int) -> Table:
    """Where the mistaken network's extra parameters come from."""
    table = _table("From standard to mistaken, change by change", "change", "extra", "parameters")
    standard = network("standard", image_size=image_size)
    changes = mistaken_changes(image_size=image_size)
    table.add_row("standard", "", f"{standard.parameters:,}")
    for change in changes:
        table.add_row(change.what, f"{change.extra_parameters:+,}", f"{change.network.parameters:,}")
    table.add_section()
    extra = changes[-1].network.parameters - standard.parameters
    table.add_row("in all", f"{extra:+,}", f"{changes[-1].network.parameters:,}")
    return table


def carry_over_table(carried: imagenet.CarryOver) -> Table:
    """One line a tensor: from, to, shape, transformation, and a mark: there and back is the same."""
    origin = "torchvision's own file" if carried.is_torchvisions else "not torchvision's published file"
    table = _table(
        f"{origin}, sha256 {carried.sha256[:8]}…",
        "from",
        "to",
        "shape",
        "in torch",
        "in TensorFlow",
        "",
    )
    for line in carried.lines:
        table.add_row(
            line.source, line.target, _shape(line.shape), line.transformation, line.in_tensorflow, "✓"
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
