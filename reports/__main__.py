"""Writes the report of saved results: `python -m reports RESULTS… --out DIR`, or `show` to print it."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from rich.console import Console
from rich.text import Text

from alexnet import durable
from reports import export, html, markdown, pdf, terminal, written
from reports.document import Report
from reports.frame import frames
from reports.sources import LeftOut, NoResults, gather, left_out_text
from reports.study.compare import NoSuchMachine, Study, study

FORMATS = ("html", "md", "pdf")
MOST_TOLD = 10
"""Left-out files that the terminal names; the report has them all."""
EPILOG = """RESULTS are files that `pytest bench` saved, folders that hold some, or globs.
`python -m reports show RESULTS…` prints the heart of it and writes nothing.
Exit status: 0 written, 2 nothing could be read or written."""


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
        help="a computer is one machine under all builds of its system; default: a machine a build",
    )
    if not shows:
        parser.add_argument("--out", type=Path, metavar="DIR", help="for the report; default: report")
        parser.add_argument(
            "--format", type=_formats, default=FORMATS, help="some of html,md,pdf; default: all"
        )
        parser.add_argument("--csv", type=Path, metavar="DIR", help="write all figures as .csv")
        parser.add_argument("--parquet", type=Path, metavar="DIR", help="write all figures as .parquet")
    return parser


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where all that was asked for is written, 2 where it cannot be, with a sentence."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    shows = given[:1] == ["show"]
    asked = _parser(shows=shows).parse_args(given[shows:])
    console, errors = Console(), Console(stderr=True)
    try:
        found = gather(asked.results)
        _tell(found.left_out, errors)
        made = frames(found, pool_os_builds=asked.pool_os_builds)
        studied = study(made, asked.baseline)
        if shows:
            terminal.show(studied, console)
        else:
            _write(asked, studied, console)
    except (NoResults, NoSuchMachine) as error:
        errors.print(Text(str(error)))
        return 2
    except OSError as error:
        errors.print(Text(f"{error.filename or 'a file'} could not be written: {error.strerror}"))
        return 2
    return 0


def _tell(left_out: Sequence[LeftOut], errors: Console) -> None:
    for each in left_out[:MOST_TOLD]:
        errors.print(Text(f"left out: {each.name}: {left_out_text(each)}"))
    if (more := len(left_out) - MOST_TOLD) > 0:
        errors.print(Text(f"left out: {more:,} more, which the report names"))


def _write(asked: argparse.Namespace, studied: Study, console: Console) -> None:
    files: list[Path] = []
    exports: dict[str, Callable[[Study, Path], list[Path]]] = {
        "csv": export.csv,
        "parquet": export.parquet,
    }
    for name, write in exports.items():
        if folder := getattr(asked, name):
            files += write(studied, folder)
    if asked.out or not files:
        files += _report(written.report(studied), asked.out or Path("report"), asked.format)
    for file in files:
        console.print(Text(str(file)))


def _report(report: Report, folder: Path, formats: Sequence[str]) -> list[Path]:
    """Writes the report in each format; the Markdown's pictures lie beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    contents: dict[str, bytes] = {}
    if "html" in formats:
        contents["report.html"] = html.render(report).encode()
    if "md" in formats:
        contents["report.md"] = markdown.render(report).encode()
        contents |= {name: svg.encode() for name, svg in markdown.files(report).items()}
    if "pdf" in formats:
        contents["report.pdf"] = pdf.render(report)
    for name, content in contents.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        with durable.replacing(file) as partial:
            partial.write_bytes(content)
    return [folder / name for name in contents if "/" not in name]


if __name__ == "__main__":
    sys.exit(main())
