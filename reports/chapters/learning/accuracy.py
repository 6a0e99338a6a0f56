"""Test accuracies: what is judged of them in one line, the table, and what the table cannot show."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pandas as pd

from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import EXPERIMENTS
from reports.study.accuracy import CLEAR_LEAD, LEAST_SEEDS, Accuracies, Best, Comparison, System
from reports.study.compare import Study
from reports.write import words
from reports.write.document import Sentence, Table
from reports.write.parts import Part, between, cut, engine, figure, of_runs, points, put, row, share
from reports.write.table import figures, line, table, text

MOST_COLUMNS = 6
"""Of more engines each has a row."""
LEAD = "lead of the mean test accuracies"


def finding(judged: Accuracies) -> str:
    """Which experiment and which engine are the most accurate, as far as that is judged."""
    best = judged.best
    if best is None:
        return "No accuracy is known"
    parts = [*_of_experiments(judged, best), *_of_engines(judged)]
    if not parts:
        [system] = judged.systems
        return f"{system.experiment} recognises {words.percent(system.mean)} of the test images"
    beginning, rest = parts[0][0], "; ".join(parts)[1:]
    return f"{beginning if parts[0].split()[0] in EXPERIMENTS else beginning.upper()}{rest}"


def best_accuracy(judged: Accuracies) -> Sentence | None:
    """The accuracies of each experiment's engines, and what is judged of them; None where nothing is."""
    best = judged.best
    if best is None:
        return None
    means = []
    for experiment, systems in _by_experiment(judged).items():
        ends = [end(systems, key=lambda system: system.mean) for end in (min, max)]
        low, high = (
            share(system.mean, f"mean test accuracy; {_which(system)}", system.runs) for system in ends
        )
        means.append(put("{mean} in {experiment}", mean=between(low, high), experiment=experiment))
    parts = [*_of_experiments(judged, best), *_of_engines(judged)]
    return put(
        "Test accuracy is {means}{judged}.",
        means=row(means),
        judged=f": {'; '.join(parts)}" if parts else "",
    )


def _by_experiment(judged: Accuracies) -> dict[str, list[System]]:
    """Each experiment's engines, the most accurate experiment first."""
    systems: dict[str, list[System]] = {}
    for system in sorted(judged.systems, key=lambda system: -system.mean):
        systems.setdefault(system.experiment, []).append(system)
    return systems


def _of_experiments(judged: Accuracies, best: Best) -> list[str]:
    every = list(dict.fromkeys(system.experiment for system in judged.systems))
    if len(every) < 2:
        return []
    level = list(dict.fromkeys(system.experiment for system in best.systems))
    if len(level) == 1:
        return [f"{level[0]} is the most accurate"]
    if best.verdict == "too few seeds":
        return [f"which is the most accurate takes {_number(LEAST_SEEDS)} seeds to tell"]
    which = "no experiment" if len(level) == len(every) else f"of {words.listed(level)} none"
    return [f"{which} is known to be the most accurate"]


def _of_engines(judged: Accuracies) -> list[str]:
    """What is judged of engines that trained the same."""
    pairs = [pair if pair.lead >= 0 else pair.turned() for pair in judged.within_experiments]
    decided = [pair for pair in pairs if pair.verdict == "ahead"]
    several = len({system.experiment for system in judged.systems}) > 1
    if not pairs:
        return []
    if not decided:
        if several:
            return ["of the engines none is known to be ahead"]
        return ["no engine is known to be more accurate"]
    ahead, behind, where = (
        list(dict.fromkeys(names))
        for names in zip(
            *((pair.first.engine, pair.second.engine, pair.first.experiment) for pair in decided),
            strict=True,
        )
    )
    if len(ahead) > 1 or len(decided) < len(behind) * len(where):
        return [f"engines differ in {words.listed(where)}"]
    sides = engine(ahead[0]), words.listed(list(map(engine, behind)))
    if not several:
        return ["{} is more accurate than {}".format(*sides)]
    return ["{} is ahead of {} in {}".format(*sides, words.listed(where))]


def _number(count: int) -> str:
    return ("no", "one", "two", "three", "four")[count]


def accuracies_table(judged: Accuracies, study: Study) -> dict[str, Table]:
    """A row an experiment, the most accurate first, and a column an engine; of many a row each."""
    of_pair = {system.name: system for system in judged.systems}
    engines = [name for name in ENGINES if any(system.engine == name for system in judged.systems)]
    by_experiment = _by_experiment(judged)
    if len(engines) > MOST_COLUMNS:
        return _by_engine(judged, study, engines)
    fields = [text("Experiment", by_experiment)]
    for name in engines:
        systems = [of_pair.get((experiment, name)) for experiment in by_experiment]
        means = [system.mean if system else math.nan for system in systems]
        fields.append(figures(engine(name), map(_cell, systems), values=means))
    if any(pair.verdict in ("ahead", "behind") for pair in judged.within_experiments):
        fields.append(text("Ahead", [_ahead_in(judged, experiment) for experiment in by_experiment]))
    seeds = figures("Seeds", map(_seeds, by_experiment.values()), constant="Seeds of each: {value}.")
    caption = _caption(judged, study)
    return table("accuracies", finding(judged), [*fields, seeds], caption, frame=frame(judged))


