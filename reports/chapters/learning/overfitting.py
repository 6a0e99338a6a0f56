"""Which experiments overfitted, in words."""

from __future__ import annotations

from collections.abc import Sequence

from reports.chapters.learning.named import named
from reports.study.learning import (
    MIN_RISE,
    MIN_RISE_OF_ONE_SEED,
    Overfitting,
    OverfittingKind,
)
from reports.write import words
from reports.write.document import Sentence
from reports.write.parts import between, part_of, put, row, share


def judged_so(
    judgements: Sequence[Overfitting], kind: OverfittingKind
) -> dict[str, tuple[Overfitting, ...]]:
    """Name -> the judgements of a kind: of an experiment, or of one of its engines."""
    by_pair = {(judgement.experiment, judgement.engine): judgement for judgement in judgements}
    some = [pair for pair, judgement in by_pair.items() if judgement.kind == kind]
    return {name: tuple(map(by_pair.__getitem__, pairs)) for name, pairs in named(some, by_pair).items()}


def finding(judgements: Sequence[Overfitting]) -> str:
    """The judgements in one line: "mistaken overfits; the others do not"."""
    risen = list(judged_so(judgements, "overfitted"))
    level = list(judged_so(judgements, "not overfitted"))
    unknown = judged_so(judgements, "not judged")
    if not risen and not level:
        return "Whether anything overfits cannot be told"
    if not risen:
        if len(level) == 1 and not unknown:
            return f"{level[0]} does not overfit"
        return "No experiment is known to overfit" if unknown else "No experiment overfits"
    if len(risen) > 1 and not level and not unknown:
        return "Every experiment overfits"
    beginning = f"{words.listed(risen)} {'overfits' if len(risen) == 1 else 'overfit'}"
    if not level:
        return beginning
    return f"{beginning}; {f'{level[0]} does not' if len(level) == 1 else 'the others do not'}"


def sentences(judgements: Sequence[Overfitting]) -> list[Sentence]:
    """What the word means here with what was seen, and of which experiments nothing can be told."""
    told = []
    if any(judgement.kind != "not judged" for judgement in judgements):
        told.append(
            put(
                "An engine overfits if more than half of its seeds do. A seed does if its validation"
                " loss rises while its training loss goes on falling: the mean over the last two epochs"
                " is at least {several} ({one} where there is one seed) above the mean over the three"
                " epochs around the minimum, and the minimum is three epochs or more before the end.",
                several=words.percent(MIN_RISE, 0),
                one=words.percent(MIN_RISE_OF_ONE_SEED, 0),
            )
        )
    if risen := judged_so(judgements, "overfitted"):
        rises = [
            put("by {rise} in {runs} of {name}", rise=_rises(same), runs=risen_runs(same), name=name)
            for name, same in risen.items()
        ]
        told.append(put("The validation loss rose {rises}.", rises=row(rises)))
    if unknown := judged_so(judgements, "not judged"):
        told.append(
            put(
                "No run of {names} has more than three epochs and all its losses, so overfitting cannot"
                " be told there.",
                names=row(list(unknown)),
            )
        )
    return told


def risen_runs(judgements: Sequence[Overfitting]) -> Sentence:
    """In how many of the runs that were judged the validation loss rose."""
    risen = [rise.run for judgement in judgements for rise in judgement.risen]
    runs = [run for judgement in judgements for run in judgement.runs]
    return part_of(risen, runs, "overfitted")


def _rises(judgements: Sequence[Overfitting]) -> Sentence:
    """The least and the largest rise."""
    rises = [rise for judgement in judgements for rise in judgement.risen]
    runs, shares = [rise.run for rise in rises], [rise.rise for rise in rises]
    return between(
        share(min(shares), "least rise of the validation loss", runs, 0),
        share(max(shares), "largest rise of the validation loss", runs, 0),
    )
