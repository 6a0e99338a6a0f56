"""The three renderers: what a text says is shown as text, links lead somewhere, nothing is cut off."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import replace
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from time import process_time

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

from reports import html, markdown, palette, pdf
from reports import page as shared
from reports.document import Picture, Report, Section
from tests.support.report_document import HOSTILE, LINES, MARKUP, drawing, hostile, picture, runs, sample

TAGS = re.compile(
    "html|head|meta|title|style|body|a|nav|p|ol|li|main|header|h[12]|dl|div|dt|dd|details|summary|section"
    "|figure|figcaption|table|caption|thead|tbody|tr|th|td|b|strong|span|code"
)
ATTRIBUTES = re.compile("lang|charset|name|content|class|href|aria-label|id|tabindex|role|scope|title")
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
        if "style" not in self.open:
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
    assert [found["aria-label"] for tag, found in page.drawn if tag == "svg"] == [shared.plain(text)] * 2


def test_a_number_leads_to_its_row_and_the_row_back() -> None:
    report = sample()
    source = html.render(report)
    page = Reader(source)
    for n, (place, number) in enumerate(report.numbers(), 1):
        assert re.search(rf'<a href="#n{n}" id="s{n}"[^>]*>{re.escape(number.text)}</a>', source)
        row = re.search(rf'<tr><th[^>]*><a href="#s{n}" id="n{n}">{n}</a>.*?</tr>', source, re.DOTALL)
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
    assert len(page.all("table")) == len(page.all("caption")) == 3
    assert all(found["scope"] in ("row", "col") for found in page.all("th"))
    for words in (
        "nothingmeasured",
        "and1,210morerows:--csvhasthemall",
        "Appendix",
        "published",
        "Note",
    ):
        assert words in page.text
    assert source.index('id="heat"') < source.index('class="divider"') < source.index('id="runs"')
    # Links of the palette's variables, and of no colour that only a light page could show.
    assert "var(--torch)" in source
    assert source.count(palette.LIGHT["torch"]) == source.count(palette.DARK["torch"]) == 1
    assert not re.findall(r"https?://(?!www\.w3\.org)", source)


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
        assert token.type not in ("link_open", "image", "code_block", "fence", "hr", "s_open")
        if token.type == "html_block":
            assert re.fullmatch(
                r'<picture>\n<source [^\n]*>\n<img src="[^"<>]*" alt="[^"<>]*">\n</picture>\n?',
                token.content,
            )
        if token.type == "html_inline":
            assert token.content in ("<!-- -->", "<span>", "</span>")
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
    assert kinds.count("heading_open") == 1 + 1 + 2
    assert kinds.count("table_open") == 1 + 4
    assert kinds.count("html_block") == 2
    assert not {"bullet_list_open", "ordered_list_open"} & set(kinds)
    assert kinds.count("blockquote_open") == 3


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
        "and 1,210 more rows: `--csv` has them all",
        "Pro *(baseline)* |",
    ):
        assert words in source


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
        title = replace(sample(1), title=text, subtitle="", facts=((text, text),), sections=())
        assert squeezed(read(pdf.render(title), tmp_path, "-raw")).startswith(squeezed(text * 3)), text
    found = squeezed(read(pdf.render(sample()), tmp_path))
    for words in (
        "nothingmeasured",
        "and1,210morerows:--csvhasthemall",
        "Appendix",
        "invalid",
    ):
        assert words in found


def outside(document: bytes, folder: Path) -> list[str]:
    """Words that reach over the edge of a page's text, 18 mm from the paper's at the least."""
    found, width = [], 0.0
    for line in read(document, folder, "-bbox").splitlines():
        if size := re.search(r'<page width="([\d.]+)"', line):
            width = float(size[1])
        if word := re.search(r'xMin="(-?[\d.]+)".* xMax="([\d.]+)"', line):
            margin = 18 * 72 / 25.4 - 1
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


def laid_out(report: Report) -> dict[str, pdf.Layout]:
    chapters = shared.page(report, numbers=False).chapters
    blocks = [block for chapter in chapters for block in chapter.blocks]
    return {block.id: pdf.layout(block) for block in blocks if block.kind == "table"}


def test_a_wide_table_lies_on_its_side() -> None:
    found = laid_out(sample())
    assert not found["table-speeds"].landscape
    assert found["table-runs"].landscape
    for layout in found.values():
        assert sum(layout.widths) <= (pdf.LANDSCAPE if layout.landscape else pdf.PORTRAIT) + 0.01
        assert layout.size >= 7


def test_a_pdf_is_the_same_each_time() -> None:
    assert pdf.render(sample(5)) == pdf.render(sample(5))


def test_a_report_without_anything_in_it() -> None:
    bare = Report(title="Bare", subtitle="", facts=(), summary=(), sections=())
    assert shared.NUMBERS not in html.render(bare)
    assert markdown.render(bare) == "# Bare\n\n## In short\n"
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
