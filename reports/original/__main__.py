"""Prints the page of the docs on the original report, or writes it: `python -m reports.original`."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from alexnet import durable
from alexnet.terminal import accept_all_letters
from reports.original.page import FILE, markdown


def main(arguments: Sequence[str] | None = None) -> int:
    """0 where the page is printed or written."""
    accept_all_letters()
    parser = argparse.ArgumentParser(prog="python -m reports.original", description=__doc__)
    parser.add_argument("--write", action="store_true", help=f"write docs/{FILE.name}")
    if not parser.parse_args(arguments).write:
        sys.stdout.write(markdown())
        return 0
    with durable.replacing(FILE) as partial:
        partial.write_text(markdown(), encoding="utf-8", newline="\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
