"""What users' computers do to a command: a sentence each time, and never a traceback."""

from __future__ import annotations

import errno
import os
import re
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from bench.paths import ROOT
from reports import __main__ as command
from reports.write.document import Report
from tests.support.report_document import sample, with_front
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, write


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One run that failed, whose report takes a moment."""
    folder = tmp_path_factory.mktemp("results")
    run = run_of("scratch", "torch", epochs_of([9.0, 5.0]), failure="out of memory")
    write(folder, "one.json", content_of(ANNA, [run]))
    return folder


def shell(
    line: str, results: Path, folder: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """A line of a shell in which $REPORTS is the command and $RESULTS what it is given."""
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        env=os.environ
        | {"REPORTS": f"{sys.executable} -m reports", "RESULTS": str(results), "OUT": str(folder)}
        | environment,
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


def test_a_report_is_written_though_its_output_is_closed(results: Path, tmp_path: Path) -> None:
    done = shell("$REPORTS $RESULTS --out $OUT --format md >&-", results, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "report.md").stat().st_size > 100


def test_nothing_can_be_shown_where_the_output_is_closed(results: Path, tmp_path: Path) -> None:
    done = shell("$REPORTS show $RESULTS >&-", results, tmp_path)
    assert (done.returncode, done.stderr) == (2, "there is no standard output to show the report on\n")


@pytest.mark.parametrize(
    "line", ["$REPORTS show $RESULTS | true", "$REPORTS $RESULTS --out $OUT --format html | true"]
)
def test_a_pipe_may_end_early(line: str, results: Path, tmp_path: Path) -> None:
    done = shell(line, results, tmp_path)
    assert (done.returncode in (0, 141), done.stderr) == (True, "")
    assert (tmp_path / "report.html").exists() == ("--out" in line)


def test_an_output_without_unicode_gets_plain_letters(results: Path, tmp_path: Path) -> None:
    done = shell("$REPORTS show $RESULTS", results, tmp_path, PYTHONIOENCODING="ascii")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.isascii()
    assert "?" not in done.stdout


@pytest.mark.parametrize(
    "environment",
    [
        {"MPLBACKEND": "module://matplotlib_inline.backend_inline"},  # of a notebook, not installed here
        {"MPLBACKEND": "Qt4Agg"},
        {"MATPLOTLIBRC": "/nowhere"},
        {"PYTHONOPTIMIZE": "1"},
        {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"},
    ],
    ids=lambda environment: " ".join(environment.values()),
)
def test_a_report_is_written_whatever_a_shell_has_left(
    environment: dict[str, str], results: Path, tmp_path: Path
) -> None:
    done = shell("$REPORTS $RESULTS --out $OUT --format html", results, tmp_path, **environment)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "report.html").stat().st_size > 100


def test_a_python_without_docstrings_is_refused(results: Path, tmp_path: Path) -> None:
    """Captions are made of them."""
    done = shell("$REPORTS $RESULTS --out $OUT --format md", results, tmp_path, PYTHONOPTIMIZE="2")
    assert done.returncode == 2
    assert "unset PYTHONOPTIMIZE" in done.stderr
    assert not (tmp_path / "report.md").exists()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_an_output_on_a_full_disk_is_told(results: Path, tmp_path: Path) -> None:
    done = shell("$REPORTS show $RESULTS > /dev/full", results, tmp_path)
    assert done.returncode == 2
    assert "No space left on device" in done.stderr


def test_a_folder_that_cannot_be_is_told(results: Path, tmp_path: Path) -> None:
    done = shell("$REPORTS $RESULTS --out /dev/null/report --format md", results, tmp_path)
    assert done.returncode == 2
    assert "/dev/null/report could not be written: Not a directory" in done.stderr


def test_a_name_that_cannot_be_read_is_told_as_such(results: Path, tmp_path: Path) -> None:
    done = shell(f"$REPORTS show {'x' * 300}/a.json", results, tmp_path)
    assert done.returncode == 2
    told = "".join(done.stderr.split())
    assert "thisfilecannotberead:Filenametoolong" in told


@pytest.mark.parametrize("method", ["open", "exists", "is_file"])
def test_a_file_that_is_closed_to_this_user_is_told_as_such(
    results: Path, method: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A file of mode 000, and one in a folder of mode 000: root, as whom tests may run, reads both."""
    file = results / "one.json"
    genuine = getattr(Path, method)

    def refusing(path: Path, *arguments: Any, **keywords: Any) -> Any:
        if path == file:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return genuine(path, *arguments, **keywords)

    monkeypatch.setattr(Path, method, refusing)
    assert command.main(["show", str(file), "--no-cache"]) == 2
    told = "".join(capsys.readouterr().err.split())
    assert re.search("(couldnot|cannot)beread:Permissiondenied", told)
    assert "written" not in told


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS has no name that is not UTF-8")
def test_a_folder_may_have_any_name(results: Path, tmp_path: Path) -> None:
    line = "$REPORTS $RESULTS --out \"$OUT\"/$'o\\xff' --format md --parquet \"$OUT\"/$'p\\xff'"
    done = shell(line, results, tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    out, parquet = (Path(os.fsdecode(os.fsencode(tmp_path) + name)) for name in (b"/o\xff", b"/p\xff"))
    assert (out / "report.md").is_file()
    assert (out / "report-data" / "runs.parquet").read_bytes().startswith(b"PAR1")
    assert (parquet / "epochs.parquet").read_bytes().startswith(b"PAR1")


def test_of_the_last_report_only_its_own_files_go(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another report in the same folder leaves no frame and no picture of the one before."""
    beside, pictures = tmp_path / "report-data", tmp_path / "pictures"
    given = [str(results), "--out", str(tmp_path), "--format"]

    def write(report: Report, formats: str) -> set[str]:
        monkeypatch.setattr("reports.report.report", lambda _: report)
        assert command.main([*given, formats]) == 0
        return {file.name for folder in (beside, pictures) for file in folder.iterdir()}

    first = write(with_front(), "md")
    assert {"front.csv", "front.parquet", "rates-dark.svg"} < first
    foreign = {beside / "mine.csv", beside / "front.xlsx", pictures / "holiday.svg"}
    for file in foreign:
        file.write_text("mine")
    listed = beside / "files.txt"
    (tmp_path / "notes.csv").write_text("mine")
    listed.write_text(f"{listed.read_text()}../notes.csv\nreport-data/../notes.csv\nnotes.csv\n")
    smaller = replace(sample(), data=with_front().data)
    without_pictures = write(smaller, "html")
    kept = {file.name for file in foreign}
    assert without_pictures == first - {"front.csv", "front.parquet"} | kept, (
        "the Markdown that is there needs its pictures"
    )
    last = write(replace(smaller, sections=smaller.sections[:1]), "html,md")
    assert last == kept | {
        *("files.txt", "runs.csv", "runs.parquet", "numbers.csv", "numbers.parquet"),
        *("rates-dark.svg", "rates-light.svg"),
    }
    assert (tmp_path / "notes.csv").is_file()


def test_a_full_disk_is_told_with_the_file(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    assert command.main([str(results), "--out", str(tmp_path), "--format", "md"]) == 2
    told = "".join(capsys.readouterr().err.split())
    assert "report.mdcouldnotbewritten:Nospaceleftondevice" in told
    assert not list(tmp_path.glob("*.part"))


class NotebookStream:
    """What a notebook may put in the place of standard output: it writes, and can do nothing else."""

    def __init__(self) -> None:
        self.text = ""

    def write(self, text: str) -> int:
        self.text += text
        return len(text)

    def flush(self) -> None:
        pass


def test_a_notebook_has_an_output_of_its_own(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output = NotebookStream()
    monkeypatch.setattr(sys, "stdout", output)
    monkeypatch.setattr(sys, "stderr", NotebookStream())
    assert command.main([str(results), "--out", str(tmp_path), "--format", "md"]) == 0
    assert command.main(["show", str(results)]) == 0
    assert "report.md" in output.text
    assert "No run is valid" in output.text


def test_an_interruption_is_a_sentence(
    results: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "gather", interrupted)
    assert command.main(["show", str(results)]) == 130
    assert "interrupted" in capsys.readouterr().err
