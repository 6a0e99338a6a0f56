"""A comparison of two engines with its sides changed round."""

from __future__ import annotations

from typing import Any

TURNED = {"faster": "slower", "slower": "faster", "ahead": "behind", "behind": "ahead"}


def turned(row: dict[Any, Any]) -> dict[Any, Any]:
    """The same comparison, a row of `Study.engines` or `engine_means`, with the second engine first."""
    changed = row | {
        "ratio": 1 / row["ratio"],
        "low": 1 / row["high"],
        "high": 1 / row["low"],
        "verdict": TURNED.get(row["verdict"], row["verdict"]),
        "runs": row["runs"][::-1],
        "sessions": row["sessions"][::-1],
    }
    for name, value in row.items():
        if str(name).startswith("first"):
            second = str(name).replace("first", "second", 1)
            changed[name], changed[second] = row[second], value
    if "least" in row:
        changed |= {"least": 1 / row["most"], "most": 1 / row["least"]}
    return changed
