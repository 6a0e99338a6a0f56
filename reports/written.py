"""The report put together: which sentences, tables and pictures stand in which chapter, in order."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from alexnet.frameworks.registry import ENGINES
from reports import plots, prose, typeset, words
from reports.document import Block, Report, Section
from reports.settings import engines_of
from reports.study.compare import Study


@dataclass(frozen=True)
class Chapter:
    """What a chapter holds in the order of reading: "text KEY", "table KEY" or "picture KEY".

    A key that ends in - stands for all that begin with it.
    """

    key: str
    title: str
    holds: tuple[str, ...]
    appendix: bool = False


CHAPTERS = (
    Chapter("measured", "What was measured", ("text measured", "table computers", "table conditions")),
    Chapter("glance", "At a glance", ("table glance",)),
    Chapter(
        "frameworks",
        "Framework against framework",
        (
            *("text frameworks", "picture framework-ratios", "picture framework-ratios-"),
            *("table frameworks", "picture seconds"),
        ),
    ),
    Chapter(
        "machines",
        "Machine against machine",
        (
            "text machines",
            "table means",
            "picture machine-ratios",
            "table machines",
            "table differences",
        ),
    ),
    Chapter(
        "learning",
        "What was learnt, and how fast",
        (
            *("text learning", "picture learning", "picture overfitting", "table time_to_reach"),
            *("picture accuracy-over-time", "picture time-to-accuracy", "picture energy-to-accuracy"),
        ),
    ),
    Chapter(
        "classes",
        "Class by class, image by image",
        (
            *("text classes", "picture test-images", "picture class-accuracy", "table classes"),
            *("table class_extremes", "picture confusion-", "table confusions"),
        ),
    ),
    Chapter(
        "network",
        "Where the parameters are",
        (
            *("text network", "picture parameters-by-layer", "table changes", "table layers"),
            "table networks",
        ),
    ),
    Chapter("resources", "Memory and energy", ("text resources", "picture memory", "table resources")),
    Chapter(
        "steadiness",
        "Does it stay that fast?",
        ("text steadiness", "picture speed-drift", "table steadiness"),
    ),
    Chapter("original", "The original report, claim by claim", ("text original", "table audit")),
    Chapter(
        "apart",
        "What cannot be compared",
        (
            *("text apart", "table settings", "table recipes", "table others", "table apart"),
            *("table skipped", "table left_out"),
        ),
    ),
    Chapter("methods", "How it was measured", ("text methods",)),
    Chapter("gate", "The correctness gate", ("table gates",), appendix=True),
    Chapter("sources", "Runs and files", ("table runs", "table sources"), appendix=True),
)


def report(study: Study) -> Report:
    """The whole report. A chapter that has nothing to say is left out."""
    told, tables, pictures = prose.sections(study), typeset.tables(study), plots.pictures(study)
    parts: dict[str, Mapping[str, Sequence[Block]]] = {
        "text": told,
        "table": {key: (table,) for key, table in tables.items()},
        "picture": {key: (picture,) for key, picture in pictures.items()},
    }
    sections = [
        Section(
            key=each.key,
            title=_title(each, study),
            blocks=tuple(_blocks(each, parts)),
            appendix=each.appendix,
        )
        for each in CHAPTERS
    ]
    return Report(
        title="How fast does it train?",
        subtitle=_subtitle(study),
        facts=tuple(_facts(study)),
        summary=told["summary"],
        sections=tuple(section for section in sections if section.blocks),
    )


def _blocks(chapter: Chapter, parts: Mapping[str, Mapping[str, Sequence[Block]]]) -> Iterator[Block]:
    for held in chapter.holds:
        kind, key = held.split(" ")
        for found, blocks in parts[kind].items():
            if found == key or (key.endswith("-") and found.startswith(key)):
                yield from blocks


def _title(chapter: Chapter, study: Study) -> str:
    """Two frameworks have their names in the title of their chapter."""
    names = _engines(study)
    return " against ".join(names) if chapter.key == "frameworks" and len(names) == 2 else chapter.title


def _engines(study: Study) -> list[str]:
    return [ENGINES[name].label for name in engines_of(study.frames.runs)]


def _subtitle(study: Study) -> str:
    machines = list(study.frames.machines["machine"])
    named = words.listed(machines) if len(machines) <= 3 else f"{len(machines):,} machines"
    return f"AlexNet in {words.listed(_engines(study))}: {named}"


def _facts(study: Study) -> Iterator[tuple[str, str]]:
    """What every figure of this report stands under."""
    frames, setting = study.frames, study.setting
    images = "CIFAR-10" if setting["dataset"] == "cifar10" else "a synthetic stand-in for CIFAR-10"
    yield "Profile", f"{setting['profile']}: {images} at {setting['image_size']} px"
    first = frames.machines["first_started_at"].dropna().min()
    last = frames.machines["last_started_at"].dropna().max()
    days = [str(day)[:10] for day in (first, last) if isinstance(day, str)]
    yield "Measured", " to ".join(dict.fromkeys(days)) or words.DASH
    states = frames.runs["validity"].value_counts().to_dict()
    yield "Runs", ", ".join(f"{states[s]:,} {s}" for s in ("valid", "invalid", "failed") if s in states)
    files = words.count(len(frames.sources), "file")
    left_out = len(frames.left_out)
    yield "Made from", f"{files}, {left_out:,} left out in whole or in part" if left_out else files
