"""The parent's side of the gate: what a gate process sends, and what becomes of one that does not."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Collection, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from bench.gate import ask as ask_module
from bench.gate.ask import GateReply, Gates, ask_gate
from bench.ipc.cell_files import journal_file, partial_reference, reference_folder
from bench.ipc.child_folder import ChildFolders
from bench.ipc.messages import Job
from bench.records import journal
from bench.records.journal import Journal
from bench.records.types import Cell, Gate, Roofline
from tests.support.samples import CELL, GATE, ROOFLINE, job
from tests.support.scripted_child import PREAMBLE


def ask(tmp_path: Path, script: str, *, timeout_seconds: float = 20.0) -> GateReply:
    command = [sys.executable, "-c", PREAMBLE + textwrap.dedent(script)]
    with closing(ChildFolders()) as folders:
        return ask_gate(
            job(str(tmp_path)),
            folder=tmp_path,
            command=command,
            timeout_seconds=timeout_seconds,
            folders=folders,
        )


def test_a_gate_gives_its_verdict_and_the_roofline(tmp_path: Path) -> None:
    reply = ask(tmp_path, "print('noise'); pipe.write(ROOFLINE); pipe.write(GATE)")
    assert reply == GateReply(gate=GATE, roofline=ROOFLINE, reason="")
    assert (tmp_path / "scratch-torch-cpu-s0.gate.log").read_text() == "noise\n"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        ("sys.exit(3)", "the worker ended with status 3 before it had answered, without a result"),
        ("os.kill(os.getpid(), signal.SIGSEGV)", "the worker died of SIGSEGV before it had answered"),
        ("time.sleep(60)", "the worker gave no sign of life"),
        ("pipe.write('nonsense\\n')", "this line is no record (it is not JSON"),
    ],
)
def test_a_gate_that_gives_no_verdict_says_why(tmp_path: Path, script: str, reason: str) -> None:
    reply = ask(tmp_path, script, timeout_seconds=1.0 if "sleep" in script else 20.0)
    assert reply.gate is None
    assert reply.reason.startswith(reason)


class PaperGates:
    """A session's gates without processes: `asked` are the ids of the cells whose gate ran, in order.

    The first one leaves the reference's outputs, and `found` says of each whether they were there. The
    gate process of an engine in `mute` sends no verdict.
    """

    def __init__(self, folder: Path, *, mute: Collection[str] = ()) -> None:
        self.folder, self.mute = folder, mute
        self.gates = Gates()
        self.asked: list[str] = []
        self.found: list[bool] = []

    def ask(self, job: Job, *, folder: Path) -> GateReply:
        self.asked.append(job.cell.id)
        roofline = ROOFLINE if job.roofline is None else None
        if job.cell.engine in self.mute:
            return GateReply(gate=None, roofline=roofline, reason="it died")
        reference = reference_folder(folder, job.cell)
        self.found.append(reference.exists())
        reference.mkdir(exist_ok=True)
        gate = replace(GATE, seconds=float(len(self.asked)))
        return GateReply(gate=gate, roofline=roofline, reason="")

    def job_of(self, cell: Cell) -> Job:
        roofline = self.gates.roofline_of(cell)
        return replace(job(str(self.folder)), cell=cell, roofline=roofline)

    def gate_of(self, cell: Cell, peers: Sequence[Cell]) -> Gate:
        return self.gates.gate_of(cell, peers, self.job_of, self.folder)


@pytest.fixture
def paper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PaperGates:
    gates = PaperGates(tmp_path)
    monkeypatch.setattr(
        ask_module, "ask_gate", lambda job, *, folder, folders: gates.ask(job, folder=folder)
    )
    return gates


def repeats(engine: str, count: int) -> list[Cell]:
    return [replace(CELL, engine=engine, repeat=number) for number in range(count)]


def grid(count: int) -> list[Cell]:
    """Each repeat of both engines, in the order of a session's cells."""
    pairs = zip(repeats("torch", count), repeats("tensorflow", count), strict=True)
    return [cell for pair in pairs for cell in pair]


