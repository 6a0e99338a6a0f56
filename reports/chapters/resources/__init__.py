"""Memory and energy: which engine takes more, by how much, and why what is missing is missing."""

from __future__ import annotations

import pandas as pd

from bench.records.types import ImplausibleMemory, ImplausiblePower
from reports.chapters.resources.frame import Compared, cells, measured
from reports.chapters.resources.pictures import energy_picture, memory_picture
from reports.chapters.resources.table import resources_table
from reports.study.compare import Study
from reports.study.resources import HOST, card_memory, energy, gpu_alone, host_memory
from reports.write import words
from reports.write.document import Block, Paragraph, Section, Sentence
from reports.write.parts import Part, cell, cut, gigabytes, ids, paragraph, part_of, put, several
from reports.write.ratios import unrepeated
from reports.write.words import missing


def chapter(study: Study) -> Section | None:
    """The valid runs of the main setting. None where there is none."""
    if study.runs.empty:
        return None
    compared = Compared(host=host_memory(study), card=card_memory(study), energy=energy(study))
    frame = cells(study, compared)
    pictures = (memory_picture(frame, compared), energy_picture(frame, compared))
    blocks: tuple[Block, ...] = (
        *(picture for picture in pictures if picture is not None),
        *paragraphs(study, compared),
        *resources_table(frame).values(),
    )
    return Section(key="resources", title=measured(frame), blocks=blocks, data=compared.frames)


def paragraphs(study: Study, compared: Compared) -> tuple[Paragraph, ...]:
    """What the pictures do not show: what a computer needs, what is missing, what decides nothing."""
    pairs = pd.concat([compared.host, compared.card, compared.energy])
    undecided = pairs[pairs["verdict"].isin(("ahead", "behind"))]
    worth = unrepeated(undecided) if len(undecided) else None
    return paragraph(_needed(study.runs), _without_energy(study.runs), worth)


def _needed(runs: pd.DataFrame) -> Sentence | None:
    """How much memory the largest run held in all, or that nothing is known of memory."""
    known = runs[runs["peak_host_bytes"].notna()]
    if known.empty:
        impossible = any(
            isinstance(kind, ImplausibleMemory) for kinds in runs["warnings"] for kind in kinds
        )
        if impossible:
            return put("Memory is not known: the counter gave less than a run needs.")
        return put("Memory was not measured.")
    if not (known[HOST] > 0).any():
        return put("No run took more memory than importing its framework had.")
    largest = known.loc[known["peak_host_bytes"].idxmax()]
    return put(
        "With its framework imported, the largest run held {n}: {cell}.",
        n=gigabytes(largest["peak_host_bytes"], "peak host bytes of a run", [largest["run"]]),
        cell=cell(largest, several(runs)),
    )


def _without_energy(runs: pd.DataFrame) -> Sentence | None:
    """Of which runs there is no energy of processor and GPU, and why."""
    rest = runs[runs["joules_per_epoch"].isna()]
    if rest.empty:
        return None
    why = cut(_reasons(rest), "reasons", 3, "; and ")
    if len(rest) == len(runs):
        return put("Energy was not measured: {why}.", why=why)
    return put(
        "{n} {have} no figure of energy: {why}.",
        n=part_of(ids(rest), ids(runs), "without energy"),
        have="has" if len(rest) == 1 else "have",
        why=why,
    )


def _reasons(runs: pd.DataFrame) -> list[Part]:
    """What the meters say of themselves; a counter that works counts no epoch under 20 s."""
    by_gpu = set(gpu_alone(runs)["run"])
    reasons = []
    for run in runs.itertuples():
        reads = run.energy_reads
        if any(isinstance(warning, ImplausiblePower) for warning in run.warnings):
            reasons.append("no computer draws as much as was counted")
        elif run.run in by_gpu:
            reasons.append("the GPU's was counted and the processor's was not")
        elif missing(reads):
            reasons.append("the files do not say why")
        elif reads.measured:
            reasons.append(f"epochs are too short for the counter ({words.reads(reads)})")
        else:
            reasons.append(words.reads(reads))
    return list(dict.fromkeys(reasons))
