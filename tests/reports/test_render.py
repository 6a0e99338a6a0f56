"""The three renderers: what a text says is shown as text, links lead somewhere, nothing is cut off."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path
from time import process_time

import pandas as pd
import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reports.draw import palette
from reports.render import data, html, markdown, pdf
from reports.render import page as shared
from reports.write.document import Paragraph, Picture, Report, Section, Sentence, Table
from tests.support.report_document import (
    FINDING,
    HOSTILE,
    LINES,
    MACS,
    MARKUP,
    SPEEDS,
    drawing,
    front_table,
    hostile,
    picture,
    runs,
    sample,
    with_front,
)

TAGS = re.compile(
    "html|head|meta|title|style|script|body|a|nav|p|ol|ul|li|main|header|h[12]|dl|div|dt|dd|section"
    "|figure|figcaption|table|thead|tbody|tr|th|td|b|i|strong|span|code"
)
ATTRIBUTES = re.compile(
    "lang|charset|name|content|class|href|aria-label|id|tabindex|role|scope|title|http-equiv|type"
    "|data-(rows|brief|of|v)"
)
VOID = {"meta"}


class Reader(HTMLParser):
    """What a browser would make of a page: its tags, links and ids, and the text that one sees."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str]]] = []
        self.drawn: list[tuple[str, dict[str, str]]] = []
        self.seen: list[str] = []
        self.feed(page)
        self.close()
        assert not self.open
        self.text = squeezed(" ".join(self.seen))
        both = self.tags + self.drawn
        self.ids = [found["id"] for _, found in both if "id" in found]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert len(dict(attrs)) == len(attrs)
        found = {name: value or "" for name, value in attrs}
        (self.drawn if "svg" in (*self.open, tag) else self.tags).append((tag, found))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.drawn.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "script"} & set(self.open):
            self.seen.append(data)

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)

    def all(self, tag: str, **having: str) -> list[dict[str, str]]:
        return [found for name, found in self.tags if name == tag and having.items() <= found.items()]


def squeezed(text: str) -> str:
    """The text as it can be compared, whatever spaces and line breaks a format has put in."""
    return re.sub(r"[\s\u200b]+", "", shared.plain(text))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_page_shows_every_text_and_runs_none(text: str) -> None:
    page = Reader(html.render(hostile(text)))
    assert all(TAGS.fullmatch(tag) for tag, _ in page.tags)
    assert all(ATTRIBUTES.fullmatch(name) for _, found in page.tags for name in found)
    for _, found in page.tags + page.drawn:
        assert not [name for name in found if name.startswith("on") or name == "src"]
        links = [value for name, value in found.items() if name.endswith("href")]
        assert all(link[0] == "#" and link[1:] in page.ids for link in links)
    assert len(set(page.ids)) == len(page.ids)
    assert squeezed(text * 3) in page.text
    for found in page.all("a", **{"class": "number"}):
        assert found["title"] == shared.plain(text) or not text
    assert [found["aria-label"] for tag, found in page.drawn if tag == "svg"] == [shared.plain(text)] * 3


def test_a_number_leads_to_its_row_and_the_row_back() -> None:
    report = sample()
    source = html.render(report)
    page = Reader(source)
    for n, (place, number) in enumerate(report.numbers(), 1):
        assert re.search(rf'<a href="#n{n}" id="s{n}"[^>]*>{re.escape(number.text)}</a>', source)
        row = re.search(
            rf'<tr><th[^>]*><span class="name"><a href="#s{n}" id="n{n}">{n}</a>.*?</tr>',
            source,
            re.DOTALL,
        )
        assert row
        assert repr(number.value).removesuffix(".0") in row[0]
        assert place in row[0]
    assert '<a href="#run-R4">R4</a>–<a href="#run-R6">R6</a>, <a href="#run-R9">R9</a>' in source
    assert page.text.index("Everyrun") < page.text.rindex(squeezed(shared.NUMBERS))


