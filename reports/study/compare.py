"""The comparisons that the report makes: engine with engine, machine with machine."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, wraps
from itertools import combinations
from typing import Any, Concatenate, Literal, ParamSpec, TypeVar

import pandas as pd

from alexnet.data import TEST_IMAGES, TRAINED_IMAGES
from alexnet.frameworks.registry import ENGINES
from alexnet.recipe import EXPERIMENTS
from bench.records.computer import folder_name
from bench.records.types import SPEED, is_virtual_mac
from reports.data.frame import Frames
from reports.data.settings import EXPERIMENT, SESSION
from reports.study.ratios import (
    LEAST_EPOCHS,
    Estimate,
    Pair,
    RunValue,
    Sample,
    compared,
    estimate,
    judge,
    over_machines,
    shared_sessions,
)

Given = ParamSpec("Given")
Result = TypeVar("Result")

CELL = ("machine", "setting", "experiment", "engine", "device")
"""Runs that differ in nothing of this, but in seed, repeat or session, are one sample."""
PLACE = ["machine", "device", "experiment"]
"""Where engines meet."""
JUDGED = (
    *("ratio", "low", "high", "p", "basis", "verdict", "comparisons"),
    *("epochs", "runs", "sessions", "shared"),
)
PAIRS = (
    *("machine", "setting", "experiment", "device", "first", "second"),
    *("first_setting", "second_setting"),
    *(*JUDGED, "first_value", "second_value", "first_runs", "second_runs"),
)
ENGINE_MEANS = (
    *("setting", "experiment", "first", "second", "cells", "short_cells", "least", "most"),
    *(*JUDGED, "first_runs", "second_runs"),
)
MACHINES = (
    *("machine", "baseline", "setting", "experiment", "engine", "device", "baseline_device"),
    *(*JUDGED, "machine_runs", "baseline_runs"),
)
MEANS = (
    *("machine", "baseline", "setting", "cells", "short_cells", *JUDGED),
    *("machine_runs", "baseline_runs"),
)

FLOAT32 = "float32"
"""The precision that findings are about, where an engine computes in it."""
Samples = dict[tuple[Hashable, ...], Sample]
Baselines = dict[str, str]
"""Setting -> the machine that its others are compared with; without the settings that have none."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Study:
    """All that tables, plots and sentences are made of: the frames, and every comparison made of them.

    - engines: one row a pair of engines on one device: the first's speed as a multiple of the second's.
    - engine_means: one row a pair of engines and experiment: the geometric mean over the machines, which
      are the `cells`, and the `least` and the `most` of them; of three machines or more.
    - machines: one row a cell: a machine's speed as a multiple of its setting's baseline's.
    - means: one row a machine: the geometric mean over those cells that have epochs enough, of engines
      that compute in float32 where there are such.

    The rows of a setting in a frame are one family of comparisons (`reports.study.ratios.judge`), and of
    engines those that answer one question (`question`). `main` is the setting that the report is about:
    the one with the most in common. `kept` is what functions with `of_study` have made of it.
    """

    frames: Frames
    samples: Samples
    engines: pd.DataFrame
    engine_means: pd.DataFrame
    machines: pd.DataFrame
    means: pd.DataFrame
    baselines: Baselines
    main: str
    kept: dict[Any, Any] = field(default_factory=dict, repr=False)

    @property
    def baseline(self) -> str | None:
        """The machine that the main setting's others are compared with."""
        return self.baselines.get(self.main)

    def main_rows(self, table: pd.DataFrame) -> pd.DataFrame:
        """The rows of the main setting."""
        return table[table["setting"] == self.main]

    @cached_property
    def runs(self) -> pd.DataFrame:
        """The valid runs of the main setting."""
        return self.main_rows(self.frames.valid)

    @cached_property
    def main_engines(self) -> pd.DataFrame:
        """The comparisons of engines in the main setting, each two of them once on a device."""
        return self.usual_pairs(self.engines)

    def usual_pairs(self, table: pd.DataFrame) -> pd.DataFrame:
        """Of a table like `engines` the rows of the main setting.

        Of two engines that met twice on a device, once in another version or precision, it has only the
        pair of the main setting's own.
        """
        rows = self.main_rows(table)
        usual = (rows["first_setting"] == self.main) & (rows["second_setting"] == self.main)
        ordered = rows.loc[usual.sort_values(ascending=False, kind="stable").index]
        return ordered.drop_duplicates([*PLACE, "first", "second"]).sort_index()

    @cached_property
    def precisions(self) -> dict[str, str]:
        """Run id -> how exactly its device computed, of the valid runs whose gates measured it."""
        runs = self.frames.valid.dropna(subset=["precision"])
        return dict(zip(runs["run"], runs["precision"], strict=True))

    @cached_property
    def setting(self) -> pd.Series[Any]:
        """The row of `frames.settings` that the report is about."""
        table = self.frames.settings
        return table[table["setting"] == self.main].iloc[0]

    @cached_property
    def says_accuracy(self) -> bool:
        """Whether accuracies mean anything: all of CIFAR-10, trained as the recipe has it."""
        runs = self.runs
        return not runs.empty and bool(follows_the_recipe(runs).all())


