"""`python -m tests.support.toy_vet FILE MACHINE`: bench.fleet.vet, by the rules of toy sessions."""

from __future__ import annotations

import sys

from bench.fleet import vet
from bench.records.read import LoadedFile
from tests.torture import RULES


def violations(file: LoadedFile) -> list[str]:
    problems = [problem.text for problem in file.problems]
    return problems + [sentence for run in file.runs for rule in RULES for sentence in rule(run)]


if __name__ == "__main__":
    sys.exit(vet.main(sys.argv[1:], violations))
