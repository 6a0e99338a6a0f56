"""What an SVG may hold before it becomes part of a report: a drawing, and nothing that asks or runs."""

from __future__ import annotations

import re

DRAWN = (
    "svg|g|defs|style|clippath|path|use|rect|circle|ellipse|line|polyline|polygon|image|pattern|marker|symbol"
    "|mask|lineargradient|radialgradient|stop|title|desc|text|tspan|filter|fe[a-z]+"
)
HOSTILE = re.compile(
    rf"<(?!/?(?:{DRAWN})[\s/>])[^>]{{0,30}}|\son\w+\s*=|@import|javascript:"
    r"|href\s*=\s*[\"']?(?![\"']|#|data:image/(?:png|jpeg);)|url\(\s*[\"']?(?![\"']|#)",
    re.IGNORECASE,
)
OVERHEAD = re.compile(r"<!--.*?-->|<metadata>.*?</metadata>|<\?xml.*?\?>|<!DOCTYPE[^>]*>", re.DOTALL)


def checked(svg: str, *, name: str) -> str:
    """The SVG without prolog, comments and metadata; ValueError where it is more than a drawing."""
    start = OVERHEAD.sub("", svg).strip()
    if not start.startswith("<svg") or not start.endswith("</svg>"):
        raise ValueError(f"the picture {name!r} is no SVG: it has to be one <svg> element")
    if found := HOSTILE.search(start):
        what = found[0].strip()
        raise ValueError(f"the picture {name!r} may not hold {what!r}: it would be more than a drawing")
    return start