def of_study(
    function: Callable[Concatenate[Study, Given], Result],
) -> Callable[Concatenate[Study, Given], Result]:
    """Lets a function of a study work once for its other arguments: chapters share what it gives."""

    @wraps(function)
    def once(study: Study, /, *args: Given.args, **kwargs: Given.kwargs) -> Result:
        key = (function, args, *kwargs.items())
        if key not in study.kept:
            study.kept[key] = function(study, *args, **kwargs)
        result: Result = study.kept[key]
        return result

    return once


def follows_the_recipe(runs: pd.DataFrame) -> pd.Series[bool]:
    """Of each run, whether it is the whole protocol: its accuracy is then its experiment's."""
    recipes = [EXPERIMENTS[name].recipe for name in runs["experiment"]]
    whole: pd.Series[bool] = (
        (runs["profile"] == "full")
        & (runs["dataset"] == "cifar10")
        & (runs["train_images"] == TRAINED_IMAGES)
        & (runs["test_images"] == TEST_IMAGES)
        & (runs["epochs_cap"] >= [recipe.epochs for recipe in recipes])
        & (runs["patience"] >= [least_patience(name) for name in runs["experiment"]])
        & (runs["batch_size"] == [recipe.batch_size for recipe in recipes])
    )
    return whole


def is_for_speed_alone(study: Study) -> bool:
    """Whether the main setting's runs were made for their speed, and tell nothing of accuracy."""
    return bool(study.setting["profile"] == SPEED)


def least_patience(experiment: str) -> int:
    """How many epochs without progress a run must wait for, to have learnt what its recipe can teach."""
    return EXPERIMENTS[experiment].recipe.patience


def study(frames: Frames, asked_baseline: str | None = None) -> Study:
    """Every comparison that the frames allow. Raises NoSuchMachine for an unknown baseline."""
    by_cell = samples(frames)
    asked = None if asked_baseline is None else _machine_called(asked_baseline, frames)
    bases = baselines(frames, asked)
    of_machines = machines(frames, by_cell, bases)
    of_engines = engines(frames, by_cell)
    return Study(
        frames=frames,
        samples=by_cell,
        engines=of_engines,
        engine_means=engine_means(frames, by_cell, of_engines),
        machines=of_machines,
        means=means(by_cell, of_machines),
        baselines=bases,
        main=main_setting(frames, of_engines, of_machines, asked),
    )


class NoSuchMachine(ValueError):
    """A baseline that no run was measured on."""


