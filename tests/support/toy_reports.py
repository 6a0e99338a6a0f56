"""`python -m tests.support.toy_reports …`: as `python -m reports`, for sessions on toy workers.

`FLEET_FORMATS` names the formats.
"""

from __future__ import annotations

import os
import sys

from alexnet import spec
from reports import __main__
from tests.support.toy_worker import TOY


def main() -> int:
    spec.VARIANTS.update(standard=TOY, mistaken=TOY)
    formats = os.environ.get("FLEET_FORMATS", "md")
    return __main__.main([*sys.argv[1:], "--no-cache", "--format", formats])


if __name__ == "__main__":
    sys.exit(main())
