"""What counts as the code of a session: what it imports, whatever lies beside it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alexnet.frameworks.registry import FRAMEWORKS
from bench.paths import ROOT
from bench.session.code import code_hashes
from tests.support.sessions import FAILED, PASSED, SYNTHETIC, command_and_environment

LEFT_BESIDE = {
    "bench/._worker.py": "macOS, on exFAT and network drives",
    "bench/worker/._training_loop.py": "the same",
    "bench/worker 2.py": "iCloud",
    "bench/worker 2/training_loop.py": "iCloud, a folder",
    "bench/worker/training_loop copy.py": "Finder",
    "alexnet/spec (1).py": "Google Drive",
    "alexnet/spec (Anna's conflicted copy 2026-11-27).py": "Dropbox",
    "alexnet/spec.sync-conflict-20261127-101010-ABCDEFG.py": "Syncthing",
    "bench/paths_BACKUP_4242.py": "git mergetool",
    "bench/.ipynb_checkpoints/paths-checkpoint.py": "Jupyter",
    "bench/flycheck_paths.py": "Emacs's flycheck",
    "bench/test_train 2.py": "iCloud, a copy that pytest would run",
    "conftest 2.py": "iCloud",
}
"""File beside the code -> who leaves it there."""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the checkout."""
    without_caches = shutil.ignore_patterns("__pycache__", "._*", ".#*")
    for name in ("alexnet", "bench", "tests/support"):
        shutil.copytree(ROOT / name, tmp_path / "copy" / name, ignore=without_caches)
    for name in ("conftest.py", "pyproject.toml", "constraints.txt", "tests/__init__.py"):
        shutil.copy(ROOT / name, tmp_path / "copy" / name)
    return tmp_path / "copy"


def leave_beside(copy: Path) -> None:
    """Puts all of it into the copy."""
    for name in LEFT_BESIDE:
        (copy / name).parent.mkdir(exist_ok=True)
        (copy / name).write_bytes(b"\0\5\x16\7Mac OS X")
    for name in ("bench/test_train.py", "bench/paths.py"):
        shutil.copy(copy / name, (copy / name).with_stem(f"{Path(name).stem} 2"))
    # Emacs's lock is a link that leads nowhere.
    (copy / "bench/worker/.#training_loop.py").symlink_to("somebody@host.4242:1764230000")


def test_what_lies_beside_the_code_is_no_code(copy: Path) -> None:
    before = code_hashes(copy)
    assert before == code_hashes()
    leave_beside(copy)
    assert code_hashes(copy) == before


def test_a_change_counts_and_so_does_a_file_that_is_imported_from_then_on(copy: Path) -> None:
    before = code_hashes(copy)
    spec, extra = copy / "alexnet/spec.py", copy / "bench/extra.py"
    extra.write_text("def f():\n    import bench.further\n")
    (copy / "bench/further.py").write_text("x = 1\n")
    assert code_hashes(copy) == before
    spec.write_text(spec.read_text() + "\nfrom bench import extra\n")
    after = code_hashes(copy)
    assert set(after) - set(before) == {"bench/extra.py", "bench/further.py"}
    assert {name for name in before if after[name] != before[name]} == {"alexnet/spec.py"}


def test_a_file_that_cannot_be_parsed_counts_too(copy: Path) -> None:
    before = code_hashes(copy)
    (copy / "bench/paths.py").write_text("ROOT = (\n")
    after = code_hashes(copy)
    assert {name for name in before if after[name] != before[name]} == {"bench/paths.py"}


IMPORTED = """
import sys
import conftest, bench.test_gate, bench.test_train
import bench.worker.__main__, bench.gate.__main__, bench.trial.__main__, alexnet.__main__
files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
print(*filter(None, files), sep="\\n")
"""


def test_all_that_python_imports_counts() -> None:
    """But for a framework's own modules, each of which is found from its backend."""
    printed = subprocess.check_output([sys.executable, "-c", IMPORTED], cwd=ROOT, text=True)
    files = {Path(line) for line in printed.splitlines()}
    ours = {file.relative_to(ROOT).as_posix() for file in files if ROOT in file.parents}
    ours = {name for name in ours if name.split("/")[0] in ("alexnet", "bench", "conftest.py")}
    hashes = code_hashes()
    assert len(ours) > 80
    assert ours <= set(hashes)
    for name in FRAMEWORKS:
        folder = f"alexnet/frameworks/{name}"
        assert {f"{folder}/{file}.py" for file in ("info", "backend", "trainer")} <= set(hashes)


@pytest.mark.slow
def test_a_session_goes_on_whatever_was_left_beside_the_code(copy: Path, tmp_path: Path) -> None:
    def session(*arguments: str, paper: str) -> subprocess.CompletedProcess[str]:
        command, environment = command_and_environment(tmp_path, *arguments, paper=paper)
        environment |= {"PYTHONPATH": str(copy), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            command, cwd=copy, env=environment, capture_output=True, text=True, check=False
        )

    done = session(*SYNTHETIC, "--experiment", "scratch", paper="torch=crash")
    assert done.returncode == FAILED, done.stdout + done.stderr
    leave_beside(copy)
    done = session("--resume", paper="")
    assert done.returncode == PASSED, done.stdout + done.stderr
    assert "4 passed" in done.stdout, "a copy of test_train.py is no benchmark"
