"""The page of the docs on the original report: its figures, and what arithmetic alone says of them."""

from __future__ import annotations

from pathlib import Path

from alexnet.frameworks.registry import ENGINES
from reports.original import by_arithmetic, by_runs, published

FILE = Path(__file__).parents[2] / "docs" / "original-report.md"
PAGE = """\
# The original report, and what became of its claims

This page is for readers who know the study that this project grew out of, or who wonder where the
experiments come from. It calls that study the original report, or the original. A report that
`make report` writes is another thing.

The original is of March 2025. It trained AlexNet on CIFAR-10 in PyTorch and in Keras, on one MacBook
Pro with an M1 Pro, at 224 px. Below are its figures, and what arithmetic says of some of them. No run
can change what arithmetic decides, so it stands on this page and in no report. Other claims only runs
can decide; a report that has such runs has a table of them.

The command `python -m reports.original --write` makes this page of the networks' layer tables.

## What it said

| experiment | engine here | published | doubt |
|---|---|---|---|
{figures}

## What arithmetic says

{claims}

## What runs decide

{rules}

| claim | published |
|---|---|
{asked}

## What nothing can decide

The pretrained network takes 90 min in total in PyTorch. The original does not say how many epochs these
were, so no run can be compared with it.
"""


def markdown() -> str:
    """The whole page."""
    figures = (
        f"| {figure.experiment} | {ENGINES[figure.engine].label} | {figure.said} | {figure.doubt} |"
        for figure in published.FIGURES
    )
    claims = (
        f"**{claim.claim}** {claim.state.capitalize()}. {claim.reason}"
        for claim in by_arithmetic.claims()
    )
    return PAGE.format(
        figures="\n".join(figures),
        claims="\n\n".join(claims),
        rules="\n".join(f"- {rule}" for rule in by_runs.RULES),
        asked="\n".join(f"| {claim.claim} | {claim.published} |" for claim in by_runs.ASKED),
    )
