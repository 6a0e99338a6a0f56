"""Words for claims of the original report: why runs say nothing of one, and how near they come."""

from __future__ import annotations

from alexnet.frameworks.registry import ENGINES
from reports import published
from reports.published import KERAS, PYTORCH
from reports.study.compare import Study
from reports.tables.yardstick import Held, comparable
from reports.words import count, listed, percent

Of = tuple[str, str]
MISTAKEN: Of = ("mistaken", KERAS)
AUGMENTED: Of = ("augmented", KERAS)
SCRATCH: Of = ("scratch", PYTORCH)
PRETRAINED: Of = ("pretrained", PYTORCH)
KERAS_PRETRAINED: Of = ("pretrained", KERAS)


def key(of: Of, what: str) -> str:
    """A claim's key: "scratch_torch_test_accuracy"."""
    return f"{of[0]}_{of[1]}_{what}"


def named(of: Of) -> str:
    """A system within a sentence: "scratch with PyTorch"."""
    return f"{of[0]} with {ENGINES[of[1]].label}"


def nothing(study: Study, of: Of) -> str:
    """Why the runs here say nothing of a system: none is valid, or all are at other terms."""
    valid = study.frames.valid
    own = valid[(valid["experiment"] == of[0]) & (valid["engine"] == of[1])]
    if own.empty:
        return f"There is no valid run of {named(of)}."
    sizes = listed([f"{size:g}" for size in sorted(set(own["image_size"]))])
    profiles = listed(sorted(set(own["profile"])))
    return (
        f"The valid runs of {named(of)} are at other terms than the original's (profile {profiles} at"
        f" {sizes} px), and say nothing of it."
    )


def nowhere(study: Study, of: Of) -> str:
    """Why the runs here say nothing of a system's time on the original's chip."""
    if not comparable(study, *of):
        return nothing(study, of)
    return (
        f"No run of {named(of)} at the original's terms was on the GPU of an {published.CHIP} in good"
        " condition."
    )


def said(held: Held, what: str) -> str:
    """An accuracy beside the published one, and how near is near enough."""
    return (
        f"{what} was {percent(held.ours, 2)} over {count(held.seeds, 'seed')};"
        f" {percent(held.theirs, 2)} ± {100 * held.tolerance:.2f} points is within errors."
    )
