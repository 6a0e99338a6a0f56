"""Files are found, read without trust and counted once; what cannot be used is named with its reason."""

from __future__ import annotations

import errno
import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from reports.data.frame import Frames, frames
from reports.data.sources import NoResults, Sources, gather, left_out_text
from reports.data.text import MOST_LETTERS, plain
from tests.support.another_suite import another_suites_content
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, two_machines, write

Content = dict[str, Any]


def small(seconds: float = 5.0, **more: Any) -> Content:
    """One run in a file."""
    run = run_of("scratch", "torch", epochs_of([6.0, seconds, seconds, seconds, seconds]), **more)
    content: Content = content_of(ANNA, [run])
    return content


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write(tmp_path, "anna/0001_full.json", small())
    return tmp_path


def reasons(found: Sources) -> dict[str, str]:
    return {each.name: left_out_text(each) for each in found.left_out}


def test_folders_files_and_globs_name_the_same_runs(tmp_path: Path) -> None:
    two_machines(tmp_path)
    whole = gather([str(tmp_path)])
    assert len(whole.sources) == 3
    assert len(whole.runs) == 22
    for given in (
        [str(tmp_path / "*" / "*.json")],
        [str(tmp_path / "anna"), str(tmp_path / "bob" / "0001_full.json")],
        [str(tmp_path / "a*"), str(tmp_path / "b*")],
        [str(tmp_path), str(tmp_path / "anna")],
    ):
        found = gather(given)
        assert [each.run.checksum for each in found.runs] == [each.run.checksum for each in whole.runs]
        assert not found.left_out


def test_hidden_folders_and_other_files_are_not_looked_at(folder: Path) -> None:
    write(folder, "anna/.runs/x/session.json", {"not": "a result"})
    (folder / "anna" / "notes.txt").write_text("no result")
    assert not gather([str(folder)]).left_out


def test_the_same_bytes_count_once(folder: Path) -> None:
    (folder / "copy.json").write_bytes((folder / "anna" / "0001_full.json").read_bytes())
    found = gather([str(folder)])
    assert len(found.runs) == len(found.sources) == 1
    (why,) = reasons(found).values()
    assert "the same bytes as anna/0001_full.json, which counts once" in why


def test_the_same_run_in_another_file_counts_once(folder: Path) -> None:
    """A session that was resumed and saved under another name holds its first runs again."""
    both = content_of(
        ANNA,
        [
            run_of("scratch", "torch", epochs_of([6.0, *[5.0] * 4])),
            run_of("scratch", "tensorflow", epochs_of([6.0, *[5.0] * 4])),
        ],
    )
    write(folder, "anna/0002_full.json", both)
    found = gather([str(folder)])
    assert [each.run["engine"] for each in found.runs] == ["torch", "tensorflow"]
    assert "scratch-torch-mps-s0: the same run as in anna/0001_full.json" in str(reasons(found))


def put(path: str, value: Any) -> Callable[[Content], None]:
    """Sets a field of the only benchmark's run; its seal then fits no more, which is not asked here."""

    def change(content: Content) -> None:
        at: Any = content["benchmarks"][0]["extra_info"]
        *way, last = path.split("/")
        for step in way:
            at = at[int(step) if step.isdigit() else step]
        at[int(last) if last.isdigit() else last] = value

    return change


IMPOSSIBLE: list[tuple[Callable[[Content], None], str]] = [
    (put("epochs/2/train_seconds", -1.0), "Expected `float` >= 1e-07 - at `$.epochs[2].train_seconds`"),
    (put("epochs/2/train_seconds", 0), "at `$.epochs[2].train_seconds`"),
    (put("epochs/2/validation_accuracy", 1.5), "Expected `float` <= 1.0"),
    (put("epochs/2/epoch", 1003), "epochs[2].epoch is 1003, and by the recipe it is 3"),
    (put("epochs/2/stage", 7), "epochs[2].stage is 7, and by the recipe it is 1"),
    (put("epochs", []), "epochs is missing in a run that has a result"),
    (put("start", None), "start is missing in a run that has a result"),
    (put("result/epochs", 1000), "result.epochs is 1000, and by epochs it is 5"),
    (put("result/best_epoch", 9), "result.best_epoch is 9, and by epochs it is 4"),
    (put("result/confusion", [[1] * 10] * 9), "confusion is not 10 rows of 10 counts"),
    (put("result/confusion/3/4", -5), "confusion is not 10 rows"),
    (
        put("result/confusion", [[0] * 10] * 10),
        "result.test_images is 10000, and by result.confusion it is 0",
    ),
    (
        put("result/per_class_accuracy", [0.5]),
        "result.per_class_accuracy is [0.5], and by result.confusion it is",
    ),
    (put("result/pictures/labels", [11] * 10), "do not go with their labels"),
    (put("result/pictures/pixels", "AAAA"), "result.pictures cannot be: 3 bytes"),
    (put("plan/image_size", 3), "plan makes no run"),
    (put("plan/epochs", 0), "Expected `int` >= 1 - at `$.plan.epochs`"),
    (put("cell/experiment", "<b>"), 'cell.experiment is "<b>", and there are'),
    (put("cell/engine", "jacquard"), 'there is no engine "jacquard" in this version'),
    (put("epochs/1/train_loss", "low"), "Expected `float | null`, got `str`"),
    (put("extra", 1), "unknown field `extra`"),
    (put("start/device_name", "\ud800"), "machine"),
]


