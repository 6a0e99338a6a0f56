"""The test accuracies, and what is judged of them, in sentences."""

from __future__ import annotations

from collections.abc import Sequence

from alexnet.frameworks.registry import ENGINES
from reports.document import Number, Sentence
from reports.prose.parts import Part, cut, engine, figure, of_runs, points, put, row, share
from reports.study.accuracy import CLEAR_LEAD, Accuracies, Best, Comparison, System, Verdict
from reports.study.accuracy import accuracies as judged_accuracies
from reports.study.compare import Study

LEAD = "lead of the mean test accuracies"


def accuracies(study: Study) -> list[Sentence]:
    """Each system's accuracy, and which engines of an experiment are apart; none without a claim."""
    judged = judged_accuracies(study)
    if not judged.systems:
        return []
    experiments = dict.fromkeys(system.experiment for system in judged.systems)
    of_experiment = {
        name: [system for system in judged.systems if system.experiment == name] for name in experiments
    }
    pieces: list[Part] = [
        put(
            "{experiment} {systems}",
            experiment=name,
            systems=row([_accuracy(system) for system in systems]),
        )
        for name, systems in of_experiment.items()
    ]
    means = put(
        "Test accuracy, with the best epoch's weights: {pieces}.", pieces=row(pieces, "; ", "; ")
    )
    return [means, *_comparisons(judged)]


def best_accuracy(study: Study) -> Sentence | None:
    """The experiment and engine with the best accuracy, as far as that is judged."""
    judged = judged_accuracies(study)
    best = judged.best
    if best is None:
        return None
    return _named_best(judged, best) if best.verdict == "one" else _level(best)


def _named_best(judged: Accuracies, best: Best) -> Sentence:
    """The one that is ahead of all others, beside the other engines that trained the same."""
    [top] = best.systems
    if len(judged.systems) == 1:
        beginning = put("The test accuracy of {which} is", which=_of(top))
    else:
        beginning = put("The best test accuracy is that of {which}:", which=_of(top))
    others = [
        put(
            "with {name}{verb} {mean} ({basis})",
            name=engine(system.engine),
            verb="" if place else " it is",
            mean=_mean(system),
            basis=_basis(system),
        )
        for place, system in enumerate(
            system
            for system in judged.systems
            if system.experiment == top.experiment and system is not top
        )
    ]
    return put(
        "{beginning} {mean} ({basis}){others}.",
        beginning=beginning,
        mean=_mean(top),
        basis=_basis(top),
        others=put("; {others}", others=row(others)) if others else "",
    )


def _level(best: Best) -> Sentence:
    """The ones of which none is known to be best."""
    experiments = dict.fromkeys(system.experiment for system in best.systems)
    pieces: list[Part] = [
        put(
            "{experiment} ({systems})",
            experiment=name,
            systems=row([_mean_with(system) for system in best.systems if system.experiment == name]),
        )
        for name in experiments
    ]
    doubt = (
        "is not decided"
        if best.verdict == "not decided"
        else "cannot be told without three seeds of each"
    )
    return put(
        "The best test accuracies are those of {pieces}; which of them is best {doubt}.",
        pieces=row(pieces),
        doubt=doubt,
    )


def _of(system: System) -> str:
    return f"{system.experiment} with {engine(system.engine)}"


def _which(system: System) -> str:
    return f"{engine(system.engine)}, {system.experiment}"


def _mean(system: System) -> Number:
    return share(system.mean, f"mean test accuracy; {_which(system)}", system.runs, 2)


def _mean_with(system: System) -> Sentence:
    """An accuracy and its engine: "91.77 % with PyTorch"."""
    return put("{mean} with {name}", mean=_mean(system), name=engine(system.engine))


def _basis(system: System) -> Sentence:
    """What an accuracy is a mean of."""
    seeds = figure(system.seeds, f"seeds; {_which(system)}", system.runs, "seed")
    if len(system.runs) == 1:
        return put("a single run")
    if system.seeds == 1:
        return put("{seeds}, mean of {runs}", seeds=seeds, runs=of_runs(system.runs, _which(system)))
    return put("mean of {seeds}", seeds=seeds)


def _accuracy(system: System) -> Sentence:
    """An accuracy with what it is a mean of, and of several seeds the lowest and the highest."""
    basis = _basis(system)
    if system.seeds > 1:
        low, high = (
            share(
                end(system.by_seed), f"{name} test accuracy of a seed; {_which(system)}", system.runs, 2
            )
            for name, end in (("least", min), ("largest", max))
        )
        template = "{basis}, all {low}" if low.text == high.text else "{basis}, {low} to {high}"
        basis = put(template, basis=basis, low=low, high=high)
    return put("{mean} ({basis})", mean=_mean_with(system), basis=basis)


