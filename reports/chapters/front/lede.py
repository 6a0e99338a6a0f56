"""What stands under the finding: the engines in a sentence, and what was learnt."""

from __future__ import annotations

from reports.chapters import engines
from reports.chapters.learning import best_accuracy
from reports.study.compare import Study
from reports.write import words
from reports.write.document import Paragraph, Sentence
from reports.write.names import by_framework
from reports.write.parts import Part, cut, figure, ids, paragraph, put, row


def lede(study: Study) -> tuple[Paragraph, ...]:
    """Which engine is faster, as far as the finding does not say it; what was learnt, where it can be
    claimed. Without a valid run, why there is none.
    """
    if study.runs.empty:
        return paragraph(*_nothing(study), kind="note")
    is_the_title = len(study.main_engines) == 1 and study.means.empty
    found = None if is_the_title else engines.finding(study)
    ended = None if found is None else put("{finding}.", finding=found)
    return paragraph(ended, best_accuracy(study))


def _nothing(study: Study) -> list[Sentence]:
    """Why there is no finding."""
    runs = study.frames.runs
    counts: list[Part] = []
    for validity, template in (("failed", "{n} failed"), ("invalid", "{n} invalid")):
        own = runs[runs["validity"] == validity]
        if len(own):
            counts.append(put(template, n=figure(len(own), f"runs; {validity}", ids(own))))
    kept = study.frames.says_nothing
    for where, own in by_framework(kept):
        number = figure(len(own), f"runs; {where}; in no comparison", ids(own))
        counts.append(put("{n} of {where}", n=number, where=where))
    skipped = len(study.frames.skipped)
    if skipped:
        counts.append(put("{n} skipped", n=figure(skipped, "skipped cells", ())))
    template = "No run is valid, so nothing is compared and nothing is claimed{counts}."
    if len(kept):
        template = "No run says how fast its framework is, so nothing is compared{counts}."
    sentences = [put(template, counts=put(": {it}", it=row(counts)) if counts else "")]
    texts = map(words.reasons, runs.to_dict("records"))
    reasons = list(dict.fromkeys("; ".join(text) for text in texts if text))
    reasons += [str(why).removesuffix(".") for why in kept["says_nothing"].unique()]
    if reasons:
        sentences.append(put("The reasons are: {told}.", told=cut(reasons, "reasons", 3, "; ")))
    return sentences