def in_journal(folder: Path, cell: Cell, part: str) -> list[Any]:
    """The records of one part in a cell's journal."""
    file = journal_file(folder, cell.id)
    lines = journal.read(file, {"gate": Gate, "roofline": Roofline}) if file.exists() else []
    return [line.record for line in lines if isinstance(line, journal.Line) and line.part == part]


def test_one_gate_process_is_enough_for_all_repeats_of_a_cell(paper: PaperGates) -> None:
    cells = grid(3)
    gates = {cell: paper.gate_of(cell, cells) for cell in cells}
    assert paper.asked == ["scratch-torch-cpu-s0", "scratch-tensorflow-cpu-s0"]
    for engine in ("torch", "tensorflow"):
        assert len({gates[cell].seconds for cell in repeats(engine, 3)}) == 1
    assert gates[cells[0]].seconds != gates[cells[1]].seconds


def test_a_roofline_serves_all_engines_of_a_framework_and_a_precision(paper: PaperGates) -> None:
    engines = ("torch", "torch-compile", "torch-bf16", "tensorflow", "tensorflow-xla")
    cells = [replace(CELL, engine=engine) for engine in engines]
    for cell in cells:
        paper.gate_of(cell, [cell])
        assert paper.gates.roofline_of(cell) == ROOFLINE
        assert paper.gates.roofline_of(replace(cell, device="cuda")) is None
    measured = [cell.engine for cell in cells if in_journal(paper.folder, cell, "roofline")]
    assert measured == ["torch", "torch-bf16", "tensorflow"]


def test_each_repeat_has_the_gate_in_its_own_journal(paper: PaperGates) -> None:
    """Once, however often it is asked for, and not before the repeat's turn."""
    cells = grid(2)
    torch, tensorflow, again, _ = cells
    first = paper.gate_of(torch, cells)
    assert in_journal(paper.folder, torch, "gate") == [first]
    assert in_journal(paper.folder, again, "gate") == []
    for _ in range(2):
        for cell in cells:
            gate = paper.gate_of(cell, cells)
            assert in_journal(paper.folder, cell, "gate") == [gate]
    assert in_journal(paper.folder, again, "gate") == [first]
    assert in_journal(paper.folder, tensorflow, "gate") != [first]


def test_a_roofline_is_of_an_engine_on_a_device_and_in_the_journal_of_who_measured_it(
    paper: PaperGates,
) -> None:
    cells = grid(2)
    for cell in cells:
        paper.gate_of(cell, cells)
    assert set(paper.gates.rooflines) == {("torch", "cpu"), ("tensorflow", "cpu")}
    journals = [len(in_journal(paper.folder, cell, "roofline")) for cell in cells]
    assert journals == [1, 1, 0, 0]


def test_the_gate_runs_for_the_first_repeat_that_is_picked(paper: PaperGates) -> None:
    """As with `-k r1`: its log has the name of a cell of this session."""
    cells = [cell for cell in grid(3) if cell.repeat]
    for cell in reversed(cells):
        paper.gate_of(cell, cells)
    assert paper.asked == ["scratch-torch-cpu-s0-r1", "scratch-tensorflow-cpu-s0-r1"]
    for cell in cells:
        assert len(in_journal(paper.folder, cell, "gate")) == 1
    assert not journal_file(paper.folder, CELL.id).exists()


def test_the_reference_is_computed_once_and_removed_after_the_last_gate(paper: PaperGates) -> None:
    """All engines and repeats of an experiment and a seed share it."""
    cells = grid(2)
    for cell in cells:
        paper.gate_of(cell, cells)
        assert not reference_folder(paper.folder, cell).exists()
    assert paper.found == [False, True]