def samples(frames: Frames) -> Samples:
    """(machine, setting, experiment, engine, device) -> the images per second of its valid runs.

    A run's is the median of its timed, undisturbed epochs. A cell of nothing but warm-ups, firsts of a
    stage and disturbed epochs is timed by these, which carry no verdict.
    """
    epochs = frames.epochs
    first = epochs["epoch"] == epochs.groupby(["run", "stage"])["epoch"].transform("min")
    uncounted = epochs["warm_up"].astype(bool) | epochs["disturbed"].astype(bool)
    epochs = epochs.assign(counts=~(first | uncounted))
    timed = epochs[epochs["timed"].astype(bool) & epochs["run"].isin(frames.valid["run"])]
    runs = frames.runs.set_index("run")
    cell_of = dict(zip(runs.index, runs[list(CELL)].itertuples(index=False, name=None), strict=True))
    counting = {cell_of[run] for run in timed.loc[timed["counts"], "run"].unique()}
    glimpses = [run for run, cell in cell_of.items() if cell not in counting]
    timed = timed[timed["counts"] | timed["run"].isin(glimpses)]
    figures = timed.groupby("run", sort=False).agg(
        value=("images_per_second", "median"), epochs=("counts", "sum")
    )
    sessions, began_at = runs["session"].to_dict(), runs["started_at"].to_dict()
    return sampled(
        (
            cell_of[run],
            sessions[run],
            RunValue(
                run=run,
                value=float(value),
                epochs=int(counted),
                began=began if isinstance(began := began_at[run], str) else "",
            ),
        )
        for run, value, counted in figures.itertuples(name=None)
    )


def sampled(values: Iterable[tuple[tuple[Hashable, ...], str, RunValue]]) -> Samples:
    """The samples of (cell, session, value of a run)."""
    by_cell: dict[tuple[Hashable, ...], dict[str, list[RunValue]]] = {}
    for cell, session, value in values:
        by_cell.setdefault(cell, {}).setdefault(session, []).append(value)
    return {
        cell: Sample(sessions={name: tuple(runs) for name, runs in by_session.items()})
        for cell, by_session in by_cell.items()
    }


def engines(frames: Frames, by_cell: Samples, *, least_epochs: int = LEAST_EPOCHS) -> pd.DataFrame:
    """Each two engines that ran an experiment on one device, in the registry's order.

    `first_value` and `second_value` are the samples' figures, speeds for one, of the sessions that both
    were in, if there are such; `ratio` is the first as a multiple of the second. A side with fewer
    epochs than `least_epochs` gets no verdict. Two engines of one session may be of two settings, where
    the version or the precision of one is not the usual: they are compared all the same, under the first
    of the letters, if they trained the same.
    """
    protocols = _protocols(frames)
    places: dict[tuple[Hashable, ...], list[tuple[Hashable, ...]]] = {}
    for key in by_cell:
        machine, _, experiment, _, device = key
        places.setdefault((machine, experiment, device), []).append(key)
    rows, estimates = [], []
    for (machine, experiment, device), keys in places.items():
        order = sorted(keys, key=lambda key: list(ENGINES).index(str(key[3])))
        for first, second in combinations(order, 2):
            pair = by_cell[first], by_cell[second]
            letters = sorted({str(first[1]), str(second[1])}, key=lambda letter: (len(letter), letter))
            if first[3] == second[3]:
                continue
            alike = protocols[first[1], experiment].is_like(protocols[second[1], experiment])
            if len(letters) > 1 and not (alike and shared_sessions(*pair)):
                continue
            pairs = compared([pair])
            estimates.append(estimate(pairs))
            rows.append(
                {"machine": machine, "setting": letters[0], "experiment": experiment, "device": device}
                | {"first": first[3], "second": second[3]}
                | {"first_setting": first[1], "second_setting": second[1]}
                | {f"{side}_value": pairs[0][i].value for i, side in enumerate(("first", "second"))}
                | _run_ids(pairs, "first_runs", "second_runs")
            )
    families = [(row["setting"], question(str(row["first"]), str(row["second"]))) for row in rows]
    return _judged(rows, estimates, PAIRS, families, least_epochs=least_epochs)


