"""The folders that a user has: what a path stands for, and why a folder cannot be written to."""

from __future__ import annotations

import errno
import os
import pwd
import shlex
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

Kind = Literal[
    "dead link",  # a link to what is not there: a disk that is not connected, a folder that was removed
    "no folder",  # a file of the folder's name
    "another user's",
    "left by another",  # another user's in a folder of this one's: often root's, after `sudo make`
    "no permission",  # this user's own, closed
    "read-only disk",
    "refused",  # by the system: macOS's privacy settings, or a flag on the folder
    "other",  # what the system says in words of its own
]


@dataclass(frozen=True, kw_only=True)
class Obstacle:
    """What keeps files from being written to a folder: `path` is the folder itself or one above it.

    `detail` is where a dead link leads, whose the path is, or what the system says.
    """

    kind: Kind
    path: Path
    detail: str = ""


def expanded(path: str | Path) -> Path:
    """The path with a home folder in the place of `~` or `~name`, where the system knows that home.

    Otherwise the path stays as it is, as it does in a shell, and is looked for under that name.
    """
    return Path(os.path.expanduser(path))  # noqa: PTH111 Path's own raises RuntimeError there


def nearest(folder: Path) -> Path:
    """The folder itself, or the nearest one above it that is there and may be looked at."""
    folder = folder.absolute()
    return next((path for path in (folder, *folder.parents) if _is_dir(path)), Path("/"))


def _is_dir(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # in a closed folder, on a disk that has gone, or of too long a name
        return False


def obstacle(folder: Path) -> Obstacle | None:
    """What keeps files from being written to a folder, which need not be there yet; None for nothing.

    It is tried with a file without a name, since permissions alone know neither macOS's privacy
    settings nor a file server's rules.
    """
    folder = folder.absolute()
    there = nearest(folder)
    if folder != there:
        below = there / folder.relative_to(there).parts[0]  # what would have to be made
        try:
            is_link = stat.S_ISLNK(below.lstat().st_mode)
        except (FileNotFoundError, PermissionError):  # it can be made, or the attempt below fails
            pass
        except OSError as error:  # such as a network drive that has gone
            return Obstacle(kind="other", path=below, detail=error.strerror or str(error))
        else:
            if is_link:
                return Obstacle(kind="dead link", path=below, detail=str(below.readlink()))
            return Obstacle(kind="no folder", path=below)
    try:
        with tempfile.TemporaryFile(dir=there):
            return None
    except OSError as error:
        return _of_error(error, there)


def _of_error(error: OSError, path: Path) -> Obstacle:
    """The obstacle that an attempt to write to an existing folder has met."""
    detail = error.strerror or str(error)
    if error.errno == errno.EROFS:
        return Obstacle(kind="read-only disk", path=path)
    if error.errno not in (errno.EACCES, errno.EPERM):
        return Obstacle(kind="other", path=path, detail=detail)
    owner = path.stat().st_uid
    if owner != os.geteuid():
        is_left = path.parent.stat().st_uid == os.geteuid()
        kind: Kind = "left by another" if is_left else "another user's"
        return Obstacle(kind=kind, path=path, detail=_user_name(owner))
    kind = "no permission" if error.errno == errno.EACCES else "refused"
    return Obstacle(kind=kind, path=path, detail=detail)


def _user_name(number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:  # a user of another computer, or of a container's host
        return f"user {number}"


def problem_and_fix(found: Obstacle, elsewhere: str) -> tuple[str, str]:
    """An obstacle in words: a sentence without its full stop, and what helps.

    `elsewhere` says how another folder is named, where nothing can be done about this one.
    """
    path, quoted = found.path, shlex.quote(str(found.path))
    match found.kind:
        case "dead link":
            return (
                f"{path} is a link to {found.detail}, and no folder is there that this user can open",
                f"connect or make what it leads to, or remove the link: rm {quoted}",
            )
        case "no folder":
            return f"{path} is a file and no folder", f"move it away: mv {quoted} {quoted}.old"
        case "another user's" | "left by another":
            problem = f"{path} belongs to {found.detail}, and this user cannot write to it"
            take_over = (
                f'sudo chown -R "$(id -un)" {quoted}, and leave sudo out of `make`; or {elsewhere}'
            )
            return problem, take_over if found.kind == "left by another" else elsewhere
        case "no permission":
            return f"{path} is closed to its own user", f"chmod -R u+rwX {quoted}"
        case "read-only disk":
            return f"{path} is on a disk that is read-only here", elsewhere
        case "refused":
            return (
                f"the system does not let {path} be written to ({found.detail})",
                "on a Mac let the terminal use that folder, in System Settings > Privacy & Security >"
                f" Files and Folders; on Linux take its flag away with chattr -i; or {elsewhere}",
            )
        case "other":
            return f"{path} cannot be written to ({found.detail})", elsewhere