def _by_engine(judged: Accuracies, study: Study, engines: Sequence[str]) -> dict[str, Table]:
    """The same for many engines: a row an engine, and a column an experiment."""
    of_pair = {system.name: system for system in judged.systems}
    fields = [text("Engine", map(engine, engines))]
    for experiment in _by_experiment(judged):
        systems = [of_pair.get((experiment, name)) for name in engines]
        means = [system.mean if system else math.nan for system in systems]
        fields.append(figures(experiment, map(_cell, systems), values=means))
    rows = [[system for system in judged.systems if system.engine == name] for name in engines]
    seeds = figures("Seeds", map(_seeds, rows), constant="Seeds of each: {value}.")
    caption = _caption(judged, study)
    return table("accuracies", finding(judged), [*fields, seeds], caption, frame=frame(judged))


def frame(judged: Accuracies) -> pd.DataFrame:
    """One row an experiment and engine. Accuracies are shares of the `test_images`.

    `half_interval` is half the width of the mean's 95 % interval, NaN with fewer than three seeds;
    `low` and `high` are the least and the most accurate seed.
    """
    return pd.DataFrame(
        [
            {
                "experiment": system.experiment,
                "engine": system.engine,
                "test_accuracy": system.mean,
                "half_interval": system.half_interval,
                "low": min(system.by_seed),
                "high": max(system.by_seed),
                "seeds": system.seeds,
                "test_images": system.images,
                "runs": system.runs,
            }
            for system in judged.systems
        ]
    )


def pairs_frame(judged: Accuracies) -> pd.DataFrame:
    """One row a pair: two engines of an experiment, or two experiments. Leads are shares, the first's
    mean less the second's; `low` and `high` are its 95 % interval and `p` its p-value before Holm's
    correction, NaN with fewer than three seeds.
    """
    return pd.DataFrame(
        [
            {
                "first_experiment": pair.first.experiment,
                "first_engine": pair.first.engine,
                "second_experiment": pair.second.experiment,
                "second_engine": pair.second.engine,
                "lead": pair.lead,
                "low": pair.low,
                "high": pair.high,
                "p": pair.p,
                "verdict": pair.verdict,
                "comparisons": pair.comparisons,
            }
            for pair in judged.comparisons
        ]
    )


def _cell(system: System | None) -> str:
    """A mean in per cent with half its interval, or in brackets with the seeds that were seen."""
    if system is None:
        return words.DASH
    mean, low, high = (
        words.number(value, ".1f", 100)
        for value in (system.mean, min(system.by_seed), max(system.by_seed))
    )
    if system.seeds >= LEAST_SEEDS:
        return f"{mean} ± {words.number(system.half_interval, '.1f', 100)}"
    return f"{mean} ({low}–{high})" if system.seeds > 1 else mean


def _seeds(systems: Sequence[System]) -> str:
    counts = sorted({system.seeds for system in systems})
    return " to ".join(f"{count}" for count in (counts[0], counts[-1])[: len(counts)])


def _ahead_in(judged: Accuracies, experiment: str) -> str:
    """The engine ahead of all others; of a part of them, the two; or why there is none."""
    pairs = [
        pair if pair.lead >= 0 else pair.turned()
        for pair in judged.within_experiments
        if pair.first.experiment == experiment
    ]
    decided = [pair for pair in pairs if pair.verdict == "ahead"]
    engines = len({system.engine for pair in pairs for system in (pair.first, pair.second)})
    for name in dict.fromkeys(pair.first.engine for pair in decided):
        if sum(pair.first.engine == name for pair in decided) == engines - 1:
            return engine(name)
    if len(decided) == 1:
        return f"{engine(decided[0].first.engine)} over {engine(decided[0].second.engine)}"
    if decided:
        return f"{len(decided)} of {len(pairs)} pairs"
    if pairs and all(pair.verdict == "too few seeds" for pair in pairs):
        return "too few seeds"
    return "not decided" if pairs else words.DASH