def _comparisons(judged: Accuracies) -> list[Sentence]:
    """What is judged of engines that trained the same, verdict by verdict."""
    pairs = [pair if pair.lead >= 0 else pair.turned() for pair in judged.within_experiments]
    engines = {frozenset((pair.first.engine, pair.second.engine)) for pair in pairs}
    if len(engines) > 1:
        pairs.sort(key=lambda pair: -pair.lead)
    decided = [pair for pair in pairs if pair.verdict == "ahead"]
    sentences = []
    if repeated := [pair for pair in decided if pair.has_interval]:
        sentences.append(put("{pieces}.", pieces=_listed([_ahead(pair) for pair in repeated])))
    if clear := [pair for pair in decided if not pair.has_interval]:
        sentences.append(
            put(
                "{pieces}: there is no interval without three seeds of each, but a lead of over {least}"
                " is more than seeds are known to bring.",
                pieces=_listed([_ahead(pair) for pair in clear]),
                least=points(CLEAR_LEAD, "least lead that counts without an interval", (), 0),
            )
        )
    open_ones: tuple[tuple[Verdict, str], ...] = (
        ("not decided", "which of them learnt more is not decided"),
        (
            "not decided among many",
            "alone it would be decided which of them learnt more, and among {count} of accuracies it is"
            " not",
        ),
        (
            "too few seeds",
            "which of them learnt more cannot be told without three seeds of each",
        ),
    )
    for verdict, ending in open_ones:
        if level := [pair for pair in pairs if pair.verdict == verdict]:
            sentences.append(_open(level, ending, judged, name_engines=len(engines) > 1))
    return sentences


def _open(
    pairs: Sequence[Comparison], ending: str, judged: Accuracies, *, name_engines: bool
) -> Sentence:
    """How far engines are apart of which none is judged ahead."""
    runs = dict.fromkeys(run for system in judged.systems for run in system.runs)
    count = figure(
        pairs[0].comparisons, "comparisons of systems with three seeds or more", runs, "comparison"
    )
    sides = "The frameworks" if name_engines else _engines(pairs)
    return put(
        "{sides} are apart by {pieces}: {ending}.",
        sides=sides,
        pieces=_listed([_apart(pair, name_engines=name_engines) for pair in pairs]),
        ending=put(ending, count=count),
    )


def _listed(pieces: Sequence[Part]) -> Sentence:
    return cut(pieces, "comparisons of mean test accuracies")


def _runs(pair: Comparison) -> tuple[str, ...]:
    return (*pair.first.runs, *pair.second.runs)


def _engines(pairs: Sequence[Comparison]) -> Sentence:
    """The engines of comparisons, in the registry's order: "PyTorch and TensorFlow"."""
    there = {system.engine for pair in pairs for system in (pair.first, pair.second)}
    return row([engine(name) for name in ENGINES if name in there])


def _names(pair: Comparison) -> str:
    return f"{_which(pair.first)}, over {_which(pair.second)}"


def _lead(pair: Comparison) -> Number:
    return points(pair.lead, f"{LEAD}; {_names(pair)}", _runs(pair))


def _ahead(pair: Comparison) -> Sentence:
    """A decided lead: "PyTorch is ahead of TensorFlow by 2.10 points in scratch (95 % interval …)"."""
    interval: Part = ""
    if pair.has_interval:
        low, high = (
            points(value, f"interval's {end} end, {LEAD}; {_names(pair)}", _runs(pair))
            for end, value in (("low", pair.low), ("high", pair.high))
        )
        interval = put(" (95 % interval {low} to {high})", low=low, high=high)
    return put(
        "{first} is ahead of {second} by {lead} in {experiment}{interval}",
        first=engine(pair.first.engine),
        second=engine(pair.second.engine),
        lead=_lead(pair),
        experiment=pair.first.experiment,
        interval=interval,
    )


def _apart(pair: Comparison, *, name_engines: bool) -> Sentence:
    """A lead that is not decided, its interval from one side's lead to the other's."""
    remarks: list[Part] = []
    if name_engines:
        remarks.append(_engines([pair]))
    if pair.has_interval:
        low, high = (
            points(abs(value), f"size of the interval's {end} end, {LEAD}; {_names(pair)}", _runs(pair))
            for end, value in (("low", pair.low), ("high", pair.high))
        )
        template = "95 % interval: {first} {low} behind to {high} ahead"
        if pair.low >= 0:
            template = "95 % interval: {first} {low} to {high} ahead"
        remarks.append(put(template, first=engine(pair.first.engine), low=low, high=high))
    brackets = put(" ({remarks})", remarks=row(remarks, ", ")) if remarks else ""
    return put(
        "{lead} in {experiment}{brackets}",
        lead=_lead(pair),
        experiment=pair.first.experiment,
        brackets=brackets,
    )
