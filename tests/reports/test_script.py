"""The page's script in a real browser: tables sort, filter and unfold, and frames can be saved."""

from __future__ import annotations

from typing import Any

import pytest

from reports.render import html
from tests.support.browser import Page, look
from tests.support.report_document import MACS, with_front

PHONE, DESKTOP = 390, 1440
PROBE = """
const table = page.querySelector("#table-front table"), long = page.querySelector("#table-runs table");
const shown = (table) => [...table.tBodies[0].rows].filter((row) => !row.hidden);
const column = (place) => shown(table).map((row) => row.cells[place].textContent);
const headings = [...table.tHead.rows[0].cells];
const click = (place) => headings[place].querySelector("button").click();
const told = {names: column(0), sorted: []};
for (const place of [2, 2, 2, 3, 0]) {
  click(place);
  told.sorted.push([headings[place].getAttribute("aria-sort"), column(place)]);
}
told.same = shown(table).map((row) => row.classList.contains("same"));
const filter = page.querySelector("#table-front input");
filter.value = "tensor M4";
filter.dispatchEvent(new window.Event("input"));
told.filtered = shown(table).map((row) => row.cells[0].textContent + row.cells[1].textContent);
told.count = page.querySelector("#table-front output").textContent;
told.atOnce = shown(long).length;
const errors = [];
window.addEventListener("error", (event) => errors.push(event.message));
window.location.hash = "#%";
await new Promise((resolve) => setTimeout(resolve, 200));
told.errors = errors;
window.location.hash = "#run-R80";
await new Promise((resolve) => setTimeout(resolve, 200));
told.unfolded = shown(long).length;
const blobs = [];
window.URL.createObjectURL = (blob) => { blobs.push(blob); return "#runs"; };
for (const button of page.querySelectorAll("#data button")) button.click();
told.saved = await Promise.all(blobs.map((blob) => blob.text()));
told.downloads = page.getElementById("data").textContent;
const seen = (element) => element.getClientRects().length > 0;
told.isNarrow = [seen(page.querySelector(".narrow")), seen(page.querySelector(".broad"))];
const cells = shown(table)[0].cells, scroller = table.parentElement;
scroller.scrollLeft = 150;
told.scrolls = scroller.scrollWidth > scroller.clientWidth;
told.cue = window.getComputedStyle(scroller, "::before").content;
told.first = seen(cells[0]);
const stays = [...cells].find(seen);
told.stays = stays.getBoundingClientRect().left - scroller.getBoundingClientRect().left;
told.over = window.getComputedStyle(cells[1], "::before").content;
return told;
"""


@pytest.fixture(scope="module")
def looked(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Page]:
    folder = tmp_path_factory.mktemp("script")
    (folder / "report.html").write_text(html.render(with_front()), encoding="utf-8")
    scratch = tmp_path_factory.mktemp("browser")
    return look(folder / "report.html", scratch, widths=(PHONE, DESKTOP), probe=PROBE)


@pytest.fixture(scope="module")
def probed(looked: dict[int, Page]) -> Any:
    return looked[DESKTOP].seen["probed"]


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_the_policy_lets_the_page_work_and_nothing_out(looked: dict[int, Page], width: int) -> None:
    assert looked[width].complaints == []
    assert looked[width].asked == set()
    assert looked[width].seen["needs"] <= looked[width].seen["width"]


def test_a_heading_sorts_by_the_values_behind_the_cells(probed: Any) -> None:
    up, down, back, rates, names = probed["sorted"]
    epochs = sorted(factor * epoch for epoch in MACS.values() for factor in (1, 1.08))
    assert up == ["ascending", [f"{epoch:.0f}" for epoch in epochs]]
    assert down == ["descending", [f"{epoch:.0f}" for epoch in reversed(epochs)]]
    assert back[0] is None
    assert [int(text.replace(",", "")) for text in rates[1]] == sorted(
        int(text.replace(",", "")) for text in rates[1]
    )
    assert names == ["ascending", sorted(probed["names"], key=str.lower)]
    assert probed["same"] == [False, True] * len(MACS), (
        "a name is shown once where its rows are together"
    )


def test_a_filter_keeps_rows_that_have_all_its_words(probed: Any) -> None:
    assert probed["filtered"] == ["Mac mini M4TensorFlow", "Mac Studio M4 MaxTensorFlow"]
    assert probed["count"] == "2 of 8 rows"


def test_a_long_table_is_folded_and_a_link_unfolds_it(probed: Any) -> None:
    assert (probed["atOnce"], probed["unfolded"]) == (20, 90)


def test_a_link_to_nothing_is_no_error(probed: Any) -> None:
    assert probed["errors"] == []


def test_the_frames_can_be_saved(probed: Any) -> None:
    assert probed["saved"] == ["run,machine\nR1,</script><b>\nR2,'=1+1\n"]
    assert "runs.csv, 1 kB" in probed["downloads"]


@pytest.mark.parametrize(("width", "is_narrow"), [(PHONE, True), (DESKTOP, False)])
def test_a_phone_has_a_picture_of_its_own(looked: dict[int, Page], width: int, is_narrow: bool) -> None:
    assert looked[width].seen["probed"]["isNarrow"] == [is_narrow, not is_narrow]


def test_on_a_phone_a_table_scrolls_beside_the_column_that_names_its_rows(
    looked: dict[int, Page],
) -> None:
    seen = looked[PHONE].seen["probed"]
    assert seen["scrolls"]
    assert seen["cue"].startswith('"More columns')
    assert not seen["first"], "the machine stands over its engines"
    assert seen["over"] == '"Mac mini M4"'
    assert seen["stays"] == pytest.approx(0, abs=1)
    seen = looked[DESKTOP].seen["probed"]
    assert (seen["scrolls"], seen["cue"]) == (False, "none")
