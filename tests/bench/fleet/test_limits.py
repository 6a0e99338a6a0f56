from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from bench.fleet.limits import OPEN_FILES
from bench.paths import ROOT

ASK = (
    "import resource\nfrom bench.fleet.limits import allow_open_files\n"
    "resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}))\nallow_open_files()\n"
    "print(*resource.getrlimit(resource.RLIMIT_NOFILE))"
)


@pytest.mark.parametrize(
    ("soft", "hard", "then"),
    [(256, OPEN_FILES + 100, OPEN_FILES), (256, 300, 300), (OPEN_FILES + 1,) * 3],
    ids=["as in a terminal of macOS", "the system allows fewer", "enough already"],
)
def test_as_many_files_may_be_open_as_many_hosts_take(soft: int, hard: int, then: int) -> None:
    if 0 <= resource.getrlimit(resource.RLIMIT_NOFILE)[1] < hard:
        pytest.skip("this computer allows fewer")
    script = ASK.format(soft=soft, hard=hard)
    said = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True)
    assert said.split() == [str(then), str(hard)]
