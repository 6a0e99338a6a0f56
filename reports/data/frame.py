"""Saved files as tidy frames: raw values in SI units, NaN where something was not measured."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from alexnet.data import CLASSES
from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from reports.data import rows as of
from reports.data import settings
from reports.data.machines import labels
from reports.data.rows import CHECK_FIELDS, EPOCH_FIELDS, RUN_FIELDS, Row
from reports.data.saved import IMAGE_BYTES, PICTURE_FIELDS, SavedFile
from reports.data.sources import SourceRun, Sources


@dataclass(frozen=True, kw_only=True)
class Frames:
    """All that the report is made of. Every frame but `layers` and `left_out` names its run by `run`.

    A cell with several values, such as a run's warnings, is a tuple. `reasons`, `warnings` and
    `energy_reads` hold kinds; the exports have their words. Most texts of `classes`, `confusion`,
    `pictures` and `gates` are categories, since there may be millions of rows.

    - runs: one row a run (R1, R2 …), with what it was, its conditions and its figures. `says_nothing`
      is why a run that may be valid is compared with no other: of its framework its device says nothing.
    - epochs: one row an epoch.
    - machines: one row a machine, as its latest run found it (`reports.data.machines.labels`).
    - classes: one row a (run, class): the share of right answers.
    - confusion: one row a (run, class, answer) with its count of test images.
    - layers: one row a layer of each network, at each image size that was trained.
    - pictures: one row a (run, test image): pixels as bytes (32 x 32 x 3 uint8), class, answer, share.
    - transfers: one row a (run, tensor) of a network that began with ImageNet's weights.
    - gates: one row a check of a run's correctness gate.
    - settings: one row a letter: what runs that may be compared have in common.
    - skipped, sources, left_out: what was not run, which files were read, what could not be used.
    """

    runs: pd.DataFrame
    epochs: pd.DataFrame
    machines: pd.DataFrame
    classes: pd.DataFrame
    confusion: pd.DataFrame
    layers: pd.DataFrame
    pictures: pd.DataFrame
    transfers: pd.DataFrame
    gates: pd.DataFrame
    settings: pd.DataFrame
    skipped: pd.DataFrame
    sources: pd.DataFrame
    left_out: pd.DataFrame

    @cached_property
    def valid(self) -> pd.DataFrame:
        """The runs that may be compared, each within its setting."""
        return self.runs[(self.runs["validity"] == "valid") & self.runs["says_nothing"].isna()]

    @cached_property
    def says_nothing(self) -> pd.DataFrame:
        """The valid runs on devices whose speed says nothing about their frameworks."""
        return self.runs[(self.runs["validity"] == "valid") & self.runs["says_nothing"].notna()]


def frames(sources: Sources, *, pool_os_builds: bool = False) -> Frames:
    """The frames of all runs: by machine, the first measured first, then setting and cell.

    A computer with runs under several builds of its system is a machine a build; with `pool_os_builds`
    it is one machine.
    """
    entries = sources.runs
    machine_of, machines = labels(entries, pool_os_builds=pool_os_builds)
    letters, table = settings.assign(
        [
            {name: entry.run[name] for name in settings.ASKED}
            | {"machine": machine, "says_nothing": _says_nothing(entry)}
            for entry, machine in zip(entries, machine_of, strict=True)
        ]
    )
    age = {label: place for place, label in enumerate(machines["machine"])}
    order = sorted(
        range(len(entries)),
        key=lambda i: (age[machine_of[i]], letters[i], *_place(entries[i])),
    )
    entries = [entries[i] for i in order]
    runs = _runs(
        entries, [machine_of[i] for i in order], [letters[i] for i in order], sources.sessions()
    )
    confusion = _confusion(runs, entries)
    return Frames(
        runs=runs,
        epochs=_epochs(runs, entries),
        machines=machines,
        classes=_classes(confusion),
        confusion=confusion,
        layers=_frame(of.layers(_networks(runs)), LAYER_COLUMNS),
        pictures=_pictures(runs, entries, sources.files),
        transfers=_transfers(runs, entries),
        gates=_gates(runs, entries, sources.files),
        settings=table,
        skipped=_frame(
            (
                {"machine": skip.source.machine, "cell": skip.cell, "reason": skip.reason}
                for skip in sources.skipped
            ),
            ("machine", "cell", "reason"),
        ),
        sources=_frame(
            map(asdict, sources.sources), ("name", "sha256", "bytes", "machine", "checksums_fit")
        ),
        left_out=_frame(map(asdict, sources.left_out), ("name", "kind", "cell", "detail")),
    )


IDENTITY = (
    *("run", "machine", "setting", "experiment", "engine", "device", "seed", "repeat", "validity"),
)
"""What every row that belongs to a run begins with."""
_LEADING = (
    *IDENTITY,
    "cell",
    "file",
    "sha256",
    "session",
    "reasons",
    "failure",
    "warnings",
    "says_nothing",
)
_FIGURES = [name for name in RUN_FIELDS if name not in _LEADING]
_FIGURES.insert(_FIGURES.index("idle_watts") + 1, "energy_reads")
RUN_COLUMNS = (*_LEADING, *_FIGURES)
LAYER_COLUMNS = (
    *("variant", "image_size", "layer", "kind", "output_shape", "parameters", "parameter_bytes"),
    *("activation_bytes", "forward_flops"),
)
WHOLE = ("epoch", "stage", "images", "peak_host_bytes", "peak_device_bytes")
"""Of EPOCH_FIELDS, those that are whole numbers wherever all are known."""
EITHER = ("warm_up", "timed", "disturbed")
"""Those that are true or false."""

FEW = ("setting", "experiment", "engine", "device", "validity")
"""Texts of IDENTITY that are categories in long frames. Not those that there may be thousands of: of a
group by such a category pandas 3.0 fails to say that a name is not in it."""

Columns = dict[str, Any]


def _frame(rows: Iterable[Row], columns: Sequence[str]) -> pd.DataFrame:
    """A frame with these columns, also where there is no row; None is NaN in a column of numbers."""
    return _numbered(pd.DataFrame(list(rows), columns=list(columns)))


def _numbered(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with NaN for None in each column that has numbers or nothing."""
    for name in filter(lambda name: pd.api.types.is_object_dtype(frame[name]), frame.columns):
        there = frame[name].dropna()
        if all(isinstance(value, int | float) and not isinstance(value, bool) for value in there):
            frame[name] = frame[name].astype(float)
    return frame


