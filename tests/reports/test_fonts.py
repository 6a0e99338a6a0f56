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
from matplotlib import font_manager

from reports.draw import fonts, house
from reports.render import pdf
from tests.support.report_document import sample

HAN, EMOJI = "\u6f22", "\U0001f680"


def font_with(letter: str, file: Path) -> None:
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
    builder.setupNameTable({"familyName": "One Letter", "styleName": "Regular", "psName": "OneLetter"})
    builder.setupOS2(sTypoAscender=800, usWinAscent=800, usWinDescent=200, usWeightClass=400)
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


@pytest.fixture
def han_font(no_font: None, tmp_path: Path) -> Path:
    """A computer that has one more, which draws one letter."""
    file = tmp_path / "fonts" / "OneLetter.ttf"
    file.parent.mkdir()
    font_with(HAN, file)
    font_manager.fontManager.addfont(file)
    forget()
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
