"""The figures of the first page that are set large."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence
from dataclasses import replace

from reports.chapters.front.finding import quick_epoch
from reports.chapters.front.shown import Shown, cell_of
from reports.study.accuracy import judged_systems
from reports.study.compare import Samples, Study, is_float32, is_for_speed_alone, of_float32
from reports.study.resources import HOST, joules, peaks
from reports.study.speeds import Speed, exact_cells, headline, speeds
from reports.write import words
from reports.write.document import KeyFigure, Number
from reports.write.parts import between, engine
from reports.write.ratios import Lead, by_pair, of_engine_mean, of_engines


def key_figures(study: Study, shown: Shown) -> list[KeyFigure]:
    """Up to four: the fastest epoch, the engines' ratio, accuracy, and memory or energy."""
    if not shown.rows:
        return []
    fastest, _ = headline(study, speeds(study))
    figures = [_fastest(study, fastest), *_ratio(study, fastest), *_accuracy(study, fastest.experiment)]
    return [*figures, *(_energy(study, shown, fastest.experiment) or _memory(study, fastest))]


def _fastest(study: Study, fastest: Speed) -> KeyFigure:
    """Its epoch; or its rate, where an epoch is not of all of CIFAR-10 or was not timed whole."""
    where = f"{engine(fastest.engine)}, {fastest.machine}"
    rate = f"{words.rate(fastest.value)} images/s"
    seconds = words.seconds(fastest.seconds_per_epoch)
    if quick_epoch(study) or is_for_speed_alone(study):
        return KeyFigure(
            number=_number(rate, fastest.value, "images a second", fastest.runs),
            lines=(f"in {fastest.experiment} at best", where),
        )
    return KeyFigure(
        number=_number(seconds, fastest.seconds_per_epoch, "seconds an epoch", fastest.runs),
        lines=(f"an epoch of {fastest.experiment} at best, {rate}", where),
    )


def _number(text: str, value: float, what: str, runs: Sequence[str]) -> Number:
    return Number(text=text, value=value, what=f"{what}; first page", runs=tuple(runs))


def _ratio(study: Study, fastest: Speed) -> list[KeyFigure]:
    """How many times as fast the fastest engine is as the next one that it beats wherever they met.

    Over three machines or more it is their mean.
    """
    means, rows = (
        of_float32(table[table["experiment"] == fastest.experiment], "first", "second")
        for table in (study.main_rows(study.engine_means), study.main_engines)
    )
    if len(means):
        leads = [
            of_engine_mean(row) for row in means.itertuples() if row.verdict in ("faster", "slower")
        ]
        won = [lead for lead in leads if lead.first == engine(fastest.engine)]
        lines = [lead.evidence.text for lead in won]
    else:
        pairs = [
            [of_engines(row) for row in pair.itertuples()]
            for pair in by_pair(rows)
            if pair["verdict"].isin(("faster", "slower")).all()
        ]
        beaten = [pair for pair in pairs if all(lead.first == engine(fastest.engine) for lead in pair)]
        won = [sorted(pair, key=lambda lead: lead.value.value)[(len(pair) - 1) // 2] for pair in beaten]
        lines = [_span(pair, rows["machine"].nunique()) for pair in beaten]
    if not won:
        return []
    lead, evidence = min(zip(won, lines, strict=True), key=lambda pair: pair[0].value.value)
    return [
        KeyFigure(
            number=replace(lead.value, text=f"{lead.value.text} times"),
            lines=(f"{lead.first} over {lead.second}, {fastest.experiment}", evidence),
        )
    ]


def _span(leads: Sequence[Lead], machines: int) -> str:
    """The evidence of the one, or from the least to the most of two machines, or devices of one."""
    if len(leads) == 1:
        return leads[0].evidence.text
    ordered = sorted((lead.value for lead in leads), key=lambda number: number.value)
    where = "machines" if machines == len(leads) else "devices"
    return f"{between(ordered[0], ordered[-1]).text} on {len(leads)} {where}"


def _accuracy(study: Study, experiment: str) -> list[KeyFigure]:
    """The mean over engines and seeds, and its lowest and highest seed."""
    if not study.says_accuracy:
        return []
    own = [system for system in judged_systems(study) if system.experiment == experiment]
    own = [system for system in own if is_float32(system.engine)] or own
    if not own:
        return []
    seeds = [share for system in own for share in system.by_seed]
    runs = [run for system in own for run in system.runs]
    mean = sum(seeds) / len(seeds)
    ends = dict.fromkeys(words.number(share, ".1f", 100) for share in (min(seeds), max(seeds)))
    span = f"{' to '.join(ends)} % over engines and seeds" if len(ends) > 1 else "of one seed"
    return [
        KeyFigure(
            number=_number(words.percent(mean), mean, "mean test accuracy", runs),
            lines=(f"of the test images, {experiment}", span),
        )
    ]


def _energy(study: Study, shown: Shown, experiment: str) -> list[KeyFigure]:
    """The least joules an image in the headline's experiment."""
    return _least(
        joules(study, "joules_per_image"),
        _cells(study, shown.speeds, experiment),
        lambda value: f"{words.significant(value)} J",
        "joules an image",
        "an image, the least measured",
    )


def _memory(study: Study, fastest: Speed) -> list[KeyFigure]:
    """The least memory of the fastest machine in the headline's experiment."""
    every = speeds(study)
    cells = [speed for speed in every if speed.place == fastest.place]
    return _least(
        peaks(study, HOST),
        _cells(study, cells, fastest.experiment),
        words.gigabytes,
        "memory",
        f"of memory in training, the least{' of the fastest' * (len(cells) < len(every))}",
    )


def _cells(study: Study, cells: Sequence[Speed], experiment: str) -> dict[tuple[Hashable, ...], Speed]:
    """Those of an experiment, in float32 if any computes so, by the study's names of them."""
    there = exact_cells([cell for cell in cells if cell.experiment == experiment])
    return {cell_of(study, cell): cell for cell in there}


def _least(
    samples: Samples,
    cells: dict[tuple[Hashable, ...], Speed],
    form: Callable[[float], str],
    what: str,
    words_under: str,
) -> list[KeyFigure]:
    """The cell with the least of a figure, of those in which it was measured."""
    measured = [(samples[cell], speed) for cell, speed in cells.items() if cell in samples]
    if not measured:
        return []
    sample, speed = min(measured, key=lambda pair: pair[0].value)
    runs = [run.run for run in sample.runs]
    return [
        KeyFigure(
            number=_number(form(sample.value), sample.value, what, runs),
            lines=(words_under, f"{engine(speed.engine)}, {speed.machine}"),
        )
    ]