def _caption(judged: Accuracies, study: Study) -> list[Sentence]:
    images = {system.images for system in judged.systems}
    of = f"the {images.pop():,}" if len(images) == 1 else "the"
    everywhere = ", all machines together" if study.runs["machine"].nunique() > 1 else ""
    lines = [line(f"Per cent of {of} test images, with the best epoch's weights{everywhere}.")]
    seeds = {system.seeds for system in judged.systems}
    if max(seeds) >= LEAST_SEEDS:
        lines.append(line("Behind ± is half the 95 % interval of the mean over seeds."))
    if 2 in seeds:
        lines.append(line("In brackets: the less and the more accurate of two seeds."))
    return lines


def sentences(judged: Accuracies, unknown: pd.DataFrame) -> list[Sentence]:
    """By how much engines are ahead, what the intervals leave open, and what they cannot tell.

    `unknown` are the runs of which no accuracy is told, since nobody knows where their weights are from.
    """
    pairs = [pair if pair.lead >= 0 else pair.turned() for pair in judged.within_experiments]
    decided = [pair for pair in pairs if pair.verdict == "ahead"]
    told = []
    if decided:
        told.append(put("{leads}.", leads=_leads(decided)))
    if level := [pair for pair in pairs if pair.verdict.startswith("not decided")]:
        told.append(_open(level))
    if among := [pair for pair in level if pair.verdict == "not decided among many"]:
        told.append(_among_many(among, judged))
    if not all(pair.has_interval for pair in pairs):
        told.append(
            put(
                "With fewer than three seeds of each there is no interval. Then only a lead of over"
                " {least} counts, which is more than seeds are known to bring.",
                least=points(CLEAR_LEAD, "least lead that counts without an interval", (), 0),
            )
        )
    if len(unknown):
        runs = tuple(unknown["run"])
        told.append(
            put(
                "{runs} of {names} {are} left out here: where the first weights are from is not known.",
                runs=of_runs(runs, "weights of unknown origin"),
                names=row(list(dict.fromkeys(unknown["experiment"]))),
                are="is" if len(runs) == 1 else "are",
            )
        )
    return told


def _leads(decided: Sequence[Comparison]) -> Sentence:
    """Each two engines once: "PyTorch is ahead of TensorFlow by 2.1 points in scratch and by …"."""
    wheres: dict[tuple[str, str], list[Part]] = {}
    for pair in decided:
        names = (engine(pair.first.engine), engine(pair.second.engine))
        wheres.setdefault(names, []).append(_lead(pair))
    clauses = [
        put("{first} is ahead of {second} {where}", first=first, second=second, where=row(where))
        for (first, second), where in wheres.items()
    ]
    return cut(clauses, "pairs of engines of which one is the more accurate")


def _which(system: System) -> str:
    return f"{engine(system.engine)}, {system.experiment}"


def _names(pair: Comparison) -> str:
    return f"{_which(pair.first)}, over {_which(pair.second)}"


def _runs(pair: Comparison) -> tuple[str, ...]:
    return (*pair.first.runs, *pair.second.runs)


def _lead(pair: Comparison) -> Sentence:
    """By how much, and where: "by 2.1 points in scratch (95 % interval …)"."""
    interval: Part = ""
    if pair.has_interval:
        low, high = (
            points(value, f"interval's {end} end, {LEAD}; {_names(pair)}", _runs(pair), 1)
            for end, value in (("low", pair.low), ("high", pair.high))
        )
        interval = put(" (95 % interval {low} to {high})", low=low, high=high)
    return put(
        "by {lead} in {experiment}{interval}",
        lead=points(pair.lead, f"{LEAD}; {_names(pair)}", _runs(pair), 1),
        experiment=pair.first.experiment,
        interval=interval,
    )


def _open(pairs: Sequence[Comparison]) -> Sentence:
    """The largest lead that the intervals of undecided pairs leave open."""
    farthest = max(pairs, key=lambda pair: max(pair.high, -pair.low))
    ahead = farthest if farthest.high >= -farthest.low else farthest.turned()
    beginning = "Where none is ahead" if len(pairs) > 1 else "Where it is not decided"
    return put(
        beginning + ", the 95 % intervals leave room for a lead of {most} at most ({first} over {second}"
        " in {experiment}).",
        most=points(ahead.high, f"interval's high end, {LEAD}; {_names(ahead)}", _runs(ahead), 1),
        first=engine(ahead.first.engine),
        second=engine(ahead.second.engine),
        experiment=ahead.first.experiment,
    )


def _among_many(pairs: Sequence[Comparison], judged: Accuracies) -> Sentence:
    """Pairs that alone would be decided."""
    runs = tuple(dict.fromkeys(run for system in judged.systems for run in system.runs))
    what = "comparisons of systems with three seeds or more"
    return put(
        "Taken alone, {where} would be decided. Among {count} of accuracies that does not hold.",
        where=row(list(dict.fromkeys(pair.first.experiment for pair in pairs))),
        count=figure(pairs[0].comparisons, what, runs, "comparison"),
    )
