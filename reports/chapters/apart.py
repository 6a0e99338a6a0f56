"""What is left out, and why: other settings, bad runs, unusable files; and what to know of the rest."""

from __future__ import annotations

from collections import Counter
from typing import Any

from alexnet.data import DATASETS
from reports.study.compare import Study
from reports.write import words
from reports.write.document import Block, Section, Sentence, Table
from reports.write.names import by_framework, joined
from reports.write.names import runs as run_names
from reports.write.parts import cell, cut, figure, ids, of_runs, paragraph, put, row
from reports.write.table import figures, line, table, text
from reports.write.words import DEVICES

MOST_ROWS = 12
"""Of each table here on the page; the frames have all."""


def chapter(study: Study) -> Section | None:
    """A table a kind, sentences on what was skipped and on what is doubtful; None without any of it."""
    blocks: list[Block] = [
        *_settings(study).values(),
        *_bad(study).values(),
        *_left_out(study).values(),
        *paragraph(
            _says_nothing(study), _skipped(study), _checksums(study), user_weights(study), kind="note"
        ),
    ]
    if not blocks:
        return None
    return Section(
        key="apart",
        title="Left out, and caveats",
        blocks=tuple(blocks),
        data={} if study.frames.skipped.empty else {"skipped": study.frames.skipped},
    )


def _settings(study: Study) -> dict[str, Table]:
    frame = study.frames.settings
    if len(frame) < 2:
        return {}
    shown = frame.head(MOST_ROWS)
    rows = shown.to_dict("records")
    fields = [
        text("Setting", shown["setting"]),
        text("Profile, images", [_stands_for(row) for row in rows]),
        text("Differs in", joined(shown["differs"]), absent=line("")),
        figures("Machines", [words.count(row["machines"]) for row in rows]),
        figures("Runs", [words.count(row["runs"]) for row in rows]),
        figures("Valid", [words.count(row["valid"]) for row in rows]),
    ]
    title = (
        f"The runs are of {words.count(len(frame), 'setting')}, and this report is about {study.main}"
    )
    caption = [line("Only runs of one setting are compared with each other.")]
    left_out = len(frame) - len(shown)
    return table("settings", title, fields, caption, left_out=left_out, frame=frame)


def _stands_for(setting: dict[str, Any]) -> str:
    """Profile, data set, image size and, of a part of the test images, their number."""
    dataset = DATASETS.get(setting["dataset"], setting["dataset"])
    images = ""
    if not words.missing(setting["test_images"]):
        images = f", {words.count(setting['test_images'], 'test image')}"
    return f"{setting['profile']}, {dataset} at {setting['image_size']:g} px{images}"


def _bad(study: Study) -> dict[str, Table]:
    """The runs that are invalid or failed, those of one cell and one reason in one row."""
    runs = study.frames.runs
    frame = runs[runs["validity"] != "valid"]
    alike: dict[tuple[str, ...], list[str]] = {}
    for run in frame.to_dict("records"):
        reason = "; ".join(words.reasons(run)) or "no reason is given"
        key = (run["validity"], run["machine"], cell(run, machines=False), run["device"], reason)
        alike.setdefault(key, []).append(run["run"])
    rows = sorted(alike, key=lambda key: (key[0] != "invalid", -len(alike[key])))[:MOST_ROWS]
    fields = [
        text("State", [key[0] for key in rows]),
        text("Run of", [key[2] for key in rows]),
        text("On", [_place(key, study) for key in rows]),
        text("Reason", [key[4] for key in rows]),
        text("Runs", run_names(alike[key] for key in rows)),
    ]
    caption = [
        line(
            "An invalid run ended, and a check of it failed. A failed run has no result. Both are kept,"
            " and neither is compared with anything."
        )
    ]
    columns = ["run", "machine", "cell", "setting", "validity", "reasons", "failure"]
    return table(
        "apart",
        _bad_title(frame["validity"].value_counts().to_dict()),
        fields,
        caption,
        left_out=len(alike) - len(rows),
        frame=frame[columns],
    )


