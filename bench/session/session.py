"""One `pytest bench`: the cells it has, what it needs for them, and what came of each."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from alexnet.frameworks.registry import environment
from alexnet.recipe import EXPERIMENTS
from bench.gate.ask import Gates
from bench.host import condition
from bench.host.lock import Lock
from bench.ipc.messages import Job, Record
from bench.ipc.scratch import remove_checkpoint
from bench.meters import energy
from bench.plan import grid, prepare
from bench.plan.options import Options
from bench.records.recipe import check_plan
from bench.records.run import Run
from bench.records.types import SCHEMA_VERSION, Cell, Gate, Machine, Plan, SkippedCell, Watts
from bench.records.verdict import judge
from bench.records.write import extra_info, why_unfinished
from bench.session.cell_runner import CellRunner
from bench.session.interrupts import Interrupts
from bench.session.log import SessionLog
from bench.session.manifest import Manifest, PlannedCell, code_hashes
from bench.session.resume import Stopped


@dataclass(kw_only=True)
class Session:
    """Everything settled before the first cell, and the runs as they come.

    `left_behind` says that there is an earlier one to go on with.
    """

    options: Options
    machine: Machine
    profile: str
    source: prepare.Source
    plans: dict[Cell, Plan]
    log: SessionLog
    runs: list[Run] = field(default_factory=list)
    skipped: list[SkippedCell] = field(default_factory=list)
    picked: list[Cell] = field(default_factory=list)
    weights_file: Path | None = None
    no_weights: str | None = None
    gates: Gates = field(default_factory=Gates)
    idle_watts: Watts | None = None
    warnings: set[str] = field(default_factory=set)
    unfinished_session: str | None = None
    _idle_measured: bool = False
    interrupts: Interrupts = field(default_factory=Interrupts)
    lock: Lock = field(default_factory=Lock)

    @property
    def folder(self) -> Path:
        """Where its journals, logs and checkpoints lie."""
        return self.log.folder

    def pick(self, cells: list[Cell]) -> None:
        """Settles which cells run, and what they need. Raises what makes one of them impossible."""
        self.picked = [cell for cell in self.plans if cell in cells]
        for cell in cells:
            check_plan(cell, self.plans[cell])
        if any(needs_weights(cell) and not self.log.is_done(cell) for cell in cells):
            self.prepare_weights()

    def begin(self, save_as: str) -> None:
        """Notes on disk what this session is, or that it goes on. Raises SessionRefused."""
        terms = Manifest(
            schema=SCHEMA_VERSION,
            profile=self.profile,
            save_as=save_as,
            options=self._kept_options(),
            cells=tuple(PlannedCell(cell=cell, plan=self.plans[cell]) for cell in self.picked),
            machine=self.machine,
            data_sha256=self.source.sha256,
            environment=environment(),
            code=code_hashes(),
        )
        self.log.begin(terms, anyway=self.options.resume_anyway)
        for cell, history in (self.log.earlier.histories if self.log.earlier else {}).items():
            # Where something differs, only what was measured under a gate keeps it.
            if history.run.gate and (history.run.result or not self.log.accepted):
                self.gates.gates[cell] = history.run.gate
            if not self.log.accepted:
                self.gates.rooflines |= history.rooflines

    def _kept_options(self) -> dict[str, Any]:
        """The options for whoever goes on, who need not have the same environment."""
        options = self.options
        if self.source.folder and self.source.provenance == prepare.VOUCHED_FOR:
            options = replace(options, data_dir=self.source.folder)
        return options.to_json()

    def options_of_picked(self) -> Options:
        """The options, with the experiments and frameworks of the picked cells alone."""
        return replace(
            self.options,
            experiment=tuple(dict.fromkeys(cell.experiment for cell in self.picked)),
            framework=tuple(dict.fromkeys(cell.framework for cell in self.picked)),
        )

    def close(self) -> None:
        """Notes how it ended, and removes what was made for this session alone."""
        if unfinished := self.unfinished():
            why = self.interrupts.requested_by or f"no result of {', '.join(unfinished)}"
            self.log.note("stopped", Stopped(why=why))
        self.lock.release()
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
        """Why this cell cannot run here, or None; one that is done need not run."""
        return self.no_weights if needs_weights(cell) and not self.log.is_done(cell) else None

    def skip(self, cell: Cell, reason: str) -> None:
        self.skipped.append(SkippedCell(cell=cell, plan=self.plans[cell], reason=reason))
        self.log.note("skipped", self.skipped[-1])

    def save_as(self) -> str:
        """The name of the result file, unless one is given."""
        return self.log.earlier.manifest.save_as if self.log.earlier else self.profile

    def file_to_replace(self) -> str | None:
        """The file that this session saved before it was cut off, if all of its cells are here."""
        return self.log.file_to_replace(self.picked)

    def standing(self, benchmarks: Iterable[str]) -> set[str]:
        """The cells whose result stands in what is saved now: the benchmarks, and the invalid runs."""
        return {*benchmarks, *(run.cell.id for run in self.runs if run.result and why_unfinished(run))}

    def in_order(self, benchmarks: list[dict[str, Any]]) -> None:
        """Sorts pytest-benchmark's entries as the grid has the cells, whenever each was run."""
        ids = [cell.id for cell in self.plans]
        benchmarks.sort(key=lambda entry: ids.index(entry["param"]))

    def unfinished(self) -> list[str]:
        """The picked cells that have no result and were not skipped either."""
        done = {run.cell for run in self.runs if run.result} | {each.cell for each in self.skipped}
        return [cell.id for cell in self.picked if cell not in done]

    def _measure_idle(self) -> None:
        """What the computer draws while nothing of ours runs; not worth its 20 s for `smoke`."""
        if self.profile != "smoke" and not self._idle_measured:
            self.idle_watts = energy.idle_watts(energy.counter())
        self._idle_measured = True

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
            known=None,
        )

    def gate(self, cell: Cell) -> Gate:
        """The gate of a cell, asked once a session, and the idle draw measured before the first."""
        self.interrupts.raise_if_requested()
        if not self.log.is_done(cell):
            self._measure_idle()
        with condition.awake():
            return self.gates.gate_of(cell, self._with_the_same_start(cell), self._job, self.folder)

    def run_cell(self, cell: Cell, on_record: Callable[[Record], None]) -> Run:
        """Asks one cell's gate, runs the cell whatever it says, and keeps what came of it.

        A cell that has its result from the session before is not run again.
        """
        self.interrupts.raise_if_requested()
        run = self.log.run_of(cell) or Run(cell=cell, plan=self.plans[cell])
        self.runs.append(run)  # before it starts, so that an interrupted one is saved too
        with condition.awake() as trouble:
            self.warnings |= {trouble} if trouble else set()
            self._gate_and_train(run, on_record)
        if run.result is None:  # one that has a result is a benchmark first
            self.interrupts.raise_if_requested()
        return run

    def _gate_and_train(self, run: Run, on_record: Callable[[Record], None]) -> None:
        try:
            run.gate = self.gate(run.cell)
            on_record(run.gate)
            if run.result is None:
                run.plan = self.plans[run.cell]
                self._cell_runner(run, on_record).run_to_end()
            else:
                with suppress(OSError):  # of a session that was killed before it could tidy up
                    remove_checkpoint(self.folder, run.cell.id)
        finally:
            run.verdict = judge(
                machine=self.machine,
                gate=run.gate,
                before=run.before,
                start=run.start,
                result=run.result,
                after=run.after,
                interruptions=run.interruptions,
            )

    def _cell_runner(self, run: Run, on_record: Callable[[Record], None]) -> CellRunner:
        return CellRunner(
            run=run,
            job=self._job(run.cell),
            folder=self.folder,
            expected_epoch_seconds=grid.expected_epoch_seconds(run.cell, run.plan),
            interrupts=self.interrupts,
            accepted=self.log.accepted if self.options.resume_anyway else None,
            on_record=on_record,
        )

    def not_measured(self) -> dict[str, Any]:
        """What pytest-benchmark would drop without a word: failed, invalid and skipped cells."""
        return {
            "failures": [extra_info(run) for run in self.runs if why_unfinished(run)],
            "skipped": [
                {"cell": asdict(s.cell), "plan": asdict(s.plan), "reason": s.reason}
                for s in self.skipped
            ],
            "interruptions": [asdict(pause) for pause in self.log.pauses],
        }


def needs_weights(cell: Cell) -> bool:
    """Whether a cell starts from ImageNet's weights."""
    return EXPERIMENTS[cell.experiment].weights == "imagenet"
