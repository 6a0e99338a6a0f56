"""The former name of `bench.overhead`, kept for one version."""

from __future__ import annotations

import sys

if __name__ == "__main__":
    sys.exit("python -m bench.price is now python -m bench.overhead, with the same arguments")
