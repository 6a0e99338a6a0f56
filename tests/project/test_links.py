"""Every link of README and docs leads to a file that is there, and to a heading that it has."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest

from bench.paths import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
LINK = re.compile(r"\]\(([^()\s]+(?:\([^()\s]*\)[^()\s]*)?)\)|(?:src|srcset)=\"([^\"]+)\"")


def prose(page: Path) -> str:
    """A page without its blocks and spans of code."""
    text = re.sub(r"^( *)```.*?^\1```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]+`", lambda span: "" if "](" in span[0] else span[0], text)


@cache
def anchors(page: Path) -> set[str]:
    """The anchors that GitHub makes of a page's headings; a second one of a name has a number."""
    found: dict[str, int] = {}
    for heading in re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE):
        words = re.sub(r"\[([^\]]+)\]\([^)]+\)", r"\1", heading)
        name = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
        found[name] = found.get(name, -1) + 1
        if found[name]:
            found[f"{name}-{found[name]}"] = 0
    return set(found)


def links(page: Path) -> list[str]:
    """What a page links to or shows, but for addresses on the web."""
    targets = [first or second for first, second in LINK.findall(prose(page))]
    return [target for target in targets if not re.match(r"[a-z]+:", target)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in links(page):
        path, _, anchor = target.partition("#")
        file = (page.parent / unquote(path)).resolve() if path else page
        assert file.exists(), target
        assert not anchor or file.suffix != ".md" or anchor in anchors(file), target


def test_the_readme_leads_to_every_page() -> None:
    """At once, or by one page between."""
    near = {(ROOT / target.partition("#")[0]).resolve() for target in links(ROOT / "README.md")}
    far = {
        (page.parent / target.partition("#")[0]).resolve()
        for page in near
        if page.suffix == ".md"
        for target in links(page)
    }
    assert {page for page in ROOT.glob("docs/*.md") if page not in near | far} == set()