def _bad_title(states: dict[str, int]) -> str:
    """How many of each there are: "1 run is invalid and 2 failed"."""
    invalid, failed = states.get("invalid", 0), states.get("failed", 0)
    if not invalid:
        return f"{words.count(failed, 'run')} failed"
    title = f"{words.count(invalid, 'run is', 'runs are')} invalid"
    return f"{title} and {words.count(failed)} failed" if failed else title


def _place(key: tuple[str, ...], study: Study) -> str:
    """The device, and the machine where there are several."""
    several = len(study.frames.machines) > 1
    return f"{key[1]}, {DEVICES[key[3]]}" if several else DEVICES[key[3]]


def _left_out(study: Study) -> dict[str, Table]:
    """Files and parts of files; the parts of one file with one kind of reason in one row."""
    frame = study.frames.left_out
    alike: dict[tuple[str, str], list[str]] = {}
    for part in frame.itertuples():
        alike.setdefault((str(part.name), str(part.kind)), []).append(words.left_out(part))
    rows = list(alike.items())[:MOST_ROWS]
    parts = figures("Parts", [words.count(len(reasons)) for _, reasons in rows])
    several = any(len(reasons) > 1 for _, reasons in rows)
    fields = [
        text("File", [name for (name, _), _ in rows]),
        *([parts] if several else []),
        text("Why, of the first" if several else "Why", [reasons[0] for _, reasons in rows]),
    ]
    number = words.count(len(frame), "file or part of one is", "files or parts of files are")
    left_out = len(alike) - len(rows)
    return table("left_out", f"{number} left out", fields, [], left_out=left_out, frame=frame)


def _says_nothing(study: Study) -> Sentence | None:
    """Valid runs whose speed says nothing about their framework, and why."""
    runs = study.frames.says_nothing
    if runs.empty:
        return None
    clauses = [
        put(
            "{n} of {where}: {why}",
            n=figure(len(alike), f"runs; {where}; in no comparison", ids(alike), "run"),
            where=where,
            why=str(alike["says_nothing"].iloc[0]).removesuffix("."),
        )
        for where, alike in by_framework(runs)
    ]
    return put(
        "These runs are kept and listed, and compared with nothing: {clauses}.",
        clauses=row(clauses, "; ", "; "),
    )


def _skipped(study: Study) -> Sentence | None:
    skipped = study.frames.skipped
    if skipped.empty:
        return None
    reasons = [
        put("{why} ({n})", why=why, n=figure(n, "skipped cells with one reason", (), "cell"))
        for why, n in Counter(skipped["reason"]).most_common()
    ]
    return put(
        "{n} {were} skipped: {reasons}.",
        n=figure(len(skipped), "skipped cells", (), "cell"),
        were="was" if len(skipped) == 1 else "were",
        reasons=cut(reasons, "reasons"),
    )


def _checksums(study: Study) -> Sentence | None:
    sources = study.frames.sources
    broken = sources[~sources["checksums_fit"].astype(bool)]
    if broken.empty:
        return None
    runs = study.frames.runs
    of_files = ids(runs[runs["sha256"].isin(broken["sha256"])])
    return put(
        "The checksums of {n} do not fit: something in {them} was changed after it was saved ({names}).",
        n=figure(len(broken), "files; checksums do not fit", of_files, "file"),
        them="it" if len(broken) == 1 else "them",
        names=cut(list(broken["name"]), "files"),
    )


def user_weights(study: Study) -> Sentence | None:
    """Pretrained runs whose first weights nobody has proven to be ImageNet's."""
    valid = study.frames.valid
    runs = valid[(valid["experiment"] == "pretrained") & (valid["weights_origin"] != "torchvision")]
    if runs.empty:
        return None
    return put(
        "{n} of pretrained started from a user's file. Nothing proves that it holds the published"
        " ImageNet weights, so the report does not say what pretraining is worth.",
        n=of_runs(ids(runs), "weights of a user's file"),
    )