@pytest.mark.parametrize(("change", "why"), IMPOSSIBLE, ids=[why for _, why in IMPOSSIBLE])
def test_a_run_that_cannot_be_is_left_out_and_the_rest_stays(
    folder: Path, change: Callable[[Content], None], why: str
) -> None:
    content = small(seconds=4.0)
    change(content)
    write(folder, "bob/0001_bad.json", content)
    found = gather([str(folder)])
    if "device_name" not in str(change) and why != "machine":
        assert why in reasons(found)["bob/0001_bad.json"]
    assert found.runs[0].source.name == "anna/0001_full.json"
    frames(found)


FILES: dict[str, tuple[bytes, str]] = {
    "cut short": (b'{"machine_info": {', "it is not JSON"),
    "empty": (b"", "it is not JSON"),
    "binary": (bytes(range(256)), "it is not JSON"),
    "a list": (b"[1, 2]", "it is no object"),
    "NaN": (b'{"a": NaN}', "it holds NaN"),
    "nested": (b"[" * 100_000, "nested too deep"),
    "nested and closed": (b"[" * 400 + b"]" * 400, "nested deeper than 32 levels"),
    "a huge number": (b'{"a": 1' + b"0" * 5000 + b"}", "5001 digits"),
    "another suite's": (json.dumps(another_suites_content()).encode(), "another suite saved it"),
    "another suite's, without a machine": (
        b'{"machine_info": {"cpu": {}}, "benchmarks": [{"stats": {}}]}',
        "another suite saved it",
    ),
    "twice the key": (b'{"a": 1, "a": 2}', "twice"),
}


@pytest.mark.parametrize("kind", FILES)
def test_a_file_that_is_none_is_named_and_left_out(folder: Path, kind: str) -> None:
    content, why = FILES[kind]
    (folder / "bad.json").write_bytes(content)
    found = gather([str(folder)])
    assert len(found.runs) == 1
    told = [left_out_text(each) for each in found.left_out if each.name.endswith("bad.json")]
    assert any(why in sentence for sentence in told), told
    assert all(len(sentence) <= MOST_LETTERS for sentence in told)
    assert len(told) == 1


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_a_file_is_read_however_windows_saved_it(tmp_path: Path, encoding: str) -> None:
    (tmp_path / "sent.json").write_text(json.dumps(small()), encoding=encoding)
    found = gather([str(tmp_path)])
    assert [source.checksums_fit for source in found.sources] == [True]
    assert not found.left_out


