"""A saved file as the rows that a report needs: read without trust, and without its records."""

from __future__ import annotations

import base64
import hashlib
from array import array
from collections.abc import Iterator
from functools import lru_cache
from math import prod
from pathlib import Path

import msgspec
import numpy as np

from alexnet.data import CLASSES, IMAGE_SHAPE
from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import EXPERIMENTS
from bench.records.consistency import first_contradiction
from bench.records.read import LoadedRun, Problem, load, read
from bench.records.types import Machine, Pictures, Reads, Reason, RunWarning, TransferredTensor
from reports.data import rows
from reports.data.rows import Value
from reports.data.text import moment, plain

PICTURE_FIELDS = ("position", "class", "answer", "share")
FIGURE_BYTES = 8
EPOCH_BYTES = FIGURE_BYTES * len(rows.EPOCH_FIELDS)
CHECK_BYTES = FIGURE_BYTES * len(rows.CHECK_FIELDS)
PICTURE_BYTES = FIGURE_BYTES * len(PICTURE_FIELDS)
ANSWERED_BYTES = [FIGURE_BYTES * len(CLASSES) * answers for answers in (10, 11)]
IMAGE_BYTES = prod(IMAGE_SHAPE)


class SavedPictures(msgspec.Struct, frozen=True, kw_only=True):
    """The test images that a result keeps.

    `answers` are float64 (images, PICTURE_FIELDS), classes by their places; `pixels` is the key of their
    pixels in the file's `pixels`.
    """

    answers: bytes
    pixels: str


