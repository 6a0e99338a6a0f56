"""The original report: what runs tell of the claims that only runs can decide."""

from __future__ import annotations

import pandas as pd

from reports.original import by_runs, published
from reports.study.compare import Study
from reports.write.document import Block, Paragraph, Section, Sentence, Table
from reports.write.parts import paragraph, put
from reports.write.table import line, table, text

TITLE = "The original report"
PAGE = "the project's docs/original-report.md"
"""Where there is what arithmetic alone decides, and the rules."""
ORDER = ("contradicted", "not reproduced", "not contradicted", "confirmed")
"""What a reader should know first stands first; claims that no run decides are not shown."""
ENDS = {
    "contradicted": "it is contradicted",
    "not reproduced": "it was not reproduced",
    "not contradicted": "it is not contradicted",
    "confirmed": "it is confirmed",
}
"""A state -> how the title puts it."""
REORDERED = (
    "Keras needs the weights behind Flatten in another order. Here they were reordered, and in the"
    " original most likely not: that makes its figure low."
)
VERSIONS = (
    "With Keras 3.7 or later tensorflow-metal is known to compute Dense with ReLU wrongly in graphs, and"
    " the original's versions are not known."
)


def chapter(study: Study) -> Section | None:
    """One table of the claims that runs here decide, or two sentences where they decide none.

    A sentence before them says what the original report is. None where no run is valid and no claim is
    decided either.
    """
    frame = by_runs.audit(study)
    decided = frame[frame["state"].isin(ORDER)]
    decided = decided.sort_values("state", key=lambda states: states.map(ORDER.index), kind="stable")
    if decided.empty and study.runs.empty:
        return None
    blocks: list[Block] = [*paragraph(_introduction(), *_nothing())]
    if len(decided):
        blocks = [*paragraph(_introduction()), claims_table(decided), *_why(decided)]
    return Section(key="original", title=TITLE, blocks=tuple(blocks), data={"original": frame})


def _introduction() -> Sentence:
    parameters = published.figure("mistaken", published.KERAS, "parameters").value
    return put(
        "This project grew out of a report of March 2025. That report trained AlexNet on CIFAR-10 in"
        " PyTorch and in Keras, on one MacBook Pro with an {chip}. By accident it also trained a network"
        " of {times} times as many parameters, which is called mistaken here.",
        chip=published.CHIP,
        times=f"{parameters / sum(published.KERAS_LAYERS):.1f}",
    )


def _nothing() -> tuple[Sentence, Sentence]:
    return (
        put(
            "These runs say nothing of that report's figures. They are of full training on CIFAR-10 at"
            " {size} pixels a side, in float32.",
            size=str(published.IMAGE_SIZE),
        ),
        put("What arithmetic alone says of its claims is in {page}.", page=PAGE),
    )


def claims_table(decided: pd.DataFrame) -> Table:
    """The claims that runs decide, of the columns of `by_runs.audit`, one at least."""
    fields = [
        text("Claim", decided["claim"]),
        text("Published", decided["published"]),
        text("Here", decided["here"]),
        text("Within errors", decided["near"], absent=line("")),
        text("State", decided["state"]),
    ]
    caption = [
        line(
            "A run is held against the original only if its profile, images, batches and epochs are the"
            f" original's, and a time only if the chip is too. The rules are in {PAGE}."
        )
    ]
    return table("original", _title(decided), fields, caption)["original"]


def _title(decided: pd.DataFrame) -> str:
    """How many of the claims are contradicted, or what became of the only one."""
    if len(decided) == 1:
        return f"One claim could be tested; {ENDS[decided['state'].iloc[0]]}"
    contradicted = int((decided["state"] == "contradicted").sum())
    which = str(contradicted or "None")
    are = "are" if contradicted > 1 else "is"
    return f"{which} of the {len(decided)} claims that runs decide {are} contradicted"


def _why(decided: pd.DataFrame) -> tuple[Paragraph, ...]:
    """What the table cannot say of a claim that is not reproduced, and of one on Apple's GPU."""
    sentences = []
    if "not reproduced" in set(decided["state"]):
        sentences.append(line(REORDERED))
    if "metal" in set(decided["key"]):
        sentences.append(line(VERSIONS))
    return paragraph(*sentences)