def _runs(
    entries: Sequence[SourceRun],
    machine_of: Sequence[str],
    letters: Sequence[str],
    sessions: Mapping[str, str],
) -> pd.DataFrame:
    """The runs in their order, which gives them their ids."""
    columns: Columns = dict(
        zip(RUN_FIELDS, zip(*(entry.run.row for entry in entries), strict=True), strict=True)
    )
    columns |= {
        "run": [f"R{number}" for number in range(1, len(entries) + 1)],
        "machine": machine_of,
        "setting": letters,
        "file": [entry.source.name for entry in entries],
        "sha256": [entry.source.sha256 for entry in entries],
        "session": [sessions[entry.source.sha256] for entry in entries],
        "reasons": [entry.run.reasons for entry in entries],
        "warnings": [entry.run.warnings for entry in entries],
        "energy_reads": [entry.run.energy_reads for entry in entries],
        "says_nothing": [_says_nothing(entry) for entry in entries],
    }
    return _numbered(pd.DataFrame({name: list(columns[name]) for name in RUN_COLUMNS}))


def _says_nothing(entry: SourceRun) -> str | None:
    """Why its device's speed says nothing about its framework, a sentence; None where it does.

    It is of the registry of now, not of what the cache keeps of a file.
    """
    info = FRAMEWORKS[ENGINES[str(entry.run["engine"])].framework]
    return {str(device): why for device, why in info.says_nothing_on.items()}.get(
        str(entry.run["device"])
    )


def _of_runs(runs: pd.DataFrame, counts: Sequence[int], columns: Columns) -> pd.DataFrame:
    """So many rows of each run, each behind what identifies its run; its texts are categories."""
    places = np.repeat(np.arange(len(runs)), counts)
    identity: Columns = {}
    for name in IDENTITY:
        if name in FEW:
            codes, names = pd.factorize(runs[name], sort=True)
            identity[name] = _named(codes[places], names)
        else:
            identity[name] = runs[name].array.take(places)
    return pd.DataFrame(identity | columns)


def _named(codes: npt.NDArray[Any], names: Any) -> pd.Categorical:
    """The names at these places: a text that stands in many rows is in memory once."""
    return pd.Categorical.from_codes(codes, categories=names)


