"""Names in any script: a font of this computer where one draws them, else their code points."""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from fontTools.fontBuilder import FontBuilder
from fontTools.pens.ttGlyphPen import TTGlyphPen
from fontTools.ttLib import TTCollection, TTFont
from matplotlib import font_manager

from reports.draw import fonts, house
from reports.render import pdf
from tests.support.report_document import sample

HAN, EMOJI = "\u6f22", "\U0001f680"


def font_with(letter: str, file: Path, family: str = "One Letter", weight: int = 400) -> None:
    """A font whose one letter is a triangle."""
    pen = TTGlyphPen(None)
    pen.moveTo((100, 0))
    pen.lineTo((500, 800))
    pen.lineTo((900, 0))
    pen.closePath()
    glyph = pen.glyph()
    builder = FontBuilder(1000, isTTF=True)
    builder.setupGlyphOrder([".notdef", "letter"])
    builder.setupCharacterMap({ord(letter): "letter"})
    builder.setupGlyf({".notdef": TTGlyphPen(None).glyph(), "letter": glyph})
    builder.setupHorizontalMetrics({".notdef": (1000, 0), "letter": (1000, 100)})
    builder.setupHorizontalHeader(ascent=800, descent=-200)
    ps_name = family.replace(" ", "")
    builder.setupNameTable({"familyName": family, "styleName": "Regular", "psName": ps_name})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200, usWeightClass=weight)
    builder.setupPost()
    builder.save(file)


def forget() -> None:
    fonts._computers.cache_clear()
    fonts._fallback.clear()


@pytest.fixture
def no_font(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A computer that has matplotlib's fonts alone."""
    own = [entry for entry in font_manager.fontManager.ttflist if "mpl-data" in entry.fname]
    monkeypatch.setattr(font_manager.fontManager, "ttflist", own)
    monkeypatch.setattr(house, "_families", {})
    forget()
    yield
    forget()


def install(file: Path) -> None:
    font_manager.fontManager.addfont(file)
    forget()


@pytest.fixture
def han_font(no_font: None, tmp_path: Path) -> Path:
    """A computer that has one more, which draws one letter."""
    file = tmp_path / "fonts" / "OneLetter.ttf"
    file.parent.mkdir()
    font_with(HAN, file)
    install(file)
    return file


@house.styled
def drawn(label: str) -> str:
    figure, [[panel]] = house.grid(1, 1, row_inches=1)
    panel.text(0, 0, house.text(label))
    panel.set_xticks([0], [house.text(label)])
    return house.svg(figure)


@pytest.mark.usefixtures("no_font")
def test_a_letter_that_no_font_draws_is_its_code_point() -> None:
    assert house.text(f"{HAN}\n{EMOJI}\ufe0f x") == "U+6F22 U+1F680 x"
    assert house.text("Ångström Ωμέγα Мир – ×") == "Ångström Ωμέγα Мир – ×"
    assert drawn(HAN) == drawn("U+6F22")


@pytest.mark.usefixtures("han_font")
def test_a_font_of_this_computer_draws_what_matplotlibs_cannot() -> None:
    assert house.text(f"a {HAN}{EMOJI}") == f"a {HAN}U+1F680"
    svg = drawn(HAN)  # a warning of a missing letter would be an error here
    assert re.findall(r'<path id="OneLetter-\w+"', svg)


@pytest.mark.usefixtures("no_font")
@pytest.mark.parametrize(
    ("family", "weight"),
    [
        ("Droid Sans Fallback", 400),  # what a small Linux has for Chinese
        ("Noto Sans CJK SC", 100),  # Fedora's variable font gives its lightest weight as its own
        ("Heiti Medium", 500),  # Typst calls the family Heiti
    ],
)
def test_a_chips_name_is_drawn_wherever_a_font_has_its_letters(
    tmp_path: Path, family: str, weight: int
) -> None:
    file = tmp_path / "Font.ttf"
    font_with(HAN, file, family, weight)
    install(file)
    assert house.text(HAN) == HAN
    name = family.replace(" ", "")
    assert re.findall(rf'<path id="{name}-\w+"', drawn(HAN))
    document = pdf.render(replace(sample(1), title=f"{HAN} C86"))
    assert f"+{name}".encode() in document, "it is embedded, so no box stands for the letter"


@pytest.mark.usefixtures("no_font")
def test_the_second_font_of_a_file_draws_too(tmp_path: Path) -> None:
    """A collection has a font a language, and not all have all letters."""
    parts = [tmp_path / "first.ttf", tmp_path / "second.ttf"]
    for letter, part in zip("a" + HAN, parts, strict=True):
        font_with(letter, part, f"Letters {part.stem}")
    collection = TTCollection()
    collection.fonts = [TTFont(part) for part in parts]
    for part in parts:
        part.unlink()
    collection.save(tmp_path / "Letters.ttc")
    install(tmp_path / "Letters.ttc")
    assert house.text(HAN) == HAN
    document = pdf.render(replace(sample(1), title=HAN))
    assert b"+Letterssecond" in document


def read(document: bytes, folder: Path, command: str = "pdftotext") -> str:
    if not shutil.which(command):
        pytest.skip(f"no {command} (poppler) to read the PDF with")
    file = folder / "report.pdf"
    file.write_bytes(document)
    return subprocess.check_output(
        [command, file, *(["-"] if command == "pdftotext" else [])], text=True
    )


@pytest.mark.usefixtures("no_font")
def test_a_pdf_shows_the_code_point_too(tmp_path: Path) -> None:
    text = read(pdf.render(replace(sample(1), title=f"{HAN} {EMOJI}")), tmp_path)
    assert text.count("U+6F22 U+1F680") >= 1
    assert HAN not in text


@pytest.mark.usefixtures("han_font")
def test_a_pdf_has_the_font_of_this_computer(tmp_path: Path) -> None:
    document = pdf.render(replace(sample(1), title=f"{HAN} and {EMOJI}"))
    assert f"{HAN} and U+1F680" in read(document, tmp_path)
    assert "OneLetter" in read(document, tmp_path, "pdffonts")
