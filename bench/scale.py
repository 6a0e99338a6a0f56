"""The former name of `bench.report_cost`, kept for one version."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    sys.exit("python -m bench.scale is now python -m bench.report_cost, with the same arguments")
