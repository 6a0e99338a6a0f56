"""`python -m tests.support.toy_reports …`: as `python -m reports`, for sessions on toy workers.

`FLEET_FORMATS` names the formats; `list` takes no time, and writes the names of the files alone.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

from alexnet import spec
from reports import __main__
from tests.support.toy_worker import TOY


def main() -> int:
    formats, (*files, _, folder) = os.environ.get("FLEET_FORMATS", "md"), sys.argv[1:]
    if formats == "list":
        Path(folder).mkdir(exist_ok=True)
        (Path(folder) / "report.md").write_text("\n".join(files))
        return 0
    spec.VARIANTS.update(standard=TOY, mistaken=TOY)
    return __main__.main([*sys.argv[1:], "--no-cache", "--format", formats])


if __name__ == "__main__":
    sys.exit(main())
