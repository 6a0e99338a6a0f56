"""The networks: how large they are, layer by layer, and how one became the other."""

from __future__ import annotations

from typing import Any

import pandas as pd

from reports import words
from reports.document import Sentence, Table, say
from reports.published import IMAGE_SIZE
from reports.settings import engines_of
from reports.study.compare import Study
from reports.tables import network
from reports.tables.systems import Row
from reports.typeset import names
from reports.typeset.build import figures, line, table, text

ABSENT = "none"


def tables(study: Study) -> dict[str, Table]:
    """Under the keys networks, layers, changes."""
    return _networks(study) | _layers(study) | _changes(study)


def _networks(study: Study) -> dict[str, Table]:
    frame = network.networks(study)
    owners = "both frameworks'" if len(engines_of(study.frames.runs)) == 2 else "every framework's"
    fields = [
        text("Network", [names.NETWORKS[name] for name in frame["variant"]]),
        figures("Image size, px", [words.count(value) for value in frame["image_size"]]),
        figures("Parameters", [words.count(value) for value in frame["parameters"]]),
        figures(
            "In float32, MB", [words.number(value, ",.1f", 1e-6) for value in frame["parameter_bytes"]]
        ),
        figures(
            "Forward, GFLOP an image", [words.number(v, ".2f", 1e-9) for v in frame["forward_flops"]]
        ),
        figures("Runs that trained it", [words.count(value) for value in frame["runs"]]),
    ]
    caption = [
        line(f"Computed from the layer table that builds {owners} networks, not measured."),
        line("MB are 10^6 bytes; a multiply-add is two FLOP."),
    ]
    return table("networks", "The networks", fields, caption)


def _other_sizes(study: Study) -> list[Sentence]:
    """What was trained at another image size has other parameters, and which."""
    frame = network.networks(study)
    other = frame[
        (frame["image_size"] != IMAGE_SIZE)
        & frame["variant"].isin(["standard", "mistaken"])
        & (frame["runs"] > 0)
    ]
    trained = [
        f"{row.variant} {words.count(row.parameters)} at {row.image_size} px"
        for row in other.itertuples()
    ]
    if not trained:
        return []
    here = line(f"This is at {IMAGE_SIZE} px, the original report's size.")
    return [
        here,
        say(
            "Runs of smaller or larger images trained other numbers of parameters: {trained}.",
            trained=words.listed(trained),
        ),
    ]


def _layers(study: Study) -> dict[str, Table]:
    frame = network.layers(study)
    sides: dict[str, dict[str, Row]] = {"standard": {}, "mistaken": {}}
    for row in frame.to_dict("records"):
        sides[row["variant"]][row["layer"]] = row
    # The mistaken network's own layer stands before the last, where it is in that network too.
    extra = [name for name in sides["mistaken"] if name not in sides["standard"]]
    order = list(sides["standard"])
    order[-1:-1] = extra
    kinds = {name: row["kind"] for rows in sides.values() for name, row in rows.items()}
    fields = [
        text("Layer", [*order, "all"]),
        text("Kind", [*(kinds[name] for name in order), ""]),
    ]
    for variant, rows in sides.items():
        whole, name = sum(row["parameters"] for row in rows.values()), variant.capitalize()
        outputs = [rows[layer]["output_shape"] if layer in rows else ABSENT for layer in order]
        parameters = [rows[layer]["parameters"] if layer in rows else 0 for layer in order]
        fields += [
            figures(f"{name}: output", [*outputs, ""]),
            figures("parameters", [*map(_some, parameters), words.count(whole)]),
            figures("share, %", [*(_share(n / whole) if n else "" for n in parameters), _share(1.0)]),
        ]
    caption = [
        line(
            "Output is channels x rows x columns; the columns behind a network's output are that"
            " network's, “none” is a layer that it does not have, and what is empty has no"
            " parameters."
        ),
        line(
            "The mistaken network has no third pool, so that its first Dense layer sees 43,264 inputs"
            " instead of 9,216."
        ),
        *_other_sizes(study),
    ]
    return table("layers", "Layer by layer: the standard and the mistaken network", fields, caption)


def _some(parameters: int) -> str:
    """A number of parameters, or nothing of a layer that has none."""
    return words.count(parameters) if parameters else ""


def _share(value: Any) -> str:
    return words.number(value, ".2f", 100)


def _changes(study: Study) -> dict[str, Table]:
    frame: pd.DataFrame = network.changes()
    sizes = list(frame["extra_parameters"])
    extra = sum(sizes)
    fields = [
        text("Change", [names.NETWORKS["standard"], *frame["what"][1:]]),
        figures("Parameters more", [words.DASH, *map(words.count, sizes[1:])]),
        figures("Of all that came, %", [words.DASH, *(_share(size / extra) for size in sizes[1:])]),
        figures("Parameters after it", [words.count(value) for value in frame["parameters"]]),
    ]
    caption = [
        line(
            f"One change after the other makes the mistaken network of the standard one,"
            f" {words.count(extra)} parameters larger."
        ),
        line("The original report laid them to the extra Dense(1000) alone."),
        *_other_sizes(study),
    ]
    return table("changes", "From the standard network to the mistaken one", fields, caption)
