"""The frames beside a report: `report-data/` with CSV and Parquet, and CSV in the page itself."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path

import pandas as pd

from alexnet import durable
from reports.data.files import csv_text, readable
from reports.data.text import plain
from reports.write.document import Report, Table

CSV, PARQUET = ENDINGS = (".csv", ".parquet")
FOLDER = "report-data"
"""The folder of the frames, beside the report."""
LIST = "files.txt"
"""In FOLDER: the names of all files of the last report but its pages, as seen from them."""
LISTED = re.compile(r"([\w-]{1,80})/[\w-]{1,200}\.(?:csv|parquet|svg)")
"""A name in LIST, with its folder. What is called otherwise is never removed."""
IN_PAGE = ("runs", "pairs", "means")
"""Frames that the HTML page holds for download, in this order."""
MOST_BYTES = 2_000_000
"""All that the page holds of them, as CSV."""


def frames(report: Report) -> dict[str, pd.DataFrame]:
    """File name without its ending -> all rows: the report's, its chapters' and its tables' frames.

    A table's stands in the place of another of its name. One without rows is left out.
    """
    named = dict(report.data)
    for section in report.sections:
        named |= section.data
    of_tables: dict[str, pd.DataFrame] = {}
    for block in report.blocks:
        if isinstance(block, Table) and block.frame is not None:
            of_tables.setdefault(block.key, block.frame)
    named |= of_tables | {"numbers": _numbers(report)}
    return {
        name: frame for name, frame in named.items() if len(frame) and re.fullmatch(r"[\w-]{1,80}", name)
    }


def _numbers(report: Report) -> pd.DataFrame:
    """Every number of a sentence in the order of reading, as the page's last chapter has them."""
    rows = [
        (place, plain(number.text), number.value, plain(number.what), number.runs, plain(where))
        for place, (where, number) in enumerate(report.numbers(), 1)
    ]
    return pd.DataFrame(rows, columns=["number", "text", "value", "what", "runs", "where"])


def write(report: Report, folder: Path) -> list[Path]:
    """Writes every frame as CSV and as Parquet into `folder`/report-data; returns their paths."""
    return save(frames(report), folder / FOLDER, ENDINGS)


def save(named: Mapping[str, pd.DataFrame], folder: Path, endings: Sequence[str]) -> list[Path]:
    """Writes a file a frame and ending, with kinds in their words; returns their paths.

    In Parquet several values of a cell are a list; in CSV they are joined, and pixels are left out.
    """
    written = []
    for name, frame in named.items():
        shown = readable(frame)
        for ending in endings:
            written.append(folder / f"{name}{ending}")
            # As bytes: pyarrow opens no path whose name is not UTF-8, which other systems allow.
            save_file(
                written[-1],
                csv_text(shown).encode() if ending == CSV else shown.to_parquet(index=False),
            )
    return written


def save_file(file: Path, content: bytes) -> None:
    """Writes a file, whole or not at all, and the folders that it lies in. An OSError names it."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        with durable.replacing(file, synced=False) as partial:  # a report can be made again
            partial.write_bytes(content)
    except OSError as error:
        error.filename = str(file)
        raise


def remove_last(folder: Path, made: Iterable[str], folders: Collection[str]) -> None:
    """Removes those files of the last report that this one did not make, and lists what this one did.

    `folder` has the report, `made` are files as seen from it, and `folders` those in it whose files this
    report made anew. Nothing goes that is not on the last report's list.
    """
    listed = folder / FOLDER / LIST
    names = set(made)
    last = listed.read_text(encoding="utf-8", errors="replace").splitlines() if listed.is_file() else []
    for name in last:
        if name in names or not (match := LISTED.fullmatch(name)):
            continue
        if match[1] not in folders:
            names.add(name)
        elif (folder / name).is_file():
            (folder / name).unlink()
    save_file(listed, "".join(f"{name}\n" for name in sorted(names)).encode())


def embedded(report: Report) -> dict[str, str]:
    """Name -> CSV of the frames that the page holds, as far as there is room for a whole one."""
    texts, room = {}, MOST_BYTES
    named = frames(report)
    for name in IN_PAGE:
        if name in named:
            text = csv_text(readable(named[name]))
            if (size := len(text.encode())) <= room:
                texts[name] = text
                room -= size
    return texts