def _unpacked(
    packed: Sequence[bytes], width: int, kind: type[np.generic] = np.float64
) -> tuple[list[int], npt.NDArray[Any]]:
    """How many rows of so many figures each of them has, and all rows."""
    values = np.frombuffer(b"".join(packed), kind).reshape(-1, width)
    return [len(each) // (width * values.itemsize) for each in packed], values


def _epochs(runs: pd.DataFrame, entries: Sequence[SourceRun]) -> pd.DataFrame:
    counts, values = _unpacked([entry.run.epochs for entry in entries], len(EPOCH_FIELDS))
    columns: Columns = {name: values[:, place].copy() for place, name in enumerate(EPOCH_FIELDS)}
    for name in EITHER:
        columns[name] = columns[name].astype(bool)
    for name in WHOLE:
        if not np.isnan(columns[name]).any():
            columns[name] = columns[name].astype(np.int64)
    places = np.repeat(np.arange(len(runs)), counts)
    identity = runs.loc[:, list(IDENTITY)].take(places).reset_index(drop=True)
    return pd.concat([identity, pd.DataFrame(columns)], axis="columns")


def _confusion(runs: pd.DataFrame, entries: Sequence[SourceRun]) -> pd.DataFrame:
    """A run has a row of ten or eleven answers for each class, one after the other."""
    counts, images = _unpacked([entry.run.confusion for entry in entries], 1, np.int64)
    places = np.concatenate([np.arange(count) for count in counts])
    answers = np.repeat(np.array(counts) // len(CLASSES), counts)
    columns = {
        "class": _named(places // answers, of.ANSWERS),
        "answer": _named(places % answers, of.ANSWERS),
        "images": images[:, 0],
    }
    return _of_runs(runs, counts, columns)


def _classes(confusion: pd.DataFrame) -> pd.DataFrame:
    """The test images of each class, and the share that was right; NaN of no image."""
    rows = np.cumsum(confusion["answer"] == CLASSES[0]) - 1
    right = confusion["images"].where(confusion["class"] == confusion["answer"], 0)
    first = confusion[confusion["answer"] == CLASSES[0]].reset_index(drop=True)
    images = np.bincount(rows, confusion["images"], len(first)).astype(np.int64)
    hits = np.bincount(rows, right, len(first))
    with np.errstate(invalid="ignore"):
        first = first.drop(columns=["answer", "images"])
        return first.assign(images=images, accuracy=hits / images)


def _networks(runs: pd.DataFrame) -> list[tuple[str, int]]:
    """The (variant, image size) that were trained."""
    pairs = runs[["variant", "image_size"]].drop_duplicates()
    return [(str(variant), int(size)) for variant, size in pairs.itertuples(index=False, name=None)]


def _pictures(
    runs: pd.DataFrame, entries: Sequence[SourceRun], files: Mapping[str, SavedFile]
) -> pd.DataFrame:
    """Files of one data set show the same images, whose pixels are in memory once."""
    kept = [entry.run.pictures for entry in entries]
    counts, values = _unpacked(
        [pictures.answers if pictures else b"" for pictures in kept], len(PICTURE_FIELDS)
    )
    images: dict[str, list[bytes]] = {}
    pixels: list[bytes] = []
    for entry, pictures in zip(entries, kept, strict=True):
        if pictures is not None:
            if pictures.pixels not in images:
                shown = files[entry.source.sha256].pixels[pictures.pixels]
                images[pictures.pixels] = [
                    shown[start : start + IMAGE_BYTES] for start in range(0, len(shown), IMAGE_BYTES)
                ]
            pixels += images[pictures.pixels]
    position, label, answer = (values[:, place].astype(np.int64) for place in range(3))
    columns = {
        "position": position,
        "class": _named(label, of.ANSWERS),
        "answer": _named(answer, of.ANSWERS),
        "share": values[:, 3].copy(),
        "pixels": pd.Series(pixels, dtype=object),
    }
    return _of_runs(runs, counts, columns)


def _transfers(runs: pd.DataFrame, entries: Sequence[SourceRun]) -> pd.DataFrame:
    tensors = [tensor for entry in entries for tensor in entry.run.transfer]
    columns = {
        "tensor": [tensor.name for tensor in tensors],
        "shape": ["x".join(map(str, tensor.shape)) for tensor in tensors],
        "source": [tensor.source for tensor in tensors],
        "layout": [tensor.layout for tensor in tensors],
        "sha256": [tensor.sha256 for tensor in tensors],
    }
    return _of_runs(runs, [len(entry.run.transfer) for entry in entries], columns)


def _gates(
    runs: pd.DataFrame, entries: Sequence[SourceRun], files: Mapping[str, SavedFile]
) -> pd.DataFrame:
    """The texts of the checks are in memory once."""
    counts, values = _unpacked([entry.run.checks for entry in entries], len(CHECK_FIELDS))
    every: dict[str, int] = {}
    tables: dict[str, npt.NDArray[np.int64]] = {}
    for entry in entries:
        if entry.source.sha256 not in tables:
            texts = files[entry.source.sha256].texts
            tables[entry.source.sha256] = np.array(
                [every.setdefault(text, len(every)) for text in texts], np.int64
            )
    local = values[:, :2].astype(np.int64)
    places = np.empty_like(local)
    start = 0
    for entry, count in zip(entries, counts, strict=True):
        rows = slice(start, start + count)
        places[rows] = tables[entry.source.sha256][local[rows]]
        start += count
    said = [*every]
    columns = {
        "check": _named(places[:, 0], said),
        "measured": values[:, 2].copy(),
        "lower": values[:, 3].copy(),
        "upper": values[:, 4].copy(),
        "passed": values[:, 5].astype(bool),
        "description": _named(places[:, 1], said),
    }
    return _of_runs(runs, counts, columns)


def _place(entry: SourceRun) -> tuple[Any, ...]:
    """Where a run stands among those of its machine and setting."""
    run = entry.run
    return (
        settings.EXPERIMENT_ORDER.index(str(run["experiment"])),
        list(ENGINES).index(str(run["engine"])),
        run["device"],
        run["seed"],
        run["repeat"],
        run["started_at"] or "",
        entry.source.name,
        run.checksum,
    )
