"""The report's sentences, each made of figures in the frames."""

from __future__ import annotations

from reports.document import Paragraph
from reports.prose import (
    abnormal,
    answers,
    apart,
    frameworks,
    learning,
    machines,
    measured,
    methods,
    network,
    resources,
    summary,
)
from reports.study.compare import Study


def sections(study: Study) -> dict[str, tuple[Paragraph, ...]]:
    """Each chapter's paragraphs; what has nothing to say has none."""
    return {
        "summary": summary.summary(study),
        "measured": measured.measured(study),
        "frameworks": frameworks.frameworks(study),
        "machines": machines.machines(study),
        "learning": learning.learning(study),
        "network": network.mistaken(study),
        "resources": resources.resources(study),
        "classes": answers.classes(study),
        "steadiness": abnormal.steadiness(study),
        "original": methods.original(study),
        "apart": apart.apart(study),
        "methods": methods.methods(study),
    }
