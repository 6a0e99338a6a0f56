"""`python -m tests.support.fleet_toy …`: the coordinator of a fleet, with toy patience.

Toy sessions lack what some rules of bench.check ask for, so files are vetted by `toy_vet`, and
`toy_reports` knows their network.
"""

from __future__ import annotations

import sys

from bench.fleet import __main__, cluster, collect, run, watch


def main() -> int:
    vars(watch).update(POLL_SECONDS=1.0, FIRST_RETRY_SECONDS=0.5, LONGEST_RETRY_SECONDS=2.0)
    vars(cluster)["CALL_SECONDS"] = 10.0
    vars(collect)["VET"] = (sys.executable, "-m", "tests.support.toy_vet")
    vars(run)["REPORT"] = (sys.executable, "-m", "tests.support.toy_reports")
    return __main__.main()


if __name__ == "__main__":
    sys.exit(main())