@pytest.fixture
def closed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder beside the others that gives this user no list of its files, as one of mode 000 does.

    Root, as whom tests may run, reads every folder.
    """
    shut = folder / "closed"
    write(shut, "0001_full.json", small(seconds=4.0))
    scandir = os.scandir

    def refusing(path: Any = ".") -> Any:
        if not isinstance(path, int) and Path(os.fsdecode(path)) == shut:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), os.fsdecode(path))
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refusing)
    return shut


@pytest.mark.parametrize("given", ["closed", "closed/*.json", "closed/**/*.json"])
def test_a_closed_folder_is_told_as_such(closed: Path, given: str) -> None:
    """A shell hands on a glob that meets nothing, as it does in a folder that it may not read."""
    with pytest.raises(NoResults) as caught:
        gather([str(closed.parent / given)])
    assert f"{closed.parent.name}/closed: this folder cannot be read: Permission denied" in str(
        caught.value
    )
    assert "stands for no file" not in str(caught.value)


@pytest.mark.parametrize("given", ["", "*", "*/*.json", "**/*.json"])
def test_a_closed_folder_among_others_is_named(closed: Path, given: str) -> None:
    found = gather([str(closed.parent / given)])
    assert [run.source.name for run in found.runs] == ["anna/0001_full.json"]
    assert reasons(found) == {
        f"{closed.parent.name}/closed": "this folder cannot be read: Permission denied"
    }
    frames(found)


def test_devices_links_and_folders_called_json_do_no_harm(folder: Path) -> None:
    (folder / "folder.json").mkdir()
    (folder / "loop.json").symlink_to(folder / "loop.json")
    os.mkfifo(folder / "pipe.json")
    found = gather([str(folder)])
    assert len(found.runs) == 1
    assert all("file" in why or "read" in why or "levels" in why for why in reasons(found).values())


def test_an_edited_file_is_read_and_its_seal_does_not_fit(folder: Path) -> None:
    content = small(seconds=4.0)
    put("epochs/2/train_seconds", 3.0)(content)
    write(folder, "anna/0002_edited.json", content)
    found = gather([str(folder)])
    assert [source.checksums_fit for source in found.sources] == [True, False]


def test_nothing_to_read_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(NoResults, match="stands for no file"):
        gather([str(tmp_path / "nowhere")])
    with pytest.raises(NoResults, match="stands for no file"):
        gather([str(tmp_path)])
    (tmp_path / "bad.json").write_text("{}")
    with pytest.raises(NoResults, match=r"(?s)no run to report on .*bad\.json: it lacks machine_info"):
        gather([str(tmp_path)])


def test_a_session_that_skipped_everything_is_no_report(tmp_path: Path) -> None:
    run = small()["benchmarks"][0]["extra_info"]
    skip = {"cell": run["cell"], "plan": run["plan"], "reason": "there is no GPU here"}
    write(tmp_path, "0001.json", content_of(ANNA, [], [skip]))
    with pytest.raises(NoResults, match="scratch-torch-mps-s0 was skipped: there is no GPU here"):
        gather([str(tmp_path)])


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("two\nlines\tand\x00nul", "two lines and nul"),
        ("\x1b[31mred\x1b[0m", "[31mred [0m"),
        ("half \ud800 a character", "half a character"),
        ("\u202egnp.exe", "gnp.exe"),
        ("<b>&</b> *x* #y $z$", "<b>&</b> *x* #y $z$"),
        ("x" * 1000, "x" * (MOST_LETTERS - 1) + "…"),
    ],
)
def test_a_files_text_is_one_printable_line(text: str, shown: str) -> None:
    assert plain(text) == shown


def frames_of(folder: Path, *contents: Content) -> Frames:
    for number, content in enumerate(contents):
        write(folder, f"{number:04}.json", content)
    return frames(gather([str(folder)]))


@pytest.mark.parametrize(
    "body",
    [
        {"chip": "Apple M2 Pro"},
        {"model": "Mac14,9"},
        {"gpu": "Apple M2 Pro"},
        {"gpu_cores": 14},
        {"memory_bytes": 2**35},
        {"cpu_cores": {"performance": 6, "efficiency": 2}},
        {"architecture": "x86_64"},
        {"virtual": True},
    ],
    ids=list,
)
def test_a_computer_that_differs_in_one_part_is_another(tmp_path: Path, body: dict[str, Any]) -> None:
    run = run_of("scratch", "torch", epochs_of([6.0, 5.0]), started_at="2026-11-25T00:00:00+00:00")
    made = frames_of(tmp_path, small(), content_of(replace(ANNA, **body), [run]))
    assert list(made.runs["machine"]) == ["anna", "anna (2)"]


def test_two_computers_of_one_name_are_told_apart(tmp_path: Path) -> None:
    other = replace(ANNA, chip="Apple M4", gpu_cores=10)
    run = run_of("scratch", "torch", epochs_of([6.0, 5.0]), started_at="2026-11-25T00:00:00+00:00")
    made = frames_of(tmp_path, small(), content_of(other, [run]))
    assert list(made.machines["machine"]) == ["anna", "anna (2)"]
    assert list(made.machines["chip"]) == ["Apple M1 Pro", "Apple M4"]
    assert list(made.runs["machine"]) == ["anna", "anna (2)"]


def test_a_new_system_is_the_same_computer(tmp_path: Path) -> None:
    later = replace(ANNA, os="macOS 27.0", packages={"torch": "2.15.0"})
    run = run_of("scratch", "torch", epochs_of([6.0, 5.0]), started_at="2026-11-25T00:00:00+00:00")
    made = frames_of(tmp_path, small(), content_of(later, [run]))
    assert list(made.machines["machine"]) == ["anna"]
    assert list(made.machines["os"]) == ["macOS 27.0"]
    assert list(made.machines["states"]) == [2]


def test_what_was_not_measured_is_nan_and_no_zero(tmp_path: Path) -> None:
    made = frames_of(tmp_path, small())
    row = made.runs.iloc[0]
    assert math.isnan(row["joules_per_epoch"])
    assert math.isnan(row["peak_device_bytes"])
    assert made.epochs["joules"].isna().all()
    assert json.loads(made.runs.to_json())["idle_watts"]["0"] is None


def test_beside_a_name_that_cannot_be_looked_for_the_others_count(folder: Path) -> None:
    """As one in a folder that is closed to this user, or in one that may only be listed."""
    found = gather([str(folder), "x" * 300 + ".json"])
    assert len(found.sources) == 1
    (left_out,) = found.left_out
    assert left_out_text(left_out) == "this file cannot be read: File name too long"
