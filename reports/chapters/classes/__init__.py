"""Which classes are hard, what they are taken for, and what each network answers to the same images."""

from __future__ import annotations

import math

from reports.chapters.classes.images import images_and_answers
from reports.chapters.classes.shares import answered, fewest_images, mistakes, right_answers
from reports.study.compare import Study
from reports.write.document import Block, Section, Sentence
from reports.write.parts import figure, ids, paragraph, points, put


def chapter(study: Study) -> Section | None:
    """The classes of runs that may claim something; of others, why not, and the images alone."""
    images, cells = images_and_answers(study), answered(study)
    blocks: list[Block | None] = [right_answers(study, cells), *mistakes(cells).values(), images]
    if not study.says_accuracy and images is not None:
        blocks = [*paragraph(_nothing_claimed(study)), images]
    there = tuple(block for block in blocks if block is not None)
    return Section(key="classes", title="Classes and test images", blocks=there) if there else None


def _nothing_claimed(study: Study) -> Sentence | None:
    """How little a class of so few test images says."""
    if study.setting["dataset"] != "cifar10":
        return put("The test images are made up, so nothing is said of single classes.")
    classes = study.frames.classes
    classes = classes[classes["run"].isin(study.runs["run"])]
    images = fewest_images(classes)
    if not images:
        return None
    return put(
        "These runs say little of single classes. They are not the whole protocol, and with {n} a class"
        " a share has a standard error of up to {error}.",
        n=figure(images, "fewest test images of a class", ids(classes), "test image"),
        error=points(
            0.5 / math.sqrt(images), "largest standard error of a class's share", ids(classes), 1
        ),
    )
