"""The command line: what it writes, what it says, and that every part has its place in the report."""

from __future__ import annotations

import json
import re
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import pytest
from msgspec.structs import replace

from bench import report_cost
from bench.paths import ROOT
from bench.records.read import read
from bench.records.types import Diverged
from reports import report as written
from reports.__main__ import main
from reports.data.frame import frames
from reports.data.sources import gather
from reports.draw import house
from reports.render import markdown
from reports.study.compare import study
from reports.write.document import Paragraph, Picture, Report, Table
from tests.support.report_files import (
    ANNA,
    QUICK,
    check_failed,
    content_of,
    epochs_of,
    run_of,
    two_machines,
    write,
)
from tests.support.report_study import study_of
from tests.support.report_text import text


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return two_machines(tmp_path_factory.mktemp("results"))


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """results/ with one run that failed, whose report has one picture and takes a moment."""
    folder = tmp_path_factory.mktemp("small")
    write(folder, "one.json", content_of(ANNA, only(failure="out of memory")))
    return folder


class Written(NamedTuple):
    """A report as it was put together, and where it lies."""

    folder: Path
    report: Report


def kept(patch: pytest.MonkeyPatch, module: ModuleType, name: str) -> list[Any]:
    """What a function gives from now on, besides giving it."""
    found: list[Any] = []
    own = getattr(module, name)

    def keep(*given: Any) -> Any:
        found.append(own(*given))
        return found[-1]

    patch.setattr(module, name, keep)
    return found


@pytest.fixture(scope="module")
def whole(results: Path, tmp_path_factory: pytest.TempPathFactory) -> Written:
    """Both machines in every format, in a folder that was not there, drawn once for all who ask."""
    folder = tmp_path_factory.mktemp("report") / "a" / "b"
    with pytest.MonkeyPatch.context() as patch:
        reports = kept(patch, written, "report")
        assert main([str(results), "--out", str(folder)]) == 0
    return Written(folder, *reports)


def undraw(patch: pytest.MonkeyPatch) -> None:
    """Plots as they are but for their SVG, which takes most of a report's time and holds no word."""
    patch.setattr(house, "svg", lambda figure: "<svg></svg>")


def test_all_formats_are_written_beside_their_pictures(whole: Written) -> None:
    out = whole.folder
    names = {file.name for file in out.iterdir()}
    assert names == {"report.html", "report.md", "report.pdf", "pictures", "report-data"}
    assert (out / "report.pdf").read_bytes().startswith(b"%PDF-")
    markdown = (out / "report.md").read_text()
    named = set(re.findall(r'"(pictures/[\w-]+\.svg)"', markdown))
    assert named == {f"pictures/{file.name}" for file in (out / "pictures").iterdir()}


def test_the_same_files_give_the_same_report(results: Path, whole: Written, tmp_path: Path) -> None:
    assert main([str(results), "--out", str(tmp_path), "--format", "html,md"]) == 0
    again = [file for file in tmp_path.rglob("*.*") if file.is_file()]
    assert len(again) > 2
    for file in again:
        one, other = file.read_bytes(), (whole.folder / file.relative_to(tmp_path)).read_bytes()
        if one != other:
            pairs = enumerate(zip(one, other, strict=False))
            at = next((place for place, (a, b) in pairs if a != b), min(len(one), len(other)))
            around = slice(max(at - 200, 0), at + 200)
            pytest.fail(f"{file.name} differs at byte {at}:\n{one[around]!r}\n{other[around]!r}")