def test_a_page_is_laid_out_for_reading() -> None:
    source = html.render(sample())
    page = Reader(source)
    assert page.all("html", lang="en")
    assert page.all("meta", name="viewport")
    assert len(page.all("h1")) == 1
    assert len(page.all("table")) == 3
    assert all(found["scope"] in ("row", "col") for found in page.all("th"))
    for words in (
        "nothingmeasured",
        "and1,210morerows",
        "Appendix",
        "failed",
        "Note:",
    ):
        assert words in page.text
    assert source.index('id="heat"') < source.index('class="divider"') < source.index('id="runs"')
    # Links of the palette's variables, and of no colour that only a light page could show.
    assert "var(--torch)" in source
    assert source.count(palette.LIGHT["torch"]) == source.count(palette.DARK["torch"]) == 1
    assert not re.findall(r"https?://(?!www\.w3\.org)", source)


def test_a_page_has_a_first_page() -> None:
    source = html.render(with_front())
    page = Reader(source)
    order = ["AlexNettraining", squeezed(FINDING), "28s", "Thefastestmachine", "Howsure:", "Contents"]
    below = page.text.removeprefix(squeezed(FINDING))  # the window's title
    place = 0
    for words in order:
        place = below.index(words, place)
    assert source.count('class="narrow"') == 1
    assert source.count(">MacBook Pro M3 Max<") == 2, "for who sorts, and for who hears it"
    assert len(page.all("tr", **{"class": " same"})) == len(MACS) + 2, "and two in the sample's table"
    assert len(page.all("i", **{"class": "mark dot e-torch"})) == len(MACS)
    assert 'data-of="MacBook Pro M3 Max"' in source
    assert 'data-v="30.24' in source, "the raw value, which the page shows as 30"


def test_the_page_allows_nothing_but_itself() -> None:
    source = html.render(with_front())
    page = Reader(source)
    [policy] = page.all("meta", **{"http-equiv": "Content-Security-Policy"})
    found = dict(part.split(" ", 1) for part in policy["content"].split("; "))
    assert found.pop("img-src") == "data:"
    for name in ("style", "script"):
        [text] = re.findall(rf"<{name}>(.*?)</{name}>", source, re.DOTALL)
        digest = b64encode(sha256(text.encode()).digest()).decode()
        assert found.pop(f"{name}-src") == f"'sha256-{digest}'"
    assert set(found.values()) == {"'none'"}
    assert not [tag for tag, found in page.tags + page.drawn if "style" in found]


def test_frames_in_the_page_are_text() -> None:
    source = html.render(with_front())
    [text] = re.findall(r'<script type="application/json" id="frames">(.*?)</script>', source, re.DOTALL)
    assert json.loads(text) == {"runs": "run,machine\nR1,</script><b>\nR2,'=1+1\n"}


def test_frames_that_are_too_large_stay_beside_the_page() -> None:
    large = pd.DataFrame({"name": ["x" * 1000] * 2100})
    report = replace(with_front(), data={"runs": large, "means": large.head(2)})
    assert list(data.embedded(report)) == ["means"]


def test_the_frames_lie_beside_the_report(tmp_path: Path) -> None:
    data.write(with_front(), tmp_path)
    names = {file.name for file in (tmp_path / "report-data").iterdir()}
    assert names == {f"{n}{e}" for n in ("runs", "front", "numbers") for e in (".csv", ".parquet")}
    assert data.frames(replace(with_front(), data={"none": pd.DataFrame({"run": []})})).keys() == {
        *("front", "numbers")
    }
    numbers = data.frames(with_front())["numbers"]
    assert numbers["number"].tolist() == list(range(1, len(with_front().numbers()) + 1))
    assert numbers["value"].tolist() == [number.value for _, number in with_front().numbers()]
    assert len(pd.read_parquet(tmp_path / "report-data" / "front.parquet")) == 2 * len(MACS)


