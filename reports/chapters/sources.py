"""The runs and the files that the report is made of: the whole list, where every number leads."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd

from reports.study.compare import Study
from reports.write import words
from reports.write.document import Section, Table
from reports.write.names import known, yes_no
from reports.write.table import figures, kinds_of, line, table, text
from reports.write.words import missing

HASH_LETTERS = 12


def chapter(study: Study) -> Section | None:
    """Two tables that are whole in HTML, and counts elsewhere; `report-data/` has both as files."""
    tables = {**_runs(study), **_files(study)}
    if not tables:
        return None
    return Section(
        key="sources",
        title="Runs and files",
        blocks=tuple(replace(each, only_in_html=True) for each in tables.values()),
        appendix=True,
    )


def _runs(study: Study) -> dict[str, Table]:
    """All of them, however many: each number's runs have their row here, and so their file."""
    runs = study.frames.runs
    one_machine, one_setting = (runs[name].nunique() == 1 for name in ("machine", "setting"))
    fields = [
        text("Run", runs["run"]),
        *([] if one_machine else [text("Machine", runs["machine"])]),
        text("Cell and seed", runs["cell"]),
        *([] if one_setting else [text("Setting", runs["setting"])]),
        text("Validity", _validity(runs), "Every run is {value}."),
        text("File", runs["file"]),
        text("Started, UTC", [known(value)[:16].replace("T", " ") for value in runs["started_at"]]),
        text("sha256", [value[:HASH_LETTERS] for value in runs["sha256"]]),
    ]
    seed = "seed and repeat" if runs["repeat"].any() else "seed"
    caption = [
        line(
            f"A run is a cell (experiment, engine and device) with its {seed}. The sha256 is of the"
            " whole file, here its first 12 digits."
        )
    ]
    return table("runs", "Every run", fields, caption, kinds=kinds_of(runs), frame=runs)


def _validity(runs: pd.DataFrame) -> list[str]:
    """Of a valid run that is in no comparison also that."""
    return [
        f"{validity}, not compared" if validity == "valid" and not missing(why) else validity
        for validity, why in zip(runs["validity"], runs["says_nothing"], strict=True)
    ]


def _files(study: Study) -> dict[str, Table]:
    """All of them, however many."""
    sources = study.frames.sources
    one_machine = sources["machine"].nunique() == 1
    fields = [
        text("File", sources["name"]),
        *([] if one_machine else [text("Machine", sources["machine"])]),
        figures("MB", [words.number(value, ",.2f", 1e-6) for value in sources["bytes"]]),
        text("Checksums fit", [yes_no(value) for value in sources["checksums_fit"]]),
        text("sha256", sources["sha256"]),
    ]
    caption = [line("A checksum that fits says that a run was not changed since it was saved.")]
    return table("sources", "The files", fields, caption, frame=sources)