def engine_means(frames: Frames, by_cell: Samples, of_engines: pd.DataFrame) -> pd.DataFrame:
    """Each two engines over all machines where they met, which are three or more, by experiment.

    Of a machine with both on its GPU and on its CPU the GPU counts, and a virtual Mac does not.
    """
    rows, estimates = [], []
    there = of_engines[~of_engines["machine"].isin(virtual_macs(frames))]
    keys = ["setting", "experiment", "first", "second"]
    for key, group in there.groupby(keys, sort=False):
        of_machine: dict[str, Any] = {}
        for row in group.sort_values("device", key=lambda devices: devices == "cpu").itertuples():
            of_machine.setdefault(row.machine, row)
        over_all = over_machines([_sides(by_cell, row) for row in of_machine.values()])
        if over_all is None:
            continue
        estimates.append(over_all)
        counted = [row for row in of_machine.values() if row.epochs >= LEAST_EPOCHS]
        ratios = [row.ratio for row in counted]
        rows.append(
            dict(zip(keys, key, strict=True))
            | {"least": min(ratios), "most": max(ratios)}
            | {
                name: tuple(run for row in counted for run in getattr(row, name))
                for name in ("first_runs", "second_runs")
            }
        )
    families = [(row["setting"], question(str(row["first"]), str(row["second"]))) for row in rows]
    return _judged(rows, estimates, ENGINE_MEANS, families)


def question(first: str, second: str) -> Literal["frameworks", "one framework", "others"]:
    """What a comparison of two engines answers.

    It is how frameworks compare, by the engines of their names; what another engine buys over the one of
    its framework's name; or neither. Comparisons of one question are judged together, so that no answer
    hangs on how many engines were measured for another.
    """
    sides = ENGINES[first], ENGINES[second]
    own = sum(engine.name == engine.framework for engine in sides)
    if own == 2:
        return "frameworks"
    return "one framework" if own and sides[0].framework == sides[1].framework else "others"


def is_float32(engine: str) -> bool:
    """Whether an engine computes in float32. Its gate holds it to that, so a valid run did."""
    return ENGINES[engine].precision == FLOAT32


def of_float32(rows: pd.DataFrame, *columns: str) -> pd.DataFrame:
    """The rows whose engines, in these columns, all compute in float32; all rows where no engine does.

    What a finding is about: an engine of lower precision is faster for another reason.
    """
    exact = rows[list(columns)].isin([*filter(is_float32, ENGINES)])
    return rows[exact.all(axis="columns")] if exact.any(axis=None) else rows


def _sides(by_cell: Samples, row: Any) -> Pair:
    """The samples of a row of `Study.engines`."""
    return (
        by_cell[row.machine, row.first_setting, row.experiment, row.first, row.device],
        by_cell[row.machine, row.second_setting, row.experiment, row.second, row.device],
    )


def over_the_same_cells(means: pd.DataFrame, cells: pd.DataFrame) -> pd.DataFrame:
    """Those of the means that may be ranked: the most machines whose means are over the same cells, of
    `Study.machines`.

    Of as many machines with other cells those with more cells.
    """
    cells = in_means(cells)
    names = list(zip(cells["experiment"], cells["engine"], strict=True))
    of_machine: dict[str, set[Any]] = {}
    for machine, name, verdict in zip(cells["machine"], names, cells["verdict"], strict=True):
        if verdict != "too few epochs":
            of_machine.setdefault(machine, set()).add(name)
    kinds = [frozenset(of_machine.get(machine, ())) for machine in means["machine"]]
    counts = Counter(kinds)
    best = max(counts, key=lambda kind: (counts[kind], len(kind)), default=None)
    return means[[kind == best for kind in kinds]]


@dataclass(frozen=True, kw_only=True)
class _Protocol:
    """How an experiment was trained in a setting, but for versions and precision."""

    terms: tuple[Hashable, ...]
    images: dict[Hashable, Hashable]

    def is_like(self, other: _Protocol) -> bool:
        """Whether both trained the same, with the same images wherever both have a seed."""
        seeds = self.images.keys() & other.images.keys()
        return self.terms == other.terms and all(self.images[s] == other.images[s] for s in seeds)