@pytest.mark.parametrize("colours", [palette.LIGHT, palette.DARK], ids=["light", "dark"])
def test_words_stand_out_from_their_ground(colours: dict[str, str]) -> None:
    """WCAG 2.2 AA: 4.5 to 1 for text, also on the tint, which is 5 % ink."""

    def light(name: str, share: float = 1.0) -> float:
        parts = [
            share * int(colours[name][i : i + 2], 16)
            + (1 - share) * int(colours["paper"][i : i + 2], 16)
            for i in (1, 3, 5)
        ]
        linear = [
            p / 255 / 12.92 if p / 255 <= 0.04045 else ((p / 255 + 0.055) / 1.055) ** 2.4 for p in parts
        ]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] + 0.05

    for ground in (light("paper"), light("ink", 0.05)):
        for name in ("ink", "muted", "bad"):
            assert max(light(name), ground) / min(light(name), ground) >= 4.5, name


@pytest.mark.parametrize(
    "inside",
    [
        "<script>alert(1)</script>",
        "<scr<!-- -->ipt>",
        '<a xlink:href="http://evil.example">x</a>',
        '<image href="http://evil.example/x.png"/>',
        "<image href='//evil.example/x.png'/>",
        '<use xlink:href=" http://evil.example/x.svg#a"/>',
        '<rect style="fill: url(http://evil.example/x)"/>',
        '<rect onload="alert(1)"/>',
        "<foreignObject></foreignObject>",
        "<img src='x'>",
        "<style>@import 'x'</style>",
        "</svg><p>",
    ],
)
def test_a_picture_that_is_more_than_a_drawing_is_refused(inside: str) -> None:
    block = replace(picture("a", "any"), svg=f'<svg xmlns="http://www.w3.org/2000/svg">{inside}</svg>')
    report = replace(sample(1), sections=(Section(key="a", title="a", blocks=(block,)),))
    for render in (html.render, markdown.render, markdown.files, pdf.render):
        with pytest.raises(ValueError, match="the picture 'any' may not hold"):
            render(report)


def test_an_inner_id_belongs_to_its_picture() -> None:
    block = picture("a", "any")
    report = replace(sample(1), sections=(Section(key="a", title="a", blocks=(block, block)),))
    page = Reader(html.render(report))
    assert len(set(page.ids)) == len(page.ids)
    source = html.render(report)
    used = re.findall(r'href="#(picture-[^"]+)"|url\(#([^)]+)\)', source)
    assert used
    assert {one or other for one, other in used} <= set(page.ids)


def shown(tokens: Sequence[Token]) -> str:
    """What a reader of the Markdown sees; fails where a text has become markup."""
    found = []
    for token in tokens:
        assert token.type not in ("image", "code_block", "fence", "hr", "s_open")
        if token.type == "link_open":
            assert str(token.attrs["href"]).startswith("#"), "one of the contents"
        if token.type == "html_block":
            assert re.fullmatch(
                r'<picture>\n<source [^\n]*>\n<img src="[^"<>]*" alt="[^"<>]*">\n</picture>\n?',
                token.content,
            )
        if token.type == "html_inline":
            assert token.content in ("<!-- -->", "<span>", "</span>", "<br>")
        elif token.type in ("text", "code_inline"):
            found.append(token.content)
        found.append(shown(token.children or ()))
    return " ".join(found)


READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])


@pytest.mark.parametrize("text", HOSTILE)
def test_markdown_shows_every_text_and_reads_none(text: str) -> None:
    tokens = READER.parse(markdown.render(hostile(text)))
    assert squeezed(text * 3) in squeezed(shown(tokens))
    kinds = [token.type for token in tokens]
    assert kinds.count("heading_open") == 1 + 2
    assert kinds.count("table_open") == 1 + 1 + 4
    assert kinds.count("html_block") == 3
    assert not {"bullet_list_open", "ordered_list_open"} & set(kinds)
    assert kinds.count("blockquote_open") == 4


def test_markdown_escapes_whatever_is_thrown_at_it() -> None:
    dice = random.Random(11)
    pieces = (
        *"\\`*_{}[]()#+-.!|<>~$&@:=;/\"' \nab1",
        "http://a.b",
        "www.a.b",
        "&amp;",
        "**",
        "a@b.c",
        "<b>",
        *LINES,
    )
    for _ in range(3000):
        text = "".join(dice.choices(pieces, k=dice.randint(1, 12)))
        escaped = markdown.escape(text)
        for source in (escaped, f"> {escaped}", f"# {escaped}", f"| a |\n|---|\n| {escaped} |"):
            tokens = READER.parse(source)
            extra = "a" if source.startswith("| a |") else ""
            assert squeezed(shown(tokens)) == extra + squeezed(text), source


