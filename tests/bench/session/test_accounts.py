"""Who runs a session: their name and folders stay out of its file, and they need no home folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from unicodedata import normalize

import pytest

from bench.paths import ROOT
from tests.support.accounts import environment_without_a_home
from tests.support.sessions import (
    FAILED,
    PASSED,
    SYNTHETIC,
    USAGE_ERROR,
    bench,
    command_and_environment,
    saved,
)

pytestmark = pytest.mark.slow

NAME = "quillfeather"
ONE_CELL = ("-k", "scratch-torch")


@pytest.mark.parametrize("name", [NAME, "jos\u00e9-quillfeather"])
def test_no_spelling_of_a_users_name_or_folder_is_in_a_file(tmp_path: Path, name: str) -> None:
    """The home folder is a link, as where /home/x leads to /data/x; results and temporary files too."""
    home, real, results = (tmp_path / part / name for part in ("home", "data", "results"))
    for folder in (real, results, tmp_path / "real-temporary" / name):
        folder.mkdir(parents=True)
    home.parent.mkdir()
    home.symlink_to(real)
    temporary = tmp_path / "temporary"
    temporary.symlink_to(tmp_path / "real-temporary")
    decomposed = normalize("NFD", str(home))
    spellings = (
        *(home, real, f"{home}/", f"{home}-backup/f", f"{home}.old", f"/elsewhere{home}/f", decomposed),
        *(f"file://{home}", f"-I{home}/include", f"\x1b[31m{real}/f", f"{str(home).upper()}/f"),
        *(ROOT, results / "f", temporary / name / "f", tmp_path / "real-temporary" / name),
        *(f"/tmp/pytest-of-{name}/f", f"/tmp/torchinductor_{name}", f"/scratch/{name}/job.12"),
        repr(f"x\n{home}/f"),
        ascii(str(home)),
        f"/d/{name}/f {tmp_path}/torch/f {tmp_path}/cache/alexnet-bench/f {sys.prefix}/f",
        f"--xla_dump_to={home}/d {home}/a.so:{home}/b.so",
    )
    done = bench(
        tmp_path,
        *(*SYNTHETIC, *ONE_CELL, f"--benchmark-storage=file://{results}"),
        paper="scratch-torch=crash",
        HOME=str(home),
        USER=name,
        TMPDIR=str(temporary / name),
        ALEXNET_DATA=f"/d/{name}",
        LAST_WORDS="".join(f"in {spelling}\n" for spelling in spellings),
    )
    assert done.returncode == FAILED
    content = saved(results)
    (failure,) = content["failures"]
    lines = failure["failure"]["log_tail"].splitlines()[-len(spellings) :]
    assert lines[:3] == ["in ~", "in ~", "in ~/"]
    assert [line.rpartition("/home/")[2] for line in lines[3:5]] == ["<user>-backup/f", "<user>.old"]
    assert lines[11:15] == [
        *("in <checkout>", "in <results>/f", "in <temporary folder>/f", "in <temporary folder>"),
    ]
    assert lines[-2].startswith("in <data>/f <cache>/f <cache>/f ")
    assert sys.prefix == sys.base_prefix or lines[-2].endswith(" <environment>/f")
    assert lines[-1] == "in --xla_dump_to=~/d ~/a.so:~/b.so"
    text = json.dumps(content, ensure_ascii=False)
    assert NAME not in text.lower()
    assert str(ROOT) not in text
    assert content["commit_info"]["project"] == "alexnet-bench", "not the name of the user's folder"


def without_a_home(tmp_path: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A session of a bare uid in a container."""
    command, environment = command_and_environment(tmp_path, *arguments, *ONE_CELL, paper="")
    return subprocess.run(
        command,
        cwd=ROOT,
        env=environment_without_a_home(environment, tmp_path / "site"),
        capture_output=True,
        text=True,
        check=False,
    )


def test_an_account_without_a_home_measures_and_saves(tmp_path: Path) -> None:
    done = without_a_home(tmp_path, "--profile", "smoke", "--device", "cpu")
    assert done.returncode == PASSED, done.stdout + done.stderr
    assert "SYNTHETIC images, made by this suite, since this account has no home folder" in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
    (benchmark,) = saved(tmp_path)["benchmarks"]
    assert benchmark["param"] == "scratch-torch-cpu-s0"


def test_an_account_without_a_home_is_told_before_any_cell_what_a_download_needs(tmp_path: Path) -> None:
    done = without_a_home(tmp_path, "--profile", "smoke", "--device", "cpu", "--dataset", "cifar10")
    assert done.returncode == USAGE_ERROR
    assert "name another folder for downloads in XDG_CACHE_HOME" in done.stderr
    assert "--data-dir DIR" in done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert not (tmp_path / "test-machine").exists()
