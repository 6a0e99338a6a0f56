"""Writes the report of saved results: `python -m reports RESULTS… --out DIR`, or `show` to print it."""

from __future__ import annotations

import argparse
import dataclasses
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TextIO

from rich.console import Console
from rich.text import Text

from alexnet.terminal import accept_all_letters
from reports import report as written
from reports.data.cache import users_cache
from reports.data.frame import Frames, frames
from reports.data.sources import LeftOut, NoResults, gather, left_out_text, processors
from reports.draw import house
from reports.render import data, html, markdown, pdf, terminal
from reports.study.compare import NoSuchMachine, Study, study
from reports.write.document import Report

FORMATS = ("html", "md", "pdf")
MOST_TOLD = 10
"""Left-out files that the terminal names; the report has them all."""
EPILOG = """RESULTS are files that `pytest bench` saved, folders that hold some, or globs.
`python -m reports show RESULTS…` prints the most important of it and writes no file.
Exit status: 0 written, 2 something could not be read or written, 130 interrupted."""


def _formats(text: str) -> tuple[str, ...]:
    asked = tuple(part.strip() for part in text.split(",") if part.strip())
    if unknown := [part for part in asked if part not in FORMATS]:
        raise argparse.ArgumentTypeError(f"{', '.join(unknown)}: there are {', '.join(FORMATS)}")
    if not asked:
        raise argparse.ArgumentTypeError(f"name one or more of {', '.join(FORMATS)}")
    return tuple(dict.fromkeys(asked))


def _parser(*, shows: bool) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog=f"python -m reports{' show' * shows}",
        description=__doc__,
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("results", nargs="+", metavar="RESULTS")
    parser.add_argument(
        "--baseline", metavar="MACHINE", help="compare others with it; default: the one measured first"
    )
    parser.add_argument(
        "--pool-os-builds",
        action="store_true",
        help="a computer is one machine, whatever its system's build; default: each build is a machine",
    )
    parser.add_argument(
        "--no-cache",
        action="store_true",
        help="read every file anew, and keep nothing for the next report",
    )
    if not shows:
        parser.add_argument("--out", type=Path, metavar="DIR", help="where to write; default: report")
        parser.add_argument(
            "--format", type=_formats, default=FORMATS, help="some of html,md,pdf; default: all"
        )
        parser.add_argument("--csv", type=Path, metavar="DIR", help="write all figures as .csv")
        parser.add_argument("--parquet", type=Path, metavar="DIR", help="write all figures as .parquet")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where all that was asked for is written, 2 where it cannot be, with a sentence.

    Standard output may be a notebook's, closed, or a pipe whose reader has gone: the files are written
    all the same. Only `show`, which writes none, needs one that is open.
    """
    accept_all_letters()
    given = list(sys.argv[1:] if arguments is None else arguments)
    shows = given[:1] == ["show"]
    asked = _parser(shows=shows).parse_args(given[shows:])
    console, errors = _console(sys.stdout), _console(sys.stderr)
    if shows and not _is_open(sys.stdout):
        errors.print(Text("there is no standard output to show the report on"))
        return 2
    if sys.flags.optimize > 1:
        errors.print(
            Text(
                "Python leaves out docstrings (-OO, or PYTHONOPTIMIZE=2), and what says how to read a"
                " plot is one: unset PYTHONOPTIMIZE"
            )
        )
        return 2
    doing = "read"
    try:
        cache = None if asked.no_cache else users_cache()
        sources = gather(asked.results, cache=cache, processes=processors())
        _tell(sources.left_out, errors)
        tables = frames(sources, pool_os_builds=asked.pool_os_builds)
        del sources  # all rows of all files, which the frames have too
        judged = study(tables, asked.baseline)
        doing = "written"
        if shows:
            with house.without_drawing():
                document = written.report(judged)
            terminal.show(document, console)
        else:
            _write(asked, judged, console)
    except (NoResults, NoSuchMachine) as error:
        errors.print(Text(str(error)))
        return 2
    except OSError as error:
        why = error.strerror or str(error)
        errors.print(Text(f"{error.filename or 'a file'} could not be {doing}: {why}"))
        return 2
    except KeyboardInterrupt:
        errors.print(Text("interrupted: what was not written yet is missing"))
        return 130
    return 0


class _Patient(Console):
    """Goes on in silence once nobody reads: `python -m reports … | head -1`."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        with suppress(OSError, ValueError):
            os.dup2(os.open(os.devnull, os.O_WRONLY), self.file.fileno())


def _is_open(stream: TextIO | None) -> bool:
    return stream is not None and not getattr(stream, "closed", False)


def _console(stream: TextIO | None) -> Console:
    """Prints to a stream whatever it is."""
    if stream is None or not _is_open(stream):
        return Console(quiet=True)
    return _Patient(file=stream)


def _tell(left_out: Sequence[LeftOut], errors: Console) -> None:
    for part in left_out[:MOST_TOLD]:
        errors.print(Text(f"left out: {part.name}: {left_out_text(part)}"))
    if (more := len(left_out) - MOST_TOLD) > 0:
        errors.print(Text(f"left out: {more:,} more, which the report names"))


def _write(asked: argparse.Namespace, studied: Study, console: Console) -> None:
    files: list[Path] = []
    every = {field.name: getattr(studied.frames, field.name) for field in dataclasses.fields(Frames)}
    for folder, ending in ((asked.csv, data.CSV), (asked.parquet, data.PARQUET)):
        if folder:
            files += data.save(every, folder, (ending,))
    if asked.out or not files:
        files += _report(written.report(studied), asked.out or Path("report"), asked.format)
    for file in files:
        console.print(Text(str(file)), soft_wrap=True)


def _report(report: Report, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Writes the report in each format; the Markdown's pictures lie beside it, and so do the frames."""
    contents: dict[str, bytes] = {}
    if "html" in formats:
        contents["report.html"] = html.render(report).encode()
    if "md" in formats:
        contents["report.md"] = markdown.render(report).encode()
        contents |= {name: svg.encode() for name, svg in markdown.files(report).items()}
    if "pdf" in formats:
        contents["report.pdf"] = pdf.render(report)
    for name, content in contents.items():
        data.save_file(folder / name, content)
    tables = data.write(report, folder)
    beside = [name for name in contents if "/" in name]
    beside += [file.relative_to(folder).as_posix() for file in tables]
    # The pictures are the Markdown's, which stays as it was where it is not made anew.
    data.remove_last(folder, beside, (data.FOLDER, *["pictures"] * ("md" in formats)))
    pages = [folder / name for name in contents if "/" not in name]
    return [*pages, folder / data.FOLDER] if tables else pages


def _command() -> int:
    """`main`, and what is left to print is printed, or thrown away where nobody reads it."""
    # A report of 8,000 runs keeps nearly all that it makes to its end, and looking for garbage takes an
    # eighth of its time.
    gc.disable()
    try:
        return main()
    finally:
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (AttributeError, OSError, ValueError):  # None where it was closed before the start
                with suppress(AttributeError, OSError, ValueError):
                    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    sys.exit(_command())
