"""The first page: the finding, one chart, one table, and how sure it all is."""

from __future__ import annotations

from dataclasses import dataclass

from reports.chapters.front import chart
from reports.chapters.front.figures import key_figures
from reports.chapters.front.finding import eyebrow, finding
from reports.chapters.front.lede import lede
from reports.chapters.front.shown import Shown, all_rows, in_chart
from reports.chapters.front.sure import how_sure
from reports.chapters.front.table import first_table
from reports.draw import house
from reports.study.compare import Study
from reports.write import words
from reports.write.document import Block, KeyFigure, Paragraph, Picture, Sentence, say
from reports.write.names import EXPERIMENTS
from reports.write.parts import engine, not_shown


@dataclass(frozen=True, kw_only=True)
class Front:
    """The parts of the first page, in the order of reading."""

    eyebrow: str
    title: str
    lede: tuple[Paragraph, ...]
    figures: tuple[KeyFigure, ...]
    blocks: tuple[Block, ...]


def front(study: Study) -> Front:
    """The first page; without a valid run its title and lede say why there is nothing else."""
    shown = all_rows(study)
    blocks: tuple[Block, ...] = ()
    if shown.rows:
        blocks = (
            picture(shown),
            how_sure(study, shown),
            *first_table(study, shown).values(),
        )
    return Front(
        eyebrow=eyebrow(study),
        title=finding(study),
        lede=lede(study),
        figures=tuple(key_figures(study, shown)),
        blocks=blocks,
    )


@house.styled
def picture(shown: Shown) -> Picture:
    """The chart, wide and narrow."""
    drawn = in_chart(shown)
    what = drawn.experiment or "each experiment"
    ranked = ", the fastest machine first" if shown.experiment else ""
    alt = "; ".join(
        f"{row.name}: "
        + ", ".join(f"{engine(speed.engine)} {words.rate(speed.value)}" for speed in row.speeds)
        for row in drawn.rows
    )
    return Picture(
        key="first-chart",
        title=f"Images per second in {what}{ranked}",
        caption=tuple(_reading(drawn, shown)),
        alt=f"Images per second in {what}. {alt}.",
        svg=house.svg(chart.draw(drawn, narrow=False)),
        narrow_svg=house.svg(chart.draw(drawn, narrow=True)),
    )


def _reading(shown: Shown, every: Shown) -> list[Sentence]:
    """How to read what is `shown` of `every` row."""
    sentences = []
    if any(speed.has_interval for speed in shown.speeds):
        sentences.append(say("Bars are 95 % intervals."))
    hollow = [speed for speed in shown.speeds if not speed.has_interval]
    if hollow:
        ranges = any(not words.missing(speed.low) for speed in hollow)
        seen = "; a thin line is the range of the runs that were seen" if ranges else ""
        sentences.append(say("A hollow mark has no interval{seen}.", seen=seen))
    sentences.append(_glossary(shown))
    if not all(speed.is_exact for speed in shown.speeds):
        sentences.append(say("Engines of less precision than float32 stand in grey."))
    elif not all(speed.is_exact for speed in every.speeds):
        sentences.append(say("Engines of less precision than float32 are in report-data/front.csv."))
    if shown.left_out:
        sentences.append(
            not_shown(
                shown.left_out,
                "machines that the first chart has no room for",
                "{n} between the fastest and the slowest {are} in report-data/front.csv.",
            )
        )
    return sentences


def _glossary(shown: Shown) -> Sentence:
    """What the experiments of the chart are."""
    names = list(dict.fromkeys(speed.experiment for speed in shown.speeds))
    return say("{text}.", text="; ".join(f"{name}: {EXPERIMENTS[name]}" for name in names))
