"""`python -m reports.study.simulate`: how often the report's verdicts and intervals are right.

Runs are drawn from models whose truth is known, and judged as the report judges saved ones.
"""

from __future__ import annotations

import argparse
import sys

from rich.console import Console

from alexnet.terminal import accept_all_letters
from reports.study.simulated import accuracies, losses, speeds

TRIALS = 1_000


def main(arguments: list[str] | None = None) -> int:
    """Prints the tables: speeds of a true ratio, accuracies that are truly equal, and overfitting."""
    accept_all_letters()
    parser = argparse.ArgumentParser(prog="python -m reports.study.simulate", description=__doc__)
    parser.add_argument(
        "--ratio", type=float, default=1.0, help="the true ratio of the speeds; default: 1, equal"
    )
    parser.add_argument("--trials", type=int, default=TRIALS, help=f"reports a row; default: {TRIALS:,}")
    parser.add_argument("--seed", type=int, default=0, help="of the random numbers; default: 0")
    args = parser.parse_args(arguments)
    if args.ratio <= 0 or args.trials < 1 or args.seed < 0:
        parser.error("the ratio must be above 0, the trials 1 or more, and the seed no less than 0")
    console = Console(highlight=False, width=None if sys.stdout.isatty() else 170)
    trials, seed = args.trials, args.seed
    console.print(f"{trials:,} trials a row; of speeds, one side is truly {args.ratio:g} times as fast")
    console.print(speeds.table(args.ratio, trials, seed))
    console.print("\nAccuracies, all truly equal")
    console.print(accuracies.table(trials, seed))
    console.print("\nExperiments that are called overfitted")
    console.print(losses.table(trials, seed))
    return 0


if __name__ == "__main__":
    sys.exit(main())
