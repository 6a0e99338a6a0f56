"""One `pytest bench`: its cells and what they need, the runs one by one, and what is saved of them."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from msgspec import structs, to_builtins

from alexnet.frameworks.registry import environment
from alexnet.recipe import EXPERIMENTS
from bench.gate.ask import Gates
from bench.host import condition
from bench.host.limits import current_limits
from bench.host.lock import Lock
from bench.ipc.cell_files import remove_checkpoint, remove_references
from bench.ipc.messages import Job, Record
from bench.meters import energy
from bench.plan import estimate, grid, prepare
from bench.plan.options import Options
from bench.plan.profiles import PROFILES
from bench.records.cell_recipe import check_plan, images_of, steps_of
from bench.records.derive import recorded_seconds
from bench.records.progress import STARTED_BY, Progress, write_progress
from bench.records.run import SessionRun
from bench.records.types import (
    METHOD,
    SCHEMA_VERSION,
    Cell,
    Epoch,
    Gate,
    Machine,
    Plan,
    SkippedCell,
    Watts,
)
from bench.records.verdict import judge
from bench.records.words import warning_text
from bench.records.write import extra_info, rejection_text
from bench.session.cell_runner import CellRunner
from bench.session.code import code_hashes
from bench.session.interrupts import Interrupts
from bench.session.log import SessionLog
from bench.session.manifest import Manifest, PlannedCell
from bench.session.resume import Stopped
from bench.trial.ask import ask_trial


@dataclass(kw_only=True)
class Session:
    """The options, cells and plans of one `pytest bench`, and its runs as they come.

    conftest.py calls `pick` and `begin`, then `gate` and `run_cell` for each cell, then `close`;
    pytest-benchmark saves the file before `close`. `plans` has all cells of the grid, `picked` those
    that are left after pytest's own selection (-k, node ids). `unfinished_session_note` tells the user
    that an earlier session can be resumed. `paces` are those of earlier runs on this machine and of this
    session's, `step_seconds` what trials measured.
    """

    options: Options
    machine: Machine
    profile: str
    source: prepare.Source
    plans: dict[Cell, Plan]
    log: SessionLog
    unfinished_session_note: str | None = None
    paces: estimate.Paces = field(default_factory=dict)
    step_seconds: dict[estimate.Kind, float] = field(default_factory=dict)
    picked: list[Cell] = field(default_factory=list)
    weights_file: Path | None = None
    weights_problem: str | None = None
    gates: Gates = field(default_factory=Gates)
    idle_watts: Watts | None = None
    runs: list[SessionRun] = field(default_factory=list)
    skipped: list[SkippedCell] = field(default_factory=list)
    warnings: set[str] = field(default_factory=set)
    interrupts: Interrupts = field(default_factory=Interrupts)
    lock: Lock = field(default_factory=Lock)
    _idle_measured: bool = False

    @property
    def folder(self) -> Path:
        """The folder of the session's journals, logs and checkpoints."""
        return self.log.folder

    # Before the first cell

    def save_as(self) -> str:
        """The name of the result file if the command line gives none."""
        return self.log.earlier.manifest.save_as if self.log.earlier else self.profile

    def pick(self, cells: list[Cell]) -> None:
        """Sets the cells that will run and prepares their weights. Raises if a cell is impossible."""
        self.picked = [cell for cell in self.plans if cell in cells]
        for cell in cells:
            check_plan(cell, self.plans[cell])
        if any(needs_weights(cell) and not self.log.is_done(cell) for cell in cells):
            self._prepare_weights()

    def _prepare_weights(self) -> None:
        """Converts ImageNet's weights, or keeps the reason why the cells that need them are skipped.

        Raises NotPrepared for a file that the user named, which must not be skipped silently.
        """
        try:
            self.weights_file = prepare.imagenet_weights(self.options.weights, self.folder)
        except prepare.NotPrepared as error:
            if self.options.weights:
                raise
            self.weights_problem = str(error)

    def options_of_picked(self) -> Options:
        """The options with only the experiments and engines of the picked cells."""
        return replace(
            self.options,
            experiment=tuple(dict.fromkeys(cell.experiment for cell in self.picked)),
            engine=tuple(dict.fromkeys(cell.engine for cell in self.picked)),
        )

    def trials(self) -> dict[str, list[Cell]]:
        """Experiment -> a picked cell of each engine, where a trial is to say how many steps to take.

        A session that resumes keeps its number of steps, and `--steps` names one.
        """
        if PROFILES[self.profile].epoch_seconds is None or self.options.steps:
            return {}
        earlier = self.log.earlier
        decided = set[str]()
        if earlier and earlier.manifest.profile == self.profile:
            decided = {cell.experiment for cell in earlier.histories}
        cells: dict[str, dict[str, Cell]] = {}
        for cell in self.picked:
            if cell.experiment not in decided:
                cells.setdefault(cell.experiment, {}).setdefault(cell.engine, cell)
        return {experiment: list(of_engines.values()) for experiment, of_engines in cells.items()}

    def cut_epochs(self) -> None:
        """Cuts epochs short where a trial is to say so, to one number of steps for all of an experiment.

        They are as many as take the fastest engine as long as the profile has it. Raises TrialFailed.
        """
        seconds = PROFILES[self.profile].epoch_seconds or 0.0
        for experiment, tried in self.trials().items():
            with condition.keep_awake():
                fastest = min(map(self._ask_trial, tried))
            for cell, plan in self.plans.items():
                if cell.experiment == experiment:
                    whole = steps_of(plan, images_of(plan)["train"])
                    steps = grid.steps_for(seconds, fastest, of=whole)
                    self.plans[cell] = structs.replace(plan, steps_per_epoch=steps)

    def _ask_trial(self, cell: Cell) -> float:
        """The seconds that a step of the cell takes. Raises TrialFailed."""
        self.interrupts.raise_if_requested()
        taken = ask_trial(self._job(cell), folder=self.folder).step_seconds
        self.step_seconds[estimate.kind_of(cell, self.plans[cell])] = taken
        return taken

    def begin(self, save_as: str) -> None:
        """Writes the manifest of a new session, or the pause of a resumed one. Raises SessionRefused."""
        options = self.options
        if self.source.from_user:
            # It may come from ALEXNET_DATA, which need not be set when the session is resumed.
            options = replace(options, data_dir=self.source.folder)
        manifest = Manifest(
            schema=SCHEMA_VERSION,
            method=METHOD,
            profile=self.profile,
            save_as=save_as,
            options=options.to_json(),
            cells=tuple(PlannedCell(cell=cell, plan=self.plans[cell]) for cell in self.picked),
            machine=self.machine,
            data_sha256=self.source.sha256,
            environment=environment() | current_limits().settings(),
            code=code_hashes(),
        )
        self.log.begin(manifest, anyway=options.resume_anyway)
        remove_references(self.folder)  # left if the earlier session was killed
        # Earlier gates and rooflines are reused, unless something differs: then only a cell that has
        # its result keeps the gate that it was measured under.
        # A gate serves a cell's other repeats only if nothing has differed since the session began.
        differs = bool(self.log.accepted_differences)
        same_all_along = not any(pause.differences for pause in self.log.pauses)
        for cell, history in (self.log.earlier.histories if self.log.earlier else {}).items():
            if history.run.gate and (history.run.result or not differs):
                self.gates.add_earlier(cell, history.run.gate, for_repeats=same_all_along)
            if not differs:
                self.gates.rooflines |= history.rooflines
        self._say_progress()

    # The cells, one by one

    def skip_reason(self, cell: Cell) -> str | None:
        """Why this cell cannot run here, or None. A cell with an earlier result is never skipped."""
        return self.weights_problem if needs_weights(cell) and not self.log.is_done(cell) else None

    def skip(self, cell: Cell, reason: str) -> None:
        """Records that a cell does not run."""
        self.skipped.append(SkippedCell(cell=cell, plan=self.plans[cell], reason=reason))
        self.log.add("skipped", self.skipped[-1])
        self._say_progress()

    def gate(self, cell: Cell) -> Gate:
        """The gate of a cell, which runs once a session; before the first, the idle power is measured.

        The gates of all picked cells with the same weights and batches run together.
        """
        self.interrupts.raise_if_requested()
        self._say_progress(cell)
        if not self.log.is_done(cell) and not self._idle_measured:
            if self.profile != "smoke":  # measuring takes 20 s
                self.idle_watts = energy.idle_watts(energy.counter())
            self._idle_measured = True
        peers = [
            peer
            for peer in self.picked
            if (peer.experiment, peer.seed) == (cell.experiment, cell.seed)
            and self.skip_reason(peer) is None
        ]
        with condition.keep_awake():
            return self.gates.gate_of(cell, peers, self._job, self.folder)

    def run_cell(self, cell: Cell, on_record: Callable[[Record], None]) -> SessionRun:
        """Runs a cell's gate, trains the cell even if the gate fails, and judges the run.

        A cell that has its result from the earlier session is not trained again.
        """
        self.interrupts.raise_if_requested()
        run = self.log.earlier_run(cell) or SessionRun.of_cell(cell, self.plans[cell])
        on_record = self._say_epochs(run, on_record)
        self.runs.append(run)  # before it starts, so that an interrupted run is saved too
        with condition.keep_awake() as problem:
            self.warnings |= {problem} if problem else set()
            try:
                run.gate = self.gate(cell)
                on_record(run.gate)
                if run.result is None:
                    run.plan = self.plans[cell]
                    self._train(run, on_record)
                else:
                    with suppress(OSError):  # left if the earlier session was killed
                        remove_checkpoint(self.folder, cell.id)
            finally:
                run.verdict = judge(run, self.machine)
                if pace := estimate.pace_of(run):
                    self.paces[estimate.kind_of(cell, run.plan)] = pace
                self._say_progress()
        if run.result is None:  # a run with a result must become a benchmark first
            self.interrupts.raise_if_requested()
        return run

    def _train(self, run: SessionRun, on_record: Callable[[Record], None]) -> None:
        CellRunner(
            run=run,
            job=self._job(run.cell),
            folder=self.folder,
            expected_epoch_seconds=estimate.expected_epoch_seconds(run.cell, run.plan),
            interrupts=self.interrupts,
            accepted_differences=self.log.accepted_differences if self.options.resume_anyway else None,
            on_record=on_record,
        ).run_to_end()

    def _job(self, cell: Cell) -> Job:
        return Job(
            cell=cell,
            plan=self.plans[cell],
            data_folder=str(self.source.folder.resolve()) if self.source.folder else None,
            weights_file=str(self.weights_file) if needs_weights(cell) else None,
            session_folder=str(self.folder.resolve()),
            idle_watts=self.idle_watts,
            roofline=self.gates.roofline_of(cell),
            saved_epochs=None,
        )

    # How long it takes

    def cells_left(self) -> list[Cell]:
        """The picked cells that have no result yet and are not skipped."""
        unfinished = {*self.unfinished()}
        return [
            cell
            for cell in self.picked
            if cell.id in unfinished and self.skip_reason(cell) is None and not self.log.is_done(cell)
        ]

    def pace(self, cell: Cell) -> estimate.Pace | None:
        """How fast such a cell is by earlier runs or a trial; None where nothing is known."""
        return estimate.pace_for(cell, self.plans[cell], self.paces, self.step_seconds)

    def seconds_left(self, *, but: Cell | None = None) -> float:
        """About how long the cells that are left take, but for one.

        A gate that has been asked takes no time.
        """
        seconds, gates = 0.0, {*self.gates.gates}
        for cell in self.cells_left():
            if cell == but:
                continue
            is_new = cell.first_repeat not in gates
            gates.add(cell.first_repeat)
            plan = self.plans[cell]
            seconds += estimate.expected_seconds(cell, plan, self.pace(cell), gate=is_new)
        return seconds

    def _say_epochs(
        self, run: SessionRun, on_record: Callable[[Record], None]
    ) -> Callable[[Record], None]:
        """`on_record`, and the session's progress after each epoch: the worker waits meanwhile.

        The rest of the run is taken to be as fast as its epochs so far.
        """
        others = self.seconds_left(but=run.cell)

        def follow(record: Record) -> None:
            on_record(record)
            if isinstance(record, Epoch):
                per_epoch = recorded_seconds(run.epochs) / len(run.epochs)
                left = others + per_epoch * (run.plan.epochs - len(run.epochs))
                self._say_progress(run.cell, len(run.epochs), left)

        return follow

    def _say_progress(
        self, cell: Cell | None = None, epoch: int = 0, seconds_left: float | None = None
    ) -> None:
        """Writes how far the session has come, for who watches it. Before it has begun, nothing."""
        if not self.log.begun:
            return
        ended = [run for run in self.runs if run.cell != cell]
        progress = Progress(
            cell=cell.id if cell else None,
            epoch=epoch,
            epochs=self.plans[cell].epochs if cell else 0,
            cells_done=len(self.picked) - len(self.unfinished()),
            cells=len(self.picked),
            seconds_left=self.seconds_left() if seconds_left is None else seconds_left,
            warnings=(*sorted(self.warnings), *_warnings_of(ended)),
            saved=self.log.saved_file,
            started_by=os.environ.get(STARTED_BY),
        )
        write_progress(self.folder, progress)

    # The saved file, and the end

    def file_to_replace(self) -> str | None:
        """The file that this session saved when it was interrupted, if all of its cells are picked."""
        return self.log.file_to_replace(self.picked)

    def sort_benchmarks(self, benchmarks: list[dict[str, Any]]) -> None:
        """Sorts pytest-benchmark's entries into the order of the grid."""
        ids = [cell.id for cell in self.plans]
        benchmarks.sort(key=lambda entry: ids.index(entry["param"]))

    def extra_fields(self) -> dict[str, Any]:
        """What pytest-benchmark does not save: failed, invalid and skipped cells, and pauses."""
        return {
            "schema": SCHEMA_VERSION,
            "failures": [extra_info(run) for run in self.runs if not run.complete],
            "skipped": to_builtins(self.skipped),
            "interruptions": to_builtins(self.log.pauses),
        }

    def cells_to_save(self, benchmarks: Iterable[str]) -> set[str]:
        """The ids of the cells whose result is saved now: the benchmarks' and those of invalid runs."""
        invalid = {run.cell.id for run in self.runs if run.result and not run.complete}
        return {*benchmarks, *invalid}

    def unfinished(self) -> list[str]:
        """The ids of the picked cells that have no result and were not skipped."""
        done = {run.cell for run in self.runs if run.result}
        skipped = {skipped.cell for skipped in self.skipped}
        return [cell.id for cell in self.picked if cell not in done | skipped]

    def close(self) -> None:
        """Records why cells are unfinished, releases the lock, removes weights made for this session."""
        if unfinished := self.unfinished():
            why = self.interrupts.requested_by or f"no result of {', '.join(unfinished)}"
            self.log.add("stopped", Stopped(why=why))
        self._say_progress()
        self.gates.close()
        self.lock.release()
        if self.weights_file and self.options.weights:
            self.weights_file.unlink(missing_ok=True)


def _warnings_of(runs: Iterable[SessionRun]) -> Iterator[str]:
    """Why runs have failed or are invalid, and what a reader should know of the others."""
    for run in runs:
        if not run.complete:
            outcome = "is invalid" if run.result else "failed"
            yield f"{run.cell.id} {outcome}: {rejection_text(run)}"
        yield from (f"{run.cell.id}: {warning_text(warning)}" for warning in run.verdict.warnings)


def needs_weights(cell: Cell) -> bool:
    """Whether a cell starts from ImageNet's weights."""
    return EXPERIMENTS[cell.experiment].pretrained
