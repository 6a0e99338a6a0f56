"""Each child compiles as on a computer that has never run its engine, and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from msgspec.structs import replace

from alexnet.frameworks.registry import ENGINES, FRAMEWORKS
from bench.ipc.child_folder import ChildFolders, child_folder
from bench.ipc.parent import worker_process
from bench.paths import ROOT
from tests.bench.ipc.test_child import becomes_true
from tests.support.samples import job

COMPILED = "torch-compile"
VARIABLES = FRAMEWORKS["torch"].cache_variables
JOB = replace(job(""), cell=replace(job("").cell, engine=COMPILED))
TENSORFLOW_JOB = replace(job(""), cell=replace(job("").cell, engine="tensorflow"))


@pytest.fixture(autouse=True)
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder for temporary files, empty."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    return tmp_path


def test_the_folder_is_empty_at_first_and_goes_with_all_that_is_in_it(temporary: Path) -> None:
    with child_folder(COMPILED) as environment:
        assert environment.keys() == set(VARIABLES)
        (folder,) = {Path(value) for value in environment.values()}
        assert temporary in folder.parents
        assert list(folder.iterdir()) == []
        (folder / "kernel.so").touch()
        with child_folder(COMPILED) as other:
            assert set(other.values()).isdisjoint(environment.values())
        assert (folder / "kernel.so").exists(), "a folder in use is not an abandoned one"
    assert list(temporary.iterdir()) == []


def test_the_gates_of_an_engine_share_a_folder_until_the_session_ends(temporary: Path) -> None:
    folders = ChildFolders()
    environment = folders.environment(COMPILED)
    (folder,) = {Path(value) for value in environment.values()}
    (folder / "kernel.so").touch()
    assert folders.environment(COMPILED) == environment
    assert set(folders.environment("mlx").values()).isdisjoint(environment.values())
    with child_folder(COMPILED) as of_a_worker:
        assert set(of_a_worker.values()).isdisjoint(environment.values())
    assert (folder / "kernel.so").exists()
    folders.close()
    assert list(temporary.iterdir()) == []


@pytest.mark.parametrize("engine", ENGINES)
def test_every_engine_has_its_temporary_files_there(engine: str, temporary: Path) -> None:
    with child_folder(engine) as environment:
        assert temporary in Path(environment["TMPDIR"]).parents


def test_a_path_with_a_space_is_not_taken(temporary: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torch.compile splits its command lines there, and would compile another file."""
    spaced = temporary / "two words"
    spaced.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(spaced))
    with child_folder(COMPILED) as environment:
        assert all(len(value.split()) == 1 for value in environment.values())
        assert Path(environment["TMPDIR"]).is_dir()
    assert not Path(environment["TMPDIR"]).parent.exists()
    assert list(spaced.iterdir()) == []


HANGS = """
import os, sys, time
from pathlib import Path
Path(os.environ["TMPDIR"], "kernel.so").touch()
os.write(int(sys.argv[1]), b".")
time.sleep(60)
"""


def test_what_a_killed_child_has_compiled_is_removed(temporary: Path) -> None:
    """The session kills a child that hangs, and such a one removes nothing."""
    log_file = temporary / "log"
    with (
        log_file.open("w") as log,
        worker_process(JOB, [sys.executable, "-c", HANGS], log) as child,
    ):
        assert child.pipe.read(1) == b".", log_file.read_text()
        assert len(list(temporary.glob("*/*/kernel.so"))) == 1
    assert [file.name for file in temporary.iterdir()] == ["log"]


PARENT = f"""
import time
from bench.ipc.child_folder import child_folder
with child_folder({COMPILED!r}) as environment:
    print(environment["TMPDIR"], flush=True)
    time.sleep(60)
"""


def test_what_a_killed_parent_left_is_removed_before_the_next_child(temporary: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT], cwd=ROOT, stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout
        left = Path(parent.stdout.readline().strip())
        with child_folder(COMPILED):
            assert left.is_dir(), "its parent lives"
        parent.kill()
    assert left.is_dir()
    with child_folder(COMPILED):
        assert not left.parent.exists()


HEADERS = """
import json, os, sys
from torch._inductor import codecache
from torch._inductor.runtime.cache_dir_utils import cache_dir, triton_cache_dir
folders = [codecache._HEADER_DIR, cache_dir(), triton_cache_dir(0)]
os.write(int(sys.argv[1]), json.dumps(folders).encode())
"""


GENERATES = """
import os, sys, tempfile
from pathlib import Path
import tensorflow as tf
double = tf.function(lambda x: 2 * x if x > 0 else x)
double(tf.constant(1.0))
names = [file.name for file in Path(tempfile.gettempdir()).iterdir()]
os.write(int(sys.argv[1]), repr(names).encode())
os._exit(0)
"""


@pytest.mark.slow
def test_what_tensorflow_generates_goes_with_a_child_that_ends_at_once(temporary: Path) -> None:
    """TensorFlow removes its files at an orderly end, and a child ends without one."""
    log_file, script = temporary / "log", temporary / "script.py"
    script.write_text(GENERATES)  # TensorFlow generates code from a file alone
    with (
        log_file.open("w") as log,
        worker_process(TENSORFLOW_JOB, [sys.executable, str(script)], log) as child,
    ):
        assert becomes_true(lambda: child.process.poll() is not None)
        assert b"__autograph_generated_file" in child.pipe.read(65536), log_file.read_text()
    assert {file.name for file in temporary.iterdir()} == {"log", "script.py"}


@pytest.mark.slow
def test_all_that_inductor_keeps_lies_in_the_folder(temporary: Path) -> None:
    """Its precompiled headers too, which it puts elsewhere than its other files, on purpose."""
    log_file = temporary / "log"
    with log_file.open("w") as log, worker_process(JOB, [sys.executable, "-c", HEADERS], log) as child:
        assert becomes_true(lambda: child.process.poll() is not None)
        folders = json.loads(child.pipe.read(65536) or log_file.read_text())
        (folder,) = temporary.glob("*/files")
        assert [Path(name).is_relative_to(folder) for name in folders] == [True] * 3, folders