def test_the_reference_is_removed_if_a_gate_is_interrupted(
    paper: PaperGates, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(job: Job, *, folder: Path, folders: ChildFolders) -> GateReply:
        reference = reference_folder(folder, job.cell)
        for made in (reference, partial_reference(reference)):
            made.mkdir()
            (made / "fc6.weight.npy").write_bytes(b"half of it")
        raise KeyboardInterrupt

    monkeypatch.setattr(ask_module, "ask_gate", cut_off)
    with pytest.raises(KeyboardInterrupt):
        paper.gate_of(CELL, grid(1))
    assert list(paper.folder.iterdir()) == []


def test_a_gate_of_the_earlier_session_does_not_run_again_and_is_not_written_again(
    paper: PaperGates,
) -> None:
    """Later repeats have it in their own journals."""
    cells, earlier = repeats("torch", 3), replace(GATE, seconds=77.0)
    Journal(journal_file(paper.folder, cells[0].id)).add("gate", earlier)
    paper.gates.add_earlier(cells[0], earlier, for_repeats=True)
    assert [paper.gate_of(cell, cells) for cell in cells] == [earlier] * 3
    assert paper.asked == []
    for cell in cells:
        assert in_journal(paper.folder, cell, "gate") == [earlier]


def test_the_gate_of_an_earlier_repeat_serves_the_first_one_too(paper: PaperGates) -> None:
    """A session may have begun with the second repeat alone."""
    first, second = repeats("torch", 2)
    paper.gates.add_earlier(second, GATE, for_repeats=True)
    assert paper.gate_of(first, [first, second]) == GATE
    assert paper.asked == []
    assert in_journal(paper.folder, first, "gate") == [GATE]
    assert in_journal(paper.folder, second, "gate") == [], "its journal has it already"


def test_a_gate_that_is_good_for_no_other_repeat_stays_with_its_cell(paper: PaperGates) -> None:
    """A done run keeps the gate that it was measured under; since then something has changed."""
    cells, earlier = grid(2), replace(GATE, seconds=77.0)
    paper.gates.add_earlier(cells[0], earlier, for_repeats=False)
    gates = {cell: paper.gate_of(cell, cells) for cell in cells}
    assert gates[cells[0]] == earlier
    assert in_journal(paper.folder, cells[0], "gate") == [], "its journal has it already"
    assert len(paper.asked) == 2
    again = gates[replace(CELL, repeat=1)]
    assert again != earlier
    assert in_journal(paper.folder, replace(CELL, repeat=1), "gate") == [again]


def test_where_one_engines_gate_is_missing_it_alone_runs(paper: PaperGates) -> None:
    cells, earlier = grid(2), replace(GATE, seconds=77.0)
    first, second = repeats("torch", 2)
    paper.gates.add_earlier(first, earlier, for_repeats=True)
    gates = {cell: paper.gate_of(cell, cells) for cell in cells}
    assert paper.asked == ["scratch-tensorflow-cpu-s0"]
    assert gates[first] == gates[second] == earlier
    assert in_journal(paper.folder, first, "gate") == [], "its journal has it already"
    assert in_journal(paper.folder, second, "gate") == [earlier]
    for cell in repeats("tensorflow", 2):
        assert in_journal(paper.folder, cell, "gate") == [gates[cell]]


def test_a_gate_without_an_answer_fails_every_repeat_and_is_in_no_journal(paper: PaperGates) -> None:
    """It is asked twice in a session, and again when the session is resumed."""
    paper.mute = ("torch",)
    cells = grid(2)
    gates = {cell: paper.gate_of(cell, cells) for cell in cells}
    assert paper.asked == [CELL.id, CELL.id, "scratch-tensorflow-cpu-s0"]
    for cell in repeats("torch", 2):
        (check,) = gates[cell].checks
        assert (check.name, check.passed) == ("gate", False)
        assert check.description == "it did not answer, asked twice: it died"
        assert in_journal(paper.folder, cell, "gate") == []
    for cell in repeats("tensorflow", 2):
        assert gates[cell].checks == GATE.checks
        assert in_journal(paper.folder, cell, "gate") == [gates[cell]]


def test_another_seed_has_its_own_gate(paper: PaperGates) -> None:
    seeds = [replace(CELL, seed=seed) for seed in (0, 1)]
    for cell in seeds:
        paper.gate_of(cell, [cell])
    assert paper.asked == ["scratch-torch-cpu-s0", "scratch-torch-cpu-s1"]
