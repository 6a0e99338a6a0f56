"""The written page in a real browser: nothing asked of any host, no complaint, and it fits a phone."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
from msgspec.structs import replace

from bench.records.types import ResumedDespite
from reports.__main__ import main
from tests.support.browser import Page, look
from tests.support.report_files import ANNA, content_of, epochs_of, run_of, two_machines, write

PHONE, DESKTOP = 390, 1440
HOSTILE = '<img src="http://evil.example/x.png" onerror="alert(1)"><script>alert(2)</script>'


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of two machines, and of a third whose owner means harm."""
    folder = tmp_path_factory.mktemp("page")
    two_machines(folder / "results")
    run = run_of(
        "scratch",
        "torch",
        epochs_of([9.0, *[5.0] * 5]),
        warnings=[ResumedDespite(difference=HOSTILE)],
        start={"device_name": HOSTILE},
    )
    failed = run_of("mistaken", "torch", epochs_of([9.0, 5.0]), failure=HOSTILE)
    owner = replace(ANNA, name=HOSTILE, chip=HOSTILE, os=HOSTILE, packages={HOSTILE: HOSTILE})
    write(folder, "results/evil.json", content_of(owner, [run, failed]))
    write(folder, "results/<b>bad.json", {"no": "result"})
    assert main([str(folder / "results"), "--out", str(folder / "out"), "--format", "html"]) == 0
    return folder / "out" / "report.html"


@pytest.fixture(scope="module")
def looked(page: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[int, Page]:
    """Width -> what the browser saw, which starts once for all tests of this file."""
    return look(page, tmp_path_factory.mktemp("browser"), widths=(PHONE, DESKTOP))


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_it_opens_without_a_complaint_or_a_request(looked: dict[int, Page], width: int) -> None:
    assert looked[width].complaints == []
    assert looked[width].asked == set()


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_it_fits_its_window_and_shows_its_pictures(looked: dict[int, Page], width: int) -> None:
    seen = looked[width].seen
    assert seen["width"] >= width - 30, "the frame is as wide as was asked for, but for a scroll bar"
    assert seen["needs"] <= seen["width"], "the page itself scrolls sideways"
    assert len(seen["pictures"]) >= 3
    for across, down, right in seen["pictures"]:
        assert across > 0.6 * min(width, 700)
        assert down > 50
        assert right <= seen["width"] + 1


def test_its_links_lead_somewhere_and_no_id_is_there_twice(looked: dict[int, Page]) -> None:
    seen = looked[DESKTOP].seen
    assert [name for name, times in Counter(seen["ids"]).items() if times > 1] == []
    assert seen["broken"] == []


def test_what_a_file_says_is_shown_as_text(looked: dict[int, Page]) -> None:
    seen = looked[DESKTOP].seen
    assert '<img src="http://evil.example/x.png"' in seen["text"]
    assert not {"img", "iframe", "object", "embed"} & set(seen["tags"])
