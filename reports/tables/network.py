"""What the networks are: layer by layer, and change by change from the standard to the mistaken one."""

from __future__ import annotations

import pandas as pd

from alexnet.spec import mistaken_changes, network
from reports.published import IMAGE_SIZE
from reports.study.compare import Study
from reports.tables.systems import Row


def layers(study: Study, image_size: int = IMAGE_SIZE) -> pd.DataFrame:
    """The layers of the standard and the mistaken network, each with its share of all parameters."""
    frame = study.frames.layers
    chosen = frame[(frame["image_size"] == image_size) & frame["variant"].isin(["standard", "mistaken"])]
    totals = chosen.groupby("variant")["parameters"].transform("sum")
    return chosen.assign(share=chosen["parameters"] / totals).reset_index(drop=True)


def changes(image_size: int = IMAGE_SIZE) -> pd.DataFrame:
    """One row a step: what is changed, the parameters that it adds and those of the network after it."""
    standard = network("standard", image_size=image_size).parameters
    rows: list[Row] = [{"what": "standard", "extra_parameters": 0, "parameters": standard}]
    rows += [
        {
            "what": change.what,
            "extra_parameters": change.extra_parameters,
            "parameters": change.network.parameters,
        }
        for change in mistaken_changes(image_size=image_size)
    ]
    return pd.DataFrame(rows, columns=["what", "extra_parameters", "parameters"])


def networks(study: Study) -> pd.DataFrame:
    """One row a network and image size: parameters, work for one image, and how many runs trained it."""
    grouped = study.frames.layers.groupby(["variant", "image_size"], sort=False)
    sums = grouped[["parameters", "parameter_bytes", "forward_flops"]].sum().reset_index()
    runs = study.frames.runs.groupby(["variant", "image_size"]).size()
    trained = [int(runs.get((row.variant, row.image_size), 0)) for row in sums.itertuples()]
    return sums.assign(runs=trained)