@pytest.mark.parametrize("folder", ["sample-report", "h200", "example-run"])
def test_a_committed_report_is_what_the_code_writes(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    undraw(monkeypatch)
    sample = ROOT / "docs" / folder
    made = written.report(study(frames(gather([str(sample / "results")]))))
    assert markdown.render(made) == (sample / "report.md").read_text()


def test_one_format_is_one_file(small: Path, tmp_path: Path) -> None:
    assert main([str(small), "--out", str(tmp_path), "--format", "md"]) == 0
    assert {file.name for file in tmp_path.iterdir()} == {"report.md", "pictures", "report-data"}


def test_frames_alone_are_written_where_nothing_else_is_asked_for(
    results: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main([str(results), "--csv", "c", "--parquet", "p"]) == 0
    assert {folder.name for folder in tmp_path.iterdir()} == {"c", "p"}


def test_the_first_page_says_what_was_found_and_on_what(whole: Written) -> None:
    made = whole.report
    assert made.title == "bob trains AlexNet 2.0 times as fast as anna"
    assert made.eyebrow == (
        "AlexNet training · anna and bob · full profile, CIFAR-10 at 224 px · 2026-11-20 to 2026-11-24"
    )
    kinds = [type(block) for block in made.front]
    assert kinds == [Picture, Paragraph, Table]
    assert next(figure.number.text for figure in made.figures) == "50.0 s"
    assert "In no comparison: 1 run invalid and 1 failed." in text(made, "front")


def test_the_chapters_stand_in_the_order_of_reading(whole: Written) -> None:
    assert [section.key for section in whole.report.sections] == [
        *("engines", "machines", "learning", "classes", "networks", "resources", "steadiness"),
        *("original", "apart", "method", "sources"),
    ]
    assert [s.key for s in whole.report.sections if s.appendix] == ["sources"]


def test_one_machine_has_no_chapter_on_machines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    undraw(monkeypatch)
    pair = [run_of("scratch", name, epochs_of([9.0, *[5.0] * 5])) for name in ("torch", "tensorflow")]
    write(tmp_path, "one.json", content_of(ANNA, pair))
    alone = written.report(study_of(tmp_path))
    assert "machines" not in {section.key for section in alone.sections}


def test_show_prints_the_tables_and_verdicts(
    results: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    assert main(["show", str(results)]) == 0
    text = capsys.readouterr().out
    words = " ".join(text.split())
    assert "bob trains AlexNet 2.0 times as fast as anna" in words
    assert "(1.25–1.25)" in text  # the range of two runs each; brackets say that it is no interval
    assert "PyTorch 25 % faster" in text


def test_show_takes_nothing_in_a_file_for_markup(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    name = "[red]x[/red] [link=http://evil]y"
    run = run_of("scratch", "torch", epochs_of([9.0, *[5.0] * 5]))
    write(tmp_path, "one.json", content_of(replace(ANNA, name=name), [run]))
    assert main(["show", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert name[:12] in out
    assert "\x1b]8" not in out


def test_what_is_left_out_is_told_and_the_rest_is_written(
    small: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "bad.json").write_text("{")
    out = tmp_path / "out"
    assert main([str(small), str(tmp_path / "bad.json"), "--out", str(out), "--format", "md"]) == 0
    assert "bad.json: it is not JSON" in " ".join(capsys.readouterr().err.split())
    assert "bad.json" in (out / "report.md").read_text()


WRONG: list[tuple[list[str], str]] = [
    (["nowhere"], "nowhere stands for no file"),
    (["--baseline", "carol"], "there is no machine 'carol'; there are anna, bob"),
    (["--out", "taken"], "could not be written"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG)
def test_what_a_user_gets_wrong_is_a_sentence(
    *,
    results: Path,
    small: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    sentence: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("taken").write_text("a file stands where the folder should")
    folder = small if "--out" in arguments else results
    given = [] if arguments == ["nowhere"] else [str(folder)]
    assert main([*given, *arguments, "--format", "md"]) == 2
    assert sentence in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("arguments", [[], ["x", "--format", "docx"], ["x", "--format", ","]])
def test_a_wrong_option_is_told_by_the_parser(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "usage: python -m reports" in capsys.readouterr().err


def only(**more: Any) -> list[dict[str, Any]]:
    return [run_of("scratch", "torch", epochs_of([9.0, 5.0]), **more)]


LEAST: dict[str, list[dict[str, Any]]] = {
    "one run of two epochs": only(),
    "one run of one epoch": [run_of("scratch", "torch", epochs_of([9.0]))],
    "only an invalid run": only(reasons=[check_failed()]),
    "only a failed run": only(failure="out of memory"),
    "only a run that never began": [only(failure="x")[0] | {"start": None, "epochs": [], "gate": None}],
    "a synthetic quick run": only(plan=replace(QUICK, dataset="synthetic"), device="cpu"),
    "a diverged run": [
        run_of(
            "scratch",
            "torch",
            epochs_of([9.0, 5.0], losses=[2.0, None]),
            reasons=[Diverged(epoch=2)],
        )
    ],
}


@pytest.mark.parametrize("kind", LEAST)
def test_the_least_that_there_can_be_is_still_a_report(
    kind: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path, "results/one.json", content_of(ANNA, LEAST[kind]))
    assert main([str(tmp_path / "results"), "--out", str(tmp_path / "out")]) == 0
    assert main(["show", str(tmp_path / "results")]) == 0
    assert capsys.readouterr().out


def test_many_files_are_made_of_one_of_version_4_too(tmp_path: Path) -> None:
    one = report_cost.template(read(ROOT / "tests/bench/records/samples/version-4.json"))
    for number, content in enumerate(report_cost.copies(one, 2, machines=2)):
        (tmp_path / f"{number}.json").write_text(json.dumps(content))
    found = gather([str(tmp_path)])
    assert (len(found.runs), found.left_out) == (8, [])
    assert all(source.checksums_fit for source in found.sources)


def test_many_files_are_made_of_one_and_written_up(results: Path, tmp_path: Path) -> None:
    one = report_cost.template(read(results / "anna" / "0001_full.json"), epochs=20)
    for number, content in enumerate(report_cost.copies(one, 6, machines=3)):
        (tmp_path / f"{number}.json").write_text(json.dumps(content))
    found = gather([str(tmp_path)])
    assert len(found.runs) == 6 * 9, "all but the one that failed"
    assert not found.left_out
    assert all(source.checksums_fit for source in found.sources)
    made = frames(found)
    assert len(made.machines) == 3
    assert set(made.runs["seed"]) == {0, 1, 2, 3}
    assert set(made.runs["epochs"]) == {20}
    cost = report_cost.measure_cost(tmp_path / "0.json", cache=tmp_path / "cache")
    assert cost.processor_seconds > 0
    assert cost.seconds > 0
    assert 50e6 < cost.peak_bytes < 2e9
    assert list((tmp_path / "cache").rglob("*.rows"))
