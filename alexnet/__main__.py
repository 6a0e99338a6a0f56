"""`python -m alexnet`: variants, their layers, experiments, ImageNet weights."""

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
from alexnet.spec import (
    FLOAT32_BYTES,
    IMAGE_SIZE,
    IMAGENET_CLASSES,
    VARIANTS,
    Network,
    Row,
    mistaken_changes,
    network,
)
from alexnet.terminal import accept_all_letters


def main(arguments: list[str] | None = None) -> int:
    """Runs one command and returns its exit status; a user error is one line on stderr and status 2."""
    accept_all_letters()
    parser = argparse.ArgumentParser(prog="python -m alexnet", description=__doc__)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND")
    for name in ("variants", *VARIANTS):
        about = "all variants side by side" if name == "variants" else VARIANTS[name].about
        command = commands.add_parser(name, help=about)
        command.add_argument("--image-size", type=int, default=IMAGE_SIZE, metavar="PX")
        if name != "variants":
            command.add_argument("--classes", type=int, metavar="N")
    commands.add_parser("experiments", help="what each experiment trains, how, and what it claims")
    carry_over = commands.add_parser("carry-over", help="convert torchvision's ImageNet weights")
    carry_over.add_argument("path", nargs="?", type=Path, help="default: torchvision downloads its own")
    carry_over.add_argument(
        "--classes",
        type=int,
        default=IMAGENET_CLASSES,
        help="number of classes; other than 1000: with a new last layer",
    )
    carry_over.add_argument(
        "--output", type=Path, metavar="FILE", help="write the weights there, as safetensors"
    )
    device = commands.add_parser("device", help="print which device an engine would take")
    device.add_argument("engine", choices=registry.ENGINES)
    device.add_argument("device", choices=["auto", *get_args(Device)], default="auto", nargs="?")
    options = parser.parse_args(arguments)
    console = Console()
    try:
        _run(options, console)
    except (IllegalNetwork, weights.WeightsError, DeviceUnavailable) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _run(options: argparse.Namespace, console: Console) -> None:
    match options.command:
        case None | "variants":
            console.print(variants_table(getattr(options, "image_size", IMAGE_SIZE)))
            console.print("One variant's layers: python -m alexnet VARIANT   (--image-size PX)")
        case "experiments":
            for name, experiment in EXPERIMENTS.items():
                print_experiment(console, name, experiment)
        case "carry-over":
            carried = imagenet.load_torchvision(options.path, classes=options.classes)
            console.print(carry_over_table(carried))
            if options.output:
                metadata = imagenet.metadata(carried)
                weights.save(options.output, carried.weights, metadata=metadata)
        case "device":
            console.print(registry.backend(options.engine, options.device).device)
        case variant:
            net = network(variant, image_size=options.image_size, classes=options.classes)
            console.print(layers_table(net))
            if variant == "mistaken":
                console.print(changes_table(options.image_size))


def _shape(shape: Shape) -> str:
    return "x".join(str(n) for n in shape)


def _table(title: str, *columns: str) -> Table:
    """An empty table, its first column aligned left and the others right."""
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        collapse_padding=True,  # every table fits 80 columns
        pad_edge=False,
    )
    for index, column in enumerate(columns):
        table.add_column(column, justify="right" if index else "left", no_wrap=True)
    return table


def variants_table(image_size: int) -> Table:
    """Size and cost of every variant, one row each, and of torchvision's with ImageNet's classes."""
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
    for net in (*nets, network("torchvision", image_size=image_size, classes=IMAGENET_CLASSES)):
        table.add_row(
            net.variant,
            f"{net.classes:,}",
            str(sum(bool(row.tensors) for row in net.rows)),
            f"{net.parameters:,}",
            f"{net.parameters * FLOAT32_BYTES / 1e6:,.1f}",
            f"{net.forward_flops / 1e9:.3f}",
        )
    return table


def print_experiment(console: Console, name: str, experiment: Experiment) -> None:
    """Prints an experiment's network, first weights and recipe, and below them the recipe's claim."""
    recipe = experiment.recipe
    setup = f"the {experiment.variant} network, {experiment.weights} weights, recipe {recipe.name}"
    console.print(f"[bold]{name}[/]: {setup}")
    text = f"{recipe.claim} The report of March 2025, on an M1 Pro: {experiment.published}."
    console.print(Padding(text, (0, 0, 1, 4)), highlight=False)


def layers_table(net: Network) -> Table:
    """One row per layer: the columns of a Keras summary, and the cost for one image."""
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
    """The mistaken network's extra parameters, change by change."""
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
    """One row per tensor; the tick means that its conversion to TensorFlow was undone exactly."""
    origin = "torchvision's own file" if carried.is_official else "not torchvision's published file"
    table = _table(
        f"{origin}, sha256 {carried.sha256[:8]}…",
        "from",
        "to",
        "shape",
        "in torch",
        "in TensorFlow",
        "",
    )
    for tensor in carried.tensors:
        table.add_row(
            tensor.source,
            tensor.target,
            _shape(tensor.shape),
            tensor.transformation,
            tensor.in_tensorflow,
            "✓",
        )
    return table


if __name__ == "__main__":
    sys.exit(main())