def _protocols(frames: Frames) -> dict[tuple[Hashable, Hashable], _Protocol]:
    """(setting, experiment) -> how its valid runs were trained, which is one way in a setting."""
    names = [*SESSION, *EXPERIMENT, "weights_origin"]
    return {
        (setting, experiment): _Protocol(
            terms=tuple(runs[name].iloc[0] for name in names),
            images=dict(zip(runs["seed"], runs["data_sha256"], strict=True)),
        )
        for (setting, experiment), runs in frames.valid.groupby(["setting", "experiment"], sort=False)
    }


def _run_ids(pairs: Sequence[Pair], *names: str) -> dict[str, tuple[str, ...]]:
    """The ids of both sides' runs, each side's under its name."""
    return {
        name: tuple(run.run for pair in pairs for run in pair[side].runs)
        for side, name in enumerate(names)
    }


def _judged(
    rows: list[dict[str, Any]],
    estimates: list[Estimate],
    columns: tuple[str, ...],
    families: Sequence[Hashable],
    *,
    least_epochs: int = LEAST_EPOCHS,
) -> pd.DataFrame:
    """The rows with their verdicts, each judged with those of its family."""
    judged = list(rows)
    for family in set(families):
        places = [place for place, other in enumerate(families) if other == family]
        verdicts = judge([estimates[place] for place in places], least_epochs=least_epochs)
        for place, verdict in zip(places, verdicts, strict=True):
            judged[place] = rows[place] | vars(verdict)
    return pd.DataFrame(judged, columns=list(columns))


def baselines(frames: Frames, asked: str | None) -> Baselines:
    """Of each setting the machine that others are compared with: the one asked for, if it has valid runs
    there, else the one measured first.
    """
    names = list(frames.machines["machine"])
    virtual = virtual_macs(frames)
    order = [name for name in names if name not in virtual]
    if asked is not None:
        order = [asked, *order]
    valid = {setting: set(runs["machine"]) for setting, runs in frames.valid.groupby("setting")}
    firsts = {
        setting: next((name for name in order if name in valid.get(setting, ())), None)
        for setting in frames.settings["setting"]
    }
    return {setting: name for setting, name in firsts.items() if name is not None}


def _machine_called(asked: str, frames: Frames) -> str:
    """The machine of this label, or the one that `--machine` would call so. Raises NoSuchMachine."""
    names = list(frames.machines["machine"])
    alike = [asked] if asked in names else _called(asked, names)
    if len(alike) != 1:
        raise NoSuchMachine(_no_such_machine(asked, frames))
    return alike[0]


def _called(asked: str, names: Iterable[str]) -> list[str]:
    """Those of the names that make the same name of a folder."""
    return [name for name in names if folder_name(asked) == folder_name(name) != ""]


def _no_such_machine(asked: str, frames: Frames) -> str:
    """Which machines there are; and why a computer's own name is none of them."""
    names = list(frames.machines["machine"])
    sentence = f"there is no machine {asked!r}; there are {', '.join(names)}"
    computers = [name for name in _called(asked, frames.machines["computer"]) if name not in names]
    if not computers:
        return sentence
    return (
        f"{sentence}. {computers[0]} has runs under several builds of its system, and each build is a"
        " machine of its own: ask for one of them, or make them one with --pool-os-builds"
    )


def main_setting(
    frames: Frames, of_engines: pd.DataFrame, of_machines: pd.DataFrame, asked: str | None
) -> str:
    """The setting with the most in common: the most machines that are compared.

    Where several have as many, it is the first of them with a comparison, which has the fullest profile.
    Settings of `smoke` or of made-up images come last: they say whether a framework runs, and not how
    fast. A setting without the baseline asked for comes last too.
    """
    letters = list(frames.settings["setting"])
    valid = frames.valid

    def rank(letter: str) -> tuple[Any, ...]:
        setting = frames.settings[frames.settings["setting"] == letter].iloc[0]
        cells = of_machines[of_machines["setting"] == letter]
        there = set(valid.loc[valid["setting"] == letter, "machine"])
        comparisons = len(cells) + int((of_engines["setting"] == letter).sum())
        return (
            not there,
            asked is not None and asked not in there,
            setting["profile"] == "smoke" or setting["dataset"] != "cifar10",
            -cells["machine"].nunique(),
            comparisons == 0,
            letters.index(letter),
        )

    best: str = min(letters, key=rank)
    return best