def test_markdown_names_the_files_that_it_needs() -> None:
    report = sample(3)
    source, files = markdown.render(report, pictures="my plots"), markdown.files(report)
    assert sorted(files) == [
        f"pictures/{key}-{mode}.svg" for key in ("heat", "rates") for mode in ("dark", "light")
    ]
    assert '<img src="my%20plots/rates-light.svg" alt="Two curves' in source
    assert 'srcset="my%20plots/rates-dark.svg"' in source
    assert palette.DARK["torch"] in files["pictures/rates-dark.svg"]
    assert not [
        colour for colour in palette.LIGHT.values() if colour in files["pictures/rates-dark.svg"]
    ]
    assert palette.LIGHT["torch"] in files["pictures/rates-light.svg"]
    for words in (
        "*nothing measured*",
        "and 1,210 more rows",
        "Pro *(baseline)* |",
    ):
        assert words in source


def test_markdown_is_short_and_says_where_the_rest_is() -> None:
    source = markdown.render(with_front({f"Mac {n}": 30 + n for n in range(60)}))
    assert source.count("\n") <= markdown.MOST_LINES
    assert "and 100 more rows: `report-data/front.csv`" in source
    many = [replace(front_table(MACS), key=f"t{n}") for n in range(60)]
    sections = (Section(key="a", title="a", blocks=tuple(many)),)
    assert "and 3 more rows: `report-data/t59.csv`" in markdown.render(
        replace(sample(1), sections=sections)
    )


def test_markdown_leads_to_its_chapters() -> None:
    twice = replace(sample(1), sections=sample(1).sections[:1] * 2)
    source = markdown.render(twice)
    assert "[Which is faster](#which-is-faster) · [Which is faster](#which-is-faster-1)" in source


def test_a_table_of_the_page_alone_is_a_count_elsewhere(tmp_path: Path) -> None:
    table = replace(runs(90), only_in_html=True, frame=pd.DataFrame({"run": range(90)}))
    report = replace(sample(1), sections=(Section(key="a", title="a", blocks=(table,)),))
    assert "R90" in html.render(report)
    source = markdown.render(report)
    assert "90 rows: `report-data/runs.csv`" in source
    assert "R9" not in source
    assert "90rows:report-data/runs.csv" in squeezed(read(pdf.render(report), tmp_path))


def test_brief_rows_stand_for_all() -> None:
    table = replace(front_table({f"Mac {n}": n + 30 for n in range(30)}), brief=(0, 1, 2, 59))
    report = replace(sample(1), sections=(Section(key="a", title="a", blocks=(table,)),))
    source = markdown.render(report)
    assert "| Mac 0 | PyTorch" in source
    assert "| Mac 29 | TensorFlow" in source, "its name, though its other engine is left out"
    assert "and 56 more rows" in source
    assert "Mac 14" in html.render(report)


def pages(document: bytes) -> int:
    found = re.search(rb"<xmpTPg:NPages>(\d+)<", document)
    assert document.startswith(b"%PDF-")
    assert found
    return int(found[1])


def read(document: bytes, folder: Path, *options: str) -> str:
    """The PDF's text by poppler, or a skip."""
    if not shutil.which("pdftotext"):
        pytest.skip("no pdftotext (poppler) to read the PDF with")
    file = folder / "report.pdf"
    file.write_bytes(document)
    return subprocess.check_output(["pdftotext", *options, str(file), "-"], text=True)


@cache
def hostile_pdf(text: str) -> bytes:
    """Letters past 1,000 add pages and seconds: with its number such a word already fills a page."""
    return pdf.render(hostile(text[:1000]))


@pytest.mark.parametrize("text", HOSTILE)
def test_a_pdf_is_made_of_any_text(text: str) -> None:
    assert pages(hostile_pdf(text)) > 0