class SavedRun(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """One run: its row, and packed what there are many of (`reports.data.rows`).

    `gpu` is what its engine calls the device, None on a CPU or where it did not begin; `began` when it
    started, in UTC, or when its computer's condition was read, "" if neither is known.
    """

    row: tuple[Value, ...]
    reasons: tuple[Reason, ...]
    warnings: tuple[RunWarning, ...]
    energy_reads: Reads | None
    gpu: str | None
    began: str
    epochs: bytes
    confusion: bytes
    checks: bytes
    transfer: tuple[TransferredTensor, ...]
    pictures: SavedPictures | None

    def __getitem__(self, name: str) -> Value:
        """A value of the row. Raises KeyError for what is no field of it."""
        return self.row[PLACES[name]]

    @property
    def cell(self) -> str:
        return str(self["cell"])

    @property
    def checksum(self) -> str:
        """That of the run as it stands in the file, whatever it says."""
        return str(self["checksum"])


PLACES = {name: place for place, name in enumerate(rows.RUN_FIELDS)}


class UnusableRun(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """A run whose figures cannot be, and why."""

    cell: str
    checksum: str
    why: str


class SavedFile(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What a report needs of one file, whatever it is called and whatever lies beside it.

    `machine` is None if no run could be read. `texts` are what the checks say, `pixels` what the
    pictures show: sha256 -> uint8 (images, 32, 32, 3), row by row. `skipped` are the ids of the cells
    that were not run, and why; `problems` what is wrong with a part of the file.
    """

    machine_name: str
    machine: Machine | None
    checksums_fit: bool
    runs: tuple[SavedRun | UnusableRun, ...]
    skipped: tuple[tuple[str, str], ...]
    problems: tuple[Problem, ...]
    texts: tuple[str, ...]
    pixels: dict[str, bytes]

    @property
    def sound(self) -> bool:
        """Whether all of it can be used: that does not change as time goes by."""
        return not self.problems and all(isinstance(run, SavedRun) for run in self.runs)

    @property
    def fits(self) -> bool:
        """Whether what is packed can be unpacked: of an entry of a cache, that nobody made it up."""
        runs = [run for run in self.runs if isinstance(run, SavedRun)]
        return (self.machine is not None or not runs) and all(map(self._run_fits, runs))

    def _run_fits(self, run: SavedRun) -> bool:
        if len(run.row) != len(rows.RUN_FIELDS) or len(run.epochs) % EPOCH_BYTES:
            return False
        known = run["experiment"] in EXPERIMENTS and run["engine"] in ENGINES
        answered = len(run.confusion) in (0, *ANSWERED_BYTES)
        return known and answered and self._checks_fit(run.checks) and self._pictures_fit(run.pictures)

    def _checks_fit(self, checks: bytes) -> bool:
        if len(checks) % CHECK_BYTES:
            return False
        places = np.frombuffer(checks).reshape(-1, len(rows.CHECK_FIELDS))[:, :2]
        return bool(((places >= 0) & (places < len(self.texts))).all())

    def _pictures_fit(self, pictures: SavedPictures | None) -> bool:
        if pictures is None:
            return True
        if len(pictures.answers) % PICTURE_BYTES or pictures.pixels not in self.pixels:
            return False
        answers = np.frombuffer(pictures.answers).reshape(-1, len(PICTURE_FIELDS))[:, 1:3]
        known = (answers >= 0) & (answers < (len(CLASSES), len(rows.ANSWERS)))
        return bool(known.all()) and len(answers) * IMAGE_BYTES == len(self.pixels[pictures.pixels])


class Texts:
    """The texts of a file's checks, of which a run repeats most: each is made fit to be shown once."""

    def __init__(self) -> None:
        self.places: dict[str, int] = {}
        self._known: dict[tuple[str, int], int] = {}

    def place(self, text: str, most: int) -> int:
        """Where the text stands in the list, cut to so many letters; a new one is added."""
        if (text, most) not in self._known:
            shown = plain(text, most)
            self._known[text, most] = self.places.setdefault(shown, len(self.places))
        return self._known[text, most]


def saved_file(path: Path) -> SavedFile:
    """The rows of a file. Raises UnreadableFile, with a sentence, for what is no result file."""
    loaded = load(read(path))
    texts, pixels = Texts(), dict[str, bytes]()
    return SavedFile(
        machine_name=plain(loaded.machine, 60),
        machine=loaded.runs[0].machine if loaded.runs else None,
        checksums_fit=all(run.checksum == run.computed_checksum for run in loaded.runs),
        runs=tuple(_run(run, texts, pixels) for run in loaded.runs),
        skipped=tuple((plain(skip.cell.id), plain(skip.reason)) for skip in loaded.skipped),
        problems=loaded.problems,
        texts=tuple(texts.places),
        pixels=pixels,
    )


def _run(loaded: LoadedRun, texts: Texts, pixels: dict[str, bytes]) -> SavedRun | UnusableRun:
    if wrong := next(_impossible(loaded), None):
        why = plain(f"{wrong} (python -m bench.check says all that is wrong with a file)")
        return UnusableRun(cell=plain(loaded.cell.id), checksum=loaded.computed_checksum, why=why)
    start, before = loaded.start, loaded.before
    learnt = None if loaded.plan.is_for_speed_alone else loaded.result
    pictures = learnt and learnt.pictures
    began = start.started_at if start else before.taken_at if before else ""
    return SavedRun(
        row=rows.run(loaded),
        reasons=() if loaded.failure else loaded.verdict.reasons,
        warnings=rows.warnings(loaded),
        energy_reads=start.meters.get("energy") if start else None,
        gpu=start.device_name if start and loaded.cell.device != "cpu" else None,
        began=moment(began) or "",
        epochs=rows.epochs(loaded),
        confusion=rows.confusion(loaded),
        checks=rows.checks(loaded, texts.place),
        transfer=rows.transfer(loaded),
        pictures=_pictures(pictures, pixels) if pictures else None,
    )


def _pictures(pictures: Pictures, pixels: dict[str, bytes]) -> SavedPictures:
    shown = _decoded(pictures.pixels)
    key = hashlib.sha256(shown).hexdigest()
    pixels[key] = shown
    columns = (pictures.positions, pictures.labels, pictures.answers, pictures.shares)
    answers = array("d", (float(value) for row in zip(*columns, strict=True) for value in row))
    return SavedPictures(answers=answers.tobytes(), pixels=key)


def _impossible(run: LoadedRun) -> Iterator[str]:
    """What cannot be drawn of a run, or is not what its plan and its epochs give."""
    if (contradiction := first_contradiction(run)) is not None:
        yield contradiction
    elif run.result is not None and (pictures := run.result.pictures) is not None:
        yield from _impossible_pictures(pictures)


def _impossible_pictures(pictures: Pictures) -> Iterator[str]:
    lengths = {len(getattr(pictures, name)) for name in ("positions", "labels", "answers", "shares")}
    labels, answers = range(len(CLASSES)), range(len(CLASSES) + 1)
    known = {*pictures.labels} <= {*labels} and {*pictures.answers} <= {*answers}
    if len(lengths) > 1 or not known:
        yield "result.pictures do not go with their labels and answers"
    try:
        pixels = len(_decoded(pictures.pixels))
        if pixels != len(pictures.labels) * IMAGE_BYTES:
            pictures.images()  # says what they are instead
    except ValueError as error:
        yield f"result.pictures cannot be: {error}"


@lru_cache(maxsize=2)  # the runs of a file show the same images
def _decoded(pixels: str) -> bytes:
    """Raises ValueError for what is no base64."""
    return base64.b64decode(pixels, validate=True)
