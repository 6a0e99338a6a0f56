"""The house colours: one meaning, one hue, for light and dark pages and for the colour-blind.

A plot is drawn once in the light palette. Each hex stands for one meaning alone, so that a page can put
its dark twin, or a CSS variable, in its place.
"""

from __future__ import annotations

import re

from alexnet.frameworks.registry import ENGINES

# Hues after Okabe and Ito (2008), made darker or lighter until they stand out from their ground.
LIGHT: dict[str, str] = {
    "paper": "#fffffe",
    "ink": "#1b1f24",
    "muted": "#5f6770",
    "rule": "#d5d9de",
    **{name: engine.light_hue for name, engine in ENGINES.items()},
    "train": "#8a5aa8",
    "validation": "#00795a",
    "highlight": "#b8860c",
    "good": "#00795b",
    "bad": "#b3261f",
}
DARK: dict[str, str] = {
    "paper": "#14171a",
    "ink": "#e8eaed",
    "muted": "#a3abb5",
    "rule": "#3a4048",
    **{name: engine.dark_hue for name, engine in ENGINES.items()},
    "train": "#cba6e8",
    "validation": "#4fd1a5",
    "highlight": "#f0c14b",
    "good": "#4fd1a6",
    "bad": "#ff8a80",
}


def dark(svg: str) -> str:
    """The SVG that was drawn in the light palette, in the dark one."""
    return _replaced(svg, DARK)


def themed(svg: str) -> str:
    """The SVG with a CSS variable (--ink, --torch …) for each colour of the palette."""
    return _replaced(svg, {name: f"var(--{name})" for name in LIGHT})


def _replaced(svg: str, by: dict[str, str]) -> str:
    names = {colour: name for name, colour in LIGHT.items()}
    return re.sub("|".join(names), lambda found: by[names[found[0]]], svg)