def virtual_macs(frames: Frames) -> set[str]:
    """Machines whose figures are comparable with nobody's: their GPU is not the chip's."""
    rows = frames.machines.itertuples()
    return {row.machine for row in rows if is_virtual_mac(row.model, row.virtual)}


def _kind(device: Hashable) -> str:
    """A GPU is compared with a GPU, whoever made it, and a CPU with a CPU."""
    return "cpu" if device == "cpu" else "gpu"


def machines(frames: Frames, by_cell: Samples, bases: Mapping[str, str]) -> pd.DataFrame:
    """Each machine's speed as a multiple of the baseline's: one row a cell that both have.

    Where two machines have cells on their GPUs in common, those are compared and not the CPUs. A virtual
    Mac is compared with none.
    """
    virtual = virtual_macs(frames)
    of_baseline = {
        (setting, experiment, engine, _kind(device)): device
        for machine, setting, experiment, engine, device in by_cell
        if machine == bases.get(str(setting))
    }
    rows = []
    for key in by_cell:
        machine, setting, experiment, engine, device = key
        base = bases.get(str(setting))
        base_device = of_baseline.get((setting, experiment, engine, _kind(device)))
        if machine == base or base_device is None or {machine, base} & virtual:
            continue
        rows.append(
            {
                **dict(zip(CELL, key, strict=True)),
                "baseline": base,
                "baseline_device": base_device,
            }
        )
    on_gpu = {(row["machine"], row["setting"]) for row in rows if row["device"] != "cpu"}
    kept = [
        row for row in rows if row["device"] != "cpu" or (row["machine"], row["setting"]) not in on_gpu
    ]
    estimates = []
    for row in kept:
        pairs = compared([_pair(by_cell, row)])
        estimates.append(estimate(pairs))
        row.update(_run_ids(pairs, "machine_runs", "baseline_runs"))
    return _judged(kept, estimates, MACHINES, [row["setting"] for row in kept])


def _pair(by_cell: Samples, row: Mapping[str, Any]) -> Pair:
    """The samples of a row of `Study.machines`."""
    system = (row["setting"], row["experiment"], row["engine"])
    return (
        by_cell[row["machine"], *system, row["device"]],
        by_cell[row["baseline"], *system, row["baseline_device"]],
    )


def in_means(cells: pd.DataFrame) -> pd.DataFrame:
    """The cells of `Study.machines` that `Study.means` are over.

    Of a machine's cells in engines of several precisions they are those in float32.
    """
    of_machine = [cells[name] for name in ("machine", "baseline", "setting")]
    exact = cells["engine"].map(is_float32).astype(bool)
    return cells[exact | ~exact.groupby(of_machine).transform("any").astype(bool)]


def means(by_cell: Samples, cells: pd.DataFrame) -> pd.DataFrame:
    """The geometric mean over the cells that a machine and the baseline both have, by setting."""
    rows, estimates = [], []
    groups: dict[tuple[str, str, str], list[Pair]] = {}
    of_machines = in_means(cells).groupby(["machine", "baseline", "setting"], sort=False)
    for key, both in of_machines:
        groups[key] = [_pair(by_cell, row) for row in both.to_dict("records")]
    for (machine, base, setting), pairs in groups.items():
        estimates.append(estimate(pairs))
        rows.append(
            {"machine": machine, "baseline": base, "setting": setting}
            | _run_ids(compared(pairs), "machine_runs", "baseline_runs")
        )
    return _judged(rows, estimates, MEANS, [row["setting"] for row in rows])
