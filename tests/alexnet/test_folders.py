"""Folders that cannot be written to are named with what helps, before anything is measured."""

from __future__ import annotations

import errno
import os
import tempfile
from pathlib import Path
from typing import Any

import pytest

from alexnet import folders
from alexnet.folders import Obstacle, expanded, nearest, obstacle, problem_and_fix
from tests.support.closed import TOO_LONG, folder_of_this_user, not_as_root


def test_a_home_is_found_and_a_name_that_nobody_has_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/al")
    assert expanded("~/cifar") == Path("/home/al/cifar")
    assert expanded("~no-such-user/cifar") == Path("~no-such-user/cifar")
    assert expanded(Path("/data/~al")) == Path("/data/~al")


def test_a_folder_that_can_be_made_has_no_obstacle_and_nothing_is_left(tmp_path: Path) -> None:
    assert obstacle(tmp_path) is None
    assert obstacle(tmp_path / "results" / "a-mac") is None
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "link").symlink_to(tmp_path)
    assert obstacle(tmp_path / "link" / "a-mac") is None


@pytest.mark.parametrize("target", ["gone", "results", "a file"])
def test_a_link_to_nowhere_is_named_with_its_target(tmp_path: Path, target: str) -> None:
    """To what was removed or is not connected, to itself, or to a file."""
    (tmp_path / "a file").touch()
    (tmp_path / "results").symlink_to(tmp_path / target)
    for folder in (tmp_path / "results", tmp_path / "results" / "a-mac"):
        found = obstacle(folder)
        assert found == Obstacle(
            kind="dead link", path=tmp_path / "results", detail=str(tmp_path / target)
        )
        problem, fix = problem_and_fix(found, "elsewhere")
        assert f"results is a link to {tmp_path / target}, and no folder is there" in problem
        assert fix.endswith(f"rm {tmp_path / 'results'}")


def test_a_file_in_the_place_of_the_folder_is_named(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("x")
    found = obstacle(tmp_path / "results" / "a-mac")
    assert found == Obstacle(kind="no folder", path=tmp_path / "results")
    assert problem_and_fix(found, "elsewhere")[1].startswith("move it away: mv ")


def test_nobody_is_told_to_take_over_what_is_roots() -> None:
    """Nor another user's home folder, where sudo has left HOME as it was."""
    with not_as_root():
        found = obstacle(Path("/etc/results/a-mac"))
    assert found == Obstacle(kind="another user's", path=Path("/etc"), detail="root")
    problem, fix = problem_and_fix(found, "save it elsewhere")
    assert problem == "/etc belongs to root, and this user cannot write to it"
    assert fix == "save it elsewhere"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can leave a folder of root's")
def test_what_root_has_left_in_a_users_folder_needs_another_owner_and_no_chmod() -> None:
    """As `sudo make bench` does."""
    with folder_of_this_user() as folder:
        roots = folder / "results"
        roots.mkdir(mode=0o755)
        with not_as_root():
            found = obstacle(roots / "a-mac")
    assert found == Obstacle(kind="left by another", path=roots, detail="root")
    problem, fix = problem_and_fix(found, "save it elsewhere")
    assert problem == f"{roots} belongs to root, and this user cannot write to it"
    assert fix.startswith(f'sudo chown -R "$(id -un)" {roots}, ')
    assert fix.endswith("save it elsewhere")
    assert "chmod" not in fix


@pytest.mark.parametrize(
    ("kind", "command"),
    [
        ("dead link", "rm "),
        ("no folder", "mv "),
        ("left by another", 'sudo chown -R "$(id -un)" '),
        ("no permission", "chmod -R u+rwX "),
    ],
)
def test_a_command_takes_a_folder_of_any_name(kind: Any, command: str) -> None:
    found = Obstacle(kind=kind, path=Path("/Users/al/Anna's Mac"))
    fix = problem_and_fix(found, "elsewhere")[1]
    assert f"""{command}'/Users/al/Anna'"'"'s Mac'""" in fix


@pytest.mark.parametrize("mode", [0o500, 0o000])
def test_a_users_own_closed_folder_is_opened_by_chmod(mode: int) -> None:
    with folder_of_this_user() as folder:
        folder.chmod(mode)
        with not_as_root():
            found = obstacle(folder / "a-mac")
            assert nearest(folder / "a-mac") == folder
        detail = os.strerror(errno.EACCES)
        assert found == Obstacle(kind="no permission", path=folder, detail=detail)
        assert problem_and_fix(found, "elsewhere")[1] == f"chmod -R u+rwX {folder}"


@pytest.mark.parametrize(
    ("number", "kind", "problem", "fix"),
    [
        (errno.EROFS, "read-only disk", "is on a disk that is read-only here", "save it elsewhere"),
        (errno.EPERM, "refused", "(Operation not permitted)", "Privacy & Security > Files and Folders"),
        (errno.ENOSPC, "other", "cannot be written to (No space left on device)", "save it elsewhere"),
        (errno.ESTALE, "other", "cannot be written to (Stale", "save it elsewhere"),
    ],
)
def test_what_the_system_says_decides(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, number: int, kind: str, problem: str, fix: str
) -> None:
    """A read-only disk, macOS's privacy settings for Documents, a full disk, a file server that went."""

    def refuse(**keywords: Any) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(tempfile, "TemporaryFile", refuse)
    found = obstacle(tmp_path)
    assert found
    assert (found.kind, found.path) == (kind, tmp_path)
    told, advice = problem_and_fix(found, "save it elsewhere")
    assert problem in told
    assert fix in advice


def test_what_cannot_be_looked_at_is_an_obstacle_and_no_traceback(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A network drive that has gone answers nothing but an error, of whatever kind."""
    found = obstacle(tmp_path / TOO_LONG / "a-mac")
    assert found
    assert (found.kind, found.detail) == ("other", os.strerror(errno.ENAMETOOLONG))
    monkeypatch.setattr(folders, "nearest", lambda folder: tmp_path)
    monkeypatch.setattr(Path, "lstat", lambda path: (_ for _ in ()).throw(OSError(errno.EIO, "gone")))
    assert obstacle(tmp_path / "drive") == Obstacle(kind="other", path=tmp_path / "drive", detail="gone")
