"""What was learnt, and how fast: accuracy, overfitting, and the time that they take."""

from __future__ import annotations

from reports.chapters.learning import accuracy, cost, curves, endings, levels, overfitting
from reports.study.accuracy import Accuracies, accuracies, judged_runs
from reports.study.compare import Study, is_for_speed_alone
from reports.study.learning import overfitting as judge_overfitting
from reports.write.document import Block, Section, Sentence
from reports.write.parts import paragraph


def chapter(study: Study) -> Section | None:
    """The valid runs of the main setting; three sentences and small curves where they claim nothing."""
    if study.runs.empty:
        return None
    judged = accuracies(study)
    blocks = _claims(study, judged) if study.says_accuracy else _no_claims(study)
    return Section(
        key="learning",
        title="What was learnt, and how fast",
        blocks=tuple(blocks),
        data={"accuracy_pairs": accuracy.pairs_frame(judged)} if judged.comparisons else {},
    )


def best_accuracy(study: Study) -> Sentence | None:
    """What was learnt in one sentence, for the first page; None where nothing is claimed."""
    return accuracy.best_accuracy(accuracies(study))


def _no_claims(study: Study) -> list[Block]:
    picture = None if is_for_speed_alone(study) else curves.picture(study, ())
    return [*paragraph(*endings.no_claim(study)), *([picture] if picture else [])]


def _claims(study: Study, judged: Accuracies) -> list[Block]:
    runs = study.runs
    judgements = judge_overfitting(runs, study.frames.epochs)
    scored = runs[runs["test_accuracy"].notna()]
    unknown = scored[~scored["run"].isin(judged_runs(study)["run"])]
    blocks: list[Block | None] = [
        *accuracy.accuracies_table(judged, study).values(),
        *paragraph(*accuracy.sentences(judged, unknown)),
        curves.picture(study, judgements),
        *paragraph(*overfitting.sentences(judgements), endings.ending(runs)),
        *levels.levels_table(study).values(),
        cost.picture(study, judged),
    ]
    return [block for block in blocks if block is not None]