def test_a_pdf_shows_texts_as_they_are(tmp_path: Path) -> None:
    for text in MARKUP:
        lede = (Paragraph((Sentence((text,)),)),)
        front = Report(eyebrow=text, title=text, summary=lede, sections=())
        assert squeezed(read(pdf.render(front), tmp_path, "-raw")).startswith(squeezed(text * 3)), text
    found = squeezed(read(pdf.render(sample()), tmp_path))
    for words in (
        "nothingmeasured",
        "and1,260morerows",
        "Appendix",
        "invalid",
    ):
        assert words in found


def outside(document: bytes, folder: Path) -> list[str]:
    """Words that reach over the edge of a page's text, 20 mm from the paper's."""
    found, width = [], 0.0
    for line in read(document, folder, "-bbox").splitlines():
        if size := re.search(r'<page width="([\d.]+)"', line):
            width = float(size[1])
        if word := re.search(r'xMin="(-?[\d.]+)".* xMax="([\d.]+)"', line):
            margin = 20 * 72 / 25.4 - 1
            if float(word[1]) < margin or float(word[2]) > width - margin:
                found.append(line)
    return found


def test_nothing_is_cut_off_in_a_pdf(tmp_path: Path) -> None:
    wide = replace(
        runs(40), key="wide", columns=runs(1).columns * 2, rows=tuple(r * 2 for r in runs(40).rows)
    )
    for table in (runs(90), wide):
        report = replace(sample(1), sections=(Section(key="a", title="a", blocks=(table,)),))
        assert not outside(pdf.render(report), tmp_path)
    [endless] = [text for text in HOSTILE if len(text) > 1000]
    assert not outside(hostile_pdf(endless), tmp_path)


def test_all_pages_stand_upright(tmp_path: Path) -> None:
    boxes = re.findall(
        r"<page width=\"([\d.]+)\" height=\"([\d.]+)\"",
        read(pdf.render(with_front()), tmp_path, "-bbox"),
    )
    assert len(boxes) > 3
    assert all(float(width) < float(height) for width, height in boxes)


def test_a_first_page_is_one_page(tmp_path: Path) -> None:
    text = read(pdf.render(with_front()), tmp_path, "-l", "1")
    for words in ("AlexNet training", "How sure:", "MacBook Pro M1 Pro", "±1.1 %, 3 runs"):
        assert words in text


def leaves(blocks: Sequence[Table | Paragraph], folder: Path, title: str = "A title") -> list[list[str]]:
    """The lines of each page of a report of one chapter, the pages' heads and numbers left out."""
    section = Section(key="a", title="A chapter", blocks=tuple(blocks))
    text = read(pdf.render(Report(title=title, summary=(), sections=(section,))), folder, "-layout")
    text = text.replace("\N{ZERO WIDTH SPACE}", "")
    return [
        [line.strip() for line in leaf.splitlines() if line.strip()][number > 0 : -1]
        for number, leaf in enumerate(text.split("\f")[:-1])
    ]


def test_a_table_of_twelve_rows_is_whole_and_a_longer_one_fills_its_page(tmp_path: Path) -> None:
    sentence = Sentence(("Nothing but a line of a page's words.",))
    broken = set()
    for lines in range(24, 44, 2):
        for rows in (12, 16):
            above = (Paragraph((sentence,)),) * lines
            table = replace(runs(rows), columns=runs(1).columns[:2])
            by_leaf = leaves((*above, table), tmp_path)
            [first] = [n for n, leaf in enumerate(by_leaf) if "All runs" in leaf]
            [last] = [n for n, leaf in enumerate(by_leaf) if any(f"R{rows} " in line for line in leaf)]
            broken |= {rows} if first != last else set()
    assert broken == {16}


