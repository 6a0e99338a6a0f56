"""A user's name and folders in a text: each spelling is replaced, what only looks like one is left."""

from __future__ import annotations

import base64
from pathlib import Path
from unicodedata import normalize

import pytest

from bench.host.identity import CHECKOUT, NAME_VARIABLES, Identity, same_folder, users_identity
from tests.support.accounts import without_a_home

COMPOSED, DECOMPOSED = (normalize(form, "/home/josé") for form in ("NFC", "NFD"))


def identity(monkeypatch: pytest.MonkeyPatch, home: str, **folders: str) -> Identity:
    """Of an account that has its home folder from HOME alone, and its name from the folder's."""
    without_a_home(monkeypatch)
    monkeypatch.setenv("HOME", home)
    monkeypatch.setenv("TMPDIR", "/scratch/tmp")
    monkeypatch.setattr("tempfile.gettempdir", lambda: "/scratch/tmp")
    return users_identity({f"<{name}>": [path] for name, path in folders.items()})


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("/home/al", "~"),
        ("File '/home/al/x.py', line 3", "File '~/x.py', line 3"),
        ("no room in /home/al. Make some", "no room in ~. Make some"),
        ("/home/al: full", "~: full"),
        ("//home//al//x", "/~//x"),
        ("/HOME/Al/x", "~/x"),  # macOS ignores case
        ("/System/Volumes/Data/home/al/x", "~/x"),  # where macOS keeps it
        ("file:///home/al/x", "file://~/x"),
        ("g++ -I/home/al/include", "g++ -I~/include"),
        (r"'it failed:\n/home/al/x'", r"'it failed:\n~/x'"),
        ("\x1b[1m/home/al/x\x1b[0m", "\x1b[1m~/x\x1b[0m"),
        ("PATH=/home/al/bin:/home/al", "PATH=~/bin:~"),
        ("/scratch/tmp/a", "<temporary folder>/a"),
        # Other folders with the name in them.
        ("/home/al-backup/x", "/home/<user>-backup/x"),
        ("/home/al.old", "/home/<user>.old"),
        ("/mnt/home/al/x", "/mnt/home/<user>/x"),
        ("/Volumes/al/x", "/Volumes/<user>/x"),
        ("/scratch/tmp/pytest-of-al/x", "<temporary folder>/pytest-of-<user>/x"),
        ("/var/torchinductor_al/x", "/var/torchinductor_<user>/x"),
        ("https://github.com/al/bench", "https://github.com/<user>/bench"),
        # Not this user's.
        ("/home/alice/x", "/home/alice/x"),
        ("/home/al2/x", "/home/al2/x"),
        ("/usr/lib/x", "/usr/lib/x"),
        ("1,000 images/s and/or al", "1,000 images/s and/or al"),
    ],
)
def test_a_spelling_is_replaced_where_it_is_one(
    monkeypatch: pytest.MonkeyPatch, text: str, hidden: str
) -> None:
    assert identity(monkeypatch, "/home/al").hide(text) == hidden


@pytest.mark.parametrize("home", [COMPOSED, DECOMPOSED])
@pytest.mark.parametrize(
    "text",
    [COMPOSED, DECOMPOSED, "file:///home/jos%C3%A9", ascii(COMPOSED).strip("'"), COMPOSED.upper()],
)
def test_a_name_that_is_not_ascii_is_found_as_it_was_written(
    monkeypatch: pytest.MonkeyPatch, home: str, text: str
) -> None:
    """macOS decomposes names, URLs escape them, and so does a terminal that has ASCII alone."""
    assert identity(monkeypatch, home).hide(f"in {text}/f").removeprefix("in ") in ("~/f", "file://~/f")


def test_the_innermost_folder_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    folders = {"checkout": "/home/al/bench", "results": "/home/al/bench/results", "data": "/d/al"}
    hide = identity(monkeypatch, "/home/al", **folders).hide
    assert hide("/home/al/bench/results/x /home/al/bench/conftest.py /home/al/y /d/al/z") == (
        "<results>/x <checkout>/conftest.py ~/y <data>/z"
    )


def test_a_module_is_not_taken_for_a_user_of_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    hide = identity(monkeypatch, "/home/worker", checkout="/srv/bench").hide
    assert CHECKOUT == "<checkout>"
    assert hide("/srv/bench/bench/worker/job.py") == "<checkout>/bench/worker/job.py"
    assert hide("/srv/worker/job.py") == "/srv/<user>/job.py"


def test_all_of_a_value_is_gone_through(monkeypatch: pytest.MonkeyPatch) -> None:
    hide = identity(monkeypatch, "/home/al").hide
    value = {"one": ["/home/al", ("/home/al/x", 1.5)], "two": {"three": "/home/al"}, "four": None}
    assert hide(value) == {"one": ["~", ["~/x", 1.5]], "two": {"three": "~"}, "four": None}


def test_pixels_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    pixels = "/al/" * 2000
    assert base64.b64decode(pixels)
    assert identity(monkeypatch, "/home/al").hide({"pixels": pixels}) == {"pixels": pixels}


@pytest.mark.parametrize("home", ["", "/", "/root", "/workspace", "."])
def test_what_is_nobodys_home_hides_no_more_than_itself(
    monkeypatch: pytest.MonkeyPatch, home: str
) -> None:
    hide = identity(monkeypatch, home).hide
    text = "/usr/root/workspace/x and /"
    assert hide(text) == text
    if len(home) > 1:
        assert hide(f"{home}/x") == "~/x"


def test_an_account_without_home_and_name_hides_the_folders(monkeypatch: pytest.MonkeyPatch) -> None:
    without_a_home(monkeypatch)
    hide = users_identity({CHECKOUT: ["/srv/bench", None]}).hide
    assert hide("/srv/bench/x of /home/al") == "<checkout>/x of /home/al"


@pytest.mark.parametrize("variable", NAME_VARIABLES)
def test_the_name_is_whatever_the_system_calls_the_user(
    monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    """Under sudo the home folder is root's, and SUDO_USER has the name."""
    without_a_home(monkeypatch)
    monkeypatch.setenv("HOME", "/root")
    monkeypatch.setenv(variable, "al")
    assert users_identity({}).hide("/root/x of /media/al/y") == "~/x of /media/<user>/y"


def test_links_count_as_given_and_resolved(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.mkdir()
    link.symlink_to(real)
    hide = users_identity({CHECKOUT: [link]}).hide
    assert hide(f"{link}/x {real}/y") == "<checkout>/x <checkout>/y"
    assert same_folder(real, str(link), str(tmp_path), None) == [real, str(link)]
