"""How it was measured, what the original report has to do with it, and what no report can know."""

from __future__ import annotations

from bench.records.limits import MAX_TAKEN_CPU_SHARE, MIN_FREE_CPUS
from reports.document import Number, Paragraph, Sentence
from reports.prose.parts import engine, paragraph, put, share
from reports.published import FIGURES, IMAGE_SIZE
from reports.settings import engines_of
from reports.study.accuracy import CLEAR_LEAD, accuracies
from reports.study.compare import Study
from reports.study.ratios import CLEAR, LEAST_EPOCHS, LEAST_REPEATS

PUBLISHED = {
    (figure.experiment, figure.engine): figure.value
    for figure in FIGURES
    if figure.what == "test_accuracy" and not figure.doubt
}
"""The original report's shares of the 10,000 test images, without the one that cannot be true."""


def original(study: Study) -> tuple[Paragraph, ...]:
    """Comparable only at its image size, with the full protocol on real images."""
    runs = study.runs
    if runs.empty:
        return ()
    if not study.says_accuracy or study.setting["image_size"] != IMAGE_SIZE:
        return paragraph(
            put(
                "These runs say nothing of the original report's figures, which are of full training on"
                " CIFAR-10 at {size} pixels a side; what can be said of those is arithmetic alone.",
                size=str(IMAGE_SIZE),
            )
        )
    told = [_beside(study, *cell) for cell in PUBLISHED]
    if not any(told):
        return paragraph(put("No run here repeats one that the original report gives a test figure of."))
    return paragraph(*told)


def _beside(study: Study, experiment: str, name: str) -> Sentence | None:
    judged = {system.name: system for system in accuracies(study).systems}
    system = judged.get((experiment, name))
    if system is None:
        return None
    published = PUBLISHED[experiment, name]
    what = f"mean test accuracy; {engine(name)}, {experiment}"
    theirs = Number(
        text=f"{100 * published:.2f} %",
        value=published,
        what=f"published test accuracy; {what}",
        runs=(),
    )
    return put(
        "In {experiment} with {name} the original report has {theirs} of the test images right, and the"
        " runs here have {ours}.",
        experiment=experiment,
        name=engine(name),
        theirs=theirs,
        ours=share(system.mean, what, system.runs, 2),
    )


def methods(study: Study) -> tuple[Paragraph, ...]:
    """The protocol in short."""
    two = len(engines_of(study.frames.runs)) == 2
    measuring = (
        "A round is one epoch of training. A process's first epoch, and the first of a later stage, is a"
        " warm-up: recorded, and left out of every rate that has other epochs.",
        "A disturbed epoch is left out too: one in which other programs or a virtual machine's host took"
        " over {taken} of the processors' time (of a run on a GPU, more than what leaves {free} of them"
        " free), others used the GPU, or the computer slept. If all epochs were disturbed, their rate is"
        " shown, and nothing is decided by it.",
        "The clock is the worker's own, with the device synchronised before it starts and before it"
        " stops; evaluation and checkpoints are outside it.",
        "Each run of an experiment in one framework on one device is a process of its own, and runs"
        " follow one another.",
        f"{'Both' if two else 'All'} frameworks start from the same weights and see the same batches in"
        " the same order; only dropout's masks are each one's own. The seed sets weights, order, crops"
        " and flips.",
        "Before the first epoch a correctness gate compares what the device computes with the CPU in"
        " float64; a run that fails it is invalid.",
    )
    comparing = (
        "A run's rate is the median of its timed epochs. Runs of a session, and then sessions, are"
        " averaged geometrically. A cell is an experiment in one framework on one device of a machine.",
        "A 95 % interval comes from what was repeated: for frameworks from {repeats} or more runs of"
        " each in one session, in turn (Welch's t), or from as many sessions with both (Student's t on"
        " the differences); for machines from {repeats} or more sessions of each (Welch's t on the"
        " sessions' means). Nothing else has an interval.",
        "One side is called faster where the whole interval is on its side of 1 and the lead is 2 % or"
        " more, and both the same where the interval lies within 2 % of 1. The comparisons of one table"
        " are judged together (Holm): what would be decided alone and not among so many is not decided.",
        "Without an interval a lead decides only above {clear} times, with at least {least} timed epochs"
        " of each side. Memory and energy are judged alike.",
        "An accuracy is a mean over seeds, on all machines together. Two are told apart by Welch's t,"
        " with the error of the seeds and of the test images added, all pairs judged together (Holm)."
        " Without {repeats} seeds of each only a lead of over {lead} points decides.",
    )
    unknown = (
        "What the report cannot know: how warm the room was, whether one name is one computer in every"
        " file, and whether other work ran on a machine where its file does not tell: files before"
        " version 6 have the load average alone.",
    )
    numbers = {
        "repeats": str(LEAST_REPEATS),
        "clear": f"{CLEAR:.2f}",
        "lead": f"{100 * CLEAR_LEAD:g}",
        "least": str(LEAST_EPOCHS),
        "taken": f"{100 * MAX_TAKEN_CPU_SHARE:g} %",
        "free": f"{MIN_FREE_CPUS:g}",
    }
    found: tuple[Paragraph, ...] = ()
    for group in (measuring, comparing, unknown):
        found += paragraph(*(put(text, **numbers) for text in group))
    return found