def test_a_group_that_goes_on_has_its_name_on_each_page(tmp_path: Path) -> None:
    groups = 8
    row = front_table(MACS).rows[0][1:]
    table = replace(
        front_table(MACS),
        key="machines",  # the first page's is cut to end on it
        brief=(),
        rows=tuple((f"Mac {n // 5}", *row) for n in range(5 * groups)),
    )
    above = (Paragraph((Sentence(("Nothing but a line of a page's words.",)),)),) * 17
    first, second = leaves((*above, table), tmp_path)
    names = [[line for line in leaf if line.startswith("Mac ")] for leaf in (first, second)]
    assert second[1].startswith("Mac "), "the row under the repeated headings"
    assert len(first) + len(second) > 5 * groups
    assert names[0][-1].split()[:2] == names[1][0].split()[:2], "the group is broken by the page"
    assert len(names[0]) + len(names[1]) == groups + 1, "and else its name stands once"


def test_a_word_of_a_sentence_in_a_cell_is_whole(tmp_path: Path) -> None:
    said = "thoroughgoing differences undistinguishable straightforwardness notwithstanding counterparts"
    wide = replace(
        SPEEDS, rows=tuple((f"Mac {n}", "x", "1", "2", f"{said} {'a ' * n}{said}") for n in range(12))
    )
    table = replace(wide, columns=(*wide.columns[:4], replace(wide.columns[4], align="left")), kinds=())
    told = {word for leaf in leaves((table,), tmp_path) for line in leaf for word in line.split()}
    assert {*said.split()} <= told
    pieces = [word for word in told if any(word in whole and word != whole for whole in said.split())]
    assert not [piece for piece in pieces if len(piece) > 2]


def test_the_head_of_a_page_ends_with_a_word(tmp_path: Path) -> None:
    title = (
        "Mac Studio with the M2 Ultra of 2023 trains AlexNet 3.14 times as fast as MacBook Pro M1 Pro"
    )
    section = Section(key="a", title="A chapter", blocks=(runs(30), runs(30), runs(30)))
    text = read(pdf.render(Report(title=title, summary=(), sections=(section,))), tmp_path, "-f", "2")
    assert text.splitlines()[0] == f"{title[: title.index('MacBook') - 1]}…"
    endless = Report(title="i" * 200, summary=(), sections=(section,))
    text = read(pdf.render(endless), tmp_path, "-f", "2").replace("\N{ZERO WIDTH SPACE}", "")
    assert text.splitlines()[0] == f"{'i' * 79}…"


def test_a_pdf_is_the_same_each_time() -> None:
    assert pdf.render(sample(5)) == pdf.render(sample(5))


def test_a_report_without_anything_in_it() -> None:
    bare = Report(title="Bare", summary=(), sections=())
    assert shared.NUMBERS not in html.render(bare)
    assert markdown.render(bare) == "# Bare\n"
    assert pages(pdf.render(bare)) == 1


def test_many_runs_are_named_in_few_words() -> None:
    def short(*names: str) -> str:
        return shared.text_of(shared.shortened(names, {}))

    assert short(*(f"R{n}" for n in (1, 2, 3, 4, 5, 6, 7, 8, 12))) == "R1–R8, R12"
    assert short("R1", "R2", "R9", "R10", "R11") == "R1, R2, R9–R11"
    assert short("a", "R1", "R1", "b") == "a, R1, b"
    assert short() == "–"


def large(rows: int, pictures: int, paths: int) -> Report:
    path = '<path id="p" d="M 0 0 L 1 1"/>'
    svg = drawing("any").replace("</svg>", path * paths + "</svg>")
    plots: list[Picture] = [replace(picture(f"p{n}", "any"), svg=svg) for n in range(pictures)]
    given = sample(rows)
    return replace(given, sections=(*given.sections, Section(key="p", title="p", blocks=tuple(plots))))


def cost(report: Report) -> float:
    """The CPU's seconds for its page, the less of two: what else a machine does only adds to it."""
    spent = []
    for _ in range(2):
        start = process_time()
        html.render(report)
        spent.append(process_time() - start)
    return min(spent)


def test_a_large_report_is_a_page_within_seconds() -> None:
    """Half a second; a quarter of it takes a quarter, and a sixteenth if work grew by the square."""
    whole = cost(large(2000, 20, 6000))
    assert whole < 3
    assert whole < 7 * cost(large(500, 10, 3000))
