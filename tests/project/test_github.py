"""What the workflow, the issue form and the page for Mac owners name is there, under that name."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from bench import interpreter
from bench.hosted_mac import ask
from bench.paths import ROOT
from bench.plan.options import OPTIONS
from bench.plan.profiles import PROFILES

WORKFLOW = ROOT / ".github" / "workflows" / "mac.yml"
HOSTED = ROOT / ".github" / "workflows" / "hosted-mac.yml"
WORKFLOWS = [WORKFLOW, HOSTED]
FORM = ROOT / ".github" / "ISSUE_TEMPLATE" / "results.yml"
CHOOSER = ROOT / ".github" / "ISSUE_TEMPLATE" / "config.yml"
PAGE = ROOT / "docs" / "first-run-on-a-mac.md"
HOSTED_PAGE = ROOT / "docs" / "hosted-mac.md"
READ = [*WORKFLOWS, FORM, PAGE, HOSTED_PAGE]

OTHERS = {
    "--all",  # the doctor's own
    "--ignore-doctor",
    "--image",  # bench.hosted_mac's own
    "--install",  # xcode-select's
    "--out",
    "--version",  # Python's
}


def uncommented(text: str) -> str:
    """YAML without its comments, whose prose names no commands to hold it to."""
    return re.sub(r"(^|\s)#.*$", "", text, flags=re.MULTILINE)


def blocks(text: str, kind: str) -> list[str]:
    return re.findall(rf"^```{kind}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def steps(workflow: Path = WORKFLOW) -> dict[str, str]:
    """Each named step of a workflow, by its name."""
    parts = re.split(r"^ {6}- ", uncommented(workflow.read_text()), flags=re.MULTILINE)[1:]
    named = [(re.match(r"name: (.+)", part), part) for part in parts]
    return {name[1].strip(): part for name, part in named if name}


@pytest.mark.parametrize("file", READ, ids=lambda file: file.name)
def test_every_module_and_file_that_is_named_exists(file: Any) -> None:
    text = file.read_text()
    modules = re.findall(r"python -m ((?:alexnet|bench)(?:\.\w+)?)", text)
    for module in modules:
        path = ROOT.joinpath(*module.split("."))
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    for path in re.findall(r"(?<![\w/.])(?:alexnet|bench|docs|tests)/[\w./-]+\.(?:py|md)\b", text):
        assert (ROOT / path).is_file(), path


def test_every_target_of_make_exists() -> None:
    makefile = (ROOT / "Makefile").read_text()
    commands = [uncommented(workflow.read_text()) for workflow in WORKFLOWS]
    commands += [block for page in (PAGE, HOSTED_PAGE) for block in blocks(page.read_text(), "sh")]
    targets = set(re.findall(r"^\s*(?:run: )?make (\S+)", "\n".join(commands), re.MULTILINE))
    assert targets == {".venv/installed", "test", "bench"}
    for target in targets:
        assert re.search(rf"^{re.escape(target)}:", makefile, re.MULTILINE), target


@pytest.mark.parametrize("file", READ, ids=lambda file: file.name)
def test_every_option_exists_and_takes_the_value_given(file: Any) -> None:
    text = uncommented(file.read_text()) if file.suffix == ".yml" else file.read_text()
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", text))
    assert named <= set(OPTIONS) | OTHERS
    for option, value in re.findall(r"(--[a-z-]+) ([a-z0-9]+)\b", text):
        choices = OPTIONS.get(option, {}).get("choices")
        assert choices is None or value in choices, f"{option} {value}"


def test_the_form_offers_every_profile() -> None:
    (profiles,) = re.findall(
        r"label: Profile\n.*?options:\n((?: +- \w+\n)+)", FORM.read_text(), re.DOTALL
    )
    assert re.findall(r"- (\w+)", profiles) == list(PROFILES)
    assert "blank_issues_enabled: true" in CHOOSER.read_text()


def test_the_page_calls_the_form_by_its_name() -> None:
    (name,) = re.findall(r"^name: (.+)$", FORM.read_text(), re.MULTILINE)
    assert f'"{name}"' in PAGE.read_text()
    assert "docs/first-run-on-a-mac.md" in FORM.read_text()


def test_only_the_virtual_gpu_may_fail() -> None:
    """Its numbers are known to be wrong; all else that fails must show."""
    lenient = {name for name, step in steps().items() if "continue-on-error: true" in step}
    assert lenient == {name for name, step in steps().items() if re.search(r"_?ci-gpu\b", step)}
    assert len(lenient) == 2


def test_each_step_runs_whatever_the_one_before_it_found() -> None:
    after_installing = "if: ${{ !cancelled() && steps.install.outcome == 'success' }}"
    for name, step in steps().items():
        if ".venv/bin/python -m" in step or re.search(r"make (?:test|bench)", step):
            assert after_installing in step or "id: install" in step, name


def test_records_and_logs_are_kept_though_they_are_hidden() -> None:
    step = steps()["Keep results and logs"]
    for line in ("if: ${{ always() }}", "path: results/", "include-hidden-files: true"):
        assert line in step


def test_the_matrix_has_the_pythons_that_make_takes() -> None:
    taken = {f"{major}.{minor}" for major, minor in interpreter.VERSIONS}
    assert set(re.findall(r'python: "([\d.]+)"', WORKFLOW.read_text())) == taken


@pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda file: file.name)
def test_the_workflow_may_only_read(workflow: Path) -> None:
    assert re.findall(r"^ *permissions:\n((?: +.*\n)+)", workflow.read_text(), re.MULTILINE) == [
        "  contents: read\n"
    ]
    assert "secrets." not in workflow.read_text()


def test_the_hosted_gpu_is_judged_by_the_module_alone() -> None:
    """The workflow installs, calls it and keeps what it left; nothing there makes a failure pass."""
    text = uncommented(HOSTED.read_text())
    commands = re.findall(r"^ *(?:- )?run: (?!\n)(.+)$", text, re.MULTILINE)
    assert commands == [
        "make .venv/installed",
        ".venv/bin/python -m bench.hosted_mac --image ${{ matrix.os }}",
    ]
    assert "continue-on-error" not in text
    (conditional,) = re.findall(r"^ +if: .+$", text, re.MULTILINE)
    assert conditional.strip() == "if: ${{ always() }}"
    keep = steps(HOSTED)["Keep what they left"]
    for line in (conditional.strip(), "path: results/hosted-mac/", "include-hidden-files: true"):
        assert line in keep


def test_the_hosted_gpus_images_are_those_of_its_page_and_can_be_asked_for_by_hand() -> None:
    text = uncommented(HOSTED.read_text())
    assert re.findall(r"^ +os: (.+)$", text, re.MULTILINE) == ["[macos-15, macos-26]"]
    assert "runs-on: ${{ matrix.os }}" in text
    assert "fail-fast: false" in text
    assert re.search(r"^ {2}workflow_dispatch:$", text, re.MULTILINE)
    page = HOSTED_PAGE.read_text()
    (name,) = re.findall(r"^name: (.+)$", text, re.MULTILINE)
    assert f"Choose **{name}**" in page
    assert re.findall(r"`hosted-(macos-\d+)`", page) == ["macos-15", "macos-26"]
    assert "name: hosted-${{ matrix.os }}" in text


def test_the_hosted_jobs_time_limit_leaves_room_for_the_modules_own() -> None:
    """Else a gate that hangs would take the summary of all others with it."""
    engines = len(ask.ENGINES)
    longest = engines * (ask.GPU_SECONDS + ask.SESSION_SECONDS) + ask.SESSION_SECONDS
    (minutes,) = re.findall(r"timeout-minutes: (\d+)", steps(HOSTED)["Gates and parity on the GPU"])
    assert longest < 60 * int(minutes)
    (install,) = re.findall(r"timeout-minutes: (\d+)", steps(HOSTED)["Install as the README does"])
    (job,) = re.findall(r"^ {4}timeout-minutes: (\d+)$", HOSTED.read_text(), re.MULTILINE)
    assert int(minutes) + int(install) < int(job)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        (PAGE, "**Nothing here has been seen on a real Mac yet.**"),
        (HOSTED_PAGE, "**Not yet seen.**"),
    ],
    ids=lambda value: value.name if isinstance(value, Path) else "",
)
def test_the_page_says_first_that_no_mac_has_been_seen(page: Path, says: str) -> None:
    assert page.read_text().split("\n\n")[1].startswith(says)


def test_the_illustration_speaks_as_the_doctor_does() -> None:
    from bench.doctor.__main__ import MARKS
    from bench.doctor.diagnosis import RULES

    page = PAGE.read_text()
    doctor = "".join(file.read_text() for file in sorted(ROOT.glob("bench/doctor/*.py")))
    (illustration,) = blocks(page, "text")
    *findings, count, last = illustration.splitlines()
    marks = "|".join(f"{re.escape(mark)} {level}" for level, (mark, _) in MARKS.items())
    for line in findings:
        sentence = re.sub(rf"^(?:{marks}|\s+fix:)\s+", "", line)
        assert sentence != line, line
        assert sentence in doctor, f"the doctor no longer says: {sentence}"
    assert re.match(rf"\d+ of {len(RULES)} checks found nothing wrong\.", count)
    assert re.match(r"1 warning, 1 error\.", last)
    assert re.findall(r"^\| `(\w+)` \| (?:nothing|the run)", page, re.MULTILINE) == list(MARKS)


@pytest.mark.parametrize("file", [*WORKFLOWS, FORM, CHOOSER], ids=lambda file: file.name)
def test_it_is_yaml(file: Any) -> None:
    yaml = pytest.importorskip("yaml", reason="PyYAML is no dependency; GitHub itself reads these")
    assert isinstance(yaml.safe_load(file.read_text()), dict)
