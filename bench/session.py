"""One `pytest bench`: the cells it has, what it needs for them, and what came of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alexnet import data
from alexnet.recipe import EXPERIMENTS
from bench import condition, energy, grid, machine, prepare
from bench.gates import Gates
from bench.options import Options
from bench.records import Cell, Gate, Machine, Plan, Watts
from bench.run import Run, carry_out
from bench.saving import extra_info, why_unfinished
from bench.verdict import judge
from bench.wire import Job, Record

RUNS = ".runs"
DATASETS: dict[data.DatasetName, str] = {"cifar10": "CIFAR-10", "synthetic": "SYNTHETIC"}


@dataclass(frozen=True, kw_only=True)
class Skipped:
    """A cell that was not run, with the reason and what would mend it."""

    cell: Cell
    plan: Plan
    reason: str


@dataclass(kw_only=True)
class Session:
    """Everything settled before the first cell, and the runs as they come."""

    options: Options
    machine: Machine
    profile: str
    source: prepare.Source
    plans: dict[Cell, Plan]
    folder: Path
    runs: list[Run] = field(default_factory=list)
    skipped: list[Skipped] = field(default_factory=list)
    picked: list[Cell] = field(default_factory=list)
    weights_file: Path | None = None
    no_weights: str | None = None
    gates: Gates = field(default_factory=Gates)
    idle_watts: Watts | None = None
    troubles: set[str] = field(default_factory=set)

    def pick(self, cells: list[Cell]) -> None:
        """Settles which cells run, and what they need. Raises what makes one of them impossible."""
        self.picked = cells
        for cell in cells:
            grid.check(cell, self.plans[cell])
        if any(needs_weights(cell) for cell in cells):
            self.prepare_weights()

    def options_of_picked(self) -> Options:
        """The options, with the experiments and frameworks of the picked cells alone."""
        return replace(
            self.options,
            experiment=tuple(dict.fromkeys(cell.experiment for cell in self.picked)),
            framework=tuple(dict.fromkeys(cell.framework for cell in self.picked)),
        )

    def close(self) -> None:
        """Removes what was made for this session alone."""
        if self.weights_file and self.options.weights:
            self.weights_file.unlink(missing_ok=True)

    def prepare_weights(self) -> None:
        """Carries over ImageNet's weights, or keeps the reason why the cells that need them skip.

        Raises NotPrepared for a file that the user named: it is not to be passed over.
        """
        try:
            self.weights_file = prepare.carried_over_weights(self.options.weights, self.folder)
        except prepare.NotPrepared as error:
            if self.options.weights:
                raise
            self.no_weights = str(error)

    def skip_reason(self, cell: Cell) -> str | None:
        """Why this cell cannot run here, or None."""
        return self.no_weights if needs_weights(cell) else None

    def skip(self, cell: Cell, reason: str) -> None:
        self.skipped.append(Skipped(cell=cell, plan=self.plans[cell], reason=reason))

    def _measure_idle(self) -> None:
        """What the computer draws while nothing of ours runs; not worth its 20 s for `smoke`."""
        if self.profile != "smoke":
            self.idle_watts = energy.idle_watts(energy.counter())

    def _with_the_same_start(self, cell: Cell) -> list[Cell]:
        """The picked cells, this one among them, that begin with the same weights and batches."""
        able = [c for c in self.picked if self.skip_reason(c) is None]
        return [c for c in able if (c.experiment, c.seed) == (cell.experiment, cell.seed)]

    def _job(self, cell: Cell) -> Job:
        folder = str(self.source.folder.resolve()) if self.source.folder else None
        return Job(
            cell=cell,
            plan=self.plans[cell],
            data_folder=folder,
            weights_file=str(self.weights_file) if needs_weights(cell) else None,
            scratch_folder=str(self.folder.resolve()),
            idle_watts=self.idle_watts,
            roofline=self.gates.rooflines.get((cell.framework, cell.device)),
        )

    def gate(self, cell: Cell) -> Gate:
        """The gate of a cell, asked once a session, and the idle draw measured before the first."""
        if not self.gates.gates:
            self._measure_idle()
        with condition.awake():
            return self.gates.of(cell, self._with_the_same_start(cell), self._job, self.folder)

    def carry_out(self, cell: Cell, on_record: Callable[[Record], None]) -> Run:
        """Asks one cell's gate, runs the cell whatever it says, and keeps what came of it."""
        run = Run(cell=cell, plan=self.plans[cell])
        self.runs.append(run)  # before it starts, so that an interrupted one is saved too
        with condition.awake() as trouble:
            self.troubles |= {trouble} if trouble else set()
            self._gate_and_train(run, on_record)
        return run

    def _gate_and_train(self, run: Run, on_record: Callable[[Record], None]) -> None:
        cell = run.cell
        try:
            run.gate = self.gate(cell)
            on_record(run.gate)
            carry_out(
                run,
                self._job(cell),
                folder=self.folder,
                expected_epoch_seconds=grid.expected_epoch_seconds(cell, self.plans[cell]),
                on_record=on_record,
            )
        finally:
            run.verdict = judge(
                machine=self.machine,
                gate=run.gate,
                before=run.before,
                start=run.start,
                result=run.result,
                after=run.after,
            )

    def expected_seconds(self) -> float:
        """A rough guess, before anything was measured."""
        able = [cell for cell in self.picked if self.skip_reason(cell) is None]
        return sum(grid.expected_seconds(cell, self.plans[cell]) for cell in able)

    def setting(self) -> str:
        """The line that every figure stands under: profile, data, devices, machine."""
        cells = self.picked or list(self.plans)
        devices = sorted({f"{cell.framework} on {cell.device}" for cell in cells})
        plan = self.plans[cells[0]]
        sizes = sorted({self.plans[cell].train_images or data.TRAINED_IMAGES for cell in cells})
        images = " or ".join(f"{size:,}" for size in sizes)
        return (
            f"{self.profile}: {images} {DATASETS[plan.dataset]} training images at {plan.image_size} px;"
            f" {', '.join(devices)}; {self.machine.name}"
        )

    def unlike_devices(self) -> str | None:
        """A warning where auto gave the frameworks different devices, or None."""
        devices = {cell.framework: cell.device for cell in self.plans}
        if len(set(devices.values())) == 1:
            return None
        found = " and ".join(f"{framework} {device}" for framework, device in devices.items())
        return f"note: {found}: set side by side they compare devices, not frameworks"

    def data_line(self) -> str:
        """Which images these are, in words that a stand-in cannot hide behind."""
        return f"{DATASETS[self.source.dataset]} images, {self.source.provenance}"

    def not_measured(self) -> dict[str, Any]:
        """What pytest-benchmark would drop without a word: failed, invalid and skipped cells."""
        unfinished = [run for run in self.runs if why_unfinished(run)]
        return {
            "failures": [extra_info(run) for run in unfinished],
            "skipped": [
                {"cell": asdict(s.cell), "plan": asdict(s.plan), "reason": s.reason}
                for s in self.skipped
            ],
        }


def needs_weights(cell: Cell) -> bool:
    """Whether a cell starts from ImageNet's weights."""
    return EXPERIMENTS[cell.experiment].weights == "imagenet"


def open_session(options: Options, results: Path, *, only_list: bool = False) -> Session:
    """Settles devices, profile, data and plans. Raises what the options make impossible for all cells.

    `only_list` settles the cells and looks for no data.
    """
    this = machine.describe(options.machine)
    prepare.check_weights_option(options)
    devices = prepare.devices(options)
    profile = options.profile
    if profile == "auto":  # one framework left on the CPU would take days over the full protocol
        profile = "quick" if "cpu" in devices.values() else "full"
    source = prepare.NOT_LOOKED_FOR if only_list else prepare.source(options, profile)
    plans = {
        cell: grid.plan(
            cell,
            options,
            profile=profile,
            dataset=source.dataset,
            data_provenance=source.provenance,
        )
        for cell in grid.cells(options, devices)
    }
    stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S")
    return Session(
        options=options,
        machine=this,
        profile=profile,
        source=source,
        plans=plans,
        folder=results / this.name / RUNS / f"{stamp}-{profile}",
    )
