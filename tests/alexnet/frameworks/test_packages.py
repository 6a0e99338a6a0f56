"""The packages that are installed, whatever a broken installation has left."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from bench.paths import ROOT


@pytest.mark.parametrize("first", ["", "import importlib_metadata\n"])
def test_what_was_broken_off_is_not_installed(first: str, tmp_path: Path) -> None:
    """importlib_metadata, which Dask brings to Python 3.11, replaces what finds packages."""
    if first:
        pytest.importorskip("importlib_metadata")
    whole, broken = tmp_path / "whole-1.0.dist-info", tmp_path / "broken_off-1.0.dist-info"
    for folder in (whole, broken):
        folder.mkdir()
    (whole / "METADATA").write_text("Metadata-Version: 2.1\nName: whole\nVersion: 1.0\n")
    script = (
        f"{first}import sys\nfrom alexnet.frameworks.packages import installed_versions\n"
        "sys.path.insert(0, sys.argv[1])\n"
        "print(installed_versions(['whole', 'broken-off', 'no-such-package']))\n"
    )
    printed = subprocess.check_output([sys.executable, "-c", script, tmp_path], cwd=ROOT, text=True)
    assert printed.strip() == "{'whole': '1.0'}"
