"""A genuine file holds on any computer, and every rule is tested by an edit."""

from __future__ import annotations

import subprocess
import sys

import pytest

from bench.check import rules
from bench.paths import ROOT
from tests.bench.check import (
    test_across_runs,
    test_epochs,
    test_integrity,
    test_precision,
    test_required_checks,
    test_result,
    test_start,
)
from tests.support.saved_file import genuine_content
from tests.support.saved_file_edits import violations_of


@pytest.mark.parametrize("file", ["linux", "mac"])
@pytest.mark.parametrize("reader", ["linux", "darwin"])
def test_a_genuine_file_holds_whoever_reads_it(
    file: str, reader: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = genuine_content(file)
    monkeypatch.setattr(sys, "platform", reader)
    assert violations_of(content) == []


def test_every_rule_has_an_edit_that_it_finds() -> None:
    """Each of these modules tries its own edits."""
    modules = (
        test_integrity,
        test_start,
        test_epochs,
        test_result,
        test_required_checks,
        test_precision,
        test_across_runs,
    )
    edited = [rule for module in modules for rule in module.EDITS]
    assert sorted(edited) == sorted(rule.__name__ for rule in (*rules.RULES, *rules.FILE_RULES))


def test_no_framework_is_loaded() -> None:
    script = (
        "import sys, bench.check.rules\nprint(*({'torch', 'tensorflow', 'keras'} & set(sys.modules)))"
    )
    assert subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True).strip() == ""
