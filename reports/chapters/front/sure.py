"""How sure the first page is: what was repeated, how exactly it was computed, what is not covered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from reports.chapters.front.shown import Shown
from reports.study.compare import Study
from reports.study.ratios import LEAST_EPOCHS, LEAST_REPEATS
from reports.study.speeds import Speed
from reports.write.document import Paragraph, Sentence
from reports.write.names import by_framework
from reports.write.parts import Part, cut, engine, figure, ids, put, row
from reports.write.words import listed


def how_sure(study: Study, shown: Shown) -> Paragraph:
    """Runs, sessions, repeats, validity and precision; then what cannot be said."""
    return Paragraph(
        (
            _runs(study),
            *_repeats(shown.speeds),
            *_precision(study),
            *_bad(study),
        ),
        "note",
    )


def _runs(study: Study) -> Sentence:
    runs = study.runs
    sessions = int(runs["session"].nunique())
    machines = int(runs["machine"].nunique())
    return put(
        "How sure: {runs} in {sessions} on {machines}.",
        runs=figure(len(runs), "runs; valid in the main setting", ids(runs), "valid run"),
        sessions=figure(sessions, "sessions; with valid runs in the main setting", ids(runs), "session"),
        machines=figure(machines, "machines; with valid runs", ids(runs), "machine"),
    )


def _repeats(speeds: Sequence[Speed]) -> list[Sentence]:
    """What the speeds rest on, and what that does not cover."""
    kinds = Counter(speed.basis for speed in speeds)
    sentences = []
    if kinds["sessions"]:
        sentences.append(
            put("Some speeds were measured in three or more sessions.")
            if len(kinds) > 1
            else put("Every speed was measured in three or more sessions.")
        )
    if kinds["runs"]:
        which = (
            "Every speed was"
            if len(kinds) == 1
            else "The others were"
            if kinds["sessions"] and not kinds["seen"]
            else "Some speeds were"
        )
        sentences.append(
            put(
                "{which} measured three or more times, but in one session: another day may give others.",
                which=which,
            )
        )
    if kinds["seen"]:
        least = str(LEAST_REPEATS)
        which = "No speed has an" if len(kinds) == 1 else "A hollow mark has no"
        sentences.append(
            put(
                "{which} interval: nobody knows by how much another run would differ. An interval takes"
                " {least} runs of one session or {least} sessions, and {epochs} undisturbed epochs.",
                which=which,
                least=least,
                epochs=str(LEAST_EPOCHS),
            )
        )
    return sentences


def _precision(study: Study) -> list[Sentence]:
    """How exactly each engine's devices computed, as their gates measured it."""
    words_of: dict[str, set[str]] = {}
    for run, name in zip(study.runs["run"], study.runs["engine"], strict=True):
        if run in study.precisions:
            words_of.setdefault(name, set()).add(study.precisions[run])
    kinds = {word for words in words_of.values() for word in words}
    if not kinds:
        return []
    if len(kinds) == 1:
        return [put("As measured, all computed in {word}.", word=kinds.pop())]
    alike: dict[str, list[Part]] = {}
    for name, words in words_of.items():
        alike.setdefault(listed(sorted(words)), []).append(engine(name))
    pieces: list[Part] = [
        put("{names} in {word}", names=row(names), word=word) for word, names in alike.items()
    ]
    if len(words_of) == len(alike):
        return [put("As measured, {pieces}.", pieces=row(pieces))]
    return [put("As measured, {pieces}.", pieces=row(pieces, "; ", "; "))]


def _bad(study: Study) -> list[Sentence]:
    """Runs that are in no comparison."""
    runs = study.frames.runs
    pieces: list[Part] = []
    for validity in ("invalid", "failed"):
        own = runs[runs["validity"] == validity]
        if len(own):
            number = figure(len(own), f"runs; {validity}", ids(own), "" if pieces else "run")
            pieces.append(put("{n} {word}", n=number, word=validity))
    for where, own in by_framework(study.frames.says_nothing):
        noun = "" if pieces else "run"
        number = figure(len(own), f"runs; {where}; in no comparison", ids(own), noun)
        pieces.append(put("{n} of {where}", n=number, where=where))
    if not pieces:
        return []
    return [put("In no comparison: {pieces}.", pieces=cut(pieces, "kinds of runs"))]
